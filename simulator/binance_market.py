"""Public REST calls of USD-M: symbols, book, candles, trades, prices, funding."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from simulator.candles import DAY, INTERVALS, MINUTE, Candle
from simulator.errors import Refused
from simulator.instruments import Instrument
from simulator.market import FUNDING_MS, Market
from simulator.money import plain
from simulator.payloads import money8
from simulator.wire import Context, Json, Request, Route

DEPTH_LIMITS = {5: 2, 10: 2, 20: 2, 50: 2, 100: 5, 500: 10, 1000: 20}


def ping(context: Context, request: Request) -> Any:
    """Nothing."""
    return {}


def server_time(context: Context, request: Request) -> Any:
    """The venue's clock."""
    return {"serverTime": context.venue.clock.now()}


def exchange_info(context: Context, request: Request) -> Any:
    """Symbols, filters, limits."""
    venue = context.venue
    symbols = venue.replay.rows if venue.replay else [m.instrument.info() for m in venue.markets.values()]
    assets = [{"asset": "USDT", "marginAvailable": True, "autoAssetExchange": "-10000"}]
    return {"timezone": "UTC", "serverTime": venue.clock.now(), "futuresType": "U_MARGINED",
            "rateLimits": venue.limits.rows(), "exchangeFilters": [], "assets": assets, "symbols": symbols}


def depth(context: Context, request: Request) -> Any:
    """Book snapshot."""
    market = context.venue.market(request.need("symbol"))
    limit = request.integer("limit", 500)
    if limit not in DEPTH_LIMITS:
        raise Refused(-4021, f"{limit} is not valid depth limit.")
    request.weight = DEPTH_LIMITS[limit]
    now = context.venue.clock.now()
    return {"lastUpdateId": market.engine.snapshot_id(), "E": now, "T": now,
            "bids": levels(market, 1, limit), "asks": levels(market, -1, limit)}


def levels(market: Market, side: int, limit: int) -> list[list[str]]:
    """Best levels as price and quantity texts."""
    item = market.instrument
    return [[item.price_text(p), item.qty_text(q)] for p, q in market.engine.depth(side, limit)]


def klines(context: Context, request: Request) -> Any:
    """Candles; the last one may be running."""
    market = context.venue.market(request.need("symbol"))
    interval = request.need("interval")
    if interval not in INTERVALS:
        raise Refused(-1120, "Invalid interval.")
    limit = request.limit(500, 1500)
    request.weight = 1 if limit < 100 else 2 if limit < 500 else 5 if limit <= 1000 else 10
    start, end = request.integer("startTime"), request.integer("endTime")
    market.roll()
    first = None if start is None else -(-start // MINUTE)
    last = None if end is None else end // MINUTE
    rows = market.series.bars(interval, first, last, limit)
    return [kline_row(market.instrument, candle, interval) for candle in rows]


def kline_row(item: Instrument, c: Candle, interval: str) -> list[Any]:
    """One candle as klines lists it."""
    return [c[0] * MINUTE, item.price_text(c[1]), item.price_text(c[2]), item.price_text(c[3]), item.price_text(c[4]),
            item.qty_text(c[5]), (c[0] + INTERVALS[interval]) * MINUTE - 1, item.value_text(c[6]), c[7],
            item.qty_text(c[8]), item.value_text(c[9]), "0"]


def mark_klines(context: Context, request: Request) -> Any:
    """Mark and index price candles: as the traded ones, without volume."""
    request.params.setdefault("symbol", request.text("pair"))
    return [[*row[:5], "0", row[6], "0", row[8], "0", "0", "0"] for row in klines(context, request)]


def trades(context: Context, request: Request) -> Any:
    """Newest public trades."""
    market = context.venue.market(request.need("symbol"))
    item = market.instrument
    limit = request.limit(500, 1000)
    return [{"id": t.trade_id, "price": item.price_text(t.price), "qty": item.qty_text(t.lots),
             "quoteQty": item.value_text(item.units(t.price, t.lots)), "time": t.time, "isBuyerMaker": t.sold}
            for t in list(market.trades)[-limit:]]


def agg_trades(context: Context, request: Request) -> Any:
    """Public trades put together by taker order and price."""
    market = context.venue.market(request.need("symbol"))
    item = market.instrument
    limit = request.limit(500, 1000)
    first, start, end = (request.integer(n) for n in ("fromId", "startTime", "endTime"))
    rows = [a for a in market.aggregates if (first is None or a.agg_id >= first)
            and (start is None or a.time >= start) and (end is None or a.time <= end)]
    rows = rows[-limit:] if first is None and start is None else rows[:limit]
    return [{"a": a.agg_id, "p": item.price_text(a.price), "q": item.qty_text(a.lots), "f": a.first, "l": a.last,
             "T": a.time, "m": a.sold} for a in rows]


def premium_index(context: Context, request: Request) -> Any:
    """Mark price and the next funding."""
    def row(market: Market) -> Json:
        mark = market.mark()
        return {"symbol": market.symbol, "markPrice": money8(mark), "indexPrice": money8(market.index()),
                "estimatedSettlePrice": money8(mark), "lastFundingRate": money8(market.rate()),
                "interestRate": "0.00010000", "nextFundingTime": market.next_funding, "time": market.clock.now()}
    return one_or_all(context, request, row, 10)


def funding_rate(context: Context, request: Request) -> Any:
    """Past funding rates, oldest first; those before this exchange was born are a function of their time."""
    venue = context.venue
    symbol = request.text("symbol")
    limit = request.limit(100, 1000)
    start, end = request.integer("startTime"), request.integer("endTime")
    rows: list[Json] = []
    for market in [venue.market(symbol)] if symbol else venue.markets.values():
        known = venue.rates[market.symbol]
        oldest = known[0][0] if known else venue.clock.now()
        base = (oldest - 1) // FUNDING_MS * FUNDING_MS
        made = [(base - i * FUNDING_MS, Decimal("0.0001")) for i in range(20, -1, -1)]
        rows += [{"symbol": market.symbol, "fundingTime": t, "fundingRate": money8(r),
                  "markPrice": money8(market.mark())}
                 for t, r in [*made, *known]]
    rows = sorted((r for r in rows if (start is None or r["fundingTime"] >= start)
                   and (end is None or r["fundingTime"] <= end)), key=lambda r: r["fundingTime"])
    return rows[-limit:] if start is None else rows[:limit]


def funding_info(context: Context, request: Request) -> Any:
    """Symbols with unusual funding: none."""
    return []


def ticker_24h(context: Context, request: Request) -> Any:
    """Statistics of the last 24 hours."""
    return one_or_all(context, request, day_statistics, 40)


def day_statistics(market: Market) -> Json:
    """One symbol's 24 hour statistics."""
    item, now = market.instrument, market.clock.now()
    market.roll()
    rows = market.series.minutes(now // MINUTE - DAY + 1, now // MINUTE)
    last = market.last()
    opened = rows[0][1] if rows else last
    volume, value = sum(r[5] for r in rows), sum(r[6] for r in rows)
    change = Decimal(last - opened) * 100 / opened
    weighted = item.average(value, volume) if volume else item.price(last)
    return {"symbol": item.symbol, "priceChange": item.price_text(last - opened),
            "priceChangePercent": f"{change:.3f}", "weightedAvgPrice": f"{weighted:.{item.price_places}f}",
            "lastPrice": item.price_text(last),
            "lastQty": item.qty_text(market.trades[-1].lots if market.trades else 0),
            "openPrice": item.price_text(opened), "highPrice": item.price_text(max((r[2] for r in rows), default=last)),
            "lowPrice": item.price_text(min((r[3] for r in rows), default=last)), "volume": item.qty_text(volume),
            "quoteVolume": item.value_text(value), "openTime": (now // MINUTE - DAY + 1) * MINUTE, "closeTime": now,
            "firstId": next((r[10] for r in rows if r[10]), 0), "lastId": market.trade_ids.last,
            "count": sum(r[7] for r in rows)}


def book_ticker(context: Context, request: Request) -> Any:
    """Best bid and ask."""
    def row(market: Market) -> Json:
        (bid,), (ask,) = (levels(market, side, 1) or [["0", "0"]] for side in (1, -1))
        return {"symbol": market.symbol, "bidPrice": bid[0], "bidQty": bid[1], "askPrice": ask[0], "askQty": ask[1],
                "time": market.clock.now(), "lastUpdateId": market.engine.update_id}
    return one_or_all(context, request, row, 5)


def price_ticker(context: Context, request: Request) -> Any:
    """Last price."""
    def row(market: Market) -> Json:
        when = market.trades[-1].time if market.trades else market.clock.now()
        return {"symbol": market.symbol, "price": market.instrument.price_text(market.last()), "time": when}
    return one_or_all(context, request, row, 2)


def open_interest(context: Context, request: Request) -> Any:
    """A plausible constant."""
    market = context.venue.market(request.need("symbol"))
    return {"openInterest": plain(market.instrument.qty(market.instrument.typical_lots * 9000)),
            "symbol": market.symbol, "time": market.clock.now()}


def one_or_all(context: Context, request: Request, row: Any, weight_of_all: int) -> Any:
    """A row of one symbol, or the list of all."""
    symbol = request.text("symbol")
    if symbol:
        return row(context.venue.market(symbol))
    request.weight = weight_of_all
    return [row(market) for market in context.venue.markets.values()]


ROUTES: dict[tuple[str, str], Route] = {
    ("GET", "/fapi/v1/ping"): Route(ping),
    ("GET", "/fapi/v1/time"): Route(server_time),
    ("GET", "/fapi/v1/exchangeInfo"): Route(exchange_info),
    ("GET", "/fapi/v1/depth"): Route(depth, 10),
    ("GET", "/fapi/v1/rpiDepth"): Route(depth, 20),
    ("GET", "/fapi/v1/klines"): Route(klines, 5),
    ("GET", "/fapi/v1/markPriceKlines"): Route(mark_klines, 5),
    ("GET", "/fapi/v1/indexPriceKlines"): Route(mark_klines, 5),
    ("GET", "/fapi/v1/trades"): Route(trades, 5),
    ("GET", "/fapi/v1/historicalTrades"): Route(trades, 200),
    ("GET", "/fapi/v1/aggTrades"): Route(agg_trades, 20),
    ("GET", "/fapi/v1/premiumIndex"): Route(premium_index, 1),
    ("GET", "/fapi/v1/fundingRate"): Route(funding_rate, 1),
    ("GET", "/fapi/v1/fundingInfo"): Route(funding_info, 1),
    ("GET", "/fapi/v1/ticker/24hr"): Route(ticker_24h, 1),
    ("GET", "/fapi/v1/ticker/bookTicker"): Route(book_ticker, 2),
    ("GET", "/fapi/v1/ticker/price"): Route(price_ticker, 1),
    ("GET", "/fapi/v2/ticker/price"): Route(price_ticker, 1),
    ("GET", "/fapi/v1/openInterest"): Route(open_interest, 1),
}
