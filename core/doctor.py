"""`main.py doctor`: a table of questions about this machine, each answered in one line with ✓, ▲ or ✕. Main thread.

The questions about the machine are here; those that need a database or an exchange are handed in by main as callables.
"""

from __future__ import annotations

import json
import os
import shutil
import stat
import sys
import tempfile
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path

from core.errors import ConfigError, TerminalError
from core.home import check_private
from core.logs import one_line, redact
from core.secrets import KnownSecrets
from core.setting_keys import ENV, MARKETS

OLDEST_PYTHON = (3, 11)
LITTLE_SPACE = 1_000_000_000   # bytes: a year of a busy ledger
NO_SPACE = 100_000_000         # bytes: the log alone may take as much
FONTS = ("DejaVu Sans", "DejaVu Sans Mono")


class Level(StrEnum):
    """How a finding is to be taken."""

    GOOD = "✓"
    WARNING = "▲"
    BAD = "✕"


@dataclass(frozen=True, slots=True)
class Finding:
    """An answer: what was found, and what to do when it is not good."""

    level: Level
    text: str
    cure: str = ""


@dataclass(frozen=True, slots=True)
class Check:
    """A question. `ask` may raise a TerminalError or OSError: that is the answer ✕."""

    name: str
    ask: Callable[[], Finding]


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the report."""

    name: str
    level: Level
    text: str
    cure: str


@dataclass(frozen=True, slots=True)
class Report:
    """All answers in the order of the questions."""

    rows: tuple[Row, ...]

    @property
    def exit_code(self) -> int:
        """0 when nothing is ✕, else 1; ▲ does not fail."""
        return 1 if any(row.level is Level.BAD for row in self.rows) else 0

    def lines(self) -> tuple[str, ...]:
        """For people."""
        width = max((len(row.name) for row in self.rows), default=0)
        return tuple(f"{row.level} {row.name:<{width}}  {row.text}" + (f"  → {row.cure}" if row.cure else "")
                     for row in self.rows)

    def as_json(self) -> str:
        """For programs: {"ok": …, "checks": [{"name", "level": "ok"|"warning"|"error", "text", "cure"}]}."""
        words = {Level.GOOD: "ok", Level.WARNING: "warning", Level.BAD: "error"}
        rows = [{**asdict(row), "level": words[row.level]} for row in self.rows]
        return json.dumps({"ok": self.exit_code == 0, "checks": rows}, ensure_ascii=False, indent=1)


def good(text: str) -> Finding:
    """All well."""
    return Finding(Level.GOOD, text)


def warning(text: str, cure: str = "") -> Finding:
    """It works, but."""
    return Finding(Level.WARNING, text, cure)


def bad(text: str, cure: str = "") -> Finding:
    """It does not work."""
    return Finding(Level.BAD, text, cure)


def run_doctor(checks: Iterable[Check], known: KnownSecrets) -> Report:
    """Ask everything; a question that fails is answered ✕ and the next one is asked. No secret is in the report."""
    return Report(tuple(_row(check, known) for check in checks))


def _row(check: Check, known: KnownSecrets) -> Row:
    try:
        finding = check.ask()
    except TerminalError as error:
        finding = bad(str(error))
    except Exception as error:  # the report goes on whatever one probe does
        finding = bad(f"{type(error).__name__}: {error}")
    return Row(check.name, finding.level, *(one_line(redact(text, known)) for text in (finding.text, finding.cure)))


def machine_checks(home: Path) -> tuple[Check, ...]:
    """The questions that need neither database nor exchange."""
    return (
        Check("Python", ask_python),
        Check("tkinter", ask_tkinter),
        Check("display", ask_display),
        Check("fonts", ask_fonts),
        Check("disk", lambda: ask_disk(home)),
        Check("home", lambda: ask_home(home)),
        Check("settings files", lambda: ask_files(home)),
    )


def ask_python(version: tuple[int, ...] = sys.version_info[:3]) -> Finding:
    """Whether the interpreter is new enough."""
    text = ".".join(map(str, version))
    return good(text) if version >= OLDEST_PYTHON else bad(f"{text} is too old", "install Python 3.11 or newer")


def ask_tkinter() -> Finding:
    """Whether the window's toolkit can be imported."""
    try:
        import tkinter
    except ImportError:
        return bad("missing: no window, headless only", "sudo apt-get install python3-tk")
    return good(f"Tk {tkinter.TkVersion}")


def ask_display() -> Finding:
    """Whether a window can be opened; only opening one tells."""
    try:
        import tkinter
        root = tkinter.Tk()
    except ImportError:
        return warning("not tried: tkinter is missing")
    except tkinter.TclError as error:
        return warning(f"none: {error}", "the terminal runs headless; for a window start it on a desktop")
    try:
        root.withdraw()
        return good(f"{root.winfo_screenwidth()}×{root.winfo_screenheight()}, {root.winfo_fpixels('1i'):.0f} dpi")
    finally:
        root.destroy()


def ask_fonts() -> Finding:
    """Whether the fonts the window was drawn for are there."""
    try:
        import tkinter
        import tkinter.font
        root = tkinter.Tk()
    except ImportError:
        return warning("not tried: tkinter is missing")
    except tkinter.TclError:
        return warning("not tried: no display")
    try:
        root.withdraw()
        missing = [name for name in FONTS if name not in tkinter.font.families(root)]
    finally:
        root.destroy()
    if missing:
        return warning(f"{' and '.join(missing)} missing: others are used", "sudo apt-get install fonts-dejavu-core")
    return good(" and ".join(FONTS))


def ask_disk(home: Path) -> Finding:
    """How much room is left for database and log."""
    free = shutil.disk_usage(home).free
    text = f"{free / 1e9:.1f} GB free"
    if free < NO_SPACE:
        return bad(text, "make room: without it trading stops")
    return warning(text, "make room soon") if free < LITTLE_SPACE else good(text)


def ask_home(home: Path) -> Finding:
    """Whether the home folder is ours alone and can be written."""
    with tempfile.TemporaryFile(dir=home):
        pass
    mode = stat.S_IMODE(home.stat().st_mode)
    if os.name != "nt" and mode & (stat.S_IWGRP | stat.S_IWOTH):
        return bad(f"{home}: other users can write there", f"chmod 700 {home}")
    if os.name != "nt" and mode & (stat.S_IRGRP | stat.S_IROTH):
        return warning(f"{home}: other users can look inside", f"chmod 700 {home}")
    return good(str(home))


def ask_files(home: Path) -> Finding:
    """Which settings files there are, and whether others can read them."""
    found = [name for name in (ENV, *MARKETS.values()) if (home / name).exists()]
    for name in found:
        try:
            check_private(home / name)
        except ConfigError as error:
            return bad(f"{name}: {error.text}")
    return good(", ".join(found)) if found else warning("none yet", "the first start asks what to connect to")
