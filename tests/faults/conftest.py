"""Every fault script gets its own home folder and its own exchange with a new account."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.harness import Ground, Terminal, Wire, recorded


@pytest.fixture
def ground(tmp_path: Path) -> Iterator[Ground]:
    """A home and an exchange; all that was started on them is ended."""
    made = Ground(tmp_path)
    try:
        yield made
    finally:
        made.close()


@pytest.fixture
def wire() -> Iterator[Wire]:
    """Every request that leaves this process."""
    with recorded() as made:
        yield made


@pytest.fixture
def terminal(wire: Wire, ground: Ground) -> Terminal:
    """A running terminal with two bots that only keep books, recovered; `wire` shows its requests."""
    ground.robot("alfa")
    ground.robot("beta", "ETHUSDT")
    return ground.terminal()
