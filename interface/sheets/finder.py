"""Ctrl+K: find a symbol by its first letters and put it on the watchlist. Eight hits, arrows, Enter."""

from __future__ import annotations

import tkinter as tk
from tkinter import ttk

from core.titles import full_name
from interface.presenters.watch import find
from interface.sheets.sheet import Sheet
from interface.shell import Shell
from models import Instrument


class Finder(Sheet):
    """An entry and the hits below it."""

    def __init__(self, shell: Shell) -> None:
        super().__init__(shell, "Find a symbol")
        theme = self.theme
        self.typed = tk.StringVar(shell.root)
        self.entry = ttk.Entry(self.body, textvariable=self.typed, font=theme.mono, width=34)
        self.entry.pack(fill="x")
        self.canvas = tk.Canvas(self.body, background=theme["panel"], highlightthickness=0, borderwidth=0,
                                height=theme.row * 9, width=theme.zero * 46)
        self.canvas.pack(fill="both", expand=True, pady=(theme.px(6), 0))
        self.hits: list[Instrument] = []
        self.at = 0
        self.typed.trace_add("write", lambda *_trace: self._search())
        for widget in (self.entry, self.canvas):
            widget.bind("<Up>", lambda _event: self._step(-1))
            widget.bind("<Down>", lambda _event: self._step(1))
            widget.bind("<Return>", lambda _event: self._take(self.at))
        self.canvas.bind("<Motion>", lambda event: self._mark(event.y // theme.row))
        self.canvas.bind("<ButtonRelease-1>", lambda event: self._take(event.y // theme.row))
        self._draw()
        self.place()
        self.entry.focus_set()

    def _search(self) -> None:
        # The venue writes its symbols in capitals; so does whoever looks for them.
        if self.typed.get() != self.typed.get().upper():
            self.typed.set(self.typed.get().upper())       # Tcl does not call a trace out of itself
        self.hits, self.at = find(self.typed.get(), self.shell.desk.board.instruments.values()), 0
        self._draw()

    def _step(self, by: int) -> str:
        if self.hits:
            self._mark((self.at + by) % len(self.hits))
        return "break"

    def _mark(self, index: int) -> None:
        if 0 <= index < len(self.hits) and index != self.at:
            self.at = index
            self._draw()

    def _take(self, index: int) -> str:
        if 0 <= index < len(self.hits):
            key = self.hits[index].key
            desk = self.shell.desk
            self.close()
            if desk.view is None or key not in desk.view.configured:
                desk.watch(key, True)
            desk.select(key)
            self.shell.refresh()
        return "break"

    def _draw(self) -> None:
        canvas, theme = self.canvas, self.theme
        canvas.delete("all")
        known = len(self.shell.desk.board.instruments)
        if not self.hits:
            words = "Type the first letters." if not self.typed.get().strip() else "No symbol begins so."
            if not known:
                words = "The list of symbols is not loaded yet."
            canvas.create_text(theme.gap, theme.row, anchor="w", text=words, font=theme.ui, fill=theme["dim"])
        view = self.shell.desk.view
        for index, hit in enumerate(self.hits):
            top = index * theme.row
            if index == self.at:
                canvas.create_rectangle(0, top, 4000, top + theme.row, width=0, fill=theme["selection"])
            canvas.create_text(theme.gap, top + theme.row // 2, anchor="w", font=theme.mono, fill=theme["text"],
                               text=full_name(hit.key))
            if view is not None and hit.key in view.configured:
                canvas.create_text(theme.zero * 44, top + theme.row // 2, anchor="e", font=theme.ui, fill=theme["dim"],
                                   text="✓ listed")
