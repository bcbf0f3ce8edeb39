"""The recorded spot session as a market (extra suite: needs the recorded messages beside the project)."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from decimal import Decimal as D
from pathlib import Path
from typing import Any

import pytest

from tests.simulator.sim_client import FIXTURES, Book, Exchange
from tests.simulator.spot_client import Spot, SpotBook

FOLDER = FIXTURES / "binance" / "cryptofeed"
pytestmark = pytest.mark.skipif(not FOLDER.exists(), reason="the folder of recorded messages is not there")
SYMBOL = "NKNUSDT"


def recorded(product: str, stream: str) -> list[Any]:
    """What was recorded of a stream."""
    lines = [json.loads(text)["msg"] for text in (FOLDER / f"{product}_ws_session.jsonl").read_text().splitlines()]
    return [line["data"] for line in lines if line.get("stream") == stream]


def snapshot(product: str, symbol: str) -> Any:
    """The recorded snapshot of a symbol."""
    lines = [json.loads(text) for text in (FOLDER / f"{product}_depth_snapshots.jsonl").read_text().splitlines()]
    return next(line["response"] for line in lines if f"symbol={symbol}&" in line["url"])


@pytest.fixture
def played(tmp_path: Path) -> Iterator[Spot]:
    """The recorded session, twenty times as fast."""
    exchange = Exchange(tmp_path, "--replay", str(FOLDER / "spot_ws_session.jsonl"), "--speed", "20")
    exchange.offset_ms = exchange.get("/api/v3/time")["serverTime"] - int(time.time() * 1000)
    yield Spot(exchange)
    exchange.close()


def test_the_book_at_the_end_is_the_recordings(played: Spot) -> None:
    events = recorded("spot", "nknusdt@depth@100ms")
    truth = SpotBook(snapshot("spot", SYMBOL))
    for event in events:
        truth.apply(event)
    book = SpotBook(played.get("depth", symbol=SYMBOL, limit=1000))
    stream = played.socket("nknusdt@depth@100ms", "nknusdt@bookTicker", "nknusdt@aggTrade", "nknusdt@kline_1m")
    begun = time.monotonic()

    seen = stream.until(lambda m: m["data"].get("a") == [] and m["data"].get("b") == [], 12)

    assert time.monotonic() - begun < 10, "thirty seconds were recorded"
    diffs = [m["data"] for m in seen if m["stream"] == "nknusdt@depth@100ms"]
    assert diffs[:-1] == events and "pu" not in diffs[-1]
    assert [m["data"] for m in seen if m["stream"] == "nknusdt@bookTicker"] == recorded("spot", "nknusdt@bookTicker")
    for event in diffs:
        book.apply(event)
    assert book.best(500) == truth.best(500)
    assert [row["symbol"] for row in played.get("exchangeInfo")["symbols"]] == [SYMBOL, "RUNEEUR"]
    stream.close()


def test_orders_meet_the_recorded_book(played: Spot) -> None:
    (price, size), _ = played.get("depth", symbol=SYMBOL, limit=5)["asks"][:2]

    taken = played.order("BUY", "100", symbol=SYMBOL)
    waiting = played.order("SELL", "50", f"{D(price) * 2:.4f}", symbol=SYMBOL)
    played.move(D(price) * 2, SYMBOL)

    assert (taken["status"], taken["fills"][0]["price"]) == ("FILLED", price)
    assert taken["fills"][0]["commissionAsset"] == "NKN" and played.status(waiting) == "FILLED"
    assert played.get("depth", symbol=SYMBOL, limit=5)["asks"][0] == [price, size]
    assert [row["maker"] for row in played.truth("executions")] == [False, True]


def test_the_coin_margined_session_plays_too(tmp_path: Path) -> None:
    exchange = Exchange(tmp_path, "--replay", str(FOLDER / "coinm_ws_session.jsonl"), "--speed", "20")
    truth, book = (Book(row) for row in (snapshot("coinm", "BCHUSD_PERP"),
                                         exchange.get("/dapi/v1/depth", symbol="BCHUSD_PERP", limit=1000)))
    events = recorded("coinm", "bchusd_perp@depth@100ms")
    stream = exchange.socket("/coin/stream?streams=bchusd_perp@depth@100ms")
    seen = [m["data"] for m in stream.until(lambda m: not m["data"]["a"] + m["data"]["b"], 12)]
    for event in events:
        truth.apply(event)
    for event in seen:
        book.apply(event)

    assert seen[:-1] == events and book.best(200) == truth.best(200)
    stream.close()
    exchange.close()
