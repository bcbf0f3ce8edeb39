"""Frames of the private stream → our messages (binance.md 9.4). Order of a frame's messages: facts first.

TRADE_LITE is an early, smaller copy of a fill without its fee: never booked. Total: `BadMessage` for anything absurd.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

import msgspec

from connectors.binance import conditional as algo
from connectors.binance.conditional import Algo
from connectors.binance.parse import MARKET, PLAIN_TYPES, bad, exec_kind, finite, status
from connectors.binance.products import family
from core.errors import BadMessage
from core.numbers import printable
from models import (
    BalanceReport,
    Category,
    Execution,
    Key,
    LeverageReport,
    MoneyMoved,
    OrderReport,
    PositionReport,
    Side,
    TimeInForce,
    VenueMessage,
)

IGNORED = frozenset({"TRADE_LITE", "STRATEGY_UPDATE", "GRID_UPDATE", "CONDITIONAL_ORDER_TRIGGER_REJECT"})
_ZERO = Decimal(0)
_FAMILIES = {1: Category.LINEAR, 2: Category.INVERSE}      # `st`; a connection may carry both (binance.md section 2)
# Reasons of an account's change whose money is in the fills, or that move none: all others are asked for.
_NOT_MONEY = frozenset({"", "ORDER", "MARGIN_TYPE_CHANGE", "MARGIN_TRANSFER"})
_FILLS = frozenset({"TRADE", "CALCULATED"})    # CALCULATED: liquidation and auto-deleveraging


@dataclass(frozen=True, slots=True)
class KeyExpired:
    """The private stream's key is no longer valid: a new one and a new connection are needed."""


@dataclass(frozen=True, slots=True)
class Shutdown:
    """The exchange will close this connection soon."""


@dataclass(frozen=True, slots=True)
class MarginCall:
    """The exchange warns that a position comes near its liquidation."""

    symbols: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class OfConditional:
    """What a plain order tells that was a conditional one: under whose client id is known by `Triggered`."""

    symbol: str
    order_id: str
    told: tuple[OrderReport | Execution, ...]


class OrderEvent(msgspec.Struct):
    """What every product's event about an order says under the same letters (binance.md 6 and 9.4)."""

    symbol: str = msgspec.field(name="s")
    client_id: str = msgspec.field(name="c")
    side: str = msgspec.field(name="S")
    type: str = msgspec.field(name="o")
    qty: Decimal = msgspec.field(name="q")
    price: Decimal = msgspec.field(name="p")
    what: str = msgspec.field(name="x")
    state: str = msgspec.field(name="X")
    order_id: int = msgspec.field(name="i")
    last_qty: Decimal = msgspec.field(name="l")
    cum_qty: Decimal = msgspec.field(name="z")
    last_px: Decimal = msgspec.field(name="L")
    time: int = msgspec.field(name="T")


class _Order(OrderEvent):
    trade_id: int = msgspec.field(name="t", default=0)
    tif: str = msgspec.field(name="f", default="")
    avg_px: Decimal | None = msgspec.field(name="ap", default=None)
    fee_currency: str | None = msgspec.field(name="N", default=None)
    fee: Decimal | None = msgspec.field(name="n", default=None)
    maker: bool | None = msgspec.field(name="m", default=None)
    reduce_only: bool = msgspec.field(name="R", default=False)
    expiry: str | int | None = msgspec.field(name="er", default=None)
    original: str = msgspec.field(name="ot", default="")


class _Balance(msgspec.Struct):
    asset: str = msgspec.field(name="a")
    wallet: Decimal = msgspec.field(name="wb")


class _Position(msgspec.Struct):
    symbol: str = msgspec.field(name="s")
    qty: Decimal = msgspec.field(name="pa")
    entry: Decimal = msgspec.field(name="ep")
    side: str = msgspec.field(name="ps", default="BOTH")
    margin: str = msgspec.field(name="mt", default="")


class _Account(msgspec.Struct):
    reason: str = msgspec.field(name="m", default="")
    balances: list[_Balance] = msgspec.field(name="B", default_factory=list)
    positions: list[_Position] = msgspec.field(name="P", default_factory=list)


class _Called(msgspec.Struct):
    symbol: str = msgspec.field(name="s")


class _OrderEvent(msgspec.Struct):
    order: _Order = msgspec.field(name="o")
    event_time: int = msgspec.field(name="E", default=0)


class _AccountEvent(msgspec.Struct):
    account: _Account = msgspec.field(name="a")
    event_time: int = msgspec.field(name="E", default=0)
    time: int = msgspec.field(name="T", default=0)
    family: int = msgspec.field(name="st", default=0)


class _CallEvent(msgspec.Struct):
    positions: list[_Called] = msgspec.field(name="p", default_factory=list)


class _Config(msgspec.Struct):
    symbol: str = msgspec.field(name="s")
    leverage: Decimal = msgspec.field(name="l")


class _ConfigEvent(msgspec.Struct):
    config: _Config | None = msgspec.field(name="ac", default=None)


class _Envelope(msgspec.Struct):
    event: str = msgspec.field(name="e", default="")
    inner: msgspec.Raw = msgspec.field(name="data", default_factory=msgspec.Raw)


_envelope = msgspec.json.Decoder(_Envelope).decode
_order_event = msgspec.json.Decoder(_OrderEvent).decode
_account_event = msgspec.json.Decoder(_AccountEvent).decode
_config_event = msgspec.json.Decoder(_ConfigEvent).decode
_call_event = msgspec.json.Decoder(_CallEvent).decode

Event = VenueMessage | KeyExpired | Shutdown | MarginCall | Algo | OfConditional


def private(raw: bytes, category: Category, account: str) -> tuple[Event, ...] | None:
    """What a private frame says; None for an event nobody here knows, () for one without meaning for us."""
    try:
        outer = _envelope(raw)
        frame = bytes(outer.inner) or raw      # the combined form wraps the event
        event = _envelope(frame).event if frame is not raw else outer.event
        if event == "ORDER_TRADE_UPDATE":
            return _order_messages(_order_event(frame), category, account)
        if event == "ACCOUNT_UPDATE":
            return _account_messages(_account_event(frame), category)
        if event == "ALGO_UPDATE":
            told = algo.event(frame, category)
            return (told,) if family(told.key.symbol) is category else ()
        if event == "ACCOUNT_CONFIG_UPDATE":
            return _config_messages(_config_event(frame), category)
        if event == "listenKeyExpired":
            return (KeyExpired(),)
        if event == "serverShutdown":
            return (Shutdown(),)
        if event == "MARGIN_CALL":
            return (MarginCall(tuple(printable(row.symbol, 40) for row in _call_event(frame).positions)),)
    except (msgspec.DecodeError, RecursionError, ValueError, ArithmeticError) as error:
        raise bad(raw, error) from None
    return () if event in IGNORED else None


def _order_messages(event: _OrderEvent, category: Category, account: str) -> tuple[Event, ...]:
    row = event.order
    if family(row.symbol) is not category:
        return ()
    if row.side not in ("BUY", "SELL"):
        raise BadMessage(MARKET, f"field o.S = {printable(repr(row.side), 40)}: neither BUY nor SELL")
    key = Key(MARKET, category, row.symbol)
    report = OrderReport(
        key=key, order_id=str(row.order_id), cl_ord_id=row.client_id or None, side=Side(row.side),
        ord_type=PLAIN_TYPES.get(row.type),
        tif=TimeInForce(row.tif) if row.tif in TimeInForce.__members__ else None,
        qty=finite("o.q", row.qty, _ZERO), price=_known(row.price), cum_qty=finite("o.z", row.cum_qty, _ZERO),
        status=status(row.state), time=row.time or event.event_time, reduce_only=row.reduce_only,
        avg_px=_known(row.avg_px), type_text=printable(row.type, 40),
        reason="" if row.expiry in (None, "NONE", "0", 0) else printable(str(row.expiry), 60))
    finite("o.l", row.last_qty, _ZERO)
    is_fill = row.what in _FILLS and bool(row.last_qty)
    told = (_execution(row, key, account), report) if is_fill else (report,)
    became = row.type in PLAIN_TYPES and row.original not in ("", *PLAIN_TYPES)
    return (OfConditional(row.symbol, report.order_id, told),) if became else told


def _execution(row: _Order, key: Key, account: str) -> Execution:
    finite("o.L", row.last_px, _ZERO)
    if row.trade_id <= 0 or not row.last_px:
        raise BadMessage(MARKET, f"field o.t = {row.trade_id}, o.L = {row.last_px}: a fill without id or price")
    return Execution(
        key=key, account=account, exec_id=f"{key.category.value}:{key.symbol}:{row.trade_id}",
        order_id=str(row.order_id), cl_ord_id=row.client_id or None, side=Side(row.side), last_qty=row.last_qty,
        last_px=row.last_px, fee=None if row.fee is None else finite("o.n", row.fee), fee_currency=row.fee_currency,
        time=row.time, maker=row.maker, order_price=_known(row.price), order_qty=row.qty,
        leaves_qty=max(_ZERO, row.qty - row.cum_qty), kind=exec_kind(row.client_id))


def _account_messages(event: _AccountEvent, category: Category) -> tuple[Event, ...]:
    time = event.time or event.event_time
    if _FAMILIES.get(event.family, category) is not category:
        return ()
    balances = [BalanceReport(MARKET, category, printable(row.asset, 20), finite("a.B.wb", row.wallet), time=time)
                for row in event.account.balances]
    positions = [PositionReport(Key(MARKET, category, row.symbol), finite("a.P.pa", row.qty),
                                _known(finite("a.P.ep", row.entry)), time=time)
                 for row in event.account.positions if row.side == "BOTH" and family(row.symbol) is category]
    margins = [LeverageReport(Key(MARKET, category, row.symbol), None, row.margin == "isolated")
               for row in event.account.positions if row.margin and family(row.symbol) is category]
    told = (*balances, *positions, *(margins if event.account.reason == "MARGIN_TYPE_CHANGE" else ()))
    if event.account.reason in _NOT_MONEY:
        return told
    return (*told, MoneyMoved(MARKET, category, printable(event.account.reason, 40)))


def _config_messages(event: _ConfigEvent, category: Category) -> tuple[Event, ...]:
    told = event.config
    if told is None or family(told.symbol) is not category:
        return ()
    return (LeverageReport(Key(MARKET, category, told.symbol), finite("ac.l", told.leverage, _ZERO)),)


def _known(value: Decimal | None) -> Decimal | None:
    return value if value is not None and value.is_finite() and value else None
