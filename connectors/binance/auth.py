"""Stamping and signing: a `Call` becomes what goes over the wire (binance.md section 3)."""

from __future__ import annotations

from collections.abc import Iterable
from urllib.parse import quote

from connectors.http import Call, Prepared, Security
from core.errors import KeysRejected
from core.secrets import Credentials

FORM = "application/x-www-form-urlencoded"


def encode(params: Iterable[tuple[str, str]]) -> str:
    """Parameters in their order, percent-encoded exactly as they are signed and sent."""
    return "&".join(f"{name}={quote(value, safe='')}" for name, value in params)


def sign(credentials: Credentials, payload: str) -> str:
    """The payload with its signature at the end; that of an Ed25519 key is base64 and so encoded in turn."""
    return f"{payload}&signature={quote(credentials.sign(payload.encode()), safe='')}"


def prepare(call: Call, credentials: Credentials | None, venue_ms: int, recv_window_ms: int) -> Prepared:
    """GET and DELETE carry their parameters in the query, POST and PUT as a form."""
    headers: dict[str, str] = {}
    payload = encode(call.params)
    if call.security is not Security.NONE:
        if credentials is None:
            raise KeysRejected("Binance", "no API key is set")
        headers["X-MBX-APIKEY"] = credentials.header_key()
    if call.security is Security.SIGNED and credentials is not None:
        stamped = encode((*call.params, ("recvWindow", str(recv_window_ms)), ("timestamp", str(venue_ms))))
        payload = sign(credentials, stamped)
    if call.method in ("POST", "PUT"):
        headers["Content-Type"] = FORM
        return Prepared(call.method, call.path, payload.encode(), headers)
    return Prepared(call.method, f"{call.path}?{payload}" if payload else call.path, None, headers)


def socket_params(credentials: Credentials, venue_ms: int, recv_window_ms: int,
                  params: Iterable[tuple[str, str | int]] = ()) -> dict[str, str | int]:
    """Signed parameters of a WebSocket API request: sorted by name, signed as plain text without any encoding."""
    told = sorted([*params, ("apiKey", credentials.header_key()), ("recvWindow", recv_window_ms),
                   ("timestamp", venue_ms)])
    payload = "&".join(f"{name}={value}" for name, value in told)
    return {**dict(told), "signature": credentials.sign(payload.encode())}
