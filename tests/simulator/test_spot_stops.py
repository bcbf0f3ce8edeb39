"""Spot orders that wait or change: stops and trailing stops, cancelReplace, amending the quantity."""

from __future__ import annotations

from decimal import Decimal as D
from typing import Any

import pytest

from tests.simulator.spot_client import Spot


@pytest.fixture
def calm(spot: Spot) -> Spot:
    """A market that stands still, and some coins to sell."""
    spot.exchange.fault("freeze", category="spot")
    spot.exchange.control("deposit", asset="BTC", amount="0.05")
    return spot


def stop(spot: Spot, side: str, kind: str, **more: Any) -> Any:
    """Place a stop order of 0.01 BTC."""
    if kind.endswith("LIMIT"):
        more.setdefault("timeInForce", "GTC")
    return spot.ok("POST", "order", symbol="BTCUSDT", side=side, type=kind, quantity="0.01", **more)


def row(spot: Spot, order: Any) -> Any:
    return spot.ok("GET", "order", symbol="BTCUSDT", orderId=order["orderId"])


def test_stop_loss_sells_at_the_market_when_the_price_falls(calm: Spot) -> None:
    last = calm.top()[0]
    api = calm.private()
    placed = stop(calm, "SELL", "STOP_LOSS", stopPrice=f"{last - 100:.2f}")
    before = row(calm, placed)
    assert set(placed) == {"symbol", "orderId", "orderListId", "clientOrderId", "transactTime"}
    assert (before["status"], before["isWorking"], before["workingTime"]) == ("NEW", False, -1)
    assert calm.balances()["BTC"] == (D("0.04"), D("0.01"))

    calm.move(f"{last - 90:.2f}")
    assert row(calm, placed)["status"] == "NEW"
    calm.move(f"{last - 120:.2f}")

    after = row(calm, placed)
    assert (after["status"], after["type"], D(after["stopPrice"])) == ("FILLED", "STOP_LOSS", round(last - 100, 2))
    first, _, second, _, fill, *_ = [frame["event"] for frame in api.until(lambda m: m["event"].get("X") == "FILLED")]
    assert [(e["x"], e["w"]) for e in (first, second)] == [("NEW", False), ("NEW", True)]
    assert (fill["x"], fill["o"], fill["P"]) == ("TRADE", "STOP_LOSS", after["stopPrice"])
    api.close()


@pytest.mark.parametrize(("side", "kind", "away", "far"), [
    ("BUY", "STOP_LOSS_LIMIT", 100, 110), ("BUY", "TAKE_PROFIT_LIMIT", -100, -110),
    ("SELL", "TAKE_PROFIT_LIMIT", 100, 110), ("SELL", "STOP_LOSS_LIMIT", -100, -110)])
def test_stop_limits_come_to_the_book(calm: Spot, side: str, kind: str, away: int, far: int) -> None:
    last = calm.top()[0]
    limit = last + away + (-3000 if side == "BUY" else 3000)  # rests where nobody comes
    placed = stop(calm, side, kind, stopPrice=f"{last + away:.2f}", price=f"{limit:.2f}")

    calm.move(f"{last + far:.2f}")

    after = row(calm, placed)
    assert (after["status"], after["isWorking"], after["workingTime"] > 0) == ("NEW", True, True)
    depth = calm.get("depth", symbol="BTCUSDT", limit=5000)["bids" if side == "BUY" else "asks"]
    assert [f"{limit:.8f}", "0.01000000"] in depth
    calm.cancel(placed)


def test_a_stop_that_would_trigger_at_once_is_refused(calm: Spot) -> None:
    last = calm.top()[0]
    for side, kind, away in (("SELL", "STOP_LOSS", 50), ("BUY", "STOP_LOSS", -50), ("SELL", "TAKE_PROFIT", -50)):
        assert calm.no("POST", "order", symbol="BTCUSDT", side=side, type=kind, quantity="0.01",
                       stopPrice=f"{last + away:.2f}") == (-2010, "Order would trigger immediately.")
    assert calm.no("POST", "order", symbol="BTCUSDT", side="SELL", type="STOP_LOSS", quantity="0.01")[0] == -1102


def test_trailing_stop_follows_the_best_price(calm: Spot) -> None:
    calm.move("67000.00")
    placed = stop(calm, "SELL", "STOP_LOSS", trailingDelta=100)
    for price in ("67600.00", "67100.00"):  # one percent below the best, 67600, is 66924
        calm.move(price)
        assert row(calm, placed)["status"] == "NEW"
    calm.move("66920.00")
    after = row(calm, placed)
    assert (after["status"], after["trailingDelta"]) == ("FILLED", 100)
    assert calm.no("POST", "order", symbol="BTCUSDT", side="SELL", type="STOP_LOSS", quantity="0.01",
                   trailingDelta=5) == (-1013, "Filter failure: TRAILING_DELTA")


def test_at_most_five_stops_wait(calm: Spot) -> None:
    low = f"{calm.top()[0] - 900:.2f}"
    for _ in range(5):
        stop(calm, "SELL", "STOP_LOSS", stopPrice=low)
    assert calm.no("POST", "order", symbol="BTCUSDT", side="SELL", type="STOP_LOSS", quantity="0.0001",
                   stopPrice=low) == (-1013, "Filter failure: MAX_NUM_ALGO_ORDERS")


def replace(spot: Spot, mode: str, cancel_id: int, price: str, qty: str = "0.01") -> tuple[int, Any]:
    """A cancelReplace by id."""
    return spot.exchange.signed("POST", "/api/v3/order/cancelReplace", symbol="BTCUSDT", side="BUY", type="LIMIT",
                                timeInForce="GTC", quantity=qty, price=price, cancelReplaceMode=mode,
                                cancelOrderId=cancel_id)


def test_cancel_replace_and_its_half_successes(calm: Spot) -> None:
    first = calm.order("BUY", "0.01", "60000")

    status, both = replace(calm, "STOP_ON_FAILURE", first["orderId"], "61000")
    assert (status, both["cancelResult"], both["newOrderResult"]) == (200, "SUCCESS", "SUCCESS")
    assert calm.status(first) == "CANCELED" and both["cancelResponse"]["orderId"] == first["orderId"]
    second = both["newOrderResponse"]

    status, half = replace(calm, "STOP_ON_FAILURE", second["orderId"], "61000", qty="5")
    assert (status, half["code"], half["data"]["cancelResult"]) == (409, -2021, "SUCCESS")
    assert half["data"]["newOrderResponse"]["code"] == -2010 and calm.status(second) == "CANCELED"

    status, none = replace(calm, "STOP_ON_FAILURE", second["orderId"], "61000")
    assert (status, none["code"], none["data"]["newOrderResult"]) == (400, -2022, "NOT_ATTEMPTED")
    assert none["data"]["cancelResponse"] == {"code": -2011, "msg": "Unknown order sent."}

    status, made = replace(calm, "ALLOW_FAILURE", second["orderId"], "61000")
    assert (status, made["code"], made["data"]["newOrderResult"]) == (409, -2021, "SUCCESS")
    assert calm.status(made["data"]["newOrderResponse"]) == "NEW"


def test_amending_only_makes_smaller_and_keeps_the_place(calm: Spot) -> None:
    api = calm.private()
    placed = calm.order("BUY", "0.01", "60000", newClientOrderId="9-Alfa")

    done = calm.ok("PUT", "order/amend/keepPriority", symbol="BTCUSDT", orderId=placed["orderId"], newQty="0.004",
                   newClientOrderId="9-Alfa")["amendedOrder"]

    assert (done["qty"], done["status"], done["clientOrderId"]) == ("0.00400000", "NEW", "9-Alfa")
    report = api.events("REPLACED")[-1]
    assert (report["q"], report["i"], report["X"]) == ("0.00400000", placed["orderId"], "NEW")
    assert calm.balances()["USDT"][1] == 240
    for qty in ("0.004", "0.005"):
        assert calm.no("PUT", "order/amend/keepPriority", symbol="BTCUSDT", orderId=placed["orderId"],
                       newQty=qty)[0] == -2038
    (kept,) = calm.ok("GET", "order/amendments", symbol="BTCUSDT", orderId=placed["orderId"])
    assert (kept["origQty"], kept["newQty"]) == ("0.01000000", "0.00400000")
    api.close()


def test_own_orders_never_meet(calm: Spot) -> None:
    calm.exchange.control("deposit", asset="BTC", amount="50")
    api = calm.private()
    resting = calm.order("BUY", "0.001", f"{calm.top()[0]:.2f}")
    ahead = calm.get("depth", symbol="BTCUSDT", limit=5)["bids"][0][1]
    calm.order("SELL", f"{D(ahead):.5f}", f"{calm.top()[0]:.2f}")

    assert calm.status(resting) == "EXPIRED_IN_MATCH"
    assert api.events("TRADE_PREVENTION")[-1]["X"] == "EXPIRED_IN_MATCH"
    api.close()
