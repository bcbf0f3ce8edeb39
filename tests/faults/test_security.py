"""Secrets and encryption: rows X3 and X7 of the table of faults, invariant I10."""

from __future__ import annotations

import logging
import re
import ssl
import threading
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from connectors.http import Client, NotSent, Prepared
from connectors.stream import Stream
from core.clock import SystemClock
from core.errors import SilenceError, VenueError
from core.logs import start_logging
from core.secrets import Credentials, KnownSecrets
from tests.faults.certificates import Authority, serving
from tests.faults.harness import BUY, QUICK, Ground, until

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"
REDIRECT = b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n"
SIGNATURE = re.compile(rb"[0-9a-f]{64}")


def request(port: int, scheme: str = "https") -> int:
    """A signed-looking request; the status of its answer."""
    client = Client("Binance", f"{scheme}://127.0.0.1:{port}", 2, 2)
    try:
        return client.send(Prepared("GET", "/fapi/v1/order?signature=0", None, {"X-MBX-APIKEY": "key"})).status
    finally:
        client.close()


@pytest.fixture
def authority(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Authority:
    """Trusted by everything that trusts the system's authorities."""
    made = Authority(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(made.file))
    return made


def test_x7_a_good_certificate_is_taken(authority: Authority) -> None:
    with serving(authority.server("good"), OK) as (port, _):
        assert request(port) == 200


@pytest.mark.parametrize(("name", "more"), [("self-signed", {"own": True}), ("expired", {"days": -1}),
                                            ("other-host", {"host": "example.org"})])
def test_x7_a_bad_certificate_is_refused(authority: Authority, name: str, more: dict[str, Any]) -> None:
    with serving(authority.server(name, **more), OK) as (port, heard), \
            pytest.raises(NotSent, match="certificate is not trusted"):
        request(port)

    assert not heard, "the request left"


def test_x7_old_encryption_is_refused(authority: Authority) -> None:
    context = authority.server("old")
    context.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
    context.maximum_version = ssl.TLSVersion.TLSv1_1
    context.set_ciphers("DEFAULT@SECLEVEL=0")
    with serving(context, OK) as (port, heard), pytest.raises(VenueError):
        request(port)

    assert not heard


def test_x7_no_plain_text_but_to_this_computer(authority: Authority) -> None:
    with pytest.raises(VenueError, match="only https"):
        Client("Binance", "http://demo-fapi.binance.com", 1, 1)
    with serving(None, OK) as (port, _):
        assert request(port, "http") == 200
        with pytest.raises(VenueError):
            request(port, "https")


def test_x7_a_redirect_is_not_followed(authority: Authority) -> None:
    with serving(authority.server("redirects"), REDIRECT) as (port, heard):
        assert request(port) == 302

    assert len(heard) == 1


class Listener:
    """A feed that only counts."""

    def __init__(self, address: str) -> None:
        self._address, self.opens, self.reasons = address, 0, list[str]()

    def address(self) -> str:
        """Where to."""
        return self._address

    def opened(self, send: Any) -> None:
        """It stands."""
        self.opens += 1

    def frame(self, raw: bytes, now: float) -> None:
        """Nothing."""

    def flush(self, now: float) -> None:
        """Nothing."""

    def tick(self, now: float) -> str:
        """Nothing."""
        return ""

    def take(self, message: Any) -> None:
        """Nothing."""

    def paused(self) -> None:
        """Nothing."""

    def closed(self, text: str) -> None:
        """It is gone."""
        self.reasons.append(text)


@pytest.mark.parametrize(("name", "more"), [("self-signed", {"own": True}), ("expired", {"days": -1}),
                                            ("other-host", {"host": "example.org"})])
def test_x7_streams_refuse_a_bad_certificate_too(authority: Authority, name: str, more: dict[str, Any]) -> None:
    deaths: list[str] = []
    with serving(authority.server(name, **more), OK) as (port, heard):
        feed = Listener(f"wss://127.0.0.1:{port}/ws/key")
        stream = Stream("stream", feed, SystemClock(), QUICK, 5, lambda who, error: deaths.append(who))
        stream.worker.start()
        until(lambda: "certificate is not trusted" in stream.status.text, 5, "the refusal")
        stream.stop()
        assert stream.worker.join(3)

    assert not (heard or deaths or feed.opens)


# ---------------------------------------------------------------- X3

SECRET, KEY = "s3cret" * 11, "k3ykey" * 11


@pytest.fixture
def log_of(tmp_path: Path) -> Iterator[Path]:
    """A log with the redacting filter; its file."""
    known, level = KnownSecrets(), logging.getLogger().level
    Credentials(KEY, SECRET, known)
    handle = start_logging(tmp_path, "debug", known)
    yield tmp_path / "botbook.log"
    handle.stop()
    logging.getLogger().setLevel(level)


def test_x3_an_error_of_the_http_layer_carries_no_request() -> None:
    url = f"/fapi/v1/order?symbol=BTCUSDT&signature={'ab' * 32}"
    with serving(None, b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf") as (port, _):
        client = Client("Binance", f"http://127.0.0.1:{port}", 2, 2)
        with pytest.raises(SilenceError) as caught:
            client.send(Prepared("POST", url, None, {"X-MBX-APIKEY": KEY}))
        client.close()

    text = "".join(traceback.format_exception(caught.value))
    assert "signature" not in text and KEY not in text and "ab" * 32 not in text
    assert caught.value.__context__ is None and caught.value.__cause__ is None


@pytest.mark.parametrize("raise_it", [
    lambda: logging.getLogger("x").error("failed: %s", f"https://h/fapi?timestamp=1&signature={'cd' * 32}"),
    lambda: logging.getLogger("x").error("headers %r", {"X-MBX-APIKEY": KEY}),
    lambda: logging.getLogger("x").warning("secret %s", SECRET),
    lambda: logging.getLogger("x").info("wss://h/private/ws/%s", "aB3" * 20),
])
def test_x3_the_log_hides_what_slips_through(log_of: Path, raise_it: Any) -> None:
    raise_it()
    until(lambda: log_of.read_text().count("\n") >= 1, 3, "a line")

    text = log_of.read_bytes()
    assert not SIGNATURE.search(text) and KEY.encode() not in text and SECRET.encode() not in text
    assert b"aB3aB3" not in text


def test_x3_an_uncaught_error_of_a_thread_is_hidden_too(log_of: Path) -> None:
    def fail() -> None:
        raise ValueError(f"GET /fapi/v1/order?signature={'ef' * 32} with {SECRET}")

    thread = threading.Thread(target=fail, name="failing")
    thread.start()
    thread.join()
    until(lambda: "failing died" in log_of.read_text(), 3, "the line")

    text = log_of.read_bytes()
    assert SECRET.encode() not in text and not SIGNATURE.search(text)


def test_x3_a_session_full_of_failures_leaves_no_secret(ground: Ground, log_of: Path) -> None:
    ground.exchange.fault("status", path="/fapi/v1/listenKey", http=500, body="<html>no</html>", times=2)
    terminal = ground.terminal()
    ground.exchange.fault("status", path="POST /fapi/v1/order", http=401, body={
        "code": -2015, "msg": "Invalid API-key, IP, or permissions for action"}, times=1)
    terminal.try_place(BUY, "0.01", terminal.far())
    ground.exchange.fault("reset", path="", after="accept", times=3)
    ground.exchange.fault("cut", code=1006)
    until(lambda: not terminal.is_live(), 5, "trouble")
    terminal.end()

    secrets = [value.encode() for name, value in ground.exchange.venue.items() if name.startswith("api_")]
    for path, raw in [*ground.texts(), (log_of, log_of.read_bytes())]:
        assert not any(secret in raw for secret in secrets), f"a key stands in {path.name}"
        assert not re.search(rb"signature=[0-9a-f]{8}", raw), f"a signature stands in {path.name}"
        assert not re.search(rb"/ws/[A-Za-z0-9]{32}", raw), f"a listen key stands in {path.name}"
