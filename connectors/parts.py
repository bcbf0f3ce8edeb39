"""The parts every product is made of, as `connectors.product` uses them; each exchange's folder has its own."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from connectors.asker import Question
from connectors.http import Call, Client
from connectors.stream import Stream
from models import AskAccount, AskHistory, AskMoney, AskOrder, Key


class Rest(Protocol):
    """A line to the exchange, owned by one thread."""

    client: Client
    latency_ms: float | None

    def turn(self, call: Call) -> float:
        """Book the call's cost and give 0, or the seconds to wait first."""

    def send(self, call: Call) -> bytes:
        """The body of a good answer, or an error."""


class Pool(Protocol):
    """The public connections. Used on the loader's thread; `streams` is replaced whole."""

    @property
    def streams(self) -> Sequence[Stream]:
        """All of them."""

    def watch(self, key: Key) -> None:
        """Stream a symbol."""

    def unwatch(self, key: Key) -> None:
        """End its streams."""

    def want_candles(self, key: Key, timeframe: str) -> None:
        """Stream candles of a watched symbol."""

    def restart(self) -> None:
        """Close all and connect anew."""

    def stop(self) -> None:
        """End all threads."""


class Questions(Protocol):
    """What may be asked about the account."""

    def order(self, request: AskOrder) -> Question:
        """What became of an order."""

    def account(self, request: AskAccount) -> Question:
        """Open orders, positions and balances."""

    def history(self, request: AskHistory) -> Question:
        """All fills of an instrument since a time."""

    def money(self, request: AskMoney) -> Question:
        """Fundings and movements of the account since a time."""
