"""One REST request as it came over the wire: its parameters, its key, its signature."""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import parse_qsl

from simulator.clock import Clock
from simulator.errors import Refused
from simulator.keys import is_public, is_signed
from simulator.store import Store

if TYPE_CHECKING:
    from simulator.binance_streams import Hub
    from simulator.futures import Futures

Json = dict[str, Any]
NUMBER = re.compile(r"^-?[0-9]{1,20}(\.[0-9]{1,20})?$")
SIGNATURE = re.compile(rb"(^|&)signature=[^&]*")
MICROSECONDS = 10 ** 15  # a timestamp from here on is in microseconds
KEY_FORM = re.compile(r"^[A-Za-z0-9]{16,128}$")


@dataclass(slots=True)
class Request:
    """Method, path and both raw halves of the payload. In `params` the query wins over the body."""

    method: str
    path: str
    query: bytes
    body: bytes
    headers: dict[str, str]
    params: dict[str, str] = field(default_factory=dict)
    as_of: int | None = None  # answer order queries as they stood then (fault "lag")
    order_count: int = 0  # orders this request counted for
    weight: int | None = None  # set by a handler whose weight depends on its parameters

    def __post_init__(self) -> None:
        self.params = dict(parse_qsl(self.body.decode("utf-8", "replace"), keep_blank_values=True))
        self.params.update(parse_qsl(self.query.decode("utf-8", "replace"), keep_blank_values=True))

    def need(self, name: str) -> str:
        """A parameter that must be there."""
        value = self.params.get(name, "")
        if not value:
            raise missing(name)
        return value

    def text(self, name: str, default: str = "") -> str:
        """A parameter or the default."""
        return self.params.get(name) or default

    def integer(self, name: str, default: int | None = None) -> int | None:
        """A whole number."""
        value = self.params.get(name)
        if not value:
            return default
        try:
            return int(value)
        except ValueError:
            raise Refused(-1100, f"Illegal characters found in parameter '{name}'; legal range is "
                                 "'^[0-9]{1,20}$'.") from None

    def limit(self, default: int, most: int) -> int:
        """The page size; too much or too little is refused."""
        value = self.integer("limit", default)
        assert value is not None
        if not 1 <= value <= most:
            raise Refused(-1130, "Data sent for parameter 'limit' is not valid.")
        return value

    def decimal(self, name: str) -> Decimal | None:
        """A decimal, None when absent; other text is refused."""
        return None if not self.params.get(name) else decimal_of(name, self.params[name])

    def flag(self, name: str) -> bool:
        """A "true"/"false" parameter."""
        value = self.text(name, "false").lower()
        if value not in ("true", "false"):
            raise Refused(-1130, f"Data sent for parameter '{name}' is not valid.")
        return value == "true"


@dataclass(slots=True)
class Context:
    """What handlers work on."""

    venue: Futures
    hub: Hub


Handler = Callable[[Any, Request], Any]  # works on the Context, or on its product's side of the venue


@dataclass(frozen=True, slots=True)
class Route:
    """One call: what it needs (NONE, KEY or SIGNED), what it costs, who answers."""

    handler: Handler
    weight: int = 1
    security: str = "NONE"
    orders: int = 0  # counts on the 10-second order counter


def missing(name: str) -> Refused:
    """The refusal of a request without a mandatory parameter."""
    return Refused(-1102, f"Mandatory parameter '{name}' was not sent, was empty/null, or malformed.")


def decimal_of(name: str, value: str) -> Decimal:
    """Decimal from plain text; exponents and words are refused."""
    if not NUMBER.match(value):
        raise Refused(-1100, f"Illegal characters found in parameter '{name}'; legal range is "
                             "'^([0-9]{1,20})(\\.[0-9]{1,20})?$'.")
    return Decimal(value)


class Keyed(Protocol):
    """What signatures are checked against: the clock, the account's own keys and the registered ones."""

    clock: Clock
    account: Any
    store: Store


def check_key(venue: Keyed, request: Request) -> None:
    """Refuse a missing, malformed or foreign API key."""
    check_known(venue, request.headers.get("x-mbx-apikey", ""))


def check_known(venue: Keyed, key: str) -> None:
    """Refuse a key that is neither the account's nor registered."""
    if not key or not KEY_FORM.match(key):
        raise Refused(-2014, "API-key format invalid.", 401)
    if not hmac.compare_digest(key, venue.account.api_key) and not is_public(venue.store, venue.account.name, key):
        raise Refused(-2015, "Invalid API-key, IP, or permissions for action.", 401)


def check_stamp(venue: Keyed, request: Request) -> None:
    """Refuse a request that is not of now."""
    stamp = request.integer("timestamp")
    if stamp is None:
        raise missing("timestamp")
    window = request.decimal("recvWindow")
    window = Decimal(5000) if window is None else window
    if window > 60000:
        raise Refused(-1131, "recvWindow must be less than 60000.")
    now = venue.clock.now()
    if stamp >= MICROSECONDS:
        stamp //= 1000
    if stamp >= now + 1000:
        raise Refused(-1021, "Timestamp for this request was 1000ms ahead of the server's time.")
    if now - stamp > window:
        raise Refused(-1021, "Timestamp for this request is outside of the recvWindow.")


def check_signed(venue: Keyed, request: Request) -> None:
    """Refuse a request that is not of now or not signed over exactly what was sent."""
    check_key(venue, request)
    check_stamp(venue, request)
    payload = SIGNATURE.sub(b"", request.query) + SIGNATURE.sub(b"", request.body)
    check_signature(venue, request.headers["x-mbx-apikey"], payload, request.need("signature"))


def check_fields(venue: Keyed, request: Request, only_public: bool = False) -> None:
    """The same for the WebSocket API: the key is a parameter, signed are the sorted parameters as they are."""
    key = request.need("apiKey")
    check_known(venue, key)
    if only_public and not is_public(venue.store, venue.account.name, key):
        raise Refused(-4056, "HMAC_SHA256 API key is not supported.")
    check_stamp(venue, request)
    fields = sorted((name, value) for name, value in request.params.items() if name != "signature")
    payload = "&".join(f"{name}={value}" for name, value in fields)
    check_signature(venue, key, payload.encode(), request.need("signature"))


def check_signature(venue: Keyed, key: str, payload: bytes, signature: str) -> None:
    """Refuse what the owner of the key did not sign: HMAC in hex, or Ed25519 in base64."""
    wanted = hmac.new(venue.account.api_secret.encode(), payload, hashlib.sha256).hexdigest()
    if key == venue.account.api_key:
        good = hmac.compare_digest(wanted.encode(), signature.lower().encode("utf-8", "replace"))
    else:
        good = is_signed(venue.store, venue.account.name, key, payload, signature)
    if not good:
        raise Refused(-1022, "Signature for this request is not valid.")
