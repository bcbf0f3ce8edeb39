"""BitMEX payloads of a handful of fields, as the exchange writes them, for the tests of its connector."""

from __future__ import annotations

import json
from typing import Any

from connectors.bitmex.contracts import Contract, instruments
from models import Category, Key

XBT = Key("Bitmex", Category.INVERSE, "XBTUSD")
XBTUSDT = Key("Bitmex", Category.LINEAR, "XBTUSDT")
ETH = Key("Bitmex", Category.QUANTO, "ETHUSD")
SPOT = Key("Bitmex", Category.SPOT, "XBT_USDT")

INSTRUMENTS: list[dict[str, Any]] = [
    {"symbol": "XBTUSD", "state": "Open", "typ": "FFWCSX", "underlying": "XBT", "quoteCurrency": "USD",
     "settlCurrency": "XBt", "isInverse": True, "isQuanto": False, "multiplier": -100000000, "tickSize": 0.1,
     "lotSize": 100, "maxOrderQty": 10000000, "makerFee": -0.0001, "takerFee": 5.0e-4},
    {"symbol": "XBTUSDT", "state": "Open", "typ": "FFWCSX", "underlying": "XBT", "quoteCurrency": "USDT",
     "settlCurrency": "USDt", "isInverse": False, "isQuanto": False, "multiplier": 1, "tickSize": 0.1, "lotSize": 100,
     "underlyingToPositionMultiplier": 1000000, "quoteToSettleMultiplier": 1000000, "maxOrderQty": 1000000000},
    {"symbol": "ETHUSD", "state": "Open", "typ": "FFWCSX", "underlying": "ETH", "quoteCurrency": "USD",
     "settlCurrency": "XBt", "isInverse": False, "isQuanto": True, "multiplier": 100, "tickSize": 0.05, "lotSize": 1},
    {"symbol": "XBT_USDT", "state": "Open", "typ": "IFXXXP", "underlying": "XBT", "quoteCurrency": "USDT",
     "isInverse": False, "isQuanto": False, "multiplier": 1, "tickSize": 0.5, "lotSize": 1000,
     "underlyingToPositionMultiplier": 100000000, "quoteToSettleMultiplier": 1000000, "maxOrderQty": 10000000000},
    {"symbol": ".BXBT", "state": "Unlisted", "typ": "MRCXXX", "underlying": "XBT", "quoteCurrency": "USD"},
]
ORDER: dict[str, Any] = {
    "orderID": "8f19a935-40ed-4a61-a34a-62b8e15e1db1", "clOrdID": "7.bot", "account": 42, "symbol": "XBTUSD",
    "side": "Buy", "orderQty": 200, "price": 50000, "ordType": "Limit", "timeInForce": "GoodTillCancel",
    "ordStatus": "New", "workingIndicator": True, "leavesQty": 200, "cumQty": 0, "text": "Submitted via API.",
    "settlCurrency": "XBt", "currency": "USD", "transactTime": "2026-05-21T14:39:07.060Z",
    "timestamp": "2026-05-21T14:39:07.060Z"}
FILL: dict[str, Any] = {
    "execID": "0193-a", "orderID": ORDER["orderID"], "clOrdID": "7.bot", "account": 42, "symbol": "XBTUSD",
    "side": "Buy", "lastQty": 100, "lastPx": 50000, "lastLiquidityInd": "RemovedLiquidity", "orderQty": 200,
    "price": 50000, "settlCurrency": "XBt", "execType": "Trade", "ordStatus": "PartiallyFilled", "leavesQty": 100,
    "cumQty": 100, "execCost": -200000, "execComm": 100, "commission": 0.0005,
    "transactTime": "2026-05-21T14:39:08.001Z", "timestamp": "2026-05-21T14:39:08.001Z"}
FUNDING: dict[str, Any] = {
    "execID": "0193-f", "orderID": "00000000-0000-0000-0000-000000000000", "account": 42, "symbol": "XBTUSD",
    "lastQty": 100, "lastPx": 50000.5, "orderQty": 100, "price": 50000.5, "settlCurrency": "XBt",
    "execType": "Funding", "ordStatus": "Filled", "leavesQty": 0, "cumQty": 100, "commission": -1.0e-4,
    "text": "Funding", "execCost": -200000, "execComm": -20, "foreignNotional": -100,
    "transactTime": "2026-05-21T12:00:00.000Z", "timestamp": "2026-05-21T12:00:00.000Z"}


def raw(value: object) -> bytes:
    """Compact JSON."""
    return json.dumps(value, separators=(",", ":")).encode()


def frame(table: str, action: str, *rows: dict[str, Any], **more: Any) -> bytes:
    """A table's message."""
    return raw({"table": table, "action": action, **more, "data": list(rows)})


def contracts(*keys: Key) -> dict[str, Contract]:
    """What the instruments above mean."""
    told, _ = instruments(raw(INSTRUMENTS))
    return {one.instrument.key.symbol: one for one in told if not keys or one.instrument.key in keys}
