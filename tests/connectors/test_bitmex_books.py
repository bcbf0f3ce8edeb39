"""BitMEX's public tables: books with the partial rules, best prices, ticker, candles. No socket, a clock by hand."""

# Decimals are compared with whole numbers here: easier to read.
# mypy: disable-error-code="comparison-overlap"
from __future__ import annotations

import json
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.bitmex import stream
from connectors.bitmex.feed import MarketFeed, Watch
from connectors.bitmex.loading import folded
from connectors.bitmex.market import MarketSymbol
from connectors.bitmex.public import PublicSymbol
from connectors.bitmex.values import iso
from connectors.complaints import Complaints
from connectors.timesync import TimeSync
from connectors.wishes import GotCandles, GotDayOpen, Unwatch, WantCandles
from core.board import Board
from core.clock import HandClock
from models import Candle, CandleSeries, Key, Side, Timings
from tests.connectors.bitmex_rows import ETH, SPOT, XBT, contracts, frame

MINUTE = 60_000
T0 = 1_779_374_340_000          # 2026-05-21T14:39:00Z


class Market:
    """One instrument's parts on a feed, without thread and socket."""

    def __init__(self, topic: str = stream.FULL, key: Key = XBT) -> None:
        self.clock, self.board, self.sent = HandClock(), Board(), list[dict[str, Any]]()
        self.sync = TimeSync(self.clock)
        self.now_is(T0)
        self.complaints = Complaints("test")
        self.feed = MarketFeed("ws://127.0.0.1:1/realtime", self.clock, self.sync, self.complaints)
        self.asked: list[tuple[str, int]] = []
        self.closes: list[Candle] = []
        self.states: list[str] = []
        contract = contracts()[key.symbol]
        self.key = key
        self.book = PublicSymbol(contract, topic, self.board, self.clock, Timings(), self.feed.subscriptions.again)
        self.market = MarketSymbol(contract, self.board, self.clock, Timings(), self._on_candle,
                                   lambda timeframe, since: self.asked.append((timeframe, since)), 5,
                                   self.states.append)
        self.feed.take(Watch(self.book, self.market))
        self.feed.opened(lambda text: self.sent.append(json.loads(text)))

    def _on_candle(self, key: Key, timeframe: str, series: CandleSeries, has_closed: bool) -> None:
        if has_closed:
            self.closes.append(series.closed[-1])

    def now_is(self, ms: int) -> None:
        self.sync.take(ms, self.clock.monotonic(), self.clock.monotonic())

    def say(self, table: str, action: str, *rows: dict[str, Any], **more: Any) -> None:
        self.feed.frame(frame(table, action, *({"symbol": self.key.symbol, **row} for row in rows), **more), 1.0)
        self.feed.flush(1.0)

    def best(self) -> tuple[Decimal, Decimal]:
        book = self.board.books[self.key]
        return book.bids[0][0], book.asks[0][0]


def level(number: int, side: str = "Buy", size: int = 100, price: float | None = None) -> dict[str, Any]:
    row: dict[str, Any] = {"id": number, "side": side, "size": size}
    return row if price is None else row | {"price": price}


def full(market: Market) -> None:
    market.say("orderBookL2", "partial", level(1, "Buy", 300, 49999.5), level(2, "Buy", 100, 49999),
               level(3, "Sell", 200, 50000.0), level(4, "Sell", 100, 5.0001e4), filter={"symbol": "XBTUSD"})


# ---------------------------------------------------------------- every level

def test_topics_are_asked_for_by_message() -> None:
    market = Market()

    assert market.feed.address() == "ws://127.0.0.1:1/realtime"
    assert market.sent == [{"op": "subscribe", "args": ["orderBookL2:XBTUSD", "trade:XBTUSD", "instrument:XBTUSD"]}]


def test_levels_are_kept_by_their_ids() -> None:
    market = Market()
    full(market)
    market.say("orderBookL2", "update", level(1, size=50))
    market.say("orderBookL2", "insert", level(9, "Buy", 700, 49999.8))
    market.say("orderBookL2", "delete", level(3, "Sell"))

    book = market.board.books[XBT]
    assert book.live and book.asks == ((Decimal("50001"), 100),)
    assert book.bids == ((Decimal("49999.8"), 700), (Decimal("49999.5"), 50), (49999, 100))
    assert market.board.tops[XBT].bid == Decimal("49999.8")


def test_an_update_may_tell_another_price_or_side() -> None:
    market = Market()
    full(market)
    market.say("orderBookL2", "update", level(1, "Buy", 10, 49998.5), level(4, "Sell", 10, 50001))
    market.say("orderBookL2", "delete", level(3, "Sell"))
    market.say("orderBookL2", "update", level(2, "Sell", 5))

    book = market.board.books[XBT]
    assert book.bids == ((Decimal("49998.5"), 10),)
    assert book.asks == ((49999, 5), (50001, 10))


def test_nothing_counts_before_the_partial() -> None:
    market = Market()
    market.say("orderBookL2", "insert", level(9, "Buy", 700, 1.5))
    assert XBT not in market.board.books

    full(market)

    assert market.best() == (Decimal("49999.5"), 50000)


def test_a_second_partial_replaces_everything() -> None:
    market = Market()
    full(market)
    market.say("orderBookL2", "partial", level(8, "Buy", 1, 10), level(9, "Sell", 1, 11), filter={"symbol": "XBTUSD"})

    book = market.board.books[XBT]
    assert (book.bids, book.asks, book.live) == (((10, 1),), ((11, 1),), True)


@pytest.mark.parametrize(("action", "row", "reason"), [
    ("update", level(77, size=5), "not there"),
    ("delete", level(77), "not there"),
    ("insert", level(77, "Buy", 5, 50000.1), "above"),
    ("insert", level(77, "Buy", 5, 49999.5), "one price"),
    ("insert", level(77, "Buy", -5, 1), "impossible"),
    ("update", level(1, size=0), "impossible"),
    ("insert", level(77, "Buy", 5), "impossible"),
])
def test_a_lost_message_is_seen_at_once_and_the_topic_begun_anew(
        action: str, row: dict[str, Any], reason: str) -> None:
    market = Market()
    full(market)
    market.sent.clear()
    market.say("orderBookL2", action, row)

    book = market.board.books[XBT]
    assert not book.live and reason in book.reason
    assert market.sent == [{"op": "unsubscribe", "args": ["orderBookL2:XBTUSD"]},
                           {"op": "subscribe", "args": ["orderBookL2:XBTUSD"]}]
    market.say("orderBookL2", "insert", level(5, "Buy", 5, 2))
    assert not market.board.books[XBT].live
    full(market)
    assert market.board.books[XBT].live and market.board.books[XBT].resyncs == 1


def test_a_partial_that_is_wrong_itself_is_asked_again_more_seldom() -> None:
    market = Market()
    full(market)
    market.say("orderBookL2", "update", level(77, size=5))
    market.sent.clear()
    market.say("orderBookL2", "partial", level(1, "Buy", 1, 10), level(2, "Sell", 1, 9), filter={"symbol": "XBTUSD"})
    assert market.sent == []

    market.clock.advance(1.1)
    market.feed.tick(market.clock.monotonic())

    assert market.sent[-1] == {"op": "subscribe", "args": ["orderBookL2:XBTUSD"]}


def test_locked_prices_are_no_cross() -> None:
    market = Market()
    market.say("orderBookL2", "partial", level(1, "Buy", 1, 10), level(2, "Sell", 1, 10), filter={"symbol": "XBTUSD"})

    assert market.board.books[XBT].live


def test_silence_asks_for_the_partial_then_is_stale_then_reconnects() -> None:
    market = Market()
    full(market)
    market.sent.clear()
    said = []
    for _ in range(40):
        market.clock.advance(0.25)
        reason = market.feed.tick(market.clock.monotonic())
        said.append((market.board.books[XBT].live, bool(market.sent), reason))
        if reason:
            break

    assert (True, True, "") in said, "asked while still live"
    assert said[-1][0] is False and "orderBookL2:XBTUSD" in said[-1][2]


def test_a_quiet_book_stays_live_by_its_partials() -> None:
    market = Market()
    full(market)
    for _ in range(60):
        market.clock.advance(0.25)
        market.sent.clear()
        assert market.feed.tick(market.clock.monotonic()) == ""
        if {"op": "subscribe", "args": ["orderBookL2:XBTUSD"]} in market.sent:
            market.feed.frame(frame("orderBookL2", "partial", *(
                {"symbol": "XBTUSD", **row} for row in (level(1, "Buy", 3, 10), level(2, "Sell", 3, 11)))),
                market.clock.monotonic())
        if any("instrument:XBTUSD" in one["args"] for one in market.sent):
            market.feed.frame(frame("instrument", "partial", {"symbol": "XBTUSD"}), market.clock.monotonic())
        assert market.board.books[XBT].live


def test_no_connection_means_stale() -> None:
    market = Market()
    full(market)
    market.feed.closed("closed by the exchange (1006)")

    assert not market.board.books[XBT].live and "1006" in market.board.books[XBT].reason


def test_several_symbols_in_a_frame_and_rows_of_another_pool() -> None:
    market = Market()
    full(market)
    market.feed.frame(frame("orderBookL2", "update", {"symbol": "ETHUSD", **level(5, size=1)},
                            {"symbol": "XBTUSD", **level(1, size=7)},
                            {"symbol": "XBTUSD", "pool": "Secondary", **level(55, size=9)}), 1.0)
    market.feed.flush(1.0)

    assert market.board.books[XBT].live and market.board.books[XBT].bids[0][1] == 7


class Wire:
    """A venue's book that is changed at random, and what it says of each change."""

    def __init__(self) -> None:
        self.held: dict[int, dict[str, Any]] = {}

    def change(self, tick: int, size: int) -> tuple[str, dict[str, Any]] | None:
        side = "Buy" if tick < 50 else "Sell"
        number = 900 - tick
        if size == 0:
            return None if self.held.pop(number, None) is None else ("delete", {"id": number, "side": side})
        action = "update" if number in self.held else "insert"
        self.held[number] = {"id": number, "side": side, "size": size, "price": tick / 10}
        told = self.held[number] if action == "insert" else {"id": number, "side": side, "size": size}
        return action, told

    def side(self, side: str) -> dict[Decimal, Decimal]:
        return {Decimal(str(row["price"])): Decimal(row["size"]) for row in self.held.values() if row["side"] == side}


@settings(max_examples=60)
@given(st.lists(st.tuples(st.integers(1, 99), st.integers(0, 5)), max_size=60))
def test_any_changes_give_the_venues_book(changes: list[tuple[int, int]]) -> None:
    market, wire = Market(), Wire()
    market.say("orderBookL2", "partial", filter={"symbol": "XBTUSD"})
    for tick, size in changes:
        told = wire.change(tick, size)
        if told is not None:
            market.say("orderBookL2", told[0], told[1])

    market.board.wanted_depth[XBT] = 200
    market.book.publish()
    book = market.board.books[XBT]
    assert book.live and dict(book.bids) == wire.side("Buy") and dict(book.asks) == wire.side("Sell")
    assert list(book.bids) == sorted(book.bids, reverse=True) and list(book.asks) == sorted(book.asks)


# ---------------------------------------------------------------- ten levels, best pair

def ten(bid: float, ask: float) -> dict[str, Any]:
    return {"bids": [[bid, 100], [bid - 1, 50]], "asks": [[ask, 70], [ask + 1, 30]],
            "timestamp": "2026-05-21T14:39:07.060Z"}


def test_ten_levels_are_replaced_whole() -> None:
    market = Market(stream.TEN)
    market.say("orderBook10", "update", ten(1, 2))
    assert XBT not in market.board.books
    market.say("orderBook10", "partial", ten(49999.5, 50000), filter={"symbol": "XBTUSD"})
    market.say("orderBook10", "update", ten(50000.5, 50001))

    book, top = market.board.books[XBT], market.board.tops[XBT]
    assert book.bids == ((Decimal("50000.5"), 100), (Decimal("49999.5"), 50)) and book.time == 1_779_374_347_060
    assert (top.bid, top.bid_qty, top.ask, top.ask_qty) == (Decimal("50000.5"), 100, 50001, 70)


@pytest.mark.parametrize("row", [
    ten(51000, 50000), ten(50000, 50001) | {"bids": [[50000, 0]]}, ten(50000, 50001) | {"bids": [[1, 1], [2, 1]]},
    ten(50000, 50001) | {"asks": "none"}, ten(50000, 50001) | {"asks": [[1e40, 1]]}])
def test_impossible_ten_levels_are_stale(row: dict[str, Any]) -> None:
    market = Market(stream.TEN)
    market.say("orderBook10", "partial", ten(49999.5, 50000), filter={"symbol": "XBTUSD"})
    market.sent.clear()
    market.say("orderBook10", "update", row)

    assert not market.board.books[XBT].live and market.sent
    market.say("orderBook10", "partial", ten(49999.5, 50000), filter={"symbol": "XBTUSD"})
    assert market.board.books[XBT].live


def test_what_was_not_shown_is_not_shown_after_the_symbol_was_left() -> None:
    market = Market(stream.TEN)
    market.say("orderBook10", "partial", ten(49999.5, 50000), filter={"symbol": "XBTUSD"})
    market.feed.frame(frame("orderBook10", "update", {"symbol": "XBTUSD", **ten(49999.5, 50000)}), 1.0)
    market.feed.take(Unwatch(XBT))
    market.feed.flush(1.0)
    market.feed.take(GotCandles(XBT, "1m", [], T0))

    assert not market.board.books[XBT].live


def test_spot_sizes_are_coins() -> None:
    market = Market(stream.TEN, SPOT)
    market.say("orderBook10", "partial", ten(49999.5, 50000), filter={"symbol": "XBT_USDT"})

    assert market.board.books[SPOT].bids[0] == (Decimal("49999.5"), Decimal("0.000001"))


def test_the_last_quote_of_our_pool_counts() -> None:
    market = Market(stream.QUOTE)
    market.say("quote", "partial", filter={"symbol": "XBTUSD"})
    market.say("quote", "insert", {"bidPrice": 1, "bidSize": 5, "askPrice": 2, "askSize": 5},
               {"bidPrice": 49999.5, "bidSize": 500, "askPrice": 50000, "askSize": 300, "pool": "Primary",
                "timestamp": "2026-05-21T14:39:07.060Z"},
               {"bidPrice": 1, "bidSize": 5, "askPrice": 2, "askSize": 5, "pool": "Secondary"})

    top = market.board.tops[XBT]
    assert (top.bid, top.bid_qty, top.ask, top.time) == (Decimal("49999.5"), 500, 50000, 1_779_374_347_060)
    assert XBT not in market.board.books


def test_a_quote_with_one_side_changes_nothing() -> None:
    market = Market(stream.QUOTE)
    market.say("quote", "partial", {"bidPrice": 1, "bidSize": 5, "askPrice": 2, "askSize": 5})
    market.say("quote", "insert", {"bidPrice": 7, "bidSize": 5})

    assert market.board.tops[XBT].bid == 1


# ---------------------------------------------------------------- ticker

def test_figures_of_the_instrument_are_merged() -> None:
    market = Market()
    market.say("instrument", "update", {"markPrice": 7})
    market.say("instrument", "partial", {
        "markPrice": 50000.25, "indicativeSettlePrice": 50001, "fundingRate": 1.0e-4, "lastPrice": 49990,
        "fundingTimestamp": "2026-05-21T20:00:00.000Z", "lastChangePcnt": -0.0025, "state": "Open",
        "timestamp": "2026-05-21T14:39:07.060Z"})
    market.say("instrument", "update", {"openValue": 5, "markPrice": 50000.75})
    market.say("trade", "partial", {"side": "Sell", "size": 100, "price": 50000.5, "trdType": "Regular",
                                    "timestamp": "2026-05-21T14:39:06.000Z"}, filter={"symbol": "XBTUSD"})
    market.feed.take(GotDayOpen(XBT, Decimal(49000)))

    ticker = market.board.tickers[XBT]
    assert (ticker.mark, ticker.index, ticker.funding_rate) == (Decimal("50000.75"), 50001, Decimal("0.0001"))
    assert (ticker.last, ticker.last_side, ticker.change_24h) == (Decimal("50000.5"), Side.SELL, Decimal("-0.25"))
    assert (ticker.next_funding, ticker.day_open) == (1_779_393_600_000, 49000)
    assert market.states == []


def test_a_delisted_instrument_is_told() -> None:
    market = Market()
    market.say("instrument", "partial", {"state": "Open"})
    market.say("instrument", "update", {"state": "Settled"})

    assert market.states == ["Settled"]


def test_indices_and_foreign_pools_are_no_trades() -> None:
    market = Market()
    market.say("trade", "partial", filter={"symbol": "XBTUSD"})
    row = {"side": "Buy", "size": 5, "price": 2, "timestamp": "2026-05-21T14:39:06.000Z"}
    market.say("trade", "insert", row | {"size": 0}, row | {"trdType": "Referential"}, row | {"pool": "Secondary"})

    assert market.board.tickers[XBT].last is None


# ---------------------------------------------------------------- candles

def bar(time: int, price: str, volume: str = "1") -> Candle:
    return Candle(time, *(Decimal(price),) * 4, Decimal(volume))


def loaded(timeframe: str) -> Market:
    market = Market()
    market.say("trade", "partial", filter={"symbol": "XBTUSD"})
    market.feed.take(WantCandles(XBT, timeframe))
    step = market.market.frames[timeframe].step
    begin = T0 - T0 % step
    market.feed.take(GotCandles(XBT, timeframe, [bar(begin - 2 * step, "90"), bar(begin - step, "95"),
                                                 bar(begin, "96", "5")], T0 + 1))
    return market


def trade(market: Market, at: int, price: str, size: int = 100) -> None:
    market.say("trade", "insert", {"side": "Buy", "size": size, "price": float(price), "timestamp": iso(at)})


def closed(market: Market, timeframe: str) -> list[tuple[int, Decimal]]:
    return [(one.time, one.close) for one in market.board.candles[(XBT, timeframe)].closed]


def test_the_venues_bar_closes_a_minute_and_trades_build_the_next() -> None:
    market = loaded("1m")
    trade(market, T0 + 30_000, "99")
    forming = market.board.candles[(XBT, "1m")].forming
    assert forming is not None and (forming.open, forming.high, forming.close, forming.volume) == (96, 99, 99, 105)

    trade(market, T0 + MINUTE + 1, "98", 7)
    assert market.closes == []                       # the bar has not come yet
    market.say("tradeBin1m", "insert", {"timestamp": iso(T0 + MINUTE), "open": 96, "high": 99, "low": 96,
                                        "close": 99, "volume": 110})

    assert market.closes == [Candle(T0, Decimal(96), Decimal(99), Decimal(96), Decimal(99), Decimal(110))]
    forming = market.board.candles[(XBT, "1m")].forming
    assert forming is not None and forming == Candle(T0 + MINUTE, Decimal(99), Decimal(99), Decimal(98), Decimal(98),
                                                     Decimal(7))


def test_a_bar_that_does_not_come_is_asked_for_once() -> None:
    market = loaded("1m")
    market.asked.clear()
    market.now_is(T0 + MINUTE + 16_000)
    for _ in range(3):
        market.feed.tick(market.clock.monotonic())

    assert market.asked == [("1m", T0 - MINUTE)]


def test_a_frame_without_bars_asks_for_the_candle_it_joined_late_and_closes_the_next_itself() -> None:
    market = loaded("3m")
    step = 3 * MINUTE
    begin = T0 - T0 % step
    market.asked.clear()
    trade(market, begin + step + 1, "97")
    assert market.asked == [("3m", begin - step)]
    market.feed.take(GotCandles(XBT, "3m", [bar(begin, "96"), bar(begin + step, "97")], begin + step + 100))
    market.closes.clear()

    trade(market, begin + 2 * step + 5, "99")

    assert [(one.time, one.open, one.close, one.volume) for one in market.closes] == [(begin + step, 96, 97, 100)]


def test_a_frame_without_trades_is_closed_by_the_clock() -> None:
    market = loaded("3m")
    step = 3 * MINUTE
    begin = T0 - T0 % step
    trade(market, begin + step + 1, "97")
    market.feed.take(GotCandles(XBT, "3m", [bar(begin, "96"), bar(begin + step, "97")], begin + step + 100))
    market.now_is(begin + 3 * step + 2_000)

    market.feed.tick(market.clock.monotonic())

    assert closed(market, "3m")[-3:] == [(begin, 96), (begin + step, 97), (begin + 2 * step, 97)]


def test_a_new_connection_loads_what_was_missed() -> None:
    market = loaded("1m")
    market.asked.clear()
    market.feed.closed("gone")
    market.feed.opened(lambda text: None)

    assert market.asked == [("1m", T0 - MINUTE)]


def test_longer_frames_are_folded() -> None:
    rows = [Candle(0, Decimal(1), Decimal(5), Decimal(1), Decimal(4), Decimal(2)),
            Candle(MINUTE, Decimal(4), Decimal(9), Decimal(3), Decimal(8), Decimal(3)), bar(3 * MINUTE, "7")]

    assert folded(rows, 3 * MINUTE) == [Candle(0, Decimal(1), Decimal(9), Decimal(1), Decimal(8), Decimal(5)),
                                        bar(3 * MINUTE, "7")]


# ---------------------------------------------------------------- everything else on the line

def test_welcome_sets_the_clock_and_acknowledgements_are_fine() -> None:
    market = Market()
    market.feed.address()
    for told in ({"info": "Welcome to the BitMEX Realtime API.", "timestamp": iso(T0 + 9000), "limit": {}},
                 {"success": True, "subscribe": "trade:XBTUSD", "request": {"op": "subscribe", "args": []}},
                 {"status": 400, "error": "You are already subscribed to this topic: trade:XBTUSD", "request": {}}):
        market.feed.frame(json.dumps(told).encode(), market.clock.monotonic())

    assert market.sync.now_ms() == T0 + 9000 and market.complaints.count == 0


@pytest.mark.parametrize("raw", [b"", b"[]", b"{}", b'{"table":"chat","action":"insert","data":[]}', b"\xff\xfe",
                                 b'{"table":"trade","action":"insert","data":[{"symbol":"XBTUSD"}]}', b"[" * 10_000,
                                 b'{"status":400,"error":"Unknown or expired symbol."}'])
def test_what_cannot_be_read_is_counted(raw: bytes) -> None:
    market = Market()
    market.feed.frame(raw, 1.0)

    assert market.complaints.count == 1


def test_leaving_a_symbol_ends_its_topics() -> None:
    market = loaded("1m")
    market.sent.clear()
    market.feed.take(Unwatch(XBT))
    market.say("trade", "insert", {"side": "Buy", "size": 5, "price": 3, "timestamp": iso(T0)})

    assert market.sent[0]["op"] == "unsubscribe"
    assert set(market.sent[0]["args"]) == {"orderBookL2:XBTUSD", "trade:XBTUSD", "instrument:XBTUSD",
                                           "tradeBin1m:XBTUSD"}


ROWS = st.dictionaries(st.sampled_from(["symbol", "id", "side", "size", "price", "bids", "asks", "timestamp", "open",
                                        "close", "bidPrice", "askPrice", "markPrice", "lastPrice", "pool"]),
                       st.none() | st.integers() | st.floats() | st.sampled_from(["XBTUSD", "Buy", "Sell", "x"])
                       | st.lists(st.lists(st.floats() | st.integers(), max_size=3), max_size=3), max_size=7)


@settings(max_examples=150)
@given(st.sampled_from([stream.FULL, stream.TEN, stream.QUOTE]),
       st.lists(st.tuples(st.sampled_from(["orderBookL2", "orderBook10", "quote", "trade", "instrument", "tradeBin1m"]),
                          st.sampled_from(["partial", "insert", "update", "delete", "x"]), st.lists(ROWS, max_size=3)),
                max_size=6))
def test_no_frame_ever_raises_or_shows_a_crossed_book(
        topic: str, frames: list[tuple[str, str, list[dict[str, Any]]]]) -> None:
    market = Market(topic)
    for table, action, rows in frames:
        told = [{"symbol": "XBTUSD", **row} for row in rows]
        market.feed.frame(json.dumps({"table": table, "action": action, "data": told}, separators=(",", ":")).encode(),
                          1.0)
        market.feed.flush(1.0)
        market.feed.tick(market.clock.monotonic())
        book = market.board.books.get(XBT)
        assert book is None or not book.live or not book.bids or not book.asks or book.bids[0][0] <= book.asks[0][0]


def test_levels_go_and_come_back() -> None:
    market = Market()
    full(market)
    market.say("orderBookL2", "delete", level(1), level(3, "Sell"))
    assert market.best() == (49999, 50001)
    market.say("orderBookL2", "insert", level(3, "Sell", 7, 50000.0), level(1, "Buy", 8, 49999.5))
    assert market.best() == (Decimal("49999.5"), 50000)
    market.say("orderBookL2", "delete", level(1), level(3, "Sell"))
    market.say("orderBookL2", "update", level(2, size=9))
    market.say("orderBookL2", "insert", level(11, "Buy", 5, 49999.5), level(12, "Sell", 6, 50000.5))

    book = market.board.books[XBT]
    assert book.live and len(market.book.book) == 4
    assert (book.bids, book.asks) == (((Decimal("49999.5"), 5), (49999, 9)), ((Decimal("50000.5"), 6), (50001, 100)))
    market.say("orderBookL2", "update", level(1, size=3))
    assert not market.board.books[XBT].live, "an id whose place another one has taken is not there"


def test_what_came_back_may_cross() -> None:
    market = Market()
    full(market)
    market.say("orderBookL2", "delete", level(3, "Sell"))
    market.say("orderBookL2", "insert", level(9, "Buy", 5, 50000.5))
    market.say("orderBookL2", "insert", level(3, "Sell", 5, 50000.0))

    assert not market.board.books[XBT].live and "above" in market.board.books[XBT].reason


def test_what_went_long_ago_is_forgotten() -> None:
    market = Market()
    full(market)
    for number in range(10, 2_510):
        for action, row in (("insert", level(number, "Buy", 5, 1 + number / 2)), ("delete", level(number))):
            market.feed.frame(frame("orderBookL2", action, {"symbol": "XBTUSD", **row}), 1.0)
    market.feed.flush(1.0)

    assert len(market.book.book.bids.keys) < 2_010 and len(market.book.book) == 4
    assert market.board.books[XBT].live and market.best() == (Decimal("49999.5"), 50000)


def test_levels_that_cannot_be_read_may_have_been_of_this_book() -> None:
    market = Market()
    full(market)
    market.say("orderBookL2", "update", {"id": "one", "side": "Buy", "size": 5})

    assert not market.board.books[XBT].live and market.complaints.count == 1


def test_a_frame_of_two_symbols_reaches_both() -> None:
    market = Market()
    full(market)
    nothing: Callable[..., None] = lambda *told: None        # noqa: E731 - three parts of one call
    eth = contracts()["ETHUSD"]
    market.feed.take(Watch(PublicSymbol(eth, stream.FULL, market.board, market.clock, Timings(), nothing),
                           MarketSymbol(eth, market.board, market.clock, Timings(), nothing, nothing, 5, nothing)))
    other = {"symbol": "ETHUSD"}
    market.say("orderBookL2", "partial", level(1, "Buy", 5, 3000) | other, filter=other)
    market.say("orderBookL2", "update", level(1, "Buy", 6), level(1, "Buy", 7) | other)

    assert market.board.books[XBT].bids[0][1] == 6 and market.board.books[ETH].bids == ((3000, 7),)
    market.say("orderBookL2", "update", level(77, "Buy", 6), level(1, "Buy", 8) | other)
    assert not market.board.books[XBT].live and market.board.books[ETH].bids == ((3000, 8),)


def test_a_side_that_is_none_loses_the_book_alone() -> None:
    market = Market()
    full(market)
    market.say("orderBookL2", "update", level(1, "Up", 5) | {"symbol": "DOTUSD"})
    market.say("orderBookL2", "update", level(1, "Buy", 6) | {"symbol": "DOTUSD"}, level(1, "Buy", 7))
    assert market.board.books[XBT].live and market.board.books[XBT].bids[0][1] == 7, "others are none of its business"
    market.say("orderBookL2", "update", level(1, "Up", 5))

    book = market.board.books[XBT]
    assert not book.live and "level 1: 'Up'" in book.reason and market.complaints.count == 0


def test_two_symbols_stay_apart() -> None:
    market = Market()
    full(market)
    other = contracts()["ETHUSD"]
    nothing: Callable[..., None] = lambda *told: None        # noqa: E731 - three parts of one call
    market.feed.take(Watch(PublicSymbol(other, stream.FULL, market.board, market.clock, Timings(), nothing),
                           MarketSymbol(other, market.board, market.clock, Timings(), nothing, nothing, 5, nothing)))
    market.feed.frame(frame("orderBookL2", "partial", {"symbol": "ETHUSD", **level(1, "Buy", 5, 3000)},
                            {"symbol": "ETHUSD", **level(2, "Sell", 5, 3001)}, filter={"symbol": "ETHUSD"}), 1.0)
    market.feed.flush(1.0)

    assert market.board.books[ETH].bids == ((3000, 5),) and market.best() == (Decimal("49999.5"), 50000)
