"""The whole venue: USD-M, which is this object itself, COIN-M, spot and BitMEX, on one clock, store and set of faults.

One asyncio thread runs all of it.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from simulator.bitmex_venue import BitmexVenue
from simulator.clock import Clock
from simulator.coin_instruments import coin_catalogue
from simulator.faults import Faults
from simulator.futures import Futures
from simulator.instruments import catalogue
from simulator.limits import Limits
from simulator.owner import Owner
from simulator.product import COINM, USDM
from simulator.spot_instruments import spot_catalogue
from simulator.spot_venue import SpotVenue
from simulator.store import Store

BEAT_S = 0.05


class Venue(Futures):
    """Everything behind the wire."""

    def __init__(self, home: Path, seed: int = 1, fresh: bool = False, replay: Path | None = None) -> None:
        clock, faults = Clock(), Faults()
        self.reset_all: Callable[[list[tuple[str, int]]], None] = lambda clients: None  # TCP reset of addresses
        recording = None
        if replay is not None:
            from simulator.replay import Replay

            recording = Replay(replay, clock)
        store = Store(home / ("simulator-replay.db" if replay else "simulator.db"))
        limits, owner = Limits(clock), Owner(store, fresh)
        super().__init__(USDM, store, clock, faults, limits, owner, recording.instruments if recording else catalogue(),
                         seed, recording)
        # A recording is of one market: beside it stands no other.
        self.coin = None if replay else Futures(COINM, store, clock, faults, limits, owner, coin_catalogue(), seed)
        self.spot = None if replay else SpotVenue(store, clock, faults, owner.name, seed, spot_catalogue())
        self.bitmex = None if replay else BitmexVenue(store, clock, faults, seed, fresh)
        if self.coin:
            self.sibling, self.coin.sibling = self.coin, self
            self.coin.settle()
        self.settle()

    def products(self) -> list[Futures]:
        """USD-M and, unless a recording is played, COIN-M."""
        return [self, self.coin] if self.coin else [self]

    def beat(self, count: int) -> None:
        """One heartbeat of every market."""
        super().beat(count)
        for other in (self.coin, self.spot, self.bitmex):
            if other:
                other.beat(count)

    def close(self) -> None:
        """Keep the running minutes and let go of the file."""
        super().close()
        for other in (self.coin, self.spot, self.bitmex):
            if other:
                other.close()
        self.store.close()
