"""Orders and requests: rows O7, O8, O10, O12, O14 to O19, O21 to O24, O26 and O27 of the table of faults.

One session for all of them, since each row begins and ends at quiet: the referee compares after every one.
"""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest

from engine.commands import CancelAll, MoveOrder, Recover
from models import TimeInForce
from tests.faults.harness import BTC, BUY, ETH, Ground, Terminal, Wire, during, recorded, until
from tests.faults.products import lift_limits

ORDER = "/fapi/v1/order"


class Stage:
    """The session, its exchange, what it sends."""

    def __init__(self, ground: Ground, wire: Wire) -> None:
        self.ground, self.wire = ground, wire
        self.terminal: Terminal = ground.terminal()

    def open_order(self, qty: str = "0.01", key: Any = BTC, owner: str = "alfa") -> str:
        """A buy order that rests far away."""
        name = self.terminal.place(BUY, qty, self.terminal.far(BUY, key), owner, key)
        self.becomes(name, "NEW")
        return name

    def becomes(self, name: str, *states: str, limit: float = 12.0) -> None:
        """Until the order is in one of these states."""
        until(lambda: self.ground.status(name) in states, limit, f"{name} {' or '.join(states)}")

    def mute(self, seconds: float = 30) -> None:
        """No private event gets through."""
        self.ground.exchange.fault("mute", stream="private", seconds=seconds)

    def by_hand(self, action: str, **body: Any) -> Any:
        """Something done on the web site, in BTCUSDT."""
        return self.ground.exchange.control(action, market="Binance", category="linear", symbol="BTCUSDT", **body)

    def rows(self, emi: str) -> list[dict[str, Any]]:
        """Ledger rows of an owner, oldest first."""
        return sorted((row for row in self.ground.read().coins if row["EMI"] == emi), key=lambda row: int(row["ID"]))


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """One exchange, one session with two bots that only keep books."""
    ground = Ground(tmp_path_factory.mktemp("orders"))
    try:
        lift_limits(ground.exchange)
        ground.robot("alfa")
        ground.robot("beta", "ETHUSDT")
        with recorded() as wire:
            yield Stage(ground, wire)
    finally:
        ground.close()


@pytest.fixture
def stage(shared: Stage) -> Iterator[Stage]:
    """The session at quiet, before and after; then the referee's word."""
    shared.terminal.wait_recovered()
    shared.wire.sent.clear()
    yield shared
    shared.ground.calm()
    lift_limits(shared.ground.exchange)
    shared.ground.check(limit=15)
    if shared.terminal.view.orders:              # what rests from this row is not to fill in the next
        shared.terminal.ask(CancelAll(shared.terminal.ticket()))
        until(lambda: not shared.terminal.view.orders, 5, "no open orders")


@pytest.mark.parametrize("fault", [
    {"name": "status", "http": 200, "body": "<html>a portal</html>"}, {"name": "status", "http": 200, "body": ""},
    {"name": "status", "http": 200, "body": '{"orderId": 1'}, {"name": "reset"},
], ids=["o7-html", "o7-empty", "o7-cut", "o8-reset"])
def test_o7_o8_no_usable_answer_to_an_order_that_was_taken(stage: Stage, fault: dict[str, Any]) -> None:
    stage.mute()
    stage.ground.exchange.fault(path=f"POST {ORDER}", after="accept", **fault)
    name = stage.terminal.place(BUY, "0.01", stage.terminal.far(), "alfa")
    other = stage.terminal.place(BUY, "0.1", stage.terminal.far(BUY, ETH), "beta", ETH)

    stage.becomes(name, "NEW")
    stage.becomes(other, "NEW")

    assert stage.wire.count("POST", ORDER) == 2, "sent again, or not at all"
    assert len(stage.ground.at_exchange(name)) == 1


@pytest.mark.parametrize("taken", [True, False], ids=["taken", "lost"])
def test_o14_a_cancel_is_not_answered(stage: Stage, taken: bool) -> None:
    name = stage.open_order()
    stage.mute()
    stage.ground.exchange.fault("withhold" if taken else "drop", path=f"DELETE {ORDER}", seconds=4)
    stage.terminal.cancel(name)
    until(lambda: stage.wire.times("GET", ORDER), 8, "the question what became of it")

    stage.becomes(name, "CANCELED")

    asked, cancels = stage.wire.times("GET", ORDER), stage.wire.times("DELETE", ORDER)
    assert len(cancels) == (1 if taken else 2)
    assert taken or cancels[1] > asked[0], "asked for again only once it is known to be open"


@pytest.mark.parametrize("fault", [{"name": "withhold", "seconds": 4}, {"name": "drop", "seconds": 4},
                                   {"name": "reset", "after": "accept"}], ids=["withheld", "dropped", "reset"])
def test_o16_an_amend_is_not_answered_and_the_order_fills(stage: Stage, fault: dict[str, Any]) -> None:
    name = stage.open_order()
    stage.ground.exchange.fault(path=f"PUT {ORDER}", **fault)
    assert stage.terminal.ask(MoveOrder(stage.terminal.ticket(), BTC, name, qty=Decimal("0.02"))).ok
    until(lambda: stage.wire.times("PUT", ORDER), 5, "the amendment")
    stage.ground.exchange.move(stage.terminal.far(BUY, percent=4))

    stage.becomes(name, "FILLED")

    (there,) = stage.ground.at_exchange(name)
    number = int(name.partition(".")[0])
    assert sum(row["QTY"] for row in stage.rows("alfa") if row["CLORDID"] == number) == Decimal(there["cum_qty"])
    assert Decimal(there["cum_qty"]) == Decimal("0.01" if fault["name"] == "drop" else "0.02"), "overfilled"
    assert stage.wire.count("PUT", ORDER) == 1


def seed(ground: Ground, terminal: Terminal, qty: str) -> tuple[str, Decimal]:
    """An order of another hand under the id that ours will get; the id and its price."""
    ground.exchange.fault("mute", stream="private", seconds=30)
    price = terminal.far()
    given = max((int(row["VALUE"]) for row in ground.read().counters if row["NAME"] == "clOrdID"), default=0)
    ground.exchange.order("BUY", qty, str(price), newClientOrderId=f"{given + 1}.alfa")
    return f"{given + 1}.alfa", price


def test_o10_the_id_is_there_already_with_the_same_order(stage: Stage) -> None:
    wanted, price = seed(stage.ground, stage.terminal, "0.01")

    name = stage.terminal.place(BUY, "0.01", price, "alfa")

    assert name == wanted
    stage.becomes(name, "NEW")
    assert len(stage.ground.at_exchange(name)) == 1


def test_o10_the_id_is_there_already_with_another_order(ground: Ground, terminal: Terminal) -> None:
    _, price = seed(ground, terminal, "0.03")

    name = terminal.place(BUY, "0.01", price, "alfa")

    until(lambda: terminal.said(f"another order under the id {name}; ours was not placed"), 8, "the alarm")
    assert len(ground.at_exchange(name)) == 1
    assert not ground.read().coins


def test_o12_a_status_that_goes_backwards_is_ignored(stage: Stage) -> None:
    stage.ground.exchange.fault("event", kind="delay", seconds=1, times=0)
    name = stage.open_order()
    stage.terminal.cancel(name)
    stage.becomes(name, "CANCELED")

    during(lambda: stage.ground.status(name) == "CANCELED", 1.5, "the late NEW opened it again")


def test_o15_partly_filled_then_cancelled_by_another_hand(stage: Stage) -> None:
    stage.ground.exchange.fault("freeze")
    name = stage.terminal.place(BUY, "0.5", stage.terminal.session.board.tops[BTC].bid, "alfa")
    stage.becomes(name, "NEW")
    price = stage.ground.at_exchange(name)[0]["price"]
    levels = stage.ground.exchange.get("/fapi/v1/depth", symbol="BTCUSDT", limit=50)["bids"]
    ahead = sum(Decimal(qty) for level, qty in levels if Decimal(level) >= Decimal(price)) - Decimal("0.5")
    stage.ground.trade("SELL", str(ahead + Decimal("0.2")))
    stage.becomes(name, "PARTIALLY_FILLED")

    stage.by_hand("cancel", order_id=stage.ground.at_exchange(name)[0]["order_id"])

    stage.becomes(name, "CANCELED")
    assert 0 < stage.ground.order(name)["BOOKED_QTY"] < Decimal("0.5")


@pytest.mark.parametrize("rests", [False, True], ids=["taken", "resting"])
def test_o17_filled_beyond_its_quantity(stage: Stage, rests: bool) -> None:
    stage.ground.exchange.fault("overfill", symbol="BTCUSDT", category="linear")
    if rests:
        name = stage.open_order()
        stage.ground.exchange.move(stage.terminal.far(BUY, percent=4))
    else:
        name = stage.terminal.place(BUY, "0.01", None, "alfa")

    until(lambda: stage.ground.order(name).get("BOOKED_QTY", 0) > Decimal("0.01"), 8, "more booked than ordered")

    (there,) = stage.ground.at_exchange(name)
    assert stage.ground.order(name)["BOOKED_QTY"] == Decimal(there["cum_qty"])
    assert stage.ground.status(name) == "FILLED"
    until(lambda: stage.terminal.said(f"ALARM: {name} is filled with .*, ordered were 0.01; booked"), 3, "the alarm")


@pytest.mark.parametrize("tif", [TimeInForce.IOC, TimeInForce.FOK])
def test_o18_an_order_that_may_not_rest_ends_without_a_fill(stage: Stage, tif: TimeInForce) -> None:
    verdict = stage.terminal.try_place(BUY, "0.01", stage.terminal.far(), "alfa", tif=tif)
    name = verdict.cl_ord_id

    stage.becomes(name, "EXPIRED", "CANCELED", "REJECTED")

    assert stage.ground.order(name)["BOOKED_QTY"] == 0
    until(lambda: stage.terminal.said(f"{name} BTCUSDT (EXPIRED|CANCELED|REJECTED)"), 3, "the word of it")


def test_o19_two_orders_filled_by_one_match(stage: Stage) -> None:
    names = [stage.open_order(owner=owner) for owner in ("alfa", "")]

    stage.ground.exchange.move(stage.terminal.far(BUY, percent=4))

    for name in names:
        stage.becomes(name, "FILLED")
    assert len({row["EXECID"] for row in stage.ground.read().coins}) == len(stage.ground.read().coins)


def test_o21_an_order_of_the_web_site_is_shown_and_can_be_cancelled(stage: Stage) -> None:
    terminal = stage.terminal
    placed = stage.by_hand("order", side="BUY", qty="0.01", price=str(terminal.far()))
    name = f"#{placed['order_id']}"
    shown = until(lambda: next((line for line in terminal.view.orders if line.id == name), None), 5, "shown")
    assert shown is not None and shown.owner == BTC.reserved
    assert terminal.cancel(name).ok
    until(lambda: all(line.id != name for line in terminal.view.orders), 5, "cancelled from here")
    before = len(stage.rows(BTC.reserved))

    stage.by_hand("order", side="BUY", qty="0.01")

    until(lambda: len(stage.rows(BTC.reserved)) > before, 5, "its fill")
    assert stage.rows(BTC.reserved)[-1]["CLORDID"] == 0


def test_o22_an_id_of_our_form_with_an_unknown_bot(stage: Stage) -> None:
    stage.ground.exchange.order("BUY", "0.01", newClientOrderId="77.ghost")

    row = until(lambda: next((row for row in stage.rows(BTC.reserved) if row["REFER"] == "ghost"), None), 5, "its row")

    assert row is not None and row["CLORDID"] == 77


@pytest.mark.parametrize("kind", ["liquidation", "insurance", "adl"])
def test_o23_the_venue_takes_the_position_away(stage: Stage, kind: str) -> None:
    stage.terminal.place(BUY, "0.5", None, "alfa")
    stage.ground.check()
    assert stage.ground.exchange.truth()["positions"], "nothing to take away"
    before = len(stage.rows(BTC.reserved))

    stage.by_hand("liquidate", kind=kind)

    until(lambda: len(stage.rows(BTC.reserved)) > before, 8, "booked unassigned")
    until(lambda: stage.terminal.said("of BTCUSDT by the venue"), 3, "the alarm")


def test_o24_one_of_all_cancels_fails(stage: Stage) -> None:
    names = [stage.open_order(), *(stage.open_order("0.1", ETH, owner) for owner in ("beta", ""))]
    stage.ground.exchange.fault("fill_on_cancel", symbol="BTCUSDT")

    stage.terminal.ask(CancelAll(stage.terminal.ticket()))

    for name, end in zip(names, ("FILLED", "CANCELED", "CANCELED"), strict=True):
        stage.becomes(name, end)


def test_o26_taken_unanswered_and_then_no_network(stage: Stage) -> None:
    stage.ground.exchange.fault("withhold", path=f"POST {ORDER}", seconds=30)
    stage.mute()
    name = stage.terminal.place(BUY, "0.01", stage.terminal.far(), "alfa")
    until(lambda: stage.ground.at_exchange(name), 5, "the order at the exchange")
    stage.ground.exchange.fault("refuse", seconds=30)
    stage.becomes(name, "UNKNOWN")
    expires = stage.ground.order(name)["EXPIRES"]

    during(lambda: stage.ground.status(name) == "UNKNOWN", 5, "questions without an answer prove nothing")

    assert stage.ground.exchange.truth()["time"] > expires + 1000
    stage.ground.calm()
    stage.becomes(name, "NEW", limit=20)
    assert stage.wire.count("POST", ORDER) == 1


def test_o27_visible_only_after_it_was_closed_as_not_received(stage: Stage) -> None:
    stage.mute()
    stage.ground.exchange.fault("withhold", path=f"POST {ORDER}", seconds=30)
    stage.ground.exchange.fault("lag", path="", seconds=120)
    name = stage.terminal.place(BUY, "0.01", stage.terminal.far(), "alfa")
    stage.becomes(name, "REJECTED", limit=15)
    assert "never arrived" in stage.ground.order(name)["REASON"]

    stage.ground.calm()
    stage.terminal.ask(Recover(stage.terminal.ticket()))
    stage.becomes(name, "NEW", limit=20)
    stage.ground.exchange.move(stage.terminal.far(BUY, percent=4))

    stage.becomes(name, "FILLED")
    assert stage.terminal.said(f"ALARM: {name} was taken for one that never arrived")
