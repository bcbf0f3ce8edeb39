"""Round trips: from flat to flat, by owner and instrument; live while open, frozen once closed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal

from engine.trips import round_trips
from engine.view import TradeLine
from interface.history import FILLS, FUNDINGS, Ask, FundingLine, Pages
from interface.presenters.glance import look
from interface.presenters.trips import TRIPS, exit_price, trip_pnl
from models import Category, Key, Side, Top

from .conftest import Driver
from .demo_feed import BTC, START, Stage, key_of

D = Decimal


def way(*steps: tuple[str, str], owner: str = "A", key: Key = BTC, fee: str = "0.5") -> list[TradeLine]:
    """Fills (signed quantity, price) in their order, newest first."""
    made, pos = list[TradeLine](), D(0)
    for number, (qty, price) in enumerate(steps):
        pos += D(qty)
        made.append(TradeLine(number + 1, key, START + number * 1000, Side.BUY if D(qty) > 0 else Side.SELL,
                              abs(D(qty)), D(price), D(fee), "USDT", owner, f"{owner}{number}", None,
                              -D(qty) * D(price), pos, number + 1))
    return made[::-1]


def pnl(lines: Sequence[TradeLine], bid: str = "61204.5", ask: str = "61204.6") -> list[Decimal | None]:
    """Of each round trip, at these prices."""
    stage = Stage()
    stage.fill(1000.0, START)
    stage.board.tops[BTC] = Top(D(bid), D(1), D(ask), D(1), START, 1000.0)
    glance = look(stage.board, stage.view, BTC, 1000.0, START)
    return [trip_pnl(trip, glance) for trip in round_trips(lines)]


def test_a_way_out_and_back_is_one_round_trip() -> None:
    trip, = round_trips(way(("2", "100"), ("1", "103"), ("-3", "105")))

    assert (trip.side, trip.qty, trip.entry, trip.exit, trip.fills) == (Side.BUY, D(3), D(101), D(105), 3)
    assert (trip.opened, trip.closed, trip.fees) == (START, START + 2000, (("USDT", D("1.5")),))
    assert pnl(way(("2", "100"), ("1", "103"), ("-3", "105"))) == [D("10.5")]


def test_an_open_one_moves_with_the_side_it_would_be_closed_at() -> None:
    assert pnl(way(("2", "100")), bid="110", ask="120") == [D("19.5")]
    assert pnl(way(("2", "100")), bid="111", ask="999") == [D("21.5")]
    assert pnl(way(("-2", "100")), bid="110", ask="120") == [D("-40.5")]


def test_a_closed_one_stands_still() -> None:
    ways = way(("2", "100"), ("-2", "90"))
    assert pnl(ways, bid="110") == pnl(ways, bid="5") == [D(-21)]


def test_a_fill_that_crosses_zero_closes_one_and_begins_the_next() -> None:
    short, long = round_trips(way(("1", "100"), ("-3", "110")))

    assert (long.sumreal, long.fees, long.closed) == (D(10), (("USDT", D("0.666666666666667")),), START + 1000)
    assert (short.side, short.pos, short.entry, short.closed) == (Side.SELL, D(-2), D(110), None)
    assert short.sumreal + long.sumreal == D(-100) + D(330)
    assert dict(short.fees)["USDT"] + dict(long.fees)["USDT"] == D(1)


def test_owners_and_instruments_have_their_own_ways() -> None:
    lines = way(("1", "100"), ("-1", "101")) + way(("-1", "100"), owner="B") + way(("1", "7"), key=key_of("ETHUSDT"))

    assert {(t.owner, t.key, t.closed is None) for t in round_trips(lines)} == {
        ("A", BTC, False), ("B", BTC, True), ("A", key_of("ETHUSDT"), True)}


def test_what_began_before_the_lines_has_no_result_yet() -> None:
    lines = way(("2", "100"), ("1", "103"), ("-3", "105"), ("1", "50"))

    opened, closed = round_trips(lines[:2])

    assert (closed.whole, opened.whole, closed.side) == (False, True, Side.BUY)
    assert pnl(lines[:2])[1] is None and pnl(lines)[1] == D("10.5")


def test_books_moved_in_between_are_no_result_of_a_trip() -> None:
    first, second = way(("2", "100")), way(("1", "90"))
    lines = [replace(second[0], booked=9, time=START + 9000), *first]          # 2 given away, then 1 bought

    newer, older = round_trips(lines)

    assert (older.closed, older.whole) == (START + 9000, False)
    assert (newer.closed, newer.whole, newer.pos) == (None, True, D(1))


def test_fees_in_another_coin_stay_apart() -> None:
    lines = [replace(line, fee_currency="BNB") for line in way(("2", "100"), ("-2", "90"))]
    assert pnl(lines) == [D(-20)] and round_trips(lines)[0].fees == (("BNB", D(1)),)


def test_inverse_ways_average_by_value() -> None:
    key = Key("Bitmex", Category.INVERSE, "XBTUSD")
    lines = [replace(line, sumreal=(line.qty if line.side is Side.BUY else -line.qty) / line.price)
             for line in way(("100", "50000"), ("100", "40000"), key=key)]
    assert round_trips(lines)[0].entry == D("44444.444444444444444")


def test_the_switch_shows_round_trips_and_a_choice_narrows_both(window: Driver) -> None:
    app, asked = window.app, list[Ask]()
    old = way(("1", "100"), ("-1", "101"), owner="grid1")
    read = dict[Ask, Pages]()
    assert app.hooks is not None
    app.attach(replace(app.hooks, older=asked.append, pages=lambda ask: read.get(ask, Pages())))
    tabs = app.layout.tabs
    tabs.choose("Trades")
    window.draw()
    tabs.bar.invoke("trips", 1)
    window.draw()
    assert tabs.table.columns[0].name == "opened" and tabs.bar.texts()["trips"] == "⇄ fills"

    tabs.lists.choose("grid1")
    window.draw()
    window.draw()
    assert asked == [Ask(FILLS, "grid1")]
    read[asked[0]] = Pages(tuple(old), pages=1, complete=True)
    window.stage.change(trades=())
    window.draw()
    closed, = tabs.table.sorted()
    assert tabs.table.row_text(closed) | {"opened": "", "closed": ""} == {
        "opened": "", "symbol": "BTCUSDT", "market": "Binance-F", "emi": "grid1", "side": "LONG", "qty": "1.000",
        "entry": "100.0", "exit": "101.0", "fees": "1.00", "pnl": "0.00", "status": "CLOSED", "closed": "",
        "fills": "2"}
    tabs.bar.invoke("trips", 2)
    window.draw()
    assert {line.owner for line in tabs.table.sorted()} == {"grid1"} and len(tabs.table.sorted()) > 2
    assert tabs.bar.texts()["owner"] == "grid1 ▾"
    tabs.lists.choose()


def test_a_round_trip_goes_on_under_the_new_name(window: Driver) -> None:
    """What `grid1` was called before is listed as its own, in fills and in round trips."""
    app, lists = window.app, window.app.layout.tabs.lists
    older = way(("2", "100"), ("-1", "101"), owner="early")
    newer = [replace(line, owner="grid1", pos=D(0), id=9, exec_id="late", booked=2**50)
             for line in way(("-1", "102"), owner="grid1")]
    bots = tuple(replace(bot, former=("early",)) if bot.emi == "grid1" else bot for bot in window.viewed().bots)
    window.stage.change(trades=(*newer, *older), bots=bots)
    asked = list[Ask]()
    assert app.hooks is not None
    app.attach(replace(app.hooks, older=asked.append, pages=lambda ask: Pages()))
    app.layout.tabs.choose("Trades")
    window.draw()
    lists.choose("grid1")
    window.draw()
    window.draw()

    assert asked[-1] == Ask(FILLS, "grid1", former=("early",))
    assert {line.owner for line in lists.fills(window.viewed())} == {"grid1"}
    trip, = lists.trips(window.viewed())
    assert (trip.owner, trip.whole, trip.fills, trip.pos) == ("grid1", True, 3, D(0))
    lists.choose()


def test_an_open_way_follows_the_board(window: Driver) -> None:
    trip, = round_trips(way(("1", "61000")))
    before = trip_pnl(trip, window.app.desk.glance())
    window.stage.move(20, window.now)
    glance = window.app.desk.glance()

    assert before == D("204.0") and trip_pnl(trip, glance) == D("206.0")
    assert exit_price(trip, glance) == D("61206.5")
    assert {column.name: column.cell(trip, glance).text for column in TRIPS}["status"] == "OPEN"


def test_fundings_are_read_when_the_tab_opens_and_when_a_sum_changes(window: Driver) -> None:
    app, asked = window.app, list[Ask]()
    line = FundingLine(5, BTC, START, "grid1", D("0.62"), "USDT", D("0.25"), D("61200"), "F5")
    read = [Pages()]
    assert app.hooks is not None
    app.attach(replace(app.hooks, older=asked.append, pages=lambda ask: read[0]))
    app.layout.tabs.choose("Funding")
    window.draw()
    window.draw()
    assert asked == [Ask(FUNDINGS, fresh=True)]

    read[0] = Pages(fundings=(line, replace(line, id=4, owner=BTC.reserved, amount=D("-0.01"))), pages=1)
    balances = window.viewed().balances
    window.stage.change(balances=(replace(balances[0], funding=D("1.82")), *balances[1:]))
    window.draw()
    assert asked == [Ask(FUNDINGS, fresh=True)] * 2
    table = app.layout.tabs.table
    texts = [table.row_text(shown) for shown in table.sorted()]
    assert [(text["word"], text["amount"], text["emi"]) for text in texts] == [
        ("paid", "-0.62 USDT", "grid1"), ("received", "+0.01 USDT", "RESERVED")]
    app.layout.tabs.load_older()
    assert asked[-1] == Ask(FUNDINGS)
