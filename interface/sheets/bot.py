"""F7: one bot: its strategy, parameters, state with the reason, and the switch."""

from __future__ import annotations

import json

from core.titles import full_name
from engine.view import BotLine
from interface.presenters.bots import is_bot, status_cell
from interface.presenters.glance import pnl_of_bot
from interface.presenters.tables import owner_word
from interface.presenters.words import UNKNOWN, grouped_plain, money, price, signed_money, signed_quantity
from interface.sheets.sheet import Sheet
from interface.shell import Shell


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
    """A bot's row, in full."""

    def __init__(self, shell: Shell, bot: BotLine) -> None:
        super().__init__(shell, f"Bot {owner_word(bot.emi, bot.key)}")
        desk, status = shell.desk, status_cell(bot)
        instrument = desk.board.instruments.get(bot.key)
        day, total = pnl_of_bot(bot, desk.board)
        rows = [("Symbol", full_name(bot.key), "text"),
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
                 ("PnL day", *signed_money(day, bot.currency)[:2]), ("PnL", *signed_money(total, bot.currency)[:2]),
                 ("Fees", f"{money(bot.sums.fees, bot.currency)} {bot.currency}", "text"),
                 ("Volume", grouped_plain(bot.sums.volume), "text"), ("Last event", bot.last_event or UNKNOWN, "text")]
        self.facts(rows)
        if is_bot(bot):
            word = {"WORK": "Switch OFF", "OFF": "Switch to WORK"}.get(bot.status, "Run again")
            self.button(word, lambda: self._switch(bot), "TButton" if bot.status == "WORK" else "Go.TButton")
        done = self.button("Close  Esc", self.close, side="right")
        self.place()
        done.focus_set()

    def _switch(self, bot: BotLine) -> None:
        """The bot as it is now: it may have changed, or gone, while the sheet was open."""
        self.close()
        view = self.shell.desk.view
        now = next((line for line in view.bots if line.emi == bot.emi and line.key == bot.key), None) if view else None
        if now is not None and is_bot(now):
            self.shell.desk.switch_bot(now)
