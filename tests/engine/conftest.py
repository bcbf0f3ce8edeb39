"""What several tests of the engine begin with."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.desk import Desk


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    """An engine that is not started yet; ended after the test."""
    made = Desk(tmp_path)
    yield made
    made.end()
