"""clOrdIDs: `number.EMI`, at most 36 characters on every venue; read back at the first separator."""

from __future__ import annotations

import re
from typing import NamedTuple

LONGEST_ID = 36
LONGEST_EMI = 20

_EMI = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,19}", re.ASCII)
_RESERVED = re.compile(r"[A-Za-z0-9_]{1,24}\.(linear|inverse|quanto|spot)", re.ASCII)
_NUMBER = re.compile(r"[0-9]{1,18}", re.ASCII)
_DASHED = re.compile(r"([1-9][0-9]{0,17})-([A-Za-z][A-Za-z0-9_]{0,19}|[A-Za-z0-9_]{1,24}-spot)", re.ASCII)


class Tag(NamedTuple):
    """What a clOrdID says: its number (0 where it has none) and the tag behind it ("" where there is none)."""

    number: int
    emi: str


def emi_problem(emi: str) -> str | None:
    """Why this cannot be a bot's name, or None: a letter, then letters, digits, "_", at most 20."""
    if _EMI.fullmatch(emi):
        return None
    return "a bot's name starts with a letter, then letters, digits or “_”, at most 20 characters"


def is_reserved(emi: str) -> bool:
    """Whether this is the name of an instrument's untagged line, such as "BTCUSDT.linear"."""
    return bool(_RESERVED.fullmatch(emi))


def make(number: int, emi: str) -> str:
    """The clOrdID of one order. Raises ValueError for a name that may not stand in one."""
    if number < 1 or (emi_problem(emi) is not None and not is_reserved(emi)):
        raise ValueError(f"no clOrdID can be made of {number} and {emi!r}")
    made = f"{number}.{emi}"
    if len(made) > LONGEST_ID:
        raise ValueError(f"clOrdID {made!r} has {len(made)} characters, {LONGEST_ID} are allowed")
    return made


def read(cl_ord_id: str | None, separator: str = ".") -> Tag:
    """Number and tag of any client id, split at the first separator. Foreign text never raises.

    "5.a.b" → (5, "a.b"); "web_abc" → (0, "web_abc"); None or "" → (0, "").
    """
    if not cl_ord_id:
        return Tag(0, "")
    head, found, tail = cl_ord_id.partition(separator)
    if not found:
        return Tag(0, cl_ord_id)
    if not _NUMBER.fullmatch(head):
        return Tag(0, cl_ord_id)
    return Tag(int(head), tail)


def to_dashed(cl_ord_id: str) -> str:
    """An id as it is sent where "." is forbidden (Binance spot): "12.BTCbot" → "12-BTCbot"; others go as they are."""
    return cl_ord_id.replace(".", "-")


def from_dashed(wire_id: str) -> str | None:
    """The id that such a venue tells, as we write it. Of a foreign id nothing is changed, so that `to_dashed` names the
    same order again: "12-BTCbot" → "12.BTCbot", "5-BTCUSDT-spot" → "5.BTCUSDT.spot", "web-1" → "web-1".

    None: it has none, or one with a "." that would read as ours although we never send one.
    """
    if _DASHED.fullmatch(wire_id) and len(wire_id) <= LONGEST_ID:
        return wire_id.replace("-", ".")
    return None if not wire_id or "." in wire_id else wire_id


def is_ours(cl_ord_id: str | None) -> bool:
    """Whether the id has the form of those we make: a number and a tag."""
    return bool(read(cl_ord_id).emi) and read(cl_ord_id).number > 0
