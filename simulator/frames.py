"""Websocket frames that must not be, as bytes: what a broken or hostile peer may send. Used by the fault `frame`."""

from __future__ import annotations

import struct
import zlib

MB = 1024 * 1024
SIZE = 64 * MB
TEXT, BINARY, CONTINUED, LAST, COMPRESSED = 0x01, 0x02, 0x00, 0x80, 0x40
DEEP = 1_000_000
KINDS = ("huge", "parts", "bomb", "binary", "utf8", "nested")


def frame(first: int, payload: bytes) -> bytes:
    """A server's frame: first byte, length, payload."""
    size = len(payload)
    if size < 126:
        return bytes((first, size)) + payload
    return (struct.pack("!BBH", first, 126, size) if size < 65_536 else struct.pack("!BBQ", first, 127, size)) + payload


def bad_frames(kind: str) -> list[bytes]:
    """Pieces to write one after the other.

    huge: one text of 64 MB; parts: the same in parts of 1 MB that never end; bomb: 64 MB compressed to some KB, in an
    extension that nobody agreed on; binary: noise, not text; utf8: a text that is none; nested: 10^6 open brackets.
    """
    match kind:
        case "huge":
            return [struct.pack("!BBQ", TEXT | LAST, 127, SIZE), *[b" " * MB] * (SIZE // MB)]
        case "parts":
            return [frame(TEXT, b" " * MB), *[frame(CONTINUED, b" " * MB)] * (SIZE // MB - 1)]
        case "bomb":
            packer = zlib.compressobj(1, wbits=-15)
            return [frame(TEXT | LAST | COMPRESSED, packer.compress(b" " * SIZE) + packer.flush(zlib.Z_SYNC_FLUSH))]
        case "binary":
            return [frame(BINARY | LAST, bytes(range(256)) * 8)]
        case "utf8":
            return [frame(TEXT | LAST, b'{"stream":"\xff\xfe\xc0","data":{"b":"\xed\xa0\x80"}}')]
        case _:
            head = b'{"stream":"btcusdt@depth@100ms","data":'
            return [frame(TEXT | LAST, head + b"[" * DEEP)]
