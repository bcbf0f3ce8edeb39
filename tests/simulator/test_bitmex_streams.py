"""BitMEX's /realtime: partial first, then deltas that equal what REST says."""

from __future__ import annotations

import time
from decimal import Decimal as D
from pathlib import Path
from typing import Any

import pytest
import websocket

from tests.simulator.bitmex_client import Bitmex, Realtime, Row, signature
from tests.simulator.sim_client import Exchange

ALIKE = ("timestamp", "transactTime")


def without_time(rows: list[Row]) -> list[Row]:
    return [{key: value for key, value in row.items() if key not in ALIKE} for row in rows]


def by_price(rows: list[Row]) -> list[Row]:
    return sorted(without_time(rows), key=lambda row: int(row["id"]))


@pytest.mark.parametrize(("table", "depth"), [("orderBookL2_25", 25), ("orderBookL2", 0)])
def test_book_from_deltas_equals_rest(bitmex: Bitmex, table: str, depth: int) -> None:
    stream = bitmex.socket(f"{table}:XBTUSD")
    first = len(stream.table(table))
    stream.during(1.0)
    bid, _ = bitmex.top()
    bitmex.control("price", price=str(bid + 20))
    bitmex.exchange.fault("freeze")
    stream.during(0.4)

    assert by_price(stream.table(table)) == by_price(bitmex.ok("GET", "orderBook/L2", symbol="XBTUSD", depth=depth))
    assert first >= 50 and stream.unknown == 0
    actions = {message["action"] for message in stream.log}
    assert actions == {"partial", "update", "insert", "delete"}
    assert all(set(row) == {"symbol", "id", "side"} for message in stream.log if message["action"] == "delete"
               for row in message["data"])
    stream.close()


def test_late_reader_of_the_same_book_agrees(bitmex: Bitmex) -> None:
    early = bitmex.socket("orderBookL2_25:ETHUSD")
    early.during(0.3)
    late = bitmex.socket("orderBookL2_25:ETHUSD")
    bitmex.exchange.fault("freeze")
    early.during(0.4)
    late.during(0.2)
    assert by_price(early.table("orderBookL2_25")) == by_price(late.table("orderBookL2_25"))
    early.close()
    late.close()


def test_ten_quote_trade_and_instrument(bitmex: Bitmex) -> None:
    stream = bitmex.socket("orderBook10:XBTUSD", "quote:XBTUSD", "trade:XBTUSD", "instrument:XBTUSD")
    stream.during(0.3)
    bitmex.middle("64000")
    bitmex.control("trade", side="BUY", qty=300)
    stream.during(0.9)

    bids, asks = bitmex.book("XBTUSD", 10)
    ten = stream.table("orderBook10")[0]
    assert ten["bids"] == [[row["price"], row["size"]] for row in bids]
    assert ten["asks"] == [[row["price"], row["size"]] for row in asks]
    quote = [row for message in stream.log if message["table"] == "quote" for row in message["data"]][-1]
    assert (quote["bidPrice"], quote["askPrice"], quote["askSize"]) == (bids[0]["price"], asks[0]["price"],
                                                                       asks[0]["size"])
    trades = [row for message in stream.log if message["table"] == "trade" for row in message["data"]]
    assert trades[-1]["side"] == "Buy" and trades[-1]["size"] == 300
    assert len({row["trdMatchID"] for row in trades}) == len(trades)
    live, rest = stream.table("instrument")[0], bitmex.ok("GET", "instrument", symbol="XBTUSD")[0]
    for name in ("lastPrice", "bidPrice", "askPrice", "markPrice", "openValue", "lotSize", "fundingRate"):
        assert live[name] == rest[name], name
    stream.close()


def test_private_tables_follow_an_order(bitmex: Bitmex) -> None:
    bitmex.middle("65000")
    stream = bitmex.socket("order", "execution", "position", "margin", "wallet", keyed=True)
    assert stream.table("order") == [] and len(stream.table("margin")) == len(stream.table("wallet")) == 3

    order = bitmex.order("Buy", 400, "65000", clOrdID="7.A")
    bitmex.control("trade", side="SELL", qty=100)
    bitmex.ok("PUT", "order", {"orderID": order["orderID"], "orderQty": 300})
    bitmex.control("trade", side="SELL", qty=200)
    stream.settled(lambda: any(r["ordStatus"] == "Filled" for r in stream.table("order")))
    stream.during(0.2)

    (row,) = stream.table("order")
    assert row == bitmex.ok("GET", "order", filter={"clOrdID": "7.A"})[0]
    rest = bitmex.ok("GET", "execution", filter={"clOrdID": "7.A"})
    assert stream.table("execution") == rest
    assert [r["execType"] for r in rest] == ["New", "Trade", "Replaced", "Trade"]
    position = next(r for r in stream.table("position") if r["symbol"] == "XBTUSD")
    assert without_time([position]) == without_time([bitmex.position()])
    margin = next(r for r in stream.table("margin") if r["currency"] == "XBt")
    assert without_time([margin]) == without_time([bitmex.margin()])
    bitmex.ok("POST", "order", {"symbol": "XBTUSD", "side": "Sell", "execInst": "Close"})
    stream.settled(lambda: next(r for r in stream.table("position") if r["symbol"] == "XBTUSD")["currentQty"] == 0)
    assert next(r for r in stream.table("position") if r["symbol"] == "XBTUSD")["avgEntryPrice"] == 0
    stream.close()


def test_position_that_nobody_told_of_is_inserted(tmp_path: Path) -> None:
    exchange = Exchange(tmp_path)
    bitmex = Bitmex(exchange)
    stream = bitmex.socket("position", keyed=True)
    assert stream.table("position") == []
    bid, _ = bitmex.top("ETHUSD")
    bitmex.order("Buy", 1, str(bid - 100), "ETHUSD")
    bitmex.ok("DELETE", "order/all")
    late = bitmex.socket("position", keyed=True)
    bitmex.order("Buy", 1, symbol="ETHUSD")
    for reader in (stream, late):
        reader.until(lambda m: any(row.get("currentQty") == 1 for row in m.get("data", [])))
        assert reader.unknown == 0
        reader.close()
    assert stream.log[1]["action"] == "insert"
    exchange.close()


def test_funding_comes_as_execution_and_as_rate(bitmex: Bitmex) -> None:
    bitmex.order("Sell", 10, symbol="ETHUSD")
    stream = bitmex.socket("execution", "funding:ETHUSD", keyed=True)
    bitmex.control("funding", "ETHUSD", rate="-0.0002")
    stream.settled(lambda: stream.table("execution"))
    stream.during(0.2)

    row = stream.table("execution")[-1]
    assert row["execType"] == "Funding" and row["execComm"] > 0 < row["foreignNotional"]
    assert stream.log[-1]["data"][0]["fundingRate"] == D("-0.0002") or any(
        m["table"] == "funding" and m["action"] == "insert" for m in stream.log)
    stream.close()


def test_mark_moves_positions_and_margins(bitmex: Bitmex) -> None:
    bitmex.middle("66000")
    bitmex.order("Buy", 1000)
    stream = bitmex.socket("position", "margin", keyed=True)
    bitmex.middle("66100")
    stream.settled(lambda: next(r for r in stream.table("position") if r["symbol"] == "XBTUSD")["markPrice"] == 66100)

    row = next(r for r in stream.table("position") if r["symbol"] == "XBTUSD")
    assert row["unrealisedPnl"] == row["markValue"] - row["posCost"] > 0
    stream.close()


def test_welcome_acks_errors_and_pong(bitmex: Bitmex) -> None:
    first = Realtime(bitmex.face["ws"])
    welcome = first.read()
    stream = Realtime(bitmex.face["ws"] + "?subscribe=trade:XBTUSD,quote")
    assert stream.read()["limit"]["remaining"] == welcome["limit"]["remaining"] - 1
    assert [m["subscribe"] for m in stream.during(0.3) if "subscribe" in m] == ["trade:XBTUSD", "quote"]
    stream.ws.send("ping")
    while (text := str(stream.ws.recv())) != "pong":
        assert text.startswith("{")

    def answer(op: str, *args: Any) -> Any:
        return stream.command(op, *args)

    assert answer("subscribe", "trade:XBTUSD")["status"] == 400
    assert "already subscribed to this topic" in answer("subscribe", "quote")["error"]
    assert answer("subscribe", "order")["status"] == 401
    assert answer("subscribe", "nonsense")["error"] == "Unknown table: nonsense"
    assert answer("subscribe", "trade:NOPE")["error"] == "Unknown or expired symbol."
    assert answer("unsubscribe", "quote") == {"success": True, "unsubscribe": "quote",
                                              "request": {"op": "unsubscribe", "args": ["quote"]}}
    assert answer("authKeyExpires", bitmex.face["api_key"], 1, "00")["status"] == 401
    expires = int(time.time()) + 5
    proof = signature(bitmex.face["api_secret"], "GET", "/realtime", expires)
    assert answer("authKeyExpires", bitmex.face["api_key"], expires, proof)["success"]
    assert answer("authKeyExpires", bitmex.face["api_key"], expires, proof)["status"] == 400
    assert answer("subscribe", "order")["success"]
    stream.ws.send(b"{")
    assert stream.until(lambda m: "status" in m)[-1]["error"] == "Unable to parse JSON"
    first.close()
    stream.close()


def test_keys_in_the_handshake(bitmex: Bitmex) -> None:
    expires = int(time.time()) + 5
    proof = signature(bitmex.face["api_secret"], "GET", "/realtime", expires)
    head = [f"api-key: {bitmex.face['api_key']}", f"api-expires: {expires}", f"api-signature: {proof}"]
    ws = websocket.create_connection(bitmex.face["ws"], header=head, timeout=5)
    ws.recv()
    ws.send('{"op": "subscribe", "args": "position"}')
    assert '"success":true' in ws.recv() and '"action":"partial"' in ws.recv()
    ws.close()


def test_switch_over_the_stream(bitmex: Bitmex) -> None:
    bid, _ = bitmex.top()
    bitmex.order("Buy", 100, str(bid - 300))
    stream = bitmex.socket("order", keyed=True)
    told = stream.command("cancelAllAfter", 200)
    assert told["cancelTime"] > told["now"]
    stream.settled(lambda: [r["ordStatus"] for r in stream.table("order")] == ["Canceled"])
    stream.close()


def test_topic_asked_for_again_begins_with_a_partial(bitmex: Bitmex) -> None:
    stream = bitmex.socket("orderBookL2_25:XBTUSD")
    stream.command("unsubscribe", "orderBookL2_25:XBTUSD")
    stream.log.clear()

    stream.command("subscribe", "orderBookL2_25:XBTUSD")
    stream.until(lambda m: "table" in m)

    assert stream.log[0]["action"] == "partial"
    stream.close()
