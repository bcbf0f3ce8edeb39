"""BitMEX's money, worked by hand, and its signature against published answers."""

from __future__ import annotations

from decimal import Decimal as D

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulator.bitmex_instruments import Contract, contracts, fee, iso, ms, number
from simulator.bitmex_money import Holding, after_fill, funding_payment, liquidation_price, order_margin, unrealised
from simulator.bitmex_venue import next_funding
from simulator.bitmex_wire import sign

LISTED = {contract.symbol: contract for contract in contracts()}
INVERSE, LINEAR, QUANTO = LISTED["XBTUSD"], LISTED["XBTUSDT"], LISTED["ETHUSD"]
SECRET = "chNOOS4KvNXR_Xq4k4c9qsfoKWvnDecLATCRlcBwyKDYnWgO"  # published with the venue's own sample


@pytest.mark.parametrize(("target", "expires", "body", "wanted"), [
    ("GET/api/v1/instrument", "1518064236", b"",
     "c7682d435d0cfe87c16098df34ef2eb5a549d4c5a3c2b1f0f77b8af73423bf00"),
    ("GET/api/v1/instrument?filter=%7B%22symbol%22%3A+%22XBTM15%22%7D", "1518064237", b"",
     "e2f422547eecb5b3cb29ade2127e21b858b235b386bfa45e1c1756eb3383919f"),
    ("POST/api/v1/order", "1518064238",
     b'{"symbol":"XBTM15","price":219.0,"clOrdID":"mm_bitmex_1a/oemUeQ4CAJZgP3fjHsA","orderQty":98}',
     "1749cd2ccae4aa49048ae09f0b95110cee706e0944e6a14ad0b3a8cb45bd336b"),
    ("GET/realtime", "1518064236", b"", "6d459dc02866d35a2b965edeecc68063d488e296b77982235fc6eca24b934945"),
])
def test_signature_of_published_requests(target: str, expires: str, body: bytes, wanted: str) -> None:
    assert sign(SECRET, target, expires, body) == wanted


@pytest.mark.parametrize(("contract", "qty", "price", "value"), [
    (INVERSE, 157_964_500, "77069.62", 204_963_677_685),  # by lot: 1,579,645 × 129,753; recorded openValue
    (INVERSE, 24_300, "32185.5", 75_499_857),             # a recorded trade had lots of 100 at 310,699
    (INVERSE, 100, "51000", 196_078),
    (INVERSE, 50, "49999.5", 100_001),                    # half a lot
    (LINEAR, 188_494_800, "77144.75", 14_541_384_222_300),
    (LINEAR, 1000, "64207.4", 64_207_400),
    (QUANTO, 10, "3000", 3_000_000),
])
def test_value_of_contracts(contract: Contract, qty: int, price: str, value: int) -> None:
    assert contract.value(qty, D(price)) == contract.value(-qty, D(price)) == value


def test_cost_has_the_sign_of_exec_cost() -> None:
    assert INVERSE.cost(100, D(50000)) == -200_000 and INVERSE.cost(-100, D(50000)) == 200_000
    assert LINEAR.cost(1000, D(50000)) == 50_000_000 and LINEAR.cost(-1000, D(50000)) == -50_000_000


def test_fee_halves_go_away_from_zero() -> None:
    assert fee(-172_306_000, D("-0.00025")) == -43_077  # the documentation's row: 43,076.5
    assert fee(88_155, D("0.00075")) == 66
    assert fee(200_000, D("0.0005")) == 100


def test_average_entry_is_harmonic_when_inverse() -> None:
    inverse, linear = Holding("XBTUSD"), Holding("XBTUSDT")
    for price in (50000, 40000):
        inverse, _, _ = after_fill(INVERSE, inverse, 100, D(price), 0)
        linear, _, _ = after_fill(LINEAR, linear, 100, D(price), 0)
    before = INVERSE.entry(inverse.qty, inverse.cost)

    assert round(before, 2) == D("44444.44") and LINEAR.entry(linear.qty, linear.cost) == 45000
    inverse, _, _ = after_fill(INVERSE, inverse, -100, D(45000), 0)
    assert INVERSE.entry(inverse.qty, inverse.cost) == before


def test_round_trip_of_an_inverse_long() -> None:
    holding, cost, profit = after_fill(INVERSE, Holding("XBTUSD"), 100, D(50000), 100)
    assert (cost, profit, holding.cost) == (-200_000, 0, -200_000)
    assert unrealised(INVERSE, holding, D(51000)) == 3922

    holding, cost, profit = after_fill(INVERSE, holding, -100, D(51000), 98)

    assert (cost, profit, holding.qty, holding.cost, holding.realised) == (196_078, 3922, 0, 0, 3724)


def test_turning_over_begins_at_the_crossing_price() -> None:
    holding, _, _ = after_fill(LINEAR, Holding("XBTUSDT"), 1000, D(50000), 0)

    holding, _, profit = after_fill(LINEAR, holding, -3000, D(51000), 0)

    assert (holding.qty, holding.cost, profit) == (-2000, -102_000_000, 1_000_000)
    assert LINEAR.entry(holding.qty, holding.cost) == 51000


def test_longs_pay_a_positive_rate() -> None:
    assert funding_payment(INVERSE, 100, D(50000), D("0.0001")) == 20
    assert funding_payment(INVERSE, -100, D(50000), D("0.0001")) == -20
    assert funding_payment(QUANTO, 10, D(3000), D("-0.0001")) == -300


def test_margin_takes_the_worse_side_and_the_leverage() -> None:
    flat = Holding("XBTUSDT")
    assert order_margin(LINEAR, flat, D(50000), 1_000_000, 400_000) == 10_500  # 1 % and the fee
    geared = Holding("XBTUSDT", leverage=D(4))
    assert order_margin(LINEAR, geared, D(50000), 1_000_000, 0) == 250_500


@pytest.mark.parametrize(("contract", "qty", "below"), [(INVERSE, 100, True), (INVERSE, -100, False),
                                                        (LINEAR, 1000, True), (LINEAR, -1000, False)])
def test_liquidation_lies_on_the_losing_side(contract: Contract, qty: int, below: bool) -> None:
    holding, _, _ = after_fill(contract, Holding(contract.symbol), qty, D(50000), 0)

    price = liquidation_price(contract, holding, abs(holding.cost) // 10)

    assert price is not None and (price < 50000) is below and abs(price - 50000) > 4000


def test_texts_of_times_and_numbers() -> None:
    assert iso(1_700_000_000_123) == "2023-11-14T22:13:20.123Z" and ms("2023-11-14T22:13:20.123Z") == 1_700_000_000_123
    assert [str(number(D(text))) for text in ("50000.0", "49999.50", "0")] == ["50000", "49999.5", "0"]
    day = 86_400_000
    assert [next_funding(hour * 3_600_000) % day // 3_600_000 for hour in (0, 4, 11, 12, 20)] == [4, 12, 12, 20, 4]


FILLS = st.lists(st.tuples(st.integers(-40, 40).filter(bool), st.integers(300_000, 900_000)), min_size=1, max_size=25)


@given(FILLS, st.sampled_from(list(LISTED.values())))
def test_profit_is_what_the_costs_do_not_carry(fills: list[tuple[int, int]], contract: Contract) -> None:
    """−Σ execCost = realised − cost of what is still held: the identity the terminal's balance check uses."""
    holding, costs, profits = Holding(contract.symbol), 0, 0
    for lots, ticks in fills:
        holding, cost, profit = after_fill(contract, holding, lots * contract.lot_size, contract.item.price(ticks), 0)
        costs, profits = costs + cost, profits + profit

    assert holding.qty == sum(lots for lots, _ in fills) * contract.lot_size
    assert -costs == profits - holding.cost and holding.traded == costs
