"""Moving an order that waits for its trigger: one act, two requests, never two orders and never a silent loss."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest

from engine.commands import AskNow, Cancel, CancelAll, KillSwitch, MoveOrder, SetTrading
from engine.stops import Stops
from models import (
    Ack,
    AmendOrder,
    AskOrder,
    CancelOrder,
    OrderAbsent,
    OrderFound,
    OrderReport,
    OrdStatus,
    OrdType,
    Reject,
    Side,
    Silence,
    SubmitOrder,
    TimeInForce,
    Trigger,
    VenueDown,
)
from tests.support.build import BTC, T0, instrument, place, report, robot, sight
from tests.support.drive import Driver

D = Decimal
T = OrdType
S = OrdStatus
AT = Trigger(D(48000), None, True)


def waiting(driver: Driver, ord_type: OrdType = T.STOP_MARKET, price: str | None = None, reduce_only: bool = False,
            owner: str = BTC.reserved) -> str:
    """A sell order that waits at 48000, taken by the venue."""
    name = driver.verdict(place(side=Side.SELL, price=price, ord_type=ord_type, trigger=AT,
                                reduce_only=reduce_only, owner=owner)).cl_ord_id
    driver.send(Ack(newest(driver), told(name, price=price, ord_type=ord_type)))
    return name


def told(name: str, status: OrdStatus = S.NEW, at: int = 0, price: str | None = None, ord_type: OrdType = T.STOP_MARKET,
         trigger: Trigger | None = AT) -> OrderReport:
    """What the venue says of it."""
    return report(cl_ord_id=name, order_id=f"algo-{name}", qty="1", price=price, side=Side.SELL, ord_type=ord_type,
                  trigger=trigger, status=status, time=T0 + at)


def newest(driver: Driver) -> SubmitOrder:
    return [one for one in driver.requests if isinstance(one, SubmitOrder)][-1]


def placed(driver: Driver) -> int:
    return len(driver.asked(SubmitOrder))


def cancelled(driver: Driver, name: str, **fields: object) -> None:
    """The venue confirms the end of the old one."""
    request = [one for one in driver.requests if isinstance(one, CancelOrder)][-1]
    driver.send(Ack(request, told(name, S.CANCELED, 1000, **fields)))  # type: ignore[arg-type]  # as `told`


def errors(driver: Driver) -> str:
    return "\n".join(notice.text for notice in driver.notices if notice.level == "error")


def test_the_new_one_is_placed_only_when_the_venue_has_confirmed_the_cancel() -> None:
    driver = Driver()
    name = waiting(driver)

    verdict = driver.verdict(MoveOrder("m", BTC, name, trigger=D(47000)))
    assert verdict.ok and placed(driver) == 1 and len(driver.asked(CancelOrder)) == 1
    driver.send(told(name, at=500))                  # a late “open” proves nothing
    assert placed(driver) == 1 and driver.order(name).status is S.PENDING_CANCEL
    cancelled(driver, name)

    anew = newest(driver)
    assert placed(driver) == 2 and driver.order(name).status is S.CANCELED
    assert (anew.side, anew.qty, anew.price, anew.ord_type, anew.reduce_only, anew.trigger) == (
        Side.SELL, D(1), None, T.STOP_MARKET, False, Trigger(D(47000), None, True))
    driver.send(Ack(anew, told(anew.cl_ord_id, at=2000, trigger=anew.trigger)))
    assert driver.order(anew.cl_ord_id).status is S.NEW and errors(driver) == ""
    assert not driver.state.replacing and not driver.state.replaced


def test_price_and_quantity_move_too_and_what_is_not_named_stays() -> None:
    driver = Driver()
    name = waiting(driver, T.STOP_LIMIT, "47990", reduce_only=True)

    driver.send(MoveOrder("m", BTC, name, D("46990"), D(2), D(47000)))
    cancelled(driver, name, price="47990", ord_type=T.STOP_LIMIT)

    anew = newest(driver)
    assert (anew.price, anew.qty, anew.trigger, anew.reduce_only) == (
        D("46990"), D(2), Trigger(D(47000), None, True), True)


def test_a_refused_cancel_leaves_it_as_it_was_and_is_not_tried_again() -> None:
    driver = Driver()
    name = waiting(driver)
    driver.send(MoveOrder("m", BTC, name, trigger=D(47000)))

    request = [one for one in driver.requests if isinstance(one, CancelOrder)][-1]
    driver.send(Reject(request, -1000, "not now", sent=True))
    driver.tick(10)
    driver.send(told(name, at=9000))

    assert driver.order(name).status is S.NEW and driver.order(name).trigger == AT
    assert placed(driver) == 1 and len(driver.asked(CancelOrder)) == 1 and "was NOT moved" in errors(driver)


def test_one_that_triggers_first_goes_on_and_nothing_is_placed() -> None:
    driver = Driver()
    name = waiting(driver)
    driver.send(MoveOrder("m", BTC, name, trigger=D(47000)))

    driver.send(report(cl_ord_id=name, order_id="9001", qty="1", price=None, side=Side.SELL, ord_type=T.MARKET,
                       time=T0 + 500))
    request = [one for one in driver.requests if isinstance(one, CancelOrder)][-1]
    driver.send(Reject(request, -2011, "unknown", sent=True, gone=True))

    assert placed(driver) == 1 and "it has triggered" in errors(driver) and not driver.state.replacing


def test_a_cancel_without_an_answer_is_asked_about_before_anything_is_placed() -> None:
    driver = Driver()
    name = waiting(driver)
    driver.send(MoveOrder("m", BTC, name, trigger=D(47000)))

    request = [one for one in driver.requests if isinstance(one, CancelOrder)][-1]
    driver.send(Silence(request, "no answer", 0, 0))
    assert placed(driver) == 1
    asked = [one for one in driver.requests if isinstance(one, AskOrder)][-1]
    driver.send(OrderFound(asked, told(name, S.CANCELED, 3000)))

    assert placed(driver) == 2 and newest(driver).trigger == Trigger(D(47000), None, True)


@pytest.mark.parametrize("command", [Cancel("x", BTC, "{name}"), CancelAll("x"), KillSwitch("x")])
def test_who_cancels_meanwhile_means_it(command: object) -> None:
    driver = Driver()
    name = waiting(driver)
    driver.send(MoveOrder("m", BTC, name, trigger=D(47000)))

    driver.send(Cancel("x", BTC, name) if isinstance(command, Cancel) else command)  # type: ignore[arg-type]
    cancelled(driver, name)

    assert placed(driver) == 1 and errors(driver) == ""


def test_a_new_one_that_the_venue_refuses_is_said_in_red_until_the_next_order() -> None:
    driver = Driver()
    name = waiting(driver)
    driver.send(MoveOrder("m", BTC, name, trigger=D(47000)))
    cancelled(driver, name)

    driver.send(Reject(newest(driver), -2021, "Order would immediately trigger.", sent=True))

    words = driver.state.lost_moves[BTC]
    assert "MOVE FAILED" in words and "would immediately trigger" in words and name in words
    assert words in errors(driver)
    driver.tick(2)
    driver.send(place(side=Side.SELL, price=None, ord_type=T.STOP_MARKET, trigger=AT, ticket="again"))
    assert not driver.state.lost_moves


def test_a_new_one_that_we_refuse_ourselves_is_said_as_loudly_and_f5_lets_it_go() -> None:
    driver = Driver()
    name = waiting(driver)
    driver.send(MoveOrder("m", BTC, name, trigger=D(47000)))
    driver.state.database_problem = "disk full"
    cancelled(driver, name)

    assert placed(driver) == 1 and "the ledger cannot write: disk full" in driver.state.lost_moves[BTC]
    driver.send(AskNow("a"))
    assert not driver.state.lost_moves


def test_what_would_be_refused_does_not_cost_the_old_order() -> None:
    driver = Driver(robot("A"))
    name = waiting(driver)

    assert "would trigger at once" in driver.refusal(MoveOrder("a", BTC, name, trigger=D(60000)))
    assert "multiple of the tick" in driver.refusal(MoveOrder("b", BTC, name, trigger=D("47000.05")))
    assert driver.refusal(MoveOrder("c", BTC, name, trigger=D(48000))) == "nothing to change"
    assert "a market order has no price" in driver.refusal(MoveOrder("d", BTC, name, price=D(47000)))
    driver.send(SetTrading("on", True))
    assert "larger quantity" in driver.refusal(MoveOrder("e", BTC, name, qty=D(2)))
    driver.send(VenueDown("Binance", BTC.category, "lost"))
    assert "stays as it is" in driver.refusal(MoveOrder("f", BTC, name, trigger=D(47000)))


def test_a_trailing_stop_and_a_bots_own_stop_are_left_alone() -> None:
    driver = Driver(robot("A"))
    driver.core.tick(driver.now, Stops(lambda one: D(2), sight))
    trailing = driver.verdict(place(side=Side.SELL, price=None, ord_type=T.TRAILING_STOP, ticket="t",
                                    trigger=Trigger(None, D(1)))).cl_ord_id
    driver.send(Ack(newest(driver), told(trailing, ord_type=T.TRAILING_STOP, trigger=Trigger(D(47500), D(1)))))
    own = waiting(driver, reduce_only=True, owner="A")

    assert "moves by itself" in driver.refusal(MoveOrder("m", BTC, trailing, trigger=D(47000)))
    assert "keeps its stop-loss" in driver.refusal(MoveOrder("n", BTC, own, trigger=D(47000)))


# ---------------------------------------------------------------- partly filled, where the venue cannot move that

def partly(driver: Driver, filled: str = "0.4", least: str = "5") -> str:
    """A post-only buy of 1 at 49000, partly filled, that a person moves to 48000; the venue says it cannot."""
    name = driver.verdict(place(qty="1", price="49000", post_only=True)).cl_ord_id
    driver.send(Ack(newest(driver), resting(name)))
    assert driver.verdict(MoveOrder("m", BTC, name, D(48000))).ok
    driver.send(resting(name, S.PARTIALLY_FILLED, filled, 100))
    asked = [one for one in driver.requests if isinstance(one, AmendOrder)][-1]
    seen = replace(sight(), instrument=instrument(min_notional=least))
    driver.send(Reject(asked, 0, "partly filled", anew=True), seen)
    return name


def resting(name: str, status: OrdStatus = S.NEW, filled: str = "0", at: int = 0) -> OrderReport:
    """What the venue says of it."""
    return report(cl_ord_id=name, order_id=f"v-{name}", qty="1", price="49000", cum=filled, status=status, time=T0 + at)


def ends(driver: Driver, name: str, filled: str) -> None:
    """The cancel is done; so much was filled by then."""
    request = [one for one in driver.requests if isinstance(one, CancelOrder)][-1]
    driver.send(Ack(request, resting(name, S.CANCELED, filled, 1000)))


def test_of_a_partly_filled_order_only_what_its_end_leaves_is_placed_anew() -> None:
    driver = Driver()
    name = partly(driver)
    assert placed(driver) == 1 and driver.order(name).status is S.PENDING_CANCEL
    ends(driver, name, "0.7")                        # 0.3 more were filled on the way

    anew = newest(driver)
    assert placed(driver) == 2 and (anew.side, anew.qty, anew.price, anew.tif) == (
        Side.BUY, D("0.3"), D(48000), TimeInForce.GTX)
    assert driver.order(name).status is S.CANCELED and driver.order(anew.cl_ord_id).wanted == D(48000)
    assert errors(driver) == "" and not driver.state.replacing


@pytest.mark.parametrize("status", [S.FILLED, S.CANCELED])
def test_one_that_is_filled_first_leaves_nothing_to_place(status: OrdStatus) -> None:
    driver = Driver()
    name = partly(driver)
    driver.send(resting(name, status, "1", 500))

    assert placed(driver) == 1 and "1 was filled first" in errors(driver) and not driver.state.replacing


def test_a_rest_that_would_be_refused_does_not_cost_the_order() -> None:
    driver = Driver()
    name = partly(driver, "0.999", "100")            # 0.001 at 48000 is below the least value

    assert driver.order(name).status is S.PARTIALLY_FILLED
    assert driver.said("move refused, 48 USDT is below the least value")
    assert driver.asked(CancelOrder) == [] and not driver.state.replacing


def test_a_partly_filled_order_that_the_venue_forgot_is_not_placed_anew() -> None:
    driver = Driver()
    name = partly(driver)
    asked = AskOrder(BTC, name, f"v-{name}")
    for _time in range(2):
        driver.send(OrderAbsent(asked, T0 + 10_000_000))

    assert driver.order(name).status is S.CANCELED and placed(driver) == 1
    assert "nor how much of it was filled" in driver.state.lost_moves[BTC]


def test_a_person_who_cancels_it_on_the_way_means_it() -> None:
    driver = Driver()
    name = partly(driver)
    driver.send(Cancel("x", BTC, name))
    ends(driver, name, "0.4")

    assert placed(driver) == 1 and errors(driver) == ""


def test_a_cancel_on_its_way_is_not_undone_by_the_moves_refusal() -> None:
    driver = Driver()
    name = driver.verdict(place(qty="1", price="49000", post_only=True)).cl_ord_id
    driver.send(Ack(newest(driver), resting(name)))
    driver.send(MoveOrder("m", BTC, name, D(48000)))
    driver.send(Cancel("x", BTC, name))
    asked = [one for one in driver.requests if isinstance(one, AmendOrder)][-1]
    driver.send(Reject(asked, 0, "partly filled", anew=True))
    assert driver.order(name).status is S.PENDING_CANCEL and driver.said("move refused, it is PENDING_CANCEL meanwhile")
    ends(driver, name, "0.4")

    assert placed(driver) == 1 and driver.order(name).status is S.CANCELED
