"""What typed text means: numbers, lots, ticks, and the sentence beside the field."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest

from interface.draft import Draft, qty_problem, read_draft, typed_digit
from models import Category, Instrument, Key, Side, Top

D = Decimal
KEY = Key("Binance", Category.LINEAR, "XBTUSDT")
RULES = Instrument(KEY, "XBT", "USDT", "USDT", D("0.5"), D(100), D(100), D(10_000), D(5_000), D(5))
TOP = Top(D("50000.0"), D(1), D("50000.5"), D(1), 0, 0.0)


def draft(qty: str = "100", price: str = "49999.5", side: Side = Side.BUY, **more: bool) -> Draft:
    return replace(Draft(KEY, KEY.reserved, side, qty, price), **more)  # type: ignore[arg-type]  # fields by name


@pytest.mark.parametrize("typed", ["1e9", "0x10", "１２", "-5", " ", "nan", "1,5", "--", "0", "1" * 60])
def test_what_is_no_plain_number_gets_one_sentence(typed: str) -> None:
    reading = read_draft(draft(typed), RULES, TOP)

    assert not reading.good
    assert reading.problems["qty"] and "\n" not in reading.problems["qty"]


def test_a_quantity_off_the_lot_says_so() -> None:
    assert read_draft(draft("150"), RULES, TOP).problems == {"qty": "150 is not a multiple of 100"}


@pytest.mark.parametrize(("tick", "side", "typed", "rounded"), [
    ("0.5", Side.BUY, "49999.7", "49999.5"), ("0.5", Side.SELL, "49999.7", "50000.0"),
    ("0.01", Side.BUY, "1.15", "1.15"), ("0.01", Side.BUY, "1.159", "1.15"), ("0.01", Side.SELL, "1.151", "1.16"),
    ("0.00001", Side.BUY, "0.00003", "0.00003")])
def test_prices_round_never_worse_than_asked(tick: str, side: Side, typed: str, rounded: str) -> None:
    rules = replace(RULES, tick=D(tick), min_notional=D(0))

    assert read_draft(draft(price=typed, side=side), rules, None).price == D(rounded)


@pytest.mark.parametrize(("side", "price", "crosses"), [
    (Side.BUY, "50000.0", False), (Side.BUY, "50000.5", True), (Side.SELL, "50000.5", False),
    (Side.SELL, "50000.0", True)])
def test_a_price_through_the_best_crosses(side: Side, price: str, crosses: bool) -> None:
    assert read_draft(draft(price=price, side=side), RULES, TOP).crosses is crosses


def test_value_and_fee_are_the_makers_until_it_crosses() -> None:
    resting, taking = read_draft(draft(), RULES, TOP), read_draft(draft(price="50001"), RULES, TOP)

    assert resting.value == D("4999950.0") and resting.fee == D("4999950.0") * RULES.maker_fee
    assert taking.fee == D("5000100") * RULES.taker_fee


def test_the_venues_bounds_are_named() -> None:
    assert "smallest" in str(qty_problem(D(0), replace(RULES, min_qty=D(1)), None, False))
    assert "largest 5000" in str(qty_problem(D(6000), RULES, None, True))
    assert "5 or more" in str(qty_problem(D(100), RULES, D("0.01"), False))
    assert qty_problem(D(100), RULES, D("0.01"), False, reduce=True) is None


def test_without_rules_nothing_is_good() -> None:
    assert not read_draft(draft(), None, TOP).good


def test_the_first_digit_replaces_the_quantity() -> None:
    assert typed_digit("0.050", "2", fresh=True) == "2"
    assert typed_digit("2", "5", fresh=False) == "25"
    assert typed_digit("7", ".", fresh=True) == "0."
