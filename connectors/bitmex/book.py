"""orderBookL2: levels by id → best prices and a sorted book (bitmex.md 10.1). Owned by the connection's thread.

The rules, one by one: what comes before the partial is dropped; a partial replaces everything; insert and update are
absolute; an update or delete of an id that is not there means that something was lost; so does a crossed book.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from decimal import Decimal

import msgspec
from msgspec import UNSET

from connectors.bitmex.stream import Level as Row
from connectors.bitmex.stream import read_number
from models import Level

_LARGEST = 1e18            # no price is larger
_Price = msgspec.Raw | Decimal       # a Decimal once it was shown


class Lost(Exception):
    """A message was missed; the text says how it was seen."""


class _Side:
    """One side: (price, wire size) by sort key, the best key last."""

    __slots__ = ("keys", "levels", "sign")

    def __init__(self, sign: float) -> None:
        self.sign = sign
        self.keys: list[float] = []
        self.levels: dict[float, tuple[_Price, int]] = {}


class IdBook:
    """The levels of one instrument. Sort keys are floats; what is shown is made from the wire's text."""

    __slots__ = ("_ids", "asks", "bids", "scale")

    def __init__(self, scale: Decimal) -> None:
        self.scale = scale           # wire size of one of ours
        self._ids: dict[int, tuple[_Side, float]] = {}
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

    @property
    def is_crossed(self) -> bool:
        """Bids above asks; equal is allowed."""
        bids, asks = self.bids.keys, self.asks.keys
        return bool(bids and asks and bids[-1] > -asks[-1])

    def load(self, rows: list[Row]) -> None:
        """A partial: everything anew."""
        self._ids = {}
        self.bids, self.asks = _Side(1.0), _Side(-1.0)
        self.insert(rows)

    def insert(self, rows: list[Row]) -> None:
        """New levels."""
        for row in rows:
            if row.id in self._ids:
                self._drop(row.id)
            if row.price is UNSET:
                raise ValueError(f"level {row.id} without a price")
            self._add(row.id, row.side, row.price, row.size)

    def update(self, rows: list[Row]) -> None:
        """Sizes of known ids; where a price or another side is told, it is trusted."""
        for row in rows:
            held = self._ids.get(row.id)
            if held is None:
                raise Lost("an update of a level that is not there")
            side, key = held
            if row.size <= 0:
                raise ValueError(f"size {row.size}")
            price = side.levels[key][0]
            has_moved = row.price is not UNSET and row.price != price and float(bytes(row.price)) * side.sign != key
            if has_moved or (row.side == "Buy") is not (side is self.bids):
                self._drop(row.id)
                self._add(row.id, row.side, price if row.price is UNSET else row.price, row.size)
            else:
                side.levels[key] = (price, row.size)

    def delete(self, rows: list[Row]) -> None:
        """Levels that are gone."""
        for row in rows:
            if row.id not in self._ids:
                raise Lost("a level that is not there was taken away")
            self._drop(row.id)

    def levels(self, is_bid: bool, depth: int) -> tuple[Level, ...]:
        """The best levels, best first."""
        side = self.bids if is_bid else self.asks
        told: list[Level] = []
        for key in side.keys[:-depth - 1:-1]:
            price, size = side.levels[key]
            if not isinstance(price, Decimal):
                price = read_number(price)
                side.levels[key] = (price, size)
            told.append((price, size / self.scale))
        return tuple(told)

    def _add(self, number: int, way: str, price: _Price, size: int) -> None:
        if size <= 0 or way not in ("Buy", "Sell"):
            raise ValueError(f"level {number}: {way[:10]!r} {size}")
        side = self.bids if way == "Buy" else self.asks
        key = float(price if isinstance(price, Decimal) else bytes(price)) * side.sign
        if not abs(key) < _LARGEST:
            raise ValueError(f"price {key}")
        if key in side.levels:
            raise Lost("two levels at one price")
        insort(side.keys, key)
        side.levels[key] = (price, size)
        self._ids[number] = (side, key)

    def _drop(self, number: int) -> None:
        side, key = self._ids.pop(number)
        del side.levels[key], side.keys[bisect_left(side.keys, key)]
