"""Rows of `robots` as people type them: a bad one is a bot with a reason, never a failed start."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.rows import RobotRow
from engine.robots import read_robot
from models import BotState, Category, Key
from tests.support.build import BTC, ETH

D = Decimal
CONFIGURED = (BTC, ETH)
STRATEGIES = ("ma_cross", "breakout")


def row(emi: str = "A", symbol: str = "BTCUSDT", category: str = "linear", market: str = "Binance", timefr: int = 5,
        capital: str = "3", strategy: str = "ma_cross", params: str = "", state: str = "WORK",
        reason: str = "") -> RobotRow:
    """A row with nothing wrong in it."""
    return RobotRow(emi, symbol, category, market, 7, timefr, D(capital), strategy, params, state, reason)


def test_good_row() -> None:
    robot, reason = read_robot(row(params='{"fast": 10, "slow": 2.5, "reverse": true}'), CONFIGURED, STRATEGIES)

    assert reason == ""
    assert (robot.emi, robot.key, robot.sort, robot.timeframe, robot.capital, robot.strategy, robot.state) == (
        "A", BTC, 7, "5m", 3, "ma_cross", BotState.WORK)
    assert robot.params == {"fast": 10, "slow": D("2.5"), "reverse": True}


@pytest.mark.parametrize(("bad", "words"), [
    (row(emi="9lives"), "a bot's name starts with a letter"),
    (row(emi="a.b"), "a bot's name starts with a letter"),
    (row(emi="x" * 21), "at most 20 characters"),
    (row(emi=""), "a bot's name starts with a letter"),
    (row(category="futures"), "CATEGORY 'futures': one of linear, inverse, quanto, spot"),
    (row(symbol="XRPUSDT"), "XRPUSDT is not in the list: add it to LINEAR_SYMBOLS in .env.Binance"),
    (row(market="Bitmex"), "BTCUSDT is not in the list"),
    (row(timefr=7), "TIMEFR 7: minutes, one of 1, 3, 5"),
    (row(timefr=0), "TIMEFR 0"),
    (replace(row(timefr=0), odd="TIMEFR '5m'"), "TIMEFR '5m': a whole number is needed"),
    (row(capital="0"), "CAPITAL 0: a whole number of smallest quantities, 1 or more"),
    (row(capital="-3"), "CAPITAL -3"),
    (row(capital="1.5"), "CAPITAL 1.5"),
    (row(capital="NaN"), "CAPITAL NaN"),
    (row(params="{fast: 10}"), "PARAMS is no JSON: {fast: 10}"),
    (row(params="[1]"), "PARAMS must be a JSON object"),
    (row(params="[" * 100_000), "PARAMS is no JSON"),
    (row(state="MAYBE"), "STATE 'MAYBE': WORK, OFF or SUSPENDED"),
    (row(strategy="nope"), "there is no strategy “nope” in strategies/"),
])
def test_bad_row_has_a_reason(bad: RobotRow, words: str) -> None:
    robot, reason = read_robot(bad, CONFIGURED, STRATEGIES)

    assert words in reason
    assert robot.emi == bad.emi


@pytest.mark.parametrize(("emi", "strategy", "resolved"), [
    ("A", "ma_cross", "ma_cross"), ("breakout", "", "breakout"), ("Breakout", "", "breakout"), ("Mine", "", ""),
    ("A", "  ma_cross ", "ma_cross")])
def test_strategy_is_the_named_one_else_one_named_like_the_bot_else_none(emi: str, strategy: str,
                                                                         resolved: str) -> None:
    robot, reason = read_robot(row(emi=emi, strategy=strategy), CONFIGURED, STRATEGIES)

    assert (robot.strategy, reason) == (resolved, "")


def test_signs_of_typing_are_forgiven() -> None:
    robot, reason = read_robot(row(symbol=" btcusdt ", category=" Linear", market=" Binance ", state=" off "),
                               CONFIGURED, STRATEGIES)

    assert (robot.key, robot.state, reason) == (BTC, BotState.OFF, "")


def test_stored_reason_of_a_suspension_is_kept() -> None:
    robot, reason = read_robot(row(state="SUSPENDED", reason="strategies/a.py:3: boom"), CONFIGURED, STRATEGIES)

    assert (robot.state, robot.reason, reason) == (BotState.SUSPENDED, "strategies/a.py:3: boom", "")


@given(st.builds(RobotRow, st.text(max_size=40), st.text(max_size=40), st.text(max_size=10), st.text(max_size=20),
                 st.integers(), st.integers(), st.decimals(), st.text(max_size=40), st.text(max_size=60),
                 st.text(max_size=10), st.text(max_size=20)))
def test_nothing_typed_ever_raises(typed: RobotRow) -> None:
    robot, _ = read_robot(typed, CONFIGURED, STRATEGIES)

    assert isinstance(robot.key, Key) and robot.key.category in Category and robot.capital >= 1
