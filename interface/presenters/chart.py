"""Numbers behind the chart: candles as floats, the scale, round grid prices, times below. Drawing may use float."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass

from models import TIMEFRAMES, Candle, CandleSeries

LEAST, MOST = 20, 1000   # candles on the screen
ROOM = 0.06              # air above and below
VOLUME_SHARE = 0.16      # of the height, at the bottom

Bar = tuple[int, float, float, float, float, float]   # time, open, high, low, close, volume


def as_floats(candles: Sequence[Candle]) -> list[Bar]:
    """The same candles for drawing."""
    return [(c.time, float(c.open), float(c.high), float(c.low), float(c.close), float(c.volume)) for c in candles]


@dataclass(frozen=True, slots=True)
class Scale:
    """Prices to pixels."""

    low: float
    high: float
    top: int
    height: int

    def y(self, price: float) -> float:
        """Where a price stands."""
        return self.top + (self.high - price) / (self.high - self.low) * self.height

    def price(self, y: float) -> float:
        """Which price stands at a pixel."""
        return self.high - (y - self.top) / self.height * (self.high - self.low)


def fit(bars: Sequence[Bar], top: int, height: int, old: Scale | None) -> Scale:
    """A scale that holds all bars; the old one as long as it holds them and is not much too wide."""
    return fit_span(min(bar[3] for bar in bars), max(bar[2] for bar in bars), top, height, old)


def fit_span(low: float, high: float, top: int, height: int, old: Scale | None) -> Scale:
    """The same for bars that reach from `low` to `high`."""
    span = (high - low) or abs(high) * 0.001 or 1.0
    if old is not None and (old.top, old.height) == (top, height) and old.low <= low and high <= old.high:
        if old.high - old.low <= span * (1 + 6 * ROOM):
            return old
    return Scale(low - span * (ROOM + VOLUME_SHARE / 2), high + span * ROOM * 1.5, top, height)


Box = tuple[int, int, int, int]         # left, right, top, bottom

MOST_SHIFT = 5           # rows a label may stand away from its own price


def free_place(taken: Sequence[Box], y: int, width: int, left: int, limit: int, half: int, gap: int,
               low: int, high: int) -> tuple[int, int] | None:
    """Where a label of this width hides no other: beside those of the same price up to `limit`, else rows below or
    above them, between `low` and `high`. (left, middle), None where all of that is full."""
    shifts = [0] + [way * rows for rows in range(1, MOST_SHIFT + 1) for way in (1, -1)]
    for shift in shifts:
        at = y + shift * (2 * half + 2)
        if shift and not low + half <= at <= high - half:
            continue
        start = left
        for other in sorted(taken):
            if other[2] - half <= at <= other[3] + half and other[0] < start + width + gap:
                start = max(start, other[1] + gap)
        if start + width <= limit or (not shift and start == left):
            return start, at
    return None


def grid_prices(scale: Scale, wanted: int) -> list[float]:
    """Round prices, about `wanted` of them."""
    rough = (scale.high - scale.low) / max(1, wanted)
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(power * times for times in (1, 2, 2.5, 5, 10) if power * times >= rough)
    first = math.ceil(scale.low / step) * step
    return [first + step * index for index in range(int((scale.high - first) / step) + 1)]


def time_marks(bars: Sequence[Bar], timeframe: str, room: int) -> list[tuple[int, str]]:
    """Index and text of round times, at least `room` candles apart."""
    frame = TIMEFRAMES[timeframe]
    steps = (300, 600, 900, 1800, 3600, 7200, 14400, 21600, 43200, 86400, 172800, 604800, 1209600, 2592000, 7776000)
    step = next((s * 1000 for s in steps if s * 1000 >= room * frame), steps[-1] * 1000)
    marks = []
    for index, bar in enumerate(bars):
        if bar[0] % step == 0:
            words = "%H:%M" if bar[0] % 86_400_000 or frame < 60_000 else "%d %b"
            marks.append((index, time.strftime(words, time.gmtime(bar[0] / 1000))))
    return marks


def loading_words(series: CandleSeries | None) -> str:
    """The empty state."""
    if series is None:
        return "Loading candles…"
    return f"Loading candles {len(series.closed)} / {series.wanted}"


def index_at(bars: Sequence[Bar], moment: int, timeframe: str) -> int | None:
    """The candle a moment falls into, None when it is not among these."""
    if not bars:
        return None
    start = moment - moment % TIMEFRAMES[timeframe]
    index = (start - bars[0][0]) // TIMEFRAMES[timeframe]
    return index if 0 <= index < len(bars) else None
