"""What a bot decides: the whole table, then properties."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.bots import Act, Rules, decide
from models import BotPosition, Category, Key, Side
from tests.engine.bot_bench import FLAT, LONG, PERP, SHORT, D

SPOT = replace(PERP, key=Key("Binance", Category.SPOT, "BTCUSDT"))
PLAIN, TURNING = Rules(PERP), Rules(PERP, reverse=True)
EXITS = Rules(PERP, take_profit=D(2), stop_loss=D(1))
LOT = D("0.002")


def decided(rules: Rules, position: BotPosition, signal: int, price: Decimal, entry: Decimal | str) -> Act:
    """The order decided on, where one is expected."""
    act = decide(rules, position, signal, price, entry)
    assert isinstance(act, Act)
    return act


@pytest.mark.parametrize(("rules", "position", "signal", "expected"), [
    (PLAIN, FLAT, 1, Act(Side.BUY, LOT, False, "signal opens")),
    (PLAIN, FLAT, -1, Act(Side.SELL, LOT, False, "signal opens")),
    (PLAIN, FLAT, 0, None),
    (PLAIN, LONG, 1, None),
    (PLAIN, LONG, 0, None),
    (PLAIN, LONG, -1, Act(Side.SELL, LOT, True, "opposite signal closes")),
    (PLAIN, SHORT, -1, None),
    (PLAIN, SHORT, 0, None),
    (PLAIN, SHORT, 1, Act(Side.BUY, LOT, True, "opposite signal closes")),
    (TURNING, FLAT, 1, Act(Side.BUY, LOT, False, "signal opens")),
    (TURNING, LONG, 1, None),
    (TURNING, LONG, -1, Act(Side.SELL, 2 * LOT, False, "opposite signal turns")),
    (TURNING, SHORT, 1, Act(Side.BUY, 2 * LOT, False, "opposite signal turns")),
    (Rules(SPOT), FLAT, -1, None),
    (Rules(SPOT), FLAT, 1, Act(Side.BUY, LOT, False, "signal opens")),
    (Rules(SPOT, reverse=True), LONG, -1, Act(Side.SELL, LOT, True, "opposite signal closes")),
])
def test_signal_table(rules: Rules, position: BotPosition, signal: int, expected: Act | None) -> None:
    assert decide(rules, position, signal, D(50_000), LOT) == expected


@pytest.mark.parametrize("rules", [PLAIN, TURNING, EXITS])
@pytest.mark.parametrize("signal", [-1, 0, 1])
@pytest.mark.parametrize("position", [FLAT, LONG, SHORT])
def test_nothing_while_an_order_is_open(rules: Rules, position: BotPosition, signal: int) -> None:
    assert decide(rules, replace(position, open_orders=1), signal, D(60_000), LOT) is None


@pytest.mark.parametrize(("position", "price", "why"), [
    (LONG, "50999", None), (LONG, "50999.9", None), (LONG, "51000", "take profit 2 %"),
    (LONG, "52000", "take profit 2 %"),
    (LONG, "49500.1", None), (LONG, "49500", "stop loss 1 %"), (LONG, "40000", "stop loss 1 %"),
    (SHORT, "49000.1", None), (SHORT, "49000", "take profit 2 %"), (SHORT, "50499.9", None),
    (SHORT, "50500", "stop loss 1 %"), (FLAT, "51000", None), (replace(LONG, entry=None), "51000", None),
])
def test_take_profit_and_stop_loss(position: BotPosition, price: str, why: str | None) -> None:
    act = decide(EXITS, position, 0, D(price), LOT)

    side = Side.SELL if position.qty > 0 else Side.BUY
    assert act == (None if why is None else Act(side, LOT, True, why, is_exit=True))


def test_profit_of_the_scenarios_exit() -> None:
    act = decided(EXITS, LONG, 0, D(51_000), LOT)

    fees = (LOT * 50_000 + act.qty * 51_000) * D("0.0004")
    assert -LOT * 50_000 + act.qty * 51_000 - fees == D("1.9192")


def test_take_profit_and_stop_loss_are_off_at_zero() -> None:
    assert decide(PLAIN, LONG, 0, D(10**9), LOT) is None
    assert decide(PLAIN, LONG, 0, D("0.1"), LOT) is None


def test_an_exit_comes_before_the_signal() -> None:
    assert decided(replace(EXITS, reverse=True), LONG, -1, D(51_000), LOT).is_exit


def test_two_buys_in_a_row_open_one_position() -> None:
    first = decided(PLAIN, FLAT, 1, D(50_000), LOT)

    assert decide(PLAIN, BotPosition(first.qty, D(50_000), 0, 1), 1, D(50_000), LOT) is None


def test_dust_of_fees_counts_as_flat() -> None:
    dust = BotPosition(D("0.0009"), D(50_000), 0, 2)

    assert decide(EXITS, dust, 0, D(60_000), LOT) is None
    assert decide(PLAIN, dust, 1, D(50_000), LOT) == Act(Side.BUY, LOT, False, "signal opens")


def test_closing_sells_whole_lots_only() -> None:
    assert decided(PLAIN, replace(LONG, qty=D("0.001999")), -1, D(50_000), LOT).qty == D("0.001")


def test_a_problem_with_the_quantity_is_told_only_when_one_is_needed() -> None:
    assert decide(PLAIN, FLAT, 1, D(1), "too much") == "too much"
    assert decide(PLAIN, FLAT, 0, D(1), "too much") is None
    assert decide(PLAIN, LONG, -1, D(1), "too much") == Act(Side.SELL, LOT, True, "opposite signal closes")


def test_where_it_cannot_turn_it_closes() -> None:
    small = replace(PERP, market_max_qty=D("0.003"))

    for entry, rules in ((LOT, Rules(small, reverse=True)), ("too much", TURNING)):
        act = decided(rules, LONG, -1, D(50_000), entry)
        assert (act.side, act.qty, act.reduce_only) == (Side.SELL, LOT, True)
        assert act.why.startswith("opposite signal closes, no turn: ")


def test_a_position_above_the_market_limit_is_closed_in_parts() -> None:
    small = Rules(replace(PERP, market_max_qty=D("0.001")))

    assert decided(small, LONG, -1, D(50_000), LOT).qty == D("0.001")


@settings(deadline=None)
@given(st.integers(-5000, 5000), st.sampled_from([-1, 0, 1]), st.integers(1, 10**6), st.booleans(), st.booleans(),
       st.integers(0, 50), st.integers(0, 50), st.integers(0, 2))
def test_an_order_never_adds_to_a_position(lots: int, signal: int, price: int, reverse: bool, spot: bool, profit: int,
                                           loss: int, open_orders: int) -> None:
    instrument = replace(SPOT if spot else PERP, market_max_qty=D(0))
    rules = Rules(instrument, D(profit), D(loss), reverse)
    position = BotPosition(lots * D("0.001"), D(50_000), open_orders, 1)

    act = decide(rules, position, signal, D(price), LOT)

    if act is None:
        return
    assert isinstance(act, Act) and open_orders == 0 and act.qty % PERP.lot == 0 and act.qty > 0
    after = position.qty + act.side.sign * act.qty
    if position.qty:
        assert act.side.sign * position.qty < 0
        assert after in (0, act.side.sign * LOT)
        assert after == 0 or (reverse and not spot)
    assert act.reduce_only == (after == 0)
    assert not (spot and after < 0 and lots >= 0)
