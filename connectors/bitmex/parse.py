"""Wire objects → our records, and nothing else. Total: any bytes give records or `BadMessage` naming field and value.

The wire's field names of REST answers and private tables stay in this file. Amounts of money are whole minor units of
their currency on the wire ("XBt": 1e-8, "USDt": 1e-6) and whole coins in our records; quantities are contracts, of
spot pairs minor units of the base coin (bitmex.md sections 7, 11, 12).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from types import MappingProxyType
from typing import Any, TypeVar

import msgspec

from connectors import reading
from connectors.bitmex import conditional
from connectors.bitmex.auth import MARKET
from core.errors import BadMessage
from core.numbers import printable
from models import (
    BalanceReport,
    Candle,
    Category,
    ExecKind,
    Execution,
    Instrument,
    Key,
    LeverageReport,
    OrderReport,
    OrdStatus,
    OrdType,
    PositionReport,
    Side,
    TimeInForce,
)

T = TypeVar("T")
_ZERO, _ONE = Decimal(0), Decimal(1)

# Minor units of one coin. Further currencies have a line in GET /wallet/assets; their instruments are left out.
MINOR: Mapping[str, int] = MappingProxyType({
    "XBt": 10**8, "USDt": 10**6, "USDc": 10**6, "MAMUSd": 10**6, "BMEx": 10**6, "Gwei": 10**9, "LAMp": 10**9})
# Our amounts are whole coins: where the minor unit has a name of its own, they are called by the coin's.
_COINS: Mapping[str, str] = MappingProxyType({"Gwei": "ETH", "LAMp": "SOL"})
_QUOTES: Mapping[str, str] = MappingProxyType({"USDT": "USDt", "USDC": "USDc", "XBT": "XBt", "ETH": "Gwei"})

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


@dataclass(frozen=True, slots=True)
class Contract:
    """An instrument and what its wire numbers mean."""

    instrument: Instrument
    scale: Decimal         # wire quantity of one of ours: 1, for spot the minor units of a coin
    minor: int             # minor units of one coin of the settlement (spot: quote) currency
    most_leverage: int | None = None

    def qty(self, told: Decimal) -> Decimal:
        """Our quantity."""
        return told if self.scale == _ONE else told / self.scale

    def money(self, told: Decimal) -> Decimal:
        """Minor units as coins."""
        return told / self.minor


Contracts = Mapping[str, Contract]


def coin(currency: str) -> str:
    """What whole coins of one of the wire's currencies are called."""
    return _COINS.get(currency, currency)


def decoder(shape: type[T]) -> Callable[[bytes], T]:
    """A function that decodes bytes into `shape` or raises `BadMessage`."""
    return reading.decoder(MARKET, shape)


def finite(name: str, value: Decimal, least: Decimal | None = None) -> Decimal:
    """The number, if it is one, of a possible size and not below `least`."""
    if value.is_finite() and abs(value.adjusted()) > 30 and value:
        raise BadMessage(MARKET, f"field {name} = {printable(str(value), 40)}: not a possible number")
    return reading.finite(MARKET, name, value, least)


def positive(name: str, value: Decimal) -> Decimal:
    """The number, if it is above 0."""
    if finite(name, value) <= 0:
        raise BadMessage(MARKET, f"field {name} = {value}: not a possible number")
    return value


def time_ms(told: str, name: str = "timestamp") -> int:
    """ISO 8601 as the venue writes it, in milliseconds; "" is 0."""
    if not told:
        return 0
    try:
        moment = datetime.fromisoformat(told)
    except ValueError:
        raise BadMessage(MARKET, f"field {name} = {printable(repr(told), 40)}: not a time") from None
    aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return round(aware.timestamp()) * 1000 if not aware.microsecond else int(aware.timestamp() * 1000 + 0.5)


def iso(ms: int) -> str:
    """A time as the venue takes it."""
    return datetime.fromtimestamp(ms / 1000, UTC).strftime("%Y-%m-%dT%H:%M:%S.") + f"{ms % 1000:03}Z"


def _known(name: str, value: Decimal | None) -> Decimal | None:
    """None for nothing and for 0 that stands for nothing."""
    return finite(name, value) if value else None


# ---------------------------------------------------------------- clock, instruments

class _Time(msgspec.Struct):
    timestamp: int


class _Instrument(msgspec.Struct, rename="camel"):
    symbol: str
    state: str = ""
    typ: str = ""
    underlying: str = ""
    quote_currency: str = ""
    settl_currency: str | None = ""
    is_inverse: bool = False
    is_quanto: bool = False
    multiplier: Decimal | None = None
    tick_size: Decimal | None = None
    lot_size: Decimal | None = None
    max_order_qty: Decimal | None = None
    underlying_to_position_multiplier: Decimal | None = None
    maker_fee: Decimal | None = None
    taker_fee: Decimal | None = None
    init_margin: Decimal | None = None


_time = decoder(_Time)
_instruments = decoder(list[msgspec.Raw])
_instrument = decoder(_Instrument)


def server_time(raw: bytes) -> int:
    """Milliseconds of GET /api/v1."""
    told = _time(raw).timestamp
    if not 1_000_000_000_000 <= told < 100_000_000_000_000:
        raise BadMessage(MARKET, f"field timestamp = {told}: not a time in milliseconds")
    return told


def instruments(raw: bytes) -> tuple[tuple[Contract, ...], tuple[str, ...]]:
    """What may be traded, of all categories, and why some rows could not be read. Indices are no instruments."""
    contracts, problems = [], []
    for row in _instruments(raw):
        try:
            told = _instrument(bytes(row))
            if not told.symbol.startswith(".") and not told.typ.startswith("M"):
                contracts.append(_contract(told))
        except BadMessage as error:
            problems.append(error.text)
    return tuple(contracts), tuple(problems)


def category(row: _Instrument) -> Category:
    """How the instrument's value is computed (bitmex.md section 11)."""
    if row.typ == "IFXXXP":
        return Category.SPOT
    if row.is_inverse:
        return Category.INVERSE
    return Category.QUANTO if row.is_quanto else Category.LINEAR


def _contract(row: _Instrument) -> Contract:
    name = row.symbol
    if not name or not name.isprintable() or len(name) > 40 or " " in name:
        raise BadMessage(MARKET, f"field symbol = {printable(repr(name), 60)}: not a symbol")
    kind = category(row)
    is_spot = kind is Category.SPOT
    settle = _QUOTES.get(row.quote_currency, row.quote_currency) if is_spot else row.settl_currency or ""
    # Of a pair the base is a wallet too, and called as that.
    base = coin(_QUOTES.get(row.underlying, row.underlying)) if is_spot else row.underlying
    minor = MINOR.get(settle)
    if minor is None:
        raise BadMessage(MARKET, f"field {name}.settlCurrency = {printable(repr(settle), 40)}: "
                                 "a currency whose minor unit is not known")
    scale = _need(name, "underlyingToPositionMultiplier", row.underlying_to_position_multiplier) \
        if is_spot else _ONE
    lot = _need(name, "lotSize", row.lot_size) / scale
    most = finite("maxOrderQty", row.max_order_qty or Decimal(10**12)) / scale
    instrument = Instrument(
        key=Key(MARKET, kind, name), base=printable(base, 20), quote=printable(row.quote_currency, 20),
        settle=coin(settle), tick=_need(name, "tickSize", row.tick_size), lot=lot, min_qty=lot, max_qty=most,
        market_max_qty=most, min_notional=_ZERO, multiplier=_multiplier(row, kind, minor),
        trading=row.state == "Open",
        taker_fee=finite("takerFee", row.taker_fee if row.taker_fee is not None else Decimal("0.0005")),
        maker_fee=finite("makerFee", row.maker_fee if row.maker_fee is not None else Decimal("0.0005")))
    initial = finite("initMargin", row.init_margin) if row.init_margin is not None else _ZERO
    return Contract(instrument, scale, minor, int(1 / initial) if initial > 0 else None)


def _multiplier(row: _Instrument, kind: Category, minor: int) -> Decimal:
    """Accounting, section 1: value of one contract per unit of price in the settlement currency."""
    if kind is Category.SPOT:
        return _ONE
    told = row.multiplier
    if told is None or not told.is_finite() or not told:
        raise BadMessage(MARKET, f"field {row.symbol}.multiplier = {told}: not a possible number")
    return abs(told) / (10**8 if kind is not Category.LINEAR else minor)


def _need(symbol: str, name: str, value: Decimal | None) -> Decimal:
    if value is None:
        raise BadMessage(MARKET, f"field {symbol}.{name} = missing: not a possible number")
    return positive(f"{symbol}.{name}", value)


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
    return LeverageReport(contract.instrument.key, _known("leverage", row.leverage),
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
    margin = _known("posMargin", row.pos_margin)
    return PositionReport(
        contract.instrument.key, contract.qty(finite("currentQty", row.current_qty)),
        entry=_known("avgEntryPrice", row.avg_entry_price), mark=_known("markPrice", row.mark_price),
        liquidation=_known("liquidationPrice", row.liquidation_price),
        margin=None if margin is None else margin / minor, leverage=_known("leverage", row.leverage),
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
    trigger = conditional.trigger_of(kind, _known("stopPx", row.stop_px), _known("pegOffsetValue", row.peg_offset),
                                     inst)
    return OrderReport(
        key=contract.instrument.key, order_id=printable(row.order_id, 64), cl_ord_id=row.cl_ord_id or None,
        side=side(row.side), ord_type=kind,
        tif=TimeInForce.GTX if POST_ONLY in inst else _TIFS.get(row.tif or ""), qty=contract.qty(qty),
        price=_known("price", row.price) if word != "Market" else None,
        cum_qty=contract.qty(finite("cumQty", row.cum_qty if row.cum_qty is not None else _ZERO, _ZERO)),
        status=status(row.ord_status), time=time_ms(row.timestamp or row.transact_time or ""),
        reduce_only=REDUCE_ONLY in inst or CLOSE in inst, avg_px=_known("avgPx", row.avg_px),
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
        last_px=_price("lastPx", row.last_px), fee=fee, fee_currency=None if fee is None else told,
        time=time_ms(row.transact_time or row.timestamp or ""), maker=_ROLES.get(row.role or ""),
        order_price=_known("price", row.price),
        order_qty=None if row.order_qty is None else contract.qty(finite("orderQty", row.order_qty, _ZERO)),
        leaves_qty=left, kind=_kind(row), value=value)


def _kind(row: ExecutionRow) -> ExecKind:
    if row.order_id == _NOBODY or not row.cl_ord_id:
        text = (row.text or "").lower()
        for word, kind in _FORCED:
            if text.startswith(word):
                return kind
    return _FILLS[row.exec_type or ""]


def _price(name: str, value: Decimal | None) -> Decimal:
    """Spreads trade below zero, so any price but nothing is possible."""
    if value is None or not finite(name, value):
        raise BadMessage(MARKET, f"field {name} = {value}: not a possible price")
    return value


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
    prices = [_price(name, told) for name, told in (
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
