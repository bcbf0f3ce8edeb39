"""A table on a canvas: declared columns, visible rows only, a cell is touched only when its text or colour differs.

One Tcl script a refresh. The selection holds a row's id, never its number. Records of any kind; a column says how to
read one. Sort, resize and reorder in the header, copy, CSV, an own thin scroll mark, a last row that asks for more.
"""

from __future__ import annotations

import tkinter as tk
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from interface.batch import Batch
from interface.presenters.columns import Column
from interface.presenters.glance import Glance
from interface.presenters.words import THIN, csv_field, cut
from interface.table_header import HeaderHand
from interface.table_layout import ColumnSet, Places, place_columns
from interface.table_rows import Rows
from interface.theme import Theme

T = TypeVar("T")


@dataclass(frozen=True)
class Events(Generic[T]):
    """What a table tells: a click (record, column, event time), Enter, a selection, the empty text's button."""

    click: Callable[[T, str, int], None] | None = None
    activate: Callable[[T, int], None] | None = None
    select: Callable[[T], None] | None = None
    action: Callable[[], None] | None = None      # the empty text's button
    more: Callable[[], None] | None = None        # the row after the last one: load more


class Table(Generic[T]):
    """See the module's docstring."""

    def __init__(self, parent: tk.Misc, theme: Theme, columns: Sequence[Column[T]], row_id: Callable[[T], Hashable],
                 empty: str, events: Events[T] | None = None, wide: Callable[[T], bool] | None = None,
                 empty_action: str = "", header: bool = True, given: ColumnSet | None = None) -> None:
        self.theme, self._row_id = theme, row_id
        self._declared, self._given = tuple(columns), given or ColumnSet()
        self.columns = self._given.ordered(self._declared)
        self._empty, self._empty_action, self._events = empty, empty_action, events or Events[T]()
        self._wide = wide
        self.canvas = tk.Canvas(parent, background=theme["panel"], highlightthickness=0, borderwidth=0, takefocus=1,
                                width=10, height=10)
        self._batch = Batch(self.canvas)
        self._look = Places()
        self._hand = HeaderHand(self.canvas, theme, self._given, self.sort, self.arranged)
        self._more = ""
        self._more_item = 0
        self._more_shown: tuple[int, str] = (-1, "")
        self._rows = Rows(self.canvas, self._batch, theme)
        self._header_row = theme.row if header else 0
        self._header: list[int] = []
        self._note = self._button = 0
        self._note_hidden = False
        self._thumb = 0
        self._thumb_place: tuple[int, int] = (-1, -1)
        self._records: Sequence[T] = ()
        self._sorted: Sequence[T] = ()
        self._glance: Glance | None = None
        self._last_texts: dict[tuple[Hashable, str], str] = {}    # of flashing columns; as many as symbols
        self.top = 0
        self.selected: Hashable | None = None
        self.sort_by: tuple[str, bool] | None = None
        self.drawn = 0                # changes of the last refresh, for tests and measurements
        self._bind()

    def _bind(self) -> None:
        bind = self.canvas.bind
        bind("<Configure>", lambda _event: self.refresh())
        bind("<ButtonPress-1>", self._on_click)
        bind("<B1-Motion>", self._on_drag)
        bind("<ButtonRelease-1>", lambda _event: self._hand.release(self.columns))
        bind("<Motion>", lambda event: self._hand.hover(event.x, self.columns, self._look,
                                                        event.y < self._header_row))
        bind("<Double-Button-1>", self._on_double)
        bind("<Button-4>", lambda _event: self.scroll(-3))
        bind("<Button-5>", lambda _event: self.scroll(3))
        bind("<MouseWheel>", lambda event: self.scroll(-3 if event.delta > 0 else 3))
        for key, step in (("Up", -1), ("Down", 1), ("Prior", -10), ("Next", 10), ("Home", -10**9), ("End", 10**9)):
            bind(f"<{key}>", lambda _event, by=step: self._move(by))  # type: ignore[misc]  # mypy: lambda's default
        bind("<Return>", lambda event: self._activate(event.time))

    def wanted_width(self) -> int:
        """Pixels for all columns."""
        return sum(self.theme.width(column.chars) for column in self.columns) + self.theme.gap // 2

    # ------------------------------------------------------------ what is shown

    def show(self, records: Sequence[T], glance: Glance) -> None:
        """Show these records; cheap when nothing differs."""
        self._records, self._glance = records, glance
        self._order()
        self._draw()

    def say_empty(self, words: str) -> None:
        """What stands there while there are no rows."""
        if words != self._empty:
            self._empty = words
            if self._note:
                self.canvas.itemconfigure(self._note, text=words)

    def say_more(self, words: str) -> None:
        """What stands in the row after the last one; "" = there is no such row."""
        if words != self._more:
            self._more = words
            self._draw()

    def arranged(self) -> None:
        """Order or widths of the columns are others."""
        self.columns = self._given.ordered(self._declared)
        self._look = Places()
        self.refresh()

    def reveal(self, row_id: Hashable) -> None:
        """Select a row and scroll to it."""
        self.selected = row_id
        ids = [self._row_id(record) for record in self._sorted]
        if row_id in ids and not self.top <= ids.index(row_id) < self.top + self._look.rows:
            self.top = max(0, ids.index(row_id) - self._look.rows // 2)
        self.refresh()

    def refresh(self) -> None:
        """Draw again what was shown, after a change of size, sort or selection."""
        if self._glance is not None:
            self._order()
        self._draw()

    def sorted(self) -> Sequence[T]:
        """The records in the order shown."""
        return self._sorted

    def chosen(self) -> T | None:
        """The selected record, if it is still there."""
        if self.selected is None:
            return None
        return next((record for record in self._sorted if self._row_id(record) == self.selected), None)

    def row_text(self, record: T) -> dict[str, str]:
        """All cells of a record as text, by column name."""
        assert self._glance is not None
        return {column.name: column.cell(record, self._glance).text for column in self.columns}

    def visible_columns(self) -> list[str]:
        """Names of the columns there is room for."""
        return [self.columns[index].name for index in self._look.columns]

    def copy_text(self) -> str:
        """The selected row, or all of them, as tab-separated lines with plain numbers."""
        chosen = self.chosen()
        rows = [chosen] if chosen is not None else list(self._sorted)
        lines = ["\t".join(cell.replace(THIN, "") for cell in self.row_text(row).values()) for row in rows]
        return "\n".join(lines)

    def csv_text(self) -> str:
        """All rows with titles, safe to open in a spreadsheet."""
        lines = [",".join(csv_field(column.title) for column in self.columns)]
        lines += [",".join(csv_field(cell) for cell in self.row_text(record).values()) for record in self._sorted]
        return "\r\n".join(lines) + "\r\n"

    def scroll(self, rows: int) -> None:
        """Move the window over the rows."""
        top = min(max(0, self.top + rows), max(0, self._count() - self._look.rows))
        if top != self.top:
            self.top = top
            self._draw()

    def sort(self, name: str) -> None:
        """Ascending, then descending, then as it came."""
        if self.sort_by is None or self.sort_by[0] != name:
            self.sort_by = (name, False)
        else:
            self.sort_by = None if self.sort_by[1] else (name, True)
        self._look = Places()
        self.refresh()

    def _count(self) -> int:
        """Rows, with the one that asks for more."""
        return len(self._sorted) + bool(self._more and self._sorted)

    def _order(self) -> None:
        if self.sort_by is None:
            self._sorted = self._records
            return
        name, down = self.sort_by
        column = next(column for column in self.columns if column.name == name)
        glance, read = self._glance, column.sort
        assert glance is not None

        def key(record: T) -> tuple[bool, Any]:
            value = read(record, glance) if read else column.cell(record, glance).text
            return (value is None) != down, value if value is not None else 0
        self._sorted = sorted(self._records, key=key, reverse=down)

    # ------------------------------------------------------------ drawing

    def _draw(self) -> None:
        size = (self.canvas.winfo_width(), self.canvas.winfo_height())
        if size[0] <= 10:
            return
        if size != self._look.size:
            self._lay_out(size)
        look, count = self._look, len(self._sorted)
        self.top = min(self.top, max(0, self._count() - look.rows))
        for row in range(look.rows):
            index = self.top + row
            if index < count:
                self._draw_row(row, self._sorted[index])
            else:
                self._rows.clear(row)
        self._draw_more(count)
        self._draw_rest(self._count())
        self.drawn = self._batch.flush()

    def _draw_row(self, row: int, record: T) -> None:
        glance, look = self._glance, self._look
        assert glance is not None
        wide = self._wide is not None and self._wide(record)
        chosen = self.selected is not None and self._row_id(record) == self.selected
        colours = self.theme.colours
        inks: list[tuple[str, str]] = []
        for place, index in enumerate(look.columns):
            column = self.columns[index]
            text, colour, back = column.cell(record, glance)
            if len(text) > column.chars or column.rest or wide:
                room = look.size[0] if wide else look.widths[place]
                text = cut(text, max(1, (room - self.theme.gap // 2) // self.theme.zero))
            if chosen and f"{colour}_hot" in colours:
                colour += "_hot"
            inks.append((text, colour))
            if column.flash:
                back = "" if chosen else self._flash(record, column, text)
            self._rows.back(row, place, back)
        self._rows.draw(row, inks, "selection" if chosen else "raised" if wide else "panel")

    def _flash(self, record: T, column: Column[T], text: str) -> str:
        """The background of a cell whose text is another than at the last tick."""
        at = (self._row_id(record), column.name)
        before = self._last_texts.get(at)
        self._last_texts[at] = text
        return "flash" if before is not None and before != text else ""

    def _draw_more(self, count: int) -> None:
        row = count - self.top
        shown = bool(self._more) and count > 0 and row < self._look.rows
        state = (row if shown else -1, self._more)
        if state == self._more_shown:
            return
        self._more_shown = state
        y = self._header_row + row * self.theme.row + self.theme.row // 2
        self._batch.coords(self._more_item, self.theme.gap // 2 if shown else -9999, y)
        self._batch.words(self._more_item, self._more)

    def _draw_rest(self, count: int) -> None:
        rows = self._look.rows
        if bool(count) != self._note_hidden:
            self._note_hidden = bool(count)
            for item in (self._note, *(("button",) if self._button else ())):
                self._batch.option(item, f"-state {'hidden' if count else 'normal'}")
        place = (-1, -1)
        if count > rows > 0:
            room = self._look.size[1] - self._header_row
            height = max(self.theme.row, room * rows // count)
            y = self._header_row + (room - height) * self.top // (count - rows)
            place = (y, y + height)
        if place != self._thumb_place:
            self._thumb_place = place
            right = self._look.size[0]
            self._batch.coords(self._thumb, right - self.theme.px(5), place[0], right - 1, place[1])

    # ------------------------------------------------------------ layout

    def _lay_out(self, size: tuple[int, int]) -> None:
        theme, canvas = self.theme, self.canvas
        self._look = place_columns(self.columns, self._given, theme, size, self._header_row)
        canvas.delete("all")
        if self._header_row:
            canvas.create_rectangle(0, 0, size[0], self._header_row, width=0, fill=theme["raised"])
        self._rows.lay_out(self._look, self.columns, self._header_row)
        self._header_items()
        middle = self._header_row + max(theme.row, min((size[1] - self._header_row) // 3, theme.row * 3))
        self._note = canvas.create_text(size[0] // 2, middle, text=self._empty, fill=theme["dim"], font=theme.ui,
                                        width=size[0] - theme.gap * 2, justify="center")
        self._more_shown = (-1, "")
        self._more_item = canvas.create_text(-9999, 0, anchor="w", font=theme.ui_bold, fill=theme["buy"])
        self._button, self._note_hidden = 0, False
        if self._empty_action:
            self._empty_button(size[0] // 2, middle + theme.row * 3 // 2)
        self._thumb_place = (-1, -1)
        self._thumb = canvas.create_rectangle(-9, -9, -9, -9, width=0, fill=theme["line"])

    def _empty_button(self, x: int, y: int) -> None:
        theme, canvas = self.theme, self.canvas
        half = theme.ui.measure(self._empty_action) // 2 + theme.gap
        self._button = canvas.create_rectangle(x - half, y - theme.row * 2 // 3, x + half, y + theme.row * 2 // 3,
                                               width=0, fill=theme["raised"], tags="button")
        canvas.create_text(x, y, text=self._empty_action, fill=theme["text"], font=theme.ui, tags="button")
        action = self._events.action
        if action is not None:
            canvas.tag_bind("button", "<ButtonPress-1>", lambda _event: action())

    def _header_items(self) -> None:
        self._header = []
        if not self._header_row:
            return
        for place, index in enumerate(self._look.columns):
            column = self.columns[index]
            mark = ""
            if self.sort_by and self.sort_by[0] == column.name:
                mark = "▼" if self.sort_by[1] else "▲"
            title = mark + column.title if column.right else column.title + mark
            x = self._look.lefts[place] + (self._look.widths[place] - self.theme.zero if column.right else 0)
            self._header.append(self.canvas.create_text(x, self._header_row // 2, text=title, font=self.theme.ui,
                                                        anchor="e" if column.right else "w", fill=self.theme["dim"]))

    # ------------------------------------------------------------ mouse and keys

    def _on_click(self, event: tk.Event[tk.Misc]) -> None:
        self.canvas.focus_set()
        column = self.column_at(event.x)
        if event.y < self._header_row:
            self._hand.press(event.x, column, self.columns, self._look)
            return
        record = self.record_at(event.y)
        if record is None:
            if self._more and self._sorted and self._row_at(event.y) == len(self._sorted) and self._events.more:
                self._events.more()
            return
        self._choose(record)
        if self._events.click:
            self._events.click(record, column, event.time)

    def _on_double(self, event: tk.Event[tk.Misc]) -> None:
        if event.y >= self._header_row:
            self._activate(event.time)
        else:
            self._on_click(event)        # the second of two clicks into the header is a click too

    def _on_drag(self, event: tk.Event[tk.Misc]) -> None:
        if self._hand.busy:
            self._hand.drag(event.x, self.columns, self._look)
            return
        count, rows = self._count(), self._look.rows
        if count > rows and event.x > self._look.size[0] - self.theme.px(14):
            room = max(1, self._look.size[1] - self._header_row)
            self.scroll((event.y - self._header_row) * count // room - rows // 2 - self.top)

    def column_at(self, x: int) -> str:
        """Name of the column under a pixel."""
        for index, left, width in zip(self._look.columns, self._look.lefts, self._look.widths, strict=True):
            if left - self.theme.gap // 2 <= x < left + width - self.theme.gap // 2:
                return self.columns[index].name
        return ""

    def record_at(self, y: int) -> T | None:
        """The record under a pixel."""
        index = self._row_at(y)
        return self._sorted[index] if 0 <= index < len(self._sorted) else None

    def _row_at(self, y: int) -> int:
        return self.top + (y - self._header_row) // self.theme.row

    def point_of(self, row_id: Hashable, column: str) -> tuple[int, int] | None:
        """The middle of a visible cell, in pixels of the canvas."""
        for index, record in enumerate(self._sorted[self.top:self.top + self._look.rows]):
            if self._row_id(record) == row_id and column in self.visible_columns():
                place = self.visible_columns().index(column)
                return (self._look.lefts[place] + self._look.widths[place] // 2,
                        self._header_row + index * self.theme.row + self.theme.row // 2)
        return None

    def _choose(self, record: T) -> None:
        self.selected = self._row_id(record)
        if self._events.select:
            self._events.select(record)
        self.refresh()

    def _move(self, by: int) -> str:
        if self._sorted:
            ids = [self._row_id(record) for record in self._sorted]
            at = ids.index(self.selected) if self.selected in ids else -1 if by > 0 else 0
            at = min(max(0, at + by), len(ids) - 1)
            if not self.top <= at < self.top + self._look.rows:
                self.top = max(0, at - (self._look.rows - 1 if by > 0 else 0))
            self._choose(self._sorted[at])
        return "break"

    def _activate(self, event_time: int) -> None:
        record = self.chosen()
        if record is not None and self._events.activate:
            self._events.activate(record, event_time)
