"""Account calls of spot: balances, commissions, fills, order counts, and the listen keys that are gone."""

from __future__ import annotations

from typing import Any

from simulator.errors import Refused
from simulator.money import ZERO
from simulator.payloads import money8
from simulator.spot_account import BNB_FACTOR, RATE
from simulator.spot_rows import fill_row
from simulator.spot_venue import SpotVenue
from simulator.wire import Request, Route

DAY_MS = 86400 * 1000
COMBINATION = "Combination of optional parameters invalid."
NONE = {"maker": "0.00000000", "taker": "0.00000000", "buyer": "0.00000000", "seller": "0.00000000"}
RATES = {**NONE, "maker": f"{RATE:.8f}", "taker": f"{RATE:.8f}"}


def account(spot: SpotVenue, request: Request) -> Any:
    """GET account: what there is, free and locked."""
    own = spot.account
    assets = {name: own.asset(name) for name in own.totals}
    omit = request.flag("omitZeroBalances")
    basis = int(RATE * 10000)
    return {"makerCommission": basis, "takerCommission": basis, "buyerCommission": 0, "sellerCommission": 0,
            "commissionRates": RATES, "canTrade": True, "canWithdraw": True,
            "canDeposit": True, "brokered": False, "requireSelfTradePrevention": False, "preventSor": False,
            "updateTime": own.updated, "accountType": "SPOT",
            "balances": [{"asset": name, "free": money8(a.free), "locked": money8(a.locked)}
                         for name, a in assets.items() if a.total or not omit],
            "permissions": ["SPOT"], "uid": int(own.name.rpartition("-")[2]) + 354_000_000}


def commission(spot: SpotVenue, request: Request) -> Any:
    """GET account/commission of a pair."""
    market = spot.market(request.need("symbol"))
    return {"symbol": market.symbol, "standardCommission": RATES, "specialCommission": NONE, "taxCommission": NONE,
            "discount": {"enabledForAccount": spot.account.bnb_fees, "enabledForSymbol": True, "discountAsset": "BNB",
                         "discount": f"{BNB_FACTOR:.8f}"}}


def my_trades(spot: SpotVenue, request: Request) -> Any:
    """GET myTrades: only some combinations of parameters are allowed."""
    market = spot.market(request.need("symbol"))
    limit = request.limit(500, 1000)
    order_id, first, start, end = (request.integer(n) for n in ("orderId", "fromId", "startTime", "endTime"))
    timed = start is not None or end is not None
    if timed and (order_id is not None or first is not None):
        raise Refused(-1128, COMBINATION)
    check_day(start, end)
    request.weight = 20 if order_id is None else 5
    rows = [f for f in spot.account.fills if f.symbol == market.symbol
            and (request.as_of is None or f.time <= request.as_of)
            and (order_id is None or f.order_id == order_id) and (first is None or f.trade_id >= first)
            and (start is None or f.time >= start) and (end is None or f.time <= end)]
    rows.sort(key=lambda f: f.trade_id)
    return [fill_row(f) for f in (rows[:limit] if first is not None or start is not None else rows[-limit:])]


def check_day(start: int | None, end: int | None) -> None:
    """Refuse a window of more than a day."""
    if start is not None and end is not None:
        if end < start:
            raise Refused(-1128, COMBINATION)
        if end - start > DAY_MS:
            raise Refused(-1127, "More than 24 hours between startTime and endTime.")


def order_counts(spot: SpotVenue, request: Request) -> Any:
    """GET rateLimit/order: unfilled orders of both windows."""
    return spot.limits.order_rows(counts=True)


def my_filters(spot: SpotVenue, request: Request) -> Any:
    """GET myFilters: the account has no filters of its own."""
    spot.market(request.need("symbol"))
    return {"exchangeFilters": [], "symbolFilters": [], "assetFilters": []}


def nothing(spot: SpotVenue, request: Request) -> Any:
    """Order lists and allocations: there are none here."""
    return []


def gone(spot: SpotVenue, request: Request) -> Any:
    """The listen keys of spot ended on 2026-02-20."""
    raise Refused(0, "<html>\r\n<head><title>410 Gone</title></head>\r\n<body>\r\n<center><h1>410 Gone</h1></center>"
                     "\r\n</body>\r\n</html>\r\n", 410)


def bnb_burn(spot: SpotVenue, request: Request) -> Any:
    """GET and POST bnbBurn: whether fees of spot are paid in BNB."""
    if request.method == "POST" and request.text("spotBNBBurn"):
        spot.account.set_bnb_fees(request.flag("spotBNBBurn"))
        spot.settle()
    return {"spotBNBBurn": spot.account.bnb_fees, "interestBNBBurn": False}


def trade_fee(spot: SpotVenue, request: Request) -> Any:
    """GET tradeFee of a pair or of all."""
    symbol = request.text("symbol")
    markets = [spot.market(symbol)] if symbol else list(spot.markets.values())
    return [{"symbol": m.symbol, "makerCommission": str(RATE), "takerCommission": str(RATE)} for m in markets]


def funds(spot: SpotVenue, request: Request) -> Any:
    """POST getUserAsset: assets with something in them."""
    own = spot.account
    rows = [(name, own.asset(name)) for name in own.totals if own.totals[name] != ZERO]
    return [{"asset": name, "free": money8(a.free), "locked": money8(a.locked), "freeze": "0", "withdrawing": "0",
             "ipoable": "0", "btcValuation": "0"} for name, a in rows]


LISTEN_KEY = "/api/v3/userDataStream"
ROUTES: dict[tuple[str, str], Route] = {
    ("GET", "/api/v3/account"): Route(account, 20, "SIGNED"),
    ("GET", "/api/v3/account/commission"): Route(commission, 20, "SIGNED"),
    ("GET", "/api/v3/myTrades"): Route(my_trades, 20, "SIGNED"),
    ("GET", "/api/v3/rateLimit/order"): Route(order_counts, 40, "SIGNED"),
    ("GET", "/api/v3/myFilters"): Route(my_filters, 40, "SIGNED"),
    ("GET", "/api/v3/myAllocations"): Route(nothing, 20, "SIGNED"),
    ("GET", "/api/v3/openOrderList"): Route(nothing, 6, "SIGNED"),
    ("GET", "/api/v3/allOrderList"): Route(nothing, 20, "SIGNED"),
    ("POST", LISTEN_KEY): Route(gone),
    ("PUT", LISTEN_KEY): Route(gone),
    ("DELETE", LISTEN_KEY): Route(gone),
    ("GET", "/sapi/v1/bnbBurn"): Route(bnb_burn, 1, "SIGNED"),
    ("POST", "/sapi/v1/bnbBurn"): Route(bnb_burn, 1, "SIGNED"),
    ("GET", "/sapi/v1/asset/tradeFee"): Route(trade_fee, 1, "SIGNED"),
    ("POST", "/sapi/v3/asset/getUserAsset"): Route(funds, 5, "SIGNED"),
}
