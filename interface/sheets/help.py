"""F1: keys, colours, states, where the files are; typing filters. Diagnostics to copy, without secrets."""

from __future__ import annotations

import platform
import tkinter as tk
from dataclasses import dataclass
from tkinter import ttk

from interface.presenters.columns import Column
from interface.presenters.words import Cell
from interface.sheets.sheet import Sheet
from interface.shell import About, Shell
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
    ("F3", "reconnect and recover all markets, or the one whose line is chosen; F9 and the bots' states stay"),
    ("F4 twice", "cancel all orders of this symbol"), ("F5", "ask the venue now: orders, positions, balances"),
    ("F7", "bots: look, switch, make, rename, merge, delete"),
    ("F8, Ctrl+,", "settings: change, test the connection, save"),
    ("F9", "trading ON / OFF"),
    ("Shift+F9 twice", "kill switch: all stops (or hold the button 1 s)"),
    ("F11", "full screen"), ("F12", "messages, and how long the window's ticks take"),
    ("Space", "centre the book"), ("B / S", "draft at the best bid / best ask"),
    ("digits", "edit the quantity of an open draft"), ("Enter", "send the slip (from 150 ms after it appeared)"),
    ("a chip's ✕", "cancel it, at once"), ("a chip, dragged", "to another row: the slip says MOVE a → b"),
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
    ("◇, dashed", "a conditional order that waits for its trigger"),
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
        self.shell.copy(diagnostics(self.shell))


def diagnostics(shell: Shell) -> str:
    """What a person may send along with a question: versions, states, times. No key, no account, no address."""
    about, desk, root = shell.about(), shell.desk, shell.root
    view = desk.view
    lines = [f"Botbook {about.version}", f"mode {desk.mode.value if desk.mode else '–'}",
             f"Python {platform.python_version()} on {platform.system()} {platform.release()}, "
             f"Tk {root.tk.call('info', 'patchlevel')}",
             f"window {root.winfo_width()}×{root.winfo_height()} of {root.winfo_screenwidth()}×"
             f"{root.winfo_screenheight()}, scale {shell.theme.scale:.0%}, {shell.tick_words()}"]
    for venue in desk.board.venues.values():
        clock = f", clock {venue.clock_offset_ms:+.0f} ms" if venue.clock_offset_ms is not None else ""
        lines.append(f"{venue.title}: {venue.health.value}{clock}, {venue.reconnects} reconnects")
    if view is not None:
        ledger = view.ledger
        lines.append(f"ledger {ledger.kind}: {'writes' if ledger.ok else 'away'}, {ledger.queued} queued")
        lines.append(f"{len(view.orders)} orders, {len(view.positions)} positions, {len(view.bots)} bots")
    return "\n".join(lines)
