"""Trades, mark price, day and candles of one instrument, from the market streams. Owned by the connection's thread."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from functools import partial

from connectors.binance import stream
from connectors.binance.parse import MARKET, candle
from connectors.candles import CandleBook
from connectors.subscriptions import Channel
from core.board import Board
from core.clock import Clock
from core.errors import BadMessage
from models import TIMEFRAMES, Candle, CandleSeries, Category, Key, Side, Ticker, Timings

STREAMS = 3            # of one symbol, beside candles
GRACE_MS = 1_500       # a close that the stream did not tell so long after the end is asked for
OnCandle = Callable[[Key, str, CandleSeries, bool], None]
_read_kline = stream.read_kline


class MarketSymbol:
    """Ticker and candle series of one instrument."""

    def __init__(self, key: Key, board: Board, clock: Clock, timings: Timings, on_candle: OnCandle,
                 ask_candles: Callable[[Key, str, int], None], wanted: int, only_candles: bool = False) -> None:
        self.key, self._board, self.clock, self.timings = key, board, clock, timings
        self._on_candle, self._ask_candles, self._wanted = on_candle, ask_candles, wanted
        self._only_candles = only_candles      # the ticker's streams are on another connection
        self.series: dict[str, CandleBook] = {}
        self._asking: set[str] = set()
        self._bars: dict[str, stream.Bar] = {}        # frames not published yet
        self._unanswered: dict[str, float] = {}       # stream → first trade that it has not shown yet
        self._mark_heard = clock.monotonic()
        self._differs_since: float | None = None
        self._last: Decimal | None = None
        self._last_side: Side | None = None
        self._mark: Decimal | None = None
        self.index: Decimal | None = None
        self._rate: Decimal | None = None
        self._next_funding: int | None = None
        self._change: Decimal | None = None
        self._day_open: Decimal | None = None
        self._time = 0

    # ------------------------------------------------------------ what is streamed

    def channels(self) -> dict[str, Channel]:
        """Stream names and what reads them."""
        symbol, bound = self.key.symbol, self.timings.silence_stream
        if self._only_candles:
            return {}
        told = {stream.name(symbol, stream.TRADES): Channel(self._on_trade, self.publish, self._trade_overdue, bound),
                stream.name(symbol, stream.DAY): Channel(self._on_day, self.publish, self._day_overdue, bound)}
        if self.key.category is not Category.SPOT:       # which has neither mark price nor funding
            told[stream.name(symbol, stream.MARK)] = Channel(self._on_mark, self.publish, self._mark_overdue, bound)
        return told

    def candle_channel(self, timeframe: str) -> dict[str, Channel]:
        """The stream of one timeframe; its history is asked for."""
        def tell(series: CandleSeries, has_closed: bool) -> None:
            self._board.candles[(self.key, timeframe)] = series
            self._on_candle(self.key, timeframe, series, has_closed)

        self.series[timeframe] = CandleBook(TIMEFRAMES[timeframe], self._wanted, tell)
        self._ask(timeframe)
        channel = Channel(partial(self._on_kline, timeframe), partial(self._show_bar, timeframe),
                          partial(self._kline_overdue, timeframe), self.timings.silence_stream)
        return {stream.name(self.key.symbol, stream.KLINE + timeframe): channel}

    def candle_names(self) -> list[str]:
        """Names of the candle streams."""
        return [stream.name(self.key.symbol, stream.KLINE + timeframe) for timeframe in self.series]

    def opened(self) -> None:
        """A new connection: candles may have been missed."""
        self._mark_heard = self.clock.monotonic()
        self._differs_since = None
        self._unanswered.clear()
        self._asking.clear()
        for timeframe in self.series:
            self._ask(timeframe)

    def tick(self, venue_ms: int) -> None:
        """Ask for closes that the stream did not tell, as when nobody traded."""
        for timeframe, series in self.series.items():
            end = series.forming_end
            if series.is_complete and end is not None and venue_ms > end + GRACE_MS:
                self._ask(timeframe)

    def candles(self, timeframe: str, rows: list[Candle], asked_ms: int) -> None:
        """The loader's answer."""
        self._asking.discard(timeframe)
        if timeframe in self.series:     # else it was asked before the symbol was left and watched again
            self.series[timeframe].load(rows, asked_ms)

    def day_open(self, first: Decimal) -> None:
        """First price since 00:00 UTC."""
        self._day_open = first
        self.publish()

    # ------------------------------------------------------------ frames

    def _on_trade(self, raw: bytes) -> None:
        told = stream.read_trade(raw).data
        self._last = price("p", told.price)
        self._last_side = Side.SELL if told.buyer_made else Side.BUY      # m: the buyer waited
        self._time = told.time
        self._differs_since = None
        now = self.clock.monotonic()
        for shown_on in (stream.DAY, *self.series):
            self._unanswered.setdefault(shown_on, now)

    def _on_mark(self, raw: bytes) -> None:
        told = stream.read_mark(raw).data
        self._mark = price("p", told.mark)
        if self.key.category is not Category.INVERSE:        # whose index price has a stream of its own
            self.index = told.index if told.index is not None and told.index.is_finite() and told.index else None
        rate = Decimal(told.rate) if told.rate else None
        self._rate = rate if rate is not None and rate.is_finite() else None
        self._next_funding = told.next_funding or None
        self._time = max(self._time, told.time)
        self._mark_heard = self.clock.monotonic()

    def _on_day(self, raw: bytes) -> None:
        told = stream.read_day(raw).data
        if not told.change.is_finite():
            raise BadMessage(MARKET, f"field P = {told.change}: not a possible number")
        self._change = told.change
        self._unanswered.pop(stream.DAY, None)
        if self._last is None:
            self._last = price("c", told.last)
        if told.last == self._last:
            self._differs_since = None
        elif self._differs_since is None:
            self._differs_since = self.clock.monotonic()

    def _on_kline(self, timeframe: str, raw: bytes) -> None:
        bar = _read_kline(raw).data.bar
        if self._unanswered:
            self._unanswered.pop(timeframe, None)
        held = self._bars.get(timeframe)
        if held is not None and held.time != bar.time:
            self._show_bar(timeframe)        # another candle begins: the one before is not skipped
        self._bars[timeframe] = bar
        if bar.is_closed:
            self._show_bar(timeframe)

    def _show_bar(self, timeframe: str) -> None:
        bar = self._bars.pop(timeframe, None)
        if bar is None:
            return
        numbers = [Decimal(text) for text in (bar.open, bar.high, bar.low, bar.close, bar.volume)]
        if self.series[timeframe].update(candle(bar.time, *numbers), bar.is_closed):
            self._ask(timeframe)

    def publish(self) -> None:
        """The ticker as known now."""
        self._board.tickers[self.key] = Ticker(
            self._last, self._last_side, self._mark, self.index, self._rate, self._next_funding, self._change,
            self._day_open, self._time, self.clock.monotonic())

    def _ask(self, timeframe: str) -> None:
        """History the first time, later as much as was missed."""
        if timeframe not in self._asking:
            self._asking.add(timeframe)
            self._ask_candles(self.key, timeframe, self._since(timeframe))

    def _since(self, timeframe: str) -> int:
        """Start of the newest closed candle; 0: everything is wanted."""
        series = self._board.candles.get((self.key, timeframe))
        is_ours = self.series[timeframe].is_complete
        return series.closed[-1].time if is_ours and series is not None and series.closed else 0

    # ------------------------------------------------------------ silence

    def _mark_overdue(self, now: float) -> bool:
        return now - self._mark_heard > self.timings.silence_stream     # one each second

    def _trade_overdue(self, now: float) -> bool:
        """The day's last price is not our last trade's, for too long."""
        return self._differs_since is not None and now - self._differs_since > self.timings.silence_stream

    def _day_overdue(self, now: float) -> bool:
        """There were trades, but the day's figures did not follow."""
        return now - self._unanswered.get(stream.DAY, now) > self.timings.silence_stream

    def _kline_overdue(self, timeframe: str, now: float) -> bool:
        """There were trades, but the candle did not move."""
        return now - self._unanswered.get(timeframe, now) > self.timings.silence_stream


def price(field: str, value: Decimal) -> Decimal:
    """A price as told; absurd ones are a BadMessage."""
    if not value.is_finite() or value <= 0:
        raise BadMessage(MARKET, f"field {field} = {value}: not a possible price")
    return value
