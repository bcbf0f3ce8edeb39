"""The real window: keys, switches, sheets, strips, the first start, closing; no widget off the main thread."""

from __future__ import annotations

import subprocess
import threading
import tkinter as tk
from dataclasses import replace
from decimal import Decimal

import pytest

from engine.commands import AskNow, Cancel, CancelAll, KillSwitch, Rearm, Recover, SetBot, SetTrading, TakeOver, Watch
from engine.view import KillState, Strip
from interface.mainthread import WrongThread
from models import BotState, Category, Health, Mode

from .conftest import Driver
from .demo_feed import bot, instrument, key_of

D = Decimal


def test_f9_toggles_and_off_is_immediate(window: Driver) -> None:
    window.key("F9")
    assert [command.on for command in window.sent(SetTrading)] == [True]
    assert "▶ TRADING ON" in window.app.top.bar.texts()["trading"]
    window.key("F9")
    assert [command.on for command in window.sent(SetTrading)] == [True, False]


def test_f9_held_under_x_toggles_once(window: Driver) -> None:
    root = window.app.root
    root.deiconify()
    root.lift()
    root.focus_force()
    root.update()
    subprocess.run(["xdotool", "mousemove", "400", "300", "windowfocus", str(root.winfo_id())], check=False)
    hold = subprocess.Popen(["sh", "-c", "xdotool keydown F9; sleep 1.0; xdotool keyup F9"])
    assert window.until(lambda: hold.poll() is not None)
    window.until(lambda: False, 10)

    assert [command.on for command in window.sent(SetTrading)] == [True]


def test_a_double_click_under_x_sends_nothing(window: Driver) -> None:
    book = window.app.layout.book.canvas
    x, y = book.winfo_rootx() + 200, book.winfo_rooty() + window.row_y("61203.9")
    done = subprocess.Popen(["xdotool", "mousemove", str(x), str(y), "click", "--repeat", "2", "--delay", "120", "1"])
    assert window.until(lambda: done.poll() is not None and window.app.desk.draft is not None)
    window.until(lambda: False, 20)

    assert window.posted() == [] and window.app.desk.draft is not None


def test_live_on_asks_in_a_strip_and_names_the_bots(window: Driver) -> None:
    window.reset(Mode.LIVE)
    window.key("F9")
    assert window.posted() == [] and "grid1 BTCUSDT" in window.app.strips.texts()[0]
    window.key("Escape")
    window.key("Return")
    assert window.posted() == []
    window.key("F9")
    window.key("Return")
    assert [command.on for command in window.sent(SetTrading)] == [True]


def test_the_kill_switch_is_shift_f9_twice_or_a_long_press(window: Driver) -> None:
    window.key("F9", state=1)
    assert window.sent(KillSwitch) == [] and window.sent(SetTrading) == []
    window.now += 1
    window.key("F9", state=1)
    assert len(window.sent(KillSwitch)) == 1
    window.app._held()
    assert len(window.sent(KillSwitch)) == 2
    window.stage.change(kill=KillState(True, 9, 7, 2), strips=(Strip("error", "Kill switch", "rearm", "re-arm"),))
    window.draw()
    window.app.strips.bars[0].invoke("rearm", 1)
    assert len(window.sent(Rearm)) == 1


def test_f_keys_work_with_the_cursor_in_an_entry_and_in_the_messages(window: Driver) -> None:
    form = window.app.layout.form
    form.qty_entry.focus_force()
    window.app.root.update()
    window.key("F5", widget=form.qty_entry)
    window.key("F12")
    table = window.app.layout.tabs.table.canvas
    table.focus_force()
    window.app.root.update()
    window.key("F9", widget=table)
    window.key("F3", widget=table)

    assert window.app.layout.tabs.open == "Messages"
    assert len(window.sent(AskNow)) == len(window.sent(SetTrading)) == len(window.sent(Recover)) == 1


def test_tabs_by_number_and_full_screen(window: Driver) -> None:
    for number, name in enumerate(("Orders", "Positions", "Trades", "Funding", "Messages"), 1):
        window.key(str(number), state=4)
        assert window.app.layout.tabs.open == name
    window.key("F11")
    window.key("F11")


@pytest.mark.parametrize("key", ["F1", "F7", "F8"])
def test_sheets_open_once_and_close_twice(window: Driver, key: str) -> None:
    window.key(key)
    window.key(key)
    assert len(window.app.shell.layers) == 1
    sheet = window.app.shell.layers[0]
    window.key("Escape")
    sheet.close()
    sheet.close()
    assert window.app.shell.layers == []


def test_secrets_are_dots_in_the_settings_sheet(window: Driver) -> None:
    window.key("F8")
    sheet = window.app.shell.sheets["settings"]
    rows = [sheet.table.row_text(record) for record in sheet.table.sorted()]  # type: ignore[attr-defined]  # its sheet
    assert {row["key"]: row["value"] for row in rows}["API_KEY"] == "••••3f9a"


def test_help_filters_while_typing(window: Driver) -> None:
    window.key("F1")
    sheet = window.app.shell.sheets["help"]
    sheet.typed.set("kill")  # type: ignore[attr-defined]  # its sheet
    assert [line.name for line in sheet.table.sorted()] == ["Shift+F9 twice"]  # type: ignore[attr-defined]  # as above


def test_a_bot_that_goes_while_its_sheet_is_open_harms_nothing(window: Driver) -> None:
    window.key("F7")
    sheet = window.app.shell.sheets["bot"]
    window.stage.change(bots=())
    window.draw()
    sheet._switch(bot("grid1", "WORK"))  # type: ignore[attr-defined]  # its sheet

    assert window.sent(SetBot) == []


def test_the_status_cell_switches_a_bot(window: Driver) -> None:
    assert window.app.layout.bots is not None
    table = window.app.layout.bots.table
    for emi in ("grid1", "trend1", "fund1"):
        place = table.point_of((emi, next(line.key for line in table.sorted() if line.emi == emi)), "status")
        assert place is not None
        window.click(table.canvas, *place)

    assert [(command.emi, command.state) for command in window.sent(SetBot)] == [
        ("grid1", BotState.OFF), ("trend1", BotState.WORK), ("fund1", BotState.WORK)]


def test_the_order_sheet_moves_by_the_slip_and_cancels_at_once(window: Driver) -> None:
    tabs = window.app.layout.tabs
    assert window.stage.view is not None
    line = window.stage.view.orders[0]
    place = tabs.table.point_of((line.key, line.id), "symbol")
    assert place is not None
    window.click(tabs.table.canvas, *place)
    sheet = window.app.shell.sheets["order"]
    sheet.price.set("abc")  # type: ignore[attr-defined]  # its sheet
    sheet._move()  # type: ignore[attr-defined]  # as above
    assert "plain number" in str(sheet.problem.cget("text"))  # type: ignore[attr-defined]  # as above
    sheet.price.set("61204.0")  # type: ignore[attr-defined]  # as above
    sheet._move()  # type: ignore[attr-defined]  # as above
    window.draw()
    assert window.posted() == [] and window.slip_texts()[0].startswith("MOVE 61")

    window.key("Escape")
    tabs.open_order(line)
    window.app.shell.sheets["order"].cancel()  # type: ignore[attr-defined]  # as above
    assert [command.order for command in window.sent(Cancel)] == [line.id]


def test_take_over_is_explained_before_it_is_asked(window: Driver) -> None:
    window.stage.change(strips=(Strip("warning", "XRPUSDT: 100 unexplained", "takeover:Binance/linear/XRPUSDT",
                                      "Take over…"),))
    window.draw()
    window.app.strips.bars[0].invoke("takeover:Binance/linear/XRPUSDT", 1)
    assert window.sent(TakeOver) == [] and "takeover" in window.app.shell.sheets
    buttons = window.app.shell.sheets["takeover"].actions.winfo_children()  # type: ignore[attr-defined]  # its sheet
    buttons[0].invoke()

    assert [(command.market, command.symbol) for command in window.sent(TakeOver)] == [("Binance", "XRPUSDT")]


def test_strips_offer_their_action(window: Driver) -> None:
    assert any("2 bot orders rest" in text for text in window.app.strips.texts())
    window.app.strips.bars[0].invoke("cancel_bot_orders", 1)
    assert [command.bots_only for command in window.sent(CancelAll)] == [True]

    window.stage.dead = ("engine",)
    window.draw()
    assert window.app.strips.texts()[0].startswith("Stopped: engine")


def test_strips_never_move_the_click_to_another_price(window: Driver) -> None:
    book = window.app.layout.book
    window.stage.change(bot_orders=0)
    window.draw()
    window.app.root.update()
    window.now += 1
    y = window.row_y("61203.9")
    window.stage.change(bot_orders=2)
    window.draw()
    window.app.root.update()
    window.click(book.canvas, 200, y)

    assert window.app.desk.draft is None
    window.now += 1


def test_ctrl_k_finds_and_adds_with_arrows_and_enter(window: Driver) -> None:
    for symbol in ("LTCUSDT", "LINKUSDT"):
        window.stage.board.instruments[key_of(symbol)] = instrument(symbol)
    window.key("k", state=4)
    finder = window.app.shell.sheets["find"]
    finder.typed.set("l")  # type: ignore[attr-defined]  # its sheet
    entry = finder.entry  # type: ignore[attr-defined]  # as above
    assert finder.typed.get() == "L" and len(finder.hits) == 2  # type: ignore[attr-defined]  # as above
    entry.focus_force()
    window.key("Down", widget=entry)
    window.key("Return", widget=entry)

    added = window.sent(Watch)
    assert [(command.key.symbol, command.on) for command in added] == [("LINKUSDT", True)]
    assert window.app.desk.key == key_of("LINKUSDT") and window.app.shell.sheets == {}


def test_the_watchlist_selects_and_removes(window: Driver) -> None:
    assert window.app.layout.watch is not None
    table = window.app.layout.watch.table
    row = next(row for row in table.sorted() if row.key == key_of("ETHUSDT"))
    place = table.point_of(row.id, "symbol")
    cross = table.point_of(row.id, "remove")
    assert place is not None and cross is not None
    window.click(table.canvas, *place)
    assert window.app.desk.key == key_of("ETHUSDT")
    assert (key_of("ETHUSDT"), "1m") in window.stage.wanted
    assert window.stage.board.wanted_depth.keys() == {key_of("ETHUSDT")}
    window.click(table.canvas, *cross)
    assert [(command.key.symbol, command.on) for command in window.sent(Watch)] == [("ETHUSDT", False)]


def test_a_market_line_opens_its_details_with_reconnect(window: Driver) -> None:
    assert window.app.layout.watch is not None
    table = window.app.layout.watch.table
    place = table.point_of(("Binance", "linear", ""), "symbol")
    assert place is not None
    window.click(table.canvas, *place)
    sheet = window.app.shell.sheets["venue Binance linear"]
    sheet.actions.winfo_children()[0].invoke()  # type: ignore[attr-defined]  # its sheet
    assert [(command.market, command.category) for command in window.sent(Recover)] == [("Binance", Category.LINEAR)]


def test_the_chart_cancels_by_its_cross_and_zooms(window: Driver) -> None:
    chart = window.app.layout.chart
    left, right, top, bottom, line = chart.marks._places[0]
    assert left < right
    window.click(chart.canvas, right - 8, (top + bottom) // 2)
    assert [command.order for command in window.sent(Cancel)] == [line.id]
    before = chart.count
    window.key("plus")
    assert chart.count < before
    window.key("Left")
    assert chart.offset == 5
    window.key("End")
    assert chart.offset == 0


def test_the_first_start_preselects_the_simulator(window: Driver) -> None:
    chosen: list[str] = []
    window.app.first_start(chosen.append)
    window.app.first_start(chosen.append)
    window.app.root.update()
    window.key("Escape")
    assert "first start" in window.app.shell.sheets
    sheet = window.app.shell.sheets["first start"]
    window.key("Return", widget=sheet.buttons["demo"])  # type: ignore[attr-defined]  # its sheet

    assert chosen == ["demo"] and window.app.shell.layers == []


def test_closing_asks_and_closing_twice_is_harmless(window: Driver) -> None:
    window.app.ask_quit()
    window.app.ask_quit()
    assert list(window.app.shell.sheets) == ["quit"]
    window.key("Escape")
    assert window.stage.quits == []
    window.app.ask_quit()
    buttons = window.app.shell.sheets["quit"].actions.winfo_children()  # type: ignore[attr-defined]  # its sheet
    buttons[1].invoke()
    window.app.ask_quit()

    assert window.stage.quits == ["cancel_all"] and list(window.app.shell.sheets) == ["stopping"]


def test_a_failing_callback_is_shown_and_the_window_lives(window: Driver) -> None:
    def fail() -> None:
        raise ValueError("boom")
    window.app.root.after(0, fail)
    window.app.root.update()
    window.draw()

    assert any("met an error (ValueError)" in text for text in window.app.strips.texts())


def test_a_bad_setting_is_said_in_a_strip(window: Driver) -> None:
    window.stage.change(bot_orders=0)
    window.app.problem("50: 1 to 10. Using 5.", "REFRESH_RATE")

    assert window.app.strips.texts() == ["REFRESH_RATE: 50: 1 to 10. Using 5."]


def test_no_widget_is_touched_off_the_main_thread(window: Driver) -> None:
    errors: list[BaseException] = []

    def touch() -> None:
        try:
            window.app.root.title("no")
        except BaseException as error:
            errors.append(error)
    thread = threading.Thread(target=touch)
    thread.start()
    thread.join()

    assert len(errors) == 1 and isinstance(errors[0], WrongThread)
    tk.Label(window.app.root).destroy()


def test_empty_states_have_their_words(window: Driver) -> None:
    window.stage.change(orders=(), positions=(), trades=(), messages=(), bots=(), balances=())
    window.stage.board.books.clear()
    place = ("Binance", Category.LINEAR)
    window.stage.board.venues[place] = replace(window.stage.board.venues[place], health=Health.CONNECTING,
                                               text="loading instruments 2 / 5")
    window.app.layout.book._key = None
    window.draw()
    layout = window.app.layout
    words = []
    for name in layout.tabs.tabs:
        layout.tabs.choose(name)
        window.draw()
        table = layout.tabs.table
        words.append(window.item(table.canvas, table._note, "text"))
    assert words == ["No open orders. Click a price in the book.", "No positions", "No trades yet", "No funding yet",
                     "Nothing to report"]
    ladder = layout.book.ladder_canvas
    assert window.item(ladder.canvas, ladder._note, "text") == "Waiting for the first book…"
    window.now += 6
    window.draw()
    assert "loading instruments 2 / 5" in window.item(ladder.canvas, ladder._note, "text")
