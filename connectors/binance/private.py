"""The private stream: frames → the engine's sink, `VenueUp` when it stands, `VenueDown` when it is gone.

Runs on the connection's thread, so that `VenueUp` comes before the first message and `VenueDown` after the last.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

from connectors.binance import events
from connectors.binance.listen_key import ListenKey
from connectors.binance.parse import MARKET
from connectors.complaints import Complaints
from core.errors import BadMessage, KeysRejected
from models import Category, Notice, VenueDown, VenueMessage, VenueUp

log = logging.getLogger(__name__)


class PrivateFeed:
    """What the account's connection carries."""

    def __init__(self, category: Category, listen_key: ListenKey, sink: Callable[[VenueMessage], None],
                 up: Callable[[], VenueUp], account: Callable[[], str], on_keys: Callable[[KeysRejected], None],
                 complaints: Complaints) -> None:
        self._category, self._listen_key, self._sink = category, listen_key, sink
        self._up, self._account, self._on_keys, self._complaints = up, account, on_keys, complaints
        self._is_up = False
        self._end = ""

    def address(self) -> str:
        """A new key for each connection."""
        try:
            return self._listen_key.address()
        except KeysRejected as error:
            self._on_keys(error)
            raise

    def opened(self, send: Callable[[str], None]) -> None:
        """The engine may recover now; what comes meanwhile already flows to it."""
        self._is_up, self._end = True, ""
        self._sink(self._up())

    def frame(self, raw: bytes, now: float) -> None:
        """Facts and opinions into the sink."""
        try:
            messages = events.private(raw, self._category, self._account())
        except BadMessage as error:
            self._complaints.add(error.text, now)
            return
        if messages is None:
            self._complaints.add(f"an unknown event: {raw[:80]!r}", now)
            return
        for message in messages:
            if isinstance(message, events.KeyExpired):
                self._end = "the key of the private stream expired"
            elif isinstance(message, events.MarginCall):
                self._sink(Notice(MARKET, f"margin call: {', '.join(message.symbols)}", "warning"))
            else:
                self._sink(message)

    def flush(self, now: float) -> None:
        """Nothing is held back here."""

    def tick(self, now: float) -> str:
        """An expired key ends the connection."""
        return self._end

    def take(self, message: Any) -> None:
        """A reason to connect anew, from the keeper."""
        self._end = str(message)

    def paused(self) -> None:
        """Frames wait in the socket: nothing is lost."""

    def closed(self, text: str) -> None:
        """Once for each `VenueUp`."""
        if self._is_up:
            self._is_up = False
            self._sink(VenueDown(MARKET, self._category, text))
