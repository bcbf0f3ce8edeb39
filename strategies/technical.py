"""RSI and MACD: buys what is oversold and turning up, sells what is overbought and turning down."""

from __future__ import annotations

from collections.abc import Sequence

from models import Candle
from strategies.base import Parameter, Strategy, StrategyProblem
from strategies.indicators import MACD, RSI

OVERSOLD, OVERBOUGHT = 30.0, 70.0


class Technical(Strategy):
    """Judges the last closed candle."""

    parameters = (
        Parameter("rsi_length", int, 14, 2, 500, "candles of the RSI"),
        Parameter("ema_fast", int, 12, 1, 500, "candles of the MACD's fast average"),
        Parameter("ema_slow", int, 26, 2, 1000, "candles of the MACD's slow average"),
        Parameter("ema_signal", int, 9, 1, 500, "candles of the MACD's signal line"),
    )
    rsi_length: int
    ema_fast: int
    ema_slow: int
    ema_signal: int

    def start(self) -> None:
        """One RSI, one MACD."""
        if self.ema_fast >= self.ema_slow:
            raise StrategyProblem(f"ema_fast={self.ema_fast}: must be below ema_slow={self.ema_slow}")
        self.rsi = RSI(self.rsi_length)
        self.macd = MACD(self.ema_fast, self.ema_slow, self.ema_signal)

    def check_signal(self, candles: Sequence[Candle]) -> int:
        """+1: RSI below 30 and MACD above its signal; −1: RSI above 70 and MACD below its signal."""
        for candle in self.fresh(candles):
            close = float(candle.close)
            self.rsi.update(close)
            self.macd.update(close)
        rsi, histogram = self.rsi.value, self.macd.histogram
        if rsi is None or histogram is None:
            return 0
        if rsi < OVERSOLD and histogram > 0:
            return 1
        if rsi > OVERBOUGHT and histogram < 0:
            return -1
        return 0
