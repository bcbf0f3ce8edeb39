"""Funding shared among bots. Numbers of the acceptance scenarios 11, 14, 15, and of cases worked by hand."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import structs

from accounting.funding import by_formula, by_position, minor_unit
from core.rows import BookRow, CoinRow, book_key
from engine.kept import fold
from engine.state import Decision, Sight
from models import Category, ExecKind, Execution, Funding, Key, Side
from tests.support.build import ACCOUNT, BTC, T0, coin, execution, instrument, robot
from tests.support.drive import Driver

D = Decimal
XBT = Key("Bitmex", Category.INVERSE, "XBTUSD")
EIGHT = T0 + 100_000               # a funding time


def world(key: Key = BTC, settle: str = "USDT", multiplier: str = "1", names: str = "AB") -> tuple[Driver, Sight]:
    """Bots in SORT order, none of them with a position, and the instrument they trade."""
    driver = Driver(*(robot(name, key, sort=place) for place, name in enumerate(names)), keys=(key,),
                    recovered=key == BTC)
    return driver, Sight(instrument(key, settle, multiplier))


def hold(driver: Driver, key: Key, settle: str, **held: str) -> None:
    """Positions that were there long before."""
    driver.remember(*(BookRow(key, ACCOUNT, key.reserved if emi == "RESERVED" else emi, settle, D(qty), D(50000))
                      for emi, qty in held.items()))


def shared(decision: Decision) -> list[tuple[str, Decimal, Decimal]]:
    """Owner, position and share of each row, as written."""
    return [(row.emi, row.qty, row.commiss) for row in decision.rows if isinstance(row, CoinRow) and row.side < 0]


def sums(driver: Driver) -> dict[str, Decimal]:
    """Funding by owner, of the rows."""
    totals: dict[str, Decimal] = {}
    for row in driver.coins:
        if row.side < 0:
            totals[row.emi] = totals.get(row.emi, D(0)) + row.commiss
    return {emi: total for emi, total in totals.items() if total}


def xbt_funding(amount: str, rate: str = "0.0001", exec_id: str = "f-1") -> Funding:
    """A funding execution of XBTUSD at 50,000."""
    return Funding(XBT, ACCOUNT, exec_id, D(amount), "XBT", EIGHT, D(rate), D(50000))


def income(amount: str, time: int = EIGHT, exec_id: str = "linear:BTCUSDT:F1") -> Funding:
    """A funding of the income history: the amount alone."""
    return Funding(BTC, ACCOUNT, exec_id, D(amount), "USDT", time)


def test_scenario_11_bots_on_both_sides() -> None:
    driver, seen = world(XBT, "XBT")
    hold(driver, XBT, "XBT", A="100", B="-40", RESERVED="40")

    made = driver.send(xbt_funding("2.0e-7"), seen)

    assert shared(made) == [("A", D(100), D("2.0e-7")), ("B", D(-40), D("-0.8e-7")),
                            ("XBTUSD.inverse", D(40), D("0.8e-7"))]
    rows = [row for row in driver.coins if row.side < 0]
    assert {row.exec_id for row in rows} == {"f-1"} and [row.part for row in rows] == [0, 1, 2]
    assert {(row.sumreal, row.trade_price, row.price) for row in rows} == {(D(0), D(50000), D("0.0001"))}
    driver.send(xbt_funding("2.0e-7"), seen)
    assert len(driver.coins) == 3


def test_scenario_14_bots_that_net_to_zero_beside_the_reserved_line() -> None:
    driver, seen = world(XBT, "XBT")
    hold(driver, XBT, "XBT", A="100", B="-100", RESERVED="50")

    made = driver.send(xbt_funding("1.0e-7"), seen)

    assert shared(made) == [("A", D(100), D("2.0e-7")), ("B", D(-100), D("-2.0e-7")),
                            ("XBTUSD.inverse", D(50), D("1.0e-7"))]


def test_scenario_15_income_alone_is_shared_by_position() -> None:
    driver, seen = world()
    hold(driver, BTC, "USDT", A="0.03", B="0.01", RESERVED="0.01")

    made = driver.send(income("0.25"), seen)

    assert shared(made) == [("A", D("0.03"), D("0.15")), ("B", D("0.01"), D("0.05")),
                            ("BTCUSDT.linear", D("0.01"), D("0.05"))]
    assert driver.state.books[(ACCOUNT, BTC, "A", "USDT")].funding == D("0.15")
    assert driver.said("FUNDING BTCUSDT: 0.25 USDT paid (A 0.15, B 0.05, BTCUSDT.linear 0.05)")


def test_remainder_goes_to_the_reserved_line_though_it_holds_nothing() -> None:
    driver, seen = world(names="ABC")
    hold(driver, BTC, "USDT", A="1", B="1", C="1")

    made = driver.send(income("1"), seen)

    assert shared(made) == [("A", D(1), D("0.33333333")), ("B", D(1), D("0.33333333")), ("C", D(1), D("0.33333333")),
                            ("BTCUSDT.linear", D(0), D("0.00000001"))]


def test_no_reserved_row_without_remainder_and_position() -> None:
    driver, seen = world()
    hold(driver, BTC, "USDT", A="1", B="3")

    assert [row[0] for row in shared(driver.send(income("0.4"), seen))] == ["A", "B"]


def test_order_is_sort_then_owners_that_are_no_bots_then_reserved() -> None:
    driver = Driver(robot("Z", sort=1), robot("M", sort=2), robot("B", sort=2))
    hold(driver, BTC, "USDT", Z="1", M="1", B="1", alfa="1", RESERVED="1", AAA="1")

    made = driver.send(income("6"), Sight(instrument()))

    assert [row[0] for row in shared(made)] == ["Z", "B", "M", "AAA", "alfa", "BTCUSDT.linear"]


@pytest.mark.parametrize(("amount", "halves"), [("0.00000001", "0.00000001"), ("-0.00000001", "-0.00000001")])
def test_halves_go_away_from_zero(amount: str, halves: str) -> None:
    half = by_position(D(amount), [D(1)], D(2), D("1e-8"))

    assert half == [D(halves)]


def test_units_of_the_venues() -> None:
    assert minor_unit("Bitmex", "USDt") == D("1e-6") and minor_unit("Bitmex", "XBT") == D("1e-8")
    assert minor_unit("Binance", "USDT") == D("1e-8")
    assert by_formula(Category.QUANTO, [D(10)], D(3000), D("1e-6"), D("0.0001"), D("1e-8")) == [D("0.000003")]
    assert by_formula(Category.LINEAR, [D(-1000)], D("64207.4"), D("1e-6"), D("0.0001"), D("1e-6")) == [D("-0.006421")]


def test_fill_at_the_very_time_counts_as_after_it() -> None:
    driver, seen = world()
    hold(driver, BTC, "USDT", A="1")
    driver.send(execution(time=EIGHT - 1, last_qty="1", exec_id="before"))
    driver.send(execution(time=EIGHT, last_qty="5", exec_id="with"))
    driver.send(execution(time=EIGHT + 1, last_qty="7", exec_id="after"))

    made = driver.send(income("0.2"), seen)

    assert shared(made) == [("A", D(2), D("0.2"))]


def test_position_that_was_closed_since_is_charged_all_the_same() -> None:
    driver, seen = world()
    driver.send(execution(time=EIGHT - 5, last_qty="2", exec_id="in"))
    driver.send(execution(time=EIGHT + 5, last_qty="2", side=Side.SELL, exec_id="out"))

    assert shared(driver.send(income("0.2"), seen)) == [("A", D(2), D("0.2"))]


def test_split_over_three_bots_that_flip_at_that_instant() -> None:
    """Fault A3."""
    driver, seen = world(names="ABC")
    hold(driver, BTC, "USDT", A="3", B="2", C="1")
    for number, name in enumerate("ABC"):
        driver.send(execution(cl_ord_id=f"{number + 1}.{name}", order_id=str(number), time=EIGHT, side=Side.SELL,
                              last_qty="4", exec_id=f"flip-{name}"))

    made = driver.send(income("0.6"), seen)

    assert shared(made) == [("A", D(3), D("0.3")), ("B", D(2), D("0.2")), ("C", D(1), D("0.1"))]


def test_late_fill_moves_the_shares_without_touching_a_row() -> None:
    driver, seen = world()
    hold(driver, BTC, "USDT", A="1", B="1")
    driver.send(income("0.3"), seen)
    before = tuple(driver.coins)

    made = driver.send(execution(time=EIGHT - 1, last_qty="1", exec_id="late"))

    assert tuple(driver.coins[: len(before)]) == before
    assert shared(made) == [("A", D(-1), D("-0.15")), ("A", D(2), D("0.2")), ("B", D(-1), D("-0.15")),
                            ("B", D(1), D("0.1"))]
    rows = [row for row in driver.coins if row.side < 0]
    assert {row.exec_id for row in rows} == {"linear:BTCUSDT:F1"} and [row.part for row in rows] == list(range(6))
    assert sums(driver) == {"A": D("0.2"), "B": D("0.1")}
    assert driver.state.books[(ACCOUNT, BTC, "A", "USDT")].funding == D("0.2")
    assert driver.state.books[(ACCOUNT, BTC, "A", "USDT")].pos == D(2)


def test_late_fill_puts_every_funding_after_it_right() -> None:
    driver, seen = world()
    hold(driver, BTC, "USDT", A="1", B="1")
    for number in range(3):
        driver.send(income("0.3", EIGHT + number * 1000, f"linear:BTCUSDT:F{number}"), seen)

    driver.send(execution(time=EIGHT + 500, last_qty="1", exec_id="late"))

    assert sums(driver) == {"A": D("0.55"), "B": D("0.35")}
    driver.send(execution(time=EIGHT + 5000, last_qty="9", exec_id="new"))
    assert sums(driver) == {"A": D("0.55"), "B": D("0.35")}


def test_ledger_that_knows_of_no_position_keeps_the_amount_on_the_reserved_line() -> None:
    driver, seen = world()

    assert shared(driver.send(income("-0.25"), seen)) == [("BTCUSDT.linear", D(0), D("-0.25"))]


def test_liquidation_and_opening_rows_are_positions_like_others() -> None:
    driver, seen = world()
    driver.remember(coin("OPEN:1", emi="BTCUSDT.linear", qty="2", time=EIGHT - 20),
                    BookRow(BTC, ACCOUNT, "BTCUSDT.linear", "USDT", D(2), D(50000)))
    driver.send(execution(cl_ord_id=None, kind=ExecKind.LIQUIDATION, side=Side.SELL, time=EIGHT + 3, last_qty="2"))

    assert shared(driver.send(income("0.5"), seen)) == [("BTCUSDT.linear", D(2), D("0.5"))]


# ---------------------------------------------------------------- any order, any repetition


FILLS = st.lists(st.tuples(st.sampled_from(["1.A", "2.B", "3.ghost", None]), st.booleans(),
                           st.integers(1, 40), st.integers(0, 9)), min_size=1, max_size=8)
FUNDINGS = st.lists(st.tuples(st.integers(-500, 500), st.integers(1, 9)), min_size=1, max_size=4)


def facts_of(fills: list[tuple[str | None, bool, int, int]],
             fundings: list[tuple[int, int]]) -> list[Execution | Funding]:
    """The venue's facts, sorted by their time."""
    made: list[Execution | Funding] = []
    for number, (name, buys, qty, time) in enumerate(fills):
        made.append(execution(f"e{number}", name, f"o{number}", Side.BUY if buys else Side.SELL,
                              str(D(qty) / 1000), time=T0 + time * 10))
    for number, (amount, time) in enumerate(fundings):
        made.append(income(str(D(amount) / 10 ** 8), T0 + time * 10, f"f{number}"))
    return sorted(made, key=lambda fact: fact.time)


def booked(facts: list[Execution | Funding]) -> tuple[dict[str, Decimal], dict[str, Decimal], Driver]:
    """Positions and funding by owner after these facts, in this order."""
    driver, seen = world()
    for fact in facts:
        driver.send(fact, seen)
    return {emi: qty for emi, qty in driver.positions().items() if qty}, sums(driver), driver


@settings(max_examples=150)
@given(FILLS, FUNDINGS, st.randoms(use_true_random=False))
def test_any_order_and_repetition_gives_the_same_sums(
        fills: list[tuple[str | None, bool, int, int]], fundings: list[tuple[int, int]], chance: object) -> None:
    facts = facts_of(fills, fundings)
    mixed = [*facts, *facts[::2]]
    chance.shuffle(mixed)  # type: ignore[attr-defined]

    positions, paid, _ = booked(facts)
    other_positions, other_paid, driver = booked(mixed)

    assert (other_positions, other_paid) == (positions, paid)
    assert sum(paid.values(), D(0)) == sum((f.amount for f in facts if isinstance(f, Funding)), D(0))
    for exec_id in {f.exec_id for f in facts if isinstance(f, Funding)}:
        fact = next(f for f in facts if f.exec_id == exec_id)
        rows = [row for row in driver.coins if row.exec_id == exec_id]
        assert isinstance(fact, Funding) and sum((row.commiss for row in rows), D(0)) == fact.amount
        assert [row.part for row in rows] == list(range(len(rows)))
    kept = {book_key(row): structs.replace(row, entry=None) for row in driver.state.books.values()}
    assert kept == {book_key(row): structs.replace(row, entry=None) for row in fold(driver.coins)}


@given(FILLS)
def test_split_fills_give_the_same_shares(fills: list[tuple[str | None, bool, int, int]]) -> None:
    whole = facts_of(fills, [(777, 5)])
    split: list[Execution | Funding] = []
    for fact in whole:
        if isinstance(fact, Funding):
            split.append(fact)
            continue
        first = replace(fact, last_qty=fact.last_qty / 2, exec_id=f"{fact.exec_id}a")
        split += [first, replace(first, exec_id=f"{fact.exec_id}b")]

    assert booked(whole)[:2] == booked(split)[:2]


def test_instrument_that_is_listed_no_more_is_still_shared() -> None:
    driver, _ = world()
    hold(driver, BTC, "USDT", A="1")

    assert shared(driver.send(income("0.1"), Sight())) == [("A", D(1), D("0.1"))]
