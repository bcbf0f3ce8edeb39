"""The engine's writes, handed to the driver itself: each statement compiled once, a row's values put in its order.

SQLAlchemy makes the text; executed through it, a fill's transaction would take twice as long. On SQLite a row that is
there is updated in place: an upsert would write its indexes anew, a page of the log each. To a server a transaction
goes as one packet, COMMIT included: four ways there and back become one.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from operator import itemgetter
from typing import Any, Protocol

import sqlalchemy as sa
from sqlalchemy.dialects import mysql, sqlite
from sqlalchemy.dialects.mysql import pymysql as mysql_driver
from sqlalchemy.sql.compiler import SQLCompiler

from db import schema as t
from db.values import BOOKS, COINS, DAYS, MOVES, ORDERS, ROBOTS, Values

KEY_MARK = "key_"            # in names of bound values: the column of the row's key, not its new value
PACKET_MOST = 200            # statements; more go in several packets of the same transaction
PACKET_MARGIN = 64           # bytes: the command's own, and some room


class Cursor(Protocol):
    """What a statement needs of a driver's cursor."""

    rowcount: int

    def execute(self, text: str, values: Any = ..., /) -> object:
        """Run it, or put it into the packet."""


class Statement:
    """One statement whose values come as a tuple in the order of `columns`."""

    __slots__ = ("_take", "text")

    def __init__(self, statement: sa.Executable, kind: str, columns: Sequence[str]) -> None:
        dialect = sqlite.dialect() if kind == "sqlite" else mysql_driver.dialect(paramstyle="format")
        # An insert gives these columns and leaves the rest (the ID) to the database.
        given = list(columns) if isinstance(statement, sa.Insert) else None
        compiled = statement.compile(dialect=dialect, column_keys=given)  # type: ignore[attr-defined]
        assert isinstance(compiled, SQLCompiler) and compiled.positiontup is not None
        self.text = compiled.string
        places = [columns.index(name.removeprefix(KEY_MARK)) for name in compiled.positiontup]
        self._take = itemgetter(*places) if len(places) > 1 else itemgetter(slice(places[0], places[0] + 1))

    def run(self, cursor: Cursor, values: Values) -> None:
        """Execute it. Raises the driver's errors."""
        cursor.execute(self.text, self._take(values))


class Kept:
    """A table whose rows are opinions or sums: the newest values of a key replace those before."""

    __slots__ = ("_insert", "_update")

    def __init__(self, table: sa.Table, kind: str, columns: Sequence[str], standing: Sequence[str] = ()) -> None:
        """`standing`: indexed columns that seldom change; an update in place is for rows in which they stand."""
        self._insert = Statement(upsert(table, kind), kind, columns)
        held = [column.name for column in table.primary_key.columns] + list(standing)
        update = sa.update(table).where(*(table.c[name] == sa.bindparam(KEY_MARK + name) for name in held)).values(
            {name: sa.bindparam(name) for name in columns if name not in held})
        self._update = Statement(update, kind, columns) if kind == "sqlite" else None

    def run(self, cursor: Cursor, values: Values) -> None:
        """Put the row there."""
        if self._update is not None:
            self._update.run(cursor, values)
            if cursor.rowcount == 1:
                return
        self._insert.run(cursor, values)


class Writes:
    """All statements of the engine for one kind of database."""

    def __init__(self, kind: str) -> None:
        self.coins = Statement(sa.insert(t.coins), kind, COINS)
        self.moves = Statement(sa.insert(t.moves), kind, MOVES)
        self.orders = Kept(t.orders, kind, ORDERS, ("ORDERID",))
        self.books = Kept(t.books, kind, BOOKS)
        self.cursors = Kept(t.cursors, kind, ("MARKET", "ACCOUNT", "CATEGORY", "SYMBOL", "KIND", "TIME"))
        self.days = Kept(t.days, kind, DAYS)
        self.counters = Kept(t.counters, kind, ("NAME", "VALUE"))
        robots, watched = t.robots.c, t.watchlist
        self.robots = Statement(
            sa.update(t.robots).where(robots.EMI == sa.bindparam("key_EMI"))
            .values(STATE=sa.bindparam("STATE"), REASON=sa.bindparam("REASON")), kind, ("EMI", "STATE", "REASON"))
        self.robot_added = Statement(sa.insert(t.robots), kind, ROBOTS)
        self.robot_renamed = Statement(
            sa.update(t.robots).where(robots.EMI == sa.bindparam("key_EMI"))
            .values(EMI=sa.bindparam("NEW"), STRATEGY=sa.bindparam("STRATEGY")), kind, ("EMI", "NEW", "STRATEGY"))
        self.robot_removed = Statement(
            sa.delete(t.robots).where(robots.EMI == sa.bindparam("key_EMI")), kind, ("EMI",))
        names = ("MARKET", "CATEGORY", "SYMBOL")
        zero, one = (sa.literal_column(digit, sa.Integer) for digit in "01")     # no bound values
        last = sa.select(
            *(sa.bindparam(KEY_MARK + name, type_=sa.String()) for name in names),
            sa.func.coalesce(sa.func.max(watched.c.SORT), zero) + one,
        ).select_from(watched).where(sa.true())            # SQLite cannot read the upsert's ON without a WHERE
        self.words = Kept(t.schema, kind, ("NAME", "VALUE"))
        self.watched = Statement(upsert(watched, kind).from_select([*names, "SORT"], last), kind, names)
        self.unwatched = Statement(sa.delete(watched).where(
            *(watched.c[name] == sa.bindparam(KEY_MARK + name) for name in names)), kind, names)


def upsert(table: sa.Table, kind: str) -> sa.Insert:
    """Insert or replace by primary key, for tables of opinions and kept sums (never for facts)."""
    names = [column.name for column in table.primary_key.columns]
    others = [column.name for column in table.columns if column.name not in names]
    if kind == "sqlite":
        lite = sqlite.insert(table)
        return lite.on_conflict_do_update(index_elements=names, set_={name: lite.excluded[name] for name in others})
    mine = mysql.insert(table)
    return mine.on_duplicate_key_update({name: mine.inserted[name] for name in others})


class Packet:
    """A server's transaction on its way: statements are gathered, then sent together. Nothing is asked in between.

    When one of them fails the server takes no more of the packet, so the COMMIT at its end is never reached.
    """

    rowcount = -1

    def __init__(self, cursor: Any, most: int) -> None:
        """`most`: bytes the server takes at once."""
        self._cursor = cursor
        self._most = most - PACKET_MARGIN
        self._size = 0
        self._texts: list[str] = []

    def execute(self, text: str, values: Any = (), /) -> None:
        """Put a statement into the packet."""
        self._add(text % tuple([literal(value) for value in values]))
        if len(self._texts) >= PACKET_MOST:
            self._send()

    def commit(self) -> None:
        """Send what was gathered with COMMIT behind it. Raises the driver's errors."""
        self._add("COMMIT")
        self._send()

    def _add(self, text: str) -> None:
        size = 1 + (len(text) if text.isascii() else len(text.encode()))
        if self._texts and self._size + size > self._most:
            self._send()
        self._texts.append(text)
        self._size += size

    def _send(self) -> None:
        text, self._texts, self._size = ";".join(self._texts), [], 0
        self._cursor.execute(text)
        while self._cursor.nextset():
            pass


@lru_cache(maxsize=4096)
def _quoted(value: str) -> str:
    from pymysql.converters import escape_string

    return f"'{escape_string(value)}'"      # the session's sql_mode keeps the backslash an escape (db/dialects.py)


def literal(value: str | int | None) -> str:
    """A value as it stands in a server's statement."""
    if isinstance(value, str):
        return _quoted(value)
    return "NULL" if value is None else str(int(value))
