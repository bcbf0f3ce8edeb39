"""Settings and history.ini as people leave them: rows G1 to G3 of the table of faults."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from core.secrets import KnownSecrets
from core.settings import load_settings
from models import Mode
from tests.faults.harness import BUY, SELL, Ground, until, write_private


def test_g1_windows_line_ends_mark_quotes_and_a_double_key(ground: Ground) -> None:
    ground.settings()
    file = ground.home / ".env.Binance"
    lines = [line for line in file.read_text().splitlines() if line]
    quoted = [f'{name}="{value}"' for name, _, value in (line.partition("=") for line in lines)]
    again = ['LINEAR_SYMBOLS="BTCUSDT"', "LINEAR_SYMBOLS='BTCUSDT, ETHUSDT'"]
    file.write_bytes("\r\n".join([*quoted, *again, ""]).encode("utf-8-sig"))

    program = ground.program("--headless")

    until(lambda: "recovered" in log(ground), 15, "recovered")
    assert program.process.poll() is None
    assert "LINEAR_SYMBOLS" in log(ground), "the double key is said"


def log(ground: Ground) -> str:
    """The terminal's log."""
    path = ground.home / "botbook.log"
    return path.read_text(encoding="utf-8") if path.exists() else ""


def test_g1_a_file_open_to_others_is_refused(ground: Ground) -> None:
    ground.settings()
    (ground.home / ".env.Binance").chmod(0o640)

    program = ground.program("--headless")

    assert program.wait() == 3
    assert "chmod 600" in program.text() and ".env.Binance" in program.text()
    assert "Traceback" not in program.text()


def test_g1_the_line_is_named(ground: Ground) -> None:
    ground.settings(more="LINEAR_SYMBOLS=BTC USDT!")

    program = ground.program("--headless")

    assert program.wait() == 3
    assert "LINEAR_SYMBOLS" in program.text() and "Traceback" not in program.text()


@pytest.mark.parametrize("text", [
    "no time at all\n[Binance\n",
    "[Binance SIM-1]\ntime = 2999-01-01 00:00:00\n",
    "[Binance SIM-1]\ntime = 1970-01-01 00:00:00\n",
    "[Binance SIM-1]\ntime = 2999-01-01 00:00:00\n[Binance SIM-1]\ntime = 2000-01-01 00:00:00\n",
    "\x00\xff",
])
def test_g3_history_ini_as_people_leave_it(ground: Ground, text: str) -> None:
    terminal = ground.terminal()
    terminal.place(BUY, "0.01", None)
    resting = terminal.place(SELL, "0.01", terminal.far(SELL, percent=1))
    until(lambda: ground.status(resting) == "NEW", 5, "NEW")
    terminal.end()
    ground.exchange.move(terminal.far(SELL, percent=2))
    (ground.home / "history.ini").write_bytes(text.encode("latin-1"))

    terminal = ground.terminal()

    ground.check()
    warned = terminal.said("history.ini")
    assert warned or "1970" in text
    assert terminal.try_place(BUY, "0.01", terminal.far()).ok


def test_g3_emptied_books_are_read_again_from_the_year_2000(ground: Ground) -> None:
    ground.robot("alfa")
    terminal = ground.terminal()
    terminal.place(BUY, "0.01", None, "alfa")
    ground.check()
    terminal.end()
    with closing(sqlite3.connect(ground.home / "sim.db")) as raw:
        raw.execute("DELETE FROM coins")
        raw.execute("DELETE FROM robots")
        raw.commit()
    (ground.home / "history.ini").write_text("[Binance SIM-1]\ntime = 2000-01-01 00:00:00\n")

    ground.terminal()

    until(lambda: ground.read().coins, 8, "rows")
    ground.check()
    assert {(row["EMI"], row["REFER"]) for row in ground.read().coins} == {("BTCUSDT.linear", "alfa")}


def test_g1_no_settings_at_all_mean_the_bundled_exchange(ground: Ground) -> None:
    program = ground.program("--headless")

    until(lambda: "recovered" in log(ground), 20, "recovered")

    assert "--demo" in program.text()
    assert (ground.home / "simulator.db").exists()


@pytest.mark.parametrize(("env", "market", "words"), [
    ("REFRESH_RATE=0", "", "REFRESH_RATE=0: 1 to 10. Using 5."),
    ("ORDER_BOOK_DEPTH=-1", "", "ORDER_BOOK_DEPTH=-1: full, orderBook10 or quote. Using full."),
    ("", "LINEAR_SYMBOLS=BTC/USDT", "LINEAR_SYMBOLS"),
    ("MARKET_LIST=Kraken", "", "MARKET_LIST=Kraken: Kraken is no exchange known here"),
    ("", "LINEAR_SYMBOLS=" + ",".join(f"S{n}USDT" for n in range(1_000_000)), "longer than 20000 characters")],
    ids=["refresh", "depth", "symbol", "market", "million"])
def test_g2_values_that_cannot_be_are_named_with_their_field(tmp_path: Path, env: str, market: str,
                                                             words: str) -> None:
    for name, text in ((".env", env), (".env.Binance", market)):
        write_private(tmp_path / name, text)

    settings = load_settings(tmp_path, KnownSecrets(), Mode.TESTNET)

    said = [*map(str, settings.problems), *settings.notices]
    assert any(words in sentence for sentence in said), said


def test_g2_a_symbol_in_two_words_trades_nothing(ground: Ground) -> None:
    ground.settings("MARKET_LIST=Binance", more='LINEAR_SYMBOLS="BTC USDT"')
    program = ground.program("--headless")

    assert program.wait(30) == 3, program.text()
    assert "LINEAR_SYMBOLS" in program.text() and "Traceback" not in program.text()
