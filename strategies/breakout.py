"""Breakout: follows the forming candle when it leaves the previous candle's range on enough volume."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from models import Candle
from strategies.base import Parameter, Strategy


class Breakout(Strategy):
    """Judged on each change of the forming candle; the bot acts at most once a candle."""

    on_forming = True
    parameters = (
        Parameter("min_volume", Decimal, Decimal(0), 0, None, "volume the forming candle must exceed"),
    )
    min_volume: Decimal

    def check_signal(self, candles: Sequence[Candle]) -> int:
        """+1: close above the previous high, −1: below the previous low; both need more than the minimum volume."""
        if len(candles) < 2:
            return 0
        previous, forming = candles[-2], candles[-1]
        if forming.volume <= self.min_volume:
            return 0
        if forming.close > previous.high:
            return 1
        return -1 if forming.close < previous.low else 0
