"""Decoding of what an exchange sends: any bytes give records or a `BadMessage` that names field and value. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable
from decimal import Decimal
from typing import Any, TypeVar

import msgspec

from core.errors import BadMessage
from core.numbers import printable

T = TypeVar("T")

READ_ERRORS = (msgspec.DecodeError, BadMessage, ValueError, ArithmeticError, RecursionError, OverflowError)

_PATH = re.compile(r"`\$([^`]*)`")
_STEP = re.compile(r"\.(\w+)|\[(\d+|\.\.\.)\]")


def decoder(market: str, shape: type[T]) -> Callable[[bytes], T]:
    """A function that decodes bytes into `shape` or raises `BadMessage`."""
    decode = msgspec.json.Decoder(shape).decode

    def read(raw: bytes) -> T:
        try:
            return decode(raw)
        except (msgspec.DecodeError, RecursionError, ValueError, ArithmeticError) as error:
            raise bad(market, raw, error) from None

    return read


def bad(market: str, raw: bytes, error: Exception) -> BadMessage:
    """The refusal of a message, with the field and the value it had."""
    words = str(error) or type(error).__name__
    path = _PATH.search(words)
    if path is None:
        return BadMessage(market, f"{printable(words, 120)}: {beginning(raw, 60)}")
    return BadMessage(market, f"field {path[1] or 'message'} = {_value_at(raw, path[1])}: {printable(words, 120)}")


def beginning(raw: bytes, longest: int = 80) -> str:
    """The first characters of a message, for a line of the log."""
    return printable(raw[:longest].decode("utf-8", "replace"), longest)


def finite(market: str, name: str, value: Decimal, least: Decimal | None = None) -> Decimal:
    """The number, if it is one and not below `least`."""
    if not value.is_finite() or (least is not None and value < least):
        raise BadMessage(market, f"field {name} = {value}: not a possible number")
    return value


def _value_at(raw: bytes, path: str) -> str:
    """The value at a path of the message; "[...]" stands for any row, then the first one is shown."""
    try:
        value: Any = msgspec.json.decode(raw)
        for name, index in _STEP.findall(path):
            value = value[name] if name else value[0 if index == "..." else int(index)]
    except (msgspec.DecodeError, LookupError, TypeError, RecursionError):
        return "missing"
    return printable(repr(value), 60)
