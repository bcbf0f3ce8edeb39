"""What a person asks of the engine besides orders: cancels, switches, recoveries. No tkinter; main thread only.

`Desk` is built on this: together they are the only place that posts commands.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from engine.commands import (
    AskNow,
    Cancel,
    CancelAll,
    ChangeLeverage,
    Command,
    ConfirmAccount,
    KillSwitch,
    Rearm,
    Recover,
    SetBot,
    SetTrading,
    TakeOver,
    Verdict,
    Watch,
)
from engine.view import BotLine, View
from interface.guards import AGAIN_S
from interface.tickets import Tickets, new_ticket
from models import BotState, Category, Key

NOT_STARTED = "The engine has not started yet."


@dataclass(frozen=True, slots=True)
class Note:
    """A sentence beside the form: to which field it belongs, and whether it is good news."""

    text: str
    field: str = ""
    level: str = "warning"


class Asking:
    """Commands without a draft. Refusals end in `note`."""

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self.monotonic = monotonic
        self.key: Key | None = None
        self.view: View | None = None
        self.note: Note | None = None
        self.tickets = Tickets()
        self.venue: tuple[str, Category] | None = None   # market line chosen in the watchlist
        self._post: Callable[[Command], None] | None = None
        self._trading: tuple[bool, float] = (False, -1e9)

    def drop(self) -> None:
        """No draft."""

    # ------------------------------------------------------------ orders

    def cancel(self, key: Key, order: str) -> None:
        """Cancel one order, at once."""
        self._ask(Cancel(new_ticket(), key, order))

    def cancel_symbol(self) -> None:
        """Cancel all orders of the selected instrument, at once."""
        if self.key is not None:
            self._ask(CancelAll(new_ticket(), self.key))

    def cancel_of(self, key: Key | None, bots_only: bool = False) -> None:
        """Cancel all orders of an instrument, or of bots everywhere."""
        self._ask(CancelAll(new_ticket(), key, bots_only=bots_only))

    def cancel_owner(self, emi: str, key: Key | None) -> None:
        """Cancel all orders of one owner, at once; `key` None = on every instrument."""
        self._ask(CancelAll(new_ticket(), key, emi))

    def kill(self) -> None:
        """The kill switch."""
        self.drop()
        self._trading = (False, self.monotonic())
        self._ask(KillSwitch(new_ticket()))

    def rearm(self) -> None:
        """Unlock after the kill switch."""
        self._ask(Rearm(new_ticket()))

    # ------------------------------------------------------------ trading and bots

    def trading(self) -> bool:
        """Whether trading is ON: what the view says, or what was just asked."""
        asked, at = self._trading
        if self.monotonic() - at < AGAIN_S:
            return asked
        return bool(self.view and self.view.trading)

    def set_trading(self, on: bool) -> None:
        """F9. What was asked counts until the view says it."""
        if self._post is None:
            self.note = Note(NOT_STARTED)
            return
        self._trading = (on, self.monotonic())
        if on:
            self.drop()
        ticket = new_ticket()
        self.tickets.ask(ticket, self._trading_answered)
        self._out(SetTrading(ticket, on))

    def _trading_answered(self, verdict: Verdict) -> None:
        self._trading = (False, -1e9)
        self._complain(verdict)

    def switch_bot(self, bot: BotLine) -> None:
        """WORK ⇄ OFF; a suspended bot runs again."""
        state = BotState.OFF if bot.status == BotState.WORK else BotState.WORK
        self._ask(SetBot(new_ticket(), bot.emi, state))

    def ask_about_bots(self, make: Callable[[str], Command | None], answered: Callable[[Verdict], None]) -> bool | None:
        """Ask for an action on bots; False: nothing to ask, None: nobody to ask yet."""
        if self._post is None or self.view is None:
            return None
        ticket = new_ticket()
        command = make(ticket)
        if command is None:
            return False
        self.tickets.ask(ticket, answered)
        self._out(command)
        return True

    # ------------------------------------------------------------ markets and symbols

    def recover(self, market: str = "", category: Category | None = None) -> None:
        """Reconnect and recover all markets, or one of them."""
        self._ask(Recover(new_ticket(), market, category))

    def recover_chosen(self) -> None:
        """F3: the market whose line is chosen in the watchlist, else all."""
        self.recover(*(self.venue or ()))

    def ask_now(self) -> None:
        """F5."""
        self._ask(AskNow(new_ticket()))

    def watch(self, key: Key, on: bool) -> None:
        """Put a symbol on the watchlist, or take it off."""
        self._ask(Watch(new_ticket(), key, on))

    def change_leverage(self, key: Key, leverage: int) -> None:
        """Ask for another leverage; the form shows what the venue says it is."""
        self._ask(ChangeLeverage(new_ticket(), key, leverage))

    def take_over(self, market: str, category: Category, symbol: str) -> None:
        """Book what the venue holds as an opening row."""
        self._ask(TakeOver(new_ticket(), market, category, symbol))

    def confirm_account(self, market: str, account: str, typed: str) -> None:
        """Open a LIVE account for orders, if the id was typed right."""
        self._ask(ConfirmAccount(new_ticket(), market, account, typed))

    # ------------------------------------------------------------ the way out

    def _ask(self, command: Command) -> None:
        if self._post is None:
            self.note = Note(NOT_STARTED)
            return
        self.tickets.ask(command.ticket, self._complain)
        self._out(command)

    def _complain(self, verdict: Verdict) -> None:
        if not verdict.ok and verdict.refusal is not None:
            self.note = Note(verdict.refusal.text, verdict.refusal.field, "error")

    def _out(self, command: Command) -> None:
        assert self._post is not None
        self._post(command)
