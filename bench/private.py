"""A private fill → committed and visible, while 2,000 market frames a second run through the same process.

Over real sockets: from the venue's `send` to the moment a published view holds the fill. The floor is a process with a
raw websocket that inserts one row durably for each of the same fills, at the same time, on the same disk.
"""

from __future__ import annotations

import json
import sqlite3
import tempfile
import time
import urllib.request
from contextlib import ExitStack
from decimal import Decimal
from pathlib import Path
from typing import Any

from bench.process import next_line, running, started
from bench.row import Row, Size, share
from bench.terminal import KEY, Terminal
from engine.commands import PlaceOrder
from engine.view import View
from models import OrdType, Side

EACH_MS = 20.0
FILLS = 2_000


class Seen:
    """Fills by the view in which they first stood."""

    def __init__(self) -> None:
        self.took: list[float] = []       # ms
        self._last = ""

    def __call__(self, view: View, now: int) -> None:
        """Runs on the engine's thread, after the view was put in place."""
        new = []
        for line in view.trades:
            if line.exec_id == self._last:
                break
            new.append(line.exec_id)
        if new:
            self._last = new[0]
            self.took += [(now - int(exec_id.rsplit(":", 1)[1])) / 1e6 for exec_id in new]


def call(port: int, action: str, body: str = "") -> dict[str, Any]:
    """POST to the venue; one of its bench actions when it is no path."""
    path = action if action.startswith("/") else f"/bench/{action}"
    request = urllib.request.Request(f"http://127.0.0.1:{port}{path}", data=body.encode(), method="POST")
    with urllib.request.urlopen(request, timeout=10) as response:
        found: dict[str, Any] = json.load(response)
        return found


def rows(size: Size) -> list[Row]:
    """p50 and p99 of the way, and what the process spends."""
    count = max(20, int(FILLS * size.share))
    with (tempfile.TemporaryDirectory() as folder, running(["-m", "bench.venue"]) as (_, first),
          ExitStack() as stack):
        port = int(first)
        seen = Seen()
        terminal = Terminal(Path(folder), port, on_view=seen)
        try:
            terminal.start()
            terminal.ask(PlaceOrder("bench", KEY, KEY.reserved, Side.BUY, Decimal(1_000), Decimal(49_000), True,
                                    ord_type=OrdType.LIMIT))
            bare = stack.enter_context(started(["-m", "bench.bare", str(port), str(count)]))
            next_line(bare, 20.0)
            begun, spent, pumped = time.monotonic(), time.process_time(), call(port, "pumped")["pumped"]
            call(port, f"fills?each={EACH_MS}&count={count}")
            terminal.until(lambda: len(seen.took) >= count, f"{count} fills", 30 + 3 * count * EACH_MS / 1000)
            seconds = time.monotonic() - begun
            cpu = (time.process_time() - spent) / seconds
            floor: list[float] = json.loads(next_line(bare, 60.0))
            rate = (call(port, "pumped")["pumped"] - pumped) / seconds
        finally:
            terminal.stop()
        _check(terminal.ledger, count)
    floor_is = "raw websocket and one bare durable insert of the same fills"
    note = f"{count:,} fills beside {rate:,.0f} market frames/s"
    return [
        Row("private fill → committed, visible p99", share(seen.took, 0.99), share(floor, 0.99), "ms", 10.0,
            floor_is=floor_is, note=note),
        Row("private fill → committed, visible p50", share(seen.took, 0.5), share(floor, 0.5), "ms",
            floor_is=floor_is, note=f"max {max(seen.took):.1f} ms"),
        Row("terminal at 2,000 market frames/s", 100 * cpu, None, "%",
            note=f"of a core: connector, engine, ledger, {1000 / EACH_MS:.0f} fills/s; without a window"),
    ]


def _check(path: Path, count: int) -> None:
    """Every fill stands in the ledger."""
    ledger = sqlite3.connect(path)
    found = ledger.execute("SELECT COUNT(*) FROM coins").fetchone()[0]
    ledger.close()
    if found != count:
        raise AssertionError(f"{found} of {count} fills are in the ledger")
