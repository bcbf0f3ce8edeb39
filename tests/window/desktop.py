"""`main.py` as a process on a screen of its own, driven by xdotool: what a person's hands reach, and what is left.

Everything is ended by process id, whatever a test does.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

from PIL import Image, ImageGrab

from tests.faults.harness import is_running, listening_port
from tests.window.live import ROOT, Market

START_S = 30.0

_T = TypeVar("_T")


@contextlib.contextmanager
def x_server(size: str = "1920x1080") -> Iterator[str]:
    """A display without a monitor; it picks a free number itself."""
    reader, writer = os.pipe()
    server = subprocess.Popen(["Xvfb", "-displayfd", str(writer), "-screen", "0", f"{size}x24", "-dpi", "96",
                               "-nolisten", "tcp"], pass_fds=(writer,), stderr=subprocess.DEVNULL)
    os.close(writer)
    try:
        assert select.select([reader], [], [], 10.0)[0], "Xvfb did not start"
        number = os.read(reader, 16).decode().strip()
        assert number, "Xvfb did not start"
        yield f":{number}"
    finally:
        os.close(reader)
        server.terminate()
        server.wait(5)


class Desktop:
    """One run of the program."""

    def __init__(self, display: str, home: Path, *arguments: str) -> None:
        self.display, self.home = display, home
        self.began = time.monotonic()
        self.process = subprocess.Popen(
            [sys.executable, str(ROOT / "main.py"), "--home", str(home), *arguments], cwd=ROOT,
            env={**os.environ, "DISPLAY": display}, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, start_new_session=True)
        self.children: list[int] = []
        self.window = ""
        self.errors = ""

    def until(self, condition: Callable[[], _T | None], limit: float, what: str) -> _T:
        """The condition's first true value; fails after `limit` seconds, or when the program has ended."""
        end = time.monotonic() + limit
        while True:
            value = condition()
            if value:
                return value
            assert time.monotonic() < end, f"not within {limit:g} s: {what}; title {self.title()!r}"
            assert self.process.poll() is None, f"the program ended: {self._output()}"
            time.sleep(0.05)

    def wait_window(self) -> float:
        """Until there is a window; seconds since the start."""
        self.window = self.until(lambda: self.xdo("search", "--onlyvisible", "--class", "Botbook").split("\n")[0],
                                 START_S, "a window")
        return time.monotonic() - self.began

    def wait_market(self) -> Market:
        """Until the child exchange listens and the title shows a price; the exchange, its strangers standing still."""
        self.children = self.until(self._children, START_S, "the child exchange")
        port = self.until(lambda: listening_port(self.children[0]), START_S, "its port")
        self.until(lambda: "TRADING OFF" in self.title() and "BTCUSDT_Binance-F " in self.title(), START_S, "a price")
        market = Market(f"http://127.0.0.1:{port}/control")
        market.calm()
        time.sleep(0.6)                # the book is drawn, and stands still
        return market

    def _children(self) -> list[int]:
        found = []
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit():
                with contextlib.suppress(OSError, IndexError):
                    fields = (entry / "stat").read_text().rpartition(")")[2].split()
                    if int(fields[1]) == self.process.pid and fields[0] != "Z":
                        found.append(int(entry.name))
        return found

    # ------------------------------------------------------------ hands and eyes

    def xdo(self, *words: str) -> str:
        """One xdotool command; what it printed."""
        ran = subprocess.run(["xdotool", *words], env={**os.environ, "DISPLAY": self.display}, capture_output=True,
                             text=True, timeout=20, check=False)
        return ran.stdout.strip()

    def title(self) -> str:
        """The window's title."""
        return self.xdo("getwindowname", self.window) if self.window else ""

    def click(self, x: int, y: int, *more: str) -> None:
        """Move there, then click the left button."""
        self.xdo("mousemove", str(x), str(y), "click", *more, "1")

    def key(self, *names: str) -> None:
        """Press and release keys."""
        for name in names:
            self.xdo("key", name)

    def hold(self, name: str, seconds: float) -> None:
        """Hold a key; X repeats it."""
        self.xdo("keydown", name)
        time.sleep(seconds)
        self.xdo("keyup", name)

    def picture(self) -> Image.Image:
        """What the screen shows."""
        return ImageGrab.grab(xdisplay=self.display)

    def count(self, colour: str, box: tuple[int, int, int, int]) -> int:
        """How many pixels of a part of the screen have this colour (#rrggbb)."""
        wanted = tuple(int(colour[at:at + 2], 16) for at in (1, 3, 5))
        part = self.picture().convert("RGB").crop(box)
        return sum(number for number, pixel in part.getcolors(1 << 24) or () if pixel == wanted)

    def ask_to_close(self) -> None:
        """What a window manager's ✕ sends: WM_DELETE_WINDOW, by a client message."""
        send_delete(self.display, int(self.window))

    # ------------------------------------------------------------ the end

    def signal(self, number: int) -> None:
        """To the process alone."""
        self.process.send_signal(number)

    def wait_end(self, limit: float) -> tuple[int, float]:
        """Exit code, and how long it took; whatever it had started has ended too."""
        began = time.monotonic()
        code = self.process.wait(limit)
        took = time.monotonic() - began
        self.errors = self._output()
        left = [pid for pid in self.children if is_running(pid)]
        assert not left, f"still running: {left}"
        return code, took

    def _output(self) -> str:
        if self.process.poll() is None:
            return ""
        out, err = self.process.communicate(timeout=5)
        return (out + err).decode("utf-8", "replace")

    def end(self) -> None:
        """By process id, whatever state it is in."""
        for pid in {*self.children, *self._children()}:
            with contextlib.suppress(OSError):
                os.kill(pid, signal.SIGKILL)
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait(5)
        for pipe in (self.process.stdout, self.process.stderr):
            if pipe is not None and not pipe.closed:
                pipe.close()


# ---------------------------------------------------------------- a client message by Xlib

class _ClientMessage(ctypes.Structure):
    _fields_ = (("type", ctypes.c_int), ("serial", ctypes.c_ulong), ("send_event", ctypes.c_int),
                ("display", ctypes.c_void_p), ("window", ctypes.c_ulong), ("message_type", ctypes.c_ulong),
                ("format", ctypes.c_int), ("data", ctypes.c_long * 5), ("rest", ctypes.c_long * 24))


def send_delete(display: str, window: int) -> None:
    """Send WM_DELETE_WINDOW to the window itself (there is no window manager that would). Tk shows as a child of its
    wrapper: the message goes to every window up to the root."""
    x = ctypes.CDLL("libX11.so.6")
    x.XOpenDisplay.restype = ctypes.c_void_p
    x.XInternAtom.restype = ctypes.c_ulong
    x.XInternAtom.argtypes = (ctypes.c_void_p, ctypes.c_char_p, ctypes.c_int)
    x.XSendEvent.argtypes = (ctypes.c_void_p, ctypes.c_ulong, ctypes.c_int, ctypes.c_long, ctypes.c_void_p)
    x.XFlush.argtypes = x.XCloseDisplay.argtypes = (ctypes.c_void_p,)
    opened = x.XOpenDisplay(display.encode())
    assert opened, "no display"
    try:
        message = _ClientMessage()
        message.type, message.window, message.format = 33, window, 32
        message.message_type = x.XInternAtom(opened, b"WM_PROTOCOLS", 0)
        message.data[0] = x.XInternAtom(opened, b"WM_DELETE_WINDOW", 0)
        x.XSendEvent(opened, window, 0, 0, ctypes.byref(message))
        x.XFlush(opened)
    finally:
        x.XCloseDisplay(opened)
