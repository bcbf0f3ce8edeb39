"""BitMEX's /realtime: connections, authentication, topics, private tables.

A topic is a table with or without a symbol ("trade:XBTUSD", "order"). Every topic asked for is acknowledged and then
gets its partial; after that come insert, update and delete. The literal text "ping" is answered "pong".
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from typing import Any
from urllib.parse import parse_qs

import msgspec

from simulator.bitmex_account import Event
from simulator.bitmex_instruments import iso
from simulator.bitmex_publish import BOOKS, KEYS, PUBLIC, BitmexPublisher
from simulator.bitmex_rows import Json, decode, encode, order_row
from simulator.bitmex_venue import BitmexVenue
from simulator.bitmex_wire import No, check_signature
from simulator.sockets import Receive, Send, Socket

PRIVATE = ("order", "execution", "position", "margin", "wallet", "transact", "affiliate")
CONNECTIONS_AN_HOUR = 720
DOCS = "https://www.bitmex.com/app/wsAPI"
GUIDS = ("orderID", "execID", "trdMatchID", "transactID")
SYMBOLS = ("symbol", "side", "currency", "settlCurrency")


class Realtime(Socket):
    """One websocket and its topics."""

    def __init__(self, send: Send, client: tuple[str, int]) -> None:
        super().__init__(send, client)
        self.topics: list[str] = []
        self.keyed = False

    def tell(self, row: Json) -> None:
        """Queue a JSON frame."""
        self.put(encode(row).decode())


class BitmexHub:
    """All BitMEX connections of the venue."""

    def __init__(self, venue: BitmexVenue) -> None:
        self.venue = venue
        self.connections: set[Realtime] = set()
        self._readers: dict[str, set[Realtime]] = {}  # by topic
        self._accepted: deque[float] = deque()
        self._sent: dict[tuple[str, str], Json] = {}  # position and margin rows as readers know them
        self.publisher = BitmexPublisher(venue, self)
        venue.private = self.private
        venue.changed = self.publisher.tops
        venue.publish = self.publish

    # ---- connections

    async def serve(self, scope: dict[str, Any], receive: Receive, send: Send) -> None:
        """Run one websocket from handshake to end (ASGI)."""
        await receive()
        query = {name: values[0] for name, values in parse_qs(scope["query_string"].decode()).items()}
        headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}
        await send({"type": "websocket.accept"})
        connection = Realtime(send, tuple(scope["client"]))
        self.connections.add(connection)
        writer = asyncio.create_task(connection.write())
        try:
            self._welcome(connection)
            given = headers if "api-key" in headers else query
            if "api-key" in given:
                self._authenticate(connection, [given.get(f"api-{part}", "") for part in ("key", "expires",
                                                                                         "signature")], {})
            if "subscribe" in query:
                args = query["subscribe"].split(",")
                self._subscribe(connection, args, {"op": "subscribe", "args": args})
            while True:
                message = await receive()
                if message["type"] != "websocket.receive":
                    return
                text = message.get("text") or (message.get("bytes") or b"").decode("utf-8", "replace")
                self.read(connection, text)
        finally:
            writer.cancel()
            self.connections.discard(connection)
            for topic in list(connection.topics):
                self._leave(connection, topic)

    def _welcome(self, connection: Realtime) -> None:
        now = time.monotonic()
        self._accepted.append(now)
        while self._accepted[0] < now - 3600:
            self._accepted.popleft()
        connection.tell({"info": "Welcome to the BitMEX Realtime API.", "version": "2.0.0",
                         "timestamp": iso(self.venue.clock.now()), "docs": DOCS, "heartbeatEnabled": False,
                         "limit": {"remaining": max(0, CONNECTIONS_AN_HOUR - len(self._accepted))},
                         "appName": "bundled-exchange"})

    def read(self, connection: Realtime, text: str) -> None:
        """One frame of a client."""
        if text == "ping":
            if not self.venue.faults.muted("pong"):
                connection.put("pong")
            return
        try:
            asked = decode(text)
            assert isinstance(asked, dict)
        except (msgspec.DecodeError, AssertionError):
            connection.tell(failure(400, "Unable to parse JSON", {}))
            return
        args = asked.get("args", [])
        many = args if isinstance(args, list) else [args]
        match asked.get("op"):
            case "subscribe":
                self._subscribe(connection, many, asked)
            case "unsubscribe":
                self._unsubscribe(connection, many, asked)
            case "authKeyExpires" | "authKey":
                self._authenticate(connection, many, asked)
            case "cancelAllAfter":
                self._cancel_after(connection, many, asked)
            case "help":
                connection.tell({"info": "See the BitMEX Realtime API.", "docs": DOCS, "request": asked})
            case _:
                connection.tell(failure(400, "Unknown or missing operation", asked))

    def _authenticate(self, connection: Realtime, args: list[Any], asked: Json) -> None:
        if connection.keyed:
            connection.tell(failure(400, "You are already authenticated.", asked))
            return
        key, expires, signature = [str(part) for part in [*args, "", "", ""][:3]]
        try:
            check_signature(self.venue, key, expires, signature, "GET/realtime", b"")
        except No as refusal:
            connection.tell(failure(401, refusal.text, asked))
            return
        connection.keyed = True
        if asked:
            connection.tell({"success": True, "request": asked})

    def _cancel_after(self, connection: Realtime, args: list[Any], asked: Json) -> None:
        if not connection.keyed:
            connection.tell(failure(401, "Authorization Required", asked))
        elif not args or not isinstance(args[0], int) or args[0] < 0:
            connection.tell(failure(400, "Invalid timeout", asked))
        else:
            until = self.venue.arm(args[0])
            connection.tell({"now": iso(self.venue.clock.now()), "cancelTime": iso(until), "request": asked})

    # ---- topics

    def _subscribe(self, connection: Realtime, args: list[Any], asked: Json) -> None:
        topics = [str(one) for one in args]
        left_out, is_refused = self.venue.faults.ungiven(topics, "") if topics else (set(), False)
        for topic in topics:
            table, _, symbol = topic.partition(":")
            if topic in left_out:
                if is_refused:
                    connection.tell(failure(503, f"The subscription to {topic} failed, try again later.", asked))
            elif table not in PUBLIC and table not in PRIVATE:
                connection.tell(failure(400, f"Unknown table: {table}", asked))
            elif symbol and symbol not in self.venue.contracts and table != "announcement":
                connection.tell(failure(400, "Unknown or expired symbol.", asked))
            elif table in PRIVATE and not connection.keyed:
                connection.tell(failure(401, "User requested an account-locked subscription but no authorization was "
                                             "provided.", asked))
            elif topic in connection.topics:
                connection.tell(failure(400, f"You are already subscribed to this topic: {topic}", asked))
            else:
                connection.tell({"success": True, "subscribe": topic, "request": asked})
                data = self._partial(table, symbol)  # tells the readers of before what they miss, then:
                connection.topics.append(topic)
                self._readers.setdefault(topic, set()).add(connection)
                if table in PUBLIC and self.venue.replay:
                    self.venue.replay.begin()
                scope: Json = {"account": self.venue.account.number} if table in PRIVATE else {}
                if self.venue.faults.muted(topic if symbol else f"{table}:"):
                    continue  # silent from the beginning
                connection.tell(self._first(table, data, scope | ({"symbol": symbol} if symbol else {})))

    def _first(self, table: str, data: list[Json], scope: Json) -> Json:
        """A partial."""
        return {"table": table, "action": "partial", "keys": KEYS.get(table, []), "types": types(data),
                "filter": scope, "data": data}

    def _unsubscribe(self, connection: Realtime, args: list[Any], asked: Json) -> None:
        for topic in [str(one) for one in args]:
            if topic in connection.topics:
                self._leave(connection, topic)
                connection.tell({"success": True, "unsubscribe": topic, "request": asked})
            else:
                connection.tell(failure(400, f"You are not subscribed to this topic: {topic}", asked))

    def _leave(self, connection: Realtime, topic: str) -> None:
        connection.topics.remove(topic)
        readers = self._readers.get(topic, set())
        readers.discard(connection)
        if not readers:
            self._readers.pop(topic, None)
            table = topic.partition(":")[0]
            for symbol in self.venue.contracts if table in BOOKS else ():
                if not self.wanted(table, symbol):
                    self.publisher.unwanted(table, symbol)

    def wanted(self, table: str, symbol: str) -> bool:
        """Whether anybody reads a table of a symbol."""
        return bool(self._readers) and (table in self._readers or f"{table}:{symbol}" in self._readers)

    def publish(self, table: str, action: str, symbol: str, data: list[Json]) -> None:
        """Send rows of one symbol (or of a currency) to everyone who asked for them."""
        readers = self._readers.get(table, set()) | self._readers.get(f"{table}:{symbol}", set())
        if readers and not self.venue.faults.muted(f"{table}:{symbol}"):
            frame = {"table": table, "action": action, "data": data}
            text = encode(self._first(table, data, {"symbol": symbol}) if action == "partial" else frame).decode()
            for connection in readers:
                connection.put(text)

    def cut(self, code: int) -> list[tuple[str, int]]:
        """Close every websocket. Code 1006 leaves the closing to the caller, who resets these addresses."""
        open_now = [connection.client for connection in self.connections]
        if code != 1006:
            for connection in self.connections:
                connection.close(code)
        return open_now

    def beat(self, count: int) -> None:
        """The public tables, and each second what the mark did to positions and margins."""
        self.publisher.beat(count)
        if count % 20 == 0:
            for symbol in self.venue.touched():
                if self.venue.account.holding(symbol).qty and self.wanted("position", symbol):
                    self._push("position", symbol)
            for currency in self.venue.account.wallets if self.wanted("margin", "") else ():
                self._push("margin", currency)

    # ---- private tables

    def _partial(self, table: str, symbol: str) -> list[Json]:
        venue = self.venue
        if table in PUBLIC:
            named = [symbol] if symbol else list(venue.contracts)
            return [row for one in named for row in self.publisher.partial(table, one)]
        account = venue.account
        match table:
            case "order":
                rows = [order_row(venue.contracts[o.symbol], account.number, o) for o in account.open.values()]
            case "execution":
                rows = []  # history is asked for by REST
            case "position":
                rows = [self._fresh("position", one) for one in venue.touched()]
            case "margin":
                rows = [self._fresh("margin", currency) for currency in account.wallets]
            case "wallet":
                rows = [venue.wallet_row(currency) for currency in account.wallets]
            case _:
                rows = []
        return [row for row in rows if not symbol or row.get("symbol", symbol) == symbol]

    def private(self, events: list[Event]) -> None:
        """Send the events of one change, faults permitting. Positions and margins go last, once each."""
        if not any(table in PRIVATE for table in (topic.partition(":")[0] for topic in self._readers)):
            return
        faults = self.venue.faults
        first = [event for event in events if event[0] in ("order", "execution")]
        last = dict.fromkeys((table, row.get("symbol") or row["currency"]) for table, _, row in events
                             if table not in ("order", "execution"))
        sends: list[tuple[str, str, str, Json]] = [(*event[:2], event[2]["symbol"], event[2]) for event in first]
        sends += [(table, "", name, {}) for table, name in last]
        fault = faults.first("order")
        if fault and any(row.get("execType") == "Trade" for _, _, row in events):
            faults.use(fault)
            if fault.args["first"] == "reverse":
                sends.reverse()
            elif fault.args["first"] == "account":
                sends.sort(key=lambda one: one[0] in ("order", "execution"))
        for one in sends:
            self._deliver(*one)

    def _deliver(self, table: str, action: str, name: str, row: Json) -> None:
        faults = self.venue.faults
        fault = faults.first("event")
        if fault is None or (fault.args["event"] and fault.args["event"] != table):
            self._push(table, name, action, row)
        elif faults.use(fault).args["kind"] == "delay":
            asyncio.get_running_loop().call_later(fault.args["seconds"], self._push, table, name, action, row)
        else:
            for _ in range(max(2, fault.args["copies"])):
                self._push(table, name, action, row)

    def _push(self, table: str, name: str, action: str = "", row: Json | None = None) -> None:
        """One private row: as given, or what changed of a position, margin or wallet since it was last sent."""
        if row:
            self.publish(table, action, name, [row])
        elif table == "wallet":
            self.publish(table, "update", name, [self.venue.wallet_row(name)])
        else:
            before = self._sent.get((table, name))
            now = self.venue.position_row(name) if table == "position" else self.venue.margin_row(name)
            self._sent[table, name] = now
            if before is None:
                self.publish(table, "insert" if table == "position" else "update", name, [now])
                return
            gone = {key: 0 for key in before if key not in now}  # a flat position has no entry any more
            changed = {key: value for key, value in {**now, **gone}.items()
                       if key != "timestamp" and before.get(key) != value}
            if changed:
                keys = {key: now[key] for key in KEYS[table]}
                self.publish(table, "update", name, [{**keys, **changed, "timestamp": now["timestamp"]}])

    def _fresh(self, table: str, name: str) -> Json:
        """A row for a newcomer; readers of before are brought up to it first."""
        self._push(table, name)
        return self._sent[table, name]


def failure(status: int, text: str, asked: Json) -> Json:
    """How the stream says no."""
    return {"status": status, "error": text, "meta": {}, "request": asked}


def types(data: list[Json]) -> Json:
    """The types of a partial's columns."""
    out: Json = {}
    for row in data[:1]:
        for name, value in row.items():
            if name in GUIDS or name in SYMBOLS:
                out[name] = "guid" if name in GUIDS else "symbol"
            elif isinstance(value, bool):
                out[name] = "boolean"
            elif isinstance(value, str):
                out[name] = "timestamp" if name.endswith(("imestamp", "Time")) else "string"
            else:
                out[name] = "long" if isinstance(value, int) else "float"
    return out
