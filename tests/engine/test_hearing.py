"""What a venue says of orders and fills: acknowledgements, refusals, silence, questions, facts."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest

from engine.commands import SetBot, SetTrading
from models import (
    Ack,
    AskHistory,
    AskOrder,
    BotState,
    CancelOrder,
    ExecKind,
    Notice,
    OrderAbsent,
    OrderFound,
    OrderReport,
    OrdStatus,
    Reject,
    Side,
    Silence,
    SubmitOrder,
    VenueMessage,
)
from tests.support.build import ACCOUNT, BTC, T0, execution, order, place, report, robot, snapshot
from tests.support.drive import Driver

S = OrdStatus
D = Decimal
HAND = "BTCUSDT.linear"


def bots(*names: str) -> Driver:
    """Bots on WORK, trading ON."""
    driver = Driver(*(robot(name) for name in names or ("A",)))
    driver.send(SetTrading("on", True))
    return driver


def sent(driver: Driver, owner: str = "A", qty: str = "10", price: str | None = "49000") -> SubmitOrder:
    """An order on its way."""
    verdict = driver.verdict(place(owner=owner, by_hand=owner == HAND, qty=qty, price=price))
    assert verdict.ok, verdict
    request = driver.requests[-1]
    assert isinstance(request, SubmitOrder)
    return request


def unknown(driver: Driver, expires: int = T0 + 20_000) -> AskOrder:
    """An order without an answer; gives the question that was asked."""
    request = sent(driver)
    driver.send(Silence(request, "timed out", 0.0, expires))
    assert driver.order(request.cl_ord_id).status is S.UNKNOWN
    asked = driver.requests[-1]
    assert isinstance(asked, AskOrder) and asked.cl_ord_id == request.cl_ord_id
    return asked


# ---------------------------------------------------------------- acknowledged, refused


def test_acknowledged_order_is_open() -> None:
    driver = bots()
    request = sent(driver)

    driver.send(Ack(request, report(S.NEW, request.cl_ord_id, price="49000")))

    row = driver.order(request.cl_ord_id)
    assert (row.status, row.order_id, row.leaves) == (S.NEW, "100", D(10))


def test_acknowledgement_that_is_a_full_fill_waits_for_the_facts() -> None:
    driver = bots()
    request = sent(driver, price=None)

    driver.send(Ack(request, report(S.FILLED, request.cl_ord_id, cum="10", price=None)))
    assert driver.order(request.cl_ord_id).status is S.FILLED and not driver.coins

    driver.send(execution(cl_ord_id=request.cl_ord_id, last_qty="10"))
    assert driver.positions() == {"A": D(10)}


def test_refused_order_ends_with_the_venues_words() -> None:
    driver = bots()
    request = sent(driver)

    driver.send(Reject(request, -2010, "Account has insufficient balance."))

    row = driver.order(request.cl_ord_id)
    assert (row.status, row.text) == (S.REJECTED, "-2010: Account has insufficient balance.")
    assert driver.said("1.A BTCUSDT REJECTED: -2010: Account has insufficient balance.")
    assert not driver.asked(AskOrder)


def test_order_the_limiter_kept_says_why() -> None:
    driver = bots()
    request = sent(driver)

    driver.send(Reject(request, 0, "not sent: waited 6 s", sent=False))

    assert driver.order(request.cl_ord_id).text == "not sent: waited 6 s"


def test_three_refusals_in_a_row_suspend_the_bot_and_no_other() -> None:
    driver = bots("A", "B")
    for _ in range(3):
        assert driver.state.robots["A"].state is BotState.WORK
        driver.send(Reject(sent(driver), -2019, "Margin is insufficient."))

    suspended = driver.state.robots["A"]
    assert suspended.state is BotState.SUSPENDED
    assert suspended.reason == "3 orders refused in a row, the last with -2019: Margin is insufficient."
    assert driver.state.robots["B"].state is BotState.WORK
    assert driver.verdict(SetBot("again", "A", BotState.WORK)).ok


def test_bot_switched_on_again_begins_to_count_anew() -> None:
    driver = bots()
    for _ in range(3):
        driver.send(Reject(sent(driver), -2019, "Margin is insufficient."))
    driver.send(SetBot("again", "A", BotState.WORK))

    driver.send(Reject(sent(driver), -2019, "Margin is insufficient."))

    assert driver.state.robots["A"].state is BotState.WORK


def test_an_acknowledgement_and_the_limiter_do_not_count_towards_the_suspension() -> None:
    driver = bots()
    for _ in range(2):
        driver.send(Reject(sent(driver), -2019, "no"))
    request = sent(driver)
    driver.send(Ack(request, report(S.NEW, request.cl_ord_id)))
    for _ in range(2):
        driver.send(Reject(sent(driver), -2019, "no"))
        driver.send(Reject(sent(driver), 0, "waited", sent=False))

    assert driver.state.robots["A"].state is BotState.WORK


# ---------------------------------------------------------------- silence


def test_silence_asks_and_sends_nothing_again() -> None:
    driver = bots()

    unknown(driver)
    driver.tick(2.5)
    driver.tick(2.5)

    assert len(driver.asked(SubmitOrder)) == 1
    assert len(driver.asked(AskOrder)) >= 2
    assert driver.said("no new orders for BTCUSDT / A until it is known")


def test_questions_grow_rarer() -> None:
    driver = bots()
    unknown(driver)

    for _ in range(120):
        driver.tick(0.5)

    assert 3 <= len(driver.asked(AskOrder)) <= 12


def test_found_order_is_adopted_with_its_bot() -> None:
    driver = bots()
    asked = unknown(driver)

    driver.send(OrderFound(asked, report(S.NEW, asked.cl_ord_id)))
    driver.send(execution(cl_ord_id=asked.cl_ord_id, last_qty="10"))

    assert driver.order(asked.cl_ord_id).status is S.FILLED
    assert driver.positions() == {"A": D(10)}
    assert driver.verdict(place(owner="A", by_hand=False, price=None)).ok


def test_absent_counts_only_after_expiry_and_margin_and_twice() -> None:
    driver = bots()
    asked = unknown(driver, expires=T0 + 20_000)
    settled = T0 + 20_000 + 30_000

    for when in (T0 + 1_000, T0 + 19_000, settled - 1, settled):
        driver.send(OrderAbsent(asked, when))
        assert driver.order(asked.cl_ord_id).status is S.UNKNOWN
    driver.send(OrderAbsent(asked, settled + 1))
    assert driver.order(asked.cl_ord_id).status is S.UNKNOWN
    driver.send(OrderAbsent(asked, settled + 2))

    row = driver.order(asked.cl_ord_id)
    assert (row.status, row.text) == (S.REJECTED, "never arrived")
    assert driver.verdict(place(owner="A", by_hand=False, price=None)).ok


@pytest.mark.parametrize("sign_of_life", ["ack", "report", "fill", "found", "snapshot"])
def test_order_taken_for_absent_reopens_on_any_sign_of_life(sign_of_life: str) -> None:
    driver = bots()
    asked = unknown(driver)
    for _ in range(2):
        driver.send(OrderAbsent(asked, T0 + 60_000))
    assert driver.order(asked.cl_ord_id).status is S.REJECTED
    seen = report(S.NEW, asked.cl_ord_id, time=1)
    submit = driver.asked(SubmitOrder)[0]
    assert isinstance(submit, SubmitOrder)

    signs: dict[str, VenueMessage] = {
        "ack": Ack(submit, None), "report": seen, "found": OrderFound(asked, seen),
        "fill": execution(cl_ord_id=asked.cl_ord_id), "snapshot": snapshot((seen,))}
    driver.send(signs[sign_of_life])

    assert not driver.order(asked.cl_ord_id).status.is_terminal
    if sign_of_life == "fill":
        assert driver.said("ALARM") and driver.positions() == {"A": D(1)}


def test_refusal_after_silence_counts() -> None:
    driver = bots()
    asked = unknown(driver)
    submit = driver.asked(SubmitOrder)[0]
    assert isinstance(submit, SubmitOrder)

    driver.send(Reject(submit, -1021, "Timestamp outside of the recvWindow."))

    assert driver.order(asked.cl_ord_id).status is S.REJECTED


def test_late_silence_changes_nothing_of_an_order_that_was_seen_alive() -> None:
    driver = bots()
    request = sent(driver)
    driver.send(report(S.NEW, request.cl_ord_id))

    driver.send(Silence(request, "connection reset", 0.0, T0 + 5_000))

    assert driver.order(request.cl_ord_id).status is S.NEW and not driver.asked(AskOrder)


# ---------------------------------------------------------------- duplicate


def test_duplicate_id_is_compared_and_adopted_when_equal() -> None:
    driver = bots()
    request = sent(driver)

    driver.send(Reject(request, -4116, "Duplicate clientOrderId.", duplicate=True))
    asked = driver.requests[-1]
    assert isinstance(asked, AskOrder) and driver.order(request.cl_ord_id).status is S.UNKNOWN
    driver.send(OrderFound(asked, report(S.NEW, request.cl_ord_id, price="49000")))

    assert driver.order(request.cl_ord_id).status is S.NEW
    assert driver.state.robots["A"].state is BotState.WORK and not driver.state.rejects.get("A")


@pytest.mark.parametrize("other", [
    report(S.NEW, "1.A", price="48000"), report(S.NEW, "1.A", price="49000", qty="9"),
    report(S.NEW, "1.A", price="49000", side=Side.SELL)])
def test_duplicate_id_of_another_order_is_an_alarm_and_no_trade(other: OrderReport) -> None:
    driver = bots()
    request = sent(driver)
    driver.send(Reject(request, -4116, "Duplicate clientOrderId.", duplicate=True))
    asked = driver.requests[-1]
    assert isinstance(asked, AskOrder)

    driver.send(OrderFound(asked, other))

    assert driver.order(request.cl_ord_id).status is S.REJECTED
    assert driver.said("ALARM: the venue has another order under the id 1.A")
    assert len(driver.asked(SubmitOrder)) == 1
    later = replace(other, cum_qty=Decimal(3), status=S.PARTIALLY_FILLED, time=T0 + 900)
    driver.send(later)
    assert driver.order(request.cl_ord_id).status is S.REJECTED      # that order is not ours, and gets a row of its own
    assert driver.order(f"#{later.order_id}").side is later.side


# ---------------------------------------------------------------- facts


def test_fill_before_the_acknowledgement_is_booked_and_the_order_ends_filled() -> None:
    driver = bots()
    request = sent(driver)

    driver.send(execution("x:1", cl_ord_id=request.cl_ord_id, last_qty="4"))
    driver.send(execution("x:2", cl_ord_id=request.cl_ord_id, last_qty="6"))
    driver.send(report(S.FILLED, request.cl_ord_id, cum="10", time=T0 + 300))
    driver.send(Ack(request, report(S.NEW, request.cl_ord_id, time=T0 + 100)))

    row = driver.order(request.cl_ord_id)
    assert (row.status, row.booked_qty) == (S.FILLED, D(10))
    assert driver.positions() == {"A": D(10)}


def test_fill_after_cancel_is_still_booked() -> None:
    driver = bots()
    request = sent(driver)
    driver.send(report(S.CANCELED, request.cl_ord_id, cum="4"))

    driver.send(execution(cl_ord_id=request.cl_ord_id, last_qty="4"))

    row = driver.order(request.cl_ord_id)
    assert (row.status, row.booked_qty, row.leaves) == (S.CANCELED, D(4), D(0))
    assert driver.positions() == {"A": D(4)}


def test_old_status_after_the_end_is_ignored() -> None:
    driver = bots()
    request = sent(driver)
    driver.send(report(S.NEW, request.cl_ord_id, time=T0 + 100))
    driver.send(report(S.CANCELED, request.cl_ord_id, time=T0 + 200))

    driver.send(report(S.NEW, request.cl_ord_id, time=T0 + 100))

    assert driver.order(request.cl_ord_id).status is S.CANCELED


def test_repeated_fact_changes_nothing() -> None:
    driver = bots()
    request = sent(driver)
    fact = execution(cl_ord_id=request.cl_ord_id, last_qty="4")
    driver.send(fact)
    before = driver.order(request.cl_ord_id), len(driver.coins), len(driver.state.trades)

    for _ in range(3):
        driver.send(fact)

    assert (driver.order(request.cl_ord_id), len(driver.coins), len(driver.state.trades)) == before


def test_fill_found_by_the_venues_order_id_belongs_to_the_orders_bot() -> None:
    driver = bots()
    request = sent(driver)
    driver.send(report(S.NEW, request.cl_ord_id, order_id="55"))

    driver.send(execution(cl_ord_id=None, order_id="55"))

    assert driver.positions() == {"A": D(1)}


def test_overfill_is_booked_with_an_alarm() -> None:
    driver = bots()
    request = sent(driver, qty="1")

    driver.send(execution(cl_ord_id=request.cl_ord_id, last_qty="3"))

    assert driver.positions() == {"A": D(3)} and driver.said("ALARM: 1.A is filled with 3, ordered were 1")


@pytest.mark.parametrize("kind", [ExecKind.LIQUIDATION, ExecKind.ADL, ExecKind.SETTLEMENT])
def test_what_the_venue_did_by_itself_is_booked_loudly(kind: ExecKind) -> None:
    driver = bots()

    driver.send(execution(cl_ord_id=None, order_id="", kind=kind, side=Side.SELL))

    assert driver.positions() == {HAND: D(-1)}
    assert any(n.level == "error" and kind.value in n.text for n in driver.notices if isinstance(n, Notice))


def test_fill_of_an_instrument_that_is_not_listed_any_more_is_booked() -> None:
    from engine.state import Sight
    driver = bots()

    driver.send(execution(cl_ord_id=None), Sight())

    assert driver.positions() == {HAND: D(1)} and driver.said("not listed any more")


def test_rows_of_a_fill_name_account_time_and_number() -> None:
    driver = bots()
    request = sent(driver)

    driver.send(execution(cl_ord_id=request.cl_ord_id, last_qty="4", time=T0 + 7))

    row = driver.coins[0]
    assert (row.account, row.time, row.cl_ord_number, row.emi, row.refer) == (ACCOUNT, T0 + 7, 1, "A", "")
    assert row.booked == driver.now.wall * 1000
    assert (row.price, row.theor_price, row.qty_rest) == (D(49000), D(49000), D(6))


# ---------------------------------------------------------------- orders of others


def test_order_of_the_web_site_is_adopted_and_can_be_cancelled() -> None:
    from engine.commands import Cancel
    driver = bots()

    driver.send(report(S.NEW, "web_1", order_id="900"))

    row = driver.order("#900")
    assert (row.owner, row.status) == (HAND, S.NEW)
    assert driver.verdict(Cancel("c", BTC, "#900")).ok
    request = driver.asked(CancelOrder)[0]
    assert isinstance(request, CancelOrder) and (request.cl_ord_id, request.order_id) == ("web_1", "900")
    driver.send(report(S.CANCELED, "web_1", order_id="900", time=T0 + 900))
    assert driver.order("#900").status is S.CANCELED


@pytest.mark.parametrize("seen", ["fill", "order"])
def test_numbers_count_on_from_the_account_s_history_in_a_new_database(seen: str) -> None:
    driver = Driver(robot("A"))

    driver.send(execution(cl_ord_id="41.A", order_id="900") if seen == "fill" else report(S.NEW, "41.A", "900"))
    driver.send(execution("linear:BTCUSDT:2", cl_ord_id="7.A", order_id="800"))
    driver.send(execution("linear:BTCUSDT:3", cl_ord_id="9999999999999.A", order_id="801"))

    assert driver.verdict(place()).cl_ord_id == f"42.{HAND}"


def test_order_without_any_client_id_is_adopted() -> None:
    driver = bots()

    driver.send(report(S.NEW, None, order_id="901"))
    driver.send(execution(cl_ord_id=None, order_id="901", last_qty="10"))

    assert driver.order("#901").status is S.FILLED and driver.positions() == {HAND: D(10)}


def test_order_of_our_form_with_an_unknown_bot_keeps_its_name() -> None:
    driver = bots()

    driver.send(report(S.NEW, "77.ghost", order_id="902"))
    driver.send(execution(cl_ord_id="77.ghost", order_id="902"))

    assert driver.order("77.ghost").owner == "ghost", "a line of its own while it rests"
    assert (driver.coins[0].emi, driver.coins[0].refer, driver.coins[0].cl_ord_number) == (HAND, "ghost", 77)


def test_ended_order_of_others_needs_no_row() -> None:
    driver = bots()

    driver.send(report(S.CANCELED, "web_1", order_id="900"))

    assert not driver.state.orders


# ---------------------------------------------------------------- fills the venue speaks of and we do not have


def test_missing_fills_are_read_from_history() -> None:
    driver = bots()
    request = sent(driver)
    driver.send(report(S.FILLED, request.cl_ord_id, cum="10"))

    driver.tick(1)
    assert not driver.asked(AskHistory)
    driver.tick(2)

    asked = driver.asked(AskHistory)
    assert len(asked) == 1 and isinstance(asked[0], AskHistory)
    assert asked[0].since <= driver.order(request.cl_ord_id).created - 300_000


def test_missing_fills_are_not_asked_for_without_pause() -> None:
    driver = bots()
    request = sent(driver)
    driver.send(report(S.FILLED, request.cl_ord_id, cum="10"))

    for _ in range(120):
        driver.tick(0.5)

    assert 2 <= len(driver.asked(AskHistory)) <= 8


def test_fills_that_came_are_not_missing() -> None:
    driver = bots()
    request = sent(driver)
    driver.send(report(S.FILLED, request.cl_ord_id, cum="10"))
    driver.send(execution(cl_ord_id=request.cl_ord_id, last_qty="10"))

    driver.tick(60)

    assert not driver.asked(AskHistory)


def test_order_of_the_web_site_filled_before_we_knew_it_is_not_asked_for_ever() -> None:
    driver = bots()
    driver.send(execution(cl_ord_id="web_1", order_id="900", last_qty="4"))
    driver.send(report(S.PARTIALLY_FILLED, "web_1", order_id="900", cum="4"))

    for _ in range(1200):
        driver.tick(0.5)

    assert len(driver.asked(AskHistory)) <= 12


def test_remembered_order_takes_late_facts() -> None:
    driver = bots()

    driver.core.remember(order(S.CANCELED, name="9.A", order_id="77"), driver.now)
    driver.send(execution(cl_ord_id="9.A", last_qty="2"))

    assert driver.order("9.A").booked_qty == D(2) and driver.positions() == {"A": D(2)}
