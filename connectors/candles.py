"""Candles of one instrument and timeframe: history, the forming one, gaps filled flat, each close told once.

Owned by the market connection's thread. The functions are pure; `CandleBook` keeps the series and tells of closes.
A close is told for the newest candle only and never twice: after an outage nobody is woken for candles long past.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from decimal import Decimal

from models import Candle, CandleSeries

Tell = Callable[[CandleSeries, bool], None]


def flat(time: int, price: Decimal) -> Candle:
    """A candle in which nothing was traded."""
    return Candle(time, price, price, price, price, Decimal(0))


def filled(rows: Iterable[Candle], step: int) -> list[Candle]:
    """Rows in the order of time, each time once (the later row wins), missing ones flat at the close before."""
    by_time = {row.time: row for row in rows}
    out: list[Candle] = []
    for time in sorted(by_time):
        while out and out[-1].time + step < time:
            out.append(flat(out[-1].time + step, out[-1].close))
        out.append(by_time[time])
    return out


def add_trade(forming: Candle | None, time: int, price: Decimal, qty: Decimal,
              step: int) -> tuple[list[Candle], Candle]:
    """Trades → candles: those the trade closes (missing ones flat) and the one it falls into.

    A trade older than the forming candle changes nothing.
    """
    begin = time - time % step
    if forming is None:
        return [], Candle(begin, price, price, price, price, qty)
    if begin < forming.time:
        return [], forming
    if begin == forming.time:
        return [], Candle(begin, forming.open, max(forming.high, price), min(forming.low, price), price,
                          forming.volume + qty)
    closed = filled([forming, flat(begin, forming.close)], step)[:-1]
    return closed, Candle(begin, price, price, price, price, qty)


class CandleBook:
    """One series."""

    def __init__(self, step: int, wanted: int, tell: Tell) -> None:
        self.step, self._wanted, self._tell = step, wanted, tell
        self._closed: tuple[Candle, ...] = ()
        self._forming: Candle | None = None
        self._complete = False
        self._told = 0                   # time of the newest candle whose close was told or was history
        self._early: list[tuple[Candle, bool]] = []
        self.last_update: float | None = None

    @property
    def is_complete(self) -> bool:
        """Whether the history is loaded."""
        return self._complete

    @property
    def last_closed(self) -> int | None:
        """Start of the newest closed candle."""
        return self._closed[-1].time if self._closed else None

    @property
    def last_close(self) -> Decimal | None:
        """Closing price of the newest closed candle."""
        return self._closed[-1].close if self._closed else None

    @property
    def forming_end(self) -> int | None:
        """When the forming candle ends, venue's time in ms; None before the first."""
        if self._forming is not None:
            return self._forming.time + self.step
        return self._closed[-1].time + 2 * self.step if self._closed else None

    def load(self, rows: list[Candle], asked_ms: int) -> None:
        """History by question: the first time, and again to heal a gap or to learn a close the stream did not tell.

        `asked_ms` is the venue's time when the question was sent: what had ended by then is closed, and where rows
        are missing up to then the candles are flat. A candle the stream closed meanwhile stays closed.
        """
        begin = max(asked_ms - asked_ms % self.step, rows[-1].time if rows else 0)   # rows before the newest have ended
        ended = [row for row in rows if row.time < begin]
        merged = filled([*self._closed, *ended], self.step)
        if self._forming is not None and self._forming.time < begin and (
                not merged or merged[-1].time < self._forming.time):
            merged = filled([*merged, self._forming], self.step)
        if merged and merged[-1].time < begin - self.step:
            merged = filled([*merged, flat(begin - self.step, merged[-1].close)], self.step)
        self._closed = tuple(merged[-self._wanted:])
        newest = self._closed[-1].time if self._closed else 0
        running = [row for row in [*rows[-1:], *([self._forming] if self._forming else [])] if row.time > newest]
        self._forming = max(running, key=lambda row: (row.time, row.volume), default=None)
        was_complete, self._complete = self._complete, True
        if not was_complete:
            self._told = newest
        self._publish()
        early, self._early = self._early, []
        for candle, closed in early:
            self.update(candle, closed)

    def update(self, candle: Candle, closed: bool) -> bool:
        """A frame of the stream. True when candles are missing before it: the series needs `load`."""
        if not self._complete:
            self._early = [one for one in self._early if one[0].time != candle.time or one[1]] + [(candle, closed)]
            return False
        last = self._closed[-1].time if self._closed else None
        if last is not None and candle.time <= last:
            if closed and self._closed[-1] != candle and candle.time == last:
                self._closed = (*self._closed[:-1], candle)       # learnt before as flat or unfinished
                self._publish_quietly()
            return False
        if last is not None and candle.time > last + self.step:
            return True              # a close was not told: `load` brings it, and this candle with it
        if closed:
            self._closed = (*self._closed, candle)[-self._wanted:]
            if self._forming is not None and self._forming.time <= candle.time:
                self._forming = None
        else:
            self._forming = candle
        self._publish()
        return False

    def _series(self) -> CandleSeries:
        return CandleSeries(self._closed, self._forming, self._wanted, self._complete)

    def _publish(self) -> None:
        newest = self._closed[-1].time if self._closed else 0
        has_closed = self._complete and newest > self._told
        if has_closed:
            self._told = newest
        self._tell(self._series(), has_closed)

    def _publish_quietly(self) -> None:
        self._tell(self._series(), False)
