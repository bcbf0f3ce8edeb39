"""Spot orders over the wire: kinds, filters, codes, cancels, what is locked, fees in the received asset or in BNB."""

from __future__ import annotations

from decimal import Decimal as D
from typing import Any

import pytest

from tests.simulator.sim_client import order_params
from tests.simulator.spot_client import Spot


def limit(price: D) -> str:
    """A price as the tick wants it."""
    return f"{price:.2f}"


def test_market_buy_pays_its_fee_in_coins(spot: Spot) -> None:
    spot.exchange.fault("freeze")
    usdt = spot.balances()["USDT"][0]

    answer = spot.order("BUY", "0.0123")

    assert answer["status"] == "FILLED" and answer["type"] == "MARKET" and answer["price"] == "0.00000000"
    cost = sum(D(f["price"]) * D(f["qty"]) for f in answer["fills"])
    assert D(answer["cummulativeQuoteQty"]) == cost and {f["commissionAsset"] for f in answer["fills"]} == {"BTC"}
    assert sum(D(f["commission"]) for f in answer["fills"]) == D("0.0000123")
    assert spot.balances()["BTC"] == (D("0.0122877"), D(0)) and spot.balances()["USDT"] == (usdt - cost, D(0))


def test_sale_pays_its_fee_in_usdt_and_nothing_goes_below_zero(spot: Spot) -> None:
    spot.exchange.control("deposit", asset="BTC", amount="0.01")
    usdt = spot.balances()["USDT"][0]

    answer = spot.order("SELL", "0.01")

    gained, fee = D(answer["cummulativeQuoteQty"]), sum(D(f["commission"]) for f in answer["fills"])
    assert fee == round(gained * D("0.001"), 8) and answer["fills"][0]["commissionAsset"] == "USDT"
    assert spot.balances()["USDT"][0] == usdt + gained - fee and spot.balances()["BTC"] == (D(0), D(0))
    code, text = spot.no("POST", "order", **order_params("SELL", "0.01"))
    assert (code, text) == (-2010, "Account has insufficient balance for requested action.")


def test_fees_in_bnb_when_switched_on(spot: Spot) -> None:
    spot.exchange.fault("freeze")
    spot.exchange.control("deposit", asset="BNB", amount="1")
    spot.move("600.00", "BNBUSDT")
    assert spot.exchange.ok("POST", "/sapi/v1/bnbBurn", spotBNBBurn="true")["spotBNBBurn"] is True

    answer = spot.order("BUY", "0.01")

    (fill,) = answer["fills"]
    cost = D(answer["cummulativeQuoteQty"])
    assert fill["commissionAsset"] == "BNB" and D(fill["commission"]) == round(cost * D("0.00075") / 600, 8)
    assert spot.balances()["BTC"][0] == D("0.01") and spot.balances()["BNB"][0] == 1 - D(fill["commission"])
    assert spot.ok("GET", "account/commission", symbol="BTCUSDT")["discount"]["enabledForAccount"] is True


def test_limit_order_locks_what_it_may_cost(spot: Spot) -> None:
    usdt = spot.balances()["USDT"][0]
    bid, _ = spot.top()
    price = limit(bid * D("0.9"))

    placed = spot.order("BUY", "0.01", price, newClientOrderId="17-Alfa")

    locked = D(price) * D("0.01")
    assert placed["status"] == "NEW" and placed["fills"] == [] and placed["clientOrderId"] == "17-Alfa"
    assert spot.balances()["USDT"] == (usdt - locked, locked)
    gone = spot.ok("DELETE", "order", symbol="BTCUSDT", origClientOrderId="17-Alfa", newClientOrderId="c-1")
    assert (gone["origClientOrderId"], gone["clientOrderId"], gone["status"]) == ("17-Alfa", "c-1", "CANCELED")
    assert spot.balances()["USDT"] == (usdt, D(0))
    assert spot.no("DELETE", "order", symbol="BTCUSDT", origClientOrderId="17-Alfa") == (-2011, "Unknown order sent.")


def test_resting_order_is_filled_when_the_market_comes(spot: Spot) -> None:
    bid, _ = spot.top()
    price = limit(bid - 50)
    placed = spot.order("BUY", "0.01", price)

    spot.move(limit(bid - 60))

    row = spot.ok("GET", "order", symbol="BTCUSDT", orderId=placed["orderId"])
    (trade,) = spot.ok("GET", "myTrades", symbol="BTCUSDT", orderId=placed["orderId"])
    assert row["status"] == "FILLED" and D(row["cummulativeQuoteQty"]) == D(price) * D("0.01")
    assert trade["isMaker"] and trade["isBuyer"] and D(trade["price"]) == D(price)
    assert (trade["commission"], trade["commissionAsset"]) == ("0.00001000", "BTC")


def test_quote_amount_buys_what_it_can(spot: Spot) -> None:
    spot.exchange.fault("freeze")
    answer = spot.ok("POST", "order", symbol="ETHUSDT", side="BUY", type="MARKET", quoteOrderQty="100")

    spent = D(answer["cummulativeQuoteQty"])
    assert answer["status"] == "FILLED" and answer["origQuoteOrderQty"] == "100.00000000"
    assert 100 - D("0.0001") * spot.top("ETHUSDT")[1] <= spent <= 100


def test_post_only_is_refused_when_it_would_take(spot: Spot) -> None:
    bid, ask = spot.top()
    order: dict[str, Any] = {"symbol": "BTCUSDT", "side": "BUY", "type": "LIMIT_MAKER", "quantity": "0.001"}
    refusal = spot.no("POST", "order", price=limit(ask + 10), **order)
    assert refusal == (-2010, "Order would immediately match and take.")

    placed = spot.ok("POST", "order", price=limit(bid - 100), **order)

    assert set(placed) == {"symbol", "orderId", "orderListId", "clientOrderId", "transactTime"}  # ACK is usual
    assert spot.ok("GET", "order", symbol="BTCUSDT", orderId=placed["orderId"])["type"] == "LIMIT_MAKER"


def test_ioc_and_fok_expire_with_their_reason(spot: Spot) -> None:
    bid, _ = spot.top()
    for tif, reason in (("IOC", "UNFILLED_IOC_QUANTITY_EXPIRED"), ("FOK", "UNFILLED_FOK_ORDER_EXPIRED")):
        answer = spot.order("BUY", "0.001", limit(bid - 100), timeInForce=tif)
        assert (answer["status"], answer["executedQty"], answer["expiryReason"]) == ("EXPIRED", "0.00000000", reason)


@pytest.mark.parametrize(("change", "code", "text"), [
    ({"price": "50000.005"}, -1013, "Filter failure: PRICE_FILTER"),
    ({"price": "50000.000000001"}, -1111, "Parameter 'price' has too much precision."),
    ({"quantity": "0.000015"}, -1013, "Filter failure: LOT_SIZE"),
    ({"quantity": "0.000001"}, -1013, "Filter failure: LOT_SIZE"),
    ({"quantity": "0"}, -1013, "Invalid quantity."),
    ({"quantity": "0.00001"}, -1013, "Filter failure: NOTIONAL"),
    ({"price": "1000"}, -1013, "Filter failure: PERCENT_PRICE_BY_SIDE"),
    ({"quantity": "1"}, -2010, "Account has insufficient balance for requested action."),
    ({"type": "MARKET", "price": "", "timeInForce": "", "quantity": "121"}, -1013, "Filter failure: MARKET_LOT_SIZE"),
    ({"symbol": "NOPE"}, -1121, "Invalid symbol."), ({"side": "LEFT"}, -1117, "Invalid side."),
    ({"type": "STOP_MARKET"}, -1116, "Invalid orderType."), ({"timeInForce": "GTX"}, -1115, "Invalid timeInForce."),
    ({"timeInForce": ""}, -1102, "Mandatory parameter 'timeInForce' was not sent, was empty/null, or malformed."),
    ({"newClientOrderId": "17.Alfa"}, -1100, "Illegal characters found in parameter 'newClientOrderId'; legal range "
                                             "is '^[a-zA-Z0-9-_]{1,36}$'."),
    ({"newClientOrderId": "a" * 37}, -1100, "Illegal characters found in parameter 'newClientOrderId'; legal range "
                                            "is '^[a-zA-Z0-9-_]{1,36}$'.")])
def test_refusals(spot: Spot, change: dict[str, str], code: int, text: str) -> None:
    before = len(spot.truth("orders"))
    order = order_params("BUY", "0.001", "60000") | change
    assert spot.no("POST", "order", **order) == (code, text)
    assert spot.no("POST", "order/test", **order) == (code, text)
    assert len(spot.truth("orders")) == before


def test_orders_of_the_web_site(spot: Spot) -> None:
    api = spot.private()
    placed = spot.control("order", side="BUY", qty="0.001", price="60000")
    assert placed["client_id"].startswith("web_") and api.events("NEW")[-1]["c"] == placed["client_id"]
    assert spot.control("cancel", order_id=placed["order_id"])["status"] == "CANCELED"
    assert api.events("CANCELED")[-1]["C"] == placed["client_id"]
    api.close()
