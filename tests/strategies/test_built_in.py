"""The built-in strategies: the numbers of scenario 22 and features 1.7."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models import Candle
from strategies.base import Strategy, StrategyProblem
from strategies.breakout import Breakout
from strategies.ma_cross import MaCross
from strategies.technical import Technical

SCENARIO = {"rsi_length": 2, "ema_fast": 1, "ema_slow": 3, "ema_signal": 3}


def candle(place: int, close: str, high: str = "", low: str = "", volume: str = "1") -> Candle:
    return Candle(place * 60_000, Decimal(close), Decimal(high or close), Decimal(low or close), Decimal(close),
                  Decimal(volume))


def candles(*closes: object) -> list[Candle]:
    return [candle(place, str(close)) for place, close in enumerate(closes)]


def one_by_one(strategy: Strategy, series: list[Candle]) -> list[int]:
    return [strategy.check_signal(series[:count]) for count in range(1, len(series) + 1)]


@pytest.mark.parametrize(("closes", "signal"), [
    ((10, 11, 10.5, 11.5, 12), 0),
    ((10, 14, 15, 15.5), -1),
    ((20, 16, 15, 14.5), 1),
    ((10, 10, 10, 10, 10), 0),
    ((10,), 0),
])
def test_technical_signals(closes: tuple[float, ...], signal: int) -> None:
    series = candles(*closes)

    assert Technical(SCENARIO).check_signal(series) == signal
    assert one_by_one(Technical(SCENARIO), series)[-1] == signal


def test_technical_numbers_of_the_scenario() -> None:
    strategy = Technical(SCENARIO)

    strategy.check_signal(candles(10, 11, 10.5, 11.5, 12))

    assert strategy.rsi.value == pytest.approx(90.909091, abs=5e-7)
    assert (strategy.macd.macd, strategy.macd.signal) == (0.5, 0.40625)


def test_technical_without_candles_is_silent() -> None:
    assert Technical({}).check_signal([]) == 0


@pytest.mark.parametrize(("close", "volume", "signal"), [
    ("101.5", "12", 1), ("101.5", "10", 0), ("101.0", "12", 0), ("101.5", "10.001", 1),
    ("98.9", "12", -1), ("99", "12", 0), ("98.9", "10", 0), ("100", "12", 0),
])
def test_breakout_signals(close: str, volume: str, signal: int) -> None:
    previous = candle(0, "100", high="101", low="99")

    assert Breakout({"min_volume": 10}).check_signal([previous, candle(1, close, volume=volume)]) == signal


def test_breakout_needs_a_previous_candle() -> None:
    assert Breakout({}).check_signal(candles(10)) == 0
    assert Breakout.on_forming


def test_ma_cross_needs_as_many_closes_as_the_slow_average() -> None:
    strategy = MaCross({"fast": 5, "slow": 10})

    assert one_by_one(strategy, candles(*range(20, 11, -1))) == [0] * 9


def test_ma_cross_buys_once_on_the_cross_up_and_sells_once_on_the_cross_down() -> None:
    closes = [*range(30, 15, -1), *range(16, 40), *range(40, 15, -1)]

    signals = one_by_one(MaCross({"fast": 5, "slow": 10}), candles(*closes))

    assert [signal for signal in signals if signal] == [1, -1]


def test_ma_cross_touching_is_no_cross() -> None:
    rise, flat = list(range(10, 30)), [29] * 30

    assert one_by_one(MaCross({"fast": 5, "slow": 10}), candles(*rise, *flat, *range(30, 40))) == [0] * 60


def test_ma_cross_rounding_of_floats_is_no_cross() -> None:
    assert not any(one_by_one(MaCross({"fast": 3, "slow": 7}), candles(*["0.1"] * 100)))


@pytest.mark.parametrize(("made", "params", "words"), [
    (MaCross, {"fast": 10, "slow": 10}, "fast=10"), (Technical, {"ema_fast": 30}, "ema_fast=30")])
def test_averages_the_wrong_way_round_are_refused(made: type[Strategy], params: dict[str, object], words: str) -> None:
    with pytest.raises(StrategyProblem, match=words):
        made(params)


@settings(deadline=None)
@given(st.lists(st.integers(1, 1000), min_size=1, max_size=60), st.integers(1, 20))
def test_history_at_once_or_one_by_one_ends_alike(closes: list[int], split: int) -> None:
    series = candles(*closes)
    for made, params in ((MaCross, {"fast": 2, "slow": 4}), (Technical, SCENARIO)):
        slow, quick = made(params), made(params)
        quick.check_signal(series[:split])

        assert one_by_one(slow, series)[-1] == quick.check_signal(series) or len(series) <= split
