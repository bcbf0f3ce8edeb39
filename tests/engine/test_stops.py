"""A bot's stop-loss at the venue: placed, followed, left alone, told where none rests."""

from __future__ import annotations

from decimal import Decimal

import pytest

from engine.bot_rules import Rules, exit_reason
from engine.commands import Cancel, CancelAll, KillSwitch, SetBot, SetTrading
from engine.stops import Stops, rests, target_of, unprotected
from models import (
    Ack,
    BotPosition,
    BotState,
    CancelOrder,
    Category,
    Key,
    OrdStatus,
    OrdType,
    Reject,
    Side,
    SubmitOrder,
    Trigger,
)
from tests.support.build import BTC, execution, instrument, place, report, robot, sight
from tests.support.drive import Driver

D = Decimal
S = OrdStatus


class Guarded(Driver):
    """A core with a bot A whose stop-loss of 2 % is kept at the venue."""

    def __init__(self, percent: str = "2") -> None:
        super().__init__(robot("A"))
        self.guard = Stops(lambda one: D(percent), sight)
        self.fills = 0

    def beat(self, seconds: float = 3.0) -> None:
        """Time passes and what is due is done."""
        self.clock.advance(seconds)
        self.carry_out(self.core.tick(self.now, self.guard))

    def fill(self, side: Side = Side.BUY, qty: str = "2", price: str = "50000", order_id: str = "1") -> None:
        """A fill of the bot."""
        self.fills += 1
        self.send(execution(f"linear:BTCUSDT:{self.fills}", f"{self.fills}00.A", order_id, side, qty, price))

    def placed(self) -> list[tuple[Side, Decimal, Decimal | None]]:
        """The stops asked for so far."""
        asked = [one for one in self.requests if isinstance(one, SubmitOrder)]
        assert all(one.ord_type is OrdType.STOP_MARKET and one.reduce_only and one.price is None for one in asked)
        return [(one.side, one.qty, one.trigger.price if one.trigger else None) for one in asked]

    def newest(self) -> SubmitOrder:
        """The stop asked for last."""
        return [one for one in self.requests if isinstance(one, SubmitOrder)][-1]

    def take(self) -> str:
        """The venue takes the newest stop."""
        request = self.newest()
        self.send(Ack(request, report(cl_ord_id=request.cl_ord_id, order_id=f"algo-{len(self.requests)}",
                                      qty=str(request.qty), price=None, side=request.side,
                                      ord_type=OrdType.STOP_MARKET, trigger=request.trigger)))
        return request.cl_ord_id


@pytest.mark.parametrize(("qty", "percent", "wanted"), [
    ("2", "2", (Side.SELL, D("2"), D("49000.0"))), ("-2", "2", (Side.BUY, D("2"), D("51000.0"))),
    ("0.0004", "2", None), ("2", "0", None), ("2", "100", None), ("0", "2", None)])
def test_the_stop_closes_the_whole_position_at_the_loss(qty: str, percent: str,
                                                         wanted: tuple[Side, Decimal, Decimal] | None) -> None:
    found = target_of(instrument(), D(qty), D(50000), D(percent))

    assert (found and (found.side, found.qty, found.price)) == wanted


def test_spot_has_none() -> None:
    spot = instrument(Key("Binance", Category.SPOT, "BTCUSDT"))

    assert target_of(spot, D(1), D(50000), D(2)) is None


def test_a_fill_brings_a_stop_with_f9_off_and_the_bot_off() -> None:
    driver = Guarded()
    driver.send(SetBot("t", "A", BotState.OFF))
    assert not driver.state.trading

    driver.fill()
    driver.beat()
    driver.take()
    driver.beat()

    assert driver.placed() == [(Side.SELL, D(2), D("49000.0"))]
    assert rests(driver.state, driver.state.robots["A"])
    driver.send(SetTrading("on", True))
    driver.send(SetTrading("off", False))
    driver.send(CancelAll("bots", bots_only=True))
    assert not driver.asked(CancelOrder)


def test_the_new_stop_rests_before_the_old_one_goes() -> None:
    driver = Guarded()
    driver.fill()
    driver.beat()
    first = driver.take()

    driver.fill(qty="1", price="53000")
    driver.beat()
    assert driver.placed()[1] == (Side.SELL, D(3), D("49980.0")) and not driver.asked(CancelOrder)
    driver.take()
    driver.beat()

    assert [one.cl_ord_id for one in driver.asked(CancelOrder) if isinstance(one, CancelOrder)] == [first]
    assert all(one.conditional for one in driver.asked(CancelOrder) if isinstance(one, CancelOrder))


def test_a_flat_bot_takes_its_stop_back() -> None:
    driver = Guarded()
    driver.fill()
    driver.beat()
    name = driver.take()

    driver.fill(Side.SELL)
    driver.beat()
    driver.beat()

    assert [one.cl_ord_id for one in driver.asked(CancelOrder) if isinstance(one, CancelOrder)] == [name]
    assert len(driver.placed()) == 1


def test_a_stop_at_work_is_not_doubled() -> None:
    driver = Guarded()
    driver.fill()
    driver.beat()
    name = driver.take()

    driver.send(report(cl_ord_id=name, order_id="9001", qty="2", price=None, side=Side.SELL, ord_type=OrdType.MARKET,
                       time=driver.now.wall))
    driver.beat()

    assert len(driver.placed()) == 1 and not driver.asked(CancelOrder)


def test_a_refused_stop_is_asked_for_again_later_and_does_not_suspend_the_bot() -> None:
    driver = Guarded()
    driver.fill()
    for _again in range(4):
        driver.beat()
        driver.send(Reject(driver.newest(), -2021, "Order would immediately trigger."))
        driver.beat(1.0)
    assert len(driver.placed()) < 4, "the pause grows"
    driver.beat(700)

    assert driver.state.robots["A"].state is BotState.WORK and not driver.state.rejects.get("A")
    assert len(driver.placed()) > 1 and driver.placed()[-1] == driver.placed()[0]


def test_a_stop_a_person_cancelled_stays_away_until_the_position_changes() -> None:
    driver = Guarded()
    driver.fill()
    driver.beat()
    name = driver.take()

    assert driver.verdict(Cancel("c", BTC, name)).ok
    driver.send(report(S.CANCELED, name, "algo-1", "2", None, side=Side.SELL, ord_type=OrdType.STOP_MARKET,
                       time=driver.now.wall, trigger=Trigger(D("49000.0"))))
    driver.beat(60)
    assert len(driver.placed()) == 1
    driver.fill(qty="1")
    driver.beat()

    assert driver.placed()[1][:2] == (Side.SELL, D(3))


def test_the_kill_switch_takes_stops_too_and_none_follows() -> None:
    driver = Guarded()
    driver.fill()
    driver.beat()
    name = driver.take()

    driver.send(KillSwitch("k"))
    driver.beat(60)

    assert [one.cl_ord_id for one in driver.asked(CancelOrder) if isinstance(one, CancelOrder)][:1] == [name]
    assert len(driver.placed()) == 1


def test_a_position_without_a_stop_is_named_after_a_moment() -> None:
    driver = Guarded()
    driver.fill(qty="0.250")

    assert unprotected(driver.state, driver.guard, driver.now) == ()
    driver.clock.advance(10)
    assert unprotected(driver.state, driver.guard, driver.now) == ("BTCUSDT +0.25 (A)",)
    driver.beat()
    driver.take()
    assert unprotected(driver.state, driver.guard, driver.now) == ()


def test_a_stop_placed_by_hand_for_nobody_is_nobodys() -> None:
    driver = Guarded()
    driver.send(place(side=Side.SELL, price=None, ord_type=OrdType.STOP_MARKET, trigger=Trigger(D(48000)),
                      reduce_only=True))
    driver.requests.clear()

    driver.beat()

    assert not driver.requests


def test_the_bot_leaves_the_stop_loss_to_the_venue_and_keeps_its_take_profit() -> None:
    rules = Rules(instrument(), take_profit=D(1), stop_loss=D(2))

    assert exit_reason(rules, BotPosition(D(1), D(50000)), D(48000)) == "stop loss 2 %"
    assert exit_reason(rules, BotPosition(D(1), D(50000), stopped=True), D(48000)) == ""
    assert exit_reason(rules, BotPosition(D(1), D(50000), stopped=True), D(50500)) == "take profit 1 %"
