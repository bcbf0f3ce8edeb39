"""The COIN-M face of a running exchange for tests."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from tests.simulator.sim_client import Exchange, Stream, order_params

BTC, ETH = "BTCUSD_PERP", "ETHUSD_PERP"
SIZES = {BTC: Decimal(100), ETH: Decimal(10)}


class Coin:
    """What the tests do on COIN-M."""

    def __init__(self, exchange: Exchange) -> None:
        self.exchange = exchange

    def get(self, name: str, **params: Any) -> Any:
        """A public call's answer."""
        return self.exchange.get(f"/dapi/v1/{name}", **params)

    def ok(self, method: str, name: str, **params: Any) -> Any:
        """A signed call that must succeed."""
        return self.exchange.ok(method, f"/dapi/v1/{name}", **params)

    def code(self, method: str, name: str, **params: Any) -> int:
        """The code of a signed call that must be refused."""
        return self.exchange.code(method, f"/dapi/v1/{name}", **params)

    def order(self, side: str, qty: int, price: Decimal | None = None, symbol: str = BTC, **more: Any) -> Any:
        """Place an order that must be accepted."""
        text = None if price is None else str(price)
        return self.ok("POST", "order", **order_params(side, str(qty), text, symbol, **more))

    def top(self, symbol: str = BTC) -> tuple[Decimal, Decimal]:
        """Best bid and ask."""
        (row,) = self.get("ticker/bookTicker", symbol=symbol)
        return Decimal(row["bidPrice"]), Decimal(row["askPrice"])

    def position(self, symbol: str = BTC) -> Any:
        """The position row of a contract in one-way mode."""
        (row,) = [r for r in self.ok("GET", "positionRisk") if r["symbol"] == symbol]
        return row

    def control(self, action: str, symbol: str = BTC, **body: Any) -> Any:
        """POST price, trade or funding of COIN-M."""
        return self.exchange.control(action, market="Binance", category="inverse", symbol=symbol, **body)

    def truth(self, kind: str) -> list[Any]:
        """What really happened on COIN-M."""
        return [row for row in self.exchange.truth()[kind] if row["category"] == "inverse"]

    def private(self) -> Stream:
        """A connection with the account's events of COIN-M."""
        _, answer = self.exchange.raw("POST", "/dapi/v1/listenKey")
        return self.exchange.socket(f"/coin/ws/{answer['listenKey']}")

    def calm(self) -> None:
        """Cancel everything, flatten positions."""
        self.exchange.calm()
        for order in self.ok("GET", "openOrders"):
            self.exchange.signed("DELETE", "/dapi/v1/order", symbol=order["symbol"], orderId=order["orderId"])
        for row in self.ok("GET", "positionRisk"):
            qty = int(row["positionAmt"])
            if qty:
                self.order("SELL" if qty > 0 else "BUY", abs(qty), symbol=row["symbol"], reduceOnly="true")
