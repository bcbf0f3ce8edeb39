"""A screen without a monitor, and programs on it. Started with the dots per inch a desk has: else texts are wider."""

from __future__ import annotations

import os
import select
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

from bench.process import ROOT, end

SIZE = "1920x1080"
BARE = ("import time, tkinter; root = tkinter.Tk(className='Botbook'); root.geometry('1920x1080+0+0'); root.update(); "
        "time.sleep(60)")


def missing(*programs: str) -> str:
    """What this machine lacks, in words ("" = nothing)."""
    gone = [name for name in ("Xvfb", *programs) if shutil.which(name) is None]
    return f"{', '.join(gone)} not installed" if gone else ""


@contextmanager
def screen() -> Iterator[str]:
    """The name of a fresh display."""
    reader, writer = os.pipe()
    server = subprocess.Popen(["Xvfb", "-displayfd", str(writer), "-screen", "0", f"{SIZE}x24", "-dpi", "96",
                               "-nolisten", "tcp"], pass_fds=(writer,), stderr=subprocess.DEVNULL, text=True)
    os.close(writer)
    try:
        if not select.select([reader], [], [], 10.0)[0]:
            raise RuntimeError("Xvfb did not start")
        yield f":{os.read(reader, 16).decode().strip()}"
    finally:
        os.close(reader)
        end(server)


@contextmanager
def program(display: str, *arguments: str) -> Iterator[tuple[subprocess.Popen[str], float]]:
    """A Python program on the display, and when it was spawned (monotonic); ended with the block."""
    begun = time.monotonic()
    process = subprocess.Popen([sys.executable, *arguments], cwd=ROOT, env={**os.environ, "DISPLAY": display},
                               stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                               text=True)
    try:
        yield process, begun
    finally:
        end(process)


def until_visible(display: str, process: subprocess.Popen[str], within: float = 30.0) -> float:
    """The moment a window of ours is seen on the screen (monotonic)."""
    until = time.monotonic() + within
    while time.monotonic() < until:
        found = subprocess.run(["xdotool", "search", "--onlyvisible", "--class", "Botbook"], capture_output=True,
                               env={**os.environ, "DISPLAY": display}, check=False, timeout=10)
        if found.stdout.strip():
            return time.monotonic()
        if process.poll() is not None:
            raise RuntimeError("the program ended before its window was seen")
        time.sleep(0.01)
    raise RuntimeError(f"no window within {within:.0f} s")
