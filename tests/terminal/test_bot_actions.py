"""Bots typed by hand, and actions on bots, over the wire and on both databases; kill -9 in the middle of one (K9)."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any

import pytest

from connectors.binance import venue
from connectors.limiter import WEIGHT, Budget
from core.secrets import KnownSecrets
from core.settings import load_settings
from engine.commands import (
    RESERVED,
    BotAction,
    DeleteBot,
    DuplicateBot,
    MergeBot,
    NewBot,
    ReassignPosition,
    RenameBot,
)
from engine.kept import fold
from engine.view import BotLine
from models import Mode
from session.build import open_store
from tests.faults.harness import BTC, BUY, ETH, SELL, Ground, Terminal, driver, until, write_private
from tests.support.mariadb import PASSWORD, MariaDb

D = Decimal
HAND = BTC.reserved
TYPED = ("INSERT INTO robots (EMI, SYMBOL, CATEGORY, MARKET, SORT, TIMEFR, CAPITAL, MARGIN) "
         "VALUES ('{}', '{}', 'linear', 'Binance', {}, {}, 1, 0)")


@pytest.fixture(params=["sqlite", "mariadb"])
def books(request: pytest.FixtureRequest, ground: Ground) -> Iterator[Ground]:
    """A ground whose ledger stands in a file, or on a server."""
    if request.param == "mariadb":
        use_server(ground, request.getfixturevalue("server"), f"bots{os.getpid()}")
    yield ground


def use_server(ground: Ground, server: MariaDb, database: str) -> None:
    """The ledger stands on the server."""
    with server.root() as connection, connection.cursor() as cursor:
        cursor.execute(f"DROP DATABASE IF EXISTS {database}")
    write_private(ground.home / ".env", f"MYSQL_HOST=127.0.0.1\nMYSQL_PORT={server.port}\nMYSQL_USER={server.user}\n"
                                        f"MYSQL_PASSWORD={PASSWORD}\nMYSQL_DATABASE={database}")


def type_sql(ground: Ground, *statements: str) -> None:
    """What a person types into another client of the database."""
    store = open_store(load_settings(ground.home, KnownSecrets(), Mode.SIM, ground.demo))
    for statement in statements:
        with store._begin() as connection:
            connection.exec_driver_sql(statement)
    store.close()


def lines(terminal: Terminal) -> dict[str, BotLine]:
    """The Bots panel by EMI."""
    return {line.emi: line for line in terminal.view.bots}


def refused(terminal: Terminal, command: BotAction) -> str:
    """The sentence."""
    verdict = terminal.ask(command)
    assert not verdict.ok and verdict.refusal is not None
    return verdict.refusal.text


def bought(terminal: Terminal, ground: Ground, owner: str, qty: str) -> None:
    """A position for this owner."""
    name = terminal.place(BUY if D(qty) > 0 else SELL, str(abs(D(qty))), None, owner)
    until(lambda: ground.status(name) == "FILLED", 5, "filled and booked")


def check_sums(ground: Ground) -> None:
    """Kept sums, rows and names fit; a position belongs to a bot of the table or to nobody."""
    store = open_store(load_settings(ground.home, KnownSecrets(), Mode.SIM, ground.demo))
    bots = {row.emi for row in store.robots()}
    ledger = ground.read()
    accounts = {(row["MARKET"], row["ACCOUNT"]) for row in ledger.coins}
    kept = {(book.key, book.emi, book.currency): book for one in accounts for book in store.load(*one, 0).books}
    right = {(book.key, book.emi, book.currency): book for one in accounts for book in fold(store.coin_rows(*one))}
    store.close()
    assert kept == right
    assert {book.emi for book in right.values() if book.pos and book.emi != book.key.reserved} <= bots
    parts: dict[str, list[dict[str, Any]]] = {}
    for row in ledger.coins:
        if row["EXECID"].startswith("MOVE:"):
            parts.setdefault(row["EXECID"], []).append(row)
    for rows in parts.values():
        assert {name: sum(row[name] for row in rows) for name in ("QTY", "SUMREAL", "COMMISS")} == {
            "QTY": 0, "SUMREAL": 0, "COMMISS": 0}


def test_rows_typed_by_hand_and_actions_of_the_window(books: Ground) -> None:
    books.robot("alfa")
    terminal = books.terminal()

    type_sql(books, TYPED.format("beta", "BTCUSDT", 2, 5), TYPED.format("late", "BTCUSDT", 3, 7),
             TYPED.format("far", "XRPUSDT", 4, 1), TYPED.format("9lives", "BTCUSDT", 5, 1),
             TYPED.format("x'' OR ''1''=''1", "ETHUSDT", 6, 1))
    terminal.recover()
    until(lambda: len(terminal.view.bots) == 6, 5, "the rows typed by hand")
    shown = {emi: (line.status, line.reason[:40]) for emi, line in lines(terminal).items()}
    assert shown == {
        "alfa": ("WORK", ""), "beta": ("WORK", ""), "late": ("SUSPENDED", "TIMEFR 7: minutes, one of 1, 3, 5, 15, 3"),
        "far": ("SUSPENDED", "XRPUSDT is not in the list: add it to LI"),
        "9lives": ("SUSPENDED", "a bot's name starts with a letter, then "),
        "x' OR '1'='1": ("SUSPENDED", "a bot's name starts with a letter, then ")}
    assert [line.emi for line in terminal.view.bots][1:] == ["beta", "late", "far", "9lives", "x' OR '1'='1"]

    bought(terminal, books, "alfa", "0.03")
    bought(terminal, books, "beta", "-0.01")
    resting = terminal.place(BUY, "0.01", terminal.far(), "alfa")
    until(lambda: books.status(resting) == "NEW", 5, "resting")
    for command in (RenameBot("1", "alfa", "gamma"), MergeBot("2", "beta", "alfa"), DeleteBot("3", "alfa", RESERVED),
                    ReassignPosition("4", BTC, "alfa", HAND)):
        assert refused(terminal, command) == (
            f"an order of alfa is open: {resting}. Cancel first: an order keeps the name it was placed under")
    terminal.cancel(resting)
    until(lambda: books.status(resting) == "CANCELED", 5, "cancelled")

    take(terminal, RenameBot("5", "9lives", "lives"), DeleteBot("6", "x' OR '1'='1"),
         ReassignPosition("7", BTC, "alfa", "beta", D("0.01")), RenameBot("8", "alfa", "gamma"),
         DuplicateBot("9", "gamma", "twin"), NewBot("10", "eth", ETH, 15, 3), DeleteBot("11", "twin"))
    bought(terminal, books, "gamma", "0.01")
    take(terminal, MergeBot("12", "beta", "gamma"), DeleteBot("13", "far"))
    check_sums(books)
    books.check()
    held = until(lambda: lines(terminal).keys() == {"late", "lives", "eth", "gamma"} and lines(terminal)["gamma"], 5,
                 "the last actions in the view")
    assert isinstance(held, BotLine)
    assert (held.sums.pos, lines(terminal)["lives"].status) == (D("0.03"), "WORK")
    assert (held.sums.volume, held.former) == (D("0.04"), ("alfa",))        # 0.03 as alfa

    terminal.end()
    again = books.terminal()
    assert set(lines(again)) == {"late", "lives", "eth", "gamma"} and lines(again)["eth"].status == "OFF"
    assert (lines(again)["gamma"].sums, lines(again)["gamma"].entry) == (held.sums, held.entry)
    assert lines(again)["gamma"].former == ("alfa",)
    assert not again.said("did not fit")
    take(again, DeleteBot("14", "gamma", RESERVED))
    until(lambda: again.view.positions[0].by_owner == ((HAND, D("0.03")),), 5, "the position handed over")
    books.check()
    check_sums(books)


def take(terminal: Terminal, *commands: BotAction) -> None:
    """Each must be done."""
    for command in commands:
        verdict = terminal.ask(command)
        assert verdict.ok, (command, verdict.refusal)


# ---------------------------------------------------------------- killed in the middle


@pytest.fixture
def generous(monkeypatch: pytest.MonkeyPatch) -> Callable[[Ground], None]:
    """Many starts a minute are not the subject here."""
    monkeypatch.setattr(venue, "FIRST_BUDGETS", (Budget(WEIGHT, 60, 1_000_000),))
    return lambda ground: ground.exchange.fault("limit", weight=1_000_000, orders_10s=100_000, orders_1m=100_000)


def killed(ground: Ground, effect: str, nth: int, seed: int) -> None:
    """A life that ends at an effect of an action, then the next start."""
    names = {f"Binance linear {row['SYMBOL']}": row["EMI"] for row in ground.read().robots}
    child = driver(ground, kill=effect, nth=nth, seed=seed, orders=300, pause=0.01, moves=True, bots=names)
    assert child.wait(40) == -signal.SIGKILL, f"{effect} {nth} never came: {child.text()[-600:]}"
    check_sums(ground)                           # whole before anything recovers
    terminal = ground.terminal()
    ground.check(limit=15)
    assert len(terminal.view.bots) >= 2 and not terminal.said("did not fit")
    terminal.end()
    check_sums(ground)


def prepare(ground: Ground) -> None:
    """Two bots that keep books."""
    ground.robot("alfa")
    ground.robot("beta", "ETHUSDT")


def test_k9_killed_in_an_action_on_bots(ground: Ground, generous: Callable[[Ground], None]) -> None:
    prepare(ground)
    generous(ground)

    killed(ground, "inside move", 8, 8)


@pytest.mark.long
@pytest.mark.timeout(900)
def test_k9_killed_in_many_actions(books: Ground, generous: Callable[[Ground], None]) -> None:
    prepare(books)
    generous(books)

    for effect in ("before move", "inside move", "after move"):
        for nth in (1, 2, 3, 5, 8, 13):
            killed(books, effect, nth, nth)
