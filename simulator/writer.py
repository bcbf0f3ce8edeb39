"""What the public streams of Binance's products have in common: chained diffs, candles kept up, faults of the book."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any

from simulator.candles import Candle, bucket, fold, join
from simulator.faults import Faults
from simulator.market import Market
from simulator.payloads import Json


@dataclass(slots=True)
class Held:
    """A diff that a fault keeps back until the next one."""

    held: Json | None = None


class Diffs(Held):
    """One depth diff stream: collects touched prices and chains the ids."""

    def __init__(self, stream: str, market: Market, beats: int) -> None:
        super().__init__()
        self.stream = stream
        self.market = market
        self.beats = beats
        self.touched: set[tuple[int, int]] = set()
        self.last_id = market.engine.update_id
        market.engine.watchers.append(self.touched)

    def collect(self) -> Json | None:
        """The next diff, None when nothing changed."""
        engine, item = self.market.engine, self.market.instrument
        if engine.update_id == self.last_id:
            return None
        first, self.last_id, before = self.last_id + 1, engine.update_id, self.last_id
        now = self.market.clock.now()
        sides: dict[int, list[list[str]]] = {1: [], -1: []}
        for side, price in sorted(self.touched):
            sides[side].append([item.price_text(price), item.qty_text(engine.total(side, price))])
        self.touched.clear()
        return {"e": "depthUpdate", "E": now, "T": now, "s": item.symbol, "ps": item.pair, "st": item.family,
                "U": first, "u": self.last_id, "pu": before, "b": sides[1][::-1], "a": sides[-1]}


class Rolling:
    """The running candle of one interval, kept up by the minutes that close."""

    def __init__(self, market: Market, interval: str) -> None:
        self.market = market
        self.interval = interval
        running = market.series.running
        minute = running[0] if running else 0
        folded = fold(market.series.minutes(bucket(minute, interval), minute - 1), interval) if minute else []
        self.before: Candle | None = folded[-1] if folded else None

    def close(self, minute: Candle) -> Candle | None:
        """Count a closed minute; the whole candle when this was its last."""
        start = bucket(minute[0], self.interval)
        whole = join(self.before, minute) if self.before else (start, *minute[1:])
        if bucket(minute[0] + 1, self.interval) != start:
            self.before = None
            return whole
        self.before = whole
        return None

    def now(self) -> Candle | None:
        """The candle as it stands."""
        running = self.market.series.running
        if running is None:
            return None
        return join(self.before, running) if self.before else (bucket(running[0], self.interval), *running[1:])


class Writer(ABC):
    """Keeps candles and diffs of a product's streams; its subclass knows how they are worded."""

    def __init__(self, faults: Faults, category: str) -> None:
        self._faults, self._category = faults, category
        self._tops: dict[str, Any] = {}
        self._diffs: dict[str, Diffs] = {}
        self._rolling: dict[str, Rolling] = {}
        self._held: dict[str, Held] = {}  # of a recording, by symbol

    @abstractmethod
    def _candle(self, stream: str, rolling: Rolling, c: Candle, closed: bool) -> None:
        """Publish one candle."""

    def _flush_candles(self, market: Market) -> None:
        market.roll()
        for minute in market.closed:
            for stream, rolling in self._rolling.items():
                if rolling.market is market:
                    whole = rolling.close(minute)
                    if whole:
                        self._candle(stream, rolling, whole, True)
        market.closed.clear()

    def _candles(self, market: Market) -> None:
        self._flush_candles(market)
        if not market.candle_changed:
            return
        market.candle_changed = False
        for stream, rolling in self._rolling.items():
            if rolling.market is market:
                now = rolling.now()
                if now:
                    self._candle(stream, rolling, now, False)

    def faulty(self, held_by: Held, event: Json) -> list[Json]:
        """A diff with its fault: dropped, sent twice, or sent after the next one."""
        if held_by.held is not None:
            late, held_by.held = held_by.held, None
            return [event, late]
        fault = self._faults.first("diff", event["s"], self._category)
        if fault is None:
            return [event]
        kind = self._faults.use(fault).args["kind"]
        if kind == "swap":
            held_by.held = event
        return [event, event] if kind == "repeat" else []

    def replayed(self, symbol: str, event: Json) -> list[Json]:
        """A recorded diff with its fault."""
        return self.faulty(self._held.setdefault(symbol, Held()), event)
