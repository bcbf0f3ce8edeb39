"""What the public streams say, and when: tops at once, the rest on the heartbeat."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from simulator.binance_market import day_statistics
from simulator.candles import INTERVALS, MINUTE, Candle
from simulator.futures import Futures
from simulator.market import Market
from simulator.payloads import Json, money8
from simulator.writer import Diffs, Rolling, Writer

if TYPE_CHECKING:
    from simulator.binance_streams import Hub

PUBLIC = re.compile(r"^([a-z0-9_]+@(bookTicker|trade|rpiDepth.*|depth(5|10|20)?(@(100|250|500)ms)?)|!bookTicker)$")
MARKET = re.compile(r"^([a-z0-9_]+@(aggTrade|kline_\w+|continuousKline_\w+|markPrice(@1s)?|ticker|miniTicker|forceOrder"
                    r"|compositeIndex|assetIndex)|![\w@]+|tradingSession)$")
DIFF = re.compile(r"^([a-z0-9_]+)@depth(?:@(100|250|500)ms)?$")
PARTIAL = re.compile(r"^([a-z0-9_]+)@depth(5|10|20)(?:@(100|250|500)ms)?$")
BEATS = {"100": 2, "250": 5, None: 5, "500": 10}  # heartbeats of 50 ms between two messages


def category(stream: str) -> str:
    """The path a stream belongs to."""
    if PUBLIC.match(stream):
        return "public"
    if MARKET.match(stream):
        return "market"
    return "private"


class Publisher(Writer):
    """Writes the public events of all symbols into the hub."""

    def __init__(self, venue: Futures, hub: Hub) -> None:
        super().__init__(venue.faults, venue.product.category)
        self.venue = venue
        self.hub = hub

    def wanted(self, stream: str) -> None:
        """A stream got its first reader: begin to collect for it."""
        found = DIFF.match(stream)
        if found and stream not in self._diffs and not self.venue.replay:
            market = self.venue.markets.get(found[1].upper())
            if market:
                self._diffs[stream] = Diffs(stream, market, BEATS[found[2]])
        symbol, _, rest = stream.partition("@kline_")
        if rest in INTERVALS and stream not in self._rolling and symbol.upper() in self.venue.markets:
            self._flush_candles(self.venue.markets[symbol.upper()])
            self._rolling[stream] = Rolling(self.venue.markets[symbol.upper()], rest)

    def diffs(self, stream: str) -> Diffs:
        """What is collected for a diff stream that has readers."""
        return self._diffs[stream]

    def unwanted(self, stream: str) -> None:
        """A stream lost its last reader."""
        diffs = self._diffs.pop(stream, None)
        if diffs:
            watchers = diffs.market.engine.watchers
            watchers[:] = [touched for touched in watchers if touched is not diffs.touched]
        self._rolling.pop(stream, None)

    def tops(self) -> None:
        """bookTicker, at once when the best price or its quantity changed."""
        subscribers = self.hub.subscribers
        markets = self._both() if "!bookTicker" in subscribers else list(self.venue.markets.values())
        for market in markets:
            symbol = market.symbol
            stream = f"{symbol.lower()}@bookTicker"
            if (stream in subscribers or "!bookTicker" in subscribers) and not self.venue.replay:
                top = (market.engine.depth(1, 1), market.engine.depth(-1, 1))
                if top != self._tops.get(symbol) and top[0] and top[1]:
                    self._tops[symbol] = top
                    event = self.top_event(market)
                    self.hub.publish(stream, event)
                    self.hub.publish("!bookTicker", event)

    def _both(self) -> list[Market]:
        """The markets of both futures products: streams of all markets carry them together, told apart by `st`."""
        sibling = self.venue.sibling
        return [*self.venue.markets.values(), *(sibling.markets.values() if sibling else ())]

    def top_event(self, market: Market) -> Json:
        """One bookTicker event."""
        item, now = market.instrument, self.venue.clock.now()
        (bid, bids), = market.engine.depth(1, 1)
        (ask, asks), = market.engine.depth(-1, 1)
        return {"e": "bookTicker", "u": market.engine.update_id, "E": now, "T": now, "s": item.symbol,
                "ps": item.pair, "st": item.family, "b": item.price_text(bid), "B": item.qty_text(bids),
                "a": item.price_text(ask), "A": item.qty_text(asks)}

    def beat(self, count: int) -> None:
        """Everything that goes by the heartbeat (20 a second)."""
        for market in self.venue.markets.values():
            self._trades(market)
            if count % 5 == 0:
                self._candles(market)
            if count % 20 == 0:
                self._marks(market, count % 60 == 0)
                self._statistics(market)
        for diffs in self._diffs.values():
            if count % diffs.beats == 0:
                self._diff(diffs)
        for stream in list(self.hub.subscribers):
            found = PARTIAL.match(stream)
            if found and count % BEATS[found[3]] == 0:
                self._partial(stream, found[1].upper(), int(found[2]))
        if count % 20 == 0:
            self._all_markets(count)

    def _trades(self, market: Market) -> None:
        item, name = market.instrument, market.symbol.lower()
        now = self.venue.clock.now()
        for a in market.pushed_aggregates:
            if not self.venue.replay:
                self.hub.publish(f"{name}@aggTrade", {
                    "e": "aggTrade", "E": now, "a": a.agg_id, "s": item.symbol, "p": item.price_text(a.price),
                    "q": item.qty_text(a.lots), "nq": item.qty_text(a.lots), "f": a.first, "l": a.last, "T": a.time,
                    "m": a.sold, "st": item.family})
        for t in market.printed:
            self.hub.publish(f"{name}@trade", {"e": "trade", "E": now, "T": t.time, "s": item.symbol, "t": t.trade_id,
                                               "p": item.price_text(t.price), "q": item.qty_text(t.lots), "X": "MARKET",
                                               "m": t.sold})
        market.pushed_aggregates.clear()
        market.printed.clear()

    def _candle(self, stream: str, rolling: Rolling, c: Candle, closed: bool) -> None:
        if rolling.interval == "1m" and self.venue.replay and self.venue.replay.playing:
            return  # the recording brings its own
        item = rolling.market.instrument
        self.hub.publish(stream, {
            "e": "kline", "E": self.venue.clock.now(), "s": item.symbol, "ps": item.pair, "st": item.family, "k": {
                "t": c[0] * MINUTE, "T": (c[0] + INTERVALS[rolling.interval]) * MINUTE - 1, "s": item.symbol,
                "i": rolling.interval, "f": c[10] if c[7] else -1, "L": c[11] if c[7] else -1,
                "o": item.price_text(c[1]), "c": item.price_text(c[4]), "h": item.price_text(c[2]),
                "l": item.price_text(c[3]), "v": item.qty_text(c[5]), "n": c[7], "x": closed,
                "q": item.value_text(c[6]), "V": item.qty_text(c[8]), "Q": item.value_text(c[9]), "B": "0"}})

    def _diff(self, diffs: Diffs) -> None:
        event = diffs.collect()
        if event is None:
            return
        for one in self.faulty(diffs, event):
            self.hub.publish(diffs.stream, one)

    def _partial(self, stream: str, symbol: str, limit: int) -> None:
        market = self.venue.markets.get(symbol)
        if market is None:
            return
        item, now = market.instrument, self.venue.clock.now()
        update = market.engine.update_id
        rows = {side: [[item.price_text(p), item.qty_text(q)] for p, q in market.engine.depth(side, limit)]
                for side in (1, -1)}
        self.hub.publish(stream, {"e": "depthUpdate", "E": now, "T": now, "s": symbol, "ps": item.pair,
                                  "st": item.family, "U": update, "u": update, "pu": update - 1,
                                  "b": rows[1], "a": rows[-1]})

    def mark_event(self, market: Market) -> Json:
        """One markPriceUpdate."""
        mark, family = money8(market.mark()), market.instrument.family
        index = {"i": money8(market.index())} if family == 1 else {}  # COIN-M tells it on indexPrice
        return {"e": "markPriceUpdate", "E": self.venue.clock.now(), "s": market.symbol, "p": mark, "ap": mark,
                **index, "P": mark, "r": money8(market.rate()), "T": market.next_funding, "st": family}

    def index_event(self, market: Market) -> Json:
        """One indexPriceUpdate of COIN-M."""
        return {"e": "indexPriceUpdate", "E": self.venue.clock.now(), "i": market.instrument.pair,
                "p": money8(market.index())}

    def _marks(self, market: Market, third: bool) -> None:
        name, subscribers = market.symbol.lower(), self.hub.subscribers
        pair = market.instrument.pair.lower()
        if market.instrument.family == 2 and f"{pair}@indexPrice@1s" in subscribers:
            self.hub.publish(f"{pair}@indexPrice@1s", self.index_event(market))
        if third and market.instrument.family == 2 and f"{pair}@indexPrice" in subscribers:
            self.hub.publish(f"{pair}@indexPrice", self.index_event(market))
        if f"{name}@markPrice@1s" in subscribers:
            self.hub.publish(f"{name}@markPrice@1s", self.mark_event(market))
        if third and f"{name}@markPrice" in subscribers:
            self.hub.publish(f"{name}@markPrice", self.mark_event(market))

    def _statistics(self, market: Market) -> None:
        name, subscribers = market.symbol.lower(), self.hub.subscribers
        if f"{name}@ticker" in subscribers:
            self.hub.publish(f"{name}@ticker", self.ticker_event(market))
        if f"{name}@miniTicker" in subscribers:
            self.hub.publish(f"{name}@miniTicker", self.mini_event(market))

    def ticker_event(self, market: Market) -> Json:
        """24hrTicker."""
        day = day_statistics(market)
        names = {"p": "priceChange", "P": "priceChangePercent", "w": "weightedAvgPrice", "c": "lastPrice",
                 "Q": "lastQty", "o": "openPrice", "h": "highPrice", "l": "lowPrice", "v": "volume", "q": "quoteVolume",
                 "O": "openTime", "C": "closeTime", "F": "firstId", "L": "lastId", "n": "count"}
        item = market.instrument
        return {"e": "24hrTicker", "E": day["closeTime"], "s": item.symbol, "ps": item.pair, "st": item.family,
                **{short: day[long] for short, long in names.items()}}

    def mini_event(self, market: Market) -> Json:
        """24hrMiniTicker."""
        full = self.ticker_event(market)
        kept = ("E", "s", "ps", "st", "c", "o", "h", "l", "v", "q")
        return {"e": "24hrMiniTicker", **{key: full[key] for key in kept}}

    def _all_markets(self, count: int) -> None:
        subscribers, own = self.hub.subscribers, list(self.venue.markets.values())
        for stream, make, markets, due in (
                ("!ticker@arr", self.ticker_event, self._both(), True),
                ("!miniTicker@arr", self.mini_event, self._both(), True),
                ("!markPrice@arr@1s", self.mark_event, own, True),
                ("!markPrice@arr", self.mark_event, own, count % 60 == 0)):
            if due and stream in subscribers:
                self.hub.publish(stream, [make(market) for market in markets])
