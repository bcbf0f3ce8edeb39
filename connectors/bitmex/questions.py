"""What the keeper asks of the account, as generators: no socket, no thread inside. See `connectors.asker`."""

from __future__ import annotations

from collections.abc import Callable, Generator

from connectors.asker import Question
from connectors.bitmex import money, parse
from connectors.bitmex.auth import MARKET
from connectors.bitmex.contracts import Contract, Contracts
from connectors.bitmex.rest import EXECUTIONS_A_PAGE, MOVEMENTS_A_PAGE, ORDERS_A_PAGE, Endpoints
from connectors.bitmex.values import time_ms
from connectors.http import Call
from connectors.pages import MOST_PAGES, MoneyPages, Pages, Sink
from connectors.timesync import TimeSync
from core.errors import BadMessage
from models import (
    AccountSnapshot,
    AskAccount,
    AskHistory,
    AskMoney,
    AskOrder,
    BalanceReport,
    Category,
    Execution,
    Funding,
    Movement,
    OrderAbsent,
    OrderFound,
    OrderReport,
)

SLOW_MS = 7 * 86_400_000     # a deposit or withdrawal is done at most so long after it was asked for


class Questions:
    """The questions about one category of the account. Used on the keeper's thread."""

    def __init__(self, calls: Endpoints, sync: TimeSync, sink: Sink, category: Category, account: Callable[[], str],
                 contracts: Callable[[], Contracts]) -> None:
        self._calls, self._sync, self._sink, self._category = calls, sync, sink, category
        self._account, self._contracts = account, contracts

    def order(self, request: AskOrder) -> Question:
        """What became of an order: answered once the venue answered."""
        rows = parse.orders((yield self._calls.query(request.key.symbol, request.order_id, request.cl_ord_id)))
        contract = self._contracts().get(request.key.symbol)
        mine = [row for row in rows if row.order_id == request.order_id
                or (not request.order_id and row.cl_ord_id == request.cl_ord_id)]
        if rows and not mine:
            raise BadMessage(MARKET, "field orderID: another order than was asked for")
        if not mine:
            self._sink(OrderAbsent(request, self._sync.now_ms()))
        elif contract is None:
            raise BadMessage(MARKET, f"field symbol = {request.key.symbol}: not known")
        else:
            self._sink(OrderFound(request, parse.report(mine[0], contract)))

    def account(self, request: AskAccount) -> Question:
        """Open orders, positions and balances of this category."""
        asked = self._sync.now_ms()
        contracts = self._contracts()
        orders = yield from self._open_orders(contracts)
        positions = tuple(parse.position(row, contracts[row.symbol])
                          for row in parse.positions((yield self._calls.positions())) if row.symbol in contracts)
        margins = parse.margins((yield self._calls.margin()))
        self._sink(AccountSnapshot(request.market, request.category, self._account(), asked, orders, positions,
                                   balances(margins, self._category, contracts)))

    def _open_orders(self, contracts: Contracts) -> Generator[Call | float, bytes, tuple[OrderReport, ...]]:
        found: dict[str, OrderReport] = {}
        start = 0
        while True:
            rows = parse.orders((yield self._calls.open_orders(start)))
            found.update({row.order_id: parse.report(row, contracts[row.symbol]) for row in rows
                          if row.symbol in contracts})
            start += len(rows)
            if len(rows) < ORDERS_A_PAGE:
                return tuple(found.values())

    def money(self, request: AskMoney) -> Question:
        """Movements of the account's wallet since a time; funding is told with the executions.

        They are listed newest first: what is added meanwhile only shifts the next page towards what was read. A row
        takes its place when it is asked for and counts when it is done, which may be days later.
        """
        pages = MoneyPages(self._sink, request, self._account(), self._sync.now_ms())
        found: dict[str, Movement] = {}
        since = request.since - SLOW_MS
        for number in range(MOST_PAGES):
            rows = money.wallet_rows((yield self._calls.wallet_history(number * MOVEMENTS_A_PAGE)))
            told = (money.movement(row, self._category, self._account()) for row in rows)
            found.update({one.move_id: one for one in told if one is not None})
            if len(rows) < MOVEMENTS_A_PAGE or max(row.time for row in rows) < since:
                pages.add(sorted((one for one in found.values() if one.time >= since), key=lambda one: one.time))
                pages.finish()
                return
        raise BadMessage(MARKET, f"more than {MOST_PAGES} pages of the wallet's history")

    def history(self, request: AskHistory) -> Question:
        """All fills and funding of an instrument since a time, oldest first.

        By time with overlap: a page begins at the time the one before ended with, what was read is known by its
        execID; within one time by offset until dry (bitmex.md section 4; any number of fills may share a millisecond).
        """
        contract = self._contracts().get(request.key.symbol)
        if contract is None:
            raise BadMessage(MARKET, f"field symbol = {request.key.symbol}: not known")
        pages = Pages(self._sink, request, self._account(), self._sync.now_ms(), None)
        since, start, seen = max(0, request.since), 0, set[str]()
        for _ in range(MOST_PAGES):
            rows = parse.executions((yield self._calls.trade_history(request.key.symbol, since, start)))
            timed = sorted(((time_ms(row.timestamp or ""), row) for row in rows), key=lambda one: one[0])
            new = [row for _, row in timed if row.exec_id not in seen]
            told = (self._fact(row, contract) for row in new)
            pages.add([one for one in told if one is not None])
            if len(rows) < EXECUTIONS_A_PAGE:
                pages.finish()
                return
            last = timed[-1][0]
            if last > since:
                seen = {row.exec_id for at, row in timed if at == last} | (seen if last == since else set())
                since, start = last, 0
            elif new or not start:       # the first page of a time may be known as a whole
                seen |= {row.exec_id for row in new}
                start += len(rows)
            else:
                raise BadMessage(MARKET, "field execID: a full page of fills without a new one")
        raise BadMessage(MARKET, f"more than {MOST_PAGES} pages of fills")

    def _fact(self, row: parse.ExecutionRow, contract: Contract) -> Execution | Funding | None:
        if row.exec_type == money.FUNDING:
            return money.funding(row, contract, self._account())
        return parse.execution(row, contract, self._account()) if parse.is_fill(row) else None


def balances(rows: list[parse.MarginRow], category: Category, contracts: Contracts) -> tuple[BalanceReport, ...]:
    """The currencies this category settles in; of spot, all."""
    mine = {contract.instrument.settle for contract in contracts.values()}
    told = (parse.balance(row, category) for row in rows)
    return tuple(one for one in told if one is not None and (category is Category.SPOT or one.currency in mine))
