"""Questions: closing the window, the first LIVE order, taking over a position, the first start."""

from __future__ import annotations

import tkinter as tk
from collections.abc import Callable
from tkinter import ttk

from core.titles import full_name, product_title
from interface.desk import Desk
from interface.presenters.glance import position_of
from interface.presenters.slip import order_words
from interface.presenters.words import money, price, quantity, signed_quantity
from interface.sheets.sheet import Sheet
from interface.shell import Shell
from models import Category, Key


class QuitSheet(Sheet):
    """Closing the window: leave orders, cancel all, or stay."""

    def __init__(self, shell: Shell, quit: Callable[[str], None]) -> None:
        super().__init__(shell, "Close Botbook?")
        view = shell.desk.view
        count = len(view.orders) if view else 0
        self.words([f"{count} open order{'s rest' if count != 1 else ' rests'} at the venue." if count
                    else "No open orders."])
        if view and view.trading:
            self.words(["Trading is ON: bots stop when the program ends."], "warning")
        unknown = [line.id for line in view.orders if line.status == "UNKNOWN"] if view else []
        if unknown:
            self.words([f"Outcome not known yet: {', '.join(unknown[:6])}. The next start asks again."], "warning")
        self._quit = quit
        first = self.button("Leave orders, close", lambda: self._answer("leave"))
        if count:
            self.button("Cancel all, close", lambda: self._answer("cancel_all"), "Danger.TButton")
        self.button("Stay  Esc", self.close, side="right")
        self.place()
        first.focus_set()

    def _answer(self, how: str) -> None:
        self.close()
        self._quit(how)


class StoppingSheet(Sheet):
    """The ordered stop runs; the window goes by itself."""

    def __init__(self, shell: Shell, how: str) -> None:
        super().__init__(shell, "Stopping…", closable=False)
        self.words(["Cancelling all orders, then closing." if how == "cancel_all"
                    else "Requests in flight are answered, the books are closed. Orders rest at the venue.",
                    "At most five seconds."])
        self.place()


class LiveOrderSheet(Sheet):
    """Once per session: what the first LIVE order is."""

    def __init__(self, shell: Shell, answer: Callable[[bool, bool], None]) -> None:
        super().__init__(shell, "First LIVE order of this session")
        desk = shell.desk
        draft, reading, instrument = desk.draft, desk.reading(), desk.instrument()
        assert draft is not None and reading is not None
        account = ", ".join(desk.view.accounts) if desk.view else ""
        settle = instrument.settle if instrument else ""
        most = instrument.max_qty if instrument else None
        self.words(["This order is for real money."], "warning")
        self.facts([("Account", account, "text"), ("Symbol", full_name(draft.key), "text"),
                    ("Order", order_words(draft, reading, instrument), "buy" if draft.side.value == "BUY" else "sell"),
                    ("Value", f"{money(reading.value, settle)} {settle}", "text"),
                    ("Largest order", f"{quantity(most, instrument)} (the venue's cap)", "text")])
        self._for_session = tk.BooleanVar(shell.root, value=False)
        ttk.Checkbutton(self.body, text="do not ask again until restart",
                        variable=self._for_session).pack(anchor="w", pady=self.theme.px(4))
        self._answer, self._done = answer, False
        self.button("Send", self._go, "Danger.TButton")
        stay = self.button("Do not send  Esc", self.close, side="right")
        self.place()
        stay.focus_set()

    def _go(self) -> None:
        self._done = True
        again = bool(self._for_session.get())
        super().close()
        self._answer(True, again)

    def close(self) -> None:
        """Closing is a no."""
        if not self._done:
            self._done = True
            super().close()
            self._answer(False, False)


class ConfirmAccountSheet(Sheet):
    """Once for each LIVE account: its id is typed before the first order."""

    def __init__(self, shell: Shell, market: str, account: str) -> None:
        super().__init__(shell, f"Trade on {market} with real money?")
        self.words([f"The keys belong to the {market} account {account}. Orders, by hand and by bots, are for real "
                    "money."], "warning")
        self.words(["Type the account's id to open it for orders. This is asked once; trading by bots is still "
                    "switched on with F9 at each start."])
        self._typed = tk.StringVar(shell.root)
        entry = ttk.Entry(self.body, textvariable=self._typed, font=self.theme.mono, width=max(20, len(account) + 4))
        entry.pack(anchor="w", pady=self.theme.px(4))
        self._error = tk.Label(self.body, text="", background=self.theme["panel"], foreground=self.theme["error"],
                               font=self.theme.ui, anchor="w")
        self._error.pack(fill="x")

        self._desk, self._market, self._account = shell.desk, market, account
        entry.bind("<Return>", lambda _event: self.go())
        self.button("Open for orders", self.go, "Danger.TButton")
        self.button("Not now  Esc", self.close, side="right")
        self.place()
        entry.focus_set()

    def go(self) -> None:
        """Open the account if what was typed is its id."""
        if self._typed.get().strip() != self._account:
            self._error.configure(text="That is not the id. Nothing was opened.")
            return
        self.close()
        self._desk.confirm_account(self._market, self._account, self._account)

    def error(self) -> str:
        """What was wrong with the id, "" = nothing yet."""
        return str(self._error.cget("text"))


class TakeOverSheet(Sheet):
    """Explains the opening row before it is booked."""

    def __init__(self, shell: Shell, market: str, category: Category, symbol: str) -> None:
        super().__init__(shell, f"Take over {symbol}?")
        key = Key(market, category, symbol)
        desk: Desk = shell.desk
        line, instrument = position_of(desk.view, key), desk.board.instruments.get(key)
        ours = line.qty if line else None
        theirs = line.venue_qty if line else None
        self.words([f"{product_title(market, category)} holds a position in {symbol} that no row of the ledger "
                    "explains.",
                    "Taking over books the difference as one opening row of the line "
                    f"“{key.reserved}”, at the venue's entry price. From then on it is counted like any position "
                    "of yours; no order is sent, and the row cannot be taken back."])
        self.facts([("Ledger", signed_quantity(ours, instrument) if ours is not None else "–", "text"),
                    ("Venue", signed_quantity(theirs, instrument) if theirs is not None else "–", "text"),
                    ("Entry", price(line.entry if line else None, instrument), "text")])

        def go() -> None:
            self.close()
            desk.take_over(market, category, symbol)
        self.button("Take over", go, "Go.TButton")
        stay = self.button("Not now  Esc", self.close, side="right")
        self.place()
        stay.focus_set()


class FirstStartSheet(Sheet):
    """No settings yet: simulator (preselected), test network, live."""

    CHOICES = (("demo", "Try the simulator", "No keys needed. The bundled exchange runs on this machine."),
               ("testnet", "Test network", "Binance's demo hosts with play money; needs keys in .env.Binance."),
               ("live", "Live", "Real money; needs live keys, and TESTNET=\"False\" in .env."))

    def __init__(self, shell: Shell, choose: Callable[[str], None]) -> None:
        super().__init__(shell, "Welcome to Botbook", closable=False)
        self._choose = choose
        self.words(["Where do you want to trade? This can be changed in the settings later."])
        self.buttons: dict[str, ttk.Button] = {}
        for name, label, sentence in self.CHOICES:
            button = ttk.Button(self.body, text=label, command=lambda what=name: self._answer(what),  # type: ignore[misc]  # mypy: lambda's default
                                style="Go.TButton" if name == "demo" else "TButton")
            button.pack(fill="x", pady=(self.theme.px(10), self.theme.px(1)))
            button.bind("<Return>", lambda _event, one=button: self._invoke(one))  # type: ignore[misc]  # as above
            tk.Label(self.body, text=sentence, background=self.theme["panel"], foreground=self.theme["dim"],
                     font=self.theme.ui, anchor="w", wraplength=self.theme.zero * 60, justify="left").pack(fill="x")
            self.buttons[name] = button
        self._arrows()
        self.place()
        self.buttons["demo"].focus_set()

    def _arrows(self) -> None:
        order = list(self.buttons.values())
        for index, button in enumerate(order):
            for key, by in (("<Down>", 1), ("<Up>", -1)):
                button.bind(key, lambda _event, to=order[(index + by) % 3]: to.focus_set())  # type: ignore[misc]  # as above

    def _answer(self, what: str) -> None:
        if self.frame.winfo_exists():
            self.close()
            self._choose(what)
