"""A bench for bots: the stub of an engine, strategies that do what the last close says, a hand that feeds candles."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path

from core.board import Board
from core.clock import SystemClock
from engine.bots import BotParts, Bots, BotStats
from engine.commands import PlaceOrder, Refusal, Verdict
from models import (
    BotPosition,
    BotState,
    Candle,
    CandleSeries,
    Category,
    Instrument,
    Key,
    Notice,
    Robot,
    Side,
    Ticker,
    Timings,
)
from strategies.loader import Loader

D = Decimal
KEY = Key("Binance", Category.LINEAR, "BTCUSDT")
PERP = Instrument(KEY, "BTC", "USDT", "USDT", D("0.1"), D("0.001"), D("0.001"), D(1000), D(120), D(100))
LONG, SHORT = BotPosition(D("0.002"), D(50_000), 0, 1), BotPosition(D("-0.002"), D(50_000), 0, 1)
FLAT = BotPosition()

STRATEGY = '''from strategies.base import Parameter, Strategy

class Hand(Strategy):
    """Answers the last close's last digit: 1 buys, 2 sells."""
    parameters = (Parameter("mark", int, 0, 0, 9, "any"),)
    on_forming = {forming}

    def start(self):
        self.seen = []

    def check_signal(self, candles):
        self.seen.append(candles[-1])
        digit = int(candles[-1].close) % 10
        {extra}
        return {{1: 1, 2: -1}}.get(digit, 0)
'''
EXTRAS = {
    "hand": ("False", "pass"), "tick": ("True", "pass"),
    "broken": ("False", "if digit == 7: return {'a': 1}['rate']"),
    "leaver": ("False", "if digit == 7: raise SystemExit"),
    "liar": ("False", "if digit == 7: return None"),
    "slow": ("False", "__import__('time').sleep(0.3 if digit == 7 else 0)"),
    "stuck": ("False", "while digit == 7: __import__('time').sleep(0.01)"),
}


def until(met: Callable[[], object], limit: float = 5.0) -> None:
    end = time.monotonic() + limit
    while not met():
        assert time.monotonic() < end, "waited too long"
        time.sleep(0.002)


def quiet(met: Callable[[], object], span: float = 0.1) -> None:
    """Nothing of the kind happens for a moment."""
    end = time.monotonic() + span
    while time.monotonic() < end:
        assert not met()
        time.sleep(0.005)


def candle(place: int, close: object) -> Candle:
    price = D(str(close))
    return Candle(place * 60_000, price, price, price, price, D(1))


class LateClock(SystemClock):
    """The machine's, moved on by hand."""

    late = 0.0

    def monotonic(self) -> float:
        return super().monotonic() + self.late


class Bench:
    """Bots, the stub of an engine, and a hand that feeds candles."""

    def __init__(self, folder: Path) -> None:
        self.orders: list[PlaceOrder] = []
        self.suspended: dict[str, str] = {}
        self.notes: list[Notice] = []
        self.wanted: list[tuple[Key, str]] = []
        self.answers: list[object] = []          # of the next orders; "" = yes, None = no answer, text = refusal
        self.books_itself = True                 # fills each order at once
        self.positions: dict[str, BotPosition] = {}
        self.board, self.clock = Board(), LateClock()
        self.board.instruments[KEY] = PERP
        self.board.tickers[KEY] = Ticker(mark=D(50_000))
        loader = Loader(built_in=folder)
        loader.scan()
        self.bots = Bots(BotParts(self.place, self.suspended.__setitem__, lambda *what: self.wanted.append(what),
                                  self.notes.append, self.board, self.clock, Timings.quick(), loader))
        self.closed: list[Candle] = []

    def place(self, order: PlaceOrder, _limit: float) -> Verdict | None:
        self.orders.append(order)
        answer = self.answers.pop(0) if self.answers else ""
        if answer is None:
            return None
        if answer:
            return Verdict(order.ticket, False, refusal=Refusal(str(answer)))
        if self.books_itself:
            self.fill(order)
        return Verdict(order.ticket, True, "1.A")

    def fill(self, order: PlaceOrder) -> None:
        old = self.positions.get(order.owner, FLAT)
        qty = old.qty + order.side.sign * order.qty
        self.book(order.owner, BotPosition(qty, order.wanted if qty else None, 0, old.fills + 1))

    def book(self, emi: str, position: BotPosition) -> None:
        self.positions[emi] = position
        self.bots.publish(emi, position)

    def series(self, forming: Candle | None = None) -> CandleSeries:
        return CandleSeries(tuple(self.closed), forming, 3, True)

    def history(self, *closes: object) -> None:
        self.closed = [candle(place, close) for place, close in enumerate(closes)]
        self.board.candles[(KEY, "1m")] = self.series()

    def close(self, *closes: object) -> None:
        for one in closes:
            self.closed.append(candle(len(self.closed), one))
            self.board.candles[(KEY, "1m")] = self.series()
            self.bots.on_candle(KEY, "1m", self.series(), True)

    def tick(self, price: object) -> None:
        self.bots.on_candle(KEY, "1m", self.series(candle(len(self.closed), price)), False)

    def stats(self, emi: str = "A") -> BotStats:
        return self.bots.stats(emi) or BotStats()

    def calls(self, emi: str = "A") -> int:
        return self.stats(emi).calls

    def until_calls(self, count: int, emi: str = "A") -> None:
        until(lambda: self.calls(emi) >= count)
        assert self.calls(emi) == count

    def run(self, *rows: Robot, trading: bool = True) -> dict[str, str]:
        problems = self.bots.sync(rows)
        self.bots.set_trading(trading)
        for row in rows:
            if row.strategy and row.emi not in problems and row.state is not BotState.SUSPENDED:
                self.until_calls(1, row.emi)
        return problems

    def sides(self) -> list[Side]:
        return [order.side for order in self.orders]


def row(emi: str = "A", strategy: str = "hand", timeframe: str = "1m", capital: int = 1,
        params: dict[str, object] | None = None, state: BotState = BotState.WORK) -> Robot:
    return Robot(emi, KEY, 0, timeframe, capital, strategy, params or {}, state)


def benched(home: Path) -> Iterator[Bench]:
    """A bench whose history ends with a signal nobody acts on; ended afterwards."""
    folder = home / "strategies"
    folder.mkdir()
    for name, (forming, extra) in EXTRAS.items():
        (folder / f"{name}.py").write_text(STRATEGY.format(forming=forming, extra=extra))
    made = Bench(folder)
    made.history(10, 20, 31)
    yield made
    made.bots.stop()
    made.bots.join(0.2)
