"""Indicators per candle, beside TA-Lib's stream functions on the same closes."""

from __future__ import annotations

import random
import time
from collections.abc import Callable

import numpy
import talib

from bench.row import Row, Size
from strategies.indicators import EMA, MACD, RSI

WINDOW = 200             # closes the stream functions look at each time
BOUND = 0.35             # µs


def rows(size: Size) -> list[Row]:
    """RSI(14), MACD and EMA(20)."""
    count = max(2_000, int(200_000 * size.share))
    closes = _walk(count)
    array = numpy.array(closes)
    stream = talib.stream
    kinds: list[tuple[str, Callable[[], Callable[[float], object]], Callable[[numpy.ndarray], object]]] = [
        ("RSI(14)", lambda: RSI(14).update, lambda part: stream.RSI(part, 14)),
        ("MACD(12, 26, 9)", lambda: MACD(12, 26, 9).update, lambda part: stream.MACD(part, 12, 26, 9)),
        ("EMA(20)", lambda: EMA(20).update, lambda part: stream.EMA(part, 20)),
    ]
    made = []
    for name, make, peer in kinds:
        ours = min(_ours(make(), closes) for _ in range(5))
        theirs = min(_theirs(peer, array, min(count, 20_000)) for _ in range(3))
        made.append(Row(f"{name} a candle", ours, theirs, "µs", BOUND, floor_is="TA-Lib's stream function",
                        note=f"over {count:,} candles"))
    return made


def _walk(count: int) -> list[float]:
    dice, price, out = random.Random(7), 50_000.0, []
    for _ in range(count):
        price *= 1 + dice.gauss(0, 0.002)
        out.append(round(price, 1))
    return out


def _ours(update: Callable[[float], object], closes: list[float]) -> float:
    begun = time.thread_time()
    for close in closes:
        update(close)
    return 1e6 * (time.thread_time() - begun) / len(closes)


def _theirs(function: Callable[[numpy.ndarray], object], closes: numpy.ndarray, count: int) -> float:
    begun = time.thread_time()
    for end in range(WINDOW, count):
        function(closes[end - WINDOW:end])
    return 1e6 * (time.thread_time() - begun) / (count - WINDOW)
