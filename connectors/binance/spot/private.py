"""Spot's private stream by the WebSocket API: one signed subscription for each connection (binance.md section 6).

Runs on the connection's thread. `VenueUp` when the subscription is granted; what comes before is told after it. An
ended subscription or a refusal ends the connection, and the next one subscribes anew: the engine then asks what it
missed. Before the 24 hours are over or a shutdown that is announced, the next one is there already.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from connectors.binance import auth
from connectors.binance.errors import is_clock
from connectors.binance.parse import MARKET
from connectors.binance.rest import Rest
from connectors.binance.spot import events as spot_events
from connectors.complaints import Complaints
from connectors.http import Answer, Call, Rank
from connectors.line import Renew
from connectors.reading import beginning
from connectors.timesync import TimeSync
from core.clock import Clock
from core.errors import BadMessage, KeysRejected, Throttled, VenueError
from core.secrets import Credentials
from models import Category, MoneyMoved, Movement, Timings, VenueDown, VenueMessage, VenueUp

_COST = Call("GET", "/ws-api/v3", weight=4, rank=Rank.ORDER)     # handshake and subscription


class Subscriber:
    """Where to connect and what to ask there. Used on the private connection's thread."""

    def __init__(self, rest: Rest, address: str, credentials: Credentials | None, sync: TimeSync,
                 read_clock: Callable[[Rest], None]) -> None:
        self._rest, self._address, self._credentials, self._sync = rest, address, credentials, sync
        self._read_clock = read_clock
        self._is_clock_wrong = False

    def address(self) -> str:
        """Where to connect. Raises a VenueError; the caller tries again with backoff."""
        wait = self._rest.turn(_COST)
        if wait > 0:
            raise Throttled(MARKET, f"the request budget is used up for {wait:.0f} s", retry_after=wait)
        if self._is_clock_wrong:
            self._read_clock(self._rest)
            self._is_clock_wrong = False
        return self._address

    def request(self) -> str:
        """The signed subscription."""
        if self._credentials is None:
            raise KeysRejected(MARKET, "no API key is set")
        params = auth.socket_params(self._credentials, self._sync.now_ms(), self._rest.recv_window_ms)
        return json.dumps({"id": "account", "method": "userDataStream.subscribe.signature", "params": params})

    def refused(self, status: int, body: bytes) -> str:
        """Why the subscription was refused. Raises KeysRejected when the key was."""
        error = self._rest.judge(Answer(status, {}, body, 0.0))
        if isinstance(error, KeysRejected):
            raise error
        if error is not None and is_clock(error):
            self._is_clock_wrong = True
        return f"the exchange refuses the account's stream: {error.text if error else beginning(body)}"


class Grant:
    """The subscription of a connection that takes over."""

    def __init__(self, subscriber: Subscriber) -> None:
        self._subscriber = subscriber
        self.is_done = False

    def takes(self, raw: bytes) -> bool:
        """The answer; everything else is an event."""
        for event in spot_events.private(raw, "") or ():
            if isinstance(event, spot_events.Answered):
                if event.error is not None or event.status != 200:
                    raise VenueError(MARKET, self._subscriber.refused(event.status, event.error or b""))
                self.is_done = True
                return True
        return False


class SpotFeed:
    """What the account's connection carries."""

    def __init__(self, subscriber: Subscriber, sink: Callable[[VenueMessage], None], up: Callable[[], VenueUp],
                 account: Callable[[], str], on_keys: Callable[[KeysRejected], None],
                 on_balance: Callable[[], None], clock: Clock, timings: Timings, complaints: Complaints,
                 has_history: bool) -> None:
        self._subscriber, self._sink, self._up, self._account = subscriber, sink, up, account
        self._on_keys, self._on_balance = on_keys, on_balance
        self._clock, self._timings, self._complaints = clock, timings, complaints
        self._has_history = has_history
        self._is_up = False
        self._opened_at = 0.0
        self._early: list[VenueMessage] = []
        self._end = ""

    def address(self) -> str:
        """Where to connect."""
        return self._subscriber.address()

    def opened(self, send: Callable[[str], None]) -> None:
        """Each connection begins with a subscription."""
        self._is_up, self._end, self._early, self._opened_at = False, "", [], self._clock.monotonic()
        send(self._subscriber.request())

    def renewed(self, send: Callable[[str], None]) -> Grant:
        """Another connection takes over once it is subscribed."""
        send(self._subscriber.request())
        return Grant(self._subscriber)

    def frame(self, raw: bytes, now: float) -> None:
        """Facts and opinions into the sink."""
        try:
            events = spot_events.private(raw, self._account())
        except BadMessage as error:
            self._complaints.add(error.text, now)
            return
        if events is None:
            self._complaints.add(f"an unknown event: {beginning(raw)}", now)
            return
        for event in events:
            self._take(event)

    def flush(self, now: float) -> None:
        """Nothing is held back here."""

    def tick(self, now: float) -> str:
        """Why the connection should end; before a shutdown another one is made."""
        if not self._is_up and now - self._opened_at > self._timings.answer:
            return "the account's stream was not granted in time"
        reason = self._end
        if isinstance(reason, Renew):
            self._end = ""
        return reason

    def take(self, message: Any) -> None:
        """A reason to connect anew."""
        self._end = str(message)

    def paused(self) -> None:
        """Frames wait in the socket: nothing is lost."""

    def closed(self, text: str) -> None:
        """Once for each `VenueUp`."""
        if self._is_up:
            self._is_up = False
            self._sink(VenueDown(MARKET, Category.SPOT, text))

    def _take(self, event: spot_events.Event) -> None:
        match event:
            case spot_events.Ended(text):
                self._end = text
            case spot_events.BalanceMoved(movement):
                self._on_balance()
                if movement is not None:
                    self._moved(movement)
            case spot_events.Answered(status, error):
                self._answered(status, error)
            case _ if self._is_up:
                self._sink(event)
            case _:
                self._early.append(event)

    def _moved(self, movement: Movement) -> None:
        """The fact itself where no history tells it, else a hint to ask there."""
        told: VenueMessage = movement
        if self._has_history:
            text = f"{movement.currency} {movement.amount:+f} outside of trades"
            told = MoneyMoved(MARKET, Category.SPOT, text)
        if self._is_up:
            self._sink(told)
        else:
            self._early.append(told)

    def _answered(self, status: int, error: bytes | None) -> None:
        if error is None and status == 200:
            if not self._is_up:
                self._is_up = True
                self._sink(self._up())
                for message in self._early:
                    self._sink(message)
                self._early = []
            return
        try:
            self._end = self._subscriber.refused(status, error or b"")
        except KeysRejected as refusal:
            self._end = refusal.text
            self._on_keys(refusal)
