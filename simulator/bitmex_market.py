"""Public BitMEX calls and the rows they share with the streams: instruments, book, trades, candles, funding."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from simulator.bitmex_instruments import SCALES, Contract, iso, ms, number
from simulator.bitmex_rows import Json, guid, side_name, tidy
from simulator.bitmex_venue import BitmexVenue
from simulator.bitmex_wire import Call, No, Route, table, time_of
from simulator.candles import DAY, INTERVALS, MINUTE, Candle
from simulator.market import FUNDING_MS, Market, Trade

BINS = ("1m", "5m", "1h", "1d")
MANY = 1000  # rows the trade and quote tables give at most
# What a spot pair's row does not have (the recorded one of 2026-05-21).
OF_CONTRACTS = ("front", "positionCurrency", "settlCurrency", "riskLimit", "riskStep", "fundingBaseRate",
                "fundingQuoteRate", "fundingInterval", "fairMethod", "underlyingSymbol")


# ---- rows

def live_fields(venue: BitmexVenue, symbol: str) -> Json:
    """What of an instrument moves from second to second."""
    contract, market = venue.contracts[symbol], venue.markets[symbol]
    item, mark, index = contract.item, market.mark(), market.index()
    bid, ask = market.engine.best(1), market.engine.best(-1)
    basis = mark - index.quantize(Decimal("0.01"))
    if contract.is_spot:
        last = number(item.price(market.last()))
        return tidy({
            "lastPrice": last, "lastTickDirection": last_direction(market), "midPrice": number(mark),
            "bidPrice": number(item.price(bid)) if bid else None, "askPrice": number(item.price(ask)) if ask else None,
            "markPrice": last})
    return tidy({
        "lastPrice": number(item.price(market.last())), "lastTickDirection": last_direction(market),
        "bidPrice": number(item.price(bid)) if bid else None, "askPrice": number(item.price(ask)) if ask else None,
        "midPrice": number(mark), "fairPrice": number(mark), "markPrice": number(mark), "fairBasis": number(basis),
        "indicativeSettlePrice": number(index.quantize(Decimal("0.01"))),
        "openValue": contract.value(contract.open_interest, mark), "fundingTimestamp": iso(market.next_funding),
        "fundingRate": number(market.rate()), "indicativeFundingRate": number(market.rate()),
        "quoteToSettleMultiplier": venue.per_quote() if contract.category == "quanto" else None})


def instrument_row(venue: BitmexVenue, symbol: str) -> Json:
    """A whole instrument."""
    if venue.replay:
        return venue.replay.rows[symbol] | live_fields(venue, symbol) | {"timestamp": iso(venue.clock.now())}
    c = venue.contracts[symbol]
    now = venue.clock.now()
    hour = now // 3600000 * 3600000
    fixed = {
        "symbol": symbol, "rootSymbol": c.underlying, "state": "Open", "typ": "FFWCSX", "listing": c.listing,
        "front": c.listing, "positionCurrency": {"inverse": c.quote, "linear": c.underlying}.get(c.category),
        "underlying": c.underlying, "quoteCurrency": c.quote,
        "underlyingSymbol": f"{c.underlying}{'T' if c.quote == 'USDT' else ''}=", "reference": "BMEX",
        "referenceSymbol": c.reference, "instrumentID": c.index, "maxOrderQty": c.max_qty,
        "minPrice": number(c.item.tick), "maxPrice": c.max_price, "lotSize": c.lot_size,
        "tickSize": number(c.item.tick), "minTick": Decimal("0.01"), "multiplier": c.multiplier,
        "settlCurrency": c.settle, "underlyingToPositionMultiplier": c.per_position,
        "underlyingToSettleMultiplier": c.multiplier if c.is_inverse else None,
        "quoteToSettleMultiplier": 1_000_000 if c.category == "linear" else None,
        "isQuanto": c.category == "quanto", "isInverse": c.is_inverse, "initMargin": c.init,
        "maintMargin": c.maintenance, "riskLimit": c.risk_limit, "riskStep": c.risk_limit, "capped": False,
        "taxed": True, "deleverage": True, "makerFee": c.maker, "takerFee": c.taker, "settlementFee": 0,
        "fundingBaseRate": Decimal("0.0003"), "fundingQuoteRate": Decimal("0.0006"),
        "fundingInterval": "2000-01-01T08:00:00.000Z", "openingTimestamp": iso(hour),
        "closingTimestamp": iso(hour + 3600000), "fairMethod": "FundingRate", "markMethod": "FairPrice",
        "instantPnl": True, "hasLiquidity": True, "openInterest": c.open_interest, "timestamp": iso(now)}
    if c.is_spot:
        fixed = {name: value for name, value in fixed.items() if name not in OF_CONTRACTS}
        fixed |= {"typ": "IFXXXP", "minTick": c.item.tick, "minPrice": number(c.item.tick), "initMargin": 1,
                  "maintMargin": 1, "quoteToSettleMultiplier": 10 ** SCALES[c.settle], "deleverage": False,
                  "markMethod": "LastPrice", "instantPnl": False, "openInterest": 0, "openValue": 0}
    return tidy(fixed) | day_fields(venue, symbol) | live_fields(venue, symbol)


def day_fields(venue: BitmexVenue, symbol: str) -> Json:
    """Statistics of the last 24 hours; made once a minute."""
    contract, market = venue.contracts[symbol], venue.markets[symbol]
    minute = venue.clock.now() // MINUTE
    known = venue.days.get(symbol)
    if known and known[0] == minute:
        return known[1]
    market.roll()
    rows = market.series.minutes(minute - DAY + 1, minute)
    item, last = contract.item, market.last()
    opened = rows[0][1] if rows else last
    volume = sum(r[5] for r in rows)
    middle = middle_price(contract, volume, sum(r[6] for r in rows), last)
    home, foreign = contract.notional(volume * contract.unit, middle, venue.per_quote())
    figures = {"prevPrice24h": number(item.price(opened)), "highPrice": number(item.price(max(r[2] for r in rows))),
               "lowPrice": number(item.price(min(r[3] for r in rows))), "vwap": number(middle),
               "volume24h": volume * contract.unit, "volume": volume * contract.unit,
               "turnover24h": contract.value(volume * contract.unit, middle), "homeNotional24h": number(home),
               "foreignNotional24h": number(foreign),
               "lastChangePcnt": number(round(Decimal(last - opened) / opened, 4))} if rows else {}
    venue.days[symbol] = (minute, figures)
    return figures


def middle_price(contract: Contract, lots: int, value: int, last: int) -> Decimal:
    """Average price of a volume."""
    if not lots:
        return contract.item.price(last)
    return (contract.item.tick * value / lots).quantize(Decimal("0.0001"), ROUND_HALF_UP)


def level_id(contract: Contract, price: int) -> int:
    """Id of a price in the book: opaque to clients, beyond 32 bits, falling with the price."""
    return contract.ids.get(price, contract.index * 10**8 + 10**8 - 1 - price)


def level_row(contract: Contract, side: int, price: int, lots: int, now: int) -> Json:
    """A level of the book."""
    return {"symbol": contract.symbol, "id": level_id(contract, price), "side": side_name(side),
            "size": lots * contract.unit, "price": number(contract.item.price(price)), "timestamp": iso(now),
            "transactTime": iso(now)}


def book_rows(contract: Contract, market: Market, depth: int) -> list[Json]:
    """The book by id: asks from the highest down to the best, then bids. depth 0 = all of it."""
    limit, now = depth or 1 << 30, market.clock.now()
    asks, bids = market.engine.depth(-1, limit), market.engine.depth(1, limit)
    return [level_row(contract, side, price, lots, now)
            for side, levels in ((-1, asks[::-1]), (1, bids)) for price, lots in levels]


def ten_row(contract: Contract, market: Market) -> Json:
    """The ten best levels of both sides."""
    item = contract.item
    sides = [[[number(item.price(p)), q * contract.unit] for p, q in market.engine.depth(side, 10)]
             for side in (1, -1)]
    return {"symbol": contract.symbol, "bids": sides[0], "asks": sides[1], "timestamp": iso(market.clock.now())}


def quote_row(contract: Contract, market: Market) -> Json:
    """Best bid and ask; a side may be absent."""
    row: Json = {"timestamp": iso(market.clock.now()), "symbol": contract.symbol}
    for side, price, size in ((1, "bidPrice", "bidSize"), (-1, "askPrice", "askSize")):
        for ticks, lots in market.engine.depth(side, 1):
            row |= {size: lots * contract.unit, price: number(contract.item.price(ticks))}
    return row


def directions(trades: Iterable[Trade], before: str = "ZeroPlusTick", last: int = 0) -> list[str]:
    """tickDirection of each trade; `before` and `last` are those of the trade ahead of them."""
    out = []
    for trade in trades:
        if last and trade.price != last:
            before = "PlusTick" if trade.price > last else "MinusTick"
        elif not before.startswith("Zero"):
            before = f"Zero{before}"
        out.append(before)
        last = trade.price
    return out


def last_direction(market: Market) -> str:
    """Direction of the newest trade, as far back as it takes."""
    newest = list(market.trades)[-20:] if len(market.trades) < 100 else [market.trades[i] for i in range(-20, 0)]
    return directions(newest)[-1] if newest else "ZeroPlusTick"


def trade_rows(venue: BitmexVenue, symbol: str, trades: list[Trade]) -> list[Json]:
    """Public trades."""
    contract, per_quote = venue.contracts[symbol], venue.per_quote()
    out = []
    for trade, direction in zip(trades, directions(trades), strict=True):
        qty, price = trade.lots * contract.unit, contract.item.price(trade.price)
        home, foreign = contract.notional(qty, price, per_quote)
        out.append({"timestamp": iso(trade.time), "symbol": symbol, "side": "Sell" if trade.sold else "Buy",
                    "size": qty, "price": number(price), "tickDirection": direction,
                    "trdMatchID": guid(16 + contract.index, trade.trade_id),
                    "grossValue": contract.value(qty, price), "homeNotional": number(home),
                    "foreignNotional": number(foreign), "trdType": "Regular"})
    return out


def bar_rows(venue: BitmexVenue, symbol: str, interval: str, candles: list[Candle]) -> list[Json]:
    """Candles, stamped with their END; each opens at the close before (bitmex.md 5). The first row opens as it is."""
    contract, per_quote = venue.contracts[symbol], venue.per_quote()
    item, before, out = contract.item, None, []
    for c in candles:
        opened = c[1] if before is None else before
        before = c[4]
        qty = c[5] * contract.unit
        middle = middle_price(contract, c[5], c[6], c[4])
        home, foreign = contract.notional(qty, middle, per_quote)
        out.append(tidy({
            "timestamp": iso((c[0] + INTERVALS[interval]) * MINUTE), "symbol": symbol,
            "open": number(item.price(opened)), "high": number(item.price(max(c[2], opened))),
            "low": number(item.price(min(c[3], opened))), "close": number(item.price(c[4])), "trades": c[7],
            "volume": qty, "vwap": number(middle) if qty else None,
            "lastSize": qty // c[7] // contract.lot_size * contract.lot_size if c[7] else None,
            "turnover": contract.value(qty, middle), "homeNotional": number(home),
            "foreignNotional": number(foreign)}))
    return out


def funding_rows(venue: BitmexVenue, symbol: str) -> list[Json]:
    """Past funding rates, oldest first; those before this exchange was born are a function of their time."""
    known = venue.rates[symbol]
    if venue.contracts[symbol].is_spot:
        return []
    newest = venue.markets[symbol].next_funding - FUNDING_MS
    made = [(newest - i * FUNDING_MS, Decimal("0.0001")) for i in range(20, -1, -1)]
    made = [row for row in made if not known or row[0] < known[0][0]]
    return [funding_history_row(symbol, at, rate) for at, rate in [*made, *known]]


def funding_history_row(symbol: str, at: int, rate: Decimal) -> Json:
    """A row of the funding table."""
    return {"timestamp": iso(at), "symbol": symbol, "fundingInterval": "2000-01-01T08:00:00.000Z",
            "fundingRate": number(rate), "fundingRateDaily": number(rate * 3)}


# ---- calls

def root(venue: BitmexVenue, call: Call) -> Any:
    """The interface's name and the venue's clock."""
    return {"name": "BitMEX API", "version": "1.2.0", "timestamp": venue.clock.now()}


def instruments(venue: BitmexVenue, call: Call) -> Any:
    """GET /instrument."""
    return table(call, [instrument_row(venue, s) for s in venue.contracts])


def active(venue: BitmexVenue, call: Call) -> Any:
    """GET /instrument/active: all of them."""
    return [instrument_row(venue, symbol) for symbol in venue.contracts]


def trades(venue: BitmexVenue, call: Call) -> Any:
    """GET /trade."""
    rows = [row for s in symbols(venue, call) for row in trade_rows(venue, s, list(venue.markets[s].trades))]
    return table(call, sorted(rows, key=lambda row: str(row["timestamp"])), most=MANY)


def bucketed(venue: BitmexVenue, call: Call) -> Any:
    """GET /trade/bucketed."""
    interval = call.text("binSize") or "1m"
    if interval not in BINS:
        raise No(400, "Invalid binSize", "ValidationError")
    rows: list[Json] = []
    for symbol in symbols(venue, call):
        rows += bars_asked(venue, call, symbol, interval)
    return table(call, sorted(rows, key=lambda row: str(row["timestamp"])), most=MANY)


def bars_asked(venue: BitmexVenue, call: Call, symbol: str, interval: str) -> list[Json]:
    """The bars a page can need, and one before them."""
    market, size = venue.markets[symbol], INTERVALS[interval]
    market.roll()
    need = (call.integer("count", 100) or 0) + (call.integer("start", 0) or 0) + 2
    begin, end = (minute_of(time_of(call.text(name))) for name in ("startTime", "endTime"))
    last = None if end is None else end
    if call.flag("reverse"):
        candles = market.series.bars(interval, None, last, need + 1)
    else:
        first = market.series.span()[0] if begin is None else begin - 2 * size
        candles = market.series.bars(interval, first, last, need + 2)
    now = venue.clock.now()
    if not call.flag("partial"):
        candles = [c for c in candles if (c[0] + size) * MINUTE <= now]
    return bar_rows(venue, symbol, interval, candles)


def minute_of(text: str | None) -> int | None:
    """Minute of a time in the rows' form."""
    return None if text is None else ms(text) // MINUTE


def book(venue: BitmexVenue, call: Call) -> Any:
    """GET /orderBook/L2."""
    contract = venue.contract(call.text("symbol"))
    return book_rows(contract, venue.markets[contract.symbol], call.integer("depth", 25) or 0)


def quotes(venue: BitmexVenue, call: Call) -> Any:
    """GET /quote: of the past nothing is kept, so the present one."""
    return table(call, [quote_row(venue.contracts[s], venue.markets[s]) for s in symbols(venue, call)], most=MANY)


def funding(venue: BitmexVenue, call: Call) -> Any:
    """GET /funding."""
    rows = [row for symbol in symbols(venue, call) for row in funding_rows(venue, symbol)]
    return table(call, sorted(rows, key=lambda row: str(row["timestamp"])))


def nothing(venue: BitmexVenue, call: Call) -> Any:
    """Tables that stay empty here: announcements, liquidations, settlements, insurance."""
    return []


def symbols(venue: BitmexVenue, call: Call) -> list[str]:
    """The symbol asked for, or all."""
    name = call.text("symbol")
    return [venue.contract(name).symbol] if name else list(venue.contracts)


ROUTES: dict[tuple[str, str], Route] = {
    ("GET", "/api/v1"): Route(root, False),
    ("GET", "/api/v1/"): Route(root, False),
    ("GET", "/api/v1/instrument"): Route(instruments, False),
    ("GET", "/api/v1/instrument/active"): Route(active, False),
    ("GET", "/api/v1/instrument/activeAndIndices"): Route(active, False),
    ("GET", "/api/v1/trade"): Route(trades, False),
    ("GET", "/api/v1/trade/bucketed"): Route(bucketed, False),
    ("GET", "/api/v1/orderBook/L2"): Route(book, False),
    ("GET", "/api/v1/quote"): Route(quotes, False),
    ("GET", "/api/v1/funding"): Route(funding, False),
    ("GET", "/api/v1/announcement"): Route(nothing, False),
    ("GET", "/api/v1/announcement/urgent"): Route(nothing, False),
    ("GET", "/api/v1/liquidation"): Route(nothing, False),
    ("GET", "/api/v1/settlement"): Route(nothing, False),
    ("GET", "/api/v1/insurance"): Route(nothing, False),
}
