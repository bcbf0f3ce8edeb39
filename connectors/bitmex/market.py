"""Trades, instrument figures and candles of one instrument. Owned by the connection's thread.

Candles: trades build the running one. 1m, 5m, 1h and 1d are closed by the venue's own bar (tradeBin…), which comes
seconds after the end; the other frames are closed by the first trade behind their end, or by the clock when nobody
trades. As in the venue's bars a candle opens at the close before it (bitmex.md section 5).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal

from msgspec import UNSET

from connectors.bitmex import stream
from connectors.bitmex.auth import MARKET
from connectors.bitmex.contracts import Contract
from connectors.bitmex.parse import Bin, candle, side
from connectors.bitmex.values import time_ms
from connectors.candles import CandleBook
from connectors.subscriptions import Channel
from core.board import Board
from core.clock import Clock
from core.errors import BadMessage
from models import TIMEFRAMES, Candle, CandleSeries, Ticker, Timings

GRACE_MS = 1_500        # a frame closed by the clock: trades of its last moments may still be on their way
BIN_GRACE_MS = 15_000   # a bar of the venue that is later than this is asked for
OnCandle = Callable[..., None]
AskCandles = Callable[[str, int], None]


class _Frame:
    """One timeframe: its series, and the candle that trades build."""

    __slots__ = ("book", "is_unsure", "running", "step", "topic")

    def __init__(self, timeframe: str, wanted: int, tell: Callable[[CandleSeries, bool], None]) -> None:
        self.step = TIMEFRAMES[timeframe]
        self.topic = stream.BINS.get(timeframe)
        self.book = CandleBook(self.step, wanted, tell)
        self.running: Candle | None = None
        self.is_unsure = True        # `running` began before we listened: its close is asked for


class MarketSymbol:
    """Ticker and candle series of one instrument."""

    def __init__(self, contract: Contract, board: Board, clock: Clock, timings: Timings, on_candle: OnCandle,
                 ask_candles: AskCandles, wanted: int, on_state: Callable[[str], None]) -> None:
        self.key = contract.instrument.key
        self._contract, self._board, self._clock, self._timings = contract, board, clock, timings
        self._on_candle, self._ask_candles, self._wanted, self._on_state = on_candle, ask_candles, wanted, on_state
        self.frames: dict[str, _Frame] = {}
        self._asking: set[str] = set()
        self._begun: set[str] = set()               # topics whose partial has come
        self._heard = clock.monotonic()
        self._differs_since: float | None = None
        self._ticker = Ticker()
        self._state = ""
        self._trade_time = 0

    # ------------------------------------------------------------ what is streamed

    def channels(self) -> dict[str, Channel]:
        """The topics beside candles."""
        bound = self._timings.silence_stream
        return {stream.name(stream.TRADES, self.key.symbol): Channel(
                    lambda raw: None, self._publish, self._trade_overdue, bound),
                stream.name(stream.INSTRUMENT, self.key.symbol): Channel(
                    lambda raw: None, self._publish, lambda now: now - self._heard > bound / 2, bound / 2)}

    def candle_channel(self, timeframe: str) -> dict[str, Channel]:
        """The bar topic of one timeframe, if there is one; its history is asked for."""
        def tell(series: CandleSeries, has_closed: bool) -> None:
            self._board.candles[(self.key, timeframe)] = series
            self._on_candle(self.key, timeframe, series, has_closed)

        frame = self.frames[timeframe] = _Frame(timeframe, self._wanted, tell)
        self._ask(timeframe)
        if frame.topic is None:
            return {}
        # A bar that does not come is asked for by `tick`; the topic itself is never judged by its silence.
        return {stream.name(frame.topic, self.key.symbol): Channel(lambda raw: None, lambda: None, lambda now: False,
                                                                   self._timings.silence_stream)}

    def candle_names(self) -> list[str]:
        """Names of the bar topics."""
        return [stream.name(frame.topic, self.key.symbol) for frame in self.frames.values() if frame.topic]

    def opened(self) -> None:
        """A new connection: candles may have been missed."""
        self._heard = self._clock.monotonic()
        self._differs_since = None
        self._begun.clear()
        self._asking.clear()
        for timeframe, frame in self.frames.items():
            frame.is_unsure = True
            self._ask(timeframe)

    def tick(self, venue_ms: int) -> None:
        """Closes that nobody told: by the clock, or asked for."""
        for timeframe, frame in self.frames.items():
            end = frame.book.forming_end
            if not frame.book.is_complete or end is None:
                continue
            if frame.topic or frame.is_unsure:
                if venue_ms > end + (BIN_GRACE_MS if frame.topic else GRACE_MS):
                    self._ask(timeframe)
            elif venue_ms > end + GRACE_MS:
                self._close_until(timeframe, frame, venue_ms - venue_ms % frame.step)

    def candles(self, timeframe: str, rows: list[Candle], asked_ms: int) -> None:
        """The loader's answer. Its running row knows the trades from before we listened."""
        self._asking.discard(timeframe)
        frame = self.frames.get(timeframe)
        if frame is None:
            return                       # it was asked before the symbol was left and watched again
        begin = asked_ms - asked_ms % frame.step
        running = frame.running
        frame.book.load(rows, asked_ms)
        told = next((row for row in reversed(rows) if row.time == begin), None)
        if running is None or running.time < begin or frame.is_unsure:
            later = running if running is not None and running.time > begin else None
            frame.running = later or _joined(told, running if running is not None and running.time == begin else None)
        frame.is_unsure = frame.running is not None and frame.running.time <= begin and frame.is_unsure
        self._show_running(frame)

    def day_open(self, price: Decimal) -> None:
        """First price since 00:00 UTC."""
        self._ticker = replace(self._ticker, day_open=price)
        self._publish()

    # ------------------------------------------------------------ frames

    def on_trades(self, action: str, rows: list[stream.Trade]) -> None:
        """Trades; those of a partial are from before and only tell the last price."""
        if action == "partial":
            self._begun.add(stream.TRADES)
        elif stream.TRADES not in self._begun:
            return
        for row in rows:
            if row.size <= 0 or row.type == "Referential" or row.pool not in ("", "Primary"):
                continue
            price = _possible("price", row.price)
            time = time_ms(row.timestamp)
            if time >= self._trade_time:
                self._trade_time = time
                self._ticker = replace(self._ticker, last=price, time=max(time, self._ticker.time),
                                       last_side=side(row.side) if row.side else self._ticker.last_side)
            self._differs_since = None
            if action == "insert":
                for timeframe, frame in self.frames.items():
                    self._add(timeframe, frame, time, price, self._contract.qty(row.size))

    def on_live(self, action: str, rows: list[stream.Live]) -> None:
        """Figures that changed."""
        if action == "partial":
            self._begun.add(stream.INSTRUMENT)
        elif stream.INSTRUMENT not in self._begun:
            return
        self._heard = self._clock.monotonic()
        for row in rows:
            told, now = row, self._ticker
            change = None if told.last_change_pcnt is UNSET else _number("lastChangePcnt", told.last_change_pcnt)
            self._ticker = replace(
                now, time=max(now.time, time_ms(told.timestamp)),
                mark=now.mark if told.mark_price is UNSET else _number("markPrice", told.mark_price),
                index=now.index if told.indicative_settle_price is UNSET
                else _number("indicativeSettlePrice", told.indicative_settle_price),
                funding_rate=now.funding_rate if told.funding_rate is UNSET
                else _number("fundingRate", told.funding_rate),
                next_funding=now.next_funding if told.funding_timestamp is UNSET
                else time_ms(told.funding_timestamp or "") or None,
                change_24h=now.change_24h if change is None else change * 100)
            if row.last_price is not UNSET and row.last_price is not None:
                self._compare_last(_possible("lastPrice", row.last_price))
            if row.state is not UNSET and row.state != self._state:
                self._state, before = row.state, self._state
                if before or row.state != "Open":
                    self._on_state(row.state)

    def on_bins(self, timeframe: str, rows: list[stream.TradeBin]) -> None:
        """Bars of the venue, each once."""
        frame = self.frames.get(timeframe)
        if frame is None:
            return
        for row in rows:
            bar = candle(Bin(row.timestamp, row.open, row.high, row.low, row.close, row.volume), frame.step,
                         self._contract)
            if bar is None:
                continue
            if frame.book.update(bar, True):
                self._ask(timeframe)
            if frame.running is not None and frame.running.time <= bar.time:
                frame.running, frame.is_unsure = None, False
            self._show_running(frame)

    # ------------------------------------------------------------ candles

    def _add(self, timeframe: str, frame: _Frame, time: int, price: Decimal, qty: Decimal) -> None:
        begin, running = time - time % frame.step, frame.running
        if running is not None and begin < running.time:
            return                       # of a candle that is closed
        if running is None or begin > running.time:
            before = running.close if running is not None else frame.book.last_close
            opening = price if before is None else before
            self._close_until(timeframe, frame, begin)
            frame.running = Candle(begin, opening, max(opening, price), min(opening, price), price, qty)
        else:
            frame.running = Candle(begin, running.open, max(running.high, price), min(running.low, price), price,
                                   running.volume + qty)
        self._show_running(frame)

    def _close_until(self, timeframe: str, frame: _Frame, begin: int) -> None:
        """The candle that ended before `begin` is closed: here, or by the venue's bar, or by asking."""
        running = frame.running
        if frame.topic is not None or not frame.book.is_complete:
            return
        if frame.is_unsure:
            frame.is_unsure = False
            frame.running = None
            self._ask(timeframe)
            return
        if running is not None and running.time < begin:
            frame.book.update(running, True)
        last = frame.book.last_close
        time = frame.book.forming_end
        while last is not None and time is not None and time <= begin:
            frame.book.update(Candle(time - frame.step, last, last, last, last, Decimal(0)), True)
            if frame.book.forming_end == time:
                break
            time = frame.book.forming_end
        frame.running = None

    def _show_running(self, frame: _Frame) -> None:
        """The running candle; while the one before it is not closed it waits."""
        if frame.running is not None:
            frame.book.update(frame.running, False)

    def _ask(self, timeframe: str) -> None:
        """History the first time, later as much as was missed."""
        if timeframe not in self._asking:
            self._asking.add(timeframe)
            self._ask_candles(timeframe, self.frames[timeframe].book.last_closed or 0)

    # ------------------------------------------------------------ ticker, silence

    def _compare_last(self, told: Decimal) -> None:
        """The instrument's last price: ours until a trade was heard; then it shows trades that did not come."""
        if self._ticker.last is None:
            self._ticker = replace(self._ticker, last=told)
        if told == self._ticker.last:
            self._differs_since = None
        elif self._differs_since is None:
            self._differs_since = self._clock.monotonic()

    def _trade_overdue(self, now: float) -> bool:
        """The instrument's last price is not our last trade's, for too long."""
        return self._differs_since is not None and now - self._differs_since > self._timings.silence_stream

    def _publish(self) -> None:
        self._board.tickers[self.key] = replace(self._ticker, received=self._clock.monotonic())


def _joined(told: Candle | None, ours: Candle | None) -> Candle | None:
    """The venue's running row and what we built meanwhile: the wider range, the newer close, the larger volume."""
    if told is None or ours is None:
        return told or ours
    return Candle(told.time, told.open, max(told.high, ours.high), min(told.low, ours.low), ours.close,
                  max(told.volume, ours.volume))


def _number(name: str, value: Decimal | None) -> Decimal | None:
    return None if value is None else _possible(name, value)


def _possible(name: str, value: Decimal) -> Decimal:
    if not value.is_finite() or abs(value.adjusted()) > 18:
        raise BadMessage(MARKET, f"field {name} = {str(value)[:40]}: not a possible number")
    return value
