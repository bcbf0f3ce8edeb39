"""Spot's wire objects → our records, and nothing else: what it writes otherwise than the futures (binance.md, 5).

A client id has "-" where we write "." (`core.ids.from_dashed`). Post-only is a type, LIMIT_MAKER, here; a trailing stop
is a stop with trailingDelta, in hundredths of a percent.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal
from types import MappingProxyType

import msgspec

from connectors.binance import parse
from connectors.binance.parse import MARKET, decoder, finite
from connectors.limiter import Budget
from core import ids
from core.errors import BadMessage
from core.numbers import printable
from models import (
    BalanceReport,
    Category,
    Execution,
    Instrument,
    Key,
    OrderReport,
    OrdStatus,
    OrdType,
    Side,
    TimeInForce,
    Trigger,
)

FEE = Decimal("0.001")         # of an account without a discount, maker and taker alike
TYPES: Mapping[OrdType, str] = MappingProxyType({
    OrdType.LIMIT: "LIMIT", OrdType.MARKET: "MARKET", OrdType.STOP_MARKET: "STOP_LOSS",
    OrdType.STOP_LIMIT: "STOP_LOSS_LIMIT", OrdType.TAKE_PROFIT_MARKET: "TAKE_PROFIT",
    OrdType.TAKE_PROFIT_LIMIT: "TAKE_PROFIT_LIMIT", OrdType.TRAILING_STOP: "STOP_LOSS",
})
POST_ONLY = "LIMIT_MAKER"
_READ = {word: kind for kind, word in TYPES.items() if kind is not OrdType.TRAILING_STOP} | {POST_ONLY: OrdType.LIMIT}
_BIPS = Decimal(100)           # of one percent
_ZERO = Decimal(0)


def exchange_info(raw: bytes) -> tuple[tuple[Instrument, ...], tuple[Budget, ...], tuple[str, ...]]:
    """Instruments, budgets, and the reasons why some symbols could not be read."""
    told, budgets, problems = parse.exchange_info(raw, Category.SPOT)
    # MARKET_LOT_SIZE.maxQty "0": no bound of its own.
    return tuple(replace(one, taker_fee=FEE, maker_fee=FEE, market_max_qty=one.market_max_qty or one.max_qty)
                 for one in told), budgets, problems


# ---------------------------------------------------------------- account

class _Balance(msgspec.Struct):
    asset: str
    free: Decimal
    locked: Decimal


class Account(msgspec.Struct, rename="camel"):
    """GET account: who we are, what the account may do, what it holds."""

    balances: list[_Balance]
    uid: int | str = ""
    can_trade: bool = True
    update_time: int = 0
    permissions: list[str] = []

    @property
    def name(self) -> str:
        """The account's id for the ledger."""
        if not self.uid:
            raise BadMessage(MARKET, "field uid = missing: the account has no name")
        return printable(str(self.uid), 64)

    def reports(self) -> tuple[BalanceReport, ...]:
        """Every currency that it has any of, or had."""
        return tuple(balance(row.asset, row.free, row.locked, self.update_time) for row in self.balances)


account = decoder(Account)


def balance(asset: str, free: Decimal, locked: Decimal, time: int) -> BalanceReport:
    """One currency; what orders hold back belongs to the wallet, too."""
    return BalanceReport(MARKET, Category.SPOT, printable(asset, 20), finite("free", free) + finite("locked", locked),
                         available=free, time=time)


# ---------------------------------------------------------------- orders and fills

class OrderRow(msgspec.Struct, rename="camel"):
    """An order as REST tells it: of a question, an acknowledgement, or a cancel (then with `orig_client_order_id`)."""

    order_id: int
    symbol: str
    status: str
    side: str
    type: str
    orig_qty: Decimal
    executed_qty: Decimal
    price: Decimal
    client_order_id: str = ""
    orig_client_order_id: str = ""
    cummulative_quote_qty: Decimal | None = None
    time_in_force: str = ""
    stop_price: Decimal | None = None
    trailing_delta: int | None = None
    working_time: int = -1
    time: int = 0
    update_time: int = 0
    transact_time: int = 0
    expiry_reason: str = ""


class _Amended(msgspec.Struct, rename="camel"):
    order_id: int
    symbol: str
    client_order_id: str
    qty: Decimal
    executed_qty: Decimal
    price: Decimal
    status: str
    side: str
    type: str
    time_in_force: str = ""


class _Amendment(msgspec.Struct, rename="camel"):
    amended_order: _Amended
    transact_time: int = 0


class _Replaced(msgspec.Struct, rename="camel"):
    new_order_response: OrderRow


class TradeRow(msgspec.Struct, rename="camel"):
    """A fill as myTrades tells it."""

    id: int
    order_id: int
    symbol: str
    price: Decimal
    qty: Decimal
    time: int
    is_buyer: bool
    commission: Decimal | None = None
    commission_asset: str | None = None
    is_maker: bool | None = None


_order_row = decoder(OrderRow)
_order_rows = decoder(list[OrderRow])
_amendment = decoder(_Amendment)
_replaced = decoder(_Replaced)
_trade_rows = decoder(list[TradeRow])


def order(raw: bytes) -> OrderReport:
    """One order, from an acknowledgement or a question."""
    return _report(_order_row(raw))


def orders(raw: bytes) -> tuple[OrderReport, ...]:
    """A list of orders."""
    return tuple(_report(row) for row in _order_rows(raw))


def replaced(raw: bytes) -> OrderReport:
    """The new order of a cancelReplace that worked."""
    return _report(_replaced(raw).new_order_response)


def amended(raw: bytes) -> OrderReport:
    """An order whose quantity was lowered."""
    told = _amendment(raw)
    row = told.amended_order
    kind, tif, _ = kind_of(row.type, row.time_in_force, None, None, 1)
    return OrderReport(
        key=Key(MARKET, Category.SPOT, row.symbol), order_id=str(row.order_id),
        cl_ord_id=ids.from_dashed(row.client_order_id), side=parse.side_of(row.side), ord_type=kind, tif=tif,
        qty=finite("qty", row.qty, _ZERO), price=_known(row.price),
        cum_qty=finite("executedQty", row.executed_qty, _ZERO), status=parse.status(row.status),
        time=told.transact_time, type_text=printable(row.type, 40))


def client_ids(raw: bytes) -> dict[int, str]:
    """Venue id → client id of a list of orders, as we write it."""
    return {row.order_id: _name(row) or "" for row in _order_rows(raw)}


def trade_rows(raw: bytes) -> list[TradeRow]:
    """A page of fills, oldest first."""
    return sorted(_trade_rows(raw), key=lambda row: row.id)


def history_execution(row: TradeRow, account: str, cl_ord_id: str | None) -> Execution:
    """The fact a history row tells."""
    return Execution(
        key=Key(MARKET, Category.SPOT, row.symbol), account=account, exec_id=exec_id(row.symbol, row.id),
        order_id=str(row.order_id), cl_ord_id=cl_ord_id, side=Side.BUY if row.is_buyer else Side.SELL,
        last_qty=parse.positive("qty", row.qty), last_px=parse.positive("price", row.price),
        fee=None if row.commission is None else finite("commission", row.commission),
        fee_currency=row.commission_asset if row.commission else None, time=row.time, maker=row.is_maker)


def exec_id(symbol: str, trade_id: int) -> str:
    """Unique within the account: trade ids are so within a symbol only."""
    return f"{Category.SPOT.value}:{symbol}:{trade_id}"


def kind_of(word: str, tif: str, stop_price: Decimal | None, trailing_delta: int | None,
            working_since: int) -> tuple[OrdType | None, TimeInForce | None, Trigger | None]:
    """Our words for a type of the wire: LIMIT_MAKER is a limit order that may only rest, a conditional order that works
    since some time has triggered and is a plain one."""
    kind: OrdType | None = _READ.get(word)
    trigger: Trigger | None = None
    if kind is not None and kind.is_conditional and working_since > 0:
        kind = OrdType.LIMIT if kind.has_price else OrdType.MARKET
    elif kind is not None and kind.is_conditional:
        callback = Decimal(trailing_delta) / _BIPS if trailing_delta and trailing_delta > 0 else None
        kind = OrdType.TRAILING_STOP if callback is not None and word == "STOP_LOSS" else kind
        trigger = Trigger(_known(stop_price), callback)
    known = TimeInForce(tif) if tif in TimeInForce.__members__ else None
    return kind, TimeInForce.GTX if word == POST_ONLY else known, trigger


def _name(row: OrderRow) -> str | None:
    """The order's client id; of a cancel's answer the other field is the id of the cancel."""
    return ids.from_dashed(row.orig_client_order_id or row.client_order_id)


def _known(value: Decimal | None) -> Decimal | None:
    return value if value is not None and value.is_finite() and value else None


def _report(row: OrderRow) -> OrderReport:
    kind, tif, trigger = kind_of(row.type, row.time_in_force, row.stop_price, row.trailing_delta, row.working_time)
    filled = finite("executedQty", row.executed_qty, _ZERO)
    worth = _known(row.cummulative_quote_qty)
    status = parse.status(row.status)
    return OrderReport(
        key=Key(MARKET, Category.SPOT, row.symbol), order_id=str(row.order_id), cl_ord_id=_name(row),
        side=parse.side_of(row.side), ord_type=kind, tif=tif, qty=finite("origQty", row.orig_qty, _ZERO),
        price=_known(row.price), cum_qty=filled, status=status,
        time=row.update_time or row.transact_time or row.time,
        avg_px=worth / filled if worth is not None and worth > 0 and filled else None,
        type_text=printable(row.type, 40), trigger=trigger,
        reason=printable(row.expiry_reason, 60)
        if status is OrdStatus.EXPIRED and row.expiry_reason != "NONE" else "")
