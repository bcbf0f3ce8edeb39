"""How a table is declared: one record for each column."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from interface.presenters.glance import Glance
from interface.presenters.words import Cell

T = TypeVar("T")


@dataclass(frozen=True)
class Column(Generic[T]):
    """One column: how wide, how to read a record, how to sort it, and how soon it goes when there is no room."""

    name: str
    title: str
    chars: int
    cell: Callable[[T, Glance], Cell]
    right: bool = False
    sort: Callable[[T, Glance], Any] | None = None
    drop: int = 0                    # 0 stays; otherwise the highest goes first
    rest: bool = False               # takes the room that is left
    flash: bool = False              # a changed text has another background for one tick
