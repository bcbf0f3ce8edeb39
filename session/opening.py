"""`main.py ledger open`: take over, as opening rows, what the venue holds and no row explains. A person's decision."""

from __future__ import annotations

import threading
import time
from pathlib import Path

from core.errors import TerminalError, VenueError
from core.numbers import text
from core.secrets import KnownSecrets
from core.settings import load_settings
from engine.commands import TakeOver
from engine.view import PositionLine, View
from models import Timings
from session import lock
from session.build import Session
from session.run import check_problems, logging_to

AGREE_WITHIN_S = 120.0


def open_ledger(home: Path) -> int:
    """Recover, compare, take over every difference; the exit code."""
    held = lock.take(home)
    known = KnownSecrets()
    settings = load_settings(home, known)
    check_problems(settings)
    fatal: list[TerminalError] = []
    with held, logging_to(home, settings, known, console=True):
        session = Session(settings, home, Timings(), fatal.append, known=known)
        session.start()
        try:
            view = _compared(session, fatal)
            open_lines = [line for line in view.positions if line.takeover]
            for line in open_lines:
                _take_over(session, line)
            if not open_lines:
                print("ledger and venue agree; nothing to take over")
        finally:
            session.stop()
    return 0


def _compared(session: Session, fatal: list[TerminalError]) -> View:
    """The view once every venue has recovered and differences were read again twice."""
    until, pause = time.monotonic() + AGREE_WITHIN_S, threading.Event()
    while time.monotonic() < until:
        pause.wait(0.2)
        if fatal:
            raise fatal[0]
        view = session.view()
        if view is not None and len(view.recovered) == len(session.venues) and view.ledger.agree_time \
                and not session.engine.is_comparing:
            return view
    raise VenueError("", "the venue was not recovered in time; try again, the log says what it waited for")


def _take_over(session: Session, line: PositionLine) -> None:
    key = line.key
    verdict = session.engine.ask(TakeOver(session.ticket(), key.market, key.category, key.symbol), 10.0)
    if verdict is None or not verdict.ok:
        reason = verdict.refusal.text if verdict and verdict.refusal else "no answer"
        raise VenueError(key.market, f"{key.symbol} was not taken over: {reason}")
    print(f"{key.symbol}: ledger {text(line.qty)}, venue {text(line.venue_qty or line.qty)}; taken over into "
          f"{key.reserved}")
