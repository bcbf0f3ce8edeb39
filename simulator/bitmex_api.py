"""BitMEX's REST side: one request from raw bytes to answer, through limits, signature and faults."""

from __future__ import annotations

import asyncio
import sys
import traceback

from simulator import bitmex_market, bitmex_orders, bitmex_user
from simulator.bitmex_instruments import iso
from simulator.bitmex_rows import encode
from simulator.bitmex_venue import BitmexVenue
from simulator.bitmex_wire import TEXTS, Call, No, Route, check_key, too_many
from simulator.errors import Vanish
from simulator.faults import Fault
from simulator.sockets import Send

ROUTES: dict[tuple[str, str], Route] = {**bitmex_market.ROUTES, **bitmex_orders.ROUTES, **bitmex_user.ROUTES}


class BitmexApi:
    """Answers the BitMEX requests of the venue."""

    def __init__(self, venue: BitmexVenue) -> None:
        self.venue = venue
        self.stopping = asyncio.Event()
        self._count = 0
        venue.faults.paths |= {path for _, path in ROUTES}

    async def answer(self, call: Call, send: Send) -> None:
        """Carry a request out and send the answer. Raises Vanish when the connection shall be reset."""
        fault = self.venue.faults.for_request(call.method, call.path)
        if fault and fault.name == "drop":
            await self._wait(float(fault.args["seconds"]))
            raise Vanish
        if fault and fault.args.get("after") == "before":
            if fault.name == "reset":
                raise Vanish
            await self._send_fault(fault, call, send)
            return
        status, body, headers = self._carry_out(call)
        if fault and fault.name == "withhold":
            await self._wait(float(fault.args["seconds"]))
        elif fault and fault.name == "reset":
            raise Vanish
        elif fault:
            await self._send_fault(fault, call, send)
            return
        await self._send(send, call, status, body, headers)

    def _carry_out(self, call: Call) -> tuple[int, bytes, dict[str, str]]:
        try:
            return 200, encode(self._run(call)), {}
        except No as refusal:
            return refusal.status, encode(refusal.body()), refusal.headers
        except Exception:  # a mistake of ours must be seen, and must not look like a refusal
            traceback.print_exc(file=sys.stderr)
            return 500, encode(No(500, TEXTS[500], "Error").body()), {}

    def _run(self, call: Call) -> object:
        venue = self.venue
        ban = venue.faults.first("ban")
        if ban and ban.until:
            raise too_many(int(ban.until - asyncio.get_running_loop().time()) + 1)
        route = ROUTES.get((call.method, call.path))
        keyed = check_key(venue, call, route is not None and route.keyed)
        venue.pace.charge(keyed, route is not None and route.is_order)
        if route is None:
            raise No(404, TEXTS[404])
        call.read()
        if call.method == "GET":
            lag = venue.faults.for_request("GET", call.path, ("lag",))
            if lag:
                call.as_of = iso(venue.clock.now() - int(lag.args["seconds"] * 1000))
        answer = route.handler(venue, call)
        return venue.faults.disordered(call.path, answer) if call.method == "GET" else answer

    async def _wait(self, seconds: float) -> None:
        """Hold a request back; the venue's end does not wait for it."""
        try:
            await asyncio.wait_for(self.stopping.wait(), seconds)
        except TimeoutError:
            return
        raise Vanish

    async def _send_fault(self, fault: Fault, call: Call, send: Send) -> None:
        args = fault.args
        status, body = int(args["http"]), args["body"]
        headers = {name: str(value) for name, value in args["headers"].items()}
        if body is None:
            body = No(status, TEXTS.get(status, "Error")).body()
        if status == 429 and not headers:
            headers = {"retry-after": "1"}
        await self._send(send, call, status, body.encode() if isinstance(body, str) else encode(body), headers)

    async def _send(self, send: Send, call: Call, status: int, body: bytes, headers: dict[str, str]) -> None:
        self._count += 1
        route = ROUTES.get((call.method, call.path))
        limits = self.venue.pace.headers("api-key" in call.headers, route is not None and route.is_order,
                                         self.venue.clock.now())
        rows = [(b"content-type", b"application/json; charset=utf-8"), (b"content-length", str(len(body)).encode()),
                (b"x-request-id", f"{self._count:016x}".encode()), *limits]
        rows += [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in headers.items()]
        await send({"type": "http.response.start", "status": status, "headers": rows})
        await send({"type": "http.response.body", "body": body})
