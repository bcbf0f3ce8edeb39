"""`main.py doctor`: what works here and what does not, a line each."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from connectors import probe_steps
from connectors.probing import Step
from core.doctor import Check, Finding, Level, bad, good, machine_checks, run_doctor, warning
from core.home import has_settings
from core.secrets import KnownSecrets
from core.settings import Settings, load_settings
from core.titles import market_title
from models import Timings
from session import lock
from session.build import open_store
from session.venues import venue_config

_LEVELS = {True: Level.GOOD, None: Level.WARNING, False: Level.BAD}


def doctor(home: Path, as_json: bool) -> int:
    """Ask everything, print the report; 0 when nothing is ✕, else 1."""
    known = KnownSecrets()
    settings = load_settings(home, known)
    checks = [*machine_checks(home), Check("second copy", lambda: _second_copy(home)),
              Check("settings", lambda: _settings(home, settings)),
              Check("database", lambda: _database(home, settings)), *_markets(settings)]
    report = run_doctor(checks, known)
    print(report.as_json() if as_json else "\n".join(report.lines()))
    return report.exit_code


def _second_copy(home: Path) -> Finding:
    if lock.is_taken(home):
        return warning("another copy of the program works with this home", "that is fine while it is the only one")
    return good("no other copy works with this home")


def _settings(home: Path, settings: Settings) -> Finding:
    if settings.problems:
        return bad("; ".join(str(problem) for problem in settings.problems), "correct the named keys")
    if settings.notices:
        return warning("; ".join(settings.notices))
    return good(f"mode {settings.mode.value}" if has_settings(home) else "none yet: the first start asks")


def _database(home: Path, settings: Settings) -> Finding:
    if any(problem.key.startswith(("MYSQL", "SQLITE")) for problem in settings.problems):
        return bad("not asked: its settings are wrong")
    store = open_store(settings, home)
    try:
        store.write(())
        return good(f"{store.kind} can be written: {store.where}")
    finally:
        store.close()


def _markets(settings: Settings) -> Iterator[Check]:
    if settings.demo:
        yield Check("market", lambda: good("the bundled exchange, started with the terminal"))
    for name, words in settings.closed().items():
        yield Check(market_title(name), lambda words=words: warning(words, "take it out of MARKET_LIST"))  # type: ignore[misc]  # mypy: lambda's default
    for market in settings.markets:
        if market.name in settings.closed():
            continue
        for product in market.products:
            config = venue_config(settings, market, product)
            # One connection for all steps of a product; each step becomes a line.
            for step in probe_steps(market.name, config, product.credentials, replace(Timings(), answer=5.0)):
                yield Check(f"{config.title} {step.name}", lambda step=step: _finding(step))  # type: ignore[misc]


def _finding(step: Step) -> Finding:
    return Finding(_LEVELS[step.ok], step.text, step.cure)
