"""The BitMEX side of the venue: its markets and account, and everything that may be done to them.

It shares the clock, the store and the faults with the Binance side. A change ends with `settle`: first the commit,
then the events, then the answer.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from typing import TYPE_CHECKING

from simulator import bitmex_money, bitmex_stops
from simulator.bitmex_account import Account, Event
from simulator.bitmex_instruments import Contract, contracts, half_up
from simulator.bitmex_rows import Json, Ticket, Waiting, margin_row, position_row, wallet_row
from simulator.bitmex_wire import No, Pace
from simulator.clock import Clock
from simulator.exchange import Order
from simulator.faults import Faults
from simulator.market import FUNDING_MS, Market
from simulator.store import Store

if TYPE_CHECKING:
    from simulator.bitmex_replay import BitmexReplay

FUNDING_SHIFT_MS = 4 * 3600 * 1000  # 04:00, 12:00 and 20:00 UTC
DAY_MS = 86400 * 1000
NOON_MS = DAY_MS // 2
THIN = 5  # levels


class BitmexVenue:
    """Everything behind the BitMEX wire."""

    def __init__(self, store: Store, clock: Clock, faults: Faults, seed: int, fresh: bool,
                 replay: BitmexReplay | None = None) -> None:
        self.store = store
        self.clock = clock
        self.faults = faults
        self.pace = Pace()
        self.private: Callable[[list[Event]], None] = lambda events: None  # where private events go
        self.changed: Callable[[], None] = lambda: None  # called after each settled change
        self.publish: Callable[[str, str, str, list[Json]], None] = lambda *row: None  # rows of a recording
        self.replay = replay
        self.contracts = {c.symbol: c for c in (replay.contracts if replay else contracts())}
        self.account = Account(store, clock, fresh, self.contracts)
        self.account.per_quote = self.per_quote
        self.markets = {s: Market(c.item, store, clock, self.account, faults, c.category)
                        for s, c in self.contracts.items()}
        self.rates: dict[str, list[tuple[int, Decimal]]] = {s: [] for s in self.contracts}
        for market in self.markets.values():
            self._open(market, seed)
        for symbol, time, rate in store.rows("SELECT symbol, time, rate FROM rates ORDER BY time"):
            if symbol in self.rates:
                self.rates[symbol].append((time, Decimal(rate)))
        kept = store.meta(f"bitmex cancel after:{self.account.number}")
        self.cancel_at: int | None = int(kept) if kept else None  # the dead-man switch
        self._settled_day = int(store.meta("bitmex day") or (clock.now() - NOON_MS) // DAY_MS)
        self.days: dict[str, tuple[int, Json]] = {}  # statistics of the last 24 hours, by symbol: minute, figures
        self.states: dict[str, str] = {}  # posState of symbols that were liquidated or deleveraged
        self.settle()

    def _open(self, market: Market, seed: int) -> None:
        """Put the account's resting orders back, then let the market in (what it has passed is filled)."""
        waiting = sorted((o for o in self.account.open.values() if o.symbol == market.symbol), key=lambda o: o.seq)
        stops = [o for o in waiting if o.waits and not o.peg]
        buys = [o.price for o in waiting if o.side > 0 and not o.waits]
        sells = [o.price for o in waiting if o.side < 0 and not o.waits]
        buys += [o.stop_price for o in stops if not bitmex_stops.rises(o)]
        sells += [o.stop_price for o in stops if bitmex_stops.rises(o)]
        market.next_funding = next_funding(self.clock.now())
        if self.replay:
            self.replay.open(market, self.contracts[market.symbol])
        else:
            market.open(seed, max(buys, default=0) + 1, min(sells, default=1 << 60) - 1)
        for order in waiting:
            if not order.waits:
                market.engine.submit(order)

    # ---- what clients ask

    def place(self, contract: Contract, order: Ticket) -> None:
        """Accept and match a checked order. Post-only and fill-or-kill that fail are taken in and canceled at once."""
        market = self.markets[contract.symbol]
        if order.waits:  # its margin is looked at when its price comes
            self.account.accept(market, order)
            self.settle()
            return
        self._check_margin(contract, order)
        self.account.accept(market, order)
        self._enter(market, order)
        self.settle()

    def trigger(self, order: Ticket) -> None:
        """A conditional order's price has come: it is a market or limit order now, if it may be."""
        market, says = self.markets[order.symbol], bitmex_stops.word(order)
        refused = ""
        try:
            self._check_margin(self.contracts[order.symbol], replace(order, triggered=says, log=[]))
        except No as no:
            refused = no.text
        left = self.account.reducible(order)
        if order.reduce_only:
            order.qty = min(order.qty, left) if order.qty else left
        self.account.trigger(order, says)
        if refused:
            self.account.rejected(order, refused)
        elif order.reduce_only and not left:
            self.account.ended(market, order, "EXPIRED")
        else:
            self._enter(market, order)

    def cancel(self, order: Ticket, text: str) -> None:
        """Take an open order out."""
        self.markets[order.symbol].engine.remove(order)
        order.text = text
        self.account.ended(None, order, "CANCELED")
        self.settle()

    def amend(self, order: Ticket, price: int, qty: int, client_id: str, stop_price: int) -> None:
        """New terms. A new price or more quantity goes to the end of the queue; a total already filled cancels."""
        market = self.markets[order.symbol]
        if order.waits:
            self.account.amended(order, price, qty, client_id, requeued=True, stop_price=stop_price)
            self.settle()
            return
        if qty <= order.cum:
            self.cancel(order, "Canceled\nAmended to nothing left.")
            return
        trial = replace(order, price=price, qty=qty, log=[])
        self._check_margin(self.contracts[order.symbol], trial, instead_of=order)
        requeued = price != order.price or qty > order.qty
        if not requeued:
            market.engine.shrink(order, qty)
            self.account.amended(order, price, qty, client_id, requeued=False)
        else:
            market.engine.remove(order)
            self.account.amended(order, price, qty, client_id, requeued=True)
            self._enter(market, order)
        self.settle()

    def cancel_all(self, orders: list[Ticket], text: str) -> None:
        """Take several open orders out."""
        for order in orders:
            if order.is_open:
                self.cancel(order, text)

    def arm(self, timeout_ms: int) -> int:
        """The dead-man switch: cancel everything after so long, 0 = never. The time it is set to (now when off)."""
        now = self.clock.now()
        self.cancel_at = now + timeout_ms if timeout_ms else None
        self.store.remember(f"bitmex cancel after:{self.account.number}", self.cancel_at or "")
        self.settle()
        return self.cancel_at or now

    def set_leverage(self, symbol: str, leverage: Decimal) -> None:
        """A symbol's leverage, 0 = cross."""
        self.account.set_leverage(symbol, leverage)
        self.settle()

    def _enter(self, market: Market, order: Ticket) -> None:
        engine = market.engine
        if (order.tif == "GTX" and engine.crosses(order)) or (order.tif == "FOK"
                                                              and engine.available(order) < order.left):
            self.account.ended(market, order, "EXPIRED")
            return
        engine.submit(order)
        self._refill(market)
        market.series.save_running()  # a killed venue begins again at this price

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
        market.series.save_running()
        self.settle()
        return order

    def fund(self, market: Market, rate: Decimal, at: int | None = None) -> None:
        """Funding falls due now (or at the time given). Spot pairs have none."""
        if self.contracts[market.symbol].is_spot:
            return
        now = at or self.clock.now()
        mark = market.mark()
        self.rates[market.symbol].append((now, rate))
        self.store.put("rates", symbol=market.symbol, time=now, rate=f"{rate:f}", mark=f"{mark:f}")
        self.account.pay_funding(self.contracts[market.symbol], rate, mark, now)
        self.settle()

    def fall_due(self) -> None:
        """Pay the funding that is due before anything else happens or is answered: the clock may have jumped."""
        now = self.clock.now()
        for market in self.markets.values():
            if now >= market.next_funding:
                due, market.next_funding = market.next_funding, next_funding(now)
                self.fund(market, market.rate(), due)

    def beat(self, count: int) -> None:
        """One heartbeat: what falls due (funding, minutes, the day, the dead-man switch), and strangers act."""
        self.fall_due()
        frozen = self.faults.first("freeze")
        now = self.clock.now()
        for index, market in enumerate(self.markets.values()):
            if market.crowd and (count + index) % 2 and not (frozen and frozen.concerns(market.symbol)):
                market.crowd.step()
            if count % 5 == 0:
                market.roll()
            if count % 100 == 50 + index:
                market.series.save_running()
        if self.replay:
            self.replay.beat(self.markets, self.contracts, self.publish)
        if count % 5 == 0:
            self._day(now)
            stale = [o for o in self.account.open.values() if o.tif == "DAY" and o.time // DAY_MS < now // DAY_MS]
            self.cancel_all(stale, "Canceled: Order had timeInForce of Day")
            if self.cancel_at is not None and now >= self.cancel_at:
                self.cancel_all(list(self.account.open.values()), "Canceled: cancelAllAfter")
                self.arm(0)
        self.settle()

    def _day(self, now: int) -> None:
        day = (now - NOON_MS) // DAY_MS
        if day > self._settled_day:
            self._settled_day = day
            self.store.remember("bitmex day", day)
            self.account.settle_day(day * DAY_MS + NOON_MS)

    def _refill(self, market: Market) -> None:
        """A side that was traded empty is quoted anew at once, so that no order meets an empty book."""
        if market.crowd and min(len(market.engine.sides[side].keys) for side in (1, -1)) < THIN:
            market.crowd.fill_up()

    def settle(self) -> None:
        """Let conditional orders see the prices, commit, then let the events out."""
        while bitmex_stops.watch(self):
            pass  # what they became traded, and that may set off others
        for order in self.account.stale_reducers():
            self.markets[order.symbol].engine.remove(order)
            self.account.ended(None, order, "EXPIRED")
        self.store.commit()
        events, self.account.outbox[:] = list(self.account.outbox), []
        if events:
            self.private(events)
        self.changed()

    def close(self) -> None:
        """Keep the running minutes."""
        for market in self.markets.values():
            market.series.save_running()

    # ---- figures

    def contract(self, symbol: str) -> Contract:
        """A listed contract, or the venue's refusal."""
        found = self.contracts.get(symbol)
        if found is None:
            raise No(400, "Invalid symbol")
        return found

    def per_quote(self) -> int:
        """Satoshi in one US dollar now: what quanto contracts call quoteToSettleMultiplier."""
        return half_up(Decimal(100_000_000) / self.markets["XBTUSD"].mark()) if "XBTUSD" in self.markets else 1

    def waiting(self, contract: Contract, extra: Ticket | None = None, without: Ticket | None = None) -> Waiting:
        """Open orders of a contract that could add to its position, with one more or less."""
        buys = sells = buy_value = sell_value = 0
        market = self.markets[contract.symbol]
        listed = [o for o in self.account.open.values() if o.symbol == contract.symbol and o is not without]
        for order in [*listed, *([extra] if extra else [])]:
            if order.reduce_only or order.waits:
                continue
            ticks = order.price or market.engine.best(-order.side) or market.last()
            qty = order.left * contract.unit
            value = contract.value(qty, contract.item.price(ticks))
            if order.side > 0:
                buys, buy_value = buys + qty, buy_value + value
            else:
                sells, sell_value = sells + qty, sell_value + value
        return Waiting(buys, sells, buy_value, sell_value)

    def position_row(self, symbol: str) -> Json:
        """A symbol's position."""
        contract, holding = self.contracts[symbol], self.account.holding(symbol)
        own = bitmex_money.unrealised(contract, holding, self.markets[symbol].mark())
        balance = int(self.margin_row(contract.settle)["marginBalance"]) - own
        row = position_row(contract, self.account.number, holding, self.markets[symbol].mark(),
                           self.waiting(contract), balance, self.per_quote(), self.clock.now())
        return row | ({"posState": self.states[symbol]} if symbol in self.states else {})

    def touched(self) -> list[str]:
        """Symbols that have a position row: every one ever ordered, held or given a leverage; never a spot pair."""
        return [s for s, c in self.contracts.items()
                if not c.is_spot and (s in self.account.holdings or s in self.account.ordered)]

    def margin_row(self, currency: str) -> Json:
        """The margin account of a currency."""
        holdings = [(c, self.account.holding(s), self.markets[s].mark(), self.waiting(c))
                    for s, c in self.contracts.items() if c.settle == currency and not c.is_spot]
        return margin_row(self.account.number, currency, self.account.wallets[currency], holdings,
                          self.locked(currency), self.clock.now())

    def locked(self, currency: str) -> int:
        """What open spot orders keep of a currency: buys the price with its fee, sells the coins."""
        pairs = [(c, self.waiting(c)) for c in self.contracts.values() if c.is_spot]
        return sum(bitmex_money.paid_for(c, w.buy_value) for c, w in pairs if c.settle == currency) + sum(
            w.sells for c, w in pairs if c.base == currency)

    def wallet_row(self, currency: str) -> Json:
        """The wallet of a currency."""
        moved = [(m["transactType"], m["amount"]) for m in self.account.movements if m["currency"] == currency]
        return wallet_row(self.account.number, currency, moved, self.account.wallets[currency], self.clock.now())

    def _check_margin(self, contract: Contract, order: Ticket, instead_of: Ticket | None = None) -> None:
        if contract.is_spot:
            self._check_coins(contract, order, instead_of)
            return
        if order.reduce_only:
            return
        holding, mark = self.account.holding(contract.symbol), self.markets[contract.symbol].mark()

        def margin(waiting: Waiting) -> int:
            return bitmex_money.order_margin(contract, holding, mark, waiting.buy_value, waiting.sell_value)

        more = margin(self.waiting(contract, order, instead_of)) - margin(self.waiting(contract))
        self._check_available(contract.settle, more)

    def _check_coins(self, contract: Contract, order: Ticket, instead_of: Ticket | None) -> None:
        """Of a market buy, which may go deeper than the best price, a little more than that has to be there."""
        before, after = self.waiting(contract), self.waiting(contract, order, instead_of)
        if order.side < 0:
            self._check_available(contract.base, after.sells - before.sells)
            return
        more = bitmex_money.paid_for(contract, after.buy_value) - bitmex_money.paid_for(contract, before.buy_value)
        self._check_available(contract.settle, more if order.price else more + more // 100)

    def _check_available(self, currency: str, more: int) -> None:
        if more > 0 and more > self.margin_row(currency)["availableMargin"]:
            raise No(400, f"Account has insufficient Available Balance, {more} {currency} required",
                     "CodedHTTPError", details="19000")


def next_funding(now: int) -> int:
    """The next funding time after `now`."""
    return ((now - FUNDING_SHIFT_MS) // FUNDING_MS + 1) * FUNDING_MS + FUNDING_SHIFT_MS
