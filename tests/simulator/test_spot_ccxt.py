"""A public client that nobody here wrote trades spot on the exchange: ccxt's binance, REST and ccxt.pro."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from itertools import pairwise
from typing import Any

import ccxt  # type: ignore[import-untyped]  # ships no types
import ccxt.pro  # type: ignore[import-untyped]  # ships no types
import pytest

from tests.simulator.spot_client import Spot
from tests.simulator.test_ccxt import aim, options

BTC = "BTC/USDT"


def ready(kind: Any, spot: Spot) -> Any:
    """A client of spot and of the futures' symbols, all addresses those of the exchange."""
    given = options(spot.exchange, True)
    given["options"] |= {"fetchMarkets": {"types": ["spot", "linear", "inverse"]}, "fetchMargins": False}
    client = kind(given)
    venue = spot.exchange.venue
    client.urls["api"] = aim(client.urls["api"], venue["http"], venue["ws"])
    # ccxt knows spot's events by the word "/stream" in the address they came from
    client.urls["api"].setdefault("ws", {})["spot"] = f"{venue['ws']}/spot/ws?of=/stream"
    return client


@pytest.fixture
def client(spot: Spot) -> Any:
    return ready(ccxt.binance, spot)


def test_markets_of_all_products_and_market_data(client: Any) -> None:
    markets = client.load_markets()
    assert {BTC, "BTC/USDT:USDT", "BTC/USD:BTC"} <= set(markets)
    market = markets[BTC]
    assert market["spot"] and market["active"] and market["limits"]["cost"]["min"] == 5
    assert (market["precision"]["amount"], market["precision"]["price"]) == (0.00001, 0.01)

    candles = client.fetch_ohlcv(BTC, "5m", limit=100)
    assert len(candles) == 100 and {b[0] - a[0] for a, b in pairwise(candles)} == {300000}
    book = client.fetch_order_book(BTC, 50)
    assert len(book["bids"]) > 40 and book["bids"][0][0] < book["asks"][0][0]
    ticker = client.fetch_ticker(BTC)
    assert ticker["high"] >= ticker["low"] and ticker["bid"] < ticker["ask"]
    assert client.fetch_trading_fee(BTC)["taker"] == 0.001
    assert set(client.fetch_tickers([BTC, "ETH/USDT"])) == {BTC, "ETH/USDT"}


def test_place_replace_cancel(client: Any) -> None:
    bid = client.fetch_order_book(BTC, 5)["bids"][0][0]
    placed = client.create_order(BTC, "limit", "buy", 0.01, bid - 500, {"newClientOrderId": "1-ccxt"})
    assert placed["status"] == "open" and placed["clientOrderId"] == "1-ccxt"

    changed = client.edit_order(placed["id"], BTC, "limit", "buy", 0.02, bid - 600)

    assert client.fetch_order(placed["id"], BTC)["status"] == "canceled"
    assert [(o["id"], o["amount"]) for o in client.fetch_open_orders(BTC)] == [(changed["id"], 0.02)]
    stop = client.create_order(BTC, "limit", "buy", 0.01, bid + 2000, {"triggerPrice": bid + 1900})
    assert {o["id"] for o in client.cancel_all_orders(BTC)} == {changed["id"], stop["id"]}
    with pytest.raises(ccxt.OrderNotFound):
        client.cancel_order(placed["id"], BTC)


def test_fills_balance_and_refusals(client: Any) -> None:
    bought = client.create_order(BTC, "market", "buy", 0.02)
    assert bought["status"] == "closed" and bought["filled"] == 0.02

    balance = client.fetch_balance()["BTC"]
    mine = [t for t in client.fetch_my_trades(BTC) if t["order"] == bought["id"]]
    assert sum(t["amount"] for t in mine) == pytest.approx(0.02) and balance["free"] == pytest.approx(0.01998)
    assert all(t["fee"]["currency"] == "BTC" and t["fee"]["cost"] > 0 for t in mine)
    with pytest.raises(ccxt.InsufficientFunds):
        client.create_order(BTC, "market", "sell", 0.02)
    with pytest.raises(ccxt.OrderImmediatelyFillable):
        client.create_order(BTC, "limit", "buy", 0.01, client.fetch_ticker(BTC)["ask"] + 50, {"postOnly": True})
    assert client.create_order(BTC, "market", "sell", 0.01998)["status"] == "closed"


def test_deposits_withdrawals_and_transfers(client: Any, spot: Spot) -> None:
    for asset, amount, kind in (("BTC", "0.5", "DEPOSIT"), ("BTC", "-0.25", "WITHDRAW"),
                                ("USDT", "-3", "MAIN_UMFUTURE")):
        spot.exchange.control("deposit", asset=asset, amount=amount, kind=kind)

    came, went = client.fetch_deposits("BTC")[-1], client.fetch_withdrawals("BTC")[-1]
    moved = client.fetch_transfers("USDT", params={"fromAccount": "spot", "toAccount": "future"})[-1]
    assert (came["amount"], came["status"], went["amount"], went["status"]) == (0.5, "ok", 0.25, "ok")
    assert (moved["amount"], moved["currency"], moved["toAccount"]) == (3, "USDT", "linear")


def stream(spot: Spot, work: Callable[[Any], Awaitable[Any]]) -> Any:
    """Run something with a ccxt.pro client, closed at the end."""
    async def main() -> Any:
        client = ready(ccxt.pro.binance, spot)
        try:
            return await asyncio.wait_for(work(client), 10)
        finally:
            await client.close()
    return asyncio.run(main())


def test_watch_book_trades_and_candles(spot: Spot) -> None:
    async def work(client: Any) -> tuple[Any, Any, Any]:
        await client.load_markets()
        trade = asyncio.create_task(client.watch_trades(BTC))
        candle = asyncio.create_task(client.watch_ohlcv(BTC, "1m"))
        for _ in range(5):
            book = await client.watch_order_book(BTC)
        await asyncio.to_thread(spot.control, "trade", side="BUY", qty="0.01")
        return book, await trade, await candle

    book, trades, candles = stream(spot, work)

    assert len(book["bids"]) > 20 and book["bids"][0][0] < book["asks"][0][0]
    assert trades[-1]["amount"] > 0 and candles[-1][5] > 0


def test_watch_orders_trades_and_balance(spot: Spot) -> None:
    async def work(client: Any) -> tuple[Any, Any, Any]:
        await client.load_markets()
        orders = asyncio.create_task(client.watch_orders(BTC))
        trades = asyncio.create_task(client.watch_my_trades(BTC))
        balance = asyncio.create_task(client.watch_balance())
        await asyncio.sleep(0.7)
        await client.create_order(BTC, "market", "buy", 0.02)
        return await orders, await trades, await balance

    orders, trades, balance = stream(spot, work)

    assert orders[-1]["symbol"] == BTC and orders[-1]["status"] in ("open", "closed")
    assert trades[-1]["side"] == "buy" and trades[-1]["fee"]["currency"] == "BTC"
    assert 0 < balance["USDT"]["total"] < 10000
