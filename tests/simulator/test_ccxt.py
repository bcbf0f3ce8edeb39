"""A public client that nobody here wrote uses the exchange: ccxt's binanceusdm, REST and ccxt.pro."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from itertools import pairwise
from typing import Any

import ccxt  # type: ignore[import-untyped]  # ships no types
import ccxt.pro  # type: ignore[import-untyped]  # ships no types
import pytest

from tests.simulator.sim_client import Exchange

BTC = "BTC/USDT:USDT"


def aim(urls: Any, http: str, ws: str) -> Any:
    """All addresses of ccxt with scheme and host replaced."""
    if isinstance(urls, dict):
        return {key: aim(value, http, ws) for key, value in urls.items()}
    scheme, _, rest = str(urls).partition("://")
    path = rest.partition("/")[2]
    return f"{ws if scheme.startswith('ws') else http}/{path}"


def options(exchange: Exchange, keys: bool) -> dict[str, Any]:
    out: dict[str, Any] = {"options": {"fetchCurrencies": False, "adjustForTimeDifference": True}}
    if keys:
        out |= {"apiKey": exchange.venue["api_key"], "secret": exchange.venue["api_secret"]}
    return out


def ready(client: Any, exchange: Exchange) -> Any:
    client.urls["api"] = aim(client.urls["api"], exchange.venue["http"], exchange.venue["ws"])
    return client


@pytest.fixture
def public(exchange: Exchange) -> Any:
    return ready(ccxt.binanceusdm(options(exchange, False)), exchange)


@pytest.fixture
def private(exchange: Exchange) -> Iterator[Any]:
    yield ready(ccxt.binanceusdm(options(exchange, True)), exchange)


def test_markets_and_market_data(public: Any) -> None:
    markets = public.load_markets()
    assert markets[BTC]["linear"] and markets[BTC]["active"]
    assert (markets[BTC]["precision"]["amount"], markets[BTC]["precision"]["price"]) == (0.001, 0.1)
    assert markets[BTC]["limits"]["cost"]["min"] == 100

    candles = public.fetch_ohlcv(BTC, "5m", limit=100)
    assert len(candles) == 100 and {b[0] - a[0] for a, b in pairwise(candles)} == {300000}
    book = public.fetch_order_book(BTC, 50)
    assert len(book["bids"]) > 40 and book["bids"][0][0] < book["asks"][0][0]
    assert public.fetch_ticker(BTC)["high"] >= public.fetch_ticker(BTC)["low"]
    assert public.fetch_funding_rate(BTC)["fundingRate"] is not None
    assert public.fetch_time() > 0


def test_place_modify_cancel(private: Any) -> None:
    bid = private.fetch_order_book(BTC, 5)["bids"][0][0]
    placed = private.create_order(BTC, "limit", "buy", 0.01, bid - 500, {"newClientOrderId": "1.ccxt"})
    assert placed["status"] == "open" and placed["clientOrderId"] == "1.ccxt"

    changed = private.edit_order(placed["id"], BTC, "limit", "buy", 0.02, bid - 600)
    assert changed["id"] == placed["id"]
    assert [(o["price"], o["amount"]) for o in private.fetch_open_orders(BTC)] == [(round(bid - 600, 1), 0.02)]
    assert private.cancel_order(placed["id"], BTC)["status"] == "canceled"
    assert private.fetch_order(placed["id"], BTC)["status"] == "canceled"
    with pytest.raises(ccxt.OrderNotFound):
        private.cancel_order(placed["id"], BTC)


def test_fills_positions_money(private: Any) -> None:
    private.set_leverage(10, BTC)
    bought = private.create_order(BTC, "market", "buy", 0.02)
    assert bought["status"] == "closed" and bought["filled"] == 0.02

    (position,) = private.fetch_positions([BTC])
    assert (position["side"], position["contracts"]) == ("long", 0.02)
    trades = private.fetch_my_trades(BTC)
    mine = [t for t in trades if t["order"] == bought["id"]]
    assert sum(t["amount"] for t in mine) == pytest.approx(0.02)
    assert all(t["fee"]["currency"] == "USDT" and t["fee"]["cost"] > 0 for t in mine)
    assert private.fetch_balance()["USDT"]["total"] < 10000
    kinds = {row["incomeType"] for row in private.fapiprivate_get_income()}
    assert {"TRANSFER", "COMMISSION"} <= kinds
    private.create_order(BTC, "market", "sell", 0.02, None, {"reduceOnly": True})
    assert private.fetch_positions([BTC]) == []


def test_refusals_become_the_right_errors(private: Any, exchange: Exchange) -> None:
    with pytest.raises(ccxt.ExchangeError, match="-2019"):
        private.create_order(BTC, "market", "buy", 90)
    with pytest.raises(ccxt.ExchangeError, match="-5022"):
        ask = private.fetch_order_book(BTC, 5)["asks"][0][0]
        private.create_order(BTC, "limit", "buy", 0.01, ask + 100, {"postOnly": True})
    foreign = {"apiKey": "x" * 64, "secret": "y", "options": {"fetchCurrencies": False}}
    stranger = ready(ccxt.binanceusdm(foreign), exchange)
    with pytest.raises(ccxt.AuthenticationError):
        stranger.fetch_balance()


def test_funding_history(private: Any, exchange: Exchange) -> None:
    private.create_order(BTC, "market", "buy", 0.02)
    exchange.control("funding", symbol="BTCUSDT", rate="0.0005")

    paid = private.fetch_funding_history(BTC)
    assert paid[-1]["amount"] < 0
    assert private.fetch_funding_rate_history(BTC)[-1]["fundingRate"] == 0.0005


def test_movements_are_in_the_ledger(private: Any, exchange: Exchange) -> None:
    exchange.control("deposit", category="linear", asset="USDT", amount="-12.5")

    (row,) = [one for one in private.fetch_ledger("USDT", params={"type": "future"}, limit=1000)
              if one["info"]["income"] == "-12.50000000"]
    assert (row["type"], row["direction"], row["amount"]) == ("transfer", "out", 12.5)


def stream(exchange: Exchange, work: Callable[[Any], Awaitable[Any]]) -> Any:
    """Run something with a ccxt.pro client, closed at the end."""
    async def main() -> Any:
        client = ready(ccxt.pro.binanceusdm(options(exchange, True)), exchange)
        try:
            return await asyncio.wait_for(work(client), 10)
        finally:
            await client.close()
    return asyncio.run(main())


def test_watch_book_trades_and_candles(exchange: Exchange) -> None:
    async def work(client: Any) -> tuple[Any, Any, Any, Any]:
        await client.load_markets()
        trade = asyncio.create_task(client.watch_trades(BTC))
        candle = asyncio.create_task(client.watch_ohlcv(BTC, "1m"))
        for _ in range(5):
            book = await client.watch_order_book(BTC)
        await asyncio.to_thread(exchange.control, "trade", symbol="BTCUSDT", side="BUY", qty="0.01")
        top = await client.watch_bids_asks([BTC])
        return book, await trade, await candle, top

    book, trades, candles, top = stream(exchange, work)

    assert len(book["bids"]) > 20 and book["bids"][0][0] < book["asks"][0][0]
    assert trades[-1]["amount"] > 0
    assert candles[-1][5] > 0
    assert top[BTC]["bid"] > 0


def test_watch_orders_trades_and_balance(exchange: Exchange) -> None:
    async def work(client: Any) -> tuple[Any, Any, Any]:
        await client.load_markets()
        orders = asyncio.create_task(client.watch_orders(BTC))
        trades = asyncio.create_task(client.watch_my_trades(BTC))
        balance = asyncio.create_task(client.watch_balance())
        await asyncio.sleep(0.7)
        await client.create_order(BTC, "market", "buy", 0.02)
        return await orders, await trades, await balance

    orders, trades, balance = stream(exchange, work)

    assert orders[-1]["symbol"] == BTC
    assert trades[-1]["side"] == "buy" and trades[-1]["fee"]["currency"] == "USDT"
    assert 0 < balance["USDT"]["total"] < 10001
