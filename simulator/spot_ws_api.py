"""The WebSocket API of spot, /ws-api/v3: user data, and the REST calls under their method names.

A request is {"id", "method", "params"}, an answer {"id", "status", "result" or "error", "rateLimits"}. Signed methods
carry apiKey, timestamp and signature over the sorted parameters as they are, not percent-encoded; a connection that
logged on with an Ed25519 key (`session.logon`) needs neither key nor signature. Events of a subscription come as
{"subscriptionId", "event"}.
"""

from __future__ import annotations

import asyncio
import sys
import time
import traceback
from typing import Any

import msgspec

from simulator.errors import Refused
from simulator.payloads import Json
from simulator.sockets import Receive, Send, Socket
from simulator.spot_market import ROUTES as MARKET_ROUTES
from simulator.spot_orders import ROUTES as ORDER_ROUTES
from simulator.spot_user import ROUTES as USER_ROUTES
from simulator.spot_venue import SpotVenue
from simulator.spot_wallet import ROUTES as WALLET_ROUTES
from simulator.wire import Keyed, Request, Route, check_fields, check_stamp

HANDSHAKE_WEIGHT = 2
MAX_LIFETIME = 65535  # subscription ids of one connection
ROUTES: dict[tuple[str, str], Route] = {**MARKET_ROUTES, **ORDER_ROUTES, **USER_ROUTES, **WALLET_ROUTES}
METHODS = {
    "ping": "GET ping", "time": "GET time", "exchangeInfo": "GET exchangeInfo", "depth": "GET depth",
    "trades.recent": "GET trades", "trades.historical": "GET historicalTrades", "trades.aggregate": "GET aggTrades",
    "klines": "GET klines", "uiKlines": "GET uiKlines", "avgPrice": "GET avgPrice", "ticker": "GET ticker",
    "ticker.24hr": "GET ticker/24hr", "ticker.tradingDay": "GET ticker/tradingDay", "ticker.price": "GET ticker/price",
    "ticker.book": "GET ticker/bookTicker", "order.place": "POST order", "order.test": "POST order/test",
    "order.cancel": "DELETE order", "order.status": "GET order", "order.cancelReplace": "POST order/cancelReplace",
    "order.amend.keepPriority": "PUT order/amend/keepPriority", "order.amendments": "GET order/amendments",
    "openOrders.status": "GET openOrders", "openOrders.cancelAll": "DELETE openOrders", "allOrders": "GET allOrders",
    "myTrades": "GET myTrades", "account.status": "GET account", "account.commission": "GET account/commission",
    "account.rateLimits.orders": "GET rateLimit/order"}
encode = msgspec.json.Encoder().encode


class Session(Socket):
    """One connection: who logged on, and its subscriptions."""

    def __init__(self, send: Send, client: tuple[str, int]) -> None:
        super().__init__(send, client)
        self.key = ""  # the Ed25519 key that logged on
        self.since = 0
        self.subscriptions: list[int] = []
        self.next_id = 0


class SpotWsApi:
    """All connections of the WebSocket API."""

    def __init__(self, spot: SpotVenue, keyed: Keyed) -> None:
        self.spot = spot
        self.keyed = keyed
        self.sessions: set[Session] = set()
        spot.private = self.private

    async def serve(self, scope: dict[str, Any], receive: Receive, send: Send) -> None:
        """Run one websocket from handshake to end (ASGI)."""
        await receive()
        try:
            self.spot.limits.charge(HANDSHAKE_WEIGHT)
        except Refused:
            await send({"type": "websocket.close", "code": 1008})
            return
        await send({"type": "websocket.accept"})
        session = Session(send, tuple(scope["client"]))
        self.sessions.add(session)
        writer = asyncio.create_task(session.write())
        try:
            while True:
                message = await receive()
                if message["type"] != "websocket.receive":
                    return
                text = message.get("text") or (message.get("bytes") or b"").decode("utf-8", "replace")
                session.put(encode(self.answer(session, text)).decode())
        finally:
            writer.cancel()
            self.sessions.discard(session)

    # ---- requests

    def answer(self, session: Session, text: str) -> Json:
        """The answer to one request."""
        number: Any = None
        try:
            asked = msgspec.json.decode(text)
            if not isinstance(asked, dict):
                raise Refused(-1135, "Invalid JSON Request")
            number = asked.get("id")
            params = asked.get("params") or {}
            if not isinstance(params, dict) or not isinstance(asked.get("method"), str):
                raise Refused(-1135, "Invalid JSON Request")
            status, body = 200, {"result": self._carry_out(session, asked["method"], params)}
        except msgspec.DecodeError:
            status, body = 400, {"error": {"code": -1135, "msg": "Invalid JSON Request"}}
        except Refused as refusal:
            status, body = refusal.status, {"error": refusal.body()}
        except Exception:  # a mistake of ours must be seen, and must not look like a refusal
            traceback.print_exc(file=sys.stderr)
            status, body = 500, {"error": {"code": -1000, "msg": "An unknown error occurred."}}
        return {"id": number, "status": status, **body, "rateLimits": self.spot.limits.used_rows()}

    def _carry_out(self, session: Session, method: str, params: Json) -> Any:
        request = Request("GET", "", b"", b"", {})
        request.params = {name: as_text(value) for name, value in params.items()}
        match method:
            case "session.logon":
                return self._log_on(session, request)
            case "session.logout":
                session.key = ""
                return self._status(session)
            case "session.status":
                return self._status(session)
            case "session.subscriptions":
                return [{"subscriptionId": number} for number in session.subscriptions]
            case "userDataStream.subscribe":
                if not session.key:
                    raise Refused(-2015, "Invalid API-key, IP, or permissions for action.", 401)
                return self._subscribe(session)
            case "userDataStream.subscribe.signature":
                self._charge(2)
                self._check(session, request)
                return self._subscribe(session)
            case "userDataStream.unsubscribe":
                return self._unsubscribe(session, request)
            case "userDataStream.start" | "userDataStream.ping" | "userDataStream.stop":
                raise Refused(-1000, "This method has been removed. Use userDataStream.subscribe.signature.", 410)
        return self._call(session, method, request)

    def _call(self, session: Session, method: str, request: Request) -> Any:
        verb, _, path = METHODS.get(method, "").partition(" ")
        route = ROUTES.get((verb, f"/api/v3/{path}"))
        if route is None:
            raise Refused(-1135, f"Method '{method}' does not exist.")
        request.method, request.path = verb, f"/api/v3/{path}"
        self._charge(route.weight)
        if route.security == "SIGNED":
            self._check(session, request)
        if route.orders:
            self.spot.limits.count_orders(route.orders)
        result = route.handler(self.spot, request)
        if request.weight is not None:
            self.spot.limits.used += request.weight - route.weight
        return result

    def _charge(self, weight: int) -> None:
        ban = self.spot.faults.first("ban")
        if ban and ban.until:
            raise self.spot.limits.banned(ban.until - time.monotonic())
        self.spot.limits.charge(weight)

    def _check(self, session: Session, request: Request) -> None:
        """Refuse what is not signed; a session that logged on only has to tell the time."""
        if session.key and "signature" not in request.params:
            check_stamp(self.keyed, request)
        else:
            check_fields(self.keyed, request)

    # ---- sessions and subscriptions

    def _log_on(self, session: Session, request: Request) -> Json:
        self._charge(2)
        check_fields(self.keyed, request, only_public=True)
        session.key = request.params["apiKey"]
        session.since = self.spot.clock.now()
        return self._status(session)

    def _status(self, session: Session) -> Json:
        return {"apiKey": session.key or None, "authorizedSince": session.since if session.key else None,
                "connectedSince": session.since or self.spot.clock.now(), "returnRateLimits": True,
                "serverTime": self.spot.clock.now(), "userDataStream": bool(session.subscriptions)}

    def _subscribe(self, session: Session) -> Json:
        if session.subscriptions:
            raise Refused(-2035, "This connection is already subscribed to the user data stream of the account.")
        if session.next_id >= MAX_LIFETIME:
            raise Refused(-2042, "Too many subscriptions on this connection.")
        session.subscriptions.append(session.next_id)
        session.next_id += 1
        return {"subscriptionId": session.subscriptions[-1]}

    def _unsubscribe(self, session: Session, request: Request) -> Json:
        self._charge(2)
        number = request.integer("subscriptionId")
        if not session.subscriptions or (number is not None and number not in session.subscriptions):
            raise Refused(-2036, "This subscription is not active.")
        ended = list(session.subscriptions) if number is None else [number]
        for one in ended:
            session.subscriptions.remove(one)
            self._send(session, one, {"e": "eventStreamTerminated", "E": self.spot.clock.now()})
        return {}

    # ---- events

    def private(self, events: list[Json]) -> None:
        """Send the events of one change, faults permitting."""
        faults = self.spot.faults
        order = faults.first("order", category="spot")
        if order and any(event.get("x") == "TRADE" for event in events):
            faults.use(order)
            first = order.args["first"]
            if first == "reverse":
                events = events[::-1]
            elif first == "account":
                events = sorted(events, key=lambda event: bool(event["e"] != "outboundAccountPosition"))
        for event in events:
            fault = faults.first("event", category="spot")
            if fault is None or (fault.args["event"] and fault.args["event"] != event["e"]):
                self._push(event)
            elif faults.use(fault).args["kind"] == "delay":
                asyncio.get_running_loop().call_later(fault.args["seconds"], self._push, event)
            else:
                for _ in range(max(2, fault.args["copies"])):
                    self._push(event)

    def _push(self, event: Json) -> None:
        if self.spot.faults.muted(f"private {event['e']}", "spot"):
            return
        for session in self.sessions:
            for number in session.subscriptions:
                self._send(session, number, event)

    def _send(self, session: Session, number: int, event: Json) -> None:
        session.put(encode({"subscriptionId": number, "event": event}).decode())

    def cut(self, code: int) -> list[tuple[str, int]]:
        """Close every connection. Code 1006 leaves the closing to the caller, who resets these addresses."""
        open_now = [session.client for session in self.sessions]
        if code != 1006:
            for session in self.sessions:
                session.close(code)
        return open_now

    def terminate(self) -> None:
        """End every subscription at the venue's will (fault listen_key); the connections stay."""
        now = self.spot.clock.now()
        for session in self.sessions:
            for number in session.subscriptions:
                self._send(session, number, {"e": "eventStreamTerminated", "E": now})
            session.subscriptions.clear()

    def shut_down(self, now: int) -> None:
        """Announce the end of every connection (fault)."""
        text = encode({"event": {"e": "serverShutdown", "E": now}}).decode()
        for session in self.sessions:
            session.put(text)


def as_text(value: Any) -> str:
    """A JSON parameter as REST would carry it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list | dict):
        return encode(value).decode()
    return str(value)
