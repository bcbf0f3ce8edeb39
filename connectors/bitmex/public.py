"""Book and best prices of one instrument, from the public topics. Owned by the connection's thread.

One of three: ten levels (orderBook10, replaced whole by every message), every level (orderBookL2, by id) or the best
pair alone (quote). The book is the source of the best pair where there is one. A topic that is quiet for half its bound
is begun anew by `Subscriptions`: the partial shows that the market is quiet, its absence that the line is dead.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from decimal import Decimal

import msgspec

from connectors.bitmex import stream
from connectors.bitmex.auth import MARKET
from connectors.bitmex.book import MAIN_POOL, IdBook, Lost
from connectors.bitmex.contracts import Contract
from connectors.bitmex.values import time_ms
from connectors.subscriptions import Channel
from core.backoff import backoff
from core.board import Board
from core.clock import Clock
from core.errors import BadMessage
from models import Book, Level, Timings, Top


class PublicSymbol:
    """Book and best prices of one instrument."""

    def __init__(self, contract: Contract, topic: str, board: Board, clock: Clock, timings: Timings,
                 again: Callable[[str], None]) -> None:
        self.key = contract.instrument.key
        self.symbol = self.key.symbol
        self.name = stream.name(topic, self.symbol)
        self._contract, self._topic = contract, topic
        self._board, self._clock, self._timings, self._again = board, clock, timings, again
        self.book = IdBook(self.symbol, contract.scale)
        self.is_live = False
        self.is_shown = True         # no: the feed has noted a change that waits to be published
        self.resyncs = 0
        self._ten: stream.Ten | None = None
        self._quote: bytes | None = None         # the newest frame: of quotes only the last one is read
        self.has_partial = False
        self._heard = clock.monotonic()
        self._shown_depth = 0
        self._bids: tuple[Level, ...] = ()
        self._asks: tuple[Level, ...] = ()
        self._time = 0
        self._waits = self._new_waits()
        self._again_at: float | None = None
        bound = timings.silence_stream if topic == stream.QUOTE else timings.silence_book
        self.channel = Channel(lambda raw: None, self.publish, self._overdue, bound / 2)

    def channels(self) -> dict[str, Channel]:
        """The topic, and how it is watched."""
        return {self.name: self.channel}

    def _overdue(self, now: float) -> bool:
        return now - self._heard > self.channel.bound

    def opened(self) -> None:
        """A new connection: nothing is known until the partial."""
        self._heard = self._clock.monotonic()
        self.has_partial, self._again_at = False, None

    def closed(self, reason: str) -> None:
        """No connection."""
        self.has_partial = False
        self._mark_stale(reason)

    def paused(self) -> None:
        """We did not run for a while."""
        self._lose("the program was paused")

    def tick(self, now: float) -> None:
        """Stale past the bound; a wish for a new partial that had to wait."""
        bound = self._timings.silence_stream if self._topic == stream.QUOTE else self._timings.silence_book
        if self.is_live and now - self._heard > bound:
            self._mark_stale(f"no update for {bound:.3g} s")
        if self._again_at is not None and now >= self._again_at:
            self._again_at = None
            self._again(self.name)
        if self._topic == stream.FULL and self.is_live and self._board.depth(self.key) > self._shown_depth:
            self.publish()

    # ------------------------------------------------------------ frames

    def begins(self, action: str, told: stream.Filter | None, now: float) -> bool:
        """Whether this message counts: nothing does before the partial."""
        if action == "partial":
            self.has_partial = True
            self.book.pools = ("", told.pool) if told is not None and told.pool else MAIN_POOL
        if self.has_partial:
            self._heard = now
        return self.has_partial

    def on_ten(self, row: stream.Ten) -> None:
        """All ten levels."""
        self._ten = row

    def on_quote(self, raw: bytes, pool: str) -> None:
        """The best pair, in the newest of these frames; of several liquidity pools the one that the partial named,
        else the first (10.3)."""
        if pool in self.book.pools:
            self._quote = raw

    def on_levels(self, action: str, rows: list[stream.Level]) -> None:
        """Levels by id; the book takes its own."""
        book = self.book
        try:
            if action == "update":
                book.update(rows)
            elif action == "insert":
                book.insert(rows)
            elif action == "delete":
                book.delete(rows)
            elif action == "partial":
                book.load(rows)
                self._again_at = None
            else:
                raise BadMessage(MARKET, f"field action = {action[:20]!r}: not known")
            if not self.is_live:
                book.check()
                self._settle()
        except (Lost, ValueError) as error:
            self.lose(error)

    def lose(self, error: Lost | ValueError) -> None:
        """The book could not take its last message."""
        self._lose(str(error) if isinstance(error, Lost) else f"an impossible number in the book: {error}")

    def missed(self) -> None:
        """A message of levels could not be read."""
        if self._topic == stream.FULL and self.is_live:
            self._lose("a message of the exchange could not be read")

    # ------------------------------------------------------------ to the board

    def publish(self) -> None:
        """Show what the last messages changed."""
        self.is_shown = True
        if self.has_partial:
            self._heard = self._clock.monotonic()
        if self._topic == stream.QUOTE:
            self._show_quote()
        elif self._topic == stream.FULL:
            if self.is_live:
                depth = self._board.depth(self.key)
                self._show(self.book.levels(True, depth), self.book.levels(False, depth), depth)
        else:
            self._show_ten()

    def _show_ten(self) -> None:
        told, self._ten = self._ten, None
        if told is None:
            return
        try:
            bids, asks = self._side(told.bids, -1), self._side(told.asks, 1)
        except (msgspec.DecodeError, ValueError, ArithmeticError) as error:
            self._lose(f"an impossible number in the book: {error}")
            return
        if bids and asks and bids[0][0] > asks[0][0]:
            self._lose("bids above asks")
            return
        self._time = time_ms(told.timestamp)
        if not self.is_live:
            self._settle()
        self._show(bids, asks, len(bids))

    def _side(self, raw: msgspec.Raw, way: int) -> tuple[Level, ...]:
        """Levels as Decimals, best first; anything else is refused."""
        pairs = stream.read_pairs(raw)
        scale, last = self._contract.scale, None
        for price, size in pairs:
            if not price.is_finite() or not size.is_finite() or size <= 0 or abs(price.adjusted()) > 18:
                raise ValueError(f"{str(price)[:30]} {str(size)[:30]}")
            if last is not None and (price - last) * way <= 0:
                raise ValueError(f"{price} after {last}")
            last = price
        return tuple(pairs) if scale == 1 else tuple((price, size / scale) for price, size in pairs)

    def _show_quote(self) -> None:
        raw, self._quote = self._quote, None
        if raw is None:
            return
        told = next(row for row in reversed(stream.read_quote(raw).data)
                    if row.symbol == self.symbol and row.pool in self.book.pools)
        if not (bytes(told.bid) and bytes(told.ask)):
            return
        bid, bid_qty, ask, ask_qty = (stream.read_number(raw) if bytes(raw) else Decimal(0)
                                      for raw in (told.bid, told.bid_qty, told.ask, told.ask_qty))
        if not all(one.is_finite() and abs(one.adjusted()) < 18 for one in (bid, ask)) or bid > ask or min(
                bid_qty, ask_qty) < 0:
            raise BadMessage(MARKET, f"field bidPrice, askPrice = {str(bid)[:30]}, {str(ask)[:30]}: not possible")
        scale, now = self._contract.scale, self._clock.monotonic()
        self._board.tops[self.key] = Top(bid, bid_qty / scale, ask, ask_qty / scale, time_ms(told.timestamp), now)

    def _show(self, bids: tuple[Level, ...], asks: tuple[Level, ...], depth: int) -> None:
        now = self._clock.monotonic()
        self._bids, self._asks, self._shown_depth = bids, asks, depth
        self._board.books[self.key] = Book(bids, asks, self._time, now, True, "", self.resyncs)
        if bids and asks:
            self._board.tops[self.key] = Top(*bids[0], *asks[0], self._time, now)

    def _settle(self) -> None:
        self.is_live = True
        self._waits = self._new_waits()

    def _mark_stale(self, reason: str) -> None:
        self.is_live = False
        self._ten = self._quote = None       # what was not shown yet must not be shown after this
        if self._topic != stream.QUOTE:
            self._board.books[self.key] = Book(self._bids, self._asks, self._time, self._clock.monotonic(), False,
                                               reason, self.resyncs)

    def _lose(self, reason: str) -> None:
        """Not trustworthy from now on: said at once, and begun anew; again and again with growing waits."""
        was_live = self.is_live
        self._mark_stale(reason)
        self.has_partial = False
        if was_live:
            self.resyncs += 1
            self._again(self.name)
        elif self._again_at is None:
            self._again_at = self._clock.monotonic() + next(self._waits)

    def _new_waits(self) -> Iterator[float]:
        return backoff(self._timings.resync, self._timings.backoff_max)
