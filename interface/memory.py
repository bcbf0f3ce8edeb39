"""What the window remembers from one run to the next: sashes, columns, tab, timeframe, steps, the book's view,
quantities. No tkinter.

Plain values: the session reads them before the window opens and writes them on a thread of its own. Quantities are
kept by account kind, so that a habit from the simulator never becomes a proposal on a live account.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TypeVar

from interface.guards import HABIT_ORDERS
from models import TIMEFRAMES, Key, Mode

LONGEST = 120            # characters of a remembered word
MOST = 500               # entries of one kind
WIDEST = 4000            # pixels

V = TypeVar("V")
Arrangement = tuple[tuple[str, int], ...]      # columns in their order, width in pixels at 100 % (0 = its own)


@dataclass(frozen=True, slots=True)
class Memory:
    """See the module's docstring. Pixels are those of the 100 % drawing."""

    sashes: Mapping[str, int] = field(default_factory=dict)          # "large left" → width or height of that pane
    columns: Mapping[str, Arrangement] = field(default_factory=dict)   # by table
    tab: str = ""
    timeframe: str = ""
    symbol: str = ""                                                 # as `name_of`
    steps: Mapping[str, int] = field(default_factory=dict)           # symbol → ticks of a ladder's row
    quantities: Mapping[str, str] = field(default_factory=dict)      # kind and symbol → as typed last
    book: str = ""                                                   # the book's view: ladder or levels
    recent: Mapping[str, tuple[str, ...]] = field(default_factory=dict)   # kind and symbol → of the last orders


def name_of(key: Key) -> str:
    """A key as one word."""
    return f"{key.market}/{key.category.value}/{key.symbol}"


def habit_of(mode: Mode | None, key: Key) -> str:
    """Under which name a symbol's last quantity is kept."""
    return f"{mode.value if mode else '-'} {name_of(key)}"


def to_json(memory: Memory) -> str:
    """As it is written."""
    return json.dumps({"sashes": dict(memory.sashes), "columns": {name: list(map(list, columns)) for name, columns
                                                                  in memory.columns.items()},
                       "tab": memory.tab, "timeframe": memory.timeframe, "symbol": memory.symbol,
                       "steps": dict(memory.steps), "quantities": dict(memory.quantities), "book": memory.book,
                       "recent": {name: list(kept) for name, kept in memory.recent.items()}},
                      indent=1) + "\n"


def from_json(text: str) -> Memory:
    """As it was read; ValueError when it is nothing of ours. A value that makes no sense is left out."""
    try:
        read = json.loads(text)
    except RecursionError:
        raise ValueError("too deep") from None
    if not isinstance(read, dict):
        raise ValueError("not an object")
    timeframe = _word(read.get("timeframe")) or ""
    return Memory(_kept(read.get("sashes"), _pixels), _kept(read.get("columns"), _arrangement),
                  _word(read.get("tab")) or "", timeframe if timeframe in TIMEFRAMES else "",
                  _word(read.get("symbol")) or "", _kept(read.get("steps"), _pixels),
                  _kept(read.get("quantities"), _word), _word(read.get("book")) or "",
                  _kept(read.get("recent"), _numbers))


def _kept(read: object, check: Callable[[object], V | None]) -> dict[str, V]:
    """The entries of a JSON object that pass a check."""
    found: dict[str, V] = {}
    for name, value in list(read.items())[:MOST] if isinstance(read, dict) else ():
        good = check(value)
        if good is not None and len(name) <= LONGEST:
            found[name] = good
    return found


def _word(read: object) -> str | None:
    return read if isinstance(read, str) and len(read) <= LONGEST and read.isprintable() else None


def _pixels(read: object) -> int | None:
    return read if isinstance(read, int) and not isinstance(read, bool) and 0 < read <= WIDEST else None


def _numbers(read: object) -> tuple[str, ...] | None:
    if not isinstance(read, list):
        return None
    return tuple(word for one in read[-HABIT_ORDERS:] if (word := _word(one)) is not None) or None


def _arrangement(read: object) -> Arrangement | None:
    if not isinstance(read, list) or len(read) > MOST:
        return None
    pairs = [pair for pair in read if isinstance(pair, list) and len(pair) == 2 and _word(pair[0]) is not None
             and type(pair[1]) is int and 0 <= pair[1] <= WIDEST]
    return tuple((pair[0], pair[1]) for pair in pairs) or None
