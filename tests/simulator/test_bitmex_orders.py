"""The life of BitMEX orders over REST: place, amend, cancel, page through what happened."""

from __future__ import annotations

import time
from decimal import Decimal as D
from typing import Any

import pytest

from tests.simulator.bitmex_client import Bitmex, Row


def shown(bitmex: Bitmex, order: Row) -> Row:
    row: Row = bitmex.ok("GET", "order", filter={"orderID": order["orderID"]})[0]
    return row


def reports(bitmex: Bitmex, order: Row) -> list[tuple[str, str]]:
    rows = bitmex.ok("GET", "execution", filter={"orderID": order["orderID"]})
    return [(row["execType"], row["ordStatus"]) for row in rows]


def far(bitmex: Bitmex, side: str, symbol: str = "XBTUSD") -> str:
    """A price that rests."""
    bid, ask = bitmex.top(symbol)
    return str(bid - 500 if side == "Buy" else ask + 500)


def test_resting_order_is_placed_found_and_canceled(bitmex: Bitmex) -> None:
    order = bitmex.order("Buy", 100, far(bitmex, "Buy"), clOrdID="1.A", text="by hand")
    wanted = {"clOrdID": "1.A", "symbol": "XBTUSD", "side": "Buy", "orderQty": 100, "leavesQty": 100, "cumQty": 0,
              "ordStatus": "New", "ordType": "Limit", "timeInForce": "GoodTillCancel", "settlCurrency": "XBt",
              "workingIndicator": True, "text": "Submitted via API.\nby hand"}
    assert wanted.items() <= order.items() and "avgPx" not in order and "execInst" not in order
    assert bitmex.ok("GET", "order", filter={"open": True}) == [order]
    assert bitmex.ok("GET", "order", symbol="XBTUSD", filter={"clOrdID": "1.A"}, reverse="true", count=1) == [order]

    (row,) = bitmex.ok("DELETE", "order", {"clOrdID": ["1.A"]})

    assert (row["ordStatus"], row["leavesQty"], row["text"]) == ("Canceled", 0, "Canceled\nCanceled via API.")
    (again,) = bitmex.ok("DELETE", "order", {"orderID": order["orderID"]})
    assert again["error"].startswith("Unable to cancel order") and again["workingIndicator"] is False
    assert reports(bitmex, order) == [("New", "New"), ("Canceled", "Canceled")]
    assert bitmex.ok("GET", "order", filter={"open": True}) == []


def test_market_order_fills_as_taker(bitmex: Bitmex) -> None:
    bitmex.exchange.fault("freeze")
    _, asks = bitmex.book("ETHUSD", 1)
    order = bitmex.order("Buy", 3, symbol="ETHUSD", clOrdID="2.A")

    row = bitmex.fills()[-1]

    assert (order["ordStatus"], order["timeInForce"], order["ordType"]) == ("Filled", "ImmediateOrCancel", "Market")
    assert (row["lastPx"], row["lastLiquidityInd"], row["clOrdID"]) == (asks[0]["price"], "RemovedLiquidity", "2.A")
    assert row["execCost"] == 3 * 100 * row["lastPx"] and row["homeNotional"] > 0 > row["foreignNotional"]
    kept = bitmex.truth("executions")[-1]
    assert (kept["exec_id"], kept["category"], kept["qty"]) == (row["execID"], "quanto", "3")


def test_partial_fills_then_amends_then_the_rest(bitmex: Bitmex) -> None:
    bitmex.middle("60000")
    order = bitmex.order("Sell", 500, "60000", clOrdID="3.A")
    bitmex.control("trade", side="BUY", qty=200)
    row = shown(bitmex, order)
    assert (row["ordStatus"], row["cumQty"], row["leavesQty"], row["avgPx"]) == ("PartiallyFilled", 200, 300, 60000)

    less = bitmex.ok("PUT", "order", {"orderID": order["orderID"], "orderQty": 400})
    assert (less["orderQty"], less["leavesQty"], less["text"]) == (400, 200, "Amended orderQty\nSubmitted via API.")
    left = bitmex.ok("PUT", "order", {"origClOrdID": "3.A", "leavesQty": 100, "clOrdID": "4.A", "price": 60000.1})
    assert (left["orderQty"], left["price"], left["clOrdID"]) == (300, D("60000.1"), "4.A")
    assert left["text"] == "Amended orderQty price clOrdID\nSubmitted via API."
    bitmex.middle("60010")

    assert (shown(bitmex, order)["ordStatus"], shown(bitmex, order)["cumQty"]) == ("Filled", 300)
    assert bitmex.position()["currentQty"] == -300
    assert reports(bitmex, order) == [("New", "New"), ("Trade", "PartiallyFilled"), ("Replaced", "PartiallyFilled"),
                                      ("Replaced", "PartiallyFilled"), ("Trade", "Filled")]
    for body, text in (({"orderID": order["orderID"], "orderQty": 500}, "Invalid ordStatus: Filled"),
                       ({"origClOrdID": "nobody", "price": 1}, "Invalid origClOrdID"),
                       ({"orderID": "x", "price": 1}, "Invalid orderID"),
                       ({"price": 1}, "orderID or origClOrdID must be sent")):
        assert bitmex.no("PUT", "order", body) == (400, text)


def test_smaller_quantity_keeps_the_place_in_the_queue(bitmex: Bitmex) -> None:
    bitmex.middle("61000")
    first = bitmex.order("Buy", 300, "61000", clOrdID="first")
    second = bitmex.order("Buy", 100, "61000", clOrdID="second")

    bitmex.ok("PUT", "order", {"origClOrdID": "first", "orderQty": 200})
    bids, _ = bitmex.book("XBTUSD", 1)
    assert bids[0]["size"] == 300
    bitmex.control("trade", side="SELL", qty=100)
    assert (shown(bitmex, first)["cumQty"], shown(bitmex, second)["cumQty"]) == (100, 0)
    bitmex.ok("PUT", "order", {"origClOrdID": "first", "orderQty": 300})  # more: behind the other now
    bitmex.control("trade", side="SELL", qty=100)

    assert (shown(bitmex, first)["cumQty"], shown(bitmex, second)["cumQty"]) == (100, 100)


@pytest.mark.parametrize(("more", "status", "reason"), [
    ({"execInst": "ParticipateDoNotInitiate"}, "Canceled", "execInst of ParticipateDoNotInitiate"),
    ({"timeInForce": "FillOrKill", "orderQty": 3_000_000}, "Canceled", "timeInForce of FillOrKill"),
    ({"timeInForce": "ImmediateOrCancel", "orderQty": 3_000_000}, "Canceled", "timeInForce of ImmediateOrCancel")])
def test_orders_that_end_at_once(bitmex: Bitmex, more: dict[str, Any], status: str, reason: str) -> None:
    bitmex.middle("62000")
    body = {"symbol": "XBTUSD", "side": "Buy", "orderQty": 100, "price": 62000.1, **more}

    order = bitmex.ok("POST", "order", body)

    assert order["ordStatus"] == status and reason in order["text"] and order["leavesQty"] == 0
    assert (order["cumQty"] > 0) is (more.get("timeInForce") == "ImmediateOrCancel")


def test_client_id_is_unique_among_open_orders_only(bitmex: Bitmex) -> None:
    price = far(bitmex, "Buy")
    first = bitmex.order("Buy", 100, price, clOrdID="5.A")
    body = {"symbol": "XBTUSD", "side": "Buy", "orderQty": 100, "price": float(price), "clOrdID": "5.A"}
    assert bitmex.no("POST", "order", body) == (400, "Duplicate clOrdID")
    bitmex.ok("DELETE", "order", {"orderID": first["orderID"]})

    second = bitmex.ok("POST", "order", body)

    assert second["orderID"] != first["orderID"]
    newest = bitmex.ok("GET", "order", filter={"clOrdID": "5.A"}, reverse="true", count=1)
    assert newest[0]["orderID"] == second["orderID"]


def test_reduce_only_and_close(bitmex: Bitmex) -> None:
    bitmex.exchange.fault("freeze")
    body = {"symbol": "XBTUSD", "side": "Sell", "orderQty": 100, "execInst": "ReduceOnly"}
    status, text = bitmex.no("POST", "order", body)
    assert status == 400 and text == ("Order had execInst of Close or ReduceOnly and side Sell but current position "
                                      "is 0")
    bitmex.order("Buy", 200)
    resting = bitmex.order("Sell", 200, far(bitmex, "Sell"), execInst="ReduceOnly")
    closed = bitmex.ok("POST", "order", {"symbol": "XBTUSD", "side": "Sell", "execInst": "Close"})

    assert (closed["orderQty"], closed["ordStatus"]) == (200, "Filled") and bitmex.position()["currentQty"] == 0
    assert "ReduceOnly" in shown(bitmex, resting)["text"] and shown(bitmex, resting)["ordStatus"] == "Canceled"


def test_reduce_only_is_cut_to_the_position(bitmex: Bitmex) -> None:
    bitmex.middle("63000")
    bitmex.order("Buy", 200)

    order = bitmex.order("Sell", 500, execInst="ReduceOnly")

    assert order["cumQty"] == 200 and order["ordStatus"] == "Canceled" and bitmex.position()["currentQty"] == 0


@pytest.mark.parametrize(("change", "text"), [
    ({"orderQty": 150}, "Invalid orderQty"), ({"orderQty": 0}, "Invalid orderQty"),
    ({"price": 50000.05}, "Invalid price tickSize"), ({"price": -1}, "Invalid price"),
    ({"side": "BUY"}, "Invalid side"),
    ({"symbol": "XBTZ99"}, "Invalid symbol"), ({"timeInForce": "Soon"}, "Invalid timeInForce"),
    ({"execInst": "AllOrNone"}, "Invalid execInst"), ({"ordType": "Pegged"}, "Invalid ordType"),
    ({"clOrdID": "x" * 37}, "Invalid clOrdID"), ({"orderQty": "many"}, "Invalid orderQty")])
def test_bad_orders_are_refused_in_the_venues_words(bitmex: Bitmex, change: dict[str, Any], text: str) -> None:
    body = {"symbol": "XBTUSD", "side": "Buy", "orderQty": 100, "price": 50000, **change}
    assert bitmex.no("POST", "order", body) == (400, text)
    assert bitmex.ok("GET", "order", filter={"open": True}) == []


def test_too_little_balance_is_told_with_the_amount(bitmex: Bitmex) -> None:
    bitmex.ok("POST", "position/leverage", {"symbol": "XBTUSDT", "leverage": 1})
    bid, _ = bitmex.top("XBTUSDT")
    status, answer = bitmex.call("POST", "order", {"symbol": "XBTUSDT", "side": "Buy", "orderQty": 1_000_000,
                                                   "price": float(bid)})
    bitmex.ok("POST", "position/leverage", {"symbol": "XBTUSDT", "leverage": 0})

    error = answer["error"]
    assert status == 400 and (error["name"], error["details"]) == ("CodedHTTPError", "19000")
    assert error["message"].startswith("Account has insufficient Available Balance, ")
    assert error["message"].endswith(" USDt required")


def test_leverage_is_shown_on_the_position(bitmex: Bitmex) -> None:
    row = bitmex.ok("POST", "position/leverage", {"symbol": "ETHUSD", "leverage": 25})
    assert (row["leverage"], row["crossMargin"], row["initMarginReq"]) == (25, False, D("0.04"))
    assert bitmex.ok("POST", "position/leverage", {"symbol": "ETHUSD", "leverage": 0})["crossMargin"] is True
    assert bitmex.no("POST", "position/leverage", {"symbol": "ETHUSD", "leverage": 101})[1] == "Invalid leverage"


def test_cancel_all_by_symbol_and_side(bitmex: Bitmex) -> None:
    for side in ("Buy", "Sell"):
        bitmex.order(side, 100, far(bitmex, side))
        bitmex.order(side, 1, far(bitmex, side, "ETHUSD"), "ETHUSD")

    rows = bitmex.ok("DELETE", "order/all", {"symbol": "XBTUSD", "filter": {"side": "Buy"}})
    assert [(row["symbol"], row["side"], row["ordStatus"]) for row in rows] == [("XBTUSD", "Buy", "Canceled")]
    assert len(bitmex.ok("DELETE", "order/all", symbol="ETHUSD")) == 2
    assert len(bitmex.ok("DELETE", "order/all", {})) == 1
    assert bitmex.no("DELETE", "order", {"orderID": "unknown"}) == (404, "Not Found")
    assert [row["error"] for row in bitmex.ok("DELETE", "order", {"clOrdID": ["a", "b"]})] == ["Not Found"] * 2


def test_dead_mans_switch(bitmex: Bitmex) -> None:
    order = bitmex.order("Buy", 100, far(bitmex, "Buy"))
    told = bitmex.ok("POST", "order/cancelAllAfter", {"timeout": 60000})
    assert told["cancelTime"] > told["now"]
    bitmex.ok("POST", "order/cancelAllAfter", {"timeout": 0})
    bitmex.ok("POST", "order/cancelAllAfter", {"timeout": 400})
    assert shown(bitmex, order)["ordStatus"] == "New"

    time.sleep(0.9)

    assert (shown(bitmex, order)["ordStatus"], shown(bitmex, order)["text"]) == ("Canceled",
                                                                                 "Canceled: cancelAllAfter")


def test_pages_of_history_miss_and_repeat_nothing(bitmex: Bitmex) -> None:
    for number in range(23):
        bitmex.order("Buy" if number % 2 else "Sell", 1, symbol="ETHUSD", clOrdID=f"{number}.pages")
    everything = bitmex.ok("GET", "execution/tradeHistory", symbol="ETHUSD", count=500)
    ids = [row["execID"] for row in everything]
    assert len(set(ids)) == len(ids) and [row["timestamp"] for row in everything] == sorted(
        row["timestamp"] for row in everything)

    paged: list[str] = []
    while page := bitmex.ok("GET", "execution/tradeHistory", symbol="ETHUSD", count=10, start=len(paged)):
        paged += [row["execID"] for row in page]
    assert paged == ids
    newest = bitmex.ok("GET", "execution/tradeHistory", symbol="ETHUSD", count=5, reverse="true")
    assert [row["execID"] for row in newest] == ids[:-6:-1]
    since = everything[-7]["timestamp"]
    later = bitmex.ok("GET", "execution/tradeHistory", symbol="ETHUSD", startTime=since, count=500)
    assert [row["execID"] for row in later] == [row["execID"] for row in everything if row["timestamp"] >= since]
    assert {row["execType"] for row in everything} <= {"Trade", "Funding"}
    assert "New" in {row["execType"] for row in bitmex.ok("GET", "execution", symbol="ETHUSD", count=500)}


def test_wallet_identity_of_the_terminal_holds(bitmex: Bitmex) -> None:
    """wallet = deposit − Σ execCost + cost of what is held − Σ execComm, in every currency, to the unit."""
    bitmex.order("Buy", 300)
    bitmex.order("Sell", 7, symbol="ETHUSD")
    bitmex.order("Sell", 2000, symbol="XBTUSDT")
    bitmex.order("Sell", 500)
    bitmex.control("funding", rate="0.0003")
    rows = bitmex.ok("GET", "execution/tradeHistory", count=500)
    while len(rows) % 500 == 0:
        rows += bitmex.ok("GET", "execution/tradeHistory", count=500, start=len(rows))

    for currency, deposit in (("XBt", 100_000_000), ("USDt", 10_000_000_000)):
        own = [row for row in rows if row["settlCurrency"] == currency]
        costs = sum(row["execCost"] for row in own if row["execType"] == "Trade")
        held = sum(row["posCost"] for row in bitmex.ok("GET", "position") if row["currency"] == currency)
        fees = sum(row["execComm"] for row in own)
        assert bitmex.margin(currency)["walletBalance"] == deposit - costs + held - fees
        told = next(row for row in bitmex.truth("balances") if row["asset"] == currency)
        assert D(told["wallet"]).scaleb(8 if currency == "XBt" else 6) == bitmex.margin(currency)["walletBalance"]
