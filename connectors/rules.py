"""What changed of an instrument while the program runs, in a sentence. Pure."""

from __future__ import annotations

from core.numbers import text
from models import Instrument

_WORDS = {"tick": "tick", "lot": "lot", "min_qty": "least quantity", "max_qty": "largest quantity",
          "min_notional": "least value", "multiplier": "multiplier"}


def change(old: Instrument, new: Instrument | None) -> str:
    """For who trades it; "" when nothing changed that an order must keep to. `new` None: it is not traded any more."""
    symbol = old.key.symbol
    if new is None:
        return (f"{symbol} is not traded any more, says the exchange: no new orders; what is open there can still be "
                "cancelled")
    told = [f"{word} {text(getattr(old, name))} → {text(getattr(new, name))}" for name, word in _WORDS.items()
            if getattr(old, name) != getattr(new, name)]
    return f"the exchange changed the rules of {symbol}: {', '.join(told)}; new orders keep to them" if told else ""
