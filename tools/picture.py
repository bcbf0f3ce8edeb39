"""Takes docs/window.png: the terminal on the bundled exchange, on a screen of its own (`make picture`)."""

from __future__ import annotations

import argparse
import os
import select
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from PIL import Image, ImageGrab, ImageStat

ROOT = Path(__file__).resolve().parent.parent
APPEAR_S = 30.0          # the exchange's first start makes seven days of candles
END_S = 10.0


def main() -> int:
    """Exit code 0 when the picture was taken."""
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--size", default="1920x1080", help="of the screen")
    asked.add_argument("--seconds", type=float, default=25.0, help="how long the terminal lives before the picture")
    asked.add_argument("--out", type=Path, default=ROOT / "docs" / "window.png")
    asked.add_argument("more", nargs="*", help="further arguments of main.py, after --")
    args = asked.parse_args()
    with screen(args.size) as display, tempfile.TemporaryDirectory() as home, terminal(display, home, args.more) as run:
        if not has_window(display, run):
            print("the terminal opened no window", file=sys.stderr)
            return 1
        time.sleep(args.seconds)
        args.out.parent.mkdir(exist_ok=True)
        grab(display).save(args.out, optimize=True)
    print(f"{args.out.name}: {args.out.stat().st_size // 1024} KB")
    return 0


@contextmanager
def screen(size: str) -> Iterator[str]:
    """A display without a monitor; it picks a free number itself."""
    reader, writer = os.pipe()
    server = subprocess.Popen(  # noqa: S603 - a fixed command
        ["Xvfb", "-displayfd", str(writer), "-screen", "0", f"{size}x24", "-dpi", "96", "-nolisten", "tcp"],  # noqa: S607
        pass_fds=(writer,), stderr=subprocess.DEVNULL)
    os.close(writer)
    try:
        if not select.select([reader], [], [], END_S)[0]:
            raise SystemExit("Xvfb did not start")
        number = os.read(reader, 16).decode().strip()
        if not number:
            raise SystemExit("Xvfb did not start")
        yield f":{number}"
    finally:
        os.close(reader)
        end(server)


@contextmanager
def terminal(display: str, home: str, more: list[str]) -> Iterator[subprocess.Popen[bytes]]:
    """The terminal with its child exchange; both are gone afterwards."""
    process = subprocess.Popen(  # noqa: S603 - our own program
        [sys.executable, str(ROOT / "main.py"), "--demo", "--home", home, *more],
        env={**os.environ, "DISPLAY": display}, stdin=subprocess.DEVNULL, cwd=ROOT)
    try:
        yield process
    finally:
        end(process)


def end(process: subprocess.Popen[bytes]) -> None:
    """Ask it to stop, then make it."""
    with suppress(ProcessLookupError):
        process.terminate()
    try:
        process.wait(END_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def grab(display: str) -> Image.Image:
    """What the screen shows."""
    return ImageGrab.grab(xdisplay=display)


def has_window(display: str, process: subprocess.Popen[bytes]) -> bool:
    """Wait until the screen is no longer one plain colour; False when the terminal ended or took too long."""
    until = time.monotonic() + APPEAR_S
    while time.monotonic() < until and process.poll() is None:
        if max(ImageStat.Stat(grab(display).convert("L")).stddev) > 2:
            return True
        time.sleep(0.2)
    return False


if __name__ == "__main__":
    sys.exit(main())
