"""Ed25519 keys in the settings: every spelling signs alike, others are refused with the reason."""

from __future__ import annotations

import base64
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from core import keyfile
from core.secrets import Credentials, KnownSecrets

PLAIN = serialization.NoEncryption()


def pem(key: Ed25519PrivateKey | rsa.RSAPrivateKey,
        encryption: serialization.KeySerializationEncryption = PLAIN) -> str:
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, encryption).decode()


def test_file_text_and_inner_line_sign_alike_and_the_public_key_agrees(tmp_path: Path) -> None:
    key = Ed25519PrivateKey.generate()
    text = pem(key)
    (tmp_path / "binance.pem").write_text(text)
    secrets = [keyfile.secret_of("binance.pem", tmp_path), keyfile.secret_of(str(tmp_path / "binance.pem"), Path("/")),
               text, text.splitlines()[1]]

    told = {Credentials("key", secret, KnownSecrets()).sign(b"symbol=BTCUSDT&timestamp=1") for secret in secrets}

    assert len(told) == 1
    key.public_key().verify(base64.b64decode(told.pop()), b"symbol=BTCUSDT&timestamp=1")


def test_the_key_of_a_file_is_hidden_from_the_log() -> None:
    text, known = pem(Ed25519PrivateKey.generate()), KnownSecrets()
    assert Credentials("some-key", text, known).is_ed25519

    assert known.hide(f"x {text.splitlines()[1]} y") == "x *** y"


def test_a_plain_secret_stays_for_hmac(tmp_path: Path) -> None:
    assert keyfile.secret_of("a-plain-secret", tmp_path) == "a-plain-secret"
    assert not Credentials("key", "a-plain-secret", KnownSecrets()).is_ed25519


@pytest.mark.parametrize(("content", "reason"), [
    (None, "cannot be read"), ("no key", "no private key"), ("x" * 5000, "no private key"),
    (pem(rsa.generate_private_key(65537, 2048)), "not an Ed25519"),
    (pem(Ed25519PrivateKey.generate(), serialization.BestAvailableEncryption(b"pass")), "without password"),
    (f"{keyfile.BEGIN}\n{keyfile.LINE_BEGIN}AAAA\n{keyfile.END}", "damaged"),
    (f"{keyfile.END}\n{keyfile.BEGIN}\n", "without password"),
])
def test_what_is_no_ed25519_key_is_refused_with_the_reason(tmp_path: Path, content: str | None, reason: str) -> None:
    if content is not None:
        (tmp_path / "bad.pem").write_text(content)

    with pytest.raises(ValueError, match=reason) as told:
        keyfile.secret_of("bad.pem", tmp_path)
    assert keyfile.LINE_BEGIN not in str(told.value)
