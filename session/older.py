"""Older trades for the window: pages of the ledger by a second, read-only connection, on a thread of its own.

The engine's connection is never used here; on SQLite the file is opened read-only, so a slow page holds up no booking.
"""

from __future__ import annotations

import logging
import sqlite3
import threading
from collections.abc import Callable
from pathlib import Path
from queue import SimpleQueue

import sqlalchemy as sa
from sqlalchemy.exc import SQLAlchemyError

from core.board import Board
from core.errors import LedgerError
from core.rows import CoinRow
from core.settings import MysqlSettings, Settings
from db.dialects import MySqlAddress
from db.store import Store, StoreAway
from engine.view import TradeLine
from interface.history import NEWEST, OlderTrades
from models import Side

log = logging.getLogger(__name__)

PAGE = 200
FIRST = 2**62            # above every id: the newest page
WAIT_S = 5.0


def reader(settings: Settings) -> Store:
    """A second connection to the ledger, for reading."""
    database = settings.database
    if isinstance(database, MysqlSettings):
        return Store.mysql(MySqlAddress(database.host, database.port, database.user, database.database,
                                        database.socket), database.password.reveal())
    return Store(_open_read_only(database.path), "sqlite", str(database.path))


def _open_read_only(path: Path) -> sa.Engine:
    def connect() -> sqlite3.Connection:
        return sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True, timeout=WAIT_S, check_same_thread=False)
    return sa.create_engine("sqlite://", creator=connect, poolclass=sa.StaticPool)


def trade_line(row: CoinRow) -> TradeLine:
    """A row of the ledger as the window shows it; what it realised is not known here."""
    return TradeLine(row.id, row.key, row.time, Side.SELL if row.side == 1 else Side.BUY, abs(row.qty),
                     row.trade_price, row.commiss, row.currency, row.emi, row.exec_id, None)


class OlderReader:
    """Asked from the window, answers by replacing `trades`."""

    def __init__(self, board: Board, open_reader: Callable[[], Store]) -> None:
        self.trades = OlderTrades()
        self._board, self._open = board, open_reader
        self._store: Store | None = None
        self._queue: SimpleQueue[int | None] = SimpleQueue()        # ids from the window; None ends the thread
        self._thread: threading.Thread | None = None

    def ask(self, before: int) -> None:
        """A page of fills below this id, NEWEST = the newest; returns at once."""
        self._queue.put(before)
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="older-trades", daemon=True)
            self._thread.start()

    def close(self, within_s: float = 1.0) -> None:
        """End the thread and its connection."""
        self._queue.put(None)
        if self._thread is not None:
            self._thread.join(within_s)

    def _run(self) -> None:
        while (before := self._queue.get()) is not None:
            self.trades = self._read(before if before != NEWEST else FIRST)
        if self._store is not None:
            self._store.close()

    def _read(self, before: int) -> OlderTrades:
        known = self.trades
        if not any(venue.account for venue in list(self._board.venues.values())):
            return OlderTrades(known.lines, known.pages + 1, problem="No account is known yet.")
        try:
            page = self._page(before)
        except (LedgerError, StoreAway, SQLAlchemyError, OSError) as error:
            log.warning("older trades were not read: %s", error)
            return OlderTrades(known.lines, known.pages + 1, problem="The ledger cannot be read now.")
        lines = tuple(trade_line(row) for row in page)
        return OlderTrades(known.lines + lines, known.pages + 1, complete=len(page) < PAGE)

    def _page(self, before: int) -> list[CoinRow]:
        """The newest rows below an id, of every account that is open now."""
        if self._store is None:
            self._store = self._open()
        accounts = {(venue.market, venue.account) for venue in list(self._board.venues.values()) if venue.account}
        found = [row for market, account in sorted(accounts)
                 for row in self._store.trades(market, account, before, PAGE)]
        return sorted(found, key=lambda row: row.id, reverse=True)[:PAGE]
