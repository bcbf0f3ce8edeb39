"""Parsers: own small payloads give records; any bytes give records or a named refusal."""

from __future__ import annotations

import json
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.binance import events, parse
from connectors.binance.feed import MarketFeed, Watch
from connectors.binance.market import MarketSymbol
from connectors.binance.public import PublicSymbol
from connectors.complaints import Complaints
from connectors.timesync import TimeSync
from connectors.wishes import WantCandles
from core.board import Board
from core.clock import HandClock
from core.errors import BadMessage
from models import (
    BalanceReport,
    Category,
    ExecKind,
    Execution,
    Key,
    OrderReport,
    OrdStatus,
    OrdType,
    PositionReport,
    Side,
    TimeInForce,
    Timings,
)

LINEAR = Category.LINEAR
BTC = Key("Binance", LINEAR, "BTCUSDT")

ORDER = {"orderId": 8_389_765_739_703_625_592, "symbol": "BTCUSDT", "status": "PARTIALLY_FILLED", "side": "SELL",
         "type": "LIMIT", "timeInForce": "GTX", "origQty": "0.30", "executedQty": "0.10", "price": "64000.5",
         "avgPrice": "64001.0", "clientOrderId": "12.alpha", "reduceOnly": True, "updateTime": 1_700_000_000_123,
         "newField": {"a": [1]}}
EVENT = {"e": "ORDER_TRADE_UPDATE", "E": 1_700_000_000_500, "T": 1_700_000_000_499, "o": {
    "s": "BTCUSDT", "c": "12.alpha", "S": "BUY", "o": "LIMIT", "f": "GTC", "q": "0.5", "p": "64000", "ap": "64000",
    "x": "TRADE", "X": "PARTIALLY_FILLED", "i": 77, "l": "0.2", "z": "0.3", "L": "63999.5", "N": "BNB", "n": "0.0001",
    "T": 1_700_000_000_499, "t": 9001, "m": True, "R": False}}
ACCOUNT = {"e": "ACCOUNT_UPDATE", "E": 2, "T": 1, "a": {"m": "ORDER", "B": [{"a": "USDT", "wb": "100.5", "bc": "0"}],
           "P": [{"s": "BTCUSDT", "pa": "-0.2", "ep": "64000", "ps": "BOTH"},
                 {"s": "BTCUSDT", "pa": "1", "ep": "1", "ps": "LONG"}]}}


def raw(value: object) -> bytes:
    return json.dumps(value).encode()


def changed(base: dict[str, Any], **fields: Any) -> dict[str, Any]:
    return {**base, "o": {**base["o"], **fields}}


def test_order_row() -> None:
    report = parse.order(raw(ORDER), LINEAR)

    assert report == OrderReport(
        key=BTC, order_id="8389765739703625592", cl_ord_id="12.alpha", side=Side.SELL, ord_type=OrdType.LIMIT,
        tif=TimeInForce.GTX, qty=Decimal("0.30"), price=Decimal("64000.5"), cum_qty=Decimal("0.10"),
        status=OrdStatus.PARTIALLY_FILLED, time=1_700_000_000_123, reduce_only=True, avg_px=Decimal("64001.0"),
        type_text="LIMIT")


def test_types_we_do_not_place_are_shown_by_their_word() -> None:
    report = parse.order(raw({**ORDER, "type": "STOP_MARKET", "price": "0", "timeInForce": "GTD"}), LINEAR)

    assert (report.ord_type, report.tif, report.price, report.type_text) == (None, None, None, "STOP_MARKET")


@pytest.mark.parametrize(("field", "value", "words"), [
    ("status", "ALMOST", "field status = 'ALMOST'"), ("side", "HOLD", "field side = 'HOLD'"),
    ("origQty", "NaN", "field origQty = NaN"), ("executedQty", "-1", "field executedQty = -1"),
    ("orderId", "x", "field .orderId = 'x'"), ("price", [], "field .price = []"),
])
def test_absurd_fields_are_named_with_their_value(field: str, value: object, words: str) -> None:
    with pytest.raises(BadMessage) as refused:
        parse.order(raw({**ORDER, field: value}), LINEAR)
    assert words in refused.value.text


def test_missing_field_is_named() -> None:
    with pytest.raises(BadMessage, match="symbol"):
        parse.order(raw({name: value for name, value in ORDER.items() if name != "symbol"}), LINEAR)


def test_a_fill_is_a_fact_before_an_opinion() -> None:
    fill, report = events.private(raw(EVENT), LINEAR, "SIM-1") or ()

    assert fill == Execution(
        key=BTC, account="SIM-1", exec_id="linear:BTCUSDT:9001", order_id="77", cl_ord_id="12.alpha", side=Side.BUY,
        last_qty=Decimal("0.2"), last_px=Decimal("63999.5"), fee=Decimal("0.0001"), fee_currency="BNB",
        time=1_700_000_000_499, maker=True, order_price=Decimal("64000"), order_qty=Decimal("0.5"),
        leaves_qty=Decimal("0.2"), kind=ExecKind.TRADE)
    assert isinstance(report, OrderReport) and report.cum_qty == Decimal("0.3")


@pytest.mark.parametrize(("name", "what", "kind"), [
    ("autoclose-12", "CALCULATED", ExecKind.LIQUIDATION), ("adl_autoclose_1", "CALCULATED", ExecKind.ADL),
    ("settlement_autoclose-1", "TRADE", ExecKind.SETTLEMENT), ("delivery_autoclose-1", "TRADE", ExecKind.SETTLEMENT),
])
def test_the_exchanges_own_orders_are_told_apart(name: str, what: str, kind: ExecKind) -> None:
    fill = (events.private(raw(changed(EVENT, c=name, x=what, X="FILLED")), LINEAR, "A") or ())[0]

    assert isinstance(fill, Execution) and fill.kind is kind


def test_no_fee_told_is_not_a_fee_of_zero() -> None:
    event = changed(EVENT)
    del event["o"]["N"], event["o"]["n"]
    fill = (events.private(raw(event), LINEAR, "A") or ())[0]

    assert isinstance(fill, Execution) and fill.fee is None and fill.fee_currency is None


def test_only_fills_make_executions() -> None:
    for fields in ({"x": "NEW", "X": "NEW", "l": "0"}, {"x": "CANCELED", "X": "CANCELED", "l": "0"},
                   {"x": "CALCULATED", "X": "FILLED", "l": "0.000"}, {"x": "AMENDMENT", "X": "NEW", "l": "0"}):
        assert [type(one) for one in events.private(raw(changed(EVENT, **fields)), LINEAR, "A") or ()] == [OrderReport]


def test_a_fill_without_an_id_is_refused() -> None:
    with pytest.raises(BadMessage, match="without id"):
        events.private(raw(changed(EVENT, t=0)), LINEAR, "A")


def test_balances_and_one_way_positions() -> None:
    told = events.private(raw({"stream": "k", "data": ACCOUNT}), LINEAR, "A")

    assert told == (BalanceReport("Binance", LINEAR, "USDT", Decimal("100.5"), time=1),
                    PositionReport(BTC, Decimal("-0.2"), Decimal("64000"), time=1))


def test_what_is_ignored_what_is_unknown_and_what_ends_the_stream() -> None:
    assert events.private(raw({"e": "TRADE_LITE", "s": "BTCUSDT", "t": 9001}), LINEAR, "A") == ()
    assert events.private(raw({"e": "BRAND_NEW"}), LINEAR, "A") is None
    assert events.private(raw({"e": "listenKeyExpired", "E": 1}), LINEAR, "A") == (events.KeyExpired(),)
    assert events.private(raw({"e": "MARGIN_CALL", "p": [{"s": "BTCUSDT"}]}), LINEAR, "A") == (
        events.MarginCall(("BTCUSDT",)),)


def test_instruments_limits_and_one_bad_symbol() -> None:
    symbol = {"symbol": "BTCUSDT", "status": "TRADING", "baseAsset": "BTC", "quoteAsset": "USDT", "marginAsset": "USDT",
              "filters": [{"filterType": "PRICE_FILTER", "tickSize": "0.10"},
                          {"filterType": "LOT_SIZE", "stepSize": "0.001", "minQty": "0.001", "maxQty": "1000"},
                          {"filterType": "MARKET_LOT_SIZE", "stepSize": "0.001", "minQty": "0.001", "maxQty": "120"},
                          {"filterType": "MIN_NOTIONAL", "notional": "100"}, {"filterType": "BRAND_NEW"}]}
    told = {"rateLimits": [{"rateLimitType": "REQUEST_WEIGHT", "interval": "MINUTE", "intervalNum": 1, "limit": 2400},
                           {"rateLimitType": "ORDERS", "interval": "SECOND", "intervalNum": 10, "limit": 300},
                           {"rateLimitType": "NEW_KIND", "interval": "MINUTE", "intervalNum": 1, "limit": 1}],
            "symbols": [symbol, {**symbol, "symbol": "ETHUSDT", "status": "SETTLING"},
                        {**symbol, "symbol": "BAD", "filters": []}]}

    instruments, budgets, problems = parse.exchange_info(raw(told), LINEAR)

    assert [(one.key.symbol, one.trading) for one in instruments] == [("BTCUSDT", True), ("ETHUSDT", False)]
    assert (instruments[0].tick, instruments[0].lot, instruments[0].market_max_qty, instruments[0].min_notional) == (
        Decimal("0.10"), Decimal("0.001"), Decimal(120), Decimal(100))
    assert [(one.kind, one.seconds, one.limit) for one in budgets] == [("weight", 60, 2400), ("orders", 10, 300)]
    assert problems == ("field BAD.PRICE_FILTER.tickSize = None: not a possible number",)


CONTRACT = {"symbol": "BTCUSD_PERP", "contractStatus": "TRADING", "contractSize": 100, "baseAsset": "BTC",
            "quoteAsset": "USD", "marginAsset": "BTC",
            "filters": [{"filterType": "PRICE_FILTER", "tickSize": "0.1"},
                        {"filterType": "LOT_SIZE", "stepSize": "1", "minQty": "1", "maxQty": "1000000"}]}


def test_a_coin_margined_contract_is_worth_its_size_in_its_coin() -> None:
    (one,), _, problems = parse.exchange_info(
        raw({"symbols": [CONTRACT, {**CONTRACT, "contractSize": None}]}), Category.INVERSE)

    assert (one.multiplier, one.settle, one.trading) == (Decimal(100), "BTC", True)
    assert (one.lot, one.min_notional) == (Decimal(1), Decimal(0))
    assert problems == ("field BTCUSD_PERP.contractSize = missing: not a contract",)


@pytest.mark.parametrize(("symbol", "category"), [
    ("BTCUSDT", LINEAR), ("BTCUSDC", LINEAR), ("BTCUSDT_260327", LINEAR), ("BTCUSD_PERP", Category.INVERSE),
    ("BTCUSD_260327", Category.INVERSE)])
def test_events_of_the_other_product_on_one_connection_are_left_to_it(symbol: str, category: Category) -> None:
    other = Category.INVERSE if category is LINEAR else LINEAR
    order = raw(changed(EVENT, s=symbol))
    account = raw({**ACCOUNT, "st": 1 if category is LINEAR else 2})

    assert events.private(order, category, "A") and events.private(order, other, "A") == ()
    assert any(isinstance(one, BalanceReport) for one in events.private(account, category, "A") or ())
    assert events.private(account, other, "A") == ()


def test_small_answers() -> None:
    assert parse.server_time(b'{"serverTime":1700000000000}') == 1_700_000_000_000
    assert parse.is_hedge_mode(b'{"dualSidePosition":true}')
    assert not parse.is_multi_assets(b'{"multiAssetsMargin":false}')
    assert parse.account_alias(b'[{"accountAlias":"SgsR","asset":"USDT","balance":"1"}]') == "SgsR"
    assert parse.candles(b'[[1700000000000,"1","2","0.5","1.5","9",1700000059999,"0",1,"0","0","0"]]')[0].high == 2
    position = parse.positions(b'[{"symbol":"BTCUSDT","positionAmt":"-1","entryPrice":"5","markPrice":"4",'
                               b'"liquidationPrice":"0","positionSide":"BOTH"}]', LINEAR)[0]
    assert (position.qty, position.liquidation, position.mark) == (Decimal(-1), None, Decimal(4))


JSON: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=6)
    | st.sampled_from(["NaN", "Infinity", "1e400", "-1", "0", "BUY", "FILLED", "BTCUSDT"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3), max_leaves=8)


def mutated(base: dict[str, Any]) -> st.SearchStrategy[dict[str, Any]]:
    """The message with one field at any depth replaced by anything, or left out."""
    def paths(value: Any, at: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
        steps = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
        return [path for key, inner in steps for path in [(*at, key), *paths(inner, (*at, key))]]

    def change(picked: tuple[tuple[Any, ...], Any]) -> dict[str, Any]:
        path, value = picked
        copy: dict[str, Any] = json.loads(json.dumps(base))
        target: Any = copy
        for key in path[:-1]:
            target = target[key]
        target[path[-1]] = value
        return copy

    return st.tuples(st.sampled_from(paths(base)), JSON).map(change)


PARSERS: list[Callable[[bytes], object]] = [
    lambda told: parse.order(told, LINEAR), lambda told: parse.orders(told, LINEAR), parse.trade_rows, parse.candles,
    lambda told: parse.positions(told, LINEAR), lambda told: parse.balances(told, LINEAR), parse.depth,
    lambda told: parse.exchange_info(told, LINEAR), parse.server_time, parse.is_hedge_mode, parse.account_alias,
    lambda told: events.private(told, LINEAR, "A")]


@settings(max_examples=150, deadline=None)
@given(st.one_of(st.binary(max_size=60), JSON.map(lambda value: json.dumps(value).encode()),
                 mutated(ORDER).map(raw), mutated(EVENT).map(raw), mutated(ACCOUNT).map(raw)))
def test_parsers_are_total(told: bytes) -> None:
    for read in PARSERS:
        try:
            read(told)
        except BadMessage as refused:
            assert refused.text


DEPTH = {"stream": "btcusdt@depth@100ms", "data": {"e": "depthUpdate", "E": 5, "T": 4, "s": "BTCUSDT", "U": 45, "u": 55,
         "pu": 44, "b": [["99", "1"]], "a": [["101", "1"]]}}
TOP = {"stream": "btcusdt@bookTicker", "data": {"e": "bookTicker", "u": 1, "s": "BTCUSDT", "b": "99", "B": "1",
       "a": "101", "A": "2", "T": 4, "E": 5}}
TRADE = {"stream": "btcusdt@aggTrade", "data": {"e": "aggTrade", "E": 5, "a": 1, "s": "BTCUSDT", "p": "100", "q": "1",
         "f": 1, "l": 1, "T": 4, "m": True}}
MARK = {"stream": "btcusdt@markPrice@1s", "data": {"e": "markPriceUpdate", "E": 5, "s": "BTCUSDT", "p": "100",
        "i": "100.1", "P": "0", "r": "0.0001", "T": 1_700_000_000_000}}
DAY = {"stream": "btcusdt@ticker", "data": {"e": "24hrTicker", "E": 5, "s": "BTCUSDT", "P": "-1.5", "c": "100"}}
KLINE = {"stream": "btcusdt@kline_1m", "data": {"e": "kline", "E": 5, "s": "BTCUSDT", "k": {
         "t": 1_700_000_040_000, "o": "1", "h": "2", "l": "1", "c": "2", "v": "3", "x": False}}}


def compact(value: object) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()


class Feeds:
    """A public and a market connection without sockets."""

    def __init__(self) -> None:
        self.board, clock = Board(), HandClock()
        sync = TimeSync(clock)
        self.complaints = Complaints("test")
        self.public = MarketFeed("ws://127.0.0.1:1/public", clock, sync, self.complaints)
        self.market = MarketFeed("ws://127.0.0.1:1/market", clock, sync, self.complaints)
        symbol = PublicSymbol(BTC, self.board, clock, Timings(), False, lambda *told: None, lambda key: None)
        self.public.take(Watch(symbol))
        self.public.opened(lambda text: None)
        symbol.snapshot((50, [("98", "1")], [("102", "1")]), 1)
        ticker = MarketSymbol(BTC, self.board, clock, Timings(), lambda *told: None, lambda *told: None, 10)
        self.market.take(Watch(ticker))
        self.market.take(WantCandles(BTC, "1m"))
        self.market.opened(lambda text: None)
        ticker.candles("1m", [], 1_700_000_040_000)

    def frame(self, told: bytes) -> None:
        for feed in (self.public, self.market):
            feed.frame(told, 1000.0)
            feed.flush(1000.0)
            feed.tick(1000.0)


def test_each_stream_changes_its_place_on_the_board() -> None:
    feeds = Feeds()
    for message in (DEPTH, TOP, TRADE, MARK, DAY, KLINE):
        feeds.frame(compact(message))

    book, top, ticker = feeds.board.books[BTC], feeds.board.tops[BTC], feeds.board.tickers[BTC]
    assert book.live and book.bids[0] == (Decimal(99), Decimal(1)) and book.asks[0][0] == 101
    assert top.bid == 99 and top.ask_qty == 2
    assert (ticker.last, ticker.last_side, ticker.mark, ticker.index) == (
        Decimal(100), Side.SELL, Decimal(100), Decimal("100.1"))
    assert (ticker.funding_rate, ticker.next_funding, ticker.change_24h) == (
        Decimal("0.0001"), 1_700_000_000_000, Decimal("-1.5"))
    forming = feeds.board.candles[(BTC, "1m")].forming
    assert forming and forming.close == 2
    assert feeds.complaints.count == 0


def test_fields_in_another_order_and_with_spaces_are_read_too() -> None:
    feeds = Feeds()
    feeds.frame(json.dumps({"data": TOP["data"], "stream": TOP["stream"]}, indent=1).encode())

    assert feeds.board.tops[BTC].bid == 99


@settings(max_examples=150, deadline=None)
@given(st.one_of(st.binary(max_size=60),
                 *[mutated(base).map(compact) for base in (DEPTH, TOP, TRADE, MARK, DAY, KLINE)]))
def test_no_frame_leaves_the_stream_thread_as_an_exception(told: bytes) -> None:
    feeds = Feeds()

    feeds.frame(told)

    book = feeds.board.books.get(BTC)
    if book is not None and book.live:
        assert book.bids[0][0] <= book.asks[0][0]
    top = feeds.board.tops.get(BTC)
    assert top is None or (top.bid > 0 and top.ask > 0 and top.bid.is_finite() and top.ask_qty.is_finite())


def test_deep_nesting_and_odd_frames_are_counted() -> None:
    feeds = Feeds()
    deep = b'{"stream":"btcusdt@bookTicker","data":' + b"[" * 100_000
    for told in (b"[" * 1_000_000, b"\xff\xfe", b"", b"null", deep):
        feeds.frame(told)

    assert feeds.complaints.count >= 5
    assert BTC not in feeds.board.tops


def test_after_a_pause_of_ours_the_book_is_stale_and_fetched_anew() -> None:
    feeds = Feeds()
    feeds.frame(compact(DEPTH))
    assert feeds.board.books[BTC].live

    feeds.public.paused()

    assert not feeds.board.books[BTC].live and "paused" in feeds.board.books[BTC].reason
