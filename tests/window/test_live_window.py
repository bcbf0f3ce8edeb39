"""The real window on the real session: each sentence of what a person does, down to the row in the database."""

from __future__ import annotations

import threading
from decimal import Decimal
from typing import Any

import pytest

from engine.commands import PlaceOrder
from interface.mainthread import WrongThread
from interface.sheets.bot import BotSheet
from interface.sheets.bot_action import BotActionSheet
from interface.sheets.settings import SettingsSheet
from models import OrdType, Side
from tests.faults.harness import BTC
from tests.window.conftest import BREAKOUT
from tests.window.live import WINDOW_TICK_LIMIT_MS, Live, rows, text_of

D = Decimal
ORDER = "/fapi/v1/order"
DEPTH = "depth"


def fills_of(live: Live, client_id: str) -> list[dict[str, Any]]:
    """The exchange's executions of one order."""
    return [one for one in live.market.truth()["executions"] if one["client_id"] == client_id]


# ---------------------------------------------------------------- click, confirm, chip, fill, row

def test_a_price_clicked_and_confirmed_is_filled_and_booked(live: Live) -> None:
    price, at = live.bid(2), live.time()
    before = {order["client_id"] for order in live.market.orders()}

    live.click_price(price, at)
    slip = live.slip()
    live.pump(0.3)
    nothing = {order["client_id"] for order in live.market.orders()} - before
    live.key("Return", at + 200)
    placed = live.until(lambda: [o for o in live.market.orders() if o["client_id"] not in before], 5, "the order")[0]
    live.until(lambda: any("✕" in chip for chip in live.chips()), 5, "the chip")
    live.market.sell_through(price)
    coin = live.until(lambda: [c for c in live.coins() if c["REFER"] or c["CLORDID"]], 5, "the row")[-1]

    assert slip.startswith("BUY 0.002 BTC @ 6") and "post-only" in slip and nothing == set()
    assert (placed["side"], D(placed["price"]), placed["tif"]) == ("BUY", price, "GTX")
    fill = fills_of(live, placed["client_id"])[0]
    assert coin["EXECID"] == fill["exec_id"] and D(coin["TRADE_PRICE"]) == D(fill["price"]) == price
    assert (D(coin["QTY"]), D(coin["COMMISS"])) == (D(fill["qty"]), D(fill["commission"]))
    assert coin["EMI"] == "BTCUSDT.linear"
    live.until(lambda: live.row(placed["client_id"])["STATUS"] == "FILLED" and not live.chips(), 5, "the chip's end")
    assert any(trade.exec_id == fill["exec_id"] for trade in live.view.trades)


def test_a_second_click_sends_only_after_the_slips_delay(live: Live) -> None:
    at, price = live.time(), live.bid(5)
    before = len(live.market.orders())
    live.click_price(price, at)

    live.click_slip(at + 120)
    live.click_slip(at + 480)
    live.click_slip(at + 590)
    live.pump(0.3)
    early = len(live.market.orders())
    live.click_slip(at + 620)

    assert early == before
    live.until(lambda: len(live.market.orders()) == before + 1, 5, "one order")


def test_a_double_click_on_the_book_sends_nothing(live: Live) -> None:
    before = len(live.market.orders())
    for gap in (40, 90, 250, 480):
        at, price = live.time(), live.bid(6)
        live.click_price(price, at)
        live.click_price(price, at + gap)
        assert live.app.desk.draft is not None
        live.key("Escape")
        assert live.slip() == ""

    live.pump(0.3)
    assert len(live.market.orders()) == before


def test_enter_held_or_pressed_again_sends_one_order(live: Live) -> None:
    at, price = live.time(), live.bid(7)
    before = len(live.market.orders())
    live.click_price(price, at)

    for press in range(12):
        live.app.root.event_generate("<KeyPress-Return>", time=at + 200 + press * 40)
        live.app.root.event_generate("<KeyRelease-Return>", time=at + 240 + press * 40)
    live.key("Return", at + 1200)
    live.pump(0.4)

    assert len(live.market.orders()) == before + 1


def test_a_chip_is_moved_by_f2_and_its_cross_cancels(live: Live) -> None:
    order = live.buy_resting(8)
    price, target = D(order["price"]), D(order["price"]) - D("0.3")
    live.until(lambda: live.chips(), 5, "the chip")
    ladder = live.app.layout.book.ladder_canvas
    live.press(ladder.canvas, 12, live.row_y(price), live.time())
    at = live.time()
    live.key("F2", at)
    live.app.layout.form.price.set(f"{target}")
    live.key("Return", at + 400)

    live.until(lambda: [o for o in live.market.open_orders() if D(o["price"]) == target], 5, "the move")
    live.until(lambda: any(line.price == target and line.status == "NEW" for line in live.view.orders), 5, "its line")
    live.app.refresh()
    live.click_cross(target)
    live.until(lambda: not live.market.open_orders(), 5, "the cancel")
    live.until(lambda: live.row(order["client_id"])["STATUS"] == "CANCELED", 5, "its row")


def test_a_chip_dragged_to_another_row_moves_the_order_at_the_exchange(live: Live) -> None:
    order = live.buy_resting(3)
    price, target, at = D(order["price"]), D(order["price"]) - D("0.4"), live.time()
    live.drag_chip(price, target, at)
    slip = live.slip()
    live.pump(0.2)
    still = {D(o["price"]) for o in live.market.open_orders()}
    live.key("Return", at + 400)

    assert slip.startswith("MOVE ") and still == {price}
    live.until(lambda: [o for o in live.market.open_orders() if D(o["price"]) == target], 5, "the move")


# ---------------------------------------------------------------- stops and leverage


def place_stop(live: Live, trigger: Decimal) -> str:
    """A sell stop by the form; its id once the exchange and the window show it waiting."""
    form, before = live.app.layout.form, {line.id for line in live.view.orders}
    form.kind.choose(OrdType.STOP_MARKET)
    form.kind.trigger.set(f"{trigger}")
    form.buttons["Sell limit"].invoke()
    assert "stop" in live.slip(), (live.slip(), live.note())
    live.key("Return", live.time())
    line = live.until(lambda: [one for one in live.view.orders if one.id not in before and one.trigger is not None
                               and one.status == "NEW"], 5, "the stop in the window")[0]
    live.until(lambda: waiting(live, line.id), 5, "the stop at the exchange")
    return line.id


def waiting(live: Live, client_id: str) -> list[dict[str, Any]]:
    """The exchange's conditional order, while it waits."""
    return [one for one in live.market.truth()["conditional"]
            if one["client_id"] == client_id and one["status"] == "NEW"]


def test_a_stop_waits_at_the_exchange_triggers_and_is_booked(live: Live) -> None:
    trigger = live.bid(60)
    name = place_stop(live, trigger)
    line = next(one for one in live.view.orders if one.id == name)

    live.market.move(trigger - 1)
    coin = live.until(lambda: [one for one in live.coins() if str(one["CLORDID"]) == name.split(".")[0]], 8,
                      "the fill's row")[0]

    assert (line.trigger and line.trigger.price, line.price) == (trigger, None)
    assert D(coin["QTY"]) < 0 and coin["EMI"] == "BTCUSDT.linear"
    live.until(lambda: live.row(name)["STATUS"] == "FILLED", 5, "its order's row")


def test_a_waiting_stop_is_dragged_to_another_trigger_and_cancelled_at_once(live: Live) -> None:
    old, at, to = place_stop(live, live.bid(4)), live.bid(4), live.bid(7)
    live.until(lambda: any("◇" in chip for chip in live.chips()), 5, "its chip")
    pressed = live.time()
    live.drag_chip(at, to, pressed)
    assert live.slip().startswith("MOVE")
    live.key("Return", pressed + 1000)
    line = live.until(lambda: [one for one in live.view.orders if one.id != old and one.status == "NEW"
                               and one.trigger is not None], 8, "the stop that takes its place")[0]

    assert line.trigger and line.trigger.price == to and not waiting(live, old) and waiting(live, line.id)
    assert live.row(old)["STATUS"] == "CANCELED" and len(live.view.orders) == 1
    live.app.refresh()                # its chip is drawn with the next tick: now
    live.click_cross(to)
    live.until(lambda: not waiting(live, line.id) and not live.view.orders, 5, "the cancel")


def test_leverage_is_asked_of_the_exchange_and_shown_as_it_tells(live: Live) -> None:
    button = live.app.layout.form.leverage.button
    live.until(lambda: "×" in str(button.cget("text")), 5, "the leverage")
    old = str(button.cget("text"))
    wanted = 7 if not old.startswith("7×") else 9
    live.app.desk.change_leverage(BTC, wanted)

    live.until(lambda: str(button.cget("text")).startswith(f"{wanted}× "), 5, "the new leverage")


# ---------------------------------------------------------------- F9 and bots

def test_with_trading_on_the_bot_trades_and_hands_do_not(live: Live) -> None:
    live.key("F9")
    live.until(lambda: live.view.trading, 3, "trading ON")
    live.click_price(live.bid(4), live.time())
    assert live.slip() == "" and "Trading is ON" in live.hint() + live.note()
    before = {order["client_id"] for order in live.market.orders()}

    def leave_the_range() -> list[dict[str, Any]]:
        """Up and up until the forming minute stands above the one before it."""
        live.market.move(live.ask(200))
        live.pump(0.4)
        return [order for order in live.market.orders() if order["client_id"] not in before]

    order = live.until(leave_the_range, 20, "the bot's order")[0]
    coin = live.until(lambda: [c for c in live.coins() if c["EMI"] == BREAKOUT], 5, "the bot's row")[-1]

    assert order["type"] == "MARKET" and order["client_id"].endswith("." + BREAKOUT)
    assert order["side"] == "BUY" and D(coin["QTY"]) == D(order["cum_qty"]) > 0
    live.until(lambda: any(bot.emi == BREAKOUT and bot.sums.pos == D(order["cum_qty"]) for bot in live.view.bots), 5,
               "the bot's position in the window")
    told = [line.text.split()[0] for line in reversed(live.view.messages) if line.emi == BREAKOUT]
    assert [word for word in told if word in ("SIGNAL", "ORDER", "EXECUTION")][:3] == ["SIGNAL", "ORDER", "EXECUTION"]
    live.key("F9")
    live.until(lambda: not live.view.trading, 3, "trading OFF")


def act(live: Live, word: str, **typed: str) -> BotActionSheet:
    """One of the actions of the Bots sheet, filled in and, where there is a field, asked by Enter."""
    if "bot" not in live.app.shell.sheets:
        live.key("F7")
    bots = live.app.shell.sheets["bot"]
    assert isinstance(bots, BotSheet)
    bots.buttons[word].focus_set()
    live.key("Return")
    sheet = live.app.shell.sheets["bot action"]
    assert isinstance(sheet, BotActionSheet)
    for name, value in typed.items():
        sheet.typed[name].set(value)
    if typed:
        live.key("Return")
    return sheet


def test_bots_are_made_renamed_and_deleted_by_hand(live: Live) -> None:
    def table() -> list[tuple[str, str]]:
        return [(row["EMI"], row["STATE"]) for row in rows(live.home, "SELECT * FROM robots ORDER BY ID")]

    def done() -> bool:
        return "bot action" not in live.app.shell.sheets

    act(live, "New…", new="hand", strategy="ma_cross")
    live.until(lambda: done() and table()[1:] == [("hand", "OFF")], 5, "the row")
    live.until(lambda: any(line.emi == "hand" for line in live.view.bots), 5, "the bot")
    placed = live.session.engine.ask(PlaceOrder("by-hand", BTC, "hand", Side.BUY, D("0.01"), live.bid(300), True), 5)
    assert placed is not None and placed.ok
    live.until(lambda: any(line.owner == "hand" and line.status == "NEW" for line in live.view.orders), 5, "its order")

    live.until(lambda: live.app.desk.bot == "hand", 5, "the new one chosen")
    live.pump(0.3)
    refused = act(live, "Rename…", new="other")
    live.until(lambda: "an order of hand is open" in str(refused.problem.cget("text")), 5, "the reason")
    assert table()[1:] == [("hand", "OFF")] and refused.typed["new"].get() == "other"
    refused._cancel()
    live.until(lambda: not live.view.orders, 5, "the cancel")
    refused.go.invoke()
    live.until(lambda: done() and table()[1:] == [("other", "OFF")], 5, "the new name")

    live.until(lambda: live.app.desk.bot == "other" and any(line.emi == "other" for line in live.view.bots), 5, "it")
    live.pump(0.3)
    act(live, "Delete…").go.invoke()
    live.until(lambda: done() and table() == [(BREAKOUT, "WORK")], 5, "its end")


def test_a_held_f9_toggles_once(live: Live) -> None:
    """X repeats a held key as Release and Press with the same time; the first repeat comes after 660 ms."""
    root, at = live.app.root, live.time()
    root.event_generate("<KeyPress-F9>", time=at)
    for repeat in range(14):
        again = at + 660 + repeat * 40
        root.event_generate("<KeyRelease-F9>", time=again)
        root.event_generate("<KeyPress-F9>", time=again)
    root.event_generate("<KeyRelease-F9>", time=at + 1230)

    live.until(lambda: live.view.trading, 3, "trading ON")
    live.pump(0.3)
    assert live.view.trading
    live.key("F9")
    live.until(lambda: not live.view.trading, 3, "trading OFF")


# ---------------------------------------------------------------- stale, lost, slow

def test_a_stale_book_refuses_clicks_but_cancels_go(live: Live) -> None:
    order = live.buy_resting(5)
    price = D(order["price"])
    live.market.fault("mute", stream=DEPTH)
    live.market.thaw()
    # The best pair still comes and moves; under the pointer the rows stay where they are.
    live.until(lambda: live.point_at(price) or not live.session.board.books[BTC].live, 8, "a stale book")
    live.pump(0.3)
    before = len(live.market.orders())

    live.click_price(price + D("0.2"))
    box = text_of(live.app.layout.book.canvas, live.app.layout.book.ladder_canvas._box[1])

    assert live.app.desk.draft is None and "clicks are off" in live.hint() and box.startswith("STALE ")
    live.click_cross(price)
    live.until(lambda: not live.market.open_orders(), 5, "the cancel")
    assert len(live.market.orders()) == before


def test_the_kill_switch_works_with_a_dead_feed(live: Live) -> None:
    live.buy_resting(5)
    live.buy_resting(9)
    live.key("F9")
    live.until(lambda: live.view.trading, 3, "trading ON")
    live.market.fault("mute")
    live.market.thaw()

    live.until(lambda: not live.session.board.books[BTC].live, 8, "a dead feed")
    at = live.time()
    live.key("F9", at, state=1)
    live.key("F9", at + 300, state=1)

    live.until(lambda: not live.market.open_orders(), 5, "all cancelled")
    live.until(lambda: not live.view.trading and live.view.kill.locked, 3, "trading OFF, locked")
    live.market.calm()
    live.until(lambda: live.is_live() and not live.view.orders, 15, "the window knows")
    live.until(lambda: any("Kill switch" in strip for strip in live.strips()), 3, "its strip")
    live.click_price(live.bid(3))
    live.key("Return", live.time())
    live.pump(0.3)
    assert not live.market.open_orders()


def test_clicks_during_a_reconnect_are_refused(live: Live) -> None:
    before = len(live.market.orders())
    live.market.fault("cut", seconds=4)
    live.until(lambda: not live.session.board.books[BTC].live, 8, "the book's end")

    live.click_price(live.bid(3))

    assert live.app.desk.draft is None and live.hint()
    live.market.calm()
    live.until(live.is_live, 15, "live again")
    assert len(live.market.orders()) == before


def test_a_row_that_moved_between_sight_and_click_is_not_taken(live: Live) -> None:
    book = live.app.layout.book
    y = live.row_y(live.bid(4))
    live.market.move(live.ask(300))
    live.pump(0.3)
    book.centre()                        # whatever the pointer does, the rows are anew around the best price
    live.until(lambda: book.ladder is not None and live.ask() in book.ladder.prices, 5, "the ladder to follow")
    book._moved()
    book.after_tick()

    live.press(book.canvas, book.ladder_canvas._edges[2] - 20, y, live.time())

    assert live.app.desk.draft is None and live.hint() == "book moved, click again"


def test_the_pinned_price_goes_out_though_the_market_moved(live: Live) -> None:
    at, price = live.time(), live.bid(3)
    before = {order["client_id"] for order in live.market.orders()}
    live.click_price(price, at)
    live.market.move(live.ask(30))
    live.pump(0.4)

    live.key("Return", at + 700)

    made = live.until(lambda: [o for o in live.market.orders() if o["client_id"] not in before], 5, "the order")[0]
    assert D(made["price"]) == price


def test_a_slip_the_market_has_crossed_asks_before_it_takes(live: Live) -> None:
    at, price = live.time(), live.ask(6)
    before = {order["client_id"] for order in live.market.orders()}
    live.click_price(price, at)
    assert live.app.desk.draft is not None and live.app.desk.draft.side is Side.SELL
    live.market.move(live.ask(40))
    live.until(lambda: "takes" in live.slip(), 3, "an amber slip")

    live.key("Return", at + 700)
    live.pump(0.3)
    held_back = {order["client_id"] for order in live.market.orders()} - before
    live.key("t", at + 800)
    live.key("Return", at + 1200)

    made = live.until(lambda: [o for o in live.market.orders() if o["client_id"] not in before], 5, "the order")[0]
    assert held_back == set() and made["tif"] == "GTC"
    live.until(lambda: live.row(made["client_id"]).get("STATUS") == "FILLED", 5, "its fill in the database")


def test_the_window_stays_usable_while_the_exchange_answers_late(live: Live) -> None:
    live.market.fault("withhold", path=f"POST {ORDER}", seconds=30)
    at, price = live.time(), live.bid(5)
    before = len(live.market.orders())
    live.click_price(price, at)
    live.slowest_ms = 0.0
    live.key("Return", at + 200)
    live.until(lambda: live.chips(), 3, "a hollow chip")

    live.key("F1")
    assert "help" in live.app.shell.sheets
    live.key("Escape")
    live.click_price(live.bid(9), live.time())
    assert "BUY" in live.slip()
    live.key("Escape")
    live.until(lambda: any(line.status == "NEW" for line in live.view.orders), 12, "proven by asking")

    assert live.slowest_ms < WINDOW_TICK_LIMIT_MS
    assert len(live.market.orders()) == before + 1


# ---------------------------------------------------------------- the form

def test_double_and_triple_click_on_buy_and_enter_make_one_order(live: Live) -> None:
    form, at = live.app.layout.form, live.time()
    before = len(live.market.orders())
    form.qty.set("0.003")
    form.price.set(f"{live.bid(6)}")
    live.pump(0.1)

    for press in range(3):
        live.press(form.buttons["Buy limit"], 20, 8, at + press * 130)
    live.pump(0.3)
    early = len(live.market.orders())
    for press in range(3):
        live.key("Return", at + 700 + press * 50)
    live.pump(0.4)

    assert early == before and len(live.market.orders()) == before + 1


@pytest.mark.parametrize("typed", ["1e9", "0x10", "１２", "-5", " ", "nan", "0,002", "0.0005", "99999999"])
def test_no_nonsense_leaves_the_form(live: Live, typed: str) -> None:
    form = live.app.layout.form
    before = len(live.market.orders())
    form.qty.set(typed)
    form.price.set(f"{live.bid(6)}")
    live.pump(0.05)

    at = live.time()
    live.press(form.buttons["Buy limit"], 20, 8, at)
    live.key("Return", at + 700)
    live.pump(0.2)

    assert live.note() and form.qty.get() == typed
    assert len(live.market.orders()) == before


def test_closing_a_position_by_its_row_is_reduce_only(live: Live) -> None:
    order = live.buy_resting(1)
    live.market.sell_through(D(order["price"]))
    held = sum((D(p["qty"]) for p in live.market.truth()["positions"] if p["symbol"] == "BTCUSDT"), D(0))
    line = live.until(lambda: next((p for p in live.view.positions if p.key == BTC and p.qty == held), None), 5,
                      "the position")
    form = live.app.layout.form
    live.app.desk.habits.forget_sent()
    form.close_position(line)
    live.pump(0.1)
    assert form.reduce.get() and D(form.qty.get()) == abs(line.qty)
    at = live.time()
    side = "Sell" if line.qty > 0 else "Buy"

    live.press(form.buttons[f"{side} market"], 20, 8, at)
    live.key("Return", at + 700)
    if live.app.desk.draft is not None:                     # more than usual here: say so, then send
        live.key("y", at + 800)
        live.key("Return", at + 1300)

    live.until(lambda: not [p for p in live.market.truth()["positions"] if p["symbol"] == "BTCUSDT"], 5, "flat")
    live.until(lambda: not [p for p in live.view.positions if p.qty and p.key.symbol == "BTCUSDT"], 5, "flat here too")


# ---------------------------------------------------------------- threads

def test_a_widget_touched_by_another_thread_is_an_error(live: Live) -> None:
    caught: list[BaseException] = []

    def touch() -> None:
        try:
            live.app.root.title("from elsewhere")
        except WrongThread as error:
            caught.append(error)

    thread = threading.Thread(target=touch, name="somebody")
    thread.start()
    thread.join()

    assert "somebody touched a widget" in str(caught[0])


def test_the_books_and_the_exchange_agree_after_all_this(live: Live) -> None:
    truth = live.market.truth()
    executions = {one["exec_id"]: (D(one["qty"]) * (1 if one["side"] == "BUY" else -1), D(one["commission"]))
                  for one in truth["executions"]}

    booked = live.until(lambda: {c["EXECID"]: (D(c["QTY"]), D(c["COMMISS"])) for c in live.coins()}, 3, "rows")

    assert booked == executions
    live.check_unharmed()


def test_the_settings_test_their_connection_and_save(live: Live) -> None:
    live.key("F8")
    sheet = live.app.shell.sheets["settings"]
    assert isinstance(sheet, SettingsSheet)
    sheet.test_button.invoke()

    rows = live.until(lambda: [sheet.tests.row_text(line) for line in sheet.tests.sorted()]
                      if sheet.note.cget("text") == "all steps worked" else [], 15, "the test's end")

    assert {row["mark"] for row in rows} == {"✓"} and {row["product"] for row in rows} >= {"Binance-F"}
    assert rows[-1]["step"] == "user stream"
    sheet.changes[(".env", "REFRESH_RATE")] = "6"
    sheet.save()
    live.until(lambda: "saved in .env" in sheet.note.cget("text"), 5, "saved")
    assert (live.home / ".env").read_text().endswith('REFRESH_RATE="6"\n')
    live.until(lambda: any(line.key == "REFRESH_RATE" and line.raw == "6" for line in sheet.table.sorted()), 2, "shown")
    live.key("Escape")
