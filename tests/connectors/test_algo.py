"""Conditional orders on the wire of futures, leverage: own small payloads; any bytes give records or a refusal."""

from __future__ import annotations

import json
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.binance import conditional as algo
from connectors.binance import events, leverage
from connectors.binance.triggered import Triggered
from core.errors import BadMessage
from models import Category, Execution, LeverageReport, OrderReport, OrdStatus, OrdType, Trigger
from tests.connectors.test_parse import BTC, EVENT, JSON, LINEAR, changed, mutated, raw

ALGO = {"algoId": 7, "clientAlgoId": "12.bot", "algoType": "CONDITIONAL", "orderType": "STOP", "symbol": "BTCUSDT",
        "side": "SELL", "timeInForce": "GTC", "quantity": "0.010", "algoStatus": "NEW", "triggerPrice": "60000.0",
        "price": "59900.0", "workingType": "MARK_PRICE", "reduceOnly": True, "activatePrice": "", "callbackRate": "",
        "createTime": 1, "updateTime": 2}
ALGO_EVENT = {"e": "ALGO_UPDATE", "T": 5, "E": 6, "o": {
    "caid": "12.bot", "aid": 7, "at": "CONDITIONAL", "o": "STOP_MARKET", "s": "BTCUSDT", "S": "SELL", "ps": "BOTH",
    "f": "GTC", "q": "0.010", "X": "NEW", "ai": "", "ap": "0", "aq": "0", "tp": "60000", "p": "0",
    "wt": "CONTRACT_PRICE", "R": True, "rm": "some reason"}}


def told_of(**fields: object) -> OrderReport | None:
    (one,) = events.private(raw(changed(ALGO_EVENT, **fields)), LINEAR, "A") or ()
    assert isinstance(one, algo.Algo)
    return algo.report(one)


def test_a_conditional_order_of_the_venues_list() -> None:
    (one,) = algo.rows(raw([ALGO]), LINEAR)

    told = algo.report(one)

    assert told is not None and one.is_waiting
    assert (told.order_id, told.cl_ord_id, told.ord_type, told.price, told.trigger, told.reduce_only, told.time) == (
        "algo-7", "12.bot", OrdType.STOP_LIMIT, Decimal("59900.0"), Trigger(Decimal("60000.0"), None, True), True, 2)


@pytest.mark.parametrize(("state", "actual", "expected"), [
    ("NEW", "", ("algo-7", OrdStatus.NEW, "")), ("TRIGGERING", "", ("algo-7", OrdStatus.NEW, "")),
    ("TRIGGERED", "99", ("99", OrdStatus.NEW, "")), ("CANCELED", "", ("algo-7", OrdStatus.CANCELED, "some reason")),
    ("REJECTED", "", ("algo-7", OrdStatus.REJECTED, "some reason")),
    ("EXPIRED", "0", ("algo-7", OrdStatus.EXPIRED, "some reason")),
    ("FINISHED", "", ("algo-7", OrdStatus.EXPIRED, "some reason")), ("FINISHED", "99", None)])
def test_each_state_of_a_conditional_order(state: str, actual: str, expected: object) -> None:
    told = told_of(X=state, ai=actual)

    assert (told and (told.order_id, told.status, told.reason)) == expected
    assert told is None or (told.trigger is None) == (told.order_id == "99")


@pytest.mark.parametrize(("field", "value"), [("X", "ALMOST"), ("ai", "x1"), ("tp", "NaN"), ("S", "HOLD"), ("q", "-1")])
def test_absurd_fields_of_a_conditional_order_are_named(field: str, value: str) -> None:
    with pytest.raises(BadMessage, match="field"):
        told_of(**{field: value})


def test_a_plain_order_that_was_conditional_waits_for_its_name() -> None:
    (one,) = events.private(raw(changed(EVENT, ot="STOP_MARKET", o="MARKET")), LINEAR, "A") or ()

    assert isinstance(one, events.OfConditional) and [type(told) for told in one.told] == [Execution, OrderReport]
    triggered = Triggered()
    triggered.add(algo.event(raw(changed(ALGO_EVENT, ai=one.order_id, X="TRIGGERED")), LINEAR))
    assert {triggered.named(told).cl_ord_id for told in one.told} == {"12.bot"}


def test_leverage_and_margin_type_of_the_stream() -> None:
    config = raw({"e": "ACCOUNT_CONFIG_UPDATE", "E": 1, "ac": {"s": "BTCUSDT", "l": 25}})
    moved = raw({"e": "ACCOUNT_UPDATE", "E": 1, "T": 1, "a": {"m": "MARGIN_TYPE_CHANGE", "B": [], "P": [
        {"s": "BTCUSDT", "pa": "0", "ep": "0", "mt": "isolated", "ps": "BOTH"}]}})

    assert events.private(config, LINEAR, "A") == (LeverageReport(BTC, Decimal(25)),)
    assert events.private(config, Category.INVERSE, "A") == ()
    assert (events.private(moved, LINEAR, "A") or ())[-1] == LeverageReport(BTC, None, True)
    assert events.private(raw({"e": "ACCOUNT_CONFIG_UPDATE", "ai": {"j": True}}), LINEAR, "A") == ()
    assert leverage.largest(b'[{"symbol":"BTCUSDT","brackets":[{"initialLeverage":125},{"initialLeverage":100}]}]') == {
        "BTCUSDT": 125}


@settings(max_examples=150, deadline=None)
@given(st.one_of(JSON.map(lambda value: json.dumps(value).encode()), mutated(ALGO).map(raw),
                 mutated(ALGO_EVENT).map(raw)))
def test_parsers_are_total(told: bytes) -> None:
    for read in (algo.row, algo.rows, algo.event):
        try:
            found = read(told, LINEAR)
        except BadMessage as refused:
            assert refused.text
        else:
            for one in found if isinstance(found, tuple) else (found,):
                algo.report(one)
    for other in (leverage.answer, leverage.of_symbols, leverage.largest, lambda raw: events.private(raw, LINEAR, "A")):
        try:
            other(told)
        except BadMessage as refused:
            assert refused.text
