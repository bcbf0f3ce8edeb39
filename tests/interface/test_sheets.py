"""Sheets: a bad setting opens the settings at its field; diagnostics without secrets; filters of the messages."""

from __future__ import annotations

import pytest

from engine.commands import ConfirmAccount
from interface.app import About, App, SettingLine
from interface.sheets.confirm import ConfirmAccountSheet
from interface.sheets.help import diagnostics
from interface.sheets.settings import SettingsSheet
from models import Mode

from .conftest import INTERPRETERS, Driver

WRONG = ".env REFRESH_RATE=50: 1 to 10. Using 5."


def many_settings() -> About:
    keys = [f"KEY_{number}" for number in range(60)] + ["REFRESH_RATE"]
    return About("0.1.0", "home", "log", tuple(SettingLine("General", key, "50", "Draws.", "5") for key in keys))


def test_a_bad_setting_opens_the_settings_at_its_field_once() -> None:
    app = App(Mode.SIM, size=(1366, 768), about=many_settings)
    INTERPRETERS.append(app.root.tk)
    try:
        app.root.update()
        app.problem(WRONG, "REFRESH_RATE")
        app.problem("no such symbol", "KEY_3")
        app.root.update()
        sheet = app.shell.sheets["settings"]
        assert isinstance(sheet, SettingsSheet)
        chosen = sheet.table.chosen()
        assert chosen is not None and chosen.key == "REFRESH_RATE"
        assert sheet.table.point_of(("", "REFRESH_RATE"), "key") is not None         # scrolled to
        row = sheet.table.row_text(chosen)
        assert row["key"] == "✕ REFRESH_RATE" and row["sentence"] == f"✕ {WRONG}"

        app.escape()
        app.problem("again", "KEY_3")
        app.root.update()
        assert "settings" not in app.shell.sheets and app.strips.texts() == ["KEY_3: again"]
        app.alerts.act("settings")
        app.root.update()
        assert "settings" in app.shell.sheets
    finally:
        app.destroy()


def test_a_problem_of_no_setting_opens_nothing(window: Driver) -> None:
    window.app._settings_opened = False
    window.app.problem("live opens later", "Live")
    window.app.problem("the port is taken")
    window.app.root.update()
    assert window.app.shell.sheets == {}
    window.app.shell.problems.clear()


def test_diagnostics_tell_states_and_no_secret(window: Driver) -> None:
    words = diagnostics(window.app.shell)
    assert "Botbook 0.1.0" in words and "Binance-F: LIVE" in words and "Tk 8" in words and "ledger sqlite" in words
    assert "SIM-1" not in words and "3f9a" not in words and "home" not in words


def test_messages_are_filtered_by_level_market_and_emi(window: Driver) -> None:
    tabs = window.app.layout.tabs
    tabs.choose("Messages")
    window.draw()
    table, bar = tabs.table, tabs.bar
    assert len(table.sorted()) == 4 and {"level", "market", "emi"} <= set(bar.texts())

    def pick(chooser: str, row: int) -> None:
        span = bar.span(chooser)
        assert span is not None
        window.click(bar.canvas, sum(span) // 2, bar.height // 2)
        menu = window.app.shell.layers[-1]
        window.click(menu.canvas, 20, window.app.theme.bar * row + 8)  # type: ignore[attr-defined]  # a DropDown
        window.draw()

    pick("emi", 2)                       # all, fund1, grid1, no bot
    assert [line.emi for line in table.sorted()] == ["grid1"] and bar.texts()["emi"] == "grid1 ▾"
    pick("emi", 3)
    assert [line.emi for line in table.sorted()] == ["", ""]
    pick("level", 2)
    assert [line.level for line in table.sorted()] == ["error"]
    pick("market", 1)
    assert len(table.sorted()) == 1
    pick("emi", 0)
    pick("market", 0)
    pick("level", 0)
    assert len(table.sorted()) == 4


def test_a_narrow_bar_has_one_chooser_for_all_filters(window: Driver) -> None:
    tabs = window.app.layout.tabs
    tabs.choose("Messages")
    messages = window.viewed().messages
    wide = tabs.bar.canvas.winfo_width
    tabs.bar.canvas.winfo_width = lambda: 300  # type: ignore[method-assign]  # a small screen
    try:
        assert [part.text for part in tabs.filter.segments(messages)] == ["filter ▾"]
        tabs.filter._menu_all(messages, 0)
        window.app.root.update()
        menu = window.app.shell.layers[-1]
        window.click(menu.canvas, 20, 8)  # type: ignore[attr-defined]  # a DropDown
        level = window.app.shell.layers[-1]
        assert level is not menu
        window.click(level.canvas, 20, window.app.theme.bar * 2 + 8)  # type: ignore[attr-defined]  # as above
        assert tabs.filter.level == "error"
    finally:
        tabs.bar.canvas.winfo_width = wide  # type: ignore[method-assign]  # as before
        tabs.filter.level = ""

def test_a_live_account_is_opened_by_typing_its_id(window: Driver, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[ConfirmAccount] = []
    monkeypatch.setattr(window.app.desk, "_out", asked.append)
    window.app.alerts.act("confirm:Binance/acc-42/x")
    window.app.root.update()
    sheet = window.app.shell.sheets["confirm account"]
    assert isinstance(sheet, ConfirmAccountSheet)

    sheet._typed.set("acc-42")
    sheet.go()
    assert "That is not the id" in sheet.error() and not asked

    sheet._typed.set(" acc-42/x ")
    sheet.go()
    window.app.root.update()
    assert [(one.market, one.account, one.typed) for one in asked] == [("Binance", "acc-42/x", "acc-42/x")]
    assert "confirm account" not in window.app.shell.sheets
