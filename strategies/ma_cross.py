"""Moving-average cross: buys when the fast average rises above the slow one, sells when it falls below."""

from __future__ import annotations

from collections.abc import Sequence

from models import Candle
from strategies.base import Parameter, Strategy, StrategyProblem
from strategies.indicators import SMA

NOISE = 1e-9   # averages closer than this part of the price are equal: rounding of floats is no cross


class MaCross(Strategy):
    """A signal on the one candle whose close crosses; nothing before `slow` candles have closed."""

    parameters = (
        Parameter("fast", int, 10, 1, 500, "candles of the fast average"),
        Parameter("slow", int, 30, 2, 1000, "candles of the slow average"),
    )
    fast: int
    slow: int

    def start(self) -> None:
        """Two averages and the side the fast one was last seen on."""
        if self.fast >= self.slow:
            raise StrategyProblem(f"fast={self.fast}: must be below slow={self.slow}")
        self._fast, self._slow = SMA(self.fast), SMA(self.slow)
        self._side = 0

    def check_signal(self, candles: Sequence[Candle]) -> int:
        """+1 on the cross up, −1 on the cross down."""
        signal = 0
        for candle in self.fresh(candles):
            signal = self._cross(float(candle.close))
        return signal

    def _cross(self, close: float) -> int:
        fast, slow = self._fast.update(close), self._slow.update(close)
        if fast is None or slow is None or abs(fast - slow) <= NOISE * abs(slow):
            return 0
        before, self._side = self._side, 1 if fast > slow else -1
        return self._side if before and before != self._side else 0
