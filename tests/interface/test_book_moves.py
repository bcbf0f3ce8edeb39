"""Chips dragged to another row, and the levels view: what is drafted, what the guards refuse."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest

from engine.commands import Cancel, MoveOrder, PlaceOrder
from engine.view import OrderLine
from interface.dropdown import DropDown
from interface.guards import MOVED
from interface.memory import Memory, from_json, to_json
from interface.presenters.ladder import chips, fold, make_levels, moved_rows, row_of
from interface.sheets.order import OrderSheet
from models import Book, OrdType, Side, Trigger

from .conftest import Driver
from .demo_feed import BTC, book_around, instrument, order

D = Decimal
MINE = "1109584201.BTCUSDT.linear"


def carry(window: Driver, start: str, end: str, time: int = 0) -> None:
    """Drag the chip at one price to another."""
    window.drag((12, window.row_y(start)), (12, window.row_y(end)), time)


def levels(window: Driver) -> None:
    window.app.layout.book.choose_view("levels")
    window.draw()
    window.now += 1


def head(window: Driver) -> str:
    return window.slip_texts()[0].replace("\u2009", "") if window.slip_texts() else ""


@pytest.mark.parametrize("view", ["ladder", "levels"])
def test_a_dragged_chip_opens_the_slip_of_a_move_and_enter_sends_it(window: Driver, view: str) -> None:
    window.app.layout.book.choose_view(view)
    window.draw()
    window.now += 1
    at = window.time()
    carry(window, "61204.2", "61203.8", at)
    assert head(window) == "MOVE 61204.2 → 61203.8" and window.posted() == []
    window.key("Return", at + 300)      # 100 ms after the slip
    assert window.posted() == []
    window.key("Return", at + 400)

    assert [(move.order, move.price, move.qty) for move in window.sent(MoveOrder)] == [(MINE, D("61203.8"), None)]
    assert window.sent(PlaceOrder) == []


def test_a_dragged_chip_sends_nothing_without_enter(window: Driver) -> None:
    carry(window, "61204.2", "61203.8")
    window.key("Escape")

    assert window.app.desk.draft is None and window.posted() == []


def test_a_chip_let_go_on_its_own_row_or_outside_is_only_selected(window: Driver) -> None:
    carry(window, "61204.2", "61204.2")
    window.drag((12, window.row_y("61204.2")), (-40, window.row_y("61203.8")))

    assert window.app.desk.draft is None and window.app.desk.selected == (BTC, MINE) and window.posted() == []


def test_escape_drops_a_chip_that_is_carried(window: Driver) -> None:
    canvas, at = window.app.layout.book.canvas, window.time()
    canvas.event_generate("<ButtonPress-1>", x=12, y=window.row_y("61204.2"), time=at)
    canvas.event_generate("<B1-Motion>", x=12, y=window.row_y("61203.8"), time=at + 50)
    window.draw()
    assert "MOVE to 61" in window.app.layout.book._hint[0]
    window.key("Escape", at + 60)
    canvas.event_generate("<ButtonRelease-1>", x=12, y=window.row_y("61203.8"), time=at + 90)
    window.draw()

    assert window.app.desk.draft is None


def test_a_move_that_would_take_needs_its_tick(window: Driver) -> None:
    carry(window, "61204.2", "61204.9")
    assert "takes" in window.slip_texts()[3]
    window.key("Return")

    assert window.posted() == []


def test_a_stale_book_refuses_a_drag_and_its_cancel_goes(window: Driver) -> None:
    window.stage.board.books[BTC] = replace(window.stage.board.books[BTC], live=False)
    window.now += 6
    window.draw()
    carry(window, "61204.2", "61203.8")
    assert window.app.desk.draft is None and "7.0 s old" in window.app.layout.book._hint[0]
    window.click(window.app.layout.book.canvas, window.app.layout.book.ladder_canvas._edges[0] - 12,
                 window.row_y("61204.2"))

    assert [cancel.order for cancel in window.sent(Cancel)] == [MINE]


def test_a_chip_of_two_orders_moves_both_and_each_keeps_its_quantity(window: Driver) -> None:
    window.stage.change(orders=(order(1, "61204.2"), replace(order(2, "61204.2"), qty=D("0.2"), leaves=D("0.2"))))
    window.draw()
    at = window.time()
    carry(window, "61204.2", "61203.8", at)
    assert head(window) == "MOVE 2 orders 61204.2 → 61203.8"
    window.key("5", at + 400)
    assert "each keeps its quantity" in window.note()
    window.click_price("61203.6", at + 1000)
    assert head(window) == "MOVE 2 orders 61204.2 → 61203.6"
    window.key("Return", at + 2000)

    assert [(move.order, move.price, move.qty) for move in window.sent(MoveOrder)] == [
        ("1.BTCUSDT.linear", D("61203.6"), None), ("2.BTCUSDT.linear", D("61203.6"), None)]


def stop(number: int, trigger: str, price: str | None = None, side: Side = Side.SELL) -> OrderLine:
    """An order that waits for its trigger."""
    kind = OrdType.STOP_LIMIT if price else OrdType.STOP_MARKET
    return replace(order(number, "1", side), ord_type=kind, trigger=Trigger(D(trigger), None, True),
                   price=D(price) if price else None)


def test_a_chip_of_two_kinds_is_not_dragged(window: Driver) -> None:
    window.stage.change(orders=(order(1, "61204.2", Side.SELL), stop(2, "61204.2")))
    window.draw()
    carry(window, "61204.2", "61203.8")

    assert window.app.desk.draft is None and "These orders differ" in window.app.layout.book._hint[0]


def test_a_waiting_order_is_dragged_to_another_trigger_and_takes_its_limit_price_along(window: Driver) -> None:
    window.stage.change(orders=(stop(1, "61203.8", "61203.3"),))
    window.draw()
    at = window.time()
    carry(window, "61203.8", "61203.4", at)
    assert head(window) == "MOVE 61203.8 → 61203.4 @ 61202.9" and window.posted() == []
    assert "when mark" in window.slip_texts()[3]
    window.key("Return", at + 500)

    assert [(move.order, move.price, move.qty, move.trigger) for move in window.sent(MoveOrder)] == [
        ("1.BTCUSDT.linear", D("61202.9"), None, D("61203.4"))]


def test_f2_moves_a_stop_by_its_trigger_and_one_that_would_work_at_once_is_said(window: Driver) -> None:
    window.stage.change(orders=(stop(1, "61150.0"),))
    window.draw()
    window.app.desk.selected = (BTC, "1.BTCUSDT.linear")
    at = window.time()
    window.key("F2", at)
    form = window.app.layout.form
    assert window.app.shell.has_focus(form.kind.trigger_entry) and form.kind.trigger.get() == "61150"
    form.kind.trigger.set("61900")
    window.draw()
    assert "would trigger at once" in window.slip_texts()[3]
    form.kind.trigger.set("61100")
    window.key("Return", at + 500, widget=form.kind.trigger_entry)

    assert [(move.price, move.qty, move.trigger) for move in window.sent(MoveOrder)] == [(None, None, D("61100"))]


def test_the_order_sheet_moves_a_stop_by_its_trigger(window: Driver) -> None:
    line = stop(1, "61150.0")
    window.stage.change(orders=(line,))
    window.draw()
    sheet = OrderSheet(window.app.shell, line)
    sheet.at.set("61140.5")
    sheet._move()
    window.key("Return", window.time())

    assert [(move.price, move.trigger) for move in window.sent(MoveOrder)] == [(None, D("61140.5"))]


def test_moving_stays_possible_with_trading_on(window: Driver) -> None:
    window.stage.change(trading=True)
    window.draw()
    window.now += 1
    carry(window, "61204.2", "61203.8")

    assert head(window).startswith("MOVE")


# ---------------------------------------------------------------- levels


def test_levels_are_exactly_the_venues_rows() -> None:
    rules = instrument("BTCUSDT")
    book = Book(((D("100.0"), D(1)), (D("99.2"), D(2)), (D("98"), D(3))), ((D("100.5"), D(4)), (D("103"), D(5))), 0,
                0.0, True)

    shown = make_levels(book, 4, rules)

    assert [str(price) for price in shown.prices] == ["0", "0", "103", "100.5", "100.0", "99.2", "98", "0"]
    assert [(row.size, row.total) for row in fold(shown, book, rules)] == [
        ("", ""), ("", ""), ("5.000", "9.000"), ("4.000", "4.000"), ("1.000", "1.000"), ("2.000", "3.000"),
        ("3.000", "6.000"), ("", "")]
    assert [row_of(shown, D(price), side) for price, side in (
        ("99.2", Side.BUY), ("99", Side.BUY), ("97", Side.BUY), ("103", Side.SELL), ("104", Side.SELL))] == [
        5, 6, 8, 2, -1]
    assert row_of(shown, D("100.2"), Side.BUY) == 4 and row_of(shown, D("100.2"), Side.SELL) == 3
    assert row_of(make_levels(Book((), (), 0, 0.0, True), 4, rules), D(1), Side.SELL) == -1
    found, above, below = chips(shown, (order(1, "99.2"), order(2, "90"), order(3, "104", Side.SELL),
                                        order(4, "103", Side.SELL)), rules)
    assert ([chip.row for chip in found], above, below) == ([2, 5], 1, 1)


def test_rows_that_moved_are_told_one_by_one() -> None:
    rules = instrument("BTCUSDT")
    old = make_levels(book_around(D("100"), D("0.1"), 0.0), 4, rules)

    same = make_levels(book_around(D("100"), D("0.1"), 0.0, seed=9), 4, rules)
    assert moved_rows(old, same) == [] and moved_rows(None, same) == list(range(8))
    book = book_around(D("100"), D("0.1"), 0.0)
    assert moved_rows(old, make_levels(replace(book, bids=book.bids[:2] + book.bids[3:]), 4, rules)) == [6, 7]


def test_the_view_is_chosen_in_the_header_and_remembered(window: Driver) -> None:
    book = window.app.layout.book
    book._view_menu(0)
    menu = window.app.shell.layers[-1]
    assert isinstance(menu, DropDown)
    assert [label for label, _act in menu._entries] == ["Ladder: fixed prices", "Levels: the venue's rows"]
    menu._choose(1)
    window.draw()

    assert book.view == "levels" and "levels ▾" in book.bar.texts()["view"] and "step" not in book.bar.texts()
    assert from_json(to_json(Memory(book=book.view))).book == "levels"


def test_a_click_on_a_level_drafts_its_price(window: Driver) -> None:
    levels(window)
    window.click_price("61203.9")
    window.key("Return")

    assert [(sent.side, sent.price) for sent in window.sent(PlaceOrder)] == [(Side.BUY, D("61203.9"))]


def test_a_level_that_has_just_changed_is_not_clicked_and_its_neighbours_are(window: Driver) -> None:
    levels(window)
    book = window.stage.board.books[BTC]
    window.stage.board.books[BTC] = replace(book, bids=book.bids[:8] + book.bids[9:])      # rows below the eighth move
    window.draw()
    window.click_price("61203.6")
    assert window.app.desk.draft is None and window.app.layout.book._hint[0] == MOVED

    window.click_price("61203.9")
    assert window.app.desk.draft is not None
    window.key("Escape")
    window.now += 0.3
    window.click_price("61203.6")
    assert window.app.desk.draft is not None


def test_quote_depth_shows_one_row_a_side(window: Driver) -> None:
    window.stage.board.books.clear()
    window.app.desk.quote = True
    levels(window)
    book = window.app.layout.book
    assert book.ladder is not None
    assert [text.replace("\u2009", "") for text in book.ladder.texts if text] == ["61204.6", "61204.5"]
    window.click_price("61204.6")

    assert window.app.desk.draft is not None and window.app.desk.draft.side is Side.SELL
    window.app.desk.quote = False
