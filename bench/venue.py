"""The bench's own venue: as much of USD-M as a connector needs to go live, and a pump of 2,000 market frames a second.

Run as `python -m bench.venue`; its first line on stdout is its port. Fills carry the time of their sending (monotonic
ns) as trade id. POST /bench/<action>: `fills?each=MS&count=N` fills the first resting order piece by piece,
`close?price=P` closes a candle at a price, `arrivals` tells when each order's bytes came.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import random
import time
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from bench import frames
from bench.wire import answer, pongs, text_frame, upgrade

RATE = 2_000                   # market frames a second, all streams together
ACCOUNT = "BENCH-1"
LISTEN_KEY = "benchlistenkey"
MINUTE = 60_000
PUBLIC, MARKET = "/public", "/market"

# Of each 40 frames: how many are of a kind. Depth is 100 a second, as of five symbols.
MIX = {"bookTicker": 19, "aggTrade": 14, "depth": 2, "kline": 3, "markPrice": 1, "ticker": 1}


def now_ms() -> int:
    """Wall clock."""
    return time.time_ns() // 1_000_000


class Venue:
    """State and streams of one run."""

    def __init__(self) -> None:
        self.session = frames.depth(6_000)
        self.readers: dict[str, set[asyncio.StreamWriter]] = {PUBLIC: set(), MARKET: set(), "/private": set()}
        self.orders: dict[str, dict[str, Any]] = {}
        self.arrivals: list[tuple[str, int]] = []
        self.position = 0.0
        self.ids = itertools.count(1_000)
        self.candle = now_ms() // MINUTE * MINUTE         # the forming one
        self.tops = itertools.cycle(frames.tops(1_000))
        self.depth_at = 0
        self.pumped = 0
        self.dice = random.Random(5)
        self.tasks: set[asyncio.Task[None]] = set()

    # ------------------------------------------------------------ market

    async def pump(self) -> None:
        """2,000 frames a second, as evenly as this loop wakes."""
        kinds = [kind for kind, share in MIX.items() for _ in range(share)]
        self.dice.shuffle(kinds)
        begun = time.monotonic()
        for sent, kind in enumerate(itertools.cycle(kinds)):
            while sent >= (time.monotonic() - begun) * RATE:
                await asyncio.sleep(0.0005)
            route, text = self.frame(kind)
            self.pumped += bool(self.readers[route])
            self.send(route, text)

    def frame(self, kind: str) -> tuple[str, str]:
        """The next frame of a kind and where it is served."""
        time_, price = now_ms(), f"{50_000 + self.dice.randrange(-500, 500) / 10:.2f}"
        if kind == "bookTicker":
            return PUBLIC, next(self.tops)
        if kind == "depth":
            if not self.readers[PUBLIC]:
                return PUBLIC, next(self.tops)
            self.depth_at = min(self.depth_at + 1, len(self.session.frames))
            return PUBLIC, self.session.frames[self.depth_at - 1]
        if kind == "kline":
            return MARKET, self.kline(price, closed=False)
        if kind == "markPrice":
            return MARKET, frames.combined("markPrice@1s", {
                "e": "markPriceUpdate", "E": time_, "s": frames.SYMBOL, "p": price, "ap": price, "i": price,
                "P": price, "r": "0.00010000", "T": time_ + 3_600_000})
        if kind == "ticker":
            return MARKET, frames.combined("ticker", {
                "e": "24hrTicker", "E": time_, "s": frames.SYMBOL, "p": "100.00", "P": "0.20", "c": price, "Q": "0.010",
                "o": "49900.00", "h": "51000.00", "l": "49000.00", "v": "1000.000", "q": "50000000.00"})
        return MARKET, frames.combined("aggTrade", {
            "e": "aggTrade", "E": time_, "a": next(self.ids), "s": frames.SYMBOL, "p": price, "q": "0.010",
            "f": 1, "l": 1, "T": time_, "m": self.dice.random() < 0.5})

    def kline(self, price: str, closed: bool) -> str:
        """The forming candle at a price, or its close."""
        return frames.combined("kline_1m", {
            "e": "kline", "E": now_ms(), "s": frames.SYMBOL, "k": {
                "t": self.candle, "T": self.candle + MINUTE - 1, "s": frames.SYMBOL, "i": "1m", "f": 1, "L": 2,
                "o": price, "c": price, "h": price, "l": price, "v": "1.000", "n": 3, "x": closed, "q": "50000.00",
                "V": "1.000", "Q": "25000.00", "B": "0"}})

    def close_candle(self, price: str) -> None:
        """Told at once, whatever the clock says; the next one begins."""
        self.send(MARKET, self.kline(price, closed=True))
        self.candle += MINUTE

    def send(self, route: str, text: str) -> None:
        """To everyone on a path."""
        framed = text_frame(text.encode())
        for writer in self.readers[route]:
            writer.write(framed)

    # ------------------------------------------------------------ account

    def order_event(self, order: dict[str, Any], qty: str, price: str) -> None:
        """A fill, told as the exchange does; its trade id is the time of sending."""
        order["cum"] = round(order["cum"] + float(qty), 3)
        self.position = round(self.position + float(qty) * (1 if order["side"] == "BUY" else -1), 3)
        is_full = order["cum"] >= float(order["quantity"])
        order["status"] = "FILLED" if is_full else "PARTIALLY_FILLED"
        at, stamp = now_ms(), time.monotonic_ns()
        held = {"s": frames.SYMBOL, "pa": f"{self.position:.3f}", "ep": price, "up": "0", "mt": "cross", "iw": "0",
                "ps": "BOTH"}
        self.send("/private", json.dumps({
            "e": "TRADE_LITE", "E": at, "T": at, "s": frames.SYMBOL, "q": order["quantity"], "p": price, "m": True,
            "c": order["newClientOrderId"], "S": order["side"], "L": price, "l": qty, "t": stamp, "i": order["id"]}))
        self.send("/private", json.dumps({
            "e": "ACCOUNT_UPDATE", "E": at, "T": at, "a": {
                "m": "ORDER", "B": [{"a": "USDT", "wb": "100000.00000000", "cw": "100000.00000000", "bc": "0"}],
                "P": [held]}}))
        self.send("/private", json.dumps({
            "e": "ORDER_TRADE_UPDATE", "E": at, "T": at, "o": {
                "s": frames.SYMBOL, "c": order["newClientOrderId"], "S": order["side"], "o": order["type"],
                "f": order.get("timeInForce", "GTC"), "q": order["quantity"], "p": order.get("price", "0"),
                "ap": price, "sp": "0", "x": "TRADE", "X": order["status"], "i": order["id"], "l": qty,
                "z": f"{order['cum']:.3f}", "L": price, "N": "USDT", "n": "0.01000000", "T": at, "t": stamp,
                "b": "0", "a": "0", "m": True, "R": False, "wt": "CONTRACT_PRICE", "ot": order["type"], "ps": "BOTH",
                "cp": False, "rp": "0", "er": "0"}}))

    async def fill(self, each_ms: float, count: int) -> None:
        """Fill the first resting order in small pieces, unevenly spaced."""
        order = next(order for order in self.orders.values() if order["type"] == "LIMIT")
        for _ in range(count):
            await asyncio.sleep(self.dice.uniform(0.5, 1.5) * each_ms / 1000)
            self.order_event(order, "0.001", order["price"])

    def place(self, order: dict[str, Any]) -> dict[str, Any]:
        """A new order: market orders are filled at once."""
        order.update(id=next(self.ids), cum=0.0, status="NEW")
        self.orders[order["newClientOrderId"]] = order
        if order["type"] == "MARKET":
            self.order_event(order, order["quantity"], "50000.00")
        return self.row(order)

    def row(self, order: dict[str, Any]) -> dict[str, Any]:
        """An order as REST tells it."""
        return {"orderId": order["id"], "symbol": frames.SYMBOL, "status": order["status"], "side": order["side"],
                "clientOrderId": order["newClientOrderId"], "type": order["type"], "origQty": order["quantity"],
                "executedQty": f"{order['cum']:.3f}", "price": order.get("price", "0"), "avgPrice": "50000.00",
                "timeInForce": order.get("timeInForce", "GTC"), "updateTime": now_ms(), "time": now_ms()}

    # ------------------------------------------------------------ REST

    def rest(self, method: str, path: str, asked: dict[str, str]) -> Any:
        """The answer's body."""
        name = path.rsplit("/", 1)[-1]
        if path.startswith("/bench/"):
            return self.bench(name, asked)
        if name == "order":
            return self.place(dict(asked)) if method == "POST" else self.row(self.orders[asked["origClientOrderId"]])
        if name == "depth":
            update, bids, asks = self.session.snapshot
            self.depth_at = 0
            return {"lastUpdateId": update, "bids": bids, "asks": asks}
        if name == "klines":
            self.candle = max(self.candle, now_ms() // MINUTE * MINUTE)       # a minute may have passed since the start
            step = MINUTE if asked["interval"] == "1m" else 86_400_000
            last = self.candle if asked["interval"] == "1m" else now_ms() // step * step + step
            count = min(int(asked["limit"]), 500)
            return [[last - step * back, "50000.00", "50000.00", "50000.00", "50000.00", "1.000"]
                    for back in range(count, 0, -1)]
        return self.facts(name)

    def facts(self, name: str) -> Any:
        """What does not change."""
        balance = [{"accountAlias": ACCOUNT, "asset": "USDT", "balance": "100000", "crossUnPnl": "0",
                    "availableBalance": "100000", "updateTime": now_ms()}]
        filters = [{"filterType": "PRICE_FILTER", "tickSize": "0.10", "minPrice": "0.1", "maxPrice": "1000000"},
                   {"filterType": "LOT_SIZE", "stepSize": "0.001", "minQty": "0.001", "maxQty": "100000"},
                   {"filterType": "MARKET_LOT_SIZE", "stepSize": "0.001", "minQty": "0.001", "maxQty": "1000"},
                   {"filterType": "MIN_NOTIONAL", "notional": "5"}]
        held = [{"symbol": frames.SYMBOL, "positionAmt": f"{self.position:.3f}", "entryPrice": "50000.00",
                 "positionSide": "BOTH", "updateTime": now_ms()}] if self.position else []
        return {
            "time": {"serverTime": now_ms()}, "balance": balance, "positionRisk": held,
            "dual": {"dualSidePosition": False},
            "multiAssetsMargin": {"multiAssetsMargin": False}, "listenKey": {"listenKey": LISTEN_KEY},
            "openOrders": [self.row(one) for one in self.orders.values() if one["status"] != "FILLED"],
            "exchangeInfo": {"symbols": [{
                "symbol": frames.SYMBOL, "baseAsset": "BTC", "quoteAsset": "USDT", "marginAsset": "USDT",
                "status": "TRADING", "contractType": "PERPETUAL", "filters": filters}],
                "rateLimits": [
                    {"rateLimitType": "REQUEST_WEIGHT", "interval": "MINUTE", "intervalNum": 1, "limit": 100_000},
                    {"rateLimitType": "ORDERS", "interval": "MINUTE", "intervalNum": 1, "limit": 100_000}]},
        }.get(name, [])

    def bench(self, action: str, asked: dict[str, str]) -> Any:
        """What the bench asks of it."""
        if action == "fills":
            task = asyncio.create_task(self.fill(float(asked["each"]), int(asked["count"])))
            self.tasks.add(task)
        elif action == "close":
            self.close_candle(asked["price"])
        elif action == "forget":
            self.orders.clear()
            self.position = 0.0
            self.arrivals.clear()
        return {"arrivals": self.arrivals, "pumped": self.pumped}

    # ------------------------------------------------------------ connections

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection: requests, or a websocket for the rest of its life."""
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                came = time.monotonic_ns()
                method, target, _ = head.split(b"\r\n", 1)[0].decode().split(" ", 2)
                parts = urlsplit(target)
                if b"upgrade: websocket" in head.lower():
                    await self._socket(parts.path, head, reader, writer)
                    return
                size = next((int(line.split(b":")[1]) for line in head.split(b"\r\n")
                             if line.lower().startswith(b"content-length:")), 0)
                body = await reader.readexactly(size) if size else b""
                asked = dict(parse_qsl(parts.query) + parse_qsl(body.decode()))
                if method == "POST" and "newClientOrderId" in asked:
                    self.arrivals.append((asked["newClientOrderId"], came))
                writer.write(answer(json.dumps(self.rest(method, parts.path, asked)).encode()))
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    async def _socket(self, path: str, head: bytes, reader: asyncio.StreamReader,
                      writer: asyncio.StreamWriter) -> None:
        route = next(name for name in self.readers if path.startswith(name))
        writer.write(upgrade(head))
        self.readers[route].add(writer)
        try:
            while read := await reader.read(65_536):
                writer.write(pongs(read))          # subscriptions need no answer here
        finally:
            self.readers[route].discard(writer)
            writer.close()


async def _main() -> None:
    venue = Venue()
    server = await asyncio.start_server(venue.serve, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await venue.pump()


if __name__ == "__main__":
    asyncio.run(_main())
