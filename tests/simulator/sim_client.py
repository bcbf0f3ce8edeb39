"""A small client for the bundled exchange's tests: starts it, signs, listens, keeps a book by the venue's rules."""

from __future__ import annotations

import hashlib
import hmac
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import requests
import websocket

ROOT = Path(__file__).resolve().parents[2]
FIXTURES = ROOT.parent / "shared" / "fixtures"


def wait_for(condition: Callable[[], Any], limit: float = 5.0) -> Any:
    """The condition's first true value; fails after `limit` seconds."""
    end = time.monotonic() + limit
    while time.monotonic() < end:
        value = condition()
        if value:
            return value
        time.sleep(0.02)
    raise AssertionError("the condition did not come true in time")


class Exchange:
    """One running exchange and the account's way to talk to it."""

    def __init__(self, home: Path, *options: str, run: tuple[str, ...] = ("-m", "simulator")) -> None:
        began = time.monotonic()
        # a pipe that nobody reads would be full one day, and the exchange would stand still
        self._complaints = tempfile.TemporaryFile("w+")  # noqa: SIM115  closed in close()
        self.process = subprocess.Popen(
            [sys.executable, *run, "--home", str(home), *options], cwd=ROOT, text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._complaints)
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        self.start_s = time.monotonic() - began
        if not line:
            raise AssertionError(f"no ready line: {self.complaints()}")
        self._reach(json.loads(line))

    @classmethod
    def of(cls, ready: dict[str, Any]) -> Exchange:
        """The way to one that somebody else runs."""
        made = cls.__new__(cls)
        made._reach(ready)
        return made

    def _reach(self, ready: dict[str, Any]) -> None:
        self.ready = ready
        self.venue: dict[str, str] = ready["binance"]
        self.http = requests.Session()
        self.offset_ms = 0
        self.answer_headers: Any = {}

    def complaints(self) -> str:
        """What it wrote on stderr so far."""
        self._complaints.seek(0)
        return self._complaints.read()

    def close(self) -> int:
        """End it with SIGTERM; its exit code."""
        if self.process.poll() is None:
            self.process.terminate()
        code = self.process.wait(5)
        for pipe in (self.process.stdin, self.process.stdout, self._complaints):
            if pipe:
                pipe.close()
        self.http.close()
        return code

    def kill(self) -> None:
        """kill -9."""
        self.process.kill()
        self.close()

    # ---- REST

    def get(self, path: str, **params: Any) -> Any:
        """A public call's answer."""
        answer = self.http.get(self.venue["http"] + path, params=params, timeout=10)
        self.answer_headers = answer.headers
        return answer.json()

    def signed(self, method: str, path: str, **params: Any) -> tuple[int, Any]:
        """Status and answer of a signed call."""
        params.setdefault("timestamp", int(time.time() * 1000) + self.offset_ms)
        payload = urlencode(params)
        signature = hmac.new(self.venue["api_secret"].encode(), payload.encode(), hashlib.sha256).hexdigest()
        return self.raw(method, f"{path}?{payload}&signature={signature}")

    def raw(self, method: str, target: str, key: str | None = None, data: str | None = None,
            timeout: float = 10) -> tuple[int, Any]:
        """Any call with the key header."""
        headers = {"X-MBX-APIKEY": self.venue["api_key"] if key is None else key}
        if data is not None:
            headers["Content-Type"] = "application/x-www-form-urlencoded"
        answer = self.http.request(method, self.venue["http"] + target, headers=headers, data=data, timeout=timeout)
        self.answer_headers = answer.headers
        return answer.status_code, answer.json() if answer.text.startswith(("{", "[")) else answer.text

    def ok(self, method: str, path: str, **params: Any) -> Any:
        """A signed call that must succeed."""
        status, answer = self.signed(method, path, **params)
        assert status == 200, answer
        return answer

    def code(self, method: str, path: str, **params: Any) -> int:
        """The venue's code of a signed call that must be refused."""
        status, answer = self.signed(method, path, **params)
        assert status != 200, answer
        return int(answer["code"])

    def order(self, side: str, qty: str, price: str | None = None, symbol: str = "BTCUSDT", **more: Any) -> Any:
        """Place an order that must be accepted: LIMIT GTC with a price, MARKET without."""
        return self.ok("POST", "/fapi/v1/order", **order_params(side, qty, price, symbol, **more))

    def top(self, symbol: str = "BTCUSDT") -> tuple[Decimal, Decimal]:
        """Best bid and ask."""
        row = self.get("/fapi/v1/ticker/bookTicker", symbol=symbol)
        return Decimal(row["bidPrice"]), Decimal(row["askPrice"])

    # ---- control

    def control(self, action: str, **body: Any) -> Any:
        """POST to the control interface; must succeed."""
        answer = requests.post(f"{self.ready['control']}/{action}", json=body, timeout=10)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def truth(self) -> Any:
        """What really happened."""
        return requests.get(f"{self.ready['control']}/truth", timeout=10).json()

    def move(self, price: Decimal | str, symbol: str = "BTCUSDT") -> None:
        """Trade the market to a price."""
        self.control("price", market="Binance", category="linear", symbol=symbol, price=str(price))

    def fault(self, name: str, **args: Any) -> None:
        """Inject a fault."""
        self.control("fault", name=name, **args)

    def calm(self) -> None:
        """End all faults, cancel everything, flatten positions."""
        requests.delete(f"{self.ready['control']}/fault", timeout=10)
        self.control("clock", offset_ms=0)
        for order in self.ok("GET", "/fapi/v1/openOrders"):
            self.signed("DELETE", "/fapi/v1/order", symbol=order["symbol"], orderId=order["orderId"])
        for row in self.ok("GET", "/fapi/v3/positionRisk"):
            qty = Decimal(row["positionAmt"])
            if qty:
                self.order("SELL" if qty > 0 else "BUY", str(abs(qty)), symbol=row["symbol"], reduceOnly="true")

    # ---- streams

    def socket(self, path: str) -> Stream:
        """A websocket on a path of the venue."""
        return Stream(self.venue["ws"] + path)

    def private(self) -> Stream:
        """A connection with the account's events."""
        _, answer = self.raw("POST", "/fapi/v1/listenKey")
        return self.socket(f"/private/ws/{answer['listenKey']}")


def order_params(side: str, qty: str, price: str | None = None, symbol: str = "BTCUSDT", **more: Any) -> dict[str, Any]:
    """Parameters of a plain order."""
    out = {"symbol": symbol, "side": side, "quantity": qty, "type": "MARKET"}
    if price is not None:
        out |= {"type": "LIMIT", "price": price, "timeInForce": "GTC"}
    return out | more


class Stream:
    """A websocket that reads JSON."""

    def __init__(self, url: str) -> None:
        self.ws = websocket.create_connection(url, timeout=5)

    def read(self, timeout: float = 5.0) -> Any:
        """The next message."""
        self.ws.settimeout(timeout)
        return json.loads(self.ws.recv())

    def until(self, wanted: Callable[[Any], bool], limit: float = 5.0) -> list[Any]:
        """All messages up to the first wanted one."""
        end, out = time.monotonic() + limit, []
        while time.monotonic() < end:
            out.append(self.read(max(0.01, end - time.monotonic())))
            if wanted(out[-1]):
                return out
        raise AssertionError(f"not seen; got {len(out)} messages, last {out[-1:]}")

    def during(self, seconds: float) -> list[Any]:
        """All messages of a time."""
        end, out = time.monotonic() + seconds, []
        while time.monotonic() < end:
            try:
                out.append(self.read(max(0.01, end - time.monotonic())))
            except websocket.WebSocketTimeoutException:
                break
        return out

    def ask(self, method: str, *params: str) -> Any:
        """A control frame's answer."""
        self.ws.send(json.dumps({"method": method, "params": list(params), "id": 7}))
        return self.until(lambda m: "id" in m)[-1]

    def close(self) -> None:
        """End it."""
        self.ws.close()


class Book:
    """A client's book by the futures rules, step by step; raises on a broken chain."""

    def __init__(self, snapshot: Any) -> None:
        self.id: int = snapshot["lastUpdateId"]
        self.synced = False
        self.sides = {"b": {Decimal(p): Decimal(q) for p, q in snapshot["bids"]},
                      "a": {Decimal(p): Decimal(q) for p, q in snapshot["asks"]}}

    def apply(self, event: Any) -> None:
        """One diff."""
        if not self.synced:
            if event["u"] < self.id:
                return
            assert event["U"] <= self.id <= event["u"], "the first diff does not contain the snapshot"
            self.synced = True
        else:
            assert event["pu"] == self.id, "gap"
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
