"""Book and best prices of one instrument, from the public streams. Owned by the connection's thread."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

from connectors.binance import stream
from connectors.binance.book import FuturesSequence, SpotSequence
from connectors.binance.parse import MARKET
from connectors.book import BookBuilder, Pair
from connectors.subscriptions import Channel
from core.board import Board
from core.clock import Clock
from core.errors import BadMessage
from models import Book, Category, Key, Timings, Top

STREAMS = 2       # of one symbol
Snapshot = tuple[int, list[Pair], list[Pair]]
_read_top = stream.read_top      # one look-up less for each frame


class PublicSymbol:
    """Book and best prices of one instrument."""

    def __init__(self, key: Key, board: Board, clock: Clock, timings: Timings, quote_only: bool,
                 ask_snapshot: Callable[[Key, float], None], ask_probe: Callable[[Key], None]) -> None:
        self.key, self._board, self._clock, self._timings = key, board, clock, timings
        self._quote_only, self._ask_probe = quote_only, ask_probe
        self._heard = clock.monotonic()
        self._probing = False
        self._top_ok = self._streamed = self._heard
        self._shown_depth = 0
        self._top: stream.TopText | None = None
        is_spot = key.category is Category.SPOT
        self._read_depth = stream.read_spot_depth if is_spot else stream.read_depth
        self.book = BookBuilder(SpotSequence if is_spot else FuturesSequence, self._publish, self._depth,
                                lambda delay: ask_snapshot(key, delay), clock, timings)

    def channels(self) -> dict[str, Channel]:
        """Stream names and what reads them."""
        symbol, timings = self.key.symbol, self._timings
        top = {stream.name(symbol, stream.TOP): Channel(self._on_top, self._show_top, self._top_overdue,
                                                        timings.silence_stream)}
        if self._quote_only:
            return top
        depth = Channel(self._on_depth, self.book.publish, self._depth_overdue, timings.silence_book)
        return {stream.name(symbol, stream.DEPTH): depth, **top}

    def opened(self) -> None:
        """A new connection."""
        self._heard = self._streamed = self._top_ok = self._clock.monotonic()
        self._probing = False
        if not self._quote_only:
            self.book.start()

    def closed(self, reason: str) -> None:
        """No connection."""
        if not self._quote_only:
            self.book.mark_stale(reason)

    def paused(self) -> None:
        """We did not run for a while."""
        if not self._quote_only:
            self.book.lose("the program was paused")

    def snapshot(self, told: Snapshot, time: int) -> None:
        """The loader's answer."""
        self._heard = self._clock.monotonic()
        self.book.snapshot(*told, time)

    def probe(self, told: Snapshot, asked: float) -> None:
        """The best levels by question: equal to ours means that the silence is true."""
        self._probing = False
        if self._heard > asked:
            return
        if self._quote_only:
            top = self._board.tops.get(self.key)
            if top is not None and told[1] and told[2] and (
                    (Decimal(told[1][0][0]), Decimal(told[2][0][0])) == (top.bid, top.ask)):
                self._heard = self._clock.monotonic()
        elif self.book.prove(told[1], told[2]):
            self._heard = self._streamed = self._clock.monotonic()
        else:
            self.book.lose("the stream is silent while the market moves")

    def tick(self, now: float) -> None:
        """Silence: ask whether it is true; past the bound the book is stale."""
        bound = self._timings.silence_stream if self._quote_only else self._timings.silence_book
        quiet = now - self._heard
        if quiet > bound / 2 and not self._probing:
            self._probing = True
            self._ask_probe(self.key)
        if quiet > bound and self.book.is_live:
            self.book.lose(f"no update for {bound:.3g} s")
        if not self._quote_only and self._depth() > self._shown_depth:
            self.book.publish()

    def _depth(self) -> int:
        return self._board.depth(self.key)

    def _publish(self, book: Book) -> None:
        self._shown_depth = self._depth()
        self._board.books[self.key] = book

    def _on_depth(self, raw: bytes) -> None:
        told = self._read_depth(raw).data
        self._heard = self._streamed = self._clock.monotonic()
        self.book.diff(told.first, told.last, told.previous, told.bids, told.asks, told.time)

    def _on_top(self, raw: bytes) -> None:
        self._top = _read_top(raw).data

    def _show_top(self) -> None:
        told = self._top
        if told is None:
            return
        pair = (Decimal(told.bid), Decimal(told.bid_qty), Decimal(told.ask), Decimal(told.ask_qty))
        if not all(number.is_finite() and number >= 0 for number in pair) or not (pair[0] and pair[2]):
            raise BadMessage(MARKET, f"field b, a = {told.bid}, {told.ask}: not a possible pair")
        now = self._clock.monotonic()
        if self._quote_only:
            self._heard = now
        self._board.tops[self.key] = Top(*pair, told.time, now)

    def _depth_overdue(self, now: float) -> bool:
        """Neither a diff nor the proof that there is nothing to tell; a snapshot alone is no sign of the stream."""
        return now - self._streamed > self._timings.silence_book

    def _top_overdue(self, now: float) -> bool:
        """With a book at hand: the best pair differs from the book's for too long. Without: see `tick`."""
        bound = self._timings.silence_stream
        if self._quote_only:
            return now - self._heard > bound
        top, book = self._board.tops.get(self.key), self.book
        same = top is not None and (float(top.bid), float(top.ask)) == (book.bids.best, book.asks.best)
        if same or not book.is_live:
            self._top_ok = now
        return now - self._top_ok > bound
