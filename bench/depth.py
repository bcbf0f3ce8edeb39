"""Depth messages of 21 + 21 levels: bytes → decoded → applied, best prices valid after each; then levels on demand."""

from __future__ import annotations

import json
import time

from bench import frames
from bench.row import Row, Size, share
from connectors.binance.feed import GotSnapshot, MarketFeed, Watch
from connectors.binance.public import PublicSymbol
from connectors.complaints import Complaints
from connectors.timesync import TimeSync
from core.board import Board
from core.clock import SystemClock
from models import Category, Key, Timings

KEY = Key("Binance", Category.LINEAR, frames.SYMBOL)
SPOT = Key("Binance", Category.SPOT, frames.SYMBOL)
COIN = Key("Binance", Category.INVERSE, frames.COIN_SYMBOL)
SHOWN = 20          # levels a side, of a ladder


class Market:
    """The connector's own parts around one symbol, without thread and socket."""

    def __init__(self, snapshot: tuple[int, frames.Pairs, frames.Pairs], key: Key = KEY) -> None:
        clock = SystemClock()
        self.board = Board()
        self.feed = MarketFeed("ws://127.0.0.1", clock, TimeSync(clock), Complaints("bench"))
        self.symbol = PublicSymbol(key, self.board, clock, Timings(), False, lambda key, delay: None, lambda key: None)
        self.feed.take(Watch(self.symbol))
        self.feed.opened(lambda text: None)
        self.feed.take(GotSnapshot(key, snapshot, frames.START_MS))


def rows(size: Size) -> list[Row]:
    """Decode and apply; the same with publishing each message; twenty levels asked for."""
    session = frames.depth(max(50, int(4_000 * size.share)))
    raw = [text.encode() for text in session.frames]
    floors, plain, published = [], [], []
    for _ in range(9 if size.share > 0.1 else 3):
        floors.append(_json(session.frames))
        plain.append(_apply(session, raw, publish=False))
        published.append(_apply(session, raw, publish=True))
    floor, ours = min(floors), min(plain)         # of processor time: the runs least disturbed by neighbours
    floor_is = "json.loads of the same strings"
    each = 1e6 / len(raw)
    demand = _on_demand(session, raw)
    return [
        Row("depth 21+21: decode, apply", ours * each, floor * each, "µs", 3.0, of_ratio=True, floor_is=floor_is,
            note=f"{1e-3 * len(raw) / ours:,.0f}k messages/s; {len(raw[0])} bytes"),
        Row("depth 21+21: … and published", min(published) * each, floor * each, "µs", floor_is=floor_is,
            note="25 levels a side to the board after every message"),
        Row("depth: sorted top 20 on demand", demand, None, "ms", 0.2,
            note="first asking after a message, p99 of processor time"),
        *(_product(key, size) for key in (SPOT, COIN)),
    ]


def _product(key: Key, size: Size) -> Row:
    """The same of another product: its own fields, its own rule of the chain."""
    session = frames.depth(max(50, int(2_000 * size.share)), product=key.category.value)
    raw = [text.encode() for text in session.frames]
    floors, plain = [], []
    for _ in range(7 if size.share > 0.1 else 3):
        floors.append(_json(session.frames))
        plain.append(_apply(session, raw, publish=False, key=key))
    each = 1e6 / len(raw)
    name = "spot" if key.category is Category.SPOT else "COIN-M"
    return Row(f"{name} depth 21+21: decode, apply", min(plain) * each, min(floors) * each, "µs", 3.0, of_ratio=True,
               floor_is="json.loads of the same strings", note=f"{len(raw[0])} bytes")


def _json(texts: list[str]) -> float:
    begun = time.thread_time()
    for text in texts:
        json.loads(text)
    return time.thread_time() - begun


def _apply(session: frames.DepthSession, raw: list[bytes], publish: bool, key: Key = KEY) -> float:
    market = Market(session.snapshot, key)
    feed, book, now = market.feed, market.symbol.book, time.monotonic()
    best = []
    begun = time.thread_time()
    for frame in raw:
        feed.frame(frame, now)
        if publish:
            feed.flush(now)
        best.append((book.bids.best, book.asks.best))
    took = time.thread_time() - begun
    if best != session.best or not book.is_live:
        raise AssertionError("the book is not what the frames say")
    return took


def _on_demand(session: frames.DepthSession, raw: list[bytes]) -> float:
    """Milliseconds for the twenty best levels of both sides after a message."""
    market = Market(session.snapshot)
    took = []
    for frame in raw:
        market.feed.frame(frame, 0.0)
        begun = time.thread_time()
        market.symbol.book.bids.levels(SHOWN), market.symbol.book.asks.levels(SHOWN)
        took.append(time.thread_time() - begun)
    return 1000 * share(took, 0.99)
