"""orderBookL2: levels by id → best prices and a sorted book (bitmex.md 10.1). Owned by the connection's thread.

The rules, one by one: what comes before the partial is dropped; a partial replaces everything; insert and update are
absolute; an update or delete of an id that is not there means that something was lost; so does a crossed book.

Near the best prices levels go and come back all the time. So one that goes keeps its place in the order, with size 0,
and coming back costs no search; what is gone is swept out from time to time.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from collections.abc import Callable
from decimal import Decimal
from math import inf

from msgspec import UNSET, Raw

from connectors.bitmex.stream import Level as Row
from connectors.bitmex.stream import read_number
from models import Level

_LARGEST = 1e18            # no price is larger
_NOTHING = -inf            # best of an empty side
_CROSSED = "bids above asks"
MAIN_POOL = ("", "Primary")
_LEAST_GONE = 2_000        # so many levels go at least between two sweeps


class Lost(Exception):
    """A message was missed; the text says how it was seen."""


class _Held:
    """A level that is kept: its place in the order, its price as told and, once it was asked for, as it is shown."""

    __slots__ = ("id", "key", "of", "price", "shown", "shown_size", "side", "size")

    def __init__(self, row: Row, price: Raw, key: float, of: _Side) -> None:
        self.id, self.side, self.size, self.price, self.key = row.id, row.side, row.size, price, key
        self.of = of                 # its side of the book, as `side` says
        self.shown: Level | None = None
        self.shown_size = 0          # what `size` was when `shown` was made


class _Side:
    """One side: levels by sort key, ascending towards the best; those of size 0 are gone, which the best never is."""

    __slots__ = ("best", "keys", "levels", "sign")

    def __init__(self, sign: float) -> None:
        self.sign, self.best = sign, _NOTHING
        self.keys: list[float] = []
        self.levels: dict[float, _Held] = {}

    def step_back(self) -> None:
        """The best one has gone: the next that is there is the best."""
        keys, rows = self.keys, self.levels
        at = bisect_left(keys, self.best) - 1
        while at >= 0 and not rows[keys[at]].size:
            at -= 1
        self.best = keys[at] if at >= 0 else _NOTHING


class IdBook:
    """The levels of one instrument in one liquidity pool. Of a message's rows it takes those that are its own.

    Sort keys are floats; what is shown is made from the wire's text. The methods that take rows say whether there were
    others among them.
    """

    __slots__ = ("_gone", "_ids", "_qty", "asks", "bids", "pools", "symbol")

    def __init__(self, symbol: str, scale: Decimal) -> None:
        self.symbol, self.pools = symbol, MAIN_POOL
        # A wire size as one of ours; times one is exact, and half the work of a division.
        self._qty: Callable[[int], Decimal] = scale.__mul__ if scale == 1 else scale.__rtruediv__
        self._ids: dict[int, _Held] = {}
        self._gone = 0               # rows of levels that went since the last sweep
        self.bids, self.asks = _Side(1.0), _Side(-1.0)

    def __len__(self) -> int:
        return sum(row.size > 0 for row in self._ids.values())

    @property
    def best_bid(self) -> float | None:
        """The highest bid."""
        return self.bids.best if self.bids.best > _NOTHING else None

    @property
    def best_ask(self) -> float | None:
        """The lowest ask."""
        return -self.asks.best if self.asks.best > _NOTHING else None

    def check(self) -> None:
        """Raises Lost when bids stand above asks; equal is allowed."""
        if self.bids.best > -self.asks.best:
            raise Lost(_CROSSED)

    def load(self, rows: list[Row]) -> bool:
        """A partial: everything anew."""
        self._ids, self._gone = {}, 0
        self.bids, self.asks = _Side(1.0), _Side(-1.0)
        return self.insert(rows)

    def insert(self, rows: list[Row]) -> bool:
        """New levels. Raises Lost when bids stand above asks afterwards."""
        symbol, pools, ids = self.symbol, self.pools, self._ids
        has_best = has_others = False
        for row in rows:
            if row.symbol != symbol or row.pool not in pools:
                has_others = True
                continue
            held = ids.get(row.id)
            if held is None or held.price != row.price or held.side != row.side or row.size <= 0:
                has_best |= self._place(row)
            else:
                held.size = row.size           # it comes back to its place
                side = held.of
                if held.key > side.best:
                    side.best, has_best = held.key, True
        if has_best and self.bids.best > -self.asks.best:
            raise Lost(_CROSSED)
        return has_others

    def update(self, rows: list[Row]) -> bool:
        """Sizes of known ids; where a price or another side is told, it is trusted. Raises Lost as `insert` does."""
        symbol, pools, ids = self.symbol, self.pools, self._ids
        has_best = has_others = False
        for row in rows:
            if row.symbol != symbol or row.pool not in pools:
                has_others = True
                continue
            held = ids.get(row.id)
            if held is None or not held.size:
                raise Lost("an update of a level that is not there")
            if row.size <= 0:
                raise ValueError(f"size {row.size}")
            if row.side == held.side and (row.price is UNSET or row.price == held.price):
                held.size = row.size
            else:
                if row.price is UNSET:
                    row.price = held.price
                has_best |= self._place(row)
        if has_best and self.bids.best > -self.asks.best:
            raise Lost(_CROSSED)
        return has_others

    def delete(self, rows: list[Row]) -> bool:
        """Levels that are gone."""
        symbol, pools, ids = self.symbol, self.pools, self._ids
        has_others = False
        for row in rows:
            if row.symbol != symbol or row.pool not in pools:
                has_others = True
                continue
            held = ids.get(row.id)
            if held is None or not held.size:
                raise Lost("a level that is not there was taken away")
            held.size = 0
            side = held.of
            if held.key == side.best:
                side.step_back()
        self._gone += len(rows)
        if self._gone > _LEAST_GONE and self._gone * 2 > len(ids):
            self._sweep()
        return has_others

    def levels(self, is_bid: bool, depth: int) -> tuple[Level, ...]:
        """The best levels, best first."""
        side, told = self.bids if is_bid else self.asks, list[Level]()
        keys, rows, qty = side.keys, side.levels, self._qty
        for key in reversed(keys[:bisect_right(keys, side.best)]):
            row = rows[key]
            size = row.size
            if not size:
                continue
            if len(told) == depth:
                break
            shown = row.shown
            if shown is None or row.shown_size != size:
                price = read_number(row.price) if shown is None else shown[0]
                row.shown = shown = (price, qty(size))
                row.shown_size = size
            told.append(shown)
        return tuple(told)

    def _place(self, row: Row) -> bool:
        """A level where none of its id stands, or another price or side for it; whether it is the best one now."""
        way, price, ids = row.side, row.price, self._ids
        if price is UNSET or row.size <= 0 or way not in ("Buy", "Sell"):
            raise ValueError(f"level {row.id}: {way[:10]!r} {row.size} {price!r}")
        side = self.bids if way == "Buy" else self.asks
        key = float(price) * side.sign
        if not -_LARGEST < key < _LARGEST:
            raise ValueError(f"price {key}")
        if row.id in ids:
            self._remove(ids[row.id])
        there = side.levels.get(key)
        if there is None:
            insort(side.keys, key)
        elif there.size:
            raise Lost("two levels at one price")
        else:
            del ids[there.id]
        side.levels[key] = ids[row.id] = _Held(row, price, key, side)
        if key <= side.best:
            return False
        side.best = key
        return True

    def _remove(self, held: _Held) -> None:
        """Take a level and its place away."""
        side = held.of
        del self._ids[held.id], side.levels[held.key], side.keys[bisect_left(side.keys, held.key)]
        if held.key == side.best:
            side.step_back()

    def _sweep(self) -> None:
        """Take away all that is gone."""
        self._gone = 0
        self._ids = {number: row for number, row in self._ids.items() if row.size}
        for side in (self.bids, self.asks):
            side.levels = {key: row for key, row in side.levels.items() if row.size}
            side.keys = sorted(side.levels)
