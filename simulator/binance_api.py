"""REST side of Binance: one request from raw bytes to answer, through limits, signature and faults."""

from __future__ import annotations

import asyncio
import sys
import traceback
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec

from simulator import algo_orders, binance_account, binance_market, binance_orders, coin_account, coin_market
from simulator.errors import Refused, Vanish
from simulator.faults import Fault
from simulator.limits import Limits
from simulator.venue import Venue
from simulator.wire import Request, Route, check_key, check_signed

Routes = dict[tuple[str, str], Route]
FUTURES: Routes = {**binance_market.ROUTES, **binance_orders.ROUTES, **binance_account.ROUTES, **coin_market.ROUTES,
                   **coin_account.ROUTES, **algo_orders.ROUTES}
COINM_ROUTES: Routes = {call: route for call, route in FUTURES.items() if call[1].startswith("/dapi/")}
USDM_ROUTES: Routes = {call: route for call, route in FUTURES.items() if call not in COINM_ROUTES}
encode = msgspec.json.Encoder().encode
Send = Callable[[dict[str, Any]], Awaitable[None]]


class Api:
    """Answers REST requests of one product: its routes, its limits, and what its handlers work on."""

    def __init__(self, venue: Venue, subject: Any, routes: Routes, limits: Limits) -> None:
        self.venue = venue
        self.subject = subject
        self.routes = routes
        self.limits = limits
        self.stopping = asyncio.Event()
        venue.faults.paths |= {path for _, path in routes}

    async def answer(self, request: Request, send: Send) -> None:
        """Carry a request out and send the answer. Raises Vanish when the connection shall be reset."""
        faults = self.venue.faults
        fault = faults.for_request(request.method, request.path)
        if fault and fault.name == "drop":
            await self._wait(float(fault.args["seconds"]))
            raise Vanish
        if fault and fault.args.get("after") == "before":
            if fault.name == "reset":
                raise Vanish
            await self._send_fault(fault, send)
            return
        status, body, headers = self._carry_out(request)
        if fault and fault.name == "withhold":
            await self._wait(float(fault.args["seconds"]))
        elif fault and fault.name == "reset":
            raise Vanish
        elif fault:
            await self._send_fault(fault, send)
            return
        await self._send(send, status, body, headers, request.path)

    def _carry_out(self, request: Request) -> tuple[int, bytes, dict[str, str]]:
        route = self.routes.get((request.method, request.path))
        if route is None:
            status = 405 if any(path == request.path for _, path in self.routes) else 404
            text = f"Path {request.path}, Method {request.method} is invalid"
            return status, encode({"code": -5000, "msg": text}), {}
        try:
            return 200, encode(self._run(route, request)), {}
        except Refused as refusal:
            body = encode(refusal.body()) if refusal.code else refusal.text.encode()
            return refusal.status, body, refusal.headers
        except Exception:  # a mistake of ours must be seen, and must not look like a refusal
            traceback.print_exc(file=sys.stderr)
            text = "An unknown error occurred while processing the request."
            return 500, encode({"code": -1000, "msg": text}), {}

    def _run(self, route: Route, request: Request) -> Any:
        venue = self.venue
        ban = venue.faults.first("ban")
        if ban and ban.until:
            raise self.limits.banned(ban.until - asyncio.get_running_loop().time())
        self.limits.charge(route.weight)
        if route.security == "SIGNED":
            check_signed(venue, request)
        elif route.security == "KEY":
            check_key(venue, request)
        if route.orders:
            self.limits.count_orders(route.orders)
        if request.method == "GET":
            lag = venue.faults.for_request("GET", request.path, ("lag",))
            if lag:
                request.as_of = venue.clock.now() - int(lag.args["seconds"] * 1000)
        result = venue.faults.disordered(request.path, route.handler(self.subject, request)) \
            if request.method == "GET" else route.handler(self.subject, request)
        if request.weight is not None:
            self.limits.used += request.weight - route.weight
        return result

    async def _wait(self, seconds: float) -> None:
        """Hold a request back; the venue's end does not wait for it."""
        try:
            await asyncio.wait_for(self.stopping.wait(), seconds)
        except TimeoutError:
            return
        raise Vanish

    async def _send_fault(self, fault: Fault, send: Send) -> None:
        args = fault.args
        body = args["body"]
        if body is None:
            body = {"code": args["code"] if args["code"] is not None else -1000,
                    "msg": "An unknown error occurred while processing the request."}
        raw = body.encode() if isinstance(body, str) else encode(body)
        await self._send(send, args["http"], raw, {k: str(v) for k, v in args["headers"].items()}, "")

    async def _send(self, send: Send, status: int, body: bytes, headers: dict[str, str], path: str) -> None:
        orders = "rder" in path
        rows = [(b"content-type", b"application/json;charset=UTF-8"), (b"content-length", str(len(body)).encode()),
                *self.limits.headers(orders)]
        rows += [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in headers.items()]
        await send({"type": "http.response.start", "status": status, "headers": rows})
        await send({"type": "http.response.body", "body": body})
