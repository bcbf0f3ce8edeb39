"""history.ini: what people may have written into it, and how it is replaced."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.dates import to_ms, utc
from engine.history_file import read, write

NOW = 1_700_000_000_000
CHRISTMAS = 1_671_926_400_000      # 2022-12-25 00:00:00


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where the file stands."""
    return tmp_path / "history.ini"


def test_no_file_is_no_news(path: Path) -> None:
    assert read(path, NOW) == ({}, ())


def test_the_file_that_comes_with_the_program_means_everything() -> None:
    times, warnings = read(Path(__file__).resolve().parents[2] / "history.ini", NOW)

    assert times == {"Binance": 946_684_800_000} and warnings == ()


@pytest.mark.parametrize("line", [
    "time = 2022-12-25 00:00:00", "2022-12-25", "time=2022-12-25T00:00:00", "last = 2022-12-25 00:00:00+00:00",
    "time = 2022-12-25 01:00:00+01:00", "time = 2022-12-25 00:00:00 ; set back", "\ufefftime = 2022-12-25"])
def test_times_as_people_write_them(path: Path, line: str) -> None:
    path.write_text(f"[Binance  SIM-1]\n{line.removeprefix(chr(0xFEFF))}\n",
                    encoding="utf-8-sig" if line.startswith("\ufeff") else "utf-8")

    assert read(path, NOW) == ({"Binance SIM-1": CHRISTMAS}, ())


def test_windows_line_ends(path: Path) -> None:
    path.write_bytes(b"[Binance]\r\ntime = 2022-12-25 00:00:00\r\n")

    assert read(path, NOW)[0] == {"Binance": CHRISTMAS}


@pytest.mark.parametrize(("line", "words"), [
    ("time = yesterday", "“time = yesterday” is no time"), ("time = 2022-13-01", "is no time"), ("hello", "is no time"),
    ("time = 1969-12-31 23:00:00", "is no time"), ("time = 0001-01-01", "is no time"),
    ("time = 2999-01-01 00:00:00", "lies in the future; not used"), ("time =", "is no time")])
def test_what_is_no_time_is_said_with_its_line_and_not_used(path: Path, line: str, words: str) -> None:
    path.write_text(f"; head\n[Binance]\n{line}\n[Bitmex]\ntime = 2022-12-25\n")

    times, warnings = read(path, NOW)

    assert times == {"Bitmex": CHRISTMAS}
    assert len(warnings) == 1 and words in warnings[0] and warnings[0].startswith("history.ini line 3: ")


def test_1970_is_a_time_like_any_other(path: Path) -> None:
    path.write_text("[Binance]\ntime = 1970-01-01 00:00:00\n")

    assert read(path, NOW) == ({"Binance": 0}, ())


def test_section_that_stands_twice_counts_with_its_earlier_time(path: Path) -> None:
    path.write_text("[Binance]\ntime = 2023-01-01\n[Binance]\ntime = 2022-12-25\n[Binance]\ntime = 2023-06-01\n")

    times, warnings = read(path, NOW)

    assert times == {"Binance": CHRISTMAS}
    assert len(warnings) == 2 and "[Binance] stands twice" in warnings[0]


@pytest.mark.parametrize("content", [b"\xff\xfe\x00garbage", b"\x80\x81\x82"])
def test_file_that_is_no_text_is_said_and_not_used(path: Path, content: bytes) -> None:
    path.write_bytes(content)

    times, warnings = read(path, NOW)

    assert times == {} and "the database's cursors are used" in warnings[0]


def test_folder_in_its_place_is_said(path: Path) -> None:
    path.mkdir()

    assert read(path, NOW)[1]


def test_long_nonsense_is_cut(path: Path) -> None:
    path.write_text("[Binance]\n" + "x" * 100_000)

    assert len(read(path, NOW)[1][0]) < 200


def test_what_is_written_is_read_back(path: Path) -> None:
    times = {"Binance SIM-1": CHRISTMAS, "Bitmex 12345": 946_684_800_000}

    write(path, times)

    assert read(path, NOW) == (times, ())
    assert path.read_text().startswith(";") and "[Binance SIM-1]\ntime = 2022-12-25 00:00:00\n" in path.read_text()


def test_replacing_leaves_no_other_file_and_the_old_one_until_it_is_whole(path: Path,
                                                                          monkeypatch: pytest.MonkeyPatch) -> None:
    write(path, {"Binance SIM-1": CHRISTMAS})
    assert [p.name for p in path.parent.iterdir()] == ["history.ini"]

    def cut(*_: object) -> None:
        raise OSError("power cut")

    monkeypatch.setattr("engine.history_file.os.replace", cut)
    with pytest.raises(OSError, match="power cut"):
        write(path, {"Binance SIM-1": NOW})

    assert read(path, NOW) == ({"Binance SIM-1": CHRISTMAS}, ())


def test_fractions_of_a_second_are_written_down_earlier_never_later(path: Path) -> None:
    write(path, {"Binance": CHRISTMAS + 999})

    assert read(path, NOW)[0] == {"Binance": CHRISTMAS}
    assert to_ms(utc(CHRISTMAS + 999)) == CHRISTMAS + 999
