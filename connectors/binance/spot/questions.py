"""What the keeper asks of the spot account, as generators: no socket, no thread inside. See `connectors.asker`.

There is no account-wide history: fills are walked per symbol by their ids, from the first one of the time asked for
(binance.md 5.3). Client ids come from another endpoint and are joined as on futures.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from functools import partial

from connectors.asker import Question
from connectors.binance.errors import MARKET
from connectors.binance.questions import Questions
from connectors.binance.spot import parse as spot_parse
from connectors.binance.spot import transfers
from connectors.binance.spot.errors import ABSENT
from connectors.binance.spot.parse import TradeRow
from connectors.binance.spot.rest import SpotEndpoints
from connectors.http import Call, Rank
from connectors.pages import MOST_PAGES, MoneyPages, Pages, Sink
from connectors.timesync import TimeSync
from core import ids
from core.errors import BadMessage, Rejected
from models import (
    AccountSnapshot,
    AskAccount,
    AskHistory,
    AskMoney,
    AskOrder,
    Movement,
    Notice,
    OrderAbsent,
    OrderFound,
    OrderReport,
    OrdStatus,
)

_MOST_WINDOWS = 31      # days searched for the first fill; further back everything is walked from the first fill on

Answers = Generator[Call | float, bytes, tuple[int | None, list[TradeRow]]]


class SpotQuestions(Questions):
    """The questions about one account. Used on the keeper's thread."""

    def __init__(self, calls: SpotEndpoints, sync: TimeSync, sink: Sink, account: Callable[[], str],
                 has_history: bool) -> None:
        super().__init__(calls, sync, sink, account)
        self._spot, self._has_history = calls, has_history
        self._said: set[str] = set()

    def order(self, request: AskOrder) -> Question:
        """What became of an order: answered once the venue answered. A moved one is found under its new venue id."""
        symbol = request.key.symbol
        try:
            found = spot_parse.order((yield self._calls.query(symbol, request.order_id, request.cl_ord_id, Rank.ORDER)))
            if found.status is OrdStatus.CANCELED and ids.is_ours(found.cl_ord_id):
                later = spot_parse.orders((yield self._calls.all_orders(symbol, int(found.order_id))))
                found = newest(found, later)
        except Rejected as error:
            if error.code not in ABSENT:
                raise
            self._sink(OrderAbsent(request, self._sync.now_ms()))
            return
        self._sink(OrderFound(request, found))

    def account(self, request: AskAccount) -> Question:
        """Open orders and balances; spot has no positions."""
        asked = self._sync.now_ms()
        orders = spot_parse.orders((yield self._calls.open_orders()))
        balances = spot_parse.account((yield self._spot.account())).reports()
        self._sink(AccountSnapshot(request.market, request.category, self._account(), asked, orders, (), balances))

    def balances(self) -> Question:
        """What the account holds now: asked when the stream told a change without the sum."""
        for report in spot_parse.account((yield self._spot.account())).reports():
            self._sink(report)

    def money(self, request: AskMoney) -> Question:
        """Deposits, withdrawals and transfers since a time; nothing where the network does not tell them."""
        read_start, account = self._sync.now_ms(), self._account()
        reach = read_start - transfers.REACH_MS
        pages = MoneyPages(self._sink, request, account, read_start, reach if request.since < reach else None)
        told: list[Movement] = []
        if self._has_history:
            try:
                yield from self._moved(max(request.since - transfers.SLOW_MS, reach), read_start, account, told)
            except Rejected as error:
                self._say_once(f"deposits and transfers of spot are not told: {error.text}; the account's control "
                               "figure will differ by them")
        else:
            self._say_once(transfers.NOT_TOLD)
        pages.add(transfers.oldest_first(told))
        pages.finish()

    def _moved(self, since: int, until: int, account: str, told: list[Movement]) -> Question:
        calls = self._spot
        for start in range(since, until + 1, transfers.WINDOW_MS):
            end = min(start + transfers.WINDOW_MS - 1, until)
            yield from _paged(partial(calls.deposits, start, end), transfers.ROWS_A_PAGE, 0,
                              lambda body: transfers.deposits(body, account), told)
            yield from _paged(partial(calls.withdrawals, start, end), transfers.ROWS_A_PAGE, 0,
                              lambda body: transfers.withdrawals(body, account), told)
        for way in transfers.WAYS:
            yield from _paged(partial(calls.transfers, way, since, until), 1, 1,
                              partial(_of_way, way=way, account=account), told)

    def _say_once(self, text: str) -> None:
        if text not in self._said:
            self._said.add(text)
            self._sink(Notice(MARKET, text, "warning"))

    def history(self, request: AskHistory) -> Question:
        """All fills of a symbol since a time, oldest first."""
        symbol, read_start = request.key.symbol, self._sync.now_ms()
        pages = Pages(self._sink, request, self._account(), read_start, None)
        next_id, rows = yield from self._first(symbol, request.since, read_start)
        yield from self._tell(pages, symbol, rows)
        asked = 0
        while next_id is not None:
            asked += 1
            if asked > MOST_PAGES:
                raise BadMessage(MARKET, f"more than {MOST_PAGES} pages of fills")
            rows = spot_parse.trade_rows((yield self._calls.user_trades_from(symbol, next_id)))
            is_full = len(rows) >= self._calls.product.history_rows
            new = [row for row in rows if row.id >= next_id]
            if is_full and not new:
                raise BadMessage(MARKET, "field id: a full page of fills without a new one")
            yield from self._tell(pages, symbol, [row for row in new if row.time >= request.since])
            next_id = new[-1].id + 1 if is_full else None
        pages.finish()

    def _tell(self, pages: Pages, symbol: str, rows: list[TradeRow]) -> Question:
        names = yield from self._names(symbol, rows)
        pages.add([spot_parse.history_execution(row, self._account(), names[row.order_id]) for row in rows])

    def _first(self, symbol: str, since: int, until: int) -> Answers:
        """Where to begin: the id to walk from (None: nowhere; 0: every fill has to be looked at), or all fills at once
        when the last window holds them.

        A full page of a window may hold its newest fills instead of its oldest: the window is halved until it is clear.
        """
        window, most = self._calls.product.history_window_ms, self._calls.product.history_rows
        if (until - since) > _MOST_WINDOWS * window:
            return 0, []
        start = since
        while start <= until:
            end = min(start + window - 1, until)
            rows = spot_parse.trade_rows((yield self._calls.user_trades(symbol, start, end)))
            while len(rows) >= most and start < end:
                middle = (start + end) // 2
                rows = spot_parse.trade_rows((yield self._calls.user_trades(symbol, start, middle)))
                if rows:
                    end = middle
                else:
                    start = middle + 1
                    rows = spot_parse.trade_rows((yield self._calls.user_trades(symbol, start, end)))
            if rows and end == until and len(rows) < most:
                return None, rows
            if rows:
                return 0 if len(rows) >= most else rows[0].id, []
            start = end + 1
        return None, []

    def _read_names(self, body: bytes) -> dict[int, str]:
        return spot_parse.client_ids(body)

    def _read_name(self, body: bytes) -> str | None:
        return spot_parse.order(body).cl_ord_id


def _paged(call: Callable[[int], Call], step: int, first: int, read: Callable[[bytes], transfers.Facts],
           told: list[Movement]) -> Question:
    """All pages of a question that is asked by offset or by number. New rows only shift towards what was read."""
    for number in range(MOST_PAGES):
        facts, is_full = read((yield call(first + number * step)))
        told += facts
        if not is_full:
            return
    raise BadMessage(MARKET, f"more than {MOST_PAGES} pages of transfers")


def _of_way(body: bytes, way: str, account: str) -> transfers.Facts:
    return transfers.transfers(body, way, account)


def newest(found: OrderReport, later: tuple[OrderReport, ...]) -> OrderReport:
    """The last order of the same client id: an order that was moved goes on under another venue id."""
    same = [one for one in later if one.cl_ord_id == found.cl_ord_id]
    return max(same, key=lambda one: int(one.order_id), default=found)
