"""One terminal per home folder: an advisory lock on a file, released by the system when the process ends."""

from __future__ import annotations

import os
from pathlib import Path
from typing import IO

from core.errors import AlreadyRunning, ConfigError

NAME = "terminal.lock"


def take(home: Path) -> IO[str]:
    """Lock this home; the lock lives as long as the returned file. Raises AlreadyRunning (exit 6)."""
    try:
        file = open(home / NAME, "a+", encoding="utf-8")  # noqa: SIM115 - open as long as the session runs
    except OSError as error:
        raise ConfigError("--home", str(home), f"cannot be written ({error.strerror}); choose another folder") from None
    try:
        _lock(file)
    except OSError:
        file.seek(0)
        holder = file.read(40).strip()
        file.close()
        who = f" (process {holder})" if holder.isdigit() else ""
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
        take(home).close()
    except AlreadyRunning:
        return True
    return False


def _lock(file: IO[str]) -> None:
    if os.name == "nt":
        import msvcrt
        file.seek(0)
        msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined,unused-ignore]
    else:
        import fcntl
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
