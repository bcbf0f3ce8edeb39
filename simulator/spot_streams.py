"""Websocket side of spot: market streams under /spot/ws and /spot/stream. User data goes by the WebSocket API.

Paths: /spot/ws/<stream>[/<stream>…], /spot/ws, /spot/stream?streams=a/b. /spot/ws/<number> is an empty connection to
subscribe on. Names are lower case; others are taken and stay silent, as at the venue.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from typing import Any
from urllib.parse import parse_qs

import msgspec

from simulator.payloads import Json
from simulator.sockets import Receive, Send, Socket
from simulator.spot_publish import SpotPublisher
from simulator.spot_venue import SpotVenue

PREFIX = "/spot/"
INCOMING_PER_S = 5
MAX_STREAMS = 1024
REFUSED = {"code": 0, "msg": "Unknown error"}
encode = msgspec.json.Encoder().encode


class Connection(Socket):
    """One websocket: what it asked for and what still has to be written to it."""

    def __init__(self, send: Send, combined: bool, client: tuple[str, int]) -> None:
        super().__init__(send, client)
        self.combined = combined
        self.streams: list[str] = []
        self.arrived: deque[float] = deque()

    def too_fast(self) -> bool:
        """Note a message; whether there were too many in a second."""
        now = time.monotonic()
        self.arrived.append(now)
        while self.arrived[0] < now - 1:
            self.arrived.popleft()
        return len(self.arrived) > INCOMING_PER_S


class SpotHub:
    """All market stream connections of spot."""

    def __init__(self, spot: SpotVenue) -> None:
        self.spot = spot
        self.connections: set[Connection] = set()
        self.subscribers: dict[str, set[Connection]] = {}
        self.publisher = SpotPublisher(spot, self)
        spot.changed = self.publisher.tops
        spot.publish = self.publish
        spot.replayed = self.publisher.replayed

    async def serve(self, scope: dict[str, Any], receive: Receive, send: Send) -> None:
        """Run one websocket from handshake to end (ASGI)."""
        await receive()
        parts = [part for part in scope["path"].removeprefix(PREFIX).split("/") if part]
        if not parts or parts[0] not in ("ws", "stream"):
            await send({"type": "websocket.close", "code": 1008})
            return
        await send({"type": "websocket.accept"})
        connection = Connection(send, parts[0] == "stream", tuple(scope["client"]))
        self.connections.add(connection)
        asked = parse_qs(scope["query_string"].decode()).get("streams", [])
        streams = [*(part for part in parts[1:] if not part.isdigit()), *filter(None, "/".join(asked).split("/"))]
        left_out, _ = self.spot.faults.ungiven(streams, "spot") if streams else (set(), False)
        for stream in streams:
            if stream not in left_out:
                self._subscribe(connection, stream)
        writer = asyncio.create_task(connection.write())
        try:
            await self._listen(connection, receive)
        finally:
            writer.cancel()
            self.connections.discard(connection)
            for stream in list(connection.streams):
                self._unsubscribe(connection, stream)

    async def _listen(self, connection: Connection, receive: Receive) -> None:
        while True:
            message = await receive()
            if message["type"] != "websocket.receive":
                return
            if connection.too_fast():
                connection.close(1008)
                continue
            text = message.get("text") or (message.get("bytes") or b"").decode("utf-8", "replace")
            connection.put(encode(self.command(connection, text)).decode())

    def command(self, connection: Connection, text: str) -> Json:
        """Answer SUBSCRIBE, UNSUBSCRIBE and their like."""
        try:
            asked = msgspec.json.decode(text)
            assert isinstance(asked, dict)
        except (msgspec.DecodeError, AssertionError):
            return {"error": {"code": 3, "msg": "Invalid JSON: expected value at line 1 column 1"}}
        params, number = asked.get("params", []), asked.get("id")
        match asked.get("method"):
            case "LIST_SUBSCRIPTIONS":
                return {"result": list(connection.streams), "id": number}
            case "GET_PROPERTY":
                return {"result": connection.combined, "id": number}
            case "SET_PROPERTY" if isinstance(params, list) and len(params) == 2:
                connection.combined = bool(params[1])
                return {"result": None, "id": number}
            case "SUBSCRIBE" | "UNSUBSCRIBE" as method:
                if not isinstance(params, list) or not all(isinstance(stream, str) for stream in params):
                    return {"error": {"code": 2, "msg": "Invalid request: invalid type for params"}, "id": number}
                left_out, is_refused = set[str](), False
                if method == "SUBSCRIBE" and params:
                    left_out, is_refused = self.spot.faults.ungiven(params, "spot")
                if is_refused:
                    return {"error": REFUSED, "id": number}
                for stream in (one for one in params if one not in left_out):
                    (self._subscribe if method == "SUBSCRIBE" else self._unsubscribe)(connection, stream)
                return {"result": None, "id": number}
        return {"error": {"code": 2, "msg": "Invalid request: unknown variant"}, "id": number}

    def _subscribe(self, connection: Connection, stream: str) -> None:
        if stream in connection.streams:
            return
        if len(connection.streams) >= MAX_STREAMS:
            connection.close(1008)
            return
        connection.streams.append(stream)
        self.subscribers.setdefault(stream, set()).add(connection)
        self.publisher.wanted(stream)
        if self.spot.replay:
            self.spot.replay.begin()

    def _unsubscribe(self, connection: Connection, stream: str) -> None:
        if stream in connection.streams:
            connection.streams.remove(stream)
        readers = self.subscribers.get(stream)
        if readers:
            readers.discard(connection)
            if not readers:
                del self.subscribers[stream]
                self.publisher.unwanted(stream)

    def publish(self, stream: str, payload: Json | list[Json]) -> None:
        """Send one event to everyone who asked for the stream."""
        readers = self.subscribers.get(stream)
        if not readers or self.spot.faults.muted(stream, "spot"):
            return
        plain = encode(payload).decode()
        for connection in readers:
            connection.put(f'{{"stream":"{stream}","data":{plain}}}' if connection.combined else plain)

    def cut(self, code: int) -> list[tuple[str, int]]:
        """Close every websocket. Code 1006 leaves the closing to the caller, who resets these addresses."""
        open_now = [connection.client for connection in self.connections]
        if code != 1006:
            for connection in self.connections:
                connection.close(code)
        return open_now

    def shut_down(self, now: int) -> None:
        """Announce the end of every connection (fault)."""
        text = encode({"e": "serverShutdown", "E": now}).decode()
        for connection in self.connections:
            connection.put(text)
