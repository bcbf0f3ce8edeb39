"""How rows are written: in place, in one packet, with few indexes; and how an older ledger comes to that."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest
import sqlalchemy as sa
from msgspec.structs import replace

from core.errors import LedgerError
from core.rows import BookRow, CounterRow, Row
from db.store import FOLD_AFTER, Store, StoreAway
from models import OrdStatus
from tests.db.conftest import Opener
from tests.db.test_store import count, raw
from tests.support.build import ACCOUNT, BTC, coin, order
from tests.support.mariadb import PASSWORD, MariaDb

D = Decimal
OLD_INDEXES = {"ix_coins_time": ("coins", "MARKET, ACCOUNT, CATEGORY, SYMBOL, TTIME"),
               "ix_coins_side": ("coins", "SIDE"), "ix_orders_status": ("orders", "STATUS")}
NEW_INDEXES = ("ix_coins_funding",)


def indexes(store: Store) -> set[str]:
    """Names of the plain indexes of the two tables a fill is written to."""
    with store._begin() as connection:
        seen = sa.inspect(connection)
        return {str(index["name"]) for table in ("coins", "orders") for index in seen.get_indexes(table)}


def make_old(store: Store) -> None:
    """The tables as version 1 had them."""
    for name in NEW_INDEXES:
        raw(store, f"DROP INDEX {name}" + ("" if store.kind == "sqlite" else " ON coins"))
    for name, (table, columns) in OLD_INDEXES.items():
        raw(store, f"CREATE INDEX {name} ON {table} ({columns})")
    raw(store, "UPDATE `schema` SET VALUE = '1' WHERE NAME = 'version'")


def test_ledger_of_version_1_keeps_its_rows_and_changes_its_indexes(opener: Opener) -> None:
    store = opener()
    fresh = indexes(store)
    rows = [coin(f"x:{number}") for number in range(5)]
    store.write([*rows, order(booked="5"), CounterRow("clOrdID", 5)])
    make_old(store)
    assert indexes(store) != fresh

    again = opener()

    assert indexes(again) == fresh
    assert [replace(row, id=0) for row in again.coin_rows("Binance", ACCOUNT)] == rows
    assert again.load("Binance", ACCOUNT, 0).orders[0].booked_qty == 5
    assert raw(again, "SELECT VALUE FROM `schema` WHERE NAME = 'version'") == [("3",)]
    assert not again.write([rows[0]]) and again.write([coin("x:9")])


def test_copy_before_a_step_holds_what_stands_in_the_log(tmp_path: Path) -> None:
    path = tmp_path / "sim.db"
    store = Store.sqlite(path)
    store.prepare("SIM")
    make_old(store)
    store.write([coin()])
    assert path.with_name("sim.db-wal").stat().st_size > 0

    store.prepare("SIM")

    copy = sqlite3.connect(tmp_path / "sim.db.v1.bak")
    assert copy.execute("SELECT EXECID FROM coins").fetchall() == [("linear:BTCUSDT:1",)]
    assert copy.execute("SELECT VALUE FROM `schema` WHERE NAME = 'version'").fetchone() == ("1",)
    copy.close()
    store.close()


def test_fill_of_an_order_that_stands_rewrites_no_index_of_it(tmp_path: Path) -> None:
    """Pages of the log of one fill: the fact with its two indexes, the order, the sums."""
    store = Store.sqlite(tmp_path / "sim.db")
    store.prepare("SIM")
    log = tmp_path / "sim.db-wal"
    book = BookRow(BTC, ACCOUNT, "A", "USDT", D(1))
    store.write([coin("x:1"), order(OrdStatus.PARTIALLY_FILLED, booked="1"), book])
    before = log.stat().st_size

    store.write([coin("x:2"), order(OrdStatus.PARTIALLY_FILLED, booked="2"), replace(book, pos=D(2))])

    assert (log.stat().st_size - before) // 4120 == 5        # a page of 4096 with its header of 24
    loaded = store.load("Binance", ACCOUNT, 0)
    assert (loaded.orders[0].booked_qty, loaded.books[0].pos) == (D(2), D(2))
    store.close()


@pytest.mark.parametrize("change", [
    {"order_id": "777"}, {"order_id": ""}, {"status": OrdStatus.CANCELED}, {"price": None}, {"qty": D(3)},
    {"text": "it's 100 % \\ \"so\"; --"}, {"owner": "B", "cl_ord_id": "9.B"}, {"reduce_only": True}], ids=str)
def test_any_change_of_an_order_replaces_its_row(store: Store, change: dict[str, object]) -> None:
    before = order(OrdStatus.NEW)
    store.write([before])
    after = replace(before, **change)

    store.write([after])

    assert store.find_order(BTC, ACCOUNT, before.name, "") == after
    assert count(store, "orders") == 1


def test_row_that_was_deleted_by_hand_is_written_again(store: Store) -> None:
    store.write([order(), BookRow(BTC, ACCOUNT, "A", "USDT", D(1)), CounterRow("clOrdID", 1)])
    for table in ("orders", "books", "counters"):
        raw(store, f"DELETE FROM {table}")

    store.write([order(booked="2"), BookRow(BTC, ACCOUNT, "A", "USDT", D(2)), CounterRow("clOrdID", 2)])

    loaded = store.load("Binance", ACCOUNT, 0)
    assert (loaded.orders[0].booked_qty, loaded.books[0].pos, loaded.counters) == (D(2), D(2), {"clOrdID": 2})


@pytest.mark.parametrize("words", ["it's", "a\\'b", "100 %s %(x)s", "x'; DROP TABLE coins; --", "“ü”\n\t\x1a", "\\"])
def test_words_of_the_venue_are_stored_as_they_are(store: Store, words: str) -> None:
    store.write([replace(order(), text=words), replace(coin(), refer=words)])

    assert store.find_order(BTC, ACCOUNT, "1.A", "").text == words  # type: ignore[union-attr]
    assert store.coin_rows("Binance", ACCOUNT)[0].refer == words


def test_many_rows_are_one_transaction_also_where_a_repeat_stands_last(store: Store) -> None:
    store.write([coin("x:0")])

    again = store.write([*(coin(f"x:{number}") for number in range(1, 700)), coin("x:0")])

    assert not again and count(store, "coins") == 1
    assert store.write([coin(f"x:{number}") for number in range(1, 700)]) and count(store, "coins") == 700


def test_error_inside_a_packet_leaves_nothing_and_the_connection_usable(store: Store) -> None:
    bad = replace(order(name="2.A"), name="n" * 65)
    with pytest.raises(LedgerError):
        store.write([coin(), bad, CounterRow("clOrdID", 7)])

    assert count(store, "coins") == 0 and store.counters() == {}
    assert store.write([coin()]) and count(store, "coins") == 1


def test_server_killed_between_packets_commits_nothing(mariadb: MariaDb, database: str) -> None:
    store = Store.mysql(mariadb.address(database), PASSWORD)
    store.prepare("SIM")

    def rows() -> Iterator[Row]:
        for number in range(500):
            if number == 450:                     # two packets are with the server
                mariadb.kill()
            yield coin(f"x:{number}")

    with pytest.raises(StoreAway):
        store.write(rows())

    mariadb.start()
    assert store.write([coin("x:0")]) and len(store.coin_rows("Binance", ACCOUNT)) == 1
    store.close()


def test_log_is_folded_in_quiet_moments_beside_a_reader(tmp_path: Path) -> None:
    path = tmp_path / "sim.db"
    store = Store.sqlite(path)
    store.prepare("SIM")
    store.fold()
    small = path.stat().st_size
    reader = sqlite3.connect(path, isolation_level=None)
    reader.execute("BEGIN")
    assert reader.execute("SELECT COUNT(*) FROM coins").fetchone() == (0,)
    for number in range(FOLD_AFTER + 8):
        assert store.wants_folding == (number >= FOLD_AFTER)
        store.write([coin(f"x:{number}")])

    store.fold()
    assert not store.wants_folding and path.stat().st_size == small       # the reader still needs the old pages
    reader.execute("ROLLBACK")
    store.fold()

    assert path.stat().st_size > small
    assert reader.execute("SELECT COUNT(*) FROM coins").fetchone() == (FOLD_AFTER + 8,)
    reader.close()
    store.close()


def test_folding_a_locked_or_lost_file_is_no_error(tmp_path: Path) -> None:
    path = tmp_path / "sim.db"
    store = Store.sqlite(path)
    store.fold()                                   # nothing is open yet
    store.prepare("SIM")
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    store.fold()
    other.execute("ROLLBACK")
    other.close()
    assert store.write([coin()])
    for file in path.parent.glob("sim.db*"):
        file.unlink()

    store.fold()

    with pytest.raises(StoreAway, match="is gone"):
        store.write([coin("x:2")])
