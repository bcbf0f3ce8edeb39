"""One symbol of the venue: engine, candles, trades, mark price and funding times."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from simulator.candles import MINUTE, Candle, Series
from simulator.clock import Clock
from simulator.exchange import Engine, Order
from simulator.faults import Faults
from simulator.feed import Crowd
from simulator.instruments import Instrument
from simulator.store import Counter, Store

FUNDING_MS = 8 * 3600 * 1000
KEPT_TRADES = 20000


@dataclass(frozen=True, slots=True)
class Trade:
    """One public trade. `sold` = the taker sold (Binance's m: the buyer was the maker)."""

    trade_id: int
    price: int
    lots: int
    time: int
    sold: bool


@dataclass(slots=True)
class Aggregate:
    """Trades of one taker order at one price."""

    agg_id: int
    price: int
    lots: int
    first: int
    last: int
    time: int
    sold: bool


class Market:
    """Everything public about one symbol. It is the engine's `Hooks` and tells the account of its own part."""

    def __init__(self, instrument: Instrument, store: Store, clock: Clock, account: Any, faults: Faults,
                 category: str) -> None:
        self.instrument = instrument
        self.clock = clock
        self.account = account
        self._faults, self._category = faults, category
        self.trade_ids = Counter(store, f"trade:{instrument.kept_as}", 1_000_000)
        self.agg_ids = Counter(store, f"agg:{instrument.kept_as}", 500_000)
        self.series = Series(instrument, store)
        self.engine: Any = Engine(instrument.symbol, self, clock.now() * 10)
        self.crowd: Crowd | None = None
        self.trades: deque[Trade] = deque(maxlen=KEPT_TRADES)
        self.aggregates: deque[Aggregate] = deque(maxlen=KEPT_TRADES)
        self.pushed_aggregates: list[Aggregate] = []  # not yet sent to streams
        self.printed: list[Trade] = []
        self.prints: deque[int] = deque(maxlen=KEPT_TRADES)  # prices traded since the conditional orders looked
        self.candle_changed = False
        self.closed: list[Candle] = []  # minutes closed since the streams looked
        self.next_funding = clock.now() // FUNDING_MS * FUNDING_MS + FUNDING_MS
        self.fixed_rate: Decimal | None = None
        self.rolling = True  # False while a recording brings the candles

    @property
    def symbol(self) -> str:
        """Its name."""
        return self.instrument.symbol

    def open(self, seed: int, low: int, high: int) -> None:
        """Continue the history and let the strangers in."""
        self.series.resume(self.clock.now() // MINUTE, seed, low, high)
        self.crowd = Crowd(self.instrument, self.engine, seed + self.trade_ids.start, self.last())

    def last(self) -> int:
        """Last traded price in ticks."""
        if self.trades:
            return self.trades[-1].price
        return self.series.last_close or self.instrument.start_ticks()

    def mark(self) -> Decimal:
        """Mark price: the middle of the book, the last price when a side is empty."""
        bid, ask = self.engine.best(1), self.engine.best(-1)
        if bid is None or ask is None:
            return self.instrument.price(self.last())
        return self.instrument.tick * int(bid + ask) / 2

    def index(self) -> Decimal:
        """Index price: the mark without the day's premium."""
        return (self.mark() * (1 - self.rate() / 4)).quantize(Decimal("0.00000001"))

    def rate(self) -> Decimal:
        """The funding rate that would be paid next; moves a little with the hour."""
        if self.fixed_rate is not None:
            return self.fixed_rate
        hour = self.clock.now() // 3600000 + len(self.symbol) * 7
        return Decimal("0.0001") + Decimal((hour * 37) % 41 - 16) / Decimal(1_000_000)

    # what the engine tells

    def traded(self, taker: Order, maker: Order, price: int, lots: int) -> None:
        """Print a trade and book the account's part of it."""
        trade_id = self.print_trade(price, lots, taker.side < 0)
        for order in (maker, taker):
            if order.mine:
                self.account.filled(self, order, price, lots, trade_id, order is maker)
                if order.status == "FILLED":
                    self._overfill(order, price, lots, order is maker)

    def _overfill(self, order: Order, price: int, lots: int, is_maker: bool) -> None:
        """The fault: an order that has all it asked for gets its last trade once more."""
        fault = self._faults.first("overfill", self.symbol, self._category)
        if fault is None:
            return
        self._faults.use(fault)
        order.cum += lots
        order.value += self.units(price, lots)
        self.account.filled(self, order, price, lots, self.print_trade(price, lots, order.side > 0), is_maker)

    def units(self, price: int, lots: int) -> int:
        """What so many lots at a price are worth."""
        return self.instrument.units(price, lots)

    def reducible(self, order: Order) -> int:
        """Lots by which a reduce-only order may still reduce."""
        return int(self.account.reducible(order))

    def expired(self, order: Order, status: str) -> None:
        """An order of the account ended without a request."""
        self.account.ended(self, order, status)

    def print_trade(self, price: int, lots: int, sold: bool) -> int:
        """A trade for the tape, the candle and the streams; its id."""
        trade_id = self.trade_ids.next()
        now = self.clock.now()
        trade = Trade(trade_id, price, lots, now, sold)
        self.trades.append(trade)
        self.printed.append(trade)
        self.prints.append(price)
        last = self.pushed_aggregates[-1] if self.pushed_aggregates else None
        if last and last.price == price and last.sold == sold and last.time == now:
            last.lots += lots
            last.last = trade_id
        else:
            fresh = Aggregate(self.agg_ids.next(), price, lots, trade_id, trade_id, now, sold)
            self.aggregates.append(fresh)
            self.pushed_aggregates.append(fresh)
        self.roll()
        self.series.trade(price, lots, not sold, trade_id)
        self.candle_changed = True
        return trade_id

    def roll(self) -> None:
        """Close the minutes that are over by the venue's clock."""
        if self.rolling:
            self.closed += self.series.roll(self.clock.now() // MINUTE)

    def trade_where(self, keep: Callable[[Trade], bool]) -> list[Trade]:
        """Remembered trades that fulfil a condition."""
        return [trade for trade in self.trades if keep(trade)]
