"""What a public connection carries: tables to their symbols, subscriptions, silence.

One `MarketFeed` per connection, on its thread. Others reach it by `Stream.post` with the messages of
`connectors.wishes` and `Watch`.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass

from connectors.bitmex import stream
from connectors.bitmex.auth import MARKET
from connectors.bitmex.market import MarketSymbol
from connectors.bitmex.parse import time_ms
from connectors.bitmex.public import PublicSymbol
from connectors.complaints import Complaints
from connectors.reading import READ_ERRORS, bad, beginning
from connectors.subscriptions import Channel, Subscriptions
from connectors.timesync import TimeSync
from connectors.wishes import GotCandles, GotDayOpen, Unwatch, WantCandles
from core.clock import Clock
from core.errors import BadMessage
from core.numbers import printable
from models import Key

log = logging.getLogger(__name__)

_HEAD = b'{"table":"'
_TELLS = len(_HEAD) + len("orderBookL2")      # so many bytes tell the tables apart
_ALREADY = "You are already subscribed"
_HARMLESS = ("already subscribed", "not subscribed", "You are not subscribed")
_read_ten, _read_names, _read_levels = stream.read_ten, stream.read_names, stream.read_levels   # one look-up less
_FRAMES = {topic: timeframe for timeframe, topic in stream.BINS.items()}


@dataclass(frozen=True, slots=True)
class Watch:
    """Stream this symbol too."""

    book: PublicSymbol
    market: MarketSymbol


class MarketFeed:
    """One public connection."""

    def __init__(self, address: str, clock: Clock, sync: TimeSync, complaints: Complaints,
                 tell: Callable[[str], None] = log.warning) -> None:
        self._address, self._clock, self._sync, self._complaints = address, clock, sync, complaints
        self._books: dict[str, PublicSymbol] = {}
        self._markets: dict[str, MarketSymbol] = {}
        self.subscriptions = Subscriptions(stream.by_topic, in_address=0, tell=tell)
        self._channels = self.subscriptions.channels
        self._changed: dict[Channel, None] = {}
        self._is_open = False
        self._asked = clock.monotonic()
        self._tables: dict[bytes, Callable[[bytes, float], None]] = {
            stream.TEN.encode(): self._on_ten, stream.QUOTE.encode(): self._on_quote,
            stream.FULL.encode(): self._on_levels, stream.TRADES.encode(): self._on_trades,
            stream.INSTRUMENT.encode(): self._on_live,
            **{topic.encode(): self._on_bins for topic in _FRAMES}}
        # How a frame of each begins, as the exchange writes them: one look-up tells what to do.
        self._begins = {(_HEAD + table + b'","action":"')[:_TELLS]: read for table, read in self._tables.items()}

    def address(self) -> str:
        """Topics are asked for by message."""
        self._asked = self._clock.monotonic()
        return self._address

    def opened(self, send: Callable[[str], None]) -> None:
        """Everything begins anew: books, and what candles were missed."""
        self._is_open = True
        self.subscriptions.opened(send, self._clock.monotonic())
        for book in self._books.values():
            book.opened()
        for market in self._markets.values():
            market.opened()

    def renewed(self, send: Callable[[str], None]) -> stream.Partials:
        """Another connection takes over once all topics have begun on it."""
        self.subscriptions.renewed(send)
        return stream.Partials(name.decode() for name in self._channels)

    def closed(self, text: str) -> None:
        """Books are stale from now on."""
        if not self._is_open:
            return
        self._is_open = False
        self.subscriptions.closed()
        for book in self._books.values():
            book.closed(text)

    def paused(self) -> None:
        """We did not run: what waits in the socket is old."""
        for book in self._books.values():
            book.paused()

    def frame(self, raw: bytes, now: float) -> None:
        """One message. What cannot be read is counted, never raised."""
        try:
            table = self._begins.get(raw[:_TELLS])
            if table is None and raw.startswith(_HEAD):
                table = self._tables.get(raw[10:raw.find(b'"', 10)])
            if table is not None:
                table(raw, now)
            else:
                self._other(raw, now)
        except READ_ERRORS as error:
            text = error.text if isinstance(error, BadMessage) else bad(MARKET, raw, error).text
            self._complaints.add(f"{text} in {beginning(raw)}", now)

    def flush(self, now: float) -> None:
        """Publish what the frames since the last time changed: once, however many they were."""
        changed, self._changed = self._changed, {}
        for channel in changed:
            channel.last = now
            try:
                channel.flush()
            except READ_ERRORS as error:
                self._complaints.add(printable(str(error), 160), now)

    def tick(self, now: float) -> str:
        """Silence of single topics; closes that were not told."""
        venue_ms = self._sync.now_ms()
        for book in self._books.values():
            book.tick(now)
        for market in self._markets.values():
            market.tick(venue_ms)
        return self.subscriptions.watch(now)

    def take(self, message: object) -> None:
        """A message of the loader or of whoever watches."""
        match message:
            case Watch(book, market):
                self._watch(book, market)
            case Unwatch(key):
                self._unwatch(key)
            case WantCandles(key, timeframe):
                symbol = self._markets.get(key.symbol)
                if symbol is not None and timeframe not in symbol.frames:
                    self.subscriptions.add(symbol.candle_channel(timeframe), self._clock.monotonic())
            case GotCandles(key, timeframe, rows, asked_ms):
                if key.symbol in self._markets:
                    self._markets[key.symbol].candles(timeframe, rows, asked_ms)
            case GotDayOpen(key, price):
                if key.symbol in self._markets:
                    self._markets[key.symbol].day_open(price)
            case _:
                raise AssertionError(f"no such message: {message!r}")

    def _watch(self, book: PublicSymbol, market: MarketSymbol) -> None:
        self._books[book.key.symbol], self._markets[book.key.symbol] = book, market
        self.subscriptions.add({**book.channels(), **market.channels()}, self._clock.monotonic())
        if self._is_open:
            book.opened()
            market.opened()

    def _unwatch(self, key: Key) -> None:
        book, market = self._books.pop(key.symbol, None), self._markets.pop(key.symbol, None)
        if book is None or market is None:
            return
        book.closed("not watched")
        self.subscriptions.drop([*book.channels(), *market.channels(), *market.candle_names()])

    # ------------------------------------------------------------ tables

    def _heard(self, topic: str, symbol: str, now: float) -> None:
        channel = self._channels.get(f"{topic}:{symbol}".encode())
        if channel is not None:
            channel.last = now
            self._changed[channel] = None

    def _book_of(self, symbol: str, action: str, told: stream.Filter | None, now: float) -> PublicSymbol | None:
        """The book that a message is about, noted as heard and changed; None when it does not count."""
        book = self._books.get(symbol)
        if book is None or not book.begins(action, told, now):
            return None
        channel = book.channel
        channel.last = now
        self._changed[channel] = None
        return book

    def _on_ten(self, raw: bytes, now: float) -> None:
        told = _read_ten(raw)
        for row in told.data:
            book = self._book_of(row.symbol, told.action, told.filter, now)
            if book is not None:
                book.on_ten(row)

    def _on_quote(self, raw: bytes, now: float) -> None:
        told = _read_names(raw)
        for row in told.data:
            book = self._book_of(row.symbol, told.action, told.filter, now)
            if book is not None:
                book.on_quote(raw, row.pool)
        if not told.data:
            for symbol in _symbol(told.filter):
                self._book_of(symbol, told.action, told.filter, now)

    def _on_levels(self, raw: bytes, now: float) -> None:
        """Most frames are of one symbol and one pool and go on a book that has begun: those take the short way, and
        are noted as heard when they are published, a moment later."""
        told = _read_levels(raw)
        rows, action = told.data, told.action
        if rows and action != "partial":
            symbol = rows[0].symbol
            for row in rows:
                if row.pool or row.symbol != symbol:
                    break
            else:
                book = self._books.get(symbol)
                if book is not None and book.has_partial:
                    self._changed[book.channel] = None
                    book.on_plain(action, rows)
                return
        for symbol in {row.symbol for row in rows} or _symbol(told.filter):
            book = self._book_of(symbol, action, told.filter, now)
            if book is not None:
                book.on_levels(action, [row for row in rows if row.symbol == symbol])

    def _on_trades(self, raw: bytes, now: float) -> None:
        told = stream.read_trades(raw)
        for symbol in {row.symbol for row in told.data} or _symbol(told.filter):
            market = self._markets.get(symbol)
            if market is not None:
                market.on_trades(told.action, [row for row in told.data if row.symbol == symbol])
                self._heard(stream.TRADES, symbol, now)

    def _on_live(self, raw: bytes, now: float) -> None:
        told = stream.read_live(raw)
        for symbol in {row.symbol for row in told.data}:
            market = self._markets.get(symbol)
            if market is not None:
                market.on_live(told.action, [row for row in told.data if row.symbol == symbol])
                self._heard(stream.INSTRUMENT, symbol, now)

    def _on_bins(self, raw: bytes, now: float) -> None:
        timeframe = _FRAMES[raw[10:raw.find(b'"', 10)].decode()]
        told = stream.read_bins(raw)
        for symbol in {row.symbol for row in told.data}:
            market = self._markets.get(symbol)
            if market is not None and told.action == "insert":      # a partial's bar is in the history already
                market.on_bins(timeframe, [row for row in told.data if row.symbol == symbol])

    def _other(self, raw: bytes, now: float) -> None:
        """Welcome, acknowledgements, refusals, other spellings of a frame, and what nobody asked for."""
        word = stream.read_word(raw)
        if word.table:
            table = self._tables.get(word.table.encode())
            if table is not None and table.__name__ != "_on_bins":
                table(raw, now)
            else:
                self._complaints.add(f"an unknown table: {beginning(raw)}", now)
        elif word.info and word.timestamp:
            self._sync.take(time_ms(word.timestamp), self._asked, now)
        elif word.error:
            if word.error.startswith(_ALREADY):
                self.subscriptions.acknowledged([word.error.rpartition("topic: ")[2]])
            elif not word.error.startswith(_HARMLESS):
                self.subscriptions.refused(printable(word.error, 120))
                self._complaints.add(f"the exchange refuses a topic: {printable(word.error, 120)}", now)
        elif word.subscribe:
            self.subscriptions.acknowledged([word.subscribe])
        elif not (word.unsubscribe or word.success):
            self._complaints.add(f"an unknown message: {beginning(raw)}", now)


def _symbol(told: stream.Filter | None) -> set[str]:
    return {told.symbol} if told is not None and told.symbol else set()
