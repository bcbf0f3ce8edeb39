"""A MySQL or MariaDB server: a connection that suits the ledger, and what is missing there. Engine thread only.

SQLAlchemy keeps one connection; everything here happens while it is made, or once at the start.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from core.errors import LedgerError
from db.dialects import MySqlAddress, plain_reason
from db.mysql_words import NO_DATABASE, NOT_MYSQL, TOO_SMALL

CONNECT_S = 3          # the engine waits for it, cancels with it
ANSWER_S = 10          # for one answer; then the connection is given up and what was written is looked for
TEST_ANSWER_S = 5
LONG_ANSWER_S = 600    # copying and reading all of a ledger
LOCK_S = 2             # another program's open transaction is waited for as long, then said
IDLE_S = 604_800       # the server keeps a line that is quiet for a week
START_S = 2            # the start of a server is told in whole seconds, by two answers
LEAST_PACKET = 16_384  # bytes: the longest row and its statement fit many times
_FROM_SERVER = ("SET SESSION sql_mode='STRICT_ALL_TABLES,NO_ENGINE_SUBSTITUTION', time_zone='+00:00',"
                f" wait_timeout={IDLE_S}, innodb_lock_wait_timeout={LOCK_S}, lock_wait_timeout={LOCK_S}",
                "SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED")


def open_mysql(address: MySqlAddress, password: str, answer_s: float | None = None) -> Engine:
    """An engine with one kept connection; the database is made when it is missing and that is allowed. `answer_s`: for
    one answer, where nobody trades meanwhile."""
    return sa.create_engine("mysql+pymysql://", creator=lambda: connect(address, password, answer_s or ANSWER_S),
                            poolclass=sa.StaticPool)


def probe(address: MySqlAddress, password: str) -> str:
    """What a test of the settings finds there; nothing is made. Raises LedgerError."""
    import pymysql

    try:
        raw = connect(address, password, TEST_ANSWER_S, makes=False)
    except (pymysql.err.Error, OSError) as error:
        raise LedgerError(plain_reason(error)) from None
    try:
        with raw.cursor() as cursor:
            cursor.execute("SELECT DATABASE()")
            there = (cursor.fetchone() or (None,))[0]
        return f"{raw.get_server_info()}, database {address.database} " + (
            "is there" if there else "is made by the first start")
    finally:
        raw.close()


def connect(address: MySqlAddress, password: str, answer_s: float, makes: bool = True) -> Any:
    """The driver's connection, in our database (`makes`: made when it is missing). Raises the driver's errors.

    `max_allowed_packet` is the server's, `server_start` when that server was started (seconds, 0: not told).
    """
    import pymysql
    from pymysql.constants import CLIENT
    from pymysql.err import OperationalError

    where: dict[str, Any] = {"unix_socket": address.socket} if address.socket else {
        "host": address.host, "port": address.port}
    try:
        raw: Any = pymysql.connect(
            user=address.user, password=password, charset="utf8mb4", autocommit=False,
            client_flag=CLIENT.MULTI_STATEMENTS, connect_timeout=CONNECT_S, read_timeout=answer_s,
            write_timeout=answer_s, **where)
    except (struct.error, IndexError, UnicodeDecodeError, pymysql.err.InternalError):
        raise OperationalError(NOT_MYSQL, f"{address.socket or address.host} answers, but not as MySQL does") from None
    try:
        with raw.cursor() as cursor:
            for statement in _FROM_SERVER:
                cursor.execute(statement)
            _measure(raw, cursor)
        _use(raw, address.database, makes)
    except BaseException:
        raw.close()
        raise
    return raw


def _measure(raw: Any, cursor: Any) -> None:
    """What the connection must know of its server. Raises where a row might not fit."""
    from pymysql.err import OperationalError

    cursor.execute("SELECT @@max_allowed_packet, UNIX_TIMESTAMP()")
    told = cursor.fetchone() or (raw.max_allowed_packet, 0)
    raw.max_allowed_packet = int(told[0])
    if raw.max_allowed_packet < LEAST_PACKET:
        raise OperationalError(TOO_SMALL, f"max_allowed_packet is {raw.max_allowed_packet} bytes")
    cursor.execute("SHOW GLOBAL STATUS LIKE 'Uptime'")
    uptime = cursor.fetchone()
    raw.server_start = int(told[1]) - int(uptime[1]) if uptime else 0


def _use(raw: Any, database: str, makes: bool) -> None:
    """Go into the database; make it where there is none."""
    from pymysql.err import OperationalError

    try:
        raw.select_db(database)
        return
    except OperationalError as error:
        if error.args[0] != NO_DATABASE:
            raise
        if not makes:
            return
    with raw.cursor() as cursor:
        cursor.execute(f"CREATE DATABASE IF NOT EXISTS {quoted(database)} CHARACTER SET utf8mb4 COLLATE utf8mb4_bin")
    raw.select_db(database)


def quoted(name: str) -> str:
    """A name as it stands in a statement."""
    return "`" + name.replace("`", "``") + "`"


def check_rights(connection: Connection, tables: Iterable[sa.Table], deleting: Iterable[sa.Table]) -> None:
    """Statements that change nothing and need every right the ledger needs. Raises the driver's error (1142)."""
    for table in tables:
        first = next(iter(table.columns))
        names = [column.name for column in table.columns]
        connection.execute(sa.insert(table).from_select(names, sa.select(table).where(sa.false())))
        connection.execute(sa.update(table).where(sa.false()).values({first.name: first}))
    for table in deleting:
        connection.execute(sa.delete(table).where(sa.false()))


def end_former(connection: Connection, lock: str, former: Iterable[tuple[int, int]]) -> bool:
    """Whether this lock was held by an earlier connection of this very process, which a cut line left on the server: it
    is ended there. `former`: number and start of the server of each."""
    from pymysql.err import Error

    holder = connection.execute(sa.text("SELECT IS_USED_LOCK(:name)"), {"name": lock}).scalar()
    mine: Any = connection.connection.driver_connection
    known = [number for number, start in former if abs(start - mine.server_start) <= START_S]
    if holder is None or int(holder) not in known:
        return False
    try:
        with mine.cursor() as cursor:
            cursor.execute("KILL %s", (int(holder),))
    except Error:                        # it has ended by itself
        return True
    return True
