"""The income history of a futures account: funding and movements of money (binance.md 8.4).

One endpoint tells every change of the wallets. Trades are left out: their fees and profits are in the fills. Which end
of a window a full page tells is not promised, and paging by number was taken back in October 2026, so the window is
narrowed until its page is not full; one millisecond that is still full is asked by page, and then kind by kind.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable
from decimal import Decimal
from typing import TypeVar

import msgspec

from connectors.binance.parse import MARKET, decoder, finite
from connectors.binance.products import family
from connectors.binance.rest import Endpoints
from connectors.http import Call
from connectors.pages import MOST_PAGES
from core.errors import BadMessage, Rejected
from core.numbers import printable
from models import Category, Funding, Key, Movement

FUNDING = "FUNDING_FEE"
# What fills tell already: profit, fee, and the settlement of a delivered contract, which is a fill at its price.
TRADED = frozenset({"REALIZED_PNL", "COMMISSION", "DELIVERED_SETTELMENT"})
# The other kinds there are; asked one by one only when a millisecond holds more rows than a page. New ones need no
# line here to be told.
KINDS = (
    FUNDING, "TRANSFER", "WELCOME_BONUS", "INSURANCE_CLEAR", "REFERRAL_KICKBACK", "COMMISSION_REBATE", "API_REBATE",
    "CONTEST_REWARD", "CROSS_COLLATERAL_TRANSFER", "OPTIONS_PREMIUM_FEE", "OPTIONS_SETTLE_PROFIT", "INTERNAL_TRANSFER",
    "AUTO_EXCHANGE", "COIN_SWAP_DEPOSIT", "COIN_SWAP_WITHDRAW", "POSITION_LIMIT_INCREASE_FEE",
    "STRATEGY_UMFUTURES_TRANSFER", "FEE_RETURN", "BFUSD_REWARD")
ROWS_A_PAGE = 1000

T = TypeVar("T")


class IncomeRow(msgspec.Struct, rename="camel", frozen=True):
    """One change of a wallet; positive = came in. Numbers come as text or not, by product."""

    income_type: str
    income: Decimal
    asset: str
    time: int | str
    tran_id: int | str
    symbol: str = ""
    trade_id: str | int | None = ""

    @property
    def ms(self) -> int:
        """When it happened."""
        return int(self.time)

    @property
    def name(self) -> tuple[str, ...]:
        """What makes it one of its own: ids are unique within a kind and symbol (the two legs of an exchange: within
        an asset); rows of trades share them."""
        return self.income_type, self.symbol, self.asset, str(self.tran_id), str(self.trade_id)


_rows = decoder(list[IncomeRow])
Rows = list[IncomeRow]
Asked = Generator[Call | float, bytes, T]


def rows(raw: bytes) -> Rows:
    """A page, oldest first."""
    told = _rows(raw)
    for row in told:
        if isinstance(row.time, str) and not (row.time.isascii() and row.time.isdigit()):
            raise BadMessage(MARKET, f"field time = {printable(repr(row.time), 40)}: not a time in milliseconds")
    return sorted(told, key=lambda row: row.ms)


def facts(told: Iterable[IncomeRow], category: Category, account: str) -> list[Funding | Movement]:
    """What rows tell beyond trades; the other product's symbols, which an answer may carry, are its own to tell."""
    return [fact(row, category, account) for row in told
            if row.income_type not in TRADED and (not row.symbol or family(row.symbol) is category)]


def fact(row: IncomeRow, category: Category, account: str) -> Funding | Movement:
    """The fact of one row."""
    amount, tran = finite("income", row.income), printable(str(row.tran_id), 40)
    if not tran:
        raise BadMessage(MARKET, f"field tranId = '': {printable(row.income_type, 40)} without an id")
    if row.income_type == FUNDING and row.symbol:
        key = Key(MARKET, category, row.symbol)
        return Funding(key, account, f"{category.value}:{row.symbol}:F{tran}", -amount, printable(row.asset, 20),
                       row.ms)
    kind = printable(row.income_type, 40)
    return Movement(MARKET, category, account, f"{category.value}:{kind}:{tran}:{row.symbol or row.asset}", kind,
                    printable(row.asset, 20), amount, row.ms)


class Reader:
    """One read of the history. `complain` is told what the venue cannot tell."""

    def __init__(self, calls: Endpoints, complain: Callable[[str], None]) -> None:
        self._calls, self._complain, self._asked = calls, complain, 0

    def window(self, start: int, until: int) -> Asked[tuple[Rows, int]]:
        """All rows from `start` on until a time as near to `until` as pages allow, and that time."""
        end, has_guessed = until, False
        while True:
            told = yield from self._page(start, end)
            if len(told) < ROWS_A_PAGE:
                return told, end
            if start >= end:
                return (yield from self._moment(start)), end
            # A page that begins at the start is whole before its last time; halving ends with any other, too.
            end = (start + end) // 2 if has_guessed else max(start, min(told[-1].ms, end) - 1)
            has_guessed = not has_guessed

    def _moment(self, at: int) -> Asked[Rows]:
        """All rows of one millisecond that fills a page."""
        found: dict[tuple[str, ...], IncomeRow] = {}
        if (yield from self._pages(at, "", found)):
            return list(found.values())
        for kind in KINDS:
            if not (yield from self._pages(at, kind, found)):
                self._complain(f"the venue tells no more than {ROWS_A_PAGE} rows of {kind} at {at}: some are missing")
        return list(found.values())

    def _pages(self, at: int, kind: str, found: dict[tuple[str, ...], IncomeRow]) -> Asked[bool]:
        """Ask page after page; whether the last one was reached."""
        number = 1
        while True:
            try:
                told = yield from self._page(at, at, kind, number)
            except Rejected:
                if number == 1:
                    raise
                return False
            known = len(found)
            found.update({row.name: row for row in told})
            if len(told) < ROWS_A_PAGE:
                return True
            if number > 1 and len(found) == known:
                return False             # pages are not counted here
            number += 1

    def _page(self, start: int, end: int, kind: str = "", number: int = 1) -> Asked[Rows]:
        self._asked += 1
        if self._asked > MOST_PAGES:
            raise BadMessage(MARKET, f"more than {MOST_PAGES} pages of income")
        return rows((yield self._calls.income(start, end, kind, number)))
