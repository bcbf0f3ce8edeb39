"""What the public spot streams say, and when: tops at once, the rest on the heartbeat."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from simulator.candles import INTERVALS, MINUTE, Candle
from simulator.market import Market
from simulator.payloads import Json
from simulator.spot_instruments import AVERAGE_MINUTES, quote_text
from simulator.spot_market import agg_row, day, windowed
from simulator.spot_venue import SpotVenue
from simulator.writer import Diffs, Rolling, Writer

if TYPE_CHECKING:
    from simulator.spot_streams import SpotHub

DIFF = re.compile(r"^([a-z0-9_]+)@depth(?:@(100|1000)ms)?$")
PARTIAL = re.compile(r"^([a-z0-9_]+)@depth(5|10|20)(?:@(100|1000)ms)?$")
WINDOW = re.compile(r"^([a-z0-9_]+)@ticker_(1h|4h|1d)$")
BEATS = {"100": 2, "1000": 20, None: 20}  # heartbeats of 50 ms between two messages
WINDOWS = {"1h": 60, "4h": 240, "1d": 1440}
DIFF_KEYS = ("e", "E", "s", "U", "u", "b", "a")  # spot has no pu: U is the previous u + 1
STATISTICS = {"p": "priceChange", "P": "priceChangePercent", "w": "weightedAvgPrice", "x": "prevClosePrice",
              "c": "lastPrice", "Q": "lastQty", "b": "bidPrice", "B": "bidQty", "a": "askPrice", "A": "askQty",
              "o": "openPrice", "h": "highPrice", "l": "lowPrice", "v": "volume", "q": "quoteVolume", "O": "openTime",
              "C": "closeTime", "F": "firstId", "L": "lastId", "n": "count"}
MINI = ("c", "o", "h", "l", "v", "q")
SMALL = ("p", "P", "o", "h", "l", "c", "w", "v", "q", "O", "C", "F", "L", "n")


class SpotPublisher(Writer):
    """Writes the public events of all pairs into the hub."""

    def __init__(self, spot: SpotVenue, hub: SpotHub) -> None:
        super().__init__(spot.faults, "spot")
        self.spot = spot
        self.hub = hub

    def wanted(self, stream: str) -> None:
        """A stream got its first reader: begin to collect for it."""
        found = DIFF.match(stream)
        market = self.spot.markets.get(stream.partition("@")[0].upper())
        if market is None:
            return
        if found and stream not in self._diffs and not self.spot.replay:
            self._diffs[stream] = Diffs(stream, market, BEATS[found[2]])
        interval = stream.partition("@kline_")[2]
        if interval in INTERVALS and stream not in self._rolling:
            self._flush_candles(market)
            self._rolling[stream] = Rolling(market, interval)

    def unwanted(self, stream: str) -> None:
        """A stream lost its last reader."""
        diffs = self._diffs.pop(stream, None)
        if diffs:
            watchers = diffs.market.engine.watchers
            watchers[:] = [touched for touched in watchers if touched is not diffs.touched]
        self._rolling.pop(stream, None)

    def tops(self) -> None:
        """bookTicker, at once when the best price or its quantity changed."""
        for symbol, market in self.spot.markets.items():
            stream = f"{symbol.lower()}@bookTicker"
            if stream in self.hub.subscribers and not self.spot.replay:
                top = (market.engine.depth(1, 1), market.engine.depth(-1, 1))
                if top != self._tops.get(symbol) and top[0] and top[1]:
                    self._tops[symbol] = top
                    item = market.instrument
                    (bid, bids), (ask, asks) = top[0][0], top[1][0]
                    self.hub.publish(stream, {
                        "u": market.engine.update_id, "s": symbol, "b": item.price_text(bid), "B": item.qty_text(bids),
                        "a": item.price_text(ask), "A": item.qty_text(asks)})

    def beat(self, count: int) -> None:
        """Everything that goes by the heartbeat (20 a second)."""
        for market in self.spot.markets.values():
            self._trades(market)
            if count % 5 == 0:
                self._candles(market)
        for diffs in self._diffs.values():
            if count % diffs.beats == 0:
                self._diff(diffs)
        for stream in list(self.hub.subscribers):
            found = PARTIAL.match(stream)
            if found and count % BEATS[found[3]] == 0:
                self._partial(stream, found[1].upper(), int(found[2]))
            elif count % 20 == 0:
                self._statistics(stream)

    def _trades(self, market: Market) -> None:
        item, name, now = market.instrument, market.symbol.lower(), self.spot.clock.now()
        for a in market.pushed_aggregates:
            if not self.spot.replay:
                self.hub.publish(f"{name}@aggTrade", {"e": "aggTrade", "E": now, "s": item.symbol, **agg_row(item, a)})
        for t in market.printed:
            self.hub.publish(f"{name}@trade", {"e": "trade", "E": now, "s": item.symbol, "t": t.trade_id,
                                               "p": item.price_text(t.price), "q": item.qty_text(t.lots), "T": t.time,
                                               "m": t.sold, "M": True})
        market.pushed_aggregates.clear()
        market.printed.clear()

    # ---- candles

    def _candle(self, stream: str, rolling: Rolling, c: Candle, closed: bool) -> None:
        if rolling.interval == "1m" and self.spot.replay and self.spot.replay.playing:
            return  # the recording brings its own
        item = rolling.market.instrument
        self.hub.publish(stream, {"e": "kline", "E": self.spot.clock.now(), "s": item.symbol, "k": {
            "t": c[0] * MINUTE, "T": (c[0] + INTERVALS[rolling.interval]) * MINUTE - 1, "s": item.symbol,
            "i": rolling.interval, "f": c[10] if c[7] else -1, "L": c[11] if c[7] else -1,
            "o": item.price_text(c[1]), "c": item.price_text(c[4]), "h": item.price_text(c[2]),
            "l": item.price_text(c[3]), "v": item.qty_text(c[5]), "n": c[7], "x": closed,
            "q": quote_text(item, c[6]), "V": item.qty_text(c[8]), "Q": quote_text(item, c[9]), "B": "0"}})

    # ---- books

    def _diff(self, diffs: Diffs) -> None:
        event = diffs.collect()
        if event is None:
            return
        for one in self.faulty(diffs, {key: event[key] for key in DIFF_KEYS}):
            self.hub.publish(diffs.stream, one)

    def _partial(self, stream: str, symbol: str, limit: int) -> None:
        market = self.spot.markets.get(symbol)
        if market is None:
            return
        item = market.instrument
        rows = {side: [[item.price_text(p), item.qty_text(q)] for p, q in market.engine.depth(side, limit)]
                for side in (1, -1)}
        self.hub.publish(stream, {"lastUpdateId": market.engine.update_id, "bids": rows[1], "asks": rows[-1]})

    # ---- statistics, once a second

    def _statistics(self, stream: str) -> None:
        name, _, kind = stream.partition("@")
        market = self.spot.markets.get(name.upper())
        if stream == "!miniTicker@arr":
            self.hub.publish(stream, [self.ticker_event(m, "24hrMiniTicker", MINI) for m in self.spot.markets.values()])
        elif market is None:
            return
        elif kind == "ticker":
            self.hub.publish(stream, self.ticker_event(market, "24hrTicker", tuple(STATISTICS)))
        elif kind == "miniTicker":
            self.hub.publish(stream, self.ticker_event(market, "24hrMiniTicker", MINI))
        elif kind == "avgPrice":
            now = self.spot.clock.now()
            last = market.trades[-1].time if market.trades else now
            self.hub.publish(stream, {"e": "avgPrice", "E": now, "s": market.symbol, "i": f"{AVERAGE_MINUTES}m",
                                      "w": f"{self.spot.average_price(market):.8f}", "T": last})
        elif found := WINDOW.match(stream):
            row = windowed(market, WINDOWS[found[2]])
            self.hub.publish(stream, {"e": f"{found[2]}Ticker", "E": self.spot.clock.now(), "s": market.symbol,
                                      **{short: row[STATISTICS[short]] for short in SMALL}})

    def ticker_event(self, market: Market, kind: str, keys: tuple[str, ...]) -> Json:
        """24hrTicker, or the short 24hrMiniTicker."""
        row = day(market)
        return {"e": kind, "E": self.spot.clock.now(), "s": market.symbol,
                **{short: row[STATISTICS[short]] for short in keys}}
