"""The top line, the strips below it, and the status bar."""

from __future__ import annotations

import tkinter as tk
from collections.abc import Callable
from functools import partial

from core.titles import title_of
from interface.bar import Bar, Segment
from interface.panels.watchlist import show_venue
from interface.presenters.glance import Glance, pnl_of_position, position_of
from interface.presenters.status import Load, items
from interface.presenters.topline import StripLine, badge, prices, trading_word
from interface.presenters.words import Cell, clock, price, signed_money, signed_quantity
from interface.sheets.facts import FactsSheet
from interface.shell import Shell
from models import Category

Action = Callable[[int], None]


class TopLine:
    """Badge, trading button, prices of the selected symbol, buttons."""

    def __init__(self, parent: tk.Misc, shell: Shell, actions: dict[str, Action],
                 kill: Callable[[], None]) -> None:
        self.shell, self.desk, self._actions = shell, shell.desk, actions
        self.bar = Bar(parent, shell.theme, "raised", shell.theme.bar + shell.theme.px(10), {"trading": kill})
        self.bar.canvas.pack(fill="x")

    def refresh(self, glance: Glance) -> None:
        """Draw what differs."""
        act = self._actions
        word, colour = badge(self.desk.mode, glance.view)
        trading, shade = trading_word(self.desk.trading(), glance.view)
        parts = [Segment("badge", word, "bright", "bold", act["badge"], colour, pad=6),
                 Segment("trading", trading, "bright", "bold", act["trading"], shade, pad=6)]
        if glance.key is not None:
            venue = glance.venue.title if glance.venue else title_of(glance.key)
            parts.append(Segment("symbol", glance.key.symbol, font="bold", pad=10))
            doubled = glance.key.symbol in glance.twins
            parts.append(Segment("venue", venue, "dim", "small", pad=4, drop=0 if doubled else 6))
        drops = {"Last": 1, "Mark": 4, "24h": 3, "Fund": 5, "Index": 7}
        for label, value, ink in prices(glance):
            parts.append(Segment(f"{label} label", label, "dim", "small", pad=12, drop=drops[label]))
            parts.append(Segment(label, value, ink, "mono_bold" if label == "Last" else "mono", pad=4,
                                 drop=drops[label]))
        parts += self._position(glance)
        parts += [Segment("help", "Help F1", action=act["help"], right=True, pad=0, back="raised"),
                  Segment("settings", "Settings F8", action=act["settings"], right=True, pad=0, back="raised"),
                  Segment("bots", "Bots F7", action=act["bots"], right=True, pad=0, back="raised")]
        count = sum(line.key == glance.key for line in glance.view.orders) if glance.view else 0
        words = f"Cancel all {count}  F4 F4" if count else "Cancel all  F4 F4"
        parts.append(Segment("cancel", words, "text" if count else "dim", action=act["cancel"], right=True, pad=0,
                             back="raised"))
        self.bar.show(parts)

    def _position(self, glance: Glance) -> list[Segment]:
        line = position_of(glance.view, glance.key)
        if line is None or not line.qty:
            return []
        settle = glance.instrument.settle if glance.instrument else ""
        pnl = signed_money(pnl_of_position(line, glance.board), settle)
        held = f"{signed_quantity(line.qty, glance.instrument)} @ {price(line.entry, glance.instrument)}"
        return [Segment("pos label", "Pos", "dim", "small", pad=12, drop=8),
                Segment("pos", held, font="mono", pad=4, drop=8),
                Segment("pnl", pnl.text, pnl.colour, "mono", pad=8, drop=9)]


class Strips:
    """At most two lines of warnings with their buttons, and how many more there are."""

    def __init__(self, parent: tk.Misc, shell: Shell, act: Callable[[str], None]) -> None:
        self.shell, self._act = shell, act
        self.frame = tk.Frame(parent, background=shell.theme["background"], height=1)
        self.frame.pack(fill="x")
        self.bars: list[Bar] = []
        self._shown: list[StripLine] = []

    def show(self, lines: list[StripLine], more: int) -> None:
        """What stands there from now on."""
        theme = self.shell.theme
        while len(self.bars) < len(lines):
            self.bars.append(Bar(self.frame, theme, "warning_strip", theme.bar + theme.px(2)))
        if len(lines) != len(self._shown):
            for index, bar in enumerate(self.bars):
                if index < len(lines):
                    bar.canvas.pack(fill="x")
                else:
                    bar.canvas.pack_forget()
            if not lines:
                self.frame.configure(height=1)
        self._shown = lines
        for index, line in enumerate(lines):
            bar, red = self.bars[index], line.level == "error"
            ink = "error_ink" if red else "warning_ink"
            bar.colour("error_strip" if red else "warning_strip")
            words = f"{'✕' if red else '▲'} {line.text}"
            if more and index == len(lines) - 1:
                words += f"   +{more} more"
            parts = [Segment("words", self._fit(bar, words, line), ink)]
            parts += [Segment(name, label, ink, "bold", lambda _time, what=name: self._act(what), right=True, pad=14)  # type: ignore[misc]  # mypy: lambda's default
                      for label, name in reversed(line.buttons)]
            bar.show(parts)

    def texts(self) -> list[str]:
        """What is read there now."""
        return [line.text for line in self._shown]

    def _fit(self, bar: Bar, words: str, line: StripLine) -> str:
        """Cut to the room the buttons leave."""
        theme = self.shell.theme
        room = bar.canvas.winfo_width() - theme.px(16) - sum(
            bar.measure("bold", label) + theme.px(14) for label, _name in line.buttons)
        if room < theme.px(100) or bar.measure("ui", words) <= room:
            return words
        short = words
        while short and theme.ui.measure(short + "…") > room:
            short = short[:-4]
        return short + "…"


class StatusBar:
    """Everything about health in one line; each item opens its details."""

    def __init__(self, parent: tk.Misc, shell: Shell) -> None:
        self.shell, self.desk = shell, shell.desk
        self.bar = Bar(parent, shell.theme, "raised")
        self._load = Load()

    def refresh(self, glance: Glance) -> None:
        """Draw what differs."""
        parts = [Segment(item.name, item.text, item.colour, action=partial(self._details, item.name),
                         pad=8 if index == 0 else 14, drop=9 if item.name == "load" else 0 if index < 2 else 2)
                 for index, item in enumerate(items(glance, self._load.read()))]
        parts.append(Segment("utc", f"{clock(glance.wall)} UTC", "dim", right=True))
        self.bar.show(parts)

    def _details(self, name: str, _time: int) -> None:
        if name.startswith("venue:"):
            market, category = name[6:].split("/")
            show_venue(self.shell, market, Category(category))
            return
        facts = self._facts(name)
        self.shell.sheet("status", partial(FactsSheet, self.shell, "Status", facts))

    def _facts(self, name: str) -> list[tuple[str, Cell]]:
        view = self.desk.view
        if name in ("database", "ledger") and view is not None:
            ledger = view.ledger
            agrees = {True: "yes", False: "no", None: "not compared yet"}[ledger.agrees]
            state = ledger.text or ("writes" if ledger.ok else "away")
            return [("Database", Cell(ledger.kind)), ("State", Cell(state)),
                    ("Queued", Cell(str(ledger.queued))), ("Last commit", Cell(f"{ledger.commit_ms:.2f} ms")),
                    ("Ledger = venue", Cell(agrees)), ("Says", Cell(ledger.agree_text or "–")),
                    ("Compared", Cell(f"{clock(ledger.agree_time)} UTC" if ledger.agree_time else "–"))]
        if name == "load":
            return [("Program", Cell(self._load.text)), ("Window", Cell(self.shell.tick_words()))]
        meaning = {"clock": "Our clock against the venue's: amber from 0.5 s, red from 2.5 s.",
                   "data": "Age of the newest data of the shown symbol: amber from 2 s.",
                   "api": "Share of the venue's request budget in use: amber from 70 %, red from 90 %."}
        return [(name, Cell(meaning.get(name, name))), ("now", Cell(self.bar.texts().get(name, "–")))]
