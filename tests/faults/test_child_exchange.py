"""`make run` without settings: the terminal with its own child exchange, killed and started again (row K10's end).

A strategy in the home folder trades at once, so the killed terminal has orders, positions and money to find again.
"""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from core.secrets import KnownSecrets
from core.settings import Demo, load_settings
from db import schema
from models import Mode
from session.build import open_store
from tests.faults import referee
from tests.faults.harness import ROOT, TURNER, TURNER_PARAMS, Program, is_running, listening_port, until


class Demonstration:
    """A home of its own, and a terminal started as `main.py --demo --headless --autotrade`."""

    def __init__(self, folder: Path) -> None:
        self.home = folder / "home"
        (self.home / "strategies").mkdir(mode=0o700, parents=True)
        self.home.chmod(0o700)
        (self.home / "strategies" / "turner.py").write_text(TURNER)
        self.programs: list[Program] = []
        self.children: list[int] = []
        nowhere = Demo("http://127.0.0.1:1", "ws://127.0.0.1:1", "k" * 8, "s" * 8)
        store = open_store(load_settings(self.home, KnownSecrets(), Mode.SIM, nowhere))
        with store._begin() as connection:
            for emi, symbol in (("alfa", "BTCUSDT"), ("beta", "ETHUSDT")):
                connection.execute(schema.robots.insert(), {
                    "EMI": emi, "SYMBOL": symbol, "CATEGORY": "linear", "MARKET": "Binance", "TIMEFR": 1, "CAPITAL": 2,
                    "STRATEGY": "turner", "PARAMS": TURNER_PARAMS})
        store.close()

    def start(self, *more: str) -> str:
        """Start it; the control address of its exchange."""
        program = Program([str(ROOT / "main.py"), "--home", str(self.home), "--demo", "--headless", *more])
        self.programs.append(program)
        child = until(program.children, 20, "the child exchange")[0]
        self.children.append(child)
        return f"http://127.0.0.1:{until(lambda: listening_port(child), 20, 'its port')}/control"

    def truth(self, control: str) -> dict[str, Any]:
        """What really happened."""
        with contextlib.suppress(requests.ConnectionError):
            return referee.read_truth(control)
        return {"executions": [], "orders": [], "positions": []}

    def end(self) -> None:
        """End what was started, by id."""
        for program in self.programs:
            program.end()
        for pid in self.children:
            with contextlib.suppress(OSError):
                os.kill(pid, signal.SIGKILL)


@pytest.fixture
def demonstration(tmp_path: Path) -> Iterator[Demonstration]:
    """Ended whatever happens."""
    made = Demonstration(tmp_path)
    try:
        yield made
    finally:
        made.end()


def test_killed_and_started_again_with_its_own_exchange(demonstration: Demonstration) -> None:
    control = demonstration.start("--autotrade")
    until(lambda: len(demonstration.truth(control)["executions"]) >= 1, 75, "trades of the bots")
    program, child = demonstration.programs[-1], demonstration.children[-1]
    time.sleep(0.3)

    program.kill()

    until(lambda: not is_running(child), 5, "the child's own end")
    before = len(referee.read_sqlite(demonstration.home / "sim.db").coins)
    control = demonstration.start()
    assert len(demonstration.truth(control)["executions"]) >= before, "the exchange forgot"
    log = demonstration.home / "botbook.log"
    until(lambda: log.read_text().count("recovered: account SIM-1") == 2, 20, "recovered again")
    referee.check(control, referee.reader(demonstration.home), 50)


def test_it_ends_in_order_with_its_exchange(demonstration: Demonstration) -> None:
    demonstration.start()
    log = demonstration.home / "botbook.log"
    until(lambda: log.exists() and "recovered" in log.read_text(), 20, "recovered")
    program, child = demonstration.programs[-1], demonstration.children[-1]
    begun = time.monotonic()

    program.signal(signal.SIGTERM)

    assert program.wait(8) == 0
    assert time.monotonic() - begun < 5
    until(lambda: not is_running(child), 2, "the child's end")
    assert "Traceback" not in program.text()
