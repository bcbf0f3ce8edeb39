"""The control socket's place and language: one JSON object a line, with a version, in both directions. Any thread.

Request: {"v": 1, "do": "status" | "positions" | "trading" | "bot" | "cancel-all" | "kill" | "recover", …}
* "on": true or false, for trading and bot; "name": the bot; "market": for recover, left out = all.
* "ticket": the asker's own name for this asking; the same ticket is carried out once and answered alike.
* "until": milliseconds since 1970; what would raise the risk is not carried out any more after it.

Answer: {"v": 1, "do": …, "ok": true, "text": …, "status": {…} | "positions": […]}, or
{"v": 1, "do": …, "ok": false, "error": "refused" | "silent" | "bad", "text": why}. Amounts are texts, times are
milliseconds.
"""

from __future__ import annotations

import json
import os
import re
import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

VERSION = 1
NAME = "control.sock"
LONGEST = 4096           # bytes of a request
_LONGEST_PATH = 100      # bytes an address of this kind may have everywhere
_TICKET = re.compile(r"[A-Za-z0-9_.-]{1,64}", re.ASCII)

REFUSED, SILENT, BAD = "refused", "silent", "bad"
ACTIONS = ("status", "positions", "trading", "bot", "cancel-all", "kill", "recover")
_SWITCHES = ("trading", "bot")

Answer = Mapping[str, object]


class NoControl(Exception):
    """There is no control socket here; the text says why."""


@dataclass(frozen=True, slots=True)
class Request:
    """What a client asks."""

    do: str
    on: bool = False
    name: str = ""
    market: str = ""
    ticket: str = ""
    until: int | None = None


class WrongRequest(Exception):
    """Not a request of this version; the text says what is wrong."""


@contextmanager
def address(home: Path) -> Iterator[str]:
    """Where the socket of a home stands. A long path is gone to by a handle: addresses hold about a hundred bytes."""
    if not hasattr(socket, "AF_UNIX"):
        raise NoControl("there is no control socket on this system (Windows): use the window, or end the program with "
                        "Ctrl-C; “main.py kill-switch” works here too")
    path = str(home / NAME)
    if len(os.fsencode(path)) <= _LONGEST_PATH:
        yield path
        return
    handles = Path("/proc/self/fd")
    if not handles.is_dir():
        raise NoControl(f"no control socket can be made at {path}: the path is too long; choose a shorter --home")
    folder = os.open(home, os.O_RDONLY)
    try:
        yield str(handles / str(folder) / NAME)
    finally:
        os.close(folder)


def read_request(line: bytes) -> Request:
    """The request of a line. Raises WrongRequest."""
    try:
        told = json.loads(line)
    except (ValueError, RecursionError):
        raise WrongRequest("that is not JSON: one object a line is expected") from None
    if not isinstance(told, dict):
        raise WrongRequest("a JSON object is expected")
    if told.get("v") != VERSION or isinstance(told.get("v"), bool):
        raise WrongRequest(f'"v" must be {VERSION}: this program speaks version {VERSION}')
    do = told.get("do")
    if not isinstance(do, str) or do not in ACTIONS:
        raise WrongRequest(f'"do" must be one of {", ".join(ACTIONS)}')
    on = told.get("on")
    if do in _SWITCHES and not isinstance(on, bool):
        raise WrongRequest('"on" must be true or false')
    until = told.get("until")
    if until is not None and (not isinstance(until, int) or isinstance(until, bool)):
        raise WrongRequest('"until" must be milliseconds since 1970')
    ticket = _word(told, "ticket")
    if ticket and not _TICKET.fullmatch(ticket):
        raise WrongRequest('"ticket" takes up to 64 letters, digits, _ . -')
    name = _word(told, "name")
    if do == "bot" and not name:
        raise WrongRequest('"name" must be the name of a bot')
    return Request(do, on is True, name, _word(told, "market"), ticket, until)


def _word(told: Mapping[str, object], name: str) -> str:
    word = told.get(name, "")
    if not isinstance(word, str) or len(word) > 64:
        raise WrongRequest(f'"{name}" must be a text of at most 64 characters')
    return word


def accepted(do: str, text: str, **more: object) -> Answer:
    """Yes, and what was told or done."""
    return {"v": VERSION, "do": do, "ok": True, "text": text, **more}


def denied(do: str, error: str, text: str) -> Answer:
    """No, and why."""
    return {"v": VERSION, "do": do, "ok": False, "error": error, "text": text}


def line_of(message: Mapping[str, object]) -> bytes:
    """As it goes over the socket."""
    return json.dumps(message, separators=(",", ":")).encode() + b"\n"
