"""Order calls of spot: place, test, cancel, replace, amend, ask."""

from __future__ import annotations

from typing import Any

from simulator.binance_orders import at
from simulator.errors import Refused
from simulator.market import Market
from simulator.payloads import Json
from simulator.spot_account import RATE
from simulator.spot_instruments import MAX_AMENDS
from simulator.spot_reading import amount, check_form, failure, made_id, read_client_id, read_order
from simulator.spot_rows import SpotOrder, canceled_row, order_row, placed_row
from simulator.spot_user import check_day
from simulator.spot_venue import SpotVenue
from simulator.wire import Request, Route, missing

ANSWERS = ("ACK", "RESULT", "FULL")
UNKNOWN = "Unknown order sent."
RESTRICTIONS = {"ONLY_NEW": "NEW", "ONLY_PARTIALLY_FILLED": "PARTIALLY_FILLED"}


# ---- placing

def place(spot: SpotVenue, request: Request) -> Any:
    """POST order. One that was taken costs no weight."""
    market, order = read_order(spot, request)
    kind = answer_kind(request, order)
    spot.place(market, order)
    request.weight = 0
    return placed(spot, market, order, kind)


def answer_kind(request: Request, order: SpotOrder) -> str:
    """ACK, RESULT or FULL: FULL is usual for MARKET and LIMIT."""
    usual = "FULL" if order.type in ("MARKET", "LIMIT") else "ACK"
    kind = request.text("newOrderRespType", usual)
    if kind not in ANSWERS:
        raise Refused(-1130, "Data sent for parameter 'newOrderRespType' is not valid.")
    return kind


def placed(spot: SpotVenue, market: Market, order: SpotOrder, kind: str) -> Json:
    """The answer to a placed order."""
    fills = [f for f in spot.account.fills if f.order_id == order.order_id] if kind == "FULL" else []
    return placed_row(market.instrument, order, kind, fills, order.time)


def test_order(spot: SpotVenue, request: Request) -> Any:
    """All checks, no order."""
    market, order = read_order(spot, request)
    spot.check(market, order)
    if not request.flag("computeCommissionRates"):
        return {}
    request.weight = 20
    rates = {"maker": f"{RATE:.8f}", "taker": f"{RATE:.8f}"}
    return {"standardCommissionForOrder": rates, "taxCommissionForOrder": {"maker": "0.00000000",
                                                                          "taker": "0.00000000"}}


# ---- canceling

def cancel(spot: SpotVenue, request: Request) -> Any:
    """DELETE order."""
    market = spot.market(request.need("symbol"))
    order = meant(spot, request, market.symbol)
    cancel_id = own_id(spot, request)
    if order is None:
        raise Refused(-2011, UNKNOWN)
    fault = spot.faults.first("fill_on_cancel", order.symbol, "spot")
    if fault and order.is_open and order.since:
        spot.faults.use(fault)
        spot.move(market, order.price)
    if not order.is_open:
        raise Refused(-2011, UNKNOWN)
    check_restriction(request, order)
    spot.cancel(order, cancel_id)
    request.weight = 0
    return canceled_row(market.instrument, order, cancel_id, order.updated)


def check_restriction(request: Request, order: SpotOrder) -> None:
    """Refuse when the order's status is not the one the cancel is meant for."""
    restriction = request.text("cancelRestrictions")
    if restriction and restriction not in RESTRICTIONS:
        raise Refused(-1130, "Data sent for parameter 'cancelRestrictions' is not valid.")
    if restriction and order.status != RESTRICTIONS[restriction]:
        raise Refused(-2011, "Order was not canceled due to cancel restrictions.")


def own_id(spot: SpotVenue, request: Request) -> str:
    """The id of a cancel."""
    given = request.params.get("newClientOrderId")
    if given is None:
        return made_id(spot)
    check_form(given, "newClientOrderId")
    return given


def cancel_all(spot: SpotVenue, request: Request) -> Any:
    """DELETE openOrders of a pair."""
    market = spot.market(request.need("symbol"))
    orders = [o for o in spot.account.open.values() if o.symbol == market.symbol]
    if not orders:
        raise Refused(-2011, UNKNOWN)
    rows = []
    for order in orders:
        cancel_id = made_id(spot)
        spot.cancel(order, cancel_id)
        rows.append(canceled_row(market.instrument, order, cancel_id, order.updated))
    request.weight = 0
    return rows


def cancel_replace(spot: SpotVenue, request: Request) -> Any:
    """POST order/cancelReplace: a cancel, then a new order; what became of both."""
    mode = request.need("cancelReplaceMode")
    if mode not in ("STOP_ON_FAILURE", "ALLOW_FAILURE"):
        raise Refused(-1130, "Data sent for parameter 'cancelReplaceMode' is not valid.")
    market = spot.market(request.need("symbol"))
    part = Request("DELETE", request.path, b"", b"", request.headers)
    part.params = {"symbol": market.symbol, **{key: request.params[name] for key, name in (
        ("orderId", "cancelOrderId"), ("origClientOrderId", "cancelOrigClientOrderId"),
        ("newClientOrderId", "cancelNewClientOrderId"), ("cancelRestrictions", "cancelRestrictions"))
        if request.params.get(name)}}
    replaced = meant(spot, part, market.symbol, "cancelOrderId' or 'cancelOrigClientOrderId")
    read_order(spot, request, replaced)  # a request that cannot be read cancels nothing
    canceled, first = attempt(cancel, spot, part)
    made, second = None, None
    if canceled or mode == "ALLOW_FAILURE":
        made, second = attempt(place, spot, request)
    request.weight = 0 if made else None
    body = {"cancelResult": "SUCCESS" if canceled else "FAILURE",
            "newOrderResult": "SUCCESS" if made else "FAILURE" if second else "NOT_ATTEMPTED",
            "cancelResponse": canceled or first, "newOrderResponse": made or second}
    if canceled and made:
        return body
    half = bool(canceled or made)
    code, text = (-2021, "Order cancel-replace partially failed.") if half else (-2022, "Order cancel-replace failed.")
    raise Refused(code, text, 409 if half else 400, data=body)


def attempt(handler: Any, spot: SpotVenue, part: Request) -> tuple[Json | None, Json | None]:
    """The answer or the refusal of one half."""
    try:
        return handler(spot, part), None
    except Refused as refusal:
        return None, refusal.body()


def amend(spot: SpotVenue, request: Request) -> Any:
    """PUT order/amend/keepPriority: a smaller quantity."""
    market = spot.market(request.need("symbol"))
    item = market.instrument
    order = meant(spot, request, market.symbol)
    if order is None or not order.is_open:
        raise Refused(-2038, "Unknown order sent.")
    value = amount(request, "newQty")
    if value % item.lot or value < item.lot:
        raise failure("LOT_SIZE")
    if order.amends >= MAX_AMENDS:
        raise failure("MAX_NUM_ORDER_AMENDS")
    qty = int(value / item.lot)
    if not order.cum < qty < order.qty:
        raise Refused(-2038, "The quantity of an order can only be made smaller, and not below what is filled.")
    if item.price(order.price or market.last()) * value < item.min_notional:
        raise failure("NOTIONAL")
    old_id = order.client_id
    client_id = read_client_id(spot, request, "newClientOrderId", market.symbol, order)
    spot.amend(order, qty, client_id)
    last = spot.account.amendments[-1]
    return {"transactTime": order.updated, "executionId": last["executionId"], "amendedOrder": {
        "symbol": order.symbol, "orderId": order.order_id, "orderListId": -1, "origClientOrderId": old_id,
        "clientOrderId": client_id, "price": item.price_text(order.price), "qty": item.qty_text(order.qty),
        "executedQty": item.qty_text(order.cum), "preventedQty": "0.00000000", "quoteOrderQty": order.quote_qty,
        "cumulativeQuoteQty": order_row(item, order)["cummulativeQuoteQty"], "status": order.status,
        "timeInForce": order.tif, "type": order.type, "side": order_row(item, order)["side"],
        "workingTime": order.since or -1, "selfTradePreventionMode": order.stp}}


# ---- asking

def meant(spot: SpotVenue, request: Request, symbol: str,
          names: str = "orderId' or 'origClientOrderId") -> SpotOrder | None:
    """The order a request means; both ids must be of the same one."""
    order_id, client_id = request.integer("orderId"), request.text("origClientOrderId")
    if order_id is None and not client_id:
        raise Refused(-1102, f"Param '{names}' must be sent, but both were empty/null!")
    order = spot.account.find(symbol, order_id, client_id or None)
    if order and order_id is not None and client_id and order.client_id != client_id:
        raise Refused(-2039, "Client order id is not correct for this order id.")
    return order


def seen(order: SpotOrder, request: Request) -> SpotOrder | None:
    """An order as the (perhaps lagging) copy has it."""
    found = at(order, request.as_of)
    assert found is None or isinstance(found, SpotOrder)
    return found


def get_order(spot: SpotVenue, request: Request) -> Any:
    """GET order."""
    market = spot.market(request.need("symbol"))
    order = meant(spot, request, market.symbol)
    shown = seen(order, request) if order else None
    if shown is None:
        raise Refused(-2013, "Order does not exist.")
    return order_row(market.instrument, shown)


def open_orders(spot: SpotVenue, request: Request) -> Any:
    """GET openOrders of a pair or of all."""
    symbol = request.text("symbol")
    if symbol:
        spot.market(symbol)
    request.weight = 6 if symbol else 80
    pool = spot.account.open if request.as_of is None else spot.account.orders
    rows = [seen(order, request) for order in pool.values() if order.symbol in spot.markets]
    return [order_row(spot.markets[o.symbol].instrument, o) for o in rows
            if o and o.is_open and (not symbol or o.symbol == symbol)]


def all_orders(spot: SpotVenue, request: Request) -> Any:
    """GET allOrders: by orderId (inclusive) or within a day; the newest without either."""
    market = spot.market(request.need("symbol"))
    limit = request.limit(500, 1000)
    first, start, end = (request.integer(n) for n in ("orderId", "startTime", "endTime"))
    check_day(start, end)
    rows = [seen(o, request) for o in spot.account.orders.values() if o.symbol == market.symbol]
    found = [o for o in rows if o and (first is None or o.order_id >= first)
             and (start is None or o.time >= start) and (end is None or o.time <= end)]
    page = found[:limit] if first is not None or start is not None else found[-limit:]
    return [order_row(market.instrument, o) for o in page]


def amendments(spot: SpotVenue, request: Request) -> Any:
    """GET order/amendments, oldest first."""
    market = spot.market(request.need("symbol"))
    order_id = request.integer("orderId")
    if order_id is None:
        raise missing("orderId")
    first, limit = request.integer("fromExecutionId", 0), request.limit(500, 1000)
    return [row for row in spot.account.amendments if row["symbol"] == market.symbol and row["orderId"] == order_id
            and row["executionId"] >= (first or 0)][:limit]


ROUTES: dict[tuple[str, str], Route] = {
    ("POST", "/api/v3/order"): Route(place, 1, "SIGNED", 1),
    ("POST", "/api/v3/order/test"): Route(test_order, 1, "SIGNED"),
    ("DELETE", "/api/v3/order"): Route(cancel, 1, "SIGNED"),
    ("GET", "/api/v3/order"): Route(get_order, 4, "SIGNED"),
    ("POST", "/api/v3/order/cancelReplace"): Route(cancel_replace, 1, "SIGNED", 1),
    ("PUT", "/api/v3/order/amend/keepPriority"): Route(amend, 4, "SIGNED"),
    ("GET", "/api/v3/order/amendments"): Route(amendments, 4, "SIGNED"),
    ("GET", "/api/v3/openOrders"): Route(open_orders, 6, "SIGNED"),
    ("DELETE", "/api/v3/openOrders"): Route(cancel_all, 1, "SIGNED"),
    ("GET", "/api/v3/allOrders"): Route(all_orders, 20, "SIGNED"),
}
