"""Rows of `robots` written by the program, and rows that move books between bots, alike on SQLite and MariaDB."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

from msgspec import structs

from core.rows import BookRow, CounterRow, RobotAdded, RobotRemoved, RobotRenamed
from db.store import Store
from engine.kept import fold
from engine.transfers import Transfer, move_everything
from models import Category, Key, OrdStatus
from tests.support.bots import row
from tests.support.build import ACCOUNT, BTC, ETH, T0, coin, order

D = Decimal


def test_bot_is_added_renamed_and_removed(store: Store) -> None:
    made = row("A", params='{"note": "100 % \\\\ of \'it\'; DROP"}', state="OFF")

    assert store.write([RobotAdded(made), RobotAdded(row("B"))])
    assert store.robots() == (made, row("B"))
    with store._begin() as connection:
        margin, day = connection.exec_driver_sql("SELECT MARGIN, DAT FROM robots").all()[0]
    assert margin == 0 and str(day).startswith("20")

    assert store.write([RobotRenamed("A", "alfa", "breakout"), RobotRenamed("ghost", "y", "")])
    assert store.robots() == (replace(made, emi="alfa", strategy="breakout"), row("B"))

    assert store.write([RobotRemoved("alfa"), RobotRemoved("ghost")])
    assert store.robots() == (row("B"),)


def test_name_that_is_there_already_undoes_the_whole_transaction(store: Store) -> None:
    store.write([RobotAdded(row("A")), RobotAdded(row("B"))])

    for last in (RobotAdded(row("B")), RobotRenamed("A", "B", "")):
        assert not store.write([coin("MOVE:1"), CounterRow("clOrdID", 7), last])

    assert store.counters() == {} and store.coin_rows("Binance", ACCOUNT) == ()
    assert [one.emi for one in store.robots()] == ["A", "B"]


def test_transfer_rows_are_no_fills_when_the_ledger_is_read(store: Store) -> None:
    facts = [coin("x:1", qty="3"), coin("x:2", qty="-1", price="51000"), coin("x:3", emi="B", qty="2")]
    kept = fold(facts)
    names = {(book.emi, book.currency): book for book in kept}
    moved = move_everything(Transfer(BTC, ACCOUNT, "A", "B", 5, T0 + 9, T0), [names["A", "USDT"]],
                            lambda emi, unit: names[emi, unit])
    store.write([*facts, *kept])
    store.write([*moved.coins, *moved.books])

    loaded = store.load("Binance", ACCOUNT, 0)
    assert {book.emi: book for book in loaded.books} == {book.emi: book for book in fold(
        store.coin_rows("Binance", ACCOUNT))}
    assert store.count_fills("Binance", ACCOUNT) == sum(book.fills for book in loaded.books) == 3
    assert [one.exec_id for one in store.trades("Binance", ACCOUNT, 2**62)] == ["x:3", "x:2", "x:1"]
    assert [(one.emi, one.qty) for one in loaded.trades][:2] == [("B", D(2)), ("A", D(-2))]     # they move positions
    assert {one.exec_id for one in loaded.trades[:2]} == {f"MOVE:{ACCOUNT}:linear:BTCUSDT:{T0 + 9}:5:all"}

    longest = Transfer(Key("Binance", Category.INVERSE, "X" * 40), "9" * 40, "a" * 20, "b" * 20, 10**9, 10**13, T0)
    assert store.write([
        structs.replace(coin(longest.exec_id + ":all", key=longest.key), account="9" * 40, refer="b" * 20)])


def test_names_that_bots_had_are_read_at_a_start(store: Store) -> None:
    kept = fold([coin("x:1", qty="3")])
    for number, (old, new) in enumerate((("A", "B"), ("B", "C")), 5):
        (held,) = (book for book in kept if book.emi == old)
        moved = move_everything(Transfer(BTC, ACCOUNT, old, new, number, T0 + number, T0), [held],
                                lambda emi, unit, held=held: structs.replace(held, emi=emi) if emi == held.emi  # type: ignore[misc]
                                else BookRow(BTC, ACCOUNT, emi, unit), True)
        store.write([*moved.coins, *moved.books])
        kept = moved.books
    merged = structs.replace(moved.coins[0], exec_id="MOVE:1:all", emi="D", refer="C")
    store.write([merged])

    assert store.load("Binance", ACCOUNT, 0).renamed == (("A", "B"), ("B", "C"))
    assert store.load("Binance", "OTHER", 0).renamed == ()


def test_books_and_open_orders_are_found_in_every_account(store: Store) -> None:
    other = BookRow(ETH, "OTHER", "A", "USDT", pos=D(1), entry=D(2))
    store.write([BookRow(BTC, ACCOUNT, "A", "USDT"), other, BookRow(BTC, ACCOUNT, "B", "USDT"),
                 order(name="1.A"), structs.replace(order(name="2.A"), account="OTHER"),
                 order(OrdStatus.FILLED, name="3.A"), order(name="4.B", owner="B")])

    assert set(store.books_of(("A", "ghost"))) == {BookRow(BTC, ACCOUNT, "A", "USDT"), other}
    assert {(one.account, one.name) for one in store.open_orders_of(("A",))} == {(ACCOUNT, "1.A"), ("OTHER", "2.A")}
    assert store.books_of(()) == () and store.open_orders_of(()) == ()
