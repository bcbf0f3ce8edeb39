"""Rows, words and colour names, without a window."""

from __future__ import annotations

import sys
import time
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from subprocess import run

import pytest

from engine.view import KillState, Strip
from interface.presenters import status, words
from interface.presenters.glance import Glance, look, stale_age
from interface.presenters.ladder import chips, fold, make_ladder, row_of, side_of_row, spread_words
from interface.presenters.slip import make_slip
from interface.presenters.tables import ORDERS
from interface.presenters.topline import badge, strips, title, trading_word
from interface.presenters.watch import find, venue_words, watch_rows
from models import Category, Health, Key, Mode, OrdStatus, Side, Ticker, Top

from .demo_feed import BTC, START, Stage, book_around, instrument, key_of, order

D = Decimal
RULES = instrument("BTCUSDT")


@pytest.fixture
def stage() -> Stage:
    made = Stage()
    made.fill(1000.0, START)
    return made


def glance_of(stage: Stage, now: float = 1000.0) -> Glance:
    return look(stage.board, stage.view, BTC, now, START)


# ---------------------------------------------------------------- words

def test_numbers_are_grouped_without_exponent() -> None:
    assert words.grouped(D("61204.5"), 1) == f"61{words.THIN}204.5"
    assert words.grouped_plain(D("1E+3")) == f"1{words.THIN}000"
    assert words.grouped_plain(D("-0.00003")) == "-0.00003"
    assert words.price(D("0.00003"), instrument("X", tick="0.00001")) == "0.00003"


def test_gain_and_loss_carry_their_sign() -> None:
    assert words.signed_money(D("12.301"), "USDT") == words.Cell("+12.30", "buy")
    assert words.signed_money(D("-0.5"), "USDT") == words.Cell("-0.50", "sell")
    assert words.signed_money(D("-0.001"), "USDT") == words.Cell("0.00", "dim")
    assert words.signed_money(None) == words.Cell("–", "dim")


@pytest.mark.parametrize(("cell", "safe"), [
    ("=1+1", "'=1+1"), ("+cmd", "'+cmd"), ("-5.2", "-5.2"), ("+5.2", "5.2"), ("@x", "'@x"), ("\tx", "'x"),
    ("-cmd|x", "'-cmd|x"), ("a,b", '"a,b"'), ('say "x"', '"say ""x"""'), (f"61{words.THIN}204.5", "61204.5")])
def test_csv_cells_are_no_formulas(cell: str, safe: str) -> None:
    assert words.csv_field(cell) == safe


def test_times_are_utc() -> None:
    assert words.clock(1_760_000_000_123, True) == "08:53:20.123"
    assert words.countdown(11_520_000) == "03:12"
    assert words.age(187) == "3:07 min"


# ---------------------------------------------------------------- the ladder

def test_rows_are_fixed_prices_around_the_anchor() -> None:
    ladder = make_ladder(D("61204.55"), D("0.1"), 3, RULES)

    assert ladder.prices == tuple(map(D, ("61204.8", "61204.7", "61204.6", "61204.5", "61204.4", "61204.3")))


def test_bids_fold_down_and_asks_up() -> None:
    ladder = make_ladder(D(100), D(10), 2, RULES)       # 120 110 | 100 90
    book = replace(book_around(D("100"), D("0.1"), 0), bids=((D("109"), D(1)), (D("100"), D(2)), (D("99.9"), D(4))),
                   asks=((D("109.5"), D(8)), (D("110"), D(16)), (D("110.1"), D(32))))
    rows = fold(ladder, book, RULES)

    assert [(row.side, row.size, row.total) for row in rows] == [
        (Side.SELL, "32.000", "56.000"), (Side.SELL, "24.000", "24.000"),
        (Side.BUY, "3.000", "3.000"), (Side.BUY, "4.000", "7.000")]
    assert rows[0].bar == 1.0


def test_the_side_that_rests_is_proposed() -> None:
    top = Top(D("100.0"), D(1), D("100.4"), D(1), 0, 0)

    sides = [side_of_row(D(price), top, D("0.1")) for price in ("99.9", "100.0", "100.1", "100.3", "100.4")]
    assert sides == [Side.BUY, Side.BUY, Side.BUY, Side.SELL, Side.SELL]


@pytest.mark.parametrize(("bid", "ask", "words_"), [
    ("61204.5", "61204.6", "spread 0.1"), ("61204.7", "61204.8", "spread 0.1 ↑"),
    ("61204.3", "61204.4", "spread 0.1 ↓")])
def test_the_spread_row_points_to_a_best_price_that_has_moved(bid: str, ask: str, words_: str) -> None:
    ladder = make_ladder(D("61204.55"), D("0.1"), 3, RULES)
    top = Top(D(bid), D(1), D(ask), D(1), 0, 0)

    assert spread_words(top, book_around(D(bid), D("0.1"), 0), RULES, ladder)[0] == words_


def test_chips_show_size_number_and_state() -> None:
    ladder = make_ladder(D("61204.55"), D("0.1"), 3, RULES)
    orders = [order(1, "61204.4"), order(2, "61204.4"), order(3, "61204.7", Side.SELL, status=OrdStatus.PENDING_NEW),
              order(4, "61204.3", status=OrdStatus.UNKNOWN), order(5, "61300", Side.SELL), order(6, "60000")]
    made, above, below = chips(ladder, orders, RULES)

    assert [(chip.row, chip.text, chip.kind) for chip in made] == [
        (1, "0.050 ✕", "hollow"), (4, "2 ✕", "filled"), (5, "0.050 ✕", "hatched")]
    assert (above, below) == (1, 1)
    assert row_of(ladder, D("61204.39"), Side.BUY) == 5


# ---------------------------------------------------------------- top line, strips, status

def test_the_badge_names_the_account_only_when_live(stage: Stage) -> None:
    assert badge(Mode.SIM, stage.view) == ("SIM", "SIM")
    assert badge(Mode.LIVE, replace(stage.view, accounts=("acct-77813f9a",)))[0] == "LIVE …3f9a"  # type: ignore[type-var]  # it is filled


def test_title_and_trading_button_say_the_same(stage: Stage) -> None:
    assert title(Mode.SIM, glance_of(stage), False) == f"SIM · BTCUSDT 61{words.THIN}204.5 · TRADING OFF"
    assert trading_word(True, stage.view) == ("▶ TRADING ON 1/3  F9", "on")
    assert trading_word(False, stage.view) == ("■ TRADING OFF  F9", "off")


def test_at_most_two_strips_errors_first(stage: Stage) -> None:
    stage.change(strips=(Strip("warning", "one"), Strip("warning", "two"), Strip("error", "three")),
                 kill=KillState(True, 9, 7, 2))
    shown, more = strips(glance_of(stage), ("engine",), False, None, None)

    assert [line.level for line in shown] == ["error", "error"] and more == 4
    assert "Stopped: engine" in shown[0].text and "cancelled 7 of 9, 2 asked again" in shown[1].text


def test_a_lost_venue_has_its_strip(stage: Stage) -> None:
    place = ("Binance", Category.LINEAR)
    stage.board.venues[place] = replace(stage.board.venues[place], health=Health.LOST, last_data=994.0, attempt=2,
                                        retry_at=1003.0)
    stage.change(bot_orders=0)
    shown, _more = strips(glance_of(stage), (), False, None, None)

    assert shown[0].text == ("Binance-F: no data for 6.0 s, attempt 2, next in 3 s. Orders for it are paused.")
    assert venue_words(stage.board.venues[place], 1000.0).colour == "error"


@pytest.mark.parametrize(("offset", "colour"), [(40, "dim"), (600, "warning"), (-2700, "error"), (10_000, "error")])
def test_the_clock_turns_amber_and_red(stage: Stage, offset: float, colour: str) -> None:
    venue = replace(stage.board.venues[("Binance", Category.LINEAR)], clock_offset_ms=offset)
    assert status.clock_item(venue).colour == colour


def test_the_status_bar_reads_without_colours(stage: Stage) -> None:
    texts = [item.text for item in status.items(glance_of(stage), "CPU 4 % 61 MB")]
    assert texts[:4] == ["● BIN-F 38 ms", "clock +0.04 s", "data 0.0 s", "API 9 %"]
    assert texts[-1] == "CPU 4 % 61 MB" and "DB sqlite ✓ 0.2 ms" in texts


# ---------------------------------------------------------------- freshness

def test_a_book_is_stale_when_it_says_so_or_went_quiet(stage: Stage) -> None:
    assert stale_age(glance_of(stage)) is None
    assert stale_age(glance_of(stage, 1016.0)) == pytest.approx(16.0)
    stage.go_stale(6.4, 1000.0)
    assert stale_age(glance_of(stage)) == pytest.approx(6.4)
    stage.board.books.clear()
    assert stale_age(glance_of(stage)) == float("inf")


def test_quote_depth_makes_one_row_a_side(stage: Stage) -> None:
    stage.board.books.clear()
    glance = look(stage.board, stage.view, BTC, 1000.0, START, quote=True)

    assert glance.book is not None and len(glance.book.bids) == len(glance.book.asks) == 1
    assert stale_age(glance) is None


# ---------------------------------------------------------------- tables, watchlist, slip

def test_unknown_orders_say_how_long(stage: Stage) -> None:
    status_column = next(column for column in ORDERS if column.name == "status")
    line = order(1, "61204", status=OrdStatus.UNKNOWN, since=993.0)
    assert status_column.cell(line, glance_of(stage)).text == "▲ UNKNOWN 0:07"


def test_watch_rows_are_grouped_by_market(stage: Stage) -> None:
    rows = watch_rows([BTC, Key("Bitmex", Category.INVERSE, "XBTUSD"), key_of("ETHUSDT")], stage.board.venues)
    assert [row.key.symbol if row.key else row.market for row in rows] == [
        "Binance", "BTCUSDT", "ETHUSDT", "Bitmex", "XBTUSD"]


def test_ctrl_k_finds_at_most_eight_by_prefix(stage: Stage) -> None:
    for index in range(12):
        stage.board.instruments[key_of(f"BTC{index}")] = instrument(f"BTC{index}")
    hits = find(" btc", stage.board.instruments.values())

    assert len(hits) == 8 and all(hit.key.symbol.startswith("BTC") for hit in hits)
    assert find("", stage.board.instruments.values()) == [] and find("ZZZ", stage.board.instruments.values()) == []


def test_the_slip_says_what_goes_out(stage: Stage) -> None:
    from interface.draft import Draft, read_draft
    glance = glance_of(stage)
    draft = Draft(BTC, BTC.reserved, Side.BUY, "0.050", "61203.9")
    slip = make_slip(draft, read_draft(draft, glance.instrument, glance.top), glance, False)

    assert slip.head == f"BUY 0.050 BTC @ 61{words.THIN}203.9" and not slip.amber
    assert slip.detail == f"3{words.THIN}060.20 USDT · fee 0.61 · post-only · 0.6 below best"
    crossing = replace(draft, price="61204.6")
    slip = make_slip(crossing, read_draft(crossing, glance.instrument, glance.top), glance, False)
    assert slip.amber and slip.tick == "take" and slip.detail == f"▲ takes 0.050 now at ≤ 61{words.THIN}204.6"


def test_old_prices_do_not_hide_a_missing_ticker(stage: Stage) -> None:
    stage.board.tickers[BTC] = Ticker()
    assert title(Mode.SIM, glance_of(stage), False) == "SIM · BTCUSDT · TRADING OFF"


# ---------------------------------------------------------------- imports

def test_the_window_loads_nothing_of_network_or_database_and_presenters_no_tkinter() -> None:
    root = Path(__file__).resolve().parents[2]
    code = ("import sys; import interface.presenters.slip, interface.presenters.tables, interface.presenters.status,"
            " interface.presenters.topline, interface.presenters.watch, interface.presenters.bots, interface.desk;"
            " assert 'tkinter' not in sys.modules; import interface.app;"
            " bad = {'requests', 'sqlalchemy', 'websocket', 'pymysql', 'sqlite3', 'msgspec', 'connectors', 'db',"
            " 'engine.loop', 'engine.core', 'asyncio', 'urllib3'} & set(sys.modules); assert not bad, bad")
    started = time.perf_counter()
    done = run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stderr
    print(f"interface imported in {time.perf_counter() - started:.2f} s with the interpreter's start")
