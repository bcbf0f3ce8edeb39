"""A small BitMEX client for the bundled exchange's tests: signs, asks, listens, keeps tables by the stream's rules."""

from __future__ import annotations

import hashlib
import hmac
import json
import time
from collections.abc import Callable
from decimal import Decimal
from typing import Any
from urllib.parse import urlencode, urlsplit

import requests
import websocket

from tests.simulator.sim_client import Exchange, Stream, wait_for

Row = dict[str, Any]


def signature(secret: str, verb: str, target: str, expires: int, body: str = "") -> str:
    """HMAC-SHA256 over verb + path + expires + body."""
    return hmac.new(secret.encode(), f"{verb}{target}{expires}{body}".encode(), hashlib.sha256).hexdigest()


class Bitmex:
    """The BitMEX face of a running exchange, as its account sees it."""

    def __init__(self, exchange: Exchange) -> None:
        self.exchange = exchange
        self.face: dict[str, str] = exchange.ready["bitmex"]
        self.host = self.face["http"].removesuffix("/api/v1/")
        self.offset_s = 0
        self.headers: Any = {}

    # ---- REST

    def call(self, verb: str, path: str, body: Any = None, timeout: float = 10, **params: Any) -> tuple[int, Any]:
        """Status and answer of a signed call; dicts among the parameters go as JSON."""
        query = urlencode({k: json.dumps(v) if isinstance(v, dict | list) else v for k, v in params.items()})
        target = f"/api/v1/{path}" + (f"?{query}" if query else "")
        data = "" if body is None else json.dumps(body)
        expires = int(time.time()) + 10 + self.offset_s
        headers = {"api-key": self.face["api_key"], "api-expires": str(expires), "Content-Type": "application/json",
                   "api-signature": signature(self.face["api_secret"], verb, target, expires, data)}
        answer = self.exchange.http.request(verb, self.host + target, headers=headers, data=data or None,
                                            timeout=timeout)
        self.headers = answer.headers
        kind = answer.headers.get("content-type", "")
        return answer.status_code, json.loads(answer.text, parse_float=Decimal) if "json" in kind else answer.text

    def ok(self, verb: str, path: str, body: Any = None, **params: Any) -> Any:
        """A signed call that must succeed."""
        status, answer = self.call(verb, path, body, **params)
        assert status == 200, answer
        return answer

    def no(self, verb: str, path: str, body: Any = None, **params: Any) -> tuple[int, str]:
        """Status and sentence of a signed call that must be refused."""
        status, answer = self.call(verb, path, body, **params)
        assert status != 200, answer
        return status, str(answer["error"]["message"])

    def order(self, side: str, qty: int, price: str | None = None, symbol: str = "XBTUSD", **more: Any) -> Row:
        """An order that must be accepted: Limit with a price, else Market."""
        body = {"symbol": symbol, "side": side, "orderQty": qty, "ordType": "Market", **more}
        if price is not None:
            body |= {"ordType": "Limit", "price": float(price)}
        row: Row = self.ok("POST", "order", body)
        return row

    def book(self, symbol: str = "XBTUSD", depth: int = 25) -> tuple[list[Row], list[Row]]:
        """Bids and asks, best first."""
        rows = self.ok("GET", "orderBook/L2", symbol=symbol, depth=depth)
        return ([r for r in rows if r["side"] == "Buy"], [r for r in rows if r["side"] == "Sell"][::-1])

    def top(self, symbol: str = "XBTUSD") -> tuple[Decimal, Decimal]:
        """Best bid and ask."""
        bids, asks = self.book(symbol, 1)
        return Decimal(bids[0]["price"]), Decimal(asks[0]["price"])

    def position(self, symbol: str = "XBTUSD") -> Row:
        """A position row."""
        row: Row = self.ok("GET", "position", filter={"symbol": symbol})[0]
        return row

    def margin(self, currency: str = "XBt") -> Row:
        """A margin row."""
        row: Row = self.ok("GET", "user/margin", currency=currency)
        return row

    def fills(self) -> list[Row]:
        """Everything of tradeHistory, oldest first."""
        rows: list[Row] = self.ok("GET", "execution/tradeHistory", count=500)
        return rows

    # ---- control

    def control(self, action: str, symbol: str = "XBTUSD", **body: Any) -> Any:
        """A control request about a BitMEX symbol."""
        return self.exchange.control(action, market="Bitmex", symbol=symbol, **body)

    def middle(self, price: str, symbol: str = "XBTUSD") -> None:
        """The market stands still with this price free between bid and ask."""
        self.exchange.fault("freeze")
        self.control("price", symbol, price=price)

    def offer(self, side: str, qty: int, price: str, symbol: str = "XBTUSD") -> None:
        """Somebody quotes enough at exactly this price for whoever buys or sells there; nobody a better one."""
        step = {"ETHUSD": Decimal("0.05")}.get(symbol, Decimal("0.1")) * (-1 if side == "Buy" else 1)
        for away in (0, -40, 0, 80, 0, -120, 0) * 3:  # until somebody quotes enough there; beyond it clears what is
            self.middle(str(Decimal(price) + step * (1 + away)), symbol)
            level = self.book(symbol, 1)[side == "Buy"][0]
            if Decimal(level["price"]) == Decimal(price) and level["size"] >= qty:
                return
        raise AssertionError(f"nobody quotes {qty} at {price}")

    def truth(self, name: str) -> list[Row]:
        """One list of `truth`, BitMEX's part."""
        return [row for row in self.exchange.truth()[name] if row["market"] == "Bitmex"]

    def calm(self) -> None:
        """No faults, no orders, flat, one currency's leverage as it was."""
        requests.delete(f"{self.exchange.ready['control']}/fault", timeout=10)
        self.exchange.control("clock", offset_ms=0)
        self.offset_s = 0
        self.exchange.control("fault", name="limit", requests_1m=100000, requests_1s=100000)
        self.ok("DELETE", "order/all")
        for row in self.ok("GET", "position"):
            if row["currentQty"]:
                side = "Sell" if row["currentQty"] > 0 else "Buy"
                self.ok("POST", "order", {"symbol": row["symbol"], "side": side, "execInst": "Close",
                                          "ordType": "Market"})

    # ---- streams

    def socket(self, *topics: str, keyed: bool = False) -> Realtime:
        """A connection, welcomed, keyed if asked, subscribed."""
        stream = Realtime(self.face["ws"])
        assert stream.read()["info"].startswith("Welcome")
        if keyed:
            expires = int(time.time()) + 10
            sign = signature(self.face["api_secret"], "GET", urlsplit(self.face["ws"]).path, expires)
            assert stream.command("authKeyExpires", self.face["api_key"], expires, sign)["success"]
        for topic in topics:
            assert stream.command("subscribe", topic)["subscribe"] == topic
            stream.until(lambda m: m.get("action") == "partial")
        return stream


class Realtime(Stream):
    """A /realtime connection that keeps its tables by key."""

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self.rows: dict[str, dict[tuple[Any, ...], Row]] = {}
        self.keys: dict[str, list[str]] = {}
        self.log: list[Row] = []
        self.unknown = 0  # updates and deletes of rows nobody told of

    def read(self, timeout: float = 5.0) -> Any:
        """The next message, put into its table."""
        self.ws.settimeout(timeout)
        message = json.loads(self.ws.recv(), parse_float=Decimal)
        if "table" in message:
            self._apply(message)
        return message

    def command(self, op: str, *args: Any) -> Any:
        """An operation's answer."""
        self.ws.send(json.dumps({"op": op, "args": list(args)}))
        return self.until(lambda m: "request" in m)[-1]

    def table(self, name: str) -> list[Row]:
        """Rows as they stand."""
        return list(self.rows.get(name, {}).values())

    def settled(self, condition: Callable[[], Any], limit: float = 5.0) -> None:
        """Read on until a condition about the tables holds."""
        def step() -> Any:
            if not condition():
                self.during(0.05)
            return condition()
        wait_for(step, limit)

    def _apply(self, message: Any) -> None:
        name, action = message["table"], message["action"]
        self.log.append(message)
        if action == "partial":
            self.keys[name] = message["keys"]
            self.rows.setdefault(name, {})
        kept = self.rows[name]
        for row in message["data"]:
            key = tuple(row[k] for k in self.keys[name]) or (len(kept),)
            if action in ("update", "delete") and key not in kept:
                self.unknown += 1
            if action == "delete":
                kept.pop(key, None)
            elif action == "update":
                kept[key] = kept.get(key, {}) | row
            else:
                kept[key] = row


def silent(stream: Realtime, seconds: float = 0.3) -> bool:
    """Whether nothing comes for a while."""
    try:
        stream.ws.settimeout(seconds)
        stream.ws.recv()
    except websocket.WebSocketTimeoutException:
        return True
    return False
