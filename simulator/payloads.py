"""Orders, fills and account changes as Binance writes them (REST rows and private events)."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from simulator.exchange import Order
from simulator.instruments import Instrument
from simulator.money import plain

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Fill:
    """One execution of the account. Amounts in the coin of the margin; realised before fees; time ms."""

    symbol: str
    trade_id: int
    order_id: int
    client_id: str
    side: int
    qty: Decimal
    price: Decimal
    commission: Decimal
    realised: Decimal
    maker: bool
    time: int
    position_side: str
    fee_asset: str = ""  # "": the coin of the margin


@dataclass(frozen=True, slots=True)
class Income:
    """One change of the wallet."""

    tran_id: int
    symbol: str
    kind: str
    amount: Decimal
    info: str
    time: int
    trade_id: str
    asset: str


@dataclass(frozen=True, slots=True)
class Funding:
    """One funding payment of the account; amount negative = paid."""

    tran_id: int
    symbol: str
    amount: Decimal
    rate: Decimal
    mark: Decimal
    position: Decimal
    time: int


def side_word(side: int) -> str:
    """BUY or SELL."""
    return "BUY" if side > 0 else "SELL"


def average(instrument: Instrument, value: int, cum: int) -> str:
    """Average fill price as text, "0.00" without a fill."""
    if not cum:
        return "0.00"
    return plain(instrument.average(value, cum).quantize(Decimal("0.00000001"), ROUND_HALF_UP))


def money8(amount: Decimal) -> str:
    """Amount with the eight places account calls show."""
    return f"{amount:.8f}"


def order_row(instrument: Instrument, order: Order, full: bool = True) -> Json:
    """An order as REST shows it; `full` adds avgPrice, cumQuote and time (queries), which acks no longer have."""
    row: Json = {
        "orderId": order.order_id, "symbol": order.symbol, "status": order.status, "clientOrderId": order.client_id,
        "price": instrument.price_text(order.price), "origQty": instrument.qty_text(order.qty),
        "executedQty": instrument.qty_text(order.cum), "timeInForce": order.tif, "type": order.kind,
        "reduceOnly": order.reduce_only, "closePosition": order.closes, "side": side_word(order.side),
        "positionSide": order.position_side, "stopPrice": instrument.price_text(order.stop_price),
        "workingType": order.working, "priceProtect": False, "origType": order.asked or order.kind,
        "priceMatch": "NONE",
        "selfTradePreventionMode": order.stp, "goodTillDate": 0, "updateTime": order.updated,
    }
    if full:
        worth = instrument.value_text(order.value)
        inverse = instrument.family == 2
        row |= {"avgPrice": average(instrument, order.value, order.cum), "time": order.time,
                "cumQuote": "0" if inverse else worth, "cumBase": worth if inverse else "0"}
    if instrument.family == 2:
        row["pair"] = instrument.pair
    return row


def fill_row(instrument: Instrument, fill: Fill) -> Json:
    """An execution as userTrades shows it."""
    row = {
        "symbol": fill.symbol, "id": fill.trade_id, "orderId": fill.order_id, "side": side_word(fill.side),
        "price": f"{fill.price:.{instrument.price_places}f}", "qty": f"{fill.qty:.{instrument.qty_places}f}",
        "realizedPnl": money8(fill.realised), "marginAsset": instrument.asset,
        "commission": money8(fill.commission), "commissionAsset": fill.fee_asset or instrument.asset, "time": fill.time,
        "positionSide": fill.position_side, "buyer": fill.side > 0, "maker": fill.maker,
    }
    worth = instrument.sums.value(fill.qty, fill.price)
    if instrument.family == 2:
        return row | {"pair": instrument.pair, "baseQty": money8(worth)}
    return row | {"quoteQty": plain(worth)}


def order_event(instrument: Instrument, order: Order, what: str, now: int, fill: Fill | None = None) -> Json:
    """ORDER_TRADE_UPDATE. `what` is NEW, TRADE, CANCELED, EXPIRED or AMENDMENT."""
    inner: Json = {
        "s": order.symbol, "c": order.client_id, "S": side_word(order.side), "o": order.kind, "f": order.tif,
        "q": instrument.qty_text(order.qty), "p": instrument.price_text(order.price),
        "ap": average(instrument, order.value, order.cum), "x": what, "X": order.status,
        "i": order.order_id, "l": instrument.qty_text(0), "z": instrument.qty_text(order.cum), "L": "0",
        "T": now, "t": 0, "b": "0", "a": "0", "m": False, "R": order.reduce_only, "wt": order.working,
        "sp": instrument.price_text(order.stop_price) if order.stop_price else "0", "ot": order.asked or order.kind,
        "ps": order.position_side, "cp": order.closes, "pP": False, "si": 0, "ss": 0, "rp": "0",
        "V": order.stp, "pm": "NONE", "gtd": 0, "er": "0",
    }
    if fill:
        inner |= {"l": f"{fill.qty:.{instrument.qty_places}f}", "L": f"{fill.price:.{instrument.price_places}f}",
                  "N": fill.fee_asset or instrument.asset, "n": money8(fill.commission), "t": fill.trade_id,
                  "m": fill.maker, "rp": money8(fill.realised)}
    if instrument.family == 2:
        inner["ma"] = instrument.asset
    return {"e": "ORDER_TRADE_UPDATE", "T": now, "E": now, "st": instrument.family, "o": inner}


def lite_event(instrument: Instrument, order: Order, fill: Fill) -> Json:
    """TRADE_LITE, the early and smaller notice of a fill."""
    return {"e": "TRADE_LITE", "E": fill.time, "T": fill.time, "s": order.symbol,
            "q": instrument.qty_text(order.qty), "p": instrument.price_text(order.price), "m": fill.maker,
            "c": order.client_id, "S": side_word(order.side), "L": f"{fill.price:.{instrument.price_places}f}",
            "l": f"{fill.qty:.{instrument.qty_places}f}", "t": fill.trade_id, "i": order.order_id}


def account_event(instrument: Instrument, reason: str, now: int, balances: list[Json], positions: list[Json]) -> Json:
    """ACCOUNT_UPDATE."""
    return {"e": "ACCOUNT_UPDATE", "T": now, "E": now, "st": instrument.family,
            "a": {"m": reason, "B": balances, "P": positions}}
