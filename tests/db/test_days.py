"""Net values on both databases: a time's row is replaced, minutes go, midnights stay."""

from __future__ import annotations

import time
from decimal import Decimal

from core.rows import DayRow
from db.store import Store
from tests.support.build import ACCOUNT

D = Decimal
MINUTE_MS, DAY_MS = 60_000, 86_400_000
A = ("Binance", ACCOUNT, "A", "USDT")


def test_old_minutes_go_and_midnights_stay(store: Store) -> None:
    midnight = 20_000 * DAY_MS
    rows = [DayRow(*A, at, D("1.5")) for at in (midnight, midnight + MINUTE_MS, midnight + DAY_MS,
                                                midnight + 3 * DAY_MS + MINUTE_MS)]
    assert store.write([*rows, DayRow(*A, midnight, D("2.5"))])

    store.forget_minutes(midnight + 2 * DAY_MS)

    with store._begin() as connection:
        kept = connection.exec_driver_sql("SELECT TTIME, NETVALUE FROM days ORDER BY TTIME").all()
    assert [str(row[0])[5:16] for row in kept] == [
        time.strftime("%m-%d %H:%M", time.gmtime(at / 1000)) for at in (rows[0].time, rows[2].time, rows[3].time)]
    assert D(str(kept[0][1])) == D("2.5")
