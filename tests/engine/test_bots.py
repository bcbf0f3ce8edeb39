"""Bots' threads: rows, errors, restarts, the end."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from engine.bots import Bots
from engine.commands import PlaceOrder, Verdict
from models import BotState, Side
from strategies.loader import Loader
from tests.engine.bot_bench import LONG, Bench, D, benched, quiet, row, until


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    yield from benched(tmp_path)


@pytest.mark.parametrize(("strategy", "reason"), [
    ("broken", "strategies/broken.py:14 KeyError: 'rate'"),
    ("leaver", "strategies/leaver.py:14 SystemExit"),
    ("liar", "strategies/liar.py:11 check_signal answered None; +1, −1 and 0 are allowed"),
])
def test_an_error_suspends_only_that_bot(bench: Bench, strategy: str, reason: str) -> None:
    bad, good = row("Bad", strategy), row("Good")
    bench.run(bad, good)

    bench.close(17)
    until(lambda: bench.suspended)
    bench.close(21)

    until(lambda: [order.owner for order in bench.orders] == ["Good"])
    assert bench.suspended == {"Bad": reason}
    assert bench.bots.last_event("Bad") == reason
    assert [note.level for note in bench.notes if note.emi == "Bad"] == ["error"]


def test_an_error_in_start_suspends(bench: Bench) -> None:
    bench.bots = Bots(replace(bench.bots._parts, loader=Loader()))
    bench.bots._parts.loader.scan()

    assert bench.bots.sync((row(strategy="ma_cross", params={"fast": 9, "slow": 9}),)) == {}

    until(lambda: "A" in bench.suspended)
    assert bench.suspended["A"].startswith("strategies/ma_cross.py:")
    assert bench.suspended["A"].endswith("fast=9: must be below slow=9")


def test_a_failed_bot_runs_again_when_switched_on(bench: Bench) -> None:
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


def test_a_suspended_row_starts_no_strategy(bench: Bench) -> None:
    before = threading.active_count()

    assert bench.run(row(state=BotState.SUSPENDED)) == {}

    assert threading.active_count() == before and bench.bots.stats("A") is None
    assert bench.bots.last_event("A") == ""


def test_a_slow_strategy_is_warned_about_but_not_each_time(bench: Bench) -> None:
    bench.run(row(strategy="slow"))

    bench.close(17)
    bench.close(27)

    until(lambda: bench.calls() == 3)
    told = [note for note in bench.notes if "took" in note.text]
    assert len(told) == 1 and told[0].level == "warning" and "more than 250" in told[0].text
    assert bench.stats().last_ms >= 250


def test_a_stuck_strategy_is_told_and_hinders_nobody(bench: Bench) -> None:
    stuck, good = row("Stuck", "stuck"), row("Good")
    bench.run(stuck, good)
    bench.close(17)
    until(lambda: bench.stats("Stuck").busy_since is not None)
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


def test_rows_that_cannot_run_are_told(bench: Bench) -> None:
    problems = bench.run(
        row("A"), row("B", "nobody"), row("C", params={"mark": 10}), row("D", timeframe="7m"), row("E", capital=0),
        row("F", ""), row("9g"), row("H", params={"mrk": 1}))

    assert set(problems) == {"B", "C", "D", "E", "9g", "H"}
    assert problems["B"].startswith("unknown strategy “nobody”")
    assert problems["C"] == "hand: mark=10: a whole number from 0 to 9 is allowed"
    assert problems["D"].startswith("timeframe “7m” is none of 1m, 3m")
    assert problems["E"] == "CAPITAL 0: a whole number of at least 1 is needed"


def test_sync_twenty_times_changes_nothing(bench: Bench) -> None:
    rows = tuple(row(f"A{place}") for place in range(5))
    bench.run(*rows)
    before = threading.active_count()

    for place in range(20):
        state = BotState.OFF if place % 2 else BotState.WORK
        assert bench.bots.sync(tuple(replace(one, state=state, sort=place) for one in rows)) == {}

    assert threading.active_count() == before and len(bench.wanted) == 5
    assert [bench.calls(one.emi) for one in rows] == [1] * 5


def test_a_changed_row_restarts_that_bot_only(bench: Bench) -> None:
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


def test_a_replaced_bot_waits_a_moment_before_it_asks(bench: Bench) -> None:
    bench.run(row())
    bench.bots.sync((row(capital=2),))
    until(lambda: bench.calls() == 1)

    bench.close(11)
    until(lambda: bench.calls() == 2)
    quiet(lambda: bench.orders, 0.02)
    quiet(lambda: False, bench.bots._parts.timings.verdict)
    bench.close(11)
    until(lambda: [order.qty for order in bench.orders] == [D("0.004")])


def test_the_book_survives_a_restart_of_the_bot(bench: Bench) -> None:
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


def test_an_instrument_not_known_yet_is_said(bench: Bench) -> None:
    bench.board.instruments.clear()
    bench.run(row())

    bench.close(11)

    until(lambda: bench.bots.last_event("A") == "BTCUSDT is not known yet, no order")
    assert not bench.orders


def test_stop_ends_all_within_a_second_and_nothing_is_asked_after(bench: Bench) -> None:
    bench.run(*[row(f"A{place}") for place in range(20)])
    began = time.monotonic()

    bench.bots.stop()
    assert bench.bots.join(1.0) == ()

    assert time.monotonic() - began < 1
    bench.close(11)
    assert bench.bots.sync((row("New"),)) == {}
    quiet(lambda: bench.orders or bench.calls("New"))


def test_a_crash_of_the_thread_itself_suspends_too(bench: Bench) -> None:
    def fail(_order: PlaceOrder, _limit: float) -> Verdict | None:
        raise RuntimeError("no engine")

    bench.bots = Bots(replace(bench.bots._parts, place=fail))
    bench.run(row())

    bench.close(11)

    until(lambda: bench.suspended == {"A": "the bot's thread ended: RuntimeError: no engine"})
