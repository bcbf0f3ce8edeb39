"""A table's header under the left button: a click sorts, an edge dragged resizes, a title dragged moves its column."""

from __future__ import annotations

import tkinter as tk
from collections.abc import Callable, Sequence
from typing import Any

from interface.presenters.columns import Column
from interface.table_layout import LEAST_CHARS, ColumnSet, Places, width_of
from interface.theme import Theme

EDGE = 4                 # pixels around an edge that take hold of it
PULL = 6                 # pixels before a press becomes a drag


class HeaderHand:
    """What the pointer does in the header. Tells the table: sort this, lay out anew."""

    def __init__(self, canvas: tk.Canvas, theme: Theme, given: ColumnSet, sort: Callable[[str], None],
                 changed: Callable[[], None]) -> None:
        self._canvas, self._theme, self.given = canvas, theme, given
        self._sort, self._changed = sort, changed
        self._name = ""                  # the column taken hold of
        self._grows = 1                  # resizing: +1 with the pointer, −1 against it
        self._start = self._width = 0
        self._what = ""                  # "", press, size, move
        self._mark: int | None = None
        self._target = ""

    @property
    def busy(self) -> bool:
        """Whether the pointer holds something."""
        return bool(self._what)

    def edge_at(self, x: int, columns: Sequence[Column[Any]], places: Places) -> tuple[str, int] | None:
        """The column an edge under a pixel resizes, and in which direction it grows."""
        for place, (left, width) in enumerate(zip(places.lefts, places.widths, strict=True)):
            edge = left + width - self._theme.gap // 2
            if abs(x - edge) > self._theme.px(EDGE):
                continue
            column = columns[places.columns[place]]
            if not column.rest:
                return column.name, 1
            if place + 1 < len(places.columns):       # this one takes what is left: its neighbour gives way
                return columns[places.columns[place + 1]].name, -1
        return None

    def press(self, x: int, name: str, columns: Sequence[Column[Any]], places: Places) -> None:
        """The button went down in the header."""
        self._start, edge = x, self.edge_at(x, columns, places)
        if edge is not None:
            self._name, self._grows = edge
            column = next(column for column in columns if column.name == self._name)
            self._width, self._what = width_of(column, self.given, self._theme), "size"
        elif name:
            self._name, self._what = name, "press"

    def drag(self, x: int, columns: Sequence[Column[Any]], places: Places) -> None:
        """The pointer moves with the button down."""
        if self._what == "size":
            width = max(self._theme.width(LEAST_CHARS), self._width + (x - self._start) * self._grows)
            self.given.resize(columns, self._name, round(width / self._theme.scale))
            self._changed()
        elif self._what == "press" and abs(x - self._start) > self._theme.px(PULL):
            self._what = "move"
        if self._what == "move":
            self._show_target(x, columns, places)

    def _show_target(self, x: int, columns: Sequence[Column[Any]], places: Places) -> None:
        """A line where the column would go."""
        at = next((place for place, (left, width) in enumerate(zip(places.lefts, places.widths, strict=True))
                   if x < left + width // 2), len(places.lefts))
        self._target = columns[places.columns[at]].name if at < len(places.lefts) else ""
        edge = (places.lefts[at] if at < len(places.lefts) else places.lefts[-1] + places.widths[-1])
        edge -= self._theme.gap // 2
        if self._mark is None:
            self._mark = self._canvas.create_rectangle(0, 0, 0, 0, width=0, fill=self._theme["buy"])
        self._canvas.coords(self._mark, edge - 1, 0, edge + 1, places.size[1])

    def release(self, columns: Sequence[Column[Any]]) -> None:
        """The button came up: a click sorts, a drag has moved its column."""
        what, self._what = self._what, ""
        if self._mark is not None:
            self._canvas.delete(self._mark)
            self._mark = None
        if what == "press":
            self._sort(self._name)
        elif what == "move" and self._target != self._name:
            self.given.move(columns, self._name, self._target)
            self._changed()

    def hover(self, x: int, columns: Sequence[Column[Any]], places: Places, inside: bool) -> None:
        """Another pointer over an edge."""
        shape = "sb_h_double_arrow" if inside and self.edge_at(x, columns, places) else ""
        if str(self._canvas.cget("cursor")) != shape:
            self._canvas.configure(cursor=shape)
