"""Real money: an account takes no order before a person has typed its id once."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.commands import Cancel, ConfirmAccount, SetTrading
from models import CancelOrder, Mode, OrdStatus, SubmitOrder
from tests.support.build import ACCOUNT, place, report
from tests.support.desk import Desk, resting, until


def test_no_order_before_the_id_was_typed_and_never_asked_again(tmp_path: Path) -> None:
    first = Desk(tmp_path, Mode.LIVE).run()
    try:
        verdict = first.ask(place())
        assert not verdict.ok and verdict.refusal is not None and f"LIVE account {ACCOUNT}" in verdict.refusal.text
        assert [strip.action for strip in first.view.strips] == [f"confirm:Binance/{ACCOUNT}"]
        wrong = first.ask(ConfirmAccount("w", "Binance", ACCOUNT, "SIM-2"))
        assert not wrong.ok and wrong.refusal is not None and "“SIM-2” is not the id" in wrong.refusal.text
        assert not first.ask(place()).ok and not first.asked(SubmitOrder)

        assert first.ask(ConfirmAccount("r", "Binance", ACCOUNT, f" {ACCOUNT} ")).ok
        assert first.ask(place()).ok and first.asked(SubmitOrder)
        until(lambda: not first.view.strips)
    finally:
        first.end()

    second = Desk(tmp_path, Mode.LIVE).run()
    try:
        refusal = second.ask(place(qty="2")).refusal
        assert refusal is not None and refusal.text.startswith("outcome of")     # of the order before, nothing else
        assert not any(strip.action.startswith("confirm") for strip in second.view.strips)
    finally:
        second.end()


@pytest.mark.parametrize(("typed", "opened"), [((ACCOUNT,), True), (("other", ACCOUNT), True), (("other",), False),
                                               ((), False)])
def test_without_a_window_the_command_line_confirms(tmp_path: Path, typed: tuple[str, ...], opened: bool) -> None:
    desk = Desk(tmp_path, Mode.LIVE, typed).run()
    try:
        assert desk.ask(place()).ok is opened
        assert desk.said("no order is sent before its id is typed once") is not opened
    finally:
        desk.end()


def test_what_rests_is_cancelled_without_it(tmp_path: Path) -> None:
    desk = Desk(tmp_path, Mode.LIVE).run()
    try:
        assert desk.ask(SetTrading("on", True)).ok
        desk.post(report(OrdStatus.NEW, "7.A", "v7"))
        line = until(lambda: desk.view.orders)[0]

        assert desk.ask(Cancel("c", line.key, line.id)).ok
        assert until(lambda: desk.asked(CancelOrder))
    finally:
        desk.end()


def test_play_money_is_not_asked(tmp_path: Path) -> None:
    desk = Desk(tmp_path, Mode.TESTNET).run()
    try:
        assert resting(desk) and not desk.view.strips
    finally:
        desk.end()
