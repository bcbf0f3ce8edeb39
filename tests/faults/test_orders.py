"""Orders and requests: rows O1, O2, O3, O4, O5, O9, O11, O13 and O20 of the table of faults.

Private events are muted where a row is about silence: else the stream would tell at once what the answer did not.
"""

from __future__ import annotations

from decimal import Decimal

import pytest

from tests.faults.harness import BTC, BUY, SELL, TURNER_PARAMS, Ground, Terminal, Wire, during, until

ORDER = "/fapi/v1/order"
POST = f"POST {ORDER}"


def mute(ground: Ground, seconds: float = 30) -> None:
    """No private event gets through."""
    ground.exchange.fault("mute", stream="private", seconds=seconds)


def test_o1_post_times_out_but_the_order_was_accepted(ground: Ground, terminal: Terminal, wire: Wire) -> None:
    mute(ground)
    ground.exchange.fault("withhold", path=POST, seconds=5)
    ground.exchange.fault("withhold", path=f"GET {ORDER}", seconds=3)
    name = terminal.place(BUY, "0.01", terminal.far(), "alfa")
    until(lambda: ground.status(name) == "UNKNOWN", 5, "UNKNOWN")
    refused = terminal.try_place(BUY, "0.01", terminal.far(), "alfa")

    until(lambda: ground.status(name) == "NEW", 10, "found by its clOrdID")

    assert refused.refusal is not None and name in refused.refusal.text
    assert wire.count("POST", ORDER) == 1
    ground.check()


def test_o2_post_times_out_and_never_arrived(ground: Ground, terminal: Terminal, wire: Wire) -> None:
    ground.exchange.fault("drop", path=POST, seconds=3)
    name = terminal.place(BUY, "0.01", terminal.far(), "alfa")
    until(lambda: ground.status(name) == "UNKNOWN", 5, "UNKNOWN")
    expires = ground.order(name)["EXPIRES"]
    others = terminal.try_place(SELL, "0.01", terminal.far(SELL), "")

    until(lambda: ground.status(name) != "UNKNOWN", 15, "an end")

    row = ground.order(name)
    assert (row["STATUS"], "never arrived" in row["REASON"]) == ("REJECTED", True)
    assert ground.exchange.truth()["time"] > expires + 1000, "closed before its expiry and the margin"
    assert others.ok, "another owner is not held up"
    assert not ground.at_exchange(name)
    assert wire.count("POST", ORDER) == 2
    ground.check()


def test_o3_queries_answer_not_found_at_first(ground: Ground, terminal: Terminal, wire: Wire) -> None:
    mute(ground)
    ground.exchange.fault("withhold", path=POST, seconds=3)
    ground.exchange.fault("lag", path=f"GET {ORDER}", seconds=2.5)
    name = terminal.place(BUY, "0.01", terminal.far(), "alfa")
    until(lambda: ground.status(name) == "UNKNOWN", 5, "UNKNOWN")

    during(lambda: ground.status(name) in ("UNKNOWN", "NEW"), 1.0, "it may not end while it may still be seen")
    until(lambda: ground.status(name) == "NEW", 10, "NEW")

    assert wire.count("POST", ORDER) == 1
    assert any(one.status == 400 for one in wire.sent if one.path == ORDER), "the fault never worked"
    ground.check()


def test_o4_timed_out_then_filled_at_once(ground: Ground, terminal: Terminal, wire: Wire) -> None:
    mute(ground, 3)
    ground.exchange.fault("withhold", path=POST, seconds=4)
    name = terminal.place(BUY, "0.01", None, "alfa")
    until(lambda: terminal.said(f"{name}: no answer"), 5, "no answer in time")

    until(lambda: ground.status(name) == "FILLED", 10, "FILLED")

    ground.check()
    assert wire.count("POST", ORDER) == 1
    assert {row["EMI"] for row in ground.read().coins} == {"alfa"}


@pytest.mark.parametrize(("http", "code", "muted"), [
    (500, None, True), (503, -1006, True), pytest.param(400, -1007, True, marks=pytest.mark.long),
    pytest.param(503, None, False, marks=pytest.mark.long)])
def test_o5_status_unknown_after_acceptance(ground: Ground, terminal: Terminal, wire: Wire, http: int,
                                            code: int | None, muted: bool) -> None:
    if muted:
        mute(ground)
    body = "<html>Bad Gateway</html>" if code is None else {"code": code, "msg": "execution status unknown"}
    ground.exchange.fault("status", path=POST, http=http, body=body, after="accept")
    name = terminal.place(BUY, "0.01", terminal.far(), "alfa")

    until(lambda: ground.status(name) == "NEW", 10, "NEW")

    assert wire.count("POST", ORDER) == 1
    ground.check()


def test_o9_a_definite_reject(ground: Ground, terminal: Terminal, wire: Wire) -> None:
    name = terminal.place(BUY, "20", terminal.far(), "alfa")

    until(lambda: ground.status(name) == "REJECTED", 5, "REJECTED")

    assert "Margin is insufficient" in ground.order(name)["REASON"]
    during(lambda: not wire.times("GET", ORDER), 0.7, "a definite no is not asked about")
    assert sum("Margin is insufficient" in text for text in terminal.messages()) == 1
    assert terminal.try_place(BUY, "0.01", terminal.far(), "alfa").ok
    ground.check()


@pytest.mark.parametrize("first", ["order", "account", "reverse"])
def test_o11_fill_before_the_acknowledgement(ground: Ground, terminal: Terminal, first: str) -> None:
    ground.exchange.fault("order", first=first)
    ground.exchange.fault("withhold", path=POST, seconds=0.5, times=2)
    bought = terminal.place(BUY, "0.01", None, "alfa")
    until(lambda: ground.status(bought) == "FILLED", 5, "FILLED before the answer")
    sold = terminal.place(SELL, "0.02", terminal.session.board.tops[BTC].bid - 50, "alfa")

    until(lambda: ground.status(sold) == "FILLED", 5, "FILLED")

    ground.check()


def test_o11_fill_after_the_acknowledgement(ground: Ground, terminal: Terminal) -> None:
    ground.exchange.fault("event", kind="delay", seconds=1, times=0)
    name = terminal.place(BUY, "0.01", None, "alfa")

    until(lambda: ground.status(name) == "FILLED", 5, "FILLED")

    ground.check()


def test_o13_cancel_of_an_order_just_filled(ground: Ground, terminal: Terminal) -> None:
    top = terminal.session.board.tops[BTC]
    name = terminal.place(BUY, "0.01", top.bid - 40, "alfa")
    until(lambda: ground.status(name) == "NEW", 5, "NEW")
    ground.exchange.fault("fill_on_cancel", symbol="BTCUSDT")
    terminal.cancel(name)

    until(lambda: ground.status(name) == "FILLED", 5, "FILLED")

    assert not terminal.said(rf"{name} BTCUSDT CANCELED")
    ground.check()


def test_o20_the_same_execution_again_and_again(ground: Ground, terminal: Terminal) -> None:
    ground.exchange.fault("event", kind="repeat", copies=3, times=0)
    for side in (BUY, SELL, BUY):
        terminal.place(side, "0.01", None, "alfa")
    until(lambda: len(ground.read().coins) >= 3, 5, "three rows")
    ground.exchange.fault("cut", code=1006)
    until(lambda: not terminal.is_live(), 5, "the cut")
    terminal.wait_recovered()
    terminal.recover()

    ground.check()

    assert sum(row["QTY"] for row in ground.read().coins) == Decimal("0.01")


def test_o11_a_bot_does_not_close_twice_while_its_fill_is_on_its_way(ground: Ground, wire: Wire) -> None:
    ground.turner()
    for emi in ("alfa", "beta"):                       # on one symbol: what one sells too much, the other one lacks
        ground.robot(emi, strategy="turner", params=TURNER_PARAMS)
    terminal = ground.terminal()
    ground.exchange.fault("event", kind="delay", seconds=0.7, times=0)
    terminal.session.trade(True)

    def closed() -> bool:
        coins = ground.read().coins
        return all(any(row["EMI"] == emi and row["SIDE"] == 1 for row in coins) for emi in ("alfa", "beta"))

    until(closed, 30, "each bot's exit")
    terminal.session.trade(False)

    ground.check()
    twice = [one for one in wire.refused() if one.method == "POST"]      # a stop may have triggered before its cancel
    assert not twice, "an exit was asked for twice"
    assert all(row["POS"] >= 0 for row in ground.read().books), "more was closed than there was"
