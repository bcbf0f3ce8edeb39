"""What the window itself has to say in its strips, the question of F9, and what the strips' buttons do. Main thread."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from core.titles import full_name
from engine.view import View
from interface.panels.watchlist import show_venue
from interface.presenters.bots import is_bot
from interface.presenters.topline import StripLine
from interface.sheets.confirm import ConfirmAccountSheet, TakeOverSheet
from interface.shell import Shell
from models import Category, Mode

MOST_PROBLEMS = 5


class Alerts:
    """Owner of the question and of the window's own problems; the engine's strips come with its view."""

    def __init__(self, shell: Shell, settings: Callable[[], None], leave: Callable[[], None]) -> None:
        """`settings` opens their sheet, `leave` asks whether to close the window."""
        self._shell, self._settings, self._leave = shell, settings, leave
        self.question: StripLine | None = None        # F9 on a LIVE account
        self.problems: list[StripLine] = []

    @property
    def newest(self) -> StripLine | None:
        """The problem that is shown: behind its ✕ comes the one before."""
        return self.problems[-1] if self.problems else None

    def add_setting(self, words: str) -> None:
        """A setting that cannot be used."""
        self.problems = [line for line in self.problems if line.text != words][1 - MOST_PROBLEMS:]
        self.problems.append(StripLine("warning", words, (("Settings F8", "settings"), ("✕", "seen"))))

    def add_failure(self, kind: str) -> None:
        """A callback failed; said once, however often it does."""
        words = f"The window met an error ({kind}); it is in the log. Trading and orders are not touched."
        if not any(line.text == words for line in self.problems):
            self.problems.append(StripLine("error", words, (("✕", "seen"),)))

    def toggle_trading(self) -> None:
        """F9. OFF is immediate; ON asks first on a LIVE account."""
        desk = self._shell.desk
        if desk.trading():
            self.question = None
            desk.set_trading(False)
        elif desk.mode is Mode.LIVE and self.question is None:
            self.question = live_question(desk.view)
        elif self.question is None:
            desk.set_trading(True)

    def answer(self, on: bool) -> None:
        """The question's answer."""
        self.question = None
        if on:
            self._shell.desk.set_trading(True)

    def act(self, action: str) -> None:
        """What a strip's button does."""
        shell, desk = self._shell, self._shell.desk
        kind, _, rest = action.partition(":")
        plain: dict[str, Callable[[], object]] = {
            "recover": desk.recover, "rearm": desk.rearm, "settings": self._settings, "quit": self._leave,
            "restart": self._leave, "cancel_bot_orders": lambda: desk.cancel_of(None, bots_only=True),
            "seen": lambda: self.problems.pop() if self.problems else None,
            "trading_on": lambda: self.answer(True), "trading_off": lambda: self.answer(False),
        }
        if kind == "takeover":
            market, category, symbol = rest.split("/", 2)
            shell.sheet("takeover", partial(TakeOverSheet, shell, market, Category(category), symbol))
        elif kind == "confirm":
            market, account = rest.split("/", 1)
            shell.sheet("confirm account", partial(ConfirmAccountSheet, shell, market, account))
        elif kind == "recover" and rest:
            market, name = rest.split("/")
            desk.recover(market, Category(name))
        elif kind == "venue":
            market, name = rest.split("/")
            show_venue(shell, market, Category(name))
        elif action in plain:
            plain[action]()
        shell.refresh()


def live_question(view: View | None) -> StripLine:
    """Which bots would trade with real money."""
    bots = [f"{bot.emi} {full_name(bot.key)} {bot.quantity if bot.quantity is not None else ''}".strip()
            for bot in (view.bots if view else ()) if is_bot(bot) and bot.status == "WORK"]
    who = ", ".join(bots[:6]) + (f" and {len(bots) - 6} more" if len(bots) > 6 else "")
    return StripLine("warning", f"Trading ON with real money? Bots that will trade: {who or 'none'}.",
                     (("Enter: ON", "trading_on"), ("Esc: stay OFF", "trading_off")))
