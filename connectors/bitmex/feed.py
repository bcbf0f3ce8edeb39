"""What a public connection carries: tables to their symbols, subscriptions, silence.

One `MarketFeed` per connection, on its thread. Others reach it by `Stream.post` with the messages of
`connectors.wishes` and `Watch`.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass

import msgspec

from connectors.bitmex import stream
from connectors.bitmex.auth import MARKET
from connectors.bitmex.book import IdBook, Lost
from connectors.bitmex.market import MarketSymbol
from connectors.bitmex.public import PublicSymbol
from connectors.bitmex.values import time_ms
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
_LEVELS = '{{"table":"orderBookL2","action":"{}","data":'
_ACTIONS = ("partial", "insert", "update", "delete")
_TELLS = slice(len('{"table":"trade","action":"insert"'))      # these bytes tell tables and levels' actions apart
_ALREADY = "You are already subscribed"
_HARMLESS = ("already subscribed", "not subscribed", "You are not subscribed")
_read_ten, _read_names = stream.read_ten, stream.read_names      # one look-up less
Table = Callable[[bytes, float], None]
# Of a change of levels: where its rows are, the wire's word for it, what takes them.
Change = tuple[slice, str, Callable[[IdBook, list[stream.Level]], bool]]
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
        self._read_changes = stream.changes_of(("",))        # of the symbols of `_books`; none so far
        self._markets: dict[str, MarketSymbol] = {}
        self.subscriptions = Subscriptions(stream.by_topic, in_address=0, tell=tell)
        self._channels = self.subscriptions.channels
        self._changed: dict[Channel, None] = {}
        self._is_open = False
        self._asked = clock.monotonic()
        self._tables: dict[bytes, Table] = {
            stream.TEN.encode(): self._on_ten, stream.QUOTE.encode(): self._on_quote,
            stream.FULL.encode(): self._on_levels, stream.TRADES.encode(): self._on_trades,
            stream.INSTRUMENT.encode(): self._on_live,
            **{topic.encode(): self._on_bins for topic in _FRAMES}}
        # How a frame of each begins, as the exchange writes them: one look-up tells what to do.
        self._begins: dict[bytes, Table | Change] = {
            _begin(table, action): read for table, read in self._tables.items() for action in _ACTIONS}
        for action, apply in (("insert", IdBook.insert), ("update", IdBook.update), ("delete", IdBook.delete)):
            cut = slice(len(_LEVELS.format(action)), -1)
            self._begins[_begin(stream.FULL.encode(), action)] = (cut, action, apply)

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
        """One message. What cannot be read is counted, never raised.

        A change of levels takes the short way: all but every such frame is of one symbol and of its pool, and its book
        is live. It is noted as heard when it is published, a moment later.
        """
        try:
            take = self._begins.get(raw[_TELLS]) or self._table(raw)
            if not isinstance(take, tuple):
                take(raw, now)
                return
            cut, action, apply = take
            try:
                rows = self._read_changes(raw[cut])
                book = self._books.get(rows[0].symbol)
            except (msgspec.DecodeError, IndexError):
                book = None          # another symbol, fields in another order, no rows, or nothing to be read
            if book is None or not book.is_live:
                self._on_levels(raw, now)
                return
            if book.is_shown:
                book.is_shown = False
                self._changed[book.channel] = None
            try:
                has_others = apply(book.book, rows)
            except (Lost, ValueError) as error:
                book.lose(error)
                has_others = True
            if has_others:
                self._spread(action, rows, {row.symbol for row in rows} - {book.symbol}, None, now)
        except READ_ERRORS as error:
            text = error.text if isinstance(error, BadMessage) else bad(MARKET, raw, error).text
            self._complaints.add(f"{text} in {beginning(raw)}", now)

    def _table(self, raw: bytes) -> Table:
        """What takes a message that does not begin as usual."""
        name = raw[len(_HEAD):raw.find(b'"', len(_HEAD))] if raw.startswith(_HEAD) else b""
        return self._tables.get(name, self._other)

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
        self._read_changes = stream.changes_of(self._books)
        self.subscriptions.add({**book.channels(), **market.channels()}, self._clock.monotonic())
        if self._is_open:
            book.opened()
            market.opened()

    def _unwatch(self, key: Key) -> None:
        book, market = self._books.pop(key.symbol, None), self._markets.pop(key.symbol, None)
        if book is None or market is None:
            return
        self._read_changes = stream.changes_of(self._books or ("",))
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
        """Any frame of levels by id. One that cannot be read may have been of any book."""
        try:
            told = stream.read_levels(raw)
        except msgspec.DecodeError:
            for book in self._books.values():
                book.missed()
            raise
        self._spread(told.action, told.data, {row.symbol for row in told.data} or _symbol(told.filter), told.filter,
                     now)

    def _spread(self, action: str, rows: list[stream.Level], symbols: set[str], told: stream.Filter | None,
                now: float) -> None:
        for symbol in symbols:
            book = self._book_of(symbol, action, told, now)
            if book is not None:
                book.on_levels(action, rows)

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


def _begin(table: bytes, action: str) -> bytes:
    return (_HEAD + table + b'","action":"' + action.encode() + b'"')[_TELLS]


def _symbol(told: stream.Filter | None) -> set[str]:
    return {told.symbol} if told is not None and told.symbol else set()
