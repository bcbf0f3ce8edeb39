"""Candles: gaps flat, each close told once, the forming one updated, outages healed."""

from __future__ import annotations

import itertools
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from connectors.candles import CandleBook, add_trade, filled, flat
from models import Candle, CandleSeries

M = 60_000
START = 1_700_000_040_000 - 1_700_000_040_000 % M


def bar(minute: int, close: str = "10", volume: str = "1") -> Candle:
    price = Decimal(close)
    return Candle(START + minute * M, price, price, price, price, Decimal(volume))


class Rig:
    def __init__(self, wanted: int = 5) -> None:
        self.told: list[tuple[CandleSeries, bool]] = []
        self.book = CandleBook(M, wanted, lambda series, closed: self.told.append((series, closed)))

    @property
    def closes(self) -> list[int]:
        """Minutes whose close was told."""
        return [(series.closed[-1].time - START) // M for series, closed in self.told if closed]

    @property
    def series(self) -> CandleSeries:
        return self.told[-1][0]


def test_missing_candles_are_flat_with_volume_0() -> None:
    rows = filled([bar(3, "12"), bar(0, "10")], M)

    assert [row.time for row in rows] == [START + minute * M for minute in range(4)]
    assert rows[1] == rows[2]._replace(time=rows[1].time) == flat(START + M, Decimal(10))


def test_trades_at_0_10_and_3_05_give_four_candles() -> None:      # features.md 0.14
    closed, forming = add_trade(None, START + 10_000, Decimal(5), Decimal(1), M)
    assert closed == []
    closed, forming = add_trade(forming, START + 3 * M + 5_000, Decimal(6), Decimal(2), M)

    assert [row.volume for row in closed] == [1, 0, 0]
    assert [row.close for row in closed] == [5, 5, 5]
    assert forming == Candle(START + 3 * M, Decimal(6), Decimal(6), Decimal(6), Decimal(6), Decimal(2))


def test_trades_of_one_candle_are_merged_and_old_ones_ignored() -> None:
    _, forming = add_trade(None, START + M, Decimal(5), Decimal(1), M)
    _, forming = add_trade(forming, START + M + 1, Decimal(7), Decimal(1), M)
    _, forming = add_trade(forming, START, Decimal(99), Decimal(1), M)

    assert forming == Candle(START + M, Decimal(5), Decimal(7), Decimal(5), Decimal(7), Decimal(2))


def test_history_then_live_closes_are_told_once() -> None:
    rig = Rig()
    rig.book.load([bar(0), bar(1), bar(2, "11", "0.5")], START + 2 * M + 30_000)
    assert rig.closes == [] and rig.series.complete and rig.series.forming == bar(2, "11", "0.5")

    rig.book.update(bar(2, "12"), closed=False)
    rig.book.update(bar(2, "13"), closed=True)
    rig.book.update(bar(2, "13"), closed=True)
    rig.book.update(bar(3), closed=False)

    assert rig.closes == [2]
    assert rig.series.closed[-1] == bar(2, "13") and rig.series.forming == bar(3)


def test_a_minute_that_ended_while_history_was_asked_is_closed() -> None:
    rig = Rig()

    rig.book.load([bar(minute) for minute in range(7)], START + 5 * M + 59_990)     # asked just before minute 6 began

    assert [(row.time - START) // M for row in rig.series.closed] == [1, 2, 3, 4, 5]
    assert rig.series.forming == bar(6)


def test_frames_before_the_history_wait_for_it() -> None:
    rig = Rig()
    rig.book.update(bar(2), closed=False)
    rig.book.update(bar(2, "11"), closed=True)
    rig.book.update(bar(3), closed=False)
    assert rig.told == []

    rig.book.load([bar(0), bar(1), bar(2)], START + 2 * M + 59_000)

    assert rig.closes == [2]
    assert rig.series.closed[-1] == bar(2, "11") and rig.series.forming == bar(3)


def test_a_minute_without_trades_is_closed_by_the_question() -> None:
    rig = Rig()
    rig.book.load([bar(0), bar(1), bar(2)], START + 2 * M + 1_000)
    rig.book.load([bar(2, "12"), bar(3, "12", "0")], START + 3 * M + 2_000)     # nobody traded since
    rig.book.update(bar(2, "12"), closed=True)                                  # the stream tells it late

    assert rig.closes == [2]
    rig.book.load([], START + 5 * M + 2_000)                                    # the venue has no rows at all
    assert [row.volume for row in rig.series.closed[-2:]] == [0, 0]
    assert rig.closes == [2, 4]


def test_a_gap_in_the_stream_asks_and_is_healed() -> None:
    rig = Rig(wanted=10)
    rig.book.load([bar(0), bar(1)], START + 2 * M)
    assert rig.book.update(bar(5), closed=False)

    rig.book.load([bar(2), bar(3), bar(4), bar(5, "9")], START + 5 * M + 100)

    assert [row.time for row in rig.series.closed] == [START + minute * M for minute in range(5)]
    assert rig.closes == [4]               # one word about the newest, none about candles long past
    assert rig.series.forming == bar(5, "9")


def test_a_candle_closed_by_the_stream_is_not_reopened_by_an_older_question() -> None:
    rig = Rig()
    rig.book.load([bar(0), bar(1)], START + M + 1)
    rig.book.update(bar(1, "15", "9"), closed=True)
    rig.book.load([bar(0), bar(1, "14", "8")], START + M + 59_999)

    assert rig.series.closed[-1] == bar(1, "15", "9")
    assert rig.closes == [1]


@given(st.lists(st.tuples(st.integers(0, 2), st.booleans(), st.booleans()), max_size=60))
def test_no_gap_and_no_close_twice_in_any_order(steps: list[tuple[int, bool, bool]]) -> None:
    rig, minute = Rig(wanted=8), 1
    rig.book.load([bar(0)], START + M)
    for ahead, closed, asked in steps:
        minute += ahead
        if asked:
            rig.book.load([bar(minute)], START + minute * M + 5)
        else:
            rig.book.update(bar(minute), closed)
        times = [row.time for row in rig.series.closed]
        assert times == sorted(set(times)) and all(b - a == M for a, b in itertools.pairwise(times))
        assert rig.series.forming is None or rig.series.forming.time > times[-1]
    assert rig.closes == sorted(set(rig.closes))
