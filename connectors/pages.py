"""A history read as messages for the engine. Used on the keeper's thread."""

from __future__ import annotations

from collections.abc import Callable

from models import AskHistory, Execution, HistoryPage, VenueMessage

PAGE = 500              # executions in one message to the engine
MOST_PAGES = 10_000     # faults.md section 6, line 13: a history read ends

Sink = Callable[[VenueMessage], None]


class Pages:
    """Cuts a history into messages for the engine; the last one says so."""

    def __init__(self, sink: Sink, request: AskHistory, account: str, read_start: int,
                 missing_from: int | None) -> None:
        self._sink, self._request, self._account = sink, request, account
        self._read_start, self._missing_from = read_start, missing_from
        self._held: list[Execution] = []

    def add(self, executions: list[Execution]) -> None:
        """Send what fills whole pages."""
        self._held += executions
        while len(self._held) > PAGE:
            self._send(self._held[:PAGE], last=False)
            del self._held[:PAGE]

    def finish(self) -> None:
        """Send the rest, which may be nothing."""
        self._send(self._held, last=True)

    def _send(self, executions: list[Execution], last: bool) -> None:
        self._sink(HistoryPage(self._request.key, self._account, tuple(executions), last, self._read_start,
                               self._request.since, self._request.reason, self._missing_from))
