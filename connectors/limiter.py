"""Request budgets: weights, order counters, pauses told by the venue, a reserve for cancels. Shared by all threads.

Own use is counted in sliding windows, which holds in any fixed window of the venue too. What the venue's headers say
beyond that is use by others, until the venue's own window ends: a program that was killed and started again would else
wait a whole minute for what it used itself. The lock here is the only one of a venue.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass

from connectors.http import Call, Rank

# Share of each budget a rank may fill; the rest is kept for the more urgent ones.
SHARES = {Rank.CANCEL: 1.0, Rank.ORDER: 0.95, Rank.ACCOUNT: 0.9, Rank.MARKET: 0.85, Rank.HISTORY: 0.7}
WEIGHT, ORDERS, RAW = "weight", "orders", "requests"      # RAW: each request counts one


@dataclass(frozen=True, slots=True)
class Budget:
    """One limit of the venue: at most `limit` of `kind` in any `seconds`."""

    kind: str
    seconds: float
    limit: int


class _Window:
    """Uses within the last `seconds`."""

    __slots__ = ("budget", "others", "others_until", "told", "used", "uses")

    def __init__(self, budget: Budget) -> None:
        self.budget = budget
        self.uses: deque[tuple[float, int]] = deque()
        self.used = 0
        self.others = 0              # used by other programs, in the venue's window that ends at `others_until`
        self.others_until = 0.0
        self.told = 0                # the most that the venue has told of that window

    def forget(self, now: float) -> None:
        if self.others_until <= now:
            self.others = self.told = 0
        while self.uses and self.uses[0][0] <= now - self.budget.seconds:
            self.used -= self.uses.popleft()[1]

    def add(self, now: float, amount: int) -> None:
        if amount:
            self.uses.append((now, amount))
            self.used += amount

    def wait(self, now: float, amount: int, share: float) -> float:
        """Seconds until `amount` fits under `share` of the limit; 0 when it does now."""
        room = max(int(self.budget.limit * share), min(amount, self.budget.limit)) - amount
        excess = self.used + self.others - room
        if amount == 0 or excess <= 0:
            return 0.0
        ends = [(at + self.budget.seconds, used) for at, used in self.uses]
        for end, used in sorted([*ends, (self.others_until, self.others)]):
            excess -= used
            if excess <= 0:
                return max(0.001, end - now)
        return self.budget.seconds


class Limiter:
    """All budgets of one host and account."""

    def __init__(self, budgets: Iterable[Budget]) -> None:
        self._lock = threading.Lock()
        self._windows = [_Window(budget) for budget in budgets]
        self._paused_until = 0.0      # monotonic
        self._banned_until = 0.0

    def set_budgets(self, budgets: Iterable[Budget]) -> None:
        """Take the venue's own list; what was used stays counted."""
        with self._lock:
            old = {(window.budget.kind, window.budget.seconds): window for window in self._windows}
            self._windows = [_Window(budget) for budget in budgets]
            for window in self._windows:
                former = old.get((window.budget.kind, window.budget.seconds))
                if former is not None:
                    window.uses, window.used = former.uses, former.used
                    window.others, window.others_until = former.others, former.others_until
                    window.told = former.told

    def add_budgets(self, budgets: Iterable[Budget]) -> None:
        """Take one product's list into what several products share: what it does not name stays."""
        with self._lock:
            known = {(window.budget.kind, window.budget.seconds): window for window in self._windows}
            for budget in budgets:
                window = known.get((budget.kind, budget.seconds))
                if window is None:
                    self._windows.append(_Window(budget))
                else:
                    window.budget = budget

    def set_limit(self, budget: Budget) -> None:
        """Take one limit from the venue; the others stay."""
        with self._lock:
            for window in self._windows:
                if (window.budget.kind, window.budget.seconds) == (budget.kind, budget.seconds):
                    window.budget = budget

    def acquire(self, call: Call, now: float) -> float:
        """Book the call and give 0, or give the seconds to wait before asking again (nothing booked)."""
        with self._lock:
            waits = [self._paused_until - now]
            for window in self._windows:
                window.forget(now)
                waits.append(window.wait(now, self._amount(window, call), SHARES[call.rank]))
            longest = max(waits)
            if longest > 0:
                return longest
            for window in self._windows:
                window.add(now, self._amount(window, call))
            return 0.0

    def learn(self, kind: str, seconds: float, used: int, now: float, ends_in: float) -> None:
        """What the venue's header says was used in its window, which ends in so many seconds: others' use counts."""
        with self._lock:
            for window in self._windows:
                if window.budget.kind == kind and window.budget.seconds == seconds:
                    window.forget(now)
                    if used < window.told / 2:
                        # Within a window it only grows: what was told before was of the one that has ended.
                        window.others = window.told = 0
                    window.told = max(window.told, used)
                    window.others = max(window.others, used - window.used)
                    window.others_until = now + ends_in

    def pause(self, seconds: float, now: float, banned: bool = False) -> None:
        """No request of any kind for this long."""
        with self._lock:
            self._paused_until = max(self._paused_until, now + seconds)
            if banned:
                self._banned_until = max(self._banned_until, now + seconds)

    def ban_left(self, now: float) -> float:
        """Seconds until a ban ends; 0 when none runs."""
        return max(0.0, self._banned_until - now)

    def pause_left(self, now: float) -> float:
        """Seconds until requests may go out again."""
        return max(0.0, self._paused_until - now)

    def usage(self, now: float) -> float:
        """The fullest budget, 0…1."""
        with self._lock:
            for window in self._windows:
                window.forget(now)
            return max(((window.used + window.others) / window.budget.limit
                        for window in self._windows if window.budget.limit), default=0.0)

    @staticmethod
    def _amount(window: _Window, call: Call) -> int:
        return {WEIGHT: call.weight, ORDERS: call.orders}.get(window.budget.kind, 1)
