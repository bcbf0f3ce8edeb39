"""Spot's wire: own small payloads give records; any bytes give records or a named refusal."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import suppress
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.binance.book import SpotSequence, Step
from connectors.binance.spot import errors as spot_errors
from connectors.binance.spot import events as spot_events
from connectors.binance.spot import parse as spot_parse
from connectors.binance.spot.rest import SpotEndpoints
from connectors.http import Answer, Call
from connectors.limiter import RAW, Budget
from core.errors import BadMessage, Rejected, SilenceError
from models import (
    AmendOrder,
    BalanceReport,
    CancelOrder,
    Category,
    Execution,
    Key,
    Movement,
    OrderReport,
    OrdStatus,
    OrdType,
    Side,
    SubmitOrder,
    TimeInForce,
    Trigger,
)

BTC = Key("Binance", Category.SPOT, "BTCUSDT")
NOW = 1_700_000_000_123
INFO = {"rateLimits": [
    {"rateLimitType": "REQUEST_WEIGHT", "interval": "MINUTE", "intervalNum": 1, "limit": 6000},
    {"rateLimitType": "RAW_REQUESTS", "interval": "MINUTE", "intervalNum": 5, "limit": 300_000}], "symbols": [{
        "symbol": "BTCUSDT", "status": "TRADING", "baseAsset": "BTC", "quoteAsset": "USDT",
        "isSpotTradingAllowed": True, "filters": [
            {"filterType": "PRICE_FILTER", "minPrice": "0.01", "maxPrice": "1000000.00", "tickSize": "0.01000000"},
            {"filterType": "LOT_SIZE", "minQty": "0.00001", "maxQty": "9000.00", "stepSize": "0.00001000"},
            {"filterType": "MARKET_LOT_SIZE", "minQty": "0.00", "maxQty": "120.5", "stepSize": "0.00000000"},
            {"filterType": "NOTIONAL", "minNotional": "5.00000000", "applyMinToMarket": True}]}]}
ORDER = {"symbol": "BTCUSDT", "orderId": 8_389_765_739_703_625_592, "clientOrderId": "12-alpha", "price": "64000.50",
         "origQty": "0.30", "executedQty": "0.10", "cummulativeQuoteQty": "6400.00", "status": "PARTIALLY_FILLED",
         "timeInForce": "GTC", "type": "LIMIT_MAKER", "side": "SELL", "stopPrice": "0.00", "time": NOW - 9,
         "updateTime": NOW}
EVENT = {"e": "executionReport", "E": NOW + 1, "s": "BTCUSDT", "c": "12-alpha", "S": "BUY", "o": "LIMIT", "f": "GTC",
         "q": "0.5", "p": "64000", "P": "0.0", "C": "", "x": "TRADE", "X": "PARTIALLY_FILLED", "r": "NONE", "i": 77,
         "l": "0.2", "z": "0.3", "L": "63999.5", "n": "0.0002", "N": "BTC", "T": NOW, "t": 9001, "m": True,
         "Z": "19200"}


def raw(value: object) -> bytes:
    return json.dumps(value).encode()


def submit(ord_type: OrdType, tif: TimeInForce = TimeInForce.GTC, price: str | None = None,
           trigger: Trigger | None = None, reduce_only: bool = False) -> dict[str, str]:
    order = SubmitOrder(BTC, "12.alpha", Side.SELL, Decimal("0.10"), None if price is None else Decimal(price),
                        ord_type, tif, reduce_only, 0.0, trigger)
    return dict(SpotEndpoints().submit(order).params)


# ---------------------------------------------------------------- instruments, account

def test_filters_become_an_instrument() -> None:
    (one,), budgets, problems = spot_parse.exchange_info(raw(INFO))

    assert problems == () and Budget(RAW, 300, 300_000) in budgets
    assert (one.key, one.base, one.quote, one.settle, one.trading) == (BTC, "BTC", "USDT", "USDT", True)
    assert (one.tick, one.lot, one.min_qty, one.max_qty, one.market_max_qty, one.min_notional, one.multiplier) == tuple(
        map(Decimal, ("0.01", "0.00001", "0.00001", "9000", "120.5", "5", "1")))
    assert one.taker_fee == one.maker_fee == Decimal("0.001")


@pytest.mark.parametrize(("change", "trading"), [
    ({"status": "CANCEL_ONLY"}, False), ({"status": "HALT"}, False), ({"isSpotTradingAllowed": False}, False),
    ({}, True)])
def test_what_may_not_be_traded_is_not(change: dict[str, Any], trading: bool) -> None:
    told = spot_parse.exchange_info(raw({"symbols": [{**INFO["symbols"][0], **change}]}))[0]

    assert [one.trading for one in told] == [trading]


def test_balances_hold_what_orders_hold_back() -> None:
    told = spot_parse.account(raw({"uid": 354_937_868, "canTrade": True, "updateTime": 7, "balances": [
        {"asset": "BTC", "free": "0.75", "locked": "0.25"}]}))

    assert told.name == "354937868"
    assert told.reports() == (BalanceReport("Binance", Category.SPOT, "BTC", Decimal(1), None, Decimal("0.75"), 7),)


def test_an_account_without_a_name_is_refused() -> None:
    with pytest.raises(BadMessage, match="uid"):
        _ = spot_parse.account(raw({"balances": []})).name


# ---------------------------------------------------------------- orders

def test_post_only_is_a_type_and_ids_have_their_dot_back() -> None:
    told = spot_parse.order(raw(ORDER))

    assert (told.ord_type, told.tif, told.type_text) == (OrdType.LIMIT, TimeInForce.GTX, "LIMIT_MAKER")
    assert (told.cl_ord_id, told.order_id, told.time) == ("12.alpha", "8389765739703625592", NOW)
    assert told.avg_px == Decimal(64000) and told.status is OrdStatus.PARTIALLY_FILLED and told.trigger is None


def test_a_cancels_answer_is_about_the_order_and_not_about_the_cancel() -> None:
    told = spot_parse.order(raw({**ORDER, "origClientOrderId": "12-alpha", "clientOrderId": "Xy12",
                                 "status": "CANCELED", "updateTime": 0, "time": 0, "transactTime": NOW + 5}))

    assert (told.cl_ord_id, told.status, told.time) == ("12.alpha", OrdStatus.CANCELED, NOW + 5)


@pytest.mark.parametrize(("word", "extra", "kind", "trigger"), [
    ("STOP_LOSS", {}, OrdType.STOP_MARKET, Trigger(Decimal("64000"))),
    ("STOP_LOSS_LIMIT", {}, OrdType.STOP_LIMIT, Trigger(Decimal("64000"))),
    ("TAKE_PROFIT", {}, OrdType.TAKE_PROFIT_MARKET, Trigger(Decimal("64000"))),
    ("TAKE_PROFIT_LIMIT", {}, OrdType.TAKE_PROFIT_LIMIT, Trigger(Decimal("64000"))),
    ("STOP_LOSS", {"workingTime": NOW}, OrdType.MARKET, None),
    ("STOP_LOSS_LIMIT", {"workingTime": NOW}, OrdType.LIMIT, None),
    ("STOP_LOSS_LIMIT", {"workingTime": -1}, OrdType.STOP_LIMIT, Trigger(Decimal("64000"))),
    ("STOP_LOSS", {"trailingDelta": 150}, OrdType.TRAILING_STOP, Trigger(Decimal("64000"), Decimal("1.5"))),
    ("MARKET", {}, OrdType.MARKET, None)])
def test_conditional_types(word: str, extra: dict[str, int], kind: OrdType, trigger: Trigger | None) -> None:
    told = spot_parse.order(raw({**ORDER, "type": word, "stopPrice": "64000.0", **extra}))

    assert (told.ord_type, told.trigger) == (kind, trigger)


@pytest.mark.parametrize(("ord_type", "tif", "price", "trigger", "told"), [
    (OrdType.LIMIT, TimeInForce.GTC, "64000", None, {"type": "LIMIT", "timeInForce": "GTC", "price": "64000"}),
    (OrdType.LIMIT, TimeInForce.FOK, "64000", None, {"type": "LIMIT", "timeInForce": "FOK", "price": "64000"}),
    (OrdType.LIMIT, TimeInForce.GTX, "64000", None, {"type": "LIMIT_MAKER", "price": "64000"}),
    (OrdType.MARKET, TimeInForce.GTC, None, None, {"type": "MARKET"}),
    (OrdType.STOP_MARKET, TimeInForce.GTC, None, Trigger(Decimal("63000")),
     {"type": "STOP_LOSS", "stopPrice": "63000"}),
    (OrdType.TAKE_PROFIT_LIMIT, TimeInForce.GTC, "66000", Trigger(Decimal("65990")),
     {"type": "TAKE_PROFIT_LIMIT", "timeInForce": "GTC", "price": "66000", "stopPrice": "65990"}),
    (OrdType.TRAILING_STOP, TimeInForce.GTC, None, Trigger(None, Decimal("1.5")),
     {"type": "STOP_LOSS", "trailingDelta": "150"})])
def test_orders_as_they_are_sent(ord_type: OrdType, tif: TimeInForce, price: str | None, trigger: Trigger | None,
                                 told: dict[str, str]) -> None:
    assert submit(ord_type, tif, price, trigger) == {
        "symbol": "BTCUSDT", "side": "SELL", "quantity": "0.1", "newClientOrderId": "12-alpha",
        "newOrderRespType": "RESULT", **told}


def test_reduce_only_is_not_sent_for_a_sale_always_reduces() -> None:
    assert "reduceOnly" not in submit(OrdType.MARKET, reduce_only=True)


@pytest.mark.parametrize(("cl_ord_id", "order_id", "name"), [
    ("12.alpha", "77", ("origClientOrderId", "12-alpha")), ("web_1", "77", ("orderId", "77")),
    ("", "77", ("orderId", "77")), ("web_1", "", ("origClientOrderId", "web_1"))])
def test_ours_are_named_by_our_id_which_a_move_keeps(cl_ord_id: str, order_id: str, name: tuple[str, str]) -> None:
    calls = SpotEndpoints()

    assert calls.cancel(CancelOrder(BTC, cl_ord_id, order_id, 0.0)).params[1] == name
    assert calls.query("BTCUSDT", order_id, cl_ord_id).params[1] == name


def test_a_move_is_one_request_under_the_same_id() -> None:
    now = spot_parse.order(raw({**ORDER, "executedQty": "0", "status": "NEW"}))
    request = AmendOrder(BTC, "12.alpha", "", Side.SELL, Decimal("0.4"), Decimal("64001"), 0.0)
    call = SpotEndpoints().replace(request, now)
    told = dict(call.params)

    assert call.path.endswith("cancelReplace") and call.orders == 1
    assert told["cancelReplaceMode"] == "STOP_ON_FAILURE" and told["cancelRestrictions"] == "ONLY_NEW"
    assert told["cancelOrderId"] == now.order_id and told["cancelNewClientOrderId"] == f"moved-{now.order_id}"
    assert (told["type"], told["quantity"], told["price"], told["newClientOrderId"]) == (
        "LIMIT_MAKER", "0.4", "64001", "12-alpha")
    assert len(told["cancelNewClientOrderId"]) <= 36


@pytest.mark.parametrize(("limit", "weight"), [(5, 5), (100, 5), (500, 25), (1000, 50), (5000, 250)])
def test_weights_of_snapshots(limit: int, weight: int) -> None:
    call: Call = SpotEndpoints().depth("BTCUSDT", limit)

    assert (call.path, call.weight) == ("/api/v3/depth", weight)


def test_snapshots_are_cheap_while_the_budget_is_half_used() -> None:
    usage = [0.1]
    calls = SpotEndpoints(lambda: usage[0])
    deep = calls.snapshot("BTCUSDT")
    usage[0] = 0.6

    assert (deep.weight, calls.snapshot("BTCUSDT").weight) == (250, 50)


# ---------------------------------------------------------------- events

@pytest.mark.parametrize("wrap", [lambda event: event, lambda event: {"subscriptionId": 0, "event": event},
                                  lambda event: {"stream": "x", "data": event}])
def test_a_fill_is_a_fact_before_the_opinion(wrap: Callable[[object], object]) -> None:
    told = spot_events.private(raw(wrap(EVENT)), "A")

    assert told is not None
    fill, report = told
    assert isinstance(fill, Execution) and isinstance(report, OrderReport)
    assert (fill.exec_id, fill.cl_ord_id, fill.order_id) == ("spot:BTCUSDT:9001", "12.alpha", "77")
    assert (fill.last_qty, fill.last_px, fill.leaves_qty, fill.fee, fill.fee_currency, fill.maker) == (
        Decimal("0.2"), Decimal("63999.5"), Decimal("0.2"), Decimal("0.0002"), "BTC", True)
    assert (report.cum_qty, report.status, report.avg_px) == (
        Decimal("0.3"), OrdStatus.PARTIALLY_FILLED, Decimal(64000))


def test_the_id_of_a_cancel_is_not_the_orders() -> None:
    cancelled = {**EVENT, "x": "CANCELED", "X": "CANCELED", "l": "0", "c": "Xy12", "C": "12-alpha", "t": -1}
    (report,) = spot_events.private(raw(cancelled), "A") or ()
    (by_venue,) = spot_events.private(raw({**cancelled, "c": "12-alpha", "C": ""}), "A") or ()

    assert isinstance(report, OrderReport) and (report.cl_ord_id, report.status) == ("12.alpha", OrdStatus.CANCELED)
    assert isinstance(by_venue, OrderReport) and by_venue.cl_ord_id == "12.alpha"


def test_the_cancel_inside_a_move_is_no_end_but_any_other_is() -> None:
    moved = {**EVENT, "x": "CANCELED", "X": "CANCELED", "l": "0", "c": "moved-77", "C": "12-alpha", "t": -1}

    assert spot_events.private(raw(moved), "A") == ()
    assert len(spot_events.private(raw({**moved, "i": 78}), "A") or ()) == 1


@pytest.mark.parametrize("change", [{"t": -1}, {"L": "0.00"}, {"l": "0"}])
def test_a_fill_without_id_price_or_quantity_is_left_to_the_history(change: dict[str, object]) -> None:
    (report,) = spot_events.private(raw({**EVENT, **change}), "A") or ()

    assert isinstance(report, OrderReport) and report.cum_qty == Decimal("0.3")


def test_no_fee_is_zero_and_not_unknown() -> None:
    fill = (spot_events.private(raw({**EVENT, "n": "0", "N": None}), "A") or ())[0]

    assert isinstance(fill, Execution) and fill.fee == 0 and fill.fee_currency is None


def test_reasons_of_an_end() -> None:
    expired = {**EVENT, "x": "EXPIRED", "X": "EXPIRED", "l": "0", "eR": "UNFILLED_FOK_ORDER_EXPIRED"}
    refused = {**EVENT, "x": "REJECTED", "X": "REJECTED", "l": "0", "r": "INSUFFICIENT_BALANCES"}
    told = [(spot_events.private(raw(one), "A") or ())[0] for one in (expired, refused)]

    assert [one.reason for one in told if isinstance(one, OrderReport)] == [
        "UNFILLED_FOK_ORDER_EXPIRED", "INSUFFICIENT_BALANCES"]


def test_balances_and_what_ends_a_subscription() -> None:
    def private(event: object) -> tuple[spot_events.Event, ...] | None:
        return spot_events.private(raw({"subscriptionId": 0, "event": event}), "A")

    told = private({"e": "outboundAccountPosition", "E": 9, "u": 8, "B": [{"a": "BTC", "f": "1.5", "l": "0.5"}]})
    assert told == (BalanceReport("Binance", Category.SPOT, "BTC", Decimal(2), None, Decimal("1.5"), 8),)
    moved = Movement("Binance", Category.SPOT, "A", "spot:BALANCE:9:-1.50:BTC", "BALANCE", "BTC", Decimal("-1.5"), 9)
    assert private({"e": "balanceUpdate", "E": 10, "a": "BTC", "d": "-1.50", "T": 9}) == (
        spot_events.BalanceMoved(moved),)
    assert private({"e": "externalLockUpdate", "E": 9, "a": "BTC", "d": "1", "T": 9}) == (spot_events.BalanceMoved(),)
    for end in ("eventStreamTerminated", "serverShutdown"):
        assert isinstance((private({"e": end, "E": 9}) or ())[0], spot_events.Ended)
    assert private({"e": "listStatus"}) == () and private({"e": "somethingNew"}) is None
    assert spot_events.private(b'{"id":"account","status":200,"result":{"subscriptionId":0}}', "A") == (
        spot_events.Answered(200, None),)


@pytest.mark.parametrize("change", [
    {"S": "HOLD"}, {"X": "DREAMING"}, {"q": "NaN"}, {"l": "-1"}, {"i": "x"}, {"L": "-5"}, {"z": "much"}])
def test_absurd_events_are_named(change: dict[str, object]) -> None:
    with pytest.raises(BadMessage, match="field"):
        spot_events.private(raw({**EVENT, **change}), "A")


@given(st.one_of(st.binary(max_size=60), st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False), st.text(max_size=9)),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(
        st.sampled_from([*EVENT, "event", "data", "B", "a", "f", "id", "status", "error"]), inner, max_size=9)),
    max_leaves=12).map(raw)))
@settings(max_examples=150, deadline=None)
def test_any_bytes_give_events_or_a_refusal(message: bytes) -> None:
    for read in (lambda one: spot_events.private(one, "A"), spot_parse.order, spot_parse.orders, spot_parse.replaced,
                 spot_parse.amended, spot_parse.trade_rows, spot_parse.exchange_info, spot_parse.account):
        with suppress(BadMessage):
            read(message)


# ---------------------------------------------------------------- book chain, errors

def test_the_book_chain_of_spot() -> None:
    chain = SpotSequence(100)

    assert chain.check(90, 100, 0) is Step.DROP and not chain.is_bridged
    assert SpotSequence(100).check(102, 110, 0) is Step.OLD_SNAPSHOT
    assert chain.check(98, 103, 0) is Step.APPLY and chain.is_bridged
    assert chain.check(104, 106, 0) is Step.APPLY
    assert chain.check(104, 106, 0) is Step.DROP
    assert chain.check(108, 109, 0) is Step.GAP
    assert chain.check(107, 107, 0) is Step.APPLY


def answer(status: int, body: object) -> Answer:
    return Answer(status, {}, raw(body), 0.0)


def test_a_half_done_move_says_what_ended_and_why() -> None:
    error = spot_errors.failure(answer(409, {"code": -2021, "msg": "Order cancel-replace partially failed.", "data": {
        "cancelResult": "SUCCESS", "newOrderResult": "FAILURE", "cancelResponse": {"orderId": 5, "transactTime": NOW},
        "newOrderResponse": {"code": -2010, "msg": "Order would immediately match and take."}}}), 0)

    assert isinstance(error, spot_errors.HalfDone) and error.time == NOW and "immediately match" in error.text


def test_a_move_that_was_not_done_is_the_cancels_no() -> None:
    error = spot_errors.failure(answer(400, {"code": -2022, "msg": "Order cancel-replace failed.", "data": {
        "cancelResult": "FAILURE", "newOrderResult": "NOT_ATTEMPTED", "newOrderResponse": None,
        "cancelResponse": {"code": -2011, "msg": "Unknown order sent."}}}), 0)

    assert type(error) is Rejected and error.code == -2011 and spot_errors.is_gone(error)


def test_other_409_stays_unclear() -> None:
    assert isinstance(spot_errors.failure(answer(409, {"code": -1, "msg": "x"}), 0), SilenceError)


@pytest.mark.parametrize(("code", "text", "duplicate", "gone"), [
    (-2010, "Duplicate order sent.", True, False), (-2010, "Market is closed.", False, False),
    (-2011, "Unknown order sent.", False, True), (-2013, "Order does not exist.", False, True),
    (-2011, "Order was not canceled due to cancel restrictions.", False, False)])
def test_texts_decide_what_a_no_means(code: int, text: str, duplicate: bool, gone: bool) -> None:
    error = Rejected("Binance", text, code)

    assert (spot_errors.is_duplicate(error), spot_errors.is_gone(error)) == (duplicate, gone)


def test_there_is_no_short_and_that_is_said() -> None:
    error = Rejected("Binance", "Account has insufficient balance for requested action.", -2010)

    assert "no short" in spot_errors.explained(error, is_sell=True)
    assert spot_errors.explained(error, is_sell=False) == error.text
