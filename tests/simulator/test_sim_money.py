"""The venue's money, worked by hand."""

from __future__ import annotations

from decimal import Decimal as D

from hypothesis import given
from hypothesis import strategies as st

from simulator.instruments import catalogue
from simulator.money import Position, after_fill, commission, funding_amount, initial_margin, plain, unrealised


def test_opening_adding_reducing_turning() -> None:
    position, gain = after_fill(Position(), D("0.010"), D("60000"))
    assert (position, gain) == (Position(D("0.010"), D("60000")), D(0))
    position, gain = after_fill(position, D("0.030"), D("62000"))
    assert (position.qty, position.entry, gain) == (D("0.040"), D("61500"), D(0))
    position, gain = after_fill(position, D("-0.010"), D("61000"))
    assert (position.qty, position.entry, gain) == (D("0.030"), D("61500"), D("-5"))
    position, gain = after_fill(position, D("-0.050"), D("61700"))
    assert (position.qty, position.entry, gain) == (D("-0.020"), D("61700"), D("6"))
    position, gain = after_fill(position, D("0.020"), D("61600"))
    assert (position, gain) == (Position(), D("2"))


def test_published_examples() -> None:
    assert commission(D("0.005"), D("2778.35"), maker=False) == D("0.00694588")  # 13.89175 × 0.0005, halves up
    assert after_fill(Position(D("-0.005"), D("2778.35")), D("0.005"), D("2779"))[1] == D("-0.00325")


def test_commission_of_maker_and_taker() -> None:
    assert commission(D("0.05"), D("67250.10"), maker=False) == D("1.68125250")
    assert commission(D("-0.05"), D("67250.10"), maker=True) == D("0.67250100")


def test_funding_is_paid_by_longs_when_the_rate_is_positive() -> None:
    assert funding_amount(D("0.5"), D("60000"), D("0.0001")) == D("-3")
    assert funding_amount(D("-0.5"), D("60000"), D("0.0001")) == D("3")


def test_margin_takes_the_worse_direction() -> None:
    assert initial_margin(D("1000"), D("500"), D("0"), 10) == D("150")
    assert initial_margin(D("1000"), D("0"), D("500"), 10) == D("100")
    assert initial_margin(D("1000"), D("0"), D("2500"), 10) == D("150")


def test_unrealised_of_a_short() -> None:
    assert unrealised(Position(D("-2"), D("100")), D("90")) == D("20")


def test_plain_text_has_no_exponent() -> None:
    assert [plain(D(text)) for text in ("1E+3", "0.1000", "-0.0", "1e-8")] == ["1000", "0.1", "0", "0.00000001"]


FILLS = st.lists(st.tuples(st.integers(-50, 50).filter(bool), st.integers(1, 10**6)), min_size=1, max_size=30)


@given(FILLS)
def test_profit_and_position_add_up(fills: list[tuple[int, int]]) -> None:
    position, gains, paid, total = Position(), D(0), D(0), 0
    for lots, ticks in fills:
        qty, price = D(lots) / 1000, D(ticks) / 10
        position, gain = after_fill(position, qty, price)
        gains += gain
        paid += qty * price
        total += lots

    assert position.qty == D(total) / 1000
    assert abs(gains - (position.qty * position.entry - paid)) <= D("0.00000002") * len(fills)


@given(st.integers(0, 10**9), st.sampled_from(catalogue()))
def test_texts_of_steps_are_exact(units: int, item: object) -> None:
    from simulator.instruments import Instrument

    assert isinstance(item, Instrument)
    assert D(item.price_text(units)) == item.price(units)
    assert D(item.qty_text(units)) == item.qty(units)
    assert D(item.value_text(units)) == units * item.tick * item.lot
