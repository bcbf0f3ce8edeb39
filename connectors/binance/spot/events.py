"""Frames of spot's WebSocket API → our messages (binance.md section 6). Order of a frame's messages: facts first.

Total: `BadMessage` for anything absurd. An event is taken bare or wrapped, as {"subscriptionId", "event"} or
{"stream", "data"}.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

import msgspec

from connectors.binance.events import OrderEvent
from connectors.binance.feed import SHUTDOWN
from connectors.binance.parse import MARKET, bad, finite, side_of, status
from connectors.binance.spot import parse as spot_parse
from connectors.binance.spot import transfers
from connectors.binance.spot.rest import moved_mark
from core import ids
from core.numbers import printable
from models import Category, Execution, Key, Movement, OrderReport, VenueMessage

IGNORED = frozenset({"listStatus"})
DELTA, LOCK = "balanceUpdate", "externalLockUpdate"
_ENDS = {"eventStreamTerminated": "the exchange ended the account's stream",
         "serverShutdown": SHUTDOWN, "listenKeyExpired": "the account's stream expired"}
_NONE = ("", "null", "NONE")
_ZERO = Decimal(0)


@dataclass(frozen=True, slots=True)
class Ended:
    """Nothing more will come on this connection: it must be built anew (`Renew`: nothing more will come soon)."""

    text: str


@dataclass(frozen=True, slots=True)
class BalanceMoved:
    """Money came or went from outside (or, `movement` None, was locked): the event tells the difference only, the sum
    has to be asked for."""

    movement: Movement | None = None


@dataclass(frozen=True, slots=True)
class Answered:
    """The answer to a request of ours; `error` is its body, None when it was done."""

    status: int
    error: bytes | None


class _Report(OrderEvent):
    trade_id: int = msgspec.field(name="t", default=-1)
    tif: str = msgspec.field(name="f", default="")
    stop_price: Decimal | None = msgspec.field(name="P", default=None)
    trailing_delta: int | None = msgspec.field(name="d", default=None)
    working_since: int = msgspec.field(name="W", default=-1)
    original_id: str | None = msgspec.field(name="C", default=None)
    cum_worth: Decimal | None = msgspec.field(name="Z", default=None)
    fee: Decimal | None = msgspec.field(name="n", default=None)
    fee_currency: str | None = msgspec.field(name="N", default=None)
    maker: bool | None = msgspec.field(name="m", default=None)
    refusal: str = msgspec.field(name="r", default="")
    expiry: str | None = msgspec.field(name="eR", default=None)


class _Balance(msgspec.Struct):
    asset: str = msgspec.field(name="a")
    free: Decimal = msgspec.field(name="f")
    locked: Decimal = msgspec.field(name="l")


class _Balances(msgspec.Struct):
    balances: list[_Balance] = msgspec.field(name="B")
    time: int = msgspec.field(name="u", default=0)
    event_time: int = msgspec.field(name="E", default=0)


class _Delta(msgspec.Struct):
    asset: str = msgspec.field(name="a")
    delta: Decimal = msgspec.field(name="d")
    time: int = msgspec.field(name="T", default=0)
    event_time: int = msgspec.field(name="E", default=0)


class _Envelope(msgspec.Struct):
    name: str | None = msgspec.field(name="e", default=None)
    event: msgspec.Raw = msgspec.field(default_factory=msgspec.Raw)
    data: msgspec.Raw = msgspec.field(default_factory=msgspec.Raw)
    id: str | int | None = None
    status: int = 0
    error: msgspec.Raw = msgspec.field(default_factory=msgspec.Raw)


_envelope = msgspec.json.Decoder(_Envelope).decode
_report = msgspec.json.Decoder(_Report).decode
_balances = msgspec.json.Decoder(_Balances).decode
_delta = msgspec.json.Decoder(_Delta).decode

Event = VenueMessage | Ended | BalanceMoved | Answered


def private(raw: bytes, account: str) -> tuple[Event, ...] | None:
    """What a frame says; None for an event nobody here knows, () for one without meaning for us."""
    try:
        outer = _envelope(raw)
        if outer.name is None and outer.status:
            error = bytes(outer.error)
            return (Answered(outer.status, error if error and error != b"null" else None),)
        frame = bytes(outer.event) or bytes(outer.data) or raw
        name = outer.name if frame is raw else _envelope(frame).name
        if name == "executionReport":
            return _order_messages(_report(frame), account)
        if name == "outboundAccountPosition":
            return _balance_messages(_balances(frame))
        if name == DELTA:
            told = _delta(frame)
            return (BalanceMoved(transfers.by_stream(told.asset, told.delta, told.time or told.event_time, account)),)
    except (msgspec.DecodeError, RecursionError, ValueError, ArithmeticError) as error:
        raise bad(raw, error) from None
    if name == LOCK:
        return (BalanceMoved(),)
    if name in _ENDS:
        return (Ended(_ENDS[name]),)
    return () if name in IGNORED else None


def _order_messages(row: _Report, account: str) -> tuple[Event, ...]:
    if row.what == "CANCELED" and row.client_id == moved_mark(str(row.order_id)):
        return ()        # it goes on under the same client id; what the move came to is told by its answer
    # Of a cancel, the plain field is the id of the cancel (binance.md section 10).
    is_renamed = row.what == "CANCELED" and row.original_id not in (None, *_NONE)
    cl_ord_id = ids.from_dashed((row.original_id if is_renamed else row.client_id) or "")
    key = Key(MARKET, Category.SPOT, row.symbol)
    kind, tif, trigger = spot_parse.kind_of(row.type, row.tif, row.stop_price, row.trailing_delta, row.working_since)
    cum_qty, worth = finite("z", row.cum_qty, _ZERO), row.cum_worth
    report = OrderReport(
        key=key, order_id=str(row.order_id), cl_ord_id=cl_ord_id, side=side_of(row.side), ord_type=kind,
        tif=tif, qty=finite("q", row.qty, _ZERO), price=_known(row.price), cum_qty=cum_qty, status=status(row.state),
        time=row.time, avg_px=worth / cum_qty if worth is not None and worth > 0 and cum_qty else None,
        type_text=printable(row.type, 40), reason=_reason(row), trigger=trigger)
    if row.what != "TRADE" or not finite("l", row.last_qty, _ZERO):
        return (report,)
    if row.trade_id < 0 or not finite("L", row.last_px, _ZERO):
        return (report,)     # told without id or price: the engine sees what is missing and asks the history
    fill = Execution(
        key=key, account=account, exec_id=spot_parse.exec_id(row.symbol, row.trade_id), order_id=str(row.order_id),
        cl_ord_id=cl_ord_id, side=report.side, last_qty=row.last_qty, last_px=row.last_px,
        fee=None if row.fee is None else finite("n", row.fee), fee_currency=row.fee_currency if row.fee else None,
        time=row.time, maker=row.maker, order_price=report.price, order_qty=row.qty,
        leaves_qty=max(_ZERO, row.qty - cum_qty))
    return (fill, report)


def _reason(row: _Report) -> str:
    for told in (row.expiry, row.refusal):
        if told is not None and told not in _NONE:
            return printable(told, 60)
    return ""


def _balance_messages(told: _Balances) -> tuple[Event, ...]:
    return tuple(spot_parse.balance(row.asset, row.free, row.locked, told.time or told.event_time)
                 for row in told.balances)


def _known(value: Decimal | None) -> Decimal | None:
    return value if value is not None and value.is_finite() and value else None
