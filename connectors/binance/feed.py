"""What a public connection carries: frames to the channels of its symbols, subscriptions, silence.

One `MarketFeed` per connection, on its thread. Others reach it by `Stream.post` with the messages below.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass

import msgspec

from connectors.binance.index import Indexes
from connectors.binance.market import MarketSymbol
from connectors.binance.parse import bad
from connectors.binance.public import PublicSymbol, Snapshot
from connectors.complaints import Complaints
from connectors.line import Renew
from connectors.subscriptions import Channel, Subscriptions
from connectors.timesync import TimeSync
from connectors.wishes import GotCandles, GotDayOpen, Unwatch, WantCandles
from core.clock import Clock
from core.errors import BadMessage
from core.numbers import printable
from models import Key

log = logging.getLogger(__name__)

SHUTDOWN = Renew("the exchange shuts this connection down soon")
_SHUTDOWN = b'"serverShutdown"'
_HEAD = b'{"stream":"'
_READ_ERRORS = (msgspec.DecodeError, BadMessage, ValueError, ArithmeticError, RecursionError, OverflowError)


@dataclass(frozen=True, slots=True)
class Watch:
    """Stream this symbol too."""

    symbol: PublicSymbol | MarketSymbol


@dataclass(frozen=True, slots=True)
class GotSnapshot:
    """A book snapshot."""

    key: Key
    told: Snapshot
    time: int


@dataclass(frozen=True, slots=True)
class GotProbe:
    """The best levels, asked at `asked` (monotonic)."""

    key: Key
    told: Snapshot
    asked: float


class _Outer(msgspec.Struct):
    stream: str = ""
    id: int | str | None = None
    error: msgspec.Raw = msgspec.field(default_factory=msgspec.Raw)


_outer = msgspec.json.Decoder(_Outer).decode


class MarketFeed:
    """One public connection."""

    def __init__(self, base: str, clock: Clock, sync: TimeSync, complaints: Complaints,
                 tell: Callable[[str], None] = log.warning) -> None:
        self._base, self._clock, self._sync, self._complaints = base, clock, sync, complaints
        self._symbols: dict[Key, PublicSymbol | MarketSymbol] = {}
        self._subscriptions = Subscriptions(tell=tell)
        self._channels = self._subscriptions.channels
        self._indexes = Indexes()
        self._changed: dict[Channel, None] = {}
        self._is_open = False
        self._is_ending = False

    def address(self) -> str:
        """The combined form: each frame says which stream it is of."""
        names = self._subscriptions.in_address()
        return f"{self._base}/stream?streams={names}" if names else f"{self._base}/stream"

    def opened(self, send: Callable[[str], None]) -> None:
        """Everything begins anew: books, and what candles were missed."""
        self._is_open = True
        self._subscriptions.opened(send, self._clock.monotonic())
        self._indexes.opened()
        for symbol in self._symbols.values():
            symbol.opened()

    def renewed(self, send: Callable[[str], None]) -> None:
        """Another connection takes over without a gap."""
        self._subscriptions.renewed(send)

    def closed(self, text: str) -> None:
        """Books are stale from now on."""
        if not self._is_open:
            return
        self._is_open = False
        self._subscriptions.closed()
        for symbol in self._symbols.values():
            if isinstance(symbol, PublicSymbol):
                symbol.closed(text)

    def paused(self) -> None:
        """We did not run: what waits in the socket is old."""
        for symbol in self._symbols.values():
            if isinstance(symbol, PublicSymbol):
                symbol.paused()

    def frame(self, raw: bytes, now: float) -> None:
        """One message. What cannot be read is counted, never raised."""
        try:
            if raw.startswith(_HEAD):
                channel = self._channels.get(raw[11:raw.find(b'"', 11)])
                if channel is not None:
                    channel.last = now
                    channel.read(raw)
                    self._changed[channel] = None
                    return
            self._other(raw, now)
        except _READ_ERRORS as error:
            text = error.text if isinstance(error, BadMessage) else bad(raw, error).text
            self._complaints.add(f"{text} in {_begin(raw)}", now)

    def flush(self, now: float) -> None:
        """Publish what the frames since the last time changed: once, however many they were."""
        changed, self._changed = self._changed, {}
        for channel in changed:
            try:
                channel.flush()
            except _READ_ERRORS as error:
                self._complaints.add(printable(str(error), 160), now)

    def tick(self, now: float) -> str:
        """Silence of single streams; closes that were not told."""
        venue_ms = self._sync.now_ms()
        for symbol in self._symbols.values():
            if isinstance(symbol, PublicSymbol):
                symbol.tick(now)
            else:
                symbol.tick(venue_ms)
        if self._is_ending:
            self._is_ending = False
            return SHUTDOWN
        return self._subscriptions.watch(now)

    def take(self, message: object) -> None:
        """A message of the loader or of whoever watches."""
        match message:
            case Watch(symbol):
                self._watch(symbol)
            case Unwatch(key):
                self._unwatch(key)
            case WantCandles(key, timeframe):
                self._want_candles(key, timeframe)
            case GotSnapshot(key, told, time):
                self._public(key, lambda symbol: symbol.snapshot(told, time))
            case GotProbe(key, told, asked):
                self._public(key, lambda symbol: symbol.probe(told, asked))
            case GotCandles(key, timeframe, rows, asked_ms):
                self._market(key, lambda symbol: symbol.candles(timeframe, rows, asked_ms))
            case GotDayOpen(key, price):
                self._market(key, lambda symbol: symbol.day_open(price))
            case _:
                raise AssertionError(f"no such message: {message!r}")

    def _watch(self, symbol: PublicSymbol | MarketSymbol) -> None:
        self._symbols[symbol.key] = symbol
        channels = symbol.channels()
        if isinstance(symbol, MarketSymbol):
            channels |= self._indexes.follow(symbol)
        self._subscriptions.add(channels, self._clock.monotonic())
        if self._is_open:
            symbol.opened()

    def _unwatch(self, key: Key) -> None:
        symbol = self._symbols.pop(key, None)
        if symbol is None:
            return
        names = list(symbol.channels())
        if isinstance(symbol, MarketSymbol):
            names += symbol.candle_names() + self._indexes.leave(symbol)
        else:
            symbol.closed("not watched")
        self._subscriptions.drop(names)

    def _want_candles(self, key: Key, timeframe: str) -> None:
        symbol = self._symbols.get(key)
        if isinstance(symbol, MarketSymbol) and timeframe not in symbol.series:
            self._subscriptions.add(symbol.candle_channel(timeframe), self._clock.monotonic())

    def _public(self, key: Key, act: Callable[[PublicSymbol], None]) -> None:
        symbol = self._symbols.get(key)
        if isinstance(symbol, PublicSymbol) and self._is_open:
            act(symbol)

    def _market(self, key: Key, act: Callable[[MarketSymbol], None]) -> None:
        symbol = self._symbols.get(key)
        if isinstance(symbol, MarketSymbol):
            act(symbol)

    def _other(self, raw: bytes, now: float) -> None:
        """Answers to messages, other spellings of a frame, and what nobody asked for."""
        if _SHUTDOWN in raw[:200]:
            self._is_ending = True
            return
        outer = _outer(raw)
        channel = self._channels.get(outer.stream.encode())
        if channel is not None:
            channel.last = now
            channel.read(raw)
            self._changed[channel] = None
        elif isinstance(outer.id, int):
            self._subscriptions.answered(outer.id, _begin(bytes(outer.error)).removeprefix("null"))
        elif not outer.stream:
            self._complaints.add(f"an unknown message: {_begin(raw)}", now)


def _begin(raw: bytes) -> str:
    return printable(raw[:80].decode("utf-8", "replace"), 80)
