"""The visible rows of a table as items of its canvas; what stands there already is not touched.

Neighbouring cells of one colour are one text, padded with spaces: all that is shown of a table is in one mono font, and
its columns are whole characters wide. Tk waits for the X server after every tenth text it draws, so a row of six cells
drawn as one costs a third. A text with letters of another width than “0” (▲, ●, other fonts' letters) stands alone
where it is right-aligned, and ends its run where it is not.
"""

from __future__ import annotations

import tkinter as tk
from collections.abc import Sequence
from typing import Any

from interface.batch import Batch
from interface.presenters.columns import Column
from interface.table_layout import Places
from interface.theme import Theme

Ink = tuple[str, str]            # a text and the name of its colour
NOTHING: Ink = ("", "text")
PLAIN = "panel"                  # the canvas's own background: such a row's is not drawn again


class Rows:
    """Backgrounds and texts, row by row. Changes go into the batch; its owner flushes it."""

    def __init__(self, canvas: tk.Canvas, batch: Batch, theme: Theme) -> None:
        self._canvas, self._batch, self._theme = canvas, batch, theme
        self._look, self._header = Places(), 0
        self._starts: tuple[int, ...] = ()               # character at which each column begins
        self._ends: tuple[int, ...] = ()                 # character before which a right-aligned text ends
        self._rights: tuple[bool, ...] = ()
        self._texts: list[list[int]] = []
        self._backs: list[int] = []
        self._lone: dict[tuple[int, int], int] = {}      # texts that stand alone at the right of their column
        self._cell_backs: dict[tuple[int, int], list[Any]] = {}
        self._cells: list[Sequence[Ink]] = []            # what the cells are
        self._shown: list[list[Ink]] = []                # what the items are
        self._shown_lone: dict[tuple[int, int], Ink] = {}
        self._shown_back: list[str] = []

    def lay_out(self, look: Places, columns: Sequence[Column[Any]], header: int) -> None:
        """Other places, on an empty canvas: new items."""
        theme, canvas = self._theme, self._canvas
        self._look, self._header = look, header
        declared = [columns[index] for index in look.columns]
        self._starts = tuple((left - look.lefts[0]) // theme.zero for left in look.lefts)
        self._ends = tuple(start + width // theme.zero - 1
                           for start, width in zip(self._starts, look.widths, strict=True))
        self._rights = tuple(column.right for column in declared)
        self._backs = [canvas.create_rectangle(0, header + row * theme.row, look.size[0],
                                               header + (row + 1) * theme.row, width=0, fill="")
                       for row in range(look.rows)]
        ink = theme[NOTHING[1]]
        self._texts = [[canvas.create_text(left, self._middle(row), anchor="w", font=theme.mono, fill=ink)
                        for left in look.lefts] for row in range(look.rows)]
        self._lone, self._shown_lone, self._cell_backs = {}, {}, {}
        self._shown_back = [PLAIN] * look.rows
        self._cells = [()] * look.rows
        self._shown = [[NOTHING] * len(look.columns) for _row in range(look.rows)]

    def _middle(self, row: int) -> int:
        return self._header + row * self._theme.row + self._theme.row // 2

    def draw(self, row: int, cells: Sequence[Ink], back: str) -> None:
        """These texts on this background; as many cells as columns."""
        self._back(row, back)
        if self._cells[row] == cells:
            return
        self._cells[row] = cells
        shown, items = self._shown[row], self._texts[row]
        runs, lone = self._runs(cells)
        for place, (text, colour) in enumerate(runs):
            before = shown[place]
            if before == (text, colour) or not (text or before[0]):
                continue
            if before[1] == colour or not text:
                self._batch.words(items[place], text)
                colour = before[1]
            else:
                self._batch.text(items[place], text, self._theme[colour])
            shown[place] = (text, colour)
        if lone or self._shown_lone:
            self._draw_lone(row, lone)

    def clear(self, row: int) -> None:
        """An empty row."""
        self.draw(row, (), PLAIN)
        for at in [at for at in self._cell_backs if at[0] == row]:
            self.back(*at, "")

    def back(self, row: int, place: int, name: str) -> None:
        """The background of one cell; "" = its row's."""
        known = self._cell_backs.get((row, place))
        if known is None:
            if not name:
                return
            known = self._cell_backs[(row, place)] = [self._new_back(row, place), ""]
        if known[1] != name:
            known[1] = name
            self._batch.fill(known[0], self._theme[name] if name else "")

    def _new_back(self, row: int, place: int) -> int:
        look, theme = self._look, self._theme
        left, y = look.lefts[place] - theme.gap // 4, self._header + row * theme.row
        item = self._canvas.create_rectangle(left, y + 1, left + look.widths[place], y + theme.row - 1, width=0,
                                             fill="")
        self._canvas.tag_raise(item, self._backs[row])
        return item

    def _back(self, row: int, name: str) -> None:
        if self._shown_back[row] != name:
            self._shown_back[row] = name
            self._batch.fill(self._backs[row], "" if name == PLAIN else self._theme[name])

    def _runs(self, cells: Sequence[Ink]) -> tuple[list[Ink], dict[int, Ink]]:
        """What the items say, each at the column where its run begins; and the texts that stand alone."""
        made, lone = [NOTHING] * len(self._starts), {}
        is_even = self._theme.is_even
        first, line, ink = -1, "", ""                    # the run so far
        for place, (text, colour) in enumerate(cells):
            if not text:
                continue
            even, right = is_even(text), self._rights[place]
            if right and not even:
                lone[place] = (text, colour)
                continue
            begin = self._ends[place] - len(text) if right else self._starts[place]
            if first < 0 or colour != ink or begin - self._starts[first] < len(line):
                first, line, ink = place, "", colour
            line = line.ljust(begin - self._starts[first]) + text
            made[first] = (line, ink)
            if not even:
                first = -1
        return made, lone

    def _draw_lone(self, row: int, lone: dict[int, Ink]) -> None:
        for place in set(lone) | {at[1] for at in self._shown_lone if at[0] == row}:
            at, ink = (row, place), lone.get(place, NOTHING)
            if at not in self._lone:
                x = self._look.lefts[0] + self._ends[place] * self._theme.zero
                self._lone[at] = self._canvas.create_text(x, self._middle(row), anchor="e", font=self._theme.mono)
            if self._shown_lone.get(at) != ink:
                self._batch.text(self._lone[at], ink[0], self._theme[ink[1]])
            self._shown_lone[at] = ink
