"""The spot wallet: orders, fills and assets of the account, written through to the store.

What open orders hold back is computed from them, never kept: free = total − locked. Fees are taken from the asset that
was received, or from BNB at a quarter less when that is switched on and there is enough of it.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

from simulator.clock import Clock
from simulator.instruments import Instrument
from simulator.market import Market
from simulator.money import ZERO, plain, to_cents
from simulator.payloads import Json
from simulator.spot_rows import STOPS, Asset, Movement, SpotFill, SpotOrder, balances_event, delta_event, report
from simulator.store import Counter, Store

OPENING = {"USDT": Decimal(10000), "BTC": ZERO, "ETH": ZERO, "BNB": ZERO}
RATE = Decimal("0.001")  # maker and taker
BNB_FACTOR = Decimal("0.75")  # of the fee when it is paid in BNB

ORDER_COLUMNS = ("order_id", "symbol", "side", "price", "qty", "kind", "tif", "client_id", "cum", "value", "status",
                 "time", "updated", "seq", "stp", "reason", "type", "stop", "delta", "extreme", "since", "strategy",
                 "strategy_type", "quote_qty", "amends")
FILL_COLUMNS = ("symbol", "trade_id", "order_id", "client_id", "side", "qty", "price", "quote", "commission",
                "commission_asset", "maker", "time")


class SpotAccount:
    """State of the spot wallet. Lots and ticks in orders, decimals in money."""

    def __init__(self, store: Store, clock: Clock, name: str, items: dict[str, Instrument],
                 emit: Callable[[Json], None]) -> None:
        self.store = store
        self.clock = clock
        self.name = name
        self.items = items
        self.emit = emit
        self.order_ids = Counter(store, "spot order", 31_000_000_000, 1000)
        self.report_ids = Counter(store, "spot report", 70_000_000_000, 5000)
        self.move_ids = Counter(store, "spot movement", 900_000, 1000)
        self.cancel_ids = Counter(store, "spot cancel", 1000, 1000)
        self.totals: dict[str, Decimal] = {}
        self.orders: dict[int, SpotOrder] = {}
        self.open: dict[int, SpotOrder] = {}
        self.fills: list[SpotFill] = []
        self.movements: list[Movement] = []
        self.rates: tuple[Decimal, Decimal] = RATE, RATE  # of makers and takers
        self.amendments: list[Json] = []
        self.updated = clock.now()
        self.first_fill: Callable[[], None] = lambda: None  # an order is not unfilled any more
        self.bnb_price: Callable[[], Decimal | None] = lambda: None
        self.bnb_fees = store.meta(f"spot bnb fees:{name}") == "1"
        self._newest: dict[tuple[str, str], SpotOrder] = {}  # newest order of each client id
        self._load()
        opening = {**dict.fromkeys((i.base for i in items.values()), ZERO),
                   **dict.fromkeys((i.quote for i in items.values()), OPENING["USDT"]), **OPENING}
        for asset in sorted(opening.keys() - self.totals.keys()):
            if opening[asset]:
                self.move(asset, "DEPOSIT", opening[asset])
            else:
                self._change(asset, ZERO)

    # ---- orders

    def accept(self, market: Market, order: SpotOrder) -> None:
        """Take an order in: id, row, NEW event."""
        order.order_id = order.seq = self.order_ids.next()
        order.time = order.updated = self.clock.now()
        order.since = 0 if order.type in STOPS else order.time
        self.orders[order.order_id] = order
        self.open[order.order_id] = order
        self._newest[order.symbol, order.client_id] = order
        self._tell(order, "NEW")

    def triggered(self, order: SpotOrder) -> None:
        """A stop order comes to the book."""
        order.since = order.updated = self.clock.now()
        order.seq = self.order_ids.next()
        self._tell(order, "NEW")

    def filled(self, market: Market, order: SpotOrder, price: int, lots: int, trade_id: int, maker: bool) -> None:
        """Book a fill of one of the account's orders."""
        item, now = market.instrument, self.clock.now()
        qty, px = item.qty(lots), item.price(price)
        quote = qty * px
        self._change(item.base, qty * order.side)
        self._change(item.quote, -quote * order.side)
        fee, asset = self._fee(item, order.side, qty, quote, self.rates[0 if maker else 1])
        self._change(asset, -fee)
        fill = SpotFill(order.symbol, trade_id, order.order_id, order.client_id, order.side, qty, px, quote, fee, asset,
                        maker, now)
        self.fills.append(fill)
        if order.cum == lots:
            self.first_fill()
        order.updated = now
        row = {**{name: getattr(fill, name) for name in FILL_COLUMNS}, "qty": plain(qty), "price": plain(px),
               "quote": plain(quote), "commission": plain(fee), "maker": int(maker)}
        self.store.put("spot_executions", account=self.name, **row)
        self._tell(order, "TRADE", fill, also=asset)

    def ended(self, market: Market, order: SpotOrder, status: str) -> None:
        """An order left the book by the venue's own rules."""
        order.status = status
        if not order.reason and status == "EXPIRED":
            order.reason = {"IOC": "UNFILLED_IOC_QUANTITY_EXPIRED", "FOK": "UNFILLED_FOK_ORDER_EXPIRED"}.get(
                order.tif, "INSUFFICIENT_LIQUIDITY")
        order.updated = self.clock.now()
        self._tell(order, "TRADE_PREVENTION" if status == "EXPIRED_IN_MATCH" else status)

    def canceled(self, order: SpotOrder, cancel_id: str) -> None:
        """An order was taken out on request."""
        order.status = "CANCELED"
        order.updated = self.clock.now()
        self._tell(order, "CANCELED", cancel_id=cancel_id)

    def amended(self, order: SpotOrder, qty: int, client_id: str) -> None:
        """A smaller quantity; the book knows already."""
        now = self.clock.now()
        before, old_id = order.qty, order.client_id
        order.qty, order.client_id, order.updated = qty, client_id, now
        order.amends += 1
        self._newest[order.symbol, client_id] = order
        item = self.items[order.symbol]
        row = {"symbol": order.symbol, "orderId": order.order_id, "executionId": self.report_ids.next(),
               "origClientOrderId": old_id, "newClientOrderId": client_id, "origQty": item.qty_text(before),
               "newQty": item.qty_text(qty), "time": now}
        self.amendments.append(row)
        self.store.put("spot_amendments", account=self.name, number=row["executionId"],
                       order_id=order.order_id, symbol=order.symbol, old_id=old_id, new_id=client_id, before=before,
                       after=qty, time=now)
        self._tell(order, "REPLACED", cancel_id=client_id if client_id != old_id else "", original=old_id)

    def reducible(self, order: SpotOrder) -> int:
        """Spot has no reduce-only orders."""
        return order.left

    def find(self, symbol: str, order_id: int | None, client_id: str | None) -> SpotOrder | None:
        """An order by the venue's id or the newest with the client's."""
        if order_id is not None:
            order = self.orders.get(order_id)
            return order if order and order.symbol == symbol else None
        return self._newest.get((symbol, client_id or ""))

    # ---- money

    def asset(self, name: str) -> Asset:
        """What there is of an asset."""
        locked = ZERO
        for order in self.open.values():
            item = self.items.get(order.symbol)
            if item and item.base == name:
                locked += item.qty(order.base_locked)
            if item and item.quote == name:
                locked += item.tick * item.lot * order.quote_locked
        return Asset(self.totals.get(name, ZERO), locked)

    def move(self, asset: str, kind: str, amount: Decimal) -> None:
        """A deposit, withdrawal or transfer; negative = it leaves."""
        self._change(asset, amount)
        now = self.clock.now()
        movement = Movement(self.move_ids.next(), kind, asset, amount, now)
        self.movements.append(movement)
        self.store.put("spot_movements", account=self.name, number=movement.number, kind=kind, asset=asset,
                       amount=plain(amount), time=now)
        self.emit(delta_event(now, asset, amount))
        self.emit(balances_event(now, {asset: self.asset(asset)}))

    def set_bnb_fees(self, wanted: bool) -> None:
        """Whether fees shall be paid in BNB."""
        self.bnb_fees = wanted
        self.store.remember(f"spot bnb fees:{self.name}", int(wanted))

    def set_rates(self, rates: tuple[Decimal, Decimal]) -> None:
        """Other commissions of makers and takers."""
        self.rates = rates
        self.store.remember(f"spot rates:{self.name}", " ".join(map(plain, rates)))

    def _fee(self, item: Instrument, side: int, qty: Decimal, quote: Decimal, rate: Decimal) -> tuple[Decimal, str]:
        price = self.bnb_price()
        if self.bnb_fees and price:
            fee = to_cents(quote * rate * BNB_FACTOR / price)
            if self.asset("BNB").free >= fee:
                return fee, "BNB"
        return (to_cents(qty * rate), item.base) if side > 0 else (to_cents(quote * rate), item.quote)

    def _change(self, asset: str, amount: Decimal) -> None:
        self.totals[asset] = self.totals.get(asset, ZERO) + amount
        self.updated = self.clock.now()
        self.store.put("spot_balances", account=self.name, asset=asset, total=plain(self.totals[asset]))

    # ---- telling and keeping

    def keep(self, order: SpotOrder) -> None:
        """Write an order through."""
        self.store.put("spot_orders", account=self.name, **{name: getattr(order, name) for name in ORDER_COLUMNS})

    def _tell(self, order: SpotOrder, what: str, fill: SpotFill | None = None, cancel_id: str = "",
              original: str = "", also: str = "") -> None:
        """Keep an order and send what happened to it, then the assets it touched."""
        if not order.is_open:
            self.open.pop(order.order_id, None)
        order.log.append((order.updated, order.status, order.cum, order.value, order.qty, order.price))
        self.keep(order)
        item = self.items[order.symbol]
        event = report(item, order, what, order.updated, self.report_ids.next(), fill, cancel_id)
        self.emit(event | {"C": original} if original and cancel_id else event)
        touched = dict.fromkeys((item.base, item.quote, *([also] if also else []))) if fill else \
            {item.base if order.side < 0 else item.quote: None}
        self.emit(balances_event(order.updated, {name: self.asset(name) for name in touched}))

    def _load(self) -> None:
        rows, name = self.store.rows, self.name
        listed: list[tuple[Any, ...]] = rows(
            f"SELECT {','.join(ORDER_COLUMNS)} FROM spot_orders WHERE account = ? ORDER BY order_id", name)  # noqa: S608
        for row in listed:
            order = SpotOrder(mine=True, **dict(zip(ORDER_COLUMNS, row, strict=True)))
            order.log.append((order.updated, order.status, order.cum, order.value, order.qty, order.price))
            self.orders[order.order_id] = order
            self._newest[order.symbol, order.client_id] = order
            if order.is_open and order.symbol in self.items:
                self.open[order.order_id] = order
        for row in rows(f"SELECT {','.join(FILL_COLUMNS)} FROM spot_executions WHERE account = ? "  # noqa: S608
                        "ORDER BY time, trade_id", name):
            self.fills.append(SpotFill(
                row[0], row[1], row[2], row[3], row[4], Decimal(row[5]), Decimal(row[6]), Decimal(row[7]),
                Decimal(row[8]), row[9], bool(row[10]), row[11]))
        self.movements = [Movement(r[0], r[1], r[2], Decimal(r[3]), r[4]) for r in rows(
            "SELECT number, kind, asset, amount, time FROM spot_movements WHERE account = ? ORDER BY number", name)]
        kept = (self.store.meta(f"spot rates:{name}") or "").split()
        self.rates = (Decimal(kept[0]), Decimal(kept[1])) if kept else self.rates
        for asset, total in rows("SELECT asset, total FROM spot_balances WHERE account = ?", name):
            self.totals[asset] = Decimal(total)
        for number, order_id, symbol, old, new, before, after, when in rows(
                "SELECT number, order_id, symbol, old_id, new_id, before, after, time FROM spot_amendments "
                "WHERE account = ? ORDER BY number", name):
            item = self.items.get(symbol)
            if item:
                self.amendments.append({
                    "symbol": symbol, "orderId": order_id, "executionId": number, "origClientOrderId": old,
                    "newClientOrderId": new, "origQty": item.qty_text(before), "newQty": item.qty_text(after),
                    "time": when})
