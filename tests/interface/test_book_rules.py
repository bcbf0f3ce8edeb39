"""What section 4 of the window's design says of the book and nothing else shows: see docs/book.md for the rest."""

from __future__ import annotations

import tkinter as tk
from decimal import Decimal

import pytest

from engine.commands import Cancel, CancelAll, KillSwitch, PlaceOrder, SetTrading
from interface.guards import TRADING_ON
from models import Mode, OrdStatus

from .conftest import Driver
from .demo_feed import BTC, key_of, order

D = Decimal
MINE = "1109584201.BTCUSDT.linear"


def anchor(window: Driver) -> Decimal:
    ladder = window.app.layout.book.ladder
    assert ladder is not None
    return ladder.anchor


def leave(window: Driver) -> None:
    """The pointer has been elsewhere for long."""
    window.app.layout.book.canvas.event_generate("<Leave>", time=window.time())
    window.now += 60


def head(window: Driver) -> str:
    return window.slip_texts()[0].replace("\u2009", "")


# ---------------------------------------------------------------- the ladder

def test_the_ladder_stands_while_the_best_price_is_in_its_middle(window: Driver) -> None:
    before = window.app.layout.book.ladder
    leave(window)
    window.stage.move(4, window.now)
    window.draw()

    assert window.app.layout.book.ladder is before


def test_the_centre_button_and_another_symbol_anchor_it(window: Driver) -> None:
    book, before = window.app.layout.book, anchor(window)
    window.stage.move(4, window.now)
    span = book.bar.span("centre")
    assert span is not None
    window.click(book.bar.canvas, sum(span) // 2, 8)
    assert anchor(window) != before

    before = anchor(window)
    window.stage.move(-4, window.now)
    window.app.desk.select(key_of("ETHUSDT"))
    window.draw()
    assert anchor(window) < 10_000
    window.app.desk.select(BTC)
    window.draw()
    assert anchor(window) == before - D("0.8")          # from four ticks above to four below


def test_more_or_fewer_rows_leave_the_price_in_the_middle(window: Driver) -> None:
    book, before = window.app.layout.book, anchor(window)
    window.stage.move(4, window.now)
    sides = book.ladder_canvas.sides
    window.app.root.geometry("1920x960")
    assert window.until(lambda: book.ladder_canvas.sides < sides)
    window.draw()
    fewer = anchor(window)
    window.app.root.geometry("1920x1080")
    assert window.until(lambda: book.ladder_canvas.sides == sides)

    assert fewer == anchor(window) == before


def test_a_step_of_the_menu_is_taken(window: Driver) -> None:
    window.app.layout.book._step_menu(0)
    window.app.shell.layers[-1]._choose(3)  # type: ignore[attr-defined]  # the drop-down's fourth entry: ten ticks
    window.draw()
    assert window.app.layout.book.ladder is not None and window.app.layout.book.ladder.step == D(1)

    for _time in range(3):
        window.key("bracketleft")


# ---------------------------------------------------------------- own orders

@pytest.mark.parametrize(("status", "is_filled", "stipple"), [
    (OrdStatus.NEW, True, ""), (OrdStatus.PARTIALLY_FILLED, True, ""), (OrdStatus.PENDING_NEW, False, ""),
    (OrdStatus.PENDING_CANCEL, False, ""), (OrdStatus.PENDING_REPLACE, False, ""),
    (OrdStatus.UNKNOWN, True, "gray12")])
def test_a_chip_is_filled_hollow_or_hatched_by_what_is_known(
        window: Driver, status: OrdStatus, is_filled: bool, stipple: str) -> None:
    window.stage.change(orders=(order(1, "61204.2", status=status),))
    window.draw()
    book = window.app.layout.book
    row = book.ladder_canvas.row_at(window.row_y("61204.2"))
    assert row is not None
    chip = book.ladder_canvas._rows[row].chip

    assert window.item(book.canvas, chip, "fill") == (window.app.theme["buy_button"] if is_filled else "")
    assert window.item(book.canvas, chip, "outline") == window.app.theme["buy_button"]
    assert window.item(book.canvas, chip, "stipple") == stipple


# ---------------------------------------------------------------- draft and slip

def test_the_quantity_used_last_is_proposed_again(window: Driver) -> None:
    window.click_price("61203.9")
    for name in ("0", "period", "2"):
        window.key(name)
    window.key("Return")
    window.now += 2
    window.click_price("61203.8")

    assert window.app.desk.draft is not None and window.app.desk.draft.qty == "0.2"
    assert window.app.desk.draft.owner == BTC.reserved


def test_the_slip_stays_on_its_row_while_the_market_moves(window: Driver) -> None:
    canvas = window.app.layout.book.ladder_canvas
    window.click_price("61203.9")
    before = canvas.slip_top
    assert canvas.in_slip(window.row_y("61203.9"))
    leave(window)
    window.now -= 55
    window.stage.move(30, window.now)
    window.draw()

    assert canvas.slip_top == before and canvas.in_slip(window.row_y("61203.9"))


@pytest.mark.parametrize(("button", "shown"), [("Buy limit", "61203.9"), ("Sell limit", "61204.0")])
def test_a_price_off_the_tick_is_shown_rounded_before_it_goes(window: Driver, button: str, shown: str) -> None:
    form = window.app.layout.form
    form.post.set(False)
    form.price.set("61203.97")
    form.buttons[button].invoke()
    window.draw()
    assert head(window).endswith(f"@ {shown}") and window.posted() == []
    window.key("t")
    window.key("Return")

    assert [sent.price for sent in window.sent(PlaceOrder)] == [D(shown)]


# ---------------------------------------------------------------- guards

def test_rows_of_a_stale_book_are_grey(window: Driver) -> None:
    book, grey = window.app.layout.book, window.app.theme["dim"]

    def inks() -> set[str]:
        return {window.item(book.canvas, item, "fill") for row in book.ladder_canvas._rows
                for item in (row.price, row.size, row.total)}
    assert len(inks()) > 1
    window.stage.go_stale(6.4, window.now)
    window.draw()

    assert inks() == {grey}


@pytest.mark.parametrize("owner", ["RESERVED", "grid1"])
def test_with_trading_on_the_form_opens_nothing_for_any_owner(window: Driver, owner: str) -> None:
    form = window.app.layout.form
    window.stage.change(trading=True)
    window.draw()
    form.owner.set(owner)
    form.price.set("61203.9")
    for button in form.buttons.values():
        button.invoke()
        window.draw()
        window.key("Return")

    assert window.sent(PlaceOrder) == [] and window.note() == TRADING_ON


def test_what_lowers_the_risk_is_never_gated(window: Driver) -> None:
    window.reset(Mode.LIVE)
    window.stage.go_stale(600.0, window.now)
    window.stage.change(trading=True, locked="re-arm first")
    window.draw()
    window.app.desk.selected = (BTC, MINE)
    window.key("Delete")
    window.key("F4")
    window.key("F4")
    window.key("F9")
    window.key("F9", state=1)
    window.key("F9", state=1)

    assert [command.order for command in window.sent(Cancel)] == [MINE] and len(window.sent(CancelAll)) == 1
    assert [command.on for command in window.sent(SetTrading)] == [False] and len(window.sent(KillSwitch)) == 1


def test_the_sheet_before_the_first_live_order_names_account_symbol_and_value(window: Driver) -> None:
    window.reset(Mode.LIVE)
    window.stage.change(accounts=("acct-77813f9a",))
    window.draw()
    window.click_price("61203.9")
    window.key("Return")
    told = " ".join(words(window.app.shell.sheets["live"].frame)).replace("\u2009", "")  # type: ignore[attr-defined]  # its sheet
    window.key("Escape")

    assert all(part in told for part in ("acct-77813f9a", "BTCUSDT", "Binance-F", "61.20 USDT", "until restart"))
    window.reset()


def words(widget: tk.Misc) -> list[str]:
    """All that is written inside."""
    own = [str(widget.cget("text"))] if "text" in (widget.keys() or ()) else []
    return own + [word for child in widget.winfo_children() for word in words(child)]


def test_a_habit_of_the_last_run_counts_for_the_first_order_of_this_one(window: Driver) -> None:
    desk = window.app.desk
    window.click_price("61203.9")
    for name in ("0", "period", "0", "1"):
        window.key(name)
    window.key("Return")
    quantities, recent = desk.habits.quantities(), desk.habits.recent()
    window.reset()
    window.app.desk.habits.recall(quantities, {**recent, "broken": ("x",)})
    window.click_price("61203.9")
    assert window.app.desk.draft is not None and window.app.desk.draft.qty == "0.01"
    for name in ("0", "period", "1"):
        window.key(name)

    assert window.slip_texts()[4] == "☐ yes, 0.100 (Y)"
    assert "broken" not in window.app.desk.habits.recent()


def test_a_slip_that_is_replaced_in_time_is_one_order(window: Driver) -> None:
    """Another row clicked while a slip is open: the last one read is what goes."""
    at = window.time()
    window.click_price("61203.9", at)
    window.click_price("61203.2", at + 1000)
    window.key("Return", at + 1200)

    assert [sent.price for sent in window.sent(PlaceOrder)] == [D("61203.2")]
