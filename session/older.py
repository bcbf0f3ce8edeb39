"""Older trades, fundings and days for the window: pages of the ledger by a second, read-only connection, on a thread of
its own.

The engine's connection is never used here; on SQLite the file is opened read-only, so a slow page holds up no booking.
"""

from __future__ import annotations

import logging
import sqlite3
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from pathlib import Path
from queue import SimpleQueue

import sqlalchemy as sa
from sqlalchemy.exc import SQLAlchemyError

from core.board import Board
from core.dates import day_start
from core.errors import LedgerError
from core.rows import CoinRow
from core.settings import MysqlSettings, Settings
from db.dialects import MySqlAddress
from db.pages import FIRST, Filter, Owner, day_values, held, other_fees, page
from db.store import Store, StoreAway
from engine.kept import is_transfer
from engine.view import TradeLine
from interface.history import DAYS, FUNDINGS, NOTHING, Ask, DayLine, FundingLine, Pages
from models import ZERO, Side

log = logging.getLogger(__name__)

PAGE = 200
LATEST_MOST = 2000       # fundings booked since the list was made; more come page by page
DAYS_SHOWN = 31
DAY_MS = 86_400_000
WAIT_S = 5.0
TRIES = 5                # readings of the positions that belong to a page, while the engine books on


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


@dataclass(slots=True)
class _Listing:
    """How far one list was read; on the reader's thread only."""

    before: int = FIRST
    newest: int = 0
    held: dict[Owner, Decimal] = field(default_factory=dict)     # positions after the next row to come


class OlderReader:
    """Asked from the window, answers by replacing the record of the list in `pages`."""

    def __init__(self, board: Board, open_reader: Callable[[], Store]) -> None:
        self._board, self._open = board, open_reader
        self._store: Store | None = None
        self._pages: dict[str, tuple[Ask, Pages]] = {}              # kind → the list shown; one assignment each
        self._listings: dict[Ask, _Listing] = {}
        self._queue: SimpleQueue[Ask | None] = SimpleQueue()        # from the window; None ends the thread
        self._thread: threading.Thread | None = None

    def pages(self, ask: Ask) -> Pages:
        """What was read of a list so far. Of each kind only the list asked for last is kept."""
        known = self._pages.get(ask.kind)
        return known[1] if known is not None and known[0] == replace(ask, fresh=False) else NOTHING

    def ask(self, ask: Ask) -> None:
        """The next page of a list, or what is new in it; returns at once."""
        self._queue.put(ask)
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="older-trades", daemon=True)
            self._thread.start()

    def close(self, within_s: float = 1.0) -> None:
        """End the thread and its connection."""
        self._queue.put(None)
        if self._thread is not None:
            self._thread.join(within_s)

    # ------------------------------------------------------------ the thread

    def _run(self) -> None:
        while (ask := self._queue.get()) is not None:
            named = replace(ask, fresh=False)
            known = self.pages(named)
            if known is NOTHING:
                self._listings = {one: listing for one, listing in self._listings.items() if one.kind != ask.kind}
                self._listings[named] = _Listing()
            self._pages[ask.kind] = (named, self._read(ask, known, self._listings[named]))
        if self._store is not None:
            self._store.close()

    def _read(self, ask: Ask, known: Pages, listing: _Listing) -> Pages:
        known = replace(known, pages=known.pages + 1, problem="")
        accounts = tuple(sorted({(venue.market, venue.account) for venue in list(self._board.venues.values())
                                 if venue.account}))
        if not accounts:
            return replace(known, problem="No account is known yet.")
        try:
            if self._store is None:
                self._store = self._open()
            if ask.kind == DAYS:
                return replace(known, days=self._days(self._store, accounts, (ask.emi, *ask.former)), complete=True)
            chosen = Filter(accounts, ask.kind == FUNDINGS, ask.emi, ask.key, ask.former)
            if ask.fresh and listing.newest:
                return self._later(self._store, chosen, known, listing)
            return self._next(self._store, chosen, known, listing)
        except (LedgerError, StoreAway, SQLAlchemyError, OSError) as error:
            log.warning("older rows were not read: %s", error)
            return replace(known, problem="The ledger cannot be read now.")

    def _next(self, store: Store, chosen: Filter, known: Pages, listing: _Listing) -> Pages:
        """The page below what is known."""
        if listing.before == FIRST and not chosen.fundings:
            rows = self._first(store, chosen, listing)
        else:
            rows = page(store, chosen, listing.before, PAGE)
        if rows:
            listing.before = rows[-1].id
            listing.newest = max(listing.newest, rows[0].id)
        is_end = len(rows) < PAGE
        if chosen.fundings:
            return replace(known, fundings=known.fundings + tuple(map(funding_line, rows)), complete=is_end)
        return replace(known, lines=known.lines + trade_lines(rows, listing.held, other_fees(store, rows)),
                       complete=is_end)

    def _first(self, store: Store, chosen: Filter, listing: _Listing) -> tuple[CoinRow, ...]:
        """The newest page, and the positions its newest rows have led to: read before and after it alike."""
        rows: tuple[CoinRow, ...] = ()
        before = held(store, chosen.accounts)
        for _ in range(TRIES):
            rows = page(store, chosen, FIRST, PAGE)
            listing.held = held(store, chosen.accounts)
            if listing.held == before:
                return rows
            before = listing.held
        listing.held = {}
        return rows

    def _later(self, store: Store, chosen: Filter, known: Pages, listing: _Listing) -> Pages:
        """Fundings booked since the newest one that is known."""
        rows = page(store, chosen, FIRST, LATEST_MOST, listing.newest)
        if rows:
            listing.newest = rows[0].id
        return replace(known, fundings=tuple(map(funding_line, rows)) + known.fundings)

    @staticmethod
    def _days(store: Store, accounts: Sequence[tuple[str, str]], names: Sequence[str]) -> tuple[DayLine, ...]:
        ends = day_start(time.time_ns() // 1_000_000) + DAY_MS
        midnights = [ends - n * DAY_MS for n in range(DAYS_SHOWN + 1)]
        return tuple(DayLine(*row) for row in day_values(store, accounts, names, midnights))


def trade_lines(rows: Sequence[CoinRow], positions: dict[Owner, Decimal],
                fees: dict[tuple[str, str, str], tuple[Decimal, str]]) -> tuple[TradeLine, ...]:
    """Rows of the ledger, newest first, as the window shows them; what each realised is not known here.

    `positions`: after the newest row; afterwards before the oldest. Rows that moved books between owners make no line.
    """
    lines = []
    for row in rows:
        owner = (row.account, row.key, row.emi)
        after = positions.get(owner, ZERO)
        positions[owner] = after - row.qty
        if is_transfer(row):
            continue
        fee, currency = (row.commiss, row.currency) if row.commiss else fees.get(
            (row.key.market, row.account, row.exec_id), (row.commiss, row.currency))
        lines.append(TradeLine(row.id, row.key, row.time, Side.SELL if row.side == 1 else Side.BUY, abs(row.qty),
                               row.trade_price, fee, currency, row.emi, row.exec_id, None, row.sumreal, after,
                               row.booked))
    return tuple(lines)


def funding_line(row: CoinRow) -> FundingLine:
    """One share of a funding."""
    return FundingLine(row.id, row.key, row.time, row.emi, row.commiss, row.currency, row.qty, row.trade_price or None,
                       row.exec_id)
