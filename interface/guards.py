"""Guards against accidents: every constant in one place (but `REPEAT_S`, by which the engine looks, too), and
the rules as pure functions.

None of them stands before a risk-reducing action (cancel, cancel all, bot OFF, F9 off, kill switch). Event times are
the X server's, in milliseconds; they wrap at 2³², so only differences are used.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from statistics import median

SLIP_KEY_MS = 150        # Enter counts from here on: a key already on its way does not send
SLIP_CLICK_MS = 600      # a click on the slip: longer than a double click (500 ms), which is not an order
PINNED_S = 0.25          # a row that showed another price this shortly before the click was not what was aimed at
DRAFT_LIFE_S = 8.0       # a slip nobody answers goes away
AGAIN_S = 1.5            # F4 and Shift+F9 count when pressed twice within this
HOLD_MS = 1000           # holding the trading button this long is the kill switch
HABIT_FACTOR = 5         # so many times the usual quantity asks
HABIT_ORDERS = 10        # the usual quantity is the median of so many orders
OUTSIDE_S = 1.0          # the ladder moves only when the pointer has been away this long
MIDDLE = 0.6             # … and the best price has left this part of it
FORGET_MS = 2000         # a held key repeats within this (the first time after 660 ms, then every 40)
HINT_S = 2.5             # how long a hint stands in the book

TRADING_ON = "Trading is ON. F9 to trade by hand."
MOVED = "book moved, click again"

_WRAP = 1 << 32


def elapsed_ms(now: int, then: int) -> int:
    """Milliseconds between two event times, over the server's wrap-around."""
    return (now - then) % _WRAP


def slip_answers(event_time: int, shown: int, by_key: bool) -> bool:
    """Whether an Enter (or a click) of this time may send the slip that appeared at `shown`."""
    passed = elapsed_ms(event_time, shown)
    if passed > _WRAP // 2:          # an event from before the slip
        return False
    return passed >= (SLIP_KEY_MS if by_key else SLIP_CLICK_MS)


def moved_lately(changed: float, now: float) -> bool:
    """Whether the rows showed other prices so shortly before that a click may have been meant for those."""
    return now - changed < PINNED_S


def far_from_habit(qty: Decimal, recent: Sequence[Decimal]) -> bool:
    """Whether the quantity is more than five times the median of the last ten orders of this symbol."""
    return bool(recent) and qty > HABIT_FACTOR * median(recent[-HABIT_ORDERS:])


def left_the_middle(row: int, rows: int) -> bool:
    """Whether the best price's row lies outside the middle 60 % of the ladder."""
    margin = rows * (1 - MIDDLE) / 2
    return row < margin or row >= rows - margin


class HeldKeys:
    """Which presses are real: X repeats a held key as Release and Press with the same time."""

    def __init__(self) -> None:
        self._pressed: dict[str, int] = {}      # key → time of its last press or repeat
        self._released: dict[str, int] = {}     # key → time of its release, absent while it is down

    def press(self, key: str, event_time: int) -> bool:
        """Whether this press is the first one of a key that was up.

        A release that went to another window must not swallow a later press: after `FORGET_MS` without a repeat the
        key is taken to have been up.
        """
        last, released = self._pressed.get(key), self._released.pop(key, None)
        self._pressed[key] = event_time
        if last is None or elapsed_ms(event_time, last) > FORGET_MS:
            return True
        return released is not None and released != event_time

    def release(self, key: str, event_time: int) -> None:
        """The key was let go, or X says so between two repeats."""
        self._released[key] = event_time


class Twice:
    """Counts an action only when asked twice within `AGAIN_S`."""

    def __init__(self) -> None:
        self._first: dict[str, float] = {}

    def asked(self, name: str, now: float) -> bool:
        """True at the second asking in time; the first one is remembered."""
        first = self._first.pop(name, None)
        if first is not None and now - first <= AGAIN_S:
            return True
        self._first[name] = now
        return False
