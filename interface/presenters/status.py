"""The status bar, left to right: words before colours, so that a grey screenshot still reads. Pure."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass

from interface.presenters.glance import Glance, stale_age
from interface.presenters.words import age, clock
from models import Health, VenueState

SLOW_MS, BAD_MS = 250, 1000
CLOCK_AMBER_S, CLOCK_RED_S = 0.5, 2.5
RECORDED_S = 86_400.0     # more than a day off and no problem: a recorded session is played on this computer
OLD_DATA_S = 2.0
BUDGET_AMBER, BUDGET_RED = 0.7, 0.9

SHORT = {"Binance-F": "BIN-F", "Binance-D": "BIN-D", "Binance": "BIN", "BitMEX": "BMX", "BitMEX-USDt": "BMX-USDt",
         "BitMEX-quanto": "BMX-quanto", "BitMEX-spot": "BMX-spot"}


@dataclass(frozen=True, slots=True)
class Item:
    """One item of the status bar."""

    name: str
    text: str
    colour: str = "dim"


def items(glance: Glance, load: str) -> list[Item]:
    """Everything but the clock at the right."""
    out = [venue_item(venue, glance.now) for venue in glance.board.venues.values()]
    venue = glance.venue or next(iter(glance.board.venues.values()), None)
    if venue is not None:
        out += [clock_item(venue), data_item(glance), budget_item(venue)]
    if glance.view is not None:
        out += [database_item(glance), ledger_item(glance)]
    out.append(Item("load", load))
    return [item for item in out if item.text]


def venue_item(venue: VenueState, now: float) -> Item:
    """● BIN-F 38 ms."""
    name, short = f"venue:{venue.market}/{venue.category.value}", SHORT.get(venue.title, venue.title)
    if venue.health is Health.LIVE:
        ms = venue.latency_ms
        if ms is None:
            return Item(name, f"● {short}", "buy")
        if ms > BAD_MS:
            return Item(name, f"✕ {short} {ms:.0f} ms", "error")
        if ms >= SLOW_MS:
            return Item(name, f"▲ {short} {ms:.0f} ms", "warning")
        return Item(name, f"● {short} {ms:.0f} ms", "buy")
    if venue.health is Health.CONNECTING:
        return Item(name, f"◌ {short} connecting", "dim")
    if venue.health is Health.OFF:
        return Item(name, f"■ {short} off", "dim")
    if venue.health is Health.BANNED:
        until = f" until {clock(venue.banned_until)}" if venue.banned_until else ""
        return Item(name, f"✕ {short} banned{until}", "error")
    silent = f" {age(now - venue.last_data)}" if venue.last_data is not None else " lost"
    return Item(name, f"✕ {short}{silent}", "error")


def clock_item(venue: VenueState) -> Item:
    """How far our clock is from the venue's."""
    if venue.clock_offset_ms is None:
        return Item("clock", "")
    off = venue.clock_offset_ms / 1000
    if abs(off) > RECORDED_S and not venue.problem:
        return Item("clock", "clock of a recording")
    if abs(off) >= CLOCK_RED_S:
        return Item("clock", f"✕ clock {off:+.1f} s; check time service", "error")
    if abs(off) >= CLOCK_AMBER_S:
        return Item("clock", f"▲ clock {off:+.2f} s", "warning")
    return Item("clock", f"clock {off:+.2f} s")


def data_item(glance: Glance) -> Item:
    """Age of what is known of the shown symbol."""
    old = stale_age(glance)
    if old is not None and old != float("inf"):
        return Item("data", f"✕ data {age(old)} stale", "error")
    times = [slot.received for slot in (glance.book, glance.top, glance.ticker) if slot is not None and slot.received]
    if not times:
        return Item("data", "data –")
    fresh = glance.now - max(times)
    if fresh >= OLD_DATA_S:
        return Item("data", f"▲ data {age(fresh)}", "warning")
    return Item("data", f"data {age(fresh)}")


def budget_item(venue: VenueState) -> Item:
    """Share of the request budget in use."""
    used = venue.weight_used
    mark, colour = ("✕ ", "error") if used >= BUDGET_RED else ("▲ ", "warning") if used >= BUDGET_AMBER else ("", "dim")
    return Item("api", f"{mark}API {used * 100:.0f} %", colour)


def database_item(glance: Glance) -> Item:
    """Kind, queue, last commit."""
    assert glance.view is not None
    ledger = glance.view.ledger
    if not ledger.ok:
        return Item("database", f"✕ DB {ledger.kind} {ledger.text}".strip()[:60], "error")
    queued = f" q{ledger.queued}" if ledger.queued else ""
    commit = f" {ledger.commit_ms:.1f} ms" if ledger.commit_ms else ""
    return Item("database", f"DB {ledger.kind} ✓{queued}{commit}", "warning" if ledger.queued else "dim")


def ledger_item(glance: Glance) -> Item:
    """Whether our sums and the venue's positions agree."""
    assert glance.view is not None
    ledger = glance.view.ledger
    if ledger.agrees is None:
        return Item("ledger", "ledger not compared yet")
    if not ledger.agrees:
        return Item("ledger", "✕ ledger ≠ venue", "error")
    return Item("ledger", f"ledger = venue ✓ {clock(ledger.agree_time)[:5]}")


class Load:
    """CPU and memory of this program, read from /proc once a second at most."""

    def __init__(self) -> None:
        self._at, self._cpu = time.monotonic(), time.process_time()
        self.text = f"CPU – {_memory_mb():.0f} MB"

    def read(self) -> str:
        """“4 % 61 MB”."""
        now = time.monotonic()
        if now - self._at >= 1.0:
            used = time.process_time()
            percent = 100 * (used - self._cpu) / (now - self._at)
            self._at, self._cpu = now, used
            self.text = f"CPU {percent:.0f} % {_memory_mb():.0f} MB"
        return self.text


def _memory_mb() -> float:
    try:
        with open("/proc/self/statm", encoding="ascii") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6
    except (OSError, ValueError, IndexError):
        return 0.0
