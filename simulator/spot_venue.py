"""The spot side of the venue: its markets and wallet, and everything that may be done to them.

It shares the clock, the store, the faults and the account's name with the other products. A change ends with `settle`:
first the commit, then the events, then the answer.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

from simulator.candles import MINUTE
from simulator.clock import Clock
from simulator.errors import Refused
from simulator.exchange import Order
from simulator.faults import Faults
from simulator.instruments import Instrument
from simulator.market import Market
from simulator.money import ZERO
from simulator.payloads import Json
from simulator.spot_account import SpotAccount
from simulator.spot_instruments import AVERAGE_MINUTES
from simulator.spot_limits import SpotLimits
from simulator.spot_rows import STOPS, SpotOrder
from simulator.store import Store

THIN = 5  # levels
BIPS = 10_000
INSUFFICIENT = "Account has insufficient balance for requested action."


class SpotVenue:
    """Everything behind the spot wire."""

    def __init__(self, store: Store, clock: Clock, faults: Faults, name: str, seed: int, items: list[Instrument],
                 replay: Any = None) -> None:
        self.store = store
        self.clock = clock
        self.faults = faults
        self.replay = replay
        self.limits = SpotLimits(clock)
        self.private: Callable[[list[Json]], None] = lambda events: None  # where private events go
        self.publish: Callable[[str, Any], None] = lambda stream, payload: None  # a public event
        self.replayed: Callable[[str, Json], list[Json]] = lambda symbol, payload: [payload]  # a diff with its faults
        self.changed: Callable[[], None] = lambda: None  # called after each settled change
        self._outbox: list[Json] = []
        self.account = SpotAccount(store, clock, name, {i.symbol: i for i in items}, self._outbox.append)
        self.account.first_fill = self.limits.filled
        self.account.bnb_price = self.bnb_price
        self.markets = {i.symbol: Market(i, store, clock, self.account, faults, "spot") for i in items}
        for market in self.markets.values():
            self._open(market, seed)
        self.settle()

    def _open(self, market: Market, seed: int) -> None:
        """Put the account's resting orders back, then let the market in (what it has passed is filled)."""
        waiting = sorted((o for o in self.account.open.values() if o.symbol == market.symbol and o.since),
                         key=lambda o: o.seq)
        if self.replay:
            self.replay.open(market)
        else:
            buys = [o.price for o in waiting if o.side > 0]
            sells = [o.price for o in waiting if o.side < 0]
            market.open(seed, max(buys, default=0) + 1, min(sells, default=1 << 60) - 1)
        for order in waiting:
            market.engine.submit(order)

    # ---- what clients ask

    def market(self, symbol: str | None) -> Market:
        """A listed pair, or the venue's refusal."""
        found = self.markets.get(symbol or "")
        if found is None:
            raise Refused(-1121, "Invalid symbol.")
        return found

    def check(self, market: Market, order: SpotOrder, instead_of: SpotOrder | None = None) -> None:
        """Refuse what the wallet cannot pay, what would trigger at once, and a maker that would take."""
        self._check_funds(market, order, instead_of)
        if order.type in STOPS:
            if order.stop and not order.delta and self._passed(order, market.last()):
                raise Refused(-2010, "Order would trigger immediately.")
        elif order.type == "LIMIT_MAKER" and market.engine.crosses(order):
            raise Refused(-2010, "Order would immediately match and take.")

    def place(self, market: Market, order: SpotOrder) -> None:
        """Accept and match a checked order."""
        self.check(market, order)
        if order.delta and not order.stop:
            order.extreme = market.last()
        self.account.accept(market, order)
        if order.since:
            self._enter(market, order)
        self.settle()

    def cancel(self, order: SpotOrder, cancel_id: str) -> None:
        """Take an open order out."""
        if order.since:
            self.markets[order.symbol].engine.remove(order)
        self.account.canceled(order, cancel_id)
        self.settle()

    def amend(self, order: SpotOrder, qty: int, client_id: str) -> None:
        """A smaller quantity; the place in the queue is kept."""
        if order.since:
            self.markets[order.symbol].engine.shrink(order, qty)
        self.account.amended(order, qty, client_id)
        self.settle()

    def _enter(self, market: Market, order: SpotOrder) -> None:
        if order.tif == "FOK" and market.engine.available(order) < order.left:
            self.account.ended(market, order, "EXPIRED")
            return
        market.engine.submit(order)
        if market.crowd and min(len(market.engine.sides[side].keys) for side in (1, -1)) < THIN:
            market.crowd.fill_up()
        market.series.save_running()  # a killed venue begins again at this price

    # ---- money

    def cost(self, market: Market, side: int, lots: int | None, budget: Decimal | None) -> tuple[int, int]:
        """Lots and their value (ticks × lots) that a market order would get, up to some lots or some quote amount.

        The account's own orders are left out: a market order never meets them.
        """
        item = market.instrument
        own: dict[int, int] = {}
        for order in self.account.open.values():
            if order.symbol == market.symbol and order.side == -side and order.since:
                own[order.price] = own.get(order.price, 0) + order.left
        left = None if budget is None else int(budget / (item.tick * item.lot))
        got = value = 0
        for price, shown in market.engine.depth(-side, 1 << 30):
            there = shown - own.get(price, 0)
            if lots is not None:
                there = min(there, lots - got)
            if left is not None:
                there = min(there, (left - value) // price)
            got, value = got + max(0, there), value + max(0, there) * price
            if (lots is not None and got >= lots) or (left is not None and left - value < price):
                break
        return got, value

    def _check_funds(self, market: Market, order: SpotOrder, instead_of: SpotOrder | None) -> None:
        item = market.instrument
        if order.side < 0:
            needed, asset = item.qty(order.left), item.base
            back = item.qty(instead_of.base_locked) if instead_of and instead_of.side < 0 else ZERO
        else:
            if order.kind == "MARKET" and order.type == "MARKET":
                value = self.cost(market, 1, order.left, None)[1]
            else:
                value = order.left * (order.price or order.stop or market.last())
            unit = item.tick * item.lot
            needed, asset = unit * value, item.quote
            back = unit * instead_of.quote_locked if instead_of and instead_of.side > 0 else ZERO
        if needed > self.account.asset(asset).free + back:
            raise Refused(-2010, INSUFFICIENT)

    def bnb_price(self) -> Decimal | None:
        """What a BNB costs."""
        market = self.markets.get("BNBUSDT")
        return market.instrument.price(market.last()) if market else None

    def average_price(self, market: Market) -> Decimal:
        """The average price of the last five minutes, by volume; the last price without a trade."""
        market.roll()
        now = self.clock.now() // MINUTE
        rows = market.series.minutes(now - AVERAGE_MINUTES + 1, now)
        lots = sum(row[5] for row in rows)
        if not lots:
            return market.instrument.price(market.last())
        return market.instrument.tick * sum(row[6] for row in rows) / lots

    # ---- stop orders

    def _passed(self, order: SpotOrder, last: int) -> bool:
        """Whether the last price has reached the stop price."""
        rising = order.side > 0 if order.type.startswith("STOP") else order.side < 0
        return last >= order.stop if rising else last <= order.stop

    def _due(self, order: SpotOrder, last: int) -> bool:
        """Whether a waiting order's time has come; a trailing one follows the best price since it began."""
        if not order.delta:
            return self._passed(order, last)
        if not order.extreme:
            if not self._passed(order, last):
                return False
            order.extreme = last
        order.extreme = min(order.extreme, last) if order.side > 0 else max(order.extreme, last)
        return (last - order.extreme) * order.side * BIPS >= order.extreme * order.delta

    def _trigger(self) -> bool:
        """Bring the first order whose time has come to the book."""
        for order in self.account.open.values():
            market = self.markets[order.symbol]
            best = order.extreme
            due = not order.since and self._due(order, market.last())
            if order.extreme != best:
                self.account.keep(order)  # a trailing stop goes on from its best price after a restart
            if due:
                self.account.triggered(order)
                short = order.kind == "MARKET" and order.side > 0 and self._too_dear(market, order)
                if short:
                    self.account.ended(market, order, "EXPIRED")
                else:
                    self._enter(market, order)
                return True
        return False

    def _too_dear(self, market: Market, order: SpotOrder) -> bool:
        """Whether a triggered market buy costs more than there is: what it held back and what is free."""
        item = market.instrument
        unit = item.tick * item.lot
        there = self.account.asset(item.quote).free + unit * order.quote_locked
        return unit * self.cost(market, 1, order.left, None)[1] > there

    # ---- what control and time do

    def move(self, market: Market, price: int) -> None:
        """Trade the market to a price."""
        if self.replay:
            self.replay.move(market, price)
        elif market.crowd:
            market.crowd.move_to(price)
            market.series.save_running()  # a killed venue begins again at this price
        self.settle()

    def stranger(self, market: Market, side: int, lots: int) -> Order:
        """A stranger's market order, as it ended."""
        order = Order(market.symbol, side, 0, lots, kind="MARKET", tif="IOC")
        market.engine.submit(order)
        if market.crowd:
            market.crowd.fill_up()
        market.series.save_running()
        self.settle()
        return order

    def fund(self, market: Market, rate: Decimal, at: int | None = None) -> None:
        """Spot has no funding."""

    def beat(self, count: int) -> None:
        """One heartbeat: strangers act, minutes close."""
        frozen = self.faults.first("freeze", category="spot")
        for index, market in enumerate(self.markets.values()):
            if market.crowd and (count + index) % 2 and not (frozen and frozen.concerns(market.symbol, "spot")):
                market.crowd.step()
            if count % 5 == 0:
                market.roll()
            if count % 100 == 25 + index:
                market.series.save_running()
        if self.replay:
            self.replay.beat(self)
        self.settle()

    def settle(self) -> None:
        """Trigger what is due, commit, then let the events out."""
        while self._trigger():
            pass
        self.store.commit()
        events, self._outbox[:] = list(self._outbox), []
        if events:
            self.private(events)
        self.changed()

    def close(self) -> None:
        """Keep the running minutes."""
        for market in self.markets.values():
            market.series.save_running()
