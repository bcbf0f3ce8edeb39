"""A read of history as messages for the engine. Used on the keeper's thread."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

from models import AskHistory, AskMoney, Execution, Funding, HistoryPage, MoneyPage, Movement, VenueMessage

PAGE = 500              # facts in one message to the engine
MOST_PAGES = 10_000     # faults.md section 6, line 13: a history read ends

Sink = Callable[[VenueMessage], None]
F = TypeVar("F")


class _Cut(ABC, Generic[F]):
    """Cuts facts, which come oldest first, into messages for the engine; the last one says so."""

    def __init__(self) -> None:
        self._held: list[F] = []

    def add(self, facts: Sequence[F]) -> None:
        """Send what fills whole pages."""
        self._held += facts
        while len(self._held) > PAGE:
            self._send(self._held[:PAGE], last=False)
            del self._held[:PAGE]

    def finish(self) -> None:
        """Send the rest, which may be nothing."""
        self._send(self._held, last=True)

    @abstractmethod
    def _send(self, facts: list[F], last: bool) -> None:
        """One message."""


class Pages(_Cut[Execution | Funding]):
    """Fills of an instrument, and its funding where the venue tells it among them."""

    def __init__(self, sink: Sink, request: AskHistory, account: str, read_start: int,
                 missing_from: int | None) -> None:
        super().__init__()
        self._sink, self._request, self._account = sink, request, account
        self._read_start, self._missing_from = read_start, missing_from

    def _send(self, facts: list[Execution | Funding], last: bool) -> None:
        self._sink(HistoryPage(
            self._request.key, self._account, tuple(one for one in facts if isinstance(one, Execution)), last,
            self._read_start, self._request.since, self._request.reason, self._missing_from,
            tuple(one for one in facts if isinstance(one, Funding))))


class MoneyPages(_Cut[Funding | Movement]):
    """Funding and movements of an account."""

    def __init__(self, sink: Sink, request: AskMoney, account: str, read_start: int,
                 missing_from: int | None = None) -> None:
        super().__init__()
        self._sink, self._request, self._account = sink, request, account
        self._read_start, self._missing_from = read_start, missing_from

    def _send(self, facts: list[Funding | Movement], last: bool) -> None:
        request = self._request
        self._sink(MoneyPage(request.market, request.category, self._account, tuple(facts), last, self._read_start,
                             request.since, request.reason, self._missing_from))
