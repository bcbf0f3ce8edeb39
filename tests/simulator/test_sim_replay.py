"""The recorded session as a market (extra suite: needs the recorded messages beside the project)."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.simulator.sim_client import FIXTURES, Book, Exchange

SESSION = FIXTURES / "binance" / "cryptofeed" / "usdm_ws_session.jsonl"
pytestmark = pytest.mark.skipif(not SESSION.exists(), reason="the folder of recorded messages is not there")


@pytest.fixture
def short(tmp_path: Path) -> Iterator[tuple[Exchange, list[Any]]]:
    """The first two and a half seconds of the recording, in their own time."""
    lines = [json.loads(text) for text in SESSION.read_text().splitlines()]
    lines = [line for line in lines if line["t"] < lines[0]["t"] + 2.5]
    folder = tmp_path / "session"
    folder.mkdir()
    (folder / SESSION.name).write_text("\n".join(json.dumps(line) for line in lines))
    for name in ("usdm_depth_snapshots.jsonl", "usdm_exchangeInfo.json"):
        (folder / name).write_text((SESSION.parent / name).read_text())
    exchange = Exchange(tmp_path, "--replay", str(folder / SESSION.name))
    yield exchange, lines
    exchange.close()


def test_book_at_the_end_is_the_recordings(short: tuple[Exchange, list[Any]]) -> None:
    exchange, lines = short
    recorded = [line["msg"]["data"] for line in lines if line["msg"].get("stream") == "sushiusdt@depth@100ms"]
    snapshot = json.loads((SESSION.parent / "usdm_depth_snapshots.jsonl").read_text().splitlines()[0])["response"]
    truth = Book(snapshot)
    for event in recorded:
        truth.apply(event)
    exchange.get("/fapi/v1/time")
    stream = exchange.socket("/stream?streams=sushiusdt@depth@100ms/sushiusdt@bookTicker/sushiusdt@aggTrade")

    first = stream.until(lambda m: m["stream"] == "sushiusdt@depth@100ms", 8)[-1]["data"]
    ours = Book(exchange.get("/fapi/v1/depth", symbol="SUSHIUSDT", limit=1000))
    ours.apply(first)
    for message in stream.until(lambda m: m["data"]["e"] == "depthUpdate" and not m["data"]["b"] + m["data"]["a"], 8):
        if message["data"]["e"] == "depthUpdate":
            ours.apply(message["data"])

    assert first == recorded[0]
    assert ours.best(500) == truth.best(500)
    late = Book(exchange.get("/fapi/v1/depth", symbol="SUSHIUSDT", limit=1000))
    for message in stream.until(lambda m: m["data"]["e"] == "depthUpdate" and m["data"]["u"] >= late.id, 3):
        late.apply(message["data"])
    assert late.synced
    assert late.best(20) == truth.best(20)
    stream.close()


def test_orders_meet_the_recorded_book(short: tuple[Exchange, list[Any]]) -> None:
    exchange, _ = short
    exchange.offset_ms = exchange.get("/fapi/v1/time")["serverTime"] - int(time.time() * 1000)
    book = exchange.get("/fapi/v1/depth", symbol="SUSHIUSDT", limit=5)
    (price, size), (second, _) = book["asks"][:2]

    taken = exchange.order("BUY", str(int(size) + 1), symbol="SUSHIUSDT", newOrderRespType="RESULT")
    waiting = exchange.order("SELL", "5", second, symbol="SUSHIUSDT")
    exchange.move(second, "SUSHIUSDT")

    assert taken["status"] == "FILLED"
    fills = exchange.truth()["executions"]
    assert [f["price"] for f in fills[:2]] == [str(Decimal(price).normalize()), str(Decimal(second).normalize())]
    assert fills[-1]["maker"] and fills[-1]["order_id"] == str(waiting["orderId"])
    assert exchange.get("/fapi/v1/depth", symbol="SUSHIUSDT", limit=5)["asks"][0] == [price, size]


def test_unreadable_recording_is_one_sentence(tmp_path: Path) -> None:
    broken = tmp_path / "usdm_ws_session.jsonl"
    broken.write_text("not json")

    with pytest.raises(AssertionError, match="cannot start: the recording"):
        Exchange(tmp_path, "--replay", str(broken))
