"""Faults of the exchange on BitMEX's paths, and what survives a kill."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest
import requests
import websocket

from simulator.bitmex_rows import Ticket
from simulator.bitmex_venue import BitmexVenue
from simulator.clock import Clock
from simulator.faults import Faults
from simulator.store import Store
from tests.simulator.bitmex_client import Bitmex, Realtime
from tests.simulator.sim_client import Exchange
from tests.simulator.test_sim_replay import SESSION

ORDER = "POST /api/v1/order"


def placed(bitmex: Bitmex, client_id: str) -> bool:
    return any(order["client_id"] == client_id for order in bitmex.truth("orders"))


def body(client_id: str, qty: int = 1) -> dict[str, Any]:
    return {"symbol": "ETHUSD", "side": "Buy", "orderQty": qty, "ordType": "Market", "clOrdID": client_id}


@pytest.mark.parametrize(("after", "there"), [("before", False), ("accept", True)])
def test_overload_is_the_venues_own_sentence(bitmex: Bitmex, after: str, there: bool) -> None:
    bitmex.exchange.fault("status", path=ORDER, http=503, after=after, times=1)
    status, text = bitmex.no("POST", "order", body(f"1.{after}"))
    assert (status, text) == (503, "The system is currently overloaded. Please try again later.")
    assert placed(bitmex, f"1.{after}") is there
    bitmex.ok("POST", "order", body("2.A"))


def test_ban_is_a_429_with_the_time_to_wait(bitmex: Bitmex) -> None:
    bitmex.exchange.fault("ban", seconds=5)
    status, text = bitmex.no("GET", "position")
    assert status == 429 and text.startswith("Rate limit exceeded, retry in ")
    assert 1 <= int(bitmex.headers["retry-after"]) <= 6


def test_withheld_dropped_and_reset_requests(bitmex: Bitmex) -> None:
    bitmex.exchange.fault("withhold", path=ORDER, seconds=5)
    with pytest.raises(requests.Timeout):
        bitmex.call("POST", "order", body("3.A"), timeout=0.3)
    bitmex.exchange.fault("drop", path=ORDER)
    with pytest.raises(requests.Timeout):
        bitmex.call("POST", "order", body("4.A"), timeout=0.3)
    bitmex.exchange.fault("reset", path=ORDER, after="accept")
    with pytest.raises(requests.ConnectionError):
        bitmex.call("POST", "order", body("5.A"))
    assert [placed(bitmex, f"{number}.A") for number in (3, 4, 5)] == [True, False, True]


def test_lag_shows_orders_and_fills_late(bitmex: Bitmex) -> None:
    bitmex.exchange.fault("lag", seconds=0.6, path="")
    bitmex.order("Buy", 1, symbol="ETHUSD", clOrdID="6.A")
    ask: dict[str, Any] = {"filter": {"clOrdID": "6.A"}}
    assert bitmex.ok("GET", "order", **ask) == bitmex.ok("GET", "execution/tradeHistory", **ask) == []
    time.sleep(0.7)
    assert len(bitmex.ok("GET", "order", **ask)) == len(bitmex.ok("GET", "execution/tradeHistory", **ask)) == 1


def test_cancel_finds_the_order_filled(bitmex: Bitmex) -> None:
    bid, _ = bitmex.top()
    order = bitmex.order("Buy", 100, str(bid - 20))
    bitmex.exchange.fault("fill_on_cancel", symbol="XBTUSD")
    (row,) = bitmex.ok("DELETE", "order", {"orderID": order["orderID"]})
    assert row["error"] == "Unable to cancel order due to existing state"
    assert bitmex.ok("GET", "order", filter={"orderID": order["orderID"]})[0]["ordStatus"] == "Filled"


def test_silence_of_a_topic_and_of_the_heartbeat(bitmex: Bitmex) -> None:
    stream = bitmex.socket("orderBookL2_25:XBTUSD", "orderBookL2_25:ETHUSD")
    bitmex.exchange.fault("mute", stream="orderBookL2", symbol="XBTUSD")
    bitmex.exchange.fault("mute", stream="pong")
    stream.during(0.2)
    stream.ws.send("ping")
    assert {m["data"][0]["symbol"] for m in stream.during(0.6)} == {"ETHUSD"}
    stream.command("unsubscribe", "orderBookL2_25:XBTUSD")
    assert stream.command("subscribe", "orderBookL2_25:XBTUSD")["success"]
    assert {m["data"][0]["symbol"] for m in stream.during(0.3)} <= {"ETHUSD"}
    stream.close()


@pytest.mark.parametrize("kind", ["drop", "repeat", "unknown", "crossed", "partial"])
def test_book_faults(bitmex: Bitmex, kind: str) -> None:
    stream = bitmex.socket("orderBookL2_25:XBTUSD")
    stream.during(0.2)
    stream.log.clear()
    bitmex.exchange.fault("diff", kind=kind, symbol="XBTUSD", times=1)
    for _ in range(20):                  # until a change came that it could be done to
        stream.during(0.25)
        if not _is_active(bitmex):
            break
    stream.during(0.25)

    rows = stream.table("orderBookL2_25")
    if kind == "unknown":
        assert stream.unknown == 1
    if kind == "crossed":
        prices = {side: [row["price"] for row in rows if row["side"] == side] for side in ("Buy", "Sell")}
        assert max(prices["Buy"]) > min(prices["Sell"])
    if kind == "partial":
        assert [m["action"] for m in stream.log].count("partial") == 1
    assert not _is_active(bitmex)
    stream.close()


def _is_active(bitmex: Bitmex) -> bool:
    """Whether the fault of a book still waits for its message."""
    faults = requests.get(bitmex.exchange.ready["control"] + "/fault", timeout=5).json()["faults"]
    return any(fault["name"] == "diff" for fault in faults)


def test_private_rows_repeated_and_in_another_order(bitmex: Bitmex) -> None:
    stream = bitmex.socket("order", "execution", "position", keyed=True)
    bitmex.exchange.fault("event", kind="repeat", event="execution", times=2)
    bitmex.order("Buy", 1, symbol="ETHUSD")
    stream.during(0.3)
    ids = [row["execID"] for row in stream.table("execution")]
    assert len(ids) == 4 and len(set(ids)) == 2
    stream.log.clear()
    bitmex.exchange.fault("order", first="account", times=1)
    bitmex.order("Buy", 1, symbol="ETHUSD")
    stream.during(0.3)
    assert stream.log[0]["table"] == "position"
    stream.close()


@pytest.mark.parametrize("code", [1001, 1006])
def test_cut_ends_realtime_too(bitmex: Bitmex, code: int) -> None:
    stream = bitmex.socket("quote:XBTUSD")
    bitmex.exchange.fault("cut", code=code, seconds=0.3)
    with pytest.raises((OSError, websocket.WebSocketException, ValueError)):
        stream.during(2)
    with pytest.raises((OSError, websocket.WebSocketException)):
        Realtime(bitmex.face["ws"])
    time.sleep(0.35)
    bitmex.socket("quote:XBTUSD").close()


def taken_up(bitmex: Bitmex) -> Any:
    """Everything a restart must not change."""
    lists = ("orders", "executions", "funding", "positions", "balances")
    return ({name: bitmex.truth(name) for name in lists}, bitmex.ok("GET", "order", count=500),
            bitmex.ok("GET", "execution", count=500), bitmex.ok("GET", "user/walletHistory", currency="all"),
            (bitmex.face["api_key"], bitmex.face["api_secret"]))


def test_everything_is_taken_up_again_after_a_kill(tmp_path: Path) -> None:
    exchange = Exchange(tmp_path)
    bitmex = Bitmex(exchange)
    bitmex.middle("60000")
    bitmex.order("Buy", 500, clOrdID="1.A")
    resting = bitmex.order("Sell", 300, "60100", clOrdID="2.A", execInst="ReduceOnly")
    bitmex.order("Sell", 3, symbol="ETHUSD", clOrdID="3.A")
    bitmex.control("funding", rate="0.0005")
    bitmex.ok("POST", "position/leverage", {"symbol": "XBTUSD", "leverage": 12.5})
    before = taken_up(bitmex)
    exchange.kill()

    again = Exchange(tmp_path)
    bitmex = Bitmex(again)
    assert taken_up(bitmex) == before
    assert bitmex.position()["leverage"] == 12.5
    assert [row["orderID"] for row in bitmex.ok("GET", "order", filter={"open": True})] == [resting["orderID"]]
    assert bitmex.no("POST", "order", {"symbol": "XBTUSD", "side": "Buy", "orderQty": 100, "price": 50000,
                                       "clOrdID": "2.A"}) == (400, "Duplicate clOrdID")
    bitmex.middle("60200")
    assert bitmex.position()["currentQty"] == 200
    number = bitmex.ok("GET", "user")["id"]
    again.close()

    fresh = Exchange(tmp_path, "--fresh")
    bitmex = Bitmex(fresh)
    assert bitmex.ok("GET", "user")["id"] == number + 1 and bitmex.truth("executions") == []
    assert bitmex.margin()["walletBalance"] == 100_000_000
    row = bitmex.order("Buy", 100)
    assert row["ordStatus"] == "Filled" and row["orderID"] not in {o["orderID"] for o in before[1]}
    fresh.close()


@pytest.mark.skipif(not SESSION.exists(), reason="the folder of recorded messages is not there")
def test_recorded_session_stands_alone(tmp_path: Path) -> None:
    """A recording is of one venue: no second face beside it."""
    exchange = Exchange(tmp_path, "--replay", str(SESSION))
    assert "bitmex" not in exchange.ready
    exchange.close()


def venue(home: Path, clock: Clock) -> BitmexVenue:
    return BitmexVenue(Store(home / "simulator.db"), clock, Faults(), seed=1, fresh=False)


def test_the_days_profit_is_settled_at_noon(tmp_path: Path) -> None:
    clock = Clock()
    side = venue(tmp_path, clock)
    contract = side.contracts["ETHUSD"]
    side.place(contract, Ticket("ETHUSD", 1, 0, 100, "MARKET", "IOC", True))
    paid = side.margin_row("XBt")["realisedPnl"]
    balance = side.margin_row("XBt")["walletBalance"]
    assert paid < 0

    for market in side.markets.values():
        market.next_funding = 1 << 60  # funding would fall due too
    clock.offset_ms += 86_400_000
    side.beat(5)

    row = side.margin_row("XBt")
    assert (row["realisedPnl"], row["prevRealisedPnl"], row["walletBalance"]) == (0, paid, balance)
    moved = [m for m in side.account.movements if m["transactType"] == "RealisedPNL"]
    assert [(m["address"], m["amount"], m["walletBalance"]) for m in moved if m["amount"] == paid] == [
        ("ETHUSD", paid, balance)] and moved[-1]["transactTime"].endswith("T12:00:00.000Z")
    side.store.close()


def test_day_orders_end_at_midnight(tmp_path: Path) -> None:
    clock = Clock()
    side = venue(tmp_path, clock)
    for name, tif in (("1.A", "DAY"), ("2.A", "GTC")):
        side.place(side.contracts["XBTUSD"], Ticket("XBTUSD", 1, 600_000, 2, tif=tif, mine=True, client_id=name))

    clock.offset_ms += 86_400_000
    side.beat(5)

    assert [o.client_id for o in side.account.open.values()] == ["2.A"]
    side.store.close()


def test_dead_mans_switch_outlives_a_restart(tmp_path: Path) -> None:
    clock = Clock()
    side = venue(tmp_path, clock)
    contract = side.contracts["XBTUSD"]
    side.place(contract, Ticket("XBTUSD", 1, 600_000, 2, mine=True, client_id="1.A"))
    side.arm(60_000)
    side.close()
    side.store.close()

    side = venue(tmp_path, clock)
    side.beat(5)
    assert [o.client_id for o in side.account.open.values()] == ["1.A"]
    clock.offset_ms += 61_000
    side.beat(10)

    assert not side.account.open and side.cancel_at is None
    side.store.close()
