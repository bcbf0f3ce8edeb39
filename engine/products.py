"""Which venue speaks for each product, and their exchange while the engine runs (F3 after a change of settings).

Engine thread. A venue's threads are started, stopped and joined by whoever made it; here only the name on the door
changes, between two messages, so that no request goes to a venue that is being stopped.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable
from dataclasses import dataclass, field

from connectors.venue import Venue
from core.titles import product_title
from engine.accounts import Accounts
from engine.commands import Recover
from engine.core import Core
from engine.state import VenueId
from models import AskAccount, AskMoney, Key, Request


@dataclass(slots=True)
class Exchange:
    """Ask the engine: from now on `venue` (None: nobody) speaks for a product, with these symbols of the settings."""

    where: VenueId
    venue: Venue | None
    keys: tuple[Key, ...]
    answered: threading.Event = field(default_factory=threading.Event)
    withdrawn: bool = False              # nobody waits for it any more
    refusal: str = ""                    # why everything stays as it is; to be read once answered

    def answer(self, refusal: str) -> None:
        """Engine thread: done ("") or why not."""
        self.refusal = refusal
        self.answered.set()


class Products:
    """The venues, by product, and the symbols the settings name."""

    def __init__(self, core: Core, accounts: Accounts, configured: tuple[Key, ...]) -> None:
        self._core, self._accounts, self.configured = core, accounts, configured
        self._venues: dict[VenueId, Venue] = {}

    def attach(self, venues: Iterable[Venue]) -> None:
        """Before the engine starts."""
        self._venues = {(venue.market, venue.config.category): venue for venue in venues}

    def post(self, request: Request) -> None:
        """To the venue it is about."""
        where = (request.market, request.category) if isinstance(request, AskAccount | AskMoney) else (
            request.key.market, request.key.category)
        venue = self._venues.get(where)
        if venue is not None:
            venue.post(request)

    def watch(self, key: Key, on: bool) -> None:
        """A symbol was added in the window, or taken away."""
        venue = self._venues.get((key.market, key.category))
        if venue is not None:
            (venue.watch if on else venue.unwatch)(key)

    def recover(self, message: Recover) -> None:
        """F3."""
        for where, venue in self._venues.items():
            if message.is_about(*where):
                venue.reconnect()

    def exchange(self, asked: Exchange) -> str:
        """Put another venue in place; a sentence where that would leave orders or a position without anybody."""
        state, where = self._core.state, asked.where
        if state.database_problem:
            return f"the ledger cannot write: {state.database_problem}"
        leaving = [key for key in self.configured if key[:2] == where and key not in asked.keys
                   and key not in state.watched]
        if asked.venue is None:
            leaving = [key for key in state.configured if key[:2] == where]
        held = [key.symbol for key in leaving if state.position(key) or any(
            order.key == key and not order.status.is_terminal for order in state.orders.values())]
        if held:
            return (f"{product_title(*where)}: {', '.join(held)} has open orders or a position and stays in the "
                    "list; close them, then press F3")
        rest = tuple(key for key in self.configured if key[:2] != where)
        self.configured = (*rest, *asked.keys)
        if asked.venue is None:
            self._venues.pop(where, None)
            self._accounts.known.pop(where, None)
            self._core.forget_venue(where)
        else:
            self._venues[where] = asked.venue
            for key in state.watched:
                if key[:2] == where:
                    asked.venue.watch(key)
        self._core.configure(self.configured, state.watched)
        return ""
