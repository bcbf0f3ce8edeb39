"""Account and order calls of COIN-M: those of USD-M with its own rows where they differ."""

from __future__ import annotations

from typing import Any

from simulator import binance_account as usdm
from simulator import binance_orders as orders
from simulator.coin_market import chosen
from simulator.errors import Refused
from simulator.market import Market
from simulator.payloads import Json, fill_row
from simulator.wire import Context, Request, Route, missing

BASE_SUMS = ("walletBalance", "unrealizedProfit", "marginBalance", "maintMargin", "initialMargin",
             "positionInitialMargin", "openOrderInitialMargin", "maxWithdrawAmount", "crossWalletBalance",
             "crossUnPnl", "availableBalance")


def position_row(context: Context, market: Market, side: str) -> Json:
    """What positionRisk and account say of one position; notionalValue in coins, signed."""
    venue = context.venue
    _, row = usdm.position_figures(context, market, side)
    kept = ("symbol", "positionSide", "positionAmt", "entryPrice", "breakEvenPrice", "markPrice", "unRealizedProfit",
            "liquidationPrice", "isolatedMargin", "isolatedWallet", "updateTime")
    isolated = market.symbol in venue.account.isolated
    return {**{key: row[key] for key in kept}, "leverage": str(venue.leverage(market.symbol)),
            **usdm.largest(context, market), "marginType": "isolated" if isolated else "cross",
            "isAutoAddMargin": "false", "notionalValue": row["notional"]}


def position_risk(context: Context, request: Request) -> Any:
    """GET positionRisk: every contract, of a marginAsset or of a pair, with or without a position."""
    asset, pair = request.text("marginAsset"), request.text("pair")
    if asset and pair:
        raise Refused(-1128, "Combination of optional parameters invalid.")
    return [position_row(context, market, side) for market in chosen(context, request) for side in usdm.sides(context)
            if not asset or market.instrument.asset == asset]


def balance(context: Context, request: Request) -> Any:
    """GET balance: one row for each coin."""
    now, name = context.venue.clock.now(), context.venue.account.name
    rows = []
    for asset in context.venue.account.wallets:
        sums = usdm.figures(context, asset)
        rows.append({"accountAlias": name, "asset": asset, "balance": sums["walletBalance"],
                     "withdrawAvailable": sums["maxWithdrawAmount"], "crossWalletBalance": sums["crossWalletBalance"],
                     "crossUnPnl": sums["crossUnPnl"], "availableBalance": sums["availableBalance"],
                     "updateTime": now})
    return rows


def account(context: Context, request: Request) -> Any:
    """GET account: coins and all contracts."""
    venue = context.venue
    now = venue.clock.now()
    assets = []
    for asset in venue.account.wallets:
        sums = usdm.figures(context, asset)
        assets.append({"asset": asset, **{key: sums[key] for key in BASE_SUMS}, "updateTime": now})
    positions = []
    for market in venue.markets.values():
        for side in usdm.sides(context):
            _, row = usdm.position_figures(context, market, side)
            kept = ("symbol", "positionSide", "positionAmt", "entryPrice", "breakEvenPrice", "initialMargin",
                    "maintMargin", "positionInitialMargin", "openOrderInitialMargin", "isolatedWallet", "updateTime")
            positions.append({**{key: row[key] for key in kept}, "unrealizedProfit": row["unRealizedProfit"],
                              "leverage": str(venue.leverage(market.symbol)), **usdm.largest(context, market),
                              "isolated": market.symbol in venue.account.isolated, "notionalValue": row["notional"]})
    return {"assets": assets, "positions": positions, "canDeposit": True, "canTrade": True, "canWithdraw": True,
            "feeTier": 0, "updateTime": 0}


def user_trades(context: Context, request: Request) -> Any:
    """GET userTrades of a symbol or a pair: by fromId (of a symbol, no times) or within seven days."""
    venue = context.venue
    if not request.text("symbol") and not request.text("pair"):
        raise missing("symbol' or 'pair")
    symbols = {market.symbol for market in chosen(context, request)}
    limit = request.limit(50, 1000)
    first, order_id = request.integer("fromId"), request.integer("orderId")
    if first is not None and (request.text("startTime") or request.text("endTime") or request.text("pair")):
        raise Refused(-1128, "Combination of optional parameters invalid.")
    start, end = orders.window(context, request)
    fills = [f for f in venue.account.fills if f.symbol in symbols and (order_id is None or f.order_id == order_id)
             and (request.as_of is None or f.time <= request.as_of)
             and (f.trade_id >= first if first is not None else start <= f.time <= end)]
    fills.sort(key=lambda f: f.trade_id if len(symbols) == 1 else f.time)
    forward = first is not None or request.text("startTime")
    return [fill_row(venue.account.listed[f.symbol], f) for f in (fills[:limit] if forward else fills[-limit:])]


def brackets(context: Context, request: Request) -> Any:
    """GET leverageBracket, counted in coins (v1 names pairs, v2 symbols)."""
    by_pair = request.path.startswith("/dapi/v1")
    return [{"pair" if by_pair else "symbol": market.instrument.pair if by_pair else market.symbol,
             "notionalCoef": 1.0, "brackets": usdm.bracket_rows(2, "qty")} for market in chosen(context, request)]


SIGNED = "SIGNED"
SHARED = {  # the same call with the same rows on both products
    ("POST", "order"): Route(orders.place, 0, SIGNED, 1),
    ("PUT", "order"): Route(orders.modify, 1, SIGNED, 1),
    ("DELETE", "order"): Route(orders.cancel, 1, SIGNED),
    ("GET", "order"): Route(orders.get_order, 1, SIGNED),
    ("GET", "openOrder"): Route(orders.open_order, 1, SIGNED),
    ("GET", "openOrders"): Route(orders.open_orders, 1, SIGNED),
    ("GET", "allOrders"): Route(orders.all_orders, 20, SIGNED),
    ("DELETE", "allOpenOrders"): Route(orders.cancel_all, 1, SIGNED),
    ("POST", "batchOrders"): Route(orders.batch(orders.place), 5, SIGNED, 5),
    ("PUT", "batchOrders"): Route(orders.batch(orders.modify), 5, SIGNED, 5),
    ("DELETE", "batchOrders"): Route(orders.cancel_batch, 1, SIGNED),
    ("GET", "orderAmendment"): Route(orders.amendments, 1, SIGNED),
    ("GET", "forceOrders"): Route(orders.force_orders, 20, SIGNED),
    ("GET", "income"): Route(usdm.income, 20, SIGNED),
    ("POST", "leverage"): Route(usdm.set_leverage, 1, SIGNED),
    ("POST", "marginType"): Route(usdm.set_margin_type, 1, SIGNED),
    ("GET", "positionSide/dual"): Route(usdm.get_dual, 30, SIGNED),
    ("POST", "positionSide/dual"): Route(usdm.set_dual, 1, SIGNED),
    ("GET", "commissionRate"): Route(usdm.commission_rate, 20, SIGNED),
    ("GET", "rateLimit/order"): Route(usdm.order_limits, 1, SIGNED),
    ("GET", "adlQuantile"): Route(usdm.adl, 5, SIGNED),
    ("GET", "symbolConfig"): Route(usdm.symbol_config, 5, SIGNED),
    ("GET", "accountConfig"): Route(usdm.account_config, 5, SIGNED),
    ("POST", "listenKey"): Route(usdm.make_listen_key, 1, "KEY"),
    ("PUT", "listenKey"): Route(usdm.keep_listen_key, 1, "KEY"),
    ("DELETE", "listenKey"): Route(usdm.drop_listen_key, 1, "KEY"),
}
ROUTES: dict[tuple[str, str], Route] = {
    **{(method, f"/dapi/v1/{name}"): route for (method, name), route in SHARED.items()},
    ("GET", "/dapi/v1/account"): Route(account, 5, SIGNED),
    ("GET", "/dapi/v1/balance"): Route(balance, 1, SIGNED),
    ("GET", "/dapi/v1/positionRisk"): Route(position_risk, 1, SIGNED),
    ("GET", "/dapi/v1/userTrades"): Route(user_trades, 20, SIGNED),
    ("GET", "/dapi/v1/leverageBracket"): Route(brackets, 1, SIGNED),
    ("GET", "/dapi/v2/leverageBracket"): Route(brackets, 1, SIGNED),
}
