"""The public connections of one product and which symbol is on which: at most 200 streams each (binance.md 9.1).

Owned by the loader's thread; `streams` is a tuple replaced whole, read by the keeper.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from connectors.binance import market, public
from connectors.binance.feed import MarketFeed, Watch
from connectors.binance.loading import Loader
from connectors.binance.parse import MARKET
from connectors.complaints import Complaints
from connectors.stream import Stream
from connectors.timesync import TimeSync
from connectors.venue import VenueConfig, VenueParts
from connectors.wishes import Unwatch, WantCandles
from models import TIMEFRAMES, Category, Key, Notice

MOST_STREAMS = 200


@dataclass(slots=True)
class _Line:
    """A connection and the number of streams of each symbol on it."""

    stream: Stream
    used: dict[Key, int] = field(default_factory=dict)

    @property
    def room(self) -> int:
        return MOST_STREAMS - sum(self.used.values())


class Pool:
    """All public connections."""

    def __init__(self, name: str, config: VenueConfig, parts: VenueParts, loader: Loader, sync: TimeSync,
                 on_death: Callable[[str, BaseException], None]) -> None:
        self.streams: tuple[Stream, ...] = ()
        self._name, self._config, self._parts, self._loader, self._sync = name, config, parts, loader, sync
        self._on_death = on_death
        self._public: list[_Line] = []
        self._market: list[_Line] = []
        self._candles: set[tuple[Key, str]] = set()
        self._is_stopped = False

    def watch(self, key: Key) -> None:
        """Stream a symbol; nothing when it is streamed already."""
        if any(key in line.used for line in self._public):
            return
        self._watch_public(key)
        self._watch_market(key, only_candles=False)

    def unwatch(self, key: Key) -> None:
        """End the streams of a symbol."""
        self._loader.forget_day_open(key)
        for line in (*self._public, *self._market):
            if line.used.pop(key, None) is not None:
                line.stream.post(Unwatch(key))
        self._candles = {one for one in self._candles if one[0] != key}

    def want_candles(self, key: Key, timeframe: str) -> None:
        """Stream candles of a watched symbol, on its own connection while there is room."""
        if timeframe not in TIMEFRAMES or (key, timeframe) in self._candles:
            return
        self.watch(key)
        self._candles.add((key, timeframe))
        lines = [line for line in self._market if key in line.used]
        line = next((line for line in lines if line.room > 0), None) or self._watch_market(key, only_candles=True)
        line.used[key] += 1
        line.stream.post(WantCandles(key, timeframe))

    def restart(self) -> None:
        """Close all and connect anew."""
        for stream in self.streams:
            stream.restart()

    def stop(self) -> None:
        """End all threads; none is started any more."""
        self._is_stopped = True
        for stream in self.streams:
            stream.stop()

    def _watch_public(self, key: Key) -> None:
        line = self._line(self._public, self._config.public_ws, "public", public.STREAMS)
        post, loader, parts = line.stream.post, self._loader, self._parts
        symbol = public.PublicSymbol(
            key, parts.board, parts.clock, parts.timings, self._config.quote_only,
            lambda key, delay: loader.ask_snapshot(key, delay, post), lambda key: loader.ask_probe(key, post))
        self._begin(line, key, Watch(symbol), public.STREAMS)

    def _watch_market(self, key: Key, only_candles: bool) -> _Line:
        needed = market.STREAMS + 2      # with the index price and one timeframe
        line = self._line(self._market, self._config.market_ws, "market", needed)
        post, loader, parts = line.stream.post, self._loader, self._parts
        symbol = market.MarketSymbol(
            key, parts.board, parts.clock, parts.timings, parts.on_candle,
            lambda key, timeframe, since: loader.ask_candles(key, timeframe, since, post),
            self._config.candles, only_candles)
        streams = market.STREAMS + (key.category is Category.INVERSE)        # the index price
        self._begin(line, key, Watch(symbol), 0 if only_candles else streams)
        if not only_candles:
            loader.ask_day_open(key, post)
        return line

    def _begin(self, line: _Line, key: Key, message: Watch, streams: int) -> None:
        line.used[key] = streams
        line.stream.post(message)
        if line.stream not in self.streams:
            self.streams = (*self.streams, line.stream)
            if not self._is_stopped:
                line.stream.worker.start()

    def _line(self, lines: list[_Line], base: str, route: str, needed: int) -> _Line:
        for line in lines:
            if line.room >= needed:
                return line
        name = f"{self._name} {route} {len(lines) + 1}"
        parts = self._parts
        feed = MarketFeed(base, parts.clock, self._sync, Complaints(name),
                          lambda text: parts.sink(Notice(MARKET, f"{self._config.title}: {text}", "warning")))
        # A quiet symbol sends nothing for long; pongs show that the line lives.
        stream = Stream(name, feed, parts.clock, parts.timings, parts.timings.silence_stream, self._on_death,
                        renewed=feed.renewed, pace=parts.pace)
        lines.append(_Line(stream))
        return lines[-1]
