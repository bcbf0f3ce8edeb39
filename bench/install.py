"""The terminal's packages, installed into a fresh environment: how long it takes, how large it is.

Packages come from the index (or cache) this machine's pip is set up for; without one the row says so. The time hangs on
that line, the size does not. Without pip and setuptools, which every environment has.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from pathlib import Path

from bench.process import ROOT
from bench.row import LONG, Row, Size

TOOLS = ("pip", "setuptools", "pkg_resources", "_distutils_hack", "wheel")
LONGEST_S = 90.0


def rows(size: Size) -> list[Row]:
    """Time and size. What is installed here has more in it than the terminal, so the short forms measure nothing."""
    if size is not LONG:
        return [Row("install: size and time", missing="in the long form only")]
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder) / "venv"
        begun = time.monotonic()
        try:
            subprocess.run([sys.executable, "-m", "venv", str(home)], check=True, capture_output=True, timeout=60)
            floor = time.monotonic() - begun
            subprocess.run([str(home / "bin" / "python"), "-m", "pip", "install", "--quiet",
                            "--disable-pip-version-check", "-r", str(ROOT / "requirements.txt")],
                           check=True, capture_output=True, timeout=LONGEST_S)
        except (subprocess.CalledProcessError, subprocess.TimeoutExpired):
            return [Row("install: size and time", missing="the packages could not be fetched")]
        took = time.monotonic() - begun
        tops = next((home / "lib").iterdir()) / "site-packages"
        used = sum(file.stat().st_size for file in tops.rglob("*")
                   if file.is_file() and not file.relative_to(tops).parts[0].startswith(TOOLS))
    return [Row("install: time", took, floor, "s", 30.0, floor_is="an empty environment",
                note="packages of requirements.txt into a fresh environment"),
            Row("install: size", used / 1e6, None, "MB", 90.0,
                note="without pip and setuptools; compiled files included")]
