"""simulator.db: what the venue remembers over a restart.

SQLite in WAL mode with synchronous NORMAL: a committed change survives kill -9 (not a power cut), and a request's
changes are committed before its answer or any event of it leaves the process. Amounts are decimal text, times ms.
"""

from __future__ import annotations

import fcntl
import sqlite3
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from simulator.errors import CannotStart

SCHEMA = """
CREATE TABLE IF NOT EXISTS meta (key TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS orders (account TEXT, order_id INTEGER, symbol TEXT, side INTEGER, price INTEGER,
  qty INTEGER, kind TEXT, tif TEXT, client_id TEXT, reduce_only INTEGER, cum INTEGER, value INTEGER, status TEXT,
  time INTEGER, updated INTEGER, seq INTEGER, stp TEXT, position_side TEXT, reason TEXT,
  PRIMARY KEY (account, order_id));
CREATE TABLE IF NOT EXISTS executions (account TEXT, symbol TEXT, trade_id INTEGER, order_id INTEGER, client_id TEXT,
  side INTEGER, qty TEXT, price TEXT, commission TEXT, realised TEXT, maker INTEGER, time INTEGER, position_side TEXT,
  PRIMARY KEY (account, symbol, trade_id));
CREATE TABLE IF NOT EXISTS income (account TEXT, tran_id INTEGER, symbol TEXT, kind TEXT, amount TEXT, info TEXT,
  time INTEGER, trade_id TEXT, PRIMARY KEY (account, tran_id));
CREATE TABLE IF NOT EXISTS funding (account TEXT, tran_id INTEGER, symbol TEXT, amount TEXT, rate TEXT, mark TEXT,
  position TEXT, time INTEGER, PRIMARY KEY (account, tran_id));
CREATE TABLE IF NOT EXISTS positions (account TEXT, symbol TEXT, position_side TEXT, qty TEXT, entry TEXT,
  updated INTEGER, PRIMARY KEY (account, symbol, position_side));
CREATE TABLE IF NOT EXISTS balances (account TEXT, asset TEXT, wallet TEXT, PRIMARY KEY (account, asset));
CREATE TABLE IF NOT EXISTS settings (account TEXT, symbol TEXT, leverage INTEGER, isolated INTEGER,
  PRIMARY KEY (account, symbol));
CREATE TABLE IF NOT EXISTS amendments (account TEXT, amendment_id INTEGER, order_id INTEGER, symbol TEXT,
  client_id TEXT, price_before INTEGER, price_after INTEGER, qty_before INTEGER, qty_after INTEGER, count INTEGER,
  time INTEGER, PRIMARY KEY (account, amendment_id));
CREATE TABLE IF NOT EXISTS algos (account TEXT, algo_id INTEGER, row TEXT, PRIMARY KEY (account, algo_id));
CREATE TABLE IF NOT EXISTS candles (symbol TEXT, minute INTEGER, o INTEGER, h INTEGER, l INTEGER, c INTEGER,
  volume INTEGER, quote INTEGER, trades INTEGER, buy INTEGER, buy_quote INTEGER, first_id INTEGER, last_id INTEGER,
  PRIMARY KEY (symbol, minute)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS segments (symbol TEXT, start INTEGER, stop INTEGER, open INTEGER, close INTEGER,
  low INTEGER, high INTEGER, seed INTEGER, PRIMARY KEY (symbol, start)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS bitmex_orders (account INTEGER, order_id INTEGER, symbol TEXT, side INTEGER, price INTEGER,
  qty INTEGER, kind TEXT, tif TEXT, client_id TEXT, reduce_only INTEGER, cum INTEGER, value INTEGER, status TEXT,
  time INTEGER, updated INTEGER, seq INTEGER, exec_inst TEXT, text TEXT, PRIMARY KEY (account, order_id));
CREATE TABLE IF NOT EXISTS bitmex_executions (account INTEGER, number INTEGER, row TEXT, PRIMARY KEY (account, number));
CREATE TABLE IF NOT EXISTS bitmex_holdings (account INTEGER, symbol TEXT, qty INTEGER, cost INTEGER, realised INTEGER,
  comm INTEGER, traded INTEGER, before INTEGER, opening INTEGER, leverage TEXT, updated INTEGER,
  PRIMARY KEY (account, symbol));
CREATE TABLE IF NOT EXISTS bitmex_wallets (account INTEGER, currency TEXT, amount INTEGER,
  PRIMARY KEY (account, currency));
CREATE TABLE IF NOT EXISTS bitmex_movements (account INTEGER, number INTEGER, row TEXT, PRIMARY KEY (account, number));
CREATE TABLE IF NOT EXISTS spot_orders (account TEXT, order_id INTEGER, symbol TEXT, side INTEGER, price INTEGER,
  qty INTEGER, kind TEXT, tif TEXT, client_id TEXT, cum INTEGER, value INTEGER, status TEXT, time INTEGER,
  updated INTEGER, seq INTEGER, stp TEXT, reason TEXT, type TEXT, stop INTEGER, delta INTEGER, extreme INTEGER,
  since INTEGER, strategy INTEGER, strategy_type INTEGER, quote_qty TEXT, amends INTEGER,
  PRIMARY KEY (account, order_id));
CREATE TABLE IF NOT EXISTS spot_executions (account TEXT, symbol TEXT, trade_id INTEGER, order_id INTEGER,
  client_id TEXT, side INTEGER, qty TEXT, price TEXT, quote TEXT, commission TEXT, commission_asset TEXT,
  maker INTEGER, time INTEGER, PRIMARY KEY (account, symbol, trade_id));
CREATE TABLE IF NOT EXISTS spot_balances (account TEXT, asset TEXT, total TEXT, PRIMARY KEY (account, asset));
CREATE TABLE IF NOT EXISTS spot_movements (account TEXT, number INTEGER, kind TEXT, asset TEXT, amount TEXT,
  time INTEGER, PRIMARY KEY (account, number));
CREATE TABLE IF NOT EXISTS spot_amendments (account TEXT, number INTEGER, order_id INTEGER, symbol TEXT, old_id TEXT,
  new_id TEXT, before INTEGER, after INTEGER, time INTEGER, PRIMARY KEY (account, number));
CREATE TABLE IF NOT EXISTS rates (symbol TEXT, time INTEGER, rate TEXT, mark TEXT, PRIMARY KEY (symbol, time));
"""
LATER = (("income", "asset", "TEXT NOT NULL DEFAULT 'USDT'"), ("orders", "algo_id", "INTEGER NOT NULL DEFAULT 0"),
         ("orders", "asked", "TEXT NOT NULL DEFAULT ''"), ("orders", "stop_price", "INTEGER NOT NULL DEFAULT 0"),
         ("orders", "working", "TEXT NOT NULL DEFAULT 'CONTRACT_PRICE'"),
         ("orders", "closes", "INTEGER NOT NULL DEFAULT 0"), ("bitmex_orders", "asked", "TEXT NOT NULL DEFAULT ''"),
         ("bitmex_orders", "stop_price", "INTEGER NOT NULL DEFAULT 0"),
         ("bitmex_orders", "peg", "INTEGER NOT NULL DEFAULT 0"),
         ("bitmex_orders", "triggered", "TEXT NOT NULL DEFAULT ''"),
         ("bitmex_orders", "refused", "TEXT NOT NULL DEFAULT ''"),
         ("executions", "fee_asset", "TEXT NOT NULL DEFAULT ''"))


class Store:
    """The one connection to the file. `put` and `delete` open a transaction, `commit` ends it."""

    def __init__(self, path: Path) -> None:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._lock = open(path.with_suffix(".lock"), "w")  # noqa: SIM115  held while the process lives
            self._take_lock(path)
            self._db = sqlite3.connect(path, isolation_level=None)
            self._db.execute("PRAGMA journal_mode=WAL")
            self._db.execute("PRAGMA synchronous=NORMAL")
            self._db.executescript(SCHEMA)
            self._widen()
        except (OSError, sqlite3.Error) as error:
            reason = getattr(error, "strerror", None) or str(error)
            raise CannotStart(f"the folder {path.parent} cannot be used for the exchange's state: {reason}") from None
        self._open = False

    def _take_lock(self, path: Path) -> None:
        for _ in range(30):  # a predecessor that lost its parent needs a moment to end
            try:
                fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return
            except BlockingIOError:
                time.sleep(0.1)
        raise CannotStart(f"another bundled exchange is running on the folder {path.parent}")

    def _widen(self) -> None:
        """Columns that files of earlier versions do not have yet."""
        for table, column, kind in LATER:
            if column not in {row[1] for row in self._db.execute(f"PRAGMA table_info({table})")}:
                self._db.execute(f"ALTER TABLE {table} ADD COLUMN {column} {kind}")

    def put(self, table: str, **row: Any) -> None:
        """Insert or replace one row."""
        self._begin()
        marks = ",".join("?" * len(row))
        self._db.execute(f"INSERT OR REPLACE INTO {table} ({','.join(row)}) VALUES ({marks})",  # noqa: S608  own names
                         tuple(row.values()))

    def put_many(self, table: str, columns: int, rows: Iterable[Sequence[Any]]) -> None:
        """Insert or replace whole rows in column order."""
        self._begin()
        marks = ",".join("?" * columns)
        self._db.executemany(f"INSERT OR REPLACE INTO {table} VALUES ({marks})", rows)  # noqa: S608  own names

    def run(self, sql: str, *args: Any) -> None:
        """Any other change."""
        self._begin()
        self._db.execute(sql, args)

    def rows(self, sql: str, *args: Any) -> list[tuple[Any, ...]]:
        """All rows of a question."""
        return self._db.execute(sql, args).fetchall()

    def meta(self, key: str) -> str | None:
        """One remembered text."""
        row = self._db.execute("SELECT value FROM meta WHERE key = ?", (key,)).fetchone()
        return None if row is None else str(row[0])

    def remember(self, key: str, value: object) -> None:
        """Keep one text."""
        self.put("meta", key=key, value=str(value))

    def commit(self) -> None:
        """Make everything since the last commit durable; cheap when there was nothing."""
        if self._open:
            self._db.execute("COMMIT")
            self._open = False

    def close(self) -> None:
        """Commit and let go of the file."""
        self.commit()
        self._db.close()
        self._lock.close()

    def _begin(self) -> None:
        if not self._open:
            self._db.execute("BEGIN")
            self._open = True


class Counter:
    """Ids that never come twice, also over a kill: blocks are reserved in the store before they are used."""

    def __init__(self, store: Store, name: str, start: int, block: int = 20000) -> None:
        self._store = store
        self._key = f"id:{name}"
        self._block = block
        self._value = int(store.meta(self._key) or start)
        self._reserved = self._value
        self.start = self._value

    def next(self) -> int:
        """The next id."""
        self._value += 1
        if self._value > self._reserved:
            self._reserved = self._value + self._block
            self._store.remember(self._key, self._reserved)
        return self._value

    @property
    def last(self) -> int:
        """The id given out last."""
        return self._value
