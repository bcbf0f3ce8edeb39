"""What the keeper asks of the account, as generators: no socket, no thread inside. See `connectors.asker`.

Fills and the ids of their orders come from two endpoints; here they are joined (binance.md 8.2).
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Generator, Sequence
from typing import Protocol

from connectors.asker import Question
from connectors.binance import parse
from connectors.binance.errors import ABSENT
from connectors.binance.rest import Endpoints
from connectors.http import Call, Rank
from connectors.pages import MOST_PAGES, Pages, Sink
from connectors.timesync import TimeSync
from core.errors import BadMessage, Rejected
from models import (
    AccountSnapshot,
    AskAccount,
    AskHistory,
    AskOrder,
    OrderAbsent,
    OrderFound,
)

_REMEMBERED = 20_000    # order id → client id
_FEW = 3                # so many missing ids are asked one by one


class _Fill(Protocol):
    """A row of fills."""

    order_id: int


class Questions:
    """The questions about one account. Used on the keeper's thread."""

    def __init__(self, calls: Endpoints, sync: TimeSync, sink: Sink, account: Callable[[], str]) -> None:
        self._calls, self._sync, self._sink, self._account = calls, sync, sink, account
        self._category = calls.product.category
        self._client_ids: OrderedDict[tuple[str, int], str | None] = OrderedDict()

    def order(self, request: AskOrder) -> Question:
        """What became of an order: answered once the venue answered."""
        try:
            body = yield self._calls.query(request.key.symbol, request.order_id, request.cl_ord_id, Rank.ORDER)
        except Rejected as error:
            if error.code != ABSENT:
                raise
            self._sink(OrderAbsent(request, self._sync.now_ms()))
            return
        self._sink(OrderFound(request, parse.order(body, self._category)))

    def account(self, request: AskAccount) -> Question:
        """Open orders, positions and balances."""
        asked = self._sync.now_ms()
        orders = parse.orders((yield self._calls.open_orders()), self._category)
        positions = parse.positions((yield self._calls.positions()), self._category)
        balances = parse.balances((yield self._calls.balance()), self._category)
        self._sink(AccountSnapshot(request.market, request.category, self._account(), asked, orders, positions,
                                   balances))

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
        return parse.client_ids(body)

    def _read_name(self, body: bytes) -> str | None:
        return parse.order(body, self._category).cl_ord_id
