"""Runs the venue on one loopback port: start, ready line, heartbeat, end.

One asyncio thread owns everything. The listening socket is made with proto TCP, else asyncio leaves Nagle on.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import re
import signal
import socket
import struct
import sys
import threading
from collections.abc import Iterator
from decimal import Decimal
from email.utils import formatdate
from pathlib import Path
from typing import Any

import msgspec
import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from simulator.binance_api import COINM_ROUTES, USDM_ROUTES, Api
from simulator.binance_streams import Hub
from simulator.bitmex_api import BitmexApi
from simulator.bitmex_streams import BitmexHub
from simulator.bitmex_wire import Call
from simulator.control import Control
from simulator.errors import CannotStart, Vanish
from simulator.sockets import Receive, Send
from simulator.spot_streams import PREFIX as SPOT_SOCKET
from simulator.spot_streams import SpotHub
from simulator.spot_ws_api import ROUTES as SPOT_ROUTES
from simulator.spot_ws_api import SpotWsApi
from simulator.venue import BEAT_S, Venue
from simulator.wire import Context, Request

MAX_BODY = 1 << 20
BITMEX_PATH = re.compile(r"^/api/v1(/|$)")
SPOT_PATH = re.compile(r"^/api/v3/|^/sapi/v1/(bnbBurn$|capital/)|^/sapi/v[13]/asset/")
SPOT_API_SOCKET = "/ws-api/v3"
BITMEX_SOCKET = re.compile(r"/realtime(Platform)?/?$")
PATIENCE_S = 0.5  # how long connections may take to end at the venue's end
Transports = dict[tuple[str, int], asyncio.Transport]


class Application:
    """The ASGI application: control, REST and websockets of one venue."""

    def __init__(self, venue: Venue, transports: Transports) -> None:
        self.venue = venue
        self.transports = transports
        self.hub = Hub(venue)
        self.coin_hub = Hub(venue.coin) if venue.coin else None
        self.spot_hub = SpotHub(venue.spot) if venue.spot else None
        self.spot_ws_api = SpotWsApi(venue.spot, venue) if venue.spot else None
        self.bitmex_hub = BitmexHub(venue.bitmex) if venue.bitmex else None
        self.api = Api(venue, Context(venue, self.hub), USDM_ROUTES, venue.limits)
        self.coin_api = Api(venue, Context(venue.coin, self.coin_hub), COINM_ROUTES, venue.limits) \
            if venue.coin and self.coin_hub else None
        self.spot_api = Api(venue, venue.spot, SPOT_ROUTES, venue.spot.limits) if venue.spot else None
        self.bitmex_api = BitmexApi(venue.bitmex) if venue.bitmex else None
        hubs = (self.hub, self.coin_hub, self.spot_hub, self.spot_ws_api, self.bitmex_hub)
        self.control = Control(venue, [hub for hub in hubs if hub])
        venue.reset_all = self.reset_all
        venue.transport_of = self.transport_of

    async def __call__(self, scope: dict[str, Any], receive: Receive, send: Send) -> None:
        """One connection's worth of ASGI."""
        client = tuple(scope.get("client") or ("", 0))
        control = scope["path"].startswith("/control")
        if self.venue.recording and not control:
            self.venue.clock.release()
        self.venue.fall_due_everywhere()
        if not control and self._refusing(scope["type"]):
            self.reset(client)
        elif scope["type"] == "websocket":
            await self._hub(scope["path"]).serve(scope, receive, send)
        else:
            await self._http(scope, receive, send, client, control)

    def _hub(self, path: str) -> Hub | BitmexHub | SpotHub | SpotWsApi:
        """Whose websocket a path is."""
        if self.bitmex_hub and BITMEX_SOCKET.search(path):
            return self.bitmex_hub
        if self.spot_hub and path.startswith(SPOT_SOCKET):
            return self.spot_hub
        if self.spot_ws_api and path.startswith(SPOT_API_SOCKET):
            return self.spot_ws_api
        return self.coin_hub if self.coin_hub and path.startswith("/coin/") else self.hub

    def _api(self, path: str) -> Api:
        """Which Binance product answers a path."""
        if self.spot_api and SPOT_PATH.match(path):
            return self.spot_api
        return self.coin_api if self.coin_api and path.startswith("/dapi/") else self.api

    async def _http(self, scope: dict[str, Any], receive: Receive, send: Send, client: Any, control: bool) -> None:
        body = b""
        while True:
            message = await receive()
            if message["type"] != "http.request":
                return
            body += message.get("body", b"")
            if len(body) > MAX_BODY:
                self.reset(client)
                return
            if not message.get("more_body"):
                break
        if control:
            status, answer = self.control.handle(scope["method"], scope["path"], scope["query_string"].decode(), body)
            raw = msgspec.json.encode(answer)
            await send({"type": "http.response.start", "status": status, "headers": [
                (b"content-type", b"application/json"), (b"content-length", str(len(raw)).encode())]})
            await send({"type": "http.response.body", "body": raw})
            return
        send = self._dated(send)
        headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}
        method, path, query = scope["method"], scope["path"], scope["query_string"]
        try:
            if self.bitmex_api and BITMEX_PATH.match(path):
                await self.bitmex_api.answer(Call(method, path, query, body, headers), send)
            else:
                await self._api(path).answer(Request(method, path, query, body, headers), send)
        except Vanish:
            self.reset(client)

    def _dated(self, send: Send) -> Send:
        """`send` with a Date by the venue's clock, from which BitMEX's clients learn its time."""
        async def dated(message: dict[str, Any]) -> None:
            if message["type"] == "http.response.start":
                date = formatdate(self.venue.clock.now() / 1000, usegmt=True)
                message = {**message, "headers": [*message["headers"], (b"date", date.encode())]}
            await send(message)
        return dated

    def beat(self, count: int) -> None:
        """One heartbeat of the venue and its streams."""
        self.venue.beat(count)
        for hub in (self.hub, self.coin_hub, self.spot_hub):
            if hub:
                hub.publisher.beat(count)
        if self.bitmex_hub:
            self.bitmex_hub.beat(count)

    def stop_waiting(self) -> None:
        """Let requests go that faults hold back."""
        for api in (self.api, self.coin_api, self.spot_api, self.bitmex_api):
            if api:
                api.stopping.set()

    def _refusing(self, kind: str) -> bool:
        faults = self.venue.faults
        return faults.first("refuse") is not None or (kind == "websocket" and faults.first("cut") is not None)

    def reset_all(self, clients: list[tuple[str, int]]) -> None:
        """End several connections with a TCP reset."""
        for client in clients:
            self.reset(client)

    def transport_of(self, client: tuple[str, int]) -> asyncio.Transport | None:
        """To write bytes of our own to a connection; None when it is gone."""
        transport = self.transports.get(client)
        return None if transport is None or transport.is_closing() else transport

    def reset(self, client: Any) -> None:
        """End a connection with a TCP reset."""
        transport = self.transports.pop(client, None)
        if transport is None:
            return
        raw = transport.get_extra_info("socket")
        if raw is not None:
            with contextlib.suppress(OSError):
                raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        transport.abort()


class Server(uvicorn.Server):
    """uvicorn with our ready line, heartbeat, signals and a quick end."""

    def __init__(self, config: uvicorn.Config, application: Application, ready: str, child: bool) -> None:
        super().__init__(config)
        self.application = application
        self.ready = ready
        self.child = child
        self._heart: asyncio.Task[None] | None = None

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Listen, then say so."""
        await super().startup(sockets)
        loop = asyncio.get_running_loop()
        self._heart = asyncio.create_task(self._beat())
        if self.child:
            threading.Thread(target=self._watch_parent, args=(loop,), name="parent watch", daemon=True).start()
        print(self.ready, flush=True)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """End: let waiting requests go, close websockets, do not wait for slow clients."""
        if self._heart:
            self._heart.cancel()
        self.application.stop_waiting()
        loop = asyncio.get_running_loop()
        loop.call_later(PATIENCE_S, self._abort_all)
        await super().shutdown(sockets)

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """SIGTERM and SIGINT end the venue with exit code 0 (uvicorn would raise them again)."""
        loop = asyncio.get_running_loop()
        with contextlib.suppress(ValueError, RuntimeError, NotImplementedError):
            for number in (signal.SIGTERM, signal.SIGINT):
                loop.add_signal_handler(number, self.stop)
        yield

    def stop(self) -> None:
        """Ask for the end."""
        self.should_exit = True

    def _abort_all(self) -> None:
        for transport in list(self.application.transports.values()):
            transport.abort()

    def _watch_parent(self, loop: asyncio.AbstractEventLoop) -> None:
        """The parent holds the other end of our stdin; its end is ours, also after kill -9."""
        with contextlib.suppress(OSError):
            while os.read(0, 4096):
                pass
        with contextlib.suppress(RuntimeError):
            loop.call_soon_threadsafe(self.stop)

    async def _beat(self) -> None:
        loop = asyncio.get_running_loop()
        count, due = 0, loop.time()
        while True:
            count += 1
            try:
                self.application.beat(count)
            except Exception as error:  # the heartbeat must go on; the reason goes to stderr
                print(f"heartbeat: {type(error).__name__}: {error}", file=sys.stderr, flush=True)
            due = max(due + BEAT_S, loop.time() - BEAT_S)
            await asyncio.sleep(max(0.0, due - loop.time()))


def protocol(transports: Transports) -> type[H11Protocol]:
    """uvicorn's HTTP protocol that also notes each connection's transport, for resets."""

    class Noted(H11Protocol):
        def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
            if len(transports) > 512:
                for client in [c for c, t in transports.items() if t.is_closing()]:
                    del transports[client]
            transports[tuple(transport.get_extra_info("peername")[:2])] = transport
            super().connection_made(transport)

    return Noted


def listen(port: int) -> socket.socket:
    """The loopback socket. Raises CannotStart when the port is taken."""
    made = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        made.bind(("127.0.0.1", port))
        made.listen(128)
    except (OSError, OverflowError) as error:
        made.close()
        reason = getattr(error, "strerror", None) or error
        raise CannotStart(f"port {port} of 127.0.0.1 cannot be used: {reason}") from None
    return made


def run(home: Path, port: int = 0, seed: int = 1, fresh: bool = False, replay: Path | None = None,
        child: bool = False, speed: Decimal = Decimal(1)) -> int:
    """Run the exchange until it is told to end; the exit code. The first line on stdout says where it is."""
    try:
        with listen(port) as made:
            venue = Venue(Path(home), seed, fresh, replay, speed)
            try:
                _serve(venue, made, child)
            finally:
                venue.close()
    except CannotStart as error:
        print(f"The bundled exchange cannot start: {error}.", file=sys.stderr, flush=True)
        return 1
    return 0


def _serve(venue: Venue, made: socket.socket, child: bool) -> None:
    address = f"127.0.0.1:{made.getsockname()[1]}"
    account = venue.account
    faces = {"binance": {"http": f"http://{address}", "ws": f"ws://{address}", "api_key": account.api_key,
                         "api_secret": account.api_secret}}
    if venue.bitmex:
        own = venue.bitmex.account
        faces["bitmex"] = {"http": f"http://{address}/api/v1/", "ws": f"ws://{address}/realtime",
                           "api_key": own.api_key, "api_secret": own.api_secret}
    ready = json.dumps({"ready": True, **faces, "control": f"http://{address}/control"})
    transports: Transports = {}

    async def main() -> None:
        application = Application(venue, transports)
        config = uvicorn.Config(
            application, loop="asyncio", http=protocol(transports), ws="websockets-sansio", lifespan="off",
            log_config=None, access_log=False, server_header=False, date_header=False, ws_per_message_deflate=False,
            ws_ping_interval=20.0, ws_ping_timeout=60.0, ws_max_size=1 << 20, timeout_graceful_shutdown=1,
            timeout_keep_alive=75)
        server = Server(config, application, ready, child)
        await server.serve(sockets=[made])

    asyncio.run(main())
