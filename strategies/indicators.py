"""Small incremental indicators in floats: `update` takes one more closed candle and gives the new value.

`None` means there are too few candles yet (or, for the RSI, that nothing has moved). Averages that recur (EMA, MACD)
are seeded by the first value, as charts do; RSI and ATR are Wilder's, as TA-Lib computes them.
"""

from __future__ import annotations

from math import sqrt


class SMA:
    """Simple moving average of the last `length` values."""

    __slots__ = ("_at", "_ring", "_sum", "length", "value")

    def __init__(self, length: int) -> None:
        self.length = length
        self.value: float | None = None
        self._ring: list[float] = []
        self._at = 0
        self._sum = 0.0

    def update(self, value: float) -> float | None:
        """Take one more value."""
        ring = self._ring
        if len(ring) < self.length:
            ring.append(value)
            self._sum += value
            if len(ring) < self.length:
                return None
        else:
            at = self._at
            self._sum += value - ring[at]
            ring[at] = value
            self._at = at = at + 1 if at + 1 < self.length else 0
            if at == 0:
                self._sum = sum(ring)   # anew once a round, so rounding never adds up
        self.value = self._sum / self.length
        return self.value


class EMA:
    """Exponential moving average, factor 2/(length + 1), seeded by the first value."""

    __slots__ = ("_factor", "length", "value")

    def __init__(self, length: int) -> None:
        self.length = length
        self.value: float | None = None
        self._factor = 2.0 / (length + 1)

    def update(self, value: float) -> float:
        """Take one more value."""
        last = self.value
        if last is None:
            self.value = value
            return value
        self.value = last = last + (value - last) * self._factor
        return last


class RSI:
    """Wilder's relative strength index, 0 … 100; None while there was neither an up nor a down move."""

    __slots__ = ("_down", "_last", "_missing", "_part", "_up", "length", "value")

    def __init__(self, length: int = 14) -> None:
        self.length = length
        self.value: float | None = None
        self._part = 1.0 / length
        self._up = self._down = 0.0      # averages
        self._last = 0.0
        self._missing = length + 1       # closes until the first value

    def update(self, close: float) -> float | None:
        """Take one more close."""
        if self._missing:
            return self._begin(close)
        move = close - self._last
        self._last = close
        part = self._part
        up = self._up
        down = self._down
        if move > 0.0:
            self._up = up = up + (move - up) * part
            self._down = down = down - down * part
        else:
            self._up = up = up - up * part
            self._down = down = down - (move + down) * part
        total = up + down
        self.value = value = 100.0 * (up / total) if total else None
        return value

    def _begin(self, close: float) -> float | None:
        """The first averages are plain ones."""
        move = 0.0 if self._missing > self.length else close - self._last
        self._last = close
        self._missing -= 1
        if move > 0.0:
            self._up += move * self._part
        else:
            self._down -= move * self._part
        total = self._up + self._down
        if not self._missing and total:
            self.value = 100.0 * (self._up / total)
        return self.value


class MACD:
    """Difference of two EMAs (`macd`), its EMA (`signal`) and their difference (`histogram`)."""

    __slots__ = ("_by_fast", "_by_signal", "_by_slow", "_fast", "_slow", "macd", "signal")

    def __init__(self, fast: int = 12, slow: int = 26, signal: int = 9) -> None:
        self.macd: float | None = None
        self.signal: float | None = None
        self._by_fast, self._by_slow, self._by_signal = 2.0 / (fast + 1), 2.0 / (slow + 1), 2.0 / (signal + 1)
        self._fast = self._slow = 0.0

    @property
    def histogram(self) -> float | None:
        """How far `macd` is above `signal`."""
        return None if self.macd is None or self.signal is None else self.macd - self.signal

    def update(self, close: float) -> float:
        """Take one more close; gives the histogram."""
        signal = self.signal
        if signal is None:
            self._fast = self._slow = close
            self.macd = self.signal = 0.0
            return 0.0
        fast = self._fast
        slow = self._slow
        self._fast = fast = fast + (close - fast) * self._by_fast
        self._slow = slow = slow + (close - slow) * self._by_slow
        self.macd = macd = fast - slow
        self.signal = signal = signal + (macd - signal) * self._by_signal
        return macd - signal


class ATR:
    """Wilder's average true range, in units of price."""

    __slots__ = ("_close", "_seen", "_sum", "length", "value")

    def __init__(self, length: int = 14) -> None:
        self.length = length
        self.value: float | None = None
        self._close: float | None = None
        self._seen = 0
        self._sum = 0.0

    def update(self, high: float, low: float, close: float) -> float | None:
        """Take one more candle."""
        last, self._close = self._close, close
        if last is None:
            return None
        reach = max(high, last) - min(low, last)
        if self.value is not None:
            self.value = (self.value * (self.length - 1) + reach) / self.length
            return self.value
        self._seen += 1
        self._sum += reach
        if self._seen == self.length:
            self.value = self._sum / self.length
        return self.value


class Bollinger:
    """Moving average (`middle`) and the bands `width` population deviations above (`upper`) and below (`lower`)."""

    __slots__ = ("_average", "_ring", "lower", "middle", "upper", "width")

    def __init__(self, length: int = 20, width: float = 2.0) -> None:
        self.width = width
        self.middle: float | None = None
        self.upper: float | None = None
        self.lower: float | None = None
        self._average = SMA(length)
        self._ring = self._average._ring     # the same list: the last `length` values, in any order

    def update(self, close: float) -> float | None:
        """Take one more close; gives the middle."""
        middle = self.middle = self._average.update(close)
        if middle is None:
            return None
        ring = self._ring
        reach = self.width * sqrt(sum([(value - middle) ** 2 for value in ring]) / len(ring))
        self.upper, self.lower = middle + reach, middle - reach
        return middle
