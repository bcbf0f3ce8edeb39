"""Clock and limits: rows C1 and C3 of the table of faults."""

from __future__ import annotations

from dataclasses import replace

import pytest

from engine.commands import AskNow
from tests.faults.harness import BTC, BUY, QUICK, SELL, Ground, Terminal, Wire, until

ORDER = "/fapi/v1/order"
PATIENT = replace(QUICK, queue_limit=5.0, resend_within=5.0)


@pytest.mark.parametrize("offset", [3000, -10000])
def test_c1_our_clock_is_wrong_at_the_start(ground: Ground, wire: Wire, offset: int) -> None:
    ground.exchange.control("clock", offset_ms=-offset)

    terminal = ground.terminal()
    name = terminal.place(BUY, "0.01", None)

    until(lambda: ground.status(name) == "FILLED", 5, "FILLED")
    assert not wire.refused()
    state = next(iter(terminal.session.board.venues.values()))
    assert state.clock_offset_ms is not None and abs(state.clock_offset_ms - offset) < 500
    ground.check()


@pytest.mark.parametrize("shift", [3000, -10000])
def test_c1_the_clocks_move_apart_while_running(ground: Ground, terminal: Terminal, wire: Wire, shift: int) -> None:
    ground.exchange.control("clock", offset_ms=shift)

    name = terminal.place(BUY, "0.01", None, "alfa")
    until(lambda: ground.status(name) == "FILLED", 5, "FILLED")
    asked = terminal.view.ledger.agree_time
    terminal.ask(AskNow(terminal.ticket()))
    until(lambda: terminal.view.ledger.agree_time > asked, 8, "an account check")

    assert len(wire.refused()) <= 1, "at most one refused request per change of the clock"
    ground.check()


def test_c1_questions_notice_the_change_too(ground: Ground, terminal: Terminal, wire: Wire) -> None:
    ground.exchange.control("clock", offset_ms=-10000)
    asked = terminal.view.ledger.agree_time

    terminal.ask(AskNow(terminal.ticket()))

    until(lambda: terminal.view.ledger.agree_time > asked, 8, "an account check")
    assert len(wire.refused()) <= 1
    ground.check()


def test_c3_too_many_requests_with_a_time_to_wait(ground: Ground, wire: Wire) -> None:
    terminal = ground.terminal(PATIENT)
    resting = terminal.place(BUY, "0.01", terminal.far())
    until(lambda: ground.status(resting) == "NEW", 5, "NEW")
    told = {"code": -1003, "msg": "Too many requests."}
    ground.exchange.fault("status", path="/fapi/v3/positionRisk", http=429, body=told, headers={"Retry-After": "2"})
    terminal.ask(AskNow(terminal.ticket()))
    refused = until(wire.refused, 5, "the 429")[0]

    waiting = terminal.place(SELL, "0.01", terminal.far(SELL))
    assert terminal.cancel(resting).ok
    until(lambda: ground.status(resting) == "CANCELED" and ground.status(waiting) == "NEW", 8, "both done")

    later = [one.at - refused.at for one in wire.sent if one.at > refused.at]
    assert min(later) >= 1.9, "a request left before its time"
    first, second = wire.times("DELETE", ORDER)[0], wire.times("POST", ORDER)[1]
    assert first < second, "cancels go first"
    ground.check()


def test_c3_too_many_requests_without_a_time(ground: Ground, terminal: Terminal, wire: Wire) -> None:
    ground.exchange.fault("status", path=f"POST {ORDER}", http=429, body="slow down")
    name = terminal.place(BUY, "0.01", terminal.far())
    until(lambda: ground.status(name) == "REJECTED", 5, "an end")
    count = len(wire.sent)

    other = terminal.place(SELL, "0.01", terminal.far(SELL))
    until(lambda: ground.status(other) == "REJECTED", 5, "refused: it waited too long")

    assert len(wire.sent) == count, "a request left while the exchange wanted none"
    assert "not sent" in ground.order(other)["REASON"]
    assert BTC in terminal.session.board.tops
    ground.check()
