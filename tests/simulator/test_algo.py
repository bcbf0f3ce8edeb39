"""Conditional orders of the bundled exchange, on USD-M and on COIN-M alike."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.simulator.coin_client import Coin
from tests.simulator.sim_client import Exchange, Stream


class Face:
    """One of the two products with the same calls."""

    def __init__(self, exchange: Exchange, category: str) -> None:
        self.exchange = exchange
        self.category = category
        self.linear = category == "linear"
        self.symbol, self.qty = ("BTCUSDT", "0.010") if self.linear else ("BTCUSD_PERP", "10")

    def path(self, name: str) -> str:
        return f"/{'fapi' if self.linear else 'dapi'}/v1/{name}"

    def ok(self, method: str, name: str, **params: Any) -> Any:
        return self.exchange.ok(method, self.path(name), **params)

    def stop(self, kind: str, side: str, **params: Any) -> Any:
        """Place a conditional order that must be accepted."""
        return self.ok("POST", "algoOrder", **self.stop_params(kind, side, **params))

    def refused(self, kind: str, side: str, **params: Any) -> int:
        return self.exchange.code("POST", self.path("algoOrder"), **self.stop_params(kind, side, **params))

    def stop_params(self, kind: str, side: str, **params: Any) -> dict[str, Any]:
        base = {"algoType": "CONDITIONAL", "symbol": self.symbol, "side": side, "type": kind, "quantity": self.qty}
        return {key: value for key, value in (base | params).items() if value is not None}

    def market(self, side: str, qty: str | None = None) -> Any:
        return self.ok("POST", "order", symbol=self.symbol, side=side, type="MARKET", quantity=qty or self.qty)

    def last(self) -> Decimal:
        row = self.exchange.get(self.path("ticker/price"), symbol=self.symbol)
        return Decimal((row if self.linear else row[0])["price"])

    def move(self, price: Decimal) -> None:
        self.exchange.control("price", market="Binance", category=self.category, symbol=self.symbol, price=str(price))

    def private(self) -> Stream:
        _, answer = self.exchange.raw("POST", self.path("listenKey"))
        return self.exchange.socket(f"/{'private' if self.linear else 'coin'}/ws/{answer['listenKey']}")

    def position(self) -> Decimal:
        rows = self.exchange.ok("GET", "/fapi/v2/positionRisk" if self.linear else "/dapi/v1/positionRisk")
        return next(Decimal(r["positionAmt"]) for r in rows if r["symbol"] == self.symbol)

    def calm(self) -> None:
        for row in self.ok("GET", "openAlgoOrders"):
            self.ok("DELETE", "algoOrder", algoId=row["algoId"])
        Coin(self.exchange).calm()
        self.exchange.fault("freeze")


@pytest.fixture(params=["linear", "inverse"])
def face(running: Exchange, request: pytest.FixtureRequest) -> Iterator[Face]:
    made = Face(running, request.param)
    made.calm()
    yield made
    made.calm()


def life(events: list[Any]) -> list[str]:
    """Event kinds in order: algo states, and what happened to plain orders."""
    return [e["o"]["X"] if e["e"] == "ALGO_UPDATE" else f"order {e['o']['x']}" for e in events
            if e["e"] in ("ALGO_UPDATE", "ORDER_TRADE_UPDATE")]


def test_a_stop_waits_triggers_and_becomes_an_order(face: Face) -> None:
    face.market("BUY")
    stream, last = face.private(), face.last()
    placed = face.stop("STOP_MARKET", "SELL", triggerPrice=str(last - 300), reduceOnly="true", clientAlgoId="1.stop")
    assert (placed["algoStatus"], placed["orderType"], placed["reduceOnly"]) == ("NEW", "STOP_MARKET", True)
    assert face.ok("GET", "openOrders") == []  # it is beside the book
    (row,) = face.ok("GET", "openAlgoOrders", symbol=face.symbol)
    assert row["clientAlgoId"] == "1.stop" and row["actualOrderId"] == ""

    face.move(last - 299)
    assert face.position() > 0
    face.move(last - 301)

    events = stream.until(lambda m: m["e"] == "ALGO_UPDATE" and m["o"]["X"] == "FINISHED")
    stream.close()
    seen = life(events)
    assert seen[:4] == ["NEW", "TRIGGERING", "TRIGGERED", "order NEW"] and set(seen[4:-1]) == {"order TRADE"}
    algos = [e["o"] for e in events if e["e"] == "ALGO_UPDATE"]
    orders = [e["o"] for e in events if e["e"] == "ORDER_TRADE_UPDATE"]
    assert [a["ai"] for a in algos[:2]] == ["", ""] and {a["ai"] for a in algos[2:]} == {str(orders[0]["i"])}
    assert (orders[0]["o"], orders[0]["ot"]) == ("MARKET", "STOP_MARKET") and orders[0]["c"] != "1.stop"
    assert Decimal(algos[-1]["aq"]) == Decimal(face.qty) and Decimal(algos[-1]["ap"]) > 0
    assert face.position() == 0
    done = face.ok("GET", "algoOrder", clientAlgoId="1.stop")
    assert (done["algoStatus"], done["actualOrderId"]) == ("FINISHED", str(orders[0]["i"]))
    asked = face.ok("GET", "order", symbol=face.symbol, orderId=done["actualOrderId"])
    assert (asked["status"], asked["origType"], Decimal(asked["stopPrice"])) == ("FILLED", "STOP_MARKET", last - 300)
    assert face.exchange.code("DELETE", face.path("algoOrder"), algoId=done["algoId"]) == -2011


def test_take_profit_limit_rests_as_an_order_after_its_trigger(face: Face) -> None:
    last, stream = face.last(), face.private()
    face.stop("TAKE_PROFIT", "BUY", triggerPrice=str(last - 200), price=str(last - 250), timeInForce="GTC")
    face.move(last - 205)
    events = stream.until(lambda m: m["e"] == "ORDER_TRADE_UPDATE" and m["o"]["x"] == "NEW")
    assert life(events) == ["NEW", "TRIGGERING", "TRIGGERED", "order NEW"]
    (order,) = face.ok("GET", "openOrders", symbol=face.symbol)
    assert (order["type"], order["origType"], Decimal(order["price"])) == ("LIMIT", "TAKE_PROFIT", last - 250)
    assert face.ok("GET", "openAlgoOrders") == []
    face.ok("DELETE", "order", symbol=face.symbol, orderId=order["orderId"])
    assert life(stream.until(lambda m: m["e"] == "ALGO_UPDATE")) == ["order CANCELED", "FINISHED"]
    stream.close()


def test_stop_to_buy_and_take_profit_to_sell_wait_above(face: Face) -> None:
    last = face.last()
    for kind, side in (("STOP_MARKET", "BUY"), ("TAKE_PROFIT_MARKET", "SELL")):
        assert face.refused(kind, side, triggerPrice=str(last - 100)) == -2021
        face.stop(kind, side, triggerPrice=str(last + 400))
    for kind, side in (("STOP_MARKET", "SELL"), ("TAKE_PROFIT_MARKET", "BUY")):
        assert face.refused(kind, side, triggerPrice=str(last + 100)) == -2021
    face.move(last + 401)
    rows = face.ok("GET", "allAlgoOrders", symbol=face.symbol)[-2:]
    assert [row["algoStatus"] for row in rows] == ["FINISHED", "FINISHED"]


def test_working_type_decides_which_price_is_looked_at(face: Face) -> None:
    last = face.last()
    marked = face.stop("STOP_MARKET", "BUY", triggerPrice=str(last + 300), workingType="MARK_PRICE")
    traded = face.stop("STOP_MARKET", "BUY", triggerPrice=str(last + 300), workingType="CONTRACT_PRICE")
    assert {row["workingType"] for row in face.ok("GET", "openAlgoOrders")} == {"MARK_PRICE", "CONTRACT_PRICE"}
    face.move(last + 301)
    for one in (marked, traded):
        assert face.ok("GET", "algoOrder", algoId=one["algoId"])["algoStatus"] == "FINISHED"


def test_trailing_stop_follows_and_tells_new_twice(face: Face) -> None:
    face.market("BUY")
    last, stream = face.last(), face.private()
    assert face.refused("TRAILING_STOP_MARKET", "SELL", callbackRate="0.05") == -2007
    assert face.refused("TRAILING_STOP_MARKET", "SELL") == -1102
    assert face.refused("TRAILING_STOP_MARKET", "SELL", callbackRate="1", activatePrice=str(last - 100)) == -2021
    placed = face.stop("TRAILING_STOP_MARKET", "SELL", callbackRate="1", activatePrice=str(last + 100),
                       reduceOnly="true")
    face.move(last - 900)  # not active yet: 1 % below the start does nothing
    assert face.ok("GET", "algoOrder", algoId=placed["algoId"])["algoStatus"] == "NEW"
    face.move(last + 1000)
    face.move(last + 400)
    assert face.position() > 0
    face.move((last * Decimal("0.985")).quantize(Decimal("0.1")))
    events = [e["o"] for e in stream.until(lambda m: m["e"] == "ALGO_UPDATE" and m["o"]["X"] == "FINISHED")
              if e["e"] == "ALGO_UPDATE"]
    stream.close()
    assert [(e["X"], e["ia"]) for e in events] == [("NEW", False), ("NEW", True), ("TRIGGERING", True),
                                                   ("TRIGGERED", True), ("FINISHED", True)]
    assert face.position() == 0


def test_close_position_takes_all_and_vanishes_with_the_position(face: Face) -> None:
    last = face.last()
    close = {"quantity": None, "closePosition": "true", "triggerPrice": str(last - 400)}
    assert face.refused("STOP_MARKET", "SELL", **close | {"quantity": face.qty}) == -4137
    assert face.refused("STOP_MARKET", "SELL", **close, reduceOnly="true") == -1106
    assert face.refused("STOP", "SELL", **close, price=str(last - 500)) == -4136
    for _ in range(2):
        face.market("BUY")
    first = face.stop("STOP_MARKET", "SELL", **close)
    other = face.stop("TAKE_PROFIT_MARKET", "SELL", **close | {"triggerPrice": str(last + 900)})
    assert face.refused("STOP_MARKET", "SELL", **close) == -4130
    face.move(last - 401)
    assert face.position() == 0
    states = [face.ok("GET", "algoOrder", algoId=one["algoId"])["algoStatus"] for one in (first, other)]
    assert states == ["FINISHED", "EXPIRED"]


def test_margin_and_reduce_only_are_looked_at_only_when_it_triggers(face: Face) -> None:
    last, stream = face.last(), face.private()
    huge = "90" if face.linear else "50000"
    face.stop("STOP_MARKET", "SELL", triggerPrice=str(last - 300), quantity=huge)
    face.stop("STOP_MARKET", "SELL", triggerPrice=str(last - 300), reduceOnly="true")
    face.move(last - 305)
    events = [e["o"] for e in stream.until(lambda m: m["o"].get("rm", "").startswith("ReduceOnly"))]
    stream.close()
    rejected = [(e["X"], e["rm"]) for e in events if "rm" in e]
    assert rejected == [("REJECTED", "Margin is insufficient."), ("REJECTED", "ReduceOnly Order is rejected.")]
    assert face.position() == 0 and face.ok("GET", "openAlgoOrders") == []


def test_a_cancel_may_come_too_late(face: Face) -> None:
    face.market("BUY")
    placed = face.stop("STOP_MARKET", "SELL", triggerPrice=str(face.last() - 300), reduceOnly="true",
                       clientAlgoId="4.stop")
    face.exchange.fault("fill_on_cancel", symbol=face.symbol)
    assert face.exchange.code("DELETE", face.path("algoOrder"), algoId=placed["algoId"]) == -2011
    assert face.position() == 0
    ours = [o for o in face.exchange.truth()["orders"] if o["client_id"] == "4.stop"
            and o["category"] == face.category]
    assert [(o["status"], o["algo_id"]) for o in ours] == [("FILLED", str(placed["algoId"]))]


def test_ids_lists_and_the_plain_endpoint(face: Face) -> None:
    last = face.last()
    trigger = {"triggerPrice": str(last - 700)}
    one = face.stop("STOP_MARKET", "SELL", **trigger, clientAlgoId="2.stop")
    assert face.refused("STOP_MARKET", "SELL", **trigger, clientAlgoId="2.stop") == -20132
    assert face.refused("STOP_MARKET", "SELL") == -1102
    assert face.refused("STOP_MARKET", "SELL", triggerPrice=f"{last - 700}7") in (-1111, -4014)
    assert face.exchange.code("GET", face.path("algoOrder"), algoId=5) == -20124
    assert face.exchange.code("DELETE", face.path("algoOrder"), clientAlgoId="nobody") == -20124
    assert face.exchange.code("POST", face.path("order"), symbol=face.symbol, side="SELL", type="STOP_MARKET",
                              quantity=face.qty, stopPrice=trigger["triggerPrice"]) == -4120
    face.ok("DELETE", "allOpenOrders", symbol=face.symbol)
    assert len(face.ok("GET", "openAlgoOrders")) == 1  # not touched by it
    gone = face.ok("DELETE", "algoOrder", algoId=one["algoId"])
    assert gone == {"algoId": one["algoId"], "clientAlgoId": "2.stop", "code": "200", "msg": "success"}
    again = face.stop("STOP_MARKET", "SELL", **trigger, clientAlgoId="2.stop")
    assert face.ok("GET", "algoOrder", clientAlgoId="2.stop")["algoId"] == again["algoId"]
    assert face.ok("DELETE", "algoOpenOrders", symbol=face.symbol)["code"] == 200
    listed = face.ok("GET", "allAlgoOrders", symbol=face.symbol, algoId=one["algoId"])
    assert [row["algoStatus"] for row in listed] == ["CANCELED", "CANCELED"]


def test_waiting_orders_survive_a_kill(tmp_path: Path) -> None:
    first = Exchange(tmp_path, "--child")
    face = Face(first, "inverse")
    face.market("BUY")
    last = face.last()
    face.stop("STOP_MARKET", "SELL", triggerPrice=str(last - 300), clientAlgoId="3.stop", reduceOnly="true")
    first.kill()

    again = Exchange(tmp_path, "--child")
    face = Face(again, "inverse")
    try:
        (row,) = face.ok("GET", "openAlgoOrders")
        assert row["clientAlgoId"] == "3.stop" and Decimal(row["triggerPrice"]) == last - 300
        face.move(last - 310)
        assert face.ok("GET", "algoOrder", clientAlgoId="3.stop")["algoStatus"] == "FINISHED"
        assert face.position() == 0
    finally:
        again.close()
