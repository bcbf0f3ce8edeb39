"""Bots: what they decide (pure), and their threads fed by hand."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.board import Board
from core.clock import SystemClock
from engine.bots import Act, BotParts, Bots, Rules, decide
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
    OrdType,
    Robot,
    Side,
    Ticker,
    Timings,
)
from strategies.loader import Loader

D = Decimal
KEY = Key("Binance", Category.LINEAR, "BTCUSDT")
PERP = Instrument(KEY, "BTC", "USDT", "USDT", D("0.1"), D("0.001"), D("0.001"), D(1000), D(120), D(100))
SPOT = replace(PERP, key=Key("Binance", Category.SPOT, "BTCUSDT"))
LONG, SHORT = BotPosition(D("0.002"), D(50_000), 0, 1), BotPosition(D("-0.002"), D(50_000), 0, 1)
FLAT = BotPosition()
PLAIN, TURNING = Rules(PERP), Rules(PERP, reverse=True)
EXITS = Rules(PERP, take_profit=D(2), stop_loss=D(1))
LOT = D("0.002")


# ---------------------------------------------------------------- decide

@pytest.mark.parametrize(("rules", "position", "signal", "expected"), [
    (PLAIN, FLAT, 1, Act(Side.BUY, LOT, False, "signal opens")),
    (PLAIN, FLAT, -1, Act(Side.SELL, LOT, False, "signal opens")),
    (PLAIN, FLAT, 0, None),
    (PLAIN, LONG, 1, None),
    (PLAIN, LONG, 0, None),
    (PLAIN, LONG, -1, Act(Side.SELL, LOT, True, "opposite signal closes")),
    (PLAIN, SHORT, -1, None),
    (PLAIN, SHORT, 0, None),
    (PLAIN, SHORT, 1, Act(Side.BUY, LOT, True, "opposite signal closes")),
    (TURNING, FLAT, 1, Act(Side.BUY, LOT, False, "signal opens")),
    (TURNING, LONG, 1, None),
    (TURNING, LONG, -1, Act(Side.SELL, 2 * LOT, False, "opposite signal turns")),
    (TURNING, SHORT, 1, Act(Side.BUY, 2 * LOT, False, "opposite signal turns")),
    (Rules(SPOT), FLAT, -1, None),
    (Rules(SPOT), FLAT, 1, Act(Side.BUY, LOT, False, "signal opens")),
    (Rules(SPOT, reverse=True), LONG, -1, Act(Side.SELL, LOT, True, "opposite signal closes")),
])
def test_signal_table(rules, position, signal, expected):
    assert decide(rules, position, signal, D(50_000), LOT) == expected


@pytest.mark.parametrize("rules", [PLAIN, TURNING, EXITS])
@pytest.mark.parametrize("signal", [-1, 0, 1])
@pytest.mark.parametrize("position", [FLAT, LONG, SHORT])
def test_nothing_while_an_order_is_open(rules, position, signal):
    assert decide(rules, replace(position, open_orders=1), signal, D(60_000), LOT) is None


@pytest.mark.parametrize(("position", "price", "why"), [
    (LONG, "50999", None), (LONG, "50999.9", None), (LONG, "51000", "take profit 2 %"),
    (LONG, "52000", "take profit 2 %"),
    (LONG, "49500.1", None), (LONG, "49500", "stop loss 1 %"), (LONG, "40000", "stop loss 1 %"),
    (SHORT, "49000.1", None), (SHORT, "49000", "take profit 2 %"), (SHORT, "50499.9", None),
    (SHORT, "50500", "stop loss 1 %"), (FLAT, "51000", None), (replace(LONG, entry=None), "51000", None),
])
def test_take_profit_and_stop_loss(position, price, why):
    act = decide(EXITS, position, 0, D(price), LOT)

    side = Side.SELL if position.qty > 0 else Side.BUY
    assert act == (None if why is None else Act(side, LOT, True, why, is_exit=True))


def test_profit_of_the_scenarios_exit():
    act = decide(EXITS, LONG, 0, D(51_000), LOT)

    fees = (LOT * 50_000 + act.qty * 51_000) * D("0.0004")
    assert -LOT * 50_000 + act.qty * 51_000 - fees == D("1.9192")


def test_take_profit_and_stop_loss_are_off_at_zero():
    assert decide(PLAIN, LONG, 0, D(10**9), LOT) is None
    assert decide(PLAIN, LONG, 0, D("0.1"), LOT) is None


def test_an_exit_comes_before_the_signal():
    assert decide(replace(EXITS, reverse=True), LONG, -1, D(51_000), LOT).is_exit


def test_two_buys_in_a_row_open_one_position():
    first = decide(PLAIN, FLAT, 1, D(50_000), LOT)

    assert first is not None
    assert decide(PLAIN, BotPosition(first.qty, D(50_000), 0, 1), 1, D(50_000), LOT) is None


def test_dust_of_fees_counts_as_flat():
    dust = BotPosition(D("0.0009"), D(50_000), 0, 2)

    assert decide(EXITS, dust, 0, D(60_000), LOT) is None
    assert decide(PLAIN, dust, 1, D(50_000), LOT) == Act(Side.BUY, LOT, False, "signal opens")


def test_closing_sells_whole_lots_only():
    assert decide(PLAIN, replace(LONG, qty=D("0.001999")), -1, D(50_000), LOT).qty == D("0.001")


def test_a_problem_with_the_quantity_is_told_only_when_one_is_needed():
    assert decide(PLAIN, FLAT, 1, D(1), "too much") == "too much"
    assert decide(PLAIN, FLAT, 0, D(1), "too much") is None
    assert decide(PLAIN, LONG, -1, D(1), "too much") == Act(Side.SELL, LOT, True, "opposite signal closes")


def test_where_it_cannot_turn_it_closes():
    small = replace(PERP, market_max_qty=D("0.003"))

    for entry, rules in ((LOT, Rules(small, reverse=True)), ("too much", TURNING)):
        act = decide(rules, LONG, -1, D(50_000), entry)
        assert (act.side, act.qty, act.reduce_only) == (Side.SELL, LOT, True)
        assert act.why.startswith("opposite signal closes, no turn: ")


def test_a_position_above_the_market_limit_is_closed_in_parts():
    small = Rules(replace(PERP, market_max_qty=D("0.001")))

    assert decide(small, LONG, -1, D(50_000), LOT).qty == D("0.001")


@settings(deadline=None)
@given(st.integers(-5000, 5000), st.sampled_from([-1, 0, 1]), st.integers(1, 10**6), st.booleans(), st.booleans(),
       st.integers(0, 50), st.integers(0, 50), st.integers(0, 2))
def test_an_order_never_adds_to_a_position(lots, signal, price, reverse, spot, profit, loss, open_orders):
    instrument = replace(SPOT if spot else PERP, market_max_qty=D(0))
    rules = Rules(instrument, D(profit), D(loss), reverse)
    position = BotPosition(lots * D("0.001"), D(50_000), open_orders, 1)

    act = decide(rules, position, signal, D(price), LOT)

    if act is None:
        return
    assert open_orders == 0 and act.qty % PERP.lot == 0 and act.qty > 0
    after = position.qty + act.side.sign * act.qty
    if position.qty:
        assert act.side.sign * position.qty < 0
        assert after in (0, act.side.sign * LOT)
        assert after == 0 or (reverse and not spot)
    assert act.reduce_only == (after == 0)
    assert not (spot and after < 0 and lots >= 0)


# ---------------------------------------------------------------- threads

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
    return Candle(place * 60_000, *[D(str(close))] * 4, D(1))


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

    def calls(self, emi: str = "A") -> int:
        stats = self.bots.stats(emi)
        return stats.calls if stats else 0

    def run(self, *rows: Robot, trading: bool = True) -> dict[str, str]:
        problems = self.bots.sync(rows)
        self.bots.set_trading(trading)
        for row in rows:
            if row.strategy and row.emi not in problems and row.state is not BotState.SUSPENDED:
                until(lambda emi=row.emi: self.calls(emi) >= 1)
        return problems

    def sides(self) -> list[Side]:
        return [order.side for order in self.orders]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    place = tmp_path_factory.mktemp("home") / "strategies"
    place.mkdir()
    for name, (forming, extra) in EXTRAS.items():
        (place / f"{name}.py").write_text(STRATEGY.format(forming=forming, extra=extra))
    return place


@pytest.fixture
def bench(folder):
    made = Bench(folder)
    made.history(10, 20, 31)       # the history ends with a signal nobody acts on
    yield made
    made.bots.stop()
    made.bots.join(1.0)


def row(emi: str = "A", strategy: str = "hand", **more: object) -> Robot:
    params = more.pop("params", {})
    return Robot(emi, KEY, 0, str(more.pop("timeframe", "1m")), int(more.pop("capital", 1)), strategy, params, **more)


def test_history_is_handed_over_once_and_not_acted_on(bench):
    bench.run(row())

    assert bench.wanted == [(KEY, "1m")]
    quiet(lambda: bench.orders)
    assert bench.calls() == 1


def test_an_incomplete_history_is_waited_for(bench):
    bench.board.candles[(KEY, "1m")] = replace(bench.series(), complete=False)
    bench.bots.sync((row(),))
    bench.bots.set_trading(True)

    quiet(lambda: bench.calls(), 0.4)
    bench.close(10)
    until(lambda: bench.calls() == 1)


def test_no_history_is_said(bench):
    bench.history()
    bench.bots.sync((row(),))

    until(lambda: bench.bots.last_event("A") == "no history of BTCUSDT 1m: waiting for candles to close")


def test_a_signal_becomes_a_market_order(bench):
    bench.run(row(capital=3))
    bench.close(50_001)
    until(lambda: bench.orders)

    (order,) = bench.orders
    assert order == PlaceOrder(order.ticket, KEY, "A", Side.BUY, D("0.006"), None, False, OrdType.MARKET,
                               wanted=D(50_001))
    assert order.ticket.startswith("A-1-")
    until(lambda: bench.bots.last_event("A") == "SIGNAL BUY 0.006 BTCUSDT at 50001: signal opens")
    assert bench.notes[-1].emi == "A"
    stats = bench.bots.stats("A")
    assert (stats.calls, stats.last_signal, stats.busy_since) == (2, 1, None)
    assert stats.last_run > 0


def test_a_round_of_signals(bench):
    bench.run(row())
    for place, close in enumerate((11, 21, 30, 12, 22, 31), 2):
        bench.close(close)
        until(lambda place=place: bench.calls() == place)
        quiet(lambda: False, 0.02)
    until(lambda: len(bench.orders) == 4)

    assert [(one.side, one.reduce_only) for one in bench.orders] == [
        (Side.BUY, False), (Side.SELL, True), (Side.SELL, False), (Side.BUY, True)]
    assert len({one.ticket for one in bench.orders}) == 4


def test_reverse_turns_in_one_order(bench):
    bench.run(row(params={"reverse": True}))
    bench.close(11)
    until(lambda: len(bench.orders) == 1)
    bench.close(22)
    until(lambda: len(bench.orders) == 2)

    assert [(one.side, one.qty, one.reduce_only) for one in bench.orders] == [
        (Side.BUY, D("0.002"), False), (Side.SELL, D("0.004"), False)]
    assert bench.positions["A"].qty == D("-0.002")


@pytest.mark.parametrize(("trading", "state"), [(False, BotState.WORK), (True, BotState.OFF)])
def test_trading_off_or_row_off_keeps_calling_and_sends_nothing(bench, trading, state):
    bench.run(row(state=state, params={"take_profit": 1}), trading=trading)
    bench.book("A", LONG)

    bench.close(11, 12, 21)
    bench.tick(60_000)

    until(lambda: bench.calls() == 4)
    quiet(lambda: bench.orders)


def test_switching_on_needs_no_restart(bench):
    bench.run(row(state=BotState.OFF))
    bench.bots.sync((row(state=BotState.WORK),))

    bench.close(11)

    until(lambda: bench.sides() == [Side.BUY])
    assert bench.calls() == 2 and len(bench.wanted) == 1


def test_no_second_order_before_the_first_is_in_the_book(bench):
    bench.books_itself = False
    bench.run(row())
    bench.close(11)
    until(lambda: bench.orders)

    bench.close(11, 11)
    until(lambda: bench.calls() == 4)
    bench.book("A", BotPosition(open_orders=1))
    bench.close(11)
    until(lambda: bench.calls() == 5)
    assert len(bench.orders) == 1

    bench.book("A", BotPosition())       # it came to nothing
    bench.close(11)
    until(lambda: len(bench.orders) == 2)


def test_a_refusal_is_told_and_ends_that_candle_only(bench):
    bench.answers = ["daily loss"]
    bench.run(row(strategy="tick"))

    bench.tick(50_001)
    until(lambda: bench.orders)
    bench.tick(50_011)
    until(lambda: bench.calls() == 3)
    assert len(bench.orders) == 1 and not bench.suspended
    assert bench.bots.last_event("A").endswith("– refused: daily loss") and bench.notes[-1].level == "warning"

    bench.close(50_000)
    bench.tick(50_021)
    until(lambda: len(bench.orders) == 2)


def test_without_an_answer_only_the_same_ticket_is_asked_again(bench):
    bench.answers = [None, None]
    bench.run(row())

    bench.close(11)
    until(lambda: len(bench.orders) == 3)
    quiet(lambda: len(bench.orders) > 3, 0.4)

    assert len(set(bench.orders)) == 1
    assert len([note for note in bench.notes if "no answer" in note.text]) == 1
    assert bench.positions["A"].qty == D("0.002")


def test_take_profit_by_ticks(bench):
    bench.run(row(params={"take_profit": 2, "stop_loss": 1}))
    bench.book("A", LONG)
    quiet(lambda: False, 0.05)

    bench.tick(50_999)
    quiet(lambda: bench.orders, 0.3)
    bench.tick(51_000)
    until(lambda: bench.orders)

    assert (bench.orders[0].side, bench.orders[0].qty, bench.orders[0].reduce_only, bench.orders[0].wanted) == (
        Side.SELL, D("0.002"), True, D(51_000))
    until(lambda: bench.bots.last_event("A") == "EXIT SELL 0.002 BTCUSDT at 51000: take profit 2 %")


def test_stop_loss_by_the_last_price_when_candles_stand_still(bench):
    bench.run(row(params={"stop_loss": 1}))
    bench.board.tickers[KEY] = Ticker(last=D(49_000), received=bench.clock.monotonic() - 60)
    bench.book("A", LONG)
    quiet(lambda: bench.orders, 0.3)       # that price is a minute old

    bench.board.tickers[KEY] = Ticker(last=D(49_500), received=bench.clock.monotonic())
    until(lambda: bench.sides() == [Side.SELL])


def test_a_refused_exit_is_asked_again_with_growing_pauses(bench):
    bench.answers = ["database away"] * 3
    bench.run(row(params={"stop_loss": 1}))
    bench.book("A", LONG)
    bench.board.tickers[KEY] = Ticker(last=D(49_000), received=bench.clock.monotonic() + 100)

    until(lambda: len(bench.orders) == 1)
    quiet(lambda: len(bench.orders) > 1, 0.4)
    bench.clock.late += 1
    until(lambda: len(bench.orders) == 2)
    bench.clock.late += 1
    quiet(lambda: len(bench.orders) > 2, 0.4)
    bench.clock.late += 1
    until(lambda: len(bench.orders) == 3)

    assert not bench.suspended


def test_on_forming_acts_once_a_candle_and_does_not_enter_again_after_an_exit(bench):
    bench.run(row(strategy="tick", params={"take_profit": 2}))

    bench.tick(50_001)
    until(lambda: bench.sides() == [Side.BUY])
    bench.tick(50_002)
    until(lambda: bench.calls() == 3)
    quiet(lambda: len(bench.orders) > 1)
    bench.tick(51_011)
    until(lambda: bench.sides() == [Side.BUY, Side.SELL])
    for count, price in enumerate((51_021, 51_001, 51_002), 5):
        bench.tick(price)
        until(lambda count=count: bench.calls() == count)
    quiet(lambda: len(bench.orders) > 2)

    bench.close(51_001)
    bench.tick(51_001)
    until(lambda: bench.sides() == [Side.BUY, Side.SELL, Side.BUY])


def test_forming_candles_overwrite_each_other_and_closed_ones_are_never_lost(bench):
    bench.history(10)
    bench.run(row(strategy="slow", state=BotState.OFF))
    bench.close(17)                       # busy for 0.3 s …
    until(lambda: bench.bots.stats("A").busy_since is not None)

    for _ in range(50):                   # … in which fifty candles close and five hundred ticks come
        bench.close(20)
        for price in range(10):
            bench.tick(price)

    until(lambda: bench.calls() == 52)
    quiet(lambda: bench.calls() > 52)


def test_only_the_newest_of_several_closed_candles_may_trade(bench):
    bench.run(row())
    bench.closed += [candle(3, 11), candle(4, 20)]
    bench.close(22)
    until(lambda: bench.orders)

    assert bench.sides() == [Side.SELL]
    assert any("came too late" in note.text for note in bench.notes)


@pytest.mark.parametrize(("strategy", "reason"), [
    ("broken", "strategies/broken.py:14 KeyError: 'rate'"),
    ("leaver", "strategies/leaver.py:14 SystemExit"),
    ("liar", "strategies/liar.py:11 check_signal answered None; +1, −1 and 0 are allowed"),
])
def test_an_error_suspends_only_that_bot(bench, strategy, reason):
    bad, good = row("Bad", strategy), row("Good")
    bench.run(bad, good)

    bench.close(17)
    until(lambda: bench.suspended)
    bench.close(21)

    until(lambda: [order.owner for order in bench.orders] == ["Good"])
    assert bench.suspended == {"Bad": reason}
    assert bench.bots.last_event("Bad") == reason
    assert [note.level for note in bench.notes if note.emi == "Bad"] == ["error"]


def test_an_error_in_start_suspends(bench):
    bench.bots = Bots(replace(bench.bots._parts, loader=Loader()))
    bench.bots._parts.loader.scan()

    assert bench.bots.sync((row(strategy="ma_cross", params={"fast": 9, "slow": 9}),)) == {}

    until(lambda: "A" in bench.suspended)
    assert bench.suspended["A"].startswith("strategies/ma_cross.py:")
    assert bench.suspended["A"].endswith("fast=9: must be below slow=9")


def test_a_failed_bot_runs_again_when_switched_on(bench):
    bad = row(strategy="broken")
    bench.run(bad)
    bench.close(17)
    until(lambda: bench.suspended)
    bench.close(20)

    bench.bots.sync((bad,))                                                # the suspension is still on its way
    assert bench.calls() == 1
    bench.bots.sync((replace(bad, state=BotState.SUSPENDED, reason="…"),))
    assert len(bench.wanted) == 1
    bench.bots.sync((bad,))
    assert len(bench.wanted) == 2

    until(lambda: bench.calls() == 1)
    bench.close(20)
    until(lambda: bench.calls() == 2)


def test_a_suspended_row_starts_no_strategy(bench):
    before = threading.active_count()

    assert bench.run(row(state=BotState.SUSPENDED)) == {}

    assert threading.active_count() == before and bench.bots.stats("A") is None
    assert bench.bots.last_event("A") == ""


def test_a_slow_strategy_is_warned_about_but_not_each_time(bench):
    bench.run(row(strategy="slow"))

    bench.close(17)
    bench.close(27)

    until(lambda: bench.calls() == 3)
    told = [note for note in bench.notes if "took" in note.text]
    assert len(told) == 1 and told[0].level == "warning" and "more than 250" in told[0].text
    assert bench.bots.stats("A").last_ms >= 250


def test_a_stuck_strategy_is_told_and_hinders_nobody(bench):
    stuck, good = row("Stuck", "stuck"), row("Good")
    bench.run(stuck, good)
    bench.close(17)
    until(lambda: bench.bots.stats("Stuck").busy_since is not None)
    assert bench.bots.stuck() == ()

    bench.clock.late = 30
    assert bench.bots.stuck() == ("Stuck",)
    bench.close(21)
    until(lambda: [order.owner for order in bench.orders] == ["Good"])
    began = time.monotonic()
    bench.bots.sync((good,))
    bench.bots.stop()
    assert bench.bots.join(0.5) == ("bot Stuck",)
    assert time.monotonic() - began < 1


def test_rows_that_cannot_run_are_told(bench):
    problems = bench.run(
        row("A"), row("B", "nobody"), row("C", params={"mark": 10}), row("D", timeframe="7m"), row("E", capital=0),
        row("F", ""), row("9g"), row("H", params={"mrk": 1}))

    assert set(problems) == {"B", "C", "D", "E", "9g", "H"}
    assert problems["B"].startswith("unknown strategy “nobody”")
    assert problems["C"] == "hand: mark=10: a whole number from 0 to 9 is allowed"
    assert problems["D"].startswith("timeframe “7m” is none of 1m, 3m")
    assert problems["E"] == "CAPITAL 0: a whole number of at least 1 is needed"


def test_sync_twenty_times_changes_nothing(bench):
    rows = tuple(row(f"A{place}") for place in range(5))
    bench.run(*rows)
    before = threading.active_count()

    for place in range(20):
        state = BotState.OFF if place % 2 else BotState.WORK
        assert bench.bots.sync(tuple(replace(one, state=state, sort=place) for one in rows)) == {}

    assert threading.active_count() == before and len(bench.wanted) == 5
    assert [bench.calls(one.emi) for one in rows] == [1] * 5


def test_a_changed_row_restarts_that_bot_only(bench):
    bench.run(row("A"), row("B"))
    before = threading.active_count()
    bench.close(20)
    until(lambda: bench.calls("A") == bench.calls("B") == 2)

    bench.bots.sync((row("A", params={"mark": 1}), row("B")))

    until(lambda: bench.calls("A") == 1 and threading.active_count() == before)
    assert bench.calls("B") == 2
    bench.bots.sync((row("B"),))
    until(lambda: threading.active_count() == before - 1)
    assert bench.bots.stats("A") is None


def test_a_replaced_bot_waits_a_moment_before_it_asks(bench):
    bench.run(row())
    bench.bots.sync((row(capital=2),))
    until(lambda: bench.calls() == 1)

    bench.close(11)
    until(lambda: bench.calls() == 2)
    quiet(lambda: bench.orders, 0.02)
    quiet(lambda: False, bench.bots._parts.timings.verdict)
    bench.close(11)
    until(lambda: [order.qty for order in bench.orders] == [D("0.004")])


def test_the_book_survives_a_restart_of_the_bot(bench):
    bench.run(row())
    bench.book("A", LONG)
    bench.bots.sync((row(params={"mark": 1}),))
    until(lambda: bench.calls() == 1)
    quiet(lambda: False, 0.3)

    bench.close(11)
    until(lambda: bench.calls() == 2)
    bench.close(12)
    until(lambda: bench.orders)

    assert (bench.sides(), bench.orders[0].reduce_only) == ([Side.SELL], True)


def test_an_instrument_not_known_yet_is_said(bench):
    bench.board.instruments.clear()
    bench.run(row())

    bench.close(11)

    until(lambda: bench.bots.last_event("A") == "BTCUSDT is not known yet, no order")
    assert not bench.orders


def test_stop_ends_all_within_a_second_and_nothing_is_asked_after(bench):
    bench.run(*[row(f"A{place}") for place in range(20)])
    began = time.monotonic()

    bench.bots.stop()
    assert bench.bots.join(1.0) == ()

    assert time.monotonic() - began < 1
    bench.close(11)
    assert bench.bots.sync((row("New"),)) == {}
    quiet(lambda: bench.orders or bench.calls("New"))


def test_a_crash_of_the_thread_itself_suspends_too(bench):
    def fail(_order, _limit):
        raise RuntimeError("no engine")

    bench.bots = Bots(replace(bench.bots._parts, place=fail))
    bench.run(row())

    bench.close(11)

    until(lambda: bench.suspended == {"A": "the bot's thread ended: RuntimeError: no engine"})
