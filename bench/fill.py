"""One fill booked durably: decided, committed with its order and the kept sums, applied. SQLite and MariaDB.

The floor is the bare driver: one row of the same table, inserted and committed by itself.
"""

from __future__ import annotations

import shutil
import sqlite3
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

from bench.row import TINY, Row, Size, share
from core.numbers import use_ledger_context
from core.rows import BookRow, CoinRow, OrderRow
from db.dialects import MySqlAddress
from db.store import Store
from engine.core import Core
from engine.state import Now, Sight
from models import (
    Category,
    Execution,
    Instrument,
    Key,
    OrdStatus,
    OrdType,
    Side,
    TimeInForce,
    Timings,
    VenueUp,
)

ACCOUNT = "SIM-1"
KEY = Key("Binance", Category.LINEAR, "BTCUSDT")
ONE = Decimal(1)
PERP = Instrument(KEY, "BTC", "USDT", "USDT", Decimal("0.1"), Decimal("0.001"), Decimal("0.001"), Decimal(1000),
                  Decimal(120), Decimal(100))
EARLIER = 1_000_000          # rows in the ledger before, in the long form
T0 = 1_700_000_000_000
READY_S = 15.0
# Milliseconds a fill: 2.5 times freqtrade's 1,450/s, measured with its own environment (it is not run here), and the
# 3,000/s asked of MariaDB. Absolute, as the ledger's table, and so the floor, has become leaner since.
SQLITE_BOUND, MARIADB_BOUND = 1000 / (2.5 * 1_450), 1000 / 3_000

COIN_COLUMNS = ("EXECID", "PART", "EMI", "REFER", "MARKET", "ACCOUNT", "CURRENCY", "SYMBOL", "TICKER", "CATEGORY",
                "SIDE", "QTY", "QTY_REST", "PRICE", "THEOR_PRICE", "TRADE_PRICE", "SUMREAL", "COMMISS", "TTIME", "DAT",
                "CLORDID")


def rows(size: Size) -> list[Row]:
    """SQLite, and MariaDB where its server is installed (not in the form for tests: a server takes seconds)."""
    use_ledger_context()
    earlier = EARLIER if size.name == "long" else 50_000 if size.name == "quick" else 500
    count = max(20, int(3_000 * size.share))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "ledger.db"
        lite = _measured("one fill booked (SQLite, FULL)", Store.sqlite(path), lambda: _bare_sqlite(path), earlier,
                         count, SQLITE_BOUND)
        return lite if size is TINY else [*lite, *_mariadb(Path(folder), earlier // 10, count)]


def _measured(name: str, store: Store, bare: Callable[[], Callable[[int], None]], earlier: int, count: int,
              bound: float) -> list[Row]:
    """Ours and the bare insert, in turns, so that both meet the same disk."""
    store.prepare("SIM")
    _fill_up(store, earlier)
    ledger = Ledger(store)
    insert = bare()
    ours: list[float] = []
    floor: list[float] = []
    for at in range(0, count, 10):
        for number in range(at, at + 10):
            begun = time.perf_counter()
            insert(number)
            floor.append(time.perf_counter() - begun)
        for number in range(at, at + 10):
            begun = time.perf_counter()
            ledger.book(number)
            ours.append(time.perf_counter() - begun)
    ledger.check(len(ours))
    store.close()
    mean, least = sum(ours) / len(ours), sum(floor) / len(floor)
    return [Row(name, mean * 1000, least * 1000, "ms", bound,
                floor_is="one row of coins by the bare driver, committed",
                note=f"{1 / mean:,.0f} fills/s beside {1 / least:,.0f}; p50 {share(ours, 0.5) * 1000:.2f}, "
                     f"p99 {share(ours, 0.99) * 1000:.2f} ms; {earlier:,} rows before; asked {1000 / bound:,.0f}/s")]


class Ledger:
    """The engine's path of a fact without its thread: decide → commit → apply."""

    def __init__(self, store: Store) -> None:
        self._store, self._core = store, Core(Timings())
        self._sight = Sight(PERP, "", "", Decimal(50_000), None)
        self._core.configure((KEY,), ())
        self._carry_out(self._core.decide(VenueUp("Binance", Category.LINEAR, ACCOUNT, (PERP,), T0, True),
                                          self._now(), self._sight))
        self._order = OrderRow(
            key=KEY, account=ACCOUNT, name="1.BTCUSDT.linear", cl_ord_id="1.BTCUSDT.linear", order_id="100",
            owner=KEY.reserved, side=Side.BUY, ord_type=OrdType.LIMIT, tif=TimeInForce.GTC, qty=Decimal(1_000_000),
            price=Decimal("50000.1"), wanted=Decimal("50000.1"), status=OrdStatus.NEW, reduce_only=False, created=T0,
            updated=T0, expires=T0)
        self._store.write((self._order,))
        self._core.remember(self._order, self._now())

    def book(self, number: int) -> None:
        """One fill of 0.001, commission in the settlement currency."""
        execution = Execution(
            key=KEY, account=ACCOUNT, exec_id=f"linear:BTCUSDT:{10 ** 9 + number}", order_id="100",
            cl_ord_id="1.BTCUSDT.linear", side=Side.BUY, last_qty=Decimal("0.001"), last_px=Decimal("50000.1"),
            fee=Decimal("0.0200"), fee_currency="USDT", time=T0 + number, maker=True)
        if not self._carry_out(self._core.decide(execution, self._now(), self._sight)):
            raise AssertionError("a new fill was taken for a known one")

    def _carry_out(self, decision: Any) -> bool:
        is_new = not decision.rows or self._store.write(decision.rows)
        self._core.apply(decision, self._now())
        return is_new

    @staticmethod
    def _now() -> Now:
        wall = time.time_ns() // 1_000_000
        return Now(wall, time.monotonic(), wall)

    def check(self, count: int) -> None:
        """The kept sums and the order are what the fills add up to."""
        loaded = self._store.load("Binance", ACCOUNT, T0)
        qty = Decimal("0.001") * count
        if (loaded.books[0].pos, loaded.books[0].fills, loaded.orders[0].booked_qty) != (qty, count, qty):
            raise AssertionError("the books do not hold what was filled")


def _fill_up(store: Store, earlier: int) -> None:
    """Rows of another account, so that the ledger is as large as after years."""
    step = 2_000
    for begin in range(0, earlier, step):
        store.write([_coin(number) for number in range(begin, min(earlier, begin + step))])
    store.write((BookRow(KEY, "old", "A", "USDT"),))


def _coin(number: int) -> CoinRow:
    """A row as the engine makes it."""
    return CoinRow(
        exec_id=f"linear:BTCUSDT:{number}", part=0, emi=f"BOT{number % 20}", refer="", key=KEY, account="old",
        currency="USDT", ticker="BTCUSDT", side=0, qty=Decimal("0.001"), qty_rest=Decimal(0), price=Decimal("50000.1"),
        theor_price=Decimal("50000.1"), trade_price=Decimal("50000.1"), sumreal=Decimal("-50.0001"),
        commiss=Decimal("0.02"), time=T0 + number, booked=(T0 + number) * 1000, cl_ord_number=1)


def _values(number: int) -> tuple[object, ...]:
    return (f"bare:{number}", 0, "A", "", "Binance", "bare", "USDT", "BTCUSDT", "BTCUSDT", "linear", 0, "0.001", "0",
            "50000.1", "50000.1", "50000.1", "-50.0001", "0.02", "2026-01-01 00:00:00.000",
            "2026-01-01 00:00:00.000000", 1)


def _bare_sqlite(path: Path) -> Callable[[int], None]:
    raw = sqlite3.connect(path, isolation_level=None)
    raw.execute("PRAGMA synchronous=FULL")
    text = (f"INSERT INTO coins ({', '.join(COIN_COLUMNS)}) "
            f"VALUES ({', '.join('?' * len(COIN_COLUMNS))})")

    def insert(number: int) -> None:
        raw.execute(text, _values(number))

    return insert


# ---------------------------------------------------------------- MariaDB

def _mariadb(folder: Path, earlier: int, count: int) -> list[Row]:
    name = "one fill booked (MariaDB)"
    server = shutil.which("mariadbd", path="/usr/sbin:/usr/bin:/usr/local/sbin:/usr/local/bin")
    if server is None or shutil.which("mariadb-install-db") is None:
        return [Row(name, missing="mariadb-server is not installed")]
    with _server(server, folder) as socket:
        address = MySqlAddress("127.0.0.1", 0, "root", "bench", str(socket))
        return _measured(name, Store.mysql(address, ""), lambda: _bare_mysql(socket), earlier, count,
                         MARIADB_BOUND)


@contextmanager
def _server(server: str, folder: Path) -> Iterator[Path]:
    """A private server on a socket file; ended afterwards."""
    import getpass

    data, socket = folder / "data", folder / "s"
    user = f"--user={getpass.getuser()}"
    subprocess.run(["mariadb-install-db", "--no-defaults", f"--datadir={data}", "--skip-test-db", user,
                    "--auth-root-authentication-method=normal"], check=True, capture_output=True, timeout=60)
    process = subprocess.Popen(
        [server, "--no-defaults", f"--datadir={data}", f"--socket={socket}", "--skip-networking", user,
         f"--pid-file={folder / 'pid'}", "--innodb-buffer-pool-size=64M"],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        _wait(socket)
        yield socket
    finally:
        process.terminate()
        process.wait(20)


def _wait(socket: Path) -> None:
    import pymysql

    until = time.monotonic() + READY_S
    while True:
        try:
            pymysql.connect(unix_socket=str(socket), user="root").close()
            return
        except pymysql.err.OperationalError:
            if time.monotonic() > until:
                raise
            time.sleep(0.02)


def _bare_mysql(socket: Path) -> Callable[[int], None]:
    import pymysql

    raw = pymysql.connect(unix_socket=str(socket), user="root", database="bench", autocommit=True)
    cursor = raw.cursor()
    text = (f"INSERT INTO coins ({', '.join(COIN_COLUMNS)}) "
            f"VALUES ({', '.join(['%s'] * len(COIN_COLUMNS))})")

    def insert(number: int) -> None:
        cursor.execute(text, _values(number))

    return insert
