"""One websocket on its own thread: connect, hand over frames, ping, watch silence, reconnect. Only file that knows it.

The thread owns the socket and its feed; others reach them by `post`, `restart`, `hold` and `release`.
"""

from __future__ import annotations

import logging
import math
import queue
import random
import socket
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Protocol
from urllib.parse import urlsplit

import websocket
from websocket import ABNF, WebSocketException, WebSocketTimeoutException

from connectors.http import tls_context
from connectors.line import Greeting, Line, Renew, greet
from connectors.pace import Pace
from connectors.reader import LARGEST_FRAME, Limited, Reader, plain
from core.backoff import backoff
from core.clock import Clock
from core.errors import KeysRejected, VenueError
from core.hosts import is_loopback
from core.worker import Worker
from models import Timings

log = logging.getLogger(__name__)

MOST_OVERLAP = 2.0            # seconds for which an old and a new connection are both open
SEND_SPACING = 0.2            # at most five messages a second (binance.md 7: five; futures ten)
_OWN_PING = b"b"
_PROOF = b"still there"       # its answer proves that the old connection was there when the next one was ready
_TEXT_PING, _TEXT_PONG = "ping", b"pong"      # of venues whose heartbeat is an ordinary text frame


class Feed(Protocol):
    """What a connection carries. All methods are called on the connection's thread."""

    def address(self) -> str:
        """Where to connect. May raise a VenueError, then it is asked again after a wait."""

    def opened(self, send: Callable[[str], None]) -> None:
        """The connection stands; `send` queues a text message."""

    def frame(self, raw: bytes, now: float) -> None:
        """One text frame. Never raises."""

    def flush(self, now: float) -> None:
        """Nothing more has come in for the moment: publish what the last frames changed. Never raises."""

    def tick(self, now: float) -> str:
        """Called some times a second; a text when the connection should be built anew."""

    def take(self, message: Any) -> None:
        """A message from another thread; also while there is no connection."""

    def paused(self) -> None:
        """This thread did not run for a while: what it shows may be old."""

    def closed(self, text: str) -> None:
        """The connection is gone, or could not be made."""


@dataclass(frozen=True, slots=True)
class StreamStatus:
    """A connection seen from outside; replaced whole by its thread."""

    is_open: bool = False
    opens: int = 0
    attempt: int = 0
    retry_at: float | None = None
    text: str = ""
    keys_refused: bool = False
    renewals: int = 0


Renewed = Callable[[Callable[[str], None]], Greeting | None]


class Stream:
    """A connection that is kept up. `headers` are made for each connection, beside the handshake's own.

    `renewed`: before the exchange's 24 hours are over, or when it says that it will close, another connection is made
    first; `renewed` says on it what its address does not ask for, and may give what has to be answered before the
    takeover. `pace` spaces these among the streams of a host. For a while both carry the same: what the old one has
    brought is not taken again, so that nothing is missed and nothing comes twice. Without `renewed` the connection is
    simply made anew.
    """

    def __init__(self, name: str, feed: Feed, clock: Clock, timings: Timings, silence: float,
                 on_death: Callable[[str, BaseException], None], held: bool = False,
                 headers: Callable[[], list[str]] = list, text_ping: bool = False,
                 renewed: Renewed | None = None, pace: Pace | None = None) -> None:
        self.status = StreamStatus()
        self.last_data: float | None = None     # monotonic; written by the thread only
        self._feed, self._clock, self._timings, self._silence = feed, clock, timings, silence
        self._inbox: queue.SimpleQueue[Any] = queue.SimpleQueue()   # unbounded: snapshots and subscriptions only
        self._outbox: deque[str] = deque()
        self._wake = threading.Event()
        self._headers, self._text_ping = headers, text_ping
        self._held, self._restart = held, False
        self._socket: socket.socket | None = None
        self._renewed, self._pace = renewed, pace or Pace()
        self._host = ""                 # of the connection that stands
        self._now: Line             # set before it is read
        self._next: Line | None = None
        self._seen: set[bytes] | None = None     # frames of the old connection while another one takes over
        self._until = 0.0           # so long the new one may repeat them
        self._due = 0.0             # when another one is made
        self._slice = min(0.25, max(0.02, silence / 20))
        self._overlap = min(MOST_OVERLAP, timings.silence_book * 0.4)
        self._pause_bound = max(1.0, timings.silence_book / 2)
        self.worker = Worker(name, self._work, on_death)

    # ------------------------------------------------------------ from any thread

    def post(self, message: Any) -> None:
        """Hand a message to the feed."""
        self._inbox.put(message)
        self._wake.set()

    def restart(self) -> None:
        """Close and connect anew at once."""
        self._restart = True
        self._cut()

    def hold(self) -> None:
        """Close and stay closed until `release`."""
        self._held = True
        self._cut()

    def release(self) -> None:
        """Connect again."""
        self._held = False
        self._wake.set()

    def stop(self) -> None:
        """End the thread."""
        self.worker.stop()
        self._cut()

    def _cut(self) -> None:
        self._wake.set()
        sock = self._socket
        if sock is not None:
            try:
                sock.shutdown(socket.SHUT_RDWR)
            except OSError:
                return

    # ------------------------------------------------------------ the thread

    def _work(self, stop: threading.Event) -> None:
        waits, attempt = backoff(self._timings.backoff_first, self._timings.backoff_max), 0
        while not stop.is_set():
            if self._held:
                self._rest(stop, None)
                continue
            self._restart = False
            begun = self._clock.monotonic()
            text, keys_refused = self._live_once(stop)
            if stop.is_set():
                break
            if keys_refused:
                self._held = True
            opened = self.status.is_open
            self._feed.closed(text)
            if opened and self._clock.monotonic() - begun > self._timings.silence_book:
                waits, attempt = backoff(self._timings.backoff_first, self._timings.backoff_max), 0
            attempt += 1
            wait = 0.0 if self._restart else next(waits)
            retry_at = None if self._held else self._clock.monotonic() + wait
            self.status = StreamStatus(False, self.status.opens, attempt, retry_at, text, keys_refused,
                                       self.status.renewals)
            log.info("%s: %s; attempt %d in %.1f s", self.worker.name, text, attempt, wait)
            if retry_at is not None:
                self._rest(stop, retry_at)
        if self.status.is_open:
            self._feed.closed("stopped")
        self.status = StreamStatus(False, self.status.opens, text="stopped")

    def _rest(self, stop: threading.Event, until: float | None) -> None:
        """Wait without a connection; messages are still taken."""
        while not stop.is_set() and not self._restart:
            left = self._slice if until is None else until - self._clock.monotonic()
            if left <= 0 or (until is None) != self._held:
                return
            self._wake.wait(min(left, 0.25))
            self._wake.clear()
            self._drain()

    def _drain(self) -> None:
        try:
            while True:
                self._feed.take(self._inbox.get_nowait())
        except queue.Empty:
            return

    def _live_once(self, stop: threading.Event) -> tuple[str, bool]:
        """One connection from its making to its end: why it ended, and whether the keys were refused."""
        self._drain()
        try:
            address = self._feed.address()
            self._host = urlsplit(address).netloc
            self._pace.note(self._host, self._clock.monotonic())
            self._now = self._connect(address)
        except KeysRejected as error:
            return error.text, True
        except VenueError as error:
            return error.text, False
        except (WebSocketException, OSError, ValueError) as error:
            return plain(error), False
        finally:
            if stop.is_set() or self._held:
                self._cut()
        try:
            self._outbox.clear()
            self.status = StreamStatus(True, self.status.opens + 1, renewals=self.status.renewals)
            self._feed.opened(self._outbox.append)
            return self._pump(stop), False
        except (WebSocketException, OSError) as error:
            return plain(error), False
        finally:
            self._socket = None
            self._now.line.shutdown()  # type: ignore[no-untyped-call]
            if self._next is not None:
                self._next.line.shutdown()  # type: ignore[no-untyped-call]
                self._next = None

    def _connect(self, url: str) -> Line:
        parts = urlsplit(url)
        host, secure = parts.hostname or "", parts.scheme == "wss"
        if not secure and not (parts.scheme == "ws" and is_loopback(host)):
            raise VenueError("", "only wss addresses are used (ws for this computer only)")
        sock = self._dial(host, parts.port or (443 if secure else 80))
        try:
            if secure:
                sock = self._socket = tls_context().wrap_socket(sock, server_hostname=host)
            line = websocket.WebSocket(skip_utf8_validation=True)
            line.settimeout(self._timings.connect)
            line.connect(url, socket=sock, redirect_limit=0, suppress_origin=True,  # type: ignore[no-untyped-call]
                         header=self._headers())
            reader = Reader(sock)
            line.frame_buffer = frames = Limited(reader.read, True)
            sock.settimeout(self._slice)
        except BaseException:
            sock.close()
            raise
        return Line(line, reader, frames)

    def _dial(self, host: str, port: int) -> socket.socket:
        """A TCP connection; the socket is known to `stop` while it is being made."""
        failure: OSError = OSError("no address")
        for family, kind, proto, _, address in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM):
            sock = self._socket = socket.socket(family, kind, proto)
            sock.settimeout(self._timings.connect)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            try:
                sock.connect(address)
                return sock
            except OSError as error:
                sock.close()
                failure = error
        raise failure

    def _pump(self, stop: threading.Event) -> str:
        """Read until something ends it; gives the reason."""
        clock, feed, inbox = self._clock.monotonic, self._feed, self._inbox
        heard = last_pass = next_tick = next_ping = next_send = clock()
        self._due = heard + self._timings.day_cut * (random.uniform(0.95, 1.0) if self._renewed else 1.0)
        parts: list[bytes] = []
        is_between = True      # the library is not in the middle of a frame
        while not stop.is_set() and not self._held and not self._restart:
            now = clock()
            if not inbox.empty():
                self._drain()
            if now >= next_tick:
                if now - last_pass > self._pause_bound:
                    feed.paused()
                    heard = now
                next_tick = now + self._slice
                feed.flush(now)
                reason = feed.tick(now)
                if isinstance(reason, Renew) and self._renewed:
                    log.info("%s: %s", self.worker.name, reason)
                    self._due = now
                elif reason:
                    return reason
                if now - heard > self._silence:
                    return f"no frame for {self._silence:.3g} s"
                if now > self._due and not self._renewed:
                    return "renewed before the exchange's 24 hours"
                if self._renewal(now, stop, is_quiet=not parts):
                    heard, is_between = clock(), True
                if now >= next_ping:
                    line = self._now.line
                    line.send(_TEXT_PING) if self._text_ping else line.ping(_OWN_PING)
                    next_ping = now + self._silence / 3
                if self._outbox and now >= next_send:
                    self._now.line.send(self._outbox.popleft())
                    next_send = now + SEND_SPACING
            last_pass = now
            line, reader = self._now.line, self._now.reader
            try:
                text = reader.text() if is_between else None
                if text is None:
                    is_between = False
                    frame = line.recv_frame()  # type: ignore[no-untyped-call]
                    is_between = True
                    if frame.opcode == ABNF.OPCODE_TEXT and frame.fin:
                        text = frame.data
            except WebSocketTimeoutException:
                continue
            except (WebSocketException, OSError):
                if self._next is None or not self._next.may_take_over:
                    raise
                self._take_over(clock())     # the old one ended early: what it would have said waits in the new one
                is_between = True
                parts.clear()
                continue
            heard = now = clock()
            if text == _TEXT_PONG or (text is not None and self._seen is not None and self._is_known(text, now)):
                continue
            if text is not None:
                self.last_data = now
                feed.frame(text, now)
                if reader.is_drained:
                    feed.flush(now)
            else:
                self._other(line, frame, parts, now)
        return "reconnecting" if self._restart else "closed by us"

    # ------------------------------------------------------------ another connection before this one ends

    def _renewal(self, now: float, stop: threading.Event, is_quiet: bool) -> bool:
        """Make the next connection when it is due, and let it take over after a while; whether it did just now."""
        if self._next is None:
            renewed, window = self._renewed, self._timings.connections
            if renewed is not None and now > self._due and self._pace.claim(self._host, self._due, now, window):
                self._prepare(renewed, now, stop)
            return False
        if self._next.outbox:
            self._next.line.send(self._next.outbox.popleft())
            self._next.until = max(self._next.until, now + self._overlap)
        # What the old one has brought and is not read yet came before the new one was there, maybe.
        is_read = is_quiet and self._now.reader.is_drained and self._now.frames.is_between
        is_late = now > self._next.until + self._timings.silence_book
        if now < self._next.until or not (is_read or is_late):
            return False
        if not self._next.may_take_over:
            if is_late:
                raise WebSocketException("the connection did not answer while another one was made")
            return False
        self._take_over(now)
        return True

    def _prepare(self, renewed: Renewed, now: float, stop: threading.Event) -> None:
        """Make the next connection and greet on it. What the old one brings meanwhile waits in its socket."""
        made: Line | None = None
        clock, end = self._clock.monotonic, now + self._timings.answer
        try:
            made = self._connect(self._feed.address())
            made.greeting = renewed(made.outbox.append)
            if made.greeting is not None:
                greet(made, made.greeting, lambda: stop.is_set() or self._held or self._restart or clock() > end)
                self._now.line.ping(_PROOF)
        except (VenueError, WebSocketException, OSError, ValueError) as error:
            reason = error.text if isinstance(error, VenueError) else plain(error)
            log.info("%s: no second connection yet: %s", self.worker.name, reason)
            self._due = now + self._timings.backoff_max
            if made is not None:
                made.line.shutdown()  # type: ignore[no-untyped-call]
            return
        made.until = clock() + self._overlap
        self._next, self._seen, self._until = made, set(), math.inf

    def _take_over(self, now: float) -> None:
        """The next connection is the one that is read from now on."""
        assert self._next is not None
        self._now.line.shutdown()  # type: ignore[no-untyped-call]
        self._now, self._next = self._next, None
        self._until = now + self._overlap * 2
        self._due = now + self._timings.day_cut * random.uniform(0.95, 1.0)
        self.status = replace(self.status, renewals=self.status.renewals + 1)
        log.info("%s: another connection has taken over", self.worker.name)
        for text in self._now.early:
            if not self._is_known(text, now):
                self._feed.frame(text, now)
        self._now.early.clear()

    def _is_known(self, text: bytes, now: float) -> bool:
        """Whether the old connection brought this frame already. Until the new one takes over all are remembered."""
        assert self._seen is not None
        if self._next is not None:
            self._seen.add(text)
            return False
        if now > self._until:
            self._seen = None
            return False
        if text in self._seen:
            self._seen.remove(text)
            return True
        return False

    def _other(self, line: websocket.WebSocket, frame: Any, parts: list[bytes], now: float) -> None:
        """Control frames and messages in several frames."""
        if frame.opcode == ABNF.OPCODE_PING:
            line.pong(frame.data)
        elif frame.opcode == ABNF.OPCODE_PONG and frame.data == _PROOF and self._next is not None:
            self._next.is_proven = True
        elif frame.opcode == ABNF.OPCODE_CLOSE:
            code = int.from_bytes(frame.data[:2], "big") if len(frame.data) >= 2 else 1005
            raise WebSocketException(f"closed by the exchange ({code})")
        elif frame.opcode in (ABNF.OPCODE_TEXT, ABNF.OPCODE_CONT):
            parts.append(frame.data)
            if sum(map(len, parts)) > LARGEST_FRAME:
                raise WebSocketException("a message of more than 8 MB")
            if frame.fin:
                whole = b"".join(parts)
                parts.clear()
                self.last_data = now
                self._feed.frame(whole, now)
        elif frame.opcode == ABNF.OPCODE_BINARY:
            raise WebSocketException("a binary message, which the exchange never sends")
