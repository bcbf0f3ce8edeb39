"""One-minute candles of a symbol and everything made of them.

History is a list of segments. A segment is a stretch of minutes that is a function of its row (open, close, bounds,
seed), so days of history cost nothing until somebody looks; minutes lived through are stored as candles. All other
intervals are folded from minutes, never made on their own. Candle = (minute, o, h, l, c, volume, quote, trades,
taker buy volume, taker buy quote, first id, last id) in ticks and lots; minute = ms // 60000.
"""

from __future__ import annotations

import math
import random
import zlib
from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise

from simulator.instruments import Instrument
from simulator.store import Store

Candle = tuple[int, int, int, int, int, int, int, int, int, int, int, int]
MINUTE = 60000
DAY = 1440
HISTORY_DAYS = 7
KEEP_DAYS = 30
INTERVALS = {"1m": 1, "3m": 3, "5m": 5, "15m": 15, "30m": 30, "1h": 60, "2h": 120, "4h": 240, "6h": 360, "8h": 480,
             "12h": 720, "1d": DAY, "3d": 3 * DAY, "1w": 7 * DAY}
MONDAY = 4 * DAY  # 1970-01-05, the first Monday


def bucket(minute: int, interval: str) -> int:
    """First minute of the interval that `minute` lies in; weeks begin on Monday."""
    size = INTERVALS[interval]
    shift = MONDAY if interval == "1w" else 0
    return (minute - shift) // size * size + shift


def fold(candles: Iterable[Candle], interval: str) -> list[Candle]:
    """Candles of a larger interval, exactly the sums and extremes of the minutes given."""
    out: list[Candle] = []
    for candle in candles:
        start = bucket(candle[0], interval)
        if out and out[-1][0] == start:
            out[-1] = join(out[-1], candle)
        else:
            out.append((start, *candle[1:]))
    return out


def join(a: Candle, b: Candle) -> Candle:
    """Candle `a` continued by `b`."""
    return (a[0], a[1], max(a[2], b[2]), min(a[3], b[3]), b[4], a[5] + b[5], a[6] + b[6], a[7] + b[7], a[8] + b[8],
            a[9] + b[9], a[10] if a[7] else b[10], b[11] if b[7] else a[11])


def flat(minute: int, price: int, last_id: int) -> Candle:
    """A minute without a trade."""
    return (minute, price, price, price, price, 0, 0, 0, 0, 0, last_id, last_id)


@dataclass(frozen=True, slots=True)
class Segment:
    """Minutes start..stop-1, from price `open` to price `close`, never outside low..high."""

    start: int
    stop: int
    open: int
    close: int
    low: int
    high: int
    seed: int


def grow(segment: Segment, instrument: Instrument) -> list[Candle]:
    """The candles of a segment: a random walk bent so that it ends where it must."""
    rng = random.Random(zlib.crc32(f"{segment.seed}:{instrument.kept_as}:{segment.start}".encode()))
    count = segment.stop - segment.start
    gauss, uniform = rng.gauss, rng.random
    level, burst, path = 0.0, 1.0, [0.0]
    for _ in range(count):
        if uniform() < 0.01:
            burst = 0.5 + 2.5 * uniform() ** 2
        level += gauss(0.0, instrument.volatility * burst)
        path.append(level)
    rise = math.log(segment.close / segment.open)
    bend = (rise - level) / count
    out: list[Candle] = []
    before = segment.open
    for index in range(1, count + 1):
        close = min(max(round(segment.open * math.exp(path[index] + bend * index)), segment.low), segment.high)
        if index == count:
            close = segment.close
        wick = abs(close - before) * 0.6 + instrument.volatility * before * 0.3
        high = min(max(before, close) + int(uniform() * wick), max(segment.high, before, close))
        low = max(min(before, close) - int(uniform() * wick), min(segment.low, before, close))
        volume = int(instrument.typical_lots * instrument.pace * (10 + 110 * uniform() ** 2))
        buy = int(volume * (0.3 + 0.4 * uniform()))
        middle = (high + low + close) // 3
        trades = 20 + int(120 * uniform())
        out.append((segment.start + index - 1, before, high, low, close, volume, instrument.units(middle, volume),
                    trades, buy, instrument.units(middle, buy), 0, 0))
        before = close
    return out


def plan_history(instrument: Instrument, born: int, seed: int) -> list[Segment]:
    """Daily segments of at least seven whole days before minute `born`, beginning on a Monday."""
    rng = random.Random(zlib.crc32(f"days:{seed}:{instrument.kept_as}".encode()))
    start = bucket(born - HISTORY_DAYS * DAY, "1w")
    edges = [*range(start, born, DAY), born]
    price = instrument.start_ticks()
    out: list[Segment] = []
    for begin, end in reversed(list(pairwise(edges))):
        before = max(1, round(price * math.exp(-rng.gauss(0.0, instrument.volatility * 25))))
        out.append(Segment(begin, end, before, price, 1, 10 * price, seed))
        price = before
    return out[::-1]


class Series:
    """All candles of one symbol: stored history plus the minute that is running."""

    def __init__(self, instrument: Instrument, store: Store) -> None:
        self.instrument = instrument
        self._store = store
        self._segments = [Segment(*row) for row in store.rows(
            "SELECT start, stop, open, close, low, high, seed FROM segments WHERE symbol = ? ORDER BY start",
            instrument.kept_as)]
        self._kept = True
        self._grown: dict[int, list[Candle]] = {}
        self._lived: list[Candle] = list(store.rows(
            "SELECT minute, o, h, l, c, volume, quote, trades, buy, buy_quote, first_id, last_id FROM candles "
            "WHERE symbol = ? ORDER BY minute", instrument.kept_as))
        self.running: Candle | None = None

    @property
    def last_close(self) -> int | None:
        """Last known price, None for a symbol without any history."""
        if self.running:
            return self.running[4]
        ends = [(c[0], c[4]) for c in self._lived[-1:]] + [(s.stop - 1, s.close) for s in self._segments[-1:]]
        return max(ends)[1] if ends else None

    def resume(self, minute: int, seed: int, low: int, high: int) -> None:
        """Begin to live at `minute`: make the first history, or fill the time the venue was away.

        The filling stays within low..high, the account's resting orders, so that no candle passes an order that
        was not filled.
        """
        oldest = minute - KEEP_DAYS * DAY
        self._store.run("DELETE FROM candles WHERE symbol = ? AND minute < ?", self.instrument.kept_as, oldest)
        self._store.run("DELETE FROM segments WHERE symbol = ? AND stop < ?", self.instrument.kept_as, oldest)
        self._lived = [c for c in self._lived if c[0] <= minute]  # a shifted clock may have lived in the future
        known = max([s.stop for s in self._segments[-1:]] + [c[0] + 1 for c in self._lived[-1:]], default=0)
        price = self.last_close
        if price is None:
            fresh = plan_history(self.instrument, minute, seed)
        else:
            if self._lived and self._lived[-1][0] >= minute:  # the running minute of before goes on
                self.running = self._lived.pop()
                return
            low, high = max(1, min(low, price)), max(high, price)
            edges = [*range(max(known, oldest), minute, DAY), minute]
            fresh = [Segment(a, b, price, price, low, high, seed) for a, b in pairwise(edges)]
        self._segments += fresh
        self._store.put_many("segments", 8, [(self.instrument.kept_as, s.start, s.stop, s.open, s.close, s.low, s.high,
                                              s.seed) for s in fresh])
        self.running = flat(minute, self.last_close or 1, 0)

    def trade(self, price: int, lots: int, buyer_took: bool, trade_id: int) -> None:
        """Count a trade into the running minute."""
        m, o, h, low, _, v, q, n, b, bq, first, _ = self.running or flat(0, price, trade_id)
        value = self.instrument.units(price, lots)
        self.running = (m, price if not n else o, max(h, price) if n else price, min(low, price) if n else price, price,
                        v + lots, q + value, n + 1, b + lots * buyer_took, bq + value * buyer_took,
                        first if n else trade_id, trade_id)

    def roll(self, minute: int) -> list[Candle]:
        """Close all minutes before `minute`; what was closed, oldest first."""
        closed: list[Candle] = []
        while self.running and self.running[0] < minute:
            closed.append(self.running)
            self._lived.append(self.running)
            self.running = flat(self.running[0] + 1, self.running[4], self.running[11])
        self.save(closed)
        return closed

    def take(self, candle: Candle) -> list[Candle]:
        """Put a recorded minute in the place of the running one; what it closed."""
        closed = []
        if self.running and self.running[0] < candle[0]:
            closed = [self.running]
            self._lived += closed
        if not self.running or self.running[0] <= candle[0]:
            self.running = candle
        return closed

    def forget(self) -> None:
        """A recording brings its own candles: begin without any and store none."""
        self._lived.clear()
        self._segments.clear()
        self.running = None
        self._kept = False

    def save(self, closed: Iterable[Candle]) -> None:
        """Store candles."""
        rows = [(self.instrument.kept_as, *candle) for candle in closed]
        if rows and self._kept:
            self._store.put_many("candles", 13, rows)

    def save_running(self) -> None:
        """Store the minute that is running, as far as it got."""
        if self.running and self.running[7]:
            self.save([self.running])

    def minutes(self, first: int, last: int) -> list[Candle]:
        """Candles of the minutes first..last, the running one included."""
        out: list[Candle] = []
        for segment in self._segments:
            if segment.stop > first and segment.start <= last:
                out += [c for c in self._expanded(segment) if first <= c[0] <= last]
        lived = self._lived[bisect_right(self._lived, (first - 1, 1 << 62)):]
        out += [c for c in lived if c[0] <= last]
        out.sort()
        if self.running and first <= self.running[0] <= last:
            out.append(self.running)
        return out

    def span(self) -> tuple[int, int]:
        """First and last minute known."""
        starts = [s.start for s in self._segments[:1]] + [c[0] for c in self._lived[:1]]
        if self.running:
            starts.append(self.running[0])
        last = self.running[0] if self.running else max([c[0] for c in self._lived[-1:]], default=0)
        return min(starts, default=0), last

    def bars(self, interval: str, first: int | None, last: int | None, limit: int) -> list[Candle]:
        """Candles of an interval. `first` given: oldest from there; else the latest up to `last`."""
        size = INTERVALS[interval]
        begin, end = self.span()
        last = end if last is None else min(last, end)
        if first is None:
            start = max(begin, bucket(last, interval) - (limit - 1) * size)
            return fold(self.minutes(start, min(end, bucket(last, interval) + size - 1)), interval)[-limit:]
        start = bucket(first + size - 1, interval) if first > begin else begin
        stop = min(bucket(last, interval) + size - 1, start + limit * size - 1)
        return fold(self.minutes(start, stop), interval)[:limit] if stop >= start else []

    def _expanded(self, segment: Segment) -> list[Candle]:
        if segment.start not in self._grown:
            self._grown[segment.start] = grow(segment, self.instrument)
        return self._grown[segment.start]
