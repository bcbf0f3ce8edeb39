"""“Test connection” and doctor's questions, against the bundled exchange: each failure under its own name."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from connectors import VenueConfig, probe_steps, probing
from connectors.probing import Step
from core.secrets import Credentials, KnownSecrets
from models import Timings
from tests.connectors.conftest import USDM, Exchange, Product
from tests.connectors.test_products import INVERSE, LINEAR
from tests.faults.harness import free_port

QUICK = replace(Timings.quick(), connect=2.0, answer=2.0)
ALL = ["DNS", "TCP", "server time", "symbols", "key", "permissions", "position mode"]


def config(exchange: Exchange, product: Product) -> VenueConfig:
    """A product of the bundled exchange, as a session is given it."""
    return product.config(exchange.ready[product.address], (product.key.symbol,), False, False)


def keys(exchange: Exchange, product: Product, secret: str = "") -> Credentials:
    """Its keys, or a wrong secret."""
    told = exchange.ready[product.address]
    return Credentials(told["api_key"], secret or told["api_secret"], KnownSecrets())


def ask(exchange: Exchange, product: Product, **changes: str) -> list[Step]:
    """All steps of a product."""
    secret = changes.pop("secret", "")
    return list(probe_steps(product.key.market, replace(config(exchange, product), **changes),  # type: ignore[arg-type]  # texts
                            keys(exchange, product, secret), QUICK))


@pytest.mark.parametrize(("product", "names"), [
    (USDM, [*ALL, "asset mode", "user stream"]), (INVERSE, [*ALL, "user stream"]), (LINEAR, [*ALL, "user stream"])])
def test_a_good_connection_is_all_ticks(exchange: Exchange, product: Product, names: list[str]) -> None:
    steps = ask(exchange, product)

    assert [step.name for step in steps] == names
    assert all(step.ok for step in steps), steps


@pytest.mark.parametrize("product", [USDM, INVERSE])
def test_a_wrong_secret_is_called_a_key_and_ends_the_test(exchange: Exchange, product: Product) -> None:
    last = ask(exchange, product, secret="w" * 64)[-1]

    assert (last.name, last.ok) == ("key", False) and "API_SECRET" in last.cure and "w" * 64 not in str(last)


def test_an_address_where_nobody_listens(exchange: Exchange) -> None:
    last = ask(exchange, USDM, http=f"http://127.0.0.1:{free_port()}")[-1]

    assert (last.name, last.ok) == ("TCP", False) and "Connection refused" in last.text


def test_an_address_that_speaks_something_else(exchange: Exchange) -> None:
    last = ask(exchange, INVERSE, http=exchange.ready["binance"]["http"] + "/elsewhere")[-1]

    assert (last.name, last.ok) == ("server time", False) and "does not speak BitMEX" in last.cure


def test_a_name_nobody_knows(exchange: Exchange) -> None:
    last = ask(exchange, USDM, http="https://nobody.invalid")[-1]

    assert (last.name, last.ok) in (("DNS", False), ("server time", False)), "the second where a proxy stands between"


def test_a_symbol_that_is_not_listed(exchange: Exchange) -> None:
    wrong = replace(config(exchange, USDM), symbols=("BTCUSDT", "NOPEUSDT"))

    last = list(probe_steps("Binance", wrong, None, QUICK))[-1]

    assert last == Step("symbols", False, "not listed or not traded: NOPEUSDT", "correct LINEAR_SYMBOLS")


@pytest.mark.parametrize("product", [USDM, INVERSE])
def test_a_key_that_may_withdraw_is_refused_with_the_reason(exchange: Exchange, product: Product) -> None:
    exchange.fault("withdraw")

    last = ask(exchange, product)[-1]

    assert (last.name, last.ok, last.text) == ("permissions", False, "the key may withdraw, and is refused")


def test_a_stream_that_does_not_open(exchange: Exchange) -> None:
    last = ask(exchange, USDM, private_ws=f"ws://127.0.0.1:{free_port()}")[-1]

    assert (last.name, last.ok) == ("user stream", False) and "WS_URL" in last.cure


def test_without_keys_prices_only(exchange: Exchange) -> None:
    last = list(probe_steps("Binance", config(exchange, USDM), None, QUICK))[-1]

    assert (last.name, last.ok) == ("key", None) and "market data only" in last.text


@pytest.mark.parametrize("http", ["https://www.bitmex.com/api/v1", "https://testnet.bitmex.com/api/v1"])
def test_bitmex_is_closed_and_not_asked(exchange: Exchange, http: str) -> None:
    steps = ask(exchange, INVERSE, http=http)

    assert len(steps) == 1 and steps[0].ok is False and steps[0].text.startswith("BitMEX is closed since 2026-09-23")


# ---------------------------------------------------------------- TLS

@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Key and self-made certificate of localhost for ten more days."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    made = (x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
            .serial_number(1).not_valid_before(now - timedelta(days=1))
            .not_valid_after(now + timedelta(days=10, hours=1))
            .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), False)
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), True).sign(key, hashes.SHA256()))
    path = tmp_path_factory.mktemp("tls") / "both.pem"
    path.write_bytes(key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
                                       serialization.NoEncryption()) + made.public_bytes(serialization.Encoding.PEM))
    return path


@pytest.fixture
def port(certificate: Path) -> Iterator[int]:
    """A port that speaks TLS with this certificate, for one caller."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    with socket.create_server(("127.0.0.1", 0)) as server:
        def serve() -> None:
            try:
                context.wrap_socket(server.accept()[0], server_side=True).close()
            except OSError:
                return
        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield int(server.getsockname()[1])
        thread.join(2)


def test_a_certificate_nobody_vouches_for(port: int) -> None:
    last = list(probing.network(f"https://localhost:{port}", 2.0))[-1]

    assert (last.name, last.ok) == ("TLS", False) and "not trusted" in last.text


def test_a_good_certificate_tells_version_and_end(port: int, certificate: Path,
                                                  monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(probing, "tls_context", lambda: ssl.create_default_context(cafile=str(certificate)))

    last = list(probing.network(f"https://localhost:{port}", 2.0))[-1]

    end = datetime.now(UTC) + timedelta(days=10, hours=1)
    assert last.text == f"TLSv1.3, certificate until {end:%Y-%m-%d} (10 days)" and last.ok is None


def test_a_port_that_speaks_no_tls(exchange: Exchange) -> None:
    http = exchange.ready["binance"]["http"].replace("http:", "https:")

    last = list(probing.network(http, 2.0))[-1]

    assert (last.name, last.ok) == ("TLS", False) and "no encrypted connection" in last.text
