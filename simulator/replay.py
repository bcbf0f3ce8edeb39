"""A recorded session as the market: real books, trades and candles, in their own time.

FILE is a list of JSON lines {t, dir, msg}; beside it lie `<same prefix>_depth_snapshots.jsonl` and
`<same prefix>_exchangeInfo.json`. The venue's clock stands a few seconds before the first line until the first REST
request and then runs; the recording begins when the clock reaches it *and* somebody has subscribed to a market stream,
and every line comes at its own distance, or `--speed` times as soon (the clock keeps its pace: what is told then lies
ahead of it). The product is that of the exchangeInfo, USD-M, COIN-M or spot, and no other stands beside it. All
messages are forwarded as they were recorded, so a client's book at the end is the recording's. Afterwards the last
state stays, the clock goes on, and an empty diff each second keeps the streams alive. Candles are those of the
recording; there is no history before it.

The account's orders meet that book without changing it. Taking: against the recorded levels, less what the account
took from a level since its last recorded change. Waiting: an order fills when a recorded trade passes its price, when
trades at its price have used up the quantity that stood there when it came, or when the other side's best price
reaches it. The tape shows recorded trades only; the account's own fills get ids far above them.
"""

from __future__ import annotations

import json
from bisect import bisect_left, insort
from decimal import Decimal
from pathlib import Path
from typing import Any

from simulator.candles import MINUTE, Candle
from simulator.clock import Clock
from simulator.errors import CannotStart
from simulator.exchange import Engine, Order
from simulator.instruments import COIN_PLACES, Instrument, from_exchange_info
from simulator.market import Aggregate, Market, Trade
from simulator.payloads import Json
from simulator.spot_instruments import spot_from_info
from simulator.store import Counter

LEAD_MS = 3000
OWN_TRADES = 10 ** 12  # ids of the account's fills; recorded ids are far below
KEEPALIVE_BEATS = 20
SPEEDS = ("", "@100ms", "@250ms", "@500ms", "@1000ms")  # a recorded diff is told under each name


def category_of(row: Json) -> str:
    """Whose row of exchangeInfo it is."""
    if "contractType" not in row:
        return "spot"
    return "inverse" if "contractSize" in row else "linear"


class Replay:
    """The recording and its progress."""

    def __init__(self, path: Path, clock: Clock, speed: Decimal = Decimal(1)) -> None:
        prefix = path.name.removesuffix("_ws_session.jsonl")
        try:
            lines = [json.loads(text) for text in path.read_text().splitlines() if text.strip()]
            self.lines = [(int(line["t"] * 1000), line["msg"]) for line in lines if line["dir"] == "recv"]
            snapshots = [json.loads(text) for text in
                         (path.parent / f"{prefix}_depth_snapshots.jsonl").read_text().splitlines() if text.strip()]
            info = json.loads((path.parent / f"{prefix}_exchangeInfo.json").read_text())
            self.snapshots: dict[str, Json] = {}
            for line in snapshots:
                symbol = line["url"].partition("symbol=")[2].partition("&")[0]
                self.snapshots.setdefault(symbol, line["response"])
            self.rows = [row for row in info["symbols"] if row["symbol"] in self.snapshots]
            self.start = self.lines[0][0]
            self.category = category_of(self.rows[0])
            books = [(row, self.snapshots[row["symbol"]]) for row in self.rows]
            self.instruments = [spot_from_info(row, book) for row, book in books] if self.category == "spot" else \
                [from_exchange_info(row, book["bids"][0][0]) for row, book in books]
        except (OSError, ValueError, KeyError, IndexError, TypeError) as error:
            raise CannotStart(f"the recording {path} cannot be read: {error}") from None
        self.clock = clock
        self.speed = speed
        clock.hold_at(self.start - int(LEAD_MS / max(speed, Decimal(1))))
        self.playing = True  # until the last line is out
        self._asked = False
        self._shift: int | None = None  # venue time minus recorded time while playing
        self._next = 0
        self._beats = 0

    def open(self, market: Market) -> None:
        """Give a market its recorded book."""
        market.trade_ids = Counter(market.account.store, f"own:{market.symbol}", OWN_TRADES)
        market.engine = ReplayEngine(market, self.snapshots[market.symbol])
        market.series.forget()
        market.rolling = False

    def begin(self) -> None:
        """Somebody listens: the recording may start."""
        self._asked = True

    def beat(self, venue: Any) -> None:
        """Send what is due."""
        now = self.clock.now()
        if self._shift is None:
            if not self._asked or now < self.start:
                return
            self._shift = max(0, now - self.start)
        reached = self.start + (now - self.start - self._shift) * self.speed
        while self._next < len(self.lines) and self.lines[self._next][0] <= reached:
            message = self.lines[self._next][1]
            self._next += 1
            if "data" in message:
                self._play(venue, message["stream"], message["data"])
        if self._next == len(self.lines):
            self._after(venue)

    def move(self, market: Market, price: int) -> None:
        """Control's price: the account's orders it passes are filled; the book stays the recording's."""
        for order in list(market.engine.waiting):
            if (order.price - price) * order.side >= 0:
                market.engine.fill_waiting(order, order.left)
        market.prints.append(price)  # for the conditional orders

    def _play(self, venue: Any, stream: str, payload: Json) -> None:
        market = venue.markets.get(payload.get("s"))
        if market is None:
            return
        kind = payload.get("e", "bookTicker")  # spot's has no name of its own
        if kind == "depthUpdate":
            market.engine.apply(payload)
            for event in venue.replayed(market.symbol, payload):
                for speed in SPEEDS:
                    venue.publish(f"{market.symbol.lower()}@depth{speed}", event)
            return
        if kind == "aggTrade":
            self._trade(market, payload)
        elif kind == "kline":
            _candle(market, payload["k"])
        venue.publish(stream, payload)

    def _trade(self, market: Market, payload: Json) -> None:
        item = market.instrument
        price, lots = int(Decimal(payload["p"]) / item.tick), int(Decimal(payload["q"]) / item.lot)
        market.trades.append(Trade(payload["l"], price, lots, payload["T"], payload["m"]))
        market.aggregates.append(Aggregate(payload["a"], price, lots, payload["f"], payload["l"], payload["T"],
                                           payload["m"]))
        market.prints.append(price)
        market.engine.trade(price, lots, 1 if payload["m"] else -1)

    def _after(self, venue: Any) -> None:
        """The recording is over: only the ids and the clock go on."""
        if self.playing:
            self.playing = False
            for market in venue.markets.values():
                market.engine.ended = market.rolling = True
        self._beats += 1
        if self._beats % KEEPALIVE_BEATS:
            return
        for market in venue.markets.values():
            engine = market.engine
            before, first = engine.last_diff_id, engine.last_diff_id + 1
            engine.update_id = max(engine.update_id, first) + 1
            engine.last_diff_id = engine.update_id
            now = max(self.clock.now(), self.lines[-1][0])  # played faster, the recording ended ahead of the clock
            event = {"e": "depthUpdate", "E": now, "s": market.symbol, "U": first, "u": engine.update_id, "b": [],
                     "a": []}
            if self.category != "spot":
                event |= {"T": now, "pu": before}
            for speed in SPEEDS:
                venue.publish(f"{market.symbol.lower()}@depth{speed}", event)


class ReplayEngine(Engine):
    """A recorded book that the account's orders may meet. Levels are quantities, not queues."""

    def __init__(self, market: Market, snapshot: Json) -> None:
        super().__init__(market.symbol, market, int(snapshot["lastUpdateId"]))
        self.market = market
        self.instrument: Instrument = market.instrument
        self.last_diff_id = self.update_id
        self.book: dict[int, dict[int, int]] = {1: {}, -1: {}}
        self.keys: dict[int, list[int]] = {1: [], -1: []}
        self.eaten: dict[tuple[int, int], int] = {}  # what the account took since the level's last change
        self.ended = False
        self.waiting: list[Order] = []
        self.ahead: dict[int, int] = {}  # order id → recorded quantity still before it
        self._set(1, snapshot["bids"])
        self._set(-1, snapshot["asks"])

    def apply(self, payload: Json) -> None:
        """A recorded diff; one older than the snapshot is only forwarded."""
        if payload["u"] < self.last_diff_id:
            return
        self._set(1, payload["b"])
        self._set(-1, payload["a"])
        self.update_id = self.last_diff_id = payload["u"]
        for order in list(self.waiting):
            best = self.best(-order.side)
            if best is not None and (order.price - best) * order.side >= 0:
                self.fill_waiting(order, min(order.left, self.total(-order.side, best)))

    def trade(self, price: int, lots: int, side: int) -> None:
        """A recorded trade that hit orders of `side`."""
        for order in sorted((o for o in self.waiting if o.side == side), key=lambda o: (-o.price * side, o.seq)):
            if (order.price - price) * side > 0:
                self.fill_waiting(order, order.left)
            elif order.price == price:
                used = min(lots, self.ahead.get(order.order_id, 0))
                self.ahead[order.order_id] -= used
                if lots > used:
                    self.fill_waiting(order, min(order.left, lots - used))

    def fill_waiting(self, order: Order, lots: int) -> None:
        """The account's resting order is met by a stranger."""
        if order.reduce_only:
            lots = min(lots, self.hooks.reducible(order))
        if lots <= 0 or not order.is_open:
            return
        self._book_fill(order, order.price, lots, maker=True)
        if not order.left:
            self.remove(order)

    def best(self, side: int) -> int | None:
        """Best recorded price."""
        keys = self.keys[side]
        return keys[-1] * side if keys else None

    def total(self, side: int, price: int) -> int:
        """Recorded lots at a price that the account has not taken."""
        return max(0, self.book[side].get(price, 0) - self.eaten.get((side, price), 0))

    def depth(self, side: int, limit: int) -> list[tuple[int, int]]:
        """Recorded levels, as a client must see them."""
        return [(key * side, self.book[side][key * side]) for key in self.keys[side][: -limit - 1 : -1]]

    def snapshot_id(self) -> int:
        """The id of the last recorded change; after the end it is counted up as the keep-alive diffs need."""
        if self.ended and self.update_id == self.last_diff_id:
            self.update_id += 1
        return self.update_id

    def available(self, order: Order) -> int:
        """Recorded lots within the order's limit."""
        return sum(self.total(-order.side, price) for price, _ in self.depth(-order.side, 1000)
                   if order.kind == "MARKET" or (order.price - price) * order.side >= 0)

    def submit(self, order: Order) -> None:
        """Take from the recorded levels, then wait or expire. A stranger's order only takes notice of the account."""
        if not order.mine:
            self._stranger(order)
            return
        for price, _ in self.depth(-order.side, 1000):
            if not order.left or (order.kind != "MARKET" and (order.price - price) * order.side < 0):
                break
            lots = min(order.left, self.total(-order.side, price))
            if order.reduce_only:
                lots = min(lots, self.hooks.reducible(order))
            if lots > 0:
                self.eaten[-order.side, price] = self.eaten.get((-order.side, price), 0) + lots
                self._book_fill(order, price, lots, maker=False)
        if order.left and order.is_open:
            if order.kind == "MARKET" or order.tif in ("IOC", "FOK"):
                self._expire(order, "EXPIRED")
            else:
                self.rest(order)

    def rest(self, order: Order) -> None:
        """Wait behind what the recording shows at the price."""
        insort(self.waiting, order, key=lambda o: o.seq)
        self.ahead[order.order_id] = self.total(order.side, order.price)

    def remove(self, order: Order) -> None:
        """Wait no longer."""
        if order in self.waiting:
            self.waiting.remove(order)
            self.ahead.pop(order.order_id, None)

    def _stranger(self, order: Order) -> None:
        """Control's trade: fills the account's orders at or before the recorded best, then the recorded levels."""
        best = self.best(-order.side)
        waiting = [o for o in self.waiting if o.side == -order.side]
        for mine in sorted(waiting, key=lambda o: (o.price * order.side, o.seq)):
            if best is not None and (best - mine.price) * order.side < 0:
                break
            lots = min(order.left, mine.left)
            order.cum += lots
            order.value += self.instrument.units(mine.price, lots)
            self.fill_waiting(mine, lots)
        for price, lots in self.depth(-order.side, 1000):
            taken = min(order.left, lots)
            order.cum += taken
            order.value += self.instrument.units(price, taken)

    def _book_fill(self, order: Order, price: int, lots: int, maker: bool) -> None:
        order.cum += lots
        order.value += self.instrument.units(price, lots)
        order.status = "PARTIALLY_FILLED" if order.left else "FILLED"
        self.market.account.filled(self.market, order, price, lots, self.market.trade_ids.next(), maker)

    def _set(self, side: int, rows: list[list[str]]) -> None:
        item = self.instrument
        for price_text, qty_text in rows:
            price, lots = int(Decimal(price_text) / item.tick), int(Decimal(qty_text) / item.lot)
            self.eaten.pop((side, price), None)
            known = price in self.book[side]
            if lots and not known:
                insort(self.keys[side], price * side)
            if lots:
                self.book[side][price] = lots
            elif known:
                del self.book[side][price]
                del self.keys[side][bisect_left(self.keys[side], price * side)]


def _candle(market: Market, k: Json) -> None:
    """Take a recorded kline over as it stands (only minutes make the history)."""
    if k["i"] != "1m":
        return
    item = market.instrument

    def ticks(text: str) -> int:
        return int(Decimal(text) / item.tick)

    def lots(text: str) -> int:
        return int(Decimal(text) / item.lot)

    def value(text: str) -> int:
        return int(Decimal(text) / (item.tick * item.lot)) if item.contract_size is None else \
            int(Decimal(text).scaleb(COIN_PLACES))

    candle: Candle = (k["t"] // MINUTE, ticks(k["o"]), ticks(k["h"]), ticks(k["l"]), ticks(k["c"]), lots(k["v"]),
                      value(k["q"]), k["n"], lots(k["V"]), value(k["Q"]), k["f"], k["L"])
    market.closed += market.series.take(candle)
    market.candle_changed = True


