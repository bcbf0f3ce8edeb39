"""Public REST calls of spot: pairs, book, candles, trades, prices."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from decimal import Decimal
from typing import Any

from simulator.binance_market import day_statistics, levels
from simulator.candles import DAY, INTERVALS, MINUTE, Candle
from simulator.errors import Refused
from simulator.instruments import Instrument
from simulator.market import Aggregate, Market, Trade
from simulator.spot_instruments import AVERAGE_MINUTES, quote_text, spot_info
from simulator.spot_venue import SpotVenue
from simulator.wire import Json, Request, Route

SYMBOL = re.compile(r"^[A-Z0-9\-_.]{1,50}$")
WINDOWS = {"m": 1, "h": 60, "d": DAY}


def ping(spot: SpotVenue, request: Request) -> Any:
    """Nothing."""
    return {}


def server_time(spot: SpotVenue, request: Request) -> Any:
    """The venue's clock."""
    return {"serverTime": spot.clock.now()}


def exchange_info(spot: SpotVenue, request: Request) -> Any:
    """Pairs, filters, limits; of some pairs when asked."""
    rows = spot.replay.rows if spot.replay else [spot_info(m.instrument) for m in spot.markets.values()]
    wanted = named(spot, request)
    if wanted is not None:
        listed = {m.symbol for m in wanted}
        rows = [row for row in rows if row["symbol"] in listed]
    status = request.text("symbolStatus")
    if status and wanted is not None:
        raise Refused(-1128, "Combination of optional parameters invalid.")
    rows = [row for row in rows if not status or row["status"] == status]
    return {"timezone": "UTC", "serverTime": spot.clock.now(), "rateLimits": spot.limits.rows(), "exchangeFilters": [],
            "symbols": rows}


def named(spot: SpotVenue, request: Request) -> list[Market] | None:
    """The pairs of `symbol` or `symbols`; None when neither was sent."""
    one, many = request.text("symbol"), request.text("symbols")
    if one and many:
        raise Refused(-1128, "Combination of optional parameters invalid.")
    if not many:
        return [listed(spot, one)] if one else None
    try:
        names = json.loads(many)
        assert isinstance(names, list) and names and all(isinstance(name, str) for name in names)
    except (ValueError, AssertionError):
        raise Refused(-1100, "Illegal characters found in parameter 'symbols'; legal range is "
                             "'^\\[(\"[A-Z0-9-_.]{1,20}\"(,\"[A-Z0-9-_.]{1,20}\"){0,}){0,1}\\]$'.") from None
    return [listed(spot, name) for name in names]


def listed(spot: SpotVenue, symbol: str) -> Market:
    """A listed pair; text that can be none has its own refusal."""
    if not SYMBOL.match(symbol):
        raise Refused(-1100, "Illegal characters found in parameter 'symbol'; legal range is '^[A-Z0-9-_.]{1,20}$'.")
    return spot.market(symbol)


def page(request: Request, default: int, most: int) -> int:
    """The page size; market data gives the most there is for more."""
    limit = request.integer("limit", default)
    assert limit is not None
    if limit < 1:
        raise Refused(-1130, "Data sent for parameter 'limit' is not valid.")
    return min(limit, most)


def depth(spot: SpotVenue, request: Request) -> Any:
    """Book snapshot."""
    market = listed(spot, request.need("symbol"))
    limit = page(request, 100, 5000)
    request.weight = 5 if limit <= 100 else 25 if limit <= 500 else 50 if limit <= 1000 else 250
    return {"lastUpdateId": market.engine.snapshot_id(), "bids": levels(market, 1, limit),
            "asks": levels(market, -1, limit)}


def klines(spot: SpotVenue, request: Request) -> Any:
    """Candles; the last one may be running."""
    market = listed(spot, request.need("symbol"))
    interval = request.need("interval")
    if interval not in INTERVALS:
        raise Refused(-1120, "Invalid interval.")
    start, end = request.integer("startTime"), request.integer("endTime")
    market.roll()
    first = None if start is None else -(-start // MINUTE)
    last = None if end is None else end // MINUTE
    rows = market.series.bars(interval, first, last, page(request, 500, 1000))
    return [kline_row(market.instrument, candle, interval) for candle in rows]


def kline_row(item: Instrument, c: Candle, interval: str) -> list[Any]:
    """One candle as klines lists it."""
    return [c[0] * MINUTE, item.price_text(c[1]), item.price_text(c[2]), item.price_text(c[3]), item.price_text(c[4]),
            item.qty_text(c[5]), (c[0] + INTERVALS[interval]) * MINUTE - 1, quote_text(item, c[6]), c[7],
            item.qty_text(c[8]), quote_text(item, c[9]), "0"]


def trades(spot: SpotVenue, request: Request) -> Any:
    """Public trades: the newest, or from an id on (historicalTrades)."""
    market = listed(spot, request.need("symbol"))
    limit, first = page(request, 500, 1000), request.integer("fromId")
    rows = list(market.trades)
    rows = rows[-limit:] if first is None else [t for t in rows if t.trade_id >= first][:limit]
    return [trade_row(market.instrument, t) for t in rows]


def trade_row(item: Instrument, t: Trade) -> Json:
    """One public trade."""
    return {"id": t.trade_id, "price": item.price_text(t.price), "qty": item.qty_text(t.lots),
            "quoteQty": quote_text(item, t.price * t.lots), "time": t.time, "isBuyerMaker": t.sold,
            "isBestMatch": True}


def agg_trades(spot: SpotVenue, request: Request) -> Any:
    """Public trades put together by taker order and price."""
    market = listed(spot, request.need("symbol"))
    limit = page(request, 500, 1000)
    first, start, end = (request.integer(n) for n in ("fromId", "startTime", "endTime"))
    if first is not None and (start is not None or end is not None):
        raise Refused(-1128, "Combination of optional parameters invalid.")
    rows = [a for a in market.aggregates if (first is None or a.agg_id >= first)
            and (start is None or a.time >= start) and (end is None or a.time <= end)]
    rows = rows[-limit:] if first is None and start is None else rows[:limit]
    return [agg_row(market.instrument, a) for a in rows]


def agg_row(item: Instrument, a: Aggregate) -> Json:
    """One aggregate."""
    return {"a": a.agg_id, "p": item.price_text(a.price), "q": item.qty_text(a.lots), "f": a.first, "l": a.last,
            "T": a.time, "m": a.sold, "M": True}


def average_price(spot: SpotVenue, request: Request) -> Any:
    """The average price the filters are measured by."""
    market = listed(spot, request.need("symbol"))
    when = market.trades[-1].time if market.trades else spot.clock.now()
    return {"mins": AVERAGE_MINUTES, "price": f"{spot.average_price(market):.8f}", "closeTime": when}


def day(market: Market) -> Json:
    """One pair's statistics of the last 24 hours."""
    row = day_statistics(market)
    last, change = Decimal(row["lastPrice"]), Decimal(row["priceChange"])
    return {**row, "quoteVolume": f"{Decimal(row['quoteVolume']):.8f}", "prevClosePrice": f"{last - change:.8f}",
            **top(market)}


def top(market: Market) -> Json:
    """Best bid and ask with their quantities."""
    (bid, bids), (ask, asks) = ((levels(market, side, 1) or [["0.00000000"] * 2])[0] for side in (1, -1))
    return {"bidPrice": bid, "bidQty": bids, "askPrice": ask, "askQty": asks}


def shortened(row: Json, request: Request) -> Json:
    """A statistics row as `type` FULL or MINI has it."""
    kind = request.text("type", "FULL")
    if kind not in ("FULL", "MINI"):
        raise Refused(-1130, "Data sent for parameter 'type' is not valid.")
    kept = ("symbol", "openPrice", "highPrice", "lowPrice", "lastPrice", "volume", "quoteVolume", "openTime",
            "closeTime", "firstId", "lastId", "count")
    return row if kind == "FULL" else {name: row[name] for name in kept}


def ticker_24h(spot: SpotVenue, request: Request) -> Any:
    """Statistics of the last 24 hours."""
    return one_or_more(spot, request, lambda market: shortened(day(market), request), 2, 80)


def ticker(spot: SpotVenue, request: Request) -> Any:
    """Statistics of a window, or of the UTC day (tradingDay); pairs must be named."""
    if named(spot, request) is None:
        raise Refused(-1128, "Combination of optional parameters invalid.")
    if request.path.endswith("tradingDay"):
        minutes = spot.clock.now() // MINUTE % DAY + 1
    else:
        found = re.fullmatch(r"(\d{1,2})([mhd])", request.text("windowSize", "1d"))
        if not found:
            raise Refused(-1130, "Data sent for parameter 'windowSize' is not valid.")
        minutes = int(found[1]) * WINDOWS[found[2]]
    gone = ("prevClosePrice", "bidPrice", "bidQty", "askPrice", "askQty", "lastQty")

    def row(market: Market) -> Json:
        full = windowed(market, minutes)
        return shortened({name: value for name, value in full.items() if name not in gone}, request)
    return one_or_more(spot, request, row, 4, 200)


def windowed(market: Market, minutes: int) -> Json:
    """Statistics of the last so many minutes."""
    item, now = market.instrument, market.clock.now() // MINUTE
    market.roll()
    row = day(market)
    candles = market.series.minutes(now - minutes + 1, now)
    if not candles:
        return row
    last, opened = market.last(), candles[0][1]
    lots, value = sum(c[5] for c in candles), sum(c[6] for c in candles)
    weighted = item.tick * value / lots if lots else item.price(last)
    return {**row, "priceChange": item.price_text(last - opened), "openPrice": item.price_text(opened),
            "priceChangePercent": f"{Decimal(last - opened) * 100 / opened:.3f}",
            "weightedAvgPrice": f"{weighted:.8f}", "highPrice": item.price_text(max(c[2] for c in candles)),
            "lowPrice": item.price_text(min(c[3] for c in candles)), "volume": item.qty_text(lots),
            "quoteVolume": quote_text(item, value), "openTime": candles[0][0] * MINUTE,
            "firstId": next((c[10] for c in candles if c[10]), 0), "count": sum(c[7] for c in candles)}


def book_ticker(spot: SpotVenue, request: Request) -> Any:
    """Best bid and ask."""
    return one_or_more(spot, request, lambda market: {"symbol": market.symbol, **top(market)}, 2, 4)


def price_ticker(spot: SpotVenue, request: Request) -> Any:
    """Last price."""
    def row(market: Market) -> Json:
        return {"symbol": market.symbol, "price": market.instrument.price_text(market.last())}
    return one_or_more(spot, request, row, 2, 4)


def one_or_more(spot: SpotVenue, request: Request, row: Callable[[Market], Json], one: int, all_of: int) -> Any:
    """A row of one pair, or the list of several or all."""
    wanted = named(spot, request)
    if request.text("symbol") and wanted:
        request.weight = one
        return row(wanted[0])
    request.weight = all_of if wanted is None else min(all_of, one * len(wanted))
    return [row(market) for market in (spot.markets.values() if wanted is None else wanted)]


ROUTES: dict[tuple[str, str], Route] = {
    ("GET", "/api/v3/ping"): Route(ping),
    ("GET", "/api/v3/time"): Route(server_time),
    ("GET", "/api/v3/exchangeInfo"): Route(exchange_info, 20),
    ("GET", "/api/v3/depth"): Route(depth, 5),
    ("GET", "/api/v3/klines"): Route(klines, 2),
    ("GET", "/api/v3/uiKlines"): Route(klines, 2),
    ("GET", "/api/v3/trades"): Route(trades, 25),
    ("GET", "/api/v3/historicalTrades"): Route(trades, 25),
    ("GET", "/api/v3/aggTrades"): Route(agg_trades, 4),
    ("GET", "/api/v3/avgPrice"): Route(average_price, 2),
    ("GET", "/api/v3/ticker/24hr"): Route(ticker_24h, 2),
    ("GET", "/api/v3/ticker/tradingDay"): Route(ticker, 4),
    ("GET", "/api/v3/ticker"): Route(ticker, 4),
    ("GET", "/api/v3/ticker/bookTicker"): Route(book_ticker, 2),
    ("GET", "/api/v3/ticker/price"): Route(price_ticker, 2),
}
