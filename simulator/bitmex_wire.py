"""One BitMEX request as it came over the wire: key headers, parameters, the table questions, limits, refusals."""

from __future__ import annotations

import hashlib
import hmac
import time
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

import msgspec

from simulator.bitmex_rows import Json, decode, tidy

if TYPE_CHECKING:
    from simulator.bitmex_venue import BitmexVenue

MINUTE_KEYED, MINUTE_OPEN, SECOND_ORDERS = 120, 30, 10
TEXTS = {400: "Bad Request", 401: "Invalid API Key.", 403: "Access Denied", 404: "Not Found",
         429: "Rate limit exceeded, retry in 1 seconds.", 500: "Internal Server Error", 502: "Bad Gateway",
         503: "The system is currently overloaded. Please try again later.", 504: "Gateway Timeout"}


class No(Exception):
    """A request the venue does not carry out, as BitMEX words it."""

    def __init__(self, status: int, text: str, name: str = "HTTPError", details: str | None = None,
                 headers: dict[str, str] | None = None) -> None:
        super().__init__(text)
        self.status = status
        self.text = text
        self.name = name
        self.details = details
        self.headers = headers or {}

    def body(self) -> Json:
        """The JSON object it is told as."""
        return {"error": tidy({"message": self.text, "name": self.name, "details": self.details})}


class Pace:
    """BitMEX's two layers of limits: requests a minute (a bucket that refills) and order calls a second."""

    def __init__(self) -> None:
        self.per_minute = MINUTE_KEYED
        self.per_minute_open = MINUTE_OPEN
        self.per_second = SECOND_ORDERS
        self.forgive()

    def forgive(self) -> None:
        """Both buckets full again (control)."""
        self._left = {True: float(self.per_minute), False: float(self.per_minute_open)}
        self._at = {True: time.monotonic(), False: time.monotonic()}
        self._orders: deque[float] = deque()

    def charge(self, keyed: bool, is_order: bool) -> None:
        """Count a request; refuse it with 429 when there were too many."""
        limit = self.limit(keyed)
        self._refill(keyed)
        if self._left[keyed] < 1:
            raise too_many(int((1 - self._left[keyed]) * 60 / limit) + 1)
        self._left[keyed] -= 1
        if is_order:
            now = time.monotonic()
            if self.orders_left() < 1:
                raise too_many(1)
            self._orders.append(now)

    def limit(self, keyed: bool) -> int:
        """Requests a minute."""
        return self.per_minute if keyed else self.per_minute_open

    def orders_left(self) -> int:
        """Order calls this second still has room for."""
        now = time.monotonic()
        while self._orders and self._orders[0] <= now - 1:
            self._orders.popleft()
        return self.per_second - len(self._orders)

    def headers(self, keyed: bool, is_order: bool, now_ms: int) -> list[tuple[bytes, bytes]]:
        """The counters as response headers."""
        self._refill(keyed)
        limit, left = self.limit(keyed), int(max(0.0, self._left[keyed]))
        reset = now_ms // 1000 + (0 if left >= limit else -(-(limit - left) * 60 // limit))
        out = [("x-ratelimit-limit", limit), ("x-ratelimit-remaining", left), ("x-ratelimit-reset", reset)]
        if is_order:
            out += [("x-ratelimit-limit-1s", self.per_second), ("x-ratelimit-remaining-1s", max(0, self.orders_left()))]
        return [(name.encode(), str(value).encode()) for name, value in out]

    def _refill(self, keyed: bool) -> None:
        now, limit = time.monotonic(), self.limit(keyed)
        self._left[keyed] = min(float(limit), self._left[keyed] + (now - self._at[keyed]) * limit / 60)
        self._at[keyed] = now


def too_many(seconds: int) -> No:
    """The 429 answer."""
    return No(429, f"Rate limit exceeded, retry in {seconds} seconds.", headers={"retry-after": str(seconds)})


@dataclass(slots=True)
class Call:
    """Method, path and both raw halves of a request; `params` joins them, the body wins."""

    method: str
    path: str
    query: bytes
    body: bytes
    headers: dict[str, str]
    params: Json = field(default_factory=dict)
    as_of: str | None = None  # answer order and execution questions as they stood then (fault "lag")

    def read(self) -> None:
        """Take the parameters apart. Raises the venue's refusal when the body is not what it says."""
        self.params = dict(parse_qsl(self.query.decode("utf-8", "replace"), keep_blank_values=True))
        if not self.body.strip():
            return
        if "form-urlencoded" in self.headers.get("content-type", ""):
            self.params |= dict(parse_qsl(self.body.decode("utf-8", "replace"), keep_blank_values=True))
            return
        try:
            sent = decode(self.body)
        except msgspec.DecodeError:
            raise No(400, "Unable to parse JSON body", "ValidationError") from None
        if not isinstance(sent, dict):
            raise No(400, "Request body must be an object", "ValidationError")
        self.params |= sent

    def text(self, name: str) -> str:
        """A text, "" when absent."""
        value = self.params.get(name)
        return "" if value is None else str(value)

    def has(self, name: str) -> bool:
        """Whether a parameter says something."""
        return self.text(name) != ""

    def integer(self, name: str, default: int | None = None) -> int | None:
        """A whole number."""
        value = self.decimal(name)
        if value is None:
            return default
        if value != int(value):
            raise No(400, f"Invalid {name}")
        return int(value)

    def decimal(self, name: str) -> Decimal | None:
        """A number, None when absent."""
        if not self.has(name):
            return None
        try:
            value = Decimal(self.text(name))
            assert value.is_finite() and abs(value) < 10**18 and not isinstance(self.params[name], bool)
        except (ArithmeticError, AssertionError):
            raise No(400, f"Invalid {name}") from None
        return value

    def flag(self, name: str, default: bool = False) -> bool:
        """true or false."""
        return self.text(name).lower() == "true" if self.has(name) else default

    def json(self, name: str) -> Any:
        """A parameter that is JSON in the query and may be the thing itself in a body; None when absent."""
        value = self.params.get(name)
        if not isinstance(value, str) or not value:
            return value or None
        try:
            return decode(value)
        except msgspec.DecodeError:
            return value


Handler = Callable[["BitmexVenue", Call], Any]


@dataclass(frozen=True, slots=True)
class Route:
    """One call: who answers, whether it needs a key, and whether the second layer counts it."""

    handler: Handler
    keyed: bool = True
    is_order: bool = False


def check_key(venue: BitmexVenue, call: Call, needed: bool) -> bool:
    """Whether the call is the account's. Refuses a wrong key, a late request, a wrong signature."""
    key = call.headers.get("api-key", "")
    if not key:
        if needed:
            raise No(401, "Authorization Required")
        return False
    target = call.path + (f"?{call.query.decode('latin-1')}" if call.query else "")
    check_signature(venue, key, call.headers.get("api-expires", ""), call.headers.get("api-signature", ""),
                    call.method + target, call.body)
    return True


def check_signature(venue: BitmexVenue, key: str, expires: str, signature: str, target: str, body: bytes) -> None:
    """Key, expiry and signature over verb + path + expires + body."""
    if not hmac.compare_digest(key.encode(), venue.account.api_key.encode()):
        raise No(401, "Invalid API Key.")
    now = venue.clock.now() // 1000
    if not expires.isdigit():
        raise No(400, "Missing or invalid api-expires header")
    if int(expires) < now:
        raise No(400, f"This request has expired - `expires` is in the past. Current time: {now}")
    wanted = sign(venue.account.api_secret, target, expires, body)
    if not hmac.compare_digest(wanted, signature.lower().encode("utf-8", "replace").decode("ascii", "replace")):
        raise No(401, "Signature not valid.")


def sign(secret: str, target: str, expires: str, body: bytes = b"") -> str:
    """BitMEX's signature; target = verb and path, nothing between."""
    return hmac.new(secret.encode(), target.encode() + expires.encode() + body, hashlib.sha256).hexdigest()


def table(call: Call, rows: Iterable[Json], stamp: str = "timestamp", most: int = 500, reverse: bool = False,
          ) -> list[Json]:
    """What all table calls share: symbol, filter, startTime, endTime, reverse, start, count, columns."""
    wanted = call.json("filter") or {}
    if not isinstance(wanted, dict):
        raise No(400, "Invalid filter", "ValidationError")
    count, start = call.integer("count", 100) or 0, call.integer("start", 0) or 0
    if not 0 <= count <= most or start < 0:
        raise No(400, f"Invalid count: at most {most}" if start >= 0 else "Invalid start", "ValidationError")
    symbol = call.text("symbol")
    begin = time_of(call.text("startTime") or wanted.get("startTime"))
    end = time_of(call.text("endTime") or wanted.get("endTime"))
    rest = {key: value for key, value in wanted.items() if key not in ("startTime", "endTime")}
    kept = [row for row in rows if (not symbol or row.get("symbol") == symbol)
            and (not begin or row[stamp] >= begin) and (not end or row[stamp] <= end) and fits(row, rest)]
    if call.flag("reverse", reverse):
        kept.reverse()
    page = kept[start:start + count]
    columns = call.json("columns")
    if columns:
        names = columns if isinstance(columns, list) else str(columns).split(",")
        return [{key: value for key, value in row.items() if key in ("symbol", stamp, *names)} for row in page]
    return page


def time_of(text: Any) -> str | None:
    """A time bound in the rows' own form (they compare as texts); None when absent."""
    if not text:
        return None
    plain = str(text).replace(" ", "T").removesuffix("Z").removesuffix("+00:00")
    day, _, clock = plain.partition("T")
    clock, _, part = (clock or "00:00:00").partition(".")
    if len(clock) == 5:
        clock += ":00"
    if len(day) != 10 or len(clock) != 8 or not (day + clock + part).replace("-", "").replace(":", "").isdigit():
        raise No(400, "Invalid startTime or endTime", "ValidationError")
    return f"{day}T{clock}.{part[:3].ljust(3, '0')}Z"


def fits(row: Json, wanted: Json) -> bool:
    """Whether a row has what a filter asks; a list means any of it, open means the order may still be filled."""
    for key, value in wanted.items():
        if key == "open":
            if value is not False and not row.get("workingIndicator"):
                return False
        elif isinstance(value, list):
            if row.get(key) not in value:
                return False
        elif row.get(key, "") != value:
            return False
    return True
