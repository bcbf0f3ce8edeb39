"""orderBookL2: levels by id → best prices and a sorted book (bitmex.md 10.1). Owned by the connection's thread.

The rules, one by one: what comes before the partial is dropped; a partial replaces everything; insert and update are
absolute; an update or delete of an id that is not there means that something was lost; so does a crossed book.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from decimal import Decimal

from msgspec import UNSET

from connectors.bitmex.stream import Level as Row
from connectors.bitmex.stream import read_number
from models import Level

_LARGEST = 1e18            # no price is larger
_WAYS = ("Buy", "Sell")


class Lost(Exception):
    """A message was missed; the text says how it was seen."""


class _Side:
    """One side: the wire's own rows by sort key, the best key last; prices that were shown, as Decimals."""

    __slots__ = ("keys", "levels", "shown", "sign")

    def __init__(self, sign: float) -> None:
        self.sign = sign
        self.keys: list[float] = []
        self.levels: dict[float, Row] = {}
        self.shown: dict[float, Decimal] = {}


class IdBook:
    """The levels of one instrument. Sort keys are floats; what is shown is made from the wire's text.

    The decoded rows themselves are kept, with their sort key in `key`: a new size is one assignment.
    """

    __slots__ = ("_ids", "asks", "bids", "scale")

    def __init__(self, scale: Decimal) -> None:
        self.scale = scale           # wire size of one of ours
        self._ids: dict[int, Row] = {}
        self.bids, self.asks = _Side(1.0), _Side(-1.0)

    def __len__(self) -> int:
        return len(self._ids)

    @property
    def best_bid(self) -> float | None:
        """The highest bid."""
        return self.bids.keys[-1] if self.bids.keys else None

    @property
    def best_ask(self) -> float | None:
        """The lowest ask."""
        return -self.asks.keys[-1] if self.asks.keys else None

    def check(self) -> None:
        """Raises Lost when bids stand above asks; equal is allowed."""
        bids, asks = self.bids.keys, self.asks.keys
        if bids and asks and bids[-1] > -asks[-1]:
            raise Lost("bids above asks")

    def load(self, rows: list[Row]) -> None:
        """A partial: everything anew."""
        self._ids = {}
        self.bids, self.asks = _Side(1.0), _Side(-1.0)
        self.insert(rows)

    def insert(self, rows: list[Row], whole: bool = True) -> None:
        """New levels. Raises Lost when bids stand above asks afterwards, where that is the whole message."""
        ids, bids, asks = self._ids, self.bids, self.asks
        for row in rows:
            way, price = row.side, row.price
            if row.id in ids:
                self._drop(row.id)
            if price is UNSET or row.size <= 0 or way not in _WAYS:
                raise ValueError(f"level {row.id}: {way[:10]!r} {row.size} {price!r}")
            side = bids if way == "Buy" else asks
            row.key = key = float(price) * side.sign
            if not -_LARGEST < key < _LARGEST:
                raise ValueError(f"price {key}")
            if key in side.levels:
                raise Lost("two levels at one price")
            insort(side.keys, key)
            side.levels[key] = ids[row.id] = row
        if whole:
            self.check()

    def update(self, rows: list[Row]) -> None:
        """Sizes of known ids; where a price or another side is told, it is trusted. Raises Lost as `insert` does."""
        ids, has_moved = self._ids, False
        for row in rows:
            held = ids.get(row.id)
            if held is None:
                raise Lost("an update of a level that is not there")
            if row.size <= 0:
                raise ValueError(f"size {row.size}")
            if row.price is UNSET and row.side == held.side:
                held.size = row.size
            else:
                self._move(held, row)
                has_moved = True
        if has_moved:
            self.check()

    def delete(self, rows: list[Row]) -> None:
        """Levels that are gone."""
        ids = self._ids
        for row in rows:
            held = ids.pop(row.id, None)
            if held is None:
                raise Lost("a level that is not there was taken away")
            side, key = self.bids if held.side == "Buy" else self.asks, held.key
            keys = side.keys
            del side.levels[key], keys[bisect_left(keys, key)]
            if key in side.shown:
                del side.shown[key]

    def levels(self, is_bid: bool, depth: int) -> tuple[Level, ...]:
        """The best levels, best first."""
        side = self.bids if is_bid else self.asks
        told: list[Level] = []
        for key in side.keys[:-depth - 1:-1]:
            row = side.levels[key]
            price = side.shown.get(key)
            if price is None:
                assert row.price is not UNSET
                side.shown[key] = price = read_number(row.price)
            told.append((price, row.size / self.scale))
        return tuple(told)

    def _move(self, held: Row, row: Row) -> None:
        if row.price is UNSET:
            row.price = held.price
        side = self.bids if held.side == "Buy" else self.asks
        if row.side == held.side and float(row.price) * side.sign == held.key:  # type: ignore[arg-type]
            held.size = row.size
            return
        self._drop(row.id)
        self.insert([row], whole=False)

    def _drop(self, number: int) -> None:
        self.delete([self._ids[number]])
