"""Bots' threads: from candles and prices to orders."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from engine.commands import PlaceOrder
from models import BotPosition, BotState, OrdType, Side, Ticker
from tests.engine.bot_bench import KEY, LONG, Bench, D, benched, candle, quiet, row, until


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    yield from benched(tmp_path)


def test_history_is_handed_over_once_and_not_acted_on(bench: Bench) -> None:
    bench.run(row())

    assert bench.wanted == [(KEY, "1m")]
    quiet(lambda: bench.orders)
    assert bench.calls() == 1


def test_an_incomplete_history_is_waited_for(bench: Bench) -> None:
    bench.board.candles[(KEY, "1m")] = replace(bench.series(), complete=False)
    bench.bots.sync((row(),))
    bench.bots.set_trading(True)

    quiet(lambda: bench.calls(), 0.4)
    bench.close(10)
    until(lambda: bench.calls() == 1)


def test_no_history_is_said(bench: Bench) -> None:
    bench.history()
    bench.bots.sync((row(),))

    until(lambda: bench.bots.last_event("A") == "no history of BTCUSDT 1m: waiting for candles to close")


def test_a_signal_becomes_a_market_order(bench: Bench) -> None:
    bench.run(row(capital=3))
    bench.close(50_001)
    until(lambda: bench.orders)

    (order,) = bench.orders
    assert order == PlaceOrder(order.ticket, KEY, "A", Side.BUY, D("0.006"), None, False, OrdType.MARKET,
                               wanted=D(50_001))
    assert order.ticket.startswith("A-1-")
    until(lambda: bench.bots.last_event("A") == "SIGNAL BUY 0.006 BTCUSDT at 50001: signal opens")
    assert bench.notes[-1].emi == "A"
    stats = bench.stats()
    assert (stats.calls, stats.last_signal, stats.busy_since) == (2, 1, None)
    assert stats.last_run > 0


def test_a_round_of_signals(bench: Bench) -> None:
    bench.run(row())
    for place, close in enumerate((11, 21, 30, 12, 22, 31), 2):
        bench.close(close)
        bench.until_calls(place)
        quiet(lambda: False, 0.02)
    until(lambda: len(bench.orders) == 4)

    assert [(one.side, one.reduce_only) for one in bench.orders] == [
        (Side.BUY, False), (Side.SELL, True), (Side.SELL, False), (Side.BUY, True)]
    assert len({one.ticket for one in bench.orders}) == 4


def test_reverse_turns_in_one_order(bench: Bench) -> None:
    bench.run(row(params={"reverse": True}))
    bench.close(11)
    until(lambda: len(bench.orders) == 1)
    bench.close(22)
    until(lambda: len(bench.orders) == 2)

    assert [(one.side, one.qty, one.reduce_only) for one in bench.orders] == [
        (Side.BUY, D("0.002"), False), (Side.SELL, D("0.004"), False)]
    assert bench.positions["A"].qty == D("-0.002")


@pytest.mark.parametrize(("trading", "state"), [(False, BotState.WORK), (True, BotState.OFF)])
def test_trading_off_or_row_off_keeps_calling_and_sends_nothing(bench: Bench, trading: bool, state: BotState) -> None:
    bench.run(row(state=state, params={"take_profit": 1}), trading=trading)
    bench.book("A", LONG)

    bench.close(11, 12, 21)
    bench.tick(60_000)

    until(lambda: bench.calls() == 4)
    quiet(lambda: bench.orders)


def test_switching_on_needs_no_restart(bench: Bench) -> None:
    bench.run(row(state=BotState.OFF))
    bench.bots.sync((row(state=BotState.WORK),))

    bench.close(11)

    until(lambda: bench.sides() == [Side.BUY])
    assert bench.calls() == 2 and len(bench.wanted) == 1


def test_no_second_order_before_the_first_is_in_the_book(bench: Bench) -> None:
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


def test_a_refusal_is_told_and_ends_that_candle_only(bench: Bench) -> None:
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


def test_without_an_answer_only_the_same_ticket_is_asked_again(bench: Bench) -> None:
    bench.answers = [None, None]
    bench.run(row())

    bench.close(11)
    until(lambda: len(bench.orders) == 3)
    quiet(lambda: len(bench.orders) > 3, 0.4)

    assert len(set(bench.orders)) == 1
    assert len([note for note in bench.notes if "no answer" in note.text]) == 1
    assert bench.positions["A"].qty == D("0.002")


def test_take_profit_by_ticks(bench: Bench) -> None:
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


def test_stop_loss_by_the_last_price_when_candles_stand_still(bench: Bench) -> None:
    bench.run(row(params={"stop_loss": 1}))
    bench.board.tickers[KEY] = Ticker(last=D(49_000), received=bench.clock.monotonic() - 60)
    bench.book("A", LONG)
    quiet(lambda: bench.orders, 0.3)       # that price is a minute old

    bench.board.tickers[KEY] = Ticker(last=D(49_500), received=bench.clock.monotonic())
    until(lambda: bench.sides() == [Side.SELL])


def test_a_refused_exit_is_asked_again_with_growing_pauses(bench: Bench) -> None:
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


def test_on_forming_acts_once_a_candle_and_does_not_enter_again_after_an_exit(bench: Bench) -> None:
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
        bench.until_calls(count)
    quiet(lambda: len(bench.orders) > 2)

    bench.close(51_001)
    bench.tick(51_001)
    until(lambda: bench.sides() == [Side.BUY, Side.SELL, Side.BUY])


def test_forming_candles_overwrite_each_other_and_closed_ones_are_never_lost(bench: Bench) -> None:
    bench.history(10)
    bench.run(row(strategy="slow", state=BotState.OFF))
    bench.close(17)                       # busy for 0.3 s …
    until(lambda: bench.stats().busy_since is not None)

    for _ in range(50):                   # … in which fifty candles close and five hundred ticks come
        bench.close(20)
        for price in range(10):
            bench.tick(price)

    until(lambda: bench.calls() == 52)
    quiet(lambda: bench.calls() > 52)


def test_only_the_newest_of_several_closed_candles_may_trade(bench: Bench) -> None:
    bench.run(row())
    bench.closed += [candle(3, 11), candle(4, 20)]
    bench.close(22)
    until(lambda: bench.orders)

    assert bench.sides() == [Side.SELL]
    assert any("came too late" in note.text for note in bench.notes)
