"""HTTP and websocket edges against small local servers: TLS, redirects, sizes, no secret in an error."""

from __future__ import annotations

import datetime
import hashlib
import socket
import ssl
import struct
import threading
import traceback
import warnings
from base64 import b64encode
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from connectors.http import Client, NotSent, Prepared, tls_context
from connectors.reader import LARGEST_FRAME
from connectors.stream import Stream
from core.clock import SystemClock
from core.errors import SilenceError, VenueError
from models import Timings
from tests.connectors.conftest import wait_for

SECRET_URL = "/fapi/v1/order?symbol=BTCUSDT&signature=5ec2e7"
Serve = Callable[[socket.socket], object]


class Server:
    """Accepts connections and hands each to a function."""

    def __init__(self, serve: Serve) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self.count = 0
        self._serve = serve
        threading.Thread(target=self._run, daemon=True).start()

    def _run(self) -> None:
        while True:
            try:
                line, _ = self._listener.accept()
            except OSError:
                return
            self.count += 1
            threading.Thread(target=self._one, args=(line,), daemon=True).start()

    def _one(self, line: socket.socket) -> None:
        with line:
            try:
                self._serve(line)
            except OSError:
                return

    def close(self) -> None:
        self._listener.close()


@pytest.fixture
def serve() -> Iterator[Callable[[Serve], Server]]:
    made: list[Server] = []

    def build(function: Serve) -> Server:
        made.append(Server(function))
        return made[-1]

    yield build
    for server in made:
        server.close()


def answering(status: str, body: bytes = b"", headers: str = "") -> Serve:
    def function(line: socket.socket) -> None:
        while line.recv(65536):
            line.sendall(f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\n{headers}\r\n".encode() + body)

    return function


def client(port: int, scheme: str = "http", **options: Any) -> Client:
    return Client("Binance", f"{scheme}://127.0.0.1:{port}", 1.0, 0.5, **options)


def get() -> Prepared:
    return Prepared("GET", SECRET_URL, None, {"X-MBX-APIKEY": "api-key-text"})


def failure(one: Client) -> VenueError:
    with pytest.raises(VenueError) as raised:
        one.send(get())
    seen = "".join(traceback.format_exception(raised.value)) + repr(raised.value.__dict__)
    assert "5ec2e7" not in seen and "signature" not in seen and "api-key-text" not in seen     # X3
    assert raised.value.__context__ is None and raised.value.__cause__ is None
    return raised.value


def test_an_answer_is_read_whatever_its_status(serve: Callable[[Serve], Server]) -> None:
    server = serve(answering("418 No", b'{"code":-1003}', "Retry-After: 5\r\n"))
    one = client(server.port)

    answers = [one.send(get()) for _ in range(3)]

    assert [(told.status, told.body, told.headers["retry-after"]) for told in answers] == [
        (418, b'{"code":-1003}', "5")] * 3
    assert server.count == 1                     # the connection is kept


def test_redirects_are_not_followed(serve: Callable[[Serve], Server]) -> None:
    elsewhere = serve(answering("200 OK"))
    server = serve(answering("302 Found", b"", f"Location: http://127.0.0.1:{elsewhere.port}/\r\n"))

    assert client(server.port).send(get()).status == 302
    assert elsewhere.count == 0


def test_nobody_listening_is_not_sent() -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]

    assert isinstance(failure(client(port)), NotSent)


@pytest.mark.parametrize("function", [
    lambda line: line.recv(65536) and threading.Event().wait(2),                       # no answer
    lambda line: line.recv(65536),                                                     # closed after the request
    lambda line: line.recv(65536) and line.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0)),
    lambda line: line.recv(65536) and line.send(b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{"),      # cut short
    lambda line: line.recv(65536) and line.send(b"nonsense\r\n\r\n"),
    answering("200 OK", b"x" * (16 * 1024 * 1024 + 1)),                                # too long
], ids=["mute", "closed", "reset", "short", "nonsense", "long"])
def test_everything_else_is_silence_and_sent_once(serve: Callable[[Serve], Server], function: Serve) -> None:
    server = serve(function)

    assert isinstance(failure(client(server.port)), SilenceError)
    assert server.count == 1


def test_an_answer_that_drips_does_not_hold_us(serve: Callable[[Serve], Server]) -> None:
    def drip(line: socket.socket) -> None:
        line.recv(65536)
        line.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        while True:
            line.sendall(b"1\r\nx\r\n")
            threading.Event().wait(0.1)

    assert "in time" in failure(client(serve(drip).port)).text


def test_a_waiting_request_can_be_interrupted(serve: Callable[[Serve], Server]) -> None:
    server = serve(lambda line: line.recv(65536) and threading.Event().wait(5))
    one = Client("Binance", f"http://127.0.0.1:{server.port}", 1.0, 20.0)
    threading.Timer(0.2, one.interrupt).start()

    assert isinstance(failure(one), SilenceError)


@pytest.mark.parametrize("base", ["http://fapi.binance.com", "ftp://127.0.0.1", "ws://127.0.0.1"])
def test_plain_http_is_for_this_computer_only(base: str) -> None:
    with pytest.raises(VenueError):
        Client("Binance", base, 1.0, 1.0)


# ---------------------------------------------------------------- TLS (X7)

@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Self-signed, for 127.0.0.1's name only in words."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.datetime.now(datetime.UTC)
    made = (x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
            .serial_number(1).not_valid_before(now).not_valid_after(now + datetime.timedelta(days=1))
            .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), False)
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), True).sign(key, hashes.SHA256()))
    file = tmp_path_factory.mktemp("tls") / "self.pem"
    file.write_bytes(key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
                                       serialization.NoEncryption()) + made.public_bytes(serialization.Encoding.PEM))
    return file


def behind_tls(certificate: Path, function: Serve, highest: ssl.TLSVersion = ssl.TLSVersion.TLSv1_3) -> Serve:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    context.set_ciphers("ALL:@SECLEVEL=0")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)      # old protocols are what is tested
        context.minimum_version = ssl.TLSVersion.TLSv1
        context.maximum_version = highest

    def wrapped(line: socket.socket) -> None:
        function(context.wrap_socket(line, server_side=True))

    return wrapped


def test_a_certificate_nobody_vouches_for_is_refused(serve: Callable[[Serve], Server], certificate: Path) -> None:
    server = serve(behind_tls(certificate, answering("200 OK")))

    error = failure(client(server.port, "https"))

    assert isinstance(error, NotSent) and "certificate" in error.text


def trusting(certificate: Path) -> ssl.SSLContext:
    context = tls_context()
    context.load_verify_locations(certificate)
    return context


def test_a_certificate_of_another_host_is_refused(serve: Callable[[Serve], Server], certificate: Path) -> None:
    server = serve(behind_tls(certificate, answering("200 OK")))

    error = failure(client(server.port, "https", context=trusting(certificate)))      # it is for "localhost"

    assert isinstance(error, NotSent) and "certificate" in error.text


def test_a_trusted_certificate_is_taken_and_an_old_protocol_is_not(
        serve: Callable[[Serve], Server], certificate: Path) -> None:
    good = serve(behind_tls(certificate, answering("200 OK", b"{}")))
    old = serve(behind_tls(certificate, answering("200 OK", b"{}"), ssl.TLSVersion.TLSv1_1))

    def https(port: int) -> Client:
        return Client("Binance", f"https://localhost:{port}", 1.0, 1.0, trusting(certificate))

    assert https(good.port).send(get()).body == b"{}"
    failure(https(old.port))


# ---------------------------------------------------------------- websockets

class Listener:
    """A feed that writes down what happens."""

    def __init__(self, url: str) -> None:
        self.url, self.frames, self.texts, self.opens = url, list[bytes](), list[str](), 0

    def address(self) -> str:
        return self.url

    def opened(self, send: Callable[[str], None]) -> None:
        self.opens += 1

    def frame(self, raw: bytes, now: float) -> None:
        self.frames.append(raw)

    def flush(self, now: float) -> None:
        pass

    def tick(self, now: float) -> str:
        return ""

    def take(self, message: object) -> None:
        pass

    def paused(self) -> None:
        pass

    def closed(self, text: str) -> None:
        self.texts.append(text)


def websocket_server(after: Serve) -> Serve:
    def function(line: socket.socket) -> None:
        asked = line.recv(65536).decode()
        key = next(row for row in asked.split("\r\n") if row.lower().startswith("sec-websocket-key")).split(": ")[1]
        accept = b64encode(hashlib.sha1((key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11").encode()).digest()).decode()
        line.sendall(("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                      f"Sec-WebSocket-Accept: {accept}\r\n\r\n").encode())
        after(line)

    return function


def sending(frames: bytes) -> Serve:
    def function(line: socket.socket) -> None:
        line.sendall(frames)
        threading.Event().wait(1)

    return function


@pytest.fixture
def listen() -> Iterator[Callable[[str], tuple[Stream, Listener]]]:
    made: list[Stream] = []

    def build(url: str) -> tuple[Stream, Listener]:
        feed = Listener(url)
        stream = Stream("test", feed, SystemClock(), Timings.quick(), 1.0, lambda name, error: None)
        made.append(stream)
        stream.worker.start()
        return stream, feed

    yield build
    for stream in made:
        stream.stop()
        assert stream.worker.join(1.0)
        assert stream.worker.error is None


Listen = Callable[[str], tuple[Stream, Listener]]


def test_many_small_frames_and_one_in_parts_arrive_whole(serve: Callable[[Serve], Server], listen: Listen) -> None:
    small = b"".join(b"\x81" + bytes([2]) + f"{number:02}".encode() for number in range(50))
    parts = b"\x01\x02ab" + b"\x89\x01x" + b"\x00\x02cd" + b"\x80\x02ef"          # a ping in between
    server = serve(websocket_server(sending(small + parts)))
    _, feed = listen(f"ws://127.0.0.1:{server.port}/ws")

    wait_for(lambda: len(feed.frames) == 51)
    assert feed.frames[:50] == [f"{number:02}".encode() for number in range(50)]
    assert feed.frames[50] == b"abcdef"


@pytest.mark.parametrize(("frame", "words"), [
    (b"\x81\x7f" + struct.pack("!Q", 64 * 1024 * 1024), "8 MB"),
    (b"\x81\x7f" + struct.pack("!Q", LARGEST_FRAME + 1), "8 MB"),
    (b"\xc1\x02ab", "Protocol"),                                       # a compressed frame nobody agreed on
    (b"\x88\x02" + struct.pack("!H", 1012), "1012"),
])
def test_frames_that_must_not_be_are_the_end_of_the_connection(
        serve: Callable[[Serve], Server], listen: Listen, frame: bytes, words: str) -> None:
    server = serve(websocket_server(sending(frame)))
    _, feed = listen(f"ws://127.0.0.1:{server.port}/ws")

    wait_for(lambda: feed.texts and feed.opens >= 2)
    assert words in feed.texts[0] and feed.frames == []


def test_a_server_without_pongs_is_left(serve: Callable[[Serve], Server], listen: Listen) -> None:
    server = serve(websocket_server(lambda line: threading.Event().wait(10)))
    _, feed = listen(f"ws://127.0.0.1:{server.port}/ws")

    wait_for(lambda: feed.texts, 3.0)
    assert "no frame" in feed.texts[0]


@pytest.mark.parametrize("function", [answering("401 No", b"{}"), lambda line: None], ids=["refused", "closed"])
def test_a_handshake_that_fails_is_told_without_the_address(
        serve: Callable[[Serve], Server], listen: Listen, function: Serve) -> None:
    server = serve(function)
    stream, feed = listen(f"ws://127.0.0.1:{server.port}/ws/listenKeyText")

    wait_for(lambda: len(feed.texts) >= 2)
    assert all(text and "listenKeyText" not in text for text in feed.texts)
    assert stream.status.attempt >= 1


def test_ws_is_for_this_computer_only_and_certificates_are_checked(
        serve: Callable[[Serve], Server], listen: Listen, certificate: Path) -> None:
    _, far = listen("ws://fstream.binance.com/ws")
    server = serve(behind_tls(certificate, websocket_server(lambda line: None)))
    _, near = listen(f"wss://127.0.0.1:{server.port}/ws")

    wait_for(lambda: far.texts and near.texts)
    assert "only wss" in far.texts[0] and far.opens == 0
    assert "certificate" in near.texts[0] and near.opens == 0
