"""The private connection: tables → the engine's sink, `VenueUp` when all are granted, `VenueDown` when it is gone.

Runs on the connection's thread. What the tables say before the last of them is granted is kept and told after
`VenueUp`: a fill between the engine's question and a later grant cannot be missed.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from connectors.bitmex import auth, stream
from connectors.bitmex.auth import MARKET
from connectors.bitmex.contracts import Contracts
from connectors.bitmex.events import Tables
from connectors.bitmex.rest import Endpoints, Rest, expires
from connectors.complaints import Complaints
from connectors.http import Rank
from connectors.reading import beginning
from connectors.timesync import TimeSync
from core.clock import Clock
from core.errors import BadMessage, KeysRejected, Throttled
from core.numbers import printable
from core.secrets import Credentials
from models import Category, Timings, VenueDown, VenueMessage, VenueUp


class Doorkeeper:
    """Proves the key before each connection and signs its handshake. Used on the private connection's thread."""

    def __init__(self, rest: Rest, calls: Endpoints, address: str, credentials: Credentials | None, sync: TimeSync,
                 life: float, read_clock: Callable[[Rest], None]) -> None:
        self._rest, self._calls, self._address, self._credentials = rest, calls, address, credentials
        self._sync, self._life, self._read_clock = sync, life, read_clock

    def address(self) -> str:
        """Where to connect, once a signed question was answered: a bad key is learnt here and not from a handshake.

        Raises a VenueError; the caller tries again with backoff.
        """
        call = self._calls.margin(Rank.ORDER)
        wait = self._rest.turn(call)
        if wait > 0:
            raise Throttled(MARKET, f"the request budget is used up for {wait:.0f} s", retry_after=wait)
        try:
            self._rest.send(call)
        except Throttled:
            self._read_clock(self._rest)      # most likely our time was refused; if not, that fails too
            raise
        return auth.socket_of(self._address)

    def headers(self) -> list[str]:
        """The signed headers of one handshake."""
        return [] if self._credentials is None else auth.of_socket(self._credentials,
                                                                   expires(self._sync, self._life))


class PrivateFeed:
    """What the account's connection carries."""

    def __init__(self, category: Category, door: Doorkeeper, sink: Callable[[VenueMessage], None],
                 up: Callable[[], VenueUp], account: Callable[[], str], contracts: Callable[[], Contracts],
                 on_keys: Callable[[KeysRejected], None], clock: Clock, timings: Timings,
                 complaints: Complaints) -> None:
        self._category, self._door, self._sink, self._up = category, door, sink, up
        self._on_keys, self._clock, self._timings, self._complaints = on_keys, clock, timings, complaints
        self.tables = Tables(category, account, contracts, lambda text: complaints.add(text, clock.monotonic()))
        self._missing: set[str] = set()
        self._early: list[VenueMessage] = []
        self._is_up = False
        self._opened_at = 0.0
        self._end = ""

    def address(self) -> str:
        """The key is proven first."""
        try:
            return self._door.address()
        except KeysRejected as error:
            self._on_keys(error)
            raise

    def opened(self, send: Callable[[str], None]) -> None:
        """The handshake was signed: the tables are asked for."""
        self._end, self._is_up, self._opened_at = "", False, self._clock.monotonic()
        self._missing, self._early = set(stream.PRIVATE), []
        self.tables.forget()
        send(stream.by_topic(list(stream.PRIVATE), True))

    def renewed(self, send: Callable[[str], None]) -> stream.Partials:
        """Another connection takes over once all tables have begun on it."""
        send(stream.by_topic(list(stream.PRIVATE), True))
        return stream.Partials(stream.PRIVATE)

    def frame(self, raw: bytes, now: float) -> None:
        """Facts and opinions into the sink."""
        try:
            messages = self.tables.messages(raw, now) if raw.startswith(b'{"table"') else self._other(raw)
        except BadMessage as error:
            self._complaints.add(error.text, now)
            return
        if messages is None:
            self._complaints.add(f"an unknown message: {beginning(raw)}", now)
            return
        self._tell(messages)

    def _tell(self, messages: list[VenueMessage]) -> None:
        if not self._is_up:
            self._early += messages
            return
        for message in messages:
            self._sink(message)

    def _other(self, raw: bytes) -> list[VenueMessage] | None:
        """Welcome, grants and refusals."""
        try:
            word = stream.read_word(raw)
        except (msgspec.DecodeError, RecursionError, ValueError):
            raise BadMessage(MARKET, f"not a message: {beginning(raw)}") from None
        if word.error:
            self._end = f"the exchange refuses the account's tables: {printable(word.error, 120)}"
        elif word.subscribe:
            self._missing.discard(word.subscribe.partition(":")[0])
            if not self._missing and not self._is_up:
                self._is_up = True
                self._sink(self._up())
                early, self._early = self._early, []
                return early
        elif not (word.info or word.success):
            return None
        return []

    def flush(self, now: float) -> None:
        """Nothing is held back here but for `tick`."""

    def tick(self, now: float) -> str:
        """A refused table or one that is not granted in time ends the connection."""
        self._tell(self.tables.due(now))
        if self._missing and now - self._opened_at > self._timings.silence_private:
            return f"not granted in time: {', '.join(sorted(self._missing))}"
        return self._end

    def take(self, message: Any) -> None:
        """A reason to connect anew."""
        self._end = str(message)

    def paused(self) -> None:
        """Frames wait in the socket: nothing is lost."""

    def closed(self, text: str) -> None:
        """Once for each `VenueUp`."""
        if self._is_up:
            self._is_up = False
            self._sink(VenueDown(MARKET, self._category, text))
