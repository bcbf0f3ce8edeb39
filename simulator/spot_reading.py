"""From the parameters of a spot order to an order the venue may take: types, filters, ids, with spot's codes."""

from __future__ import annotations

import hashlib
import re
from decimal import Decimal

from simulator.errors import Refused
from simulator.market import Market
from simulator.spot_instruments import (
    LEAST_DELTA,
    MAX_NOTIONAL,
    MAX_ORDERS,
    MAX_PRICE,
    MAX_STOPS,
    MOST_DELTA,
    MULTIPLIER_DOWN,
    MULTIPLIER_UP,
    ORDER_TYPES,
    SELF_TRADE,
    TIMES_IN_FORCE,
)
from simulator.spot_rows import NOTHING, STOPS, SpotOrder
from simulator.spot_venue import SpotVenue
from simulator.wire import Request, decimal_of, missing

CLIENT_ID = re.compile(r"^[a-zA-Z0-9-_]{1,36}$")
PRECISION = 8
LEAST_STRATEGY_TYPE = 1_000_000
PRICED = ("LIMIT", "LIMIT_MAKER", "STOP_LOSS_LIMIT", "TAKE_PROFIT_LIMIT")
TIMED = ("LIMIT", "STOP_LOSS_LIMIT", "TAKE_PROFIT_LIMIT")


def failure(name: str) -> Refused:
    """A filter's refusal."""
    return Refused(-1013, f"Filter failure: {name}")


def unread(name: str) -> Refused:
    """The refusal of a parameter that has no place here."""
    return Refused(-1106, f"Parameter '{name}' sent when not required.")


def read_order(spot: SpotVenue, request: Request, instead_of: SpotOrder | None = None) -> tuple[Market, SpotOrder]:
    """The order a request describes, checked against everything but the wallet and the book."""
    market = spot.market(request.need("symbol"))
    side = {"BUY": 1, "SELL": -1}.get(request.need("side"))
    if side is None:
        raise Refused(-1117, "Invalid side.")
    kind = request.need("type")
    if kind not in ORDER_TYPES:
        raise Refused(-1116, "Invalid orderType.")
    if request.text("icebergQty"):
        raise Refused(-1013, "Iceberg orders are not supported for this symbol.")
    order = SpotOrder(market.symbol, side, 0, 0, "LIMIT" if kind in PRICED else "MARKET", read_tif(request, kind), True,
                      type=kind)
    order.stp = request.text("selfTradePreventionMode", "EXPIRE_MAKER")
    if order.stp not in SELF_TRADE:
        raise Refused(-1130, "Data sent for parameter 'selfTradePreventionMode' is not valid.")
    read_price(market, request, order)
    read_trigger(market, request, order)
    read_quantity(spot, market, request, order)
    check_value(spot, market, order)
    read_tags(request, order)
    order.client_id = read_client_id(spot, request, "newClientOrderId", market.symbol, instead_of)
    check_counts(spot, order, instead_of)
    return market, order


def read_tif(request: Request, kind: str) -> str:
    """Time in force: mandatory where there is a choice."""
    tif = request.text("timeInForce")
    if kind in TIMED:
        if not tif:
            raise missing("timeInForce")
        if tif not in TIMES_IN_FORCE:
            raise Refused(-1115, "Invalid timeInForce.")
    elif tif:
        raise unread("timeInForce")
    return tif or "GTC"


def read_price(market: Market, request: Request, order: SpotOrder) -> None:
    """The limit price."""
    if order.type not in PRICED:
        if request.text("price"):
            raise unread("price")
        return
    order.price = ticks(market, request, "price")


def ticks(market: Market, request: Request, name: str) -> int:
    """A price parameter in ticks, through PRICE_FILTER."""
    value = amount(request, name)
    if value <= 0:
        raise Refused(-1013, f"Invalid {name}.")
    if value % market.instrument.tick or value > Decimal(MAX_PRICE):
        raise failure("PRICE_FILTER")
    return int(value / market.instrument.tick)


def amount(request: Request, name: str) -> Decimal:
    """A mandatory decimal of at most eight places."""
    text = request.need(name)
    value = decimal_of(name, text)
    if value != round(value, PRECISION):
        raise Refused(-1111, f"Parameter '{name}' has too much precision.")
    return value


def read_trigger(market: Market, request: Request, order: SpotOrder) -> None:
    """Stop price and trailing distance."""
    stop, delta = request.text("stopPrice"), request.integer("trailingDelta")
    if order.type not in STOPS:
        if stop or delta is not None:
            raise unread("stopPrice" if stop else "trailingDelta")
        return
    if not stop and delta is None:
        raise Refused(-1102, "A mandatory parameter was not sent, was empty/null, or malformed: "
                             "Param 'stopPrice' or 'trailingDelta' must be sent, but both were empty/null!")
    if stop:
        order.stop = ticks(market, request, "stopPrice")
    if delta is not None:
        if not LEAST_DELTA <= delta <= MOST_DELTA:
            raise failure("TRAILING_DELTA")
        order.delta = delta


def read_quantity(spot: SpotVenue, market: Market, request: Request, order: SpotOrder) -> None:
    """The quantity, or what a quote amount buys or must be sold for it."""
    item = market.instrument
    if order.type == "MARKET" and request.text("quoteOrderQty"):
        if request.text("quantity"):
            raise unread("quoteOrderQty")
        budget = amount(request, "quoteOrderQty")
        order.qty = spot.cost(market, order.side, None, budget)[0]
        order.quote_qty = f"{budget:.8f}"
        if budget < item.min_notional:
            raise failure("NOTIONAL")
        if not order.qty:
            raise failure("LOT_SIZE")
        return
    value = amount(request, "quantity")
    if value <= 0:
        raise Refused(-1013, "Invalid quantity.")
    if value < item.lot or value % item.lot or value > item.qty(item.max_lots):
        raise failure("LOT_SIZE")
    order.qty = int(value / item.lot)
    if order.kind == "MARKET" and order.qty > item.market_max_lots:
        raise failure("MARKET_LOT_SIZE")


def check_value(spot: SpotVenue, market: Market, order: SpotOrder) -> None:
    """PERCENT_PRICE_BY_SIDE and NOTIONAL; market orders are worth what the average price says."""
    item, average = market.instrument, spot.average_price(market)
    price = item.price(order.price) if order.price else average
    if order.price and not MULTIPLIER_DOWN * average <= price <= MULTIPLIER_UP * average:
        raise failure("PERCENT_PRICE_BY_SIDE")
    value = price * item.qty(order.qty)
    if order.quote_qty == NOTHING and value < item.min_notional:
        raise failure("NOTIONAL")
    if order.kind == "LIMIT" and value > MAX_NOTIONAL:
        raise failure("NOTIONAL")


def read_tags(request: Request, order: SpotOrder) -> None:
    """strategyId and strategyType, which come back in reports."""
    order.strategy, order.strategy_type = request.integer("strategyId"), request.integer("strategyType")
    if order.strategy_type is not None and order.strategy_type < LEAST_STRATEGY_TYPE:
        raise Refused(-1128, "Parameter 'strategyType' must be at least 1000000.")


def made_id(spot: SpotVenue) -> str:
    """An id the venue makes up."""
    made = hashlib.sha256(f"{spot.account.name}:{spot.account.cancel_ids.next()}:{spot.clock.now()}".encode())
    return made.hexdigest()[:22]


def read_client_id(spot: SpotVenue, request: Request, name: str, symbol: str, besides: SpotOrder | None = None) -> str:
    """A client id for an order, or one the venue makes up. It may not be that of another open order of the pair."""
    given = request.params.get(name)
    if given is None:
        return made_id(spot)
    check_form(given, name)
    if any(o.client_id == given and o.symbol == symbol and o is not besides for o in spot.account.open.values()):
        raise Refused(-2010, "Duplicate order sent.")
    return given


def check_form(given: str, name: str) -> None:
    """Refuse what can be no client id: spot allows no dot."""
    if not CLIENT_ID.match(given):
        raise Refused(-1100, f"Illegal characters found in parameter '{name}'; legal range is "
                             "'^[a-zA-Z0-9-_]{1,36}$'.")


def check_counts(spot: SpotVenue, order: SpotOrder, besides: SpotOrder | None) -> None:
    """MAX_NUM_ORDERS and MAX_NUM_ALGO_ORDERS."""
    listed = [o for o in spot.account.open.values() if o.symbol == order.symbol and o is not besides]
    if len(listed) >= MAX_ORDERS:
        raise failure("MAX_NUM_ORDERS")
    if order.type in STOPS and sum(not o.since for o in listed) >= MAX_STOPS:
        raise failure("MAX_NUM_ALGO_ORDERS")
