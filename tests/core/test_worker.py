"""A named thread with a stop event; its crash is reported and seen."""

from __future__ import annotations

import logging
import threading
from decimal import getcontext

import pytest

from core.numbers import LEDGER_CONTEXT
from core.worker import Worker


def test_runs_until_it_is_told_to_stop() -> None:
    started = threading.Event()

    def work(stop: threading.Event) -> None:
        started.set()
        stop.wait(10)

    worker = Worker("patient", work)
    assert not worker.is_alive and worker.join(0)
    worker.start()
    assert started.wait(5) and worker.is_alive and not worker.join(0)

    worker.stop()

    assert worker.join(5) and not worker.is_alive and worker.error is None


def test_crash_is_reported_logged_and_kept(caplog: pytest.LogCaptureFixture) -> None:
    deaths: list[tuple[str, BaseException]] = []

    def work(stop: threading.Event) -> None:
        raise ZeroDivisionError("by nobody")

    worker = Worker("clumsy", work, lambda name, error: deaths.append((name, error)))
    with caplog.at_level(logging.CRITICAL):
        worker.start()
        assert worker.join(5)

    assert [(name, str(error)) for name, error in deaths] == [("clumsy", "by nobody")]
    assert isinstance(worker.error, ZeroDivisionError)
    assert "thread clumsy died" in caplog.text and "by nobody" in caplog.text


def test_crash_nobody_waits_for_is_seen_all_the_same(caplog: pytest.LogCaptureFixture) -> None:
    def work(stop: threading.Event) -> None:
        raise SystemExit(3)

    worker = Worker("quitter", work)
    worker.start()

    assert worker.join(5) and isinstance(worker.error, SystemExit)
    assert "thread quitter died" in caplog.text


def test_thread_has_its_name_and_the_ledgers_precision() -> None:
    seen: list[tuple[str, int, bool]] = []

    def work(stop: threading.Event) -> None:
        thread = threading.current_thread()
        seen.append((thread.name, getcontext().prec, thread.daemon))

    worker = Worker("exact", work)
    worker.start()

    assert worker.join(5) and seen == [("exact", LEDGER_CONTEXT.prec, True)]
