"""Pictures for the eyes: the demo at the usual sizes, with bots, orders, fills, a position and an open slip.

    python -m tests.window.shots FOLDER [--size 1366x768 …]

For each size: `<size>-slip.png` (a slip over the book), `<size>-on.png` (trading ON, bots), `<size>-stale.png`,
`<size>-quit.png` and `<size>-first.png` (the first start).
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from decimal import Decimal
from pathlib import Path

from tests.window.desktop import x_server

SIZES = ("1920x1080", "1366x768", "1280x720")
CHILD = "--on-this-display"


def main() -> int:
    """Exit code 0 when all pictures were taken."""
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("folder", type=Path)
    asked.add_argument("--size", nargs="*", default=SIZES)
    asked.add_argument(CHILD, action="store_true", help=argparse.SUPPRESS)
    args = asked.parse_args()
    args.folder.mkdir(parents=True, exist_ok=True)
    if args.on_this_display:
        take(args.folder, args.size[0])
        return 0
    for size in args.size:
        with x_server(size) as display:
            code = subprocess.run([sys.executable, "-m", "tests.window.shots", str(args.folder), "--size", size, CHILD],
                                  env={**os.environ, "DISPLAY": display}, check=False).returncode
        if code:
            return code
    return 0


def take(folder: Path, size: str) -> None:
    """All pictures of one size, on this display."""
    from db.store import Store
    from tests.window.live import Live, insert_robot

    with tempfile.TemporaryDirectory() as made:
        first = Live(Path(made) / "empty", mode=None)
        first.pump(0.5)
        shoot(folder, f"{size}-first")
        first.close()
        home = Path(made) / "home"
        home.mkdir(mode=0o700)
        store = Store.sqlite(home / "sim.db")
        store.prepare("SIM")
        store.close()
        insert_robot(home, "breaker", "breakout", {"take_profit": 1})
        insert_robot(home, "cross1", "ma_cross", {"fast": 5, "slow": 20})
        insert_robot(home, "nobody", "no_such_strategy", {})
        window = Live(home)
        try:
            window.wait_live()
            play(window, folder, size)
        finally:
            window.close()


def play(window: object, folder: Path, size: str) -> None:
    """Trade a little, and take a picture at each stage."""
    from tests.window.live import Live

    assert isinstance(window, Live)
    window.market.calm()
    window.pump(0.5)
    window.key("F9")
    window.until(lambda: window.view.trading, 5, "ON")
    for _step in range(8):
        window.market.move(window.ask(150))
        window.pump(0.6)
        if window.coins():
            break
    shoot(folder, f"{size}-on")
    window.key("F9")
    window.until(lambda: not window.view.trading, 5, "OFF")
    taken = window.buy_resting(1)
    window.market.sell_through(Decimal(taken["price"]))
    window.until(lambda: not window.view.orders, 5, "filled")
    window.market.thaw()
    window.pump(4)
    window.market.calm()
    window.pump(0.5)
    window.app.layout.book.centre()
    for away in (2, 6):
        window.app.desk.habits.forget_sent()
        window.buy_resting(away)
    at = window.time()
    window.click_price(window.ask(2), at)
    window.key("Return", at + 300)
    window.until(lambda: len(window.view.orders) >= 3, 5, "three orders")
    window.pump(0.4)
    window.click_price(window.bid(4), window.time())
    window.pump(0.5)
    shoot(folder, f"{size}-slip")
    window.key("Escape")
    for tab in ("Positions", "Trades", "Messages"):
        window.app.layout.tabs.choose(tab)
        window.pump(0.4)
        shoot(folder, f"{size}-{tab.lower()}")
    window.app.layout.tabs.choose("Orders")
    for key, name in (("F1", "help"), ("F8", "settings"), ("F7", "bot")):
        window.key(key)
        window.pump(0.3)
        shoot(folder, f"{size}-{name}")
        window.key("Escape")
    window.wm_delete()
    window.pump(0.4)
    shoot(folder, f"{size}-quit")
    window.key("Escape")
    window.market.fault("mute")
    window.market.thaw()
    window.pump(9)
    shoot(folder, f"{size}-stale")


def shoot(folder: Path, name: str) -> None:
    """What the screen shows now."""
    from PIL import ImageGrab

    time.sleep(0.05)
    ImageGrab.grab(xdisplay=os.environ["DISPLAY"]).save(folder / f"{name}.png")


if __name__ == "__main__":
    sys.exit(main())
