"""F8 in a real window: typing is judged, secrets stay hidden, jobs are only looked at, Esc asks before it drops."""

from __future__ import annotations

import time
import tkinter as tk
from collections.abc import Iterator

import pytest

from core.setting_keys import KEYS, Kind
from interface.app import About, SettingLine
from interface.setup import Changes, Progress, TestLine
from interface.sheets.settings import SettingsSheet, field_of

from .conftest import Driver

FILE = ".env.Binance"
SECRET = "typed-secret-3f9a" * 3


class StubJob:
    """A job a test moves by hand."""

    def __init__(self) -> None:
        self.progress = Progress(doing="Binance-F")
        self.stopped = False

    def stop(self) -> None:
        """Remember it."""
        self.stopped = True


class StubSetup:
    """Remembers what it was asked."""

    def __init__(self) -> None:
        self.tests: list[Changes] = []
        self.saves: list[Changes] = []
        self.job = StubJob()

    def test(self, changes: Changes) -> StubJob:
        """A new job."""
        self.tests.append(changes)
        self.job = StubJob()
        return self.job

    def save(self, changes: Changes) -> StubJob:
        """A new job."""
        self.saves.append(changes)
        self.job = StubJob()
        return self.job


def about() -> About:
    """All keys; one secret is set."""
    values = {(FILE, "API_KEY"): "••••3f9a", (FILE, "LINEAR_SYMBOLS"): "BTCUSDT"}
    return About("0.1.0", "home", "log", tuple(
        SettingLine(f"{key.group} · {key.file}", key.name, values.get((key.file, key.name), f"{key.default} (default)"),
                    key.sentence, key.default, key.file,
                    "" if key.kind is Kind.HIDDEN else values.get((key.file, key.name), "")) for key in KEYS))


@pytest.fixture
def setup(window: Driver) -> Iterator[StubSetup]:
    """The window with a program that answers by hand."""
    made = StubSetup()
    shell = window.app.shell
    before, shell.about, shell.setup = shell.about, about, made
    yield made
    while shell.layers:
        shell.layers[-1].close()
    shell.setup, shell.about = None, before


def opened(window: Driver) -> SettingsSheet:
    """The sheet by F8."""
    window.key("F8")
    window.draw()
    sheet = window.app.shell.sheets["settings"]
    assert isinstance(sheet, SettingsSheet)
    return sheet


def type_in(window: Driver, sheet: SettingsSheet, file: str, name: str, value: str) -> None:
    """Choose a setting and type."""
    sheet.table.reveal((file, name))
    line = next(line for line in sheet.table.sorted() if field_of(line) == (file, name))
    sheet._choose(line)
    window.draw()
    sheet.entry.delete(0, "end")
    sheet.entry.insert(0, value)
    window.app.root.update()


def read(widget: tk.Misc) -> str:
    """Every text of a widget and what is in it."""
    texts = []
    for child in (widget, *widget.winfo_children()):
        if child.winfo_class() in ("Label", "TButton"):
            texts.append(str(child.cget("text")))
        if child is not widget:
            texts.append(read(child))
    return "\n".join(texts)


def wait(window: Driver) -> None:
    """Longer than the sheet takes to look again."""
    for _ in range(30):
        window.app.root.update()
        time.sleep(0.01)
    window.app.root.update()


def test_what_is_typed_is_judged_at_once_and_not_saved_while_wrong(window: Driver, setup: StubSetup) -> None:
    sheet = opened(window)
    type_in(window, sheet, ".env", "REFRESH_RATE", "50")

    assert sheet.hint.cget("text") == "✕ 1 to 10"
    sheet.save()
    assert not setup.saves and "1 to 10" in sheet.note.cget("text")

    type_in(window, sheet, ".env", "REFRESH_RATE", "7")
    assert "A change needs F3" in sheet.hint.cget("text") and "Save 1 change" in read(sheet.actions)
    sheet.save()
    assert setup.saves == [{(".env", "REFRESH_RATE"): "7"}]


def test_a_secret_is_typed_blind_and_never_shown(window: Driver, setup: StubSetup) -> None:
    sheet = opened(window)
    type_in(window, sheet, FILE, "API_SECRET", SECRET)
    shown = "\n".join("\n".join(sheet.table.row_text(line).values()) for line in sheet.table.sorted())

    assert sheet.entry.cget("show") == "•" and SECRET not in shown + read(sheet.frame)
    type_in(window, sheet, FILE, "API_KEY", "")
    assert "Now: ••••3f9a" in sheet.hint.cget("text")
    sheet.save()
    assert setup.saves == [{(FILE, "API_SECRET"): SECRET}], "an empty field leaves the key that is there"


def test_a_test_shows_each_step_and_can_be_stopped(window: Driver, setup: StubSetup) -> None:
    sheet = opened(window)
    type_in(window, sheet, FILE, "LINEAR_SYMBOLS", "NOPEUSDT")
    sheet.test_button.invoke()
    assert setup.tests == [{(FILE, "LINEAR_SYMBOLS"): "NOPEUSDT"}]
    setup.job.progress = Progress((TestLine("✓", "Binance-F", "DNS", "known"),
                                   TestLine("✕", "Binance-F", "symbols", "not listed: NOPEUSDT", "correct it")),
                                  "Binance-F")
    wait(window)

    rows = [sheet.tests.row_text(line) for line in sheet.tests.sorted()]
    assert [(row["mark"], row["step"]) for row in rows] == [("✓", "DNS"), ("✕", "symbols")]
    assert rows[1]["text"] == "not listed: NOPEUSDT  → correct it"
    sheet.stop_button.invoke()
    assert setup.job.stopped and sheet.note.cget("text") == "stopped"
    sheet.test_button.invoke()
    assert len(setup.tests) == 2, "another test may begin at once"


def test_what_saving_found_wrong_stands_at_its_field(window: Driver, setup: StubSetup) -> None:
    sheet = opened(window)
    type_in(window, sheet, FILE, "API_KEY", "k" * 64)
    sheet.save()
    setup.job.progress = Progress(done=True, note="not saved: missing",
                                  problems={(FILE, "API_SECRET"): "missing, though the other half is there"})
    wait(window)

    line = next(line for line in sheet.table.sorted() if field_of(line) == (FILE, "API_SECRET"))
    assert sheet.table.row_text(line)["key"] == "✕ API_SECRET" and sheet.changes
    assert "not saved" in sheet.note.cget("text")


def test_esc_asks_before_it_drops_what_was_typed(window: Driver, setup: StubSetup) -> None:
    sheet = opened(window)
    type_in(window, sheet, FILE, "LINEAR_SYMBOLS", "ETHUSDT")

    window.key("Escape")
    assert "settings" in window.app.shell.sheets and "Esc again drops" in sheet.note.cget("text")
    window.key("Escape")
    assert "settings" not in window.app.shell.sheets and not setup.saves


def test_bitmex_chosen_is_said_to_be_closed(window: Driver, setup: StubSetup) -> None:
    sheet = opened(window)
    assert not sheet._closed.winfo_ismapped()

    type_in(window, sheet, ".env", "MARKET_LIST", "Binance, Bitmex")
    window.draw()

    assert sheet._closed.winfo_ismapped() and "closed since 2026-09-23" in sheet._closed.cget("text")
