"""Secrets: kept in objects that print as `***`, sign, and are passed nowhere else. Any thread.

`KnownSecrets` is the one list of texts that must never be written anywhere; main makes it and hands it to the settings,
the connectors (listen keys) and the redacting filter of the log.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Callable
from typing import NoReturn
from urllib.parse import quote

from core import keyfile

HIDDEN = "***"
SHORTEST = 6  # hiding shorter texts would tear holes into ordinary words


class KnownSecrets:
    """Texts to hide, in every spelling they may take in a message: plain, in a URL, inside quotes."""

    def __init__(self) -> None:
        self._spellings: dict[str, None] = {}  # a dict: adding and copying are single steps for other threads

    def add(self, text: str) -> None:
        """Hide this text from now on; texts under six characters are left alone."""
        if len(text) < SHORTEST:
            return
        for spelling in (text, quote(text, safe=""), quote(text), repr(text)[1:-1], json.dumps(text)[1:-1]):
            self._spellings[spelling] = None

    def hide(self, text: str) -> str:
        """The text with every known secret replaced by `***`, longest first."""
        for spelling in sorted(self._spellings.copy(), key=len, reverse=True):
            if spelling in text:
                text = text.replace(spelling, HIDDEN)
        return text

    def __repr__(self) -> str:
        return f"KnownSecrets({len(self._spellings)} spellings)"

    def __reduce__(self) -> NoReturn:
        raise TypeError("secrets are never pickled")


class _Sealed:
    """What a keeper of secrets shows to anyone who prints, copies, pickles or inspects it: nothing."""

    __slots__ = ()

    def __repr__(self) -> str:
        return f"{type(self).__name__}({HIDDEN})"

    __str__ = __repr__

    def __format__(self, spec: str) -> str:
        return repr(self)

    def __copy__(self) -> _Sealed:
        return self

    def __deepcopy__(self, memo: object) -> _Sealed:
        return self

    def __reduce__(self) -> NoReturn:
        raise TypeError(f"{type(self).__name__} is never pickled")


class Password(_Sealed):
    """A text that only its user, the database driver, asks for."""

    __slots__ = ("_reveal",)
    _reveal: Callable[[], str]

    def __init__(self, text: str, known: KnownSecrets) -> None:
        known.add(text)
        self._reveal = lambda: text

    def reveal(self) -> str:
        """The text itself, for the one call that needs it."""
        return self._reveal()

    def __bool__(self) -> bool:
        return bool(self._reveal())


class Credentials(_Sealed):
    """An API key and its secret. Signs with HMAC-SHA256, or with Ed25519 where the secret is such a private key; the
    secret itself cannot be asked for. ValueError: a private key of another kind."""

    __slots__ = ("_reveal", "_sign", "is_ed25519")
    _reveal: Callable[[], str]
    _sign: Callable[[bytes], str]
    is_ed25519: bool

    def __init__(self, key: str, secret: str, known: KnownSecrets) -> None:
        known.add(key)
        known.add(secret)
        # What signs is kept instead of the secret, and inside a closure: vars() and asdict() find nothing.
        self.is_ed25519 = keyfile.is_ed25519(secret)
        if self.is_ed25519:
            known.add(keyfile.line_of(secret))
        self._sign = keyfile.signer(secret) if self.is_ed25519 else _hmac(secret)
        self._reveal = lambda: key

    def sign(self, payload: bytes) -> str:
        """The signature of exactly these bytes: 64 hexadecimal digits, or base64 of an Ed25519 key."""
        return self._sign(payload)

    def header_key(self) -> str:
        """The API key, for the request's header and for nothing else."""
        return self._reveal()

    def masked(self) -> str:
        """What the window may show: the last four characters of the key."""
        return f"••••{self._reveal()[-4:]}"


def _hmac(secret: str) -> Callable[[bytes], str]:
    begin = hmac.new(secret.encode(), digestmod=hashlib.sha256).copy

    def sign(payload: bytes) -> str:
        keyed = begin()
        keyed.update(payload)
        return keyed.hexdigest()

    return sign
