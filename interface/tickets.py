"""One ticket for each asking: the engine answers it once, however often it is clicked; the view brings its verdict."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from engine.commands import Verdict

KEPT = 200               # askings remembered; an engine that never answers must not make the list grow


def new_ticket() -> str:
    """A name nobody used before, in this run or another."""
    return "w-" + os.urandom(10).hex()


@dataclass(frozen=True, slots=True)
class Asking:
    """What was asked under a ticket, and who wants to hear the verdict."""

    ticket: str
    answered: Callable[[Verdict], None]


class Tickets:
    """Open askings by ticket; main thread only."""

    def __init__(self) -> None:
        self._open: dict[str, Asking] = {}
        self._seen: Sequence[Verdict] = ()

    def ask(self, ticket: str, answered: Callable[[Verdict], None]) -> None:
        """Remember who asked."""
        self._open[ticket] = Asking(ticket, answered)
        while len(self._open) > KEPT:
            del self._open[next(iter(self._open))]

    def waiting(self) -> int:
        """How many verdicts are outstanding."""
        return len(self._open)

    def settle(self, verdicts: Sequence[Verdict]) -> None:
        """Hand each new verdict to its asker, once."""
        if verdicts is self._seen:
            return
        self._seen = verdicts
        for verdict in verdicts:
            asking = self._open.pop(verdict.ticket, None)
            if asking:
                asking.answered(verdict)
