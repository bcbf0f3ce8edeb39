"""A ledger as one portable file, and back: an SQLite ledger, whatever kind of database it was made from.

A file of SQLite is copied by its backup interface while the program writes; a server is read in one consistent
transaction. What is written stands beside its place, synced, and is moved there whole: a backup is complete or absent.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import sqlite
from sqlalchemy.dialects.mysql import pymysql as mysql_driver

from core.errors import LedgerError
from db import schema as t
from db.dialects import open_sqlite, plain_reason
from db.reading import Reading, plain

PAGES = 2_000            # copied between two looks at the progress
ASIDE = "before"         # in the names of what a restore took away
COMING = "coming"        # … and of a server's tables that are being filled
SIDES = ("-wal", "-shm")

Done = Callable[[int], object]


def _unseen(rows: int) -> None:
    """Progress that nobody looks at."""


def backup_file(path: Path, target: Path, done: Done = _unseen) -> None:
    """Copy a ledger of SQLite as it stands at this moment. Raises LedgerError."""
    with _half(target) as half, closing(sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)) as source:
        source.isolation_level = None
        source.execute("BEGIN")                  # what others commit from here on is not looked at
        source.execute("SELECT count(*) FROM sqlite_master").fetchone()
        left = [0]

        def tell(status: int, remaining: int, total: int) -> None:
            done((left[0] or total) - remaining)
            left[0] = remaining

        with closing(sqlite3.connect(half)) as copy:
            source.backup(copy, pages=PAGES, progress=tell, sleep=0)
            copy.execute("PRAGMA journal_mode=DELETE")           # one file, nothing beside it


def backup_server(ledger: Reading, target: Path, done: Done = _unseen) -> None:
    """Copy a server's ledger, as it stands at this moment, into an SQLite ledger. Raises LedgerError."""
    with _half(target) as half:
        engine = open_sqlite(half)
        try:
            with engine.begin() as connection:
                t.metadata.create_all(connection)
                for table, names in ledger.tables():
                    makers = plain(table, names)
                    question = sa.select(*(table.c[name] for name in names))
                    for rows in ledger.batches(question):
                        _insert(connection, table, names, [
                            tuple([make(value) for make, value in zip(makers, row, strict=True)]) for row in rows])
                        done(len(rows))
            with engine.connect() as connection:
                raw: Any = connection.connection.driver_connection
                raw.execute("PRAGMA journal_mode=DELETE")
        finally:
            engine.dispose()


def judged(path: Path) -> dict[str, str]:
    """Mode and version of a backup that is whole. Raises LedgerError for any other file; it is not changed."""
    if not path.is_file():
        raise LedgerError(f"{path}: there is no such file")
    try:
        with closing(sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)) as raw:
            verdict = str(raw.execute("PRAGMA integrity_check(1)").fetchone()[0])
            marks = dict(raw.execute("SELECT NAME, VALUE FROM schema").fetchall())
    except (sqlite3.Error, UnicodeDecodeError) as error:
        raise LedgerError(f"{path} is no backup of a ledger ({plain_reason(error)}); name a file that "
                          "“main.py backup” made") from None
    if verdict != "ok":
        raise LedgerError(f"{path} is damaged ({verdict[:100]}); use another backup")
    if "mode" not in marks or not str(marks.get("version", "")).isdecimal():
        raise LedgerError(f"{path} is no whole ledger; use another backup")
    if int(marks["version"]) > t.VERSION:
        raise LedgerError(f"{path} has version {marks['version']}, this program knows {t.VERSION}; use the newer "
                          "program")
    return marks


def restore_file(backup: Path, path: Path, stamp: str) -> Path | None:
    """Put the backup in the ledger's place; where the one before is now (None: there was none).

    At each moment one of the two stands there: the old one is copied aside first, then replaced.
    """
    with _half(path, ".restoring") as half:
        shutil.copyfile(backup, half)
        aside = _aside(path, stamp) if path.exists() else None
        for side in SIDES:                       # of the old one: they would be taken for the new one's
            path.with_name(path.name + side).unlink(missing_ok=True)
    return aside


def _aside(path: Path, stamp: str) -> Path:
    aside = path.with_name(f"{path.stem}.{ASIDE}-{stamp}{path.suffix}")
    try:
        with closing(sqlite3.connect(path)) as raw:
            if raw.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]:
                raise LedgerError(f"another program works with {path}; end it first. Nothing was changed")
    except sqlite3.Error:                        # damaged: it is kept as it is, with what stands beside it
        for side in SIDES:
            if path.with_name(path.name + side).exists():
                shutil.copyfile(path.with_name(path.name + side), aside.with_name(aside.name + side))
    shutil.copyfile(path, aside)
    _sync(aside)
    return aside


def restore_server(backup: Path, engine: sa.Engine, stamp: str, done: Done) -> str:
    """Fill new tables from the backup and exchange all of them in one statement; the ending of the old ones' names.

    Backup and server must have this program's version. Raises LedgerError; before the exchange nothing has changed.
    """
    errors: Any = engine.dialect.dbapi
    with closing(sqlite3.connect(f"{backup.resolve().as_uri()}?mode=ro", uri=True)) as source, \
            engine.connect() as connection:
        try:
            return _exchange(source, connection, f"{ASIDE}_{stamp}", done)
        except (sa.exc.DBAPIError, errors.Error) as error:
            connection.invalidate()
            raise LedgerError(f"the server: {plain_reason(error)}; the ledger is as it was") from None


def _exchange(source: sqlite3.Connection, connection: sa.Connection, old: str, done: Done) -> str:
    tables = [sa.table(f"{name}_{COMING}", *(sa.column(column.name) for column in table.columns))
              for name, table in t.metadata.tables.items()]
    for name, coming in zip(t.metadata.tables, tables, strict=True):
        connection.exec_driver_sql("DROP TABLE IF EXISTS " + coming.name)      # of a restore that was cut off
        connection.exec_driver_sql("CREATE TABLE " + coming.name + " LIKE `" + name + "`")
    for table, coming in zip(t.metadata.tables.values(), tables, strict=True):
        names = [column.name for column in table.columns]
        cursor = source.execute(_select_words(table))
        while rows := cursor.fetchmany(PAGES):
            _insert(connection, coming, names, rows)
            done(len(rows))
    connection.commit()
    swaps = [f"`{name}` TO `{name}_{old}`, `{coming.name}` TO `{name}`"
             for name, coming in zip(t.metadata.tables, tables, strict=True)]
    connection.exec_driver_sql("RENAME TABLE " + ", ".join(swaps))
    return old


def _select_words(table: sa.Table) -> str:
    return str(sa.select(table).compile(dialect=sqlite.dialect()))


def _insert(connection: sa.Connection, table: sa.Table | sa.TableClause, names: list[str],
            rows: list[tuple[Any, ...]]) -> None:
    """Rows with values in the order of these columns, by the driver itself."""
    dialect = sqlite.dialect() if connection.dialect.name == "sqlite" else mysql_driver.dialect(paramstyle="format")
    words = str(sa.insert(table).compile(dialect=dialect, column_keys=names))
    driver: Any = connection.connection.driver_connection
    with closing(driver.cursor()) as cursor:
        cursor.executemany(words, rows)


@contextmanager
def _half(target: Path, ending: str = ".tmp") -> Iterator[Path]:
    """A file beside its place, that is moved there when the body has filled it. Raises LedgerError."""
    half = target.with_name(target.name + ending)
    try:
        half.unlink(missing_ok=True)             # of one that was cut off
        yield half
        _sync(half)
        half.replace(target)
        _sync(target.parent)
    except (OSError, sqlite3.Error) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise LedgerError(f"{target} cannot be written: {reason or error}; nothing was changed") from None
    finally:
        for side in ("", *SIDES, "-journal"):
            half.with_name(half.name + side).unlink(missing_ok=True)


def _sync(path: Path) -> None:
    """On the disk, not only on its way; a folder for the name in it (not on Windows, which cannot)."""
    if path.is_dir() and os.name == "nt":
        return
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
