"""A public client that nobody here wrote uses the BitMEX face: ccxt's bitmex, REST and ccxt.pro."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from itertools import pairwise
from typing import Any

import ccxt  # type: ignore[import-untyped]  # ships no types
import ccxt.pro  # type: ignore[import-untyped]  # ships no types
import pytest

from tests.simulator.sim_client import Exchange

XBT = "BTC/USD:BTC"


def ready(client: Any, exchange: Exchange) -> Any:
    """A client whose addresses lead to the bundled exchange."""
    face = exchange.ready["bitmex"]
    host = face["http"].removesuffix("/api/v1/")
    client.urls["api"] = {"public": host, "private": host, "ws": face["ws"]}
    return client


def keys(exchange: Exchange) -> dict[str, Any]:
    face = exchange.ready["bitmex"]
    return {"apiKey": face["api_key"], "secret": face["api_secret"], "enableRateLimit": False}


@pytest.fixture
def bitmex(exchange: Exchange) -> Any:
    return ready(ccxt.bitmex(keys(exchange)), exchange)


def test_markets_and_market_data(exchange: Exchange) -> None:
    public = ready(ccxt.bitmex({"enableRateLimit": False}), exchange)
    markets = public.load_markets()
    assert {name: (m["inverse"], m["linear"], m.get("quanto")) for name, m in markets.items() if m["active"]} == {
        XBT: (True, False, False), "BTC/USDT:USDT": (False, True, False), "ETH/USD:BTC": (False, False, True),
        "BTC/USDT": (None, None, None), "ETH/USDT": (None, None, None)}

    candles = public.fetch_ohlcv(XBT, "5m", limit=50)
    assert len(candles) == 50 and {b[0] - a[0] for a, b in pairwise(candles)} == {300000}
    book = public.fetch_order_book(XBT, 10)
    assert len(book["bids"]) == 10 and book["bids"][0][0] < book["asks"][0][0]
    exchange.control("trade", market="Bitmex", category="inverse", symbol="XBTUSD", side="BUY", qty="100")
    assert public.fetch_trades(XBT, limit=3)[-1]["amount"] > 0
    assert public.fetch_funding_rate(XBT)["fundingRate"] is not None


def test_place_amend_cancel(bitmex: Any) -> None:
    bid = bitmex.fetch_order_book(XBT, 5)["bids"][0][0]
    placed = bitmex.create_order(XBT, "limit", "buy", 100, bid - 500, {"clOrdID": "1.ccxt"})
    assert placed["status"] == "open" and placed["clientOrderId"] == "1.ccxt"

    changed = bitmex.edit_order(placed["id"], XBT, "limit", "buy", 200, bid - 600)
    assert changed["id"] == placed["id"]
    (resting,) = bitmex.fetch_open_orders(XBT)
    assert (resting["price"], int(resting["info"]["orderQty"])) == (bid - 600, 200)
    assert bitmex.cancel_order(placed["id"], XBT)["status"] == "canceled"
    assert bitmex.fetch_order(placed["id"], XBT)["status"] == "canceled"
    stop = bitmex.create_order(XBT, "Stop", "sell", 100, None, {"triggerPrice": bid - 1000})
    assert [one["id"] for one in bitmex.cancel_all_orders(XBT)] == [stop["id"]]


def test_fills_positions_money(bitmex: Any) -> None:
    bitmex.set_leverage(10, XBT)
    before = bitmex.fetch_balance()["BTC"]["total"]
    bought = bitmex.create_order(XBT, "market", "buy", 300)
    assert bought["status"] == "closed" and int(bought["info"]["cumQty"]) == 300

    (position,) = [one for one in bitmex.fetch_positions([XBT]) if one["contracts"]]
    assert (position["side"], position["contracts"]) == ("long", 300)
    mine = [trade for trade in bitmex.fetch_my_trades(XBT) if trade["order"] == bought["id"]]
    assert sum(trade["amount"] for trade in mine) == 300
    assert all(trade["fee"]["currency"] == "BTC" and trade["fee"]["cost"] > 0 for trade in mine)
    assert bitmex.fetch_balance()["BTC"]["total"] < before
    bitmex.create_order(XBT, "market", "sell", 300, None, {"execInst": "ReduceOnly"})
    assert not [one for one in bitmex.fetch_positions([XBT]) if one["contracts"]]


def test_a_spot_pair_moves_both_wallets(bitmex: Any) -> None:
    before = bitmex.fetch_balance()
    bought = bitmex.create_order("BTC/USDT", "market", "buy", 0.001)
    (fill,) = [one for one in bitmex.fetch_my_trades("BTC/USDT") if one["order"] == bought["id"]]
    after = bitmex.fetch_balance()

    assert (bought["status"], fill["amount"]) == ("closed", 0.001)
    assert round(after["BTC"]["total"] - before["BTC"]["total"], 8) == 0.001
    assert round(before["USDT"]["total"] - after["USDT"]["total"], 5) == round(fill["cost"] * 1.0005, 5)
    bitmex.create_order("BTC/USDT", "market", "sell", 0.001)


def test_movements_are_in_the_ledger(bitmex: Any, exchange: Exchange) -> None:
    exchange.control("deposit", market="Bitmex", asset="XBt", amount="0.125")
    exchange.control("deposit", market="Bitmex", asset="XBt", amount="-0.0625")

    rows = bitmex.fetch_ledger("BTC")[-2:]
    assert [(row["direction"], row["amount"], row["status"]) for row in rows] == [
        ("in", 0.125, "ok"), ("out", 0.0625, "ok")]
    assert bitmex.fetch_deposits_withdrawals("BTC")[-1]["type"] == "withdrawal"


def test_refusals_become_the_right_errors(bitmex: Any, exchange: Exchange) -> None:
    with pytest.raises(ccxt.InsufficientFunds):
        bitmex.create_order(XBT, "market", "buy", 9_000_000)
    stranger = ready(ccxt.bitmex({"apiKey": "x" * 24, "secret": "y" * 48}), exchange)
    with pytest.raises(ccxt.AuthenticationError):
        stranger.fetch_balance()


def stream(exchange: Exchange, work: Callable[[Any], Awaitable[Any]]) -> Any:
    """Run something with a ccxt.pro client, closed at the end."""
    async def main() -> Any:
        client = ready(ccxt.pro.bitmex(keys(exchange)), exchange)
        try:
            return await asyncio.wait_for(work(client), 15)
        finally:
            await client.close()
    return asyncio.run(main())


def test_watch_book_and_trades(exchange: Exchange) -> None:
    async def work(client: Any) -> tuple[Any, Any]:
        await client.load_markets()
        trade = asyncio.create_task(client.watch_trades(XBT))
        for _ in range(5):
            book = await client.watch_order_book(XBT)
        return book, await trade

    book, trades = stream(exchange, work)

    assert len(book["bids"]) > 20 and book["bids"][0][0] < book["asks"][0][0]
    assert trades[-1]["amount"] > 0


def test_watch_orders_and_fills(exchange: Exchange) -> None:
    async def work(client: Any) -> tuple[Any, Any]:
        await client.load_markets()
        orders = asyncio.create_task(client.watch_orders(XBT))
        trades = asyncio.create_task(client.watch_my_trades(XBT))
        await asyncio.sleep(0.7)
        await client.create_order(XBT, "market", "buy", 100)
        return await orders, await trades

    orders, trades = stream(exchange, work)

    assert orders[-1]["symbol"] == XBT
    assert (trades[-1]["side"], trades[-1]["amount"]) == ("buy", 100)
