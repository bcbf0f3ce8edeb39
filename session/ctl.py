"""`main.py ctl …`: asks the running program over its control socket and prints the answer. Main thread of a process
of its own; nothing of database or network is imported.

Exit codes: 0 done, 7 no program runs with this home, 8 refused (the sentence says why), 9 it runs but does not answer.
"""

from __future__ import annotations

import argparse
import json
import secrets
import socket
import sys
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from core.errors import TerminalError
from core.numbers import printable
from session import control_line as line
from session import lock
from session.control_words import positions_lines, status_lines

ANSWER_S = 8.0            # the program itself gives up on its engine before
_MOST = 16_000_000        # bytes of an answer


class NotRunning(TerminalError):
    """No program works with this home."""

    exit_code = 7


class Refused(TerminalError):
    """The program says no."""

    exit_code = 8


class NoAnswer(TerminalError):
    """A program works with this home and does not answer."""

    exit_code = 9


def ctl(args: argparse.Namespace, home: Path) -> int:
    """One command; the exit code."""
    asked: dict[str, object] = {"do": args.action}
    if args.action in ("trading", "bot"):
        asked["on"] = args.switch == "on"
    if args.action == "bot":
        asked["name"] = args.name
    if args.action == "recover" and args.market:
        asked["market"] = args.market
    answer = ask(home, asked)
    if args.json:
        print(json.dumps(answer, ensure_ascii=False))
    elif answer.get("ok"):
        print("\n".join(lines_of(answer)))
    if not answer.get("ok"):
        if args.json:
            return _error(answer).exit_code
        raise _error(answer)
    return 0


def lines_of(answer: Mapping[str, Any]) -> list[str]:
    """An answer for people."""
    if "status" in answer:
        return status_lines(answer["status"])
    if "positions" in answer:
        return positions_lines(answer["positions"])
    return [printable(str(answer.get("text", "")), 1000)]


def _error(answer: Mapping[str, Any]) -> TerminalError:
    text = printable(str(answer.get("text", "")), 1000)
    match answer.get("error"):
        case line.REFUSED:
            return Refused(text)
        case line.SILENT:
            return NoAnswer(text)
    return TerminalError(f"the running program does not understand this version of ctl: {text}")


def ask(home: Path, asked: Mapping[str, object], within: float = ANSWER_S) -> Mapping[str, Any]:
    """The program's answer. Raises NotRunning or NoAnswer."""
    until = time.time() + within
    request = {"v": line.VERSION, "ticket": secrets.token_hex(8), "until": int(until * 1000), **asked}
    try:
        with line.address(home) as where, socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as made:
            made.settimeout(within)
            connect(made, where, until)
            made.sendall(line.line_of(request))
            return _answer(made, time.monotonic() + within)
    except line.NoControl as error:
        raise TerminalError(str(error)) from None
    except (FileNotFoundError, NotADirectoryError, ConnectionRefusedError):
        raise _nobody(home) from None
    except TimeoutError:
        raise NoAnswer(f"the program{_holder(home)} does not answer within {within:.0f} s: it hangs or is stopped; "
                       "“main.py kill-switch” cancels the orders without it") from None
    except PermissionError:
        raise TerminalError(f"{home / line.NAME} belongs to another user: only who started the program may control "
                            "it") from None
    except OSError as error:
        raise NoAnswer(f"the program{_holder(home)} broke off: {error.strerror or error}") from None


def connect(made: socket.socket, where: str, until: float) -> None:
    """Get in, also when a hundred others want to at this moment."""
    pause = threading.Event()
    while True:
        try:
            made.connect(where)
            return
        except BlockingIOError:                  # the program has not taken those before us yet
            if time.time() > until:
                raise TimeoutError from None
            pause.wait(0.02)


def _answer(made: socket.socket, until: float) -> Mapping[str, Any]:
    got = bytearray()
    while not got.endswith(b"\n") and len(got) < _MOST:
        made.settimeout(max(0.01, until - time.monotonic()))
        part = made.recv(65536)
        if not part:
            break
        got += part
    try:
        told = json.loads(got)
    except ValueError:
        raise ConnectionResetError(0, "it ended meanwhile") from None
    if not isinstance(told, dict):
        raise ConnectionResetError(0, "its answer is none")
    return told


def _nobody(home: Path) -> TerminalError:
    if not home.is_dir():
        return NotRunning(f"no program runs with {home}: there is no such folder; name it with --home")
    if lock.is_taken(home):
        return NoAnswer(f"the program{_holder(home)} works with {home} and takes no commands: it starts, ends, or is "
                        "another command than the terminal; try again")
    return NotRunning(f"no program runs with {home}")


def _holder(home: Path) -> str:
    number = lock.holder(home)
    return f" (process {number})" if number else ""


def say(text: str) -> None:
    """A line of a command's progress."""
    print(text, flush=True)


def warn(text: str) -> None:
    """A line about what does not work."""
    print(f"botbook: {text}", file=sys.stderr, flush=True)
