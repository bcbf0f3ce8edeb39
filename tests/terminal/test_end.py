"""SIGTERM and Ctrl-C end everything within five seconds, with exit code 0 and no process left."""

from __future__ import annotations

import signal
import time

import pytest

from tests.faults.harness import Ground, until


def log(ground: Ground) -> str:
    """The terminal's log."""
    path = ground.home / "botbook.log"
    return path.read_text(encoding="utf-8") if path.exists() else ""


@pytest.mark.parametrize(("number", "trouble"), [
    (signal.SIGTERM, ""), (signal.SIGINT, ""), (signal.SIGINT, "withhold"), (signal.SIGTERM, "refuse")])
def test_a_signal_ends_it_in_order(ground: Ground, number: int, trouble: str) -> None:
    ground.settings()
    if trouble == "withhold":                 # it waits for an answer when the signal comes
        ground.exchange.fault("withhold", path="", seconds=60, times=0)
    program = ground.program("--headless")
    if trouble == "withhold":
        until(lambda: (ground.home / "sim.db").exists(), 10, "start")
        time.sleep(1.5)
    else:
        until(lambda: "recovered" in log(ground), 15, "recovered")
    if trouble == "refuse":
        ground.exchange.fault("refuse", seconds=60)
        ground.exchange.fault("cut", code=1006)
        time.sleep(0.5)
    begun = time.monotonic()

    program.signal(number)

    assert program.wait(8) == 0, program.text()
    assert time.monotonic() - begun < 5
    assert "Traceback" not in program.text() and not program.children()


def test_two_signals_are_as_good_as_one(ground: Ground) -> None:
    ground.settings()
    program = ground.program("--headless")
    until(lambda: "recovered" in log(ground), 15, "recovered")

    program.signal(signal.SIGINT)
    program.signal(signal.SIGINT)

    assert program.wait(8) == 0
    assert "Traceback" not in program.text()
