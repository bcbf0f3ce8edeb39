"""Each fault does what its row in faults.py says."""

from __future__ import annotations

import time
from decimal import Decimal
from itertools import pairwise
from typing import Any

import pytest
import requests
import websocket

from tests.simulator.sim_client import Exchange, order_params

ORDER = "/fapi/v1/order"


def truth_of(exchange: Exchange, client_id: str) -> Any:
    return next((o for o in exchange.truth()["orders"] if o["client_id"] == client_id), None)


def place(exchange: Exchange, client_id: str, timeout: float = 5) -> tuple[int, Any]:
    import hashlib
    import hmac
    from urllib.parse import urlencode

    payload = urlencode({**order_params("BUY", "0.002"), "newClientOrderId": client_id,
                         "timestamp": int(time.time() * 1000)})
    signature = hmac.new(exchange.venue["api_secret"].encode(), payload.encode(), hashlib.sha256).hexdigest()
    return exchange.raw("POST", f"{ORDER}?{payload}&signature={signature}", timeout=timeout)


def test_withhold_executes_and_keeps_the_answer(exchange: Exchange) -> None:
    exchange.fault("withhold", path=f"POST {ORDER}", seconds=0.5, times=1)
    began = time.monotonic()
    status, _ = place(exchange, "w.1")
    assert status == 200 and 0.5 <= time.monotonic() - began < 1.5
    exchange.fault("withhold", path=f"POST {ORDER}", seconds=5)
    with pytest.raises(requests.Timeout):
        place(exchange, "w.2", timeout=0.3)
    assert truth_of(exchange, "w.2")["status"] == "FILLED"


def test_drop_never_arrives(exchange: Exchange) -> None:
    exchange.fault("drop", path=f"POST {ORDER}", times=1)
    with pytest.raises(requests.Timeout):
        place(exchange, "d.1", timeout=0.3)
    assert truth_of(exchange, "d.1") is None
    assert place(exchange, "d.2")[0] == 200


@pytest.mark.parametrize(("after", "there"), [("before", False), ("accept", True)])
def test_status_before_and_after(exchange: Exchange, after: str, there: bool) -> None:
    name = f"s.{after}"
    exchange.fault("status", path=ORDER, http=503, code=-1007, after=after, times=1)
    status, answer = place(exchange, name)
    assert (status, answer["code"]) == (503, -1007)
    assert (truth_of(exchange, name) is not None) is there


def test_status_with_body_and_headers(exchange: Exchange) -> None:
    exchange.fault("status", path="/fapi/v1/time", http=429, body="<html>slow down</html>", headers={"Retry-After": 3})
    assert exchange.raw("GET", "/fapi/v1/time") == (429, "<html>slow down</html>")
    assert exchange.answer_headers["Retry-After"] == "3"
    assert exchange.raw("GET", "/fapi/v1/time")[0] == 200


def test_reset_of_the_connection(exchange: Exchange) -> None:
    exchange.fault("reset", times=1, path=ORDER)
    with pytest.raises(requests.ConnectionError):
        place(exchange, "r.1")
    assert truth_of(exchange, "r.1") is None
    exchange.fault("reset", after="accept", path=ORDER)
    with pytest.raises(requests.ConnectionError):
        place(exchange, "r.2")
    assert truth_of(exchange, "r.2")["status"] == "FILLED"


def test_lag_answers_from_an_older_copy(exchange: Exchange) -> None:
    exchange.fault("lag", seconds=0.6, path="")
    placed = exchange.order("BUY", "0.002", newClientOrderId="l.1")
    ask = {"symbol": "BTCUSDT", "origClientOrderId": "l.1"}
    assert exchange.code("GET", ORDER, **ask) == -2013
    assert placed["orderId"] not in [t["orderId"] for t in exchange.ok("GET", "/fapi/v1/userTrades", symbol="BTCUSDT")]
    time.sleep(0.65)
    assert exchange.ok("GET", ORDER, **ask)["status"] == "FILLED"


def test_fill_on_cancel(exchange: Exchange) -> None:
    bid, _ = exchange.top()
    placed = exchange.order("BUY", "0.010", f"{bid - 100:.2f}")
    exchange.fault("fill_on_cancel", symbol="BTCUSDT")
    assert exchange.code("DELETE", ORDER, symbol="BTCUSDT", orderId=placed["orderId"]) == -2011
    assert exchange.ok("GET", ORDER, symbol="BTCUSDT", orderId=placed["orderId"])["status"] == "FILLED"


def test_mute_silences_one_stream_of_one_symbol(exchange: Exchange) -> None:
    stream = exchange.socket("/stream?streams=btcusdt@depth@100ms/ethusdt@depth@100ms")
    exchange.fault("mute", stream="depth", symbol="BTCUSDT", seconds=1)
    time.sleep(0.15)
    stream.during(0.1)
    assert {m["stream"] for m in stream.during(0.6)} == {"ethusdt@depth@100ms"}
    stream.until(lambda m: m["stream"] == "btcusdt@depth@100ms")
    stream.close()


@pytest.mark.parametrize("kind", ["drop", "swap", "repeat"])
def test_diff_faults_break_the_chain(exchange: Exchange, kind: str) -> None:
    stream = exchange.socket("/public/ws/btcusdt@depth@100ms")
    first = stream.read()
    exchange.fault("diff", kind=kind, symbol="BTCUSDT", times=1)
    rows = [(m["pu"], m["u"]) for m in [first, *stream.during(0.9)]]
    breaks = sum(after[0] != before[1] for before, after in pairwise(rows))
    assert breaks == {"drop": 1, "swap": 3, "repeat": 1}[kind]
    assert (len(set(rows)) < len(rows)) is (kind == "repeat")
    stream.close()


@pytest.mark.parametrize("code", [1001, 1012, 1006])
def test_cut_ends_all_websockets_and_refuses_for_a_while(exchange: Exchange, code: int) -> None:
    stream = exchange.socket("/ws/btcusdt@depth@100ms")
    stream.read()
    exchange.fault("cut", code=code, seconds=3)
    if code == 1006:
        with pytest.raises((OSError, websocket.WebSocketConnectionClosedException)):
            stream.during(2)
    else:
        opcode, data = stream.ws.recv_data()
        while opcode == websocket.ABNF.OPCODE_TEXT:
            opcode, data = stream.ws.recv_data()
        assert int.from_bytes(data[:2], "big") == code
    with pytest.raises((OSError, websocket.WebSocketException)):
        exchange.socket("/ws")
    time.sleep(3.1)
    exchange.socket("/ws").close()


def test_refuse_resets_everything_but_control(exchange: Exchange) -> None:
    exchange.fault("refuse", seconds=0.3)
    with pytest.raises(requests.ConnectionError):
        exchange.get("/fapi/v1/time")
    time.sleep(0.35)
    assert exchange.get("/fapi/v1/time")["serverTime"] > 0


def test_listen_key_expires(exchange: Exchange) -> None:
    stream = exchange.private()
    old = exchange.raw("POST", "/fapi/v1/listenKey")[1]["listenKey"]
    exchange.fault("listen_key")
    assert stream.read()["e"] == "listenKeyExpired"
    exchange.order("BUY", "0.002")
    assert stream.during(0.2) == []
    assert exchange.raw("POST", "/fapi/v1/listenKey")[1]["listenKey"] != old
    stream.close()


def test_private_events_repeated_delayed_and_out_of_order(exchange: Exchange) -> None:
    stream = exchange.private()
    exchange.fault("event", kind="repeat", event="TRADE_LITE", copies=3, times=1)
    exchange.order("BUY", "0.002")
    assert [e["e"] for e in stream.until(lambda e: e["e"] == "ACCOUNT_UPDATE")].count("TRADE_LITE") == 3
    exchange.calm()
    stream.during(0.2)
    exchange.fault("event", kind="delay", seconds=0.4)
    began = time.monotonic()
    exchange.order("BUY", "0.002")
    stream.read()
    assert time.monotonic() - began > 0.35
    stream.until(lambda e: e["e"] == "ACCOUNT_UPDATE")
    exchange.calm()
    stream.during(0.2)
    exchange.fault("order", first="reverse", times=1)
    exchange.order("BUY", "0.002")
    assert stream.read()["e"] == "ACCOUNT_UPDATE"
    stream.close()


def test_clock_shifts_the_whole_venue(exchange: Exchange) -> None:
    exchange.control("clock", offset_ms=-10000)
    assert exchange.code("GET", "/fapi/v3/balance") == -1021
    exchange.offset_ms = -10000
    exchange.ok("GET", "/fapi/v3/balance")
    exchange.offset_ms = 0


def test_ban_weight_and_withdraw(exchange: Exchange) -> None:
    exchange.fault("weight", used=2280)
    exchange.get("/fapi/v1/time")
    assert int(exchange.answer_headers["X-MBX-USED-WEIGHT-1M"]) > 2280
    exchange.fault("withdraw")
    assert exchange.ok("GET", "/sapi/v1/account/apiRestrictions")["enableWithdrawals"]
    exchange.fault("ban", seconds=5)
    status, answer = exchange.raw("GET", "/fapi/v1/time")
    assert (status, answer["code"]) == (418, -1003) and "banned until" in answer["msg"]


def test_list_end_and_bad_faults(exchange: Exchange) -> None:
    exchange.fault("mute", stream="depth")
    exchange.fault("drop", path="/nowhere", times=0)
    url = exchange.ready["control"] + "/fault"
    listed = requests.get(url, timeout=5).json()["faults"]
    assert [f["name"] for f in listed] == ["mute", "drop"]
    assert requests.delete(f"{url}?name=mute", timeout=5).json() == {"ended": 1}
    assert requests.delete(url, timeout=5).json() == {"ended": 1}
    unknown = requests.post(url, json={"name": "earthquake"}, timeout=5)
    assert unknown.status_code == 400 and "withhold" in unknown.json()["error"]
    bad: list[tuple[Any, str]] = [
        ({"name": "withhold", "seconds": "soon"}, "seconds"), ({"name": "diff", "kind": "bend"}, "kind"),
        ({"name": "drop", "color": 1}, "color"), ({"name": "mute", "symbol": "NOPE"}, "symbol")]
    for body, field in bad:
        refused = requests.post(url, json=body, timeout=5)
        assert refused.status_code == 400 and refused.json()["error"].startswith(field)
    assert Decimal(requests.get(exchange.ready["control"] + "/truth", timeout=5).json()["time"]) > 0
