"""One running window for a file of tests; it ends by itself, and by process id when it does not."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from db.store import Store
from engine import asking
from tests.faults.harness import QUICK, QUICK_LIFE_MS
from tests.window.live import Live, insert_robot

BREAKOUT = "breaker"      # a bot that trades when the forming minute leaves the one before


@pytest.fixture(scope="module")
def quick() -> Iterator[None]:
    """Waits of the session ten times shorter."""
    patch = pytest.MonkeyPatch()
    patch.setattr("session.window.Timings", lambda: QUICK)
    patch.setattr(asking, "QUEUE_AND_LIFE_MS", QUICK_LIFE_MS)
    yield
    patch.undo()


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory, quick: None, screen: str) -> Iterator[Live]:
    """The file's window: on the bundled exchange, with one bot in its table."""
    home: Path = tmp_path_factory.mktemp("window") / "home"
    home.mkdir(mode=0o700)
    store = Store.sqlite(home / "sim.db")
    store.prepare("SIM")
    store.close()
    insert_robot(home, BREAKOUT, "breakout", {})
    window = Live(home)
    try:
        window.wait_live()
        yield window
        window.check_unharmed()
    finally:
        window.close()


@pytest.fixture(scope="module")
def screen(request: pytest.FixtureRequest) -> str:
    """A display; without one the test is skipped."""
    import os

    name = os.environ.get("DISPLAY", "")
    if not name:
        pytest.skip("no display: sudo apt-get install xvfb xauth")
    return name


@pytest.fixture
def live(opened: Live) -> Iterator[Live]:
    """The window as freshly opened: live, flat of orders, trading OFF, the market still."""
    opened.calm()
    yield opened
    opened.market.calm()
