"""From the spawn of `main.py --demo` to its window on the screen, beside a bare tkinter window."""

from __future__ import annotations

import tempfile
from statistics import median

from bench.process import cpu_seconds
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
    ours: list[tuple[float, float]] = []
    bare: list[tuple[float, float]] = []
    with screen() as display:
        for _ in range(times):
            bare.append(_start(display, "-c", BARE))
            with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as home:
                ours.append(_start(display, "main.py", "--demo", "--home", home))
    wall, cpu = ([one[part] for one in ours] for part in (0, 1))
    return [Row(name, median(wall), median(one[0] for one in bare), "s", 1.0, floor_is="a bare tkinter window",
                note=f"median of {times}, slowest {max(wall):.2f} s; {median(cpu):.2f} s of processor time")]


def _start(display: str, *arguments: str) -> tuple[float, float]:
    """Seconds until it is seen, and its processor time until then."""
    with program(display, *arguments) as (process, begun):
        return until_visible(display, process) - begun, cpu_seconds(process.pid)
