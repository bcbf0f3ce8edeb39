"""A recorded BitMEX session as the market: books, quotes and trades in their own time, or `--speed` times as soon.

FILE is `ws_session_<day>.jsonl` with lines {t, dir, msg}; beside it lies `http_instrument_active_<day>.json`. The books
begin as their recorded partials and follow the recorded deltas, with the recorded ids; quotes and trades go out as they
were recorded; the other tables are made from these. As with Binance's recordings the clock stands a few seconds before
the first line until the first request, and the session begins when somebody reads a public table. The account's orders
meet the recorded book without changing it. Candles are made of the recorded trades.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

from simulator.bitmex_instruments import Contract, ms
from simulator.bitmex_rows import Json, tidy
from simulator.candles import MINUTE, flat
from simulator.clock import Clock
from simulator.errors import CannotStart
from simulator.instruments import Instrument
from simulator.market import Market, Trade
from simulator.replay import LEAD_MS, OWN_TRADES, ReplayEngine
from simulator.store import Counter

PREFIX = "ws_session_"
SIDES = {"Buy": 1, "Sell": -1}


def is_bitmex(path: Path) -> bool:
    """Whether a recording is one of BitMEX, by its name."""
    return path.name.startswith(PREFIX)


def contract_of(index: int, row: Json) -> Contract:
    """A recorded instrument as a contract. The engine counts single contracts."""
    tick = f"{Decimal(row['tickSize']):f}"
    category = "inverse" if row["isInverse"] else "quanto" if row["isQuanto"] else "linear"
    item = Instrument(row["symbol"], row["underlying"], tick, "1", "0", f"{Decimal(row['lastPrice']):f}",
                      quote=row["quoteCurrency"])
    return Contract(
        item, index, category, row["underlying"], row["quoteCurrency"], row["settlCurrency"], row["multiplier"],
        row["lotSize"], row["listing"], row["referenceSymbol"], row["riskLimit"],
        row["underlyingToPositionMultiplier"], row["openInterest"], Decimal(row["makerFee"]),
        Decimal(row["takerFee"]), Decimal(row["initMargin"]), Decimal(row["maintMargin"]), row["maxOrderQty"],
        int(row["maxPrice"]))


class BitmexReplay:
    """The recording and its progress."""

    category = "bitmex"

    def __init__(self, path: Path, clock: Clock, speed: Decimal = Decimal(1)) -> None:
        day = path.stem.removeprefix(PREFIX)
        try:
            lines = [json.loads(text, parse_float=Decimal) for text in path.read_text().splitlines() if text.strip()]
            told = json.loads((path.parent / f"http_instrument_active_{day}.json").read_text(), parse_float=Decimal)
            frames = [(int(line["t"] * 1000), line["msg"]) for line in lines
                      if line["dir"] == "recv" and "table" in line["msg"]]
            named = {row["symbol"] for _, frame in frames for row in frame["data"]}
            self.rows = {row["symbol"]: tidy(row) for row in told if row["symbol"] in named}
            self.contracts = [contract_of(number, row) for number, row in enumerate(
                (row for row in told if row["symbol"] in named), 100)]
            self.start = frames[0][0]
        except (OSError, ValueError, KeyError, IndexError, TypeError) as error:
            raise CannotStart(f"the recording {path} cannot be read: {error}") from None
        self.clock = clock
        self.speed = speed
        self.places: dict[tuple[str, int], tuple[int, Decimal]] = {}  # side and price of each level's id
        self.books: dict[str, list[Json]] = {}
        self.lines = [(time, frame) for time, frame in frames if self._belongs(frame)]
        clock.hold_at(self.start - LEAD_MS)
        self._asked = False
        self._shift: int | None = None
        self._next = 0

    def _belongs(self, frame: Json) -> bool:
        """Keep the first partial of each book as its beginning; to be played are the frames after it."""
        table, action, data = frame["table"], frame["action"], frame["data"]
        if table == "orderBookL2" and action == "partial" and data:
            self.books.setdefault(data[0]["symbol"], data)
        if action == "partial" or not data:
            return False
        return table != "orderBookL2" or data[0]["symbol"] in self.books

    @property
    def playing(self) -> bool:
        """Whether lines are left."""
        return self._next < len(self.lines)

    def open(self, market: Market, contract: Contract) -> None:
        """Give a market its recorded book."""
        rows = self.books.get(market.symbol, [])
        self._note(contract, rows)
        sides = {side: [[row["price"], row["size"]] for row in rows if SIDES[row["side"]] == side] for side in (1, -1)}
        market.trade_ids = Counter(market.account.store, f"own:{market.symbol}", OWN_TRADES)
        market.engine = BitmexReplayEngine(market, {"lastUpdateId": 1, "bids": sides[1], "asks": sides[-1]})
        market.series.forget()
        market.series.take(flat(self.clock.now() // MINUTE, market.instrument.start_ticks(), 0))

    def begin(self) -> None:
        """Somebody listens: the recording may start."""
        self._asked = True

    def beat(self, markets: dict[str, Market], contracts: dict[str, Contract],
             publish: Callable[[str, str, str, list[Json]], None]) -> None:
        """Play what is due."""
        now = self.clock.now()
        if self._shift is None:
            if not self._asked or now < self.start:
                return
            self._shift = max(0, now - self.start)
        reached = self.start + (now - self.start - self._shift) * self.speed
        while self.playing and self.lines[self._next][0] <= reached:
            frame = self.lines[self._next][1]
            self._next += 1
            self._play(markets, contracts, frame)
            if frame["table"] != "orderBookL2":
                publish(frame["table"], frame["action"], frame["data"][0]["symbol"], frame["data"])

    def move(self, market: Market, price: int) -> None:
        """Control's price: the account's orders it passes are filled; the book stays the recording's."""
        for order in list(market.engine.waiting):
            if (order.price - price) * order.side >= 0:
                market.engine.fill_waiting(order, order.left)
        market.prints.append(price)

    def _play(self, markets: dict[str, Market], contracts: dict[str, Contract], frame: Json) -> None:
        symbol = frame["data"][0]["symbol"]
        market = markets[symbol]
        if frame["table"] == "orderBookL2":
            self._note(contracts[symbol], frame["data"])
            changes: dict[int, list[list[Any]]] = {1: [], -1: []}
            for row in frame["data"]:
                side, price = self.places[symbol, row["id"]]
                changes[side].append([price, 0 if frame["action"] == "delete" else row["size"]])
            market.engine.apply({"u": market.engine.update_id + 1, "b": changes[1], "a": changes[-1]})
        elif frame["table"] == "trade":
            for row in frame["data"]:
                self._trade(market, row)

    def _trade(self, market: Market, row: Json) -> None:
        price, lots, sold = int(row["price"] / market.instrument.tick), int(row["size"]), row["side"] == "Sell"
        market.trades.append(Trade(market.trade_ids.next(), price, lots, ms(row["timestamp"]), sold))
        market.prints.append(price)
        market.roll()
        market.series.trade(price, lots, not sold, market.trade_ids.last)
        market.engine.trade(price, lots, 1 if sold else -1)

    def _note(self, contract: Contract, rows: list[Json]) -> None:
        for row in rows:
            if "price" in row:
                price = Decimal(row["price"])
                self.places[contract.symbol, row["id"]] = (SIDES[row["side"]], price)
                contract.ids[int(price / contract.item.tick)] = row["id"]
            elif row["side"] in SIDES:
                self.places[contract.symbol, row["id"]] = (SIDES[row["side"]],
                                                           self.places[contract.symbol, row["id"]][1])


class BitmexReplayEngine(ReplayEngine):
    """A recorded book whose changes the L2 tables also learn."""

    def apply(self, payload: Json) -> None:
        """A recorded change."""
        super().apply(payload)
        for side, rows in ((1, payload["b"]), (-1, payload["a"])):
            for price, _ in rows:
                for watcher in self.watchers:
                    watcher.add((side, int(Decimal(price) / self.instrument.tick)))
