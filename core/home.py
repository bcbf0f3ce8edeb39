"""The home folder: made private, guarded against other users, and filled at the first start. Main thread only."""

from __future__ import annotations

import os
import shlex
import stat
import tempfile
from pathlib import Path

from core.errors import ConfigError
from core.setting_keys import ENV, ENV_BINANCE, MARKETS, keys_of
from models import Mode

HISTORY = "history.ini"
EXAMPLE = ".env.example"
_OPEN_TO_OTHERS = stat.S_IRWXG | stat.S_IRWXO
_WRITABLE_BY_OTHERS = stat.S_IWGRP | stat.S_IWOTH


def prepare_home(home: Path, project: Path) -> tuple[str, ...]:
    """Makes the folder (0700), takes `history.ini` and settings from the project at the first start; says what it took.

    Raises ConfigError with the line to type when the folder is not ours alone or cannot be written.
    """
    try:
        home.mkdir(mode=0o700, parents=True, exist_ok=True)
    except FileExistsError:
        raise ConfigError("--home", str(home), "is a file; a folder is needed") from None
    except OSError as error:
        raise ConfigError("--home", str(home), f"cannot be made: {error.strerror}") from None
    _check_folder(home)
    if home.resolve() == project.resolve():
        return ()
    return _take_history(home, project) + _take_settings(home, project)


def has_settings(home: Path) -> bool:
    """Whether this home was set up: it has a `.env` or a market's file."""
    return any((home / name).exists() for name in (ENV, *MARKETS.values()))


def save_choice(home: Path, mode: Mode, api_key: str = "", api_secret: str = "") -> None:
    """What the first sheet was answered, as settings files only the owner can read. Files already there are kept.

    SIM means the bundled exchange started as a child; it shows one of everything until symbols are chosen. The keys go
    into the set of the mode.
    """
    is_live, is_sim = mode is Mode.LIVE, mode is Mode.SIM
    markets = "Binance, Bitmex" if is_sim else "Binance"
    general = {"MARKET_LIST": markets, "TESTNET": str(not is_live), "DEMO": str(is_sim)}
    prefix = "" if is_live else "TESTNET_"
    symbols = {name: keys_of(ENV_BINANCE)[name].default for name in ("LINEAR_SYMBOLS", "CURRENCIES")}
    market = {**symbols, f"{prefix}API_KEY": api_key, f"{prefix}API_SECRET": api_secret}
    # .env goes first: a kill in between leaves the mode that was chosen, and defaults for the rest.
    files = ((ENV, general), (ENV_BINANCE, market))
    for name, values in files[:1] if is_sim else files:
        if not (home / name).exists():
            write_private(home / name, "".join(f"{key}={quoted(value)}\n" for key, value in values.items()))


def check_private(path: Path) -> None:
    """Refuses a file with secrets that others may read, with the line that closes it. Nothing to check on Windows."""
    if os.name != "nt" and path.stat().st_mode & _OPEN_TO_OTHERS:
        raise ConfigError(path.name, "", f"other users can read it; type: chmod 600 {shlex.quote(str(path))}")


def write_private(path: Path, text: str) -> None:
    """Replaces the file at once: after a kill it is the old or the new one, never half. Mode 0600."""
    try:
        handle, name = tempfile.mkstemp(prefix=f"{path.name}.", suffix=".new", dir=path.parent)  # made 0600
    except OSError as error:
        raise ConfigError(path.name, "", f"cannot be written: {error.strerror}") from None
    try:
        with os.fdopen(handle, "w", encoding="utf-8", newline="\n") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        Path(name).replace(path)
    except OSError as error:
        Path(name).unlink(missing_ok=True)
        raise ConfigError(path.name, "", f"cannot be written: {error.strerror}") from None


def quoted(value: str) -> str:
    """A value as it stands in a settings file."""
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _check_folder(home: Path) -> None:
    if not home.is_dir():
        raise ConfigError("--home", str(home), "is not a folder")
    if os.name != "nt" and home.stat().st_mode & _WRITABLE_BY_OTHERS:
        raise ConfigError("--home", str(home), f"other users can write there; type: chmod 700 {shlex.quote(str(home))}")
    try:
        with tempfile.TemporaryFile(dir=home):
            pass
    except OSError as error:
        raise ConfigError("--home", str(home), f"cannot be written ({error.strerror}); choose another folder") from None


def _take_history(home: Path, project: Path) -> tuple[str, ...]:
    source = project / HISTORY
    if (home / HISTORY).exists() or not source.is_file():
        return ()
    _copy(source, home / HISTORY)
    return (f"{HISTORY} copied from {project}.",)


def _take_settings(home: Path, project: Path) -> tuple[str, ...]:
    """Settings files of the project folder, when home has none. The example is none."""
    if has_settings(home):
        return ()
    found = [project / name for name in (ENV, *MARKETS.values()) if (project / name).is_file()]
    for source in found:
        check_private(source)
    for source in found:
        _copy(source, home / source.name)
    return tuple(f"{source.name} copied from {project}." for source in found)


def _copy(source: Path, target: Path) -> None:
    """Byte for byte, so that a wrong encoding is still reported by the reader."""
    try:
        handle, name = tempfile.mkstemp(prefix=f"{target.name}.", suffix=".new", dir=target.parent)
        with os.fdopen(handle, "wb") as file:
            file.write(source.read_bytes())
        Path(name).replace(target)
    except OSError as error:
        raise ConfigError(target.name, "", f"cannot be copied from {source}: {error.strerror}") from None
