"""Signing: the exchange's published example, and the recorded vectors where they are at hand."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from connectors.binance import auth
from connectors.http import Call, Security
from core.errors import KeysRejected
from core.secrets import Credentials, KnownSecrets

# Published by the exchange for everybody to check with; opens nothing.
KEY = "vmPUZE6mv9SD5VNHk4HlWFsOr6aKE2zvsw0MuIgwCIPy6utIco14y7Ju91duEh8A"
SECRET = "NhqPtmdSJYdKjVHjA7PZj4Mge3R5YNiP1e3UZjInClVN65XAbvqqM6A7H5fATj0j"


def credentials() -> Credentials:
    return Credentials(KEY, SECRET, KnownSecrets())


def test_published_example() -> None:
    payload = ("symbol=LTCBTC&side=BUY&type=LIMIT&timeInForce=GTC&quantity=1&price=0.1&recvWindow=5000"
               "&timestamp=1499827319559")

    assert auth.sign(credentials(), payload).endswith(
        "&signature=c8db56825ae71d6d79447849e617115f4a920fa2acdcab2b053c4b2838bd6b71")


def test_full_width_digits_are_encoded_before_signing() -> None:
    assert auth.encode([("symbol", "１２"), ("x", "a b&c")]) == "symbol=%EF%BC%91%EF%BC%92&x=a%20b%26c"


def test_recorded_vectors(shared_fixtures: Path) -> None:
    vectors: dict[str, Any] = json.loads((shared_fixtures / "binance" / "signing_vectors.json").read_text())
    checked = 0
    for vector in vectors["rest_published"]:
        if "payload" in vector and "signature" in vector:
            assert auth.sign(credentials(), vector["payload"]) == f"{vector['payload']}&signature={vector['signature']}"
            checked += 1
    assert checked


def test_gets_carry_a_query_and_posts_a_form() -> None:
    get = auth.prepare(Call("GET", "/a", (("x", "1"),), Security.SIGNED), credentials(), 1_700_000_000_000, 5000)
    post = auth.prepare(Call("POST", "/a", (("x", "1"),), Security.SIGNED), credentials(), 1_700_000_000_000, 5000)

    assert get.url.startswith("/a?x=1&recvWindow=5000&timestamp=1700000000000&signature=")
    assert get.body is None and get.headers == {"X-MBX-APIKEY": KEY}
    assert post.url == "/a" and post.body and post.body.startswith(b"x=1&recvWindow=5000&timestamp=")
    assert "signature" not in repr(get) and KEY not in repr(post)


def test_without_a_key_nothing_signed_is_prepared() -> None:
    with pytest.raises(KeysRejected):
        auth.prepare(Call("GET", "/a", security=Security.SIGNED), None, 0, 5000)
    assert auth.prepare(Call("GET", "/a"), None, 0, 5000).headers == {}


def test_an_ed25519_key_signs_what_is_sent_and_its_signature_is_encoded() -> None:
    key = Ed25519PrivateKey.generate()
    text = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    ours = Credentials(KEY, text, KnownSecrets())

    for number in range(20):           # a signature without "+", "/" or "=" would prove nothing
        sent = auth.sign(ours, f"symbol=BTCUSDT&quantity={number}")
        payload, _, signature = sent.partition("&signature=")
        assert not set(signature) & set("+/=")
        key.public_key().verify(base64.b64decode(unquote(signature)), payload.encode())
