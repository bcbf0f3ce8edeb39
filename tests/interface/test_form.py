"""The form in the real window: typed text stays, refusals stand beside it, its buttons send nothing by themselves."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest

from engine.commands import PlaceOrder
from models import Side

from .conftest import Driver
from .demo_feed import BTC, instrument

D = Decimal


def fill(window: Driver, qty: str, price: str) -> None:
    window.app.layout.form.qty.set(qty)
    window.app.layout.form.price.set(price)
    window.draw()


@pytest.mark.parametrize("typed", ["1e9", "-5", "0x10", "１２", " ", "nan", "1,5"])
def test_bad_quantities_are_refused_with_one_sentence_and_stay(window: Driver, typed: str) -> None:
    form = window.app.layout.form
    fill(window, typed, "61203.9")
    form.buttons["Buy limit"].invoke()
    window.draw()
    window.key("Return")

    assert window.posted() == [] and window.app.desk.draft is None
    assert form.qty.get() == typed and str(form.qty_entry.cget("style")) == "Bad.TEntry"
    assert window.note() and "\n" not in window.note()


def test_150_of_lot_100_keeps_the_text(window: Driver) -> None:
    window.stage.board.instruments[BTC] = replace(instrument("BTCUSDT"), lot=D(100), min_qty=D(100))
    form = window.app.layout.form
    fill(window, "150", "61203.9")
    assert "150 is not a multiple of 100" in str(form.line.cget("text"))
    form.buttons["Buy limit"].invoke()
    window.draw()

    assert window.posted() == [] and form.qty.get() == "150" and window.note() == "150 is not a multiple of 100"
    form.qty.set("100")
    window.draw()
    assert window.note() == ""


def test_double_and_triple_click_on_buy_and_enter_make_one_order(window: Driver) -> None:
    form = window.app.layout.form
    fill(window, "0.050", "61203.9")
    button, at = form.buttons["Buy limit"], window.time()
    for index in range(3):
        window.click(button, 20, 10, at + index * 120)
    assert window.posted() == []
    for index in range(3):
        window.key("Return", at + 800 + index * 60)

    assert [(sent.qty, sent.price) for sent in window.sent(PlaceOrder)] == [(D("0.050"), D("61203.9"))]


def test_the_owner_chooser_holds_reserved_and_the_symbols_bots(window: Driver) -> None:
    form = window.app.layout.form
    assert form.owner_box.cget("values") == ("RESERVED", "grid1")
    form.owner_box.current(1)
    form.owner_box.event_generate("<<ComboboxSelected>>")
    fill(window, "0.050", "61203.9")
    form.buttons["Sell limit"].invoke()
    window.draw()
    assert window.app.desk.draft is not None
    assert (window.app.desk.draft.owner, window.app.desk.draft.side) == ("grid1", Side.SELL)


def test_presets_fill_the_quantity(window: Driver) -> None:
    form = window.app.layout.form
    fill(window, "", "61203.9")
    form.presets["3×"].invoke()
    assert form.qty.get() == "0.003"
    form.presets["max"].invoke()
    most = D(form.qty.get())
    form.presets["50 %"].invoke()
    assert D("1.4") < most < D("1.46") and abs(D(form.qty.get()) * 2 - most) <= D("0.002")
    form.reduce.set(True)
    form.presets["max"].invoke()
    assert form.qty.get() == "0.250"
    form.reduce.set(False)


def test_editing_the_form_changes_the_open_slip(window: Driver) -> None:
    window.click_price("61203.9")
    window.app.layout.form.qty.set("0.7")
    window.app.layout.form.price.set("61203.5")
    window.draw()

    assert window.slip_texts()[0].replace("\u2009", "") == "BUY 0.700 BTC @ 61203.5"


def test_a_click_on_a_position_sets_the_form_to_close_it(window: Driver) -> None:
    tabs, form = window.app.layout.tabs, window.app.layout.form
    tabs.choose("Positions")
    window.draw()
    place = tabs.table.point_of(BTC, "symbol")
    assert place is not None
    window.click(tabs.table.canvas, *place)

    assert (form.qty.get(), form.price.get(), form.reduce.get()) == ("0.25", "61204.6", True)
    form.buttons["Sell limit"].invoke()
    window.draw()
    window.key("Return")
    sent = window.sent(PlaceOrder)[0]
    assert sent.reduce_only and sent.side is Side.SELL


def test_reduce_only_goes_with_trading_on(window: Driver) -> None:
    window.stage.change(trading=True)
    form = window.app.layout.form
    fill(window, "0.050", "61205.0")
    form.reduce.set(True)
    form.buttons["Sell limit"].invoke()
    window.draw()
    window.key("Return")

    assert len(window.sent(PlaceOrder)) == 1
    form.reduce.set(False)


def test_enter_in_the_price_field_sends_the_open_slip_only(window: Driver) -> None:
    form = window.app.layout.form
    form.price_entry.focus_force()
    window.key("Return", widget=form.price_entry)
    assert window.posted() == []
    window.click_price("61203.9")
    form.price_entry.focus_force()
    window.key("Return", widget=form.price_entry)

    assert len(window.sent(PlaceOrder)) == 1


def test_letters_in_an_entry_are_text(window: Driver) -> None:
    form = window.app.layout.form
    form.qty_entry.focus_force()
    window.app.root.update()
    for name in ("b", "s", "space"):
        window.key(name, widget=form.qty_entry)

    assert window.app.desk.draft is None


def test_locked_orders_say_why(window: Driver) -> None:
    window.stage.change(locked="Kill switch: re-arm first.")
    window.draw()
    window.click_price("61203.9")
    window.key("Return")

    assert window.posted() == [] and window.note() == "Kill switch: re-arm first."


def test_a_quantity_proposed_before_any_price_grows_to_what_the_venue_takes(window: Driver) -> None:
    form, board = window.app.layout.form, window.stage.board
    top, ticker, book = board.tops.pop(BTC), board.tickers.pop(BTC), board.books.pop(BTC)
    board.instruments[BTC] = replace(board.instruments[BTC], min_notional=Decimal(200))
    form._key = None
    window.draw()
    assert form.qty.get() == "0.001"

    board.tops[BTC], board.tickers[BTC], board.books[BTC] = top, ticker, book
    window.draw()
    assert form.qty.get() == "0.004"
    form.qty.set("0.002")                # typed: stays, whatever it is worth
    window.draw()
    assert form.qty.get() == "0.002"
