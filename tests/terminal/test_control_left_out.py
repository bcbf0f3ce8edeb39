"""CONTROL of a wallet whose products or symbols are taken out of the settings while they hold a position."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from functools import partial
from pathlib import Path

import pytest

from core.secrets import KnownSecrets
from core.settings import load_settings
from engine.view import AccountLine
from models import Category, Key, Mode
from session.ledger.place import reading
from session.ledger.venues import beside
from tests.faults.harness import BUY, QUICK, Ground, Terminal, until
from tests.faults.products import ETHUSD, XBTUSD, XBTUSDT, Traded, lift_limits

OTHER = Traded(Key("Bitmex", Category.INVERSE, "ODXUSD"), Decimal(9), "")      # listed by the odd exchange


@pytest.fixture
def ground(tmp_path: Path) -> Iterator[Ground]:
    """With two inverse contracts."""
    made = Ground(tmp_path, run=("-m", "tests.faults.odd_exchange"))
    try:
        yield made
    finally:
        made.close()


def line_of(terminal: Terminal, currency: str) -> AccountLine | None:
    """The account's line of a currency."""
    return next((line for line in terminal.view.balances if line.currency == currency), None)


def is_proved(terminal: Terminal, currency: str) -> bool:
    """Whether its CONTROL is ✓."""
    line = line_of(terminal, currency)
    return line is not None and line.control is not None and line.agrees is True


def left_out(terminal: Terminal, currency: str) -> tuple[Key, ...]:
    """What keeps its CONTROL from being compared."""
    line = line_of(terminal, currency)
    return line.unread if line is not None and line.agrees is None else ()


def test_what_is_left_out_of_the_settings_makes_no_false_difference(ground: Ground) -> None:
    """A symbol of a connected product is still read: ✓. A product that is not: said, with what to do, and no number."""
    timings = replace(QUICK, check_account=0.6)
    lift_limits(ground.exchange)
    ground.trades(XBTUSD, OTHER, ETHUSD, XBTUSDT)
    terminal = ground.terminal(timings)
    until(lambda: is_proved(terminal, "XBt") and is_proved(terminal, "USDt"), 20, "the opening balances")
    for one in (OTHER, XBTUSDT, ETHUSD):
        name = terminal.place(BUY, str(one.qty), None, one.key.reserved, one.key)
        until(lambda name=name: ground.status(name) == "FILLED", 8, "FILLED")  # type: ignore[misc]
    ground.check()
    terminal.end()

    ground.trades(XBTUSD, ETHUSD)                   # a symbol is gone, and the only product that settles in USDt
    terminal = ground.terminal(timings)
    until(lambda: is_proved(terminal, "XBt"), 20, "CONTROL with the position of a symbol that is not configured")
    until(lambda: left_out(terminal, "USDt") == (XBTUSDT.key,), 10, "what cannot be compared")
    terminal.end()

    ground.trades(XBTUSD)                           # and now a product that shares the currency
    terminal = ground.terminal(timings)
    until(lambda: left_out(terminal, "XBt") == (ETHUSD.key,), 20, "what cannot be compared")
    said = [text for text in terminal.messages() if "XBt is not compared" in text]
    assert len(said) == 1 and "ETHUSD_BitMEX-quanto" in said[0] and "QUANTO_SYMBOLS in .env.Bitmex" in said[0]
    assert not any("than trades, fees, funding and" in text for text in terminal.messages())
    terminal.end()

    settings = load_settings(ground.home, KnownSecrets(), Mode.SIM, ground.demo)
    titles = dict(beside(settings, KnownSecrets(), partial(reading, settings), False))
    assert not any(titles.values()), titles
    assert any(title.startswith("not compared: the XBt books hold ETHUSD_BitMEX-quanto") for title in titles)
