"""The BitMEX account: orders, execution reports, holdings and wallets, written through to the store.

It is a market's `account` (the markets tell it fills and ends) and puts (table, action, row) into the outbox, which
the venue sends after the commit. Execution reports are facts: kept as the rows they were sent as.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, fields, replace
from decimal import Decimal
from typing import Any

from simulator import bitmex_money
from simulator.bitmex_instruments import OPENING, Contract, fee
from simulator.bitmex_money import Holding
from simulator.bitmex_rows import (
    NOBODY,
    Json,
    Ticket,
    decode,
    encode,
    funding_row,
    guid,
    movement_row,
    order_guid,
    order_row,
    report_row,
    trade_row,
)
from simulator.clock import Clock
from simulator.exchange import Order
from simulator.money import plain
from simulator.owner import key_of
from simulator.store import Counter, Store

ORDER_COLUMNS = ("order_id", "symbol", "side", "price", "qty", "kind", "tif", "client_id", "reduce_only", "cum",
                 "value", "status", "time", "updated", "seq", "exec_inst", "text", "asked", "stop_price", "peg",
                 "triggered", "refused")
HOLDING_COLUMNS = tuple(column.name for column in fields(Holding))
Event = tuple[str, str, Json]
FIRST = 800_000  # account numbers begin here


class Account:
    """State of the BitMEX account with keys."""

    def __init__(self, store: Store, clock: Clock, fresh: bool, listed: dict[str, Contract]) -> None:
        self.store = store
        self.clock = clock
        self.listed = listed
        self.outbox: list[Event] = []
        self.per_quote: Callable[[], int] = lambda: 1  # satoshi per quote unit now, for quanto notionals
        self.number = int(store.meta("bitmex account") or FIRST)
        self.begins = fresh or self.number == FIRST
        if self.begins:
            self.number += 1
            store.remember("bitmex account", self.number)
        self.api_key = key_of(f"BitMEX {self.number}", "key")[:24]
        self.api_secret = key_of(f"BitMEX {self.number}", "secret")[:48]
        self.order_ids = Counter(store, "bitmex order", 1000, 1000)
        self.exec_ids = Counter(store, "bitmex execution", 1000, 1000)
        self.move_ids = Counter(store, "bitmex movement", 1000, 100)
        self.orders: dict[int, Ticket] = {}
        self.open: dict[int, Ticket] = {}
        self.executions: list[Json] = []  # oldest first
        self.holdings: dict[str, Holding] = {}
        # Settled, and what spot trades brought; the session's profit of contracts is in the holdings.
        self.wallets: dict[str, int] = dict.fromkeys(OPENING, 0)
        self.movements: list[Json] = []
        self.ordered: set[str] = set()  # symbols there ever was an order in
        self._by_guid: dict[str, Ticket] = {}
        self._newest: dict[str, Ticket] = {}  # newest order of each client id
        self._shown: dict[int, Json] = {}  # open orders as last sent
        self._reduced: set[str] = set()  # symbols whose reduce-only orders need a look
        self._load()
        if self.begins:
            for currency, amount in OPENING.items():
                self._move(currency, "Deposit", amount, "", clock.now())

    # ---- orders

    def accept(self, market: Any, order: Ticket) -> None:
        """Take an order in: id, row, New report."""
        order.order_id = order.seq = self.order_ids.next()
        order.time = order.updated = self.clock.now()
        self._list(order)
        self._report(order, "New")
        self._note(order)

    def filled(self, market: Any, order: Ticket, price: int, lots: int, trade_id: int, maker: bool) -> None:
        """Book a fill of one of the account's orders."""
        self._book(order, price, lots, trade_id, maker)
        self._note(order)

    def taken(self, market: Any, order: Ticket, price: int, trade_id: int, settles: bool = False) -> None:
        """Book a fill that the venue forced on the account: it belongs to no order. `settles`: the contract ended."""
        instead: Json = {"orderID": NOBODY, "tradePublishIndicator": "DoNotPublishTrade"}
        instead |= {"execType": "Settlement", "commission": 0} if settles else {}
        self._book(order, price, order.qty, trade_id, False, instead)

    def _book(self, order: Ticket, price: int, lots: int, trade_id: int, maker: bool,
              instead: Json | None = None) -> None:
        contract = self.listed[order.symbol]
        qty, px = lots * contract.unit, contract.item.price(price)
        rate = Decimal((instead or {}).get("commission", contract.maker if maker else contract.taker))
        paid = fee(contract.value(qty, px), rate)
        order.updated = self.clock.now()
        if contract.is_spot:
            cost, profit = contract.cost(qty * order.side, px), 0
            self._move(contract.base, "SpotTrade", qty * order.side, order.symbol, order.updated)
            self._move(contract.settle, "SpotTrade", -cost - paid, order.symbol, order.updated)
        else:
            after, cost, profit = bitmex_money.after_fill(contract, self.holding(order.symbol), qty * order.side,
                                                           px, paid)
            self._keep(after)
            self._reduced.add(order.symbol)
        match = guid(16 + contract.index, trade_id)
        row = trade_row(contract, self.number, order, self._exec_id(), match, qty, px, cost, paid, profit, maker,
                        self.per_quote())
        self._execute(row | (instead or {}))

    def ended(self, market: Any, order: Ticket, status: str) -> None:
        """An order left the book: canceled on request, or by the venue (status EXPIRED…); BitMEX calls all Canceled."""
        if status != "CANCELED":
            order.text = f"Canceled: {why_ended(order, status)}\n{order.text}"
        order.status = "CANCELED"
        order.updated = self.clock.now()
        self._report(order, "Canceled")
        self._note(order)

    def amended(self, order: Ticket, price: int, qty: int, client_id: str, requeued: bool,
                stop_price: int | None = None) -> None:
        """Give an order new terms."""
        changed = [word for word, differs in (("orderQty", qty != order.qty), ("price", price != order.price),
                                              ("stopPx", stop_price not in (None, order.stop_price)),
                                              ("clOrdID", client_id != order.client_id)) if differs]
        order.stop_price = order.stop_price if stop_price is None else stop_price
        order.price, order.qty, order.client_id = price, qty, client_id
        self._list(order)
        order.text = f"Amended {' '.join(changed)}\nSubmitted via API."
        order.updated = self.clock.now()
        if requeued:
            order.seq = self.order_ids.next()
        self._report(order, "Replaced")
        self._note(order)

    def trigger(self, order: Ticket, says: str) -> None:
        """A conditional order's price has come."""
        order.triggered, order.updated = says, self.clock.now()
        self._report(order, "TriggeredOrActivatedBySystem")
        self._note(order)

    def trailed(self, order: Ticket, stop_price: int) -> None:
        """The venue moved a trailing stop."""
        order.stop_price, order.updated = stop_price, self.clock.now()
        self._note(order)

    def rejected(self, order: Ticket, reason: str) -> None:
        """A conditional order was refused when it triggered."""
        order.status, order.refused, order.updated = "REJECTED", reason, self.clock.now()
        self._report(order, "Rejected")
        self._note(order)

    def reducible(self, order: Order) -> int:
        """Engine lots by which a reduce-only order may still reduce its position."""
        qty = self.holding(order.symbol).qty
        return abs(qty) // self.listed[order.symbol].unit if qty * order.side < 0 else 0

    def stale_reducers(self) -> list[Ticket]:
        """Open reduce-only orders that have nothing left to reduce, after positions changed."""
        symbols, self._reduced = self._reduced, set()
        return [o for o in self.open.values() if o.symbol in symbols and o.reduce_only and not o.waits
                and not self.reducible(o)]

    def find(self, guid_text: str, client_id: str) -> Ticket | None:
        """An order by the venue's id, or the newest with the client's."""
        return self._by_guid.get(guid_text) if guid_text else self._newest.get(client_id)

    # ---- money

    def holding(self, symbol: str) -> Holding:
        """A symbol's holding, flat when there was none."""
        return self.holdings.get(symbol) or Holding(symbol)

    def pay_funding(self, contract: Contract, rate: Decimal, mark: Decimal, at: int) -> None:
        """Book the funding of one symbol; nothing happens without a position."""
        holding = self.holding(contract.symbol)
        if not holding.qty:
            return
        paid = bitmex_money.funding_payment(contract, holding.qty, mark, rate)
        self._keep(replace(holding, realised=holding.realised - paid, comm=holding.comm + paid))
        self._execute(funding_row(contract, self.number, holding.qty, self._exec_id(), mark, rate, paid, at,
                                  self.per_quote()))

    def set_leverage(self, symbol: str, leverage: Decimal) -> None:
        """Keep a leverage, 0 = cross."""
        self._keep(replace(self.holding(symbol), leverage=leverage))
        self.tell_position(symbol)

    def settle_day(self, at: int) -> None:
        """12:00 UTC: the session's profit becomes settled money, with a row in the wallet's history for each symbol."""
        for holding in list(self.holdings.values()):
            if holding.realised:
                self._move(self.listed[holding.symbol].settle, "RealisedPNL", holding.realised, holding.symbol, at)
            self._keep(replace(holding, before=holding.realised, realised=0, comm=0, traded=holding.cost,
                               opening=holding.qty))

    def move(self, currency: str, kind: str, amount: int) -> None:
        """A deposit, withdrawal, transfer…: money comes or (negative) goes otherwise than by trades."""
        self._move(currency, kind, amount, "", self.clock.now())
        self.outbox.append(("margin", "update", {"currency": currency}))

    def realised(self, currency: str) -> int:
        """The session's profit in a currency."""
        return sum(h.realised for s, h in self.holdings.items() if self.listed[s].settle == currency)

    def _move(self, currency: str, kind: str, amount: int, address: str, at: int) -> None:
        self.wallets[currency] += amount
        count = self.move_ids.next()
        row = movement_row(self.number, count, currency, kind, amount, address, self.wallets[currency], at)
        self.movements.append(row)
        self.store.put("bitmex_movements", account=self.number, number=count, row=encode(row).decode())
        self.store.put("bitmex_wallets", account=self.number, currency=currency, amount=self.wallets[currency])
        self.outbox.append(("wallet", "update", {"currency": currency}))

    def _keep(self, holding: Holding) -> None:
        holding = replace(holding, updated=self.clock.now())
        self.holdings[holding.symbol] = holding
        columns = asdict(holding)
        columns["leverage"] = plain(holding.leverage)
        self.store.put("bitmex_holdings", account=self.number, **columns)

    # ---- rows

    def _exec_id(self) -> str:
        return guid(1, self.exec_ids.next())

    def _report(self, order: Ticket, kind: str) -> None:
        self._execute(report_row(self.listed[order.symbol], self.number, order, self._exec_id(), kind))

    def _execute(self, row: Json) -> None:
        """Keep an execution report and send it, with the position it changed."""
        self.executions.append(row)
        self.store.put("bitmex_executions", account=self.number, number=self.exec_ids.last, row=encode(row).decode())
        self.outbox.append(("execution", "insert", row))
        if row["execType"] in ("Trade", "Funding"):
            self.tell_position(row["symbol"])

    def tell_position(self, symbol: str) -> None:
        """Ask the streams to send what changed of a position and its margin; they know what they sent last."""
        contract = self.listed[symbol]
        self.outbox += [] if contract.is_spot else [("position", "update", {"symbol": symbol})]
        self.outbox += [("margin", "update", {"currency": name}) for name in contract.currencies]

    def _list(self, order: Ticket) -> None:
        self.orders[order.order_id] = order
        self.ordered.add(order.symbol)
        self._by_guid[order_guid(self.number, order.order_id)] = order
        if order.is_open:
            self.open[order.order_id] = order
        if order.client_id:
            self._newest[order.client_id] = order

    def _note(self, order: Ticket) -> None:
        if not order.is_open:
            self.open.pop(order.order_id, None)
        order.log.append((order.updated, order.status, order.cum, order.value, order.qty, order.price))
        self.store.put("bitmex_orders", account=self.number, **{name: getattr(order, name) for name in ORDER_COLUMNS})
        row = order_row(self.listed[order.symbol], self.number, order)
        before = self._shown.pop(order.order_id, None)
        if order.is_open:
            self._shown[order.order_id] = row
        self.tell_position(order.symbol)
        if before is None:
            self.outbox.append(("order", "insert", row))
            return
        keys = ("orderID", "clOrdID", "account", "symbol")
        self.outbox.append(("order", "update", {key: value for key, value in row.items()
                                                if key in keys or before.get(key) != value}))

    def _load(self) -> None:
        rows, number = self.store.rows, self.number
        for row in rows(f"SELECT {','.join(ORDER_COLUMNS)} FROM bitmex_orders WHERE account = ? "  # noqa: S608
                        "ORDER BY order_id", number):
            order = Ticket(mine=True, **dict(zip(ORDER_COLUMNS, row, strict=True)))
            order.reduce_only = bool(order.reduce_only)
            order.log.append((order.updated, order.status, order.cum, order.value, order.qty, order.price))
            self._list(order)
            if order.is_open:
                self._shown[order.order_id] = order_row(self.listed[order.symbol], number, order)
        self.executions = [decode(text) for (text,) in rows(
            "SELECT row FROM bitmex_executions WHERE account = ? ORDER BY number", number)]
        self.movements = [decode(text) for (text,) in rows(
            "SELECT row FROM bitmex_movements WHERE account = ? ORDER BY number", number)]
        for found in rows(f"SELECT {','.join(HOLDING_COLUMNS)} FROM bitmex_holdings "  # noqa: S608
                          "WHERE account = ?", number):
            columns = dict(zip(HOLDING_COLUMNS, found, strict=True))
            self.holdings[found[0]] = Holding(**columns | {"leverage": Decimal(columns["leverage"])})
        for currency, amount in rows("SELECT currency, amount FROM bitmex_wallets WHERE account = ?", number):
            self.wallets[currency] = amount


def why_ended(order: Ticket, status: str) -> str:
    """The venue's reason for ending an order nobody canceled."""
    if status == "EXPIRED_IN_MATCH":
        return "Order would have traded with an order of the same account"
    if order.reduce_only and order.tif not in ("IOC", "FOK") and order.kind == "LIMIT":
        return "Order had execInst of ReduceOnly"
    if order.tif == "GTX":
        return "Order had execInst of ParticipateDoNotInitiate"
    if order.tif == "FOK":
        return "Order had timeInForce of FillOrKill"
    return "Order had timeInForce of ImmediateOrCancel"
