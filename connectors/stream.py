"""One websocket on its own thread: connect, hand over frames, ping, watch silence, reconnect. Only file that knows it.

The thread owns the socket and its feed; others reach them by `post`, `restart`, `hold` and `release`.
"""

from __future__ import annotations

import logging
import queue
import socket
import ssl
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol
from urllib.parse import urlsplit

import websocket
from websocket import ABNF, WebSocketException, WebSocketTimeoutException

from connectors.http import tls_context
from core.backoff import backoff
from core.clock import Clock
from core.errors import KeysRejected, VenueError
from core.hosts import is_loopback
from core.worker import Worker
from models import Timings

log = logging.getLogger(__name__)

LARGEST_FRAME = 8 * 1024 * 1024
SEND_SPACING = 0.2            # at most five messages a second (binance.md 7: five; futures ten)
_BUFFER = 65_536
_OWN_PING = b"b"
_TEXT_PING, _TEXT_PONG = "ping", b"pong"      # of venues whose heartbeat is an ordinary text frame
_WHOLE_TEXT = 0x81            # first byte of a text frame that is a whole message, without extensions (RFC 6455, 5.2)
_TWO_BYTES = 126              # as length: the length follows in two bytes


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


class _Limited(websocket._abnf.frame_buffer):
    """Refuses a frame by its length before reading it."""

    def recv_length(self) -> None:
        super().recv_length()
        if (self.length or 0) > LARGEST_FRAME:
            raise WebSocketException(f"a frame of {self.length} bytes (8 MB are allowed)")


class Stream:
    """A connection that is kept up. `headers` are made for each connection, beside the handshake's own."""

    def __init__(self, name: str, feed: Feed, clock: Clock, timings: Timings, silence: float,
                 on_death: Callable[[str, BaseException], None], held: bool = False,
                 headers: Callable[[], list[str]] = list, text_ping: bool = False) -> None:
        self.status = StreamStatus()
        self.last_data: float | None = None     # monotonic; written by the thread only
        self._feed, self._clock, self._timings, self._silence = feed, clock, timings, silence
        self._inbox: queue.SimpleQueue[Any] = queue.SimpleQueue()   # unbounded: snapshots and subscriptions only
        self._outbox: deque[str] = deque()
        self._wake = threading.Event()
        self._headers, self._text_ping = headers, text_ping
        self._held, self._restart = held, False
        self._socket: socket.socket | None = None
        self._reader: _Reader | None = None
        self._slice = min(0.25, max(0.02, silence / 20))
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
            self.status = StreamStatus(False, self.status.opens, attempt, retry_at, text, keys_refused)
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
            line = self._connect(self._feed.address())
        except KeysRejected as error:
            return error.text, True
        except VenueError as error:
            return error.text, False
        except (WebSocketException, OSError, ValueError) as error:
            return _plain(error), False
        finally:
            if stop.is_set() or self._held:
                self._cut()
        try:
            self._outbox.clear()
            self.status = StreamStatus(True, self.status.opens + 1)
            self._feed.opened(self._outbox.append)
            return self._pump(line, stop), False
        except (WebSocketException, OSError) as error:
            return _plain(error), False
        finally:
            self._socket = None
            line.shutdown()  # type: ignore[no-untyped-call]

    def _connect(self, url: str) -> websocket.WebSocket:
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
            self._reader = _Reader(sock)
            line.frame_buffer = _Limited(self._reader.read, True)
            sock.settimeout(self._slice)
        except BaseException:
            sock.close()
            raise
        return line

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

    def _pump(self, line: websocket.WebSocket, stop: threading.Event) -> str:
        """Read until something ends it; gives the reason."""
        clock, feed, inbox, reader = self._clock.monotonic, self._feed, self._inbox, self._reader
        assert reader is not None
        opened = heard = last_pass = next_tick = next_ping = next_send = clock()
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
                if reason:
                    return reason
                if now - heard > self._silence:
                    return f"no frame for {self._silence:.3g} s"
                if now - opened > self._timings.day_cut:
                    return "renewed before the exchange's 24 hours"
                if now >= next_ping:
                    line.send(_TEXT_PING) if self._text_ping else line.ping(_OWN_PING)
                    next_ping = now + self._silence / 3
                if self._outbox and now >= next_send:
                    line.send(self._outbox.popleft())
                    next_send = now + SEND_SPACING
            last_pass = now
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
            heard = now = clock()
            if text == _TEXT_PONG:
                continue
            if text is not None:
                self.last_data = now
                feed.frame(text, now)
                if reader.is_drained:
                    feed.flush(now)
            else:
                self._other(line, frame, parts, now)
        return "reconnecting" if self._restart else "closed by us"

    def _other(self, line: websocket.WebSocket, frame: Any, parts: list[bytes], now: float) -> None:
        """Control frames and messages in several frames."""
        if frame.opcode == ABNF.OPCODE_PING:
            line.pong(frame.data)
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


class _Reader:
    """Asks the kernel for much and gives out what is wanted: one call for many small frames."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock, self._held, self._at = sock, b"", 0

    @property
    def is_drained(self) -> bool:
        """Whether the next frame has to be waited for."""
        return self._at >= len(self._held)

    def text(self) -> bytes | None:
        """The payload of an ordinary text frame that is here as a whole; None: the library must read what comes.

        All but every frame of a market is one; taking it apart here costs a third of what the library takes.
        """
        if self._at >= len(self._held):
            self._fill()
        held, at = self._held, self._at
        if len(held) - at < 4 or held[at] != _WHOLE_TEXT:
            return None
        size, begin = held[at + 1], at + 2
        if size == _TWO_BYTES:
            size, begin = held[at + 2] << 8 | held[at + 3], at + 4
        elif size > _TWO_BYTES:
            return None              # longer, or masked, which a server's frames never are
        end = begin + size
        if end > len(held):
            return None
        self._at = end
        return held[begin:end]

    def read(self, size: int) -> bytes:
        """Up to `size` bytes."""
        if self._at >= len(self._held):
            self._fill()
        given = self._held[self._at:self._at + size]
        self._at += len(given)
        return given

    def _fill(self) -> None:
        try:
            self._held, self._at = self._sock.recv(_BUFFER), 0
        except (TimeoutError, ssl.SSLWantReadError):
            raise WebSocketTimeoutException("nothing to read") from None
        if not self._held:
            raise WebSocketException("the connection was closed")


def _plain(error: Exception) -> str:
    """An error of socket or library without address or path, which may hold a key."""
    if isinstance(error, websocket.WebSocketBadStatusException):
        return f"the exchange answered HTTP {error.status_code}"
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"the server's certificate is not trusted ({error.verify_message})"
    if isinstance(error, socket.gaierror):
        return "the host's name could not be resolved"
    if isinstance(error, ssl.SSLError):
        return "the encrypted connection failed"
    if isinstance(error, TimeoutError | WebSocketTimeoutException):
        return "no connection in time"
    if isinstance(error, ConnectionRefusedError):
        return "no connection (refused)"
    if isinstance(error, OSError):
        return error.strerror or type(error).__name__
    return str(error)[:120] if type(error) is WebSocketException else type(error).__name__
