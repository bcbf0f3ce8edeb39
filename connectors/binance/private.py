"""The private stream: frames → the engine's sink, `VenueUp` when it stands, `VenueDown` when it is gone.

Runs on the connection's thread, so that `VenueUp` comes before the first message and `VenueDown` after the last.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from connectors.binance import conditional as algo
from connectors.binance import events
from connectors.binance.conditional import Algo
from connectors.binance.feed import SHUTDOWN
from connectors.binance.listen_key import ListenKey
from connectors.binance.parse import MARKET
from connectors.binance.triggered import Triggered
from connectors.complaints import Complaints
from connectors.line import Renew, Said
from core.errors import BadMessage, KeysRejected
from models import Category, Execution, Notice, OrderReport, VenueDown, VenueMessage, VenueUp

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Joined:
    """The venue was asked what a plain order came of: `Triggered` knows it now, or nobody does."""

    symbol: str
    order_id: str


class PrivateFeed:
    """What the account's connection carries."""

    def __init__(self, category: Category, listen_key: ListenKey, sink: Callable[[VenueMessage], None],
                 up: Callable[[], VenueUp], account: Callable[[], str], on_keys: Callable[[KeysRejected], None],
                 complaints: Complaints, triggered: Triggered, ask_join: Callable[[str, str], None]) -> None:
        self._category, self._listen_key, self._sink = category, listen_key, sink
        self._up, self._account, self._on_keys, self._complaints = up, account, on_keys, complaints
        self._triggered, self._ask_join = triggered, ask_join
        self._held: dict[tuple[str, str], list[OrderReport | Execution]] = {}   # of orders whose client id is not known
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
            if isinstance(message, events.Shutdown):
                self._end = SHUTDOWN
            elif isinstance(message, events.KeyExpired):
                self._end = "the key of the private stream expired"
            elif isinstance(message, Algo):
                self._conditional(message)
            elif isinstance(message, events.OfConditional):
                self._of_conditional(message)
            elif isinstance(message, events.MarginCall):
                self._sink(Notice(MARKET, f"margin call: {', '.join(message.symbols)}", "warning"))
            else:
                self._sink(message)

    def _conditional(self, told: Algo) -> None:
        """A conditional order: what its plain order has told already belongs to it."""
        self._triggered.add(told)
        report = algo.report(told)
        if report is not None:
            self._sink(report)
        self._release(told.key.symbol, told.actual_id)

    def _of_conditional(self, message: events.OfConditional) -> None:
        """A plain order that was a conditional one. The order of both kinds of events is not promised (binance.md
        9.4): while it is not known which one it was, nothing is told, and the venue is asked."""
        key = (message.symbol, message.order_id)
        if self._triggered.name(*key) is not None:
            self._tell(message.told)
            return
        if key not in self._held:
            self._ask_join(*key)
        self._held.setdefault(key, []).extend(message.told)

    def _release(self, symbol: str, order_id: str) -> None:
        self._tell(self._held.pop((symbol, order_id), ()))

    def _tell(self, told: Iterable[OrderReport | Execution]) -> None:
        for one in told:
            self._sink(self._triggered.named(one))

    def flush(self, now: float) -> None:
        """Nothing is held back here."""

    def tick(self, now: float) -> str:
        """An expired key ends the connection; before a shutdown another one is made."""
        reason = self._end
        if isinstance(reason, Renew):
            self._end = ""
        return reason

    def renewed(self, send: Callable[[str], None]) -> Said:
        """Another connection takes over; its address holds the key, and nothing else is to be said."""
        return Said()

    def take(self, message: Any) -> None:
        """A reason to connect anew, or an answer about an order that was asked for, from the keeper."""
        if isinstance(message, Joined):
            self._release(message.symbol, message.order_id)
        else:
            self._end = str(message)

    def paused(self) -> None:
        """Frames wait in the socket: nothing is lost."""

    def closed(self, text: str) -> None:
        """Once for each `VenueUp`."""
        self._held.clear()       # the history that is read after each `VenueUp` knows the client ids
        if self._is_up:
            self._is_up = False
            self._sink(VenueDown(MARKET, self._category, text))
