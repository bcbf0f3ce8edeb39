"""One line of the table: what was measured, its floor of the same run, and the target it is held against."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass


@dataclass(frozen=True, slots=True)
class Size:
    """How much is measured. `share` scales the number of rounds, messages and seconds."""

    name: str
    share: float


LONG, QUICK, TINY = Size("long", 1.0), Size("quick", 0.12), Size("tiny", 0.01)
SIZES = {size.name: size for size in (LONG, QUICK, TINY)}


@dataclass(frozen=True, slots=True)
class Row:
    """A measured path.

    `floor` is the cheapest thing of the kind, measured in the same run; None where there is none. The target bounds the
    ratio to the floor (`of_ratio`) or the measured value itself; `at_least` turns the bound round. No `bound`: for
    information. `missing` says what this machine lacks; then nothing was measured.
    """

    name: str
    measured: float | None = None
    floor: float | None = None
    unit: str = ""
    bound: float | None = None
    of_ratio: bool = False
    at_least: bool = False
    floor_is: str = ""           # in words: "json.loads of the same strings"
    note: str = ""
    missing: str = ""

    @property
    def ratio(self) -> float | None:
        """Measured in floors."""
        return self.measured / self.floor if self.measured is not None and self.floor else None

    @property
    def target(self) -> str:
        """The bound in words."""
        if self.bound is None:
            return "–"
        return f"{'≥' if self.at_least else '≤'} {number(self.bound)} {'x' if self.of_ratio else self.unit}"

    @property
    def verdict(self) -> str:
        """ok, over, or – where nothing is judged."""
        value = self.ratio if self.of_ratio else self.measured
        if self.missing or self.bound is None or value is None:
            return "–"
        is_met = value >= self.bound if self.at_least else value <= self.bound
        return "ok" if is_met else "over"

    def to_json(self) -> dict[str, object]:
        """All of it, for other programs."""
        return {**asdict(self), "ratio": self.ratio, "target": self.target, "verdict": self.verdict}

    @classmethod
    def from_json(cls, line: str) -> Row:
        """The row of a line that `to_json` made."""
        told = json.loads(line)
        return cls(**{name: told[name] for name in cls.__slots__})


Measure = Callable[[Size], list[Row]]


def number(value: float | None) -> str:
    """Three digits that count: 0.152, 15.2, 1,520."""
    if value is None:
        return "–"
    if value == 0:
        return "0"
    places = max(0, 2 - math.floor(math.log10(abs(value))))
    shown = f"{value:,.{places}f}"
    return shown.rstrip("0").rstrip(".") if "." in shown else shown


def share(values: Sequence[float], part: float) -> float:
    """The value that `part` of the values do not exceed (0.5: the median, 0.99: p99)."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, math.ceil(part * len(ordered)) - 1)]
