"""Keys, limits and public calls of the BitMEX face."""

from __future__ import annotations

import time
from datetime import datetime
from decimal import Decimal as D
from email.utils import parsedate_to_datetime
from itertools import pairwise
from typing import Any

import pytest
import requests

from tests.simulator.bitmex_client import Bitmex, signature


def headers(bitmex: Bitmex, target: str, **other: str) -> dict[str, str]:
    expires = int(time.time()) + 10
    return {"api-key": bitmex.face["api_key"], "api-expires": str(expires),
            "api-signature": signature(bitmex.face["api_secret"], "GET", target, expires), **other}


def refused(bitmex: Bitmex, target: str, **other: str) -> tuple[int, str]:
    answer = requests.get(bitmex.host + target, headers=headers(bitmex, target, **other), timeout=5)
    return answer.status_code, answer.json()["error"]["message"]


def seconds(row: Any) -> float:
    return datetime.fromisoformat(row["timestamp"]).timestamp()


def test_keys_are_checked(bitmex: Bitmex) -> None:
    path = "/api/v1/position"
    assert refused(bitmex, path, **{"api-key": "nobody"}) == (401, "Invalid API Key.")
    assert refused(bitmex, path, **{"api-signature": "00"}) == (401, "Signature not valid.")
    status, text = refused(bitmex, path, **{"api-expires": str(int(time.time()) - 2)})
    assert status == 400 and text.startswith("This request has expired - `expires` is in the past. Current time: ")
    assert abs(int(text.rpartition(" ")[2]) - time.time()) < 3
    bare = requests.get(bitmex.host + path, timeout=5)
    assert bare.status_code == 401 and bare.json()["error"]["name"] == "HTTPError"


def test_query_is_signed_as_sent(bitmex: Bitmex) -> None:
    target = "/api/v1/order?filter=%7B%22open%22%3A+true%7D"
    assert requests.get(bitmex.host + target, headers=headers(bitmex, target), timeout=5).json() == []
    other = headers(bitmex, "/api/v1/order?filter=%7B%22open%22%3A%20true%7D")
    assert requests.get(bitmex.host + target, headers=other, timeout=5).status_code == 401


def test_clock_moves_expiry_and_date(bitmex: Bitmex) -> None:
    bitmex.exchange.control("clock", offset_ms=60000)
    assert bitmex.no("GET", "position")[0] == 400
    bitmex.offset_s = 60

    bitmex.ok("GET", "position")

    told = parsedate_to_datetime(bitmex.headers["date"]).timestamp()
    assert abs(told - time.time() - 60) < 3
    assert abs(bitmex.ok("GET", "")["timestamp"] / 1000 - time.time() - 60) < 3


def test_rate_headers_and_429(bitmex: Bitmex) -> None:
    bitmex.exchange.control("fault", name="limit", requests_1m=60, requests_1s=2)
    bitmex.ok("GET", "position")
    assert bitmex.headers["x-ratelimit-limit"] == "60" and bitmex.headers["x-ratelimit-remaining"] == "59"
    assert abs(int(bitmex.headers["x-ratelimit-reset"]) - time.time()) < 4
    assert "x-ratelimit-remaining-1s" not in bitmex.headers

    answers = [bitmex.call("DELETE", "order", {"clOrdID": "none"}) for _ in range(3)]

    assert [status for status, _ in answers] == [404, 404, 429]
    assert answers[-1][1]["error"]["message"] == "Rate limit exceeded, retry in 1 seconds."
    assert bitmex.headers["retry-after"] == "1" and bitmex.headers["x-ratelimit-remaining-1s"] == "0"


def test_requests_without_a_key_have_a_smaller_bucket(bitmex: Bitmex) -> None:
    requests.delete(f"{bitmex.exchange.ready['control']}/fault", timeout=5)
    target = f"{bitmex.host}/api/v1/orderBook/L2?symbol=ETHUSD&depth=1"
    statuses = [requests.get(target, timeout=5).status_code for _ in range(35)]
    assert statuses[:30] == [200] * 30 and statuses[-1] == 429


def test_instruments_have_the_venues_fields(bitmex: Bitmex) -> None:
    rows = {row["symbol"]: row for row in bitmex.ok("GET", "instrument/active")}

    assert set(rows) == {"XBTUSD", "XBTUSDT", "ETHUSD", "XBT_USDT", "ETH_USDT"}
    assert all(row["bidPrice"] < row["askPrice"] for row in rows.values())
    contracts = [row for row in rows.values() if "_" not in row["symbol"]]
    common = {"state": "Open", "typ": "FFWCSX", "makerFee": D("-0.0001"), "takerFee": D("0.0005"),
              "fundingInterval": "2000-01-01T08:00:00.000Z", "initMargin": D("0.01")}
    assert all(common.items() <= row.items() for row in contracts)
    inverse = {"isInverse": True, "isQuanto": False, "multiplier": -100_000_000, "lotSize": 100, "settlCurrency": "XBt",
               "tickSize": D("0.1"), "quoteCurrency": "USD", "underlyingToSettleMultiplier": -100_000_000}
    linear = {"isInverse": False, "isQuanto": False, "multiplier": 1, "lotSize": 100, "settlCurrency": "USDt",
              "underlyingToPositionMultiplier": 1_000_000, "quoteToSettleMultiplier": 1_000_000}
    quanto = {"isInverse": False, "isQuanto": True, "multiplier": 100, "lotSize": 1, "settlCurrency": "XBt",
              "tickSize": D("0.05")}
    assert inverse.items() <= rows["XBTUSD"].items() and linear.items() <= rows["XBTUSDT"].items()
    assert quanto.items() <= rows["ETHUSD"].items()
    hours = datetime.fromisoformat(rows["XBTUSD"]["fundingTimestamp"])
    assert hours.hour in (4, 12, 20) and hours.minute == 0
    assert None not in rows["XBTUSD"].values() and "" not in rows["XBTUSD"].values()
    (short,) = bitmex.ok("GET", "instrument", symbol="ETHUSD", columns=["lotSize"])
    assert set(short) == {"symbol", "lotSize", "timestamp"}


@pytest.mark.parametrize(("size", "step"), [("1m", 60), ("5m", 300), ("1h", 3600), ("1d", 86400)])
def test_bars_are_stamped_with_their_end(bitmex: Bitmex, size: str, step: int) -> None:
    rows = bitmex.ok("GET", "trade/bucketed", symbol="XBTUSD", binSize=size, count=6, reverse="true")[::-1]

    assert len(rows) == 6 and all(seconds(b) - seconds(a) == step for a, b in pairwise(rows))
    assert 0 <= time.time() - seconds(rows[-1]) < step + 2
    assert all(b["open"] == a["close"] and b["low"] <= b["open"] <= b["high"] for a, b in pairwise(rows))
    partial = bitmex.ok("GET", "trade/bucketed", symbol="XBTUSD", binSize=size, count=1, reverse="true", partial="true")
    assert seconds(partial[0]) > time.time() - 1
    again = bitmex.ok("GET", "trade/bucketed", symbol="XBTUSD", binSize=size, startTime=rows[1]["timestamp"],
                      endTime=rows[4]["timestamp"], count=1000)
    assert again == rows[1:5]


def test_pages_of_bars_follow_each_other(bitmex: Bitmex) -> None:
    ask: dict[str, Any] = {"symbol": "ETHUSD", "binSize": "1h", "count": 20}
    pages = [bitmex.ok("GET", "trade/bucketed", start=start, **ask) for start in (0, 20, 40)]
    rows = [row for page in pages for row in page]
    assert len(rows) == 60 and all(seconds(b) - seconds(a) == 3600 for a, b in pairwise(rows))


def test_book_has_opaque_ids_and_never_crosses(bitmex: Bitmex) -> None:
    bitmex.exchange.fault("freeze")
    rows = bitmex.ok("GET", "orderBook/L2", symbol="XBTUSD", depth=0)
    assert len(rows) > 200 and len({row["id"] for row in rows}) == len(rows) and min(r["id"] for r in rows) > 1 << 32
    assert all(row["size"] % 100 == 0 for row in rows)
    bids, asks = bitmex.book("XBTUSD", 25)
    assert len(bids) == len(asks) == 25 and bids[0]["price"] < asks[0]["price"]
    quote = bitmex.ok("GET", "quote", symbol="XBTUSD")[0]
    assert (quote["bidPrice"], quote["askSize"]) == (bids[0]["price"], asks[0]["size"])


def test_trades_newest_when_reversed(bitmex: Bitmex) -> None:
    bitmex.exchange.fault("freeze")
    bitmex.control("trade", "XBTUSDT", side="BUY", qty=500)
    newest = bitmex.ok("GET", "trade", symbol="XBTUSDT", reverse="true", count=1)[0]
    assert newest["side"] == "Buy" and newest["trdType"] == "Regular" and newest["size"] <= 500
    assert newest["grossValue"] == newest["size"] * newest["price"]
    assert newest["homeNotional"] == D(newest["size"]) / 1_000_000
    assert bitmex.ok("GET", "trade", filter={"trdMatchID": newest["trdMatchID"]}) == [newest]


def test_user_wallet_and_rights(bitmex: Bitmex) -> None:
    user = bitmex.ok("GET", "user")
    margins = bitmex.ok("GET", "user/margin", currency="all")
    assert {row["currency"] for row in margins} == {"XBt", "USDt", "Gwei"} and margins[0]["account"] == user["id"]
    assert all(row["marginBalance"] == row["walletBalance"] + row["unrealisedPnl"] for row in margins)
    assert bitmex.ok("GET", "user/wallet", currency="USDt")["deposited"] == 10_000_000_000
    history = bitmex.ok("GET", "user/walletHistory", currency="all")
    assert [row["transactType"] for row in history] == ["Deposit"] * 3
    assert bitmex.ok("GET", "user/commission")["ETHUSD"]["takerFee"] == D("0.0005")
    scales = {row["currency"]: row["scale"] for row in bitmex.ok("GET", "wallet/assets")}
    assert scales == {"XBt": 8, "USDt": 6, "Gwei": 9}
    assert bitmex.ok("GET", "apiKey")[0]["permissions"] == ["order", "orderCancel"]
    bitmex.exchange.fault("withdraw")
    assert "withdraw" in bitmex.ok("GET", "apiKey")[0]["permissions"]


@pytest.mark.parametrize(("path", "params", "text"), [
    ("orderBook/L2", {"symbol": "NOPE"}, "Invalid symbol"), ("trade", {"count": 5000}, "Invalid count: at most 1000"),
    ("trade/bucketed", {"binSize": "7m"}, "Invalid binSize"), ("execution", {"filter": "[1"}, "Invalid filter"),
    ("trade", {"startTime": "yesterday"}, "Invalid startTime or endTime"), ("nowhere", {}, "Not Found")])
def test_bad_questions(bitmex: Bitmex, path: str, params: dict[str, Any], text: str) -> None:
    assert bitmex.no("GET", path, **params)[1] == text
