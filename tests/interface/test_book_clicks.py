"""The book in the real window: nothing is sent that was not read first; getting out is always one step."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest

from engine.commands import Cancel, CancelAll, MoveOrder, PlaceOrder, Refusal, Verdict
from interface.guards import MOVED, TRADING_ON
from interface.memory import habit_of
from models import Mode, OrdType, Side, TimeInForce

from .conftest import Driver
from .demo_feed import BTC, instrument, order

D = Decimal


def test_a_click_makes_a_slip_and_sends_nothing(window: Driver) -> None:
    window.click_price("61203.9")

    draft = window.app.desk.draft
    assert draft is not None and (draft.side, draft.price, draft.owner) == (Side.BUY, "61203.9", BTC.reserved)
    assert window.slip_texts()[0].startswith("BUY 0.001 BTC @ 61")
    assert window.posted() == []
    assert window.app.layout.form.price.get() == "61203.9"


def test_the_ask_half_proposes_a_sell(window: Driver) -> None:
    window.click_price("61205.2")

    assert window.app.desk.draft is not None and window.app.desk.draft.side is Side.SELL


def test_enter_sends_once_and_post_only(window: Driver) -> None:
    at = window.time()
    window.click_price("61203.9", at)
    window.key("Return", at + 200)
    window.key("Return", at + 900)

    orders = window.sent(PlaceOrder)
    assert len(orders) == 1
    assert (orders[0].qty, orders[0].price, orders[0].tif, orders[0].post_only, orders[0].by_hand) == (
        D("0.001"), D("61203.9"), TimeInForce.GTX, True, True)
    assert orders[0].wanted == D("61203.9") and window.app.desk.draft is None


def test_enter_before_150_ms_does_not_count(window: Driver) -> None:
    at = window.time()
    window.click_price("61203.9", at)
    window.key("Return", at + 149)

    assert window.posted() == [] and window.app.desk.draft is not None


@pytest.mark.parametrize("gap", [80, 250, 499])
def test_a_double_click_sends_nothing(window: Driver, gap: int) -> None:
    at = window.time()
    for index in range(3):
        window.click_price("61203.9", at + index * gap // 2)

    assert window.posted() == []


def test_a_click_on_the_slip_after_600_ms_sends(window: Driver) -> None:
    at = window.time()
    window.click_price("61203.9", at)
    window.click_price("61203.9", at + 599)
    assert window.posted() == []
    window.click_price("61203.9", at + 600)

    assert len(window.sent(PlaceOrder)) == 1


def test_the_pinned_price_goes_out_though_the_market_moved(window: Driver) -> None:
    at = window.time()
    window.click_price("61203.9", at)
    window.now += 1
    window.stage.move(-4, window.now)
    window.draw()
    window.key("Return", at + 1500)

    assert window.sent(PlaceOrder)[0].price == D("61203.9")


def test_a_row_that_just_moved_drops_the_click(window: Driver) -> None:
    window.stage.move(30, window.now)
    window.key("space")
    window.click_price("61206.0")
    assert window.app.desk.draft is None and window.posted() == []
    assert window.app.layout.book._hint[0] == MOVED

    window.now += 0.3
    window.click_price("61206.0")
    assert window.app.desk.draft is not None


def test_the_ladder_never_moves_under_the_pointer(window: Driver) -> None:
    book = window.app.layout.book
    before = book.ladder
    book.canvas.event_generate("<Motion>", x=50, y=50, time=window.time())
    window.stage.move(200, window.now)
    window.now += 5
    window.draw()
    assert book.ladder is before

    book.canvas.event_generate("<Leave>", time=window.time())
    window.now += 0.9
    window.draw()
    assert book.ladder is before
    window.now += 0.2
    window.draw()
    assert book.ladder is not before


def test_a_stale_book_refuses_clicks_with_its_age_and_lets_cancels_go(window: Driver) -> None:
    window.stage.go_stale(6.4, window.now)
    window.draw()
    book = window.app.layout.book
    window.click_price("61203.9")
    assert window.app.desk.draft is None and "6.4 s old" in book._hint[0]
    box = book.ladder_canvas._box
    assert window.item(book.canvas, box[1], "text") == "STALE 6.4 s"

    window.click(book.canvas, book.ladder_canvas._edges[0] - 12, window.row_y("61204.2"))
    window.key("Delete")
    assert [command.order for command in window.sent(Cancel)] == ["1109584201.BTCUSDT.linear"]


def test_a_book_that_goes_stale_under_an_open_slip_sends_nothing(window: Driver) -> None:
    at = window.time()
    window.click_price("61203.9", at)
    window.stage.go_stale(6.4, window.now)
    window.key("Return", at + 900)

    assert window.posted() == [] and "6.4 s old" in window.note()


def test_the_cross_of_a_chip_cancels_at_once(window: Driver) -> None:
    book = window.app.layout.book
    window.click(book.canvas, book.ladder_canvas._edges[0] - 12, window.row_y("61204.9"))

    assert [command.order for command in window.sent(Cancel)] == ["1109584202.BTCUSDT.linear"]
    assert window.app.desk.draft is None


def test_a_chip_of_two_orders_cancels_both(window: Driver) -> None:
    window.stage.change(orders=(order(1, "61204.2"), order(2, "61204.2")))
    window.draw()
    book = window.app.layout.book
    row = book.ladder_canvas.row_at(window.row_y("61204.2"))
    assert row is not None and window.item(book.canvas, book.ladder_canvas._rows[row].mine) == "2 ✕"
    window.click(book.canvas, book.ladder_canvas._edges[0] - 12, window.row_y("61204.2"))

    assert [command.order for command in window.sent(Cancel)] == ["1.BTCUSDT.linear", "2.BTCUSDT.linear"]


def test_orders_out_of_sight_are_counted(window: Driver) -> None:
    window.stage.change(orders=(order(1, "61300", Side.SELL), order(2, "61301", Side.SELL), order(3, "61302",
                                                                                                   Side.SELL)))
    window.draw()
    book = window.app.layout.book
    assert window.item(book.canvas, book.ladder_canvas._rows[0].mine, "text") == "▲ 3 more"


def test_digits_edit_the_quantity_of_an_open_draft(window: Driver) -> None:
    at = window.time()
    window.click_price("61203.9", at)
    for name in ("0", "period", "2", "5"):
        window.key(name)
    assert window.app.layout.form.qty.get() == "0.25"
    window.key("BackSpace")
    window.key("Return")

    assert window.sent(PlaceOrder)[0].qty == D("0.2")


def test_escape_elsewhere_and_eight_seconds_drop_the_slip(window: Driver) -> None:
    window.click_price("61203.9")
    window.key("Escape")
    assert window.app.desk.draft is None

    window.click_price("61203.9")
    window.click(window.app.layout.chart.canvas, 300, 200)
    assert window.app.desk.draft is None

    window.click_price("61203.9")
    window.now += 7.9
    window.draw()
    assert window.app.desk.draft is not None
    window.now += 0.2
    window.draw()
    assert window.app.desk.draft is None and window.posted() == []


def test_with_trading_on_there_is_no_slip_but_a_hint(window: Driver) -> None:
    window.stage.change(trading=True)
    window.draw()
    window.click_price("61203.9")
    window.key("b")

    assert window.app.desk.draft is None and window.posted() == []
    assert window.note() == TRADING_ON and window.app.layout.book._hint[0] == TRADING_ON


def test_trading_switched_on_drops_an_open_slip_and_moves_stay_possible(window: Driver) -> None:
    window.click_price("61203.9")
    window.key("F9")
    assert window.app.desk.draft is None

    window.stage.change(trading=True)
    window.app.desk.selected = (BTC, "1109584201.BTCUSDT.linear")
    window.key("F2")
    assert window.app.desk.draft is not None and window.app.desk.draft.order


def test_a_crossing_price_needs_take(window: Driver) -> None:
    window.click_price("61204.5")
    window.stage.move(-5, window.now)
    window.draw()
    assert "takes 0.001 now at ≤ 61" in window.slip_texts()[3]
    window.key("Return")
    assert window.posted() == [] and "take" in window.note()

    window.key("t")
    window.key("Return")
    sent = window.sent(PlaceOrder)[0]
    assert sent.price == D("61204.5") and not sent.post_only and sent.tif is TimeInForce.GTC


def test_far_from_habit_needs_a_yes(window: Driver) -> None:
    window.app.desk.habits.recall({}, {habit_of(window.app.desk.mode, BTC): ("0.010",) * 10})
    window.click_price("61203.9")
    for name in ("0", "period", "5"):
        window.key(name)
    assert window.slip_texts()[4] == "☐ yes, 0.500 (Y)"
    window.key("Return")
    assert window.posted() == []

    window.key("y")
    window.key("Return")
    assert window.sent(PlaceOrder)[0].qty == D("0.5")


def test_the_same_order_within_a_second_asks_once_more(window: Driver) -> None:
    for _time in range(2):
        at = window.time()
        window.click_price("61203.9", at)
        window.key("Return", at + 200)
    assert len(window.sent(PlaceOrder)) == 1
    assert "the same order again?" in window.slip_texts()[3]

    window.key("Return")
    orders = window.sent(PlaceOrder)
    assert len(orders) == 2 and orders[1].repeat_confirmed and orders[0].ticket != orders[1].ticket


def test_a_refusal_that_may_be_asked_again_reopens_the_slip_with_a_new_ticket(window: Driver) -> None:
    window.click_price("61203.9")
    window.key("Return")
    first = window.sent(PlaceOrder)[0]
    window.stage.change(verdicts=(Verdict(first.ticket, False, refusal=Refusal("the same again?", again=True)),))
    window.draw()
    assert "the same order again?" in window.slip_texts()[3]
    window.now += 0.2
    window.key("Return")

    second = window.sent(PlaceOrder)[1]
    assert second.repeat_confirmed and second.ticket != first.ticket


def test_a_refusal_of_the_engine_stands_beside_the_form(window: Driver) -> None:
    window.click_price("61203.9")
    window.key("Return")
    ticket = window.sent(PlaceOrder)[0].ticket
    window.stage.change(verdicts=(Verdict(ticket, False, refusal=Refusal("margin is insufficient", "qty")),))
    window.draw()

    assert "margin is insufficient" in str(window.app.layout.form.line.cget("text"))
    assert window.app.layout.form.qty.get() == "0.001"


def test_the_first_live_order_asks_in_a_sheet(window: Driver) -> None:
    window.reset(Mode.LIVE)
    window.click_price("61203.9")
    window.key("Return")
    assert window.posted() == [] and "live" in window.app.shell.sheets
    window.key("Escape")
    assert window.posted() == [] and window.app.desk.draft is None

    window.click_price("61203.9")
    window.key("Return")
    sheet = window.app.shell.sheets["live"]
    sheet._for_session.set(True)  # type: ignore[attr-defined]  # the test knows which sheet it is
    sheet._go()  # type: ignore[attr-defined]  # as above
    assert len(window.sent(PlaceOrder)) == 1
    window.now += 2
    window.click_price("61203.8")
    window.key("Return")
    assert len(window.sent(PlaceOrder)) == 2


def test_f2_moves_by_keyboard_and_by_another_row(window: Driver) -> None:
    book = window.app.layout.book
    window.click(book.canvas, 12, window.row_y("61204.2"))
    window.key("F2")
    assert window.app.desk.draft is not None and window.app.desk.draft.order == "1109584201.BTCUSDT.linear"
    window.click_price("61203.8")
    assert window.slip_texts()[0].replace("\u2009", "") == "MOVE 61204.2 → 61203.8"
    window.key("Return")

    moves = window.sent(MoveOrder)
    assert [(move.order, move.price, move.qty) for move in moves] == [
        ("1109584201.BTCUSDT.linear", D("61203.8"), None)]
    assert window.sent(PlaceOrder) == []


def test_b_and_s_draft_at_the_best(window: Driver) -> None:
    window.key("b")
    assert window.app.desk.draft is not None and window.app.desk.draft.price == "61204.5"
    window.key("s")
    assert window.app.desk.draft.price == "61204.6" and window.app.desk.draft.side is Side.SELL


def test_steps_fold_the_book(window: Driver) -> None:
    book = window.app.layout.book
    window.key("bracketright")
    assert book.ladder is not None and book.ladder.step == D("0.2")
    window.key("bracketleft")
    assert book.ladder.step == D("0.1")
    window.app.layout.book._step_menu(0)
    assert len(window.app.shell.layers) == 1
    window.key("Escape")
    assert window.app.shell.layers == []


def test_quote_depth_is_still_clickable(window: Driver) -> None:
    window.stage.board.books.clear()
    window.app.desk.quote = True
    window.draw()
    window.now += 1
    window.click_price("61204.5")

    assert window.app.desk.draft is not None
    window.app.desk.quote = False


def test_150_of_lot_100_is_refused_on_the_slip(window: Driver) -> None:
    window.stage.board.instruments[BTC] = replace(instrument("BTCUSDT"), lot=D(100), min_qty=D(100))
    window.draw()
    window.click_price("61203.9")
    assert window.app.desk.draft is not None and window.app.desk.draft.qty == "100"
    for name in ("1", "5", "0"):
        window.key(name)
    window.key("Return")

    assert window.posted() == [] and "150 is not a multiple of 100" in window.slip_texts()[3]
    assert window.app.layout.form.qty.get() == "150"


def test_f4_twice_cancels_all_of_the_symbol(window: Driver) -> None:
    window.key("F4")
    assert window.posted() == []
    window.now += 1
    window.key("F4")

    assert [command.key for command in window.sent(CancelAll)] == [BTC]


def test_a_market_order_goes_by_the_slip_too(window: Driver) -> None:
    form = window.app.layout.form
    form.buttons["Buy market"].invoke()
    window.draw()
    assert window.posted() == [] and window.slip_texts()[0] == "BUY 0.001 BTC at market"
    window.key("Return")

    sent = window.sent(PlaceOrder)[0]
    assert sent.ord_type is OrdType.MARKET and sent.price is None and not sent.post_only
