"""`python -m bench [--quick] [--json FILE] [--only NAME …]`: every path in a process of its own, one after the other.

A table on stdout as it grows. Exit code 1 when a path could not be measured; a target that is missed is said, no more.
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import platform
import subprocess
import sys
from pathlib import Path

from bench.process import ROOT
from bench.row import LONG, QUICK, SIZES, TINY, Row, Size, number

# Path → the longest it may take, long and quick, in seconds.
PATHS: dict[str, tuple[int, int]] = {
    "depth": (60, 20), "ticker": (60, 20), "stream": (90, 25), "private": (180, 50), "signal": (150, 50),
    "fill": (300, 60), "ledger": (900, 120), "window": (60, 20), "start": (90, 30), "memory": (120, 40),
    "indicators": (60, 20), "bots": (60, 20), "bitmex": (60, 20), "panels": (60, 20), "install": (170, 5),
}
ONE = "import json, sys; from bench.__main__ import one; one(sys.argv[1], sys.argv[2])"


def main() -> int:
    """Measure; the exit code."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="short runs: two minutes instead of fifteen")
    parser.add_argument("--tiny", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the rows there too")
    parser.add_argument("--only", nargs="+", choices=sorted(PATHS), metavar="NAME", help=", ".join(PATHS))
    args = parser.parse_args()
    size = TINY if args.tiny else QUICK if args.quick else LONG
    print(f"{datetime.date.today()}  {size.name}  {os.cpu_count()} cores  "
          f"{platform.python_implementation()} {platform.python_version()}  load {os.getloadavg()[0]:.1f}")
    print(line("name", "measured", "floor", "ratio", "target", ""))
    rows: list[Row] = []
    failed = False
    for name in args.only or PATHS:
        try:
            found = measured(name, size)
        except (RuntimeError, subprocess.TimeoutExpired) as error:
            failed = True
            print(f"{name}: {error}", flush=True)
            continue
        rows += found
        for row in found:
            print(shown(row), flush=True)
    if args.json is not None:
        args.json.write_text(json.dumps([row.to_json() for row in rows], indent=1, ensure_ascii=False) + "\n")
    return int(failed)


def measured(name: str, size: Size) -> list[Row]:
    """The rows of one path, from a process of its own."""
    long, quick = PATHS[name]
    done = subprocess.run([sys.executable, "-c", ONE, name, size.name], cwd=ROOT, capture_output=True, text=True,
                          timeout=long if size is LONG else quick, check=False)
    if done.returncode:
        reason = done.stderr.strip().splitlines() or ["no reason"]
        raise RuntimeError(f"not measured: {reason[-1]}")
    return [Row.from_json(text) for text in done.stdout.splitlines() if text.startswith("{")]


def one(name: str, size: str) -> None:
    """Measure one path here and print its rows as JSON lines."""
    import importlib

    for row in importlib.import_module(f"bench.{name}").rows(SIZES[size]):
        print(json.dumps(row.to_json()))


def shown(row: Row) -> str:
    """A line of the table and what there is to say."""
    if row.missing:
        return line(row.name, "–", "–", "–", row.target, f"not measured: {row.missing}")
    unit = "" if row.unit in ("%", "/s") else " "
    said = [row.note] if row.note else []
    if row.floor_is:
        said.append(f"floor: {row.floor_is}")
    measured_, floor = (f"{number(value)}{unit}{row.unit}" if value is not None else "–"
                        for value in (row.measured, row.floor))
    return line(row.name, measured_, floor, f"{number(row.ratio)} x" if row.ratio else "–", row.target,
                f"{row.verdict:5} {'; '.join(said)}")


def line(name: str, measured_: str, floor: str, ratio: str, target: str, rest: str) -> str:
    """Columns."""
    return f"{name:42} {measured_:>12} {floor:>11} {ratio:>9}  {target:12} {rest}"


if __name__ == "__main__":
    sys.exit(main())
