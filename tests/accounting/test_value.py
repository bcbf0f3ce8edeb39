"""Values by category."""

from __future__ import annotations

from decimal import Decimal, localcontext

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accounting.value import closing_value, commission, rounded_fee, sumreal
from models import Category

D = Decimal
PRICES = st.decimals("0.00000001", "1000000", places=8)
QUANTITIES = st.decimals("-1000000", "1000000", places=8)


@pytest.mark.parametrize(("category", "qty", "price", "multiplier", "value"), [
    (Category.INVERSE, "100", "50000", "1", "0.002"),
    (Category.INVERSE, "-100", "51000", "1", "-0.001960784314"),
    (Category.INVERSE, "3", "50000", "100", "0.006"),              # COIN-M: contracts of 100 USD
    (Category.LINEAR, "0.005", "50000", "1", "-250"),
    (Category.LINEAR, "-1000", "64321.5", "0.000001", "64.3215"),
    (Category.QUANTO, "10", "3000", "0.000001", "-0.03"),
    (Category.SPOT, "2", "3000", "1", "-6000"),
    (Category.LINEAR, "0.000000000001", "0.5", "1", "-0.000000000001"),    # halves away from zero
    (Category.LINEAR, "-0.000000000001", "0.5", "1", "0.000000000001"),
])
def test_sumreal(category: Category, qty: str, price: str, multiplier: str, value: str) -> None:
    assert sumreal(category, D(qty), D(price), D(multiplier)) == D(value)


def test_closing_value_of_a_long_is_a_sale() -> None:
    assert closing_value(Category.INVERSE, D(100), D(50500), D(1)) == D("-0.001980198020")
    assert closing_value(Category.LINEAR, D(100), D("5.5"), D(1)) == D(550)


@pytest.mark.parametrize(("rate", "fee"), [("0.0005", "0.000000980392157"), ("-0.0001", "-0.000000196078431")])
def test_commission_to_fifteen_places(rate: str, fee: str) -> None:
    assert commission(Category.INVERSE, D(-100), D(51000), D(1), D(rate)) == D(fee)


def test_fee_as_told() -> None:
    assert rounded_fee(None) == D(0)
    assert rounded_fee(D("0.0000000000000005")) == D("0.000000000000001")
    assert rounded_fee(D("-0.00021")) == D("-0.00021")


@given(st.sampled_from([Category.LINEAR, Category.QUANTO, Category.INVERSE]), QUANTITIES, PRICES)
def test_buying_and_selling_at_one_price_cancels_out(category: Category, qty: Decimal, price: Decimal) -> None:
    assert sumreal(category, qty, price, D(1)) + sumreal(category, -qty, price, D(1)) == 0


@given(st.sampled_from(list(Category)), QUANTITIES, PRICES)
def test_value_does_not_depend_on_the_threads_precision(category: Category, qty: Decimal, price: Decimal) -> None:
    expected = sumreal(category, qty, price, D("0.000001"))

    with localcontext() as context:
        context.prec = 6
        found = sumreal(category, qty, price, D("0.000001"))

    assert found == expected
