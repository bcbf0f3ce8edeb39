"""Recorded messages of the exchange decode without loss: an extra suite where ../shared is at hand."""

from __future__ import annotations

import json
from collections import Counter
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from connectors.binance import conditional as algo
from connectors.binance import events, income, leverage, parse
from connectors.binance import stream as wire
from connectors.binance.conditional import Algo
from connectors.binance.feed import MarketFeed, Watch
from connectors.binance.public import PublicSymbol
from connectors.complaints import Complaints
from connectors.timesync import TimeSync
from core.board import Board
from core.clock import HandClock
from models import (
    BalanceReport,
    Category,
    ExecKind,
    Execution,
    Funding,
    Key,
    MoneyMoved,
    OrderReport,
    OrdStatus,
    OrdType,
    Timings,
    Trigger,
)

LINEAR = Category.LINEAR


@pytest.fixture(scope="module")
def recorded(shared_fixtures: Path) -> Path:
    return shared_fixtures / "binance"


def frames(recorded: Path, session: str = "usdm") -> list[dict[str, Any]]:
    lines = (recorded / "cryptofeed" / f"{session}_ws_session.jsonl").read_text().splitlines()
    return [row["msg"] for row in map(json.loads, lines) if row["dir"] == "recv"]


def compact(value: object) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()


@pytest.mark.parametrize("session", ["usdm", "coinm"])
def test_every_used_field_of_the_session_is_read(recorded: Path, session: str) -> None:
    seen: Counter[str] = Counter()
    for frame in frames(recorded, session):
        kind, raw = str(frame["stream"]).split("@")[1].split("_")[0], compact(frame)
        data = frame["data"]
        seen[kind] += 1
        match kind:
            case "depth":
                depth = wire.read_depth(raw).data
                assert (depth.first, depth.last, depth.previous) == (data["U"], data["u"], data["pu"])
                assert [list(pair) for pair in depth.bids] == data["b"]
                assert [list(pair) for pair in depth.asks] == data["a"]
            case "bookTicker":
                top = wire.read_top(raw).data
                assert (top.bid, top.bid_qty, top.ask, top.ask_qty) == tuple(data[name] for name in "bBaA")
            case "aggTrade":
                trade = wire.read_trade(raw).data
                assert (trade.price, trade.qty, trade.time, trade.buyer_made) == (
                    Decimal(data["p"]), Decimal(data["q"]), data["T"], data["m"])
            case "markPrice":
                mark = wire.read_mark(raw).data
                assert (mark.mark, mark.rate, mark.next_funding) == (Decimal(data["p"]), data["r"], data["T"])
            case "kline":
                bar = wire.read_kline(raw).data.bar
                assert (bar.time, bar.close, bar.is_closed) == tuple(data["k"][name] for name in "tcx")
            case "ticker":
                assert wire.read_day(raw).data.change == Decimal(data["P"])
    assert {"depth", "bookTicker"} <= set(seen)


@pytest.mark.parametrize(("session", "category"), [("usdm", LINEAR), ("coinm", Category.INVERSE)])
def test_the_recorded_book_follows_its_snapshot_without_a_gap(
        recorded: Path, session: str, category: Category) -> None:
    lines = (recorded / "cryptofeed" / f"{session}_depth_snapshots.jsonl").read_text().splitlines()
    for snapshot in map(json.loads, lines):
        symbol = snapshot["url"].split("symbol=")[1].split("&")[0]
        key, clock, board = Key("Binance", category, symbol), HandClock(), Board()
        complaints = Complaints("test")
        feed = MarketFeed("ws://127.0.0.1:1", clock, TimeSync(clock), complaints)
        book = PublicSymbol(key, board, clock, Timings(), False, lambda *told: None, lambda key: None)
        feed.take(Watch(book))
        feed.opened(lambda text: None)
        told = snapshot["response"]
        mine = [frame for frame in frames(recorded, session) if frame["stream"] == f"{symbol.lower()}@depth@100ms"]
        before = [frame for frame in mine if frame["data"]["u"] < told["lastUpdateId"]]
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


def test_private_events(recorded: Path) -> None:
    kinds: dict[str, list[object]] = {}
    for file in sorted((recorded / "nautilus" / "futures_ws").glob("*.json")):
        if file.name.removeprefix("ws_futures_").startswith(("order_update", "account", "trade_lite", "algo")):
            is_coin = b"USD_" in file.read_bytes()
            told = events.private(file.read_bytes(), Category.INVERSE if is_coin else LINEAR, "A")
            assert told is not None, file.name
            kinds[file.stem] = list(told)

    assert [type(one) for one in kinds["order_update_trade"]] == [Execution, OrderReport]
    assert [type(one) for one in kinds["order_update_new"]] == [OrderReport]
    assert kinds["trade_lite"] == []
    waits, became, ended = (kinds[name][0] for name in ("algo_update_new", "ws_futures_algo_update_triggered",
                                                        "ws_futures_algo_update_finished"))
    assert isinstance(waits, Algo) and isinstance(became, Algo) and isinstance(ended, Algo)
    view = algo.report(waits)
    assert view is not None and (view.ord_type, view.order_id, view.reason, view.price) == (
        OrdType.TAKE_PROFIT_LIMIT, "algo-2148719", "", Decimal(750))
    view = algo.report(became)
    assert view is not None and (view.order_id, view.ord_type, view.trigger) == ("88937381063", OrdType.MARKET, None)
    assert view.status is OrdStatus.NEW and algo.report(ended) is None
    assert isinstance(kinds["account_update"][0], BalanceReport)
    made = {stem: one.kind for stem, told in kinds.items() for one in told if isinstance(one, Execution)}
    assert made["order_update_calculated"] is ExecKind.LIQUIDATION
    assert made["order_update_adl"] is made["ws_futures_order_update_adl_filled"] is ExecKind.ADL
    assert made["order_update_delivery"] is made["ws_futures_order_update_settlement"] is ExecKind.SETTLEMENT
    assert [type(one) for one in kinds["ws_futures_order_update_liquidation_zero_qty"]] == [OrderReport]


def test_account_answers(recorded: Path) -> None:
    http = recorded / "nautilus" / "futures_http"
    (stop,) = algo.rows((http / "open_algo_orders.json").read_bytes(), LINEAR)
    told = algo.report(stop)

    assert told is not None and (told.order_id, told.cl_ord_id, told.trigger) == (
        "algo-123456789", "test-algo-order-1", Trigger(Decimal(45000), None, True))
    assert leverage.of_symbols((http / "http_futures_account_symbol_config.json").read_bytes()) == {
        "ETHUSDT": (Decimal(20), False), "BTCUSDT": (Decimal(25), True)}

    assert parse.account_alias((http / "balance.json").read_bytes()) == "SgsR"
    assert parse.balances((http / "balance.json").read_bytes(), LINEAR)[0].wallet == Decimal("122.12345678")
    assert parse.is_hedge_mode((http / "http_futures_account_position_side_dual.json").read_bytes())
    assert parse.order((http / "order_response.json").read_bytes(), LINEAR).cl_ord_id == "testOrder123"
    assert parse.positions((http / "position_risk.json").read_bytes(), LINEAR)[0].leverage == 20
    rows = parse.trade_rows((http / "http_futures_account_trades.json").read_bytes())
    fills = [parse.history_execution(row, LINEAR, "A", None) for row in rows]
    assert [(one.exec_id, one.fee, one.maker) for one in fills] == [
        ("linear:ETHUSDT:82357626", Decimal("0.00555670"), False),
        ("linear:ETHUSDT:82357629", Decimal("0.00555800"), False)]


def test_public_answers(recorded: Path) -> None:
    rows = json.loads((recorded / "gocryptotrader" / "http_usdm.json").read_text())
    answers = {(row["path"], row["query"]): compact(row["response"]) for row in rows}
    info = next(raw for (path, _), raw in answers.items() if path.endswith("exchangeInfo"))

    for raw in (info, (recorded / "cryptofeed" / "usdm_exchangeInfo.json").read_bytes()):
        instruments, budgets, problems = parse.exchange_info(raw, LINEAR)
        assert instruments and problems == () and {one.kind for one in budgets} == {"weight", "orders"}
        assert len(instruments) == len(json.loads(raw)["symbols"])
    for (path, query), raw in answers.items():
        if path.endswith("/klines"):
            assert len(parse.candles(raw)) == len(json.loads(raw)), query
        if path.endswith("/v1/depth"):
            assert parse.depth(raw)[0] > 0
        if path.endswith("/v1/time"):
            assert parse.server_time(raw) == 1620099477465


def test_coin_margined_answers(recorded: Path) -> None:
    rows = json.loads((recorded / "gocryptotrader" / "http_coinm.json").read_text())
    info = next(compact(row["response"]) for row in rows if row["path"].endswith("exchangeInfo"))
    pages = [row["response"] for row in rows if row["path"] == "/dapi/v1/klines" and isinstance(row["response"], list)]

    for raw in (info, (recorded / "cryptofeed" / "coinm_exchangeInfo.json").read_bytes()):
        instruments, _, problems = parse.exchange_info(raw, Category.INVERSE)
        sizes = {one["symbol"]: one["contractSize"] for one in json.loads(raw)["symbols"]}
        assert instruments and problems == () and len(instruments) == len(sizes)
        assert all((one.multiplier, one.settle, one.quote) == (sizes[one.key.symbol], one.base, "USD")
                   for one in instruments)
        assert {one.multiplier for one in instruments if one.base == "BTC"} <= {100}
    assert pages and [one.volume for one in parse.candles(compact(pages[0]))] == [
        Decimal(row[5]) for row in pages[0]]


def test_recorded_income_is_a_funding_and_tells_its_row(recorded: Path) -> None:
    cases = json.loads((recorded / "ccxt" / "response_cases.json").read_text())["cases"]
    told = [(one["httpResponse"], row) for one in cases if isinstance(one.get("httpResponse"), list)
            for row in one["httpResponse"] if isinstance(row, dict) and "incomeType" in row]

    assert told
    for body, row in told:
        facts = income.facts(income.rows(compact(body)), LINEAR, "A")
        same = [one for one in facts if isinstance(one, Funding) and one.exec_id.endswith(f"F{row['tranId']}")]
        assert [(one.key.symbol, one.amount, one.currency, one.time) for one in same] == [
            (row["symbol"], -Decimal(row["income"]), row["asset"], int(row["time"]))]


def test_recorded_account_updates_hint_at_money_unless_a_fill_made_them(recorded: Path) -> None:
    seen = 0
    for file in sorted((recorded / "nautilus" / "futures_ws").glob("*.json")):
        frame = json.loads(file.read_text())
        frame = frame.get("data", frame)
        if frame.get("e") != "ACCOUNT_UPDATE":
            continue
        seen += 1
        told = events.private(compact(frame), LINEAR, "A") or ()
        hints = [one for one in told if isinstance(one, MoneyMoved)]
        assert len(hints) == (frame["a"]["m"] not in ("ORDER", "MARGIN_TYPE_CHANGE", "MARGIN_TRANSFER"))
    assert seen
