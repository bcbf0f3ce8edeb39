"""Where a table's columns stand: their order and widths as declared or as a person set them. No widgets."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from interface.memory import Arrangement
from interface.presenters.columns import Column
from interface.theme import Theme

T = TypeVar("T")

LEAST_CHARS = 2          # of a column made narrow by hand


@dataclass
class ColumnSet:
    """Order and widths a person gave a table; empty = as declared. Outlives the table, which is made anew at times."""

    order: list[str] = field(default_factory=list)
    widths: dict[str, int] = field(default_factory=dict)       # pixels at 100 %

    def clear(self) -> None:
        """As declared again."""
        self.order.clear()
        self.widths.clear()

    def arrangement(self) -> Arrangement:
        """To be remembered; empty when nobody changed anything."""
        return tuple((name, self.widths.get(name, 0)) for name in self.order)

    def recall(self, arrangement: Arrangement) -> None:
        """As it was remembered."""
        self.order = [name for name, _width in arrangement]
        self.widths = {name: width for name, width in arrangement if width}

    def ordered(self, columns: Sequence[Column[T]]) -> tuple[Column[T], ...]:
        """The columns in their order; those nobody has placed keep the place after their declared neighbour."""
        by_name = {column.name: column for column in columns}
        names = [name for name in dict.fromkeys(self.order) if name in by_name]
        if not names:
            return tuple(columns)
        for place, column in enumerate(columns):
            if column.name not in names:
                before = columns[place - 1].name if place else ""
                names.insert(names.index(before) + 1 if before else 0, column.name)
        return tuple(by_name[name] for name in names)

    def resize(self, columns: Sequence[Column[Any]], name: str, pixels: int) -> None:
        """Give a column a width, in pixels at 100 %."""
        self.order = [column.name for column in self.ordered(columns)]
        self.widths[name] = max(1, pixels)

    def move(self, columns: Sequence[Column[Any]], name: str, before: str) -> None:
        """Put a column in front of another; "" = last."""
        names = [column.name for column in self.ordered(columns) if column.name != name]
        names.insert(names.index(before) if before in names else len(names), name)
        self.order = names


@dataclass(slots=True)
class Places:
    """Where the columns of the current width stand, and how many rows there are."""

    columns: tuple[int, ...] = ()
    lefts: tuple[int, ...] = ()
    widths: tuple[int, ...] = ()
    rows: int = 0
    size: tuple[int, int] = (0, 0)


def width_of(column: Column[Any], given: ColumnSet, theme: Theme) -> int:
    """Of one column, in pixels: whole characters, so that a row's texts can be drawn as one."""
    width = given.widths.get(column.name)
    return _whole(theme.width(column.chars) if width is None else max(theme.width(LEAST_CHARS), theme.px(width)), theme)


def _whole(pixels: int, theme: Theme) -> int:
    """At most so many pixels, in whole characters; never less than two."""
    return max(2, pixels // theme.zero) * theme.zero


def place_columns(columns: Sequence[Column[Any]], given: ColumnSet, theme: Theme, size: tuple[int, int],
                  header: int) -> Places:
    """Columns from left to right; the soonest to drop go while there is no room, the rest takes what is left."""
    room = size[0] - theme.px(6)
    natural = [width_of(column, given, theme) for column in columns]
    shown = list(range(len(columns)))
    while sum(natural[index] for index in shown) > room:
        worst = max(shown, key=lambda index: columns[index].drop)
        if not columns[worst].drop:
            break
        shown.remove(worst)
    widths = [natural[index] for index in shown]
    spare = room - theme.gap // 2 - sum(widths)
    rest = [place for place, index in enumerate(shown) if columns[index].rest]
    if rest:
        widths[rest[0]] = _whole(widths[rest[0]] + spare, theme)
    elif shown:
        widths[-1] = _whole(widths[-1] + min(spare, 0), theme)
    left, lefts = theme.gap // 2, []
    for width in widths:
        lefts.append(left)
        left += width
    return Places(tuple(shown), tuple(lefts), tuple(widths), max(0, (size[1] - header) // theme.row), size)
