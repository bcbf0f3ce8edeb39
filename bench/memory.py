"""Resident memory of the terminal's process, with its window, running on the bundled exchange; beside a bare window."""

from __future__ import annotations

import tempfile
import time

from bench.process import cpu_seconds, resident_mb
from bench.row import Row, Size
from bench.screen import BARE, missing, program, screen, until_visible

SECONDS = {"long": 60.0, "quick": 15.0}


def rows(size: Size) -> list[Row]:
    """After a minute (quick: 15 s), and what of a core it takes."""
    name = "memory of the terminal"
    lack = missing("xdotool")
    if lack:
        return [Row(name, missing=lack)]
    seconds = SECONDS.get(size.name, 3.0)
    with screen() as display:
        bare, _ = _run(display, 1.0, "-c", BARE)
        with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as home:
            ours, cpu = _run(display, seconds, "main.py", "--demo", "--home", home)
    return [
        Row(name, ours, bare, "MB", 150.0, floor_is="a bare tkinter window",
            note=f"after {seconds:.0f} s on the bundled exchange, window 1920×1080"),
        Row("terminal on the bundled exchange", cpu, None, "%", note="of a core, window and all, without the X server"),
    ]


def _run(display: str, seconds: float, *arguments: str) -> tuple[float, float]:
    """Megabytes at the end, and percent of a core over the second half."""
    with program(display, *arguments) as (process, _):
        until_visible(display, process)
        time.sleep(seconds / 2)
        begun, spent = time.monotonic(), cpu_seconds(process.pid)
        time.sleep(seconds / 2)
        cpu = 100 * (cpu_seconds(process.pid) - spent) / (time.monotonic() - begun)
        return resident_mb(process.pid), cpu
