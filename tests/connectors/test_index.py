"""Index prices of COIN-M: one stream of a pair, however many of its contracts are watched."""

from __future__ import annotations

import json
from decimal import Decimal

from connectors.binance.feed import MarketFeed, Watch
from connectors.binance.market import MarketSymbol
from connectors.complaints import Complaints
from connectors.timesync import TimeSync
from connectors.wishes import Unwatch
from core.board import Board
from core.clock import HandClock
from models import Category, Key, Timings

PERPETUAL, DATED = (Key("Binance", Category.INVERSE, name) for name in ("BTCUSD_PERP", "BTCUSD_270326"))
USDT = Key("Binance", Category.LINEAR, "BTCUSDT")
INDEX = "btcusd@indexPrice@1s"


class Feed:
    """A market connection without a socket, and what was asked for on it."""

    def __init__(self, *keys: Key) -> None:
        self.board, self.clock = Board(), HandClock()
        self.complaints = Complaints("test")
        self.feed = MarketFeed("ws://127.0.0.1:1", self.clock, TimeSync(self.clock), self.complaints)
        self.sent: list[str] = []
        for key in keys:
            self.feed.take(Watch(MarketSymbol(key, self.board, self.clock, Timings(), lambda *told: None,
                                              lambda *told: None, 10)))
        self.feed.opened(self.sent.append)

    def tell(self, stream: str, **fields: object) -> None:
        message = json.dumps({"stream": stream, "data": fields}, separators=(",", ":")).encode()
        self.feed.frame(message, self.clock.monotonic())
        self.feed.flush(self.clock.monotonic())

    def index(self, key: Key) -> Decimal | None:
        return self.board.tickers[key].index


def test_two_contracts_of_a_pair_share_its_index_price() -> None:
    feed = Feed(PERPETUAL, DATED, USDT)
    asked = feed.feed.address().split("=")[1].split("/")

    feed.tell(INDEX, e="indexPriceUpdate", E=1, i="BTCUSD", p="50000.5")
    feed.tell("btcusd_perp@markPrice@1s", e="markPriceUpdate", E=2, s="BTCUSD_PERP", p="50001", r="0.0001", T=3)

    assert asked.count(INDEX) == 1 and sum("@indexPrice" in name for name in asked) == 1
    assert feed.index(PERPETUAL) == feed.index(DATED) == Decimal("50000.5")       # the mark stream took it from nobody
    assert feed.board.tickers[PERPETUAL].mark == 50001 and USDT not in feed.board.tickers


def test_the_stream_ends_with_its_last_contract() -> None:
    feed = Feed(PERPETUAL, DATED)

    feed.feed.take(Unwatch(PERPETUAL))
    assert not any(INDEX in text for text in feed.sent)
    feed.tell(INDEX, p="50002")
    feed.feed.take(Unwatch(DATED))

    assert feed.index(DATED) == 50002 and any(INDEX in text and "UNSUBSCRIBE" in text for text in feed.sent)


def test_an_absurd_index_price_is_counted_and_not_shown() -> None:
    feed = Feed(PERPETUAL)
    feed.tell(INDEX, p="50002")

    feed.tell(INDEX, p="0")

    assert feed.index(PERPETUAL) == 50002 and feed.complaints.count == 1


def test_a_silent_index_price_is_asked_for_again() -> None:
    feed = Feed(PERPETUAL)
    for _second in range(20):
        feed.clock.advance(1)
        feed.tell("btcusd_perp@markPrice@1s", E=2, p="50001", r="", T=0)

    feed.feed.tick(feed.clock.monotonic())

    assert any(INDEX in text for text in feed.sent)
