"""Ed25519 keys of the account beside its HMAC key: a public key is registered and gets an API key of its own."""

from __future__ import annotations

import base64
import binascii
import hashlib

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from simulator.store import Store


class BadKey(Exception):
    """Text that is no Ed25519 public key."""


def register(store: Store, account: str, pem: str) -> str:
    """Remember a public key (PEM) of an account; the API key it is used with. Twice is once."""
    _load(pem)
    api_key = hashlib.sha256(f"bundled exchange public key of {account}: {pem.strip()}".encode()).hexdigest()
    store.remember(f"public key:{account}:{api_key}", pem.strip())
    store.commit()
    return api_key


def is_public(store: Store, account: str, api_key: str) -> bool:
    """Whether an API key is one of a registered public key."""
    return store.meta(f"public key:{account}:{api_key}") is not None


def is_signed(store: Store, account: str, api_key: str, payload: bytes, signature: str) -> bool:
    """Whether the owner of a registered key signed the payload (base64)."""
    pem = store.meta(f"public key:{account}:{api_key}")
    if pem is None:
        return False
    try:
        _load(pem).verify(base64.b64decode(signature, validate=True), payload)
    except (InvalidSignature, binascii.Error, ValueError):
        return False
    return True


def _load(pem: str) -> Ed25519PublicKey:
    try:
        key = load_pem_public_key(pem.encode())
    except (ValueError, TypeError) as error:
        raise BadKey(f"not a public key in PEM ({error})") from None
    if not isinstance(key, Ed25519PublicKey):
        raise BadKey("not an Ed25519 public key")
    return key
