"""CAPITAL times the smallest quantity the venue takes."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from models import Category, Instrument, Key
from risk.sizing import entry_quantity, smallest_quantity, too_much

D = Decimal


def instrument(lot: str = "0.001", min_qty: str = "0.001", min_notional: str = "100", market_max: str = "120",
               category: Category = Category.LINEAR) -> Instrument:
    return Instrument(Key("Binance", category, "BTCUSDT"), "BTC", "USDT", "USDT", D("0.1"), D(lot), D(min_qty),
                      D(1000), D(market_max), D(min_notional))


@pytest.mark.parametrize(("parts", "mark", "smallest"), [
    ({}, "50000", "0.002"),                          # exactly the min notional
    ({}, "49999.9", "0.003"),                        # one lot more
    ({}, "61203.9", "0.002"),
    ({}, "200000", "0.001"),                         # one lot is enough
    ({"min_notional": "0"}, "50000", "0.001"),
    ({"min_notional": "0", "min_qty": "0.0105"}, "50000", "0.011"),
    ({"lot": "1", "min_qty": "1", "min_notional": "5"}, "0.07", "72"),
    ({"lot": "100", "min_qty": "100", "min_notional": "0"}, "50000", "100"),
    ({"lot": "1", "min_qty": "0", "min_notional": "0"}, "1", "1"),
])
def test_smallest_quantity(parts: dict[str, Any], mark: str, smallest: str) -> None:
    assert smallest_quantity(instrument(**parts), D(mark)) == D(smallest)


def test_contract_value_counts() -> None:
    mini = replace(instrument(lot="1", min_qty="1", min_notional="10"), multiplier=D("0.000001"))

    assert smallest_quantity(mini, D("64000")) == 157        # 156.25 contracts of 0.064


def test_inverse_contracts_are_worth_less_the_higher_the_price() -> None:
    coin = replace(instrument(lot="1", min_qty="1", min_notional="0.01", category=Category.INVERSE), multiplier=D(100))

    assert smallest_quantity(coin, D("50000")) == 5          # 0.002 each


@pytest.mark.parametrize("mark", ["0", "-1"])
def test_no_mark_no_quantity(mark: str) -> None:
    with pytest.raises(ValueError, match="BTCUSDT"):
        smallest_quantity(instrument(), D(mark))


def test_entry_is_capital_times_the_smallest() -> None:
    assert entry_quantity(instrument(), 3, D("50000")) == D("0.006")


def test_too_much_capital_is_told_with_the_limit() -> None:
    assert entry_quantity(instrument(market_max="0.005"), 3, D("50000")) == (
        "CAPITAL 3 × 0.002 = 0.006 is more than the 0.005 BTCUSDT that one market order may have")


@pytest.mark.parametrize("capital", [0, -5])
def test_capital_starts_at_one(capital: int) -> None:
    assert entry_quantity(instrument(), capital, D(1)) == f"CAPITAL {capital}: a whole number of at least 1 is needed"


def test_no_limit_is_no_limit() -> None:
    assert too_much(instrument(market_max="0"), D(10**9), "x") == ""


@settings(deadline=None)
@given(st.decimals("0.0001", "1000000", places=4), st.sampled_from(["0.00001", "0.001", "0.5", "1", "100"]),
       st.decimals("0", "1000", places=3), st.decimals("0", "5", places=6))
def test_enough_for_the_venue_and_one_lot_less_is_not(mark: Decimal, lot: str, min_notional: Decimal,
                                                      min_qty: Decimal) -> None:
    assume(mark > 0)
    made = instrument(lot=lot, min_qty=str(min_qty), min_notional=str(min_notional))

    qty = smallest_quantity(made, mark)

    def is_taken(size: Decimal) -> bool:
        return size >= made.lot and size >= made.min_qty and size * mark >= made.min_notional

    assert qty % made.lot == 0
    assert is_taken(qty) and not is_taken(qty - made.lot)
