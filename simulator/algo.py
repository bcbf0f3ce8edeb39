"""Conditional orders of a futures product: they wait beside the book, and when the price comes they become orders.

Life: NEW → TRIGGERING → TRIGGERED (an order with its own id is in the book) → FINISHED when that order has ended;
or CANCELED on request, REJECTED when the order they became was refused (margin is looked at only then), EXPIRED when
the position a closePosition order was for is gone. A trailing order tells NEW a second time when it begins to trail.
What is looked at: every trade since the last look (CONTRACT_PRICE), or the mark price now (MARK_PRICE).
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from decimal import Decimal
from typing import TYPE_CHECKING

from simulator.algo_rows import algo_event
from simulator.errors import Refused
from simulator.exchange import Order
from simulator.market import Market
from simulator.payloads import Json
from simulator.store import Counter

if TYPE_CHECKING:
    from simulator.futures import Futures

TRAILING = "TRAILING_STOP_MARKET"
FIRST_ID = 1_000_000_000_000_000


@dataclass(slots=True, eq=False)
class Algo:
    """One conditional order. Prices in ticks, quantity in lots (0: the whole position), times in ms."""

    algo_id: int
    client_id: str
    symbol: str
    side: int
    kind: str
    qty: int
    trigger: int = 0
    price: int = 0
    tif: str = "GTC"
    working: str = "CONTRACT_PRICE"
    reduce_only: bool = False
    close_position: bool = False
    price_protect: bool = False
    position_side: str = "BOTH"
    stp: str = "EXPIRE_MAKER"
    activate: int = 0
    callback: str = ""  # percent
    status: str = "NEW"
    order_id: int = 0  # of the order it became
    average: str = "0"
    filled: int = 0
    reason: str = ""
    active: bool = False  # trailing: has begun to trail
    extreme: str = ""  # trailing: best price since then, in ticks
    holding: bool = False  # closePosition: there was a position to close
    created: int = 0
    updated: int = 0
    triggered: int = 0

    @property
    def is_market(self) -> bool:
        """Whether it becomes a market order."""
        return self.kind.endswith("MARKET")

    @property
    def rises(self) -> bool:
        """Whether it waits for a higher price (stop to buy, take-profit to sell)."""
        return self.kind.startswith("STOP") == (self.side > 0)


class Algos:
    """All conditional orders of the account on one product."""

    def __init__(self, venue: Futures, emit: Callable[[Json], None]) -> None:
        self.venue = venue
        self.emit = emit
        self.ids = Counter(venue.store, f"algo{venue.product.ledger}", FIRST_ID, 100)
        self.all: dict[int, Algo] = {}
        self.waiting: dict[int, Algo] = {}
        self.working: dict[int, Algo] = {}  # triggered, their orders not ended
        self._newest: dict[str, Algo] = {}
        for (text,) in venue.store.rows("SELECT row FROM algos WHERE account = ? ORDER BY algo_id",
                                        venue.account.ledger):
            self._list(Algo(**json.loads(text)))

    # ---- what clients ask

    def find(self, algo_id: int | None, client_id: str) -> Algo | None:
        """By the venue's id, or the newest with the client's."""
        return self.all.get(algo_id) if algo_id is not None else self._newest.get(client_id)

    def place(self, algo: Algo) -> None:
        """Take one in."""
        algo.algo_id = self.ids.next()
        algo.created = self.venue.clock.now()
        self._list(algo)
        self._tell(algo)

    def cancel(self, algo: Algo) -> None:
        """End one that waits."""
        self._tell(algo, "CANCELED")

    # ---- what prices do

    def watch(self, market: Market) -> bool:
        """Look at the prices since the last look; whether something became an order."""
        prints = [Decimal(price) for price in market.prints] or [Decimal(market.last())]
        market.prints.clear()
        mark = market.mark() / market.instrument.tick
        hit = False
        for algo in [a for a in self.waiting.values() if a.symbol == market.symbol]:
            if algo.close_position and self._is_over(algo):
                self._tell(algo, "EXPIRED")
            elif any(self._reached(algo, p) for p in ([mark] if algo.working == "MARK_PRICE" else prints)):
                self._trigger(market, algo)
                hit = True
        return hit

    def finish(self) -> None:
        """End those whose orders have ended."""
        for algo in list(self.working.values()):
            order = self.venue.account.orders[algo.order_id]
            if not order.is_open:
                item = self.venue.account.listed[order.symbol]
                algo.filled, algo.average = order.cum, f"{item.average(order.value, order.cum):f}"
                self._tell(algo, "FINISHED")

    def bounds(self, symbol: str) -> tuple[list[int], list[int]]:
        """Prices that must not be passed unseen: from above, from below."""
        own = [a for a in self.waiting.values() if a.symbol == symbol and a.kind != TRAILING]
        return [a.trigger for a in own if not a.rises], [a.trigger for a in own if a.rises]

    def _reached(self, algo: Algo, price: Decimal) -> bool:
        if algo.kind != TRAILING:
            return price >= algo.trigger if algo.rises else price <= algo.trigger
        if not algo.active:
            if algo.activate and (price - algo.activate) * algo.side > 0:
                return False
            algo.active, algo.extreme = True, f"{price:f}"
            self._tell(algo)
            return False
        best = Decimal(algo.extreme)
        if (price - best) * algo.side < 0:
            best, algo.extreme = price, f"{price:f}"
            self._keep(algo)
        return (price - best * (1 + algo.side * Decimal(algo.callback) / 100)) * algo.side >= 0

    def _is_over(self, algo: Algo) -> bool:
        there = self.venue.account.reducible(self._order(algo)) > 0
        if there and not algo.holding:
            algo.holding = True
            self._keep(algo)
        return algo.holding and not there

    def _trigger(self, market: Market, algo: Algo) -> None:
        algo.triggered = self.venue.clock.now()
        self._tell(algo, "TRIGGERING")
        order = self._order(algo)
        try:
            if algo.close_position:
                order.qty = self.venue.account.reducible(order)
            if order.reduce_only and not self.venue.account.reducible(order):
                raise Refused(-2022, "ReduceOnly Order is rejected.")
            self.venue.check(market, order)
        except Refused as refusal:
            algo.reason = refusal.text
            self._tell(algo, "REJECTED")
            return
        order.order_id = algo.order_id = self.venue.account.order_ids.next()
        order.client_id = self.venue.account.made_id()
        self._tell(algo, "TRIGGERED")
        self.venue.enter(market, order)

    def _order(self, algo: Algo) -> Order:
        reduce_only = algo.reduce_only or algo.close_position
        if self.venue.account.hedge:
            reduce_only = (algo.position_side == "LONG") == (algo.side < 0)
        return Order(algo.symbol, algo.side, algo.price, algo.qty, "MARKET" if algo.is_market else "LIMIT",
                     algo.tif, True, reduce_only=reduce_only, stp=algo.stp, position_side=algo.position_side,
                     algo_id=algo.algo_id, asked=algo.kind, stop_price=algo.trigger, working=algo.working,
                     closes=algo.close_position)

    # ---- keeping

    def _list(self, algo: Algo) -> None:
        self.all[algo.algo_id] = self._newest[algo.client_id] = algo
        if algo.status == "NEW":
            self.waiting[algo.algo_id] = algo
        elif algo.status == "TRIGGERED":
            self.working[algo.algo_id] = algo

    def _tell(self, algo: Algo, status: str | None = None) -> None:
        algo.status = status or algo.status
        algo.updated = self.venue.clock.now()
        if algo.status != "NEW":
            self.waiting.pop(algo.algo_id, None)
            self.working.pop(algo.algo_id, None)
        if algo.status == "TRIGGERED":
            self.working[algo.algo_id] = algo
        self._keep(algo)
        self.emit(algo_event(self.venue.account.listed[algo.symbol], algo))

    def _keep(self, algo: Algo) -> None:
        self.venue.store.put("algos", account=self.venue.account.ledger, algo_id=algo.algo_id,
                             row=json.dumps(asdict(algo)))
