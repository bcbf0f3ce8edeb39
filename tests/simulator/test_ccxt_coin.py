"""A public client that nobody here wrote trades COIN-M: ccxt's binancecoinm, REST and ccxt.pro."""

from __future__ import annotations

import asyncio
from typing import Any

import ccxt  # type: ignore[import-untyped]  # ships no types
import ccxt.pro  # type: ignore[import-untyped]  # ships no types
import pytest

from tests.simulator.coin_client import Coin
from tests.simulator.sim_client import Exchange
from tests.simulator.test_ccxt import options, ready

BTC, ETH = "BTC/USD:BTC", "ETH/USD:ETH"


@pytest.fixture
def private(coin: Coin) -> Any:
    return ready(ccxt.binancecoinm(options(coin.exchange, True)), coin.exchange)


def test_markets_and_market_data(private: Any) -> None:
    markets = private.load_markets()
    assert markets[BTC]["inverse"] and markets[BTC]["contractSize"] == 100 and markets[ETH]["contractSize"] == 10
    assert len(private.fetch_ohlcv(BTC, "5m", limit=50)) == 50
    book = private.fetch_order_book(ETH, 50)
    assert len(book["bids"]) > 40 and book["bids"][0][0] < book["asks"][0][0]
    assert private.fetch_ticker(BTC)["high"] >= private.fetch_ticker(BTC)["low"]
    assert private.fetch_funding_rate(BTC)["fundingRate"] is not None


def test_place_change_cancel(private: Any) -> None:
    bid = private.fetch_order_book(BTC, 5)["bids"][0][0]
    placed = private.create_order(BTC, "limit", "buy", 3, bid - 500, {"newClientOrderId": "1.ccxt"})
    assert placed["status"] == "open" and placed["clientOrderId"] == "1.ccxt"
    private.edit_order(placed["id"], BTC, "limit", "buy", 4, bid - 600)
    assert [(o["price"], o["amount"]) for o in private.fetch_open_orders(BTC)] == [(round(bid - 600, 1), 4)]
    assert private.cancel_order(placed["id"], BTC)["status"] == "canceled"
    with pytest.raises(ccxt.OrderNotFound):
        private.cancel_order(placed["id"], BTC)


def test_fills_positions_income(private: Any) -> None:
    private.set_leverage(10, BTC)
    bought = private.create_order(BTC, "market", "buy", 5)
    assert private.fetch_order(bought["id"], BTC)["filled"] == 5
    (position,) = [p for p in private.fetch_positions([BTC]) if p["contracts"]]
    assert (position["side"], position["contracts"]) == ("long", 5)
    mine = [t for t in private.fetch_my_trades(BTC) if t["order"] == bought["id"]]
    assert sum(t["amount"] for t in mine) == 5
    assert all(t["fee"]["currency"] == "BTC" and t["fee"]["cost"] > 0 for t in mine)
    assert 0.99 < private.fetch_balance()["BTC"]["total"] < 1
    assert {row["incomeType"] for row in private.dapiprivate_get_income()} >= {"TRANSFER", "COMMISSION"}
    private.create_order(BTC, "market", "sell", 5, None, {"reduceOnly": True})
    assert not [p for p in private.fetch_positions([BTC]) if p["contracts"]]


def test_funding_history(private: Any, coin: Coin) -> None:
    private.create_order(BTC, "market", "buy", 5)
    coin.control("funding", rate="0.0005")

    assert private.fetch_funding_history(BTC)[-1]["amount"] < 0
    assert private.fetch_funding_history(BTC)[-1]["code"] == "BTC"


def test_conditional_orders(private: Any) -> None:
    bid = private.fetch_order_book(ETH, 5)["bids"][0][0]
    stop = private.create_order(ETH, "market", "sell", 2, None, {"stopLossPrice": round(bid - 90, 2)})
    assert [o["id"] for o in private.fetch_open_orders(ETH, params={"trigger": True})] == [stop["id"]]
    private.cancel_order(stop["id"], ETH, {"trigger": True})
    assert private.fetch_open_orders(ETH, params={"trigger": True}) == []


def test_streams(coin: Coin) -> None:
    asyncio.run(asyncio.wait_for(watch(coin.exchange), 20))


async def watch(exchange: Exchange) -> None:
    client = ready(ccxt.pro.binancecoinm(options(exchange, True)), exchange)
    client.urls["api"]["ws"]["delivery"] = f"{exchange.venue['ws']}/coin/ws"
    try:
        book = await client.watch_order_book(BTC)
        assert book["bids"][0][0] < book["asks"][0][0]
        waiting = asyncio.ensure_future(client.watch_orders(BTC))
        await asyncio.sleep(0.5)
        placed = await client.create_order(BTC, "market", "buy", 1)
        orders = await waiting
        assert placed["id"] in {order["id"] for order in orders}
    finally:
        await client.close()
