"""What main hands the engine, and what other threads put into its inbox."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

from core.board import Board
from core.clock import Clock
from core.errors import TerminalError
from db.store import Store
from engine.commands import Command, Verdict
from models import Key, Mode, Robot, Timings, VenueMessage

Message = Command | VenueMessage
Reply = Callable[[Verdict], None]


@dataclass(frozen=True, slots=True)
class EngineParts:
    """What main hands the engine."""

    store: Store
    board: Board
    clock: Clock
    timings: Timings
    mode: Mode
    history: Path                                     # history.ini in the home folder
    configured: tuple[Key, ...]
    strategies: Callable[[], tuple[str, ...]]         # looks for strategy files anew; their names
    on_fatal: Callable[[TerminalError], None]         # the session cannot go on (second copy, foreign database)
    on_death: Callable[[str, BaseException], None]
    confirmed: tuple[str, ...] = ()                   # ids of LIVE accounts typed on the command line
    stop_loss: Callable[[Robot], Decimal] | None = None   # kept at the venue, in percent of the entry; None: not there
