"""Index prices of COIN-M, whose mark stream has none: one stream of a pair for all its contracts on a connection.

Owned by the connection's thread.
"""

from __future__ import annotations

from connectors.binance import stream
from connectors.binance.market import MarketSymbol, price
from connectors.subscriptions import Channel
from models import Category, Key


class PairIndex:
    """The index price of one pair, and who shows it."""

    def __init__(self, first: MarketSymbol) -> None:
        self.followers = [first]
        self.heard = first.clock.monotonic()
        self._bound = first.timings.silence_stream

    def channel(self) -> Channel:
        """What reads the stream."""
        return Channel(self._read, self._show, self._overdue, self._bound)

    def _read(self, raw: bytes) -> None:
        told = price("p", stream.read_index(raw).data.price)
        self.heard = self.followers[0].clock.monotonic()
        for symbol in self.followers:
            symbol.index = told

    def _show(self) -> None:
        for symbol in self.followers:
            symbol.publish()

    def _overdue(self, now: float) -> bool:
        return now - self.heard > self._bound       # one each second


class Indexes:
    """All pairs of a connection. What `follow` gives is to be streamed, what `leave` gives is not any more."""

    def __init__(self) -> None:
        self._pairs: dict[str, PairIndex] = {}

    def follow(self, symbol: MarketSymbol) -> dict[str, Channel]:
        """A contract is watched; nothing new for one that has no such stream, or shares it with another one."""
        if not symbol.channels() or symbol.key.category is not Category.INVERSE:
            return {}
        name = _name(symbol.key)
        pair = self._pairs.get(name)
        if pair is not None:
            pair.followers.append(symbol)
            return {}
        self._pairs[name] = PairIndex(symbol)
        return {name: self._pairs[name].channel()}

    def leave(self, symbol: MarketSymbol) -> list[str]:
        """A contract is not watched any more."""
        name = _name(symbol.key)
        pair = self._pairs.get(name)
        if pair is None or symbol not in pair.followers:
            return []
        pair.followers.remove(symbol)
        if pair.followers:
            return []
        del self._pairs[name]
        return [name]

    def opened(self) -> None:
        """A new connection: silence is counted anew."""
        for pair in self._pairs.values():
            pair.heard = pair.followers[0].clock.monotonic()


def _name(key: Key) -> str:
    """The pair stands before the contract's kind: BTCUSD_PERP, BTCUSD_260327 (binance.md 9.2)."""
    return stream.name(key.symbol.partition("_")[0], stream.INDEX)
