"""What survives: kill -9, a new start, a lost parent, a new account."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.simulator.sim_client import ROOT, Exchange, order_params, wait_for


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Path]:
    yield tmp_path


def without_time(truth: Any) -> Any:
    return {key: value for key, value in truth.items() if key != "time"}


def test_kill_loses_no_acknowledged_order(home: Path) -> None:
    exchange = Exchange(home)
    bid, _ = exchange.top()
    acknowledged: list[int] = []

    def place() -> None:
        with contextlib.suppress(requests.RequestException):
            for number in range(500):
                price = None if number % 3 else f"{bid - 500 - number % 50:.2f}"
                status, answer = exchange.signed("POST", "/fapi/v1/order", **order_params(
                    "BUY", "0.002", price, newClientOrderId=f"{number}.k"))
                if status == 200:
                    acknowledged.append(answer["orderId"])

    thread = threading.Thread(target=place)
    thread.start()
    wait_for(lambda: len(acknowledged) >= 25)
    exchange.process.kill()
    thread.join()
    exchange.close()

    again = Exchange(home)
    truth = again.truth()
    known = {int(order["order_id"]) for order in truth["orders"]}
    assert set(acknowledged) <= known
    assert [e["exec_id"] for e in truth["executions"]] == sorted({e["exec_id"] for e in truth["executions"]})
    resting = {o["orderId"] for o in again.ok("GET", "/fapi/v1/openOrders")}
    assert resting == {int(o["order_id"]) for o in truth["orders"] if o["status"] in ("NEW", "PARTIALLY_FILLED")}
    fees = sum(Decimal(e["commission"]) - Decimal(e["realized_pnl"]) for e in truth["executions"])
    assert Decimal(truth["balances"][0]["wallet"]) == 10000 - fees
    newest = again.order("BUY", "0.002")
    assert newest["orderId"] > max(known)
    assert again.close() == 0


def test_everything_is_taken_up_again(home: Path) -> None:
    exchange = Exchange(home)
    _, ask = exchange.top()
    exchange.ok("POST", "/fapi/v1/leverage", symbol="BTCUSDT", leverage=11)
    exchange.order("BUY", "0.030")
    exchange.order("SELL", "0.010", f"{ask + 800:.2f}", reduceOnly="true")
    exchange.control("funding", symbol="BTCUSDT", rate="0.0003")
    before, venue = without_time(exchange.truth()), dict(exchange.venue)
    candles = exchange.get("/fapi/v1/klines", symbol="BTCUSDT", interval="1m", limit=100)
    exchange.close()

    again = Exchange(home)
    assert without_time(again.truth()) == before
    assert (again.venue["api_key"], again.venue["api_secret"]) == (venue["api_key"], venue["api_secret"])
    assert again.ok("GET", "/fapi/v1/symbolConfig", symbol="BTCUSDT")[0]["leverage"] == 11
    shown = again.get("/fapi/v1/klines", symbol="BTCUSDT", interval="1m", limit=100, endTime=candles[-2][0])
    assert shown[-98:] == candles[-99:-1]
    again.move(ask + 900)
    assert again.truth()["positions"][0]["qty"] == "0.02"
    again.close()

    fresh = Exchange(home, "--fresh")
    truth = fresh.truth()
    assert truth["orders"] == truth["executions"] == truth["positions"] == []
    assert truth["balances"][0]["account"] == "SIM-2" and fresh.venue["api_key"] != venue["api_key"]
    assert int(fresh.order("BUY", "0.002")["orderId"]) > int(before["orders"][-1]["order_id"])
    fresh.close()
    third = Exchange(home)
    assert third.truth()["balances"][0]["account"] == "SIM-2"
    third.close()


def test_child_ends_with_its_parents_pipe(home: Path) -> None:
    exchange = Exchange(home, "--child")
    exchange.order("BUY", "0.002")
    assert exchange.process.stdin is not None

    exchange.process.stdin.close()

    assert exchange.process.wait(3) == 0
    exchange.process.stdin = None
    exchange.close()


def test_child_ends_when_its_parent_is_killed(home: Path) -> None:
    code = ("import subprocess, sys, time\n"
            "p = subprocess.Popen([sys.executable, '-m', 'simulator', '--home', sys.argv[1], '--child'],"
            " stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)\n"
            "p.stdout.readline(); print(p.pid, flush=True); time.sleep(60)\n")
    parent = subprocess.Popen([sys.executable, "-c", code, str(home)], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    child = int(parent.stdout.readline())
    parent.kill()
    parent.wait()
    parent.stdout.close()

    def gone() -> bool:
        try:
            state = Path(f"/proc/{child}/stat").read_text().rpartition(")")[2].split()[0]
        except (FileNotFoundError, ProcessLookupError):
            return True
        return state == "Z"

    wait_for(gone, 3)


def test_signal_ends_it_at_once_even_with_a_request_held(home: Path) -> None:
    exchange = Exchange(home)
    exchange.fault("withhold", path="/fapi/v1/time", seconds=30)
    stream = exchange.socket("/ws/btcusdt@bookTicker")

    def ask() -> None:
        with contextlib.suppress(requests.RequestException):
            exchange.get("/fapi/v1/time")

    thread = threading.Thread(target=ask)
    thread.start()
    time.sleep(0.2)
    began = time.monotonic()
    assert exchange.close() == 0
    assert time.monotonic() - began < 1.5
    thread.join()
    stream.close()


def test_bad_starts_are_one_sentence_and_exit_1(home: Path) -> None:
    exchange = Exchange(home / "a")
    port = exchange.venue["http"].rpartition(":")[2]
    for options in (["--home", str(home / "b"), "--port", port], ["--home", "/proc/nowhere"]):
        ended = subprocess.run([sys.executable, "-m", "simulator", *options], cwd=ROOT, capture_output=True, text=True,
                               timeout=10, check=False)
        assert ended.returncode == 1 and ended.stdout == ""
        assert ended.stderr.startswith("The bundled exchange cannot start: ") and ended.stderr.count("\n") == 1
    exchange.close()
    assert os.path.exists(home / "a" / "simulator.db")
