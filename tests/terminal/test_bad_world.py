"""A terminal that meets wrong keys, a wrong clock, unreadable frames, a symbol that is not there: it says so once."""

from __future__ import annotations

import contextlib
import json
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.server import ServerConnection, serve

from tests.faults.harness import ROOT, Ground, Program, free_port, until, write_private


def log(ground: Ground) -> str:
    """The terminal's log."""
    path = ground.home / "botbook.log"
    return path.read_text(encoding="utf-8") if path.exists() else ""


def ends_well(program: Program) -> None:
    """SIGTERM: exit code 0, no traceback."""
    assert program.is_running(), program.text()
    program.signal(signal.SIGTERM)
    assert program.wait(8) == 0, program.text()
    assert "Traceback" not in program.text()


@pytest.mark.parametrize("wrong", ["key", "secret"])
def test_wrong_keys_are_said_and_end_a_headless_run(ground: Ground, wrong: str) -> None:
    ground.settings(**{wrong: "w" * 64})

    program = ground.program("--headless", "--autotrade")

    assert program.wait(15) == 3, program.text()
    assert "botbook: .env.Binance API_KEY: the API key is not accepted" in program.text()
    assert "Traceback" not in log(ground) + program.text() and "w" * 64 not in log(ground) + program.text()
    assert not ground.exchange.truth()["orders"]


def test_keys_that_were_good_do_not_end_it_when_they_are_withdrawn(ground: Ground) -> None:
    ground.settings()
    program = ground.program("--headless")
    until(lambda: "recovered: account SIM-1" in log(ground), 15, "recovered")
    line = "botbook: SIM runs on Binance-F account SIM-1; 0 bots on WORK, trading OFF. Ctrl-C ends it"
    until(lambda: sum(line in told for told in program.out) == 1, 5, "what runs, in one line")

    ground.exchange.control("fault", name="status", path="/fapi", http=401, code=-2015, times=50,
                            body={"code": -2015, "msg": "Invalid API-key, IP, or permissions for action."})
    ground.exchange.control("fault", name="cut")

    until(lambda: "not accepted" in log(ground), 20, "the sentence")
    assert log(ground).count("is not accepted") == 1
    ends_well(program)


@pytest.mark.parametrize("offset", [-10_000, 10_000])
def test_a_clock_ten_seconds_off_trades_on(ground: Ground, offset: int) -> None:
    ground.exchange.control("clock", offset_ms=offset)
    ground.settings()

    program = ground.program("--headless")

    until(lambda: "recovered: account SIM-1" in log(ground), 15, "recovered")
    ends_well(program)


def test_a_clock_minutes_off_does_not_trade(ground: Ground) -> None:
    ground.exchange.control("clock", offset_ms=-300_000)
    ground.settings()
    told = ground.program("doctor")

    assert told.wait() in (0, 1)
    assert "300" in told.text() or "299" in told.text(), told.text()

    program = ground.program("--headless")
    until(lambda: "the exchange's (60 s are allowed): no trading" in program.text(), 15, "the sentence")
    time.sleep(1)
    assert "recovered" not in log(ground)
    ends_well(program)


@pytest.mark.parametrize(("path", "name", "words"), [
    ("positionSide/dual", "dualSidePosition", "the account is in hedge mode"),
    ("multiAssetsMargin", "multiAssetsMargin", "the account is in multi-assets mode")])
def test_an_account_in_a_mode_that_is_refused_is_said(ground: Ground, path: str, name: str, words: str) -> None:
    ground.exchange.ok("POST", f"/fapi/v1/{path}", **{name: "true"})
    ground.settings()

    program = ground.program("--headless", "--autotrade")

    until(lambda: words in program.text(), 15, "the sentence")
    ends_well(program)


def test_an_exchange_that_is_not_there_is_said_and_waited_for(ground: Ground) -> None:
    ground.settings(http=f"http://127.0.0.1:{free_port()}")

    program = ground.program("--headless")

    until(lambda: "no connection (refused or unreachable). Trying again" in program.text(), 15, "the sentence")
    time.sleep(1)
    assert program.text().count("Trying again") == 1
    ends_well(program)


def test_a_symbol_that_does_not_exist(ground: Ground) -> None:
    ground.settings(more="LINEAR_SYMBOLS=BTCUSDT, NOSUCHUSDT")

    program = ground.program("--headless")

    assert program.wait(15) == 3, program.text()
    assert ".env.Binance LINEAR_SYMBOLS: NOSUCHUSDT is not listed or not trading" in program.text()
    assert "Traceback" not in log(ground)


FRAMES: tuple[str | bytes, ...] = (
    "", "{", "null", "[]", "[[[[", '"text"', "<html>502</html>", '{"stream":"btcusdt@bookTicker"}', "[" * 100_000,
    '{"stream":"btcusdt@bookTicker","data":{"e":"bookTicker","u":1,"s":"BTCUSDT","b":"NaN","B":"1","a":"2","A":"1"}}',
    '{"stream":"btcusdt@bookTicker","data":{"u":1,"s":"BTCUSDT","b":"-1","B":"1e400","a":"Infinity","A":"1"}}',
    '{"stream":"btcusdt@depth@100ms","data":{"e":"depthUpdate","U":"x","u":[],"pu":{},"b":"no list","a":7}}',
    '{"stream":"btcusdt@depth@100ms","data":{"e":"depthUpdate","s":"BTCUSDT","U":1,"u":2,"pu":0,"b":[["0","-5"]],"a":[]}}',
    '{"stream":"btcusdt@kline_1m","data":{"e":"kline","k":{"t":"yesterday","o":"","c":null}}}',
    '{"stream":"nobody@knows","data":{"e":"newThing","E":1}}', '{"e":"ORDER_TRADE_UPDATE","o":{"s":"BTCUSDT"}}',
    '{"e":"ACCOUNT_UPDATE","a":{"B":[{"a":"USDT","wb":"NaN"}],"P":"none"}}', '{"id":99,"error":{"code":2,"msg":"no"}}',
    b"\x00\xff\xfe binary", "x" * 1_000_000,
)


@contextlib.contextmanager
def babbling() -> Iterator[tuple[str, list[int]]]:
    """A websocket server that says nothing sensible; its address and how often each frame was said."""
    said: list[int] = []

    def babble(connection: ServerConnection) -> None:
        with contextlib.suppress(ConnectionClosed, OSError):
            for number, frame in enumerate(FRAMES):
                connection.send(frame)
                said.append(number)
            for _ in connection:
                pass

    with serve(babble, "127.0.0.1", 0, compression=None) as made:
        thread = threading.Thread(target=made.serve_forever, daemon=True)
        thread.start()
        yield f"ws://127.0.0.1:{made.socket.getsockname()[1]}", said
        made.shutdown()
        thread.join(3)


def test_malformed_frames_are_counted_and_survived(ground: Ground) -> None:
    with babbling() as (address, said):
        ground.settings(ws=address)
        program = ground.program("--headless")

        until(lambda: said.count(len(FRAMES) - 1) >= 2, 20, "every frame on two connections")
        time.sleep(1)

        ends_well(program)
    text = log(ground)
    assert "Traceback" not in text and "died" not in text, text[-3000:]
    assert text.count("\n") < 200, "a line for every frame"
    assert not ground.exchange.truth()["orders"]


def test_doctor_says_what_works(ground: Ground) -> None:
    ground.settings()

    plain, told = ground.program("doctor"), ground.program("doctor", "--json")

    assert plain.wait(30) in (0, 1) and told.wait(30) in (0, 1)
    assert "✓" in plain.text() and "Traceback" not in plain.text()
    rows = {row["name"]: row for row in json.loads("\n".join(told.out))["checks"]}
    for step in ("DNS", "TCP", "server time", "symbols", "key", "permissions", "position mode", "user stream"):
        assert rows[f"Binance-F {step}"]["level"] == "ok", rows[f"Binance-F {step}"]
    secrets = [value for name, value in ground.exchange.venue.items() if name.startswith("api_")]
    assert not any(secret in plain.text() + told.text() for secret in secrets)


def test_doctor_names_a_wrong_key_and_the_closed_exchange(ground: Ground) -> None:
    ground.settings(env="MARKET_LIST=Binance", secret="w" * 64)

    told = ground.program("doctor", "--json")

    assert told.wait(30) == 1
    rows = json.loads("\n".join(told.out))["checks"]
    assert (rows[-1]["name"], rows[-1]["level"]) == ("Binance-F key", "error") and "API_SECRET" in rows[-1]["cure"]
    write_private(ground.home / ".env", "MARKET_LIST=Bitmex")

    told = ground.program("doctor")

    assert told.wait(30) in (0, 1)
    assert "▲ BitMEX" in told.text() and "closed since 2026-09-23" in told.text()


def test_the_referee_runs_by_itself(ground: Ground, tmp_path: Path) -> None:
    ground.settings()
    program = ground.program("--headless")
    until(lambda: "recovered" in log(ground), 15, "recovered")

    judge = ground.keep(Program(["-m", "tests.faults.referee", "--home", str(ground.home), "--control",
                                 ground.control_url]))

    assert judge.wait() == 0, judge.text()
    assert "✓ I1 no loss" in judge.text() and str(ROOT) not in judge.text()
    ends_well(program)
