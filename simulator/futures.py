"""One futures product of the venue: its markets and account, and everything that may be done to them.

A change ends with `settle`: first the commit, then the events, then the answer.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

from simulator import brackets, money
from simulator.account import DEFAULT_LEVERAGE, Account
from simulator.algo import Algos
from simulator.clock import Clock
from simulator.errors import Refused
from simulator.exchange import Order
from simulator.faults import Faults
from simulator.instruments import Instrument
from simulator.limits import Limits
from simulator.market import FUNDING_MS, Market
from simulator.money import ZERO, Position
from simulator.owner import Owner
from simulator.payloads import Json
from simulator.product import Product
from simulator.store import Store

THIN = 5  # levels


class Futures:
    """USD-M or COIN-M behind the wire."""

    def __init__(self, product: Product, store: Store, clock: Clock, faults: Faults, limits: Limits, owner: Owner,
                 instruments: list[Instrument], seed: int, replay: Any = None) -> None:
        self.product = product
        self.store = store
        self.clock = clock
        self.faults = faults
        self.limits = limits  # one pool for all products
        self.owner = owner
        self.replay = replay
        self.sibling: Futures | None = None  # the other product, which shares the position mode
        self.private: Callable[[list[Json]], None] = lambda events: None  # where private events go (set by the streams)
        self.publish: Callable[[str, Any], None] = lambda stream, payload: None  # a public event
        self.replayed: Callable[[str, Json], list[Json]] = lambda symbol, payload: [payload]  # a diff with its faults
        self.deadlines: dict[str, int] = {}  # countdownCancelAll: symbol → when everything of it is canceled
        self.changed: Callable[[], None] = lambda: None  # called after each settled change
        self._outbox: list[Json] = []
        listed = {i.symbol: i for i in instruments}
        self.account = Account(store, clock, owner, product, listed, self._outbox.append)
        self.rates: dict[str, list[tuple[int, Decimal]]] = {symbol: [] for symbol in listed}
        self.algos = Algos(self, self._outbox.append)
        self.markets = {i.symbol: Market(i, store, clock, self.account, faults, product.category) for i in instruments}
        for market in self.markets.values():
            self._open(market, seed)
        for symbol in self.markets:
            kept = store.meta(f"countdown{product.ledger}:{owner.name}:{symbol}")
            if kept:
                self.deadlines[symbol] = int(kept)
        for symbol, time, rate in store.rows("SELECT symbol, time, rate FROM rates ORDER BY time"):
            if symbol in self.markets:
                self.rates[symbol].append((time, Decimal(rate)))

    def _open(self, market: Market, seed: int) -> None:
        """Put the account's resting orders back, then let the market in (what it has passed is filled)."""
        waiting = sorted((o for o in self.account.open.values() if o.symbol == market.symbol), key=lambda o: o.seq)
        if self.replay:
            self.replay.open(market)
        else:
            low, high = self.algos.bounds(market.symbol)
            buys = [*low, *(o.price for o in waiting if o.side > 0)]
            sells = [*high, *(o.price for o in waiting if o.side < 0)]
            market.open(seed, max(buys, default=0) + 1, min(sells, default=1 << 60) - 1)
        for order in waiting:
            market.engine.submit(order)

    # ---- what clients ask

    def market(self, symbol: str | None) -> Market:
        """A listed symbol, or the venue's refusal."""
        found = self.markets.get(symbol or "")
        if found is None:
            raise Refused(-1121, "Invalid symbol.")
        return found

    def place(self, market: Market, order: Order) -> None:
        """Accept and match a checked order of the account."""
        self.check(market, order)
        self.enter(market, order)
        self.settle()

    def check(self, market: Market, order: Order) -> None:
        """Refuse an order for its margin, or because the book does not allow it."""
        self._check_margin(market, order)
        market.engine.check(order)

    def enter(self, market: Market, order: Order) -> None:
        """Take a checked order in and match it."""
        self.account.accept(market, order)
        market.engine.submit(order)
        self._refill(market)
        market.series.save_running()  # a killed venue begins again at this price

    def cancel(self, order: Order) -> None:
        """Take an open order out."""
        market = self.markets[order.symbol]
        market.engine.remove(order)
        self.account.ended(market, order, "CANCELED")
        self.settle()

    def modify(self, order: Order, price: int, qty: int) -> None:
        """New price and quantity; the place in the queue is lost. May end in a cancel, as the venue's rules say."""
        market = self.markets[order.symbol]
        if (price, qty) == (order.price, order.qty):
            raise Refused(-5027, "No need to modify the order.")
        if qty <= order.cum:
            self.cancel(order)
            return
        trial = Order(order.symbol, order.side, price, qty, order.kind, order.tif, True, cum=order.cum,
                      reduce_only=order.reduce_only, position_side=order.position_side)
        if order.tif == "GTX" and market.engine.crosses(trial):
            self.cancel(order)
            return
        self._check_margin(market, trial, instead_of=order)
        market.engine.remove(order)
        self.account.amended(market, order, price, qty)
        market.engine.submit(order)
        self.settle()

    def count_down(self, symbol: str, wait_ms: int) -> None:
        """The dead-man switch of a symbol: cancel its plain orders after so long, 0 = never."""
        self.deadlines.pop(symbol, None)
        if wait_ms:
            self.deadlines[symbol] = self.clock.now() + wait_ms
        self.store.remember(f"countdown{self.product.ledger}:{self.owner.name}:{symbol}",
                            self.deadlines.get(symbol, ""))
        self.settle()

    def set_leverage(self, market: Market, leverage: int) -> None:
        """A symbol's leverage, if its position is allowed it and the margin suffices."""
        symbol, item, before = market.symbol, market.instrument, self.leverage(market.symbol)
        used = self.symbol_margin(market)
        if used * before > brackets.cap(item.family, leverage):
            raise Refused(-2027, "Exceeded the maximum allowable position at current leverage.")
        if used * before / leverage - used > max(ZERO, self.available(item.asset)):
            raise Refused(-2028, "Leverage is smaller than permitted: insufficient margin balance.")
        self.account.set_leverage(symbol, leverage)
        self.settle()

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
        self._refill(market)
        market.series.save_running()  # a killed venue begins again at this price
        self.settle()
        return order

    def _refill(self, market: Market) -> None:
        """A side that was traded empty is quoted anew at once, so that no order meets an empty book."""
        if market.crowd and min(len(market.engine.sides[side].keys) for side in (1, -1)) < THIN:
            market.crowd.fill_up()

    def fund(self, market: Market, rate: Decimal, at: int | None = None) -> None:
        """Funding falls due now (or at the time given)."""
        now = at or self.clock.now()
        mark = market.mark()
        self.rates[market.symbol].append((now, rate))
        self.store.put("rates", symbol=market.symbol, time=now, rate=f"{rate:f}", mark=f"{mark:f}")
        self.account.pay_funding(market, rate, mark, now)
        self.settle()

    def fall_due(self) -> None:
        """Pay the funding that is due before anything else happens or is answered: the clock may have jumped."""
        now = self.clock.now()
        for market in self.markets.values():
            if now >= market.next_funding:
                due, market.next_funding = market.next_funding, (now // FUNDING_MS + 1) * FUNDING_MS
                self.fund(market, market.rate(), due)

    def beat(self, count: int) -> None:
        """One heartbeat of the markets: funding and minutes fall due, strangers act every second beat."""
        self.fall_due()
        category = self.product.category
        frozen = self.faults.first("freeze", category=category)
        for index, market in enumerate(self.markets.values()):
            still = frozen is not None and frozen.concerns(market.symbol, category)
            if market.crowd and (count + index) % 2 == 0 and not still:
                market.crowd.step()
            if count % 5 == 0:
                market.roll()
            if count % 100 == index:
                market.series.save_running()
        for symbol in [s for s, due in self.deadlines.items() if self.clock.now() >= due]:
            for order in [o for o in self.account.open.values() if o.symbol == symbol]:
                self.cancel(order)
            self.count_down(symbol, 0)
        if self.replay:
            self.replay.beat(self)
        self.settle()

    def settle(self) -> None:
        """Let conditional orders see the prices, commit, then let the events out."""
        while any(self.algos.watch(market) for market in self.markets.values()):
            pass  # what they became traded, and that may set off others
        for market in self.markets.values():
            for order in self.account.stale_reducers(market.symbol):
                market.engine.remove(order)
                self.account.ended(market, order, "EXPIRED")
        self.algos.finish()
        self.store.commit()
        events, self._outbox[:] = list(self._outbox), []
        if events:
            self.private(events)
        self.changed()

    def close(self) -> None:
        """Keep the running minutes."""
        for market in self.markets.values():
            market.series.save_running()

    # ---- margin

    def leverage(self, symbol: str) -> int:
        """Leverage of a symbol."""
        return self.account.leverage.get(symbol, DEFAULT_LEVERAGE)

    def symbol_margin(self, market: Market, extra: Order | None = None, without: Order | None = None) -> Decimal:
        """Initial margin of one symbol: position and open orders, with one order more or less."""
        buys = sells = ZERO
        item = market.instrument
        open_orders = [o for o in self.account.open.values() if o.symbol == market.symbol and o is not without]
        for order in [*open_orders, *([extra] if extra else [])]:
            if order.reduce_only:
                continue
            price = order.price or market.engine.best(-order.side) or market.last()
            value = item.sums.value(item.qty(order.left), item.price(price))
            if order.side > 0:
                buys += value
            else:
                sells += value
        qty = sum((p.qty for (s, _), p in self.account.positions.items() if s == market.symbol), ZERO)
        return money.initial_margin(item.sums.value(qty, market.mark()), buys, sells, self.leverage(market.symbol))

    def of_asset(self, asset: str) -> list[Market]:
        """Markets whose margin is paid in a coin."""
        return [market for market in self.markets.values() if market.instrument.asset == asset]

    def unrealised(self, asset: str) -> Decimal:
        """Profit of all positions of a coin at the mark."""
        listed = self.account.listed
        return sum((money.unrealised(p, self.markets[s].mark(), listed[s].sums)
                    for (s, _), p in self.account.positions.items() if s in listed and listed[s].asset == asset), ZERO)

    def available(self, asset: str) -> Decimal:
        """What may be used for new orders."""
        used = sum((self.symbol_margin(m) for m in self.of_asset(asset)), ZERO)
        return self.account.wallets.get(asset, ZERO) + self.unrealised(asset) - used

    def position(self, symbol: str, side: str = "BOTH") -> Position:
        """A position, flat when there was none."""
        return self.account.positions.get((symbol, side), Position())

    def _check_margin(self, market: Market, order: Order, instead_of: Order | None = None) -> None:
        if order.reduce_only:
            return
        before = self.symbol_margin(market)
        after = self.symbol_margin(market, extra=order, without=instead_of)
        item = market.instrument
        leverage = self.leverage(item.symbol)
        if after > before and after * leverage > brackets.cap(item.family, leverage):
            raise Refused(-2027, "Exceeded the maximum allowable position at current leverage.")
        if after > before and after - before > self.available(item.asset):
            raise Refused(-2019, "Margin is insufficient.")
