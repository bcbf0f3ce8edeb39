"""Websocket side of a futures product: connections, subscriptions, private events, the listen key.

Paths: /public, /market and /private, each with /ws/<stream>[/<stream>…], /ws and /stream?streams=a/b; plain /ws and
/stream deliver every kind. A stream asked for on the wrong path is acknowledged and stays silent. `<symbol>@trade`,
which public clients ask for by habit, is served on /public. /public/ws/<number> is an empty connection to subscribe on.
COIN-M is a hub of its own under /coin.
"""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections import deque
from typing import Any
from urllib.parse import parse_qs

import msgspec

from simulator.futures import Futures
from simulator.payloads import Json
from simulator.publish import Publisher, category
from simulator.sockets import Receive, Send, Socket

LISTEN_KEY_S = 3600
INCOMING_PER_S = 10
MAX_STREAMS = 1024
REFUSED = {"code": 0, "msg": "Unknown error"}
encode = msgspec.json.Encoder().encode


class Connection(Socket):
    """One websocket: what it asked for and what still has to be written to it."""

    def __init__(self, send: Send, route: str, combined: bool, client: tuple[str, int]) -> None:
        super().__init__(send, client)
        self.route = route  # public, market, private or "" (all)
        self.combined = combined
        self.streams: list[str] = []
        self.arrived: deque[float] = deque()

    def serves(self, stream: str) -> bool:
        """Whether this path delivers that stream."""
        return not self.route or category(stream) == self.route


class Hub:
    """All connections of the venue."""

    def __init__(self, venue: Futures) -> None:
        self.venue = venue
        self.connections: set[Connection] = set()
        self.subscribers: dict[str, set[Connection]] = {}
        self.listen_key: str | None = None
        self._key_until = 0.0
        self._keys_made = 0
        self.publisher = Publisher(venue, self)
        venue.private = self.private
        venue.changed = self.publisher.tops
        venue.publish = self.publish
        venue.replayed = self.publisher.replayed

    # ---- connections

    async def serve(self, scope: dict[str, Any], receive: Receive, send: Send) -> None:
        """Run one websocket from handshake to end (ASGI)."""
        await receive()
        route, combined, streams = parse_target(scope["path"], scope["query_string"].decode())
        if route is None:
            await send({"type": "websocket.close", "code": 1008})
            return
        await send({"type": "websocket.accept"})
        connection = Connection(send, route, combined, tuple(scope["client"]))
        self.connections.add(connection)
        left_out, _ = self.venue.faults.ungiven(streams, self.venue.product.category) if streams else (set(), False)
        for stream in streams:
            if stream not in left_out:
                self.subscribe(connection, stream)
        writer = asyncio.create_task(connection.write())
        try:
            await self._listen(connection, receive, writer)
        finally:
            writer.cancel()
            self.connections.discard(connection)
            for stream in list(connection.streams):
                self.unsubscribe(connection, stream)

    async def _listen(self, connection: Connection, receive: Receive, writer: asyncio.Task[None]) -> None:
        while True:
            message = await receive()
            if message["type"] != "websocket.receive":
                return
            now = time.monotonic()
            connection.arrived.append(now)
            while connection.arrived[0] < now - 1:
                connection.arrived.popleft()
            if len(connection.arrived) > INCOMING_PER_S:
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
        method, params, number = asked.get("method"), asked.get("params", []), asked.get("id")
        if method == "LIST_SUBSCRIPTIONS":
            return {"result": list(connection.streams), "id": number}
        if method == "GET_PROPERTY":
            return {"result": connection.combined, "id": number}
        if method == "SET_PROPERTY" and isinstance(params, list) and len(params) == 2:
            connection.combined = bool(params[1])
            return {"result": None, "id": number}
        if method not in ("SUBSCRIBE", "UNSUBSCRIBE"):
            return {"error": {"code": 2, "msg": "Invalid request: unknown variant"}, "id": number}
        if not isinstance(params, list) or not all(isinstance(stream, str) for stream in params):
            return {"error": {"code": 2, "msg": "Invalid request: invalid type for params"}, "id": number}
        left_out: set[str] = set()
        if method == "SUBSCRIBE" and params:
            left_out, is_refused = self.venue.faults.ungiven(params, self.venue.product.category)
            if is_refused:
                return {"error": REFUSED, "id": number}
        for stream in params:
            if method == "UNSUBSCRIBE":
                self.unsubscribe(connection, stream)
            elif stream in left_out:
                continue
            elif len(connection.streams) >= MAX_STREAMS:
                connection.close(1008)
            else:
                self.subscribe(connection, stream)
        return {"result": None, "id": number}

    def subscribe(self, connection: Connection, stream: str) -> None:
        """Note a wish; it is delivered only if the path serves it."""
        if stream in connection.streams:
            return
        connection.streams.append(stream)
        if connection.serves(stream):
            self.subscribers.setdefault(stream, set()).add(connection)
            self.publisher.wanted(stream)
            if self.venue.replay and category(stream) != "private":
                self.venue.replay.begin()

    def unsubscribe(self, connection: Connection, stream: str) -> None:
        """Take a wish back."""
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
        if not readers or self.venue.faults.muted(stream, self.venue.product.category):
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

    # ---- private events and the listen key

    def private(self, events: list[Json]) -> None:
        """Send the events of one change to the listen key's connections, faults permitting."""
        faults = self.venue.faults
        product = self.venue.product.category
        order = faults.first("order", category=product)
        if order and any(event["e"] == "TRADE_LITE" for event in events):
            faults.use(order)
            first = order.args["first"]
            if first == "reverse":
                events = events[::-1]
            elif first == "account":
                events = sorted(events, key=lambda event: event["e"] != "ACCOUNT_UPDATE")
        for event in events:
            fault = faults.first("event", category=product)
            wanted = fault is not None and (not fault.args["event"] or fault.args["event"] == event["e"])
            if fault is None or not wanted:
                self._push(event)
            elif faults.use(fault).args["kind"] == "delay":
                asyncio.get_running_loop().call_later(fault.args["seconds"], self._push, event)
            else:
                for _ in range(max(2, fault.args["copies"])):
                    self._push(event)

    def _push(self, event: Json) -> None:
        key = self.active_key()
        muted = self.venue.faults.muted(f"private {event['e']}", self.venue.product.category)
        if key and key in self.subscribers and not muted:
            self.publish(key, event)

    def active_key(self) -> str | None:
        """The listen key, None after its hour."""
        if self.listen_key and time.monotonic() > self._key_until:
            self.expire_listen_key()
        return self.listen_key

    def listen_key_for_client(self) -> str:
        """The active key, or a new one."""
        if self.active_key() is None:
            self._keys_made += 1
            seed = f"{self.venue.account.api_secret}:{time.time_ns()}:{self._keys_made}"
            self.listen_key = (hashlib.sha256(seed.encode()).hexdigest())
        self._key_until = time.monotonic() + LISTEN_KEY_S
        assert self.listen_key is not None
        return self.listen_key

    def extend_listen_key(self) -> bool:
        """Another hour; False when there is none."""
        if self.active_key() is None:
            return False
        self._key_until = time.monotonic() + LISTEN_KEY_S
        return True

    def forget_listen_key(self) -> None:
        """End it without a word."""
        self.listen_key = None

    def expire_listen_key(self) -> None:
        """End it and tell its connections, which get nothing more."""
        key, self.listen_key = self.listen_key, None
        if key:
            now = self.venue.clock.now()
            self.publish(key, {"e": "listenKeyExpired", "E": now, "listenKey": key})


def parse_target(path: str, query: str) -> tuple[str | None, bool, list[str]]:
    """Route, combined mode and first streams of a websocket address; route None = no such path."""
    parts = [part for part in path.split("/") if part]
    route = ""
    if parts and parts[0] == "coin":
        parts.pop(0)
    if parts and parts[0] in ("public", "market", "private"):
        route = parts.pop(0)
    if not parts or parts[0] not in ("ws", "stream"):
        return None, False, []
    combined = parts.pop(0) == "stream"
    asked = parse_qs(query)
    streams = [part for part in parts if not part.isdigit()]
    for value in asked.get("streams", []):
        streams += [stream for stream in value.split("/") if stream]
    streams += asked.get("listenKey", [])
    return route, combined, streams
