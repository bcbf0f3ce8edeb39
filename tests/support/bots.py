"""A core with bots whose rows of `robots` are kept as the database would, for actions on bots."""

from __future__ import annotations

import itertools
from dataclasses import replace
from decimal import Decimal

from msgspec import structs

from core.rows import (
    BookRow,
    CoinRow,
    OrderRow,
    RobotAdded,
    RobotRemoved,
    RobotRenamed,
    RobotRow,
    book_key,
)
from engine.commands import BotAction
from engine.kept import fold
from engine.robots import read_robot
from engine.state import Decision, Roster, Sight
from models import AccountSnapshot, Execution, HistoryPage, Instrument, Key, Side, VenueUp
from tests.support.build import ACCOUNT, BTC, T0, execution, instrument, sight
from tests.support.drive import Driver

STRATEGIES = ("ma_cross", "breakout")
_facts = itertools.count(1)


def row(emi: str = "A", key: Key = BTC, sort: int = 1, strategy: str = "ma_cross", params: str = "",
        state: str = "WORK") -> RobotRow:
    """A row of `robots` with nothing wrong in it."""
    return RobotRow(emi, key.symbol, key.category.value, key.market, sort, 1, Decimal(1), strategy, params, state, "")


class BotDriver(Driver):
    """Drives the core and answers what the ledger would."""

    def __init__(self, *rows: RobotRow, keys: tuple[Key, ...] = (BTC,), traded: tuple[Instrument, ...] = (),
                 recovered: bool = True) -> None:
        self.rows = {one.emi: one for one in rows}
        self.traded = {one.key: one for one in traded or tuple(instrument(key) for key in keys)}
        self.elsewhere: tuple[BookRow, ...] = ()             # books and orders of accounts that are not connected
        self.forgotten: tuple[OrderRow, ...] = ()
        self.strategy_problem = ""
        super().__init__(keys=keys, recovered=False)
        self.core.set_robots([read_robot(one, keys, STRATEGIES)[0] for one in rows], {})
        if recovered:
            for where in dict.fromkeys((key.market, key.category) for key in keys):
                self.recover(*(key for key in keys if (key.market, key.category) == where))
        self.state.strategies = STRATEGIES

    def recover(self, *keys: Key) -> None:
        """Take the product of these instruments through its recovery."""
        market, category = keys[0].market, keys[0].category
        self.send(VenueUp(market, category, ACCOUNT, tuple(self.traded[key] for key in keys), T0, True))
        self.send(AccountSnapshot(market, category, ACCOUNT, self.clock.wall_ms(), (), (), ()))
        for key in keys:
            self.send(HistoryPage(key, ACCOUNT, (), True, self.clock.wall_ms(), 0, "recovery"))
        assert self.state.venues[(market, category)].recovered
        self.notices.clear()

    def look(self, command: BotAction | None = None, key: Key = BTC) -> Sight:
        """The market, and what the database holds of bots."""
        roster = Roster(tuple(self.rows.values()), (*self.state.books.values(), *self.elsewhere), self.forgotten,
                        self.traded.get, STRATEGIES, lambda robot: self.strategy_problem)
        return replace(sight(key), instrument=self.traded.get(key), roster=roster)

    def do(self, command: BotAction) -> Decision:
        """An action that must be taken."""
        decision = self.send(command, self.look(command))
        assert decision.verdict is not None and decision.verdict.ok, decision.verdict
        return decision

    def no(self, command: BotAction) -> str:
        """The sentence of a refusal; nothing was written."""
        return self.refusal(command, self.look(command))

    def fill(self, emi: str, side: Side, qty: str, price: str, fee: str = "0.1", unit: str | None = None,
             key: Key = BTC, **more: str) -> Execution:
        """A fill of this owner's order."""
        number = next(_facts)
        fact = execution(f"x:{number}", f"{number}.{emi}", f"v{number}", side, qty, price, fee,
                         unit or self.traded[key].settle, T0 + number, key, **more)  # type: ignore[arg-type]
        self.send(fact, self.look(key=key))
        return fact

    def fund(self, emi: str, amount: str, key: Key = BTC) -> None:
        """A funding row of this owner."""
        unit = self.traded[key].settle
        paid = CoinRow(f"F:{next(_facts)}", 0, emi, "", key, ACCOUNT, unit, key.symbol, -1, Decimal(0), Decimal(0),
                       Decimal(0), Decimal(0), Decimal(0), Decimal(0), Decimal(amount), T0, T0, 0)
        old = self.book(emi, key, unit)
        self.carry_out(Decision(rows=[paid, structs.replace(old, funding=old.funding + paid.commiss)]))

    def carry_out(self, decision: Decision) -> Decision:
        """The rows of `robots` follow."""
        for one in decision.rows:
            match one:
                case RobotAdded():
                    self.rows[one.row.emi] = one.row
                case RobotRenamed():
                    self.rows[one.new] = replace(self.rows.pop(one.emi), emi=one.new, strategy=one.strategy)
                case RobotRemoved():
                    del self.rows[one.emi]
        return super().carry_out(decision)

    def book(self, emi: str, key: Key = BTC, unit: str = "USDT") -> BookRow:
        """Kept sums of an owner."""
        return self.state.books.get((ACCOUNT, key, emi, unit)) or BookRow(key, ACCOUNT, emi, unit)

    def held(self, emi: str, key: Key = BTC, unit: str = "USDT") -> tuple[Decimal, ...]:
        """Position, SUMREAL, fees, funding."""
        book = self.book(emi, key, unit)
        return book.pos, book.sumreal, book.fees, book.funding

    def check_kept(self) -> None:
        """The kept sums are exactly what the rows fold to."""
        assert {book_key(book): book for book in fold(self.coins)} == self.state.books

    def transfer(self) -> list[CoinRow]:
        """The rows of transfers."""
        return [coin for coin in self.coins if coin.exec_id.startswith("MOVE:")]
