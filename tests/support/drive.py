"""The core without its loop: decide → record the rows → apply, as the engine thread does, on a clock moved by hand.

A fact that was recorded before drops its whole decision, as the ledger's unique key does.
"""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

from core.clock import HandClock
from core.rows import CoinRow, CounterRow, MoveRow, OrderRow, Row
from engine.commands import Command, Verdict
from engine.core import Core
from engine.state import Decision, Now, Sight
from models import (
    ZERO,
    AccountSnapshot,
    Execution,
    HistoryPage,
    Key,
    MoneyPage,
    Notice,
    Request,
    Robot,
    Timings,
    VenueMessage,
)
from tests.support.build import ACCOUNT, BTC, sight, venue_up

ONE = Decimal(1)       # of one contract, per unit of price
Fact = tuple[str, str, str, int]


class Driver:
    """One core and all it did."""

    def __init__(self, *robots: Robot, keys: tuple[Key, ...] = (BTC,), recovered: bool = True) -> None:
        self.clock = HandClock()
        self.core = Core(Timings(), lambda key: ONE)
        self.state = self.core.state
        self.coins: list[CoinRow] = []
        self.counters: list[int] = []
        self.requests: list[Request] = []
        self.notices: list[Notice] = []
        self._facts: set[Fact] = set()
        self.core.configure(keys, ())
        self.core.set_robots(robots, {})
        if recovered:
            self.recover(*keys)

    @property
    def now(self) -> Now:
        """The clock's time; the venue's clock agrees with ours."""
        return Now(self.clock.wall_ms(), self.clock.monotonic(), self.clock.wall_ms())

    def send(self, message: Command | VenueMessage, seen: Sight | None = None) -> Decision:
        """One message, decided, recorded and applied."""
        key = getattr(message, "key", None)
        where = seen if seen is not None else sight(key if isinstance(key, Key) else BTC)
        if isinstance(message, HistoryPage):
            for one in message.executions:
                self.send(one, where)
            for funding in message.fundings:
                self.send(funding, where)
        if isinstance(message, MoneyPage):
            for fact in message.facts:
                self.send(fact, seen)
        if isinstance(message, Execution):
            later = tuple(row for row in self.coins if row.side < 0 and row.key == message.key
                          and row.time > message.time)
            where = replace(where, fundings=later)
        return self.carry_out(self.core.decide(message, self.now, where))

    def carry_out(self, decision: Decision) -> Decision:
        """Record the rows and apply, unless a fact among them is known."""
        facts = [(r.key.market, r.account, r.exec_id, r.part) for r in decision.rows if isinstance(r, CoinRow)]
        facts += [(r.market, r.account, r.move_id, 0) for r in decision.rows if isinstance(r, MoveRow)]
        if any(fact in self._facts for fact in facts):
            return decision
        self._facts.update(facts)
        self.coins += [row for row in decision.rows if isinstance(row, CoinRow)]
        self.counters += [row.value for row in decision.rows if isinstance(row, CounterRow)]
        self.core.apply(decision, self.now)
        self.requests += decision.requests
        self.notices += [change for change in decision.changes if isinstance(change, Notice)]
        return decision

    def verdict(self, command: Command, seen: Sight | None = None) -> Verdict:
        """The local answer to a command."""
        verdict = self.send(command, seen).verdict
        assert verdict is not None
        return verdict

    def refusal(self, command: Command, seen: Sight | None = None) -> str:
        """The sentence of a refusal; nothing was written or sent for it."""
        before = len(self.requests), len(self.counters)
        decision = self.send(command, seen)
        assert decision.verdict is not None and not decision.verdict.ok and decision.verdict.refusal is not None
        assert not decision.rows and (len(self.requests), len(self.counters)) == before
        return decision.verdict.refusal.text

    def tick(self, seconds: float = 0.0) -> Decision:
        """Let time pass, then do what is due."""
        self.clock.advance(seconds)
        return self.carry_out(self.core.tick(self.now))

    def asked(self, kind: type[Request]) -> list[Request]:
        """The requests of one kind so far."""
        return [request for request in self.requests if isinstance(request, kind)]

    def recover(self, *keys: Key) -> None:
        """Take a venue through its recovery: nothing open, no history."""
        self.send(venue_up(*keys))
        where = venue_up(*keys)
        self.send(AccountSnapshot(where.market, where.category, ACCOUNT, self.clock.wall_ms(), (), (), ()))
        for key in keys or (BTC,):
            self.send(HistoryPage(key, ACCOUNT, (), True, self.clock.wall_ms(), 0, "recovery"))
        assert self.state.venues[(where.market, where.category)].recovered
        self.requests.clear()
        self.notices.clear()

    def order(self, name: str, key: Key = BTC) -> OrderRow:
        """An order's row in memory."""
        return self.state.orders[(key, name)]

    def remember(self, *rows: Row) -> None:
        """Put rows into memory as if they had come from the ledger."""
        self.core.apply(Decision(rows=list(rows)), self.now)

    def positions(self, key: Key = BTC) -> dict[str, Decimal]:
        """Position by owner, of the rows themselves (transfers have a row for each side)."""
        sums: dict[str, Decimal] = {}
        for row in self.coins:
            if row.key == key and row.side >= 0:
                sums[row.emi] = sums.get(row.emi, ZERO) + row.qty
        return sums

    def said(self, words: str) -> bool:
        """Whether a message so far holds these words."""
        return any(words in notice.text for notice in self.notices)
