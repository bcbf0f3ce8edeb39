"""Snapshot and diffs → `Book`. Published as live only while the chain is unbroken and bids are below asks.

Owned by the connection's thread. Prices are kept as float sort keys beside the wire's text; the first publishing of a
level puts a pair of Decimals in the text's place, where it stays until the level changes.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from decimal import Decimal
from enum import Enum
from itertools import islice
from typing import Protocol

from core.backoff import backoff
from core.clock import Clock
from models import Book, Level, Timings

MOST_BUFFERED = 3_000      # diffs kept while a snapshot is fetched: five minutes
_LARGEST = 1e18            # no price or quantity is larger

Pair = tuple[str, str]


class Chain(Protocol):
    """The update-id rule of a product."""

    @property
    def is_bridged(self) -> bool:
        """Whether a diff has joined the snapshot."""

    def check(self, first: int, last: int, previous: int) -> Enum:
        """APPLY, DROP, GAP or OLD_SNAPSHOT."""


class Side:
    """One side. Keys ascend towards the best: the price for bids, minus the price for asks."""

    __slots__ = ("_sign", "keys", "pairs")

    def __init__(self, is_bid: bool) -> None:
        self._sign = 1.0 if is_bid else -1.0
        self.keys: list[float] = []
        self.pairs: dict[float, Pair | Level] = {}

    def load(self, pairs: Iterable[Pair]) -> None:
        """Replace everything. Raises ValueError for an impossible number."""
        self.pairs.clear()
        self.keys = []
        self.apply(pairs)

    def apply(self, pairs: Iterable[Pair]) -> None:
        """Set levels to absolute quantities; 0 removes, also what is not there. Raises ValueError."""
        sign, mine, keys, largest = self._sign, self.pairs, self.keys, _LARGEST
        for pair in pairs:
            price, qty = pair
            key = float(price) * sign
            size = float(qty)
            if 0.0 < size < largest:
                if key not in mine:
                    if not 0.0 < key * sign < _LARGEST:
                        raise ValueError(f"price {price!r}")
                    insort(keys, key)
                mine[key] = pair
            elif size == 0.0:
                if key in mine:
                    del mine[key], keys[bisect_left(keys, key)]
            else:
                raise ValueError(f"quantity {qty!r}")

    @property
    def best(self) -> float | None:
        """Best price; None when empty."""
        return self.keys[-1] * self._sign if self.keys else None

    def levels(self, depth: int) -> tuple[Level, ...]:
        """The best levels as Decimals, best first."""
        mine = self.pairs
        told: list[Level] = []
        for key in self.keys[:-depth - 1:-1]:
            level = mine[key]
            if isinstance(level[0], str):
                level = mine[key] = (Decimal(level[0]), Decimal(level[1]))
            told.append(level)
        return tuple(told)


class BookBuilder:
    """One instrument's book: buffering, anchored on a snapshot, live, or stale with a reason."""

    def __init__(self, chain: Callable[[int], Chain], publish: Callable[[Book], None], depth: Callable[[], int],
                 ask_snapshot: Callable[[float], None], clock: Clock, timings: Timings) -> None:
        self._make_chain, self._publish, self._depth, self._ask = chain, publish, depth, ask_snapshot
        self._clock, self._timings = clock, timings
        self.bids, self.asks = Side(True), Side(False)
        self.is_live = False
        self.resyncs = 0
        self.last_diff: float | None = None      # monotonic
        self._chain: Chain | None = None
        self._buffer: deque[tuple[int, int, int, list[Pair], list[Pair], int]] = deque(maxlen=MOST_BUFFERED)
        self._waits = self._new_waits()
        self._is_asking = False
        self._was_live = False
        self._time = 0

    def start(self) -> None:
        """The stream stands: buffer, and ask for a snapshot."""
        self._chain, self.is_live = None, False
        self._buffer.clear()
        self._is_asking = True
        self._ask(0.0)

    def diff(self, first: int, last: int, previous: int, bids: list[Pair], asks: list[Pair], time: int) -> None:
        """One message of the stream."""
        self.last_diff = self._clock.monotonic()
        if self._chain is None:
            self._buffer.append((first, last, previous, bids, asks, time))
            return
        step = self._chain.check(first, last, previous).name
        if step == "APPLY":
            self._apply(bids, asks, time)
        elif step != "DROP":
            self.lose("a message of the exchange is missing", keep=(first, last, previous, bids, asks, time))

    def snapshot(self, update_id: int, bids: list[Pair], asks: list[Pair], time: int) -> None:
        """A whole book; what was buffered is played on it."""
        if not self._is_asking:
            return
        self._is_asking = False
        chain = self._make_chain(update_id)
        try:
            self.bids.load(bids)
            self.asks.load(asks)
            for first, last, previous, more_bids, more_asks, at in self._buffer:
                step = chain.check(first, last, previous).name
                if step in ("GAP", "OLD_SNAPSHOT"):
                    if step == "GAP":
                        self._buffer.clear()
                    self._resync()
                    return
                if step == "APPLY":
                    self.bids.apply(more_bids)
                    self.asks.apply(more_asks)
                    time = at
        except ValueError as error:
            self.lose(f"an impossible number in the book: {error}")
            return
        self._buffer.clear()
        self._chain, self._time = chain, time
        if chain.is_bridged:
            self._settle()

    def prove(self, bids: list[Pair], asks: list[Pair]) -> bool:
        """Whether a fresh short snapshot equals our best levels: then silence means that nothing happens."""
        if self._chain is None or not bids or not asks:
            return False
        if any(list(_numbers(top)) != list(_numbers(side.pairs[key] for key in islice(reversed(side.keys), len(top))))
               for top, side in ((bids, self.bids), (asks, self.asks))):
            return False
        if not self.is_live:
            self._settle()
        return self.is_live

    def lose(self, reason: str, keep: tuple[int, int, int, list[Pair], list[Pair], int] | None = None) -> None:
        """Not trustworthy from now on; published at once, a snapshot is asked for."""
        self.mark_stale(reason)
        self._buffer.clear()
        if keep is not None:
            self._buffer.append(keep)
        self._resync()

    def mark_stale(self, reason: str) -> None:
        """Publish the last levels as not live."""
        self.is_live, self._chain = False, None
        self._show(reason)

    def publish(self) -> None:
        """Show the live book; what is stale was shown at once."""
        if self.is_live:
            self._show("")

    def _apply(self, bids: list[Pair], asks: list[Pair], time: int) -> None:
        try:
            self.bids.apply(bids)
            self.asks.apply(asks)
        except ValueError as error:
            self.lose(f"an impossible number in the book: {error}")
            return
        self._time = time
        self._check()

    def _settle(self) -> None:
        """Live and shown, if the book is not crossed."""
        self._check()
        self.publish()

    def _check(self) -> None:
        """Live, if the book is not crossed (locked is allowed)."""
        bid, ask = self.bids.best, self.asks.best
        if bid is not None and ask is not None and bid > ask:
            self.lose("bids above asks")
            return
        if not self.is_live:
            self.is_live = self._was_live = True
            self._waits = self._new_waits()

    def _show(self, reason: str) -> None:
        depth = self._depth()
        self._publish(Book(self.bids.levels(depth), self.asks.levels(depth), self._time, self._clock.monotonic(),
                           self.is_live, reason, self.resyncs))

    def _resync(self) -> None:
        if self._is_asking:
            return
        self._is_asking = True
        if self._was_live:
            self._was_live = False
            self.resyncs += 1
            self._ask(0.0)
        else:
            self._ask(next(self._waits))

    def _new_waits(self) -> Iterator[float]:
        return backoff(self._timings.resync, self._timings.backoff_max)


def _numbers(pairs: Iterable[Pair | Level]) -> Iterator[tuple[Decimal, Decimal]]:
    for price, qty in pairs:
        yield Decimal(price), Decimal(qty)
