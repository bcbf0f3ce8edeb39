"""The writing half of a websocket: frames wait in line, a reader that falls too far behind is let go."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Any

Send = Callable[[dict[str, Any]], Awaitable[None]]
Receive = Callable[[], Awaitable[dict[str, Any]]]
MAX_WAITING = 20000  # frames a slow reader may be behind
MOST_UNREAD = 4 * 1024 * 1024


class Socket:
    """One accepted websocket and what still has to be written to it."""

    def __init__(self, send: Send, client: tuple[str, int]) -> None:
        self.send = send
        self.client = client
        self.waiting: deque[dict[str, Any]] = deque()
        self.wake = asyncio.Event()

    def put(self, text: str) -> None:
        """Queue a frame."""
        if len(self.waiting) > MAX_WAITING:
            self.close(1008)
            return
        self.waiting.append({"type": "websocket.send", "text": text})
        self.wake.set()

    def put_raw(self, transport: asyncio.Transport, raw: bytes) -> None:
        """Queue bytes that go past the websocket library: frames, good or bad, or parts of them."""
        self.waiting.append({"type": "raw", "transport": transport, "raw": raw})
        self.wake.set()

    def close(self, code: int) -> None:
        """Queue the end."""
        self.waiting.clear()
        self.waiting.append({"type": "websocket.close", "code": code})
        self.wake.set()

    async def write(self) -> None:
        """Write what is queued until the connection is closed."""
        while True:
            await self.wake.wait()
            self.wake.clear()
            while self.waiting:
                message = self.waiting.popleft()
                try:
                    if message["type"] == "raw":
                        await _write_raw(message["transport"], message["raw"])
                        continue
                    await self.send(message)
                except (OSError, RuntimeError):  # the reader has gone; its listener ends the connection
                    return
                if message["type"] == "websocket.close":
                    return


async def _write_raw(transport: asyncio.Transport, raw: bytes) -> None:
    """Not before the reader has taken most of what went before: large things must not pile up here."""
    while transport.get_write_buffer_size() > MOST_UNREAD and not transport.is_closing():
        await asyncio.sleep(0.01)
    if not transport.is_closing():
        transport.write(raw)
