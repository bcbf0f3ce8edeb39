"""One terminal per home folder: an advisory lock on a file, released by the system when the process ends."""

from __future__ import annotations

import os
import threading
from pathlib import Path
from typing import IO

from core.errors import AlreadyRunning, ConfigError

NAME = "terminal.lock"
_TRIES, _PAUSE_S = 4, 0.05       # who only looks whether it is taken holds it for a moment


def take(home: Path) -> IO[str]:
    """Lock this home; the lock lives as long as the returned file. Raises AlreadyRunning (exit 6)."""
    try:
        file = open(home / NAME, "a+", encoding="utf-8")  # noqa: SIM115 - open as long as the session runs
    except OSError as error:
        raise ConfigError("--home", str(home), f"cannot be written ({error.strerror}); choose another folder") from None
    if not _gets(file):
        number = holder(home)
        file.close()
        who = f" (process {number})" if number else ""
        raise AlreadyRunning(f"another copy of the program{who} works with {home}; close it, or choose another "
                             "folder with --home") from None
    file.seek(0)
    file.truncate()
    file.write(str(os.getpid()))
    file.flush()
    return file


def is_taken(home: Path) -> bool:
    """Whether another copy holds the lock now."""
    try:
        file = open(home / NAME, encoding="utf-8")  # noqa: SIM115 - closed below
    except OSError:
        return False
    with file:
        try:
            _lock(file, shared=True)
        except OSError:
            return True
    return False


def holder(home: Path) -> str:
    """The process that took the lock last; "" = not known."""
    return _lines(home)[0]


def note_flag(home: Path, mode: str) -> None:
    """Who holds the lock says with which mode it was started ("" = none), for those who must act when it hangs."""
    with open(home / NAME, "r+", encoding="utf-8") as file:
        file.seek(0, os.SEEK_END)
        file.write(f"\n{mode}\n")


def flag_of(home: Path) -> str:
    """The mode that who took the lock last was started with; "" = not told."""
    return _lines(home)[1]


def _lines(home: Path) -> tuple[str, str]:
    try:
        with open(home / NAME, encoding="utf-8", errors="replace") as file:
            number, mode, *_ = [*file.read(80).split("\n"), "", ""]
    except OSError:
        return "", ""
    return number.strip() if number.strip().isdigit() else "", mode.strip()


def _gets(file: IO[str]) -> bool:
    pause = threading.Event()
    for _ in range(_TRIES):
        try:
            _lock(file)
            return True
        except OSError:
            pause.wait(_PAUSE_S)
    return False


def _lock(file: IO[str], shared: bool = False) -> None:
    if os.name == "nt":
        import msvcrt
        file.seek(0)
        msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined,unused-ignore]
    else:
        import fcntl
        fcntl.flock(file, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
