"""A list under a button, inside the window: no window of its own, so it works without a window manager."""

from __future__ import annotations

import tkinter as tk
from collections.abc import Callable, Sequence

from interface.shell import Shell

Entry = tuple[str, Callable[[], None]]


class DropDown:
    """Entries with arrows, Enter and click; Esc or a click elsewhere closes it."""

    def __init__(self, shell: Shell, x: int, y: int, entries: Sequence[Entry], chosen: str = "") -> None:
        self._shell, self._entries = shell, list(entries)
        theme = shell.theme
        self._at = next((index for index, (label, _act) in enumerate(self._entries) if label == chosen), 0)
        width = max(theme.ui.measure(label) for label, _act in self._entries) + theme.gap * 4
        height = theme.bar * len(self._entries) + 2
        self.canvas = tk.Canvas(shell.root, width=width, height=height, background=theme["raised"],
                                highlightthickness=1, highlightbackground=theme["line"], highlightcolor=theme["buy"],
                                borderwidth=0, takefocus=1)
        self._marks = []
        for index, (label, _act) in enumerate(self._entries):
            top = index * theme.bar + 1
            self._marks.append(self.canvas.create_rectangle(0, top, width + 4, top + theme.bar, width=0))
            self.canvas.create_text(theme.gap * 2, top + theme.bar // 2, anchor="w", text=label, font=theme.ui,
                                    fill=theme["text"])
        x = min(x, max(0, shell.root.winfo_width() - width - 4))
        y = min(y, max(0, shell.root.winfo_height() - height - 4))
        self.canvas.place(x=x, y=y)
        self.canvas.tk.call("raise", str(self.canvas))     # Canvas.tkraise raises items
        bind = self.canvas.bind
        bind("<Up>", lambda _event: self._step(-1))
        bind("<Down>", lambda _event: self._step(1))
        bind("<Return>", lambda _event: self._choose(self._at))
        bind("<Motion>", lambda event: self._mark(event.y // theme.bar))
        bind("<ButtonRelease-1>", lambda event: self._choose(event.y // theme.bar))
        shell.push(self)
        self.canvas.focus_set()
        self._mark(self._at)

    def _step(self, by: int) -> str:
        self._mark((self._at + by) % len(self._entries))
        return "break"

    def _mark(self, index: int) -> None:
        if not 0 <= index < len(self._entries):
            return
        self._at = index
        for row, mark in enumerate(self._marks):
            self.canvas.itemconfigure(mark, fill=self._shell.theme["selection"] if row == index else "")

    def _choose(self, index: int) -> str:
        if 0 <= index < len(self._entries):
            self.close()
            self._entries[index][1]()
        return "break"

    def close(self) -> None:
        """Take it away."""
        if self.canvas.winfo_exists():
            self.canvas.destroy()
        self._shell.gone(self)
