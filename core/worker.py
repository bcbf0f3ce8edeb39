"""A named thread with a stop event. A crash is reported and seen, never silent."""

from __future__ import annotations

import logging
import sys
import threading
from collections.abc import Callable

from core.numbers import use_ledger_context

log = logging.getLogger(__name__)


class Worker:
    """Runs `work(stop)` on a thread of its own until it returns; `work` must return soon after `stop` is set.

    `on_death(name, error)` is called on the dying thread when `work` raises. The thread computes with the ledger's
    decimal context.
    """

    def __init__(self, name: str, work: Callable[[threading.Event], None],
                 on_death: Callable[[str, BaseException], None] | None = None) -> None:
        self.name = name
        self.stop_event = threading.Event()
        self.error: BaseException | None = None
        self._work = work
        self._on_death = on_death
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        """Start the thread, once."""
        self._thread.start()

    def stop(self) -> None:
        """Ask it to end; does not wait."""
        self.stop_event.set()

    def join(self, timeout: float) -> bool:
        """Wait for its end; False when it still runs."""
        if self._thread.ident is not None:
            self._thread.join(timeout)
        return not self._thread.is_alive()

    @property
    def is_alive(self) -> bool:
        """Whether the thread runs."""
        return self._thread.is_alive()

    def _run(self) -> None:
        use_ledger_context()
        try:
            self._work(self.stop_event)
        except BaseException as error:
            self.error = error
            log.critical("thread %s died", self.name, exc_info=sys.exc_info())
            if self._on_death is not None:
                self._on_death(self.name, error)
