"""Which diff may follow which: the update-id rule of each product, step by step. Pure.

Futures (binance.md 9.3): 1. Buffer diffs. 2. Take a snapshot. 3. Drop diffs with u < lastUpdateId. 4. The first one
applied must have U ≤ lastUpdateId ≤ u. 5. After that each must have pu = u of the one before, else start again.
Quantities are absolute. On futures U is not the former u + 1: the spot rule never fits.

Spot (binance.md 7.1): there is no pu. 3. Drop diffs with u ≤ lastUpdateId. 4. The first one applied must have
U ≤ lastUpdateId + 1 ≤ u. 5. After that U must not be above the former u + 1; what brings nothing new is dropped.
"""

from __future__ import annotations

from enum import Enum


class Step(Enum):
    """What to do with a diff."""

    APPLY = "apply"
    DROP = "drop"              # older than what we have, or a repeat
    GAP = "gap"                # something is missing: a new snapshot is needed
    OLD_SNAPSHOT = "old"       # the snapshot is older than the diffs: fetch it again


class FuturesSequence:
    """The chain of one book."""

    __slots__ = ("_is_bridged", "_last")

    def __init__(self, snapshot_id: int) -> None:
        self._last, self._is_bridged = snapshot_id, False

    @property
    def is_bridged(self) -> bool:
        """Whether a diff has joined the snapshot."""
        return self._is_bridged

    def check(self, first: int, last: int, previous: int) -> Step:
        """Judge a diff by its U, u and pu; an applied one becomes the last."""
        if self._is_bridged:
            if previous == self._last and last >= first:
                self._last = last
                return Step.APPLY
            return Step.DROP if last <= self._last else Step.GAP
        if last < self._last:
            return Step.DROP
        if first > self._last:
            return Step.OLD_SNAPSHOT
        self._last, self._is_bridged = last, True
        return Step.APPLY


class SpotSequence:
    """The chain of one spot book; the third number of a diff has no meaning here."""

    __slots__ = ("_is_bridged", "_last")

    def __init__(self, snapshot_id: int) -> None:
        self._last, self._is_bridged = snapshot_id, False

    @property
    def is_bridged(self) -> bool:
        """Whether a diff has joined the snapshot."""
        return self._is_bridged

    def check(self, first: int, last: int, previous: int) -> Step:
        """Judge a diff by its U and u; an applied one becomes the last."""
        if last <= self._last:
            return Step.DROP
        if first > self._last + 1:
            return Step.GAP if self._is_bridged else Step.OLD_SNAPSHOT
        self._last, self._is_bridged = last, True
        return Step.APPLY
