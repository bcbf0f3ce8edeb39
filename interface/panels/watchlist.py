"""The watchlist and, below it, the account."""

from __future__ import annotations

import tkinter as tk
from functools import partial

from core.titles import market_title, product_title
from engine.view import AccountLine, MessageLine
from interface.bar import Bar, Segment
from interface.presenters.account import ACCOUNT, AccountRow, account_facts, account_rows
from interface.presenters.glance import Glance
from interface.presenters.watch import WatchRow, watch_columns, watch_rows
from interface.presenters.words import Cell, age
from interface.sheets.facts import FactsSheet
from interface.sheets.finder import Finder
from interface.shell import Shell
from interface.table import Events, Table
from models import Category, Key

NO_KEYS, WAITING = "No keys for this market. Settings F8", "Waiting for the account…"
FIRST = (Key("Binance", Category.LINEAR, "BTCUSDT"), Key("Bitmex", Category.INVERSE, "XBTUSD"))


class WatchPanel:
    """Symbols grouped by market."""

    def __init__(self, parent: tk.Misc, shell: Shell, small: bool) -> None:
        self.shell, self.desk = shell, shell.desk
        self.frame = tk.Frame(parent, background=shell.theme["panel"])
        self.bar = Bar(self.frame, shell.theme)
        self.bar.canvas.pack(fill="x")
        self.bar.show([Segment("title", "Watchlist", font="bold"),
                       Segment("find", "find  Ctrl+K", "dim", "small", lambda _time: self.find(), right=True)])
        events = Events[WatchRow](self._clicked, self._activated, self._chosen, self._add_first)
        self.table = Table(self.frame, shell.theme, watch_columns(small), lambda row: row.id,
                           "No symbols. Ctrl+K adds one.", events, lambda row: row.key is None,
                           self._first_words(), given=shell.columns_of("Watchlist"))
        self.table.canvas.pack(fill="both", expand=True)
        self._rows: list[WatchRow] = []
        self._made_from: tuple[object, ...] = ()
        self._quotes: dict[Key, object] = {}

    def find(self) -> None:
        """Ctrl+K."""
        self.shell.sheet("find", partial(Finder, self.shell))

    def _first_words(self) -> str:
        names = [key.symbol for key in FIRST if any(key.market == market for market, _c in self.desk.board.venues)]
        return f"Add {' and '.join(names)}" if names else "Find a symbol"

    def _add_first(self) -> None:
        known = [key for key in FIRST if key in self.desk.board.instruments]
        for key in known:
            self.desk.watch(key, True)
        if not known:
            self.find()

    def refresh(self, glance: Glance) -> None:
        """Draw what differs."""
        keys = glance.view.configured if glance.view else ()
        if (keys, tuple(glance.board.venues)) != self._made_from:
            self._made_from = (keys, tuple(glance.board.venues))
            self._rows = watch_rows(keys, glance.board.venues)
        if self.desk.venue is not None:
            self.table.selected = WatchRow(*self.desk.venue).id
        elif glance.key is not None and not self.shell.has_focus(self.table.canvas):
            self.table.selected = WatchRow(glance.key.market, glance.key.category, glance.key).id
        self.table.show(self._rows, glance)

    def _chosen(self, row: WatchRow) -> None:
        """A market line chosen is what F3 reconnects."""
        self.desk.venue = (row.market, row.category) if row.key is None else None

    def _clicked(self, row: WatchRow, column: str, _time: int) -> None:
        self.shell.close_menus()
        if row.key is None:
            self._market(row)
        elif column == "remove":
            self.desk.watch(row.key, False)
        else:
            self.desk.select(row.key)
        self.shell.refresh()

    def _activated(self, row: WatchRow, _time: int) -> None:
        if row.key is None:
            self._market(row)
        else:
            self.desk.select(row.key)
            self.shell.refresh()

    def _market(self, row: WatchRow) -> None:
        show_venue(self.shell, row.market, row.category)


def show_venue(shell: Shell, market: str, category: Category) -> None:
    """A sheet with everything known of a market, and “reconnect”."""
    desk = shell.desk
    venue = desk.board.venues.get((market, category))
    if venue is None:
        return
    now = desk.monotonic()
    facts = [("State", Cell(venue.health.value)), ("Doing", Cell(venue.problem or venue.text or "–")),
             ("Account", Cell(venue.account or ("–" if venue.has_keys else "no keys: market data only"))),
             ("Round trip", Cell(f"{venue.latency_ms:.0f} ms" if venue.latency_ms is not None else "–")),
             ("Clock", Cell(f"{venue.clock_offset_ms / 1000:+.3f} s" if venue.clock_offset_ms is not None else "–")),
             ("Requests", Cell(f"{venue.weight_used * 100:.0f} % of the budget")),
             ("Reconnects", Cell(str(venue.reconnects))),
             ("Last data", Cell(f"{age(now - venue.last_data)} ago" if venue.last_data is not None else "–"))]
    shell.sheet(f"venue {market} {category.value}", partial(
        FactsSheet, shell, venue.title, facts, (("Reconnect  F3", partial(desk.recover, market, category)),)))


class AccountPanel:
    """Each currency and the proof of its books; a click shows all of it."""

    def __init__(self, parent: tk.Misc, shell: Shell) -> None:
        self.shell, self.desk = shell, shell.desk
        self.frame = tk.Frame(parent, background=shell.theme["panel"])
        self.bar = Bar(self.frame, shell.theme)
        self.bar.canvas.pack(fill="x")
        self.bar.show([Segment("title", "Account", font="bold"),
                       Segment("ask", "ask  F5", "dim", "small", lambda _time: self.desk.ask_now(), right=True)])
        self.table = Table(self.frame, shell.theme, ACCOUNT, lambda row: row.id, WAITING,
                           Events[AccountRow](self._clicked, self._activated), lambda row: row.is_proof,
                           given=shell.columns_of("Account"))
        self._rows: list[AccountRow] = []
        self._made_from: object = None
        self.table.canvas.configure(height=shell.theme.row * 5)
        self.table.canvas.pack(fill="both", expand=True)

    def refresh(self, glance: Glance) -> None:
        """Draw what differs."""
        has_keys = any(venue.has_keys for venue in glance.board.venues.values())
        self.table.say_empty(WAITING if has_keys or not glance.board.venues else NO_KEYS)
        lines = glance.view.balances if glance.view else ()
        if lines is not self._made_from:
            self._made_from, self._rows = lines, account_rows(lines)
        self.table.show(self._rows, glance)

    def _clicked(self, row: AccountRow, _column: str, _time: int) -> None:
        self._open(row.line)

    def _activated(self, row: AccountRow, _time: int) -> None:
        self._open(row.line)

    def _open(self, line: AccountLine) -> None:
        title = f"{line.currency} on {product_title(line.market, line.category)}"
        self.shell.sheet("account", partial(FactsSheet, self.shell, title, account_facts(line, self.desk.glance())))


def message_facts(line: MessageLine) -> list[tuple[str, Cell]]:
    """A message in full."""
    return [("Level", Cell(line.level)), ("Market", Cell(market_title(line.market) or "–")),
            ("EMI", Cell(line.emi or "–")), ("Times", Cell(str(line.count))), ("Text", Cell(line.text))]
