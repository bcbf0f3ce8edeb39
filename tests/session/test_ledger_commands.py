"""`main.py ledger check | export`, `backup`, `restore`: what they say, write, refuse, and with which exit code."""

from __future__ import annotations

import csv
import sqlite3
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest
from msgspec.structs import replace

import main
from core.rows import CoinRow
from db.store import Store
from engine.kept import fold
from session import lock
from tests.support.build import BTC, ETH, T0, coin

D = Decimal


@pytest.fixture(autouse=True)
def _same_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """What main does to its own process is not done to the tests'."""
    monkeypatch.setattr(main, "_harden", lambda: None)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A home without keys, whose ledger has some rows."""
    made = tmp_path / "home"
    made.mkdir(mode=0o700)
    (made / ".env").write_text('TESTNET="True"\nMARKET_LIST=Binance\nSQLITE_DATABASE=sim.db\n')
    (made / ".env").chmod(0o600)
    fill(made)
    return made


def rows() -> list[CoinRow]:
    """Two bots, a spot-like leg, a funding, texts a spreadsheet would run."""
    return [coin("x:1", emi="alfa", qty="1", time=T0), coin("x:2", emi="alfa", qty="2", price="50300", time=T0 + 1),
            coin("x:3", emi="beta", qty="-1", key=ETH, time=T0 + 2, refer="=HYPERLINK(1)"),
            replace(coin("x:3", part=1, emi="beta", qty="0", key=ETH, time=T0 + 2), currency="BNB", sumreal=D(0)),
            replace(coin("x:F4", emi="alfa", time=T0 + 3), side=-1, commiss=D("-0.25")),
            coin("x:5", emi=BTC.reserved, qty="-0.5", time=T0 + 4, refer="a,b\n+c")]


def fill(home: Path) -> None:
    """Rows and the sums of them."""
    store = Store.sqlite(home / "sim.db")
    store.prepare("TESTNET")
    store.write([*rows(), *fold(rows())])
    store.close()


def change(home: Path, statement: str) -> None:
    """What a person may do with a database tool."""
    with sqlite3.connect(home / "sim.db") as raw:
        raw.execute(statement)


def run(home: Path, *arguments: str) -> int:
    """The command's exit code."""
    return main.main([*arguments, "--home", str(home)])


# ---------------------------------------------------------------- check

def test_a_ledger_whose_sums_are_its_rows_is_clean(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(home, "ledger", "check") == 0

    said = capsys.readouterr().out
    assert "✕" not in said and "not compared with Binance-F: no API key" in said


@pytest.mark.parametrize(("harm", "words"), [
    ("UPDATE books SET POS = '4' WHERE EMI = 'alfa'",
     "BTCUSDT_Binance-F alfa USDT (account SIM-1): position kept 4, the rows give 3"),
    ("UPDATE books SET FEES = '0.3' WHERE EMI = 'beta' AND CURRENCY = 'USDT'", "fees kept 0.3, the rows give 0.1"),
    ("UPDATE books SET FUNDING = '0'", "funding kept 0, the rows give -0.25"),
    ("UPDATE books SET ENTRY = '50001' WHERE EMI = 'alfa'", "entry kept 50001, the rows give 50200"),
    ("UPDATE books SET FILLS = 7 WHERE EMI = 'alfa'", "7 fills kept, there are 2"),
    ("DELETE FROM books WHERE EMI = 'beta'", "position kept 0, the rows give -1"),
    ("DELETE FROM coins WHERE EXECID = 'x:2'", "position kept 3, the rows give 1"),
    ("DELETE FROM coins WHERE EXECID = 'x:3' AND PART = 0", "x:3 has no part 0"),
])
def test_a_difference_is_named_and_ends_with_10(home: Path, capsys: pytest.CaptureFixture[str], harm: str,
                                               words: str) -> None:
    change(home, harm)

    assert run(home, "ledger", "check") == 10
    out = capsys.readouterr().out
    assert words in out and "nothing was changed" in out


def test_check_works_beside_a_running_program(home: Path) -> None:
    with lock.take(home):
        assert run(home, "ledger", "check") == 0


def test_check_without_a_ledger_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(tmp_path / "new", "ledger", "check") == 5
    assert "there is no ledger at" in capsys.readouterr().err


# ---------------------------------------------------------------- export

def exported(home: Path, *arguments: str) -> list[dict[str, str]]:
    """The rows of a CSV export."""
    target = home / "out.csv"
    assert run(home, "ledger", "export", "--csv", str(target), "--force", *arguments) == 0
    with open(target, encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_every_row_is_exported_with_its_numbers(home: Path) -> None:
    found = exported(home)

    assert [(row["EXECID"], row["PART"]) for row in found] == [(row.exec_id, str(row.part)) for row in rows()]
    assert [D(row["QTY"]) for row in found] == [row.qty for row in rows()]
    assert found[0]["TTIME"] == "2023-11-14 22:13:20.000" and found[2]["QTY"] == "-1"


def test_text_that_a_spreadsheet_would_run_is_guarded(home: Path) -> None:
    assert [row["REFER"] for row in exported(home)][2:] == ["'=HYPERLINK(1)", "", "", "a,b\n+c"]


@pytest.mark.parametrize(("arguments", "expected"), [
    (("--bot", "alfa"), ["x:1", "x:2", "x:F4"]), (("--symbol", "ETHUSDT"), ["x:3", "x:3"]),
    (("--market", "bitmex"), []), (("--market", "binance", "--bot", "beta"), ["x:3", "x:3"]),
    (("--from", "2023-11-14T22:13:20.003"), ["x:F4", "x:5"]), (("--to", "2023-11-14T22:13:20.001+00:00"), ["x:1"]),
    (("--from", "2023-11-15"), [])])
def test_rows_are_chosen(home: Path, arguments: tuple[str, ...], expected: list[str]) -> None:
    assert [row["EXECID"] for row in exported(home, *arguments)] == expected


@pytest.mark.parametrize(("arguments", "code", "words"), [
    (("--csv", "out.csv", "--from", "yesterday"), 2, "--from yesterday: not a time"),
    (("--csv", "out.csv", "--market", "kraken"), 2, "--market kraken: no exchange known here"),
    (("--csv", "missing/out.csv"), 3, "cannot be written"),
    (("--csv", ".env"), 3, "is there already"),
])
def test_export_refuses_with_a_sentence(home: Path, capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...],
                                        code: int, words: str) -> None:
    placed = [str(home / word) if before == "--csv" else word
              for before, word in zip(("", *arguments), arguments, strict=False)]

    assert run(home, "ledger", "export", *placed) == code
    assert words in capsys.readouterr().err
    assert not list(home.glob("*.tmp"))


def test_parquet_holds_exact_numbers_and_times(home: Path) -> None:
    import pyarrow.parquet as pq  # type: ignore[import-untyped]  # no stubs

    assert run(home, "ledger", "export", "--parquet", str(home / "out.parquet"), "--bot", "alfa") == 0

    found = pq.read_table(home / "out.parquet").to_pylist()
    assert [row["COMMISS"] for row in found] == [D("0.1"), D("0.1"), D("-0.25")]
    assert found[1]["TTIME"] == datetime(2023, 11, 14, 22, 13, 20, 1000, UTC)


def test_parquet_without_its_package_says_what_to_install(home: Path, monkeypatch: pytest.MonkeyPatch,
                                                          capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setitem(__import__("sys").modules, "pyarrow", None)

    assert run(home, "ledger", "export", "--parquet", str(home / "out.parquet")) == 2
    assert "-r requirements-research.txt" in capsys.readouterr().err


# ---------------------------------------------------------------- backup, restore

def test_backup_and_restore_go_round(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with lock.take(home):                                # while the program runs
        assert run(home, "backup") == 0
    (made,) = (home / "backups").iterdir()
    change(home, "DELETE FROM coins")

    assert run(home, "restore", str(made)) == 0
    assert run(home, "ledger", "check") == 0
    aside, = home.glob("sim.before-*.db")
    assert str(aside) in capsys.readouterr().out
    with sqlite3.connect(aside) as raw:
        assert raw.execute("SELECT count(*) FROM coins").fetchone() == (0,)


def test_restore_waits_for_the_program_to_end(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(home, "backup", str(home / "copy.db")) == 0
    with lock.take(home):
        assert run(home, "restore", str(home / "copy.db")) == 6
    assert "another copy of the program" in capsys.readouterr().err


def test_restore_refuses_the_books_of_another_mode(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(home, "backup", str(home / "copy.db")) == 0
    with sqlite3.connect(home / "copy.db") as raw:
        raw.execute("UPDATE schema SET VALUE = 'LIVE' WHERE NAME = 'mode'")

    assert run(home, "restore", str(home / "copy.db")) == 5
    assert "holds the books of LIVE, the settings say TESTNET" in capsys.readouterr().err
    assert not list(home.glob("*.before-*"))


def test_restore_of_no_backup_is_one_sentence(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(home, "restore", str(home / ".env")) == 5
    assert "is no backup of a ledger" in capsys.readouterr().err


# ---------------------------------------------------------------- where an option stands

@pytest.mark.parametrize("words", [
    ("--home", "{}", "ledger", "check"), ("ledger", "--home", "{}", "check"), ("ledger", "check", "--home", "{}"),
    ("ledger", "--testnet", "check", "--home", "{}"), ("ledger", "--home", "/nowhere", "check", "--home", "{}")])
def test_the_home_may_be_named_before_the_action_and_after_it(home: Path, capsys: pytest.CaptureFixture[str],
                                                              words: tuple[str, ...]) -> None:
    assert main.main([word.format(home) for word in words]) == 0
    assert f"ledger {home}/sim.db: mode TESTNET, 6 rows" in capsys.readouterr().out


@pytest.mark.parametrize("words", [
    ("--home", "{}", "ctl", "status"), ("ctl", "--home", "{}", "status"), ("ctl", "status", "--home", "{}"),
    ("ctl", "--json", "--home", "{}", "trading", "off"), ("ctl", "--home", "{}", "recover", "Binance", "--json")])
def test_ctl_finds_its_home_wherever_it_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str],
                                                 words: tuple[str, ...]) -> None:
    assert main.main([word.format(tmp_path) for word in words]) == 7
    assert f"no program runs with {tmp_path}" in capsys.readouterr().err


def test_two_modes_exclude_each_other_wherever_they_stand(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main.main(["ledger", "--demo", "check", "--testnet", "--home", str(home)]) == 2
    assert "--demo and --testnet exclude each other" in capsys.readouterr().err
