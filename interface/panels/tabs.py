"""The tables at the bottom (Bots, Orders, Positions, Trades, Funding, Messages) under one bar of tabs; the Bots panel
alone.

Only the open one is drawn.
"""

from __future__ import annotations

import tkinter as tk
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from engine.trips import Trip
from engine.view import BotLine, MessageLine, OrderLine, PositionLine, TradeLine, View
from interface.bar import Bar, Segment
from interface.history import FundingLine
from interface.panels.ledger_lists import LedgerLists
from interface.panels.message_filter import MessageFilter
from interface.panels.watchlist import message_facts
from interface.presenters.bots import BOTS, bots_words, is_bot
from interface.presenters.columns import Column
from interface.presenters.fundings import FUNDING
from interface.presenters.glance import Glance
from interface.presenters.positions import POSITION_ROWS, PositionRow, PositionRows
from interface.presenters.tables import MESSAGES, ORDERS, TRADES
from interface.presenters.trips import TRIPS
from interface.sheets.bot import BotSheet
from interface.sheets.facts import FactsSheet
from interface.sheets.order import OrderSheet
from interface.shell import Shell
from interface.table import Events, Table


@dataclass(frozen=True)
class Tab:
    """One tab: its name, its table, where its records come from, and the number beside its name."""

    name: str
    table: Table[Any]
    records: Callable[[View], Sequence[Any]]
    count: Callable[[View], int] | None


class Tabs:
    """See the module's docstring."""

    def __init__(self, parent: tk.Misc, shell: Shell, close_position: Callable[[PositionLine, str], None],
                 with_bots: bool) -> None:
        self.shell, self.desk, self.theme = shell, shell.desk, shell.theme
        self._close_position = close_position
        self.frame = tk.Frame(parent, background=self.theme["panel"])
        self.bar = Bar(self.frame, self.theme, "panel", self.theme.bar + self.theme.px(2))
        self.bar.canvas.pack(fill="x")
        self.filter = MessageFilter(shell, self.bar)
        self.lists = LedgerLists(shell, self.bar)
        self.tabs: dict[str, Tab] = {}
        if with_bots:
            self._add("Bots", bots_table(self.frame, shell), lambda view: view.bots, lambda view: len(view.bots))
        self._add("Orders", self._table("Orders", ORDERS, lambda line: (line.key, line.id),
                                        "No open orders. Click a price in the book.",
                                        Events[OrderLine](self._order, self._open_order, self._choose_order)),
                  lambda view: view.orders, lambda view: len(view.orders))
        self._add("Positions", self._table("Positions", POSITION_ROWS, lambda row: row.id, "No positions",
                                           Events[PositionRow](self._position, self._open_position)),
                  PositionRows().of, lambda view: len(view.positions))
        more = self.load_older
        self._fills = self._table("Trades", TRADES, lambda line: (line.id, line.exec_id), "No trades yet",
                                  Events[TradeLine](self._trade, more=more))
        self._trips = self._table("Round trips", TRIPS, lambda trip: trip.id, "No trades yet",
                                  Events[Trip](self._trip, more=more))
        self._add("Trades", self._fills, self.lists.fills)
        self._add("Funding", self._table("Funding", FUNDING, lambda line: line.id, "No funding yet",
                                         Events[FundingLine](self._funding, more=more)), self.lists.fundings)
        self._add("Messages", self._table("Messages", MESSAGES,
                                          lambda line: (line.time, line.market, line.emi, line.text),
                                          "Nothing to report", Events[MessageLine](self._message, self._read)),
                  self._messages)
        self.open = ""
        self.choose(next(iter(self.tabs)))

    def _table(self, name: str, columns: Sequence[Column[Any]], row_id: Callable[[Any], Any], empty: str,
               events: Events[Any]) -> Table[Any]:
        return Table(self.frame, self.theme, columns, row_id, empty, events, given=self.shell.columns_of(name))

    def _add(self, name: str, table: Table[Any], records: Callable[[View], Sequence[Any]],
             count: Callable[[View], int] | None = None) -> None:
        self.tabs[name] = Tab(name, table, records, count)

    def choose(self, name: str) -> None:
        """Open a tab."""
        if name not in self.tabs or name == self.open:
            return
        if self.open:
            self.tabs[self.open].table.canvas.pack_forget()
        self.open = name
        self.tabs[name].table.canvas.pack(fill="both", expand=True)
        self.shell.refresh()

    def choose_number(self, number: int) -> None:
        """Ctrl+1…7."""
        names = list(self.tabs)
        if 1 <= number <= len(names):
            self.choose(names[number - 1])

    @property
    def table(self) -> Table[Any]:
        """The open table."""
        return self.tabs[self.open].table

    # ------------------------------------------------------------ drawing

    def refresh(self, glance: Glance) -> None:
        """Draw what differs."""
        view = glance.view
        parts = []
        for name, tab in self.tabs.items():
            count = tab.count(view) if view is not None and tab.count is not None else 0
            here = name == self.open
            parts.append(Segment(name, f"{name} {count}" if count else name, "text" if here else "dim",
                                 "bold" if here else "ui", partial(self._chosen, name), "raised" if here else "",
                                 line="buy" if here else "", pad=4 if here else 12))
        parts += self._extras(glance)
        self.bar.show(parts)
        if self.desk.selected is not None:
            self.tabs["Orders"].table.selected = self.desk.selected
        tab = self.tabs[self.open]
        if self.open in self.lists.NAMES:
            self.lists.follow(self.open, view)
            if self.lists.as_trips != (self.tabs["Trades"].table is self._trips):
                tab = self._switch_trades()
            tab.table.say_more(self.lists.words(self.open, view))
        tab.table.show(tab.records(view) if view is not None else (), glance)

    def _chosen(self, name: str, _time: int) -> None:
        self.shell.close_menus()
        self.choose(name)

    def _extras(self, glance: Glance) -> list[Segment]:
        if self.open == "Messages":
            return [*self.filter.segments(glance.view.messages if glance.view else ()),
                    Segment("ticks", self.shell.tick_words(), "dim", "small", right=True, drop=5, pad=16)]
        if self.open == "Bots":
            return bots_sums(glance)
        if self.open in self.lists.NAMES:
            return self.lists.segments(self.open, self.desk.view, self.load_older)
        chosen = self.table.chosen()
        if self.open == "Orders" and isinstance(chosen, OrderLine):
            return [Segment("keys", "F2 moves · Delete cancels", "dim", "small", right=True, drop=5)]
        return [Segment("keys", "Ctrl+C copies · Ctrl+E CSV", "dim", "small", right=True, drop=5)]

    def load_older(self) -> None:
        """The next page of trades or fundings, from the ledger."""
        self.lists.load_older(self.open if self.open in self.lists.NAMES else "Trades", self.desk.view)
        self.shell.refresh()

    def _switch_trades(self) -> Tab:
        """Fills or round trips."""
        old = self.tabs["Trades"]
        table, records = (self._trips, self.lists.trips) if self.lists.as_trips else (self._fills, self.lists.fills)
        new = self.tabs["Trades"] = Tab("Trades", table, records, None)
        if self.open == "Trades":
            old.table.canvas.pack_forget()
            table.canvas.pack(fill="both", expand=True)
            table.canvas.update_idletasks()
        return self.tabs[self.open] if self.open != "Trades" else new

    def _messages(self, view: View) -> Sequence[MessageLine]:
        return self.filter.passed(view.messages)

    # ------------------------------------------------------------ clicks

    def _choose_order(self, line: OrderLine) -> None:
        self.desk.selected = (line.key, line.id)

    def _order(self, line: OrderLine, column: str, _time: int) -> None:
        self.shell.close_menus()
        if column == "cancel":
            self.desk.cancel(line.key, line.id)
        else:
            self.open_order(line)

    def _open_order(self, line: OrderLine, _time: int) -> None:
        self.open_order(line)

    def open_order(self, line: OrderLine) -> None:
        """The order's sheet."""
        self.shell.sheet("order", partial(OrderSheet, self.shell, line))

    def _position(self, row: PositionRow, column: str, _time: int) -> None:
        self._close(row)
        self.shell.refresh()

    def _open_position(self, row: PositionRow, _time: int) -> None:
        self._close(row)

    def _close(self, row: PositionRow) -> None:
        self._close_position(row.part, row.owner.emi if row.owner is not None else "")

    def _trade(self, line: TradeLine, _column: str, _time: int) -> None:
        self.shell.copy(line.exec_id)

    def _trip(self, trip: Trip, _column: str, _time: int) -> None:
        self.shell.copy(trip.exec_id)

    def _funding(self, line: FundingLine, _column: str, _time: int) -> None:
        self.shell.copy(line.exec_id)

    def _message(self, line: MessageLine, _column: str, _time: int) -> None:
        self._read(line, 0)

    def _read(self, line: MessageLine, _time: int) -> None:
        self.shell.sheet("message", partial(FactsSheet, self.shell, "Message", message_facts(line)))


def bots_table(parent: tk.Misc, shell: Shell) -> Table[BotLine]:
    """The table of bots: a click selects, the status cell or Enter switches WORK ⇄ OFF."""
    def clicked(line: BotLine, column: str, _time: int) -> None:
        shell.close_menus()
        shell.desk.bot = line.emi
        if column in ("status", "mark") and is_bot(line):
            shell.desk.switch_bot(line)

    def activated(line: BotLine, _time: int) -> None:
        if is_bot(line):
            shell.desk.switch_bot(line)

    def selected(line: BotLine) -> None:
        shell.desk.bot = line.emi
    return Table(parent, shell.theme, BOTS, lambda line: (line.emi, line.key),
                 "No bots. F7 → “New…” makes one; its strategy is a file in strategies/.",
                 Events[BotLine](clicked, activated, selected), given=shell.columns_of("Bots"))


def bots_sums(glance: Glance) -> list[Segment]:
    """2 of 3 WORK · day · total, for the header at the right."""
    words, sums = bots_words(glance.view, glance)
    parts = [Segment(name, cell.text, cell.colour, "mono", right=True, drop=3, pad=4) for name, cell in sums]
    labels = [Segment(f"label {name}", name, "dim", "small", right=True, drop=3, pad=14) for name, _cell in sums]
    mixed = [part for pair in zip(reversed(parts), reversed(labels), strict=True) for part in pair]
    return [*mixed, Segment("working", words, "dim", "small", right=True, drop=4)]


class BotsPanel:
    """The Bots panel of the large layout."""

    def __init__(self, parent: tk.Misc, shell: Shell) -> None:
        self.shell = shell
        self.frame = tk.Frame(parent, background=shell.theme["panel"])
        self.bar = Bar(self.frame, shell.theme)
        self.bar.canvas.pack(fill="x")
        self.table = bots_table(self.frame, shell)
        self.table.canvas.pack(fill="both", expand=True)

    def refresh(self, glance: Glance) -> None:
        """Draw what differs."""
        parts = [Segment("title", "Bots", font="bold"),
                 Segment("keys", "status cell or Enter: WORK ⇄ OFF · F7 opens", "dim", "small", drop=9)]
        self.bar.show([*parts, *bots_sums(glance)])
        self.table.show(glance.view.bots if glance.view else (), glance)


def open_bot(shell: Shell) -> None:
    """F7: the bots, the selected one open."""
    shell.sheet("bot", partial(BotSheet, shell))
