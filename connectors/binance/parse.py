"""Wire objects → our records, and nothing else. Total: any bytes give records or `BadMessage` naming field and value.

The wire's field names stay in this file. Unknown fields are ignored, ids are integers, money is Decimal from its text.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any, TypeVar

import msgspec

from connectors import reading
from connectors.limiter import ORDERS, RAW, WEIGHT, Budget
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
    OrderReport,
    OrdStatus,
    OrdType,
    PositionReport,
    Side,
    TimeInForce,
)

MARKET = "Binance"
T = TypeVar("T")

_INTERVALS = {"SECOND": 1, "MINUTE": 60, "HOUR": 3600, "DAY": 86_400}
_STATUSES = {
    "NEW": OrdStatus.NEW, "PARTIALLY_FILLED": OrdStatus.PARTIALLY_FILLED, "FILLED": OrdStatus.FILLED,
    "CANCELED": OrdStatus.CANCELED, "PENDING_CANCEL": OrdStatus.PENDING_CANCEL, "REJECTED": OrdStatus.REJECTED,
    "EXPIRED": OrdStatus.EXPIRED, "EXPIRED_IN_MATCH": OrdStatus.EXPIRED,
    "PENDING_NEW": OrdStatus.NEW,      # spot: it waits for the first order of its list
    # taken over by the insurance fund or the auto-deleveraging: for us the order has ended
    "NEW_INSURANCE": OrdStatus.FILLED, "NEW_ADL": OrdStatus.FILLED,
}
PLAIN_TYPES = {"LIMIT": OrdType.LIMIT, "MARKET": OrdType.MARKET}     # of orders in the book; the others are shown only
_KINDS = (("autoclose-", ExecKind.LIQUIDATION), ("adl_autoclose", ExecKind.ADL),
          ("settlement_autoclose", ExecKind.SETTLEMENT), ("delivery_autoclose", ExecKind.SETTLEMENT))


def decoder(shape: type[T]) -> Callable[[bytes], T]:
    """A function that decodes bytes into `shape` or raises `BadMessage`."""
    return reading.decoder(MARKET, shape)


def bad(raw: bytes, error: Exception) -> BadMessage:
    """The refusal of a message, with the field and the value it had."""
    return reading.bad(MARKET, raw, error)


def finite(name: str, value: Decimal, least: Decimal | None = None) -> Decimal:
    """The number, if it is one and not below `least`."""
    return reading.finite(MARKET, name, value, least)


_ZERO = Decimal(0)


def _known(value: Decimal | None) -> Decimal | None:
    """None for the venue's "0" that stands for "none"."""
    return value if value is not None and value.is_finite() and value else None


# ---------------------------------------------------------------- server, instruments, limits

class _Time(msgspec.Struct, rename="camel"):
    server_time: int


class _Limit(msgspec.Struct, rename="camel"):
    rate_limit_type: str
    interval: str
    interval_num: int
    limit: int


class _Symbol(msgspec.Struct, rename="camel"):
    symbol: str
    base_asset: str
    quote_asset: str
    filters: list[dict[str, Any]]
    status: str = ""
    contract_status: str = ""
    contract_type: str = ""
    margin_asset: str = ""
    is_spot_trading_allowed: bool = True
    contract_size: Decimal | None = None


class _ExchangeInfo(msgspec.Struct, rename="camel"):
    symbols: list[msgspec.Raw]
    rate_limits: list[_Limit] = []


_time = decoder(_Time)
_exchange_info = decoder(_ExchangeInfo)
_symbol = decoder(_Symbol)


def server_time(raw: bytes) -> int:
    """Milliseconds of GET time."""
    told = _time(raw).server_time
    if not 1_000_000_000_000 <= told < 100_000_000_000_000:
        raise BadMessage(MARKET, f"field serverTime = {told}: not a time in milliseconds")
    return told


def exchange_info(raw: bytes, category: Category) -> tuple[tuple[Instrument, ...], tuple[Budget, ...], tuple[str, ...]]:
    """Instruments, budgets, and the reasons why some symbols could not be read."""
    info = _exchange_info(raw)
    instruments, problems = [], []
    for row in info.symbols:
        try:
            instruments.append(_instrument(_symbol(bytes(row)), category))
        except BadMessage as error:
            problems.append(error.text)
    return tuple(instruments), _budgets(info.rate_limits), tuple(problems)


def _budgets(limits: list[_Limit]) -> tuple[Budget, ...]:
    kinds = {"REQUEST_WEIGHT": WEIGHT, "ORDERS": ORDERS, "RAW_REQUESTS": RAW}
    return tuple(Budget(kinds[row.rate_limit_type], _INTERVALS[row.interval] * row.interval_num, row.limit)
                 for row in limits
                 if row.rate_limit_type in kinds and row.interval in _INTERVALS and row.limit > 0)


def _instrument(row: _Symbol, category: Category) -> Instrument:
    filters = {str(one.get("filterType")): one for one in row.filters}
    name = row.symbol
    market_lot = "MARKET_LOT_SIZE" if "MARKET_LOT_SIZE" in filters else "LOT_SIZE"
    if not name or not name.isprintable() or len(name) > 40 or " " in name:
        raise BadMessage(MARKET, f"field symbol = {printable(repr(name), 60)}: not a symbol")
    return Instrument(
        key=Key(MARKET, category, name), base=printable(row.base_asset, 20), quote=printable(row.quote_asset, 20),
        settle=printable(row.margin_asset or row.quote_asset, 20),
        tick=_rule(filters, name, "PRICE_FILTER", "tickSize"),
        lot=_rule(filters, name, "LOT_SIZE", "stepSize"),
        min_qty=_rule(filters, name, "LOT_SIZE", "minQty"),
        max_qty=_rule(filters, name, "LOT_SIZE", "maxQty"),
        market_max_qty=_rule(filters, name, market_lot, "maxQty"),
        min_notional=_least_notional(filters, name),
        trading=(row.status or row.contract_status) == "TRADING" and row.is_spot_trading_allowed,
        **_contract(row, category),
    )


def _least_notional(filters: dict[str, dict[str, Any]], symbol: str) -> Decimal:
    """Futures say MIN_NOTIONAL.notional, spot NOTIONAL.minNotional or, of old, MIN_NOTIONAL.minNotional."""
    name = "NOTIONAL" if "NOTIONAL" in filters else "MIN_NOTIONAL"
    if name not in filters:
        return _ZERO
    return _rule(filters, symbol, name, "minNotional" if "minNotional" in filters[name] else "notional")


def _contract(row: _Symbol, category: Category) -> dict[str, Decimal]:
    """COIN-M counts contracts of so many dollars and takes less from makers."""
    if category is not Category.INVERSE:
        return {}
    size = row.contract_size
    if size is None:
        raise BadMessage(MARKET, f"field {printable(row.symbol, 40)}.contractSize = missing: not a contract")
    return {"multiplier": positive("contractSize", size), "maker_fee": Decimal("0.0001")}


def _rule(filters: dict[str, dict[str, Any]], symbol: str, name: str, field: str) -> Decimal:
    told = filters.get(name, {}).get(field)
    try:
        value = Decimal(told) if isinstance(told, str) else None
    except ArithmeticError:
        value = None
    if value is None or not value.is_finite() or value < 0 or (field in ("tickSize", "stepSize") and not value):
        raise BadMessage(MARKET, f"field {symbol}.{name}.{field} = {printable(repr(told), 40)}: not a possible number")
    return value


# ---------------------------------------------------------------- account

class _Dual(msgspec.Struct, rename="camel"):
    dual_side_position: bool


class _Multi(msgspec.Struct, rename="camel"):
    multi_assets_margin: bool


class _Balance(msgspec.Struct, rename="camel"):
    asset: str
    balance: Decimal
    account_alias: str = ""
    cross_un_pnl: Decimal | None = msgspec.field(default=None, name="crossUnPnl")
    available_balance: Decimal | None = None
    update_time: int = 0


class _Position(msgspec.Struct, rename="camel"):
    symbol: str
    position_amt: Decimal
    entry_price: Decimal
    mark_price: Decimal | None = None
    liquidation_price: Decimal | None = None
    isolated_margin: Decimal | None = None
    initial_margin: Decimal | None = None
    leverage: Decimal | None = None
    position_side: str = "BOTH"
    update_time: int = 0


_dual = decoder(_Dual)
_multi = decoder(_Multi)
_balances = decoder(list[_Balance])
_positions = decoder(list[_Position])


def is_hedge_mode(raw: bytes) -> bool:
    """Whether a symbol may be long and short at once."""
    return _dual(raw).dual_side_position


def is_multi_assets(raw: bytes) -> bool:
    """Whether several assets are one margin."""
    return _multi(raw).multi_assets_margin


def account_alias(raw: bytes) -> str:
    """The account's id for the ledger."""
    for row in _balances(raw):
        if row.account_alias:
            return printable(row.account_alias, 64)
    raise BadMessage(MARKET, "field accountAlias = missing: the account has no name")


def balances(raw: bytes, category: Category) -> tuple[BalanceReport, ...]:
    """Every currency of the account."""
    return tuple(BalanceReport(
        MARKET, category, printable(row.asset, 20), finite("balance", row.balance),
        margin_balance=row.balance + finite("crossUnPnl", row.cross_un_pnl) if row.cross_un_pnl is not None else None,
        available=row.available_balance, time=row.update_time) for row in _balances(raw))


def positions(raw: bytes, category: Category) -> tuple[PositionReport, ...]:
    """Positions of one-way mode."""
    return tuple(PositionReport(
        Key(MARKET, category, row.symbol), finite("positionAmt", row.position_amt),
        entry=_known(row.entry_price), mark=_known(row.mark_price), liquidation=_known(row.liquidation_price),
        margin=_known(row.isolated_margin) or _known(row.initial_margin), leverage=_known(row.leverage),
        time=row.update_time) for row in _positions(raw) if row.position_side == "BOTH")


# ---------------------------------------------------------------- orders and fills

class OrderRow(msgspec.Struct, rename="camel"):
    """An order as REST tells it."""

    order_id: int
    symbol: str
    status: str
    side: str
    type: str
    orig_qty: Decimal
    executed_qty: Decimal
    price: Decimal
    client_order_id: str = ""
    avg_price: Decimal | None = None
    time_in_force: str = ""
    reduce_only: bool = False
    update_time: int = 0
    time: int = 0
    orig_type: str = ""

    @property
    def was_conditional(self) -> bool:
        """It came of a conditional order, whose client id is another."""
        return self.orig_type not in ("", *PLAIN_TYPES)


class TradeRow(msgspec.Struct, rename="camel"):
    """A fill as userTrades tells it."""

    id: int
    order_id: int
    symbol: str
    side: str
    price: Decimal
    qty: Decimal
    time: int
    commission: Decimal | None = None
    commission_asset: str | None = None
    maker: bool | None = None


_order_row = decoder(OrderRow)
_order_rows = decoder(list[OrderRow])
_trade_rows = decoder(list[TradeRow])


def order(raw: bytes, category: Category) -> OrderReport:
    """One order, from an acknowledgement or a question."""
    return report(_order_row(raw), category)


def orders(raw: bytes, category: Category) -> tuple[OrderReport, ...]:
    """A list of orders."""
    return tuple(report(row, category) for row in _order_rows(raw))


def order_row(raw: bytes) -> OrderRow:
    """One order, with what a report leaves out."""
    return _order_row(raw)


def order_rows(raw: bytes) -> list[OrderRow]:
    """A list of orders, with what reports leave out."""
    return _order_rows(raw)


def trade_rows(raw: bytes) -> list[TradeRow]:
    """A page of fills, oldest first."""
    return sorted(_trade_rows(raw), key=lambda row: row.id)


def history_execution(row: TradeRow, category: Category, account: str, cl_ord_id: str | None) -> Execution:
    """The fact a history row tells."""
    return Execution(
        key=Key(MARKET, category, row.symbol), account=account, exec_id=f"{category.value}:{row.symbol}:{row.id}",
        order_id=str(row.order_id), cl_ord_id=cl_ord_id, side=side_of(row.side),
        last_qty=positive("qty", row.qty), last_px=positive("price", row.price),
        fee=None if row.commission is None else finite("commission", row.commission),
        fee_currency=row.commission_asset, time=row.time, maker=row.maker, kind=exec_kind(cl_ord_id))


def exec_kind(cl_ord_id: str | None) -> ExecKind:
    """What made a fill, by the names the exchange gives its own orders (binance.md 9.4)."""
    for prefix, kind in _KINDS:
        if cl_ord_id and cl_ord_id.startswith(prefix):
            return kind
    return ExecKind.TRADE


def status(word: str) -> OrdStatus:
    """The state a word of the venue stands for; an unknown word is refused, not guessed."""
    try:
        return _STATUSES[word]
    except KeyError:
        raise BadMessage(MARKET, f"field status = {printable(repr(word), 40)}: not known") from None


def side_of(word: str) -> Side:
    """Buy or sell."""
    if word not in ("BUY", "SELL"):
        raise BadMessage(MARKET, f"field side = {printable(repr(word), 40)}: neither BUY nor SELL")
    return Side(word)


def positive(name: str, value: Decimal) -> Decimal:
    """The number, if it is one above 0."""
    if not value.is_finite() or value <= 0:
        raise BadMessage(MARKET, f"field {name} = {value}: not a possible number")
    return value


def _type(word: str) -> OrdType | None:
    return PLAIN_TYPES.get(word)


def tif_of(word: str) -> TimeInForce | None:
    """How long an order works; None for what we do not place."""
    return TimeInForce(word) if word in TimeInForce.__members__ else None


def report(row: OrderRow, category: Category) -> OrderReport:
    """The venue's opinion about an order."""
    return OrderReport(
        key=Key(MARKET, category, row.symbol), order_id=str(row.order_id), cl_ord_id=row.client_order_id or None,
        side=side_of(row.side), ord_type=_type(row.type), tif=tif_of(row.time_in_force),
        qty=finite("origQty", row.orig_qty, _ZERO), price=_known(row.price),
        cum_qty=finite("executedQty", row.executed_qty, _ZERO), status=status(row.status),
        time=row.update_time or row.time, reduce_only=row.reduce_only, avg_px=_known(row.avg_price),
        type_text=printable(row.type, 40))


# ---------------------------------------------------------------- candles, snapshots

class _Depth(msgspec.Struct, rename="camel"):
    last_update_id: int
    bids: list[tuple[str, str]]
    asks: list[tuple[str, str]]


_kline_rows = decoder(list[list[Any]])
_depth = decoder(_Depth)


def depth(raw: bytes) -> tuple[int, list[tuple[str, str]], list[tuple[str, str]]]:
    """A book snapshot: its update id, bids, asks, as text; the book checks the numbers."""
    told = _depth(raw)
    return told.last_update_id, told.bids, told.asks


def candles(raw: bytes) -> list[Candle]:
    """Rows of GET klines, oldest first; the last one may still be forming."""
    return [_candle_row(row) for row in _kline_rows(raw)]


def _candle_row(row: list[Any]) -> Candle:
    if len(row) < 6 or not isinstance(row[0], int) or not all(isinstance(cell, str) for cell in row[1:6]):
        raise BadMessage(MARKET, f"field kline = {printable(repr(row), 60)}: not a candle")
    try:
        numbers = [Decimal(cell) for cell in row[1:6]]
    except ArithmeticError:
        raise BadMessage(MARKET, f"field kline = {printable(repr(row), 60)}: not numbers") from None
    return candle(row[0], *numbers)


def candle(time: int, open_: Decimal, high: Decimal, low: Decimal, close: Decimal, volume: Decimal) -> Candle:
    """A candle with possible numbers."""
    for name, value in (("open", open_), ("high", high), ("low", low), ("close", close)):
        positive(name, value)
    return Candle(time, open_, high, low, close, finite("volume", volume, _ZERO))
