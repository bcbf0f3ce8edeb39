"""A process of its own that writes facts until it is killed.

Each transaction adds one fact of two parts, the owner's sums, an order and a counter; its number is sent after the
commit.
"""

from __future__ import annotations

from decimal import Decimal
from multiprocessing.connection import Connection
from pathlib import Path

from msgspec.structs import replace

from core.rows import BookRow, CounterRow
from db.store import Store
from models import OrdStatus
from tests.support.build import ACCOUNT, BTC, coin, order


def write_for_ever(path: Path, acknowledged: Connection) -> None:
    """Write from where the file stands."""
    store = Store.sqlite(path)
    store.prepare("SIM")
    number = store.counters().get("clOrdID", 0)
    while True:
        number += 1
        fact = coin(f"x:{number}")
        done = Decimal(number)
        store.write([
            fact, replace(fact, part=1, currency="BNB", qty=Decimal(0)),
            BookRow(BTC, ACCOUNT, "A", "USDT", done, Decimal(50000), done, -done * 50000, done / 10, fills=number),
            replace(order(OrdStatus.NEW, name="1.A"), booked_qty=done), CounterRow("clOrdID", number)])
        acknowledged.send(number)
