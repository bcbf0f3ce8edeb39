"""Not more than five connections to a host in ten seconds, as far as they can wait."""

from __future__ import annotations

from connectors.pace import Pace


def claims(pace: Pace, at: float, count: int, host: str = "a", due: float = 0.0) -> list[bool]:
    return [pace.claim(host, due, at, 10.0) for _number in range(count)]


def test_four_are_made_and_the_others_wait_until_the_first_is_long_ago() -> None:
    pace = Pace()

    assert claims(pace, 0.0, 7) == [True] * 4 + [False] * 3
    assert claims(pace, 10.0, 3) == [False] * 3
    assert claims(pace, 10.1, 3) == [True] * 3


def test_connections_made_anew_count_and_are_never_held_back() -> None:
    pace = Pace()
    for _number in range(9):
        pace.note("a", 5.0)

    assert claims(pace, 5.0, 1) == [False] and claims(pace, 15.1, 1) == [True]


def test_hosts_are_counted_alone() -> None:
    pace = Pace()
    claims(pace, 0.0, 4)

    assert claims(pace, 0.0, 1, "b") == [True] and claims(pace, 0.0, 1) == [False]


def test_what_waited_long_is_made_before_the_exchange_cuts() -> None:
    pace = Pace()
    made_at = None
    for second in range(600):                   # something breaks all the time
        pace.note("a", float(second))
        if made_at is None and pace.claim("a", 0.0, float(second), 10.0):
            made_at = second

    assert made_at is not None and made_at <= 121
