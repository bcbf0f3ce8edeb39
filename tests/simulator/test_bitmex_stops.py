"""BitMEX's conditional orders, web-site orders, liquidation, over the wire."""

from __future__ import annotations

from decimal import Decimal as D
from pathlib import Path
from typing import Any

import pytest

from tests.simulator.bitmex_client import Bitmex, Row
from tests.simulator.sim_client import Exchange, wait_for

PRICE = D(67000)


@pytest.fixture
def still(bitmex: Bitmex) -> Bitmex:
    """XBTUSD stands at a price."""
    bitmex.middle(str(PRICE))
    return bitmex


def stop(bitmex: Bitmex, kind: str, side: str, **more: Any) -> Row:
    body = {"symbol": "XBTUSD", "side": side, "orderQty": 300, "ordType": kind, "execInst": "LastPrice", **more}
    row: Row = bitmex.ok("POST", "order", {k: v for k, v in body.items() if v is not None})
    return row


def shown(bitmex: Bitmex, order: Row) -> Row:
    row: Row = bitmex.ok("GET", "order", filter={"orderID": order["orderID"]})[0]
    return row


def move(bitmex: Bitmex, price: D) -> None:
    bitmex.control("price", price=str(price))


def test_a_stop_rests_triggers_and_fills(still: Bitmex) -> None:
    still.order("Buy", 300)
    stream = still.socket("order", "execution", keyed=True)
    placed = stop(still, "Stop", "Sell", stopPx=66800, execInst="LastPrice,ReduceOnly", clOrdID="1.S")
    wanted = {"ordStatus": "New", "ordType": "Stop", "stopPx": 66800, "workingIndicator": False, "leavesQty": 300}
    assert wanted.items() <= placed.items() and "triggered" not in placed and "price" not in placed
    assert still.margin()["initMargin"] == still.position()["initMargin"]
    move(still, PRICE - 100)
    assert shown(still, placed)["ordStatus"] == "New"

    move(still, PRICE - 201)

    done = shown(still, placed)
    assert (done["ordStatus"], done["triggered"], done["ordType"]) == ("Filled", "StopOrderTriggered", "Stop")
    kinds = [r["execType"] for r in still.ok("GET", "execution", filter={"orderID": placed["orderID"]})]
    assert kinds[:2] == ["New", "TriggeredOrActivatedBySystem"] and set(kinds[2:]) == {"Trade"}
    assert still.position()["currentQty"] == 0
    stream.settled(lambda: any(r["orderID"] == placed["orderID"] and r["ordStatus"] == "Filled"
                               for r in stream.table("order")))
    stream.close()


def test_stop_limit_and_touched_orders_wait_on_their_sides(still: Bitmex) -> None:
    limit = stop(still, "StopLimit", "Buy", stopPx=67300, price=67250)
    touched = stop(still, "LimitIfTouched", "Buy", stopPx=66700, price=66600)
    market = stop(still, "MarketIfTouched", "Sell", stopPx=67300)
    guessed = still.ok("POST", "order", {"symbol": "XBTUSD", "side": "Buy", "orderQty": 100, "stopPx": 67900,
                                         "execInst": "MarkPrice"})
    assert guessed["ordType"] == "Stop"
    move(still, PRICE + 301)
    assert [shown(still, o)["ordStatus"] for o in (limit, touched, market)] == ["New", "New", "Filled"]
    row = shown(still, limit)
    assert (row["triggered"], row["workingIndicator"], row["price"]) == ("StopOrderTriggered", True, 67250)
    assert "triggered" not in shown(still, touched)
    (canceled,) = still.ok("DELETE", "order", {"orderID": touched["orderID"]})
    assert canceled["ordStatus"] == "Canceled"
    assert still.no("POST", "order", {"symbol": "XBTUSD", "side": "Buy", "orderQty": 100, "ordType": "Stop"})[0] == 400
    assert still.no("POST", "order", {"symbol": "XBTUSD", "side": "Buy", "orderQty": 100, "ordType": "Stop",
                                      "stopPx": 67900.03}) == (400, "Invalid stopPx tickSize")


def test_mark_price_and_amending_the_stop(still: Bitmex) -> None:
    order = stop(still, "Stop", "Buy", stopPx=67200, execInst="MarkPrice")
    changed = still.ok("PUT", "order", {"orderID": order["orderID"], "stopPx": 67500, "orderQty": 200})
    assert (changed["stopPx"], changed["orderQty"], changed["ordStatus"]) == (67500, 200, "New")
    move(still, PRICE + 300)
    assert shown(still, order)["ordStatus"] == "New"
    move(still, PRICE + 510)
    assert shown(still, order)["ordStatus"] == "Filled"


def test_trailing_stop_follows_but_never_back(still: Bitmex) -> None:
    still.order("Buy", 300)
    peg = {"pegPriceType": "TrailingStopPeg", "execInst": "LastPrice,Close"}
    assert still.no("POST", "order", {"symbol": "XBTUSD", "side": "Sell", "orderQty": 300, "ordType": "Stop",
                                      "pegOffsetValue": 200, **peg})[1] == "Invalid pegOffsetValue"
    order = stop(still, "Stop", "Sell", pegOffsetValue=-200, orderQty=None, **peg)
    assert abs(order["stopPx"] - (PRICE - 200)) < 1 and order["pegOffsetValue"] == -200 and "orderQty" not in order
    move(still, PRICE + 500)  # it follows at the next look once it is a second old
    wait_for(lambda: shown(still, order)["stopPx"] == PRICE + 300)
    move(still, PRICE + 350)
    assert shown(still, order)["stopPx"] == PRICE + 300
    move(still, PRICE + 299)
    assert shown(still, order)["ordStatus"] == "Filled" and still.position()["currentQty"] == 0


def test_a_stop_may_be_refused_when_it_triggers(still: Bitmex) -> None:
    huge = stop(still, "Stop", "Sell", stopPx=66900, orderQty=9_000_000)
    closing = stop(still, "Stop", "Sell", stopPx=66900, orderQty=None, execInst="LastPrice,Close")
    move(still, PRICE - 101)
    row = shown(still, huge)
    assert row["ordStatus"] == "Rejected" and "insufficient Available Balance" in row["ordRejReason"]
    assert shown(still, closing)["ordStatus"] == "Canceled"
    assert still.position()["currentQty"] == 0 if still.ok("GET", "position") else True


def test_orders_of_the_web_site_and_cancel_all_after(still: Bitmex) -> None:
    placed = still.control("order", side="BUY", qty="200", price=str(PRICE - 500))
    (row,) = still.ok("GET", "order", filter={"open": True})
    assert row["orderID"] == placed["order_id"] and "clOrdID" not in row
    still.control("cancel", order_id=placed["order_id"])
    assert shown(still, row)["ordStatus"] == "Canceled"
    order = stop(still, "Stop", "Sell", stopPx=66000)
    still.ok("POST", "order/cancelAllAfter", {"timeout": 1})
    wait_for(lambda: shown(still, order)["ordStatus"] == "Canceled")


def test_liquidation(still: Bitmex) -> None:
    still.order("Buy", 500)
    resting = still.order("Buy", 100, str(PRICE - 900))
    stream = still.socket("position", "execution", keyed=True)
    still.control("liquidate")
    stream.settled(lambda: [r for r in stream.table("execution") if r.get("text") == "Liquidation"])
    (fill,) = [r for r in stream.table("execution") if r.get("text") == "Liquidation"]
    assert fill["orderID"] == "00000000-0000-0000-0000-000000000000" and fill["execType"] == "Trade"
    assert (fill["side"], fill["lastQty"], "clOrdID" in fill) == ("Sell", 500, False)
    stream.settled(lambda: stream.table("position")[0]["currentQty"] == 0)
    states = [row["posState"] for m in stream.log if m["table"] == "position" for row in m["data"] if "posState" in row]
    assert states[-2:] == ["Liquidation", ""]
    stream.close()
    assert shown(still, resting)["ordStatus"] == "Canceled"
    assert still.truth("executions")[-1]["exec_id"] == fill["execID"]
    assert still.fills()[-1]["execID"] == fill["execID"]


def test_stops_survive_a_kill(tmp_path: Path) -> None:
    first = Exchange(tmp_path, "--child")
    bitmex = Bitmex(first)
    bitmex.middle(str(PRICE))
    order = stop(bitmex, "Stop", "Buy", stopPx=67400, clOrdID="2.S")
    first.kill()
    again = Exchange(tmp_path, "--child")
    bitmex = Bitmex(again)
    try:
        assert shown(bitmex, order)["stopPx"] == 67400
        bitmex.middle("67401")
        assert shown(bitmex, order)["ordStatus"] == "Filled"
    finally:
        again.close()
