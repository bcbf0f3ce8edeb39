"""What a person usually does with a symbol: the quantity used last, the quantities of the last orders, the order sent
last. No tkinter; main thread only.

Kept by kind of account and symbol: a habit from the simulator is none on a live account. All but the order sent last
is remembered from one run to the next, so that the first order after a start is compared, too.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from core.numbers import read_number, text
from engine.commands import REPEAT_S
from interface.draft import Draft, Reading
from interface.guards import HABIT_ORDERS, far_from_habit
from interface.memory import habit_of
from models import Key, Mode, Side, Trigger


@dataclass(frozen=True, slots=True)
class Sent:
    """What went out last of one instrument, for the repeat guard."""

    owner: str
    side: Side
    price: Decimal | None
    qty: Decimal
    at: float
    trigger: Trigger | None = None


class Habits:
    """See the module's docstring."""

    def __init__(self) -> None:
        self._last: dict[str, str] = {}                 # as typed
        self._recent: dict[str, list[Decimal]] = {}     # oldest first
        self._sent: dict[Key, Sent] = {}

    def forget(self) -> None:
        """As if nothing had ever been sent."""
        self._last.clear()
        self._recent.clear()
        self._sent.clear()

    def forget_sent(self) -> None:
        """The next order repeats none."""
        self._sent.clear()

    def note(self, mode: Mode | None, draft: Draft, reading: Reading, now: float) -> None:
        """This draft is being sent."""
        assert reading.qty is not None
        name = habit_of(mode, draft.key)
        self._last[name] = draft.qty.strip()
        self._recent[name] = [*self._recent.get(name, ()), reading.qty][-HABIT_ORDERS:]
        self._sent[draft.key] = Sent(draft.owner, draft.side, reading.price, reading.qty, now, reading.trigger)

    def last(self, mode: Mode | None, key: Key) -> str | None:
        """The quantity used last, as it was typed."""
        return self._last.get(habit_of(mode, key))

    def is_unusual(self, mode: Mode | None, key: Key, qty: Decimal) -> bool:
        """Whether this is far more than usual here."""
        return far_from_habit(qty, self._recent.get(habit_of(mode, key), ()))

    def is_repeat(self, draft: Draft, reading: Reading, now: float) -> bool:
        """Whether exactly this was sent a moment ago."""
        last = self._sent.get(draft.key)
        return (last is not None and now - last.at <= REPEAT_S
                and (last.owner, last.side, last.price, last.qty, last.trigger)
                == (draft.owner, draft.side, reading.price, reading.qty, reading.trigger))

    # ------------------------------------------------------------ from one run to the next

    def quantities(self) -> dict[str, str]:
        """The quantities used last."""
        return dict(self._last)

    def recent(self) -> dict[str, tuple[str, ...]]:
        """Those of the last orders."""
        return {name: tuple(map(text, numbers)) for name, numbers in self._recent.items()}

    def recall(self, quantities: Mapping[str, str], recent: Mapping[str, tuple[str, ...]]) -> None:
        """As they were remembered; what is no number is left out."""
        self._last = {name: typed for name, typed in quantities.items() if as_number(typed)}
        numbers = {name: [number for typed in kept if (number := as_number(typed))] for name, kept in recent.items()}
        self._recent = {name: kept[-HABIT_ORDERS:] for name, kept in numbers.items() if kept}


def as_number(typed: str) -> Decimal | None:
    """The number typed, or None."""
    number = read_number(typed)
    return None if isinstance(number, str) else number
