"""The state table: every state × event has a line; facts count in any order and any state."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from core.rows import OrderRow
from engine import orders
from models import OrderReport, OrdStatus, Side
from tests.support.build import ACCOUNT, T0, order, report

S = OrdStatus
LATER, EARLIER = T0 + 500, T0 - 500
Event = Callable[[OrderRow], OrderRow]

# Orders of 10 as they look in each state; "ABSENT" is REJECTED because it never arrived.
FROM: dict[str, OrderRow] = {
    "PENDING_NEW": order(S.PENDING_NEW, updated=0),
    "UNKNOWN": order(S.UNKNOWN, updated=0),
    "NEW": order(S.NEW, order_id="100"),
    "PARTIALLY_FILLED": order(S.PARTIALLY_FILLED, order_id="100", booked="4"),
    "PENDING_CANCEL": order(S.PENDING_CANCEL, order_id="100"),
    "PENDING_REPLACE": order(S.PENDING_REPLACE, order_id="100"),
    "FILLED": order(S.FILLED, order_id="100", booked="10"),
    "CANCELED": order(S.CANCELED, order_id="100"),
    "REJECTED": order(S.REJECTED, text="-2010: no"),
    "EXPIRED": order(S.EXPIRED, order_id="100"),
    "ABSENT": order(S.REJECTED, updated=0, text=orders.NEVER_ARRIVED),
}

EVENTS: dict[str, Event] = {
    "ack": lambda o: orders.acked(o, None),
    "ack NEW": lambda o: orders.acked(o, report(S.NEW, time=LATER)),
    "ack FILLED": lambda o: orders.acked(o, report(S.FILLED, cum="10", time=LATER)),
    "part": lambda o: orders.filled(o, Decimal(3), "100"),
    "rest": lambda o: orders.filled(o, o.qty - o.booked_qty, "100"),
    "told NEW later": lambda o: orders.reported(o, report(S.NEW, time=LATER)),
    "told NEW earlier": lambda o: orders.reported(o, report(S.NEW, time=EARLIER)),
    "told PART later": lambda o: orders.reported(o, report(S.PARTIALLY_FILLED, cum="5", time=LATER)),
    "told FILLED later": lambda o: orders.reported(o, report(S.FILLED, cum="10", time=LATER)),
    "told CANCELED later": lambda o: orders.reported(o, report(S.CANCELED, time=LATER)),
    "told CANCELED earlier": lambda o: orders.reported(o, report(S.CANCELED, time=EARLIER)),
    "told EXPIRED later": lambda o: orders.reported(o, report(S.EXPIRED, time=LATER)),
    "told REJECTED later": lambda o: orders.reported(o, report(S.REJECTED, time=LATER, reason="margin")),
    "answer NEW": lambda o: orders.reported(o, report(S.NEW, time=EARLIER), answer=True),
    "answer CANCELED": lambda o: orders.reported(o, report(S.CANCELED, time=EARLIER), answer=True),
    "reject": lambda o: orders.rejected(o, "-2010: no"),
    "silence": lambda o: orders.silent(o, T0 + 20_000),
    "cancel asked": orders.cancel_asked,
    "amend asked": orders.amend_asked,
    "change refused": lambda o: orders.change_refused(o, "-2011: no"),
    "never arrived": orders.never_arrived,
    "restart": orders.after_restart,
}

# from → event → to; what is not named leaves the status as it is.
ENDS = {"ack FILLED": "FILLED", "told FILLED later": "FILLED", "rest": "FILLED", "told CANCELED later": "CANCELED",
        "told EXPIRED later": "EXPIRED", "told REJECTED later": "REJECTED"}
OPENS = {"ack NEW": "NEW", "part": "PARTIALLY_FILLED", "told NEW later": "NEW", "told NEW earlier": "NEW",
         "told PART later": "PARTIALLY_FILLED", "answer NEW": "NEW", "answer CANCELED": "CANCELED",
         "told CANCELED earlier": "CANCELED"}
REOPENS = {"ack NEW": "NEW", "told NEW later": "NEW", "told PART later": "PARTIALLY_FILLED"}
TABLE: dict[str, dict[str, str]] = {
    "PENDING_NEW": ENDS | OPENS | {"ack": "NEW", "reject": "REJECTED", "silence": "UNKNOWN", "restart": "UNKNOWN",
                                   "told NEW earlier": "NEW"},
    "UNKNOWN": ENDS | OPENS | {"ack": "NEW", "reject": "REJECTED", "never arrived": "REJECTED"},
    "NEW": ENDS | OPENS | {"told NEW earlier": "NEW", "cancel asked": "PENDING_CANCEL",
                           "amend asked": "PENDING_REPLACE"},
    "PARTIALLY_FILLED": ENDS | {"answer CANCELED": "CANCELED", "told CANCELED earlier": "CANCELED",
                                "cancel asked": "PENDING_CANCEL", "amend asked": "PENDING_REPLACE"},
    "PENDING_CANCEL": ENDS | {"answer NEW": "NEW", "answer CANCELED": "CANCELED", "told CANCELED earlier": "CANCELED",
                              "change refused": "NEW", "restart": "UNKNOWN"},
    "PENDING_REPLACE": ENDS | {"ack NEW": "NEW", "told NEW later": "NEW", "told PART later": "PARTIALLY_FILLED",
                               "answer NEW": "NEW", "answer CANCELED": "CANCELED",
                               "told CANCELED earlier": "CANCELED", "cancel asked": "PENDING_CANCEL",
                               "change refused": "NEW", "restart": "UNKNOWN"},
    "FILLED": {},
    "CANCELED": REOPENS | {"rest": "FILLED", "ack FILLED": "FILLED", "told FILLED later": "FILLED"},
    "REJECTED": REOPENS | {"part": "PARTIALLY_FILLED", "rest": "FILLED", "ack FILLED": "FILLED",
                           "told FILLED later": "FILLED"},
    "EXPIRED": REOPENS | {"rest": "FILLED", "ack FILLED": "FILLED", "told FILLED later": "FILLED"},
    "ABSENT": ENDS | OPENS | {"ack": "NEW"},
}


@pytest.mark.parametrize(("start", "event"), [(s, e) for s in FROM for e in EVENTS])
def test_state_table(start: str, event: str) -> None:
    before = FROM[start]

    after = EVENTS[event](before)

    assert after.status.value == TABLE[start].get(event, before.status.value)


@pytest.mark.parametrize(("start", "event"), [(s, e) for s in FROM for e in ("part", "rest")])
def test_a_fact_counts_in_every_state(start: str, event: str) -> None:
    before = FROM[start]
    added = Decimal(3) if event == "part" else before.qty - before.booked_qty

    assert EVENTS[event](before).booked_qty == before.booked_qty + added


@pytest.mark.parametrize("event", [e for e in EVENTS if e not in ("part", "rest")])
@pytest.mark.parametrize("start", list(FROM))
def test_only_facts_change_what_is_booked(start: str, event: str) -> None:
    assert EVENTS[event](FROM[start]).booked_qty == FROM[start].booked_qty


# ---------------------------------------------------------------- what lies behind the table


def test_acknowledged_order_keeps_what_a_fill_said_before() -> None:
    filled = orders.filled(order(S.PENDING_NEW, updated=0), Decimal(4), "100")

    acked = orders.acked(filled, report(S.NEW, time=T0 + 1))

    assert (acked.status, acked.booked_qty, acked.order_id) == (S.PARTIALLY_FILLED, Decimal(4), "100")


def test_status_told_filled_has_no_leaves_before_its_facts_came() -> None:
    told = orders.reported(order(S.NEW), report(S.FILLED, cum="10"))

    assert (told.cum_qty, told.booked_qty, told.leaves) == (Decimal(10), Decimal(0), Decimal(0))


def test_fill_after_cancel_grows_the_canceled_order() -> None:
    late = orders.filled(order(S.CANCELED), Decimal(4), "100")

    assert (late.status, late.booked_qty, late.leaves) == (S.CANCELED, Decimal(4), Decimal(0))


def test_fill_of_an_order_that_never_arrived_reopens_it_with_a_warning() -> None:
    late = orders.filled(FROM["ABSENT"], Decimal(4), "100")

    assert (late.status, late.leaves) == (S.PARTIALLY_FILLED, Decimal(6))
    assert "rejected" in late.text


def test_reopened_order_says_so() -> None:
    again = orders.reported(order(S.CANCELED), report(S.NEW, time=LATER))

    assert (again.status, again.text) == (S.NEW, "the venue says it is open again")


def test_order_filled_in_full_is_not_reopened_by_an_old_quantity() -> None:
    assert orders.reported(FROM["FILLED"], report(S.NEW, time=LATER)) == replace(FROM["FILLED"])


def test_order_filled_while_it_was_enlarged_is_reopened_by_the_larger_quantity() -> None:
    asked = orders.amend_asked(order(S.NEW, order_id="100"))
    filled = orders.filled(asked, Decimal(10), "100")
    assert filled.status is S.FILLED

    moved = orders.reported(filled, report(S.PARTIALLY_FILLED, qty="20", cum="10", time=LATER), answer=True)

    assert (moved.status, moved.qty, moved.leaves) == (S.PARTIALLY_FILLED, Decimal(20), Decimal(10))


@pytest.mark.parametrize(("told", "answer", "kept"), [
    (report(S.NEW, order_id="200", time=LATER), False, "200"),
    (report(S.NEW, order_id="200", time=EARLIER), True, "200"),
    (report(S.NEW, order_id="99", time=EARLIER), False, "100"),
    (report(S.CANCELED, order_id="99", time=LATER), False, "100"),
    (report(S.NEW, order_id="", time=LATER), True, "100")])
def test_moved_order_is_known_by_its_newest_id(told: OrderReport, answer: bool, kept: str) -> None:
    asked = orders.amend_asked(order(S.NEW, order_id="100"))

    assert orders.reported(asked, told, answer).order_id == kept


def test_move_that_is_done_takes_price_and_quantity_as_told() -> None:
    asked = orders.amend_asked(order(S.NEW))

    moved = orders.reported(asked, report(S.NEW, qty="7", price="49000", time=LATER))

    assert (moved.status, moved.qty, moved.price) == (S.NEW, Decimal(7), Decimal(49000))


def test_old_frame_after_a_move_does_not_bring_back_the_old_price() -> None:
    moved = orders.reported(order(S.NEW), report(S.NEW, price="49000", time=LATER))

    again = orders.reported(moved, report(S.NEW, price="50000", time=T0 + 1))

    assert again.price == Decimal(49000)


def test_refused_cancel_of_a_part_filled_order_goes_back_to_part_filled() -> None:
    back = orders.change_refused(order(S.PENDING_CANCEL, booked="4"), "-2011: Unknown order sent.")

    assert (back.status, back.text) == (S.PARTIALLY_FILLED, "-2011: Unknown order sent.")


def test_unknown_order_that_was_filled_is_never_proven_absent() -> None:
    assert orders.never_arrived(order(S.UNKNOWN, booked="1")).status is S.UNKNOWN
    assert orders.rejected(order(S.UNKNOWN, booked="1"), "no").status is S.UNKNOWN


def test_silence_prolongs_the_time_until_which_the_request_may_arrive() -> None:
    assert orders.silent(order(S.PENDING_NEW, expires=T0), T0 + 5_000).expires == T0 + 5_000
    assert orders.silent(order(S.PENDING_NEW, expires=T0 + 9_000), T0 + 5_000).expires == T0 + 9_000


def test_order_of_the_web_site_becomes_a_row() -> None:
    row = orders.from_report(report(cl_ord_id="web_1", cum="2", side=Side.SELL), ACCOUNT, "#100", "BTCUSDT.linear")

    assert (row.name, row.cl_ord_id, row.order_id, row.owner) == ("#100", "web_1", "100", "BTCUSDT.linear")
    assert (row.side, row.told_qty, row.booked_qty, row.leaves) == (Side.SELL, Decimal(2), Decimal(2), Decimal(8))


# ---------------------------------------------------------------- any order, any repetition

OPINIONS: tuple[Event, ...] = (
    lambda o: orders.acked(o, report(S.NEW, time=T0 + 1)),
    lambda o: orders.acked(o, None),
    lambda o: orders.reported(o, report(S.NEW, time=T0 + 1)),
    lambda o: orders.reported(o, report(S.PARTIALLY_FILLED, cum="4", time=T0 + 2)),
    lambda o: orders.silent(o, T0 + 9_000),
    orders.cancel_asked,
    orders.amend_asked,
    lambda o: orders.change_refused(o, "no"),
    orders.after_restart,
)
DONE: Event = lambda o: orders.reported(o, report(S.FILLED, cum="10", time=T0 + 3))  # noqa: E731
GONE: Event = lambda o: orders.reported(o, report(S.CANCELED, cum="4", time=T0 + 3))  # noqa: E731


def fills(*quantities: str) -> list[Event]:
    """One event per fact."""
    return [lambda o, q=q: orders.filled(o, Decimal(q), "100") for q in quantities]  # type: ignore[misc]


def run(events: list[Event]) -> OrderRow:
    row = order(S.PENDING_NEW, updated=0)
    for event in events:
        row = event(row)
    return row


@given(st.lists(st.sampled_from(OPINIONS), max_size=12), st.permutations(fills("1", "3", "2", "4")), st.data())
def test_any_interleaving_ends_filled_with_the_same_quantity(noise: list[Event], facts: list[Event],
                                                             data: st.DataObject) -> None:
    events = data.draw(st.permutations([*noise, *facts, DONE]))

    row = run(events)

    assert (row.status, row.booked_qty, row.leaves) == (S.FILLED, Decimal(10), Decimal(0))


@given(st.lists(st.sampled_from(OPINIONS), max_size=12), st.permutations(fills("1", "3")), st.data())
def test_any_interleaving_with_a_cancel_ends_canceled_with_the_same_quantity(noise: list[Event], facts: list[Event],
                                                                             data: st.DataObject) -> None:
    events = data.draw(st.permutations([*noise, *facts, GONE, GONE]))

    row = run(events)

    assert (row.status, row.booked_qty, row.leaves) == (S.CANCELED, Decimal(4), Decimal(0))


@given(st.lists(st.one_of(st.sampled_from([*OPINIONS, DONE, GONE]), st.integers(1, 12)), max_size=20))
def test_booked_quantity_is_the_sum_of_the_facts(events: list[Event | int]) -> None:
    row = order(S.PENDING_NEW, updated=0)

    for event in events:
        row = orders.filled(row, Decimal(event), "100") if isinstance(event, int) else event(row)

    assert row.booked_qty == sum(event for event in events if isinstance(event, int))
    assert row.leaves >= 0


@given(st.sampled_from(["FILLED", "CANCELED", "EXPIRED", "REJECTED"]),
       st.lists(st.sampled_from([e for e in EVENTS if "later" not in e and e not in ("part", "rest", "ack NEW",
                                                                                  "ack FILLED")]), max_size=10))
def test_ended_stays_ended_without_a_later_word_or_a_fact(start: str, events: list[str]) -> None:
    row = FROM[start]

    for event in events:
        row = EVENTS[event](row)

    assert row.status is FROM[start].status


def test_foreign_market_order_counts_its_fills_of_the_millisecond_it_began() -> None:
    begun = orders.from_report(report(S.NEW, "77.ghost", time=T0), ACCOUNT, "77.ghost", "BTCUSDT.linear")
    met = orders.from_report(report(S.PARTIALLY_FILLED, "77.ghost", cum="4", time=T0), ACCOUNT, "77.ghost",
                             "BTCUSDT.linear")

    assert begun.created < T0, "a fill at T0 is still to come"
    assert met.created == T0, "the one at T0 is among the 4"
