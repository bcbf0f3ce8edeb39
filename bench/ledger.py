"""A ledger of a million rows: starting on it, totals, the exact check, export, and fills booked for a minute on top.

SQLite. The floor of the exact check is the bare driver fetching the same four columns; of both the best of three.
Memory is this process's own.
"""

from __future__ import annotations

import random
import resource
import sqlite3
import tempfile
import time
from collections import deque
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

from msgspec.structs import replace

from bench.fill import ACCOUNT, PERP, T0, Ledger
from bench.fill import _coin as plain_coin
from bench.row import TINY, Row, Size, share
from core.dates import day_start
from core.numbers import use_ledger_context
from core.rows import CoinRow
from db import values as v
from db.reading import Reading
from db.store import Store
from engine.core import Core
from engine.state import Now
from models import Timings
from session.ledger.check import folded_entries
from session.ledger.export import write_csv

ROWS = {"long": 1_000_000, "quick": 100_000}
SEED_ROWS = 2_000            # made in Python; the others are copies under ids of their own
BOTS = 20
SUSTAINED_S = 60.0


def rows(size: Size) -> list[Row]:
    """All of it on one file."""
    use_ledger_context()
    count = ROWS.get(size.name, SEED_ROWS)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "sim.db"
        _fill_up(path, count)
        there = f"{count:,} rows there"
        found = [_start(path, there), _totals(path, there), *_checks(path, there), _export(path, count)]
        return [*found, _sustained(path, SUSTAINED_S * size.share if size is not TINY else 0.3, there), _memory()]


def _seed(number: int, chance: random.Random) -> CoinRow:
    qty, price = Decimal(chance.choice((-1, 1)) * chance.randint(1, 50)) / 1000, Decimal(
        chance.randint(480_000, 520_000)) / 10
    return replace(plain_coin(number), account=ACCOUNT, emi=f"BOT{number % BOTS}", qty=qty, side=int(qty < 0),
                   price=price, theor_price=price, trade_price=price, sumreal=-qty * price,
                   commiss=abs(qty * price) * Decimal("0.0004"))


def _fill_up(path: Path, count: int) -> None:
    """Rows of bots, and the kept sums of them."""
    store, chance = Store.sqlite(path), random.Random(1)
    store.prepare("SIM")
    store.write([_seed(number, chance) for number in range(SEED_ROWS)])
    with sqlite3.connect(path) as raw:
        others = ", ".join(name for name in v.COINS if name != "EXECID")
        for copy in range(1, count // SEED_ROWS):
            raw.execute(f"INSERT INTO coins (EXECID, {others}) SELECT EXECID || ':' || ?, {others} FROM coins "
                        "WHERE ID <= ?", (copy, SEED_ROWS))
    with Reading.sqlite(path) as ledger:
        sums = ledger.sums()
        entries = folded_entries(ledger, {name for name, row in sums.items() if row.pos}, lambda done: None)
    store.write([replace(row, entry=entries.get(name)) for name, row in sums.items()])
    store.close()


def _timed(what: Callable[[], object]) -> float:
    begun = time.perf_counter()
    what()
    return time.perf_counter() - begun


def _start(path: Path, there: str) -> Row:
    """From the file to the engine's memory: looked through, brought up to date, read, counted, adopted."""
    def begin() -> None:
        store = Store.sqlite(path)
        store.prepare("SIM")
        now = Now(T0, 0.0, T0)
        core = Core(Timings(), lambda key: PERP.multiplier)
        loaded = store.load("Binance", ACCOUNT, day_start(round(time.time() * 1000)))
        if sum(row.fills for row in loaded.books) != store.count_fills("Binance", ACCOUNT):
            raise AssertionError("the kept sums do not fit the rows")
        core.adopt("Binance", ACCOUNT, loaded, day_start(T0), now)
        store.close()

    return Row("start on a large ledger", _timed(begin), None, "s", 5.0, note=there)


def _totals(path: Path, there: str) -> Row:
    """The kept sums of all bots."""
    with Reading.sqlite(path) as ledger:
        ledger.books()
        best = min(_timed(ledger.books) for _ in range(20))
    return Row("all bots' totals", best * 1000, None, "ms", 1.0, note=f"{BOTS} bots, from the kept sums; {there}")


def _checks(path: Path, there: str) -> list[Row]:
    took, floor = list[float](), list[float]()
    with sqlite3.connect(path) as raw, Reading.sqlite(path) as ledger:
        kept = ledger.books()
        for _ in range(3):
            floor.append(_timed(
                lambda: deque(raw.execute("SELECT EMI, QTY, SUMREAL, COMMISS FROM coins"), maxlen=0)))
            begun = time.perf_counter()
            if {name: replace(row, entry=None) for name, row in kept.items()} != ledger.sums():
                raise AssertionError("the kept sums are not the rows'")
            took.append(time.perf_counter() - begun)
        opened = {name for name, row in kept.items() if row.pos}
        entries = _timed(lambda: folded_entries(ledger, opened, lambda done: None))
    return [Row("exact check of all sums", min(took), min(floor), "s", 2.0,
                floor_is="the driver fetching the same columns", note=f"best of three; {there}"),
            Row("exact check of entry prices", entries, None, "s", note=f"fill by fill; {there}")]


def _export(path: Path, count: int) -> Row:
    with Reading.sqlite(path) as ledger:
        took = _timed(lambda: write_csv(path.with_name("out.csv"), ledger.rows(), lambda done: None))
    return Row("export as CSV", took, None, "s", note=f"{count:,} rows, {count / took:,.0f} a second")


def _sustained(path: Path, seconds: float, there: str) -> Row:
    store = Store.sqlite(path)
    store.prepare("SIM")
    ledger, times = Ledger(store), list[float]()
    until = time.perf_counter() + seconds
    while time.perf_counter() < until:
        times.append(_timed(lambda: ledger.book(len(times))))
    store.close()
    return Row("fills booked, sustained", len(times) / sum(times), None, "/s", 500.0, at_least=True,
               note=f"{len(times):,} in {seconds:.0f} s, a durable commit each; p99 {share(times, 0.99) * 1000:.2f} "
                    f"ms; {there}")


def _memory() -> Row:
    """The most this process held at any time of all this."""
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000
    return Row("memory with a large ledger, the most", most, None, "MB", 300.0)

