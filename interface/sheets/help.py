"""F1: keys, colours, states, where the files are; typing filters. F8: the settings, to read."""

from __future__ import annotations

import tkinter as tk
from dataclasses import dataclass
from tkinter import ttk

from interface.presenters.columns import Column
from interface.presenters.words import Cell
from interface.sheets.sheet import Sheet
from interface.shell import About, SettingLine, Shell
from interface.table import Table


@dataclass(frozen=True, slots=True)
class Line:
    """A line of help."""

    group: str
    name: str
    text: str
    colour: str = "text"


KEYS = (
    ("F1", "this help; typing filters it"), ("F2", "move the selected order: the slip says MOVE a → b"),
    ("F3", "reconnect and recover all markets; F9 and the bots' states stay"),
    ("F4 twice", "cancel all orders of this symbol"), ("F5", "ask the venue now: orders, positions, balances"),
    ("F7", "the selected bot"), ("F8, Ctrl+,", "settings, to read"), ("F9", "trading ON / OFF"),
    ("Shift+F9 twice", "kill switch: bots stop, all orders cancelled, trading OFF (or hold the button 1 s)"),
    ("F11", "full screen"), ("F12", "messages, and how long the window's ticks take"),
    ("Space", "centre the book"), ("B / S", "draft at the best bid / best ask"),
    ("digits", "edit the quantity of an open draft"), ("Enter", "send the slip (from 150 ms after it appeared)"),
    ("T / Y", "tick “take” / “yes” on an amber slip"), ("[ ]", "book step down / up"),
    ("+ −", "chart zoom"), ("← →", "chart pan"), ("End", "latest candle"), ("Ctrl+K", "find or add a symbol"),
    ("Ctrl+1…7", "tabs at the bottom"), ("Ctrl+C / Ctrl+E", "copy rows / write them as CSV"),
    ("Delete", "cancel the selected order, at once"), ("Esc", "closes the topmost thing; never sends, never quits"),
    ("Tab, arrows, Enter", "everything else"))
COLOURS = (
    ("buy, bid, gain", "with + or ▲ beside it", "buy"), ("sell, ask, loss", "with − or ▼ beside it", "sell"),
    ("▲ warning", "look when you can", "warning"), ("✕ error", "look now", "error"))
STATES = (
    ("WORK", "the bot trades while trading is ON"), ("OFF", "the bot is silent; its orders stay"),
    ("SUSPENDED", "the bot failed; the reason stands in its row"), ("RESERVED", "what belongs to no bot"),
    ("NOT DEFINED", "the ledger knows an EMI that `robots` does not"),
    ("NOT IN LIST", "the ledger knows a symbol that is not configured"),
    ("PENDING_…", "asked, not answered yet; hollow in the book"),
    ("UNKNOWN", "the outcome is not known; asked until it is; hatched in the book"),
    ("STALE", "the book is not live: clicks are off, cancels go"))


def help_lines(about: About) -> list[Line]:
    """Everything F1 shows."""
    lines = [Line("Keys", key, does) for key, does in KEYS]
    lines += [Line("Colours", name, does, colour) for name, does, colour in COLOURS]
    lines += [Line("States", name, does) for name, does in STATES]
    lines += [Line("Program", name, value) for name, value in
              (("version", about.version), ("files", about.home), ("log", about.log)) if value]
    return lines


def filtered(lines: list[Line], typed: str) -> list[Line]:
    """Lines that hold every word typed."""
    words = typed.lower().split()
    return [line for line in lines if all(word in f"{line.group} {line.name} {line.text}".lower() for word in words)]


HELP: tuple[Column[Line], ...] = (
    Column("group", "About", 9, lambda line, g: Cell(line.group, "dim"), sort=lambda line, g: line.group),
    Column("name", "Key or word", 20, lambda line, g: Cell(line.name, line.colour)),
    Column("text", "Means", 40, lambda line, g: Cell(line.text), rest=True),
)

SETTINGS: tuple[Column[SettingLine], ...] = (
    Column("group", "Group", 12, lambda s, g: Cell(s.group, "dim"), sort=lambda s, g: s.group),
    Column("key", "Key", 24, lambda s, g: Cell(s.key), sort=lambda s, g: s.key),
    Column("value", "Value", 26, lambda s, g: Cell(s.value, "text" if s.value != s.default else "dim")),
    Column("sentence", "What it does", 30, lambda s, g: Cell(s.sentence, "dim"), rest=True),
)


class HelpSheet(Sheet):
    """A filter and a table."""

    def __init__(self, shell: Shell) -> None:
        super().__init__(shell, "Help")
        theme = self.theme
        self._lines = help_lines(shell.about())
        self.typed = tk.StringVar(shell.root)
        entry = ttk.Entry(self.body, textvariable=self.typed, font=theme.mono)
        entry.pack(fill="x", pady=(0, theme.px(6)))
        self.table = Table(self.body, theme, HELP, lambda line: (line.group, line.name), "Nothing matches.")
        self.table.canvas.pack(fill="both", expand=True)
        self.typed.trace_add("write", lambda *_trace: self._show())
        for key, by in (("<Up>", -1), ("<Down>", 1), ("<Prior>", -10), ("<Next>", 10)):
            entry.bind(key, lambda _event, rows=by: self.table.scroll(rows))  # type: ignore[misc]  # mypy: lambda's default
        self.button("Copy diagnostics", self._copy)
        self.button("Close  Esc", self.close, side="right")
        self.place(theme.zero * 110, theme.row * 34)
        self._show()
        entry.focus_set()

    def _show(self) -> None:
        self.table.show(filtered(self._lines, self.typed.get()), self.shell.desk.glance())

    def _copy(self) -> None:
        about, desk = self.shell.about(), self.shell.desk
        venues = [f"{venue.title}: {venue.health.value} {venue.text}" for venue in desk.board.venues.values()]
        mode = f"mode {desk.mode.value if desk.mode else '–'}"
        self.shell.copy("\n".join([f"Botbook {about.version}", mode, *venues]))


class SettingsSheet(Sheet):
    """Keys and values, to read; the file says where to change them."""

    def __init__(self, shell: Shell) -> None:
        super().__init__(shell, "Settings")
        about = shell.about()
        where = f"Edit .env and .env.Binance in {about.home}, then start again." if about.home else (
            "Edit .env and .env.Binance, then start again.")
        self.words([where, "Secrets are shown by their last four letters only."], "dim", 90)
        self.table = Table(self.body, self.theme, SETTINGS, lambda line: line.key, "No settings are loaded yet.")
        self.table.canvas.pack(fill="both", expand=True)
        done = self.button("Close  Esc", self.close, side="right")
        self.place(self.theme.zero * 130, self.theme.row * 30)
        self.table.show(about.settings, shell.desk.glance())
        done.focus_set()
