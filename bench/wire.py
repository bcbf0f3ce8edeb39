"""As much of HTTP and websocket as the bench's servers and floors need: bytes in, bytes out, no library."""

from __future__ import annotations

import base64
import hashlib
import os
import socket

_MAGIC = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"


def upgrade(head: bytes) -> bytes:
    """The server's answer to a websocket handshake."""
    key = next(line.split(b":", 1)[1].strip() for line in head.split(b"\r\n")
               if line.lower().startswith(b"sec-websocket-key:"))
    accept = base64.b64encode(hashlib.sha1(key + _MAGIC).digest())
    return (b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Accept: " + accept + b"\r\n\r\n")


def text_frame(payload: bytes) -> bytes:
    """A server's text frame."""
    size = len(payload)
    if size < 126:
        return bytes((0x81, size)) + payload
    return b"\x81\x7e" + size.to_bytes(2, "big") + payload


def pongs(read: bytes) -> bytes:
    """The answers to the pings among a client's frames, short ones, read as a whole."""
    out, at = b"", 0
    while len(read) - at >= 6:
        size = read[at + 1] & 0x7F
        skip = {126: 2, 127: 8}.get(size, 0)
        if skip:
            size = int.from_bytes(read[at + 2:at + 2 + skip], "big")
        mask, begin = read[at + 2 + skip:at + 6 + skip], at + 6 + skip
        if read[at] == 0x89:
            payload = bytes(byte ^ mask[place % 4] for place, byte in enumerate(read[begin:begin + size]))
            out += bytes((0x8A, size)) + payload
        at = begin + size
    return out


def answer(body: bytes, status: bytes = b"200 OK") -> bytes:
    """An HTTP answer that keeps the connection."""
    return (b"HTTP/1.1 " + status + b"\r\nContent-Type: application/json\r\nContent-Length: "
            + str(len(body)).encode() + b"\r\n\r\n" + body)


class RawSocket:
    """The floor of a websocket client: a handshake, then nothing but `recv` and the frames' lengths."""

    def __init__(self, port: int, path: str) -> None:
        self.sock = socket.create_connection(("127.0.0.1", port), timeout=10)
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        key = base64.b64encode(os.urandom(16))
        self.sock.sendall(b"GET " + path.encode() + b" HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\n"
                          b"Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: " + key
                          + b"\r\n\r\n")
        held = b""
        while b"\r\n\r\n" not in held:
            held += self.sock.recv(65_536)
        self._held = held.split(b"\r\n\r\n", 1)[1]

    def frames(self) -> list[bytes]:
        """The payloads that have come; waits for at least one. Empty at the end."""
        found: list[bytes] = []
        while not found:
            held, at = self._held, 0
            while len(held) - at >= 4:
                size, begin = held[at + 1], at + 2
                if size == 126:
                    size, begin = int.from_bytes(held[at + 2:at + 4], "big"), at + 4
                if len(held) < begin + size:
                    break
                found.append(held[begin:begin + size])
                at = begin + size
            self._held = held[at:]
            if not found:
                more = self.sock.recv(65_536)
                if not more:
                    return []
                self._held += more
        return found

    def close(self) -> None:
        """Hang up."""
        self.sock.close()
