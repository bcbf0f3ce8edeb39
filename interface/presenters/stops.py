"""Which positions of bots have no stop resting at the venue: the strip that names them. Pure.

Bots act on candles; between them, and while the program is away, only an order at the venue ends a loss.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal

from core.titles import full_name, twins
from engine.view import OrderLine, View
from interface.presenters.bots import is_bot
from interface.presenters.topline import StripLine
from interface.presenters.words import signed_quantity
from models import Instrument, Key, OrdStatus, OrdType, Side

_STOPS = (OrdType.STOP_MARKET, OrdType.STOP_LIMIT, OrdType.TRAILING_STOP)
MOST_NAMED = 4
_ZERO = Decimal(0)


def unstopped(view: View, has_stops: Callable[[Key], bool]) -> list[tuple[Key, str, Decimal]]:
    """(instrument, bot, signed quantity no stop covers), for instruments whose product has conditional orders.

    A stop counts while it waits at the venue or has triggered and works; one whose outcome is not known, or that was
    not taken yet, does not.
    """
    bots = {(bot.key, bot.emi) for bot in view.bots if is_bot(bot)}
    found = []
    for line in view.positions:
        for owner, qty in line.by_owner:
            if not qty or (line.key, owner) not in bots or not has_stops(line.key):
                continue
            covered = sum((order.leaves for order in view.orders if _covers(order, line.key, owner, qty)), _ZERO)
            bare = abs(qty) - covered
            if bare > 0:
                found.append((line.key, owner, bare if qty > 0 else -bare))
    return found


def _covers(order: OrderLine, key: Key, owner: str, qty: Decimal) -> bool:
    side = Side.SELL if qty > 0 else Side.BUY
    return ((order.key, order.owner, order.side) == (key, owner, side) and order.ord_type in _STOPS
            and order.status not in (OrdStatus.PENDING_NEW, OrdStatus.UNKNOWN))


def stop_strip(view: View, instruments: Mapping[Key, Instrument],
               has_stops: Callable[[Key], bool]) -> StripLine | None:
    """“No stop at the venue: BTCUSDT +0.250 (grid1), …”, or None when every position has one."""
    bare = unstopped(view, has_stops)
    if not bare:
        return None
    several = twins(view.configured)
    named = [f"{full_name(key) if key.symbol in several else key.symbol} "
             f"{signed_quantity(qty, instruments.get(key))} ({owner})" for key, owner, qty in bare[:MOST_NAMED]]
    more = f" and {len(bare) - MOST_NAMED} more" if len(bare) > MOST_NAMED else ""
    return StripLine("warning", f"No stop at the venue: {', '.join(named)}{more}.")
