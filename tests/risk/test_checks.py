"""Checks before an order leaves: each a sentence for the person, or nothing."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.numbers import read_number
from models import OrdType, Side, TimeInForce, Top, Trigger
from risk.checks import check_form, check_post_only, crosses
from tests.support.build import instrument, place

D = Decimal
TOP = Top(D("49999.9"), D(1), D("50000.1"), D(1), 0, 0.0)
MARK = D(50000)


def test_good_orders_pass() -> None:
    assert check_form(place(), instrument(), MARK) is None
    assert check_form(place(price=None), instrument(), MARK) is None
    assert check_form(place(post_only=True), instrument(), None) is None
    assert check_form(place(qty="1000"), instrument(), MARK) is None
    assert check_form(place(qty="0.001", price="5000"), instrument(), MARK) is None


@pytest.mark.parametrize(("qty", "field", "words"), [
    ("0", "qty", "0 is no quantity: it must be above 0"), ("-5", "qty", "-5 is no quantity"),
    ("NaN", "qty", "is no quantity"), ("Infinity", "qty", "is no quantity"), ("-Infinity", "qty", "is no quantity"),
    ("0.0015", "qty", "0.0015 is not a multiple of 0.001"), ("1e9", "qty", "1000000000 is above the largest quantity"),
    ("1000.001", "qty", "above the largest quantity 1000")])
def test_quantities_that_are_refused(qty: str, field: str, words: str) -> None:
    refusal = check_form(place(qty=qty), instrument(), MARK)

    assert refusal is not None and refusal.field == field and words in refusal.text


def test_scenario_21_quantity() -> None:
    lots = replace(instrument(), lot=D(100), min_qty=D(100))

    refusal = check_form(place(qty="150"), lots, MARK)

    assert refusal is not None and refusal.text == "150 is not a multiple of 100"


@pytest.mark.parametrize(("price", "words"), [
    ("0", "a limit order needs a price above 0"), ("-1", "a price above 0"), ("NaN", "a price above 0"),
    ("49000.05", "49000.05 is not a multiple of the tick 0.1")])
def test_prices_that_are_refused(price: str, words: str) -> None:
    refusal = check_form(place(price=price), instrument(), MARK)

    assert refusal is not None and refusal.field == "price" and words in refusal.text


def test_kind_and_price_must_fit() -> None:
    limit = check_form(place(price=None, ord_type=OrdType.LIMIT), instrument(), MARK)
    market = check_form(place(price="50000", ord_type=OrdType.MARKET), instrument(), MARK)

    assert limit is not None and "needs a price" in limit.text
    assert market is not None and market.text == "a market order has no price"


def test_market_orders_have_their_own_largest_quantity() -> None:
    refusal = check_form(place(qty="101", price=None), instrument(), MARK)

    assert refusal is not None and "above the largest quantity 100" in refusal.text
    assert check_form(place(qty="101"), instrument(), MARK) is None


@pytest.mark.parametrize(("kind", "tif"), [
    (OrdType.MARKET, TimeInForce.GTC), (OrdType.LIMIT, TimeInForce.IOC), (OrdType.LIMIT, TimeInForce.FOK)])
def test_post_only_must_be_able_to_rest(kind: OrdType, tif: TimeInForce) -> None:
    refusal = check_form(place(price="49000" if kind is OrdType.LIMIT else None, ord_type=kind, tif=tif,
                               post_only=True), instrument(), MARK)

    assert refusal is not None and refusal.text == "post-only needs a limit order that may rest"


def test_least_value_counts_at_the_price_or_the_mark_but_not_for_reduce_only() -> None:
    small = check_form(place(qty="0.001", price="4999.9"), instrument(), MARK)
    assert small is not None and small.text == "4.9999 USDT is below the least value 5 of BTCUSDT"
    assert check_form(place(qty="0.001", price="4999.9", reduce_only=True), instrument(), MARK) is None
    assert check_form(place(qty="0.001", price=None), instrument(), D(4999)) is not None
    assert check_form(place(qty="0.001", price=None), instrument(), None) is None
    assert check_form(place(qty="0.001", price="0.1"), instrument(min_notional="0"), MARK) is None


def test_least_quantity_does_not_hold_back_a_close() -> None:
    more = replace(instrument(), min_qty=D("0.01"))

    refusal = check_form(place(qty="0.002"), more, MARK)
    assert refusal is not None and "below the least quantity 0.01" in refusal.text
    assert check_form(place(qty="0.002", reduce_only=True), more, MARK) is None


@pytest.mark.parametrize(("side", "price", "at_once"), [
    (Side.BUY, "50000.1", True), (Side.BUY, "50000", False), (Side.SELL, "49999.9", True), (Side.SELL, "50000", False),
    (Side.BUY, None, False)])
def test_limit_that_reaches_the_other_side_trades_at_once(side: Side, price: str | None, at_once: bool) -> None:
    command = place(side=side, price=price, post_only=True)

    assert crosses(side, command.price, TOP) is at_once
    assert (check_post_only(command, TOP) is not None) is at_once
    assert check_post_only(replace(command, post_only=False), TOP) is None
    assert check_post_only(command, None) is None


@given(st.text(max_size=45), st.text(max_size=45))
def test_whatever_is_typed_is_refused_or_fits_the_filters(qty: str, price: str) -> None:
    typed_qty, typed_price = read_number(qty), read_number(price)
    if isinstance(typed_qty, str) or isinstance(typed_price, str):
        return

    refusal = check_form(replace(place(), qty=typed_qty, price=typed_price), instrument(), MARK)

    assert refusal is not None or (typed_qty % D("0.001") == 0 and typed_price % D("0.1") == 0)


ANYTHING = st.one_of(st.decimals(allow_nan=True, allow_infinity=True),
                     st.sampled_from(["0.1", "1E+40", "1E+999"]).map(D))


@given(ANYTHING, ANYTHING)
def test_no_number_makes_the_checks_raise(qty: Decimal, price: Decimal) -> None:
    check_form(replace(place(), qty=qty, price=price), instrument(), MARK)


@pytest.mark.parametrize(("more", "field", "words"), [
    ({"trigger": None}, "trigger", "needs a trigger price above 0"),
    ({"trigger": Trigger(D("48000.05"))}, "trigger", "48000.05 is not a multiple of the tick 0.1"),
    ({"trigger": Trigger(D(-1))}, "trigger", "needs a trigger price above 0"),
    ({"trigger": Trigger(D(48000), D(1))}, "callback", "no other order"),
    ({"ord_type": OrdType.TRAILING_STOP, "trigger": Trigger(None)}, "callback", "its distance in percent"),
    ({"ord_type": OrdType.TRAILING_STOP, "trigger": Trigger(None, D(100))}, "callback", "100 is no distance"),
    ({"ord_type": OrdType.STOP_LIMIT}, "price", "a limit order needs a price above 0"),
    ({"ord_type": OrdType.MARKET}, "trigger", "only a conditional order has a trigger"),
    ({"post_only": True}, "price", "post-only needs a limit order")])
def test_conditional_orders_that_are_refused(more: dict[str, Any], field: str, words: str) -> None:
    asked = {"price": None, "ord_type": OrdType.STOP_MARKET, "trigger": Trigger(D(48000)), **more}

    refusal = check_form(place(**asked), instrument(), MARK)

    assert refusal is not None and refusal.field == field and words in refusal.text


def test_good_conditional_orders_pass() -> None:
    for more in ({"ord_type": OrdType.STOP_MARKET, "trigger": Trigger(D(48000))},
                 {"ord_type": OrdType.TAKE_PROFIT_LIMIT, "trigger": Trigger(D(52000)), "price": "52000"},
                 {"ord_type": OrdType.TRAILING_STOP, "trigger": Trigger(None, D("0.5"))}):
        asked: dict[str, Any] = {"price": None, **more}
        assert check_form(place(**asked), instrument(), MARK) is None
