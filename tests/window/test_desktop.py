"""The program as a person has it: on a screen, under real mouse and keys, ended by ✕, Ctrl-C or SIGTERM."""

from __future__ import annotations

import contextlib
import signal
import time
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path

import pytest

from tests.window.desktop import Desktop, x_server
from tests.window.live import Market, rows

pytestmark = pytest.mark.late

D = Decimal
END_S = 5.0
SEEN_WITHIN_S = 3.0        # the bound of the bench is 1 s; here other tests run beside
BOOK = (1560, 60, 1910, 830)                  # of 1920×1080: the ladder
SLIP = "#1d4f86"                              # a Buy slip's face, and a Buy chip's
BID_ROW = (1700, 700)                         # a row well below the middle of the ladder
CHIP_X = 1575                                 # a chip, left of its ✕


@pytest.fixture(scope="module")
def display(need_program: Callable[[str, str], str]) -> Iterator[str]:
    """A screen of its own."""
    need_program("Xvfb", "xvfb")
    need_program("xdotool", "xdotool")
    with x_server() as name:
        yield name


@pytest.fixture
def start(display: str, tmp_path: Path) -> Iterator[Callable[..., Desktop]]:
    """Starts the program; what was started is ended."""
    started: list[Desktop] = []

    def go(*arguments: str) -> Desktop:
        started.append(Desktop(display, tmp_path / "home", *arguments))
        return started[-1]

    yield go
    for desktop in started:
        desktop.end()


def clicked(desktop: Desktop) -> bool:
    """Click a bid; whether the slip comes up. A click is dropped while the book is drawn anew under it."""
    desktop.click(*BID_ROW)
    with contextlib.suppress(AssertionError):
        desktop.until(lambda: desktop.count(SLIP, BOOK) > 5_000, 2, "the slip on the screen")
        return True
    return False


def buy_by_hand(desktop: Desktop, market: Market) -> dict[str, str]:
    """Click a bid, read the slip, press Enter; the order at the exchange."""
    before = {order["client_id"] for order in market.orders()}
    desktop.until(lambda: clicked(desktop), 20, "the slip on the screen")
    time.sleep(0.3)
    desktop.key("Return")
    return desktop.until(lambda: [o for o in market.orders() if o["client_id"] not in before], 5, "the order")[0]


def drag_down(desktop: Desktop, market: Market, order: dict[str, str]) -> dict[str, str]:
    """Carry the order's chip two rows down, read the slip, press Enter; the order as the exchange has it then."""
    x, y = CHIP_X, BID_ROW[1]
    desktop.xdo("mousemove", str(x), str(y), "mousedown", "1")
    for step in (15, 30, 40):
        desktop.xdo("mousemove", str(x), str(y + step))
    desktop.xdo("mouseup", "1")
    desktop.until(lambda: desktop.count(SLIP, BOOK) > 5_000, 3, "the slip of the move")
    assert [o["price"] for o in market.open_orders()] == [order["price"]], "moved before Enter"
    time.sleep(0.3)
    desktop.key("Return")
    return desktop.until(lambda: [o for o in market.open_orders() if D(o["price"]) == D(order["price"]) - D("0.2")], 5,
                         "the move")[0]


def test_hands_on_the_screen(start: Callable[..., Desktop]) -> None:
    """One run for all that needs real events: visible, reachable, double click, held key, ✕."""
    desktop = start("--demo", "--debug")
    seen = desktop.wait_window()
    market = desktop.wait_market()
    assert seen < SEEN_WITHIN_S

    desktop.click(*BID_ROW, "--repeat", "2", "--delay", "90")
    time.sleep(0.5)
    assert market.orders() == [], "a double click sent an order"
    desktop.key("Escape")

    order = buy_by_hand(desktop, market)
    best = market.depth()["bids"][0][0]
    assert (order["side"], order["tif"]) == ("BUY", "GTX") and best - 4 < D(order["price"]) < best
    desktop.until(lambda: 200 < desktop.count(SLIP, BOOK) < 5_000, 5, "the chip on the screen")
    order = drag_down(desktop, market, order)
    market.sell_through(D(order["price"]))
    coin = desktop.until(lambda: rows(desktop.home, "SELECT * FROM coins"), 5, "the row")[0]
    assert D(coin["TRADE_PRICE"]) == D(order["price"])
    market.calm()

    desktop.hold("F9", 1.2)
    desktop.until(lambda: "TRADING ON" in desktop.title(), 3, "trading ON")
    time.sleep(0.5)
    assert "TRADING ON" in desktop.title(), "a held F9 toggled more than once"
    desktop.key("F9")
    desktop.until(lambda: "TRADING OFF" in desktop.title(), 3, "trading OFF")

    market.fault("withhold", path="POST /fapi/v1/order", seconds=30)
    buy_by_hand(desktop, market)
    desktop.ask_to_close()
    time.sleep(0.5)
    assert desktop.process.poll() is None, "it closed without asking"
    desktop.key("Escape")
    desktop.ask_to_close()
    time.sleep(0.4)
    desktop.key("Return")

    code, took = desktop.wait_end(END_S + 2)
    assert code == 0 and took < END_S
    assert "Traceback" not in desktop.errors and "touched a widget" not in desktop.errors, desktop.errors


def end_by_signal(desktop: Desktop, number: int) -> None:
    """An order is left; the program, its exchange and its window are gone in time, without a word."""
    order = buy_by_hand(desktop, desktop.wait_market())
    desktop.until(lambda: rows(desktop.home, "SELECT * FROM orders WHERE STATUS = 'NEW'"), 5, "the order's row")

    desktop.signal(number)

    code, took = desktop.wait_end(END_S + 2)
    assert (code, desktop.errors) == (0, "") and took < END_S
    kept = rows(desktop.home, "SELECT * FROM orders")
    assert [(row["CLORDID"], row["STATUS"]) for row in kept] == [(order["client_id"], "NEW")]


def test_sigterm_ends_everything(start: Callable[..., Desktop]) -> None:
    desktop = start("--demo", "--debug")
    desktop.wait_window()

    end_by_signal(desktop, signal.SIGTERM)


def test_first_start_by_enter_and_ctrl_c(start: Callable[..., Desktop]) -> None:
    """Without settings, and without a window manager: the pointer over the window is enough."""
    desktop = start()
    desktop.wait_window()
    desktop.xdo("mousemove", "960", "300")
    time.sleep(0.7)
    assert desktop._children() == []

    desktop.key("Return")
    desktop.wait_market()
    assert desktop.title().startswith("SIM · BTCUSDT_Binance-F ")

    end_by_signal(desktop, signal.SIGINT)


def test_ctrl_c_in_the_first_moment_ends_everything_too(start: Callable[..., Desktop]) -> None:
    desktop = start("--demo")
    desktop.wait_window()
    desktop.children = desktop.until(desktop._children, 10, "the child exchange")

    desktop.signal(signal.SIGINT)

    code, took = desktop.wait_end(END_S + 2)
    assert (code, desktop.errors) == (0, "") and took < END_S
