"""The trader: order requests, most urgent first, each sent once. Its thread owns the queue and a connection.

`resend_after` is the one place that decides whether a request may be sent again.
"""

from __future__ import annotations

import heapq
import logging
import queue
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from connectors.http import NotSent
from core.backoff import backoff
from core.clock import Clock
from core.errors import BadMessage, KeysRejected, Rejected, SilenceError, Throttled, VenueError
from core.worker import Worker
from models import Ack, AmendOrder, CancelOrder, OrderReport, Reject, Silence, SubmitOrder, Timings, VenueMessage

log = logging.getLogger(__name__)

OrderRequest = SubmitOrder | AmendOrder | CancelOrder
SLICE = 0.25          # longest wait without a look at the stop event


class Desk(Protocol):
    """What the trader needs of an exchange. Used on the trader's thread only."""

    def refusal(self, request: OrderRequest) -> str:
        """Why nothing may be sent now; "" when it may."""

    def turn(self, request: OrderRequest) -> float:
        """Book the cost and give 0, or the seconds to wait first."""

    def send(self, request: OrderRequest) -> OrderReport | None:
        """Send once. Raises the errors of `core.errors`, or `NotSent`."""

    def expires(self) -> int:
        """Venue's time in ms after which the last request cannot be accepted any more."""

    def before_resend(self, error: Throttled) -> None:
        """Put right what was refused, such as the clock. May raise a VenueError."""

    def reject(self, request: OrderRequest, error: VenueError) -> Reject:
        """The venue's no in our words."""


def resend_after(error: VenueError, sends: int, asked: float, now: float, within: float) -> float | None:
    """Seconds until a request may be sent again, or None: never.

    Only after proof that the venue refused to take it, once, and not later than `within` seconds after the asking.
    """
    if not isinstance(error, Throttled) or sends != 1:
        return None
    wait = error.retry_after or 0.0
    return wait if now + wait <= asked + within else None


def waits_without_limit(request: OrderRequest) -> bool:
    """Cancels and reduce-only orders lower the risk: they wait as long as it takes."""
    return isinstance(request, CancelOrder) or (isinstance(request, SubmitOrder) and request.reduce_only)


def urgency(request: OrderRequest) -> int:
    """Cancels first, then what reduces, then the rest."""
    if isinstance(request, CancelOrder):
        return 0
    return 1 if waits_without_limit(request) else 2


@dataclass(order=True, slots=True)
class _Waiting:
    urgency: int
    number: int
    request: OrderRequest
    sends: int = 0
    not_before: float = 0.0


class Trader:
    """Queue and thread. `post`, `stop` and `join` may be called from any thread."""

    def __init__(self, name: str, desk: Desk, sink: Callable[[VenueMessage], None], clock: Clock, timings: Timings,
                 on_death: Callable[[str, BaseException], None], at_end: Callable[[], None] = lambda: None) -> None:
        self._desk, self._sink, self._clock, self._timings = desk, sink, clock, timings
        self._at_end = at_end              # the last thing this thread does, on its connection
        self._inbox: queue.SimpleQueue[OrderRequest | None] = queue.SimpleQueue()  # unbounded: the engine counts orders
        self._waiting: list[_Waiting] = []
        self._number = 0
        self._no_line = backoff(timings.backoff_first / 5, timings.backoff_first * 2)
        self.worker = Worker(name, self._work, on_death)

    def post(self, request: OrderRequest) -> None:
        """Queue a request."""
        self._inbox.put(request)

    def stop(self) -> None:
        """Nothing more is sent; what waits is answered as not sent."""
        self.worker.stop()
        self._inbox.put(None)

    def _work(self, stop: threading.Event) -> None:
        pause = 0.0
        while not stop.is_set():
            self._take(pause)
            if stop.is_set():
                break
            self._refuse_late()
            pause = self._serve_first()
        self._take(0.0)
        for waiting in self._waiting:
            self._sink(Reject(waiting.request, 0, "not sent: the terminal is stopping", sent=False))
        self._at_end()

    def _take(self, pause: float) -> None:
        """Move the inbox into the heap; wait up to `pause` for the first."""
        try:
            request = self._inbox.get(timeout=min(pause, SLICE))
            while True:
                if request is not None:
                    self._number += 1
                    heapq.heappush(self._waiting, _Waiting(urgency(request), self._number, request))
                request = self._inbox.get_nowait()
        except queue.Empty:
            return

    def _refuse_late(self) -> None:
        now = self._clock.monotonic()
        late = [one for one in self._waiting
                if not waits_without_limit(one.request) and now - one.request.asked > self._timings.queue_limit]
        for one in late:
            self._remove(one)
            text = f"not sent: waited {now - one.request.asked:.2g} s" if one.sends == 0 \
                else "the exchange did not take it, and it could not be sent again in time"
            self._sink(Reject(one.request, 0, text, sent=one.sends > 0))

    def _serve_first(self) -> float:
        """Send the most urgent request that may go; seconds until the next look."""
        if not self._waiting:
            return SLICE
        now = self._clock.monotonic()
        ready = [one for one in self._waiting if one.not_before <= now]
        if not ready:
            return min(one.not_before for one in self._waiting) - now
        one = min(ready)
        refusal = self._desk.refusal(one.request)
        if refusal:
            self._remove(one)
            self._sink(Reject(one.request, 0, f"not sent: {refusal}", sent=False))
            return 0.0
        wait = self._desk.turn(one.request)
        if wait > 0:
            return wait
        self._remove(one)
        self._send(one)
        return 0.0

    def _remove(self, one: _Waiting) -> None:
        self._waiting.remove(one)
        heapq.heapify(self._waiting)

    def _send(self, one: _Waiting) -> None:
        begun = self._clock.monotonic()
        one.sends += 1
        try:
            report = self._desk.send(one.request)
        except NotSent as error:
            one.sends -= 1
            self._wait_for_line(one, error)
        except Throttled as error:
            self._refused_to_take(one, error)
        except (Rejected, KeysRejected) as error:
            self._sink(self._desk.reject(one.request, error))
        except (SilenceError, BadMessage) as error:
            self._sink(Silence(one.request, error.text, begun, self._desk.expires()))
        else:
            self._sink(Ack(one.request, report))

    def _wait_for_line(self, one: _Waiting, error: NotSent) -> None:
        """No byte left: the request goes back into the queue."""
        wait = next(self._no_line)
        log.info("no connection for a request: %s; again in %.1f s", error.text, wait)
        one.not_before = self._clock.monotonic() + wait
        heapq.heappush(self._waiting, one)

    def _refused_to_take(self, one: _Waiting, error: Throttled) -> None:
        now = self._clock.monotonic()
        wait = resend_after(error, one.sends, one.request.asked, now, self._timings.resend_within)
        if wait is None:
            self._sink(self._desk.reject(one.request, error))
            return
        try:
            self._desk.before_resend(error)
        except VenueError:
            self._sink(self._desk.reject(one.request, error))
            return
        one.not_before = now + wait
        heapq.heappush(self._waiting, one)
