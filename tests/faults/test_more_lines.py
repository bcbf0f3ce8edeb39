"""Connections, limits and the account: rows M8, M13, M14, M16, C4, C6 and C8 of the table, M21 and O17 on BitMEX.

One session on USD-M and on BitMEX for all of them; the referee compares both after every row.
"""

from __future__ import annotations

import signal
from collections.abc import Iterator
from decimal import Decimal

import pytest

from engine.commands import AskNow
from tests.faults.harness import BTC, BUY, SELL, Ground, Terminal, Wire, driver, during, recorded, until
from tests.faults.products import BTCUSDT, ETHUSDT, XBTUSD, lift_limits

ORDER = "/fapi/v1/order"
XBT = XBTUSD.key


class Stage:
    """The session, its exchange, what it sends."""

    def __init__(self, ground: Ground, wire: Wire) -> None:
        self.ground, self.wire = ground, wire
        self.terminal: Terminal = ground.terminal()

    def is_live(self) -> bool:
        """Whether orders would be taken everywhere."""
        return all(map(self.terminal.is_live, self.terminal.keys))


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """One exchange, one session on two markets."""
    ground = Ground(tmp_path_factory.mktemp("lines"))
    try:
        lift_limits(ground.exchange)
        ground.trades(BTCUSDT, ETHUSDT, XBTUSD)
        ground.robot("alfa")
        ground.robot("gamma", XBT.symbol, category="inverse", market="Bitmex")
        with recorded() as wire:
            yield Stage(ground, wire)
    finally:
        ground.close()


@pytest.fixture
def stage(shared: Stage) -> Iterator[Stage]:
    """The session at quiet, before and after; then the referee's word."""
    shared.terminal.wait_recovered(25)
    shared.wire.sent.clear()
    yield shared
    shared.ground.calm()
    lift_limits(shared.ground.exchange)
    shared.ground.check(limit=20)


@pytest.mark.parametrize("first", ["account", "reverse"])
def test_m21_position_and_execution_in_another_order(stage: Stage, first: str) -> None:
    stage.ground.exchange.fault("order", first=first)
    for side, owner in ((BUY, "gamma"), (SELL, ""), (BUY, "gamma")):
        name = stage.terminal.place(side, "200", None, owner, XBT)
        until(lambda name=name: stage.ground.status(name) == "FILLED", 6, "FILLED")  # type: ignore[misc]


def test_o17_filled_beyond_its_quantity_on_bitmex(stage: Stage) -> None:
    stage.ground.exchange.fault("overfill", symbol=XBT.symbol, category="inverse")

    name = stage.terminal.place(BUY, "200", None, "gamma", XBT)

    until(lambda: stage.ground.order(name).get("BOOKED_QTY", 0) > 200, 8, "more booked than ordered")
    until(lambda: stage.terminal.said(f"ALARM: {name} is filled with"), 3, "the alarm")


def test_m13_fifty_fills_while_the_private_stream_is_down(stage: Stage) -> None:
    price = stage.terminal.far()
    names = [stage.terminal.place(BUY, "0.002", price - number, "" if number % 2 else "alfa") for number in range(50)]
    for name in names:
        until(lambda name=name: stage.ground.status(name) == "NEW", 10, "NEW")  # type: ignore[misc]
    stage.ground.exchange.fault("mute", stream="private")
    stage.ground.exchange.fault("cut", code=1006, seconds=1)
    stage.ground.exchange.move(stage.terminal.far(BUY, percent=5))
    until(lambda: all(stage.ground.at_exchange(name)[0]["status"] == "FILLED" for name in names[-2:]), 5, "the fills")
    stage.ground.calm()
    lift_limits(stage.ground.exchange)

    for name in names:
        until(lambda name=name: stage.ground.status(name) == "FILLED", 25, "FILLED")  # type: ignore[misc]

    def booked() -> tuple[int, int]:
        owners = [row["EMI"] for row in stage.ground.read().coins if row["MARKET"] == "Binance"]
        return owners.count("alfa"), owners.count(BTC.reserved)

    until(lambda: booked() >= (25, 25), 15, "each fill booked; FILLED may be known before the history is read")
    assert booked() == (25, 25)


def test_m8_nobody_answers_at_the_other_end(stage: Stage) -> None:
    process = stage.ground.exchange.process
    process.send_signal(signal.SIGSTOP)
    try:
        until(lambda: not any(map(stage.terminal.is_live, stage.terminal.keys)), 10, "every book stale")
        refused = stage.terminal.try_place(BUY, "0.01", Decimal(50_000))
    finally:
        process.send_signal(signal.SIGCONT)

    until(stage.is_live, 30, "live again")
    assert refused.refusal is not None


def test_m14_reconnected_with_a_clock_error(stage: Stage) -> None:
    stage.ground.exchange.control("clock", offset_ms=8000)
    try:
        stage.ground.exchange.fault("cut", code=1001)
        until(lambda: not stage.is_live(), 5, "the cut")
        until(stage.is_live, 30, "live again")
        until(lambda: stage.terminal.try_place(BUY, "0.01", owner="alfa").ok, 15, "orders are taken again")
    finally:
        stage.ground.exchange.control("clock", offset_ms=0)
    assert len(stage.wire.refused()) <= 6, "hammering"


def test_c4_no_request_while_banned_and_the_time_is_shown(stage: Stage) -> None:
    stage.ground.exchange.fault("ban", seconds=4)
    stage.terminal.ask(AskNow(stage.terminal.ticket()))
    until(lambda: [one for one in stage.wire.refused() if one.path.startswith("/fapi")], 8, "the ban")
    states = stage.terminal.session.board.venues
    until(lambda: states[BTC[:2]].banned_until is not None, 3, "shown")
    sent = len([one for one in stage.wire.sent if one.path.startswith("/fapi")])

    during(lambda: len([one for one in stage.wire.sent if one.path.startswith("/fapi")]) == sent, 2, "asked meanwhile")

    until(lambda: states[BTC[:2]].banned_until is None, 8, "over")


def test_c8_refused_three_times_in_a_row_the_bot_is_suspended(stage: Stage) -> None:
    for _ in range(3):
        name = stage.terminal.place(BUY, "20", stage.terminal.far(), "alfa")
        until(lambda name=name: stage.ground.status(name) == "REJECTED", 6, "REJECTED")  # type: ignore[misc]

    until(lambda: stage.terminal.said("alfa SUSPENDED: 3 orders refused in a row"), 5, "the word of it")

    assert stage.terminal.try_place(BUY, "0.01", stage.terminal.far()).ok, "others go on"
    assert stage.is_live()


def test_c6_our_own_refusal_comes_before_the_exchanges(ground: Ground, wire: Wire) -> None:
    ground.exchange.fault("limit", orders_10s=8)
    terminal = ground.terminal()
    names = [terminal.place(BUY, "0.01", terminal.far()) for _ in range(12)]
    first = names[0]
    until(lambda: ground.status(first) == "NEW", 5, "NEW")
    assert terminal.cancel(first).ok

    until(lambda: ground.status(first) == "CANCELED", 5, "a cancel goes through all the same")
    until(lambda: all(ground.status(name) not in ("PENDING_NEW", "UNKNOWN") for name in names), 15, "an end of all")

    assert not [one for one in wire.sent if one.status in (418, 429) or (one.path == ORDER and one.status == 400)]
    assert any("not sent" in ground.order(name)["REASON"] for name in names)
    ground.check()


def test_m16_a_program_that_stood_still_does_not_trust_what_it_has(ground: Ground) -> None:
    child = driver(ground, orders=100_000, pause=0.05, seconds=3600)
    until(lambda: "recovered" in child.out, 25, "recovered")
    child.signal(signal.SIGSTOP)
    for number in range(6):
        ground.trade("BUY" if number % 2 else "SELL", "2")
    during(lambda: child.is_running(), 4, "paused")
    said = len(child.out)
    child.signal(signal.SIGCONT)

    until(lambda: len(child.out) > said + 3, 25, "orders are taken again")

    child.kill()
    terminal = ground.terminal()
    ground.check(limit=15)
    assert terminal.is_live()
