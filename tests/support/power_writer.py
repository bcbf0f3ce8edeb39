"""A process that writes facts and says after each commit that it stands; traced by the model of a power loss.

`python -m tests.support.power_writer FILE COUNT SYNCHRONOUS`: the log is folded into the file often, so that those
moments are seen too.
"""

from __future__ import annotations

import os
import sys
from decimal import Decimal
from pathlib import Path

from msgspec.structs import replace

from core.rows import BookRow, CounterRow
from db import dialects
from db.store import Store
from models import OrdStatus
from tests.support.build import ACCOUNT, BTC, coin, order


def main() -> None:
    """Write COUNT transactions."""
    path, count, synchronous = Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
    dialects.LOG_PAGES = 40
    store = Store.sqlite(path)
    store.prepare("SIM")
    if synchronous != "FULL":
        store._driver().execute(f"PRAGMA synchronous={synchronous}")
    for number in range(1, count + 1):
        done = Decimal(number)
        store.write([
            coin(f"x:{number}"), BookRow(BTC, ACCOUNT, "A", "USDT", done, Decimal(50000), done, fills=number),
            replace(order(OrdStatus.NEW, name="1.A"), booked_qty=done), CounterRow("clOrdID", number)])
        os.write(1, f"ack {number}\n".encode())
        if number % 15 == 0:
            store.fold()
    os._exit(0)          # no tidy end: nothing is written that a power loss would not meet


if __name__ == "__main__":
    main()
