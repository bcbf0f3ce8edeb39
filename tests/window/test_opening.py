"""How the window opens and closes: first start, settings that cannot be used, markets out of reach, its own ✕."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from models import Category, Health, Mode
from session.child import Child
from tests.faults.harness import free_port, is_running, write_private
from tests.window.live import ROOT, Live, Market, text_of

HEAVY = ("sqlalchemy", "websocket", "requests", "pymysql", "urllib3", "numpy")
END_S = 5.0       # issue: everything has ended by then


@pytest.fixture
def home(tmp_path: Path, quick: None, screen: str) -> Path:
    """An empty home folder."""
    made = tmp_path / "home"
    made.mkdir(mode=0o700)
    return made


@pytest.fixture
def open_window(home: Path) -> Iterator[list[Live]]:
    """Windows a test opened; they are ended whatever happens."""
    windows: list[Live] = []
    yield windows
    for window in windows:
        window.close()


def demo(home: Path, windows: list[Live]) -> Live:
    """A window on the bundled exchange, ready."""
    windows.append(Live(home))
    windows[0].wait_live()
    windows[0].market.calm()
    return windows[0]


def buttons(window: Live, name: str) -> dict[str, str]:
    """Texts of a sheet's buttons → their Tk paths."""
    sheet = window.app.shell.sheets[name]
    found: dict[str, str] = {}
    stack = [sheet.frame]  # type: ignore[attr-defined]  # a layer that is a sheet
    while stack:
        widget = stack.pop()
        stack += widget.winfo_children()
        if widget.winfo_class() == "TButton":
            found[str(widget.cget("text"))] = str(widget)
    return found


# ---------------------------------------------------------------- opening

def test_database_and_network_are_imported_after_the_first_picture(home: Path) -> None:
    script = (
        "import os, sys, tkinter\n"
        "def first(self):\n"
        f"    print(*[name for name in {HEAVY!r} if name in sys.modules], 'are in', flush=True)\n"
        "    os._exit(0)\n"
        "tkinter.Misc.update = first\n"
        "import main\n"
        f"main.main(['--demo', '--home', {str(home)!r}])\n")

    ran = subprocess.run([sys.executable, "-c", script], cwd=ROOT, env=dict(os.environ), capture_output=True, text=True,
                         timeout=30, check=False)

    assert ran.stdout.strip() == "are in", ran.stdout + ran.stderr


def test_enter_on_the_first_start_sheet_starts_the_demo(home: Path, open_window: list[Live]) -> None:
    open_window.append(Live(home, mode=None))
    window = open_window[0]
    assert "first start" in window.app.shell.sheets and window.run._session is None
    assert {"Try the simulator", "Test network", "Live"} <= set(buttons(window, "first start"))

    window.key("Escape")
    assert "first start" in window.app.shell.sheets
    window.key("Return")
    window.wait_live()

    assert window.app.mode is Mode.SIM and "SIM-1" in window.view.accounts
    assert set(window.session.board.venues) == {
        ("Binance", Category.LINEAR), ("Binance", Category.INVERSE), ("Binance", Category.SPOT),
        ("Bitmex", Category.INVERSE)}
    assert "DEMO" in (home / ".env").read_text() and not window.app.shell.sheets
    window.check_unharmed()


def test_live_is_chosen_but_needs_the_flag_at_each_start(home: Path, open_window: list[Live]) -> None:
    open_window.append(Live(home, mode=None))
    window = open_window[0]

    for _step in range(2):
        window.key("Down")
    window.key("Return")

    window.until(lambda: window.strips(), 2, "the sentence")
    assert "traded only when the program is started with --live" in window.strips()[0]
    assert 'TESTNET="False"' in (home / ".env").read_text() and window.run._session is None


@pytest.mark.parametrize(("env", "market", "field"), [
    ("", 'LINEAR_SYMBOLS="BTC$USDT"', "LINEAR_SYMBOLS"),
    ("", "TESTNET_HTTP_URL=ftp://127.0.0.1:1", "TESTNET_HTTP_URL"),
    ("MARKET_LIST=Binanse", "", "MARKET_LIST"),
    ("SQLITE_DATABASE=/nowhere/at/all.db", "", "SQLITE_DATABASE"),
])
def test_a_wrong_setting_is_said_at_its_field(home: Path, open_window: list[Live], env: str, market: str,
                                              field: str) -> None:
    write_private(home / ".env", env)
    write_private(home / ".env.Binance", market)
    open_window.append(Live(home, mode=Mode.TESTNET))
    window = open_window[0]

    window.until(lambda: any(field in strip for strip in window.strips()), 5, f"{field} in a strip")
    window.key("F8")
    assert "settings" in window.app.shell.sheets
    window.key("Escape")
    window.key("F1")
    assert "help" in window.app.shell.sheets and window.slowest_ms < 500
    window.check_unharmed()


def test_keys_the_exchange_refuses_are_said_at_their_field(home: Path, open_window: list[Live], tmp_path: Path) -> None:
    elsewhere = tmp_path / "exchange"
    elsewhere.mkdir(mode=0o700)
    exchange = Child(ROOT, elsewhere)
    try:
        write_private(home / ".env", "")
        write_private(home / ".env.Binance", "\n".join((
            f"TESTNET_HTTP_URL={exchange.demo.http}", f"TESTNET_WS_URL={exchange.demo.ws}",
            f"TESTNET_API_KEY={'k' * 64}", f"TESTNET_API_SECRET={'s' * 64}")))
        open_window.append(Live(home, mode=None))
        window = open_window[0]

        window.until(lambda: ".env.Binance TESTNET_API_KEY" in window.app.shell.problems, 10, "the key at its field")
        assert "not accepted" in window.app.shell.problems[".env.Binance TESTNET_API_KEY"]
        window.until(lambda: "settings" in window.app.shell.sheets, 5, "the settings, opened at it")
        board = window.session.board
        window.until(lambda: [state.health for state in board.venues.values()] == [Health.OFF], 5, "the market off")
        assert not board.books
        window.check_unharmed()
    finally:
        exchange.stop(0.5)


def test_a_look_value_out_of_range_is_said_and_the_program_runs(home: Path, open_window: list[Live]) -> None:
    write_private(home / ".env", "REFRESH_RATE=50")
    window = demo(home, open_window)

    window.until(lambda: any("REFRESH_RATE=50" in line for line in window.said()), 5, "the notice")


def test_a_market_out_of_reach_leaves_the_window_usable(home: Path, open_window: list[Live],
                                                        monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("interface.panels.book.WAIT_S", 0.5)
    port = free_port()
    write_private(home / ".env", "TESTNET=True")
    write_private(home / ".env.Binance", "\n".join((
        f"TESTNET_HTTP_URL=http://127.0.0.1:{port}", f"TESTNET_WS_URL=ws://127.0.0.1:{port}",
        "TESTNET_API_KEY=some-key-of-mine", "TESTNET_API_SECRET=some-secret-of-mine")))
    open_window.append(Live(home, mode=None))
    window = open_window[0]

    book = window.app.layout.book.ladder_canvas
    window.until(lambda: "no connection" in text_of(book.canvas, book._note), 10, "the reason in the book")
    watch, account = window.app.layout.watch, window.app.layout.account
    assert watch is not None and account is not None
    assert "no connection" in " ".join(watch.table.row_text(watch.table.sorted()[0]).values())
    assert text_of(account.table.canvas, account.table._note) == "Waiting for the account…"
    window.key("F1")
    assert "help" in window.app.shell.sheets
    window.key("Escape")
    window.key("F9")
    window.key("F12")
    window.pump(0.5)
    window.wm_delete()
    if "quit" in window.app.shell.sheets:
        window.key("Return")

    assert window.wait_gone(END_S) < END_S
    assert window.slowest_ms < 500
    window.check_unharmed()


def test_an_exchange_that_does_not_start_is_one_sentence(home: Path, open_window: list[Live],
                                                         monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("session.child.READY_WITHIN_S", 0.0)
    open_window.append(Live(home))
    window = open_window[0]

    window.until(lambda: any("the bundled exchange did not start" in strip for strip in window.strips()), 8, "it")
    assert window.run.exit_code == 4
    window.wm_delete()
    assert window.app._stopped


# ---------------------------------------------------------------- closing

def test_closing_the_window_asks_and_leaves_the_orders(home: Path, open_window: list[Live]) -> None:
    window = demo(home, open_window)
    order = window.buy_resting(8)

    window.wm_delete()
    asked = buttons(window, "quit")
    window.key("Escape")
    window.pump(0.2)
    stayed = not window.app._stopped and not window.app.shell.sheets
    window.wm_delete()
    window.key("Return")
    took = window.wait_gone()

    assert {"Leave orders, close", "Cancel all, close", "Stay  Esc"} == set(asked) and stayed
    assert took < END_S and not is_running(window.child_pid) and window.run.exit_code == 0
    assert window.row(order["client_id"])["STATUS"] == "NEW"
    child = Child(ROOT, home)
    try:
        assert [o["client_id"] for o in Market(child.control).open_orders()] == [order["client_id"]]
    finally:
        child.stop()
    window.check_unharmed()


def test_closing_with_cancel_all_leaves_nothing_at_the_exchange(home: Path, open_window: list[Live]) -> None:
    window = demo(home, open_window)
    first, second = window.buy_resting(8), window.buy_resting(11)

    window.wm_delete()
    window.app.root.tk.call(buttons(window, "quit")["Cancel all, close"], "invoke")
    took = window.wait_gone()

    assert took < END_S and not is_running(window.child_pid)
    assert [window.row(order["client_id"])["STATUS"] for order in (first, second)] == ["CANCELED", "CANCELED"]
    window.check_unharmed()


def test_closing_with_an_order_in_flight_ends_in_time(home: Path, open_window: list[Live]) -> None:
    window = demo(home, open_window)
    window.market.fault("withhold", path="POST /fapi/v1/order", seconds=30)
    at = window.time()
    window.click_price(window.bid(8), at)
    window.key("Return", at + 200)
    window.until(lambda: window.chips(), 3, "the order on its way")

    window.wm_delete()
    window.key("Return")
    took = window.wait_gone()

    assert took < END_S and not is_running(window.child_pid)
    window.check_unharmed()
