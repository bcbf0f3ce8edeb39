"""Ed25519 private keys as a secret of the settings: a .pem file's address, its text, or its inner line alone. Pure but
for `secret_of`, which reads the file once while the settings are read.

A `.env` value has one line, a PEM text has three; so either the file is named or the line between its marks is copied.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable
from pathlib import Path

BEGIN, END = "-----BEGIN PRIVATE KEY-----", "-----END PRIVATE KEY-----"
LINE_BEGIN = "MC4CAQAwBQYDK2VwBCIEI"      # every Ed25519 key in PKCS#8, without password, begins so; no other text does
LARGEST_FILE = 4096
ENDING = ".pem"


def is_ed25519(secret: str) -> bool:
    """Whether a secret is a private key and not the text for HMAC."""
    return secret.startswith(LINE_BEGIN) or "-----BEGIN" in secret


def line_of(secret: str) -> str:
    """The key's inner line. ValueError: a PEM text of another kind, or a damaged one."""
    if "-----BEGIN" in secret:
        begin, end = secret.find(BEGIN), secret.find(END)
        if begin < 0 or end < begin:
            raise ValueError("only an Ed25519 key without password is taken (BEGIN PRIVATE KEY)")
        secret = "".join(secret[begin + len(BEGIN):end].split())
    if not secret.startswith(LINE_BEGIN):
        raise ValueError("the private key is not an Ed25519 key")
    try:
        is_whole = len(base64.b64decode(secret, validate=True)) == 48
    except binascii.Error:
        is_whole = False
    if not is_whole:
        raise ValueError("the private key is damaged: its line has 64 characters")
    return secret


def signer(secret: str) -> Callable[[bytes], str]:
    """Signs bytes; the signature in base64. ValueError: see `line_of`."""
    # Half of the terminals never need it, and it takes as long to import as all of core.
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    key = Ed25519PrivateKey.from_private_bytes(base64.b64decode(line_of(secret))[-32:])
    return lambda payload: base64.b64encode(key.sign(payload)).decode()


def secret_of(value: str, home: Path) -> str:
    """What a setting's value stands for: the key in the .pem file it names (from `home`), else the value itself.

    ValueError: the file cannot be read or holds no such key; its content is not repeated.
    """
    if not value.lower().endswith(ENDING):
        return line_of(value) if is_ed25519(value) else value
    try:
        raw = (home / Path(value).expanduser()).read_bytes()
    except OSError as error:
        raise ValueError(f"the key file cannot be read ({error.strerror or type(error).__name__})") from None
    if len(raw) > LARGEST_FILE or b"-----BEGIN" not in raw:
        raise ValueError("the file is no private key (PEM)")
    return line_of(raw.decode("ascii", "replace"))
