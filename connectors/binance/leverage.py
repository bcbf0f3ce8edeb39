"""How positions are margined: leverage and margin type of each symbol, from its several endpoints (binance.md 8.4)."""

from __future__ import annotations

from decimal import Decimal

import msgspec

from connectors.binance.parse import decoder, positive


class _Leverage(msgspec.Struct, rename="camel"):
    leverage: Decimal
    symbol: str = ""
    margin_type: str = ""


class _Bracket(msgspec.Struct, rename="camel"):
    initial_leverage: int


class _Brackets(msgspec.Struct):
    symbol: str
    brackets: list[_Bracket]


_leverage = decoder(_Leverage)
_leverages = decoder(list[_Leverage])
_brackets = decoder(list[_Brackets])


def answer(raw: bytes) -> Decimal:
    """The answer to a change."""
    return positive("leverage", _leverage(raw).leverage)


def of_symbols(raw: bytes) -> dict[str, tuple[Decimal, bool | None]]:
    """Leverage of each symbol, and whether its margin is isolated; None: not told."""
    kinds = {"ISOLATED": True, "CROSSED": False, "CROSS": False}
    return {row.symbol: (positive("leverage", row.leverage), kinds.get(row.margin_type.upper()))
            for row in _leverages(raw)}


def largest(raw: bytes) -> dict[str, int]:
    """The largest leverage of each symbol."""
    return {row.symbol: max(one.initial_leverage for one in row.brackets) for row in _brackets(raw) if row.brackets}
