"""history.ini: per market and account one UTC time, up to where the history is booked. Written by the engine thread.

A person may set a time back to have the history read again: with the database's own cursor the earlier one wins.
Nothing in the file can lose anything: what cannot be read, or lies in the future, is said and not used.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path

from core.dates import to_ms, utc

_HEAD = ("; Up to where the history is booked, UTC. Set a time back to have it read again (year 2000 = everything);\n"
         "; with the database's own cursor the earlier one wins.\n")


def read(path: Path, now_ms: int) -> tuple[dict[str, int], tuple[str, ...]]:
    """Times in ms by section ("Binance", "Binance SIM-1"; "" before any), and what could not be used, as sentences.

    A section that stands twice counts with its earlier time.
    """
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except FileNotFoundError:
        return {}, ()
    except (OSError, UnicodeDecodeError) as error:
        return {}, (f"{path.name} cannot be read ({error.__class__.__name__}); the database's cursors are used",)
    times: dict[str, int] = {}
    warnings: list[str] = []
    section = ""
    for number, line in enumerate(lines, 1):
        words = line.split(";")[0].split("#")[0].strip()
        if not words:
            continue
        if words.startswith("[") and words.endswith("]"):
            section = " ".join(words[1:-1].split())
            if section in times:
                warnings.append(f"{path.name} line {number}: [{section}] stands twice, the earlier time counts")
            continue
        moment = _moment(words.partition("=")[2].strip() if "=" in words else words)
        if moment is None:
            warnings.append(f"{path.name} line {number}: “{words[:60]}” is no time like 2000-01-01 00:00:00; not used")
        elif moment > now_ms + 60_000:
            warnings.append(f"{path.name} line {number}: {words[:60]} lies in the future; not used")
        else:
            times[section] = min(moment, times.get(section, moment))
    return times, tuple(warnings)


def _moment(words: str) -> int | None:
    try:
        moment = datetime.fromisoformat(words)
    except ValueError:
        return None
    return to_ms(moment) if moment.year >= 1970 else None


def write(path: Path, times: dict[str, int]) -> None:
    """Replace the file whole: a new one beside it, then renamed over it."""
    body = "".join(f"\n[{section}]\ntime = {utc(ms).astimezone(UTC):%Y-%m-%d %H:%M:%S}\n"
                   for section, ms in sorted(times.items()) if section)
    beside = path.with_name(path.name + ".new")
    with open(beside, "w", encoding="utf-8") as file:
        file.write(_HEAD + body)
        file.flush()
        os.fsync(file.fileno())
    os.replace(beside, path)


class HistoryFile:
    """history.ini of one home: read at the start, written after cursors have moved."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._times: dict[str, int] = {}
        self._is_due = False

    def read(self, now_ms: int) -> tuple[str, ...]:
        """Take the file's times; what could not be used, as sentences."""
        self._times, warnings = read(self._path, now_ms)
        return warnings

    def of_account(self, market: str, account: str) -> int | None:
        """The time of one account's own section. The program always writes one: a file without it was set back to
        the shipped one by a person, and its plain time counts."""
        return self._times.get(f"{market} {account}", self._plain(market))

    def first(self, market: str, account: str) -> int | None:
        """From where a symbol without a cursor is read: the market's section, else the account's."""
        return self._plain(market) or self.of_account(market, account)

    def _plain(self, market: str) -> int | None:
        return self._times.get(market, self._times.get(""))

    def cursor_moved(self) -> None:
        """The file is behind the database now."""
        self._is_due = True

    def write(self, cursors: Iterable[tuple[str, str, int]], always: bool = False) -> str:
        """Follow the cursors (market, account, ms), each section with its earliest; a sentence when it failed."""
        if not (self._is_due or always):
            return ""
        self._is_due = False
        times: dict[str, int] = {}
        for market, account, ms in cursors:
            section = f"{market} {account}"
            times[section] = min(ms, times.get(section, ms))
        if not times:
            return ""
        merged = {**self._times, **times}
        try:
            write(self._path, merged)
        except OSError as error:
            return f"{self._path.name} cannot be written: {error.strerror}; the database's cursors are used"
        self._times = merged
        return ""
