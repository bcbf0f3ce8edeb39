"""The control interface tells the truth and moves the market by trading."""

from __future__ import annotations

from decimal import Decimal as D
from typing import Any

import pytest
import requests

from tests.simulator.sim_client import Exchange


def test_truth_of_orders_executions_and_positions(exchange: Exchange) -> None:
    _, ask = exchange.top()
    exchange.order("BUY", "0.030", newClientOrderId="11.bot")
    resting = exchange.order("SELL", "0.010", f"{ask + 300:.2f}", newClientOrderId="12.bot")
    exchange.move(ask + 300)

    truth = exchange.truth()

    order = next(o for o in truth["orders"] if o["order_id"] == str(resting["orderId"]))
    wanted = {"account": "SIM-1", "market": "Binance", "category": "linear", "client_id": "12.bot", "side": "SELL",
              "type": "LIMIT", "tif": "GTC", "qty": "0.01", "cum_qty": "0.01", "status": "FILLED"}
    assert wanted.items() <= order.items()
    fill = next(e for e in truth["executions"] if e["client_id"] == "12.bot")
    trade = exchange.ok("GET", "/fapi/v1/userTrades", symbol="BTCUSDT", orderId=resting["orderId"])[0]
    assert fill["exec_id"] == f"linear:BTCUSDT:{trade['id']}" and fill["maker"]
    assert D(fill["commission"]) == (D(fill["qty"]) * D(fill["price"]) * D("0.0002")).quantize(D("1e-8"))
    (position,) = truth["positions"]
    assert position["qty"] == "0.02" and position["symbol"] == "BTCUSDT"
    assert D(truth["balances"][0]["wallet"]) == D(exchange.ok("GET", "/fapi/v3/balance")[0]["balance"])


@pytest.mark.parametrize("steps", [300, -300])
def test_price_goes_there_by_trading_and_fills_what_it_passes(exchange: Exchange, steps: int) -> None:
    bid, ask = exchange.top("ETHUSDT")
    goal = (ask if steps > 0 else bid) + D(steps) / 10
    side = "SELL" if steps > 0 else "BUY"
    passed = [exchange.order(side, "0.050", f"{goal - D(steps) / 30 * i:.2f}", symbol="ETHUSDT") for i in range(3)]
    beyond = exchange.order(side, "0.050", f"{goal + D(steps) / 30:.2f}", symbol="ETHUSDT")
    exchange.fault("freeze")

    exchange.move(goal, "ETHUSDT")

    states = {o["order_id"]: o["status"] for o in exchange.truth()["orders"]}
    assert [states[str(o["orderId"])] for o in passed] == ["FILLED"] * 3
    assert states[str(beyond["orderId"])] == "NEW"
    assert D(exchange.get("/fapi/v1/ticker/price", symbol="ETHUSDT")["price"]) == goal
    low, high = exchange.top("ETHUSDT")
    assert low < high and abs(low - goal) < 3 and abs(high - goal) < 3


def test_strangers_trade_tells_what_it_filled(exchange: Exchange) -> None:
    exchange.fault("freeze")
    _, ask = exchange.top("SOLUSDT")
    answer = exchange.control("trade", symbol="SOLUSDT", side="BUY", qty="0.5")
    assert D(answer["filled"]) == D("0.5") and D(answer["avg_price"]) >= ask
    assert exchange.truth()["positions"] == []


def test_funding_is_booked_at_the_mark(exchange: Exchange) -> None:
    exchange.fault("freeze")
    exchange.order("SELL", "1.000", symbol="ETHUSDT")
    before = D(exchange.truth()["balances"][0]["wallet"])

    exchange.control("funding", symbol="ETHUSDT", rate="0.0004")

    truth = exchange.truth()
    paid = truth["funding"][-1]
    assert D(paid["amount"]) == (D("-1") * D(paid["mark"]) * D("0.0004")).quantize(D("1e-8"))
    assert paid["position"] == "-1" and paid["id"].startswith("linear:ETHUSDT:F")
    assert D(truth["balances"][0]["wallet"]) == before - D(paid["amount"])
    row = exchange.ok("GET", "/fapi/v1/income", incomeType="FUNDING_FEE")[-1]
    assert f"linear:ETHUSDT:F{row['tranId']}" == paid["id"] and D(row["income"]) == -D(paid["amount"])


def test_a_jump_over_a_funding_time_is_paid_before_anything_is_answered(exchange: Exchange) -> None:
    """Who reads the history right after the jump must find it: it stands hours back, at its own time."""
    exchange.fault("freeze")
    exchange.order("BUY", "1.000", symbol="ETHUSDT")
    jump = 8 * 3_600_000
    time_then = exchange.control("clock", offset_ms=jump)["time"]
    try:
        rows = exchange.ok("GET", "/fapi/v1/income", incomeType="FUNDING_FEE", symbol="ETHUSDT", timestamp=time_then)
    finally:
        exchange.control("clock", offset_ms=0)

    assert rows[-1]["time"] == time_then // jump * jump
    paid = exchange.truth()["funding"][-1]
    assert (paid["id"], paid["position"]) == (f"linear:ETHUSDT:F{rows[-1]['tranId']}", "1")


def test_bad_control_requests_name_the_field(exchange: Exchange) -> None:
    base = exchange.ready["control"]
    bad: list[tuple[str, Any, str]] = [
        ("price", {"symbol": "NOPE", "price": 1}, "symbol"),
        ("price", {"symbol": "BTCUSDT", "price": "0.05"}, "price"),
        ("trade", {"symbol": "BTCUSDT", "side": "UP", "qty": 1}, "side"),
        ("trade", {"symbol": "BTCUSDT", "side": "BUY", "qty": "1e-9"}, "qty"),
        ("clock", {"offset_ms": "x"}, "offset_ms"), ("price", {"market": "Moon"}, "market"),
        ("funding", {"symbol": "BTCUSDT", "rate": "high"}, "rate")]
    for name, body, field in bad:
        answer = requests.post(f"{base}/{name}", json=body, timeout=5)
        assert answer.status_code == 400 and answer.json()["error"].startswith(field), answer.text
    assert requests.post(f"{base}/price", data="nonsense", timeout=5).status_code == 400
    assert requests.get(f"{base}/unknown", timeout=5).status_code == 404
