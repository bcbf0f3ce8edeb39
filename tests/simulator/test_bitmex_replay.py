"""The recorded BitMEX session as a market (extra suite: needs the recorded messages beside the project)."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from decimal import Decimal as D
from pathlib import Path
from typing import Any

import pytest

from tests.simulator.bitmex_client import Bitmex, Row
from tests.simulator.sim_client import FIXTURES, Exchange, wait_for

FOLDER = FIXTURES / "bitmex" / "cryptofeed"
SESSION = FOLDER / "ws_session_20210722.jsonl"
pytestmark = pytest.mark.skipif(not SESSION.exists(), reason="the folder of recorded messages is not there")


def recorded(table: str, symbol: str) -> list[Any]:
    """The recorded frames of a table and symbol."""
    lines = [json.loads(text, parse_float=D)["msg"] for text in SESSION.read_text().splitlines()]
    return [m for m in lines if m.get("table") == table and m["data"] and m["data"][0]["symbol"] == symbol]


def book_of(frames: list[Any]) -> dict[int, tuple[str, D, int]]:
    """A book by id, as a client keeps it."""
    rows: dict[int, Row] = {}
    for frame in frames:
        for row in frame["data"]:
            if frame["action"] == "delete":
                rows.pop(row["id"], None)
            else:
                rows[row["id"]] = rows.get(row["id"], {}) | row
    return {number: (row["side"], D(row["price"]), row["size"]) for number, row in rows.items()}


@pytest.fixture
def played(tmp_path: Path) -> Iterator[Bitmex]:
    """The recorded session, thirty times as fast."""
    exchange = Exchange(tmp_path, "--replay", str(SESSION), "--speed", "30")
    exchange.http.get(exchange.ready["bitmex"]["http"] + "instrument/active", timeout=5)  # the clock begins to run
    bitmex = Bitmex(exchange)
    bitmex.offset_s = exchange.truth()["time"] // 1000 - int(time.time())
    yield bitmex
    exchange.close()


def test_the_book_at_the_end_is_the_recordings(played: Bitmex) -> None:
    truth = book_of(recorded("orderBookL2", "SOLUSDT"))
    stream = played.socket("orderBookL2:SOLUSDT", "quote:SOLUSDT", "trade:UNIUSDT", "orderBook10:SOLUSDT")
    assert recorded("orderBookL2", "SOLUSDT")[0]["data"][0]["id"] in {r["id"] for r in stream.table("orderBookL2")}

    def same() -> bool:
        return {r["id"]: (r["side"], D(r["price"]), r["size"]) for r in stream.table("orderBookL2")} == truth

    stream.settled(same, 12)
    quotes = [row for m in stream.log if m["table"] == "quote" and m["action"] == "insert" for row in m["data"]]
    wanted = [row for m in recorded("quote", "SOLUSDT") if m["action"] == "insert" for row in m["data"]]
    assert quotes == wanted and stream.unknown == 0
    trades = [row for m in stream.log if m["table"] == "trade" and m["action"] == "insert" for row in m["data"]]
    assert trades == [r for m in recorded("trade", "UNIUSDT") if m["action"] == "insert" for r in m["data"]]
    (ten,) = stream.table("orderBook10")
    assert D(ten["bids"][0][0]) == max(price for side, price, _ in truth.values() if side == "Buy")
    stream.close()


def test_orders_meet_the_recorded_book(played: Bitmex) -> None:
    bids, asks = played.book("BCHUSD")
    stop = played.ok("POST", "order", {"symbol": "BCHUSD", "side": "Sell", "orderQty": 2, "ordType": "Stop",
                                       "stopPx": float(bids[0]["price"] - 20), "execInst": "LastPrice"})
    taken = played.order("Buy", 1, symbol="BCHUSD")
    assert (taken["ordStatus"], taken["avgPx"]) == ("Filled", asks[0]["price"])
    waiting = played.order("Buy", 3, str(bids[5]["price"]), symbol="BCHUSD")
    played.control("price", "BCHUSD", price=str(bids[0]["price"] - 20))
    done = [played.ok("GET", "order", filter={"orderID": o["orderID"]})[0]["ordStatus"] for o in (waiting, stop)]
    assert done == ["Filled", "Filled"] and played.position("BCHUSD")["currentQty"] == 2
    assert played.book("BCHUSD")[1][0]["price"] == asks[0]["price"]


def test_instruments_are_the_recordings(played: Bitmex) -> None:
    rows = {row["symbol"]: row for row in played.ok("GET", "instrument/active")}
    assert rows.keys() == {"XBTUSD", "XRPU21", "UNIUSDT", "SOLUSDT", "BCHUSD"}
    assert (rows["XRPU21"]["typ"], rows["SOLUSDT"]["isQuanto"]) == ("FFCCSX", True)
    stream = played.socket("trade:XBTUSD")
    wait_for(lambda: stream.during(0.1) or len(stream.table("trade")) > 1 or
             not [m for m in recorded("trade", "XBTUSD") if m["action"] == "insert"])
    stream.close()
