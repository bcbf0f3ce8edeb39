"""The Account panel: the proof of the books in words, and what explains it."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

from interface.presenters.account import account_facts, account_rows, control_cell, result_of
from models import Category, Key

from .conftest import Driver
from .demo_feed import make_view

D = Decimal
USDT, BNB = make_view().balances


def test_the_difference_comes_first_and_is_a_word_before_it_is_a_colour() -> None:
    assert control_cell(USDT) == ("CONTROL 10\u2009000.00 ✓", "text", "")
    assert control_cell(BNB) == ("▲ off +0.004  CONTROL 1.204", "warning", "")
    assert control_cell(replace(BNB, agrees=None)).text == "CONTROL 1.204 …"
    assert control_cell(replace(BNB, control=None)).text == "CONTROL …"


def test_each_currency_has_its_proof_below_it(window: Driver) -> None:
    panel = window.app.layout.account
    assert panel is not None
    texts = [panel.table.row_text(row) for row in panel.table.sorted()]

    assert [text["currency"] for text in texts] == [
        "USDT", "CONTROL 10\u2009000.00 ✓", "BNB", "▲ off +0.004  CONTROL 1.204"]
    assert texts[1]["margin"] == texts[1]["result"] == "" and texts[0]["margin"] == "10\u2009482.11"
    panel.table.sort("margin")
    assert [row.is_proof for row in panel.table.sorted()] == [False, True, False, True]
    panel.table.sort("margin")
    panel.table.sort("margin")


def test_result_moves_with_the_bid(window: Driver) -> None:
    assert result_of(USDT, window.app.desk.glance()) == D("-15072.32") + D("0.250") * D("61204.5")
    window.stage.move(10, window.now)
    assert result_of(USDT, window.app.desk.glance()) == D("-15072.32") + D("0.250") * D("61205.5")
    assert result_of(replace(USDT, held=((window.stage.view.positions[0].key, D("-1")),)),  # type: ignore[union-attr]  # it is filled
                     window.app.desk.glance()) == D("-15072.32") - D("61205.6")


def test_a_click_on_the_proof_explains_it(window: Driver) -> None:
    facts = {name: cell.text for name, cell in account_facts(BNB, window.app.desk.glance()) if name}
    assert (facts["opening balance"], facts["transfers since"], facts["not explained"]) == ("1", "+0.2", "+0.004")
    assert facts["allowed"].startswith("0.00000001")

    panel = window.app.layout.account
    assert panel is not None
    row = account_rows(window.viewed().balances)[3]
    x, y = panel.table.point_of(row.id, "currency") or (0, 0)
    window.click(panel.table.canvas, x, y)
    assert "account" in window.app.shell.sheets
    window.app.shell.close_top()


def test_what_cannot_be_compared_is_said_and_no_difference(window: Driver) -> None:
    gone = replace(BNB, unread=(Key("Bitmex", Category.QUANTO, "ETHUSD"),), agrees=None)

    assert control_cell(gone) == ("CONTROL – not compared: ETHUSD", "dim", "")
    assert "QUANTO_SYMBOLS in .env.Bitmex" in account_facts(gone, window.app.desk.glance())[-1][1].text
