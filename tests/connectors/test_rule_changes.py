"""An instrument's rules change, or it is delisted, while the program runs (faults M20)."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
import requests

from models import Ack, Notice, Reject, Timings
from tests.connectors.conftest import BTC, Exchange, Terminal, wait_for

pytestmark = pytest.mark.late
Make = Callable[..., Terminal]
INFO = "/fapi/v1/exchangeInfo"
REREADING = replace(Timings.quick(), check_account=0.6)   # at most every tenth of a second


def changed(exchange: Exchange, tick: str = "", status: str = "") -> dict[str, Any]:
    """The exchange's list with BTCUSDT by other rules."""
    told: dict[str, Any] = requests.get(exchange.binance["http"] + INFO, timeout=5).json()
    for symbol in told["symbols"]:
        if symbol["symbol"] == "BTCUSDT":
            symbol["status"] = status or symbol["status"]
            for one in symbol["filters"]:
                if one["filterType"] == "PRICE_FILTER":
                    one["tickSize"] = tick or one["tickSize"]
    return told


def tell(exchange: Exchange, body: dict[str, Any]) -> None:
    """The exchange's list is this from now on."""
    exchange.fault("status", path=f"GET {INFO}", http=200, body=body, times=100)


def test_a_refusal_of_the_price_has_the_rules_read_anew(make: Make, exchange: Exchange) -> None:
    terminal = make(timings=REREADING).start()
    price = terminal.low()
    old = terminal.board.instruments[BTC]
    time.sleep(0.2)
    tell(exchange, changed(exchange, tick="0.50"))
    exchange.fault("status", path="POST /fapi/v1/order", http=400, times=1, after="before",
                   body={"code": -4014, "msg": "Price not increased by tick size."})
    refused = terminal.answer(terminal.order(price=price))
    new = wait_for(lambda: (one := terminal.board.instruments[BTC]).tick != old.tick and one)
    notice = terminal.got(Notice)
    placed = terminal.answer(terminal.order(price=price - price % Decimal("0.5")))

    assert isinstance(refused, Reject) and refused.code == -4014 and isinstance(placed, Ack)
    assert new and new.tick == Decimal("0.50")
    assert "BTCUSDT" in notice.text and "tick 0.1 → 0.5" in notice.text
    assert len(terminal.of(Notice)) == 1


@pytest.mark.parametrize("status", ["SETTLING", "CLOSE"])
def test_an_instrument_delisted_while_running_is_told_and_leaves_the_board(
        make: Make, exchange: Exchange, status: str) -> None:
    terminal = make(timings=replace(Timings.quick(), sync_clock=0.5)).start()
    order = terminal.order(price=terminal.low())
    placed = terminal.answer(order)
    tell(exchange, changed(exchange, status=status))
    notice = terminal.got(Notice)
    wait_for(lambda: BTC not in terminal.board.instruments)
    wait_for(lambda: terminal.state and "not trading: BTCUSDT" in terminal.state.text)
    ended = terminal.answer(terminal.cancel(order, placed.report.order_id))

    assert "BTCUSDT is not traded any more" in notice.text and isinstance(ended, Ack)
    assert len(terminal.of(Notice)) == 1 and terminal.venue.wrong_setting() == ""


def test_a_refusal_for_want_of_money_reads_nothing(make: Make, exchange: Exchange) -> None:
    terminal = make(timings=REREADING).start()
    price = terminal.low()
    time.sleep(0.2)
    tell(exchange, changed(exchange, tick="0.50"))
    exchange.fault("status", path="POST /fapi/v1/order", http=400, times=1, after="before",
                   body={"code": -2019, "msg": "Margin is insufficient."})
    terminal.answer(terminal.order(price=price))
    time.sleep(0.5)

    assert terminal.board.instruments[BTC].tick == Decimal("0.10") and terminal.of(Notice) == []
