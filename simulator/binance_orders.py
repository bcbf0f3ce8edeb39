"""Order calls of USD-M: place, test, modify, cancel, ask. Checks and codes are Binance's."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from typing import Any

from simulator.errors import Refused
from simulator.exchange import Order
from simulator.instruments import TIMES_IN_FORCE
from simulator.market import Market
from simulator.payloads import Json, order_row
from simulator.wire import Context, Request, Route, decimal_of, missing

CLIENT_ID = re.compile(r"^[\.A-Z\:/a-z0-9_-]{1,36}$")
CONDITIONAL = ("STOP", "STOP_MARKET", "TAKE_PROFIT", "TAKE_PROFIT_MARKET", "TRAILING_STOP_MARKET")
SELF_TRADE = ("NONE", "EXPIRE_MAKER", "EXPIRE_TAKER", "EXPIRE_BOTH")
MAX_OPEN = 200
WEEK_MS = 7 * 86400 * 1000
BATCH = 5
CANCELED_ALL = {"code": 200, "msg": "The operation of cancel all open order is done."}


# ---- reading an order

def read_order(context: Context, request: Request) -> tuple[Market, Order]:
    """The order a request describes, checked against everything but the margin and the book."""
    venue, account = context.venue, context.venue.account
    market = venue.market(request.need("symbol"))
    side = {"BUY": 1, "SELL": -1}.get(request.need("side"))
    if side is None:
        raise Refused(-1117, "Invalid side.")
    kind = request.need("type")
    if kind in CONDITIONAL:
        raise Refused(-4120, "Order type not supported for this endpoint. "
                             "Please use the Algo Order API endpoints instead.")
    if kind not in ("LIMIT", "MARKET"):
        raise Refused(-1116, "Invalid orderType.")
    tif = request.text("timeInForce", "GTC")
    if kind == "LIMIT" and not request.text("timeInForce"):
        raise missing("timeInForce")
    if tif not in TIMES_IN_FORCE:
        raise Refused(-1115, "Invalid timeInForce.")
    if kind == "MARKET" and request.text("timeInForce"):
        raise Refused(-1106, "Parameter 'timeInforce' sent when not required.")
    stp = request.text("selfTradePreventionMode", "EXPIRE_MAKER")
    if stp not in SELF_TRADE:
        raise Refused(-5038, "Invalid self trade prevention mode.")
    lots = read_qty(market, request.need("quantity"), kind)
    price = read_price(market, request, side) if kind == "LIMIT" else 0
    reduce_only = request.flag("reduceOnly")
    order = Order(market.symbol, side, price, lots, kind, tif, True, client_id=read_client_id(context, request),
                  reduce_only=reduce_only, stp=stp, position_side=read_position_side(context, request))
    if account.hedge:
        if reduce_only:
            raise Refused(-1106, "Parameter 'reduceonly' sent when not required.")
        order.reduce_only = (order.position_side == "LONG") == (side < 0)
    check_size(context, market, order)
    if sum(o.symbol == market.symbol for o in account.open.values()) >= MAX_OPEN:
        raise Refused(-2025, "Reach max open order limit.")
    return market, order


def read_qty(market: Market, text: str, kind: str) -> int:
    """Lots from a quantity text."""
    item = market.instrument
    value = decimal_of("quantity", text)
    if value <= 0:
        raise Refused(-4003, "Quantity less than or equal to zero.")
    exact = whole(value, item.lot, item.qty_places, -4023, "Qty not increased by step size.")
    if exact < 1:
        raise Refused(-4004, "Quantity less than min quantity.")
    if exact > (item.market_max_lots if kind == "MARKET" else item.max_lots):
        raise Refused(-4005, "Quantity greater than max quantity.")
    return exact


def read_price(market: Market, request: Request, side: int) -> int:
    """Ticks from the price, or from priceMatch and the book."""
    match = request.text("priceMatch", "NONE")
    if match != "NONE":
        if request.text("price"):
            raise Refused(-1106, "Parameter 'price' sent when not required.")
        found = re.fullmatch(r"(OPPONENT|QUEUE)(?:_(5|10|20))?", match)
        if not found:
            raise Refused(-5037, "Invalid price match")
        rows = market.engine.depth(-side if found[1] == "OPPONENT" else side, int(found[2] or 1))
        if not rows:
            raise Refused(-5041, "No depth matches this BBO order")
        return int(rows[-1][0])
    item = market.instrument
    value = decimal_of("price", request.need("price"))
    if value <= 0:
        raise Refused(-4001, "Price less than or equal to zero.")
    ticks = whole(value, item.tick, item.price_places, -4014, "Price not increased by tick size.")
    mark = market.mark()
    up, down = mark * (1 + item.band), mark * (1 - item.band)
    if value > up and side > 0:
        raise Refused(-4016, f"Limit price can't be higher than {up:.{item.price_places}f}.")
    if value < down and side < 0:
        raise Refused(-4024, f"Limit price can't be lower than {down:.{item.price_places}f}.")
    return ticks


def whole(value: Decimal, step: Decimal, digits: int, code: int, text: str) -> int:
    """How many steps a value is; more decimals than the step prints are -1111, other remainders the code given."""
    if value != round(value, digits):
        raise Refused(-1111, "Precision is over the maximum defined for this asset.")
    if value % step:
        raise Refused(code, text)
    return int(value / step)


def read_client_id(context: Context, request: Request) -> str:
    """The client's order id, or one the venue makes up."""
    venue = context.venue
    given = request.params.get("newClientOrderId")
    if given is None:
        return venue.account.made_id()
    if not CLIENT_ID.match(given):
        raise Refused(-4015, "Client order id is not valid.")
    if any(o.client_id == given for o in venue.account.open.values()):
        raise Refused(-4116, "ClientOrderId is duplicated.")
    return given


def read_position_side(context: Context, request: Request) -> str:
    """BOTH in one-way mode, LONG or SHORT in hedge mode."""
    side = request.text("positionSide", "BOTH")
    if side not in ("BOTH", "LONG", "SHORT"):
        raise Refused(-4060, "Invalid position side.")
    if (side == "BOTH") == context.venue.account.hedge:
        raise Refused(-4061, "Order's position side does not match user's setting.")
    return side


def check_size(context: Context, market: Market, order: Order) -> None:
    """Smallest notional, and what reduce-only means."""
    if order.reduce_only:
        if not context.venue.account.reducible(order):
            raise Refused(-2022, "ReduceOnly Order is rejected.")
        return
    item = market.instrument
    price = item.price(order.price) if order.price else market.mark()
    if price * item.qty(order.qty) < item.min_notional:
        raise Refused(-4164, f"Order's notional must be no smaller than {item.min_notional_text} "
                             "(unless you choose reduce only).")


# ---- changing orders

def place(context: Context, request: Request) -> Any:
    """POST order: ACK (default) says NEW and nothing of fills, RESULT tells the outcome."""
    market, order = read_order(context, request)
    context.venue.place(market, order)
    return answer(market, order, request.text("newOrderRespType", "ACK"))


def answer(market: Market, order: Order, kind: str) -> Json:
    """The answer to a placed order."""
    if kind == "RESULT":
        return order_row(market.instrument, order)
    ack = replace(order, status="NEW", cum=0, value=0, log=[], updated=order.time)
    return order_row(market.instrument, ack, full=False)


def test_order(context: Context, request: Request) -> Any:
    """All checks, no order."""
    market, order = read_order(context, request)
    context.venue.check(market, order)
    return answer(market, order, "ACK")


def modify(context: Context, request: Request) -> Any:
    """PUT order."""
    order = find(context, request)
    market = context.venue.market(order.symbol)
    if not order.is_open:
        raise Refused(-2013, "Order does not exist.")
    if request.need("side") != ("BUY" if order.side > 0 else "SELL"):
        raise Refused(-1117, "Invalid side.")
    lots = read_qty(market, request.need("quantity"), "LIMIT")
    price = read_price(market, request, order.side)
    item = market.instrument
    if not order.reduce_only and item.price(price) * item.qty(lots) < item.min_notional:
        raise Refused(-4164, f"Order's notional must be no smaller than {item.min_notional_text} "
                             "(unless you choose reduce only).")
    context.venue.modify(order, price, lots)
    return order_row(market.instrument, order, full=False)


def cancel(context: Context, request: Request) -> Any:
    """DELETE order."""
    venue = context.venue
    try:
        order = find(context, request)
    except Refused as refusal:
        raise Refused(-2011, "Unknown order sent.") if refusal.code == -2013 else refusal from None
    fault = venue.faults.first("fill_on_cancel", order.symbol, venue.product.category)
    if fault and order.is_open:
        venue.faults.use(fault)
        venue.move(venue.markets[order.symbol], order.price)
    if not order.is_open or order.symbol not in venue.markets:
        raise Refused(-2011, "Unknown order sent.")
    venue.cancel(order)
    return order_row(venue.markets[order.symbol].instrument, order, full=False)


def cancel_all(context: Context, request: Request) -> Any:
    """DELETE allOpenOrders of a symbol."""
    market = context.venue.market(request.need("symbol"))
    for order in [o for o in context.venue.account.open.values() if o.symbol == market.symbol]:
        context.venue.cancel(order)
    return CANCELED_ALL


def batch(single: Callable[[Context, Request], Any]) -> Callable[[Context, Request], Any]:
    """POST and PUT batchOrders: each item its own outcome, in order."""
    def handler(context: Context, request: Request) -> Any:
        try:
            items = json.loads(request.need("batchOrders"))
            assert isinstance(items, list) and all(isinstance(item, dict) for item in items)
        except (ValueError, AssertionError):
            raise missing("batchOrders") from None
        if not 1 <= len(items) <= BATCH:
            raise Refused(-4082, "Invalid number of batch place orders.")
        outcome = []
        for item in items:
            part = Request(request.method, request.path, b"", b"", request.headers)
            part.params = {key: str(value).lower() if isinstance(value, bool) else str(value)
                           for key, value in item.items()}
            outcome.append(attempt(single, context, part))
        return outcome
    return handler


def cancel_batch(context: Context, request: Request) -> Any:
    """DELETE batchOrders by ids or client ids."""
    symbol = request.need("symbol")
    name, key = "orderIdList", "orderId"
    if not request.text(name):
        name, key = "origClientOrderIdList", "origClientOrderId"
    try:
        ids = json.loads(request.need(name))
        assert isinstance(ids, list)
    except (ValueError, AssertionError):
        raise missing(name) from None
    if not 1 <= len(ids) <= 10:
        raise Refused(-4083, "Invalid number of batch cancel orders.")
    outcome = []
    for one in ids:
        part = Request("DELETE", request.path, b"", b"", request.headers)
        part.params = {"symbol": symbol, key: str(one)}
        outcome.append(attempt(cancel, context, part))
    return outcome


def attempt(single: Callable[[Context, Request], Any], context: Context, part: Request) -> Json:
    """One item of a batch: its row or its refusal."""
    try:
        row: Json = single(context, part)
        return row
    except Refused as refusal:
        return refusal.body()


# ---- asking

def find(context: Context, request: Request) -> Order:
    """The order a request means, as it stood when the (perhaps lagging) copy was made."""
    symbol = context.venue.market(request.need("symbol")).symbol
    order_id, client_id = request.integer("orderId"), request.text("origClientOrderId")
    if order_id is None and not client_id:
        raise missing("orderId' or 'origClientOrderId")
    order = context.venue.account.find(symbol, order_id, client_id or None)
    seen = at(order, request.as_of) if order else None
    if seen is None or (client_id and seen.client_id != client_id):
        raise Refused(-2013, "Order does not exist.")
    return seen


def at(order: Order, as_of: int | None) -> Order | None:
    """An order as it was at a time; None before it existed."""
    if as_of is None:
        return order
    versions = [version for version in order.log if version[0] <= as_of]
    if order.time > as_of or not versions:
        return None
    when, status, cum, value, qty, price = versions[-1]
    return replace(order, updated=when, status=status, cum=cum, value=value, qty=qty, price=price, log=[])


def seen_orders(context: Context, request: Request) -> list[Order]:
    """All orders of listed symbols, oldest first, as the copy has them."""
    venue = context.venue
    seen = (at(order, request.as_of) for order in venue.account.orders.values() if order.symbol in venue.markets)
    return [order for order in seen if order is not None]


def row_of(context: Context, order: Order) -> Json:
    """A query row."""
    return order_row(context.venue.markets[order.symbol].instrument, order)


def get_order(context: Context, request: Request) -> Any:
    """GET order."""
    return row_of(context, find(context, request))


def open_order(context: Context, request: Request) -> Any:
    """GET openOrder."""
    order = find(context, request)
    if not order.is_open:
        raise Refused(-2013, "Order does not exist.")
    return row_of(context, order)


def open_orders(context: Context, request: Request) -> Any:
    """GET openOrders of a symbol or of all."""
    symbol = request.text("symbol")
    if symbol:
        context.venue.market(symbol)
    else:
        request.weight = 40
    if request.as_of is None:
        orders = [o for o in context.venue.account.open.values() if o.symbol in context.venue.markets]
    else:
        orders = [o for o in seen_orders(context, request) if o.is_open]
    return [row_of(context, o) for o in orders if not symbol or o.symbol == symbol]


def window(context: Context, request: Request) -> tuple[int, int]:
    """The time window of a history query: at most seven days, by default the last seven."""
    start, end = request.integer("startTime"), request.integer("endTime")
    now = context.venue.clock.now()
    if start is not None and end is not None and (end - start > WEEK_MS or end < start):
        raise Refused(-4165, "Invalid time interval.")
    if start is None:
        end = now + 1000 if end is None else end
        return end - WEEK_MS, end
    return start, start + WEEK_MS if end is None else end


def all_orders(context: Context, request: Request) -> Any:
    """GET allOrders: by orderId (inclusive) or by time."""
    symbol = request.text("symbol")
    if symbol:
        context.venue.market(symbol)
    limit = request.limit(500, 1000)
    first = request.integer("orderId")
    start, end = window(context, request)
    orders = [o for o in seen_orders(context, request) if (not symbol or o.symbol == symbol)
              and (o.order_id >= first if first is not None else start <= o.time <= end)]
    by_start = first is not None or request.text("startTime")
    return [row_of(context, o) for o in (orders[:limit] if by_start else orders[-limit:])]


def amendments(context: Context, request: Request) -> Any:
    """GET orderAmendment, newest first."""
    market = context.venue.market(request.need("symbol"))
    item = market.instrument
    order_id, client_id = request.integer("orderId"), request.text("origClientOrderId")
    limit = request.limit(50, 100)
    rows = [a for a in context.venue.account.amendments if a["symbol"] == market.symbol
            and (order_id is None or a["order_id"] == order_id) and (not client_id or a["client_id"] == client_id)]
    return [{"amendmentId": a["amendment_id"], "symbol": market.symbol, "pair": item.pair, "orderId": a["order_id"],
             "clientOrderId": a["client_id"], "time": a["time"], "amendment": {
                 "price": {"before": item.price_text(a["price_before"]), "after": item.price_text(a["price_after"])},
                 "origQty": {"before": item.qty_text(a["qty_before"]), "after": item.qty_text(a["qty_after"])},
                 "count": a["count"]}, "priceMatch": "NONE"} for a in rows[::-1][:limit]]


def force_orders(context: Context, request: Request) -> Any:
    """Liquidations and deleveragings of the account, newest first."""
    symbol, kind = request.text("symbol"), request.text("autoCloseType")
    limit = request.limit(50, 100)
    wanted = {"LIQUIDATION": ("autoclose-",), "ADL": ("adl_autoclose",)}.get(kind, ("autoclose-", "adl_autoclose"))
    orders = [o for o in seen_orders(context, request) if o.client_id.startswith(wanted)
              and (not symbol or o.symbol == symbol)]
    return [row_of(context, order) for order in orders[::-1][:limit]]


ROUTES: dict[tuple[str, str], Route] = {
    ("POST", "/fapi/v1/order"): Route(place, 0, "SIGNED", 1),
    ("PUT", "/fapi/v1/order"): Route(modify, 1, "SIGNED", 1),
    ("DELETE", "/fapi/v1/order"): Route(cancel, 1, "SIGNED"),
    ("GET", "/fapi/v1/order"): Route(get_order, 1, "SIGNED"),
    ("POST", "/fapi/v1/order/test"): Route(test_order, 0, "SIGNED"),
    ("GET", "/fapi/v1/openOrder"): Route(open_order, 1, "SIGNED"),
    ("GET", "/fapi/v1/openOrders"): Route(open_orders, 1, "SIGNED"),
    ("GET", "/fapi/v1/allOrders"): Route(all_orders, 5, "SIGNED"),
    ("DELETE", "/fapi/v1/allOpenOrders"): Route(cancel_all, 1, "SIGNED"),
    ("POST", "/fapi/v1/batchOrders"): Route(batch(place), 5, "SIGNED", 5),
    ("PUT", "/fapi/v1/batchOrders"): Route(batch(modify), 5, "SIGNED", 5),
    ("DELETE", "/fapi/v1/batchOrders"): Route(cancel_batch, 1, "SIGNED"),
    ("GET", "/fapi/v1/orderAmendment"): Route(amendments, 1, "SIGNED"),
    ("GET", "/fapi/v1/forceOrders"): Route(force_orders, 20, "SIGNED"),
}
