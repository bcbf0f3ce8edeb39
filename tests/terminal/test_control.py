"""`main.py ctl` and `main.py kill-switch` as processes, against a running, a stopped and a dead program."""

from __future__ import annotations

import json
import re
import signal
import sqlite3
import stat
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from db.store import Store
from session import ctl as client
from session.child import READY_FILE
from tests.faults.harness import ROOT, Ground, Program, free_port, until, write_private
from tests.simulator.sim_client import Exchange

ROBOT = ("INSERT INTO robots (EMI, SYMBOL, CATEGORY, MARKET, SORT, TIMEFR, CAPITAL, MARGIN, STRATEGY) "
         "VALUES ('alfa', 'BTCUSDT', 'linear', 'Binance', 1, 1, 1, 0, '')")
FACES = (("Binance", "linear", "BTCUSDT", "0.01", "50000"), ("Binance", "inverse", "BTCUSD_PERP", "2", "50000"),
         ("Binance", "spot", "BTCUSDT", "0.002", "50000"), ("Bitmex", "inverse", "XBTUSD", "100", "50000"))


def main(home: Path, *arguments: str) -> tuple[int, str]:
    """`main.py` to its end: exit code, and all it said."""
    done = subprocess.run([sys.executable, str(ROOT / "main.py"), *arguments, "--home", str(home)], text=True,
                          capture_output=True, timeout=60, check=False, stdin=subprocess.DEVNULL)
    assert "Traceback" not in done.stderr, done.stderr
    return done.returncode, done.stdout + done.stderr


class Demo:
    """The terminal on its bundled exchange, without a window."""

    def __init__(self, folder: Path) -> None:
        self.home = folder / "home"
        self.home.mkdir(mode=0o700)
        ledger = Store.sqlite(self.home / "sim.db")
        ledger.prepare("SIM")
        ledger.close()
        with sqlite3.connect(self.home / "sim.db") as typed:
            typed.execute(ROBOT)
        self.program = Program([str(ROOT / "main.py"), "--demo", "--headless", "--home", str(self.home)])
        until(lambda: "trading OFF" in self.program.text() or not self.program.is_running(), 30, "it runs")
        assert self.program.is_running(), self.program.text()

    @property
    def control(self) -> str:
        """Of its exchange."""
        return str(json.loads((self.home / READY_FILE).read_text())["control"])

    def ctl(self, **asked: object) -> Any:
        """An answer of its socket."""
        return client.ask(self.home, asked)

    def place(self, with_stop: bool = True) -> None:
        """An order on the web site of each product, far from the market, and one by API that waits for a price."""
        for market, category, symbol, qty, price in FACES:
            answer = requests.post(f"{self.control}/order", timeout=10, json={
                "market": market, "category": category, "symbol": symbol, "side": "BUY", "qty": qty, "price": price})
            assert answer.status_code == 200, answer.text
        if with_stop:
            Exchange.of(json.loads((self.home / READY_FILE).read_text())).ok(
                "POST", "/fapi/v1/algoOrder", algoType="CONDITIONAL", symbol="BTCUSDT", side="SELL", quantity="0.01",
                type="STOP_MARKET", triggerPrice="40000")
        until(lambda: self.open() == 4 + with_stop, 5, "all orders rest")

    def open(self) -> int:
        """How many orders rest at the exchange."""
        truth = requests.get(f"{self.control}/truth", timeout=10).json()
        ended = ("CANCELED", "FILLED", "EXPIRED", "REJECTED", "FINISHED")
        return sum(str(one["status"]).upper() not in ended for one in (*truth["orders"], *truth["conditional"]))

    def end(self) -> None:
        self.program.end()


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    """A running terminal with one bot."""
    made = Demo(tmp_path_factory.mktemp("control"))
    until(lambda: all(venue["recovered"] for venue in made.ctl(do="status")["status"]["venues"]), 20, "recovered")
    yield made
    made.end()


def test_status_for_people_and_for_programs(demo: Demo) -> None:
    code, text = main(demo.home, "ctl", "status")
    told = json.loads(main(demo.home, "ctl", "status", "--json")[1])

    assert code == 0
    for words in ("SIM  trading O", "Binance-F  LIVE   SIM-1", "BitMEX", "ledger   sqlite", "alfa  WORK"):
        assert words in text, text
    assert told["ok"] and told["status"]["process"] == demo.program.pid
    assert {venue["title"]: venue["health"] for venue in told["status"]["venues"]}["Binance"] == "LIVE"
    assert stat.S_IMODE((demo.home / "control.sock").lstat().st_mode) == 0o600


@pytest.mark.parametrize(("arguments", "code", "words"), [
    (("trading", "on"), 0, "trading is ON"), (("trading", "off"), 0, "trading is OFF"),
    (("bot", "alfa", "off"), 0, "alfa is OFF"), (("bot", "alfa", "on"), 0, "alfa is WORK"),
    (("bot", "beta", "on"), 8, "botbook: there is no bot beta; there are alfa"),
    (("recover", "bitmex"), 0, "BitMEX: reconnecting and recovering"),
    (("recover", "Kraken"), 8, "botbook: Kraken is not connected here; Binance, Bitmex is"),
    (("positions",), 0, "no positions"), (("trading", "maybe"), 2, "usage"), (("bot", "alfa"), 2, "usage")])
def test_commands_and_their_exit_codes(demo: Demo, arguments: tuple[str, ...], code: int, words: str) -> None:
    got, text = main(demo.home, "ctl", *arguments)

    assert (got, words in text) == (code, True), text


def test_what_was_commanded_is_so(demo: Demo) -> None:
    def status() -> Any:
        return demo.ctl(do="status")["status"]

    for on in (True, False):
        assert demo.ctl(do="trading", on=on)["ok"]
        until(lambda on=on: status()["trading"] is on, 5, "trading")  # type: ignore[misc]
        assert demo.ctl(do="bot", name="alfa", on=on)["ok"]
        until(lambda on=on: status()["bots"][0]["status"] == ("WORK" if on else "OFF"), 5, "bot")  # type: ignore[misc]


def test_cancel_all_ends_what_rests_at_the_venues(demo: Demo) -> None:
    demo.place()
    until(lambda: demo.ctl(do="status")["status"]["orders"] == 5, 10, "all are shown")

    code, text = main(demo.home, "ctl", "cancel-all")

    assert code == 0 and "5 orders shown" in text
    until(lambda: demo.open() == 0, 10, "none rests")


def test_positions_name_the_owner_and_the_venues_number(demo: Demo) -> None:
    requests.post(f"{demo.control}/order", timeout=10, json={"market": "Binance", "category": "linear", "qty": "0.01",
                                                             "symbol": "BTCUSDT", "side": "BUY"})
    until(lambda: demo.ctl(do="positions")["positions"], 10, "a position")

    code, text = main(demo.home, "ctl", "positions")

    row = next(one for one in demo.ctl(do="positions")["positions"] if one["symbol"] == "BTCUSDT")
    assert code == 0 and re.search(r"BTCUSDT +Binance-F +0\.01 ", text), text
    assert row["position"] == "0.01" and row["owners"] == {"BTCUSDT.linear": "0.01"} and float(row["entry"]) > 0


def test_hundred_clients_while_some_talk_nonsense(demo: Demo) -> None:
    answers: list[object] = []

    def ask(number: int) -> None:
        asked: dict[str, object] = {"do": "status"} if number % 4 else {"do": "\x00" * 50}
        answers.append(client.ask(demo.home, asked)["ok"])

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(100)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)

    assert sorted(map(bool, answers)) == [False] * 25 + [True] * 75


def test_kill_switch_by_the_program_stopped_and_dead(demo: Demo) -> None:
    """By its socket; with the program stopped, which then finds the kill in its socket; with the program dead."""
    demo.place()
    until(lambda: demo.ctl(do="status")["status"]["orders"] == 5, 10, "all are shown")
    code, text = main(demo.home, "kill-switch")
    assert code == 0 and "kill switch: trading is OFF" in text and "no order is open any more" in text, text
    assert demo.open() == 0
    assert main(demo.home, "ctl", "trading", "on")[0] == 8, "locked until re-armed"

    demo.program.signal(signal.SIGSTOP)
    try:
        demo.place()
        code, text = main(demo.home, "kill-switch")
        assert code == 0 and f"process {demo.program.pid}) does not answer" in text, text
        assert "mode SIM (as the program that runs)" in text
        for words in ("Binance-F: 2 orders cancelled (BTCUSDT 2)", "Binance-D: 1 order cancelled (BTCUSD_PERP 1)",
                      "Binance: 1 order cancelled (BTCUSDT 1)", "BitMEX: 1 order cancelled (XBTUSD 1)"):
            assert words in text, text
        assert demo.open() == 0
    finally:
        demo.program.signal(signal.SIGCONT)
    log = demo.home / "botbook.log"
    until(lambda: log.read_text().count("KILL SWITCH: trading OFF") == 2, 10, "it finds the kill switch in its socket")
    until(lambda: log.read_text().count("cancel all answered for") == 8, 10, "both kills have ended at all four")
    until(lambda: demo.ctl(do="status")["ok"], 10, "it answers again")

    demo.place(with_stop=False)
    children = demo.program.children()
    demo.program.kill()
    until(lambda: not any(Path(f"/proc/{pid}").exists() for pid in children), 10, "its exchange has ended")
    assert main(demo.home, "ctl", "status")[0] == 7
    for name in ("sim.db", "sim.db-wal", "sim.db-shm"):
        (demo.home / name).unlink(missing_ok=True)
    (demo.home / "sim.db").write_bytes(b"no database")
    code, text = main(demo.home, "kill-switch")
    assert code == 0 and "no program runs" in text and "Binance-F: 1 order cancelled (BTCUSDT 1)" in text, text
    assert "no order was open" not in text
    assert (demo.home / "sim.db").read_bytes() == b"no database"


@pytest.mark.long
def test_the_next_start_replaces_what_the_killed_one_left(ground: Ground) -> None:
    ground.settings()
    first = ground.program("--headless")
    path = ground.home / "control.sock"
    until(lambda: answers(ground.home), 20, "it answers")
    first.kill()
    assert path.exists() and main(ground.home, "ctl", "status")[0] == 7

    second = ground.program("--headless")

    until(lambda: answers(ground.home), 20, "the next one answers")
    second.signal(signal.SIGTERM)
    assert second.wait(8) == 0 and not path.exists()


def answers(home: Path) -> bool:
    """Whether a program serves this home."""
    try:
        return bool(client.ask(home, {"do": "status"})["ok"])
    except (client.NotRunning, client.NoAnswer):
        return False


def test_7_without_a_home(tmp_path: Path) -> None:
    code, text = main(tmp_path / "nowhere", "ctl", "status")

    assert code == 7 and "no such folder" in text and not (tmp_path / "nowhere").exists()


def live(home: Path) -> None:
    write_private(home / ".env", "TESTNET=False")
    write_private(home / ".env.Binance", f"API_KEY={'k' * 64}\nAPI_SECRET={'s' * 64}")


def unreachable(home: Path) -> None:
    write_private(home / ".env", "MYSQL_HOST=db.example\nMYSQL_PORT=banana")   # of no concern here
    port = free_port()
    write_private(home / ".env.Binance", f"TESTNET_HTTP_URL=http://127.0.0.1:{port}\nLINEAR_SYMBOLS=BTCUSDT\n"
                  f"TESTNET_WS_URL=ws://127.0.0.1:{port}\nTESTNET_API_KEY={'k' * 64}\nTESTNET_API_SECRET={'s' * 64}")


def no_keys(home: Path) -> None:
    write_private(home / ".env.Binance", "LINEAR_SYMBOLS=BTCUSDT")


@pytest.mark.parametrize(("settings", "code", "words"), [
    (live, 2, "LIVE: every open order of the account is cancelled; say --yes"),
    (unreachable, 4, "Binance-F: FAILED: "), (no_keys, 4, "no market with an API key is configured")])
def test_kill_switch_that_cannot_says_so(tmp_path: Path, settings: Callable[[Path], None], code: int,
                                         words: str) -> None:
    settings(tmp_path)

    got, text = main(tmp_path, "kill-switch")

    assert (got, words in text) == (code, True), text
    assert "s" * 64 not in text
