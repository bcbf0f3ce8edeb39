"""Budgets: never more than the limit in any window, a reserve for cancels, headers, pauses."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.http import Call, Rank
from connectors.limiter import ORDERS, WEIGHT, Budget, Limiter


def call(weight: int = 1, rank: Rank = Rank.ACCOUNT, orders: int = 0) -> Call:
    return Call("GET", "/x", weight=weight, rank=rank, orders=orders)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.floats(0, 3), st.integers(0, 12), st.sampled_from(list(Rank)), st.integers(0, 1)),
                max_size=60))
def test_no_window_ever_holds_more_than_the_limit(steps: list[tuple[float, int, Rank, int]]) -> None:
    limiter, now, granted = Limiter([Budget(WEIGHT, 10.0, 40), Budget(ORDERS, 5.0, 3)]), 100.0, []
    for passed, weight, rank, orders in steps:
        now += passed
        wait = limiter.acquire(call(weight, rank, orders), now)
        if wait == 0:
            granted.append((now, weight, orders))
        else:
            assert wait > 0
    for begin, _, _ in granted:      # the reference: every window that begins with a granted call
        assert sum(weight for at, weight, _ in granted if begin <= at < begin + 10.0) <= 40
        assert sum(orders for at, _, orders in granted if begin <= at < begin + 5.0) <= 3


def test_waiting_as_told_is_enough() -> None:
    limiter = Limiter([Budget(WEIGHT, 60.0, 100)])
    while (wait := limiter.acquire(call(7, Rank.CANCEL), 0.0)) == 0:
        pass

    assert limiter.acquire(call(7, Rank.CANCEL), wait) == 0


def test_the_last_of_a_budget_is_for_cancels() -> None:
    limiter = Limiter([Budget(WEIGHT, 60.0, 100)])
    for rank in (Rank.HISTORY, Rank.MARKET, Rank.ACCOUNT, Rank.ORDER):
        while limiter.acquire(call(1, rank), 0.0) == 0:
            pass

    assert limiter.usage(0.0) == 0.95
    assert [limiter.acquire(call(1, Rank.CANCEL), 0.0) for _ in range(5)] == [0.0] * 5
    assert limiter.acquire(call(1, Rank.CANCEL), 0.0) > 0


def test_what_others_used_is_learnt_from_the_header() -> None:
    limiter = Limiter([Budget(WEIGHT, 60.0, 100)])
    limiter.acquire(call(5), 0.0)
    limiter.learn(WEIGHT, 60.0, 95, 0.0, 60.0)

    assert limiter.usage(0.0) == 0.95
    assert limiter.acquire(call(1), 0.0) > 0
    assert limiter.acquire(call(1, Rank.CANCEL), 0.0) == 0
    assert limiter.usage(61.0) == 0


def test_a_header_of_the_old_window_that_comes_late_does_not_hold_the_new_one() -> None:
    limiter = Limiter([Budget(WEIGHT, 60.0, 100)])
    limiter.learn(WEIGHT, 60.0, 95, now=60.01, ends_in=59.99)      # told at 59.99
    assert limiter.acquire(call(5), 60.1) > 50

    limiter.learn(WEIGHT, 60.0, 3, now=60.2, ends_in=59.8)

    assert limiter.acquire(call(5), 60.3) == 0


def test_what_others_used_counts_until_the_exchange_begins_a_new_window() -> None:
    limiter = Limiter([Budget(WEIGHT, 60.0, 100)])
    limiter.learn(WEIGHT, 60.0, 95, 0.0, 7.0)
    limiter.learn(WEIGHT, 60.0, 90, 1.0, 6.0)      # an older answer that came late does not make it less

    assert limiter.acquire(call(10), 1.0) == 6.0
    assert limiter.acquire(call(10), 7.0) == 0
    assert limiter.usage(7.0) == 0.1


def test_a_pause_stops_everybody_and_a_ban_is_counted_down() -> None:
    limiter = Limiter([Budget(WEIGHT, 60.0, 100)])
    limiter.pause(30.0, 10.0, banned=True)

    assert limiter.acquire(call(0, Rank.CANCEL), 20.0) == 20.0
    assert limiter.ban_left(25.0) == 15.0
    assert limiter.acquire(call(1), 40.0) == 0


def test_a_new_list_of_limits_keeps_what_was_used() -> None:
    limiter = Limiter([Budget(WEIGHT, 60.0, 100)])
    limiter.acquire(call(50), 0.0)
    limiter.set_budgets([Budget(WEIGHT, 60.0, 200), Budget(ORDERS, 10.0, 300)])

    assert limiter.usage(0.0) == 0.25


def test_a_call_dearer_than_its_share_still_goes_out_alone() -> None:
    limiter = Limiter([Budget(WEIGHT, 60.0, 50)])

    assert limiter.acquire(call(40, Rank.HISTORY), 0.0) == 0


def test_a_second_products_list_adds_to_the_first_and_takes_nothing_away() -> None:
    limiter = Limiter([Budget(ORDERS, 10, 300), Budget(WEIGHT, 60, 2400)])
    limiter.acquire(Call("GET", "/a", weight=1200), 0.0)

    limiter.add_budgets([Budget(WEIGHT, 60, 1200), Budget(ORDERS, 60, 1200)])

    assert limiter.usage(0.0) == 1.0
    assert {(one.budget.kind, one.budget.seconds) for one in limiter._windows} == {
        (ORDERS, 10), (WEIGHT, 60), (ORDERS, 60)}
