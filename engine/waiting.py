"""While the database is away: which messages pass all the same, which are refused, which wait. Engine thread."""

from __future__ import annotations

from collections import deque
from dataclasses import replace

from engine.commands import (
    BotAction,
    Cancel,
    CancelAll,
    ChangeLeverage,
    KillSwitch,
    MoveOrder,
    PlaceOrder,
    SetTrading,
    TakeOver,
    Watch,
)
from engine.parts import Message, Reply
from models import Execution, Funding, HistoryPage, MoneyPage, Movement, Notice

WAITING_MOST = 100_000        # beyond, history brings them again
LOWERS_RISK = (Cancel, CancelAll, KillSwitch)
NOW_OR_NEVER = PlaceOrder | MoveOrder | TakeOver | Watch | BotAction      # refused, not kept


def may_pass(message: Message) -> bool:
    """What is handled at once while the database is away: refusals, and what lowers risk."""
    return isinstance(message, (*LOWERS_RISK, PlaceOrder, MoveOrder, ChangeLeverage, TakeOver, Watch, BotAction,
                                Notice)) or (
        isinstance(message, SetTrading) and not message.on)


class Waiting:
    """Messages in the order in which they are to be taken."""

    def __init__(self) -> None:
        self._messages: deque[tuple[Message, Reply | None]] = deque()
        self._has_dropped = False

    def __len__(self) -> int:
        return len(self._messages)

    def add(self, message: Message, reply: Reply | None) -> None:
        """Behind the others; too many are dropped."""
        if len(self._messages) >= WAITING_MOST:
            self._has_dropped = True
        else:
            self._messages.append((message, reply))

    def put_first(self, message: Message, reply: Reply | None) -> None:
        """The one that met the trouble comes first."""
        self._messages.appendleft((message, reply))

    def take_first(self) -> tuple[Message, Reply | None]:
        """The next one."""
        return self._messages.popleft()

    def go_on_with(self, others: Waiting) -> None:
        """What still waits of the others comes behind."""
        self._messages.extend(others._messages)
        self._has_dropped |= others._has_dropped

    def needs_history(self) -> bool:
        """Whether nothing waits any more, but some were dropped. Says so once."""
        needs = self._has_dropped and not self._messages
        self._has_dropped &= not needs
        return needs


def facts_of(page: HistoryPage | MoneyPage) -> tuple[Execution | Funding | Movement, ...]:
    """What a page holds, in the order in which it is booked."""
    return (*page.executions, *page.fundings) if isinstance(page, HistoryPage) else page.facts


def rest_of(page: HistoryPage | MoneyPage, done: int) -> HistoryPage | MoneyPage:
    """The page without the facts that were taken from it already."""
    if isinstance(page, MoneyPage):
        return replace(page, facts=page.facts[done:])
    fills = len(page.executions)
    return replace(page, executions=page.executions[done:], fundings=page.fundings[max(0, done - fills):])
