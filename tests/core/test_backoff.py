"""Growing waits with jitter."""

from __future__ import annotations

import random
from itertools import islice

from hypothesis import given
from hypothesis import strategies as st

from core.backoff import backoff


@given(st.integers())
def test_waits_double_up_to_the_longest_and_lie_between_half_and_whole(seed: int) -> None:
    waits = list(islice(backoff(0.5, 30, random.Random(seed)), 12))

    for number, wait in enumerate(waits):
        whole = min(0.5 * 2**number, 30)
        assert whole / 2 <= wait <= whole


def test_two_do_not_wait_alike() -> None:
    assert list(islice(backoff(1, 60), 5)) != list(islice(backoff(1, 60), 5))
