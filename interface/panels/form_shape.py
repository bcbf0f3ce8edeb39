"""Where the form's widgets stand: a full form, or a compact one where the book would have too few rows.

Full: a row for each field, the presets beside them. Compact: owner, type and time in force share a row, so do quantity
and price, so do presets and leverage; there is no header. Low: the same without gaps, and one line of words; a
conditional order, which has a row more, has its two buttons beside reduce-only (it is never post-only).
"""

from __future__ import annotations

import tkinter as tk
from dataclasses import dataclass
from enum import IntEnum
from tkinter import ttk
from typing import TypeAlias

from interface.bar import Bar
from interface.panels.form_kind import OrderKind
from interface.theme import Theme

COLUMNS = 24      # of the compact form; all as wide as each other
Field: TypeAlias = ttk.Entry | ttk.Combobox | ttk.Button | tk.Label | tk.Frame


class Level(IntEnum):
    """How much is given up for the book."""

    FULL = 0
    COMPACT = 1
    LOW = 2


@dataclass(frozen=True, slots=True)
class Parts:
    """The form's widgets, made by the form; the fields, presets and flags are children of `body`."""

    frame: tk.Frame
    header: Bar
    body: tk.Frame
    labels: tuple[tk.Label, ...]               # owner, quantity, price
    owner: ttk.Combobox
    qty: ttk.Entry
    prices: tuple[ttk.Entry | tk.Label, ...]   # one of them is shown
    presets: tuple[ttk.Button, ...]            # six
    kind: OrderKind
    flags: tk.Frame
    post: ttk.Checkbutton                      # the first of the flags
    leverage: ttk.Button
    button_frame: tk.Frame
    buttons: dict[str, ttk.Button]
    line: tk.Label


class FormShape:
    """Puts the widgets where they belong; nothing else does."""

    def __init__(self, theme: Theme, parts: Parts) -> None:
        self.theme, self._parts = theme, parts
        self.level = Level.FULL
        self._tight = False
        self._price = parts.prices[0]
        self._heights: dict[tuple[Level, bool, bool], int] = {}
        self._put()

    @property
    def is_compact(self) -> bool:
        """Whether there is no header and no room for more than the names of the presets."""
        return self.level is not Level.FULL

    @property
    def _is_beside(self) -> bool:
        """Whether flag and buttons share a row."""
        return self.level is Level.LOW and self._parts.kind.ord_type.is_conditional

    def put_in_a_row(self, tight: bool) -> None:
        """All four buttons side by side also in the full form, for a low window."""
        self._tight = tight
        self._put()

    def show_price(self, field: ttk.Entry | tk.Label) -> None:
        """What stands in the place of the price; the type is another one."""
        self._price = field
        self._put()

    def fit(self, room: int) -> None:
        """Take no more than `room` pixels where that can be."""
        wanted = next((level for level in Level if self._height(level) <= room), Level.LOW)
        if wanted is not self.level:
            self.level = wanted
            self._put()

    def _height(self, level: Level) -> int:
        """Of this form at a level: what Tk says, asked once for each."""
        key = level, self._tight, self._parts.kind.ord_type.is_conditional
        if key not in self._heights:
            now, self.level = self.level, level
            self._put()
            self._parts.frame.update_idletasks()
            self._heights[key] = self._parts.frame.winfo_reqheight()
            self.level = now
            self._put()
        return self._heights[key]

    # ------------------------------------------------------------ the line of words

    def fitting(self, words: str) -> str:
        """As many of the figures as one line holds; all where there are two."""
        parts = words.split(" · ")
        while self.level is Level.LOW and len(parts) > 1 and self._is_long(" · ".join(parts)):
            parts.pop()
        return " · ".join(parts)

    def keep_whole(self, words: str) -> None:
        """A sentence longer than one line has two, whatever there is room for."""
        lines = 1 if self.level is Level.LOW and not self._is_long(words) else 2
        if int(self._parts.line.cget("height")) != lines:
            self._parts.line.configure(height=lines)

    def _is_long(self, words: str) -> bool:
        wide = self._parts.line.winfo_width() - self.theme.px(14)
        return wide > 1 and self.theme.small.measure(words) > wide

    # ------------------------------------------------------------ places

    def _put(self) -> None:
        parts, theme, level = self._parts, self.theme, self.level
        for widget in parts.body.grid_slaves():
            widget.grid_forget()
        for column in range(COLUMNS):
            parts.body.columnconfigure(column, weight=0, uniform="")
        if level is Level.FULL:
            parts.header.canvas.pack(fill="x", before=parts.body)
            self._put_full()
        else:
            parts.header.canvas.pack_forget()
            self._put_compact(theme.px(2) if level is Level.COMPACT else 0)
        if self._is_beside:
            parts.post.pack_forget()
        else:
            parts.post.pack(side="left", before=parts.flags.pack_slaves()[-1])
        prefix = "" if level is Level.FULL else "Compact."
        for button in (*parts.presets, parts.leverage):
            button.configure(style=f"{prefix}Preset.TButton")
        self._put_buttons(prefix)
        low = level is Level.LOW
        parts.line.configure(borderwidth=0 if self.is_compact else 1)
        parts.line.pack(fill="x", pady=(theme.px(0 if low else 2), theme.px(0 if low else 3)))
        self.keep_whole("" if low else str(parts.line.cget("text")))

    def _put_full(self) -> None:
        parts, px = self._parts, self.theme.px
        pad, left, kind = px(1), (px(4), 0), parts.kind
        for row, (label, field) in enumerate(zip(parts.labels, (parts.owner, parts.qty, self._price), strict=True)):
            label.grid(row=row, column=0, sticky="w", padx=(0, px(6)))
            field.grid(row=row, column=1, sticky="ew", pady=pad)
        for index, button in enumerate(parts.presets):
            row, column = divmod(index, 2)
            button.grid(row=row, column=2 + column, sticky="nsew", padx=left, pady=pad)
        kind.type_label.grid(row=3, column=0, sticky="w", padx=(0, px(6)))
        kind.type_box.grid(row=3, column=1, columnspan=2, sticky="ew", pady=pad)
        kind.tif_box.grid(row=3, column=3, sticky="ew", padx=left, pady=pad)
        if kind.ord_type.is_conditional:
            kind.trigger_label.grid(row=4, column=0, sticky="w", padx=(0, px(6)))
            kind.trigger_entry.grid(row=4, column=1, sticky="ew", pady=pad)
            kind.source_box.grid(row=4, column=2, columnspan=2, sticky="ew", padx=left, pady=pad)
        parts.flags.grid(row=5, column=0, columnspan=3, sticky="ew", pady=px(3))
        parts.leverage.grid(row=5, column=2, columnspan=2, sticky="e", pady=px(3))
        parts.button_frame.grid(row=6, column=0, columnspan=4, sticky="ew")
        parts.body.columnconfigure(1, weight=3, uniform="form")
        parts.body.columnconfigure((2, 3), weight=2, uniform="form")
        _in_order(parts.owner, parts.qty, *parts.prices, kind.type_box, kind.tif_box, kind.trigger_entry,
                  kind.source_box, *parts.presets, parts.flags, parts.leverage, parts.button_frame)

    def _put_compact(self, gap: int) -> None:
        parts, kind = self._parts, self._parts.kind
        rows: list[list[tuple[Field, int]]] = [
            [(parts.owner, 8), (kind.type_box, 11), (kind.tif_box, 5)],
            [(parts.labels[1], 2), (parts.qty, 9), (parts.labels[2], 4), (self._price, 9)]]
        if kind.ord_type.is_conditional:
            rows.append([(kind.trigger_label, 4), (kind.trigger_entry, 11), (kind.source_box, 9)])
        presets = len(rows)
        rows.append([])
        if self._is_beside:
            rows.append([(parts.flags, 8), (parts.button_frame, COLUMNS - 8)])
        else:
            rows += [[(parts.flags, COLUMNS)], [(parts.button_frame, COLUMNS)]]
        for row, cells in enumerate(rows):
            column = 0
            for field, span in cells:
                left = self.theme.px(4) if column else 0
                field.grid(row=row, column=column, columnspan=span, sticky="ew", padx=(left, 0), pady=(gap, 0))
                column += span
        self._put_presets(presets, gap)
        parts.body.columnconfigure(tuple(range(COLUMNS)), weight=1, uniform="compact")
        _in_order(parts.owner, kind.type_box, kind.tif_box, parts.qty, *parts.prices, kind.trigger_entry,
                  kind.source_box, *parts.presets, parts.leverage, parts.flags, parts.button_frame)

    def _put_presets(self, row: int, gap: int) -> None:
        """Six presets and the leverage side by side."""
        column, parts = 0, self._parts
        spans = (*zip(parts.presets, (2, 2, 2, 3, 3, 3), strict=True), (parts.leverage, 9))
        for button, span in spans:
            button.grid(row=row, column=column, columnspan=span, sticky="nsew",
                        padx=(self.theme.px(2) if column else 0, 0), pady=(gap, 0))
            column += span

    def _put_buttons(self, prefix: str) -> None:
        """Limit buttons over market buttons, or all four side by side where there is no height."""
        parts, gap = self._parts, self.theme.px(2)
        in_a_row, waits = self._tight or self.is_compact, parts.kind.ord_type.is_conditional
        for index, (name, button) in enumerate(parts.buttons.items()):
            word = name.replace("limit", parts.kind.button_word)
            style = ("Buy.TButton", "Sell.TButton", "TButton", "TButton")[index]
            button.configure(text=word.replace("market", "mkt") if in_a_row else word, style=prefix + style)
            row, column = (0, index) if in_a_row else divmod(index, 2)
            if waits and index > 1:              # a conditional order has two buttons
                button.grid_remove()
                continue
            button.grid(row=row, column=column, sticky="ew", padx=(gap if column else 0, 0),
                        pady=(0, 0 if self.level is Level.LOW else gap))
        for column in range(4):
            weight = 1 if (in_a_row and not waits) or column < 2 else 0
            parts.button_frame.columnconfigure(column, weight=weight, uniform="buttons" if weight else "")


def _in_order(*widgets: tk.Misc) -> None:
    """Tab goes from each to the next: Tk takes the order in which they are stacked."""
    for widget in widgets:
        widget.tkraise()
