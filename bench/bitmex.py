"""BitMEX's orderBook10, orderBookL2 and quote: bytes → decoded → applied, the best prices valid after each message.

Ten levels are replaced whole and quotes by the newest, so their cost is the decode; the full book is kept by id.
"""

from __future__ import annotations

import json
import random
import time
from decimal import Decimal

from bench.row import Row, Size
from connectors.bitmex import stream
from connectors.bitmex.contracts import Contract
from connectors.bitmex.feed import MarketFeed, Watch
from connectors.bitmex.market import MarketSymbol
from connectors.bitmex.public import PublicSymbol
from connectors.complaints import Complaints
from connectors.timesync import TimeSync
from core.board import Board
from core.clock import SystemClock
from models import Category, Instrument, Key, Timings

SYMBOL = "XBTUSD"
KEY = Key("Bitmex", Category.INVERSE, SYMBOL)
TICK = 0.5
LEVELS = 200                 # of the partial, a side
READ = 65_536                # bytes the connector takes from its socket at once
STAMP = "2026-11-21T05:00:00.{:03}Z"


class Session:
    """Frames of one topic, and the best prices after each of them."""

    def __init__(self, topic: str) -> None:
        self.topic = topic
        self.texts: list[str] = []
        self.best: list[tuple[float, float]] = []

    def add(self, action: str, rows: list[dict[str, object]], best: tuple[float, float]) -> None:
        """One frame; a partial names what it is of."""
        more = {"filter": {"symbol": SYMBOL}, "keys": [], "types": {}} if action == "partial" else {}
        self.texts.append(json.dumps({"table": self.topic, "action": action, **more, "data": rows},
                                     separators=(",", ":")))
        self.best.append(best)


def rows(size: Size) -> list[Row]:
    """The three topics; the full book also published after each message."""
    count = max(100, int(6_000 * size.share))
    paths: tuple[tuple[str, Session, float | None], ...] = (
        ("BitMEX orderBook10", _tens(count), 0.5), ("BitMEX orderBookL2", _levels(count), 0.5),
        ("… rows without times (2021)", _levels(count, timed=False), None), ("BitMEX quote", _quotes(count), 0.4))
    return [row for name, session, bound in paths for row in _measured(name, session, bound, size)]


def _measured(name: str, session: Session, bound: float | None, size: Size) -> list[Row]:
    raw = [text.encode() for text in session.texts]
    burst = max(1, READ * len(raw) // sum(map(len, raw)))
    floors, bursts, singles = [], [], []
    for _ in range(9 if size.share > 0.1 else 3):
        begun = time.thread_time()
        for text in session.texts:
            json.loads(text)
        floors.append(time.thread_time() - begun)
        bursts.append(_apply(session, raw, burst))
        singles.append(_apply(session, raw, 1))
    _check(session, raw)
    each = 1e6 / len(raw)
    # Of processor time: the runs least disturbed by neighbours.
    ours, floor, floor_is = min(bursts) * each, min(floors) * each, "json.loads of the same strings"
    return [
        Row(f"{name}: decode, apply", ours, floor, "µs", bound, of_ratio=True, floor_is=floor_is,
            note=f"{1000 / ours:,.0f}k messages/s; published once a read of 64 KB; {len(raw[-1])} bytes"),
        Row(f"{name}: … published each", min(singles) * each, floor, "µs", floor_is=floor_is,
            note="every frame comes alone")]


def _market(topic: str) -> tuple[MarketFeed, PublicSymbol, Board]:
    """The connector's own parts around one symbol, without thread and socket."""
    clock, board = SystemClock(), Board()
    one = Decimal(1)
    contract = Contract(Instrument(KEY, "XBT", "USD", "XBt", Decimal("0.5"), Decimal(100), Decimal(100), one, one,
                                   one), one, 100_000_000)
    feed = MarketFeed("ws://127.0.0.1", clock, TimeSync(clock), Complaints("bench"))
    symbol = PublicSymbol(contract, topic, board, clock, Timings(), lambda name: None)
    feed.take(Watch(symbol, MarketSymbol(contract, board, clock, Timings(), lambda *told: None, lambda *told: None, 5,
                                         lambda state: None)))
    feed.opened(lambda text: None)
    return feed, symbol, board


def _apply(session: Session, raw: list[bytes], burst: int) -> float:
    feed, _, _ = _market(session.topic)
    now = time.monotonic()
    begun = time.thread_time()
    for at in range(0, len(raw), burst):
        for frame in raw[at:at + burst]:
            feed.frame(frame, now)
        feed.flush(now)
    return time.thread_time() - begun


def _check(session: Session, raw: list[bytes]) -> None:
    """The best prices after each message are what the frames say, without publishing where the book is kept."""
    feed, symbol, board = _market(session.topic)
    for frame, best in zip(raw, session.best, strict=True):
        feed.frame(frame, 0.0)
        if session.topic == stream.FULL:
            found = (symbol.book.best_bid, symbol.book.best_ask)
        else:
            feed.flush(0.0)
            top = board.tops[KEY]
            found = (float(top.bid), float(top.ask))
        if found != best:
            raise AssertionError(f"{session.topic}: best prices {found}, told were {best}")


# ---------------------------------------------------------------- seeded frames, as the exchange sends them

def _tens(count: int) -> Session:
    dice, session = random.Random(11), Session(stream.TEN)
    middle = 120_000
    for at in range(count):
        middle += dice.randrange(-1, 2)
        bids, asks = ([[(middle + way * (level + 1)) * TICK, dice.randrange(1, 20_000) * 100] for level in range(10)]
                      for way in (-1, 1))
        row: dict[str, object] = {"symbol": SYMBOL, "bids": bids, "asks": asks, "timestamp": STAMP.format(at % 1000)}
        session.add("update" if at else "partial", [row], (bids[0][0], asks[0][0]))
    return session


def _quotes(count: int) -> Session:
    dice, session = random.Random(12), Session(stream.QUOTE)
    for at in range(count):
        told: list[dict[str, object]] = []
        for _ in range(dice.choice((1, 1, 1, 2, 3)) if at else 1):
            bid = 120_000 + dice.randrange(-50, 50)
            sizes = dice.randrange(1, 9_999) * 100, dice.randrange(1, 9_999) * 100
            told.append({"timestamp": STAMP.format(at % 1000), "symbol": SYMBOL, "bidSize": sizes[0],
                         "bidPrice": bid * TICK, "askPrice": (bid + 1) * TICK, "askSize": sizes[1]})
        session.add("insert" if at else "partial", told, (bid * TICK, (bid + 1) * TICK))
    return session


def _levels(count: int, timed: bool = True) -> Session:
    """As recorded: a third each are updates, inserts and deletes, mostly of one row. `timed`: since 2024 each row says
    when it was made and sent."""
    dice, session = random.Random(13), Session(stream.FULL)
    middle = 120_000
    held: dict[str, set[int]] = {"Buy": set(range(middle - LEVELS, middle)),
                                 "Sell": set(range(middle + 1, middle + LEVELS + 1))}

    def row(side: str, ticks: int, action: str) -> dict[str, object]:
        told: dict[str, object] = {"symbol": SYMBOL, "id": 62_400_000_000 - ticks, "side": side}
        if action != "delete":
            told["size"] = dice.randrange(1, 20_000) * 100
        if action in ("partial", "insert"):
            told["price"] = ticks * TICK
        if timed:
            told["timestamp"] = told["transactTime"] = STAMP.format(ticks % 1000)
        return told

    def best() -> tuple[float, float]:
        return max(held["Buy"]) * TICK, min(held["Sell"]) * TICK

    session.add("partial", [row(side, ticks, "partial") for side in held for ticks in sorted(held[side])], best())
    while len(session.texts) < count:
        action, side = dice.choice(("update", "insert", "delete")), dice.choice(("Buy", "Sell"))
        way = -1 if side == "Buy" else 1
        near = [middle + way * away for away in range(1, 60)]
        fit = [ticks for ticks in near if (ticks in held[side]) is not (action == "insert")]
        chosen = dice.sample(fit, min(len(fit), dice.choice((1, 1, 1, 1, 2, 3))))
        if not chosen:
            continue
        (held[side].update if action == "insert" else held[side].difference_update)(
            [] if action == "update" else chosen)
        session.add(action, [row(side, ticks, action) for ticks in chosen], best())
    return session


