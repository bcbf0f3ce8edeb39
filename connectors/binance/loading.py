"""What the loader asks for the public side: book snapshots, probes, candles, the day's open. Generators, no socket.

Answers go to the connection's thread by `deliver` (its `Stream.post`).
"""

from __future__ import annotations

from collections.abc import Callable

from connectors.asker import Asker, Question
from connectors.binance import parse
from connectors.binance.feed import GotProbe, GotSnapshot
from connectors.binance.rest import Endpoints
from connectors.timesync import TimeSync
from connectors.wishes import GotCandles, GotDayOpen
from core.clock import Clock
from models import TIMEFRAMES, Candle, Key

RANK_SNAPSHOT, RANK_CLOSE, RANK_HISTORY, RANK_DAY = range(1, 5)      # after connectors.product.RANK_WATCH
PROBED = 5                 # levels compared to tell a quiet book from a dead stream
_DAY = 86_400_000

Deliver = Callable[[object], None]


class Loader:
    """Posts questions for one connection's symbols. `ask_…` may be called from any thread."""

    def __init__(self, asker: Asker, calls: Endpoints, sync: TimeSync, clock: Clock, wanted: int) -> None:
        self._asker, self._calls, self._sync, self._clock, self._wanted = asker, calls, sync, clock, wanted

    def ask_snapshot(self, key: Key, delay: float, deliver: Deliver) -> None:
        """A whole book after `delay` seconds; an earlier wish for it is forgotten."""
        name = f"snapshot of {key.symbol}"
        self._asker.drop(name)
        self._asker.post(name, lambda: self._snapshot(key, deliver), RANK_SNAPSHOT, delay)

    def ask_probe(self, key: Key, deliver: Deliver) -> None:
        """The best levels now."""
        name = f"probe of {key.symbol}"
        self._asker.drop(name)
        self._asker.post(name, lambda: self._probe(key, deliver), RANK_SNAPSHOT)

    def ask_candles(self, key: Key, timeframe: str, since: int, deliver: Deliver) -> None:
        """Candles since the newest closed one, or the whole history for `since` 0."""
        name = f"{timeframe} candles of {key.symbol}"
        self._asker.drop(name)
        self._asker.post(name, lambda: self._candles(key, timeframe, since, deliver),
                         RANK_CLOSE if since else RANK_HISTORY)

    def ask_day_open(self, key: Key, deliver: Deliver) -> None:
        """The day's first price, now and after each midnight UTC."""
        self.forget_day_open(key)
        self._asker.post(f"day of {key.symbol}", lambda: self._day_open(key, deliver), RANK_DAY)

    def forget_day_open(self, key: Key) -> None:
        """Not watched any more."""
        self._asker.drop(f"day of {key.symbol}")

    def _snapshot(self, key: Key, deliver: Deliver) -> Question:
        body = yield self._calls.snapshot(key.symbol)
        deliver(GotSnapshot(key, parse.depth(body), self._sync.now_ms()))

    def _probe(self, key: Key, deliver: Deliver) -> Question:
        asked = self._clock.monotonic()
        body = yield self._calls.depth(key.symbol, PROBED)
        deliver(GotProbe(key, parse.depth(body), asked))

    def _candles(self, key: Key, timeframe: str, since: int, deliver: Deliver) -> Question:
        step, most = TIMEFRAMES[timeframe], self._calls.product.klines_limit
        asked_ms = self._sync.now_ms()
        wanted = min(self._wanted, max(1, (asked_ms - since) // step)) + 1      # and the forming one
        rows: list[Candle] = []
        while len(rows) < wanted:
            end = rows[0].time - 1 if rows else None
            page = parse.candles((yield self._calls.klines(key.symbol, timeframe, min(wanted - len(rows), most), end)))
            page = [row for row in page if not rows or row.time < rows[0].time]
            if not page:
                break
            rows = page + rows
        deliver(GotCandles(key, timeframe, rows, asked_ms))

    def _day_open(self, key: Key, deliver: Deliver) -> Question:
        while True:
            rows = parse.candles((yield self._calls.klines(key.symbol, "1d", 1)))
            now = self._sync.now_ms()
            if rows and now - rows[-1].time < _DAY:
                deliver(GotDayOpen(key, rows[-1].open))
                yield (_DAY - now % _DAY) / 1000 + 2.0
            else:
                yield 60.0       # the new day's candle is not there yet
