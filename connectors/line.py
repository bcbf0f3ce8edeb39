"""One open websocket, and what is said on it before it may take over from another one. Used by `stream`."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

import websocket
from websocket import ABNF, WebSocketException, WebSocketTimeoutException

from connectors.reader import Limited, Reader


class Renew(str):
    """A `tick`'s wish: this connection will end soon, so another one is to be there before."""


class Greeting(Protocol):
    """What has to be answered on another connection before it may take over.

    With one, nothing may be missed in between: the old connection has to answer once more after it, or the takeover
    is called off and everything is asked for anew.
    """

    @property
    def is_done(self) -> bool:
        """Whether all is answered."""

    def takes(self, raw: bytes) -> bool:
        """Whether a frame is a part of it, and nothing to tell. Raises a VenueError when something is refused."""


class Said:
    """The greeting of a connection whose address says all."""

    is_done = True

    def takes(self, raw: bytes) -> bool:
        """Nothing is waited for."""
        return False


@dataclass(slots=True)
class Line:
    """A connection and its reader; of one that is to take over also what is still to be said, and how long it waits."""

    line: websocket.WebSocket
    reader: Reader
    frames: Limited
    outbox: deque[str] = field(default_factory=deque)
    until: float = 0.0
    greeting: Greeting | None = None
    early: list[bytes] = field(default_factory=list)      # what came during the greeting and is to be told
    is_proven: bool = False                               # the old connection has answered after the greeting

    @property
    def may_take_over(self) -> bool:
        """Whether nothing can have been missed."""
        return self.greeting is None or self.is_proven


def greet(line: Line, greeting: Greeting, is_over: Callable[[], bool]) -> None:
    """Say what is to be said and wait for the answers.

    Raises a VenueError for a refusal, WebSocketException when it is over before all is answered.
    """
    while line.outbox:
        line.line.send(line.outbox.popleft())
    while not greeting.is_done:
        if is_over():
            raise WebSocketException("another connection was not granted in time")
        text = _text(line)
        if text is not None and not greeting.takes(text):
            line.early.append(text)


def _text(line: Line) -> bytes | None:
    """The next text, None when there is none yet. One in several frames ends the greeting."""
    try:
        text = line.reader.text() if line.frames.is_between else None
        if text is not None:
            return text
        frame = line.line.recv_frame()  # type: ignore[no-untyped-call]
    except WebSocketTimeoutException:
        return None
    if frame.opcode == ABNF.OPCODE_PING:
        line.line.pong(frame.data)
    if frame.opcode == ABNF.OPCODE_CLOSE or (frame.opcode == ABNF.OPCODE_TEXT and not frame.fin):
        raise WebSocketException("another connection was ended")
    return bytes(frame.data) if frame.opcode == ABNF.OPCODE_TEXT else None
