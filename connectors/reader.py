"""Reading a websocket fast and within bounds, and saying in plain words why it ended. Used by `stream` alone."""

from __future__ import annotations

import socket
import ssl

import websocket
from websocket import WebSocketException, WebSocketTimeoutException

LARGEST_FRAME = 8 * 1024 * 1024
_BUFFER = 65_536
_WHOLE_TEXT = 0x81            # first byte of a text frame that is a whole message, without extensions (RFC 6455, 5.2)
_TWO_BYTES = 126              # as length: the length follows in two bytes


class Limited(websocket._abnf.frame_buffer):
    """Refuses a frame by its length before reading it."""

    @property
    def is_between(self) -> bool:
        """Whether no part of a frame has been read."""
        return self.header is None and not self.recv_buffer

    def recv_length(self) -> None:
        super().recv_length()
        if (self.length or 0) > LARGEST_FRAME:
            raise WebSocketException(f"a frame of {self.length} bytes (8 MB are allowed)")


class Reader:
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


def plain(error: Exception) -> str:
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
