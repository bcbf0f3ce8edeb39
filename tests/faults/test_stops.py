"""A bot's stop-loss rests at the exchange: with F9 OFF, with the bot OFF, with the program gone."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from engine.commands import Cancel, SetBot
from models import BotState
from tests.faults.harness import BTC, Ground, until

PARAMS = '{"stop_loss": 1}'


def waiting(ground: Ground) -> list[dict[str, Any]]:
    """The conditional orders that wait at the exchange."""
    return [one for one in ground.exchange.truth()["conditional"] if one["status"] == "NEW"]


def test_it_rests_follows_and_closes_while_nobody_is_there(ground: Ground) -> None:
    ground.turner()
    ground.robot("alfa", strategy="turner", params=PARAMS)
    terminal = ground.terminal()
    terminal.session.trade(True)

    (stop,) = until(lambda: waiting(ground), 30, "a stop at the exchange")
    bought = sum(row["QTY"] for row in ground.read().coins)
    entry = next(row["TRADE_PRICE"] for row in ground.read().coins)
    assert stop["client_id"].endswith(".alfa") and stop["reduce_only"] and stop["type"] == "STOP_MARKET"
    assert (stop["side"], Decimal(stop["qty"])) == ("SELL", bought)
    assert abs(Decimal(stop["trigger"]) - entry * Decimal("0.99")) <= 1
    terminal.session.trade(False)
    terminal.ask(SetBot(terminal.ticket(), "alfa", BotState.OFF))
    terminal.end()
    assert [one["algo_id"] for one in waiting(ground)] == [stop["algo_id"]]

    ground.exchange.move(Decimal(stop["trigger"]) - 50)
    until(lambda: not ground.exchange.truth()["positions"], 10, "the exchange closed it")
    terminal = ground.terminal()
    ground.check()

    rows = ground.read().coins
    assert sum(row["QTY"] for row in rows) == 0 and {row["EMI"] for row in rows} == {"alfa"}
    assert not waiting(ground)


def test_a_stop_somebody_cancelled_is_named_and_not_forced_back(ground: Ground) -> None:
    ground.turner()
    ground.robot("alfa", strategy="turner", params=PARAMS)
    terminal = ground.terminal()
    terminal.session.trade(True)
    (stop,) = until(lambda: waiting(ground), 30, "a stop at the exchange")
    until(lambda: ground.status(stop["client_id"]) == "NEW", 5, "known here")
    terminal.session.trade(False)

    assert terminal.ask(Cancel(terminal.ticket(), BTC, stop["client_id"])).ok

    until(lambda: any("No stop at the venue: BTCUSDT" in strip.text and "alfa" in strip.text
                      for strip in terminal.view.strips), 15, "the strip that names it")
    assert not waiting(ground)
    ground.check()
