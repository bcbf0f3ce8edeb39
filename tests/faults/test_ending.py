"""Slow answers and the end of the program: rows W4 and W6 of the table of faults."""

from __future__ import annotations

import time

import requests

from engine.commands import KillSwitch
from tests.faults.harness import BTC, BUY, SELL, Ground, Terminal, driver, during, until

POST = "POST /fapi/v1/order"


def test_w4_nobody_waits_for_an_answer_of_thirty_seconds(ground: Ground, terminal: Terminal) -> None:
    ground.exchange.fault("withhold", path=POST, seconds=30, times=0)
    slowest = 0.0
    for side in (BUY, SELL, BUY, SELL):
        begun = time.monotonic()
        terminal.try_place(side, "0.01", terminal.far(side), "alfa")
        slowest = max(slowest, time.monotonic() - begun)

    assert slowest < 0.5, "the verdict waited for the exchange"
    during(lambda: time.monotonic() - terminal.view.published < 0.5, 1.5, "what is shown must go on")
    assert terminal.session.board.books[BTC].live


def test_w6_stopped_with_an_order_in_flight(ground: Ground, terminal: Terminal) -> None:
    ground.exchange.fault("withhold", path=POST, seconds=30)
    name = terminal.place(BUY, "0.01", terminal.far(), "alfa")
    until(lambda: ground.at_exchange(name), 5, "the order at the exchange")
    begun = time.monotonic()

    terminal.end()

    assert time.monotonic() - begun < 5
    assert ground.status(name) in ("NEW", "UNKNOWN")
    assert ground.terminal() and ground.check()
    assert ground.status(name) == "NEW"


def test_w6_stopped_with_a_dropped_order(ground: Ground, terminal: Terminal) -> None:
    ground.exchange.fault("drop", path=POST, times=1)
    name = terminal.place(BUY, "0.01", terminal.far(), "alfa")
    active = f"{ground.exchange.ready['control']}/fault"
    until(lambda: "drop" not in requests.get(active, timeout=5).text, 5, "the order on its way")
    begun = time.monotonic()

    terminal.end()

    assert time.monotonic() - begun < 5
    assert ground.status(name) == "UNKNOWN"
    again = ground.terminal()
    assert [line.status for line in again.view.orders if line.id == name] == ["UNKNOWN"], "it is not listed"
    until(lambda: ground.status(name) == "REJECTED", 15, "an end")
    ground.check()


def test_w6_killed_while_orders_are_in_flight(ground: Ground) -> None:
    ground.robot("alfa")
    ground.robot("beta", "ETHUSDT")
    ground.exchange.fault("withhold", path=POST, seconds=30, times=0)
    child = driver(ground, orders=3, stay=20, patience=40)
    until(lambda: "recovered" in child.out, 45, "recovered")
    until(lambda: len(ground.exchange.truth()["orders"]) > 0, 15, "an order at the exchange")

    child.kill()
    ground.calm()

    ground.terminal()
    ground.check(limit=15)


def test_the_kill_switch_works_with_a_dead_feed(ground: Ground, terminal: Terminal) -> None:
    names = [terminal.place(side, "0.01", terminal.far(side), "alfa") for side in (BUY, SELL)]
    until(lambda: all(ground.status(name) == "NEW" for name in names), 5, "NEW")
    ground.exchange.fault("mute", stream="")

    terminal.session.post(KillSwitch(terminal.ticket()))

    until(lambda: all(ground.at_exchange(name)[0]["status"] == "CANCELED" for name in names), 5, "both cancelled")
    assert terminal.try_place(BUY, "0.01", terminal.far()).refusal
    ground.check()
