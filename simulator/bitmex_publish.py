"""What BitMEX's public tables say, and when: quotes at once, the rest on the heartbeat, only what was subscribed."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from simulator import bitmex_market as rows
from simulator.bitmex_instruments import iso
from simulator.bitmex_rows import Json, side_name
from simulator.bitmex_venue import BitmexVenue
from simulator.candles import INTERVALS, Candle, bucket
from simulator.market import Market

if TYPE_CHECKING:
    from simulator.bitmex_streams import BitmexHub

BOOKS = {"orderBookL2": 0, "orderBookL2_25": 25, "orderBookL2_100": 100}  # levels of each side, 0 = all
BARS = {f"tradeBin{interval}": interval for interval in rows.BINS}
KEYS = {"orderBookL2": ["symbol", "id", "side"], "orderBookL2_25": ["symbol", "id", "side"],
        "orderBookL2_100": ["symbol", "id", "side"], "orderBook10": ["symbol"], "instrument": ["symbol"],
        "order": ["orderID"], "position": ["account", "symbol", "strategy"], "margin": ["account", "currency"],
        "wallet": ["account", "currency"], "funding": ["timestamp", "symbol"], "settlement": ["timestamp", "symbol"],
        "liquidation": ["orderID"], "insurance": ["currency", "timestamp"], "announcement": ["id"],
        "quote": [], "trade": [], "execution": [], "transact": [], **{name: [] for name in BARS}}
PUBLIC = (*BOOKS, *BARS, "orderBook10", "instrument", "quote", "trade", "funding", "settlement", "liquidation",
          "insurance", "announcement")
BEATS = 2  # heartbeats of 50 ms between two book frames


class Levels:
    """One L2 table of one symbol as its readers know it."""

    def __init__(self, market: Market, limit: int) -> None:
        self.market = market
        self.limit = limit
        self.touched: set[tuple[int, int]] = set()
        self.known: dict[tuple[int, int], int] = self._present()
        market.engine.watchers.append(self.touched)

    def forget(self) -> None:
        """Nobody reads it any more."""
        watchers = self.market.engine.watchers
        watchers[:] = [touched for touched in watchers if touched is not self.touched]

    def changes(self) -> dict[str, list[tuple[int, int, int]]]:
        """delete, update and insert as (side, price, lots), against what readers know."""
        out: dict[str, list[tuple[int, int, int]]] = {"delete": [], "update": [], "insert": []}
        if not self.touched:
            return out
        if self.limit:
            now = self._present()
            places = set(now) | set(self.known)
        else:
            now = {place: self.market.engine.total(*place) for place in self.touched}
            places = set(now)
        for place in sorted(places, reverse=True):
            lots, before = now.get(place, 0), self.known.get(place, 0)
            if lots == before:
                continue
            out["delete" if not lots else "update" if before else "insert"].append((*place, lots))
            if lots:
                self.known[place] = lots
            else:
                del self.known[place]
        self.touched.clear()
        return out

    def _present(self) -> dict[tuple[int, int], int]:
        limit = self.limit or 1 << 30
        return {(side, price): lots for side in (1, -1) for price, lots in self.market.engine.depth(side, limit)}


class Bars:
    """The candles of one bin as its readers get them: the finished ones, once."""

    def __init__(self, interval: str) -> None:
        self.interval = interval

    def closed_by(self, minute: Candle) -> bool:
        """Whether a closed minute was the last of its bin."""
        return bucket(minute[0] + 1, self.interval) != bucket(minute[0], self.interval)


class BitmexPublisher:
    """Writes the public tables into the hub."""

    def __init__(self, venue: BitmexVenue, hub: BitmexHub) -> None:
        self.venue = venue
        self.hub = hub
        self._levels: dict[tuple[str, str], Levels] = {}
        self._held: dict[tuple[str, str], list[tuple[str, list[Json]]]] = {}  # frames a fault keeps back
        self._tops: dict[str, tuple[object, object]] = {}
        self._tens: dict[str, Json] = {}
        self._live: dict[str, Json] = {}
        self._funded = {symbol: len(rates) for symbol, rates in venue.rates.items()}

    # ---- what a new reader gets first

    def partial(self, table: str, symbol: str) -> list[Json]:
        """The rows of a table for one symbol, as the deltas that follow continue them."""
        contract, market = self.venue.contracts[symbol], self.venue.markets[symbol]
        if table in BOOKS:
            levels = self._levels.get((table, symbol))
            if levels is None:
                levels = self._levels[table, symbol] = Levels(market, BOOKS[table])
            else:
                self._book(table, symbol, levels)
            return self._rows(table, symbol)
        if table in BARS:
            return self._bars(symbol, BARS[table])
        makers: dict[str, Callable[[], list[Json]]] = {
            "orderBook10": lambda: [rows.ten_row(contract, market)],
            "quote": lambda: [rows.quote_row(contract, market)],
            "trade": lambda: rows.trade_rows(self.venue, symbol, [market.trades[-1]] if market.trades else []),
            "instrument": lambda: self._instrument(symbol),
            "funding": lambda: rows.funding_rows(self.venue, symbol)[-1:]}
        return makers[table]() if table in makers else []

    def unwanted(self, table: str, symbol: str) -> None:
        """The last reader of a book has gone."""
        levels = self._levels.pop((table, symbol), None)
        if levels:
            levels.forget()

    def _instrument(self, symbol: str) -> list[Json]:
        self._changes(symbol)  # what others do not know yet, before the newcomer knows more than they
        return [rows.instrument_row(self.venue, symbol)]

    def _bars(self, symbol: str, interval: str) -> list[Json]:
        market = self.venue.markets[symbol]
        candles = market.series.bars(interval, None, None, 3)
        done = [c for c in candles if (c[0] + INTERVALS[interval]) * 60000 <= self.venue.clock.now()]
        return rows.bar_rows(self.venue, symbol, interval, done)[-1:]

    # ---- what goes out by itself

    def tops(self) -> None:
        """quote, at once when the best price or its size changed."""
        if self.venue.replay:
            return  # the recording tells its own
        for symbol, market in self.venue.markets.items():
            if self.hub.wanted("quote", symbol):
                top = (market.engine.depth(1, 1), market.engine.depth(-1, 1))
                if top != self._tops.get(symbol):
                    self._tops[symbol] = top
                    self.hub.publish("quote", "insert", symbol,
                                     [rows.quote_row(self.venue.contracts[symbol], market)])

    def beat(self, count: int) -> None:
        """Everything that goes by the heartbeat (20 a second)."""
        for symbol, market in self.venue.markets.items():
            self._trades(symbol, market)
            self._closed(symbol, market)
            self._fundings(symbol)
            if count % BEATS == 0:
                self._ten(symbol, market)
            if count % 10 == 0:
                self._changes(symbol)
        if count % BEATS == 0:
            for (table, symbol), levels in self._levels.items():
                self._book(table, symbol, levels)

    def _trades(self, symbol: str, market: Market) -> None:
        if market.printed and self.hub.wanted("trade", symbol):
            fresh = rows.trade_rows(self.venue, symbol, market.printed)
            self.hub.publish("trade", "insert", symbol, fresh)
        market.printed.clear()
        market.pushed_aggregates.clear()
        market.candle_changed = False

    def _closed(self, symbol: str, market: Market) -> None:
        for minute in market.closed:
            for table, interval in BARS.items():
                if self.hub.wanted(table, symbol) and Bars(interval).closed_by(minute):
                    self.hub.publish(table, "insert", symbol, self._bars(symbol, interval))
        market.closed.clear()

    def _fundings(self, symbol: str) -> None:
        known = self.venue.rates[symbol]
        if len(known) > self._funded[symbol]:
            fresh = [rows.funding_history_row(symbol, at, rate) for at, rate in known[self._funded[symbol]:]]
            self._funded[symbol] = len(known)
            self.hub.publish("funding", "insert", symbol, fresh)

    def _ten(self, symbol: str, market: Market) -> None:
        if self.hub.wanted("orderBook10", symbol):
            row = rows.ten_row(self.venue.contracts[symbol], market)
            before = self._tens.get(symbol)
            if before is None or (row["bids"], row["asks"]) != (before["bids"], before["asks"]):
                self._tens[symbol] = row
                self.hub.publish("orderBook10", "update", symbol, [row])

    def _changes(self, symbol: str) -> None:
        """instrument: what moved since the last time."""
        if not self.hub.wanted("instrument", symbol):
            return
        live, before = rows.live_fields(self.venue, symbol), self._live.get(symbol, {})
        changed = {key: value for key, value in live.items() if before.get(key) != value}
        if changed:
            self._live[symbol] = live
            stamp = iso(self.venue.clock.now())
            self.hub.publish("instrument", "update", symbol, [{"symbol": symbol, **changed, "timestamp": stamp}])

    def _book(self, table: str, symbol: str, levels: Levels) -> None:
        contract, now = self.venue.contracts[symbol], self.venue.clock.now()
        frames: list[tuple[str, list[Json]]] = []
        for action, places in levels.changes().items():
            if not places:
                continue
            made = [rows.level_row(contract, *place, now) for place in places]
            if action == "delete":
                made = [{"symbol": symbol, "id": row["id"], "side": side_name(place[0])}
                        for row, place in zip(made, places, strict=True)]
            frames.append((action, made))
        for action, made in self._faulty(table, symbol, frames):
            self.hub.publish(table, action, symbol, made)

    def _faulty(self, table: str, symbol: str, frames: list[tuple[str, list[Json]]]) -> list[tuple[str, list[Json]]]:
        """The frames of a beat with their fault: dropped, sent twice, or sent after the next ones."""
        if not frames:
            return frames
        late = self._held.pop((table, symbol), None)
        if late is not None:
            return [*frames, *late]
        fault = self.venue.faults.first("diff", symbol)
        if fault is None:
            return frames
        kind = self.venue.faults.use(fault).args["kind"]
        if kind == "swap":
            self._held[table, symbol] = frames
        return {"repeat": [*frames, *frames], "unknown": [*frames, ("update", [self._stray(symbol, 0)])],
                "crossed": [*frames, ("insert", [self._stray(symbol, 50)])],
                "partial": [*frames, ("partial", self._rows(table, symbol))]}.get(kind, [])

    def _stray(self, symbol: str, above: int) -> Json:
        """A level that is not in the book: a bid `above` ticks over the best ask, or far below everything."""
        contract, market = self.venue.contracts[symbol], self.venue.markets[symbol]
        price = (market.engine.best(-1) or market.last()) + above if above else 1
        return rows.level_row(contract, 1, price, contract.lot_size // contract.unit, market.clock.now())

    def _rows(self, table: str, symbol: str) -> list[Json]:
        """An L2 table as its readers know it."""
        now = self.venue.clock.now()
        return [rows.level_row(self.venue.contracts[symbol], side, price, lots, now) for (side, price), lots
                in sorted(self._levels[table, symbol].known.items(), key=lambda entry: -entry[0][1])]
