"""SQLite and MySQL: exact column types for both, opening a connection, telling a repeat from an error."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine
from sqlalchemy.exc import DBAPIError
from sqlalchemy.types import TypeDecorator

from core.errors import LedgerError
from core.numbers import text
from db.mysql_words import mysql_words

MYSQL_DUPLICATE = 1062
COMMIT = "COMMIT"
BEGIN = "BEGIN IMMEDIATE"      # on SQLite: who writes says so first, a reader who writes later could be refused
LOG_PAGES = 4_000      # a log this long is folded by the commit that meets it; before, in quiet moments (Store.fold)
LOCK_WAIT_S = 0.2      # longer waits are the engine's: it shows them and goes on with cancels


class Money(TypeDecorator[Decimal]):
    """A number kept exactly: TEXT on SQLite (a DECIMAL column turns into REAL there), DECIMAL(38,15) on MySQL."""

    impl = sa.Numeric(38, 15)
    cache_ok = True

    def load_dialect_impl(self, dialect: sa.Dialect) -> sa.types.TypeEngine[Any]:
        """The column type of this dialect."""
        return dialect.type_descriptor(sa.Text() if dialect.name == "sqlite" else sa.Numeric(38, 15))

    def process_bind_param(self, value: Any, dialect: sa.Dialect) -> Any:
        """Refuses anything that is not a Decimal."""
        if value is None:
            return None
        if not isinstance(value, Decimal) or not value.is_finite():
            raise LedgerError(f"{value!r} is no exact number; nothing was stored")
        return text(value) if dialect.name == "sqlite" else value

    def process_result_value(self, value: Any, dialect: sa.Dialect) -> Decimal | None:
        """Decimal, equal to what was stored."""
        return None if value is None else Decimal(str(value))


class Moment(TypeDecorator[int]):
    """Milliseconds since 1970 UTC: "2026-11-21 18:30:01.123" on SQLite, DATETIME(3) on MySQL."""

    impl = sa.String(23)
    cache_ok = True

    def load_dialect_impl(self, dialect: sa.Dialect) -> sa.types.TypeEngine[Any]:
        """The column type of this dialect."""
        if dialect.name == "sqlite":
            return dialect.type_descriptor(sa.String(23))
        from sqlalchemy.dialects.mysql import DATETIME
        return dialect.type_descriptor(DATETIME(fsp=3))

    def process_bind_param(self, value: Any, dialect: sa.Dialect) -> Any:
        """From milliseconds."""
        if value is None:
            return None
        moment = datetime.fromtimestamp(value // 1000, UTC).replace(tzinfo=None, microsecond=value % 1000 * 1000)
        return moment.isoformat(" ", "milliseconds") if dialect.name == "sqlite" else moment

    def process_result_value(self, value: Any, dialect: sa.Dialect) -> int | None:
        """To milliseconds."""
        if value is None:
            return None
        moment = datetime.fromisoformat(value) if isinstance(value, str) else value
        aware = moment.replace(tzinfo=UTC)
        return int(aware.timestamp()) * 1000 + aware.microsecond // 1000


class MomentMicro(TypeDecorator[int]):
    """Microseconds since 1970 UTC: text on SQLite, DATETIME(6) on MySQL."""

    impl = sa.String(26)
    cache_ok = True

    def load_dialect_impl(self, dialect: sa.Dialect) -> sa.types.TypeEngine[Any]:
        """The column type of this dialect."""
        if dialect.name == "sqlite":
            return dialect.type_descriptor(sa.String(26))
        from sqlalchemy.dialects.mysql import DATETIME
        return dialect.type_descriptor(DATETIME(fsp=6))

    def process_bind_param(self, value: Any, dialect: sa.Dialect) -> Any:
        """From microseconds."""
        if value is None:
            return None
        moment = datetime.fromtimestamp(value // 1_000_000, UTC).replace(tzinfo=None, microsecond=value % 1_000_000)
        return moment.isoformat(" ", "microseconds") if dialect.name == "sqlite" else moment

    def process_result_value(self, value: Any, dialect: sa.Dialect) -> int | None:
        """To microseconds."""
        if value is None:
            return None
        moment = datetime.fromisoformat(value) if isinstance(value, str) else value
        aware = moment.replace(tzinfo=UTC)
        return int(aware.timestamp()) * 1_000_000 + aware.microsecond


@dataclass(frozen=True, slots=True)
class MySqlAddress:
    """Where the MySQL or MariaDB server is. The password is never printed."""

    host: str
    port: int
    user: str
    database: str
    socket: str = ""


def open_sqlite(path: Path) -> Engine:
    """An engine with one kept connection: WAL, synchronous FULL, our own transactions."""
    def connect() -> sqlite3.Connection:
        raw = sqlite3.connect(path, timeout=LOCK_WAIT_S, isolation_level=None, check_same_thread=False)
        raw.execute("PRAGMA journal_mode=WAL")
        raw.execute("PRAGMA synchronous=FULL")
        raw.execute("PRAGMA foreign_keys=ON")
        raw.execute(f"PRAGMA wal_autocheckpoint={LOG_PAGES}")
        return raw

    engine = sa.create_engine("sqlite://", creator=connect, poolclass=sa.StaticPool)

    @sa.event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        connection.exec_driver_sql(BEGIN)

    return engine


def is_repeat(error: Exception) -> bool:
    """Whether a unique key refused the row (a repeat), not a NULL or a failed check (an error): the driver's error."""
    if isinstance(error, sqlite3.IntegrityError):
        return error.sqlite_errorname in ("SQLITE_CONSTRAINT_UNIQUE", "SQLITE_CONSTRAINT_PRIMARYKEY")
    return bool(error.args and error.args[0] == MYSQL_DUPLICATE)


def plain_reason(error: BaseException) -> str:
    """What a person needs of a database error: what to do, and the driver's words without statement and parameters."""
    cause = error.orig if isinstance(error, DBAPIError) and error.orig is not None else error
    if type(cause).__module__.startswith("pymysql") and len(cause.args) > 1 and isinstance(cause.args[0], int):
        return mysql_words(cause.args[0], str(cause.args[1]))
    words = " ".join(str(part) for part in cause.args) or type(cause).__name__
    return words[:200]
