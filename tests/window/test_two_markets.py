"""Spot, futures and BitMEX in one window: the same symbol twice, one market silent, one market reconnected."""

from __future__ import annotations

import time
from collections.abc import Iterator
from decimal import Decimal

import pytest
import requests

from core.numbers import multiple_down, text
from interface.presenters.glance import stale_age
from models import Category, Health, Key
from tests.faults.harness import write_private
from tests.window.live import Live

FUTURES = Key("Binance", Category.LINEAR, "BTCUSDT")
SPOT = Key("Binance", Category.SPOT, "BTCUSDT")
XBT = Key("Bitmex", Category.INVERSE, "XBTUSD")
USABLE_S = 10.0          # features: one market down leaves the other usable within


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory, quick: None, screen: str) -> Iterator[Live]:
    """A window on three products."""
    home = tmp_path_factory.mktemp("markets") / "home"
    home.mkdir(mode=0o700)
    write_private(home / ".env", 'MARKET_LIST="Binance, Bitmex"')
    write_private(home / ".env.Binance", "LINEAR_SYMBOLS=BTCUSDT\nSPOT_SYMBOLS=BTCUSDT")
    window = Live(home)
    try:
        window.wait_live()
        window.until(lambda: len(window.view.recovered) == 3, 20, "three products recovered")
        yield window
        window.check_unharmed()
    finally:
        window.close()


@pytest.fixture
def live(opened: Live) -> Iterator[Live]:
    """All products live, no fault."""
    _end_faults(opened)                      # the market moves: a book at rest is silent, and so stale, on spot
    for key in (FUTURES, SPOT, XBT):
        opened.until(lambda key=key: _is_live(opened, key), 20, f"{key} live")  # type: ignore[misc]  # mypy: default
    yield opened
    _end_faults(opened)


def _end_faults(window: Live) -> None:
    requests.delete(f"{window.market.control}/fault", timeout=10)


def _is_live(window: Live, key: Key) -> bool:
    venue, book = window.session.board.venues.get((key.market, key.category)), window.session.board.books.get(key)
    return bool(venue and venue.health is Health.LIVE and book and book.live
                and (key.market, key.category) in window.view.recovered)


def _cells(window: Live, key: Key) -> dict[str, str]:
    """Colours of a watchlist row's cells."""
    assert window.app.layout.watch is not None
    table, glance = window.app.layout.watch.table, window.app.desk.glance()
    row = next(row for row in table.sorted() if row.key == key)
    return {column.name: column.cell(row, glance).colour for column in table.columns}


def _place(window: Live, key: Key) -> str:
    """An order that rests far below the market, by the window's slip; its id."""
    desk = window.app.desk
    desk.select(key)
    window.until(lambda: window.app.layout.book.ladder is not None and desk.instrument() is not None, 5, "the book")
    before = {line.id for line in window.view.orders}
    window.until(lambda: _is_live(window, key), 5, "its book live")
    window.key("b")
    assert desk.draft is not None and desk.draft.key == key, window.note()
    desk.change(price=text(multiple_down(Decimal(desk.draft.price) * Decimal("0.98"), Decimal("0.1"))))
    window.key("Return")
    return window.until(lambda: next((line.id for line in window.view.orders
                                      if line.id not in before and line.key == key and line.status.value == "NEW"), ""),
                        USABLE_S, f"an order on {key}; {window.note()}")


def test_the_same_symbol_on_two_products_stays_apart(live: Live) -> None:
    futures, spot = _place(live, FUTURES), _place(live, SPOT)

    truth = {(row["category"], row["clOrdID"] if "clOrdID" in row else row.get("client_id", "")): row
             for row in live.market.open_orders()}
    assert {category for category, _ in truth} >= {"linear", "spot"}
    live.app.layout.tabs.choose("Orders")
    live.pump(0.3)
    table = live.app.layout.tabs.table
    shown = {line.id: table.row_text(line)["symbol"] for line in table.sorted()}
    assert (shown[futures], shown[spot]) == ("BTCUSDT-F", "BTCUSDT")
    assert live.app.root.title().startswith("SIM · BTCUSDT_Binance ")
    assert live.app.top.bar.texts()["venue"] == "Binance"

    live.app.desk.cancel(SPOT, spot)
    live.until(lambda: all(line.id != spot for line in live.view.orders), 5, "spot's order gone")
    assert any(line.id == futures for line in live.view.orders), "the futures' order stays"
    live.app.desk.cancel(FUTURES, futures)
    live.until(lambda: not live.view.orders, 5, "flat")


def test_a_silent_market_leaves_the_others_usable(live: Live) -> None:
    live.app.desk.select(FUTURES)
    live.market.fault("mute", stream="XBTUSD")
    live.market.fault("mute", stream="pong")
    live.market.fault("status", path="/api/v1/user/margin", http=503, times=0)      # or it is back before anybody looks
    began = time.monotonic()

    live.until(lambda: _cells(live, XBT)["bid"] == "dim", USABLE_S, "BitMEX grey")
    live.until(lambda: any(text.startswith("BitMEX: ") for text in live.strips()), USABLE_S, "its strip")
    assert not any(text.startswith("Binance") for text in live.strips())
    for key in (FUTURES, SPOT):
        assert _cells(live, key)["bid"] == "buy"
        order = _place(live, key)
        live.app.desk.cancel(key, order)
    assert time.monotonic() - began < USABLE_S + 5
    live.app.desk.select(XBT)
    live.until(lambda: stale_age(live.app.desk.glance()) is not None, 5, "its book stale")
    _end_faults(live)
    live.until(lambda: _is_live(live, XBT), 20, "BitMEX back")
    live.until(lambda: not any(text.startswith("BitMEX") for text in live.strips()), 5, "its strip gone")


def test_f3_on_a_market_line_reconnects_that_one(live: Live) -> None:
    assert live.app.layout.watch is not None
    table, board = live.app.layout.watch.table, live.session.board
    downs = {venue.config.title: 0 for venue in live.session.venues}
    for venue in live.session.venues:
        original = venue.reconnect

        def counted(title: str = venue.config.title, act: object = original) -> None:
            downs[title] += 1
            act()  # type: ignore[operator]  # the venue's own method

        venue.reconnect = counted  # type: ignore[method-assign]  # counts, then does it
    books = {key: board.books[key] for key in (FUTURES, SPOT)}
    place = table.point_of(("Bitmex", "inverse", ""), "symbol")
    assert place is not None

    live.press(table.canvas, *place, live.time())
    live.key("Escape")
    live.key("F3")

    live.until(lambda: downs["BitMEX"] == 1, 5, "BitMEX reconnecting")
    live.until(lambda: _is_live(live, XBT), 20, "BitMEX back")
    assert downs == {"BitMEX": 1, "Binance-F": 0, "Binance": 0}
    assert all(board.books[key].live for key in books)


def test_the_account_names_the_product_of_each_currency(live: Live) -> None:
    assert live.app.layout.account is not None
    table = live.app.layout.account.table
    rows = {table.row_text(row)["currency"]: row.line for row in table.sorted() if not row.is_proof}

    assert {"USDT", "USDT-F", "XBt"} <= rows.keys()
    assert rows["USDT"].category is Category.SPOT and rows["USDT"].wallet != Decimal(0)
