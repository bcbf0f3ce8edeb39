"""bookTicker and kline messages: bytes → decoded → applied. What they change is published when no more frames wait."""

from __future__ import annotations

import json
import time
from collections.abc import Callable

from bench import frames
from bench.depth import KEY
from bench.row import Row, Size
from connectors.binance.feed import MarketFeed, Watch
from connectors.binance.market import MarketSymbol
from connectors.binance.public import PublicSymbol
from connectors.complaints import Complaints
from connectors.timesync import TimeSync
from connectors.wishes import GotCandles, WantCandles
from core.board import Board
from core.clock import SystemClock
from models import Timings

READ = 65_536       # bytes the connector takes from its socket at once; what they change is published after them


def rows(size: Size) -> list[Row]:
    """Per kind: decode and apply as they come in bursts, and published one by one."""
    count = max(100, int(40_000 * size.share))
    return [*_kind("bookTicker", frames.tops(count), _top_feed, size),
            *_kind("kline", frames.klines(count), _kline_feed, size)]


def _kind(name: str, texts: list[str], make: Callable[[], MarketFeed], size: Size) -> list[Row]:
    raw = [text.encode() for text in texts]
    floors, bursts, singles = [], [], []
    for _ in range(9 if size.share > 0.1 else 3):
        begun = time.thread_time()
        for text in texts:
            json.loads(text)
        floors.append(time.thread_time() - begun)
        bursts.append(_apply(make(), raw, READ // len(raw[0])))
        singles.append(_apply(make(), raw, 1))
    each = 1e6 / len(raw)
    # Of processor time: the runs least disturbed by neighbours.
    ours, floor, floor_is = min(bursts) * each, min(floors) * each, "json.loads of the same strings"
    return [
        Row(f"{name}: decode, apply", ours, floor, "µs", 0.4, of_ratio=True, floor_is=floor_is,
            note=f"{1000 / ours:,.0f}k messages/s; published once a read of 64 KB; {len(raw[0])} bytes"),
        Row(f"{name}: … published each", min(singles) * each, floor, "µs", floor_is=floor_is,
            note="every frame comes alone"),
    ]


def _apply(feed: MarketFeed, raw: list[bytes], burst: int) -> float:
    now = time.monotonic()
    begun = time.thread_time()
    for at in range(0, len(raw), burst):
        for frame in raw[at:at + burst]:
            feed.frame(frame, now)
        feed.flush(now)
    return time.thread_time() - begun


def _feed() -> tuple[MarketFeed, SystemClock, Board]:
    clock = SystemClock()
    return MarketFeed("ws://127.0.0.1", clock, TimeSync(clock), Complaints("bench")), clock, Board()


def _top_feed() -> MarketFeed:
    feed, clock, board = _feed()
    feed.take(Watch(PublicSymbol(KEY, board, clock, Timings(), True, lambda key, delay: None, lambda key: None)))
    feed.opened(lambda text: None)
    return feed


def _kline_feed() -> MarketFeed:
    feed, clock, board = _feed()
    symbol = MarketSymbol(KEY, board, clock, Timings(), lambda key, timeframe, series, closed: None,
                          lambda key, timeframe, since: None, 500)
    feed.take(Watch(symbol))
    feed.opened(lambda text: None)
    feed.take(WantCandles(KEY, "1m"))
    feed.take(GotCandles(KEY, "1m", [], frames.START_MS))
    return feed
