"""Who held what at an earlier moment: the fills of an instrument by the venue's time, as far back as was asked.

Kept sums know the present only; the past is the present less what was filled since. Complete from `since` on.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable
from decimal import Decimal

from models import ZERO


class Timeline:
    """The fills of one instrument and account since a time, for each owner in the order of time."""

    __slots__ = ("_owners", "since")

    def __init__(self, since: int, fills: Iterable[tuple[str, int, Decimal]] = ()) -> None:
        """`fills`: owner, time in ms, signed quantity; those before `since` are left out."""
        self.since = since
        self._owners: dict[str, tuple[list[int], list[Decimal]]] = {}   # times; sums of quantity up to each
        for owner, time, qty in sorted(fills, key=lambda fill: fill[1]):
            self.add(owner, time, qty)

    def add(self, owner: str, time: int, qty: Decimal) -> None:
        """A fill was booked."""
        if time < self.since or not qty:
            return
        times, sums = self._owners.setdefault(owner, ([], []))
        if not times or time >= times[-1]:
            times.append(time)
            sums.append((sums[-1] if sums else ZERO) + qty)
            return
        at = bisect_left(times, time)
        times.insert(at, time)
        sums.insert(at, (sums[at - 1] if at else ZERO) + qty)
        for later in range(at + 1, len(sums)):
            sums[later] += qty

    def filled_from(self, time: int) -> dict[str, Decimal]:
        """What each owner was filled with at `time` and after it. `time` must not lie before `since`."""
        assert time >= self.since
        result: dict[str, Decimal] = {}
        for owner, (times, sums) in self._owners.items():
            at = bisect_left(times, time)
            if at < len(times):
                result[owner] = sums[-1] - (sums[at - 1] if at else ZERO)
        return result

    def forget_before(self, time: int) -> None:
        """Let go of what lies before `time`."""
        if time <= self.since:
            return
        self.since = time
        for owner, (times, sums) in list(self._owners.items()):
            at = bisect_left(times, time)
            if at == len(times):
                del self._owners[owner]
            elif at:
                base = sums[at - 1]
                self._owners[owner] = (times[at:], [one - base for one in sums[at:]])
