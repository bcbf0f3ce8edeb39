from __future__ import annotations

import logging
import stat
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from core.errors import VenueError
from core.logs import LOG_FILE, LogHandle, RecentLines, one_line, redact, start_logging
from core.secrets import Credentials, KnownSecrets, Password

KEY = "vmPUZE6mv9SD5VNHk4HlWFsOr6aKE2zvsw0MuIgwCIPy6utIco14y7Ju91duEh8A"
SECRET = "NhqPtmdSJYdKjVHjA7PZj4Mge3R5YNiP1e3UZjInClVN65XAbvqqM6A7H5fATj0j"
LISTEN_KEY = "pqia91ma19a5s61cv6a81va65sdf19v8a65a1a5s61cv6a81va65sdf19v8a65a1"
SIGNATURE = "c8db56825ae71d6d79447849e617115f4a920fa2acdcab2b053c4b2838bd6b71"
WORD = "correct horse"
SECRETS = (KEY, SECRET, LISTEN_KEY, SIGNATURE, WORD)


@pytest.fixture
def recent() -> RecentLines:
    return RecentLines()


@pytest.fixture
def log(tmp_path: Path, recent: RecentLines) -> Iterator[LogHandle]:
    known = KnownSecrets()
    Credentials(KEY, SECRET, known)
    Password(WORD, known)
    level = logging.getLogger().level
    handle = start_logging(tmp_path, "debug", known, console=True, sink=recent)
    yield handle
    handle.stop()
    logging.getLogger().setLevel(level)


def written(home: Path) -> str:
    return "".join(path.read_text() for path in sorted(home.glob("botbook.log*")))


def secrets_in(text: str) -> list[str]:
    return [secret for secret in SECRETS if secret in text]


def fail_in_the_venue_layer() -> None:
    url = f"https://host/fapi/v1/order?symbol=BTCUSDT&signature={SIGNATURE}"
    raise OSError(f"Max retries exceeded with url: {url} headers={{'X-MBX-APIKEY': '{KEY}'}} listenKey={LISTEN_KEY}")


def fail_in_the_ledger() -> None:
    raise ValueError(f"mysql+pymysql://trader:{WORD}@host/db and {SECRET!r}")


def fail_chained() -> None:
    try:
        fail_in_the_venue_layer()
    except OSError as error:
        raise VenueError("Binance", f"no answer: {error}") from error


@pytest.mark.parametrize("fail", [fail_in_the_venue_layer, fail_in_the_ledger, fail_chained])
@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_no_secret_raised_at_any_layer_is_written(
    log: LogHandle, recent: RecentLines, tmp_path: Path, capsys: pytest.CaptureFixture[str], fail: object
) -> None:
    assert callable(fail)
    try:
        fail()
    except Exception as error:
        logging.getLogger("layer").exception("caught %s with %r", error, {"api_secret": SECRET, "key": KEY})
        logging.getLogger("layer").info("also %s", error, stack_info=True)
        sys.excepthook(type(error), error, error.__traceback__)
    thread = threading.Thread(target=fail, name="private stream")
    thread.start()
    thread.join()

    log.stop()

    text = written(tmp_path)
    assert "Traceback" in text and "thread private stream died" in text and "***" in text
    captured = capsys.readouterr()
    shown = "".join(line.text for line in recent.lines())
    assert secrets_in(text + captured.err + captured.out + shown) == []


@pytest.mark.parametrize("text", [
    f"GET /fapi/v1/order?a=1&signature={SIGNATURE}",
    "signature=deadbeef",
    "{'X-MBX-APIKEY': 'deadbeef'}",
    "X-MBX-APIKEY: DeadBeef1",
    "Authorization: Bearer deadbeef",
    '{"listenKey":"deadbeef"}',
    "('api_secret', 'deadbeef')",
    f"wss://fstream.binance.com/private/ws/{LISTEN_KEY}",
    "mysql+pymysql://bob:deadbeef@127.0.0.1/db",
    f"a bare one {SECRET}",
])
def test_what_looks_like_a_secret_is_hidden_though_nobody_named_it(text: str) -> None:
    hidden = redact(text, KnownSecrets())

    assert "***" in hidden
    assert not [part for part in (*SECRETS, "deadbeef", "DeadBeef1") if part in hidden]


@pytest.mark.parametrize("text", [
    "API_SECRET: missing, though the other half of the pair is there", "order 17.ma1 filled 0.100 at 61204.5",
])
def test_plain_sentences_stay(text: str) -> None:
    assert redact(text, KnownSecrets()) == text


def test_text_of_a_venue_cannot_pose_as_a_record(log: LogHandle, tmp_path: Path) -> None:
    evil = "no\n2026-01-01T00:00:00.000Z INFO    engine  all is well\r\x1b[2J\u202e"
    try:
        raise ValueError(evil)
    except ValueError:
        logging.getLogger("venue").exception("text %s", evil)

    log.stop()

    lines = written(tmp_path).splitlines()
    assert "text no\\n2026" in lines[0] and "\\x1b[2J\\u202e" in lines[0]
    assert all(line.startswith("    | ") for line in lines[1:])


def test_log_file_is_for_its_owner_alone_even_when_it_was_not(tmp_path: Path) -> None:
    (tmp_path / LOG_FILE).touch(mode=0o644)

    start_logging(tmp_path, "info", KnownSecrets()).stop()

    assert stat.S_IMODE((tmp_path / LOG_FILE).stat().st_mode) == 0o600


def test_files_roll_and_stay_private(tmp_path: Path) -> None:
    log = start_logging(tmp_path, "info", KnownSecrets(), size_mb=1, files=2)
    for number in range(1200):
        logging.getLogger("x").info("%d %s", number, "word " * 500)

    log.stop()

    files = sorted(tmp_path.glob("botbook.log*"))
    assert [file.name for file in files] == ["botbook.log", "botbook.log.1", "botbook.log.2"]
    assert all(stat.S_IMODE(file.stat().st_mode) == 0o600 and file.stat().st_size <= 1_000_000 for file in files)


def test_messages_panel_gets_info_and_above_once(log: LogHandle, recent: RecentLines) -> None:
    logging.getLogger("engine").debug("too much")
    logging.getLogger("engine").info("F9 is ON")
    log.stop()

    assert [(line.name, line.text, line.level) for line in recent.lines()] == [("engine", "F9 is ON", logging.INFO)]
    assert recent.count == 1


def test_console_shows_no_traceback_without_debug(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    log = start_logging(tmp_path, "info", KnownSecrets(), console=True)
    try:
        raise ValueError("wrong")
    except ValueError:
        logging.getLogger("x").exception("failed")

    log.stop()

    assert "failed" in capsys.readouterr().err
    assert "Traceback" in written(tmp_path)


def test_a_bad_call_or_sink_or_disk_never_raises(tmp_path: Path) -> None:
    def bad_sink(line: object) -> None:
        raise RuntimeError("sink")

    log = start_logging(tmp_path, "info", KnownSecrets(), sink=bad_sink)
    logging.raiseExceptions, before = False, logging.raiseExceptions
    logging.getLogger("x").info("two %s %s", *["one"])
    logging.getLogger("x").info("still here")
    log.stop()
    logging.raiseExceptions = before

    assert "arguments do not fit" in written(tmp_path) and "still here" in written(tmp_path)


def test_hooks_are_given_back_and_stop_twice_is_harmless(tmp_path: Path) -> None:
    before = (sys.excepthook, threading.excepthook, sys.unraisablehook)
    log = start_logging(tmp_path, "info", KnownSecrets())
    assert sys.excepthook is not before[0]

    log.stop()
    log.stop()

    assert (sys.excepthook, threading.excepthook, sys.unraisablehook) == before


def test_logging_is_cheap_for_the_thread_that_logs(log: LogHandle) -> None:
    start = time.perf_counter()
    for _ in range(200):
        logging.getLogger("x").info("order %s filled at %s", "17.ma1", "61204.5")

    assert (time.perf_counter() - start) / 200 < 0.005


def test_huge_text_is_cut() -> None:
    assert len(one_line("x" * 1_000_000)) < 4_100
