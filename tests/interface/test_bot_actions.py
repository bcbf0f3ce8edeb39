"""The Bots sheet and its actions: what is said before, what is asked, what happens with the answer."""

from __future__ import annotations

import tkinter as tk
from dataclasses import replace
from decimal import Decimal
from tkinter import ttk

import pytest

from engine.commands import (
    BotAction,
    CancelAll,
    DeleteBot,
    DuplicateBot,
    MergeBot,
    NewBot,
    ReassignPosition,
    Refusal,
    RenameBot,
    Verdict,
)
from engine.view import BotLine, View
from interface.presenters.bot_actions import ActionForm, Wrong, forms_of
from interface.sheets.bot import ACTIONS, BotSheet
from interface.sheets.bot_action import BotActionSheet

from .conftest import Driver
from .demo_feed import BTC, bot, key_of, make_view, order

D = Decimal
HAND = BTC.reserved
HELD = bot("grid1", "WORK", pos="0.250", orders=4)
ETH = key_of("ETHUSDT")


def view() -> View:
    """Two bots of BTCUSDT, one of ETHUSDT, the untagged line with a position."""
    return replace(make_view(), bots=(replace(HELD, entry=D("60880.4")), bot("flat", "OFF"), bot("eth", "OFF", ETH),
                                      bot(HAND, "RESERVED", pos="-1"), bot("old", "NOT DEFINED", pos="3")),
                   strategies=("ma_cross", "technical"))


def form(word: str, line: BotLine | None = HELD) -> ActionForm:
    """An action's form."""
    found = forms_of(line, view()).get(word)
    assert isinstance(found, ActionForm), found
    return found


def asked(word: str, line: BotLine | None = HELD, **typed: str) -> object:
    """The command of what is proposed, some of it typed over."""
    made = form(word, line)
    return made.make({field.name: field.value for field in made.fields} | typed, "t")


# ---------------------------------------------------------------- what is proposed and asked


def test_each_action_asks_for_what_was_typed() -> None:
    line = replace(HELD, entry=D("60880.4"))

    assert asked("New…", new=" alfa ", strategy="ma_cross", capital="3", timeframe="5m", params='{"fast": 5}'
                 ) == NewBot("t", "alfa", BTC, 5, 3, "ma_cross", '{"fast": 5}')
    assert asked("New…", new="alfa", symbol="ETHUSDT_Binance-F") == NewBot("t", "alfa", ETH, 1, 1, "", "")
    assert asked("Duplicate…", new="twin") == DuplicateBot("t", "grid1", "twin")
    assert asked("Rename…", new="alfa") == RenameBot("t", "grid1", "alfa")
    assert asked("Merge…") == MergeBot("t", "grid1", "flat")
    assert asked("Reassign…", line) == ReassignPosition("t", BTC, "grid1", HAND, D("0.250"), D("60880.4"))
    assert asked("Reassign…", line, to="flat", qty="0.1", price="") == ReassignPosition(
        "t", BTC, "grid1", "flat", D("0.1"), None)
    assert asked("Delete…") == DeleteBot("t", "grid1", "RESERVED")
    assert asked("Delete…", bot("flat", "OFF")) == DeleteBot("t", "flat", "")


@pytest.mark.parametrize(("word", "field", "typed"), [
    ("New…", "capital", "0"), ("New…", "capital", "1.5"), ("New…", "capital", "x"), ("New…", "capital", "9" * 12),
    ("New…", "symbol", "nowhere"), ("Reassign…", "qty", "1,5"), ("Reassign…", "price", "1e3")])
def test_what_is_no_number_stays_in_its_field(word: str, field: str, typed: str) -> None:
    wrong = asked(word, HELD, **{field: typed})

    assert isinstance(wrong, Wrong) and wrong.field == field and wrong.text


def test_takers_are_bots_of_the_symbol_and_reserved() -> None:
    def choices(word: str, line: BotLine) -> tuple[str, ...]:
        return form(word, line).fields[0].choices

    assert choices("Reassign…", HELD) == choices("Delete…", HELD) == ("RESERVED", "flat")
    assert choices("Reassign…", bot(HAND, "RESERVED", pos="-1")) == ("flat", "grid1")
    assert choices("Reassign…", bot("old", "NOT DEFINED", pos="3")) == ("RESERVED", "flat", "grid1")
    assert choices("Merge…", HELD) == ("eth", "flat")


def test_lines_that_are_no_bots_say_why_not() -> None:
    reserved = forms_of(bot(HAND, "RESERVED", pos="-1"), view())
    old = forms_of(bot("old", "NOT DEFINED"), view())

    assert {word: reserved[word] for word in ("Duplicate…", "Rename…", "Merge…", "Delete…")} == dict.fromkeys(
        ("Duplicate…", "Rename…", "Merge…", "Delete…"), "RESERVED is no bot")
    assert isinstance(old["Merge…"], ActionForm) and old["Reassign…"] == "old holds no position"
    assert forms_of(bot("flat", "OFF"), replace(view(), bots=()))["Merge…"] == "there is no other bot"
    assert set(forms_of(None, view())) == {"New…"} and forms_of(None, None) == {}


def test_it_is_said_what_happens_to_orders_and_rows() -> None:
    words = {word: " ".join(form(word).sentences) for word in ACTIONS}

    assert "OFF until you switch it on" in words["New…"] and "has no books" in words["Duplicate…"]
    assert "The whole book of grid1 (position +0.25 BTCUSDT, results, fees, funding) moves" in words["Rename…"]
    assert "The row of grid1 in `robots` goes" in words["Merge…"] and "What it traded stays" in words["Delete…"]
    assert "grid1 holds +0.25 BTCUSDT. It goes to the other owner at the price below" in words["Reassign…"]
    for word in ("Rename…", "Merge…", "Reassign…", "Delete…"):
        assert "▲ 4 orders of grid1 are open, a stop at the venue counts too: cancel first." in words[word]
    assert "No order of flat is open." in form("Rename…", bot("flat", "OFF")).sentences


# ---------------------------------------------------------------- in the window


def bots(window: Driver) -> BotSheet:
    """The sheet behind F7, opened."""
    window.stage.change(bots=view().bots, strategies=view().strategies)
    window.draw()
    window.key("F7")
    sheet = window.app.shell.sheets["bot"]
    assert isinstance(sheet, BotSheet)
    return sheet


def action(window: Driver, sheet: BotSheet, word: str) -> BotActionSheet:
    """The sheet of an action."""
    sheet.buttons[word].invoke()
    window.app.root.update()
    made = window.app.shell.sheets["bot action"]
    assert isinstance(made, BotActionSheet)
    return made


def press(sheet: BotActionSheet, words: str) -> None:
    """One of its buttons."""
    buttons = {str(child.cget("text")): child for child in sheet.actions.winfo_children()
               if isinstance(child, ttk.Button)}
    buttons[words].invoke()


def answer(window: Driver, command: BotAction, refusal: Refusal | None = None) -> None:
    """The engine's verdict, in the next view."""
    verdicts = window.viewed().verdicts
    window.stage.change(verdicts=(*verdicts, Verdict(command.ticket, refusal is None, "", refusal)))
    window.draw()


def labels(widget: tk.Misc) -> list[str]:
    """Every text on it."""
    found = [str(child.cget("text")) for child in widget.winfo_children() if isinstance(child, tk.Label)]
    return found + [text for child in widget.winfo_children() for text in labels(child)]


def test_f7_lists_the_bots_and_shows_the_chosen_one(window: Driver) -> None:
    window.app.desk.bot = "flat"
    sheet = bots(window)

    assert [line.emi for line in sheet.table.sorted()] == ["grid1", "flat", "eth", HAND, "old"]
    assert {"flat", "Switch to WORK"} <= {*labels(sheet.detail), str(sheet.switch.cget("text"))}

    window.key("Up", widget=sheet.table.canvas)
    assert sheet.line is not None and sheet.line.emi == window.app.desk.bot == "grid1"
    assert "+0.250 @ 60 880.4" in [text.replace("\u2009", " ") for text in labels(sheet.detail)]


def test_list_follows_the_engine_while_it_is_open(window: Driver) -> None:
    sheet = bots(window)

    window.stage.change(bots=(bot("flat", "WORK"),))
    window.draw()

    assert window.until(lambda: sheet.line is not None and sheet.line.emi == "flat")
    assert [line.emi for line in sheet.table.sorted()] == ["flat"] and sheet.switch.cget("text") == "Switch OFF"
    window.stage.change(bots=())
    window.draw()
    assert window.until(lambda: sheet.line is None)
    assert window.app.shell.sheets["bot"] is sheet


def test_bot_is_renamed_by_keys_alone(window: Driver) -> None:
    sheet = bots(window)
    sheet.buttons["Rename…"].focus_set()
    window.key("Return")
    made = window.app.shell.sheets["bot action"]
    assert isinstance(made, BotActionSheet)
    made.typed["new"].set("alfa")
    window.key("Return")
    window.key("Return")                                  # asked once, however often it is pressed

    command = window.sent(RenameBot)
    assert [(one.emi, one.new) for one in command] == [("grid1", "alfa")] and made.problem.cget("text") == "Asking…"

    answer(window, command[0], Refusal("there is a bot alfa already", "new"))
    assert made.problem.cget("text") == "there is a bot alfa already" and made.typed["new"].get() == "alfa"
    assert str(window.app.root.focus_get()) == str(made.entries["new"])
    made.typed["new"].set("beta")
    window.key("Return")
    answer(window, window.sent(RenameBot)[1])

    assert "bot action" not in window.app.shell.sheets and window.app.desk.bot == "beta"
    assert str(window.app.root.focus_get()) == str(sheet.table.canvas)


def test_what_cannot_be_taken_back_wants_its_button(window: Driver) -> None:
    made = action(window, bots(window), "Merge…")

    window.key("Return")
    assert not window.sent(MergeBot) and str(window.app.root.focus_get()) == str(made.go)
    window.key("Return")

    assert [(one.emi, one.into) for one in window.sent(MergeBot)] == [("grid1", "flat")]


def test_orders_in_the_way_are_cancelled_in_one_step(window: Driver) -> None:
    made = action(window, bots(window), "Delete…")
    assert any(text.startswith("▲ 4 orders of grid1 are open") for text in labels(made.body))

    press(made, "Cancel 4 orders")

    assert [(one.key, one.owner) for one in window.sent(CancelAll)] == [(None, "grid1")]
    assert "Cancelling" in str(made.problem.cget("text")) and not window.sent(DeleteBot)


def test_orders_of_the_untagged_line_are_cancelled_on_its_symbol_only(window: Driver) -> None:
    sheet = bots(window)
    window.stage.change(orders=(order(7, "61204.2"), order(8, "2400", owner=HAND, key=ETH)))
    window.draw()
    sheet._choose(next(line for line in sheet.table.sorted() if line.emi == HAND))
    made = action(window, sheet, "Reassign…")

    press(made, "Cancel 1 order")

    assert [(one.key, one.owner) for one in window.sent(CancelAll)] == [(BTC, HAND)]


def test_new_bot_is_asked_for_with_its_choices(window: Driver) -> None:
    made = action(window, bots(window), "New…")
    assert made.entries["strategy"].cget("values") == ("none: it only keeps books", "ma_cross", "technical")

    made.typed["capital"].set("none")
    made.go.invoke()
    assert "CAPITAL: a whole number" in str(made.problem.cget("text")) and not window.sent(NewBot)
    for name, value in (("new", "alfa"), ("capital", "2"), ("strategy", "technical"), ("timeframe", "1h")):
        made.typed[name].set(value)
    made.go.invoke()

    command = window.sent(NewBot)[0]
    assert (command.emi, command.key, command.timeframe, command.capital, command.strategy) == (
        "alfa", BTC, 60, 2, "technical")


def test_button_that_cannot_work_says_why(window: Driver) -> None:
    sheet = bots(window)
    sheet._choose(next(line for line in sheet.table.sorted() if line.emi == "eth"))

    sheet.buttons["Reassign…"].invoke()
    assert sheet.why_not.cget("text") == "Reassign: eth holds no position."
    assert "bot action" not in window.app.shell.sheets

    window.stage.change(bots=())
    window.draw()
    assert window.until(lambda: sheet.line is None)
    sheet.buttons["Delete…"].invoke()
    assert sheet.why_not.cget("text") == "Delete: no bot is selected."


def test_escape_takes_away_one_sheet_after_the_other(window: Driver) -> None:
    sheet = bots(window)
    action(window, sheet, "Merge…")

    window.key("Escape")
    assert "bot action" not in window.app.shell.sheets and window.app.shell.sheets["bot"] is sheet
    window.key("Escape")

    assert not window.app.shell.sheets and not [one for one in window.posted() if isinstance(one, BotAction)]


def test_verdict_after_the_sheet_is_gone_harms_nothing(window: Driver) -> None:
    made = action(window, bots(window), "Rename…")
    made.typed["new"].set("alfa")
    made.go.invoke()
    window.key("Escape")

    answer(window, window.sent(RenameBot)[0])

    assert window.app.alerts.problems == []
