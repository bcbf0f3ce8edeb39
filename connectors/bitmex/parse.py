"""Wire objects → our records, and nothing else. Total: any bytes give records or `BadMessage` naming field and value.

The field names of REST answers and private tables stay in this file; `contracts` reads the instruments, `values` the
single values.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any, TypeVar

import msgspec

from connectors import reading
from connectors.bitmex import conditional
from connectors.bitmex.auth import MARKET
from connectors.bitmex.contracts import Contract
from connectors.bitmex.values import MINOR, coin, decoder, finite, known, positive, price, time_ms
from core.errors import BadMessage
from core.numbers import printable
from models import (
    BalanceReport,
    Candle,
    Category,
    ExecKind,
    Execution,
    LeverageReport,
    OrderReport,
    OrdStatus,
    OrdType,
    PositionReport,
    Side,
    TimeInForce,
)

T = TypeVar("T")
_ZERO = Decimal(0)

_STATUSES = {
    "New": OrdStatus.NEW, "PartiallyFilled": OrdStatus.PARTIALLY_FILLED, "Filled": OrdStatus.FILLED,
    "Canceled": OrdStatus.CANCELED, "Rejected": OrdStatus.REJECTED, "Expired": OrdStatus.EXPIRED,
    "PendingNew": OrdStatus.PENDING_NEW, "PendingCancel": OrdStatus.PENDING_CANCEL,
    "PendingReplace": OrdStatus.PENDING_REPLACE, "DoneForDay": OrdStatus.EXPIRED, "Stopped": OrdStatus.EXPIRED,
    "Untriggered": OrdStatus.NEW, "Triggered": OrdStatus.NEW,        # a stop that rests, at the venue or in the book
}
_TIFS = {"GoodTillCancel": TimeInForce.GTC, "ImmediateOrCancel": TimeInForce.IOC, "FillOrKill": TimeInForce.FOK}
_TYPES = {"Limit": OrdType.LIMIT, "Market": OrdType.MARKET}
_SIDES = {"Buy": Side.BUY, "Sell": Side.SELL}
_ROLES = {"AddedLiquidity": True, "Added": True, "RemovedLiquidity": False, "Removed": False}
POST_ONLY, REDUCE_ONLY, CLOSE = "ParticipateDoNotInitiate", "ReduceOnly", "Close"
_FILLS = {"Trade": ExecKind.TRADE, "Settlement": ExecKind.SETTLEMENT}
_FORCED = (("liquidation", ExecKind.LIQUIDATION), ("deleverage", ExecKind.ADL))
_NOBODY = "00000000-0000-0000-0000-000000000000"      # the order of a liquidation


# ---------------------------------------------------------------- clock

class _Time(msgspec.Struct):
    timestamp: int


_time = decoder(_Time)


def server_time(raw: bytes) -> int:
    """Milliseconds of GET /api/v1."""
    told = _time(raw).timestamp
    if not 1_000_000_000_000 <= told < 100_000_000_000_000:
        raise BadMessage(MARKET, f"field timestamp = {told}: not a time in milliseconds")
    return told


# ---------------------------------------------------------------- account

class MarginRow(msgspec.Struct, rename="camel"):
    """One currency of the account."""

    currency: str
    account: int = 0
    wallet_balance: Decimal | None = None
    amount: Decimal | None = None
    margin_balance: Decimal | None = None
    available_margin: Decimal | None = None
    timestamp: str = ""


class PositionRow(msgspec.Struct, rename="camel"):
    """One instrument's position; `strategy` is "OneWay" unless the account is in hedge mode."""

    symbol: str
    currency: str = ""
    strategy: str = ""
    current_qty: Decimal = _ZERO
    avg_entry_price: Decimal | None = None
    mark_price: Decimal | None = None
    liquidation_price: Decimal | None = None
    pos_margin: Decimal | None = None
    leverage: Decimal | None = None
    cross_margin: bool | None = None
    timestamp: str = ""


class KeyRow(msgspec.Struct):
    """One API key of the account."""

    id: str
    permissions: list[str] = []


_margins = decoder(list[MarginRow])
_positions = decoder(list[PositionRow])
_position = decoder(PositionRow)
_keys = decoder(list[KeyRow])


def margins(raw: bytes) -> list[MarginRow]:
    """All currencies of the account."""
    return _margins(raw)


def positions(raw: bytes) -> list[PositionRow]:
    """All positions, flat ones too."""
    return _positions(raw)


def one_position(raw: bytes) -> PositionRow:
    """What a change of leverage answers."""
    return _position(raw)


def leverage(row: PositionRow, contract: Contract) -> LeverageReport:
    """How one instrument is margined."""
    return LeverageReport(contract.instrument.key, known("leverage", row.leverage),
                          None if row.cross_margin is None else not row.cross_margin, contract.most_leverage)


def permissions(raw: bytes, key: str) -> tuple[str, ...]:
    """What a key may do beyond reading."""
    return tuple(word for row in _keys(raw) if row.id == key for word in row.permissions)


def account(rows: list[MarginRow]) -> str:
    """The account's number."""
    for row in rows:
        if row.account:
            return str(row.account)
    raise BadMessage(MARKET, "field account = missing: the account has no number")


def balance(row: MarginRow, kind: Category) -> BalanceReport | None:
    """One currency in whole coins; None when its minor unit is not known."""
    minor = MINOR.get(row.currency)
    wallet = row.wallet_balance if row.wallet_balance is not None else row.amount
    if minor is None or wallet is None:
        return None
    coins: Callable[[str, Decimal | None], Decimal | None] = \
        lambda name, told: None if told is None else finite(name, told) / minor     # noqa: E731 - used thrice below
    return BalanceReport(MARKET, kind, coin(row.currency), finite("walletBalance", wallet) / minor,
                         coins("marginBalance", row.margin_balance), coins("availableMargin", row.available_margin),
                         time_ms(row.timestamp))


def position(row: PositionRow, contract: Contract) -> PositionReport:
    """One instrument's position."""
    minor = MINOR.get(row.currency, contract.minor)
    margin = known("posMargin", row.pos_margin)
    return PositionReport(
        contract.instrument.key, contract.qty(finite("currentQty", row.current_qty)),
        entry=known("avgEntryPrice", row.avg_entry_price), mark=known("markPrice", row.mark_price),
        liquidation=known("liquidationPrice", row.liquidation_price),
        margin=None if margin is None else margin / minor, leverage=known("leverage", row.leverage),
        time=time_ms(row.timestamp))


# ---------------------------------------------------------------- orders and fills

class OrderRow(msgspec.Struct):
    """An order as REST and the order table tell it; `error` is how a cancel fails."""

    order_id: str = msgspec.field(name="orderID")
    cl_ord_id: str | None = msgspec.field(name="clOrdID", default=None)
    symbol: str = ""
    side: str | None = ""
    order_qty: Decimal | None = msgspec.field(name="orderQty", default=None)
    price: Decimal | None = None
    stop_px: Decimal | None = msgspec.field(name="stopPx", default=None)
    peg_type: str | None = msgspec.field(name="pegPriceType", default="")
    peg_offset: Decimal | None = msgspec.field(name="pegOffsetValue", default=None)
    triggered: str | None = ""
    ord_type: str | None = msgspec.field(name="ordType", default="")
    tif: str | None = msgspec.field(name="timeInForce", default="")
    exec_inst: str | None = msgspec.field(name="execInst", default="")
    ord_status: str | None = msgspec.field(name="ordStatus", default="")
    reject_reason: str | None = msgspec.field(name="ordRejReason", default="")
    cum_qty: Decimal | None = msgspec.field(name="cumQty", default=None)
    avg_px: Decimal | None = msgspec.field(name="avgPx", default=None)
    text: str | None = ""
    error: str | None = ""
    transact_time: str | None = msgspec.field(name="transactTime", default="")
    timestamp: str | None = ""


class ExecutionRow(msgspec.Struct):
    """One report of the execution table; fills, funding and everything else."""

    exec_id: str = msgspec.field(name="execID")
    exec_type: str | None = msgspec.field(name="execType", default="")
    account: int = 0
    order_id: str | None = msgspec.field(name="orderID", default="")
    cl_ord_id: str | None = msgspec.field(name="clOrdID", default=None)
    symbol: str | None = ""
    side: str | None = ""
    last_qty: Decimal | None = msgspec.field(name="lastQty", default=None)
    last_px: Decimal | None = msgspec.field(name="lastPx", default=None)
    order_qty: Decimal | None = msgspec.field(name="orderQty", default=None)
    price: Decimal | None = None
    leaves_qty: Decimal | None = msgspec.field(name="leavesQty", default=None)
    settle: str | None = msgspec.field(name="settlCurrency", default="")
    exec_cost: Decimal | None = msgspec.field(name="execCost", default=None)
    exec_comm: Decimal | None = msgspec.field(name="execComm", default=None)
    commission: Decimal | None = None
    role: str | None = msgspec.field(name="lastLiquidityInd", default="")
    text: str | None = ""
    transact_time: str | None = msgspec.field(name="transactTime", default="")
    timestamp: str | None = ""


_orders = decoder(list[OrderRow])
_order = decoder(OrderRow)
_executions = decoder(list[ExecutionRow])


def orders(raw: bytes) -> list[OrderRow]:
    """A list of orders; also what every cancel answers."""
    return _orders(raw)


def order(raw: bytes) -> OrderRow:
    """One order: what placing and amending answer."""
    return _order(raw)


def executions(raw: bytes) -> list[ExecutionRow]:
    """A page of executions."""
    return _executions(raw)


def report(row: OrderRow, contract: Contract) -> OrderReport:
    """The venue's opinion about an order."""
    inst = (row.exec_inst or "").split(",")
    qty = finite("orderQty", row.order_qty if row.order_qty is not None else _ZERO, _ZERO)
    word = row.ord_type or ""
    kind = _TYPES.get(word) or conditional.kind(word, row.peg_type or "", row.ord_status or "", row.triggered or "")
    trigger = conditional.trigger_of(kind, known("stopPx", row.stop_px), known("pegOffsetValue", row.peg_offset),
                                     inst)
    return OrderReport(
        key=contract.instrument.key, order_id=printable(row.order_id, 64), cl_ord_id=row.cl_ord_id or None,
        side=side(row.side), ord_type=kind,
        tif=TimeInForce.GTX if POST_ONLY in inst else _TIFS.get(row.tif or ""), qty=contract.qty(qty),
        price=known("price", row.price) if word != "Market" else None,
        cum_qty=contract.qty(finite("cumQty", row.cum_qty if row.cum_qty is not None else _ZERO, _ZERO)),
        status=status(row.ord_status), time=time_ms(row.timestamp or row.transact_time or ""),
        reduce_only=REDUCE_ONLY in inst or CLOSE in inst, avg_px=known("avgPx", row.avg_px),
        type_text=printable(word, 40), reason=reason(row), trigger=trigger)


def reason(row: OrderRow) -> str:
    """Why an order ended by the venue's will, "" where it says nothing of that kind."""
    if row.reject_reason:
        return printable(row.reject_reason, 120)
    text = row.text or ""
    ended = text.startswith("Canceled") and not text.startswith("Canceled\nCanceled via API")
    return printable(text.removeprefix("Canceled").strip(": \n"), 120) if ended else ""


def is_fill(row: ExecutionRow) -> bool:
    """Whether it changes the position: a trade, or a settlement of the contract."""
    return row.exec_type in _FILLS and bool(row.last_qty)


def execution(row: ExecutionRow, contract: Contract, account: str) -> Execution:
    """The fact a fill's row tells. Its id is unique for the venue, and so is kept as it is."""
    told = coin(row.settle) if row.settle else contract.instrument.settle      # of spot pairs it is not told
    minor = MINOR.get(row.settle) if row.settle else contract.minor
    if not row.exec_id or minor is None:
        raise BadMessage(MARKET, f"field execID, settlCurrency = {printable(repr((row.exec_id, told)), 60)}: "
                                 "a fill without id or in a currency that is not known")
    fee = None if row.exec_comm is None else finite("execComm", row.exec_comm) / minor
    value = None if row.exec_cost is None else -finite("execCost", row.exec_cost) / minor
    left = None if row.leaves_qty is None else contract.qty(finite("leavesQty", row.leaves_qty, _ZERO))
    return Execution(
        key=contract.instrument.key, account=str(row.account or account), exec_id=printable(row.exec_id, 64),
        order_id=printable(row.order_id or "", 64), cl_ord_id=row.cl_ord_id or None, side=side(row.side),
        last_qty=contract.qty(positive("lastQty", row.last_qty or _ZERO)),
        last_px=price("lastPx", row.last_px), fee=fee, fee_currency=None if fee is None else told,
        time=time_ms(row.transact_time or row.timestamp or ""), maker=_ROLES.get(row.role or ""),
        order_price=known("price", row.price),
        order_qty=None if row.order_qty is None else contract.qty(finite("orderQty", row.order_qty, _ZERO)),
        leaves_qty=left, kind=_kind(row), value=value)


def _kind(row: ExecutionRow) -> ExecKind:
    if row.order_id == _NOBODY or not row.cl_ord_id:
        text = (row.text or "").lower()
        for word, kind in _FORCED:
            if text.startswith(word):
                return kind
    return _FILLS[row.exec_type or ""]


def side(word: str | None) -> Side:
    """Buy or sell."""
    try:
        return _SIDES[word or ""]
    except KeyError:
        raise BadMessage(MARKET, f"field side = {printable(repr(word), 40)}: neither Buy nor Sell") from None


def status(word: str | None) -> OrdStatus:
    """The state a word of the venue stands for; an unknown word is refused, not guessed."""
    try:
        return _STATUSES[word or ""]
    except KeyError:
        raise BadMessage(MARKET, f"field ordStatus = {printable(repr(word), 40)}: not known") from None


# ---------------------------------------------------------------- candles

class Bin(msgspec.Struct):
    """A bucketed row, stamped with the END of its interval; without trades the prices may be missing."""

    timestamp: str
    open: Decimal | None = None
    high: Decimal | None = None
    low: Decimal | None = None
    close: Decimal | None = None
    volume: Decimal | None = None


_bins = decoder(list[Bin])


def candles(raw: bytes, step: int, contract: Contract) -> list[Candle]:
    """Rows of GET /trade/bucketed, oldest first, stamped with their start."""
    rows = (candle(row, step, contract) for row in _bins(raw))
    return sorted((row for row in rows if row is not None), key=lambda row: row.time)


def candle(row: Bin, step: int, contract: Contract) -> Candle | None:
    """A start-stamped candle; None for a row without prices."""
    if row.open is None or row.close is None:
        return None
    prices = [price(name, told) for name, told in (
        ("open", row.open), ("high", row.high if row.high is not None else max(row.open, row.close)),
        ("low", row.low if row.low is not None else min(row.open, row.close)), ("close", row.close))]
    volume = finite("volume", row.volume if row.volume is not None else _ZERO, _ZERO)
    return Candle(time_ms(row.timestamp) - step, prices[0], prices[1], prices[2], prices[3], contract.qty(volume))


# ---------------------------------------------------------------- rows of the private tables, merged by key

_rows = msgspec.json.Decoder(list[dict[str, Any]], float_hook=Decimal)


def raw_rows(raw: bytes) -> list[dict[str, Any]]:
    """Rows as they are, numbers exact."""
    try:
        return _rows.decode(raw)
    except (msgspec.DecodeError, RecursionError, ValueError, ArithmeticError) as error:
        raise reading.bad(MARKET, raw, error) from None


def typed(row: Mapping[str, Any], shape: type[T]) -> T:
    """A merged row with its types."""
    try:
        return msgspec.convert(row, shape)
    except (msgspec.ValidationError, ValueError, ArithmeticError, TypeError) as error:
        raise BadMessage(MARKET, f"{printable(str(error), 120)}: {printable(repr(dict(row)), 80)}") from None
