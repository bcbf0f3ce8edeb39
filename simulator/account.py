"""The one live account of a futures product: its orders, fills, wallets and positions, written through to the store.

`emit` hands private events to the venue, which sends them after the commit. Ids: orders and income have counters of
the whole venue, so they go on over accounts too.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from decimal import Decimal
from typing import Any

from simulator import money
from simulator.clock import Clock
from simulator.exchange import Order
from simulator.instruments import Instrument
from simulator.money import ZERO, Position, plain
from simulator.owner import Owner
from simulator.payloads import (
    Fill,
    Funding,
    Income,
    Json,
    account_event,
    lite_event,
    money8,
    order_event,
)
from simulator.product import Product
from simulator.store import Counter, Store

DEFAULT_LEVERAGE = 20
BNB_FACTOR = Decimal("0.9")  # of the fee when it is paid in BNB
SIGNS = {True: "DEPOSIT", False: "WITHDRAW"}  # the stream's words for a TRANSFER

ORDER_COLUMNS = ("order_id", "symbol", "side", "price", "qty", "kind", "tif", "client_id", "reduce_only", "cum",
                 "value", "status", "time", "updated", "seq", "stp", "position_side", "reason", "algo_id", "asked",
                 "stop_price", "working", "closes")


class Account:
    """State of the account with keys. Lots and ticks in orders, decimals in money."""

    def __init__(self, store: Store, clock: Clock, owner: Owner, product: Product, listed: dict[str, Instrument],
                 emit: Callable[[Json], None]) -> None:
        self.store = store
        self.clock = clock
        self.owner = owner
        self.listed = listed
        self.emit = emit
        self.name = owner.name
        self.api_key = owner.api_key
        self.api_secret = owner.api_secret
        self.ledger = owner.name + product.ledger  # its name in the store
        self.order_ids = Counter(store, f"order{product.ledger}", product.first_order_id, 1000)
        self.tran_ids = Counter(store, f"tran{product.ledger}", 600_000_000, 1000)
        self.amend_ids = Counter(store, f"amendment{product.ledger}", 5000, 100)
        self.wallets: dict[str, Decimal] = {}
        self.orders: dict[int, Order] = {}
        self.open: dict[int, Order] = {}
        self.fills: list[Fill] = []
        self.income: list[Income] = []
        self.funding: list[Funding] = []
        self.positions: dict[tuple[str, str], Position] = {}
        self.position_times: dict[tuple[str, str], int] = {}
        self.leverage: dict[str, int] = {}
        self.isolated: set[str] = set()
        self.amendments: list[Json] = []
        self.multi_assets = False
        self.rates: tuple[Decimal, Decimal] | None = None  # of makers and takers, where not the usual ones
        self.bnb_fees = False
        self.bnb_price: Callable[[], Decimal | None] = lambda: None
        self._newest: dict[tuple[str, str], Order] = {}  # newest order of each client id
        self._realised: dict[str, Decimal] = {}
        self._ids_made = 0
        self._reduced: set[str] = set()  # symbols whose reduce-only orders need a look
        self._load()
        opening = product.opening if not self.wallets else {}
        for asset in dict.fromkeys([*opening, *(item.asset for item in listed.values())]):
            if asset not in self.wallets:  # a coin that only a recording has gets as much as the product's first
                amount = product.opening.get(asset, next(iter(product.opening.values())))
                self._pay(asset, "", "TRANSFER", amount, "DEPOSIT", clock.now(), "")

    @property
    def hedge(self) -> bool:
        """Whether positions have sides; one mode for USD-M and COIN-M."""
        return self.owner.hedge

    # ---- orders

    def accept(self, market: Any, order: Order, quiet: bool = False) -> None:
        """Take an order in: id, row, NEW event (not when it is the venue's own way to book a deleveraging)."""
        order.order_id = order.order_id or self.order_ids.next()
        order.seq = order.order_id
        order.time = order.updated = self.clock.now()
        self.orders[order.order_id] = order
        self.open[order.order_id] = order
        self._newest[order.symbol, order.client_id] = order
        self._note(order)
        if not quiet:
            self.emit(order_event(market.instrument, order, "NEW", order.time))

    def filled(self, market: Any, order: Order, price: int, lots: int, trade_id: int, maker: bool,
               taken: str = "", settles: bool = False) -> None:
        """Book a fill of one of the account's orders; `taken`: the venue's status when it took the position over;
        `settles`: it ends a contract."""
        now = self.clock.now()
        instrument = market.instrument
        qty, px = instrument.qty(lots), instrument.price(price)
        key = (order.symbol, order.position_side)
        before = self.positions.get(key, Position())
        after, realised = money.after_fill(before, qty * order.side, px, instrument.sums)
        fee, coin = self._fee(money.commission(qty, px, maker, instrument.sums, self.rates), instrument.asset)
        fill = Fill(order.symbol, trade_id, order.order_id, order.client_id, order.side, qty, px, fee, realised, maker,
                    now, order.position_side, coin)
        self.positions[key] = after
        self.position_times[key] = now
        self.fills.append(fill)
        self._realised[order.symbol] = self._realised.get(order.symbol, ZERO) + realised
        order.updated = now
        self.store.put("executions", account=self.ledger, symbol=fill.symbol, trade_id=trade_id, order_id=fill.order_id,
                       client_id=fill.client_id, side=fill.side, qty=plain(qty), price=plain(px), commission=plain(fee),
                       realised=plain(realised), maker=int(maker), time=now, position_side=fill.position_side,
                       fee_asset=coin)
        self.store.put("positions", account=self.ledger, symbol=key[0], position_side=key[1], qty=plain(after.qty),
                       entry=plain(after.entry), updated=now)
        if realised:
            self._pay(instrument.asset, order.symbol, "DELIVERED_SETTELMENT" if settles else "REALIZED_PNL", realised,
                      str(trade_id), now, str(trade_id))
        self._pay(coin, order.symbol, "COMMISSION", -fee, str(trade_id), now, str(trade_id))
        self._note(order)
        self._reduced.add(order.symbol)
        if not taken:
            self.emit(lite_event(instrument, order, fill))
        event = order_event(instrument, order, "CALCULATED" if taken else "TRADE", now, fill)
        if taken:
            event["o"]["X"] = taken
        self.emit(event)
        coins = dict.fromkeys((instrument.asset, coin))
        self.emit(account_event(instrument, "ORDER", now, [self.balance_change(one, ZERO) for one in coins],
                                [self.position_change(market, key[1])]))

    def ended(self, market: Any, order: Order, status: str) -> None:
        """An order left the book: canceled on request, or expired by the venue."""
        order.status = status
        order.updated = self.clock.now()
        self._note(order)
        self.emit(order_event(market.instrument, order, "CANCELED" if status == "CANCELED" else "EXPIRED",
                              order.updated))

    def amended(self, market: Any, order: Order, price: int, qty: int) -> None:
        """Give an order a new price and quantity; it has left its queue already."""
        now = self.clock.now()
        row = {"amendment_id": self.amend_ids.next(), "order_id": order.order_id, "symbol": order.symbol,
               "client_id": order.client_id, "price_before": order.price, "price_after": price,
               "qty_before": order.qty, "qty_after": qty,
               "count": 1 + sum(a["order_id"] == order.order_id for a in self.amendments), "time": now}
        self.amendments.append(row)
        self.store.put("amendments", account=self.ledger, **row)
        order.price, order.qty, order.updated = price, qty, now
        order.seq = self.order_ids.next()
        self._note(order)
        self.emit(order_event(market.instrument, order, "AMENDMENT", now))

    def reducible(self, order: Order) -> int:
        """Lots by which a reduce-only order may still reduce its position."""
        qty = self.positions.get((order.symbol, order.position_side), Position()).qty
        if qty * order.side >= 0:
            return 0
        return int(abs(qty) / self.listed[order.symbol].lot)

    def stale_reducers(self, symbol: str) -> list[Order]:
        """Open reduce-only orders that have nothing left to reduce, after the symbol's position changed."""
        if symbol not in self._reduced:
            return []
        self._reduced.discard(symbol)
        return [o for o in self.open.values() if o.symbol == symbol and o.reduce_only and not self.reducible(o)]

    def made_id(self) -> str:
        """A client id of the venue's own, for an order that has none."""
        self._ids_made += 1
        seed = f"{self.name}:{self.order_ids.last}:{self.clock.now()}:{self._ids_made}"
        return hashlib.sha256(seed.encode()).hexdigest()[:22]

    def find(self, symbol: str, order_id: int | None, client_id: str | None) -> Order | None:
        """An order by the venue's id or the newest with the client's."""
        if order_id is not None:
            order = self.orders.get(order_id)
            return order if order and order.symbol == symbol else None
        return self._newest.get((symbol, client_id or ""))

    # ---- money

    def pay_funding(self, market: Any, rate: Decimal, mark: Decimal, at: int) -> None:
        """Book the funding of one symbol at the mark given."""
        item = market.instrument
        for (symbol, _), position in list(self.positions.items()):
            if symbol != market.symbol or not position.qty:
                continue
            amount = money.funding_amount(position.qty, mark, rate, item.sums)
            tran = self._pay(item.asset, symbol, "FUNDING_FEE", amount, "FUNDING_FEE", at, "")
            self.funding.append(Funding(tran, symbol, amount, rate, mark, position.qty, at))
            self.store.put("funding", account=self.ledger, tran_id=tran, symbol=symbol, amount=plain(amount),
                           rate=plain(rate), mark=plain(mark), position=plain(position.qty), time=at)
            self.emit(account_event(item, "FUNDING_FEE", at, [self.balance_change(item.asset, amount)], []))

    def move(self, asset: str, kind: str, amount: Decimal, symbol: str = "") -> None:
        """Money comes or (negative) goes otherwise than by trades; `kind` is the income's."""
        now = self.clock.now()
        self._pay(asset, symbol, kind, amount, kind, now, "")
        item = next(iter(self.listed.values()))
        reason = SIGNS[amount > 0] if kind == "TRANSFER" else kind
        self.emit(account_event(item, reason, now, [self.balance_change(asset, amount)], []))

    def set_rates(self, rates: tuple[Decimal, Decimal]) -> None:
        """Other commissions of makers and takers."""
        self.rates = rates
        self.store.remember(f"rates:{self.ledger}", " ".join(map(plain, rates)))

    def set_bnb_fees(self, wanted: bool) -> None:
        """Whether fees shall be paid in BNB."""
        self.bnb_fees = wanted
        self.store.remember(f"bnb fees:{self.ledger}", int(wanted))

    def _fee(self, fee: Decimal, asset: str) -> tuple[Decimal, str]:
        """The fee and its coin: BNB when that is wanted and there is enough."""
        price = self.bnb_price()
        if self.bnb_fees and price and fee > 0:
            in_bnb = money.to_cents(fee * BNB_FACTOR / price)
            if self.wallets.get("BNB", ZERO) >= in_bnb:
                return in_bnb, "BNB"
        return fee, asset

    def balance_change(self, asset: str, change: Decimal) -> Json:
        """Balance part of ACCOUNT_UPDATE; `change` is what was neither profit nor fee."""
        return {"a": asset, "wb": money8(self.wallets[asset]), "cw": money8(self.wallets[asset]), "bc": plain(change)}

    def position_change(self, market: Any, side: str) -> Json:
        """Position part of ACCOUNT_UPDATE."""
        position = self.positions.get((market.symbol, side), Position())
        return {"s": market.symbol, "pa": plain(position.qty), "ep": plain(position.entry),
                "bep": plain(position.entry), "cr": plain(self._realised.get(market.symbol, ZERO)),
                "up": money8(money.unrealised(position, market.mark(), market.instrument.sums)),
                "mt": "isolated" if market.symbol in self.isolated else "cross", "iw": "0", "ps": side}

    def set_leverage(self, symbol: str, leverage: int) -> None:
        """Keep a leverage and tell the stream."""
        self.leverage[symbol] = leverage
        self._keep_setting(symbol)
        now = self.clock.now()
        self.emit({"e": "ACCOUNT_CONFIG_UPDATE", "E": now, "T": now, "ac": {"s": symbol, "l": leverage}})

    def set_isolated(self, symbol: str, isolated: bool) -> None:
        """Keep a margin type."""
        (self.isolated.add if isolated else self.isolated.discard)(symbol)
        self._keep_setting(symbol)

    def set_multi_assets(self, multi: bool) -> None:
        """Switch multi-assets margin."""
        self.multi_assets = multi
        self.store.remember(f"multi:{self.name}", int(multi))
        now = self.clock.now()
        self.emit({"e": "ACCOUNT_CONFIG_UPDATE", "E": now, "T": now, "ai": {"j": multi}})

    def _keep_setting(self, symbol: str) -> None:
        self.store.put("settings", account=self.ledger, symbol=symbol,
                       leverage=self.leverage.get(symbol, DEFAULT_LEVERAGE), isolated=int(symbol in self.isolated))

    def _pay(self, asset: str, symbol: str, kind: str, amount: Decimal, info: str, now: int, trade_id: str) -> int:
        self.wallets[asset] = self.wallets.get(asset, ZERO) + amount
        row = Income(self.tran_ids.next(), symbol, kind, amount, info, now, trade_id, asset)
        self.income.append(row)
        self.store.put("income", account=self.ledger, tran_id=row.tran_id, symbol=symbol, kind=kind,
                       amount=plain(amount), info=info, time=now, trade_id=trade_id, asset=asset)
        self.store.put("balances", account=self.ledger, asset=asset, wallet=plain(self.wallets[asset]))
        return row.tran_id

    def _note(self, order: Order) -> None:
        if not order.is_open:
            self.open.pop(order.order_id, None)
        order.log.append((order.updated, order.status, order.cum, order.value, order.qty, order.price))
        self.store.put("orders", account=self.ledger, **{name: getattr(order, name) for name in ORDER_COLUMNS})

    def _load(self) -> None:
        rows, name = self.store.rows, self.ledger
        for row in rows(f"SELECT {','.join(ORDER_COLUMNS)} FROM orders WHERE account = ? ORDER BY order_id", name):  # noqa: S608
            order = Order(mine=True, **dict(zip(ORDER_COLUMNS, row, strict=True)))
            order.reduce_only, order.closes = bool(order.reduce_only), bool(order.closes)
            order.log.append((order.updated, order.status, order.cum, order.value, order.qty, order.price))
            self.orders[order.order_id] = order
            self._newest[order.symbol, order.client_id] = order
            if order.is_open:
                self.open[order.order_id] = order
        self.fills = [Fill(r[0], r[1], r[2], r[3], r[4], Decimal(r[5]), Decimal(r[6]), Decimal(r[7]), Decimal(r[8]),
                           bool(r[9]), r[10], r[11], r[12]) for r in rows(
            "SELECT symbol, trade_id, order_id, client_id, side, qty, price, commission, realised, maker, time, "
            "position_side, fee_asset FROM executions WHERE account = ? ORDER BY time, trade_id", name)]
        for fill in self.fills:
            self._realised[fill.symbol] = self._realised.get(fill.symbol, ZERO) + fill.realised
        self.income = [Income(r[0], r[1], r[2], Decimal(r[3]), r[4], r[5], r[6], r[7]) for r in rows(
            "SELECT tran_id, symbol, kind, amount, info, time, trade_id, asset FROM income WHERE account = ? "
            "ORDER BY tran_id", name)]
        self.funding = [Funding(r[0], r[1], Decimal(r[2]), Decimal(r[3]), Decimal(r[4]), Decimal(r[5]), r[6])
                        for r in rows(
            "SELECT tran_id, symbol, amount, rate, mark, position, time FROM funding WHERE account = ? "
            "ORDER BY tran_id", name)]
        for symbol, side, qty, entry, updated in rows(
                "SELECT symbol, position_side, qty, entry, updated FROM positions WHERE account = ?", name):
            self.positions[symbol, side] = Position(Decimal(qty), Decimal(entry))
            self.position_times[symbol, side] = updated
        for asset, wallet in rows("SELECT asset, wallet FROM balances WHERE account = ?", name):
            self.wallets[asset] = Decimal(wallet)
        for symbol, leverage, isolated in rows(
                "SELECT symbol, leverage, isolated FROM settings WHERE account = ?", name):
            self.leverage[symbol] = leverage
            if isolated:
                self.isolated.add(symbol)
        self.amendments = [dict(zip(("amendment_id", "order_id", "symbol", "client_id", "price_before", "price_after",
                                     "qty_before", "qty_after", "count", "time"), r, strict=True)) for r in rows(
            "SELECT amendment_id, order_id, symbol, client_id, price_before, price_after, qty_before, qty_after, "
            "count, time FROM amendments WHERE account = ? ORDER BY amendment_id", name)]
        self.multi_assets = self.store.meta(f"multi:{name}") == "1"
        self.bnb_fees = self.store.meta(f"bnb fees:{name}") == "1"
        kept = (self.store.meta(f"rates:{name}") or "").split()
        self.rates = (Decimal(kept[0]), Decimal(kept[1])) if kept else None
