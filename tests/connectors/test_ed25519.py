"""An Ed25519 key on every product of Binance, over real sockets: REST and the private connection."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from models import Ack, OrderReport, OrdStatus
from tests.connectors.conftest import COINM, USDM, Exchange, Product, Terminal, wait_for
from tests.connectors.test_spot_products import SPOT

pytestmark = pytest.mark.late
Make = Callable[..., Terminal]


def pem(key: Ed25519PrivateKey) -> str:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


def registered(exchange: Exchange, key: Ed25519PrivateKey) -> str:
    """The API key under which the exchange knows the public half."""
    public = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
    return str(exchange.control("key", public_key=public)["api_key"])


@pytest.mark.parametrize("product", [USDM, COINM, SPOT], ids=["usdm", "coinm", "spot"])
def test_orders_and_the_private_stream_work_with_it(make: Make, exchange: Exchange, product: Product) -> None:
    key = Ed25519PrivateKey.generate()
    terminal = make(product=product, api_key=registered(exchange, key), secret=pem(key)).start()
    order = terminal.order(price=terminal.low())
    placed = terminal.answer(order)
    ended = terminal.answer(terminal.cancel(order, placed.report.order_id))
    told = wait_for(lambda: [one for one in terminal.of(OrderReport) if one.cl_ord_id == order.cl_ord_id
                             and one.status is OrdStatus.CANCELED])

    assert isinstance(placed, Ack) and isinstance(ended, Ack) and told


def test_another_private_key_is_not_accepted(make: Make, exchange: Exchange) -> None:
    api_key = registered(exchange, Ed25519PrivateKey.generate())
    terminal = make(api_key=api_key, secret=pem(Ed25519PrivateKey.generate()))
    terminal.venue.start()

    assert wait_for(lambda: terminal.state and "not accepted" in terminal.state.text)
    terminal.has_keys = False
