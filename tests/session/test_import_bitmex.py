"""`main.py ledger import-bitmex`: a saved execution history, booked as live trading would have booked it."""

from __future__ import annotations

import csv
import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

import main
from core.rows import BookRow, CoinRow, RobotAdded, RobotRow
from db.reading import Reading
from db.store import Store
from session import lock
from session.ledger.check import inside

D = Decimal


def row(exec_id: str, side: str = "Buy", qty: int = 200, px: float = 40000, cost: int | None = -500000,
        comm: int | None = 375, time: str = "2024-01-02T03:04:05.678Z", symbol: str = "XBTUSD", settle: str = "XBt",
        currency: str = "USD", kind: str = "Trade", **more: Any) -> dict[str, Any]:
    """A row as the exchange answered it; the values by its rules: 2 lots of round(100 / 40,000 XBT)."""
    made = {"execID": exec_id, "orderID": f"o-{exec_id}", "account": 77, "symbol": symbol, "side": side,
            "lastQty": qty, "lastPx": px, "currency": currency, "settlCurrency": settle, "execType": kind,
            "ordType": "Limit", "ordStatus": "Filled", "leavesQty": 0, "price": px, "execCost": cost, "execComm": comm,
            "transactTime": time, "timestamp": time, **more}
    return {name: value for name, value in made.items() if value is not None and value != ""}


def history() -> list[dict[str, Any]]:
    """A bot's buy, a funding while it holds it, a sale on the web site, a cancel, two other contracts, a spot trade."""
    return [
        row("e-2", "Sell", 100, 41000, 243902, 183, "2024-01-02T13:00:00.000Z"),
        row("e-1", clOrdID="5.alfa"),
        row("f-1", "", 200, 40000, None, 50, "2024-01-02T12:00:00.000Z", kind="Funding", commission=0.0001,
            execCost=-500000, foreignNotional=-200),
        row("c-1", kind="Canceled"),
        row("e-3", "Buy", 1000, 60000.5, 60000500, 45000, "2024-02-01T00:00:00.250Z", "XBTUSDT", "USDt", "USDT",
            clOrdID="6.alfa2"),
        row("e-4", "Buy", 3, 2000, 600000, 450, "2024-02-02T00:00:00.000Z", "ETHUSD", "XBt", "USD"),
        row("e-5", "Sell", 50_000, 42000, None, 210, "2024-02-03T00:00:00.000Z", "XBT_USDT", "", "USDT"),
        row("e-6", "Buy", 1, 2, None, 0, "2024-02-04T00:00:00.000Z", "OLDM18", "XBt", "XBT"),
    ]


@pytest.fixture(autouse=True)
def _same_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """What main does to its own process is not done to the tests'."""
    monkeypatch.setattr(main, "_harden", lambda: None)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A home whose ledger knows the bot alfa."""
    made = tmp_path / "home"
    made.mkdir(mode=0o700)
    store = Store.sqlite(made / "sim.db")
    store.prepare("SIM")
    store.write([RobotAdded(RobotRow("alfa", "XBTUSD", "inverse", "Bitmex", 1, 1, D(1), "", "", "WORK", ""))])
    store.close()
    return made


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    """The history as JSON."""
    path = tmp_path / "history.json"
    path.write_text(json.dumps(history()))
    return path


def take(home: Path, path: Path) -> int:
    """The command's exit code."""
    return main.main(["ledger", "import-bitmex", str(path), "--home", str(home)])


def clean(home: Path) -> bool:
    """Whether the ledger proves itself."""
    with Reading.sqlite(home / "sim.db") as ledger:
        return not any(problems for _, problems in inside(ledger, ledger.count()))


def booked(home: Path) -> list[CoinRow]:
    """The ledger's rows."""
    store = Store.sqlite(home / "sim.db")
    rows = store.coin_rows("Bitmex", "77")
    store.close()
    return list(rows)


def books(home: Path) -> dict[tuple[str, str], BookRow]:
    """Kept sums by owner and currency."""
    with Reading.sqlite(home / "sim.db") as ledger:
        return {(b.emi, b.currency): b for b in ledger.books().values()}


def test_history_is_booked_in_the_order_of_time_to_its_owners(home: Path, saved: Path,
                                                              capsys: pytest.CaptureFixture[str]) -> None:
    assert take(home, saved) == 0

    assert [(r.exec_id, r.emi, r.refer, r.side, r.qty, r.currency) for r in booked(home)] == [
        ("e-1", "alfa", "", 0, D(200), "XBt"), ("f-1", "alfa", "", -1, D(200), "XBt"),
        ("e-2", "XBTUSD.inverse", "", 1, D(-100), "XBt"),
        ("e-3", "XBTUSDT.linear", "alfa2", 0, D(1000), "USDt"),
        ("e-4", "ETHUSD.quanto", "", 0, D(3), "XBt"),
        ("e-5", "XBT_USDT.spot", "", 1, D("-0.0005"), "USDt"), ("e-5", "XBT_USDT.spot", "", 1, D(0), "XBt")]
    kept = books(home)
    alfa = kept[("alfa", "XBt")]
    assert (alfa.pos, alfa.sumreal, alfa.fees, alfa.funding, alfa.entry) == (
        D(200), D("0.005"), D("0.00000375"), D("0.0000005"), D(40000))
    assert kept[("XBTUSDT.linear", "USDt")].sumreal == D("-60.0005")
    assert kept[("ETHUSD.quanto", "XBt")].sumreal == D("-0.006")
    assert (kept[("XBT_USDT.spot", "USDt")].sumreal, kept[("XBT_USDT.spot", "XBt")].sumreal) == (D(21), D("-0.0005"))
    said = capsys.readouterr().out
    assert "booked 5 fills and 1 fundings; 0 were there already" in said
    assert "skipped 1 of OLDM18: no execCost tells what a contract is worth" in said
    assert clean(home)


def test_a_second_run_adds_nothing(home: Path, saved: Path, capsys: pytest.CaptureFixture[str]) -> None:
    take(home, saved)
    before = booked(home), books(home)

    assert take(home, saved) == 0

    assert (booked(home), books(home)) == before
    assert "booked 0 fills and 0 fundings; 6 were there already" in capsys.readouterr().out


def test_pieces_in_any_order_give_the_same_sums(home: Path, tmp_path: Path) -> None:
    for number, piece in enumerate(([history()[2]], history()[3:], history()[:2])):
        path = tmp_path / f"{number}.json"
        path.write_text(json.dumps(piece))
        assert take(home, path) == 0

    kept = books(home)
    assert (kept[("alfa", "XBt")].funding, kept[("alfa", "XBt")].pos) == (D("0.0000005"), D(200))
    assert sum(book.funding for book in kept.values()) == D("0.0000005")
    assert clean(home)


@pytest.mark.parametrize("form", ["csv", "lines"])
def test_other_forms_say_the_same(home: Path, saved: Path, tmp_path: Path, form: str) -> None:
    path = tmp_path / f"history.{form}"
    if form == "lines":
        path.write_text("\n".join(json.dumps(one) for one in history()))
    else:
        names = sorted({name for one in history() for name in one})
        with open(path, "w", newline="") as file:
            writer = csv.DictWriter(file, names)
            writer.writeheader()
            writer.writerows(history())

    assert take(home, path) == 0
    assert len(booked(home)) == 7 and books(home)[("alfa", "XBt")].funding == D("0.0000005")


@pytest.mark.parametrize(("text", "words"), [
    ("[" + json.dumps(row("e-1"))[:-20], "is no array of rows"),
    (json.dumps([row("e-1"), row("e-2", lastQty="many")]), "row 2: "),
    (json.dumps([row("e-1", side="Middle")]), "row 1: field side"),
    (json.dumps([row("e-1", account=None)]), "row 1: the row names no account"),
    (json.dumps([row("e-1", timestamp="now", transactTime="now")]), "row 1: field timestamp"),
    (json.dumps(row("e-1")) + "\n{broken", "line 2: "),
    ("[]", "no trade, settlement or funding in it"), ("", "is no array of rows"),
    ("time,price\n1,2\n", "no column execID"),
    ("execID,execType,account,symbol,lastQty,lastPx,timestamp\nx,Trade,77,XBTUSD,many,1,2024-01-01T00:00:00Z\n",
     "line 2: "),
])
def test_bad_files_are_one_sentence_and_book_nothing(home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str],
                                                     text: str, words: str) -> None:
    path = tmp_path / "history"
    path.write_text(text)

    assert take(home, path) == 5
    said = capsys.readouterr().err
    assert words in said and said.count("\n") == 1
    assert booked(home) == []


def test_import_waits_for_the_program_to_end(home: Path, saved: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with lock.take(home):
        assert take(home, saved) == 6
    assert "another copy of the program" in capsys.readouterr().err
