"""Funding and movements of money: rows of the wire → our facts (bitmex.md sections 7, 10.5 and 12). Pure and total.

Funding comes among the executions, so each category tells its own. The wallet is one for all categories: each of them
answers with all its movements, which bear the same ids whoever tells them.
"""

from __future__ import annotations

from decimal import Decimal

import msgspec

from connectors.bitmex.auth import MARKET
from connectors.bitmex.contracts import Contract
from connectors.bitmex.parse import ExecutionRow
from connectors.bitmex.values import MINOR, decoder, finite, time_ms
from core.errors import BadMessage
from core.numbers import printable
from models import Category, Funding, Movement

FUNDING = "Funding"
DONE = "Completed"
# What a session's trades and funding came to, which the executions tell one by one.
TRADED = frozenset({"RealisedPNL", "UnrealisedPNL", "Funding", "SpotTrade"})


class WalletRow(msgspec.Struct, rename="camel"):
    """One row of the wallet's history; amounts in minor units, positive = came in."""

    transact_id: str = msgspec.field(name="transactID")
    currency: str = ""
    transact_type: str = ""
    transact_status: str = ""
    amount: Decimal | None = None
    transact_time: str | None = ""
    timestamp: str | None = ""

    @property
    def time(self) -> int:
        """When it was done; of a row that waits, when it was asked for."""
        return time_ms(self.timestamp or self.transact_time or "")


_wallet_rows = decoder(list[WalletRow])


def funding(row: ExecutionRow, contract: Contract, account: str) -> Funding:
    """What the account paid (or, negative, got) for its position in one instrument."""
    settle = row.settle or contract.instrument.settle
    minor = MINOR.get(settle)
    if not row.exec_id or minor is None or row.exec_comm is None:
        raise BadMessage(MARKET, "field execID, settlCurrency, execComm = "
                                 f"{printable(repr((row.exec_id, settle, row.exec_comm)), 60)}: not a funding")
    return Funding(
        contract.instrument.key, str(row.account or account), printable(row.exec_id, 64),
        finite("execComm", row.exec_comm) / minor, settle, time_ms(row.transact_time or row.timestamp or ""),
        rate=None if row.commission is None else finite("commission", row.commission),
        mark=None if row.last_px is None else finite("lastPx", row.last_px))


def wallet_rows(raw: bytes) -> list[WalletRow]:
    """A page of the wallet's history."""
    return _wallet_rows(raw)


def movement(row: WalletRow, category: Category, account: str) -> Movement | None:
    """The fact a row tells; None for one that is not done, of trades and funding, or in a currency without a unit."""
    minor = MINOR.get(row.currency)
    if row.transact_status != DONE or row.transact_type in TRADED or minor is None:
        return None
    if not row.transact_id or row.amount is None:
        raise BadMessage(MARKET, f"field transactID, amount = {printable(repr((row.transact_id, row.amount)), 60)}: "
                                 "not a movement of money")
    return Movement(MARKET, category, account, printable(row.transact_id, 64), printable(row.transact_type, 40),
                    row.currency, finite("amount", row.amount) / minor, row.time)
