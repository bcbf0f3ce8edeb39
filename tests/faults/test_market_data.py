"""Market data and connections: rows M1, M7, M9 and M12 of the table of faults, checked by I7 and the referee."""

from __future__ import annotations

import threading
from collections import Counter
from decimal import Decimal
from itertools import pairwise

import pytest

from connectors.binance.venue import Binance
from models import Book
from tests.faults.harness import BTC, BUY, SELL, Ground, Terminal, Wire, during, until

STREAMS = 3         # connections to the exchange: best prices and books, trades and candles, private


def book(terminal: Terminal) -> Book:
    """The book on the notice board."""
    return terminal.session.board.books[BTC]


def assert_book_is_right(ground: Ground, terminal: Terminal) -> None:
    """I7: at quiet the top ten equal the exchange's."""
    ground.exchange.fault("freeze", symbol="BTCUSDT")

    def equal() -> bool:
        told = ground.exchange.get("/fapi/v1/depth", symbol="BTCUSDT", limit=10)
        bids, asks = ([(Decimal(p), Decimal(q)) for p, q in told[side]] for side in ("bids", "asks"))
        shown = book(terminal)
        return shown.live and list(shown.bids[:10]) == bids and list(shown.asks[:10]) == asks

    until(equal, 5, "our top ten to be the exchange's")


def threads_of(terminal: Terminal) -> Counter[str]:
    """Names of the venue's threads."""
    return Counter(thread.name for thread in threading.enumerate() if thread.name.startswith("Binance-F"))


def test_m1_one_diff_is_missing(ground: Ground, terminal: Terminal) -> None:
    ground.exchange.fault("withhold", path="/fapi/v1/depth", seconds=1)
    before = book(terminal).resyncs
    ground.exchange.fault("diff", kind="drop", symbol="BTCUSDT")
    until(lambda: not book(terminal).live, 3, "stale after the gap")
    refused = terminal.try_place(BUY, "0.01", terminal.far())

    until(lambda: book(terminal).live, 3, "live again")

    assert refused.refusal is not None and "stale" in refused.refusal.text
    assert book(terminal).resyncs > before
    assert_book_is_right(ground, terminal)
    ground.check()


@pytest.mark.parametrize("stream", ["btcusdt@depth", ""])
def test_m7_silence_on_one_stream_or_on_all(ground: Ground, terminal: Terminal, stream: str) -> None:
    ground.exchange.fault("mute", stream=stream)
    until(lambda: not book(terminal).live, 6, "stale within its bound")
    assert terminal.try_place(BUY, "0.01", terminal.far()).refusal is not None
    ground.calm()

    until(terminal.is_live, 15, "live again")

    assert terminal.try_place(BUY, "0.01", terminal.far()).ok
    assert_book_is_right(ground, terminal)
    ground.check()


@pytest.mark.parametrize("code", [1001, 1006, pytest.param(1000, marks=pytest.mark.long),
                                  pytest.param(1012, marks=pytest.mark.long)])
def test_m9_the_exchange_closes_all_connections(ground: Ground, terminal: Terminal, code: int) -> None:
    name = terminal.place(BUY, "0.01", terminal.session.board.tops[BTC].bid - 30, "alfa")
    until(lambda: ground.status(name) == "NEW", 5, "NEW")
    before = threads_of(terminal)
    ground.exchange.fault("cut", code=code)
    ground.exchange.move(terminal.far(BUY, percent=1))
    until(lambda: ground.status(name) == "FILLED", 15, "the fill of the gap")
    terminal.wait_recovered()

    assert threads_of(terminal) == before
    assert_book_is_right(ground, terminal)
    ground.check()


def test_m9_refused_for_a_while(ground: Ground, terminal: Terminal, wire: Wire) -> None:
    name = terminal.place(SELL, "0.01", terminal.session.board.tops[BTC].ask + 30, "alfa")
    until(lambda: ground.status(name) == "NEW", 5, "NEW")
    before = threads_of(terminal)
    ground.exchange.fault("refuse", seconds=4)
    ground.exchange.fault("cut", code=1006)
    start = len(wire.times("POST", "/fapi/v1/listenKey"))
    ground.exchange.move(terminal.far(SELL, percent=1))
    during(lambda: not terminal.is_live(), 3, "it may not look alive while refused")
    until(lambda: ground.status(name) == "FILLED", 20, "the fill of the gap")
    terminal.wait_recovered()

    tries = wire.times("POST", "/fapi/v1/listenKey")[start:]
    gaps = [later - earlier for earlier, later in pairwise(tries)]
    assert len(set(gaps)) == len(gaps), "waits without jitter"
    assert threads_of(terminal) == before
    ground.check()


def test_m12_the_listen_key_expires(ground: Ground, terminal: Terminal) -> None:
    top = terminal.session.board.tops[BTC]
    bought = terminal.place(BUY, "0.01", top.bid - 30, "alfa")
    sold = terminal.place(SELL, "0.01", top.ask + 900, "alfa")
    until(lambda: ground.status(bought) == ground.status(sold) == "NEW", 5, "NEW")
    ground.exchange.fault("withhold", path="POST /fapi/v1/listenKey", seconds=0.5)
    ground.exchange.fault("listen_key")
    ground.exchange.move(top.bid - 100)

    until(lambda: ground.status(bought) == "FILLED", 10, "the fill of the gap")
    terminal.wait_recovered()

    assert ground.status(sold) == "NEW"
    ground.check()


def test_m12_the_key_cannot_be_prolonged(ground: Ground, terminal: Terminal) -> None:
    ground.exchange.fault("status", path="PUT /fapi/v1/listenKey", http=400,
                          body={"code": -1125, "msg": "This listenKey does not exist."})
    venue = terminal.session.venues[0]
    assert isinstance(venue, Binance)
    venue._keeper.post("listen key", venue._keep_listen_key, 1)     # its own turn comes too late for a test
    until(lambda: terminal.said("key of the private stream"), 8, "a new connection")
    terminal.wait_recovered()

    terminal.place(BUY, "0.01", None, "alfa")

    ground.check()
