"""F3 takes changed settings: the files are read again, and each product whose settings differ is built anew.

A thread of its own, one at a time: reads, makes the new venue, asks the engine to put it in place, ends the old one,
starts the new one. The other products only reconnect. What cannot be taken while the program runs (mode, database) is
said; a file that is wrong leaves its market as it was.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import replace
from queue import SimpleQueue

from core.board import Board
from core.errors import TerminalError
from core.settings import Settings
from core.titles import product_title
from engine.commands import Recover, Verdict
from engine.loop import Engine
from engine.products import Exchange
from models import Notice, Timings
from session.venues import Plan, VenueId, Venues, clear_board, ended, plans

log = logging.getLogger(__name__)

ENGINE_S = 5.0           # the engine's answer; it decides a message in well under a millisecond


class Reload:
    """`settings` is replaced whole when changed ones were taken."""

    def __init__(self, settings: Settings, read: Callable[[], Settings], venues: Venues, engine: Engine, board: Board,
                 timings: Timings) -> None:
        self.settings = settings
        self._read, self._venues, self._engine, self._board, self._timings = read, venues, engine, board, timings
        self._asked: SimpleQueue[tuple[Recover, Callable[[Verdict], None] | None] | None] = SimpleQueue()
        self._is_stopping = threading.Event()
        self._thread = threading.Thread(target=self._work, name="settings reload", daemon=True)
        self._thread.start()

    def recover(self, command: Recover, reply: Callable[[Verdict], None] | None = None) -> None:
        """From any thread; returns at once. `reply` hears the engine's verdict."""
        self._asked.put((command, reply))

    def stop(self, within: float) -> None:
        """No venue is started any more."""
        self._is_stopping.set()
        self._asked.put(None)
        self._thread.join(within)

    # ------------------------------------------------------------ on its thread

    def _work(self) -> None:
        while (asked := self._asked.get()) is not None and not self._is_stopping.is_set():
            command, reply = asked
            fresh: tuple[VenueId, ...] = ()
            try:
                fresh = self._take(command)
            except TerminalError as error:
                self._say(f"settings: {error}; everything goes on as before", "warning")
            except Exception as error:           # F3 reconnects all the same
                log.exception("settings: %s", type(error).__name__)
                self._say(f"settings: an error of the program ({type(error).__name__}); the log has it", "error")
            self._engine.post(replace(command, fresh=fresh), reply)

    def _take(self, command: Recover) -> tuple[VenueId, ...]:
        """Read, compare, exchange; the products that were built anew."""
        new, old = self._read(), self.settings
        for problem in new.problems:
            goes_on = "it goes on as before" if problem.market else "everything goes on as before"
            self._say(f"{problem}; {goes_on}", "warning", problem.market)
        if any(not problem.market for problem in new.problems):
            return ()
        if (new.mode, new.demo) != (old.mode, old.demo):
            self._say(f"settings: the kind of account ({old.mode.value}, in the files {new.mode.value}) changes with a "
                      "restart; everything goes on as before", "warning")
            return ()
        if new.database != old.database:
            self._say("settings: another database counts after a restart", "warning")
        if command.market:                       # F3 of one market: what all share waits for an F3 of all
            new = replace(new, general=old.general)
        wanted, wrong = plans(new), {problem.market for problem in new.problems}
        fresh = [where for where in {**self._venues.plans, **wanted} if command.is_about(*where)
                 and where[0] not in wrong and self._differs(where, wanted.get(where))
                 and self._exchange(where, wanted.get(where))]
        self.settings = replace(new, database=old.database)
        return tuple(fresh)

    def _differs(self, where: VenueId, wanted: Plan | None) -> bool:
        known = self._venues.plans.get(where)
        return known is None or wanted is None or bool(wanted.changes(known))

    def _exchange(self, where: VenueId, wanted: Plan | None) -> bool:
        """One product: the new venue in the old one's place."""
        if self._is_stopping.is_set():
            return False
        known, old = self._venues.plans.get(where), self._venues.of(where)
        made = self._venues.make(wanted) if wanted is not None else None
        refusal = self._engine.exchange(Exchange(where, made, wanted.keys if wanted is not None else ()), ENGINE_S)
        if refusal:
            self._say(refusal, "warning", where[0])
            return False
        self._venues.put(where, made, wanted)
        if old is not None and (still := ended(old, self._timings.stop_requests + 2.0)):
            log.warning("still running after an exchange: %s", ", ".join(still))
        clear_board(self._board, where, known, wanted)
        if made is None or wanted is None:
            self._say(f"{product_title(*where)}: taken out, as the settings say", "info", where[0])
            return True
        what = ", ".join(wanted.changes(known)) if known is not None else "new"
        self._say(f"{product_title(*where)}: built anew with the changed settings ({what})", "info", where[0])
        self._venues.start(made)
        if self._is_stopping.is_set():           # the program ended meanwhile
            made.stop()
        return True

    def _say(self, text: str, level: str, market: str = "") -> None:
        self._engine.post(Notice(market, text, level))
