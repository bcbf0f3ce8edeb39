"""Order types and flags in the form, triggers and their checks, leverage: what is typed, shown and sent."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest

from engine.commands import ChangeLeverage, PlaceOrder
from interface.draft import Draft, read_draft
from interface.dropdown import DropDown
from interface.panels.form_kind import LAST as LAST_WORD
from interface.panels.form_kind import MARK
from interface.presenters.abilities import leverages, no_post
from models import Category, Key, LeverageReport, OrdType, Side, Ticker, TimeInForce, Trigger

from .conftest import Driver
from .demo_feed import BTC, instrument

D = Decimal
T = OrdType
LAST, MARK_PX = D("61204.5"), D("61203.9")
TICKER = Ticker(LAST, mark=MARK_PX)


def reading(ord_type: OrdType, side: Side, trigger: str = "", price: str = "61000", callback: str = "",
            by_mark: bool = False) -> dict[str, str]:
    """The problems of a conditional draft."""
    draft = Draft(BTC, BTC.reserved, side, "0.050", price, ord_type, trigger=trigger, callback=callback,
                  by_mark=by_mark)
    return read_draft(draft, instrument("BTCUSDT"), None, TICKER).problems


@pytest.mark.parametrize(("ord_type", "side", "trigger", "at_once"), [
    (T.STOP_MARKET, Side.SELL, "60000", False), (T.STOP_MARKET, Side.SELL, "61204.5", True),
    (T.STOP_MARKET, Side.BUY, "62000", False), (T.STOP_LIMIT, Side.BUY, "61204.4", True),
    (T.TAKE_PROFIT_MARKET, Side.SELL, "62000", False), (T.TAKE_PROFIT_MARKET, Side.SELL, "61000", True),
    (T.TAKE_PROFIT_LIMIT, Side.BUY, "61000", False), (T.TAKE_PROFIT_LIMIT, Side.BUY, "62000", True)])
def test_a_trigger_on_the_wrong_side_is_refused(ord_type: OrdType, side: Side, trigger: str, at_once: bool) -> None:
    assert ("would trigger at once" in reading(ord_type, side, trigger).get("trigger", "")) is at_once


def test_the_mark_is_compared_where_it_triggers() -> None:
    assert "mark price 61203.9" in reading(T.STOP_MARKET, Side.SELL, "61204", by_mark=True)["trigger"]
    assert reading(T.STOP_MARKET, Side.SELL, "61204") == {}


@pytest.mark.parametrize(("trigger", "callback", "field"), [
    ("", "", "callback"), ("", "x", "callback"), ("", "100", "callback"), ("0", "1", "trigger"),
    ("61000", "1", "trigger"), ("", "1", ""), ("62000", "0.5", "")])
def test_a_trailing_stop_needs_its_distance_and_may_begin_later(trigger: str, callback: str, field: str) -> None:
    problems = reading(T.TRAILING_STOP, Side.SELL, trigger, callback=callback)

    assert (next(iter(problems)) if problems else "") == field


def typed(window: Driver, ord_type: OrdType, trigger: str, price: str = "", tif: TimeInForce = TimeInForce.GTC) -> None:
    form = window.app.layout.form
    form.kind.source.set(LAST_WORD)
    form.kind.choose(ord_type, tif)
    form.qty.set("0.050")
    form.kind.trigger.set(trigger)
    form.price.set(price)
    window.draw()


def press(window: Driver, name: str) -> None:
    window.app.layout.form.buttons[name].invoke()
    window.draw()


def head(window: Driver) -> str:
    return window.slip_texts()[0].replace("\u2009", "") if window.slip_texts() else ""


def test_a_stop_goes_by_the_slip_with_its_trigger(window: Driver) -> None:
    form = window.app.layout.form
    typed(window, T.STOP_MARKET, "60000")
    form.kind.source.set(MARK)
    form.reduce.set(True)
    press(window, "Sell limit")
    assert head(window) == "SELL 0.050 BTC stop 60000.0"
    assert "when mark ≤ 60" in window.slip_texts()[3] and window.posted() == []
    window.key("Return")

    sent = window.sent(PlaceOrder)[0]
    assert (sent.ord_type, sent.price, sent.trigger) == (T.STOP_MARKET, None, Trigger(D(60000), None, True))
    assert sent.reduce_only and not sent.post_only and sent.tif is TimeInForce.GTC


def test_a_stop_limit_and_a_trailing_stop(window: Driver) -> None:
    typed(window, T.STOP_LIMIT, "60000", "59990", TimeInForce.FOK)
    press(window, "Sell limit")
    assert head(window) == "SELL 0.050 BTC stop 60000.0 @ 59990.0"
    window.key("Return")
    window.now += 2
    typed(window, T.TRAILING_STOP, "")
    window.app.layout.form.kind.callback.set("0.8")
    press(window, "Sell limit")
    assert head(window) == "SELL 0.050 BTC trailing 0.8 %"
    window.key("Return")

    first, second = window.sent(PlaceOrder)
    assert (first.price, first.tif, first.trigger) == (D(59990), TimeInForce.FOK, Trigger(D(60000)))
    assert (second.price, second.trigger) == (None, Trigger(None, D("0.8")))


def test_a_trigger_that_fires_at_once_stays_in_its_field_with_the_reason(window: Driver) -> None:
    form = window.app.layout.form
    typed(window, T.STOP_MARKET, "62000")
    press(window, "Sell limit")

    assert window.posted() == [] and window.app.desk.draft is None
    assert "would trigger at once: below the last price" in window.note() and form.kind.trigger.get() == "62000"
    assert str(form.kind.trigger_entry.cget("style")) == "Bad.TEntry"


def test_two_stops_that_differ_in_their_trigger_only_are_not_the_same_order(window: Driver) -> None:
    for trigger in ("60000", "59000"):
        typed(window, T.STOP_MARKET, trigger)
        press(window, "Sell limit")
        window.key("Return")

    assert len(window.sent(PlaceOrder)) == 2


@pytest.mark.parametrize("tif", [TimeInForce.IOC, TimeInForce.FOK])
def test_what_takes_or_goes_away_is_not_post_only(window: Driver, tif: TimeInForce) -> None:
    form = window.app.layout.form
    typed(window, T.LIMIT, "", "61203.9", tif)
    assert form.post_box.instate(["disabled"])
    window.click(form.post_box, 5, 5)
    assert window.note() == no_post(T.LIMIT, tif) != ""
    press(window, "Buy limit")
    window.key("Return")

    sent = window.sent(PlaceOrder)[0]
    assert (sent.tif, sent.post_only) == (tif, False)


def test_another_kind_drops_an_open_slip_and_a_click_in_the_book_is_a_limit_again(window: Driver) -> None:
    form = window.app.layout.form
    window.click_price("61203.9")
    form.kind.choose(T.STOP_MARKET)
    window.draw()
    assert window.app.desk.draft is None and not form.price_entry.winfo_ismapped()
    assert not form.buttons["Buy market"].winfo_ismapped() and form.kind.trigger_entry.winfo_ismapped()

    window.now += 1
    window.click_price("61203.9")
    assert form.kind.ord_type is T.LIMIT and form.price_entry.winfo_ismapped()
    assert form.buttons["Buy market"].winfo_ismapped() and form.buttons["Buy limit"].cget("text") == "Buy limit"


def test_an_open_list_of_choices_does_not_disturb_the_window(window: Driver) -> None:
    form = window.app.layout.form
    form.kind.type_box.focus_force()
    window.app.root.tk.call("ttk::combobox::Post", str(form.kind.type_box))
    window.app.root.update()
    assert "popdown" in str(window.app.root.tk.call("focus"))
    window.draw()
    window.app.root.tk.call("ttk::combobox::Unpost", str(form.kind.type_box))

    assert window.app.alerts.problems == []


def test_spot_has_no_reduce_only_no_mark_and_no_leverage_and_says_why(window: Driver) -> None:
    form, key = window.app.layout.form, Key("Binance", Category.SPOT, "BTCUSDT")
    window.stage.board.instruments[key] = replace(instrument("BTCUSDT"), key=key)
    window.stage.change(configured=(*window.viewed().configured, key))
    form.reduce.set(True)
    window.app.desk.select(key)
    form.kind.choose(T.STOP_MARKET)
    window.draw()

    assert form.reduce_box.instate(["disabled"]) and form.kind.source_box.instate(["disabled"])
    assert form.leverage.button.cget("text") == "no leverage"
    for widget, words in ((form.reduce_box, "spot has no positions to reduce"), (form.kind.source_box, "no mark price"),
                          (form.leverage.button, "spot has no leverage")):
        window.click(widget, 4, 4)
        assert words in window.note()
    assert window.sent(ChangeLeverage) == []


def test_leverage_is_shown_and_asked_for_in_a_menu(window: Driver) -> None:
    window.stage.change(leverages=(LeverageReport(BTC, D("10"), False, 50),))
    window.draw()
    button = window.app.layout.form.leverage.button
    assert button.cget("text") == "10× cross ▾"
    button.invoke()
    menu = window.app.shell.layers[-1]
    assert isinstance(menu, DropDown)
    assert [label for label, _act in menu._entries][-2:] == ["25×", "50×"]
    menu._choose([label for label, _act in menu._entries].index("20×"))

    assert [(asked.key, asked.leverage) for asked in window.sent(ChangeLeverage)] == [(BTC, 20)]
    assert button.cget("text") == "10× cross ▾", "shown is what the venue said"


def test_the_menu_ends_at_the_venues_largest() -> None:
    assert leverages(7) == (1, 2, 3, 5, 7) and leverages(1) == (1,) and leverages(None)[-1] == 20
