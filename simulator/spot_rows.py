"""Spot orders, fills and balances, and how Binance writes them (REST rows and private events)."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from simulator.exchange import Order
from simulator.instruments import Instrument
from simulator.payloads import Json, money8, side_word
from simulator.spot_instruments import quote_text

NOTHING = "0.00000000"
STOPS = ("STOP_LOSS", "STOP_LOSS_LIMIT", "TAKE_PROFIT", "TAKE_PROFIT_LIMIT")


@dataclass(slots=True, eq=False)
class SpotOrder(Order):
    """An order of the account. `kind` is what the engine matches (LIMIT or MARKET), `type` the wire's word."""

    type: str = ""
    stop: int = 0  # ticks, 0 = none
    delta: int = 0  # trailing distance in hundredths of a percent, 0 = none
    extreme: int = 0  # best price seen by a trailing stop, 0 = not yet begun
    since: int = 0  # when it came to the book, 0 = waiting for its trigger
    strategy: int | None = None
    strategy_type: int | None = None
    quote_qty: str = NOTHING  # asked for in quote (MARKET)
    amends: int = 0

    @property
    def base_locked(self) -> int:
        """Lots it holds back (a sale)."""
        return self.left if self.side < 0 and self.is_open else 0

    @property
    def quote_locked(self) -> int:
        """Ticks × lots it holds back (a buy)."""
        return self.left * (self.price or self.stop or self.extreme) if self.side > 0 and self.is_open else 0


@dataclass(frozen=True, slots=True)
class SpotFill:
    """One execution of the account. The commission is positive when paid; time ms."""

    symbol: str
    trade_id: int
    order_id: int
    client_id: str
    side: int
    qty: Decimal
    price: Decimal
    quote: Decimal
    commission: Decimal
    commission_asset: str
    maker: bool
    time: int


@dataclass(frozen=True, slots=True)
class Movement:
    """Money that came to the wallet or (negative) left it. kind: DEPOSIT, WITHDRAW, or the way of a transfer."""

    number: int
    kind: str
    asset: str
    amount: Decimal
    time: int


@dataclass(slots=True)
class Asset:
    """What the account owns of one asset; `locked` of it is in orders."""

    total: Decimal
    locked: Decimal

    @property
    def free(self) -> Decimal:
        """What may be used."""
        return self.total - self.locked


def core(item: Instrument, order: SpotOrder) -> Json:
    """What every order row has."""
    return {
        "price": item.price_text(order.price), "origQty": item.qty_text(order.qty),
        "executedQty": item.qty_text(order.cum), "origQuoteOrderQty": order.quote_qty,
        "cummulativeQuoteQty": quote_text(item, order.value), "status": order.status, "timeInForce": order.tif,
        "type": order.type, "side": side_word(order.side)}


def extras(item: Instrument, order: SpotOrder) -> Json:
    """What only some orders have."""
    out: Json = {}
    if order.stop:
        out["stopPrice"] = item.price_text(order.stop)
    if order.delta:
        out["trailingDelta"] = order.delta
    if order.strategy is not None:
        out["strategyId"] = order.strategy
    if order.strategy_type is not None:
        out["strategyType"] = order.strategy_type
    if order.reason:
        out["expiryReason"] = order.reason
    return out


def order_row(item: Instrument, order: SpotOrder) -> Json:
    """An order as queries show it."""
    return {"symbol": order.symbol, "orderId": order.order_id, "orderListId": -1, "clientOrderId": order.client_id,
            **core(item, order), "stopPrice": item.price_text(order.stop), "icebergQty": NOTHING, "time": order.time,
            "updateTime": order.updated, "isWorking": bool(order.since), "workingTime": order.since or -1,
            "selfTradePreventionMode": order.stp, **extras(item, order)}


def placed_row(item: Instrument, order: SpotOrder, kind: str, fills: list[SpotFill], now: int) -> Json:
    """The answer to a placed order: ACK, RESULT or FULL."""
    row: Json = {"symbol": order.symbol, "orderId": order.order_id, "orderListId": -1,
                 "clientOrderId": order.client_id, "transactTime": now}
    if kind == "ACK":
        return row
    row |= {**core(item, order), "workingTime": order.since or -1, "selfTradePreventionMode": order.stp,
            **extras(item, order)}
    if kind == "FULL":
        row["fills"] = [{"price": money8(f.price), "qty": money8(f.qty), "commission": money8(f.commission),
                         "commissionAsset": f.commission_asset, "tradeId": f.trade_id} for f in fills]
    return row


def canceled_row(item: Instrument, order: SpotOrder, cancel_id: str, now: int) -> Json:
    """The answer to a cancel; clientOrderId is the cancel's own."""
    return {"symbol": order.symbol, "origClientOrderId": order.client_id, "orderId": order.order_id,
            "orderListId": -1, "clientOrderId": cancel_id, "transactTime": now, **core(item, order),
            "selfTradePreventionMode": order.stp, **extras(item, order)}


def fill_row(fill: SpotFill) -> Json:
    """An execution as myTrades shows it."""
    return {"symbol": fill.symbol, "id": fill.trade_id, "orderId": fill.order_id, "orderListId": -1,
            "price": money8(fill.price), "qty": money8(fill.qty), "quoteQty": money8(fill.quote),
            "commission": money8(fill.commission), "commissionAsset": fill.commission_asset, "time": fill.time,
            "isBuyer": fill.side > 0, "isMaker": fill.maker, "isBestMatch": True}


def report(item: Instrument, order: SpotOrder, what: str, now: int, number: int, fill: SpotFill | None = None,
           cancel_id: str = "") -> Json:
    """executionReport. `what` is NEW, TRADE, CANCELED, REPLACED, EXPIRED or TRADE_PREVENTION; `number` its I."""
    out: Json = {
        "e": "executionReport", "E": now, "s": order.symbol, "c": cancel_id or order.client_id,
        "S": side_word(order.side), "o": order.type, "f": order.tif, "q": item.qty_text(order.qty),
        "p": item.price_text(order.price), "P": item.price_text(order.stop), "F": NOTHING, "g": -1,
        "C": order.client_id if cancel_id else "", "x": what, "X": order.status, "r": "NONE", "i": order.order_id,
        "l": NOTHING, "z": item.qty_text(order.cum), "L": NOTHING, "n": "0", "N": None, "T": now, "t": -1, "I": number,
        "w": bool(order.since) and order.is_open, "m": False, "M": False, "O": order.time,
        "Z": quote_text(item, order.value), "Y": NOTHING, "Q": order.quote_qty, "V": order.stp}
    if order.since:
        out["W"] = order.since
    if order.delta:
        out["d"] = order.delta
    if order.strategy is not None:
        out["j"] = order.strategy
    if order.strategy_type is not None:
        out["J"] = order.strategy_type
    if order.reason:
        out["eR"] = order.reason
    if fill:
        out |= {"l": money8(fill.qty), "L": money8(fill.price), "n": money8(fill.commission),
                "N": fill.commission_asset, "t": fill.trade_id, "m": fill.maker, "M": True, "Y": money8(fill.quote)}
    return out


def balances_event(now: int, assets: dict[str, Asset]) -> Json:
    """outboundAccountPosition with the assets given."""
    return {"e": "outboundAccountPosition", "E": now, "u": now,
            "B": [{"a": name, "f": money8(a.free), "l": money8(a.locked)} for name, a in assets.items()]}


def delta_event(now: int, asset: str, amount: Decimal) -> Json:
    """balanceUpdate: a deposit (or, negative, a withdrawal)."""
    return {"e": "balanceUpdate", "E": now, "a": asset, "d": money8(amount), "T": now}
