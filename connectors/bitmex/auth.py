"""Stamping and signing: a `Call` becomes what goes over the wire (bitmex.md section 3)."""

from __future__ import annotations

from collections.abc import Iterable
from urllib.parse import quote, urlsplit

from connectors.http import Call, Prepared, Security
from core.errors import KeysRejected
from core.secrets import Credentials

MARKET = "Bitmex"
API = "/api/v1"              # where the signed path begins, whatever stands before it in the address
SOCKET = "/realtime"         # what a connection signs, wherever it is


def base_of(http: str) -> str:
    """The configured address without its "/api/v1": paths bring that themselves."""
    return http.rstrip("/").removesuffix(API)


def socket_of(address: str) -> str:
    """The configured stream address, with its "/realtime"."""
    plain = address.rstrip("/")
    return plain if urlsplit(plain).path.endswith(SOCKET) else plain + SOCKET


def encode(params: Iterable[tuple[str, str]]) -> str:
    """Parameters in their order, percent-encoded exactly as they are signed and sent."""
    return "&".join(f"{name}={quote(value, safe='')}" for name, value in params)


def headers(credentials: Credentials, verb: str, path: str, expires: int, body: bytes = b"") -> dict[str, str]:
    """The three headers of a signed request; `expires` is the venue's time in seconds."""
    payload = f"{verb}{path}{expires}".encode() + body
    return {"api-key": credentials.header_key(), "api-expires": str(expires),
            "api-signature": credentials.sign(payload)}


def prepare(call: Call, credentials: Credentials | None, expires: int) -> Prepared:
    """Parameters in the query, what changes something as a JSON body; signed as sent."""
    query = encode(call.params)
    path = f"{API}{call.path}" + (f"?{query}" if query else "")
    told: dict[str, str] = {"Content-Type": "application/json"} if call.body else {}
    if call.security is not Security.NONE:
        if credentials is None:
            raise KeysRejected(MARKET, "no API key is set")
        told |= headers(credentials, call.method, path, expires, call.body)
    return Prepared(call.method, path, call.body or None, told)


def of_socket(credentials: Credentials, expires: int) -> list[str]:
    """The headers of a connection's handshake."""
    return [f"{name}: {value}" for name, value in headers(credentials, "GET", SOCKET, expires).items()]
