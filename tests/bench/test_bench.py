"""The bench runs: in its smallest form each path gives rows with numbers. No time is asserted, they are not ours."""

from __future__ import annotations

import importlib
import json
import subprocess
import sys
from pathlib import Path

import pytest

from bench import __main__ as command
from bench.frames import depth
from bench.row import TINY, Row, number, share

ROOT = Path(__file__).resolve().parent.parent.parent


@pytest.mark.parametrize("name", ["depth", "ticker", "indicators", "bitmex"])
def test_a_path_in_small_gives_numbers(name: str) -> None:
    rows = importlib.import_module(f"bench.{name}").rows(TINY)

    assert rows
    for row in rows:
        assert row.measured is not None and row.measured > 0 and row.floor != 0, row


@pytest.mark.late
@pytest.mark.parametrize("name", [
    "stream", "fill", "ledger", "bots", pytest.param("private", marks=pytest.mark.long), "signal"])
def test_a_path_with_processes_in_small_gives_numbers(name: str) -> None:
    rows = command.measured(name, TINY)

    assert rows
    for row in rows:
        assert row.missing or (row.measured is not None and row.measured > 0), row


@pytest.mark.late
def test_the_window_ticks_in_small() -> None:
    row, *_ = command.measured("window", TINY)

    assert row.missing or (row.measured and row.floor)


@pytest.mark.late
def test_command_prints_a_table_and_writes_json(tmp_path: Path) -> None:
    target = tmp_path / "rows.json"

    done = subprocess.run([sys.executable, "-m", "bench", "--tiny", "--only", "ticker", "--json", str(target)],
                          cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)

    assert done.returncode == 0, done.stderr
    rows = json.loads(target.read_text())
    assert all(row["name"] in done.stdout for row in rows)
    assert all(row["ratio"] == row["measured"] / row["floor"] for row in rows)


def test_every_file_of_a_path_is_run() -> None:
    paths = {file.stem for file in (ROOT / "bench").glob("*.py") if "def rows(size" in file.read_text()}

    assert paths == set(command.PATHS)


def test_verdict_follows_ratio_or_value() -> None:
    assert Row("x", 3.0, 1.0, "µs", 3.0, of_ratio=True).verdict == "ok"
    assert Row("x", 3.1, 1.0, "µs", 3.0, of_ratio=True).verdict == "over"
    assert Row("x", 5.0, 1.0, "ms", 10.0).verdict == "ok"
    assert Row("x", 5.0, None, "/s", 10.0, at_least=True).verdict == "over"
    assert Row("x", 5.0).verdict == Row("x", bound=1.0, missing="no server").verdict == "–"


def test_rows_travel_as_json() -> None:
    row = Row("x", 3.0, 2.0, "µs", 3.0, of_ratio=True, floor_is="json.loads", note="of 5")

    assert Row.from_json(json.dumps(row.to_json())) == row


def test_numbers_show_three_digits() -> None:
    assert [number(value) for value in (None, 0.0, 0.01234, 1.2, 15.26, 1520.4)] == [
        "–", "0", "0.0123", "1.2", "15.3", "1,520"]
    assert (share([3, 1, 2], 0.5), share(range(1, 101), 0.99)) == (2, 99)


def test_frames_are_the_same_in_every_run() -> None:
    first, again = depth(20), depth(20)

    assert first == again
    assert all(bid < ask for bid, ask in first.best)


@pytest.mark.late
def test_the_panels_refresh_in_small() -> None:
    for row in command.measured("panels", TINY):
        assert row.missing or row.measured is not None, row
