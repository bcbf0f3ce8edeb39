"""From the spawn of `main.py --demo` to its window on the screen, beside a bare tkinter window."""

from __future__ import annotations

import tempfile
from statistics import median

from bench.row import Row, Size
from bench.screen import BARE, missing, program, screen, until_visible


def rows(size: Size) -> list[Row]:
    """The median of some starts, each in a new home."""
    name = "start → window visible"
    lack = missing("xdotool")
    if lack:
        return [Row(name, missing=lack)]
    times = max(1, round(9 * size.share)) if size.share > 0.1 else 1
    times = max(times, 3) if size.name == "quick" else times
    ours, bare = [], []
    with screen() as display:
        for _ in range(times):
            bare.append(_start(display, "-c", BARE))
            with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as home:
                ours.append(_start(display, "main.py", "--demo", "--home", home))
    return [Row(name, median(ours), median(bare), "s", 1.0, floor_is="a bare tkinter window",
                note=f"median of {times}, slowest {max(ours):.2f} s")]


def _start(display: str, *arguments: str) -> float:
    with program(display, *arguments) as (process, begun):
        return until_visible(display, process) - begun
