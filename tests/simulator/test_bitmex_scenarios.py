"""The worked scenarios over the wire: execCost and execComm, to the minor unit."""

from __future__ import annotations

from decimal import Decimal as D

from tests.simulator.bitmex_client import Bitmex, Row


def booked(rows: list[Row]) -> tuple[list[int], list[int]]:
    """SUMREAL (execCost has the opposite sign) and COMMISS, in minor units."""
    return [-row["execCost"] for row in rows], [row["execComm"] for row in rows]


def take(bitmex: Bitmex, side: str, qty: int, price: str, symbol: str = "XBTUSD") -> None:
    """A taker's fill at exactly this price: the market's own quote is brought there."""
    bitmex.offer(side, qty, price, symbol)
    assert bitmex.order(side, qty, price, symbol, timeInForce="FillOrKill")["ordStatus"] == "Filled"


def make(bitmex: Bitmex, side: str, qty: int, price: str, symbol: str = "XBTUSD", *parts: int) -> None:
    """A maker's fill at exactly this price, alone at it, by strangers who trade `parts`."""
    bitmex.middle(price, symbol)
    bitmex.order(side, qty, price, symbol, execInst="ParticipateDoNotInitiate", clOrdID="maker")
    for part in parts or (qty,):
        filled = bitmex.control("trade", symbol, side="SELL" if side == "Buy" else "BUY", qty=part)
        assert D(filled["filled"]) == part and D(filled["avg_price"]) == D(price)


def new_fills(bitmex: Bitmex, before: int) -> list[Row]:
    return bitmex.fills()[before:]


def test_scenario_1_inverse_round_trip(bitmex: Bitmex) -> None:
    before, wallet = len(bitmex.fills()), bitmex.margin()["walletBalance"]

    take(bitmex, "Buy", 100, "50000")
    position = bitmex.position()
    assert (position["posCost"], position["avgEntryPrice"], position["currentQty"]) == (-200_000, 50000, 100)
    take(bitmex, "Sell", 100, "51000")

    assert booked(new_fills(bitmex, before)) == ([200_000, -196_078], [100, 98])
    assert bitmex.margin()["walletBalance"] - wallet == 3724
    assert bitmex.position()["currentQty"] == 0


def test_scenario_3_inverse_short_with_rebates(bitmex: Bitmex) -> None:
    before, wallet = len(bitmex.fills()), bitmex.margin()["walletBalance"]

    make(bitmex, "Sell", 300, "50000")
    make(bitmex, "Buy", 300, "49000")

    assert booked(new_fills(bitmex, before)) == ([-600_000, 612_246], [-60, -61])
    assert bitmex.margin()["walletBalance"] - wallet == 12_367


def test_scenario_4_partial_fills(bitmex: Bitmex) -> None:
    before = len(bitmex.fills())

    make(bitmex, "Buy", 300, "50000", "XBTUSD", 100, 150)
    bitmex.ok("PUT", "order", {"origClOrdID": "maker", "price": 49999.5})
    bids, _ = bitmex.book()
    ahead = sum(int(row["size"]) for row in bids if row["price"] > D("49999.5"))
    level = next(int(row["size"]) for row in bids if row["price"] == D("49999.5"))
    bitmex.control("trade", side="SELL", qty=ahead + level)

    rows = new_fills(bitmex, before)
    assert booked(rows) == ([200_000, 300_000, 100_001], [-20, -30, -10])
    assert [row["leavesQty"] for row in rows] == [200, 50, 0]
    assert round(D(bitmex.position()["avgEntryPrice"]), 4) == D("49999.9167")


def test_scenario_7_linear(bitmex: Bitmex) -> None:
    before, wallet = len(bitmex.fills()), bitmex.margin("USDt")["walletBalance"]

    take(bitmex, "Buy", 1000, "64207.4", "XBTUSDT")
    make(bitmex, "Sell", 1000, "64321.5", "XBTUSDT")

    rows = new_fills(bitmex, before)
    assert booked(rows) == ([-64_207_400, 64_321_500], [32_104, -6_432])
    assert {row["settlCurrency"] for row in rows} == {"USDt"}
    assert bitmex.margin("USDt")["walletBalance"] - wallet == 88_428


def test_scenario_9_quanto_settles_in_bitcoin(bitmex: Bitmex) -> None:
    before, wallet = len(bitmex.fills()), bitmex.margin()["walletBalance"]

    take(bitmex, "Buy", 10, "3000", "ETHUSD")
    take(bitmex, "Sell", 10, "3100", "ETHUSD")

    rows = new_fills(bitmex, before)
    assert booked(rows) == ([-3_000_000, 3_100_000], [1_500, 1_550])
    assert {row["settlCurrency"] for row in rows} == {"XBt"}
    assert bitmex.margin()["walletBalance"] - wallet == 96_950


def test_scenario_11_funding_in_satoshi(bitmex: Bitmex) -> None:
    take(bitmex, "Buy", 100, "50000")
    bitmex.middle("50000")
    wallet, told = bitmex.margin()["walletBalance"], bitmex.control("funding", category="inverse", rate="0.0001")

    row = bitmex.fills()[-1]

    assert (row["execType"], row["execComm"], row["lastQty"], row["lastPx"]) == ("Funding", 20, 100, 50000)
    assert row["commission"] == D("0.0001") and row["execCost"] == -200_000 and row["foreignNotional"] == -100
    assert "side" not in row and D(told["mark"]) == 50000
    assert bitmex.margin()["walletBalance"] == wallet - 20
    kept = bitmex.truth("funding")[-1]
    assert (kept["id"], kept["amount"], kept["asset"], kept["position"]) == (row["execID"], "0.0000002", "XBt", "100")
    assert bitmex.ok("GET", "funding", symbol="XBTUSD", reverse="true", count=1)[0]["fundingRate"] == D("0.0001")


def test_funding_without_a_position_books_nothing(bitmex: Bitmex) -> None:
    before = len(bitmex.fills())

    bitmex.control("funding", "ETHUSD", rate="0.0004")

    assert len(bitmex.fills()) == before
