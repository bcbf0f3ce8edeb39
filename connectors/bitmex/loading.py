"""What the loader asks for the public side: candles, the day's open. Generators, no socket.

Books need no question here: a topic begun anew brings the whole book. Answers go to the connection's thread by
`deliver` (its `Stream.post`).
"""

from __future__ import annotations

from collections.abc import Callable

from connectors.asker import Asker, Question
from connectors.bitmex import parse
from connectors.bitmex.contracts import Contract
from connectors.bitmex.rest import CANDLES_A_PAGE, Endpoints
from connectors.timesync import TimeSync
from connectors.wishes import GotCandles, GotDayOpen
from models import TIMEFRAMES, Candle

RANK_CLOSE, RANK_HISTORY, RANK_DAY = range(1, 4)       # after connectors.product.RANK_WATCH
# What the venue keeps in buckets, and what the other frames are made of.
SOURCES = {"1m": "1m", "3m": "1m", "5m": "5m", "15m": "5m", "30m": "5m", "1h": "1h", "2h": "1h", "4h": "1h",
           "6h": "1h", "8h": "1h", "12h": "1h", "1d": "1d"}
_DAY = 86_400_000

Deliver = Callable[[object], None]


def folded(rows: list[Candle], step: int) -> list[Candle]:
    """Candles of a longer frame from those of a shorter one, oldest first."""
    out: list[Candle] = []
    for row in rows:
        begin = row.time - row.time % step
        if out and out[-1].time == begin:
            last = out[-1]
            out[-1] = Candle(begin, last.open, max(last.high, row.high), min(last.low, row.low), row.close,
                             last.volume + row.volume)
        else:
            out.append(row._replace(time=begin))
    return out


class Loader:
    """Posts questions for one connection's symbols. `ask_…` may be called from any thread."""

    def __init__(self, asker: Asker, calls: Endpoints, sync: TimeSync, wanted: int) -> None:
        self._asker, self._calls, self._sync, self._wanted = asker, calls, sync, wanted

    def ask_candles(self, contract: Contract, timeframe: str, since: int, deliver: Deliver) -> None:
        """Candles since the newest closed one, or the whole history for `since` 0."""
        name = f"{timeframe} candles of {contract.instrument.key.symbol}"
        self._asker.drop(name)
        self._asker.post(name, lambda: self._candles(contract, timeframe, since, deliver),
                         RANK_CLOSE if since else RANK_HISTORY)

    def ask_day_open(self, contract: Contract, deliver: Deliver) -> None:
        """The day's first price, now and after each midnight UTC."""
        symbol = contract.instrument.key.symbol
        self.forget_day_open(symbol)
        self._asker.post(f"day of {symbol}", lambda: self._day_open(contract, deliver), RANK_DAY)

    def forget_day_open(self, symbol: str) -> None:
        """Not watched any more."""
        self._asker.drop(f"day of {symbol}")

    def _candles(self, contract: Contract, timeframe: str, since: int, deliver: Deliver) -> Question:
        step, source = TIMEFRAMES[timeframe], SOURCES[timeframe]
        piece = TIMEFRAMES[source]
        asked_ms, key = self._sync.now_ms(), contract.instrument.key
        candles = min(self._wanted, max(1, (asked_ms - since) // step)) + 1          # and the running one
        begin = asked_ms - asked_ms % step - (candles - 1) * step
        rows: list[Candle] = []
        end: int | None = None
        while True:
            left = (rows[0].time if rows else asked_ms + piece) - begin
            count = min(CANDLES_A_PAGE, max(1, -(-left // piece)))
            page = parse.candles((yield self._calls.candles(key.symbol, source, count, end)), piece, contract)
            new = [row for row in page if not rows or row.time < rows[0].time]
            rows = new + rows
            if not new or rows[0].time <= begin or len(page) < count:
                break
            end = rows[0].time       # stamped with its end, the row before this one
        rows = [row for row in rows if row.time >= begin]
        deliver(GotCandles(key, timeframe, rows if piece == step else folded(rows, step), asked_ms))

    def _day_open(self, contract: Contract, deliver: Deliver) -> Question:
        while True:
            rows = parse.candles((yield self._calls.candles(contract.instrument.key.symbol, "1d", 2)), _DAY, contract)
            now = self._sync.now_ms()
            today = next((row for row in rows if row.time == now - now % _DAY), None)
            if today is not None:
                deliver(GotDayOpen(contract.instrument.key, today.open))
                yield (_DAY - now % _DAY) / 1000 + 2.0
            else:
                yield 60.0       # the new day has no trade yet
