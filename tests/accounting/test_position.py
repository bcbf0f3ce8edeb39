"""Positions, entries and what a fill realised."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accounting.position import after_fill, average_entry, realised, value_at_entry
from accounting.value import sumreal
from core.numbers import half_up
from models import Category

D = Decimal
FILLS = st.lists(st.tuples(st.integers(-5, 5).filter(bool).map(Decimal), st.integers(1, 1000).map(Decimal)),
                 min_size=1, max_size=12)


def test_scenario_6_inverse_entry_is_harmonic() -> None:
    position, entry = after_fill(Category.INVERSE, D(100), D(50000), D(100), D(40000))
    assert (position, entry and round(entry, 2)) == (D(200), D("44444.44"))

    assert after_fill(Category.INVERSE, position, entry, D(-100), D(60000)) == (D(100), entry)


def test_scenario_6_linear_entry_is_weighted_by_value() -> None:
    assert after_fill(Category.LINEAR, D(100), D(50000), D(100), D(40000)) == (D(200), D(45000))

    assert after_fill(Category.LINEAR, D(200), D(45000), D(-100), D(60000)) == (D(100), D(45000))


@pytest.mark.parametrize(("position", "entry", "qty", "price", "expected"), [
    ("0", None, "5", "100", ("5", "100")),
    ("0", None, "-5", "100", ("-5", "100")),
    ("5", "100", "-5", "120", ("0", None)),
    ("5", "100", "-8", "120", ("-3", "120")),
    ("-5", "100", "8", "120", ("3", "120")),
    ("-5", "100", "-5", "120", ("-10", "110")),
    ("-5", "100", "2", "120", ("-3", "100")),
])
def test_entry_after_a_fill(position: str, entry: str | None, qty: str, price: str,
                            expected: tuple[str, str | None]) -> None:
    new, new_entry = after_fill(Category.LINEAR, D(position), D(entry) if entry else None, D(qty), D(price))

    assert (new, new_entry) == (D(expected[0]), D(expected[1]) if expected[1] else None)


def test_entry_of_several_owners() -> None:
    assert average_entry(Category.LINEAR, [(D(1), D(100)), (D(3), D(200))]) == D(175)
    assert average_entry(Category.LINEAR, []) is None
    assert average_entry(Category.LINEAR, [(D(1), D(100)), (D(-1), D(200))]) is None
    assert average_entry(Category.INVERSE, [(D(100), D(50000)), (D(-200), D(100000))]) is None


@pytest.mark.parametrize(("category", "position", "entry", "qty", "price", "gained"), [
    (Category.LINEAR, "2", "100", "-1", "110", "10"),
    (Category.LINEAR, "2", "100", "-5", "110", "20"),         # only what was held is realised
    (Category.LINEAR, "-2", "100", "1", "90", "10"),
    (Category.LINEAR, "-2", "100", "5", "110", "-20"),
    (Category.INVERSE, "100", "50000", "-100", "51000", "0.000039215686"),
    (Category.LINEAR, "2", "100", "1", "110", None),
    (Category.LINEAR, "0", None, "1", "110", None),
])
def test_realised(category: Category, position: str, entry: str | None, qty: str, price: str,
                  gained: str | None) -> None:
    found = realised(category, D(position), D(entry) if entry else None, D(qty), D(price), D(1))

    assert found == (None if gained is None else D(gained))


def test_value_at_entry() -> None:
    assert value_at_entry(Category.LINEAR, D(2), D(100), D(1)) == D(200)
    assert value_at_entry(Category.LINEAR, D(0), None, D(1)) == D(0)
    assert value_at_entry(Category.LINEAR, D(2), None, D(1)) == D(0)


@given(FILLS)
def test_position_is_the_sum_and_flat_has_no_entry(fills: list[tuple[Decimal, Decimal]]) -> None:
    position, entry = D(0), None
    for qty, price in fills:
        position, entry = after_fill(Category.LINEAR, position, entry, qty, price)

    assert position == sum(qty for qty, _ in fills)
    assert (entry is None) == (position == 0)


@given(FILLS)
def test_realised_and_open_value_add_up_to_the_sums(fills: list[tuple[Decimal, Decimal]]) -> None:
    position, entry, gained, sums = D(0), None, D(0), D(0)
    for qty, price in fills:
        gained += realised(Category.LINEAR, position, entry, qty, price, D(1)) or D(0)
        sums += sumreal(Category.LINEAR, qty, price, D(1))
        position, entry = after_fill(Category.LINEAR, position, entry, qty, price)

    assert half_up(sums + value_at_entry(Category.LINEAR, position, entry, D(1)), 9) == half_up(gained, 9)
