"""The book: numbered rules, stale at once, never crossed while live; against a slow model."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal

from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.binance.book import FuturesSequence, Step
from connectors.book import BookBuilder, Pair
from core.clock import HandClock
from models import Book, Timings

BIDS = [("100.0", "1"), ("99.5", "2"), ("99.0", "3")]
ASKS = [("100.5", "1"), ("101.0", "2"), ("101.5", "3")]


@dataclass
class Rig:
    books: list[Book] = field(default_factory=list)
    asked: list[float] = field(default_factory=list)
    depth: int = 10

    def __post_init__(self) -> None:
        self.builder = BookBuilder(FuturesSequence, self.books.append, lambda: self.depth, self.asked.append,
                                   HandClock(), Timings())
        self.builder.start()

    def diff(self, first: int, last: int, previous: int, bids: list[Pair] | None = None,
             asks: list[Pair] | None = None) -> None:
        self.builder.diff(first, last, previous, bids or [], asks or [], last)
        self.builder.publish()

    def live(self) -> Rig:
        self.builder.snapshot(50, list(BIDS), list(ASKS), 1)
        self.diff(45, 55, 44)
        assert self.builder.is_live
        return self


def test_rule_of_the_first_diff_and_the_chain() -> None:
    chain = FuturesSequence(100)

    assert chain.check(80, 99, 79) is Step.DROP              # u < lastUpdateId
    assert chain.check(101, 105, 99) is Step.OLD_SNAPSHOT    # U > lastUpdateId
    assert chain.check(90, 100, 99) is Step.APPLY            # U ≤ lastUpdateId ≤ u, not lastUpdateId + 1
    assert chain.check(108, 110, 100) is Step.APPLY          # U need not be the former u + 1
    assert chain.check(108, 110, 100) is Step.DROP           # a repeat
    assert chain.check(115, 120, 112) is Step.GAP


def test_live_only_after_a_diff_has_joined_the_snapshot() -> None:
    rig = Rig()
    rig.builder.snapshot(50, list(BIDS), list(ASKS), 1)
    assert rig.books == []

    rig.diff(45, 55, 44, [("100.0", "7")])

    assert rig.books[-1].live and rig.books[-1].bids[0] == (Decimal("100.0"), Decimal("7"))


def test_buffered_diffs_are_played_on_the_snapshot() -> None:
    rig = Rig()
    rig.diff(30, 40, 29, [("90", "1")])
    rig.diff(41, 52, 40, [("100.0", "9")])
    rig.diff(53, 60, 52, [], [("100.5", "0")])
    rig.builder.snapshot(50, list(BIDS), list(ASKS), 1)

    assert rig.books[-1].live
    assert rig.books[-1].bids[0] == (Decimal("100.0"), Decimal("9"))
    assert rig.books[-1].asks[0][0] == Decimal("101.0")


def test_a_snapshot_older_than_the_buffer_is_fetched_again_with_a_wait() -> None:
    rig = Rig()
    rig.diff(60, 70, 59)
    rig.builder.snapshot(50, list(BIDS), list(ASKS), 1)

    assert not rig.builder.is_live
    assert rig.asked[0] == 0.0 and rig.asked[1] > 0


def test_gap_is_stale_at_once_and_the_later_diffs_are_kept() -> None:
    rig = Rig().live()
    rig.diff(70, 75, 66)

    assert not rig.books[-1].live and "missing" in rig.books[-1].reason
    rig.diff(76, 80, 75)
    rig.builder.snapshot(72, list(BIDS), list(ASKS), 1)
    assert rig.books[-1].live and rig.books[-1].resyncs == 1


def test_crossed_is_never_live_and_locked_is() -> None:
    rig = Rig().live()
    rig.diff(56, 57, 55, [("100.5", "1")])
    assert rig.books[-1].live

    rig.diff(58, 59, 57, [("100.6", "1")])

    assert not rig.books[-1].live and "above" in rig.books[-1].reason


def test_unknown_levels_may_be_deleted() -> None:
    rig = Rig().live()
    rig.diff(56, 57, 55, [("42.0", "0")])

    assert rig.books[-1].live and len(rig.books[-1].bids) == 3


def test_impossible_numbers_never_reach_a_live_book() -> None:
    for pair in (("nan", "1"), ("1", "nan"), ("1e400", "1"), ("-1", "1"), ("0", "1"), ("1", "-1"), ("x", "1"),
                 ("1", "Infinity"), ("1", "")):
        rig = Rig().live()
        rig.diff(56, 57, 55, [pair])

        assert not rig.books[-1].live, pair


def test_a_quiet_book_is_proven_by_its_best_levels() -> None:
    rig = Rig()
    rig.builder.snapshot(50, list(BIDS), list(ASKS), 1)

    assert not rig.builder.prove([("100.0", "2")], [("100.5", "1")])
    assert rig.builder.prove([("100.00", "1.0"), ("99.5", "2")], [("100.5", "1")])
    assert rig.books[-1].live


def test_only_the_wanted_depth_is_published() -> None:
    rig = Rig()
    rig.depth = 2
    rig.live()

    assert (len(rig.books[-1].bids), len(rig.books[-1].asks)) == (2, 2)


PRICES = st.integers(1, 40)
DIFFS = st.lists(st.tuples(st.lists(st.tuples(PRICES, st.integers(0, 3)), max_size=5),
                           st.lists(st.tuples(PRICES, st.integers(0, 3)), max_size=5),
                           st.sampled_from(["ok", "ok", "ok", "repeat", "drop"])), max_size=30)


@settings(max_examples=150, deadline=None)
@given(DIFFS)
def test_against_a_slow_model(diffs: list[tuple[list[tuple[int, int]], list[tuple[int, int]], str]]) -> None:
    rig = Rig().live()
    model: dict[str, dict[Decimal, Decimal]] = {
        "bids": {Decimal(price): Decimal(qty) for price, qty in BIDS},
        "asks": {Decimal(price): Decimal(qty) for price, qty in ASKS}}
    last, has_gap = 55, False
    for bids, asks, fate in diffs:
        wire = ([(f"{60 + price / 2:.1f}", str(qty)) for price, qty in bids],
                [(f"{85 + price / 2:.1f}", str(qty)) for price, qty in asks])
        if fate == "drop":
            last, has_gap = last + 5, True
            continue
        rig.diff(last + 1, last + 5, last, *wire)
        if fate == "repeat":
            rig.diff(last + 1, last + 5, last, *wire)
        last += 5
        for side, pairs in zip(("bids", "asks"), wire, strict=True):
            for price, qty in pairs:
                model[side][Decimal(price)] = Decimal(qty)
        best = (max((price for price, qty in model["bids"].items() if qty), default=None),
                min((price for price, qty in model["asks"].items() if qty), default=None))
        if has_gap or (best[0] is not None and best[1] is not None and best[0] > best[1]):
            assert not rig.books[-1].live
            return
        expected = tuple(tuple(sorted(((price, qty) for price, qty in model[side].items() if qty), reverse=down)[:10])
                         for side, down in (("bids", True), ("asks", False)))
        assert (rig.books[-1].bids, rig.books[-1].asks) == expected
        assert rig.books[-1].live
