"""A closed candle → the bot's strategy, across threads; and the state table: decide and apply per message."""

from __future__ import annotations

import tempfile
import threading
import time
from decimal import Decimal
from pathlib import Path
from statistics import median

from msgspec.structs import replace

from bench.fill import ACCOUNT, KEY, PERP, T0
from bench.row import Row, Size, share
from core.board import Board
from core.clock import SystemClock
from core.numbers import use_ledger_context
from core.rows import OrderRow
from engine.bots import BotParts, Bots
from engine.core import Core
from engine.state import Decision, Now, Sight
from models import (
    ZERO,
    Candle,
    CandleSeries,
    Category,
    OrderReport,
    OrdStatus,
    OrdType,
    Robot,
    Side,
    TimeInForce,
    Timings,
    VenueUp,
)
from strategies.loader import Loader

MINUTE = 60_000
HISTORY = 200
CALLED: list[int] = []          # monotonic ns of each call, written on the bot's thread

# A strategy may import nothing of the bench: it finds the list by its module's name.
STRATEGY = '''import sys
import time

from strategies.base import Strategy


class Idle(Strategy):
    """Notes when it is called."""

    def check_signal(self, candles):
        sys.modules["bench.bots"].CALLED.append(time.monotonic_ns())
        return 0
'''


def rows(size: Size) -> list[Row]:
    """For information: neither is near a limit."""
    use_ledger_context()
    count = max(20, int(2_000 * size.share))
    took, floor = _candles(count), _wake(count)
    messages = max(200, int(20_000 * size.share))
    return [
        Row("closed candle → bot's check p50", share(took, 0.5), share(floor, 0.5), "µs",
            floor_is="one thread waking another", note=f"p99 {share(took, 0.99):.0f} µs, {count:,} candles"),
        Row("order message: decide, apply", median(_messages(messages) for _ in range(3)), None, "µs",
            note="acknowledged and partly filled reports of 100 open orders"),
    ]


def _candles(count: int) -> list[float]:
    CALLED.clear()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "idle.py").write_text(STRATEGY)
        loader = Loader(built_in=folder)
        loader.scan()
        board = Board()
        board.instruments[KEY] = PERP
        closed = [_candle(place) for place in range(HISTORY)]
        board.candles[(KEY, "1m")] = CandleSeries(tuple(closed), None, HISTORY, True)
        bots = Bots(BotParts(lambda order, limit: None, lambda emi, reason: None, lambda key, timeframe: None,
                             lambda notice: None, board, SystemClock(), Timings(), loader))
        bots.sync((Robot("IDLE", KEY, 0, "1m", 1, "idle"),))
        try:
            _until(1)
            sent = []
            for place in range(HISTORY, HISTORY + count):
                closed = [*closed[1:], _candle(place)]
                series = CandleSeries(tuple(closed), None, HISTORY, True)
                time.sleep(0.0005)
                sent.append(time.monotonic_ns())
                bots.on_candle(KEY, "1m", series, True)
                _until(len(sent) + 1)
        finally:
            bots.stop()
            bots.join(1.0)
    return [(called - at) / 1000 for at, called in zip(sent, CALLED[1:], strict=True)]


def _until(calls: int) -> None:
    end = time.monotonic() + 5
    while len(CALLED) < calls:
        if time.monotonic() > end:
            raise RuntimeError("the bot was not called")
        time.sleep(0.0002)


def _candle(place: int) -> Candle:
    price = Decimal(50_000 + place % 7)
    return Candle(place * MINUTE, price, price, price, price, Decimal(1))


def _wake(count: int) -> list[float]:
    """An event set by one thread and waited for by another."""
    event, woken, end = threading.Event(), [], threading.Event()

    def wait() -> None:
        while not end.is_set():
            event.wait()
            woken.append(time.monotonic_ns())
            event.clear()

    thread = threading.Thread(target=wait, daemon=True)
    thread.start()
    took = []
    for number in range(count):
        time.sleep(0.0005)
        begun = time.monotonic_ns()
        event.set()
        while len(woken) <= number:
            time.sleep(0.0001)
        took.append((woken[number] - begun) / 1000)
    end.set()
    event.set()
    thread.join(1.0)
    return took


def _messages(count: int) -> float:
    """µs of processor time for one report about one of 100 open orders, each changing its order."""
    core = Core(Timings())
    now, sight = Now(T0, 1.0, T0), Sight(PERP, "", "", Decimal(50_000), None)
    core.configure((KEY,), ())
    core.apply(core.decide(VenueUp("Binance", Category.LINEAR, ACCOUNT, (PERP,), T0, True), now, sight), now)
    order = OrderRow(
        key=KEY, account=ACCOUNT, name="", cl_ord_id="", order_id="", owner=KEY.reserved, side=Side.BUY,
        ord_type=OrdType.LIMIT, tif=TimeInForce.GTC, qty=Decimal(count), price=Decimal("50000.1"), wanted=None,
        status=OrdStatus.NEW, reduce_only=False, created=T0, updated=T0, expires=T0)
    names = [f"{number}.{KEY.reserved}" for number in range(1, 101)]
    core.apply(Decision(rows=[replace(order, name=name, cl_ord_id=name, order_id=str(place))
                              for place, name in enumerate(names)]), now)
    reports = [OrderReport(
        key=KEY, order_id=str(number % 100), cl_ord_id=names[number % 100], side=Side.BUY, ord_type=OrdType.LIMIT,
        tif=TimeInForce.GTC, qty=Decimal(count), price=Decimal("50000.1"), cum_qty=ZERO,
        status=OrdStatus.NEW, time=T0 + 1 + number) for number in range(count)]
    begun = time.thread_time()
    for report in reports:
        core.apply(core.decide(report, now, sight), now)
    return 1e6 * (time.thread_time() - begun) / count
