"""A small spot client for the bundled exchange's tests: orders, books by spot's rules, the WebSocket API."""

from __future__ import annotations

import hashlib
import hmac
import json
import time
from decimal import Decimal
from typing import Any

import requests

from tests.simulator.sim_client import Exchange, Stream, order_params

Row = dict[str, Any]


class Spot:
    """The spot face of a running exchange, as its account sees it."""

    def __init__(self, exchange: Exchange) -> None:
        self.exchange = exchange

    # ---- REST

    def get(self, path: str, **params: Any) -> Any:
        """A public call's answer."""
        return self.exchange.get(f"/api/v3/{path}", **params)

    def ok(self, method: str, path: str, **params: Any) -> Any:
        """A signed call that must succeed."""
        return self.exchange.ok(method, f"/api/v3/{path}", **params)

    def no(self, method: str, path: str, **params: Any) -> tuple[int, str]:
        """Code and sentence of a signed call that must be refused."""
        status, answer = self.exchange.signed(method, f"/api/v3/{path}", **params)
        assert status != 200, answer
        return int(answer["code"]), str(answer["msg"])

    def order(self, side: str, qty: str, price: str | None = None, symbol: str = "BTCUSDT", **more: Any) -> Any:
        """Place an order that must be accepted: LIMIT GTC with a price, MARKET without."""
        return self.ok("POST", "order", **order_params(side, qty, price, symbol, **more))

    def cancel(self, order: Any) -> Any:
        """Cancel an order."""
        return self.ok("DELETE", "order", symbol=order["symbol"], orderId=order["orderId"])

    def status(self, order: Any) -> str:
        """An order's status now."""
        return str(self.ok("GET", "order", symbol=order["symbol"], orderId=order["orderId"])["status"])

    def top(self, symbol: str = "BTCUSDT") -> tuple[Decimal, Decimal]:
        """Best bid and ask."""
        row = self.get("ticker/bookTicker", symbol=symbol)
        return Decimal(row["bidPrice"]), Decimal(row["askPrice"])

    def balances(self) -> dict[str, tuple[Decimal, Decimal]]:
        """Free and locked of each asset."""
        rows = self.ok("GET", "account")["balances"]
        return {row["asset"]: (Decimal(row["free"]), Decimal(row["locked"])) for row in rows}

    # ---- control

    def control(self, action: str, symbol: str = "BTCUSDT", **body: Any) -> Any:
        """POST to the control interface about a pair."""
        return self.exchange.control(action, market="Binance", category="spot", symbol=symbol, **body)

    def move(self, price: Decimal | str, symbol: str = "BTCUSDT") -> None:
        """Trade the market to a price."""
        self.control("price", symbol, price=str(price))

    def truth(self, table: str) -> list[Row]:
        """The spot rows of what really happened."""
        return [row for row in self.exchange.truth()[table] if (row["market"], row["category"]) == ("Binance", "spot")]

    def calm(self) -> None:
        """End all faults, cancel everything, sell all coins, let fees be taken from what is received."""
        requests.delete(f"{self.exchange.ready['control']}/fault", timeout=10)
        self.exchange.control("clock", offset_ms=0)
        for order in self.ok("GET", "openOrders"):
            self.cancel(order)
        self.exchange.ok("POST", "/sapi/v1/bnbBurn", spotBNBBurn="false")
        for asset, (free, _) in self.balances().items():
            if asset != "USDT" and free:
                self.exchange.control("deposit", asset=asset, amount=str(-free))

    # ---- streams

    def socket(self, *streams: str) -> Stream:
        """A combined market stream connection."""
        return self.exchange.socket(f"/spot/stream?streams={'/'.join(streams)}")

    def ws_api(self) -> WsApi:
        """A connection to the WebSocket API."""
        return WsApi(self.exchange)

    def private(self) -> WsApi:
        """A WebSocket API connection that is subscribed to the account's events."""
        api = self.ws_api()
        assert api.ok("userDataStream.subscribe.signature", **api.signed())["subscriptionId"] == 0
        return api


class WsApi(Stream):
    """One connection to the WebSocket API."""

    def __init__(self, exchange: Exchange) -> None:
        super().__init__(exchange.venue["ws"] + "/ws-api/v3")
        self.exchange = exchange
        self.count = 0

    def signed(self, **params: Any) -> Row:
        """Parameters with key, time and HMAC signature."""
        params |= {"apiKey": self.exchange.venue["api_key"], "timestamp": int(time.time() * 1000)}
        payload = "&".join(f"{name}={params[name]}" for name in sorted(params))
        digest = hmac.new(self.exchange.venue["api_secret"].encode(), payload.encode(), hashlib.sha256)
        return {**params, "signature": digest.hexdigest()}

    def call(self, method: str, **params: Any) -> Any:
        """A request's whole answer; events before it are kept away."""
        self.count += 1
        number = f"r{self.count}"
        self.ws.send(json.dumps({"id": number, "method": method, "params": params}))
        return self.until(lambda m: m.get("id") == number)[-1]

    def ok(self, method: str, **params: Any) -> Any:
        """The result of a request that must succeed."""
        answer = self.call(method, **params)
        assert answer["status"] == 200, answer
        return answer["result"]

    def code(self, method: str, **params: Any) -> int:
        """The code of a request that must be refused."""
        answer = self.call(method, **params)
        assert answer["status"] != 200, answer
        return int(answer["error"]["code"])

    def events(self, last: str, limit: float = 5.0) -> list[Row]:
        """All events up to the first of execution type (or event type) `last`."""
        frames = self.until(lambda m: last in (m["event"].get("x"), m["event"]["e"]), limit)
        return [frame["event"] for frame in frames]


class SpotBook:
    """A client's book by spot's rules, step by step; raises on a broken chain."""

    def __init__(self, snapshot: Any) -> None:
        self.id: int = snapshot["lastUpdateId"]
        self.synced = False
        self.sides = {"b": {Decimal(p): Decimal(q) for p, q in snapshot["bids"]},
                      "a": {Decimal(p): Decimal(q) for p, q in snapshot["asks"]}}

    def apply(self, event: Any) -> None:
        """One diff."""
        if event["u"] <= self.id:
            assert not self.synced, "an old diff"
            return
        if self.synced:
            assert event["U"] == self.id + 1, "gap"
        else:
            assert event["U"] <= self.id + 1 <= event["u"], "the first diff does not follow the snapshot"
            self.synced = True
        self.id = event["u"]
        for name in ("b", "a"):
            for price, qty in event[name]:
                if Decimal(qty):
                    self.sides[name][Decimal(price)] = Decimal(qty)
                else:
                    self.sides[name].pop(Decimal(price), None)

    def best(self, count: int) -> tuple[list[tuple[Decimal, Decimal]], list[tuple[Decimal, Decimal]]]:
        """Best levels of both sides."""
        return (sorted(self.sides["b"].items(), reverse=True)[:count], sorted(self.sides["a"].items())[:count])
