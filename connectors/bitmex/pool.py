"""The public connection of one product. Topics on an open socket are not limited, so there is one (bitmex.md 9).

Owned by the loader's thread; `streams` is a tuple replaced whole, read by the keeper.
"""

from __future__ import annotations

from collections.abc import Callable

from connectors.bitmex import auth, stream
from connectors.bitmex.contracts import Contracts
from connectors.bitmex.feed import MarketFeed, Watch
from connectors.bitmex.loading import Loader
from connectors.bitmex.market import MarketSymbol
from connectors.bitmex.public import PublicSymbol
from connectors.complaints import Complaints
from connectors.stream import Stream
from connectors.timesync import TimeSync
from connectors.venue import VenueConfig, VenueParts
from connectors.wishes import Unwatch, WantCandles
from models import TIMEFRAMES, Key, Notice


class Pool:
    """All public connections: none before a symbol is watched, then one."""

    def __init__(self, config: VenueConfig, parts: VenueParts, loader: Loader, sync: TimeSync,
                 contracts: Callable[[], Contracts], on_state: Callable[[Key, str], None]) -> None:
        self.streams: tuple[Stream, ...] = ()
        self._config, self._parts, self._loader = config, parts, loader
        self._contracts, self._on_state = contracts, on_state
        self._topic = stream.QUOTE if config.quote_only else stream.FULL if config.full_book else stream.TEN
        name = f"{config.title} public"
        self._feed = MarketFeed(auth.socket_of(config.public_ws), parts.clock, sync, Complaints(name),
                                lambda text: parts.sink(Notice(auth.MARKET, f"{config.title}: {text}", "warning")))
        self._stream = Stream(name, self._feed, parts.clock, parts.timings, parts.timings.silence_stream,
                              parts.on_death, text_ping=True, renewed=self._feed.renewed, pace=parts.pace)
        self._watched: set[Key] = set()
        self._candles: set[tuple[Key, str]] = set()
        self._is_stopped = False

    def watch(self, key: Key) -> None:
        """Stream a symbol; nothing when it is streamed already."""
        if key in self._watched:
            return
        self._watched.add(key)
        parts, loader, post, contract = self._parts, self._loader, self._stream.post, self._contracts()[key.symbol]
        book = PublicSymbol(contract, self._topic, parts.board, parts.clock, parts.timings,
                            self._feed.subscriptions.again)
        market = MarketSymbol(
            contract, parts.board, parts.clock, parts.timings, parts.on_candle,
            lambda timeframe, since: loader.ask_candles(contract, timeframe, since, post), self._config.candles,
            lambda state: self._on_state(key, state))
        post(Watch(book, market))
        loader.ask_day_open(contract, post)
        if not self.streams:
            self.streams = (self._stream,)
            if not self._is_stopped:
                self._stream.worker.start()

    def unwatch(self, key: Key) -> None:
        """End the topics of a symbol."""
        self._watched.discard(key)
        self._loader.forget_day_open(key.symbol)
        self._stream.post(Unwatch(key))
        self._candles = {one for one in self._candles if one[0] != key}

    def want_candles(self, key: Key, timeframe: str) -> None:
        """Build candles of a watched symbol."""
        if timeframe not in TIMEFRAMES or (key, timeframe) in self._candles:
            return
        self.watch(key)
        self._candles.add((key, timeframe))
        self._stream.post(WantCandles(key, timeframe))

    def restart(self) -> None:
        """Close and connect anew."""
        for one in self.streams:
            one.restart()

    def stop(self) -> None:
        """End the thread; it is not started any more."""
        self._is_stopped = True
        for one in self.streams:
            one.stop()
