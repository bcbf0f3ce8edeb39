"""What the Trades and Funding tabs show of all history: fills or round trips, of all owners and symbols or of one, page
by page. Main thread; the pages are read elsewhere, here they are only asked for and looked at.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import ClassVar

from engine.trips import Trip
from engine.view import TradeLine, View
from interface.bar import Bar, Segment
from interface.history import FILLS, FUNDINGS, NOTHING, Ask, FundingLine, History, Pages, Renamed, words_of
from interface.presenters.tables import owner_word
from interface.presenters.trips import Trips
from interface.shell import Shell
from models import Key

ALL_OWNERS, ALL_SYMBOLS = "all EMI", "all symbols"


class LedgerLists:
    """See the module's docstring. One choice of owner and symbol for both tabs."""

    NAMES: ClassVar[dict[str, str]] = {"Trades": FILLS, "Funding": FUNDINGS}

    def __init__(self, shell: Shell, bar: Bar) -> None:
        self._shell, self._bar = shell, bar
        self.as_trips = False
        self.emi = ""
        self.key: Key | None = None
        self._history, self._trips = History(), Trips()
        self._called, self._called_fundings = Renamed[TradeLine](), Renamed[FundingLine]()
        self._asked_fundings = -1                # answers there were when the next page was asked for
        self._funded: object = None              # sums of funding when the newest were asked for
        self._filtered: tuple[object, ...] = ()
        self._lines: Sequence[TradeLine] = ()

    # ------------------------------------------------------------ lines

    def fills(self, view: View) -> Sequence[TradeLine]:
        """Fills, newest first."""
        return self._called.now(view, self._history.lines(self._shown(view), self._pages("Trades")))

    def trips(self, view: View) -> Sequence[Trip]:
        """Round trips, the open ones first, then the newest."""
        return self._trips.of(self.fills(view))

    def fundings(self, view: View) -> Sequence[FundingLine]:
        """Shares of fundings, newest first."""
        return self._called_fundings.now(view, self._pages("Funding").fundings)

    def _shown(self, view: View) -> Sequence[TradeLine]:
        """The view's trades that pass the choice."""
        if not self.emi and self.key is None:
            return view.trades
        made_from = (view.trades, self.emi, self.key, self._former(view))
        names = (self.emi, *self._former(view))
        if not self._filtered or self._filtered[0] is not view.trades or self._filtered[1:] != made_from[1:]:
            self._filtered = made_from
            self._lines = tuple(line for line in view.trades if (not self.emi or line.owner in names)
                                and self.key in (None, line.key))
        return self._lines

    # ------------------------------------------------------------ pages

    def follow(self, tab: str, view: View | None) -> None:
        """Ask for what is to be shown and not known yet."""
        if view is None or self._shell.ask_older is None:
            return
        if tab == "Trades":
            is_chosen = bool(self.emi or self.key)
            if self._history.is_fruitless(self._pages(tab)) or (is_chosen and not self._history.was_asked):
                self.load_older(tab, view)
            return
        funded = tuple((line.market, line.category, line.currency, line.funding) for line in view.balances)
        if funded != self._funded and view.recovered:
            self._funded = funded
            self._shell.ask_older(replace(self._ask(tab), fresh=True))

    def load_older(self, tab: str, view: View | None) -> None:
        """The next page."""
        hook = self._shell.ask_older
        if view is None or hook is None:
            return
        pages, ask = self._pages(tab), partial(hook, self._ask(tab))
        if tab == "Trades":
            self._history.ask(self._shown(view), pages, ask)
        elif self._asked_fundings != pages.pages and not pages.complete:
            self._asked_fundings = pages.pages
            ask()

    def words(self, tab: str, view: View | None) -> str:
        """The row after the last one; "" when there is nothing older."""
        pages = self._pages(tab)
        if view is None or self._shell.ask_older is None:
            return ""
        if tab == "Trades":
            return self._history.words(self._shown(view), pages)
        return "" if pages.complete else words_of(pages, self._asked_fundings == pages.pages or not pages.pages)

    def _ask(self, tab: str) -> Ask:
        return Ask(self.NAMES[tab], self.emi, self.key, self._former(self._shell.desk.view))

    def _former(self, view: View | None) -> tuple[str, ...]:
        """What the chosen bot was called before."""
        lines = view.bots if view is not None and self.emi else ()
        return next((line.former for line in lines if line.emi == self.emi and line.former), ())

    def _pages(self, tab: str) -> Pages:
        return self._shell.pages(self._ask(tab)) if self._shell.ask_older is not None else NOTHING

    # ------------------------------------------------------------ choices

    def segments(self, tab: str, view: View | None, load: Callable[[], None]) -> list[Segment]:
        """The choosers and the switch, for the bar."""
        parts = []
        words = self.words(tab, view)
        if words:
            parts.append(Segment("older", words, "dim", "small", lambda _time: load(), right=True, drop=6))
        symbol = self.key.symbol if self.key else ALL_SYMBOLS
        parts += [self._chooser("symbol", symbol, self._menu_symbol, self.key is not None),
                  self._chooser("owner", self._owner_word() or ALL_OWNERS, self._menu_owner, bool(self.emi))]
        if tab == "Trades":
            parts.append(Segment("trips", "⇄ fills" if self.as_trips else "⇄ round trips", "text", "small",
                                 lambda _time: self.switch(), "raised", right=True, drop=3))
        return parts

    @staticmethod
    def _chooser(name: str, word: str, menu: Callable[[int], None], is_set: bool) -> Segment:
        return Segment(name, f"{word} ▾", "text" if is_set else "dim", "small", menu, right=True, drop=4)

    def switch(self) -> None:
        """Fills ⇄ round trips."""
        self.as_trips = not self.as_trips
        self._shell.refresh()

    def choose(self, emi: str = "", key: Key | None = None) -> None:
        """Only what belongs to this owner and this instrument; "" and None = all."""
        if (emi, key) != (self.emi, self.key):
            self.emi, self.key = emi, key
            self._history, self._trips = History(), Trips()
            self._asked_fundings, self._funded = -1, None
        self._shell.refresh()

    def _owner_word(self) -> str:
        category = self.emi.partition(".")[2]
        return f"RESERVED {self.emi.partition('.')[0]}" if category else self.emi

    def _menu_owner(self, _time: int) -> None:
        view = self._shell.desk.view
        lines = view.bots if view is not None else ()
        entries = [(ALL_OWNERS, partial(self.choose, "", self.key))]
        for line in lines:
            word = owner_word(line.emi, line.key)
            entries.append((f"{word} {line.key.symbol}" if word != line.emi else word,
                            partial(self.choose, line.emi, self.key)))
        self._menu("owner", entries, self._owner_word() or ALL_OWNERS)

    def _menu_symbol(self, _time: int) -> None:
        view = self._shell.desk.view
        keys = view.configured if view is not None else ()
        entries = [(ALL_SYMBOLS, partial(self.choose, self.emi, None))]
        entries += [(f"{key.symbol} {key.category.value}", partial(self.choose, self.emi, key)) for key in keys]
        chosen = f"{self.key.symbol} {self.key.category.value}" if self.key else ALL_SYMBOLS
        self._menu("symbol", entries, chosen)

    def _menu(self, segment: str, entries: Sequence[tuple[str, Callable[[], None]]], chosen: str) -> None:
        x, y = self._shell.place_of(self._bar.canvas)
        left = (self._bar.span(segment) or (0, 0))[0]
        self._shell.menu(x + left, y + self._bar.height, entries, chosen)
