"""Who held what at an earlier moment, beside the slow way of adding up all fills."""

from __future__ import annotations

from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from engine.timeline import Timeline

FILLS = st.lists(st.tuples(st.sampled_from("ABC"), st.integers(0, 20), st.integers(-5, 5).map(Decimal)), max_size=30)


def slowly(fills: list[tuple[str, int, Decimal]], time: int) -> dict[str, Decimal]:
    """Σ of the quantities at a time and after it, by owner."""
    totals: dict[str, Decimal] = {}
    for owner, at, qty in fills:
        if at >= time and qty:
            totals[owner] = totals.get(owner, Decimal(0)) + qty
    return totals


@given(FILLS, FILLS, st.integers(0, 20), st.integers(0, 20))
def test_equals_adding_up(loaded: list[tuple[str, int, Decimal]], added: list[tuple[str, int, Decimal]], since: int,
                          forgotten: int) -> None:
    line = Timeline(since, loaded)
    for fill in added:
        line.add(*fill)
    line.forget_before(forgotten)

    assert line.since == max(since, forgotten)
    for time in range(line.since, 22):
        assert line.filled_from(time) == slowly([*loaded, *added], time)
