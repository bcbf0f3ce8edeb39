"""Whose account it is: one name, one pair of keys and one position mode for all Binance products."""

from __future__ import annotations

import hashlib

from simulator.store import Store


def key_of(account: str, what: str) -> str:
    """The account's API key or secret: a function of its name, so nothing secret is ever stored."""
    return hashlib.sha256(f"bundled exchange {what} of {account}".encode()).hexdigest()


class Owner:
    """The account with keys; `fresh` opens the next one."""

    def __init__(self, store: Store, fresh: bool) -> None:
        self._store = store
        number = int(store.meta("account") or 0)
        if fresh or not number:
            number += 1
            store.remember("account", number)
        self.name = f"SIM-{number}"
        self.api_key = key_of(self.name, "key")
        self.api_secret = key_of(self.name, "secret")
        self.hedge = store.meta(f"hedge:{self.name}") == "1"  # shared by USD-M and COIN-M

    def set_hedge(self, hedge: bool) -> None:
        """Switch between one-way and hedge mode."""
        self.hedge = hedge
        self._store.remember(f"hedge:{self.name}", int(hedge))
