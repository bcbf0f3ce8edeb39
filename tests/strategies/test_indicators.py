"""Indicators against numbers worked by hand (scenario 22) and against TA-Lib."""

from __future__ import annotations

import random
from collections.abc import Sequence

import numpy
import numpy.typing
import pytest
import talib
from hypothesis import given, settings
from hypothesis import strategies as st

from strategies.indicators import ATR, EMA, MACD, RSI, SMA, Bollinger

ROOM = 1e-9
Line = numpy.typing.NDArray[numpy.float64]


def walk(count: int = 1500, seed: int = 7) -> list[float]:
    dice = random.Random(seed)
    price, out = 50_000.0, []
    for _ in range(count):
        price *= 1 + dice.gauss(0, 0.002)
        out.append(round(price, 1))
    return out


def assert_equal(ours: Sequence[float | None], theirs: Line, start: int = 0) -> None:
    pairs = list(zip(ours, list(theirs), strict=True))[start:]
    assert any(mine is not None for mine, _ in pairs)
    for mine, other in pairs:
        if mine is None:
            assert numpy.isnan(other)
        else:
            assert mine == pytest.approx(other, rel=ROOM, abs=ROOM)


def led_in(closes: list[float], count: int) -> Line:
    """The closes behind `count` copies of the first: so TA-Lib's averages, too, are seeded by the first value."""
    return numpy.array([closes[0]] * count + closes)


def test_rsi_by_hand_is_wilders() -> None:
    rsi = RSI(2)

    values = [rsi.update(close) for close in (10, 11, 10.5, 11.5, 12)]

    assert values[:2] == [None, None]
    assert values[-1] == pytest.approx(90.909091, abs=5e-7)


def test_rsi_is_100_without_losses_and_0_without_gains() -> None:
    up, down = RSI(2), RSI(2)

    assert [up.update(close) for close in (10, 14, 15, 15.5)][-1] == 100
    assert [down.update(close) for close in (20, 16, 15, 14.5)][-1] == 0


def test_rsi_without_moves_is_undefined() -> None:
    rsi = RSI(2)

    assert [rsi.update(10.0) for _ in range(10)] == [None] * 10


def test_macd_by_hand() -> None:
    macd = MACD(1, 3, 3)

    for close in (10, 11, 10.5, 11.5, 12):
        macd.update(close)

    assert (macd.macd, macd.signal, macd.histogram) == (0.5, 0.40625, 0.09375)


def test_macd_by_hand_rising_ever_slower() -> None:
    macd = MACD(1, 3, 3)

    for close in (10, 14, 15, 15.5):
        macd.update(close)

    assert (macd.macd, macd.signal) == (1.0, 1.125)


@pytest.mark.parametrize("length", [2, 5, 14, 50])
def test_rsi_equals_talib(length: int) -> None:
    closes, rsi = walk(), RSI(length)

    assert_equal([rsi.update(close) for close in closes], talib.RSI(numpy.array(closes), length))


@pytest.mark.parametrize("length", [1, 2, 10, 200])
def test_sma_equals_talib(length: int) -> None:
    closes, sma = walk(), SMA(length)

    assert_equal([sma.update(close) for close in closes], numpy.array(closes) if length == 1
                 else talib.SMA(numpy.array(closes), length))


@pytest.mark.parametrize("length", [5, 14])
def test_atr_equals_talib(length: int) -> None:
    closes = walk()
    highs, lows = [c * 1.001 + i % 7 for i, c in enumerate(closes)], [c * 0.999 - i % 5 for i, c in enumerate(closes)]
    atr = ATR(length)

    ours = [atr.update(*candle) for candle in zip(highs, lows, closes, strict=True)]

    assert_equal(ours, talib.ATR(numpy.array(highs), numpy.array(lows), numpy.array(closes), length))


def test_bollinger_equals_talib() -> None:
    closes, bands = walk(), Bollinger(20, 2.0)
    upper, middle, lower = talib.BBANDS(numpy.array(closes), 20, 2.0, 2.0)

    ours = [(bands.update(close), bands.upper, bands.lower) for close in closes]

    assert_equal([one[0] for one in ours], middle)
    assert_equal([one[1] for one in ours], upper)
    assert_equal([one[2] for one in ours], lower)


@pytest.mark.parametrize("length", [2, 20, 200])
def test_ema_equals_talib_seeded_by_the_first_value(length: int) -> None:
    closes, ema = walk(), EMA(length)

    ours = [ema.update(close) for close in closes]

    assert_equal(ours, talib.EMA(led_in(closes, length - 1), length)[length - 1:])


def test_macd_equals_talib_seeded_by_the_first_value() -> None:
    closes, ours, lead = walk(), MACD(), 25 + 8
    theirs = [line[lead:] for line in talib.MACD(led_in(closes, lead), 12, 26, 9)]

    values = [(ours.update(close), ours.macd, ours.signal) for close in closes]

    assert_equal([one[1] for one in values], theirs[0])
    assert_equal([one[2] for one in values], theirs[1])
    assert_equal([one[0] for one in values], theirs[2])


def test_macd_and_talib_as_it_comes_forget_their_seeds() -> None:
    closes, ours = walk(), MACD()
    macd, signal, _ = talib.MACD(numpy.array(closes), 12, 26, 9)

    values = [(ours.update(close), ours.macd, ours.signal) for close in closes]

    # The seeds differ by 50 here; (25/27)^175 of that is left at candle 200, half a billionth of the price later on.
    for place in range(200, len(closes)):
        room = ROOM * closes[place] * (10 if place < 225 else 1)
        assert abs(values[place][1] - macd[place]) <= room
        assert abs(values[place][2] - signal[place]) <= room
    assert_equal([one[1] for one in values], macd, start=500)
    assert_equal([one[2] for one in values], signal, start=500)


@settings(deadline=None)
@given(st.lists(st.floats(0.001, 1e6), min_size=1, max_size=80), st.integers(1, 12))
def test_sma_is_the_mean_of_the_last_values(values: list[float], length: int) -> None:
    sma = SMA(length)

    for count, value in enumerate(values, 1):
        mean = sma.update(value)
        last = values[max(0, count - length):count]
        assert mean is None if count < length else mean == pytest.approx(sum(last) / length, rel=1e-9, abs=1e-7)


@settings(deadline=None)
@given(st.lists(st.floats(0.001, 1e6), min_size=1, max_size=80), st.integers(2, 12))
def test_rsi_stays_within_its_range(values: list[float], length: int) -> None:
    rsi = RSI(length)

    assert all(one is None or 0 <= one <= 100 for one in map(rsi.update, values))


@pytest.mark.parametrize("made", [SMA(2), EMA(2), RSI(2), MACD(), ATR(2), Bollinger()])
def test_indicators_carry_no_dictionary(made: object) -> None:
    assert not hasattr(made, "__dict__")
