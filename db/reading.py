"""A second connection to a ledger that only reads, and reads much: a million rows in bounded memory, while the program
trades or while it does not.

Rows come as the driver gives them, without records of ours. On SQLite numbers and times are text, on a server they are
Decimal and datetime; `plain` makes them the same text.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from core.errors import LedgerError
from core.rows import BOOK_KEY, CATEGORY_OF, BookRow
from db import schema as t
from db import values as v
from db.dialects import Moment, MomentMicro, Money, MySqlAddress, plain_reason
from db.mysql import LONG_ANSWER_S, open_mysql
from db.store import Store
from db.sums import GROUP, Batch, row_sums
from models import ZERO, Key

BATCH = 10_000
WAIT_S = 5.0
PICTURE = {
    "sqlite": ("BEGIN",),
    "mysql": ("SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ",
              "START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY")}
_DATA_VERSION = "PRAGMA data_version"
_LOOK = "SELECT count(*) FROM sqlite_master"      # a transaction's picture is that of its first look
_TRIES = 20
_ASKED = 400             # values of one question
LEDGER = ("ID", *v.COINS)
NUMBERS = frozenset(t.COIN_MONEY)


class Reading:
    """One consistent picture of a ledger, from the first question until it is closed."""

    def __init__(self, engine: sa.Engine, kind: str, where: str, twin: Reading | None = None) -> None:
        """`twin`: another connection to the same file, which shall see the same picture."""
        self.kind, self.where = kind, where
        self._engine, self._twin = engine, twin
        self._connection: Connection | None = None

    @classmethod
    def sqlite(cls, path: Path) -> Reading:
        """The ledger in a file, which must be there; it is opened for reading only."""
        if not path.exists():
            raise LedgerError(f"there is no ledger at {path} yet; the first start makes it")

        def connect() -> sqlite3.Connection:
            return sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True, timeout=WAIT_S, isolation_level=None,
                                   check_same_thread=False)

        def engine() -> sa.Engine:
            return sa.create_engine("sqlite://", creator=connect, poolclass=sa.StaticPool)

        return cls(engine(), "sqlite", str(path), cls(engine(), "sqlite", str(path)))

    @classmethod
    def mysql(cls, address: MySqlAddress, password: str) -> Reading:
        """The ledger on a server."""
        where = f"{address.user}@{address.socket or address.host}/{address.database}"
        return cls(open_mysql(address, password, LONG_ANSWER_S), "mysql", where)

    def close(self) -> None:
        """End the picture and the connection."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()
        self._engine.dispose()
        if self._twin is not None:
            self._twin.close()

    def __enter__(self) -> Reading:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    # ------------------------------------------------------------ asking

    def batches(self, question: sa.Executable | str, values: Sequence[Any] = ()) -> Iterator[Batch]:
        """The driver's own rows, some thousand at a time. Text is a constant of this folder, with values of its own."""
        driver: Any = self._connect().connection.driver_connection
        errors: Any = self._engine.dialect.dbapi
        text, bound = ((question, values) if isinstance(question, str)
                       else _driver_words(question, self._engine.dialect))
        try:
            with closing(_cursor(driver, self.kind)) as cursor:
                cursor.execute(text, bound)
                while rows := cursor.fetchmany(BATCH):
                    yield list(rows)
        except errors.Error as error:
            raise _unreadable(self.where, error) from None

    def one(self, question: sa.Executable | str) -> tuple[Any, ...]:
        """Its first row, () when there is none."""
        for rows in self.batches(question):
            return rows[0]
        return ()

    def _connect(self) -> Connection:
        if self._connection is None:
            try:
                self._connection = self._engine.connect()
                if self._twin is not None and not self._begin_together(self._connection, self._twin):
                    self._twin.close()
                    self._twin = None
                if self._twin is None:
                    self._begin(self._connection)
            except Exception as error:
                raise _unreadable(self.where, error) from None
        return self._connection

    def _begin(self, connection: Connection) -> None:
        for words in PICTURE[self.kind]:
            connection.exec_driver_sql(words)

    def _begin_together(self, ours: Connection, twin: Reading) -> bool:
        """Begin the picture on both connections; False when there were commits between them at each try.

        `PRAGMA data_version` asked twice on one connection differs when others have committed in the meantime
        (sqlite.org/pragma.html#pragma_data_version).
        """
        twin._connection = theirs = twin._engine.connect()
        for _ in range(_TRIES):
            before = theirs.exec_driver_sql(_DATA_VERSION).scalar()
            for connection in (ours, theirs):
                self._begin(connection)
                connection.exec_driver_sql(_LOOK).all()
            if theirs.exec_driver_sql(_DATA_VERSION).scalar() == before:
                return True
            for connection in (ours, theirs):
                connection.exec_driver_sql("ROLLBACK")
        return False

    # ------------------------------------------------------------ questions

    def marks(self) -> dict[str, str]:
        """Mode and version of the ledger; {} when it is none."""
        if not sa.inspect(self._connect()).has_table("schema"):
            return {}
        return {str(name): str(value) for rows in self.batches(sa.select(t.schema.c.NAME, t.schema.c.VALUE))
                for name, value in rows}

    def count(self, chosen: Iterable[sa.ColumnElement[bool]] = ()) -> int:
        """How many rows of `coins`."""
        return int(self.one(sa.select(sa.func.count()).select_from(t.coins).where(*chosen))[0])

    def books(self) -> dict[BOOK_KEY, BookRow]:
        """The kept sums."""
        found = {}
        for rows in self.batches(sa.select(*(t.books.c[name] for name in v.BOOKS))):
            for row in rows:
                market, account, emi, category, symbol, currency, *numbers, entry, fills = row
                pos, volume, sumreal, fees, funding = (Decimal(str(number)) for number in numbers)
                key = Key(market, CATEGORY_OF[category], symbol)
                found[(account, key, emi, currency)] = BookRow(
                    key, account, emi, currency, pos, None if entry is None else Decimal(str(entry)), volume, sumreal,
                    fees, funding, int(fills))
        return found

    def movements(self) -> dict[tuple[str, str, str, str], Decimal]:
        """Net movements of each market, account, wallet and currency."""
        c, found = t.moves.c, dict[tuple[str, str, str, str], Decimal]()
        for rows in self.batches(sa.select(c.MARKET, c.ACCOUNT, c.WALLET, c.CURRENCY, c.AMOUNT)):
            for *name, amount in rows:
                where = (name[0], name[1], name[2], name[3])
                found[where] = found.get(where, ZERO) + Decimal(amount)
        return found

    def missing(self, market: str, account: str, exec_ids: Sequence[str]) -> list[str]:
        """Which of these facts the ledger does not hold."""
        c, found = t.coins.c, set[str]()
        for start in range(0, len(exec_ids), _ASKED):
            question = sa.select(c.EXECID).where(
                c.MARKET == market, c.ACCOUNT == account, c.PART == 0,
                sa.or_(*(c.EXECID == one for one in exec_ids[start:start + _ASKED])))
            found.update(row[0] for rows in self.batches(question) for row in rows)
        return [one for one in exec_ids if one not in found]

    def sums(self, on_rows: Callable[[int], object] = lambda rows: None) -> dict[BOOK_KEY, BookRow]:
        """What the rows of `coins` add up to, exactly, for each owner, instrument and currency; entries left out."""
        self._connect()
        return row_sums([one.batches for one in (self, self._twin) if one is not None], self.kind, on_rows)

    def positions(self) -> Iterator[Batch]:
        """What entry prices are made of, oldest first: group, quantity and price of rows that moved a position."""
        c = t.coins.c
        return self.batches(sa.select(*(c[name] for name in GROUP), c.QTY, c.TRADE_PRICE).where(
            c.SIDE >= 0, as_text(c.QTY) != "0").order_by(c.ID))

    def tables(self) -> list[tuple[sa.Table, list[str]]]:
        """The tables of a ledger that are here, with the columns they have here: an older one may lack some."""
        seen = sa.inspect(self._connect())
        here = set(seen.get_table_names())
        return [(table, [c.name for c in table.columns if c.name in {one["name"] for one in seen.get_columns(name)}])
                for name, table in t.metadata.tables.items() if name in here]

    def rows(self, chosen: Iterable[sa.ColumnElement[bool]] = ()) -> Iterator[Batch]:
        """Ledger rows as they stand, in the order of `LEDGER`, oldest first."""
        return self.batches(sa.select(*(t.coins.c[name] for name in LEDGER)).where(*chosen).order_by(t.coins.c.ID))

    def repeated(self) -> list[tuple[Any, ...]]:
        """Facts that stand there twice (market, account, EXECID, part), at most ten."""
        c = t.coins.c
        names = (c.MARKET, c.ACCOUNT, c.EXECID, c.PART)
        return self._few(sa.select(*names).group_by(*names).having(sa.func.count() > 1).limit(10))

    def headless(self) -> list[tuple[Any, ...]]:
        """Facts without their part 0, which guards the whole, at most ten (market, account, EXECID)."""
        c, first = t.coins.c, t.coins.alias()
        guard = sa.select(sa.literal(1)).where(first.c.MARKET == c.MARKET, first.c.ACCOUNT == c.ACCOUNT,
                                               first.c.EXECID == c.EXECID, first.c.PART == 0)
        return self._few(sa.select(c.MARKET, c.ACCOUNT, c.EXECID).distinct().where(
            c.PART > 0, ~guard.correlate(t.coins).exists()).limit(10))

    def _few(self, question: sa.Executable) -> list[tuple[Any, ...]]:
        return [tuple(row) for rows in self.batches(question) for row in rows]


def chosen_rows(emi: str = "", symbol: str = "", market: str = "", since: int | None = None,
                until: int | None = None) -> list[sa.ColumnElement[bool]]:
    """Conditions for `rows` and `count`; "" and None leave everything in. Times in ms, `until` is left out."""
    c = t.coins.c
    found = [column == value for column, value in ((c.EMI, emi), (c.SYMBOL, symbol), (c.MARKET, market)) if value]
    if since is not None:
        found.append(as_text(c.TTIME) >= v.moment(since))
    if until is not None:
        found.append(as_text(c.TTIME) < v.moment(until))
    return found


def as_text(column: sa.ColumnElement[Any]) -> sa.ColumnElement[str]:
    """A column to be compared with a value as it stands in the table: a server reads "0" as its number."""
    return sa.type_coerce(column, sa.Text)


def _driver_words(question: sa.Executable, dialect: sa.Dialect) -> tuple[str, Any]:
    """A question as the driver takes it; its values are plain ones, nothing turns them into others."""
    compiled = question.compile(dialect=dialect)  # type: ignore[attr-defined]  # every statement has it
    values = compiled.params
    return compiled.string, values if compiled.positiontup is None else [values[name] for name in compiled.positiontup]


def _cursor(driver: Any, kind: str) -> Any:
    """A cursor whose rows come as they are fetched, not all at once."""
    if kind == "sqlite":
        return driver.cursor()
    from pymysql.cursors import SSCursor

    return driver.cursor(SSCursor)


def known_facts(store: Store, market: str, account: str, exec_ids: Sequence[str]) -> set[str]:
    """Which of these facts the ledger holds."""
    def read(connection: Connection) -> set[str]:
        c, found = t.coins.c, set[str]()
        for start in range(0, len(exec_ids), _ASKED):
            asked = exec_ids[start:start + _ASKED]
            found.update(connection.execute(sa.select(c.EXECID).where(
                c.MARKET == market, c.ACCOUNT == account, c.PART == 0, c.EXECID.in_(asked))).scalars())
        return found

    return store._ask(read)


def as_it_is(value: Any) -> Any:
    """Nothing to change."""
    return value


def plain(table: sa.Table, names: Sequence[str]) -> list[Callable[[Any], Any]]:
    """For each column what makes a value of either driver the text that SQLite's ledger has."""
    return [_text_of(table.c[name].type) for name in names]


def _text_of(kind: sa.types.TypeEngine[Any]) -> Callable[[Any], Any]:
    if isinstance(kind, Money):
        return lambda value: v.exact(value) if isinstance(value, Decimal) else value
    if isinstance(kind, Moment | MomentMicro | sa.DateTime):
        digits = "milliseconds" if isinstance(kind, Moment) else "microseconds" if isinstance(
            kind, MomentMicro) else "seconds"
        return lambda value: value.isoformat(" ", digits) if isinstance(value, datetime) else value
    return as_it_is


def _unreadable(where: str, error: Exception) -> LedgerError:
    return LedgerError(f"database {where} cannot be read: {plain_reason(error)}")
