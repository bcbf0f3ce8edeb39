"""For every test: where things are, in which order tests run, and which skips a build server accepts.

Fast pure tests come first, those with windows, processes and faults last. `BOTBOOK_LONG=1` adds the tests marked
`long`; `BOTBOOK_LONG=faults` (make faults) runs these, what does more in the long form, and all of tests/faults. With
`BOTBOOK_CI=1` (.ci/run) a skip is a failure unless its reason is in ALLOWED_SKIPS: on a build server a package that is
missing must be seen.
"""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable, Generator
from pathlib import Path

import pytest
from hypothesis import settings

ROOT = Path(__file__).resolve().parent.parent
if str(ROOT) not in sys.path:
    sys.path.insert(0, str(ROOT))

ALLOWED_SKIPS = (
    "../shared is not here",         # recorded sessions: an extra suite where the folder exists
    "the folder of recorded messages is not there",
    "root may write everywhere",
    "POSIX",
)
# Rank of a folder under tests/; files directly in tests/ come first.
ORDER = ("", "core", "models", "accounting", "risk", "strategies", "engine", "db", "connectors", "simulator", "bench",
         "interface", "session", "recorded", "terminal", "faults")
OTHERS = ORDER.index("interface")
# They watch the clock, the screen or whole processes: make test runs them after the others, fewer at a time.
ALONE = ("bench", "session", "window", "terminal", "faults")


# How long an example takes says how busy the machine is, not whether it is right.
settings.register_profile("botbook", deadline=None)
settings.load_profile("botbook")


def pytest_configure(config: pytest.Config) -> None:
    """Declare the markers of this suite."""
    config.addinivalue_line("markers", "long: only in the long form (make faults)")
    config.addinivalue_line("markers", "grows: does more in the long form")
    config.addinivalue_line("markers", "alone: set by folder; make test runs these after the rest, fewer at a time")
    config.addinivalue_line("markers", "late: starts processes or takes seconds; runs after the others of its folder")
    config.addinivalue_line("markers", "lengthy: takes half a minute; where several run beside, it begins first")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave long tests out unless asked for, mark those that run alone, and put the fast ones first."""
    for item in items:
        if _folder(item) in ALONE:
            item.add_marker("alone")
    asked, left_out, form = list[pytest.Item](), list[pytest.Item](), os.environ.get("BOTBOOK_LONG", "")
    for item in items:
        (asked if _is_asked_for(item, form) else left_out).append(item)
    items[:] = asked
    if left_out:
        config.hook.pytest_deselected(items=left_out)
    is_beside = hasattr(config, "workerinput")           # nobody waits alone for the longest at the end
    items.sort(key=lambda item: (not (is_beside and item.get_closest_marker("lengthy")), *_rank(item)))


def _is_asked_for(item: pytest.Item, form: str) -> bool:
    """`form`: "" short, "faults" all faults and the long form of other folders, anything else everything."""
    is_long = item.get_closest_marker("long") is not None
    if form == "faults":
        return is_long or _folder(item) == "faults" or item.get_closest_marker("grows") is not None
    return bool(form) or not is_long


def _rank(item: pytest.Item) -> tuple[bool, int]:
    folder = _folder(item)
    return item.get_closest_marker("late") is not None, ORDER.index(folder) if folder in ORDER else OTHERS


def _folder(item: pytest.Item) -> str:
    """The folder under tests/ an item is in; "" for files directly there."""
    parts = item.path.relative_to(ROOT / "tests").parts if item.path.is_relative_to(ROOT / "tests") else ()
    return parts[0] if len(parts) > 1 else ""


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """A skip that the build server does not accept is a failure."""
    report = yield
    if report.skipped and not hasattr(report, "wasxfail"):
        _judge_skip(report)
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(
    collector: pytest.Collector,
) -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """The same for a whole file that skips itself."""
    report = yield
    if report.skipped:
        _judge_skip(report)
    return report


def _judge_skip(report: pytest.TestReport | pytest.CollectReport) -> None:
    reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
    if os.environ.get("BOTBOOK_CI") and not any(allowed in reason for allowed in ALLOWED_SKIPS):
        report.outcome = "failed"
        report.longrepr = f"{reason}\nNothing may be skipped on the build server (BOTBOOK_CI is set)."


@pytest.fixture(scope="session")
def shared_fixtures() -> Path:
    """The folder with recorded sessions of the exchanges, beside the project; without it the test is skipped."""
    folder = ROOT.parent / "shared" / "fixtures"
    if not folder.is_dir():
        pytest.skip("../shared is not here")
    return folder


@pytest.fixture(scope="session")
def need_program() -> Callable[[str, str], str]:
    """The path of a program, given its name and package; without it the test is skipped and says what to install."""

    def find(name: str, package: str) -> str:
        path = shutil.which(name, path=f"{os.environ.get('PATH', '')}{os.pathsep}/usr/sbin")
        if path is None:
            pytest.skip(f"{name} is missing: sudo apt-get install {package}")
        return path

    return find


@pytest.fixture
def display() -> str:
    """The number of an X display; without one the test is skipped. pytest-xvfb opens one when Xvfb is installed."""
    name = os.environ.get("DISPLAY", "")
    if not name:
        pytest.skip("no display: sudo apt-get install xvfb xauth")
    return name
