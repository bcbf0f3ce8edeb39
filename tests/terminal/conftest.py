"""`main.py` as a process: a home folder and an exchange for each test, everything ended by its id."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.harness import Ground
from tests.support.mariadb import MariaDb, missing


@pytest.fixture
def ground(tmp_path: Path) -> Iterator[Ground]:
    """A home and an exchange; all that was started on them is ended."""
    made = Ground(tmp_path)
    try:
        yield made
    finally:
        made.close()


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MariaDb]:
    """A MariaDB server of these tests' own."""
    if missing():
        pytest.skip(f"{missing()} is missing: sudo apt-get install mariadb-server")
    made = MariaDb(tmp_path_factory.mktemp("m"))
    yield made
    made.stop()
