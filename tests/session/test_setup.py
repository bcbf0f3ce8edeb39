"""The settings sheet's work: what is written, what is refused, what a test says; and the sheet itself over it."""

from __future__ import annotations

import stat
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from core.secrets import KnownSecrets
from core.settings import load_settings
from session.setup import Run, SettingsSetup
from tests.faults.harness import Ground, free_port, write_private

FILE = ".env.Binance"


def done(run: Run, limit: float = 10.0) -> Run:
    """When it has ended."""
    end = time.monotonic() + limit
    while not run.progress.done:
        assert time.monotonic() < end, run.progress
        time.sleep(0.01)
    return run


@pytest.fixture
def saved() -> list[bool]:
    """How often something was saved."""
    return []


@pytest.fixture
def setup(tmp_path: Path, saved: list[bool]) -> SettingsSetup:
    """Over an empty home."""
    return SettingsSetup(tmp_path, KnownSecrets(), None, lambda: None, lambda: saved.append(True))


def test_saving_writes_private_files_and_says_what_it_needs(tmp_path: Path, setup: SettingsSetup,
                                                            saved: list[bool]) -> None:
    write_private(tmp_path / FILE, "# keep me\nLINEAR_SYMBOLS=BTCUSDT\n")

    run = done(setup.save({(FILE, "SPOT_SYMBOLS"): "BNBUSDT", (FILE, "TESTNET_API_KEY"): "k" * 64,
                           (FILE, "TESTNET_API_SECRET"): "s" * 64, (".env", "REFRESH_RATE"): "7",
                           (".env", "SCALE"): "125"}))

    assert run.progress.ok and saved == [True]
    assert "TESTNET_API_SECRET count after F3" in run.progress.note.replace("SPOT_SYMBOLS, TESTNET_API_KEY, ", "")
    assert "SCALE counts after a restart" in run.progress.note
    assert (tmp_path / FILE).read_text().startswith("# keep me\nLINEAR_SYMBOLS=BTCUSDT\n")
    assert all(stat.S_IMODE((tmp_path / name).stat().st_mode) == 0o600 for name in (FILE, ".env"))
    settings = load_settings(tmp_path, KnownSecrets())
    assert settings.general.refresh_rate == 7 and len(settings.markets[0].products) == 2 and not settings.problems


@pytest.mark.parametrize(("changes", "field", "words"), [
    ({(FILE, "TESTNET_API_KEY"): "k" * 64}, (FILE, "TESTNET_API_SECRET"), "missing"),
    ({(FILE, "TESTNET_HTTP_URL"): "https://fapi.binance.com"}, (FILE, "TESTNET_HTTP_URL"), "live host"),
    ({(FILE, "LINEAR_SYMBOLS"): "BTC/USDT"}, (FILE, "LINEAR_SYMBOLS"), "not a name"),
])
def test_what_would_keep_a_market_off_is_not_saved(tmp_path: Path, setup: SettingsSetup, saved: list[bool],
                                                  changes: dict[tuple[str, str], str], field: tuple[str, str],
                                                  words: str) -> None:
    run = done(setup.save(changes))

    assert not run.progress.ok and words in run.progress.problems[field] and not saved
    assert not (tmp_path / FILE).exists()


def test_bitmex_is_said_to_be_closed_when_it_is_chosen(setup: SettingsSetup) -> None:
    run = done(setup.save({(".env", "MARKET_LIST"): "Binance, Bitmex"}))

    assert run.progress.ok and "BitMEX is closed since 2026-09-23" in run.progress.note
    lines = done(setup.test({(".env", "MARKET_LIST"): "Bitmex"})).progress.lines
    assert [(line.mark, line.product) for line in lines] == [("✕", "BitMEX")] and "closed since" in lines[0].text


def test_a_home_that_cannot_be_written_is_said(tmp_path: Path, saved: list[bool]) -> None:
    setup = SettingsSetup(tmp_path / "gone", KnownSecrets(), None, lambda: None, lambda: saved.append(True))

    run = done(setup.save({(".env", "REFRESH_RATE"): "7"}))

    assert not run.progress.ok and "cannot be written" in run.progress.note and not saved


@pytest.fixture
def ground(tmp_path: Path) -> Iterator[Ground]:
    """A home and an exchange."""
    made = Ground(tmp_path)
    yield made
    made.close()


def test_a_connection_is_tested_before_it_is_saved(ground: Ground) -> None:
    venue = ground.exchange.venue
    setup = SettingsSetup(ground.home, KnownSecrets(), None, lambda: None, lambda: None)
    typed = {(FILE, "TESTNET_HTTP_URL"): venue["http"], (FILE, "TESTNET_WS_URL"): venue["ws"],
             (FILE, "TESTNET_API_KEY"): venue["api_key"], (FILE, "TESTNET_API_SECRET"): venue["api_secret"]}

    good = done(setup.test(typed)).progress
    bad = done(setup.test(typed | {(FILE, "TESTNET_API_SECRET"): "w" * 64})).progress

    assert good.ok and good.note == "all steps worked" and {line.mark for line in good.lines} == {"✓"}
    assert (bad.ok, bad.lines[-1].step, bad.lines[-1].mark) == (False, "key", "✕")
    assert not (ground.home / FILE).exists() and "w" * 64 not in str(bad)


def test_a_database_server_is_tested_too(tmp_path: Path, setup: SettingsSetup) -> None:
    run = done(setup.test({(".env", "MYSQL_HOST"): "127.0.0.1", (".env", "MYSQL_PORT"): str(free_port()),
                           (".env", "MYSQL_USER"): "trader", (".env", "DEMO"): "True"}))

    line = next(one for one in run.progress.lines if one.step == "database")
    assert line.mark == "✕" and "check MYSQL_HOST and MYSQL_PORT" in line.text and not run.progress.ok
