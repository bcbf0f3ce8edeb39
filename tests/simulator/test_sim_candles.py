"""History and live candles."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

from simulator.candles import DAY, INTERVALS, Candle, Series, bucket, fold
from simulator.instruments import catalogue
from simulator.store import Store

BTC = catalogue()[0]
NOW = 29_921_337  # a minute


def series(folder: Path, seed: int = 1) -> Series:
    made = Series(BTC, Store(folder / "simulator.db"))
    made.resume(NOW, seed, 1, 1 << 60)
    return made


def test_seven_whole_days_without_a_hole(tmp_path: Path) -> None:
    rows = series(tmp_path).minutes(NOW - 7 * DAY, NOW)

    assert [r[0] for r in rows] == list(range(NOW - 7 * DAY, NOW + 1))
    assert all(low <= min(o, c) and max(o, c) <= high and low > 0 for _, o, high, low, c, *_ in rows)
    assert all(a[4] == b[1] for a, b in pairwise(rows))
    assert rows[-2][4] == BTC.start_ticks()


def test_larger_intervals_are_sums_of_minutes(tmp_path: Path) -> None:
    made = series(tmp_path)
    minutes = made.minutes(0, NOW)
    for interval in INTERVALS:
        bars = made.bars(interval, None, None, 1500)
        last = bars[-1]
        inside = [m for m in minutes if bucket(m[0], interval) == last[0]]
        assert last[1:6] == (inside[0][1], max(m[2] for m in inside), min(m[3] for m in inside), inside[-1][4],
                             sum(m[5] for m in inside))
        assert [b[0] for b in bars] == [b[0] for b in fold(minutes, interval)][-len(bars):]
    assert len(made.bars("1w", None, None, 10)) == 2
    assert (made.bars("1w", None, None, 10)[0][0] - bucket(0, "1w")) % (7 * DAY) == 0


def test_paging_by_start_and_end(tmp_path: Path) -> None:
    made = series(tmp_path)

    forward = made.bars("5m", NOW - 100, None, 3)
    backward = made.bars("5m", None, NOW - 100, 3)

    assert [b[0] for b in forward] == [bucket(NOW - 96, "5m") + 5 * i for i in range(3)]
    assert backward[-1][0] == bucket(NOW - 100, "5m") and len(backward) == 3


def test_other_seed_other_history(tmp_path: Path) -> None:
    first = series(tmp_path / "a").minutes(NOW - 50, NOW - 1)
    again = series(tmp_path / "b").minutes(NOW - 50, NOW - 1)
    other = series(tmp_path / "c", seed=2).minutes(NOW - 50, NOW - 1)

    assert first == again != other


def test_live_minutes_flat_ones_and_a_restart(tmp_path: Path) -> None:
    store = Store(tmp_path / "simulator.db")
    made = Series(BTC, store)
    made.resume(NOW, 1, 1, 1 << 60)
    made.trade(600_000, 5, True, 11)
    made.trade(600_100, 2, False, 12)

    closed = made.roll(NOW + 3)

    assert closed[0] == (NOW, 600_000, 600_100, 600_000, 600_100, 7, 4_200_200, 2, 5, 3_000_000, 11, 12)
    assert [c[1:8] for c in closed[1:]] == [(600_100,) * 4 + (0, 0, 0)] * 2
    shown = made.minutes(NOW - 300, NOW + 2)
    store.close()
    later = Series(BTC, Store(tmp_path / "simulator.db"))
    later.resume(NOW + 400, 9, 600_000, 600_200)
    assert later.minutes(NOW - 300, NOW + 2) == shown
    away: list[Candle] = later.minutes(NOW + 3, NOW + 399)
    assert len(away) == 397 and away[-1][4] == 600_100
    assert all(600_000 <= c[3] and c[2] <= 600_200 for c in away)
