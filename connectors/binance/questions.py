"""What the keeper asks of the account, as generators: no socket, no thread inside. See `connectors.asker`.

Fills and the ids of their orders come from two endpoints; here they are joined (binance.md 8.2).
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Generator, Sequence
from dataclasses import replace
from typing import Protocol

from connectors.asker import Question
from connectors.binance import conditional as algo
from connectors.binance import income, parse
from connectors.binance.errors import ABSENT, NO_ALGO
from connectors.binance.rest import Endpoints
from connectors.binance.triggered import Triggered
from connectors.http import Call, Rank
from connectors.pages import MOST_PAGES, MoneyPages, Pages, Sink
from connectors.timesync import TimeSync
from core.errors import BadMessage, Rejected
from models import (
    AccountSnapshot,
    AskAccount,
    AskHistory,
    AskMoney,
    AskOrder,
    Notice,
    OrderAbsent,
    OrderFound,
    OrderReport,
)

_REMEMBERED = 20_000    # order id → client id
_FEW = 3                # so many missing ids are asked one by one
_WINDOWS = 13           # of seven days: orders are kept for 90
_MARGIN_MS = 60_000     # an order may be a little younger than its time says


class _Fill(Protocol):
    """A row of fills."""

    order_id: int


class Questions:
    """The questions about one account. Used on the keeper's thread."""

    def __init__(self, calls: Endpoints, sync: TimeSync, sink: Sink, account: Callable[[], str],
                 triggered: Triggered | None = None) -> None:
        self._calls, self._sync, self._sink, self._account = calls, sync, sink, account
        self._category = calls.product.category
        self._client_ids: OrderedDict[tuple[str, int], str | None] = OrderedDict()
        self._triggered = triggered or Triggered()
        self._came_of: dict[tuple[str, int], int] = {}     # orders that came of a conditional one, and when

    def order(self, request: AskOrder) -> Question:
        """What became of an order: answered once the venue answered."""
        try:
            found = yield from self._found(request)
        except Rejected as error:
            if error.code not in (ABSENT, NO_ALGO):
                raise
            self._sink(OrderAbsent(request, self._sync.now_ms()))
            return
        self._sink(OrderFound(request, found))

    def _found(self, request: AskOrder) -> Generator[Call | float, bytes, OrderReport]:
        """The order; a conditional one that triggered as the plain order it became, under its own client id."""
        symbol, order_id, conditional = request.key.symbol, request.order_id, request.conditional
        if conditional and (not order_id or order_id.startswith(algo.PREFIX)):
            one = algo.row((yield self._calls.query_conditional(order_id, request.cl_ord_id)), self._category)
            told = yield from self._became(one)
        else:
            told = parse.order((yield self._calls.query(symbol, order_id, request.cl_ord_id, Rank.ORDER)),
                               self._category)
        name = request.cl_ord_id if conditional else self._triggered.name(symbol, told.order_id)
        return told if name is None else replace(told, cl_ord_id=name)

    def _became(self, one: algo.Algo) -> Generator[Call | float, bytes, OrderReport]:
        """A conditional order as it is now: waiting, ended, or the plain order it became."""
        self._triggered.add(one)
        waits = None if one.actual_id else algo.report(one)
        if waits is not None:
            return waits
        try:
            return parse.order((yield self._calls.query(one.key.symbol, one.actual_id, "", Rank.ORDER)), self._category)
        except Rejected as error:
            if error.code != ABSENT:
                raise
        if one.state != algo.FINISHED:      # its order is there, and the answering copy lags behind
            raise BadMessage(parse.MARKET, f"order {one.actual_id} of algo {one.algo_id} is not told yet")
        return algo.forgotten(one)

    def account(self, request: AskAccount) -> Question:
        """Open orders, positions and balances. Conditional ones first: what triggers meanwhile is told twice, not
        left out."""
        asked = self._sync.now_ms()
        waiting = algo.rows((yield self._calls.open_conditional()), self._category)
        rows = parse.order_rows((yield self._calls.open_orders()))
        orders = [told for one in waiting if one.is_waiting and (told := algo.report(one)) is not None]
        for one in waiting:
            self._triggered.add(one)
        for row in rows:
            told = parse.report(row, self._category)
            if row.was_conditional:
                name = yield from self.placed_as(row.symbol, row.order_id, row.time or row.update_time)
                told = replace(told, cl_ord_id=name or told.cl_ord_id)
            orders.append(told)
        positions = parse.positions((yield self._calls.positions()), self._category)
        balances = parse.balances((yield self._calls.balance()), self._category)
        self._sink(AccountSnapshot(request.market, request.category, self._account(), asked, tuple(orders), positions,
                                   balances))

    def placed_as(self, symbol: str, order_id: int,
                  time: int) -> Generator[Call | float, bytes, str | None]:
        """The client id of the conditional order that became this one; None: the venue does not tell it any more.

        They are listed by the time they were made, which may be long before they triggered.
        """
        end = time + _MARGIN_MS
        for _ in range(_WINDOWS):
            name = self._triggered.name(symbol, str(order_id))
            if name is not None:
                return name
            start = max(0, end - self._calls.product.history_window_ms + 1)
            for one in algo.rows((yield self._calls.all_conditional(symbol, start, end)), self._category):
                self._triggered.add(one)
            end = start - 1
        return self._triggered.name(symbol, str(order_id))

    def joined(self, symbol: str, order_id: int, then: Callable[[], None]) -> Question:
        """Find out what a plain order came of, for who waits to be told by `Triggered`."""
        if self._triggered.name(symbol, str(order_id)) is None:
            yield from self.placed_as(symbol, order_id, self._sync.now_ms())
        then()

    def money(self, request: AskMoney) -> Question:
        """Fundings and movements of the account since a time, as far back as fills are told."""
        read_start = self._sync.now_ms()
        reach = read_start - self._calls.product.history_reach_ms
        pages = MoneyPages(self._sink, request, self._account(), read_start, reach if request.since < reach else None)
        reader = income.Reader(self._calls, lambda text: self._sink(Notice(request.market, text, "error")))
        start = max(request.since, reach)
        while start <= read_start:
            rows, end = yield from reader.window(start, read_start)
            pages.add(income.facts(rows, self._category, self._account()))
            start = end + 1
        pages.finish()

    def history(self, request: AskHistory) -> Question:
        """All fills of an instrument since a time, oldest first."""
        product = self._calls.product
        read_start = self._sync.now_ms()
        reach = read_start - product.history_reach_ms
        begin = max(request.since, reach)
        pages = Pages(self._sink, request, self._account(), read_start, reach if request.since < reach else None)
        last_id, asked, start = 0, 0, begin
        while start <= read_start and asked < MOST_PAGES:
            end = min(start + product.history_window_ms - 1, max(read_start, start))
            call = self._calls.user_trades(request.key.symbol, start, end)
            is_full = True
            while is_full and asked < MOST_PAGES:
                asked += 1
                rows = parse.trade_rows((yield call))
                is_full = len(rows) >= product.history_rows
                new = [row for row in rows if row.id > last_id]
                if not new and is_full:
                    raise BadMessage(parse.MARKET, "field id: a full page of fills without a new one")
                ids = yield from self._names(request.key.symbol, new)
                pages.add([parse.history_execution(row, self._category, self._account(), ids[row.order_id])
                           for row in new])
                if new:
                    last_id = new[-1].id
                    is_full = is_full and max(row.time for row in new) <= end
                    call = self._calls.user_trades_from(request.key.symbol, last_id + 1)
            start = end + 1
        if asked >= MOST_PAGES:
            raise BadMessage(parse.MARKET, f"more than {MOST_PAGES} pages of fills")
        pages.finish()

    def _names(self, symbol: str, rows: Sequence[_Fill]) -> Generator[Call | float, bytes, dict[int, str | None]]:
        """The client ids of the rows' orders; an order the venue has forgotten has none."""
        known = self._client_ids
        missing = sorted({row.order_id for row in rows if (symbol, row.order_id) not in known})
        while len(missing) > _FEW:
            found = self._read_names((yield self._calls.all_orders(symbol, missing[0])))
            known.update({(symbol, order_id): name or None for order_id, name in found.items()})
            reached = max(found, default=0)
            beyond = [order_id for order_id in missing if order_id > reached]
            if len(beyond) == len(missing):
                break                        # the venue lists none of them: ask one by one
            # what lies within the answered range but was not in it will not come: it is asked by its id below
            yield from self._one_by_one(symbol, [one for one in missing if one <= reached])
            missing = beyond
        yield from self._one_by_one(symbol, missing)
        wanted = {row.order_id: known[(symbol, row.order_id)] for row in rows}
        for order_id in wanted:
            time = self._came_of.get((symbol, order_id))
            if time is not None:
                wanted[order_id] = (yield from self.placed_as(symbol, order_id, time)) or wanted[order_id]
        while len(known) > _REMEMBERED:
            known.popitem(last=False)
        return wanted

    def _one_by_one(self, symbol: str, order_ids: list[int]) -> Question:
        for order_id in order_ids:
            if (symbol, order_id) in self._client_ids:
                continue
            name: str | None = None
            try:
                body = yield self._calls.query(symbol, str(order_id), "", Rank.HISTORY)
                name = self._read_name(body)
            except Rejected as error:
                if error.code != ABSENT:
                    raise
            self._client_ids[(symbol, order_id)] = name

    def _read_names(self, body: bytes) -> dict[int, str]:
        return {row.order_id: self._read(row) for row in parse.order_rows(body)}

    def _read_name(self, body: bytes) -> str | None:
        return self._read(parse.order_row(body)) or None

    def _read(self, row: parse.OrderRow) -> str:
        if row.was_conditional:
            self._came_of[(row.symbol, row.order_id)] = row.time or row.update_time
        return row.client_order_id
