"""One HTTP request, sent once: an answer, or an error that says whether a byte left. One `Client` per thread.

No retries, no redirects, TLS always verified (1.2 or newer), plain http for loopback only, bodies up to 16 MB. Errors
are raised outside the `except` block, so that neither URL, query nor headers hang on them as context.
"""

from __future__ import annotations

import ssl
import time
from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum, StrEnum
from typing import Any, ClassVar
from urllib.parse import urlsplit
from weakref import WeakSet

import requests
import urllib3
from requests.adapters import HTTPAdapter

from core.errors import SilenceError, VenueError
from core.hosts import is_loopback

LARGEST_BODY = 16 * 1024 * 1024
_CHUNK = 65_536


class NotSent(VenueError):
    """The request never left: no connection could be made. Sending it later is not sending it again."""


class Security(StrEnum):
    """What a call needs besides its parameters."""

    NONE = "none"
    KEY = "key"          # the key's header
    SIGNED = "signed"    # header, timestamp, signature


class Rank(IntEnum):
    """Who goes first and who may use the last of a budget; smaller is more urgent."""

    CANCEL = 0
    ORDER = 1
    ACCOUNT = 2
    MARKET = 3
    HISTORY = 4


@dataclass(frozen=True, slots=True)
class Call:
    """A request before it is stamped and signed."""

    method: str
    path: str
    params: tuple[tuple[str, str], ...] = ()
    security: Security = Security.NONE
    weight: int = 1
    orders: int = 0      # what it adds to the venue's order counters
    rank: Rank = Rank.ACCOUNT
    body: bytes = b""    # the exact bytes, for venues that take and sign a body of their own form


@dataclass(frozen=True, slots=True)
class Prepared:
    """A request as it goes over the wire. Never printed: the URL carries the signature."""

    method: str
    url: str
    body: bytes | None
    headers: Mapping[str, str]

    def __repr__(self) -> str:
        return f"Prepared({self.method} ***)"


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back, whatever its status."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    seconds: float


class _Registered(urllib3.connection.HTTPConnection):
    """A connection that can be found, to be shut down from another thread."""

    opened: ClassVar[WeakSet[Any]]

    def connect(self) -> None:
        super().connect()
        self.opened.add(self.sock)


class _RegisteredTLS(urllib3.connection.HTTPSConnection):
    opened: ClassVar[WeakSet[Any]]

    def connect(self) -> None:
        super().connect()
        self.opened.add(self.sock)


class _Adapter(HTTPAdapter):
    """Library retries off, our TLS rules, sockets registered in `opened`."""

    def __init__(self, opened: WeakSet[Any], context: ssl.SSLContext | None) -> None:
        self._opened, self._context = opened, context
        super().__init__(pool_connections=1, pool_maxsize=1, max_retries=0)

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, ssl_context=self._context, **kwargs)
        plain = type("Plain", (urllib3.HTTPConnectionPool,), {
            "ConnectionCls": type("Conn", (_Registered,), {"opened": self._opened})})
        secure = type("Secure", (urllib3.HTTPSConnectionPool,), {
            "ConnectionCls": type("ConnTLS", (_RegisteredTLS,), {"opened": self._opened})})
        self.poolmanager.pool_classes_by_scheme = {"http": plain, "https": secure}


def tls_context() -> ssl.SSLContext:
    """Certificates and host names verified, TLS 1.2 or newer; there is no switch for less."""
    context = ssl.create_default_context()
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


class Client:
    """Talks to one host. `interrupt` may be called from any thread, all else from the owner only.

    `context` is needed for https; it takes some time to make and may be shared.
    """

    def __init__(self, market: str, base: str, connect_s: float, answer_s: float,
                 context: ssl.SSLContext | None = None) -> None:
        parts = urlsplit(base)
        if parts.scheme != "https" and not (parts.scheme == "http" and is_loopback(parts.hostname or "")):
            raise VenueError(market, "only https addresses are used (http for this computer only)")
        self.market, self._base = market, base
        self._timeout = (connect_s, answer_s)
        self._opened: WeakSet[Any] = WeakSet()
        self._session = requests.Session()
        self._session.trust_env = not is_loopback(parts.hostname or "")   # no proxy to this computer
        self._session.adapters.clear()
        if parts.scheme == "https":
            context = context or tls_context()
        self._session.mount(f"{parts.scheme}://", _Adapter(self._opened, context))

    def send(self, prepared: Prepared) -> Answer:
        """Send once. Raises `NotSent` when no connection could be made, `SilenceError` for everything less certain."""
        begun = time.monotonic()
        failure: VenueError
        try:
            with self._session.request(
                    prepared.method, self._base + prepared.url, data=prepared.body, headers=dict(prepared.headers),
                    timeout=self._timeout, allow_redirects=False, stream=True) as response:
                body = self._read(response, begun + self._timeout[1])
                return Answer(response.status_code, response.headers, body, time.monotonic() - begun)
        except VenueError as error:
            failure = type(error)(self.market, error.text)
        except requests.RequestException as error:
            failure = _translate(self.market, error)
        except (OSError, urllib3.exceptions.HTTPError, ValueError) as error:
            failure = SilenceError(self.market, f"the answer could not be read ({type(error).__name__})")
        raise failure

    def interrupt(self) -> None:
        """End what is being waited for: the waiting thread gets `SilenceError` at once."""
        for sock in list(self._opened):
            try:
                sock.shutdown(2)
            except OSError:
                continue

    def close(self) -> None:
        """Give the connection back."""
        self._session.close()

    def _read(self, response: requests.Response, deadline: float) -> bytes:
        read, size = [], 0
        for chunk in response.raw.stream(_CHUNK, decode_content=True):
            size += len(chunk)
            if size > LARGEST_BODY:
                raise SilenceError(self.market, "the answer is longer than 16 MB")
            if time.monotonic() > deadline:
                raise SilenceError(self.market, "the answer did not end in time")
            read.append(chunk)
        return b"".join(read)


def _translate(market: str, error: requests.RequestException) -> VenueError:
    """The library's error in our words, without anything of the request."""
    cause: BaseException | None = error.args[0] if error.args and isinstance(error.args[0], BaseException) else None
    reason = getattr(cause, "reason", None) or cause
    if isinstance(error, requests.exceptions.SSLError):
        inner = reason.args[0] if isinstance(reason, BaseException) and reason.args else reason
        if isinstance(inner, ssl.SSLCertVerificationError):
            return NotSent(market, f"the server's certificate is not trusted ({inner.verify_message})")
        if isinstance(inner, ssl.SSLError) and "VERSION" in (inner.reason or ""):
            return NotSent(market, "the server offers no TLS 1.2 or newer")
        return SilenceError(market, "the encrypted connection failed")
    if isinstance(error, requests.exceptions.ConnectTimeout):
        return NotSent(market, "no connection in time")
    if isinstance(reason, urllib3.exceptions.NameResolutionError):
        return NotSent(market, "the host's name could not be resolved")
    if isinstance(reason, urllib3.exceptions.NewConnectionError):
        return NotSent(market, "no connection (refused or unreachable)")
    if isinstance(reason, urllib3.exceptions.ProxyError):
        return NotSent(market, "the proxy does not let us through")
    if isinstance(error, requests.exceptions.Timeout):
        return SilenceError(market, "no answer in time")
    return SilenceError(market, "the connection broke before the answer")
