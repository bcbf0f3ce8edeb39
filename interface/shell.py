"""What every panel and sheet is handed: root, theme, desk, and the layers that Esc takes away one by one."""

from __future__ import annotations

import tkinter as tk
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from interface.desk import Desk
from interface.history import NOTHING, Ask, Read
from interface.setup import Setup
from interface.table_layout import ColumnSet
from interface.theme import Theme


@dataclass(frozen=True, slots=True)
class SettingLine:
    """One setting as the sheet shows it: secrets are already `••••` and their last four."""

    group: str
    key: str
    value: str
    sentence: str
    default: str = ""
    file: str = ""
    raw: str = ""                    # what stands in the file, to be changed; never of a secret


@dataclass(frozen=True, slots=True)
class About:
    """What F1 and F8 say of the program: version, where its files are, its settings."""

    version: str = ""
    home: str = ""
    log: str = ""
    settings: tuple[SettingLine, ...] = ()


class Layer(Protocol):
    """Something on top of the window that Esc closes."""

    def close(self) -> None:
        """Take it away; harmless when it is gone."""
        ...


@dataclass
class Shell:
    """See the module's docstring."""

    root: tk.Tk
    theme: Theme
    desk: Desk
    refresh: Callable[[], None] = lambda: None        # draw now, not at the next tick
    about: Callable[[], About] = About
    place_slip: Callable[[], None] = lambda: None     # a draft came from elsewhere: its slip wants a place
    event_time: int = 0                               # of the last press of a key or button
    tick_words: Callable[[], str] = str               # how long the window's ticks take
    layers: list[Layer] = field(default_factory=list)
    sheets: dict[str, Layer] = field(default_factory=dict)
    ask_older: Callable[[Ask], None] | None = None    # the next page of a list of the ledger
    pages: Read = lambda _ask: NOTHING                # what has been read of it
    problems: dict[str, str] = field(default_factory=dict)       # settings that cannot be used: key → sentence
    column_sets: dict[str, ColumnSet] = field(default_factory=dict)  # by table, as a person arranged them
    reset_layout: Callable[[], None] = lambda: None
    setup: Setup | None = None                        # tests and saves settings; None: they are only read

    def push(self, layer: Layer) -> None:
        """A layer opened."""
        self.layers.append(layer)

    def gone(self, layer: Layer) -> None:
        """A layer closed; the keyboard goes back to the window."""
        if layer in self.layers:
            self.layers.remove(layer)
        self.sheets = {name: sheet for name, sheet in self.sheets.items() if sheet is not layer}
        if not self.layers:
            self.root.focus_set()

    def close_top(self) -> bool:
        """Close the topmost layer; False when there was none."""
        if not self.layers:
            return False
        self.layers[-1].close()
        return True

    def close_menus(self) -> None:
        """Close what a click elsewhere closes."""
        from interface.dropdown import DropDown
        for layer in [layer for layer in self.layers if isinstance(layer, DropDown)]:
            layer.close()

    def menu(self, x: int, y: int, entries: Sequence[tuple[str, Callable[[], None]]], chosen: str = "") -> None:
        """A list under a button, at a place of the root."""
        from interface.dropdown import DropDown
        self.close_menus()
        DropDown(self, x, y, entries, chosen)

    def sheet(self, name: str, make: Callable[[], Layer]) -> None:
        """Open a sheet; one that is open already stays as it is."""
        self.close_menus()
        if name not in self.sheets:
            self.sheets[name] = make()

    def columns_of(self, table: str) -> ColumnSet:
        """How a person arranged a table's columns."""
        return self.column_sets.setdefault(table, ColumnSet())

    def has_focus(self, widget: tk.Misc) -> bool:
        """Whether the keyboard is at this widget. (`focus_get` fails while a list of choices is open: Tk's own.)"""
        return str(self.root.tk.call("focus")) == str(widget)

    def copy(self, text: str) -> None:
        """Onto the clipboard."""
        self.root.clipboard_clear()
        self.root.clipboard_append(text)

    def place_of(self, widget: tk.Misc) -> tuple[int, int]:
        """A widget's corner in the root's coordinates."""
        return widget.winfo_rootx() - self.root.winfo_rootx(), widget.winfo_rooty() - self.root.winfo_rooty()
