"""Recorded messages of spot decode without loss: an extra suite where ../shared is at hand."""

from __future__ import annotations

import json
from collections import Counter
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from connectors.binance import auth, parse
from connectors.binance import stream as wire
from connectors.binance.feed import MarketFeed, Watch
from connectors.binance.public import PublicSymbol
from connectors.binance.spot import events as spot_events
from connectors.binance.spot import parse as spot_parse
from connectors.complaints import Complaints
from connectors.timesync import TimeSync
from core.board import Board
from core.clock import HandClock
from core.secrets import Credentials, KnownSecrets
from models import (
    BalanceReport,
    Category,
    Execution,
    Key,
    Movement,
    OrderReport,
    OrdStatus,
    OrdType,
    TimeInForce,
    Timings,
)

AT = 1_573_200_697_068
MOVED = Movement("Binance", Category.SPOT, "A", f"spot:BALANCE:{AT}:100.00000000:BTC", "BALANCE", "BTC", Decimal(100),
                 AT)


@pytest.fixture(scope="module")
def recorded(shared_fixtures: Path) -> Path:
    return shared_fixtures / "binance"


def frames(recorded: Path) -> list[dict[str, Any]]:
    lines = (recorded / "cryptofeed" / "spot_ws_session.jsonl").read_text().splitlines()
    return [row["msg"] for row in map(json.loads, filter(None, lines)) if row["dir"] == "recv"]


def compact(value: object) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()


def test_every_used_field_of_the_session_is_read(recorded: Path) -> None:
    seen: Counter[str] = Counter()
    for frame in frames(recorded):
        kind, raw, data = str(frame["stream"]).split("@")[1].split("_")[0], compact(frame), frame["data"]
        seen[kind] += 1
        match kind:
            case "depth":
                depth = wire.read_spot_depth(raw).data
                assert (depth.first, depth.last, depth.time) == (data["U"], data["u"], data["E"])
                assert [list(pair) for pair in (*depth.bids, *depth.asks)] == data["b"] + data["a"]
            case "bookTicker":
                top = wire.read_top(raw).data
                assert (top.bid, top.bid_qty, top.ask, top.ask_qty) == tuple(data[name] for name in "bBaA")
            case "aggTrade":
                trade = wire.read_trade(raw).data
                assert (trade.price, trade.time, trade.buyer_made) == (Decimal(data["p"]), data["T"], data["m"])
            case "kline":
                bar = wire.read_kline(raw).data.bar
                assert (bar.time, bar.close, bar.is_closed) == tuple(data["k"][name] for name in "tcx")
    assert {"depth", "bookTicker", "aggTrade", "kline"} <= set(seen)


def test_the_recorded_books_follow_their_snapshots_without_a_gap(recorded: Path) -> None:
    lines = (recorded / "cryptofeed" / "spot_depth_snapshots.jsonl").read_text().splitlines()
    played = 0
    for snapshot in map(json.loads, filter(None, lines)):
        symbol = snapshot["url"].split("symbol=")[1].split("&")[0]
        key, clock, board = Key("Binance", Category.SPOT, symbol), HandClock(), Board()
        complaints = Complaints("test")
        feed = MarketFeed("ws://127.0.0.1:1", clock, TimeSync(clock), complaints)
        book = PublicSymbol(key, board, clock, Timings(), False, lambda *told: None, lambda key: None)
        feed.take(Watch(book))
        feed.opened(lambda text: None)
        told = snapshot["response"]
        mine = [frame for frame in frames(recorded) if frame["stream"] == f"{symbol.lower()}@depth@100ms"]
        before = [frame for frame in mine if frame["data"]["u"] <= told["lastUpdateId"]]
        for frame in before:
            feed.frame(compact(frame), 1.0)
        book.snapshot(parse.depth(compact(told)), 1)
        model = {side: {Decimal(price): Decimal(qty) for price, qty in told[side]} for side in ("bids", "asks")}
        for frame in mine[len(before):]:
            feed.frame(compact(frame), 1.0)
            feed.flush(1.0)
            for side, short in (("bids", "b"), ("asks", "a")):
                model[side].update({Decimal(price): Decimal(qty) for price, qty in frame["data"][short]})

        assert book.book.resyncs == 0 and board.books[key].live and complaints.count == 0
        assert board.books[key].bids[:20] == tuple(sorted(
            ((price, qty) for price, qty in model["bids"].items() if qty), reverse=True)[:20])
        assert board.books[key].asks[:20] == tuple(sorted(
            (price, qty) for price, qty in model["asks"].items() if qty)[:20])
        played += len(mine)
    assert played > 100


def test_private_events(recorded: Path) -> None:
    kinds: dict[str, list[object]] = {}
    for file in sorted((recorded / "nautilus" / "spot_ws").glob("*.json")):
        if file.stem.removeprefix("ws_spot_").startswith(("execution", "account", "balance", "list")):
            told = spot_events.private(file.read_bytes(), "A")
            assert told is not None, file.name
            kinds[file.stem] = list(told)

    assert [type(one) for one in kinds["execution_report_trade"]] == [Execution, OrderReport]
    assert [type(one) for one in kinds["execution_report_wrapped"]] == [OrderReport]
    assert isinstance(kinds["account_position_wrapped"][0], BalanceReport)
    assert kinds["balance_update_wrapped"] == [spot_events.BalanceMoved(MOVED)] and kinds["list_status_wrapped"] == []
    unnamed = kinds["ws_spot_execution_report_empty_client_id"][0]
    assert isinstance(unnamed, Execution) and unnamed.cl_ord_id is None and unnamed.exec_id == "spot:ETHUSDT:98765432"
    assert all([type(one) for one in told] == [OrderReport] for stem, told in kinds.items() if "l_zero" in stem)
    stop = kinds["execution_report_stop_loss"][0]
    assert isinstance(stop, OrderReport) and stop.ord_type is OrdType.STOP_LIMIT
    assert stop.trigger is not None and stop.trigger.price == Decimal("2450")
    cancelled = kinds["execution_report_canceled"][0]
    raw = json.loads((recorded / "nautilus" / "spot_ws" / "execution_report_canceled.json").read_text())
    event = raw.get("event", raw)
    assert isinstance(cancelled, OrderReport) and cancelled.status is OrdStatus.CANCELED
    assert cancelled.cl_ord_id == (event["C"] or event["c"])
    moved = spot_events.private((recorded / "basana" / "ws_outboundAccountPosition.json").read_bytes(), "A")
    assert moved is not None and len(moved) == 3


def test_private_answers(recorded: Path) -> None:
    http = recorded / "nautilus" / "spot_http"

    account = spot_parse.account((http / "account_response.json").read_bytes())
    assert account.name == "354937868" and account.can_trade
    assert account.reports()[0].wallet == Decimal("4723846.89208129")
    assert spot_parse.order((http / "order_response.json").read_bytes()).cl_ord_id == "myOrder1"
    assert spot_parse.order((http / "new_order_full_response.json").read_bytes()).order_id
    assert spot_parse.order((http / "cancel_order_response.json").read_bytes()).cl_ord_id == "myOrder1"
    assert spot_parse.orders((http / "open_orders_response.json").read_bytes())
    rows = spot_parse.trade_rows((http / "account_trades_response.json").read_bytes())
    fill = spot_parse.history_execution(rows[0], "A", None)
    assert (fill.exec_id, fill.fee, fill.fee_currency, fill.maker) == (
        "spot:BNBBTC:28457", Decimal("10.1"), "BNB", False)


def test_private_answers_of_a_real_account(recorded: Path) -> None:
    told: Counter[str] = Counter()
    for row in json.loads((recorded / "basana" / "spot_private_http.json").read_text()):
        raw = compact(row["response"])
        told[row["kind"]] += 1
        match row["kind"]:
            case "order_query" | "order_placed_full":
                assert spot_parse.order(raw).cl_ord_id == row["response"]["clientOrderId"]
            case "order_canceled":
                assert spot_parse.order(raw).cl_ord_id == row["response"]["origClientOrderId"]
            case "myTrades":
                assert spot_parse.trade_rows(raw)[0].id == row["response"][0]["id"]
            case "orderList":
                legs = [spot_parse.order(compact(one)) for one in row["response"]["orderReports"]]
                assert [(one.ord_type, one.tif) for one in legs] == [
                    (OrdType.STOP_LIMIT, TimeInForce.GTC), (OrdType.LIMIT, TimeInForce.GTX)]
    assert {"order_query", "order_placed_full", "order_canceled", "myTrades", "orderList"} <= set(told)


def test_public_answers(recorded: Path) -> None:
    rows = json.loads((recorded / "gocryptotrader" / "http_spot.json").read_text())
    answers = {(row["path"], row["query"]): compact(row["response"]) for row in rows}
    infos = [raw for (path, _), raw in answers.items() if path.endswith("exchangeInfo")]
    infos += [(recorded / "cryptofeed" / "spot_exchangeInfo.json").read_bytes(),
              (recorded / "basana" / "http_exchangeInfo_btcusdt.json").read_bytes()]

    for raw in infos:
        instruments, _, problems = spot_parse.exchange_info(raw)
        assert instruments and problems == () and len(instruments) == len(json.loads(raw)["symbols"])
        assert all(one.min_notional > 0 and one.market_max_qty > 0 for one in instruments if one.trading)
    for (path, query), raw in answers.items():
        if path.endswith("/klines") and isinstance(json.loads(raw), list):
            assert len(parse.candles(raw)) == len(json.loads(raw)), query
        if path.endswith("/v3/depth"):
            assert parse.depth(raw)[0] > 0


def test_published_signatures_of_the_websocket_api(recorded: Path) -> None:
    told = json.loads((recorded / "signing_vectors.json").read_text())
    credentials = Credentials(told["api_key"], told["api_secret"], KnownSecrets())
    checked = 0
    for group in told.values():
        for one in group if isinstance(group, list) else ():
            payload = str(one.get("payload", ""))
            if not payload.startswith("apiKey="):
                continue
            params = dict(part.split("=", 1) for part in payload.split("&"))
            own = {name: params.pop(name) for name in ("apiKey", "recvWindow", "timestamp")}
            made = auth.socket_params(credentials, int(own["timestamp"]), int(own["recvWindow"]), params.items())
            assert made["signature"] == one["signature"]
            checked += 1
    assert checked >= 2
