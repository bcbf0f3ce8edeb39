"""Account calls of USD-M: balances, positions, settings, fills, income, listen key, key rights."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from simulator import brackets, money
from simulator.binance_orders import window
from simulator.errors import Refused
from simulator.market import Market
from simulator.money import ZERO, Position, plain
from simulator.payloads import Json, fill_row, money8
from simulator.wire import Context, Request, Route

ASSET = "USDT"
DAY_MS = 86400 * 1000
KEPT_MS, YEAR_MS = 90 * DAY_MS, 366 * DAY_MS  # of income
DONE = {"code": 200, "msg": "success"}


def figures(context: Context, asset: str) -> Json:
    """The sums of one coin of the account as texts."""
    venue = context.venue
    wallet, profit = venue.account.wallets[asset], venue.unrealised(asset)
    markets = {m.symbol: m for m in venue.of_asset(asset)}
    values = [(s, abs(markets[s].instrument.sums.value(p.qty, markets[s].mark())))
              for (s, _), p in venue.account.positions.items() if s in markets]
    held = sum((value / venue.leverage(symbol) for symbol, value in values), ZERO)
    used = sum((venue.symbol_margin(m) for m in markets.values()), ZERO)
    kept = sum((brackets.maintenance(markets[s].instrument.family, value) for s, value in values), ZERO)
    free = max(ZERO, wallet + profit - used)
    return {"walletBalance": money8(wallet), "unrealizedProfit": money8(profit),
            "marginBalance": money8(wallet + profit), "maintMargin": money8(kept), "initialMargin": money8(used),
            "positionInitialMargin": money8(held), "openOrderInitialMargin": money8(max(ZERO, used - held)),
            "crossWalletBalance": money8(wallet), "crossUnPnl": money8(profit), "availableBalance": money8(free),
            "maxWithdrawAmount": money8(free)}


def sides(context: Context) -> tuple[str, ...]:
    """The position sides of the mode."""
    return ("LONG", "SHORT") if context.venue.account.hedge else ("BOTH",)


def largest(context: Context, market: Market) -> Json:
    """The largest position at the symbol's leverage, as the product calls it."""
    family = market.instrument.family
    most = str(brackets.cap(family, context.venue.leverage(market.symbol)))
    return {"maxNotionalValue": most} if family == 1 else {"maxQty": most}


def bracket_rows(family: int, word: str) -> list[Json]:
    """The brackets of a product; `word` is what it counts: notional or qty."""
    return [{"bracket": number, "initialLeverage": b.leverage, f"{word}Cap": b.cap, f"{word}Floor": b.floor,
             "maintMarginRatio": float(b.ratio), "cum": float(b.cum)}
            for number, b in enumerate(brackets.of_family(family), 1)]


def position_figures(context: Context, market: Market, side: str) -> tuple[Position, Json]:
    """One position and the texts its rows share."""
    venue = context.venue
    position = venue.position(market.symbol, side)
    mark = market.mark()
    item = market.instrument
    value = item.sums.value(position.qty, mark)
    leverage = venue.leverage(market.symbol)
    margin = money8(abs(value) / leverage)
    total = venue.symbol_margin(market)
    liquidation = ZERO
    if position.qty:  # the mark at which the whole wallet would be gone
        liquidation = item.sums.ruin(position.qty, position.entry, venue.account.wallets[item.asset])
    row = {"symbol": market.symbol, "positionSide": side,
           "positionAmt": f"{position.qty:.{item.qty_places}f}",
           "entryPrice": plain(position.entry) if position.qty else "0.0",
           "breakEvenPrice": plain(position.entry) if position.qty else "0.0",
           "markPrice": money8(mark), "unRealizedProfit": money8(money.unrealised(position, mark, item.sums)),
           "liquidationPrice": plain(round(liquidation, 8)), "isolatedMargin": "0", "notional": money8(value),
           "marginAsset": item.asset, "isolatedWallet": "0", "initialMargin": money8(total),
           "maintMargin": money8(brackets.maintenance(item.family, abs(value))), "positionInitialMargin": margin,
           "openOrderInitialMargin": money8(max(ZERO, total - abs(value) / leverage)), "adl": 1,
           "bidNotional": "0", "askNotional": "0",
           "updateTime": venue.account.position_times.get((market.symbol, side), 0)}
    return position, row


def position_risk(version: int) -> Any:
    """GET positionRisk: v3 only symbols with a position or orders, v2 all with leverage and margin type."""
    def handler(context: Context, request: Request) -> Any:
        venue = context.venue
        symbol = request.text("symbol")
        markets = [venue.market(symbol)] if symbol else list(venue.markets.values())
        rows = []
        for market in markets:
            busy = any(o.symbol == market.symbol for o in venue.account.open.values())
            for side in sides(context):
                position, row = position_figures(context, market, side)
                if version == 3 and not position.qty and not busy:
                    continue
                if version == 2:
                    isolated = market.symbol in venue.account.isolated
                    row |= {"leverage": str(venue.leverage(market.symbol)), **largest(context, market),
                            "marginType": "isolated" if isolated else "cross", "isAutoAddMargin": "false"}
                rows.append(row)
        return rows
    return handler


def balance(context: Context, request: Request) -> Any:
    """GET balance."""
    venue = context.venue
    return [{"accountAlias": venue.account.name, "asset": asset, "balance": sums["walletBalance"],
             "crossWalletBalance": sums["crossWalletBalance"], "crossUnPnl": sums["crossUnPnl"],
             "availableBalance": sums["availableBalance"], "maxWithdrawAmount": sums["maxWithdrawAmount"],
             "marginAvailable": True, "updateTime": venue.clock.now()}
            for asset in venue.account.wallets for sums in [figures(context, asset)]]


def account(version: int) -> Any:
    """GET account."""
    def handler(context: Context, request: Request) -> Any:
        venue = context.venue
        sums = figures(context, ASSET)
        positions = []
        for market in venue.markets.values():
            for side in sides(context):
                position, row = position_figures(context, market, side)
                short = {"symbol": market.symbol, "positionSide": side, "positionAmt": row["positionAmt"],
                         "unrealizedProfit": row["unRealizedProfit"], "isolatedMargin": "0",
                         "notional": row["notional"], "isolatedWallet": "0", "initialMargin": row["initialMargin"],
                         "maintMargin": row["maintMargin"], "updateTime": row["updateTime"]}
                if version == 2:
                    short |= {"positionInitialMargin": row["positionInitialMargin"],
                              "openOrderInitialMargin": row["openOrderInitialMargin"],
                              "leverage": str(venue.leverage(market.symbol)),
                              "maxNotional": largest(context, market)["maxNotionalValue"],
                              "isolated": market.symbol in venue.account.isolated, "entryPrice": row["entryPrice"],
                              "breakEvenPrice": row["breakEvenPrice"], "bidNotional": "0", "askNotional": "0"}
                if version == 2 or position.qty or Decimal(row["initialMargin"]):
                    positions.append(short)
        totals = {"totalInitialMargin": "initialMargin", "totalMaintMargin": "maintMargin",
                  "totalWalletBalance": "walletBalance", "totalUnrealizedProfit": "unrealizedProfit",
                  "totalMarginBalance": "marginBalance", "totalPositionInitialMargin": "positionInitialMargin",
                  "totalOpenOrderInitialMargin": "openOrderInitialMargin",
                  "totalCrossWalletBalance": "crossWalletBalance", "totalCrossUnPnl": "crossUnPnl",
                  "availableBalance": "availableBalance", "maxWithdrawAmount": "maxWithdrawAmount"}
        out: Json = {long: sums[name] for long, name in totals.items()}
        if version == 2:
            out |= {"feeTier": 0, "canTrade": True, "canDeposit": True, "canWithdraw": True, "updateTime": 0,
                    "multiAssetsMargin": venue.account.multi_assets, "tradeGroupId": -1}
        out["assets"] = [{"asset": asset, **figures(context, asset), "marginAvailable": True,
                          "updateTime": venue.clock.now()} for asset in venue.account.wallets]
        out["positions"] = positions
        return out
    return handler


def user_trades(context: Context, request: Request) -> Any:
    """GET userTrades: by fromId (inclusive, no times) or within seven days."""
    venue = context.venue
    market = venue.market(request.need("symbol"))
    limit = request.limit(500, 1000)
    first, order_id = request.integer("fromId"), request.integer("orderId")
    if first is not None and (request.text("startTime") or request.text("endTime")):
        raise Refused(-1128, "Combination of optional parameters invalid.")
    start, end = window(context, request)
    fills = [f for f in venue.account.fills if f.symbol == market.symbol
             and (order_id is None or f.order_id == order_id)
             and (request.as_of is None or f.time <= request.as_of)
             and (f.trade_id >= first if first is not None else start <= f.time <= end)]
    fills.sort(key=lambda f: f.trade_id)
    forward = first is not None or request.text("startTime")
    return [fill_row(market.instrument, f) for f in (fills[:limit] if forward else fills[-limit:])]


def income(context: Context, request: Request) -> Any:
    """GET income, oldest first. USD-M tells three months, COIN-M takes windows of up to a year."""
    venue, now = context.venue, context.venue.clock.now()
    is_usdm = request.path.startswith("/fapi/")
    symbol, kind = request.text("symbol"), request.text("incomeType")
    limit, page = request.limit(100, 1000), request.integer("page", 1) or 1
    page = 1 if venue.faults.first("pageless") else page
    start, end = request.integer("startTime"), request.integer("endTime")
    if start is None and end is None:
        start = now - 7 * DAY_MS
    if start is not None and end is not None and end - start > YEAR_MS and not is_usdm:
        raise Refused(-1127, "More than 1 year between startTime and endTime.")
    if is_usdm:
        start = max(start or 0, now - KEPT_MS)
    rows = [i for i in venue.account.income if (not symbol or i.symbol == symbol) and (not kind or i.kind == kind)
            and (start is None or i.time >= start) and (end is None or i.time <= end)
            and (request.as_of is None or i.time <= request.as_of)]
    rows = sorted(rows, key=lambda i: i.time)[(page - 1) * limit: page * limit]
    return [{"symbol": i.symbol, "incomeType": i.kind, "income": money8(i.amount), "asset": i.asset, "info": i.info,
             "time": i.time, "tranId": i.tran_id, "tradeId": i.trade_id} for i in rows]


def set_leverage(context: Context, request: Request) -> Any:
    """POST leverage."""
    market = context.venue.market(request.need("symbol"))
    request.need("leverage")
    leverage = request.integer("leverage") or 0
    if not 1 <= leverage <= 125:
        raise Refused(-4028, f"Leverage {leverage} is not valid")
    context.venue.set_leverage(market, leverage)
    return {"symbol": market.symbol, "leverage": leverage, **largest(context, market)}


def set_margin_type(context: Context, request: Request) -> Any:
    """POST marginType."""
    venue, kind = context.venue, request.need("marginType")
    symbol = venue.market(request.need("symbol")).symbol
    if kind not in ("ISOLATED", "CROSSED"):
        raise Refused(-1130, "Data sent for parameter 'marginType' is not valid.")
    if (kind == "ISOLATED") == (symbol in venue.account.isolated):
        raise Refused(-4046, "No need to change margin type.")
    if any(o.symbol == symbol for o in venue.account.open.values()):
        raise Refused(-4047, "Margin type cannot be changed if there exists open orders.")
    if any(s == symbol and p.qty for (s, _), p in venue.account.positions.items()):
        raise Refused(-4048, "Margin type cannot be changed if there exists position.")
    venue.account.set_isolated(symbol, kind == "ISOLATED")
    venue.settle()
    return DONE


def get_dual(context: Context, request: Request) -> Any:
    """GET positionSide/dual."""
    return {"dualSidePosition": context.venue.account.hedge}


def set_dual(context: Context, request: Request) -> Any:
    """POST positionSide/dual: hedge mode on or off."""
    venue = context.venue
    request.need("dualSidePosition")
    hedge = request.flag("dualSidePosition")
    if hedge == venue.account.hedge:
        raise Refused(-4059, "No need to change position side.")
    if venue.account.open or venue.algos.waiting:
        raise Refused(-4067, "Position side cannot be changed if there exists open orders.")
    if any(p.qty for p in venue.account.positions.values()):
        raise Refused(-4068, "Position side cannot be changed if there exists position.")
    other = venue.sibling
    if other and (other.account.open or other.algos.waiting or any(p.qty for p in other.account.positions.values())):
        raise Refused(-4531, "Position mode of UM and CM must be changed together; the other has open orders or "
                             "positions.")
    venue.owner.set_hedge(hedge)
    venue.settle()
    return DONE


def get_multi(context: Context, request: Request) -> Any:
    """GET multiAssetsMargin."""
    return {"multiAssetsMargin": context.venue.account.multi_assets}


def set_multi(context: Context, request: Request) -> Any:
    """POST multiAssetsMargin."""
    request.need("multiAssetsMargin")
    multi = request.flag("multiAssetsMargin")
    if multi == context.venue.account.multi_assets:
        raise Refused(-4171, "No need to change multi-assets mode.")
    context.venue.account.set_multi_assets(multi)
    context.venue.settle()
    return DONE


def fee_burn(context: Context, request: Request) -> Any:
    """GET and POST feeBurn: whether fees are paid in BNB."""
    if request.method == "POST":
        request.need("feeBurn")
        context.venue.account.set_bnb_fees(request.flag("feeBurn"))
        context.venue.settle()
        return DONE
    return {"feeBurn": context.venue.account.bnb_fees}


def leverage_brackets(context: Context, request: Request) -> Any:
    """GET leverageBracket."""
    def row(market: Market) -> Json:
        return {"symbol": market.symbol, "notionalCoef": 1.0, "brackets": bracket_rows(1, "notional")}
    symbol = request.text("symbol")
    if symbol:
        return [row(context.venue.market(symbol))]
    return [row(market) for market in context.venue.markets.values()]


def symbol_config(context: Context, request: Request) -> Any:
    """GET symbolConfig."""
    venue, symbol = context.venue, request.text("symbol")
    markets = [venue.market(symbol)] if symbol else venue.markets.values()
    return [{"symbol": m.symbol, "marginType": "ISOLATED" if m.symbol in venue.account.isolated else "CROSSED",
             "isAutoAddMargin": False, "leverage": venue.leverage(m.symbol), **largest(context, m)}
            for m in markets]


def account_config(context: Context, request: Request) -> Any:
    """GET accountConfig."""
    venue = context.venue
    return {"feeTier": 0, "canTrade": True, "canDeposit": True, "canWithdraw": True,
            "dualSidePosition": venue.account.hedge, "updateTime": 0, "multiAssetsMargin": venue.account.multi_assets,
            "tradeGroupId": -1}


def commission_rate(context: Context, request: Request) -> Any:
    """GET commissionRate."""
    item = context.venue.market(request.need("symbol")).instrument
    maker, taker = map(plain, context.venue.account.rates or money.usual_rates(item.sums))
    return {"symbol": item.symbol, "makerCommissionRate": maker, "takerCommissionRate": taker,
            "rpiCommissionRate": maker}


def order_limits(context: Context, request: Request) -> Any:
    """GET rateLimit/order."""
    return [row for row in context.venue.limits.rows() if row["rateLimitType"] == "ORDERS"]


def adl(context: Context, request: Request) -> Any:
    """GET adlQuantile."""
    return [{"symbol": s, "adlQuantile": {"LONG": 0, "SHORT": 0, "BOTH": 1}}
            for (s, _), p in context.venue.account.positions.items() if p.qty]


def make_listen_key(context: Context, request: Request) -> Any:
    """POST listenKey: the same one while it is active."""
    return {"listenKey": context.hub.listen_key_for_client()}


def keep_listen_key(context: Context, request: Request) -> Any:
    """PUT listenKey: an hour more."""
    if not context.hub.extend_listen_key():
        raise Refused(-1125, "This listenKey does not exist.")
    return {"listenKey": context.hub.listen_key}


def drop_listen_key(context: Context, request: Request) -> Any:
    """DELETE listenKey."""
    context.hub.forget_listen_key()
    return {}


def api_restrictions(context: Context, request: Request) -> Any:
    """GET /sapi/v1/account/apiRestrictions: a key that may trade and may not withdraw."""
    may_withdraw = context.venue.faults.first("withdraw") is not None
    return {"ipRestrict": False, "createTime": 1698645219000, "enableReading": True, "enableWithdrawals": may_withdraw,
            "enableInternalTransfer": False, "enableMargin": False, "enableFutures": True,
            "permitsUniversalTransfer": False, "enableVanillaOptions": False, "enableFixApiTrade": False,
            "enableFixReadOnly": True, "enableSpotAndMarginTrading": True, "enablePortfolioMarginTrading": False}


SIGNED = "SIGNED"
ROUTES: dict[tuple[str, str], Route] = {
    ("GET", "/fapi/v2/account"): Route(account(2), 5, SIGNED),
    ("GET", "/fapi/v3/account"): Route(account(3), 5, SIGNED),
    ("GET", "/fapi/v2/balance"): Route(balance, 5, SIGNED),
    ("GET", "/fapi/v3/balance"): Route(balance, 5, SIGNED),
    ("GET", "/fapi/v2/positionRisk"): Route(position_risk(2), 5, SIGNED),
    ("GET", "/fapi/v3/positionRisk"): Route(position_risk(3), 5, SIGNED),
    ("GET", "/fapi/v1/userTrades"): Route(user_trades, 5, SIGNED),
    ("GET", "/fapi/v1/income"): Route(income, 30, SIGNED),
    ("GET", "/fapi/v1/feeBurn"): Route(fee_burn, 30, SIGNED),
    ("POST", "/fapi/v1/feeBurn"): Route(fee_burn, 1, SIGNED),
    ("POST", "/fapi/v1/leverage"): Route(set_leverage, 1, SIGNED),
    ("POST", "/fapi/v1/marginType"): Route(set_margin_type, 1, SIGNED),
    ("GET", "/fapi/v1/positionSide/dual"): Route(get_dual, 30, SIGNED),
    ("POST", "/fapi/v1/positionSide/dual"): Route(set_dual, 1, SIGNED),
    ("GET", "/fapi/v1/multiAssetsMargin"): Route(get_multi, 30, SIGNED),
    ("POST", "/fapi/v1/multiAssetsMargin"): Route(set_multi, 1, SIGNED),
    ("GET", "/fapi/v1/leverageBracket"): Route(leverage_brackets, 1, SIGNED),
    ("GET", "/fapi/v1/symbolConfig"): Route(symbol_config, 5, SIGNED),
    ("GET", "/fapi/v1/accountConfig"): Route(account_config, 5, SIGNED),
    ("GET", "/fapi/v1/commissionRate"): Route(commission_rate, 20, SIGNED),
    ("GET", "/fapi/v1/rateLimit/order"): Route(order_limits, 1, SIGNED),
    ("GET", "/fapi/v1/adlQuantile"): Route(adl, 5, SIGNED),
    ("POST", "/fapi/v1/listenKey"): Route(make_listen_key, 1, "KEY"),
    ("PUT", "/fapi/v1/listenKey"): Route(keep_listen_key, 1, "KEY"),
    ("DELETE", "/fapi/v1/listenKey"): Route(drop_listen_key, 1, "KEY"),
    ("GET", "/sapi/v1/account/apiRestrictions"): Route(api_restrictions, 1, SIGNED),
}
