"""A server as users have it: rights that are missing, small packets, slow and broken lines, MySQL 8 logins."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Callable, Iterator
from decimal import Decimal

import pytest

from core.errors import LedgerError
from core.rows import BookRow, CounterRow
from db import mysql
from db.dialects import MySqlAddress
from db.mysql_words import mysql_words
from db.store import Store, StoreAway
from tests.support.build import ACCOUNT, BTC, coin
from tests.support.mariadb import PASSWORD, MariaDb
from tests.support.mysql8 import MySql8
from tests.support.proxy import Proxy


def sql(server: MariaDb, *statements: str) -> list[tuple[object, ...]]:
    """Statements of the server's root; the rows of the last."""
    with server.root() as connection, connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)
        return list(cursor.fetchall())


@pytest.fixture
def poor(mariadb: MariaDb, database: str) -> Iterator[Callable[[str], Store]]:
    """A user with these rights in the database, and its store."""
    stores: list[Store] = []

    def make(rights: str) -> Store:
        sql(mariadb, f"CREATE OR REPLACE USER 'poor'@'127.0.0.1' IDENTIFIED BY '{PASSWORD}'",
            *([f"GRANT {rights} ON `{database}`.* TO 'poor'@'127.0.0.1'"] if rights else []))
        stores.append(Store.mysql(mariadb.address(database, "poor"), PASSWORD))
        return stores[-1]

    yield make
    for store in stores:
        store.close()


# ---------------------------------------------------------------- rights


def made_before(server: MariaDb, database: str) -> None:
    """The tables stand already, made by somebody who may."""
    store = Store.mysql(server.address(database), PASSWORD)
    store.prepare("SIM")
    store.close()


@pytest.mark.parametrize(("rights", "words"), [
    ("", "may not use the database {db}, or not make it: CREATE DATABASE `{db}`; GRANT ALL ON `{db}`.* TO "
         "'poor'@'127.0.0.1'"),
    ("SELECT", "'poor'@'127.0.0.1' may not CREATE in"),
    ("SELECT, UPDATE", "may not CREATE in")])
def test_who_may_not_make_database_or_tables_is_told_the_grant(
        mariadb: MariaDb, database: str, poor: Callable[[str], Store], rights: str, words: str) -> None:
    if rights:
        sql(mariadb, f"CREATE DATABASE `{database}`")

    with pytest.raises(LedgerError) as refused:
        poor(rights).prepare("SIM")

    assert words.format(db=database) in str(refused.value) and f"GRANT ALL ON `{database}`" in str(refused.value)


@pytest.mark.parametrize(("rights", "right", "table"), [
    ("SELECT, UPDATE, DELETE", "INSERT", ""), ("SELECT, INSERT, DELETE", "UPDATE", ""),
    ("SELECT, INSERT, UPDATE", "DELETE", "watchlist")])
def test_a_missing_right_is_said_at_the_start_and_not_by_the_first_fill(
        mariadb: MariaDb, database: str, poor: Callable[[str], Store], rights: str, right: str, table: str) -> None:
    made_before(mariadb, database)

    with pytest.raises(LedgerError, match=f"may not {right} in {table}.*GRANT ALL ON `{database}`"):
        poor(rights).prepare("SIM")


def test_whoever_has_the_three_lines_of_the_readme_works(mariadb: MariaDb, database: str,
                                                         poor: Callable[[str], Store]) -> None:
    sql(mariadb, f"CREATE DATABASE `{database}`")
    store = poor("ALL")

    store.prepare("SIM")

    assert store.write([coin()])


def test_rights_of_a_ledger_in_use_are_enough_without_create(mariadb: MariaDb, database: str,
                                                             poor: Callable[[str], Store]) -> None:
    made_before(mariadb, database)
    store = poor("SELECT, INSERT, UPDATE, DELETE")

    store.prepare("SIM")

    assert store.write([coin()])


@pytest.mark.parametrize(("told", "words"), [
    ((1045, "Access denied for user 'x'@'h' (using password: YES)"), "MYSQL_USER and MYSQL_PASSWORD"),
    ((1040, "Too many connections"), "max_connections"), ((1130, "Host 'x' is not allowed"), "CREATE USER"),
    ((1290, "running with the --read-only option"), "takes no writes"), ((1114, "The table is full"), "disk is full"),
    ((2003, "Can't connect to MySQL server"), "MYSQL_HOST and MYSQL_PORT"), ((1205, "Lock wait timeout"), "COMMIT"),
    ((2013, "Lost connection"), "connects anew"), ((3159, "insecure transport"), "TLS"),
    ((9999, "something new"), "9999 something new")])
def test_each_error_says_what_to_do_and_keeps_the_servers_words(told: tuple[int, str], words: str) -> None:
    text = mysql_words(*told)

    assert words in text and told[1][:20] in text and "\n" not in text


def test_another_service_on_that_port_is_said(database: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        def greet() -> None:
            made, _ = other.accept()
            with contextlib.suppress(OSError), made:
                made.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n" + b"x" * 8_000_000)

        threading.Thread(target=greet, daemon=True).start()
        store = Store.mysql(MySqlAddress("127.0.0.1", other.getsockname()[1], "botbook", database), PASSWORD)

        with pytest.raises(LedgerError, match="MYSQL_HOST"):
            store.prepare("SIM")


def test_a_test_of_the_settings_says_how_it_is_and_makes_nothing(mariadb: MariaDb, database: str) -> None:
    assert "MariaDB" in mysql.probe(mariadb.address(database), PASSWORD)
    assert "is made by the first start" in mysql.probe(mariadb.address(database), PASSWORD)
    assert not sql(mariadb, f"SHOW DATABASES LIKE '{database}'")
    made_before(mariadb, database)
    assert mysql.probe(mariadb.address(database), PASSWORD).endswith("is there")
    with pytest.raises(LedgerError, match="MYSQL_USER and MYSQL_PASSWORD"):
        mysql.probe(mariadb.address(database), "wrong-password-99")


# ---------------------------------------------------------------- packets


def test_a_transaction_larger_than_the_servers_packet_goes_in_parts(mariadb: MariaDb, database: str) -> None:
    before = sql(mariadb, "SELECT @@global.max_allowed_packet", )[0][0]
    sql(mariadb, "SET GLOBAL max_allowed_packet=16384")
    try:
        store = Store.mysql(mariadb.address(database), PASSWORD)
        store.prepare("SIM")
        rows = [coin(f"x:{number}") for number in range(150)]      # some 60 KB
        assert store.write([*rows, CounterRow("clOrdID", 7)])
        assert not store.write([coin("y:1"), *rows])
        assert len(store.coin_rows("Binance", ACCOUNT)) == 150, "all or nothing, in parts too"
        store.close()
    finally:
        sql(mariadb, f"SET GLOBAL max_allowed_packet={before}")


def test_a_packet_too_small_for_a_row_is_refused_at_the_start(mariadb: MariaDb, database: str) -> None:
    before = sql(mariadb, "SELECT @@global.max_allowed_packet")[0][0]
    sql(mariadb, "SET GLOBAL max_allowed_packet=4096")
    try:
        with pytest.raises(LedgerError, match=r"SET GLOBAL max_allowed_packet=16777216.*4096"):
            Store.mysql(mariadb.address(database), PASSWORD).prepare("SIM")
    finally:
        sql(mariadb, f"SET GLOBAL max_allowed_packet={before}")


# ---------------------------------------------------------------- lines


@pytest.fixture
def line(mariadb: MariaDb) -> Iterator[Proxy]:
    """The way to the server."""
    made = Proxy(mariadb.port)
    yield made
    made.close()


@pytest.fixture
def far(line: Proxy, database: str) -> Iterator[Store]:
    """A ledger at the end of that line, with one fact."""
    made = Store.mysql(MySqlAddress("127.0.0.1", line.port, "botbook", database), PASSWORD)
    made.prepare("SIM")
    assert made.write([coin()])
    yield made
    made.close()


def rows(number: int) -> list[object]:
    """A fact with its sum and counter."""
    return [coin(f"x:{number}"), BookRow(BTC, ACCOUNT, "A", "USDT", Decimal(number)), CounterRow("clOrdID", number)]


def test_a_commit_whose_answer_is_lost_is_settled_by_its_key(far: Store, line: Proxy) -> None:
    """D4: the outcome is not known; the same rows again are a repeat, and nothing stands twice."""
    line.cut_at = b"COMMIT"
    with pytest.raises(StoreAway, match="connects anew"):
        far.write(rows(2))  # type: ignore[arg-type]
    assert line.cuts == 1

    again = eventually(lambda: far.write(rows(2)))  # type: ignore[arg-type]

    assert again is False, "it was committed"
    assert [one.exec_id for one in far.coin_rows("Binance", ACCOUNT)] == ["linear:BTCUSDT:1", "x:2"]
    assert far.counters()["clOrdID"] == 2


def test_a_line_cut_before_the_commit_leaves_nothing(far: Store, line: Proxy) -> None:
    with pytest.raises(StoreAway), far._begin() as connection:
        connection.exec_driver_sql("UPDATE coins SET EMI = 'half'")
        line.cut()
        connection.exec_driver_sql("UPDATE coins SET EMI = 'whole'")

    assert eventually(lambda: far.write(rows(2)))  # type: ignore[arg-type]
    assert {one.emi for one in far.coin_rows("Binance", ACCOUNT)} == {"A"}


def test_a_slow_line_costs_one_way_there_and_back_a_transaction(far: Store, line: Proxy) -> None:
    line.delay_s = 0.15
    begun = time.monotonic()

    assert far.write(rows(2))  # type: ignore[arg-type]

    assert 0.3 <= time.monotonic() - begun < 0.6


def test_a_line_that_stalls_is_given_up_and_its_lock_taken_back(
        far: Store, line: Proxy, monkeypatch: pytest.MonkeyPatch) -> None:
    """The server still holds the first connection, with the account's lock: it is ours, so it is ended there."""
    monkeypatch.setattr(mysql, "ANSWER_S", 0.5)
    far.close()
    far.lock_account("Binance", ACCOUNT)
    line.is_stalled = True
    begun = time.monotonic()
    with pytest.raises(StoreAway):
        far.write(rows(2))  # type: ignore[arg-type]
    assert time.monotonic() - begun < 5
    line.is_stalled = False
    old, line._pairs = line._pairs, []            # half open: neither end hears of the other

    eventually(lambda: far.lock_account("Binance", ACCOUNT))

    far.write(rows(2))  # type: ignore[arg-type]
    assert [one.exec_id for one in far.coin_rows("Binance", ACCOUNT)][-1] == "x:2"
    assert old


def eventually(act: Callable[[], object], limit_s: float = 10.0) -> object:
    """Try again until it does not raise StoreAway any more; its answer."""
    end = time.monotonic() + limit_s
    while True:
        try:
            return act()
        except StoreAway:
            if time.monotonic() > end:
                raise
            time.sleep(0.02)


def test_another_programs_open_transaction_is_waited_for_shortly_and_said(mariadb: MariaDb, far: Store,
                                                                          database: str) -> None:
    far.write([CounterRow("clOrdID", 1)])
    with mariadb.root() as other, other.cursor() as cursor:
        cursor.execute("BEGIN")
        cursor.execute(f"UPDATE `{database}`.counters SET VALUE = 5")
        begun = time.monotonic()

        with pytest.raises(StoreAway, match="another program holds"):
            far.write([CounterRow("clOrdID", 2)])

        assert time.monotonic() - begun < mysql.LOCK_S + 2
        cursor.execute("ROLLBACK")
    assert far.write([CounterRow("clOrdID", 2)])


# ---------------------------------------------------------------- MySQL 8


@pytest.mark.parametrize("is_known", [True, False], ids=["known to the server", "sent whole under RSA"])
def test_login_of_mysql_8(is_known: bool) -> None:
    server = MySql8(PASSWORD, is_known)
    try:
        made = mysql.connect(MySqlAddress("127.0.0.1", server.port, "trader", "botbook_live"), PASSWORD, 5)
        made.close()

        assert server.logins == [f"{'scramble' if is_known else 'whole password under RSA'}: right"]
        assert "botbook_live" in server.statements

        with pytest.raises(LedgerError, match="check MYSQL_USER and MYSQL_PASSWORD") as refused:
            Store.mysql(MySqlAddress("127.0.0.1", server.port, "trader", "botbook_live"), "wrong-one-9").prepare("SIM")
        assert "wrong-one-9" not in str(refused.value)
    finally:
        server.close()
