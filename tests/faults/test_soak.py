"""One virtual day of `make soak`, on few products."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.faults.products import BTCUSDT, XBTUSD
from tests.faults.soak import SHIFTS, Soak
from tests.faults.virtual import SharedClock


@pytest.mark.late
@pytest.mark.timeout(120)
def test_a_virtual_day_ends_with_clean_books(tmp_path: Path) -> None:
    soak = Soak(tmp_path, days=1, seconds=0.8, traded=(BTCUSDT, XBTUSD), each_day=False)

    judged = soak.run()

    assert judged.is_kept
    assert soak.counts["kills"] == SHIFTS
    assert soak.counts["fundings"] >= 3, "three fundings fell due"
    assert SharedClock(tmp_path / "clock").world == 0
