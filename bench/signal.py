"""A bot's signal → the request's bytes at the venue, its intent committed before; with 2,000 market frames a second.

The strategy notes the moment it answers; the venue notes when the request's bytes came, on the same monotonic clock.
"""

from __future__ import annotations

import http.client
import sqlite3
import tempfile
import time
from pathlib import Path
from urllib.parse import urlencode

from bench.private import call
from bench.process import running
from bench.row import Row, Size, share
from bench.terminal import Terminal
from engine.commands import SetTrading

SIGNALS = 400
EACH_S = 0.1
ANSWERED: list[int] = []          # monotonic ns of each signal; written by the strategy, on its bot's thread

# A strategy may import nothing of the bench: it finds the list by its module's name.
STRATEGY = '''import sys
import time

from strategies.base import Strategy


class Hand(Strategy):
    """The last close's last digit: 1 buys, 2 sells."""

    def check_signal(self, candles):
        signal = {1: 1, 2: -1}.get(int(candles[-1].close) % 10, 0)
        if signal:
            sys.modules["bench.signal"].ANSWERED.append(time.monotonic_ns())
        return signal
'''


def rows(size: Size) -> list[Row]:
    """p50 and p99 from signal to wire, and from the closing candle's frame to the wire."""
    count = max(10, int(SIGNALS * size.share))
    ANSWERED.clear()
    with tempfile.TemporaryDirectory() as folder, running(["-m", "bench.venue"]) as (_, first):
        home, port = Path(folder), int(first)
        (home / "strategies").mkdir()
        (home / "strategies" / "hand.py").write_text(STRATEGY)
        floor = _floor(home, port, count)
        terminal = Terminal(home, port, robots=_robot)
        try:
            terminal.start()
            terminal.ask(SetTrading("bench", True))
            sent = _signals(terminal, port, count)
            arrived = [came for name, came in call(port, "arrivals")["arrivals"] if name.endswith(".HAND")]
        finally:
            terminal.stop()
    if len(arrived) != count or len(ANSWERED) != count:
        raise AssertionError(f"{len(ANSWERED)} signals and {len(arrived)} orders of {count}")
    took = [(came - said) / 1e6 for said, came in zip(ANSWERED, arrived, strict=True)]
    whole = [(came - began) / 1e6 for began, came in zip(sent, arrived, strict=True)]
    floor_is = "one bare durable insert, then http.client"
    return [
        Row("bot signal → request on the wire p99", share(took, 0.99), share(floor, 0.99), "ms", 15.0,
            floor_is=floor_is, note=f"{count} signals beside 2,000 market frames/s"),
        Row("bot signal → request on the wire p50", share(took, 0.5), share(floor, 0.5), "ms", floor_is=floor_is,
            note=f"max {max(took):.1f} ms"),
        Row("candle told → request on the wire p50", share(whole, 0.5), None, "ms",
            note="from the bench's asking the venue to close the candle"),
    ]


def _robot(ledger: Path) -> None:
    with sqlite3.connect(ledger) as raw:
        raw.execute("INSERT INTO robots (EMI, SYMBOL, CATEGORY, STRATEGY) VALUES ('HAND', 'BTCUSDT', 'linear', 'hand')")
    raw.close()


def _signals(terminal: Terminal, port: int, count: int) -> list[int]:
    """Close candles at prices that buy and sell in turns, each when the fill of the one before is booked."""
    terminal.until(lambda: (stats := terminal.bots.stats("HAND")) and stats.calls >= 1, "the bot's first call")
    sent = []
    for number in range(count):
        time.sleep(EACH_S)
        before = _newest(terminal)
        sent.append(time.monotonic_ns())
        call(port, f"close?price={50_001 + number % 2}.00")
        terminal.until(lambda before=before: _newest(terminal) not in (before, ""),  # type: ignore[misc]
                       f"fill {number + 1}")
    return sent


def _newest(terminal: Terminal) -> str:
    """The newest fill, "" while an order is open."""
    view = terminal.engine.view
    if view is None or view.orders:
        return ""
    return view.trades[0].exec_id if view.trades else "none"


def _floor(home: Path, port: int, count: int) -> list[float]:
    """What it costs at least: one committed row, one request over a kept connection."""
    ledger = sqlite3.connect(home / "floor.db", isolation_level=None)
    ledger.execute("PRAGMA journal_mode=WAL")
    ledger.execute("PRAGMA synchronous=FULL")
    ledger.execute("CREATE TABLE orders (id INTEGER PRIMARY KEY, name TEXT)")
    line = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    line.connect()
    begun = []
    for number in range(count):
        time.sleep(EACH_S / 10)
        body = urlencode({"newClientOrderId": f"{number}.floor", "type": "LIMIT", "side": "BUY", "quantity": "0.001",
                          "price": "49000.0", "timestamp": number, "signature": "0" * 64})
        begun.append(time.monotonic_ns())
        ledger.execute("INSERT INTO orders (name) VALUES (?)", (f"{number}.floor",))
        line.request("POST", "/fapi/v1/order", body)
        line.getresponse().read()
    came = [at for name, at in call(port, "arrivals")["arrivals"] if name.endswith(".floor")]
    call(port, "forget")
    line.close()
    ledger.close()
    return [(at - start) / 1e6 for start, at in zip(begun, came, strict=True)]
