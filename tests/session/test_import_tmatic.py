"""`main.py ledger import-tmatic`: dumps and SQLite files of an older terminal, once, again, damaged."""

from __future__ import annotations

import sqlite3
from decimal import Decimal
from pathlib import Path

import pytest

import main
from core.rows import CoinRow
from db.reading import Reading
from db.store import Store
from session import lock
from session.ledger.check import inside

D = Decimal
DUMP = r"""-- MySQL dump 10.13; a ; in a comment's text
/*!40101 SET NAMES utf8 */;
DROP TABLE IF EXISTS `coins`;
CREATE TABLE `coins` (
  `ID` int NOT NULL AUTO_INCREMENT,
  `EXECID` varchar(45) DEFAULT NULL,
  `EMI` varchar(25) DEFAULT NULL,
  `REFER` varchar(20) DEFAULT NULL,
  `EXCHANGE` varchar(20) DEFAULT NULL,
  `CURRENCY` varchar(10) DEFAULT NULL,
  `SYMBOL` varchar(20) DEFAULT NULL,
  `CATEGORY` varchar(10) DEFAULT NULL,
  `SIDE` tinyint DEFAULT NULL,
  `QTY` int DEFAULT NULL,
  `QTY_REST` int DEFAULT NULL,
  `PRICE` decimal(16,8) DEFAULT NULL,
  `THEOR_PRICE` decimal(16,8) DEFAULT NULL,
  `TRADE_PRICE` decimal(16,8) DEFAULT NULL,
  `SUMREAL` decimal(19,12) DEFAULT NULL,
  `COMMISS` decimal(19,15) DEFAULT '0.000000000000000',
  `TTIME` datetime DEFAULT NULL,
  `DAT` timestamp NULL DEFAULT CURRENT_TIMESTAMP,
  `CLORDID` int DEFAULT '0',
  `ACCOUNT` int DEFAULT '0',
  UNIQUE KEY `ID_UNIQUE` (`ID`), KEY `EXECID_ix` (`EXECID`)
) ENGINE=InnoDB;
LOCK TABLES `coins` WRITE;
INSERT INTO `coins` VALUES (1,'t-1','alfa','alfa','Bitmex','XBt','XBTUSD','inverse',0,200,0,40000.00000000,0.00000000,40000.50000000,0.004999937501,0.000003749953125,'2024-01-02 03:04:05','2024-01-02 03:04:06',1109594183,77),(2,'t-2','alfa','alfa','Bitmex','XBt','XBTUSD','inverse',1,100,0,41000.00000000,0.00000000,41000.00000000,-0.002439024390,-0.000000609756097,'2024-01-02 04:00:00','2024-01-02 04:00:00',1109594184,77),
(3,'t-3','XBTUSD.inverse','','Bitmex','XBt','XBTUSD','inverse',0,50,0,40000.0,0,40000.0,0.00125,0,'2024-01-02 05:00:00',NULL,0,77),
(4,'f-1','alfa','','Bitmex','XBt','XBTUSD','inverse',-1,100,0,40100.0,0,40100.0,0,0.0000002494,'2024-01-02 12:00:00',NULL,0,77),(5,'f-1','XBTUSD.inverse','','Bitmex','XBt','XBTUSD','inverse',-1,50,0,40100.0,0,40100.0,0,0.0000001247,'2024-01-02 12:00:00',NULL,0,77),
(6,'b-1','x','x','Bybit','USDT','BTCUSDT','linear',0,1,0,1,0,1,-1,0,'2024-01-02 13:00:00',NULL,0,77);
INSERT INTO coins (EXECID,EMI,EXCHANGE,CURRENCY,SYMBOL,CATEGORY,SIDE,QTY,PRICE,TRADE_PRICE,SUMREAL,COMMISS,TTIME,CLORDID,ACCOUNT,REFER) VALUES ('t-4','it''s; (odd)','Bitmex','USDt','XBTUSDT','linear',1,1000,60000,60000.5,60.0005,0.045000375,'2024-02-01 00:00:00.250',7,77,NULL);
CREATE TABLE `robots` (
  `EMI` varchar(20) DEFAULT NULL, `SYMBOL` varchar(20) DEFAULT NULL, `CATEGORY` varchar(10) DEFAULT NULL,
  `EXCHANGE` varchar(20) DEFAULT NULL);
INSERT INTO robots (EMI,SYMBOL,CATEGORY,EXCHANGE,SORT,DAT,TIMEFR,CAPITAL,MARGIN) VALUES ('alfa','XBTUSD','inverse','Bitmex',2,NULL,5,1,0),('2fast','XBTUSD','inverse','Bitmex',3,NULL,5,1,0);
"""  # noqa: E501


@pytest.fixture(autouse=True)
def _same_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """What main does to its own process is not done to the tests'."""
    monkeypatch.setattr(main, "_harden", lambda: None)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """An empty home."""
    made = tmp_path / "home"
    made.mkdir(mode=0o700)
    return made


@pytest.fixture
def dump(tmp_path: Path) -> Path:
    """A dump of MySQL."""
    path = tmp_path / "old.sql"
    path.write_text(DUMP)
    return path


def take(home: Path, path: Path, *arguments: str) -> int:
    """The command's exit code."""
    return main.main(["ledger", "import-tmatic", str(path), "--home", str(home), *arguments])


def clean(home: Path) -> bool:
    """Whether the ledger proves itself."""
    with Reading.sqlite(home / "sim.db") as ledger:
        return not any(problems for _, problems in inside(ledger, ledger.count()))


def booked(home: Path, account: str = "77") -> list[CoinRow]:
    """The ledger's rows."""
    store = Store.sqlite(home / "sim.db")
    rows = store.coin_rows("Bitmex", account)
    store.close()
    return list(rows)


def test_a_dump_becomes_rows_with_their_owners(home: Path, dump: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert take(home, dump) == 0

    rows = booked(home)
    assert [(r.exec_id, r.part, r.emi, r.refer, r.side, r.qty) for r in rows] == [
        ("t-1", 0, "alfa", "", 0, D(200)), ("t-2", 0, "alfa", "", 1, D(-100)),
        ("t-3", 0, "XBTUSD.inverse", "", 0, D(50)), ("f-1", 0, "alfa", "", -1, D(100)),
        ("f-1", 1, "XBTUSD.inverse", "", -1, D(50)),
        ("t-4", 0, "XBTUSDT.linear", "it's; (odd)", 1, D(-1000))]
    first, last = rows[0], rows[-1]
    assert (first.sumreal, first.commiss, first.trade_price, first.theor_price, first.cl_ord_number) == (
        D("0.004999937501"), D("0.000003749953125"), D("40000.5"), D(40000), 1109594183)
    assert (first.time, last.time) == (1704164645000, 1706745600250)
    said = capsys.readouterr().out
    assert "booked 6 rows of 5 facts; 0 were there already" in said
    assert "bots added, switched OFF: alfa" in said
    assert "skipped 1: Bybit is no exchange of this program (line 31)" in said
    assert "2fast" in said and clean(home)


def test_a_second_run_adds_nothing(home: Path, dump: Path, capsys: pytest.CaptureFixture[str]) -> None:
    take(home, dump)
    before = booked(home)

    assert take(home, dump) == 0

    assert booked(home) == before
    assert "booked 0 rows of 0 facts; 5 were there already" in capsys.readouterr().out.split("into the ledger")[-1]
    assert clean(home)


def test_its_bots_come_switched_off(home: Path, dump: Path) -> None:
    take(home, dump)

    store = Store.sqlite(home / "sim.db")
    (robot,) = store.robots()
    store.close()
    assert (robot.emi, robot.symbol, robot.category, robot.market, robot.timefr, robot.state) == (
        "alfa", "XBTUSD", "inverse", "Bitmex", 5, "OFF")


def test_an_inverse_trade_at_no_price_and_a_number_that_is_none_are_no_accidents(
        home: Path, dump: Path, capsys: pytest.CaptureFixture[str]) -> None:
    dump.write_text(DUMP.replace("40000.50000000,0.0049", "0.00000000,0.0049")
                    .replace("'Bitmex',2,NULL", "'Bitmex','--2',NULL"))

    assert take(home, dump) == 0

    said = capsys.readouterr().out
    assert "skipped 1: an inverse trade of TRADE_PRICE 0" in said and "bots added, switched OFF: alfa" in said
    assert booked(home)[0].exec_id == "t-2" and clean(home)


def newest(path: Path) -> None:
    """The SQLite file of the newest version: two tables of trades, sides in words, bots without a symbol."""
    with sqlite3.connect(path) as raw:
        for table in ("real_trade", "test_trade"):
            raw.execute(
                f"CREATE TABLE {table} (ID INTEGER PRIMARY KEY AUTOINCREMENT, EXECID varchar(45), EMI varchar(20), "
                "REFER varchar(20), MARKET varchar(20), CURRENCY varchar(10), SYMBOL varchar(40), TICKER varchar(40), "
                "CATEGORY varchar(20), SIDE varchar(4), QTY decimal(20,8), QTY_REST decimal(20,8), PRICE decimal, "
                "THEOR_PRICE decimal(20,8), TRADE_PRICE decimal(20,8), SUMREAL decimal(30,12), COMMISS decimal(30,16), "
                "TTIME datetime, CLORDID int, ACCOUNT int)")
        sides = (("x1", "beta", "Buy", 100), ("x2", "beta", "Sell", -40), ("x3", "", "Fund", 60),
                 ("d1", "beta", "Sell", -60), ("d1", "", "Buy", 10), ("d1", "", "Buy", 10))
        raw.executemany(
            "INSERT INTO real_trade (EXECID, EMI, REFER, MARKET, CURRENCY, SYMBOL, TICKER, CATEGORY, SIDE, QTY, "
            "QTY_REST, PRICE, TRADE_PRICE, SUMREAL, COMMISS, TTIME, CLORDID, ACCOUNT) VALUES (?, ?, ?, 'Bitmex', "
            "'XBt', 'XBTUSD', 'XBTUSD', 'inverse', ?, ?, 0, 40000, 40000, 0.0025, 1e-7, '2024-05-01 10:00:00', ?, 77)",
            [(name, emi, emi, side, qty, "Delivery" if name == "d1" else 5) for name, emi, side, qty in sides])
        raw.execute("CREATE TABLE robots (EMI varchar(20), SORT tinyint, TIMEFR varchar(5), STATE varchar(10))")
        raw.executemany("INSERT INTO robots VALUES (?, 1, ?, 'Active')", [("beta", "1h"), ("idle", "5min")])


def test_the_newest_sqlite_file_is_read_too(home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    newest(tmp_path / "tmatic.db")

    assert take(home, tmp_path / "tmatic.db") == 0

    assert [(r.exec_id, r.emi, r.side, r.qty, r.cl_ord_number) for r in booked(home)] == [
        ("x1", "beta", 0, D(100), 5), ("x2", "beta", 1, D(-40), 5), ("x3", "XBTUSD.inverse", -1, D(60), 5),
        ("d1", "beta", 1, D(-60), 0), ("d1/1", "XBTUSD.inverse", 0, D(10), 0)]
    said = capsys.readouterr().out
    assert "skipped 1: the same trade stands there twice (d1)" in said
    assert "bots added, switched OFF: beta" in said and "its trades name none (idle row 2)" in said
    store = Store.sqlite(home / "sim.db")
    assert [(r.emi, r.symbol, r.timefr) for r in store.robots()] == [("beta", "XBTUSD", 60)]
    store.close()
    assert take(home, tmp_path / "tmatic.db") == 0
    assert len(booked(home)) == 5


@pytest.mark.parametrize(("text", "code", "words"), [
    ("dear diary, " * 50, 5, "neither an SQLite file nor a dump"),
    (DUMP[:DUMP.index("(3,'t-3'") + 30], 5, "the dump was cut off"),
    (DUMP.replace("(3,'t-3',", "(3,t-3,"), 5, "line 29: “t-3,"),
    (DUMP.replace(",1109594184,77)", ",77)"), 5, "line 28: 19 values for 20 columns of coins"),
    (DUMP.replace("CREATE TABLE `coins`", "CREATE TABLE `other`"), 5, "the rows of coins name no columns"),
    ("", 5, "neither an SQLite file nor a dump"),
])
def test_files_that_cannot_be_read_are_one_sentence(home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str],
                                                    text: str, code: int, words: str) -> None:
    (tmp_path / "old.sql").write_text(text)

    assert take(home, tmp_path / "old.sql") == code
    assert words in capsys.readouterr().err
    assert booked(home) == []


def test_a_file_that_is_not_there_is_one_sentence(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert take(home, home / "missing.sql") == 3
    assert "cannot be read (No such file or directory)" in capsys.readouterr().err


@pytest.mark.parametrize(("old", "new", "words"), [
    ("200,0,40000.00000000", "200,0,'many'", "PRICE many is no number"),
    ("'2024-01-02 03:04:05'", "'yesterday'", "TTIME yesterday is no time"),
    ("1109594183,77)", "1109594183,0)", "no ACCOUNT; give it with --account"),
    ("'t-1',", "NULL,", "no EXECID"), ("'inverse',0,200", "'option',0,200", "CATEGORY option is none"),
    ("'inverse',0,200", "'spot',0,200", "spot: the older program kept no value"),
])
def test_rows_that_cannot_be_booked_are_named_and_the_others_booked(
        home: Path, dump: Path, capsys: pytest.CaptureFixture[str], old: str, new: str, words: str) -> None:
    dump.write_text(DUMP.replace(old, new, 1))

    assert take(home, dump) == 0
    assert len(booked(home)) == 5
    assert words in capsys.readouterr().out


def test_rows_without_an_account_take_the_one_given(home: Path, dump: Path) -> None:
    dump.write_text(DUMP.replace(",77)", ",0)").replace(",77,NULL)", ",0,NULL)"))

    assert take(home, dump, "--account", "4711") == 0
    assert len(booked(home, "4711")) == 6


def test_import_waits_for_the_program_to_end(home: Path, dump: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with lock.take(home):
        assert take(home, dump) == 6
    assert "another copy of the program" in capsys.readouterr().err


def test_long_dumps_are_read_piece_by_piece(home: Path, tmp_path: Path) -> None:
    head, rest = DUMP.split("INSERT INTO `coins` VALUES ", 1)
    row = rest[:rest.index(",(2,'t-2'")]
    path = tmp_path / "long.sql"
    path.write_text(head + "INSERT INTO `coins` VALUES " + ",".join(
        row.replace("'t-1'", f"'t-{n}'").replace("'alfa','alfa'", "'alfa','a\\'; (b)'") for n in range(5000)) + ";\n")

    assert take(home, path) == 0

    rows = booked(home)
    assert len(rows) == 5000 and rows[0].refer == "a'; (b)"
    assert clean(home)
