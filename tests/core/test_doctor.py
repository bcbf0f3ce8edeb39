from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections import namedtuple
from pathlib import Path

import pytest

from core.doctor import (
    Check,
    Finding,
    Level,
    ask_disk,
    ask_files,
    ask_home,
    ask_python,
    bad,
    good,
    machine_checks,
    run_doctor,
    warning,
)
from core.errors import VenueError
from core.secrets import KnownSecrets

ROOT = Path(__file__).resolve().parents[2]


def failing(error: Exception) -> Check:
    def ask() -> Finding:
        raise error

    return Check("probe", ask)


def test_each_answer_is_one_line_with_its_mark() -> None:
    report = run_doctor([Check("a", lambda: good("well")), Check("longer", lambda: warning("hm", "do this")),
                         Check("c", lambda: bad("no\nway", "do that"))], KnownSecrets())

    assert report.lines() == ("✓ a       well", "▲ longer  hm  → do this", "✕ c       no\\nway  → do that")


def test_only_a_cross_fails() -> None:
    assert run_doctor([Check("a", lambda: warning("hm"))], KnownSecrets()).exit_code == 0
    assert run_doctor([Check("a", lambda: bad("no"))], KnownSecrets()).exit_code == 1


@pytest.mark.parametrize("error", [VenueError("Binance", "no answer"), OSError("disk"), ValueError("odd"),
                                   ZeroDivisionError("x")])
def test_a_failing_probe_is_a_cross_and_the_next_is_asked(error: Exception) -> None:
    report = run_doctor([failing(error), Check("next", lambda: good("asked"))], KnownSecrets())

    assert [row.level for row in report.rows] == [Level.BAD, Level.GOOD]


def test_no_secret_is_reported() -> None:
    known = KnownSecrets()
    known.add("hunter22")

    report = run_doctor([failing(OSError("mysql said hunter22 and signature=abcd")),
                         Check("b", lambda: bad("x", "use hunter22"))], known)

    assert "hunter22" not in "".join(report.lines()) + report.as_json() and "abcd" not in report.as_json()


def test_json_names_levels_in_words() -> None:
    report = run_doctor([Check("clock", lambda: warning("off by 10 s", "set the clock"))], KnownSecrets())

    assert json.loads(report.as_json()) == {
        "ok": True,
        "checks": [{"name": "clock", "level": "warning", "text": "off by 10 s", "cure": "set the clock"}],
    }


def test_old_python_is_said() -> None:
    assert ask_python((3, 10, 12)).level is Level.BAD
    assert ask_python((3, 11, 0)).level is Level.GOOD


@pytest.mark.parametrize(("free", "level"), [(10**8 - 1, Level.BAD), (10**9 - 1, Level.WARNING), (10**9, Level.GOOD)])
def test_disk_space(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, free: int, level: Level) -> None:
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage(10**12, 0, free))

    assert ask_disk(tmp_path).level is level


@pytest.mark.parametrize(("mode", "level"), [(0o700, Level.GOOD), (0o755, Level.WARNING), (0o777, Level.BAD)])
def test_home_permissions(tmp_path: Path, mode: int, level: Level) -> None:
    tmp_path.chmod(mode)

    assert ask_home(tmp_path).level is level


def test_settings_files(tmp_path: Path) -> None:
    assert ask_files(tmp_path).level is Level.WARNING
    (tmp_path / ".env").touch(mode=0o600)
    assert ask_files(tmp_path) == good(".env")
    (tmp_path / ".env").chmod(0o644)
    assert "chmod 600" in ask_files(tmp_path).text


def test_without_a_display_the_report_still_comes(tmp_path: Path) -> None:
    script = ("from pathlib import Path; from core.doctor import *; from core.secrets import KnownSecrets;"
              f"print(run_doctor(machine_checks(Path({str(tmp_path)!r})), KnownSecrets()).as_json())")
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, env={"PATH": "/usr/bin:/bin"}, timeout=30,
                          capture_output=True, text=True, check=True)
    levels = {row["name"]: row["level"] for row in json.loads(done.stdout)["checks"]}

    assert levels["Python"] == "ok" and levels["display"] == "warning" and levels["fonts"] == "warning"


def test_with_a_display_the_screen_is_measured(display: str, tmp_path: Path) -> None:
    rows = {row.name: row for row in run_doctor(machine_checks(tmp_path), KnownSecrets()).rows}

    assert rows["display"].level is Level.GOOD and "dpi" in rows["display"].text
    assert rows["fonts"].level is not Level.BAD
