"""Asks one product step by step whether it works: what is alike for every exchange. On the caller's thread.

For `main.py doctor` and the settings' “Test connection”. Nothing is changed at the venue. Each answer names its own
step: a wrong address is not taken for a wrong key, nor a wrong key for a wrong address.
"""

from __future__ import annotations

import json
import socket
import ssl
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import websocket

from connectors.http import tls_context
from connectors.timesync import TimeSync
from core.errors import KeysRejected, Rejected, Throttled, VenueError
from core.hosts import is_loopback
from core.numbers import printable

CLOCK_WARNING_MS = 500
CERTIFICATE_DAYS = 14       # less than these left: a warning
SHOWN_SYMBOLS = 5

NO_KEYS = "no API key: market data only"


@dataclass(frozen=True, slots=True)
class Step:
    """One answer: `ok` True ✓, None ▲ (works, with a catch), False ✕; `cure` says what to do."""

    name: str
    ok: bool | None
    text: str
    cure: str = ""


Steps = Iterator[Step]


def until_bad(*parts: Steps) -> Steps:
    """The steps of all parts in order; a ✕ ends them, for what follows hangs on it."""
    for part in parts:
        for step in part:
            yield step
            if step.ok is False:
                return


def network(http: str, timeout: float) -> Steps:
    """DNS, then TCP and TLS."""
    parts = urlsplit(http)
    host, port = parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)
    if is_loopback(host):
        yield Step("DNS", True, f"{host} is this computer")
    elif _is_proxied(parts.scheme, host):
        yield Step("DNS", None, "a proxy stands between: name and certificate are its business")
        return
    else:
        yield _resolve(host, port)
    yield _dial(host, port, parts.scheme == "https", timeout)


def _is_proxied(scheme: str, host: str) -> bool:
    return bool(getproxies().get(scheme)) and not proxy_bypass(host)


def _resolve(host: str, port: int) -> Step:
    began = time.monotonic()
    try:
        found = {str(row[4][0]) for row in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)}
    except OSError as error:
        return Step("DNS", False, f"the name {host} is not known ({error.strerror or error})",
                    "correct the address, or this computer's network and name service")
    first, more = min(found), len(found) - 1
    return Step("DNS", True, f"{host} is {first}{f' and {more} more' if more else ''}, "
                             f"{1000 * (time.monotonic() - began):.0f} ms")


def _dial(host: str, port: int, is_safe: bool, timeout: float) -> Step:
    name = "TLS" if is_safe else "TCP"
    began = time.monotonic()
    try:
        with socket.create_connection((host, port), timeout) as raw:
            if not is_safe:
                return Step(name, True, f"connected in {1000 * (time.monotonic() - began):.0f} ms; no encryption is "
                                        "needed on this computer")
            with tls_context().wrap_socket(raw, server_hostname=host) as safe:
                return _certificate(safe)
    except ssl.SSLCertVerificationError as error:
        return Step(name, False, f"the certificate of {host} is not trusted: {error.verify_message}",
                    "somebody may listen in: check the address, and this computer's date and certificates")
    except ssl.SSLError as error:
        return Step(name, False, f"no encrypted connection with {host}: {error.reason or 'it speaks no TLS'}",
                    "check address and port; TLS 1.2 or newer is needed")
    except TimeoutError:
        return Step(name, False, f"{host}:{port} does not answer within {timeout:.0f} s",
                    "check address, network and firewall")
    except OSError as error:
        return Step(name, False, f"no connection to {host}:{port} ({error.strerror or error})",
                    "nothing listens there: check address, port and firewall")


def _certificate(line: ssl.SSLSocket) -> Step:
    told = line.getpeercert() or {}
    end = datetime.fromtimestamp(ssl.cert_time_to_seconds(str(told.get("notAfter", ""))), UTC)
    left = (end - datetime.now(UTC)).days
    text = f"{line.version()}, certificate until {end:%Y-%m-%d} ({left} days)"
    if left < CERTIFICATE_DAYS:
        return Step("TLS", None, text, "the exchange should renew it; tell its support if it does not")
    return Step("TLS", True, text)


def asked(name: str, question: Callable[[], Step], cure: str) -> Step:
    """The answer to a question, or its failure under its own name; a refused key is always called that."""
    try:
        return question()
    except KeysRejected as error:
        return Step("key", False, f"not accepted by the exchange: {error.text}",
                    "check API_KEY and API_SECRET: of this network? right permissions? this address allowed?")
    except Throttled as error:
        return Step(name, False, f"the exchange takes no requests now: {error.text}", "wait, then try again")
    except Rejected as error:
        return Step(name, False, f"refused: {error.text}", cure)
    except VenueError as error:
        return Step(name, False, error.text, cure)


def clock(sync: TimeSync, seconds: float) -> Step:
    """The server's time as just measured, in so many seconds, and how far ours is off."""
    offset = sync.offset_ms() or 0.0
    problem = sync.problem()
    text = f"answers in {1000 * seconds:.0f} ms, our clock is {offset / 1000:+.2f} s off"
    if problem:
        return Step("server time", False, problem, "set this computer's clock: sudo timedatectl set-ntp true")
    if abs(offset) > CLOCK_WARNING_MS:
        return Step("server time", None, text, "check this computer's time service")
    return Step("server time", True, text)


def symbols(wanted: Sequence[str], trading: set[str], list_name: str) -> Step:
    """Whether all configured symbols are traded."""
    missing = [symbol for symbol in wanted if symbol not in trading]
    if not missing:
        return Step("symbols", True, f"{len(wanted)} configured, all of them traded")
    more = f" and {len(missing) - SHOWN_SYMBOLS} more" if len(missing) > SHOWN_SYMBOLS else ""
    return Step("symbols", False, f"not listed or not traded: {', '.join(missing[:SHOWN_SYMBOLS])}{more}",
                f"correct {list_name}")


def no_keys(prefix: str = "") -> Step:
    """The end of a test without keys."""
    return Step("key", None, NO_KEYS, f"set {prefix}API_KEY and {prefix}API_SECRET to trade")


def stream(url: str, timeout: float, greet: str, headers: Sequence[str] = (), is_done: Callable[[object], str | None]
           = lambda _told: "") -> Step:
    """Opens the account's stream. `greet` is sent first; `is_done` gives "" when a message grants it, the reason when
    one refuses it, None for others. Without `greet` the handshake is the proof."""
    began = time.monotonic()
    host = urlsplit(url).hostname or ""
    try:
        with closing(websocket.create_connection(
                url, timeout=timeout, header=list(headers), redirect_limit=0, suppress_origin=True,
                http_no_proxy=[host] if is_loopback(host) else None,
                sslopt={"context": tls_context()} if url.startswith("wss:") else None)) as line:
            if greet:
                line.send(greet)
            while greet:
                left = timeout - (time.monotonic() - began)
                if left <= 0:
                    return _no_stream("nothing was granted in time")
                line.settimeout(left)
                refused = is_done(json.loads(line.recv()))
                if refused == "":
                    break
                if refused:
                    return _no_stream(refused)
            return Step("user stream", True, f"opened in {1000 * (time.monotonic() - began):.0f} ms")
    except (websocket.WebSocketException, OSError, ValueError) as error:
        words = str(error).partition(" -+-+- ")[0] or type(error).__name__      # what follows are headers
        return _no_stream(printable(words, 120))


def _no_stream(reason: str) -> Step:
    return Step("user stream", False, f"the account's stream does not open: {reason}",
                "check WS_URL, and that no firewall stops WebSockets")
