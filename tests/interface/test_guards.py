"""The guards against accidents, rule by rule."""

from __future__ import annotations

from decimal import Decimal

import pytest

from interface.guards import HeldKeys, Twice, elapsed_ms, far_from_habit, left_the_middle, moved_lately, slip_answers


@pytest.mark.parametrize(("after", "by_key", "sends"), [
    (0, True, False), (149, True, False), (150, True, True), (500, False, False), (599, False, False),
    (600, False, True), (-40, True, False), (-40, False, False)])
def test_the_slip_answers_only_after_its_delay(after: int, by_key: bool, sends: bool) -> None:
    assert slip_answers(10_000 + after, 10_000, by_key) is sends


def test_event_times_may_wrap() -> None:
    assert elapsed_ms(100, (1 << 32) - 100) == 200
    assert slip_answers(100, (1 << 32) - 100, by_key=True)


def test_a_row_that_moved_a_quarter_of_a_second_ago_is_not_clicked() -> None:
    assert moved_lately(10.0, 10.24)
    assert not moved_lately(10.0, 10.26)


def test_more_than_five_times_the_median_is_far_from_habit() -> None:
    recent = [Decimal("0.1")] * 10
    assert not far_from_habit(Decimal("0.5"), recent)
    assert far_from_habit(Decimal("0.501"), recent)
    assert not far_from_habit(Decimal(100), [])


@pytest.mark.parametrize(("row", "left"), [(0, True), (3, True), (4, False), (10, False), (15, False), (16, True)])
def test_the_middle_is_sixty_percent(row: int, left: bool) -> None:
    assert left_the_middle(row, 20) is left


def test_a_held_key_counts_once() -> None:
    held, time = HeldKeys(), 1000
    presses = [held.press("F9", time)]
    time += 660
    for _repeat in range(15):
        held.release("F9", time)
        presses.append(held.press("F9", time))
        time += 40
    held.release("F9", time)
    presses.append(held.press("F9", time + 80))

    assert presses == [True, *[False] * 15, True]


def test_a_release_that_went_elsewhere_does_not_swallow_the_next_press() -> None:
    held = HeldKeys()
    assert held.press("F9", 1000)
    assert not held.press("F9", 1040)
    assert held.press("F9", 9000)


def test_twice_means_within_a_second_and_a_half() -> None:
    twice = Twice()
    assert [twice.asked("F4", at) for at in (1.0, 2.4, 2.5, 4.1, 5.0)] == [False, True, False, False, True]
