"""The two futures products of the venue, as far as they differ: where their books are kept and what an account begins
with. What a contract is worth is told by its instrument."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal


@dataclass(frozen=True, slots=True)
class Product:
    """USD-M or COIN-M."""

    category: str
    ledger: str  # ending of the account's name in the store
    first_order_id: int
    opening: dict[str, Decimal]  # first deposits of a new account


USDM = Product("linear", "", 8_000_000_000, {"USDT": Decimal(10000)})
COINM = Product("inverse", " COIN-M", 21_000_000_000, {"BTC": Decimal(1), "ETH": Decimal(20)})
