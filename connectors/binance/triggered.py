"""Which plain orders were conditional ones: their fills belong to the client id the conditional order was placed under.

The exchange makes up a client id for the plain order. The join comes by ALGO_UPDATE (private stream's thread) or with
the answers to questions (keeper's thread); adding and looking up are single steps, so both may do them. One entry for
each conditional order that triggers, kept while the program runs.
"""

from __future__ import annotations

from dataclasses import replace

from connectors.binance.conditional import Algo
from models import Execution, OrderReport


class Triggered:
    """Symbol and order id → client id."""

    def __init__(self) -> None:
        self._names: dict[tuple[str, str], str] = {}

    def add(self, algo: Algo) -> None:
        """Remember what a conditional order became, if it has."""
        if algo.actual_id and algo.client_id:
            self._names[(algo.key.symbol, algo.actual_id)] = algo.client_id

    def name(self, symbol: str, order_id: str) -> str | None:
        """The client id of the conditional order; None: it was none, or it is not known."""
        return self._names.get((symbol, order_id))

    def named(self, told: OrderReport | Execution) -> OrderReport | Execution:
        """The report or fill under the client id of the conditional order."""
        name = self.name(told.key.symbol, told.order_id)
        return told if name is None else replace(told, cl_ord_id=name)
