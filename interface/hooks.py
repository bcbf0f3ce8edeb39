"""What the window is given once the parts of the program exist."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from core.board import Board
from engine.commands import Command
from engine.view import View
from interface.history import NOTHING, Ask, Read
from interface.memory import Memory
from interface.shell import About
from models import Key


def _no_threads() -> tuple[str, ...]:
    return ()


def _forget(_memory: Memory) -> None:
    return


@dataclass(frozen=True)
class Hooks:
    """What the window is given once the parts exist. None of these may block."""

    board: Board
    view: Callable[[], View | None]                  # the engine's latest view, None before it runs
    post: Callable[[Command], None]                  # the engine's inbox
    want_candles: Callable[[Key, str], None]         # the chart shows this instrument and timeframe now
    quit: Callable[[str], None]                      # "leave" or "cancel_all": begin the ordered stop
    dead_threads: Callable[[], tuple[str, ...]] = _no_threads
    about: Callable[[], About] = About
    quote: bool = False                              # ORDER_BOOK_DEPTH=quote: best prices only
    older: Callable[[Ask], None] | None = None       # the next page of a list of the ledger
    pages: Read = lambda _ask: NOTHING               # what has been read of it
    remember: Callable[[Memory], None] = _forget     # another layout, tab, quantity…: for the next run
