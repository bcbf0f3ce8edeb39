"""Helper processes of the bench: started with a pipe, ready when the first line has come, ended by their id."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PAGE = os.sysconf("SC_PAGE_SIZE")


@contextmanager
def started(arguments: Sequence[str]) -> Iterator[subprocess.Popen[str]]:
    """A Python process of ours; it has ended when the block has."""
    process = subprocess.Popen([sys.executable, *arguments], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                               stderr=subprocess.DEVNULL, text=True)
    try:
        yield process
    finally:
        end(process)


@contextmanager
def running(arguments: Sequence[str], ready_s: float = 20.0) -> Iterator[tuple[int, str]]:
    """The same: its id and its first line."""
    with started(arguments) as process:
        yield process.pid, next_line(process, ready_s)


def next_line(process: subprocess.Popen[str], within: float) -> str:
    """Its next line, or an error when none came in time."""
    lines: list[str] = []
    assert process.stdout is not None
    reader = threading.Thread(target=lambda: lines.append(process.stdout.readline() if process.stdout else ""),
                              daemon=True)
    reader.start()
    reader.join(within)
    if not lines or not lines[0]:
        raise RuntimeError(f"a helper process said nothing: {process.args!r}")
    return lines[0].strip()


def end(process: subprocess.Popen[str], patience: float = 8.0) -> None:
    """Ask it to end; kill what does not."""
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(patience)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(5)
    for pipe in (process.stdin, process.stdout):
        if pipe is not None:
            pipe.close()


def resident_mb(pid: int) -> float:
    """Megabytes (10^6 bytes) of memory a process holds now."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * PAGE / 1e6


def cpu_seconds(pid: int) -> float:
    """Processor time of a process until now."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
