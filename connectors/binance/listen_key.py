"""The private stream's key: made before each connection, prolonged by the keeper (binance.md 9.4).

A key is valid for 60 minutes; POST gives the same one while it lives. Used by the private stream's thread.
"""

from __future__ import annotations

import msgspec

from connectors.binance.parse import decoder
from connectors.binance.rest import Endpoints, Rest
from core.errors import BadMessage, Throttled
from core.secrets import KnownSecrets


class _Key(msgspec.Struct, rename="camel"):
    listen_key: str


_key = decoder(_Key)


class ListenKey:
    """Gets the address of the private stream."""

    def __init__(self, rest: Rest, calls: Endpoints, base: str, known: KnownSecrets | None) -> None:
        self._rest, self._calls, self._base, self._known = rest, calls, base, known

    def address(self) -> str:
        """A connection address with a valid key. Raises a VenueError; the caller tries again with backoff."""
        call = self._calls.listen_key("POST")
        wait = self._rest.turn(call)
        if wait > 0:
            raise Throttled("Binance", f"the request budget is used up for {wait:.0f} s", retry_after=wait)
        key = _key(self._rest.send(call)).listen_key
        if not key.isalnum():
            raise BadMessage("Binance", "field listenKey: not a key")
        if self._known is not None:
            self._known.add(key)
        return f"{self._base}/ws/{key}"
