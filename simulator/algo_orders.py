"""The algoOrder calls of USD-M and COIN-M, place, cancel, ask, and countdownCancelAll. Codes are Binance's."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from simulator.algo import TRAILING, Algo
from simulator.algo_rows import algo_row
from simulator.binance_orders import (
    CANCELED_ALL,
    CLIENT_ID,
    CONDITIONAL,
    SELF_TRADE,
    read_position_side,
    read_price,
    read_qty,
    whole,
    window,
)
from simulator.errors import Refused
from simulator.instruments import TIMES_IN_FORCE
from simulator.market import Market
from simulator.wire import Context, Request, Route, decimal_of, missing

MAX_WAITING = 200  # of the account
LEAST_CALLBACK, MOST_CALLBACK = Decimal("0.1"), Decimal(20)
UNKNOWN = Refused(-20124, "Algo order does not exist.")


# ---- reading one

def read_algo(context: Context, request: Request) -> tuple[Market, Algo]:
    """The conditional order a request describes, with all checks but the margin's (which come at the trigger)."""
    venue = context.venue
    if request.need("algoType") != "CONDITIONAL":
        raise Refused(-1130, "Data sent for parameter 'algoType' is not valid.")
    market = venue.market(request.need("symbol"))
    side = {"BUY": 1, "SELL": -1}.get(request.need("side"))
    if side is None:
        raise Refused(-1117, "Invalid side.")
    kind = request.need("type")
    if kind not in CONDITIONAL:
        raise Refused(-1116, "Invalid orderType.")
    working = request.text("workingType", "CONTRACT_PRICE")
    if working not in ("CONTRACT_PRICE", "MARK_PRICE"):
        raise Refused(-4139, "Invalid working type.")
    algo = Algo(0, read_client_id(context, request), market.symbol, side, kind, 0, working=working,
                price_protect=request.flag("priceProtect"), tif=request.text("timeInForce", "GTC"),
                stp=request.text("selfTradePreventionMode", "EXPIRE_MAKER"),
                reduce_only=request.flag("reduceOnly"), close_position=request.flag("closePosition"),
                position_side=read_position_side(context, request))
    if algo.tif not in TIMES_IN_FORCE:
        raise Refused(-1115, "Invalid timeInForce.")
    if algo.stp not in SELF_TRADE:
        raise Refused(-5038, "Invalid self trade prevention mode.")
    if venue.account.hedge and request.text("reduceOnly"):
        raise Refused(-1106, "Parameter 'reduceonly' sent when not required.")
    read_closing(context, request, algo)
    if not algo.close_position:
        algo.qty = read_qty(market, request.need("quantity"), "MARKET" if algo.is_market else "LIMIT")
    if not algo.is_market:
        algo.price = read_price(market, request, side)
    if kind == TRAILING:
        read_trail(market, request, algo)
    else:
        read_trigger(market, request, algo)
    if len(venue.algos.waiting) >= MAX_WAITING:
        raise Refused(-4045, "Reach max stop order limit.")
    return market, algo


def read_closing(context: Context, request: Request, algo: Algo) -> None:
    """closePosition is of stop and take-profit market orders, has no quantity, and one direction has one of a kind."""
    if not algo.close_position:
        return
    if algo.kind not in ("STOP_MARKET", "TAKE_PROFIT_MARKET"):
        raise Refused(-4136, "Target strategy invalid for orderType.")
    if request.text("quantity"):
        raise Refused(-4137, "Quantity must be zero with closePosition equals true.")
    if request.text("reduceOnly"):
        raise Refused(-1106, "Parameter 'reduceonly' sent when not required.")
    if any(a.close_position and (a.symbol, a.side, a.position_side, a.kind) == (
            algo.symbol, algo.side, algo.position_side, algo.kind) for a in context.venue.algos.waiting.values()):
        raise Refused(-4130, "An open stop or take profit order with closePosition in the direction is existing.")


def read_trigger(market: Market, request: Request, algo: Algo) -> None:
    """The trigger price, on the side of the market where it does not trigger at once."""
    algo.trigger = read_ticks(market, request, "triggerPrice", request.need("triggerPrice"))
    now = seen_price(market, algo.working)
    if (now >= algo.trigger) if algo.rises else (now <= algo.trigger):
        raise Refused(-2021, "Order would immediately trigger.")


def read_trail(market: Market, request: Request, algo: Algo) -> None:
    """Distance in percent, and from which price on it trails."""
    rate = decimal_of("callbackRate", request.need("callbackRate"))
    if not LEAST_CALLBACK <= rate <= MOST_CALLBACK or rate != round(rate, 1):
        raise Refused(-2007, "Invalid callBack rate.")
    algo.callback = f"{rate:f}"
    if request.text("activatePrice"):
        algo.activate = read_ticks(market, request, "activatePrice", request.text("activatePrice"))
        if (algo.activate - seen_price(market, algo.working)) * algo.side > 0:
            raise Refused(-2021, "Order would immediately trigger.")


def read_ticks(market: Market, request: Request, name: str, text: str) -> int:
    """Ticks of a trigger or activation price."""
    value = decimal_of(name, text)
    if value <= 0:
        raise Refused(-4006, "Stop price less than zero.")
    item = market.instrument
    return whole(value, item.tick, item.price_places, -4014, "Price not increased by tick size.")


def seen_price(market: Market, working: str) -> Decimal:
    """The price a working type looks at, in ticks."""
    return market.mark() / market.instrument.tick if working == "MARK_PRICE" else Decimal(market.last())


def read_client_id(context: Context, request: Request) -> str:
    """clientAlgoId, or one the venue makes up; newClientOrderId is not looked at."""
    given = request.params.get("clientAlgoId")
    if given is None:
        return context.venue.account.made_id()
    if not CLIENT_ID.match(given):
        raise Refused(-4015, "Client order id is not valid.")
    if any(a.client_id == given for a in context.venue.algos.waiting.values()):
        raise Refused(-20132, "The client algo id is duplicated.")
    return given


# ---- the calls

def count_down(context: Context, request: Request) -> Any:
    """POST countdownCancelAll: the dead-man switch of a symbol's plain orders (conditional ones are left alone)."""
    symbol = context.venue.market(request.need("symbol")).symbol
    request.need("countdownTime")
    wait = request.integer("countdownTime")
    if wait is None or wait < 0:
        raise Refused(-1130, "Data sent for parameter 'countdownTime' is not valid.")
    context.venue.count_down(symbol, wait)
    return {"symbol": symbol, "countdownTime": str(wait)}


def place(context: Context, request: Request) -> Any:
    """POST algoOrder."""
    market, algo = read_algo(context, request)
    context.venue.algos.place(algo)
    row = algo_row(market.instrument, algo)
    context.venue.settle()
    return row


def find(context: Context, request: Request) -> Algo:
    """The conditional order a request means."""
    algo_id, client_id = request.integer("algoId"), request.text("clientAlgoId")
    if algo_id is None and not client_id:
        raise missing("algoId' or 'clientAlgoId")
    algo = context.venue.algos.find(algo_id, client_id)
    if algo is None or (request.as_of is not None and algo.created > request.as_of):
        raise UNKNOWN
    return algo


def cancel(context: Context, request: Request) -> Any:
    """DELETE algoOrder."""
    algo, venue = find(context, request), context.venue
    fault = venue.faults.first("fill_on_cancel", algo.symbol, venue.product.category)
    if fault and algo.status == "NEW" and algo.trigger:
        venue.faults.use(fault)
        venue.move(venue.markets[algo.symbol], algo.trigger)
    if algo.status != "NEW":
        raise Refused(-2011, "Unknown order sent.")
    context.venue.algos.cancel(algo)
    context.venue.settle()
    return {"algoId": algo.algo_id, "clientAlgoId": algo.client_id, "code": "200", "msg": "success"}


def cancel_all(context: Context, request: Request) -> Any:
    """DELETE algoOpenOrders of a symbol."""
    symbol = context.venue.market(request.need("symbol")).symbol
    for algo in [a for a in context.venue.algos.waiting.values() if a.symbol == symbol]:
        context.venue.algos.cancel(algo)
    context.venue.settle()
    return CANCELED_ALL


def row_of(context: Context, algo: Algo) -> Any:
    """A query row."""
    return algo_row(context.venue.account.listed[algo.symbol], algo, listed=True)


def get_algo(context: Context, request: Request) -> Any:
    """GET algoOrder."""
    return row_of(context, find(context, request))


def open_algos(context: Context, request: Request) -> Any:
    """GET openAlgoOrders of a symbol or of all."""
    symbol = request.text("symbol")
    if symbol:
        context.venue.market(symbol)
    else:
        request.weight = 40
    wanted = request.integer("algoId")
    return [row_of(context, a) for a in context.venue.algos.waiting.values()
            if (not symbol or a.symbol == symbol) and (wanted is None or a.algo_id == wanted)
            and (request.as_of is None or a.created <= request.as_of)]


def all_algos(context: Context, request: Request) -> Any:
    """GET allAlgoOrders of a symbol: by algoId (inclusive) or by time of creation."""
    symbol = context.venue.market(request.need("symbol")).symbol
    limit, page = request.limit(500, 1000), request.integer("page", 1) or 1
    first = request.integer("algoId")
    start, end = window(context, request)
    rows = [a for a in context.venue.algos.all.values() if a.symbol == symbol
            and (a.algo_id >= first if first is not None else start <= a.created <= end)]
    return [row_of(context, a) for a in rows[(page - 1) * limit: page * limit]]


SIGNED = "SIGNED"
CALLS = {
    ("POST", "algoOrder"): Route(place, 0, SIGNED, 1),
    ("DELETE", "algoOrder"): Route(cancel, 1, SIGNED),
    ("GET", "algoOrder"): Route(get_algo, 1, SIGNED),
    ("GET", "openAlgoOrders"): Route(open_algos, 1, SIGNED),
    ("DELETE", "algoOpenOrders"): Route(cancel_all, 1, SIGNED),
    ("GET", "allAlgoOrders"): Route(all_algos, 5, SIGNED),
    ("POST", "countdownCancelAll"): Route(count_down, 10, SIGNED),
}
ROUTES: dict[tuple[str, str], Route] = {(method, f"/{host}/v1/{name}"): route for host in ("fapi", "dapi")
                                        for (method, name), route in CALLS.items()}
