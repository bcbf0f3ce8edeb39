"""Recorded messages of BitMEX decode without loss: an extra suite where ../shared is at hand."""

# Decimals are compared with whole numbers here: easier to read.
# mypy: disable-error-code="comparison-overlap"
from __future__ import annotations

import json
from collections import Counter
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest

from connectors.bitmex import auth, parse, stream
from connectors.bitmex.contracts import Contract, instruments
from connectors.bitmex.feed import MarketFeed, Watch
from connectors.bitmex.market import MarketSymbol
from connectors.bitmex.public import PublicSymbol
from connectors.bitmex.values import time_ms
from connectors.complaints import Complaints
from connectors.timesync import TimeSync
from core.board import Board
from core.clock import HandClock
from core.secrets import Credentials, KnownSecrets
from models import Category, ExecKind, Timings


@pytest.fixture(scope="module")
def recorded(shared_fixtures: Path) -> Path:
    return shared_fixtures / "bitmex"


def session(recorded: Path) -> list[bytes]:
    """Frames as they came, byte for byte."""
    lines = (recorded / "cryptofeed" / "ws_session_20210722.jsonl").read_bytes().splitlines()
    rows = [json.loads(line) for line in lines]
    return [line[line.index(b'"msg":') + 6:-1].strip() for line, row in zip(lines, rows, strict=True)
            if row["dir"] == "recv"]


def exact(raw: bytes) -> Any:
    return json.loads(raw, parse_float=Decimal)


def contracts(recorded: Path) -> dict[str, Contract]:
    told, problems = instruments((recorded / "cryptofeed" / "http_instrument_active_20210722.json").read_bytes())
    assert problems == ()
    return {one.instrument.key.symbol: one for one in told}


def test_published_signatures(recorded: Path) -> None:
    told = json.loads((recorded / "signing_vectors.json").read_text())
    credentials = Credentials(told["api_key"], told["api_secret"], KnownSecrets())

    for one in told["published"] + told["computed_here"]:
        made = auth.headers(credentials, one["verb"], one["path"], one["expires"], one["body"].encode())
        assert made["api-signature"] == one["signature"]


def test_the_recorded_session_gives_the_venues_books_and_no_complaint(recorded: Path) -> None:
    known, clock, board = contracts(recorded), HandClock(), Board()
    complaints = Complaints("test")
    feed = MarketFeed("ws://127.0.0.1:1", clock, TimeSync(clock), complaints)
    symbols = {symbol: contract for symbol, contract in known.items()
               if symbol in ("SOLUSDT", "XRPU21", "UNIUSDT", "BCHUSD", "XBTUSD")}
    for contract in symbols.values():
        feed.take(Watch(PublicSymbol(contract, stream.FULL, board, clock, Timings(), lambda name: None),
                        MarketSymbol(contract, board, clock, Timings(), lambda *told: None, lambda *told: None, 5,
                                     lambda state: None)))
        board.wanted_depth[contract.instrument.key] = 100_000
    feed.opened(lambda text: None)
    model: dict[str, dict[int, dict[str, Any]]] = {}
    seen: Counter[str] = Counter()
    for raw in session(recorded):
        feed.frame(raw, 1.0)
        feed.flush(1.0)
        told = exact(raw)
        seen[told.get("table", "")] += 1
        if told.get("table") != stream.FULL:
            continue
        for row in told["data"]:
            held = model.setdefault(row["symbol"], {})
            if told["action"] == "delete":
                del held[row["id"]]
            else:
                held[row["id"]] = held.get(row["id"], {}) | row
        for symbol in {row["symbol"] for row in told["data"]}:
            book = board.books[symbols[symbol].instrument.key]
            for side, levels in (("Buy", book.bids), ("Sell", book.asks)):
                assert dict(levels) == {Decimal(row["price"]): row["size"] for row in model[symbol].values()
                                        if row["side"] == side}
            assert book.live and book.resyncs == 0
    assert complaints.count == 0
    assert seen[stream.FULL] > 290 and seen["trade"] >= 11 and seen["quote"] >= 27


def test_trades_and_quotes_are_read_exactly(recorded: Path) -> None:
    for raw in session(recorded):
        told = exact(raw)
        if told.get("table") == "trade":
            for row, read in zip(told["data"], stream.read_trades(raw).data, strict=True):
                assert (read.symbol, read.side, read.size, read.price) == (
                    row["symbol"], row["side"], row["size"], row["price"])
                assert time_ms(read.timestamp) > 0
        elif told.get("table") == "quote":
            for row, quote in zip(told["data"], stream.read_quote(raw).data, strict=True):
                assert [stream.read_number(one) for one in (quote.bid, quote.bid_qty, quote.ask, quote.ask_qty)] == [
                    row["bidPrice"], row["bidSize"], row["askPrice"], row["askSize"]]


def test_values_of_recorded_trades_follow_from_the_multiplier(recorded: Path) -> None:
    """grossValue of every recorded trade: what `Instrument.multiplier` is for (bitmex.md section 13)."""
    known, checked = contracts(recorded), 0
    for raw in session(recorded):
        told = exact(raw)
        for row in told.get("data", []) if told.get("table") == "trade" else []:
            contract = known[row["symbol"]].instrument
            if contract.key.category is not Category.INVERSE:
                value = row["size"] * contract.multiplier * Decimal(row["price"])
                assert contract.settle == "XBt" and value * 10**8 == row["grossValue"]
            else:
                lots = row["size"] / contract.lot
                value = lots * round(contract.lot * contract.multiplier * 10**8 / Decimal(row["price"]))
                assert value == row["grossValue"]
            checked += 1
    assert checked > 10


def test_instruments_of_2021_and_2026(recorded: Path) -> None:
    kinds = {symbol: one.instrument.key.category for symbol, one in contracts(recorded).items()}
    assert kinds["XBTUSD"] is Category.INVERSE and kinds["ETHUSD"] is Category.QUANTO
    assert kinds["XRPU21"] is Category.LINEAR

    rows = json.loads((recorded / "ccxt" / "instruments_20260521.json").read_text())["instruments"]
    told, problems = instruments(json.dumps(rows).encode())
    mine = {one.instrument.key.symbol: one for one in told}
    assert problems == () and set(mine) == {"XBT_USDT", "XBTUSDT", "XBTUSD"}
    assert (mine["XBTUSDT"].instrument.multiplier, mine["XBTUSDT"].instrument.settle) == (Decimal("0.000001"), "USDt")
    assert (mine["XBT_USDT"].instrument.lot, mine["XBT_USDT"].scale) == (Decimal("0.00001"), 10**8)
    assert mine["XBTUSD"].instrument.taker_fee == Decimal("0.0005")


def rows_of(recorded: Path, name: str) -> bytes:
    raw = (recorded / "nautilus" / name).read_bytes()
    return raw if raw.lstrip().startswith(b"[") else b"[" + raw + b"]"


def test_single_rows_of_today(recorded: Path) -> None:
    known = {one.instrument.key.symbol: one for one in instruments(
        rows_of(recorded, "http_get_instrument_xbtusd.json"))[0]}
    contract = known["XBTUSD"]
    fill = parse.execution(parse.executions(rows_of(recorded, "http_get_executions.json"))[0], contract, "")
    order = parse.report(parse.orders(rows_of(recorded, "http_get_orders.json"))[0], contract)
    position = parse.position(parse.positions(rows_of(recorded, "http_get_positions.json"))[0], contract)
    margin = parse.balance(parse.margins(rows_of(recorded, "ws_margin.json"))[0], Category.INVERSE)

    assert (fill.fee, fill.value, fill.maker, fill.account) == (
        Decimal("0.00000076"), Decimal("0.00101065"), True, "1234567")
    assert (order.qty, order.price, order.cl_ord_id) == (100, 98000, "mm_bitmex_1a/oemUeQ4CAJZgP3fjHsA")
    assert (position.qty, position.entry, position.leverage) == (100, Decimal("98390.88"), 10)
    assert margin is not None and (margin.wallet, margin.margin_balance) == (Decimal("1.0000518"), Decimal("1.0001036"))
    assert len(parse.candles(rows_of(recorded, "http_get_trade_bins.json"), 60_000, contract)) == 2
    ten = msgspec.json.decode((recorded / "nautilus" / "ws_orderbook_10.json").read_bytes(), type=stream.Ten)
    assert stream.read_pairs(ten.bids)[0] == (Decimal("98490.3"), 22400) and len(stream.read_pairs(ten.asks)) == 10
    mark = msgspec.json.decode((recorded / "nautilus" / "ws_instrument_mark_update.json").read_bytes(),
                               type=stream.Live)
    assert mark.mark_price == Decimal("1.2669") and mark.last_price is msgspec.UNSET
    assert not parse.is_fill(parse.executions(rows_of(recorded, "ws_execution_cancel_reject.json"))[0])


def test_forced_fills_of_the_documentation(recorded: Path) -> None:
    known = contracts(recorded)
    rows = json.loads((recorded / "gocryptotrader" / "ws_execution_liquidation.json").read_text())["data"]
    fills = [parse.typed(row, parse.ExecutionRow) for row in rows]

    told = [parse.execution(fill, known[fill.symbol or ""], "") for fill in fills if parse.is_fill(fill)]

    assert told and all(one.kind in (ExecKind.LIQUIDATION, ExecKind.ADL) and one.cl_ord_id is None for one in told)
