"""Times: milliseconds and dates, and a clock that moves by hand."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

from hypothesis import given
from hypothesis import strategies as st

from core.clock import HandClock, SystemClock
from core.dates import day_start, hms, to_ms, utc

MOMENTS = st.integers(0, 4_000_000_000_000)


@given(MOMENTS)
def test_milliseconds_survive_a_date(ms: int) -> None:
    assert to_ms(utc(ms)) == ms


def test_a_date_without_a_zone_is_utc_and_others_are_turned() -> None:
    assert to_ms(datetime(2022, 12, 25)) == 1_671_926_400_000
    assert to_ms(datetime(2022, 12, 25, 1, tzinfo=timezone(timedelta(hours=1)))) == 1_671_926_400_000
    assert utc(1_671_926_400_123) == datetime(2022, 12, 25, 0, 0, 0, 123_000, UTC)


@given(MOMENTS)
def test_day_starts_at_midnight_utc(ms: int) -> None:
    start = utc(day_start(ms))

    assert (start.hour, start.minute, start.second, start.microsecond) == (0, 0, 0, 0)
    assert 0 <= ms - day_start(ms) < 86_400_000


def test_time_of_day() -> None:
    assert hms(1_671_926_400_000 + 66_601_999) == "18:30:01"


def test_hand_clock_moves_both_ways_of_telling_time_together() -> None:
    clock = HandClock(1_000, 5.0)

    clock.advance(1.5)

    assert (clock.wall_ms(), clock.monotonic()) == (2_500, 6.5)


def test_system_clock_tells_the_machines_time() -> None:
    clock = SystemClock()
    first = clock.monotonic()

    assert abs(clock.wall_ms() - to_ms(datetime.now(UTC))) < 5_000
    assert clock.monotonic() >= first
