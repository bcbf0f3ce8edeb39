"""The matching engine of one symbol: price first, then time.

Strangers' orders and the account's orders are the same kind of object in the same queues. Prices are whole ticks,
quantities whole lots. The engine knows no money: what a trade means is the business of its `Hooks`.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from dataclasses import dataclass, field
from typing import Protocol

from simulator.errors import Refused

LIVE = ("NEW", "PARTIALLY_FILLED")


@dataclass(slots=True, eq=False)
class Order:
    """An order, a stranger's or the account's (`mine`). side is +1 to buy and -1 to sell."""

    symbol: str
    side: int
    price: int  # ticks; 0 for MARKET
    qty: int  # lots
    kind: str = "LIMIT"
    tif: str = "GTC"
    mine: bool = False
    order_id: int = 0
    client_id: str = ""
    reduce_only: bool = False
    cum: int = 0  # lots filled
    value: int = 0  # of the lots filled, in the instrument's units (ticks × lots)
    status: str = "NEW"
    time: int = 0
    updated: int = 0
    seq: int = 0  # place in time, for putting queues back after a restart
    stp: str = "EXPIRE_MAKER"
    position_side: str = "BOTH"
    reason: str = ""
    # of an order that a conditional one became
    algo_id: int = 0
    asked: str = ""  # the type it was asked for as
    stop_price: int = 0
    working: str = "CONTRACT_PRICE"
    closes: bool = False  # the whole position
    # versions: time, status, cum, value, qty, price
    log: list[tuple[int, str, int, int, int, int]] = field(default_factory=list)

    @property
    def left(self) -> int:
        """Lots still open."""
        return self.qty - self.cum

    @property
    def is_open(self) -> bool:
        """Whether the venue may still fill it."""
        return self.status in LIVE


class Hooks(Protocol):
    """What the engine tells its owner while matching."""

    def traded(self, taker: Order, maker: Order, price: int, lots: int) -> None:
        """Two orders met; their own numbers are already changed."""

    def units(self, price: int, lots: int) -> int:
        """What so many lots at a price are worth."""

    def reducible(self, order: Order) -> int:
        """How many lots this reduce-only order of the account may still fill."""

    def expired(self, order: Order, status: str) -> None:
        """An account's order left the book without a request."""


class Level:
    """One price: its orders in time order and their sum."""

    __slots__ = ("orders", "total")

    def __init__(self) -> None:
        self.orders: list[Order] = []
        self.total = 0


class Side:
    """One side of the book. Keys are prices times side, ascending, so the best is always the last."""

    __slots__ = ("keys", "levels", "sign")

    def __init__(self, sign: int) -> None:
        self.sign = sign
        self.keys: list[int] = []
        self.levels: dict[int, Level] = {}

    @property
    def best(self) -> int | None:
        """Best price, None when empty."""
        return self.keys[-1] * self.sign if self.keys else None

    def add(self, order: Order) -> None:
        """Put an order at the end of its price's queue."""
        level = self.levels.get(order.price)
        if level is None:
            level = self.levels[order.price] = Level()
            insort(self.keys, order.price * self.sign)
        level.orders.append(order)
        level.total += order.left

    def drop_if_empty(self, price: int) -> None:
        """Forget a price without orders."""
        if not self.levels[price].orders:
            del self.levels[price]
            del self.keys[bisect_left(self.keys, price * self.sign)]

    def prices(self, limit: int) -> list[int]:
        """Up to `limit` prices, best first."""
        return [key * self.sign for key in self.keys[: -limit - 1 : -1]]


class Engine:
    """Book and matching of one symbol."""

    def __init__(self, symbol: str, hooks: Hooks, update_id: int = 1) -> None:
        self.symbol = symbol
        self.hooks = hooks
        self.sides = {1: Side(1), -1: Side(-1)}
        self.update_id = update_id
        self.watchers: list[set[tuple[int, int]]] = []  # each collects (side, price) until its diff goes out

    def best(self, side: int) -> int | None:
        """Best price of a side (+1 bids, -1 asks)."""
        return self.sides[side].best

    def total(self, side: int, price: int) -> int:
        """Lots shown at a price."""
        level = self.sides[side].levels.get(price)
        return level.total if level else 0

    def depth(self, side: int, limit: int) -> list[tuple[int, int]]:
        """(price, lots) of the best levels."""
        levels = self.sides[side].levels
        return [(price, levels[price].total) for price in self.sides[side].prices(limit)]

    def snapshot_id(self) -> int:
        """The id for a REST snapshot. It is counted up, so that the next diff always contains it (U ≤ id ≤ u)."""
        self.update_id += 1
        return self.update_id

    def crosses(self, order: Order) -> bool:
        """Whether the order would trade at once."""
        best = self.best(-order.side)
        if best is None:
            return False
        return order.kind == "MARKET" or (order.price - best) * order.side >= 0

    def available(self, order: Order) -> int:
        """Lots of others the order could take within its limit."""
        total = 0
        other = self.sides[-order.side]
        for price in other.prices(len(other.keys)):
            if order.kind != "MARKET" and (order.price - price) * order.side < 0:
                break
            total += sum(maker.left for maker in other.levels[price].orders if not (maker.mine and order.mine))
            if total >= order.left:
                break
        return total

    def check(self, order: Order) -> None:
        """Refuse a post-only order that would take and a fill-or-kill order that cannot be filled."""
        if order.tif == "GTX" and self.crosses(order):
            raise Refused(-5022, "Due to the order could not be executed as maker, the Post Only order will be "
                                 "rejected. The order will not be recorded in the order history")
        if order.tif == "FOK" and self.available(order) < order.left:
            raise Refused(-5021, "Due to the order could not be filled immediately, the FOK order has been rejected. "
                                 "The order will not be recorded in the order history")

    def submit(self, order: Order) -> None:
        """Match an order and let the rest wait or expire, as its kind says."""
        self._take(order, order.left)
        if not order.left or not order.is_open:
            return
        at_once = order.kind == "MARKET" or order.tif in ("IOC", "FOK")
        if at_once or (order.mine and order.reduce_only and not self.hooks.reducible(order)):
            self._expire(order, "EXPIRED")
        else:
            self.rest(order)

    def take(self, order: Order, most: int) -> None:
        """Match at most so many lots and leave it at that."""
        self._take(order, min(most, order.left))

    def rest(self, order: Order) -> None:
        """Put an order into the book without matching (it must not cross)."""
        self.sides[order.side].add(order)
        self._touch(order.side, order.price)

    def remove(self, order: Order) -> None:
        """Take an order out of its queue; its status is the caller's business."""
        side = self.sides[order.side]
        level = side.levels.get(order.price)
        if level is None or order not in level.orders:
            return
        level.orders.remove(order)
        level.total -= order.left
        side.drop_if_empty(order.price)
        self._touch(order.side, order.price)

    def shrink(self, order: Order, qty: int) -> None:
        """Tell the book that a resting order is about to have the smaller total `qty`; it keeps its place."""
        level = self.sides[order.side].levels.get(order.price)
        if level is not None and order in level.orders:
            level.total -= order.qty - qty
            self._touch(order.side, order.price)

    def _take(self, order: Order, most: int) -> None:
        other = self.sides[-order.side]
        stop = order.cum + most
        while order.cum < stop:
            price = other.best
            if price is None or (order.kind != "MARKET" and (order.price - price) * order.side < 0):
                return
            level = other.levels[price]
            maker = level.orders[0]
            if maker.mine and order.mine:
                if order.stp in ("EXPIRE_MAKER", "EXPIRE_BOTH", "NONE"):
                    self.remove(maker)
                    self._expire(maker, "EXPIRED_IN_MATCH")
                if order.stp in ("EXPIRE_TAKER", "EXPIRE_BOTH"):
                    self._expire(order, "EXPIRED_IN_MATCH")
                    return
                continue
            lots = min(stop - order.cum, maker.left)
            if maker.mine and maker.reduce_only:
                lots = min(lots, self.hooks.reducible(maker))
                if not lots:
                    self.remove(maker)
                    self._expire(maker, "EXPIRED")
                    continue
            if order.mine and order.reduce_only:
                lots = min(lots, self.hooks.reducible(order))
                if not lots:
                    return
            self._trade(order, maker, other, level, price, lots)

    def _trade(self, order: Order, maker: Order, other: Side, level: Level, price: int, lots: int) -> None:
        value = self.hooks.units(price, lots)
        for party in (order, maker):
            party.cum += lots
            party.value += value
            party.status = "PARTIALLY_FILLED" if party.left else "FILLED"
        level.total -= lots
        if not maker.left:
            level.orders.pop(0)
            other.drop_if_empty(price)
        self._touch(-order.side, price)
        self.hooks.traded(order, maker, price, lots)

    def _expire(self, order: Order, status: str) -> None:
        order.status = status
        if order.mine:
            self.hooks.expired(order, status)

    def _touch(self, side: int, price: int) -> None:
        self.update_id += 1
        for watcher in self.watchers:
            watcher.add((side, price))
