"""Exit codes: 0 ok, 1 failed, 2 usage, 3 configuration, 4 venue, 5 database, 6 already running; one clear sentence."""

from __future__ import annotations

import fcntl
import os
import shutil
import socket
import stat
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from tests.faults.harness import ROOT, Ground, Program, free_port, until, write_private
from tests.support.mariadb import PASSWORD, MariaDb

LIVE = ('TESTNET="False" means real money: that is traded only when the program is started with --live '
        '(make run ARGS=--live); TESTNET="True" is the test network')


def run(home: Path, *arguments: str, code: int) -> str:
    """`main.py` until its end; what it said, which is no traceback and, with an error, one line of ours."""
    program = Program([str(ROOT / "main.py"), "--home", str(home), *arguments])
    try:
        assert program.wait(20) == code, program.text()
    finally:
        program.end()
    text = program.text()
    assert "Traceback" not in text, text
    return text


def sentence(home: Path, *arguments: str, code: int) -> str:
    """The one line that says what is wrong."""
    text = run(home, *arguments, code=code)
    lines = [line for line in text.splitlines() if line.startswith("botbook: ")]
    assert len(lines) == 1, text
    return lines[0]


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """An empty home of mode 0700."""
    made = tmp_path / "home"
    made.mkdir(mode=0o700)
    return made


def test_0_for_the_version(home: Path) -> None:
    assert run(home, "--version", code=0).startswith("Botbook ")


@pytest.mark.parametrize("arguments", [["--demo", "--live"], ["--nonsense"], ["--testnet", "--demo"], ["ledger"],
                                       ["simulate", "--port", "many"]])
def test_2_for_flags_that_do_not_fit(home: Path, arguments: list[str]) -> None:
    assert "usage:" in run(home, *arguments, code=2)


@pytest.mark.parametrize(("testnet", "flags", "code", "words"), [
    ("False", (), 2, LIVE), ("True", ("--live",), 3, '--live needs TESTNET="False" too')])
def test_real_money_needs_both_the_setting_and_the_flag(home: Path, testnet: str, flags: tuple[str, ...], code: int,
                                                        words: str) -> None:
    write_private(home / ".env", f"TESTNET={testnet}")
    write_private(home / ".env.Binance", f"API_KEY={'k' * 64}\nAPI_SECRET={'s' * 64}")

    assert words in sentence(home, *flags, "--headless", code=code)
    assert not list(home.glob("*.db"))


@pytest.mark.parametrize(("lines", "words"), [
    ("TESTNET_HTTP_URL=http://127.0.0.1:9", "mixed"),
    ("TESTNET_WS_URL=ws://127.0.0.1:9", "mixed"),
    ("TESTNET_HTTP_URL=http://127.0.0.1:9\nTESTNET_WS_URL=wss://fstream.binance.com", "mixed"),
    ("TESTNET_HTTP_URL=https://fapi.binance.com\nTESTNET_WS_URL=wss://fstream.binance.com", "live host"),
    ("TESTNET_HTTP_URL=http://demo-fapi.binance.com", "TESTNET_HTTP_URL"),
    ("TESTNET_API_KEY=onlyhalfofit", "TESTNET_API_SECRET"),
    ("LINEAR_SYMBOLS=BTC/USDT", "LINEAR_SYMBOLS"),
])
def test_3_for_a_setting_that_cannot_be_used(home: Path, lines: str, words: str) -> None:
    write_private(home / ".env.Binance", lines)

    assert words in run(home, "--headless", code=3)


@pytest.mark.parametrize("place", ["/dev/null/home", "/proc/home"])
def test_3_for_a_folder_that_cannot_be_made(place: str) -> None:
    assert place in sentence(Path(place), "--headless", "--demo", code=3)


def test_3_for_a_home_that_is_a_file(tmp_path: Path) -> None:
    (tmp_path / "home").write_text("")

    assert "a folder is needed" in sentence(tmp_path / "home", "--headless", "--demo", code=3)


def test_3_for_a_home_others_may_write(home: Path) -> None:
    home.chmod(0o777)

    assert "chmod 700" in sentence(home, "--headless", "--demo", code=3)


def test_3_for_a_folder_that_may_only_be_read() -> None:
    with tempfile.TemporaryDirectory() as above:     # pytest's own folders are closed to other users
        Path(above).chmod(0o755)
        home = Path(above) / "home"
        home.mkdir(mode=0o700)
        try:
            _refuses_read_only(home)
        finally:
            home.chmod(0o700)


def _refuses_read_only(home: Path) -> None:
    prefix: list[str] = []
    if os.geteuid() == 0:                    # permissions do not bind root: another user has to try
        if shutil.which("setpriv") is None:
            pytest.skip("root may write everywhere, and there is no setpriv")
        prefix = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--"]
        looks = subprocess.run([*prefix, sys.executable, "-c", "import sqlalchemy"], cwd="/", capture_output=True,
                               check=False)
        reads = subprocess.run([*prefix, "test", "-r", str(ROOT / "main.py"), "-a", "-x", str(home.parent)],
                               check=False)
        if looks.returncode or reads.returncode:
            pytest.skip("root may write everywhere, and another user may not come here")
    home.chmod(stat.S_IRUSR | stat.S_IXUSR | stat.S_IROTH | stat.S_IXOTH)

    done = subprocess.run([*prefix, sys.executable, "-B", str(ROOT / "main.py"), "--home", str(home), "--demo",
                           "--headless"], capture_output=True, text=True, check=False, timeout=20, cwd="/")

    assert done.returncode == 3, done.stderr
    assert "cannot be written" in done.stderr and "Traceback" not in done.stderr


def test_4_when_the_bundled_exchange_cannot_start(home: Path) -> None:
    with open(home / "simulator.lock", "w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)

        assert "simulator.log" in sentence(home, "--demo", "--headless", code=4)


def test_1_when_the_port_is_taken(home: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        text = run(home, "simulate", "--port", str(taken.getsockname()[1]), code=1)

    assert "cannot be used" in text


def test_5_for_a_server_that_is_not_there(ground: Ground) -> None:
    ground.settings(f"MYSQL_HOST=127.0.0.1\nMYSQL_PORT={free_port()}\nMYSQL_USER=somebody\nMYSQL_PASSWORD=hunter22")

    text = sentence(ground.home, "--headless", code=5)

    assert "somebody@127.0.0.1" in text and "hunter22" not in text
    assert not list(ground.home.glob("*.db")), "a silent SQLite"


@pytest.mark.parametrize(("content", "words"), [(b"", "empty"), (b"no database at all, " * 300, "cannot be read")])
def test_5_for_a_spoilt_file(ground: Ground, content: bytes, words: str) -> None:
    ground.settings()
    (ground.home / "sim.db").write_bytes(content)

    assert words in sentence(ground.home, "--headless", code=5)
    assert (ground.home / "sim.db").read_bytes() == content


def test_5_for_books_of_another_mode(ground: Ground) -> None:
    ground.robot("alfa")
    ground.settings("SQLITE_DATABASE=sim.db")
    write_private(ground.home / ".env.Binance", f"TESTNET_API_KEY={'k' * 64}\nTESTNET_API_SECRET={'s' * 64}")

    assert "holds the books of SIM" in sentence(ground.home, "--testnet", "--headless", code=5)


def test_6_for_a_second_copy(ground: Ground) -> None:
    ground.settings()
    first = ground.program("--headless")
    until(lambda: (ground.home / "terminal.lock").exists() and (ground.home / "terminal.lock").read_text(), 10, "lock")

    assert str(first.pid) in sentence(ground.home, "--headless", code=6)
    assert first.is_running()


def test_6_for_a_second_copy_on_the_same_account_of_a_server(ground: Ground, server: MariaDb, tmp_path: Path) -> None:
    ground.settings(f"MYSQL_HOST=127.0.0.1\nMYSQL_PORT={server.port}\nMYSQL_USER={server.user}\n"
                    f"MYSQL_PASSWORD={PASSWORD}")
    ground.program("--headless")
    log = ground.home / "botbook.log"
    until(lambda: log.exists() and "recovered" in log.read_text(), 20, "recovered")
    other = tmp_path / "other"
    other.mkdir(mode=0o700)
    for name in (".env", ".env.Binance"):
        write_private(other / name, (ground.home / name).read_text())

    assert "SIM-1" in sentence(other, "--headless", code=6)
