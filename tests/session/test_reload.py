"""F3 takes changed settings: one product is built anew in another's place, the others go on, orders are never left."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal

import pytest

from core.errors import TerminalError
from core.secrets import KnownSecrets
from core.settings import Settings, load_settings
from engine.commands import Cancel, Command, PlaceOrder, Recover
from models import Category, Health, Key, Mode, OrdStatus, Side
from session.build import Session
from tests.faults.harness import BTC, ETH, QUICK, Ground, until, write_private

LINEAR, SPOT = ("Binance", Category.LINEAR), ("Binance", Category.SPOT)
FILE = ".env.Binance"


class Running:
    """A session on USD-M and spot of the bundled exchange, its settings in files as a person's."""

    def __init__(self, ground: Ground) -> None:
        self.ground, self.known = ground, KnownSecrets()
        self.fatal: list[TerminalError] = []
        self._tickets = itertools.count(1)
        self.mode: Mode | None = None
        self.session: Session | None = None

    def write(self, linear: str = "BTCUSDT", spot: str = "BTCUSDT", env: str = "", key: str = "") -> None:
        """The files."""
        symbols = f"LINEAR_SYMBOLS={linear}\nSPOT_SYMBOLS={spot}\nCURRENCIES=USDT"
        self.ground.settings(env=env, key=key, more=symbols)

    def read(self) -> Settings:
        """As the program does."""
        settings = load_settings(self.ground.home, self.known)
        return settings if self.mode is None else replace(settings, mode=self.mode)

    def start(self) -> Session:
        settings = self.read()
        assert not settings.problems, settings.problems
        self.session = Session(settings, self.ground.home, QUICK, self.fatal.append, known=self.known,
                               reread=self.read)
        self.session.start()
        return self.session

    def f3(self, *where: object) -> None:
        """F3, of all or of one product; returns when the engine has taken it."""
        ticket = f"f3-{next(self._tickets)}"
        self.on.post(Recover(ticket, *where))  # type: ignore[arg-type]  # market and category
        until(lambda: (view := self.on.view()) and any(one.ticket == ticket for one in view.verdicts), 10, "F3 taken")

    @property
    def on(self) -> Session:
        assert self.session is not None
        return self.session

    def live(self, key: Key = BTC, limit: float = 15.0) -> None:
        """Until orders for it would be taken."""
        def is_live() -> bool:
            view, book, venue = self.on.view(), self.on.board.books.get(key), self.on.board.venues.get(key[:2])
            return bool(view and key[:2] in view.recovered and key in view.configured and book and book.live
                        and venue and venue.health is Health.LIVE)

        try:
            until(lambda: self.fatal or is_live(), limit, f"{key} live")
        except AssertionError as error:
            board, view = self.on.board, self.on.view()
            books = {one.symbol: (book.live, book.reason) for one, book in board.books.items()}
            raise AssertionError(f"{error}; {view and view.recovered}; {books}; {list(board.venues.values())}; "
                                 f"{self.said()[:8]}; {self.on.dead_threads()}") from None
        assert not self.fatal

    def said(self) -> list[str]:
        view = self.on.view()
        return [line.text for line in view.messages] if view else []

    def ask(self, make: object) -> str:
        """A command; the order's name."""
        verdict = self.on.engine.ask(make, 5.0)  # type: ignore[arg-type]  # a command
        assert verdict is not None and verdict.ok, verdict
        return verdict.cl_ord_id

    def place(self, key: Key) -> str:
        """A resting order, taken by the exchange."""
        until(lambda: key in self.on.board.tops and key in self.on.board.instruments, 5, "a price")
        rules = self.on.board.instruments[key]
        price = self.on.board.tops[key].bid * Decimal("0.97") // rules.tick * rules.tick
        command: Command = PlaceOrder(f"o-{next(self._tickets)}", key, key.reserved, Side.BUY, Decimal("0.5"), price,
                                      True)
        name = self.ask(command)
        until(lambda: self.order(name) is OrdStatus.NEW, 5, "the order")
        return name

    def order(self, name: str) -> OrdStatus | None:
        view = self.on.view()
        return next((line.status for line in view.orders if line.id == name), None) if view else None

    def cancel(self, key: Key, name: str) -> None:
        self.ask(Cancel(f"c-{next(self._tickets)}", key, name))
        until(lambda: self.order(name) is None, 5, "the cancel")


@pytest.fixture(scope="module")
def ground(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ground]:
    made = Ground(tmp_path_factory.mktemp("reload"))
    made.exchange.control("fault", name="limit", weight=100_000)     # a dozen F3s a minute: more than a person's few
    yield made
    made.close()


@pytest.fixture(scope="module")
def opened(ground: Ground) -> Iterator[Running]:
    running = Running(ground)
    running.write()
    running.start()
    running.live()
    yield running
    running.on.stop()


@pytest.fixture
def running(opened: Running) -> Running:
    """As first started."""
    opened.mode = None
    opened.write()
    opened.f3()
    opened.live()
    opened.live(Key("Binance", Category.SPOT, "BTCUSDT"))
    return opened


def test_a_corrected_key_brings_a_product_up_without_a_restart(ground: Ground) -> None:
    running = Running(ground)
    running.write(key="w" * 64, spot="")
    session = running.start()
    try:
        until(lambda: session.wrong_setting() or running.fatal, 15, "the sentence")
        assert not running.fatal, running.fatal
        assert "API_KEY" in session.wrong_setting()
        running.write(spot="")
        running.f3()
        running.live()
        assert session.wrong_setting() == ""
    finally:
        session.stop()
        write_private(ground.home / FILE, "")


def test_a_symbol_comes_and_goes_while_the_other_product_and_an_order_go_on(running: Running) -> None:
    spot, linear = (next(one for one in running.on.venues if one.config.category is where[1])
                    for where in (SPOT, LINEAR))
    resting = running.place(BTC)
    running.write(linear="BTCUSDT, ETHUSDT")
    running.f3(*LINEAR)
    running.live(ETH)
    running.live(BTC)

    assert running.order(resting) is OrdStatus.NEW
    assert [one is spot for one in running.on.venues if one.config.category is SPOT[1]] == [True]
    assert not any(one is linear for one in running.on.venues) and not linear.join(0.1)
    assert any("built anew with the changed settings (symbols)" in text for text in running.said())

    held = running.place(ETH)
    running.write()
    running.f3(*LINEAR)
    assert any("ETHUSDT has open orders or a position and stays" in text for text in running.said())
    assert running.order(held) is OrdStatus.NEW and ETH in running.on.view().configured  # type: ignore[union-attr]
    running.cancel(ETH, held)
    running.f3(*LINEAR)
    until(lambda: ETH not in running.on.view().configured, 5, "ETH gone")  # type: ignore[union-attr]
    running.live(BTC)
    assert ETH not in running.on.board.books and running.order(resting) is OrdStatus.NEW
    running.cancel(BTC, resting)


def test_a_product_is_taken_out_and_comes_back(running: Running) -> None:
    running.write(spot="")
    running.f3()
    assert [one.config.category for one in running.on.venues] == [Category.LINEAR]
    assert SPOT not in running.on.board.venues
    running.live()

    running.write()
    running.f3()
    running.live(Key("Binance", Category.SPOT, "BTCUSDT"))


def test_a_general_setting_builds_every_product_anew_and_only_by_f3_of_all(running: Running) -> None:
    running.write(env="DEAD_MAN_SWITCH=60\nHISTORY_CANDLES=100")
    running.f3(*LINEAR)
    assert {one.config.dead_man_s for one in running.on.venues} == {0}

    running.f3()
    assert {(one.config.dead_man_s, one.config.candles) for one in running.on.venues} == {(60, 100)}
    running.live()


def test_what_is_wrong_leaves_everything_as_it_was_and_is_said(running: Running) -> None:
    before = running.on.venues
    running.write(linear="BTC/USDT")
    running.f3()
    assert running.on.venues == before and any("goes on as before" in text for text in running.said())

    running.write(env="MARKET_LIST=Kraken")
    running.f3()
    assert running.on.venues == before and any("Kraken" in text for text in running.said())
    running.live()


def test_another_kind_of_account_waits_for_a_restart(running: Running) -> None:
    before = running.on.venues
    running.mode = Mode.TESTNET
    running.write(linear="ETHUSDT")
    running.f3()

    assert running.on.venues == before and any("changes with a restart" in text for text in running.said())
