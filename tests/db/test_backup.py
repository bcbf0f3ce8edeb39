"""A ledger as a file and back, on SQLite and MariaDB: whole or absent, whatever is killed meanwhile (row D5)."""

from __future__ import annotations

import multiprocessing
import random
import sqlite3
import time
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from core.errors import LedgerError
from core.rows import BookRow, CounterRow, CursorRow, WatchRow
from db import schema
from db.backup import backup_file, backup_server, judged, restore_file, restore_server
from db.mysql import open_mysql
from db.reading import Reading
from db.store import Store
from tests.support.build import ACCOUNT, BTC, coin, order
from tests.support.mariadb import PASSWORD, MariaDb
from tests.support.writer import write_for_ever

D = Decimal


def ignored(rows: int) -> None:
    """Progress nobody looks at."""


def filled(store: Store, count: int = 30) -> Store:
    """One of each kind of row."""
    store.write([coin(f"x:{n}", commiss="0.000000000000001", refer="=1+1") for n in range(count)])
    store.write([order(), BookRow(BTC, ACCOUNT, "A", "USDT", D(count), D(50000)), CounterRow("clOrdID", 9),
                 CursorRow(BTC, ACCOUNT, "fills", 5), WatchRow(BTC, True)])
    with store._begin() as connection:
        connection.exec_driver_sql("INSERT INTO robots (EMI, SYMBOL, CATEGORY) VALUES ('A', 'BTCUSDT', 'linear')")
    return store


def content(store: Store) -> dict[str, list[tuple[Any, ...]]]:
    """Every table, as our own types read it."""
    with store._begin() as connection:
        return {name: sorted((tuple(row) for row in connection.execute(sa.select(table))), key=repr)
                for name, table in schema.metadata.tables.items()}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where the file ledger stands."""
    return tmp_path / "sim.db"


def sqlite_ledger(path: Path) -> Store:
    """A prepared ledger."""
    store = Store.sqlite(path)
    store.prepare("SIM")
    return store


def test_backup_of_a_file_holds_what_the_ledger_holds(path: Path) -> None:
    store = filled(sqlite_ledger(path))
    target = path.with_name("copy.db")

    backup_file(path, target, ignored)

    assert judged(target) == {"mode": "SIM", "version": str(schema.VERSION)}
    copy = Store.sqlite(target)
    assert content(copy) == content(store)
    copy.close()
    assert sorted(file.name for file in path.parent.iterdir() if file.name.startswith("copy")) == ["copy.db"]


def test_backup_while_another_process_writes_is_one_moment(path: Path) -> None:
    fork = multiprocessing.get_context("fork")
    heard, told = fork.Pipe(duplex=False)
    writer = fork.Process(target=write_for_ever, args=(path, told))
    writer.start()
    try:
        first: int = heard.recv()
        for number in range(3):
            target = path.with_name(f"copy{number}.db")
            backup_file(path, target, ignored)
            copy = Store.sqlite(target)
            done, rows = copy.counters()["clOrdID"], copy.coin_rows("Binance", ACCOUNT)
            loaded = copy.load("Binance", ACCOUNT, 0)
            copy.close()
            assert len(rows) == 2 * done >= 2 * first and loaded.books[0].pos == done
    finally:
        writer.kill()
        writer.join()


def test_restore_puts_the_backup_there_and_keeps_the_old_one(path: Path) -> None:
    store = filled(sqlite_ledger(path))
    target = path.with_name("copy.db")
    backup_file(path, target, ignored)
    before = content(store)
    store.write([coin("later")])
    store.close()

    aside = restore_file(target, path, "now")

    assert aside is not None
    restored, old = Store.sqlite(path), Store.sqlite(aside)
    assert content(restored) == before
    assert "later" in {row.exec_id for row in old.coin_rows("Binance", ACCOUNT)}
    restored.close()
    old.close()


def test_restore_where_no_ledger_was(path: Path, tmp_path: Path) -> None:
    filled(sqlite_ledger(path)).close()
    target, elsewhere = tmp_path / "copy.db", tmp_path / "other.db"
    backup_file(path, target, ignored)

    assert restore_file(target, elsewhere, "now") is None
    assert judged(elsewhere)["mode"] == "SIM"


def test_restore_over_a_damaged_ledger_keeps_it(path: Path) -> None:
    filled(sqlite_ledger(path)).close()
    target = path.with_name("copy.db")
    backup_file(path, target, ignored)
    path.write_bytes(b"dear diary, " * 1000)

    aside = restore_file(target, path, "now")

    assert aside is not None and aside.read_bytes() == b"dear diary, " * 1000
    assert judged(path)["mode"] == "SIM"


@pytest.mark.parametrize(("harm", "words"), [
    ("text", "is no backup"), ("empty", "is no backup"), ("cut", "is no backup|damaged"), ("flipped", "damaged"),
    ("unmarked", "no whole ledger"), ("newer", "has version 99"), ("odd", "no whole ledger")])
def test_files_that_are_no_backup_are_refused(path: Path, harm: str, words: str) -> None:
    filled(sqlite_ledger(path), 2000).close()
    target = path.with_name("copy.db")
    backup_file(path, target, ignored)
    whole = target.read_bytes()
    if harm in ("unmarked", "newer", "odd"):
        with sqlite3.connect(target) as raw:
            raw.execute({"unmarked": "DELETE FROM schema",
                         "odd": "UPDATE schema SET VALUE = 'two' WHERE NAME = 'version'",
                         "newer": "UPDATE schema SET VALUE = '99' WHERE NAME = 'version'"}[harm])
    else:
        chance, flipped = random.Random(3), bytearray(whole)
        for _ in range(200):
            flipped[chance.randrange(len(flipped) // 2, len(flipped))] ^= 0xFF
        target.write_bytes({"text": b"dear diary, " * 1000, "empty": b"", "cut": whole[:len(whole) // 2],
                            "flipped": bytes(flipped)}[harm])

    with pytest.raises(LedgerError, match=words):
        judged(target)


def test_backup_that_cannot_be_written_is_one_sentence(path: Path) -> None:
    filled(sqlite_ledger(path)).close()

    with pytest.raises(LedgerError, match="cannot be written"):
        backup_file(path, path.with_name("missing") / "copy.db", ignored)


def slow(path: Path, target: Path) -> None:
    """A process that copies some pages, then no more."""
    import db.backup as module

    module.PAGES = 5

    def stall(pages: int) -> None:
        target.with_name("stalled").touch()
        time.sleep(60)

    backup_file(path, target, stall)


def test_kill_in_the_middle_leaves_no_backup_and_a_whole_ledger(path: Path) -> None:
    store = filled(sqlite_ledger(path), 300)
    before, target = content(store), path.with_name("copy.db")
    copier = multiprocessing.get_context("fork").Process(target=slow, args=(path, target))
    copier.start()
    end = time.monotonic() + 20
    while not path.with_name("stalled").exists():
        assert time.monotonic() < end
        time.sleep(0.01)
    copier.kill()
    copier.join()

    assert not target.exists()
    assert content(store) == before
    backup_file(path, target, ignored)
    assert judged(target)["mode"] == "SIM"
    assert not [file for file in path.parent.iterdir() if ".tmp" in file.name]
    store.close()


# ---------------------------------------------------------------- a server


@pytest.fixture
def on_server(mariadb: MariaDb, database: str) -> Any:
    """A filled ledger on MariaDB."""
    store = Store.mysql(mariadb.address(database), PASSWORD)
    store.prepare("SIM")
    yield filled(store)
    store.close()


def saved(mariadb: MariaDb, database: str, target: Path) -> Path:
    """A backup of the server's ledger."""
    with Reading.mysql(mariadb.address(database), PASSWORD) as ledger:
        backup_server(ledger, target, ignored)
    return target


def test_backup_of_a_server_is_an_sqlite_ledger(on_server: Store, mariadb: MariaDb, database: str, path: Path) -> None:
    saved(mariadb, database, path)

    assert judged(path)["mode"] == "SIM"
    copy = Store.sqlite(path)
    assert content(copy) == content(on_server)
    assert copy.load("Binance", ACCOUNT, 0) == on_server.load("Binance", ACCOUNT, 0)
    copy.prepare("SIM")
    assert copy.write([coin("more")])
    copy.close()


def test_restore_to_a_server_exchanges_all_tables(on_server: Store, mariadb: MariaDb, database: str,
                                                  path: Path) -> None:
    before = content(on_server)
    saved(mariadb, database, path)
    on_server.write([coin("later")])
    engine = open_mysql(mariadb.address(database), PASSWORD)

    ending = restore_server(path, engine, "now", ignored)

    assert content(on_server) == before
    with engine.connect() as connection:
        kept = connection.exec_driver_sql(f"SELECT COUNT(*) FROM coins_{ending}").scalar()
        names = set(sa.inspect(connection).get_table_names())
    engine.dispose()
    assert kept == 31
    assert names == {f"{name}{end}" for name in schema.metadata.tables for end in ("", f"_{ending}")}
    assert on_server.write([coin("later")])


def test_kill_of_the_server_while_restoring_leaves_the_old_ledger(on_server: Store, mariadb: MariaDb, database: str,
                                                                 path: Path) -> None:
    saved(mariadb, database, path)
    on_server.write([coin("later")])
    before = content(on_server)
    on_server.close()
    engine, told = open_mysql(mariadb.address(database), PASSWORD), []

    def kill(rows: int) -> None:
        told.append(rows)
        if len(told) == 2:
            mariadb.kill()

    with pytest.raises(LedgerError, match="the ledger is as it was"):
        restore_server(path, engine, "now", kill)
    engine.dispose()
    mariadb.start()

    again = Store.mysql(mariadb.address(database), PASSWORD)
    assert content(again) == before
    engine = open_mysql(mariadb.address(database), PASSWORD)
    restore_server(path, engine, "again", ignored)
    engine.dispose()
    assert len(again.coin_rows("Binance", ACCOUNT)) == 30
    again.close()
