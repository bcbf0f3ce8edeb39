"""The whole venue: USD-M, which is this object itself, COIN-M, spot and BitMEX, on one clock, store and set of faults.

One asyncio thread runs all of it.
"""

from __future__ import annotations

from asyncio import Transport
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING

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

if TYPE_CHECKING:
    from simulator.bitmex_replay import BitmexReplay
    from simulator.replay import Replay

BEAT_S = 0.05


class Venue(Futures):
    """Everything behind the wire."""

    def __init__(self, home: Path, seed: int = 1, fresh: bool = False, replay: Path | None = None,
                 speed: Decimal = Decimal(1)) -> None:
        clock, faults = Clock(), Faults()
        self.reset_all: Callable[[list[tuple[str, int]]], None] = lambda clients: None  # TCP reset of addresses
        self.transport_of: Callable[[tuple[str, int]], Transport | None] = lambda client: None
        played: Replay | None = None
        bitmex_played: BitmexReplay | None = None
        if replay is not None:
            from simulator.bitmex_replay import BitmexReplay, is_bitmex
            from simulator.replay import Replay

            if is_bitmex(replay):
                bitmex_played = BitmexReplay(replay, clock, speed)
            else:
                played = Replay(replay, clock, speed)
        self.recording = played or bitmex_played
        store = Store(home / ("simulator-replay.db" if replay else "simulator.db"))
        limits, owner = Limits(clock), Owner(store, fresh)

        # A recording is of one product: beside it stands no other (USD-M, which is this object, without symbols).
        shown = self.recording.category if self.recording else ""
        listed = played.instruments if played else []
        super().__init__(USDM, store, clock, faults, limits, owner, catalogue() if not shown else
                         listed if shown == "linear" else [], seed, played if shown == "linear" else None)
        self.coin = Futures(COINM, store, clock, faults, limits, owner, listed or coin_catalogue(), seed, played) \
            if shown in ("", "inverse") else None
        self.spot = SpotVenue(store, clock, faults, owner.name, seed, listed or spot_catalogue(), played) \
            if shown in ("", "spot") else None
        self.bitmex = BitmexVenue(store, clock, faults, seed, fresh, bitmex_played) if shown in ("", "bitmex") else None
        if self.spot:
            self.account.bnb_price = self.spot.bnb_price
        if self.coin:
            self.sibling, self.coin.sibling = self.coin, self
            self.coin.settle()
        self.settle()

    def products(self) -> list[Futures]:
        """USD-M and, unless a recording is played, COIN-M."""
        return [self, self.coin] if self.coin else [self]

    def fall_due_everywhere(self) -> None:
        """What `fall_due` does, of all products: before each request is looked at."""
        for product in self.products():
            product.fall_due()
        if self.bitmex:
            self.bitmex.fall_due()

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
