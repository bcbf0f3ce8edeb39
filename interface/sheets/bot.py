"""F7: the bots. The list at the left, the chosen one at the right: strategy, parameters, state with the reason, and
below what can be done with it."""

from __future__ import annotations

import json
import tkinter as tk
from functools import partial
from tkinter import ttk

from core.titles import full_name
from engine.view import BotLine
from interface.history import DAYS, Ask
from interface.presenters.bot_actions import ActionForm, forms_of
from interface.presenters.bots import BOTS, day_rows, is_bot, leg_words, status_cell
from interface.presenters.glance import pnl_of_bot
from interface.presenters.tables import owner_word
from interface.presenters.words import UNKNOWN, grouped_plain, money, price, signed_money, signed_quantity
from interface.sheets.bot_action import BotActionSheet
from interface.sheets.sheet import Sheet
from interface.shell import Shell
from interface.table import Events, Table

DAYS_SHOWN = 5
LOOK_MS = 250            # between two looks at the engine's view
LIST = ("mark", "emi", "symbol", "status")
ACTIONS = ("New…", "Duplicate…", "Rename…", "Merge…", "Reassign…", "Delete…")
NO_BOTS = "No bots. “New…” makes one; its strategy is a file in strategies/."


def parameters(text: str) -> list[tuple[str, str]]:
    """The JSON of PARAMS as names and values; as it stands when it is no object."""
    try:
        read = json.loads(text or "{}")
    except ValueError:
        return [("PARAMS", text)]
    if not isinstance(read, dict):
        return [("PARAMS", text)]
    return [(str(name), json.dumps(value) if not isinstance(value, str) else value) for name, value in read.items()]


class BotSheet(Sheet):
    """A button that cannot work says why when it is pressed. The selection is the owner's name and instrument, never a
    row number."""

    def __init__(self, shell: Shell) -> None:
        super().__init__(shell, "Bots")
        theme = self.theme
        columns = tuple(column for column in BOTS if column.name in LIST)
        self.table = Table(self.body, theme, columns, lambda line: (line.emi, line.key), NO_BOTS,
                           Events[BotLine](activate=lambda line, _time: self._switch(line), select=self._choose))
        self.table.canvas.configure(width=self.table.wanted_width() + theme.gap)
        self.table.canvas.pack(side="left", fill="y")
        self.detail = tk.Frame(self.body, background=theme["panel"])
        self.detail.pack(side="left", fill="both", expand=True, padx=(theme.px(14), 0))
        self.switch = self.button("Switch OFF", self._switch_chosen)
        self.buttons = {word: self._action(word) for word in ACTIONS}
        self.button("Close  Esc", self.close, side="right")
        self.why_not = tk.Label(self.actions, background=theme["panel"], foreground=theme["warning"], font=theme.ui)
        self.why_not.pack(side="right", padx=theme.px(8))
        self.line: BotLine | None = None
        self._seen: object = None
        self._shown: object = ()
        self._asked: object = ()
        self.place(theme.zero * 124, theme.row * 27)
        self.shell.root.update_idletasks()             # rows are known once the sheet has its size
        self._look()
        self.table.canvas.focus_set()

    def _action(self, word: str) -> ttk.Button:
        return self.button(word, lambda: self._open(word))

    # ------------------------------------------------------------ looking

    def _look(self) -> None:
        """The list follows the engine's view; the right side only when its line differs."""
        if not self.frame.winfo_exists():
            return
        desk = self.shell.desk
        bots = desk.view.bots if desk.view is not None else ()
        days = self.shell.pages(self._days_of(self.line)) if self.line is not None else None
        if bots is not self._seen or (self.line is not None and (self.line, days) != self._shown):
            self._seen = bots
            self.table.show(bots, desk.glance())
            line = self._now(self.line) if self.line is not None and self.line.emi == desk.bot else None
            line = line or next((one for one in bots if one.emi == desk.bot), bots[0] if bots else None)
            self._choose(line)
            if line is not None and self.table.selected != (line.emi, line.key):
                self.table.reveal((line.emi, line.key))
        self.shell.root.after(LOOK_MS, self._look)

    def _now(self, line: BotLine | None) -> BotLine | None:
        """The line as it is now: it may have changed, or gone, while the sheet is open."""
        view = self.shell.desk.view
        if line is None or view is None:
            return None
        return next((one for one in view.bots if one.emi == line.emi and one.key == line.key), None)

    def _choose(self, line: BotLine | None) -> None:
        self.line = line
        if line is not None:
            self.shell.desk.bot = line.emi
        ask = self.shell.ask_older
        if line is not None and ask is not None and (line.emi, line.sums) != self._asked:
            self._asked = (line.emi, line.sums)      # what it was worth today has changed as well
            ask(self._days_of(line))
        days = self.shell.pages(self._days_of(line)) if line is not None else None
        if (line, days) == self._shown:
            return
        self._shown = (line, days)
        for child in self.detail.winfo_children():
            child.destroy()
        if line is not None:
            self.facts(self._rows(line), self.detail)
        is_one = line is not None and is_bot(line)
        word = {"WORK": "Switch OFF", "OFF": "Switch to WORK"}.get(line.status, "Run again") if line and is_one else ""
        self.switch.configure(text=word or "Switch OFF")
        self.switch.state(["!disabled" if is_one else "disabled"])
        self.why_not.configure(text="")

    def _rows(self, bot: BotLine) -> list[tuple[str, str, str]]:
        desk, status = self.shell.desk, status_cell(bot)
        instrument = desk.board.instruments.get(bot.key)
        day, total = pnl_of_bot(bot, desk.board)
        rows = [("EMI", owner_word(bot.emi, bot.key), "text"), ("Symbol", full_name(bot.key), "text"),
                ("Status", bot.status, status.colour)]
        if bot.reason:
            rows.append(("Reason", bot.reason, "warning"))
        if is_bot(bot):
            size = f" = {grouped_plain(bot.quantity)}" if bot.quantity is not None else ""
            rows += [("Strategy", bot.strategy or "none: it only keeps books", "text"),
                     ("Timeframe", bot.timeframe, "text"),
                     ("CAPITAL", f"{bot.capital} × the smallest quantity{size}", "text")]
            rows += [(name, value, "text") for name, value in parameters(bot.params)]
        entry = f" @ {price(bot.entry, instrument)}" if bot.entry is not None else ""
        rows += [("Position", signed_quantity(bot.sums.pos, instrument) + entry, "text"),
                ("Open orders", str(bot.orders), "text"),
                ("PnL day", *signed_money(day, bot.currency)[:2]), ("PnL", *signed_money(total, bot.currency)[:2]),
                ("Fees", f"{money(bot.sums.fees, bot.currency)} {bot.currency}", "text"),
                ("Funding", f"{money(bot.sums.funding, bot.currency)} {bot.currency}", "text"),
                ("Volume", grouped_plain(bot.sums.volume), "text"), ("Last event", bot.last_event or UNKNOWN, "text")]
        if len(bot.legs) > 1:
            rows += [(f"in {leg.currency}", leg_words(leg), "text") for leg in bot.legs]
        return rows + self._by_day(bot)

    def _by_day(self, bot: BotLine) -> list[tuple[str, str, str]]:
        """The newest days, by currency; read from the ledger, so they come a moment later."""
        pages = self.shell.pages(self._days_of(bot))
        rows = [("Days", pages.problem, "warning")] if pages.problem else []
        newest = day_rows(pages.days, bot.key.market)[:DAYS_SHOWN]
        return rows + [(words, value.text, value.colour) for words, value in newest]

    @staticmethod
    def _days_of(bot: BotLine) -> Ask:
        return Ask(DAYS, bot.emi, former=bot.former)

    # ------------------------------------------------------------ doing

    def _open(self, word: str) -> None:
        """The action's own sheet, over this one, for the line as it is now."""
        form = forms_of(self._now(self.line), self.shell.desk.view).get(word)
        if isinstance(form, ActionForm):
            self.why_not.configure(text="")
            self.shell.sheet("bot action", partial(BotActionSheet, self.shell, form, self.table.canvas))
        else:
            self.why_not.configure(text=f"{word.rstrip('…')}: {form or 'no bot is selected'}.")

    def _switch_chosen(self) -> None:
        if self.line is not None:
            self._switch(self.line)

    def _switch(self, bot: BotLine) -> None:
        now = self._now(bot)
        if now is not None and is_bot(now):
            self.shell.desk.switch_bot(now)
