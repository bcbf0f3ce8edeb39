"""What the body of a control request says, with the field named when it cannot be used."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation

import msgspec

from simulator.payloads import Json


class Bad(Exception):
    """A field that cannot be used; the text names it."""


def object_of(body: bytes) -> Json:
    """The JSON object; none at all is an empty one."""
    if not body.strip():
        return {}
    try:
        value = msgspec.json.decode(body)
    except msgspec.DecodeError as error:
        raise Bad(f"body: not JSON ({error})") from None
    if not isinstance(value, dict):
        raise Bad("body: not a JSON object")
    return value


def number_of(body: Json, key: str) -> Decimal:
    """A number that must be there."""
    value = body.get(key)
    try:
        if value is None or isinstance(value, bool):
            raise InvalidOperation
        number = Decimal(str(value))
        if not number.is_finite():
            raise InvalidOperation
    except InvalidOperation:
        raise Bad(f"{key}: {value!r} is not a number") from None
    return number


def time_of(body: Json, key: str, now: int) -> int:
    """A time in ms, now when it is not told."""
    if body.get(key) is None:
        return now
    told = number_of(body, key)
    if told != int(told) or not 1_000_000_000_000 <= told < 100_000_000_000_000:
        raise Bad(f"{key}: {told} is not a time in milliseconds")
    return int(told)


def count_of(body: Json, key: str, default: int, most: int) -> int:
    """A whole number from 1 on."""
    if body.get(key) is None:
        return default
    told = number_of(body, key)
    if told != int(told) or not 1 <= told <= most:
        raise Bad(f"{key}: {told} is not a whole number from 1 to {most}")
    return int(told)
