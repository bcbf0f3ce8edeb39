"""One bot's thread: takes the newest series, asks the strategy, hands signal and price to the bot's orders.

The newest series holds every closed candle, so a slow bot misses none, while forming candles overwrite each other.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable

from core.dates import hms
from core.worker import Worker
from engine.bot_orders import BotOrders
from engine.bot_parts import BotDesk, Published
from engine.bot_strategy import StrategyCalls, StrategyFailed
from models import Candle, CandleSeries
from strategies.base import Strategy

BEAT_S = 0.25            # between looks at board and price while no candle changes


class BotRunner:
    """One row of `robots` at work. The engine's thread makes, starts and stops it; the rest is the bot's thread's."""

    def __init__(self, desk: BotDesk, is_on: Callable[[], bool], ticket: Callable[[str], str]) -> None:
        self.desk = desk
        self.failed_at: float | None = None      # monotonic: the strategy failed, the thread has ended
        self._wants_ticks = False                # forming candles matter now
        self._wake = threading.Event()
        self._closed: deque[Candle] = deque()
        self._last = -1                          # start of the newest closed candle the strategy has seen
        self._forming: Candle | None = None      # the last one judged
        self._is_warm = False
        self._worker = Worker(f"bot {desk.row.emi}", self._work, self._died)
        self._orders = BotOrders(desk, lambda: is_on() and not self._worker.stop_event.is_set(), ticket)

    @property
    def name(self) -> str:
        """Of the thread."""
        return self._worker.name

    @property
    def is_alive(self) -> bool:
        """Whether the thread runs."""
        return self._worker.is_alive

    def start(self) -> None:
        """Start the thread, once."""
        self._worker.start()

    def stop(self) -> None:
        """Ask the thread to end; from now on it asks for no order. Does not wait."""
        self._worker.stop()
        self._wake.set()

    def join(self, timeout: float) -> bool:
        """Wait for its end; False when it still runs."""
        return self._worker.join(timeout)

    def hand(self, series: CandleSeries, closed: bool) -> None:
        """A newer series (the stream's thread)."""
        self.desk.series = series
        if closed or self._wants_ticks:
            self._wake.set()

    def publish(self, published: Published) -> None:
        """A newer book (the engine's thread)."""
        self.desk.published = published
        self._wake.set()

    def _work(self, stop: threading.Event) -> None:
        try:
            calls = StrategyCalls(self.desk)
            self._closed = deque(maxlen=calls.strategy.history)
            while not stop.is_set():
                self._wake.clear()       # before looking, so what comes while looking wakes again
                self._step(calls)
                self._wants_ticks = calls.strategy.on_forming or self._watches(calls.strategy)
                self._wake.wait(BEAT_S)
        except StrategyFailed as failure:
            self._fail(str(failure))

    def _died(self, _name: str, error: BaseException) -> None:
        self._fail(f"the bot's thread ended: {type(error).__name__}: {error}")

    def _fail(self, reason: str) -> None:
        self.failed_at = self.desk.parts.clock.monotonic()
        if not self._worker.stop_event.is_set():      # a replaced bot's error is nobody's any more
            self.desk.say(reason, "error")
            self.desk.parts.suspend(self.desk.row.emi, reason)

    def _step(self, calls: StrategyCalls) -> None:
        self._orders.ask_again()
        row = self.desk.row
        series = self.desk.series or self.desk.parts.board.candles.get((row.key, row.timeframe))
        if series is None or not series.complete:
            return self._watch(calls.strategy)
        if not self._is_warm:
            self._begin(calls, series)
        self._take_closed(calls, series)
        forming = series.forming
        if forming is None or forming.time <= self._last or forming is self._forming:
            return self._watch(calls.strategy)
        self._forming = forming
        signal = calls.check((*self._closed, forming)) if calls.strategy.on_forming else 0
        return self._orders.consider(calls.strategy, signal, forming.close, forming.time)

    def _begin(self, calls: StrategyCalls, series: CandleSeries) -> None:
        """The history warms the strategy up; what it says of the past is not acted on."""
        self._is_warm = True
        if not series.closed:
            row = self.desk.row
            return self.desk.say(f"no history of {row.key.symbol} {row.timeframe}: waiting for candles to close",
                                 "warning")
        self._closed.extend(series.closed)
        self._last = series.closed[-1].time
        calls.check(tuple(self._closed))
        return None

    def _take_closed(self, calls: StrategyCalls, series: CandleSeries) -> None:
        """Every candle closed since the last look, in order; only the newest may trade."""
        new = len(series.closed)
        while new and series.closed[new - 1].time > self._last:
            new -= 1
        for candle in series.closed[new:]:
            if self._worker.stop_event.is_set():
                return
            self._closed.append(candle)
            self._last = candle.time
            signal = calls.check(tuple(self._closed))
            if candle is series.closed[-1]:
                self._orders.consider(calls.strategy, signal, candle.close, candle.time)
            elif signal and self._orders.may_act:
                self.desk.say(f"the signal {signal:+d} of {hms(candle.time)} came too late, not acted on", "warning")

    def _watch(self, strategy: Strategy) -> None:
        """Take-profit and stop-loss by the last price while candles stand still; an old price decides nothing."""
        parts = self.desk.parts
        ticker = parts.board.tickers.get(self.desk.row.key)
        if ticker is None or ticker.last is None or not self._watches(strategy):
            return
        if parts.clock.monotonic() - ticker.received <= parts.timings.silence_stream:
            candle = self._forming.time if self._forming else self._last
            self._orders.consider(strategy, 0, ticker.last, max(candle, self._last))

    def _watches(self, strategy: Strategy) -> bool:
        return bool(self.desk.published.position.qty and (strategy.take_profit or strategy.stop_loss))
