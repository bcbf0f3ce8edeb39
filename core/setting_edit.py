"""Changing settings: whether a typed value fits its key, and a file's text with other values. Pure.

Comments, order and lines of other keys stay as a person wrote them.
"""

from __future__ import annotations

import io
import re
from collections.abc import Mapping

from dotenv.parser import parse_stream

from core.home import quoted
from core.hosts import read_url
from core.setting_keys import (
    LONGEST_VALUE,
    Kind,
    SettingKey,
    read_choice,
    read_flag,
    read_names,
    read_number,
    repeats,
)

_SCHEMES = {"https": ("http", "https"), "wss": ("ws", "wss")}


def problem_of(key: SettingKey, value: str) -> str:
    """Why this value cannot be taken, for the line beside the field; "" when it can. Empty: the default."""
    if not value:
        return ""
    if len(value) > LONGEST_VALUE:
        return f"longer than {LONGEST_VALUE} characters"
    if not value.isprintable():
        return "only what can be printed, on one line"
    match key.kind:
        case Kind.NUMBER:
            return "" if read_number(key, value) is not None else key.allowed
        case Kind.FLAG:
            return "" if read_flag(value) is not None else key.allowed
        case Kind.CHOICE:
            return "" if read_choice(key, value) is not None else key.allowed
        case Kind.NAMES:
            return _names_problem(key, value)
        case Kind.URL:
            try:
                read_url(value, _SCHEMES[key.allowed.partition(":")[0]])
            except ValueError as error:
                return str(error)
            return ""
        case _:
            return "" if not key.pattern or re.fullmatch(key.pattern, value) else f"{key.allowed} expected"


def _names_problem(key: SettingKey, value: str) -> str:
    parts = read_names(value)
    wrong = next((part for part in parts if not any(
        re.fullmatch(key.pattern, spelled) for spelled in (part, part.upper()))), None)
    if wrong is not None:
        return f"“{wrong[:40]}” is no name: letters A-Z, digits or _"
    again = repeats(part.upper() for part in parts)
    return f"{', '.join(again[:3])} more than once" if again else ""


def edited(text: str, changes: Mapping[str, str]) -> str:
    """The file's text with these values; an empty one takes its line away, a new one stands at the end."""
    left = dict(changes)
    pieces: list[str] = []
    for binding in parse_stream(io.StringIO(text)):
        original = binding.original.string
        if binding.key is None or binding.key not in changes:
            pieces.append(original)
            continue
        blank = original[: len(original) - len(original.lstrip())]
        value = left.pop(binding.key, "")
        pieces.append(blank + (_line(binding.key, value) if value else ""))
    made = "".join(pieces)
    if made and not made.endswith("\n"):
        made += "\n"
    return made + "".join(_line(name, value) for name, value in left.items() if value)


def _line(name: str, value: str) -> str:
    return f"{name}={quoted(value)}\n"
