"""The private tables → our messages (bitmex.md 10.5). Rows are merged by the table's own keys, as its partial says.

Tables may come in any order (the venue says so): nothing here assumes that an execution precedes its order or position.
Total: `BadMessage` for anything absurd, and the rest of the frame's rows still count. Owned by the connection's thread.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import msgspec

from connectors.bitmex import money, parse
from connectors.bitmex.auth import MARKET
from connectors.bitmex.contracts import Contracts
from connectors.bitmex.questions import balances
from connectors.reading import bad
from core.errors import BadMessage
from core.numbers import printable
from models import (
    BalanceReport,
    Category,
    Execution,
    Funding,
    LeverageReport,
    MoneyMoved,
    OrderReport,
    PositionReport,
    VenueMessage,
)

ENDED = 2_000            # orders that ended are remembered so long: late changes of theirs are merged all the same
QUIET = 1.0              # seconds between reports of a position whose mark alone has changed
_KEYS = {"order": ("orderID",), "position": ("account", "symbol"), "margin": ("account", "currency"),
         "wallet": ("account", "currency")}
# Sums of a wallet that trades and funding leave as they are.
_MOVED = ("deposited", "withdrawn", "transferIn", "transferOut")
# A change of a row that no partial told of is taken when it tells what counts: better than not to know a position.
_WHOLE = {"position": "currentQty", "margin": "walletBalance"}

Report = TypeVar("Report", PositionReport, BalanceReport)
Rows = OrderedDict[tuple[Any, ...], dict[str, Any]]


class _Frame(msgspec.Struct):
    table: str = ""
    action: str = ""
    keys: list[str] = []
    data: msgspec.Raw = msgspec.field(default_factory=msgspec.Raw)


_frame = msgspec.json.Decoder(_Frame).decode


def table_of(raw: bytes) -> str:
    """The table a frame is of; "" when it is none."""
    try:
        return _frame(raw).table
    except (msgspec.DecodeError, RecursionError, ValueError) as error:
        raise bad(MARKET, raw, error) from None


class Tables:
    """The account's tables of one category."""

    def __init__(self, category: Category, account: Callable[[], str], contracts: Callable[[], Contracts],
                 complain: Callable[[str], None]) -> None:
        self._category, self._account, self._contracts, self._complain = category, account, contracts, complain
        self._rows: dict[str, Rows] = {}
        self._keys: dict[str, tuple[str, ...]] = {}
        self._told: dict[str, PositionReport | BalanceReport] = {}
        self._leverages: dict[str, LeverageReport] = {}
        self._wallets: dict[str, tuple[Any, ...]] = {}     # kept over connections: what moved meanwhile is noticed
        self._held: dict[str, tuple[PositionReport | BalanceReport, float]] = {}

    def forget(self) -> None:
        """A new connection: nothing counts before its partials."""
        self._rows.clear()
        self._told.clear()
        self._held.clear()

    def messages(self, raw: bytes, now: float) -> list[VenueMessage] | None:
        """What a frame says; None for a table nobody here knows."""
        try:
            frame = _frame(raw)
        except (msgspec.DecodeError, RecursionError, ValueError) as error:
            raise bad(MARKET, raw, error) from None
        if frame.table == "execution":
            return [one for row in parse.raw_rows(bytes(frame.data)) for one in self._each(self._execution, row, now)]
        if frame.table not in _KEYS:
            return None
        rows = parse.raw_rows(bytes(frame.data))
        tell = {"order": self._order, "position": self._position, "margin": self._margin,
                "wallet": self._wallet}[frame.table]
        whole = self._merged(frame, rows)
        margined = [one for row in whole for one in self._each(self._leverage, row, now)] \
            if frame.table == "position" else []
        return [*(one for row in whole for one in self._each(tell, row, now)), *margined]

    def due(self, now: float) -> list[VenueMessage]:
        """Reports that were held back because only the mark had changed."""
        ripe = [name for name, (_, at) in self._held.items() if now >= at]
        return [self._held.pop(name)[0] for name in ripe]

    # ------------------------------------------------------------ merging

    def _merged(self, frame: _Frame, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """The whole rows that a message adds or changes. A partial replaces the table; before it nothing counts."""
        if frame.action == "partial":
            self._rows[frame.table] = OrderedDict()
            self._keys[frame.table] = tuple(frame.keys) or _KEYS[frame.table]
        table = self._rows.get(frame.table)
        if table is None:
            return []
        whole = []
        for row in rows:
            key = tuple(str(row.get(name)) for name in self._keys[frame.table])
            if frame.action == "delete":
                gone = table.pop(key, None)
                if gone is not None and frame.table == "position":
                    whole.append({**gone, "currentQty": 0})
                continue
            if frame.action == "update" and key not in table and _WHOLE.get(frame.table) not in row:
                self._complain(f"a change of an unknown row of {frame.table}: {printable(str(key), 80)}")
                continue
            merged = {**table.get(key, {}), **row} if frame.action == "update" else row
            table[key] = merged
            whole.append(merged)
        while frame.table == "order" and len(table) > ENDED:
            self._drop_ended(table)
        return whole

    @staticmethod
    def _drop_ended(table: Rows) -> None:
        """The oldest ended order; failing that, the oldest."""
        ended = ("Filled", "Canceled", "Rejected", "Expired")
        del table[next((key for key, row in table.items() if row.get("ordStatus") in ended), next(iter(table)))]

    def _each(self, tell: Callable[[Mapping[str, Any], float], VenueMessage | None], row: Mapping[str, Any],
              now: float) -> list[VenueMessage]:
        try:
            told = tell(row, now)
        except BadMessage as error:
            self._complain(error.text)
            return []
        return [] if told is None else [told]

    # ------------------------------------------------------------ rows

    def _execution(self, row: Mapping[str, Any], now: float) -> Execution | Funding | None:
        told = parse.typed(row, parse.ExecutionRow)
        contract = self._contracts().get(told.symbol or "")
        if contract is None:
            return None                   # of another category, which has its own connection
        if told.exec_type == money.FUNDING:
            return money.funding(told, contract, self._account())
        return parse.execution(told, contract, self._account()) if parse.is_fill(told) else None

    def _order(self, row: Mapping[str, Any], now: float) -> OrderReport | None:
        told = parse.typed(row, parse.OrderRow)
        contract = self._contracts().get(told.symbol)
        return None if contract is None else parse.report(told, contract)

    def _position(self, row: Mapping[str, Any], now: float) -> PositionReport | None:
        told = parse.typed(row, parse.PositionRow)
        contract = self._contracts().get(told.symbol)
        if contract is None:
            return None
        report = parse.position(told, contract)
        before = self._told.get(told.symbol)
        is_same = isinstance(before, PositionReport) and (before.qty, before.entry, before.leverage) == (
            report.qty, report.entry, report.leverage)
        return self._unless_quiet(told.symbol, report, is_same, now)

    def _leverage(self, row: Mapping[str, Any], now: float) -> LeverageReport | None:
        """When it changes; how it is at first is read with the account."""
        told = parse.typed(row, parse.PositionRow)
        contract = self._contracts().get(told.symbol)
        if contract is None:
            return None
        report = parse.leverage(told, contract)
        before = self._leverages.get(told.symbol, report)
        self._leverages[told.symbol] = report
        return None if before == report else report

    def _margin(self, row: Mapping[str, Any], now: float) -> BalanceReport | None:
        told = parse.typed(row, parse.MarginRow)
        for report in balances([told], self._category, self._contracts()):
            before = self._told.get(told.currency)
            is_same = isinstance(before, BalanceReport) and before.wallet == report.wallet
            return self._unless_quiet(told.currency, report, is_same, now)
        return None

    def _wallet(self, row: Mapping[str, Any], now: float) -> MoneyMoved | None:
        """A hint when money came or went: the row has the sums only, the facts are in the wallet's history."""
        currency = printable(str(row.get("currency")), 20)
        sums = tuple(row.get(name) for name in _MOVED)
        before = self._wallets.get(currency, sums)
        self._wallets[currency] = sums
        return None if before == sums else MoneyMoved(MARKET, self._category, f"the wallet of {currency} changed")

    def _unless_quiet(self, name: str, report: Report, is_same: bool, now: float) -> Report | None:
        """The report; None when only the mark moved it, then it waits a little for its successor."""
        self._told[name] = report
        if is_same:
            held = self._held.get(name)
            self._held[name] = (report, now + QUIET if held is None else held[1])
            return None
        self._held.pop(name, None)
        return report
