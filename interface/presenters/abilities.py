"""Which order types, flags and triggers a product has, and why it lacks the others. Pure.

By category, as the venues' own rules have it; what only one exchange lacks it refuses itself, with its own words.
"""

from __future__ import annotations

from models import Category, OrdType, TimeInForce

TYPES: tuple[tuple[OrdType, str], ...] = (
    (OrdType.LIMIT, "limit"), (OrdType.STOP_MARKET, "stop market"), (OrdType.STOP_LIMIT, "stop limit"),
    (OrdType.TAKE_PROFIT_MARKET, "take-profit market"), (OrdType.TAKE_PROFIT_LIMIT, "take-profit limit"),
    (OrdType.TRAILING_STOP, "trailing stop"))
TYPE_WORDS = dict(TYPES)
SHORT_WORDS = {OrdType.LIMIT: "limit", OrdType.STOP_MARKET: "stop", OrdType.STOP_LIMIT: "stop limit",
               OrdType.TAKE_PROFIT_MARKET: "take-profit", OrdType.TAKE_PROFIT_LIMIT: "TP limit",
               OrdType.TRAILING_STOP: "trailing"}
SLIP_WORDS = {**SHORT_WORDS, OrdType.STOP_LIMIT: "stop", OrdType.TAKE_PROFIT_MARKET: "TP",
              OrdType.TAKE_PROFIT_LIMIT: "TP"}       # with “@ price” behind where it has one
TIFS: tuple[TimeInForce, ...] = (TimeInForce.GTC, TimeInForce.IOC, TimeInForce.FOK)
LEVERAGES = (1, 2, 3, 5, 10, 15, 20, 25, 50, 75, 100, 125)
MOST_OFFERED = 20        # where the venue has not told the largest leverage


def no_reduce(category: Category | None) -> str:
    """Why reduce-only cannot be ticked ("" = it can)."""
    return "spot has no positions to reduce" if category is Category.SPOT else ""


def no_mark(category: Category | None) -> str:
    """Why the mark price cannot trigger."""
    return "spot has no mark price" if category is Category.SPOT else ""


def no_leverage(category: Category | None) -> str:
    """Why leverage cannot be set."""
    return "spot has no leverage" if category is Category.SPOT else ""


def no_post(ord_type: OrdType, tif: TimeInForce) -> str:
    """Why post-only cannot be ticked."""
    if ord_type is not OrdType.LIMIT:
        return f"post-only goes with limit orders, not with {TYPE_WORDS.get(ord_type, ord_type.value.lower())}"
    return f"{tif.value} takes or goes away: it cannot be post-only" if tif is not TimeInForce.GTC else ""


def no_tif(ord_type: OrdType) -> str:
    """Why the time in force cannot be chosen."""
    return "" if ord_type.has_price else "a market order has no time in force"


def leverages(most: int | None) -> tuple[int, ...]:
    """What the menu offers, the largest one included."""
    last = most if most is not None else MOST_OFFERED
    return (*(one for one in LEVERAGES if one < last), last)
