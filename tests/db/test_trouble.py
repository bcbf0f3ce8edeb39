"""Files damaged, locked, gone; programs and servers killed while they write; a second copy; wrong passwords."""

from __future__ import annotations

import hashlib
import multiprocessing
import random
import shutil
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from decimal import Decimal
from multiprocessing.connection import Connection
from pathlib import Path

import pytest

from core.errors import AlreadyRunning, LedgerError
from core.rows import BookRow, CounterRow
from db.dialects import MySqlAddress
from db.store import Store, StoreAway
from tests.support.build import ACCOUNT, BTC, coin, order
from tests.support.mariadb import PASSWORD, MariaDb
from tests.support.writer import write_for_ever


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where the ledger stands."""
    return tmp_path / "sim.db"


@pytest.fixture
def store(path: Path) -> Iterator[Store]:
    """A ledger with one fact."""
    made = Store.sqlite(path)
    made.prepare("SIM")
    made.write([coin()])
    yield made
    made.close()


def fingerprint(path: Path) -> str:
    """What the file holds."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def eventually(succeeds: Callable[[], object], limit_s: float = 10.0) -> None:
    """Try again until it does not raise StoreAway any more."""
    end = time.monotonic() + limit_s
    while True:
        try:
            succeeds()
            return
        except StoreAway:
            if time.monotonic() > end:
                raise
            time.sleep(0.02)


# ---------------------------------------------------------------- damaged files (D3)


@pytest.mark.parametrize("harm", ["zero length", "text", "flipped bytes", "cut off"])
def test_damaged_file_is_refused_and_left_as_it_is(store: Store, path: Path, harm: str) -> None:
    store.write([coin(f"x:{n}") for n in range(500)])
    store.close()
    content = bytearray(path.read_bytes())
    chance = random.Random(7)
    for _ in range(100):
        content[chance.randrange(4096, len(content))] ^= 0xFF
    path.write_bytes({"zero length": b"", "text": b"dear diary, " * 1000, "flipped bytes": bytes(content),
                      "cut off": path.read_bytes()[:5000]}[harm])
    before = fingerprint(path)

    with pytest.raises(LedgerError, match="left untouched; restore a backup") as refused:
        Store.sqlite(path)

    assert str(path) in str(refused.value)
    assert fingerprint(path) == before


def test_healthy_file_is_taken(store: Store, path: Path) -> None:
    store.close()

    again = Store.sqlite(path)

    assert len(again.coin_rows("Binance", ACCOUNT)) == 1
    again.close()


def test_folder_that_cannot_be_used_is_one_sentence(tmp_path: Path) -> None:
    store = Store.sqlite(tmp_path / "missing" / "sim.db")

    with pytest.raises(LedgerError, match="unable to open database file"):
        store.prepare("SIM")


# ---------------------------------------------------------------- locked (D1), gone (D2)


def test_locked_database_is_away_and_back(store: Store, path: Path) -> None:
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    started = time.monotonic()

    with pytest.raises(StoreAway, match="locked"):
        store.write([coin("x:2")])
    with pytest.raises(StoreAway, match="locked"):
        store.load("Binance", ACCOUNT, 0)
    assert time.monotonic() - started < 2

    other.execute("ROLLBACK")
    other.close()
    assert store.write([coin("x:2")])
    assert len(store.coin_rows("Binance", ACCOUNT)) == 2


def test_deleted_file_is_noticed_and_never_made_anew(store: Store, path: Path) -> None:
    for file in path.parent.glob("sim.db*"):
        file.unlink()

    assert not store.is_there()
    with pytest.raises(StoreAway, match="is gone"):
        store.write([coin("x:2")])
    assert not path.exists()


def test_file_that_comes_back_is_used_and_not_the_one_that_went(store: Store, path: Path) -> None:
    backup = path.with_name("backup.db")
    with sqlite3.connect(path) as source, sqlite3.connect(backup) as target:
        source.backup(target)
    for file in path.parent.glob("sim.db*"):
        file.unlink()
    assert not store.is_there()
    shutil.move(backup, path)

    eventually(lambda: store.write([coin("x:2")]))

    with sqlite3.connect(path) as seen:
        assert seen.execute("SELECT EXECID FROM coins ORDER BY ID").fetchall() == [("linear:BTCUSDT:1",), ("x:2",)]


def test_new_ledger_is_there_from_the_start(path: Path) -> None:
    store = Store.sqlite(path)
    assert store.is_there()

    store.prepare("SIM")

    assert store.is_there() and path.stat().st_size > 0
    store.close()


# ---------------------------------------------------------------- kill -9 (K6)


def what_came(heard: Connection) -> Iterator[int]:
    """What was sent before the other end died."""
    with suppress(EOFError):
        while True:
            yield heard.recv()
    heard.close()


def test_killed_writer_leaves_whole_transactions(path: Path) -> None:
    chance, fork = random.Random(11), multiprocessing.get_context("fork")
    for _ in range(20):
        heard, told = fork.Pipe(duplex=False)
        writer = fork.Process(target=write_for_ever, args=(path, told))
        writer.start()
        told.close()
        acknowledged: int = heard.recv()
        time.sleep(chance.random() / 50)           # a random moment of the next transactions
        writer.kill()
        writer.join()
        acknowledged = max([acknowledged, *what_came(heard)])

        with sqlite3.connect(path) as seen:
            assert seen.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        store = Store.sqlite(path)
        loaded, rows = store.load("Binance", ACCOUNT, 0), store.coin_rows("Binance", ACCOUNT)
        store.close()
        done = loaded.counters["clOrdID"]
        assert done >= acknowledged
        assert [r.exec_id for r in rows] == [f"x:{n}" for n in range(1, done + 1) for _ in range(2)]
        assert (loaded.books[0].pos, loaded.orders[0].booked_qty) == (Decimal(done), Decimal(done))


# ---------------------------------------------------------------- a server


@pytest.fixture
def on_server(mariadb: MariaDb, database: str) -> Iterator[Store]:
    """A ledger on MariaDB with one fact."""
    made = Store.mysql(mariadb.address(database), PASSWORD)
    made.prepare("SIM")
    made.write([coin()])
    yield made
    made.close()


def test_server_killed_in_a_transaction_leaves_nothing_of_it(mariadb: MariaDb, on_server: Store) -> None:
    with pytest.raises(StoreAway), on_server._begin() as connection:
        connection.exec_driver_sql("UPDATE coins SET EMI = 'half'")
        mariadb.kill()
        connection.exec_driver_sql("UPDATE coins SET EMI = 'whole'")
    with pytest.raises(StoreAway):
        on_server.write([coin("x:2")])

    mariadb.start()
    assert on_server.write([coin("x:2")])
    assert [r.emi for r in on_server.coin_rows("Binance", ACCOUNT)] == ["A", "A"]
    assert not on_server.write([coin("x:2")])


def test_connection_cut_by_the_server_is_made_anew(mariadb: MariaDb, on_server: Store) -> None:
    with mariadb.root() as connection, connection.cursor() as cursor:
        cursor.execute("SELECT ID FROM information_schema.PROCESSLIST WHERE USER = 'botbook'")
        for (number,) in cursor.fetchall():
            cursor.execute(f"KILL {number}")

    eventually(lambda: on_server.write([coin("x:2")]))

    assert len(on_server.coin_rows("Binance", ACCOUNT)) == 2


def test_second_copy_on_the_account_is_refused_until_the_first_has_ended(mariadb: MariaDb, database: str,
                                                                         on_server: Store) -> None:
    on_server.lock_account("Binance", ACCOUNT)
    on_server.lock_account("Binance", ACCOUNT)
    second = Store.mysql(mariadb.address(database), PASSWORD)

    with pytest.raises(AlreadyRunning, match="another copy of the program trades on Binance account SIM-1"):
        second.lock_account("Binance", ACCOUNT)
    second.lock_account("Binance", "SIM-2")
    on_server.close()

    limit = time.monotonic() + 5
    while True:
        try:
            second.lock_account("Binance", ACCOUNT)
            break
        except AlreadyRunning:
            assert time.monotonic() < limit
            time.sleep(0.02)
    second.close()


def test_lock_is_taken_again_after_the_connection_was_lost(mariadb: MariaDb, database: str, on_server: Store) -> None:
    on_server.lock_account("Binance", ACCOUNT)
    mariadb.kill()
    with pytest.raises(StoreAway):
        on_server.counters()
    mariadb.start()

    on_server.lock_account("Binance", ACCOUNT)

    second = Store.mysql(mariadb.address(database), PASSWORD)
    with pytest.raises(AlreadyRunning):
        second.lock_account("Binance", ACCOUNT)
    second.close()


def test_lock_on_sqlite_is_the_homes(store: Store) -> None:
    store.lock_account("Binance", ACCOUNT)


@pytest.mark.parametrize(("address", "password", "words"), [
    (lambda s: s.address("ledger"), "wrong-password-99", "1045 Access denied for user 'botbook'"),
    (lambda s: s.address("ledger", "nobody"), PASSWORD, "1044 Access denied for user 'nobody'"),
    (lambda s: MySqlAddress("127.0.0.1", 1, "botbook", "ledger"), PASSWORD, "Can't connect to MySQL server"),
], ids=["wrong password", "no rights", "no server"])
def test_server_that_cannot_be_used_is_one_sentence_without_the_password(
        mariadb: MariaDb, address: Callable[[MariaDb], MySqlAddress], password: str, words: str) -> None:
    store = Store.mysql(address(mariadb), password)

    with pytest.raises(LedgerError) as refused:
        store.prepare("SIM")

    assert words in str(refused.value) and str(refused.value).startswith("database ")
    assert password not in str(refused.value) + repr(store) + repr(store.__dict__)
    assert refused.value.__cause__ is None and refused.value.__suppress_context__


def test_books_survive_a_server_that_is_killed_while_it_writes(mariadb: MariaDb, on_server: Store) -> None:
    for number in range(2, 200):
        on_server.write([coin(f"x:{number}"), BookRow(BTC, ACCOUNT, "A", "USDT", Decimal(number)),
                         order(name="1.A", booked=str(number)), CounterRow("clOrdID", number)])
    mariadb.kill()
    mariadb.start()

    eventually(lambda: on_server.counters())
    loaded = on_server.load("Binance", ACCOUNT, 0)
    assert (loaded.counters["clOrdID"], loaded.books[0].pos, loaded.orders[0].booked_qty) == (
        199, Decimal(199), Decimal(199))
    with mariadb.root() as connection, connection.cursor() as cursor:
        cursor.execute("SELECT @@innodb_flush_log_at_trx_commit")
        assert cursor.fetchone() == (1,)


def test_names_with_signs_of_sql_are_harmless(mariadb: MariaDb) -> None:
    address = MySqlAddress("127.0.0.1", mariadb.port, "botbook", "odd`; DROP DATABASE mysql; --")
    store = Store.mysql(address, PASSWORD)
    try:
        store.prepare("SIM")
        assert store.write([coin()])
    finally:
        store.close()
        with mariadb.root() as connection, connection.cursor() as cursor:
            cursor.execute("SHOW DATABASES LIKE 'odd%'")
            for (name,) in cursor.fetchall():
                cursor.execute("DROP DATABASE `" + str(name).replace("`", "``") + "`")
            cursor.execute("SHOW DATABASES LIKE 'mysql'")
            assert cursor.fetchone() == ("mysql",)
