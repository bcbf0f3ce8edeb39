"""Clocks that differ, on an exchange of this file's own: shifting its time leaves candles in the future behind."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest

from models import Ack, AskAccount, Category, Reject, Timings, VenueUp
from tests.connectors.conftest import Exchange, Terminal, wait_for

pytestmark = pytest.mark.late
Make = Callable[..., Terminal]


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Exchange]:
    """Instead of the one all files share."""
    exchange = Exchange(tmp_path_factory.mktemp("shifting"))
    yield exchange
    exchange.close()


@pytest.mark.parametrize("offset_ms", [10_000, -10_000])
def test_a_clock_ten_seconds_off_trades(make: Make, exchange: Exchange, offset_ms: int) -> None:
    exchange.control("clock", offset_ms=offset_ms)
    terminal = make().start()

    assert isinstance(terminal.answer(terminal.order(price=terminal.low())), Ack)
    state = wait_for(lambda: terminal.state and terminal.state.clock_offset_ms and terminal.state)
    assert state and abs((state.clock_offset_ms or 0) + offset_ms) < 1000


def test_a_clock_that_shifts_costs_one_refused_request(make: Make, exchange: Exchange) -> None:
    terminal = make(timings=replace(Timings.quick(), resend_within=3.0, queue_limit=3.0)).start()
    low = terminal.low()
    exchange.control("clock", offset_ms=20_000)

    outcomes = [terminal.answer(terminal.order(price=low)) for _ in range(2)]

    assert all(isinstance(one, Ack) for one in outcomes)


def test_questions_measure_a_shifted_clock_too(terminal: Terminal, exchange: Exchange) -> None:
    exchange.control("clock", offset_ms=20_000)
    terminal.venue.post(AskAccount("Binance", Category.LINEAR))

    wait_for(lambda: any(type(one).__name__ == "AccountSnapshot" for one in list(terminal.messages)))


def test_a_clock_more_than_a_minute_off_forbids_trading(make: Make, exchange: Exchange) -> None:
    exchange.control("clock", offset_ms=90_000)
    terminal = make()
    terminal.venue.start()
    state = wait_for(lambda: terminal.state and terminal.state.problem and terminal.state)

    assert state and "90 s behind" in state.problem
    assert isinstance(terminal.answer(terminal.order()), Reject)
    assert terminal.of(VenueUp) == []
