"""Public REST calls of COIN-M where they differ from USD-M: arrays where the other has one row, and candles."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from simulator import binance_market as usdm
from simulator.candles import INTERVALS, MINUTE
from simulator.coin_instruments import coin_info
from simulator.errors import Refused
from simulator.market import Market
from simulator.money import plain
from simulator.payloads import Json, money8
from simulator.wire import Context, Request, Route, missing

LONGEST_MS = 200 * 86400 * 1000


def exchange_info(context: Context, request: Request) -> Any:
    """Symbols, filters, limits."""
    venue = context.venue
    symbols = venue.replay.rows if venue.replay else [coin_info(m.instrument) for m in venue.markets.values()]
    return {"timezone": "UTC", "serverTime": venue.clock.now(), "rateLimits": venue.limits.rows(),
            "exchangeFilters": [], "symbols": symbols}


def depth(context: Context, request: Request) -> Any:
    """Book snapshot, with symbol and pair."""
    book = usdm.depth(context, request)
    item = context.venue.market(request.need("symbol")).instrument
    return {**book, "symbol": item.symbol, "pair": item.pair}


def klines(context: Context, request: Request) -> Any:
    """Candles of at most 200 days; with a start they are still the latest of the window."""
    market = context.venue.market(request.need("symbol"))
    interval = request.need("interval")
    if interval not in INTERVALS:
        raise Refused(-1120, "Invalid interval.")
    limit = request.limit(500, 1500)
    request.weight = 1 if limit < 100 else 2 if limit < 500 else 5 if limit <= 1000 else 10
    start, end = request.integer("startTime"), request.integer("endTime")
    if start is not None and end is None:
        end = start + LONGEST_MS
    if start is not None and end is not None and end - start > LONGEST_MS:
        raise Refused(-4088, "Maximum time interval is 200 days.")
    market.roll()
    rows = market.series.bars(interval, None, None if end is None else end // MINUTE, limit)
    return [usdm.kline_row(market.instrument, candle, interval) for candle in rows
            if start is None or candle[0] * MINUTE >= start]


def continuous_klines(context: Context, request: Request) -> Any:
    """Candles of a pair's contract of a kind."""
    pair = request.need("pair")
    if request.need("contractType") != "PERPETUAL":
        return []
    request.params["symbol"] = f"{pair}_PERP"
    return klines(context, request)


def price_klines(context: Context, request: Request) -> Any:
    """Mark and index price candles: as the traded ones, without volume."""
    if request.text("pair"):
        request.params.setdefault("symbol", f"{request.text('pair')}_PERP")
    return [[*row[:5], "0", row[6], "0", row[8], "0", "0", "0"] for row in klines(context, request)]


def trades(context: Context, request: Request) -> Any:
    """Newest public trades; baseQty instead of quoteQty."""
    return [{**{key: value for key, value in row.items() if key != "quoteQty"}, "baseQty": row["quoteQty"]}
            for row in usdm.trades(context, request)]


def chosen(context: Context, request: Request) -> list[Market]:
    """Markets of a symbol, of a pair, or all."""
    venue, symbol, pair = context.venue, request.text("symbol"), request.text("pair")
    if symbol and pair:
        raise Refused(-1128, "Combination of optional parameters invalid.")
    if symbol:
        return [venue.market(symbol)]
    found = [m for m in venue.markets.values() if not pair or m.instrument.pair == pair]
    if not found:
        raise Refused(-1121, "Invalid symbol.")
    return found


def premium_index(context: Context, request: Request) -> Any:
    """Mark price and the next funding, always an array."""
    def row(market: Market) -> Json:
        mark = money8(market.mark())
        return {"symbol": market.symbol, "pair": market.instrument.pair, "markPrice": mark,
                "indexPrice": money8(market.index()), "estimatedSettlePrice": mark,
                "lastFundingRate": money8(market.rate()), "interestRate": "0.00010000",
                "nextFundingTime": market.next_funding, "time": market.clock.now()}
    return [row(market) for market in chosen(context, request)]


def funding_rate(context: Context, request: Request) -> Any:
    """Past funding rates of one symbol, oldest first."""
    request.need("symbol")
    return [{key: row[key] for key in ("symbol", "fundingTime", "fundingRate")}
            for row in usdm.funding_rate(context, request)]


def day_row(market: Market) -> Json:
    """One contract's 24 hour statistics: volume in contracts, baseVolume in coins."""
    row = usdm.day_statistics(market)
    return {**{key: value for key, value in row.items() if key != "quoteVolume"}, "pair": market.instrument.pair,
            "baseVolume": row["quoteVolume"]}


def ticker_24h(context: Context, request: Request) -> Any:
    """Statistics of the last 24 hours, always an array."""
    markets = chosen(context, request)
    request.weight = 1 if request.text("symbol") else 40
    return [day_row(market) for market in markets]


def book_ticker(context: Context, request: Request) -> Any:
    """Best bid and ask, always an array."""
    def row(market: Market) -> Json:
        (bid,), (ask,) = (usdm.levels(market, side, 1) or [["0", "0"]] for side in (1, -1))
        return {"symbol": market.symbol, "pair": market.instrument.pair, "bidPrice": bid[0], "bidQty": bid[1],
                "askPrice": ask[0], "askQty": ask[1], "time": market.clock.now(),
                "lastUpdateId": market.engine.update_id}
    return [row(market) for market in chosen(context, request)]


def price_ticker(context: Context, request: Request) -> Any:
    """Last price, always an array."""
    def row(market: Market) -> Json:
        when = market.trades[-1].time if market.trades else market.clock.now()
        return {"symbol": market.symbol, "ps": market.instrument.pair, "time": when,
                "price": market.instrument.price_text(market.last())}
    return [row(market) for market in chosen(context, request)]


def open_interest(context: Context, request: Request) -> Any:
    """A plausible constant."""
    if not request.text("symbol"):
        raise missing("symbol")
    item = context.venue.market(request.text("symbol")).instrument
    return {"symbol": item.symbol, "pair": item.pair, "contractType": "PERPETUAL",
            "openInterest": plain(Decimal(item.typical_lots * 9000)), "time": context.venue.clock.now()}


ROUTES: dict[tuple[str, str], Route] = {
    ("GET", "/dapi/v1/ping"): Route(usdm.ping),
    ("GET", "/dapi/v1/time"): Route(usdm.server_time),
    ("GET", "/dapi/v1/exchangeInfo"): Route(exchange_info),
    ("GET", "/dapi/v1/depth"): Route(depth, 10),
    ("GET", "/dapi/v1/klines"): Route(klines, 5),
    ("GET", "/dapi/v1/continuousKlines"): Route(continuous_klines, 5),
    ("GET", "/dapi/v1/markPriceKlines"): Route(price_klines, 5),
    ("GET", "/dapi/v1/indexPriceKlines"): Route(price_klines, 5),
    ("GET", "/dapi/v1/trades"): Route(trades, 5),
    ("GET", "/dapi/v1/historicalTrades"): Route(trades, 200, "KEY"),
    ("GET", "/dapi/v1/aggTrades"): Route(usdm.agg_trades, 20),
    ("GET", "/dapi/v1/premiumIndex"): Route(premium_index, 10),
    ("GET", "/dapi/v1/fundingRate"): Route(funding_rate, 1),
    ("GET", "/dapi/v1/fundingInfo"): Route(usdm.funding_info, 1),
    ("GET", "/dapi/v1/ticker/24hr"): Route(ticker_24h, 1),
    ("GET", "/dapi/v1/ticker/bookTicker"): Route(book_ticker, 2),
    ("GET", "/dapi/v1/ticker/price"): Route(price_ticker, 1),
    ("GET", "/dapi/v1/openInterest"): Route(open_interest, 1),
}
