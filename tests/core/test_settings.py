from __future__ import annotations

import os
import re
import stat
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from core.errors import ConfigError
from core.home import has_settings, prepare_home, save_choice, write_private
from core.hosts import Reach, is_loopback, reach, read_url
from core.secrets import KnownSecrets
from core.setting_file import Problem
from core.setting_keys import KEYS, example_text
from core.settings import Demo, MysqlSettings, Settings, SqliteSettings, load_settings
from models import Category, Mode

PROJECT = Path(__file__).resolve().parents[2]
KEY, SECRET = "key-of-the-account", "secret-of-the-account"
LOCAL = 'HTTP_URL="http://127.0.0.1:8001"\nWS_URL="ws://127.0.0.1:8001"\n'


def load(home: Path, env: str | bytes = "", binance: str | bytes = "", flag: Mode | None = None,
         known: KnownSecrets | None = None) -> Settings:
    """The settings of a home with these two files."""
    for name, content in ((".env", env), (".env.Binance", binance)):
        (home / name).write_bytes(content if isinstance(content, bytes) else content.encode())
        (home / name).chmod(0o600)
    return load_settings(home, known or KnownSecrets(), flag)


def only(problems: tuple[Problem, ...]) -> Problem:
    assert len(problems) == 1, problems
    return problems[0]


def linear_hosts(settings: Settings) -> tuple[str, str, str, str]:
    hosts = settings.markets[0].products[0].hosts
    return hosts.rest, hosts.public, hosts.market, hosts.private


# ---------------------------------------------------------------- the table and its example


def test_example_is_the_table() -> None:
    assert (PROJECT / ".env.example").read_text() == example_text(), "run: python -m core.setting_keys > .env.example"


def test_example_has_no_values_and_reads_back_as_the_defaults(tmp_path: Path) -> None:
    example = example_text()
    assert all(line.startswith("#") or not line for line in example.splitlines())

    general, market, bitmex = re.split(r"======== \.env\.\w+ ========", example)
    lines = ["\n".join(line[1:] for line in part.splitlines() if re.match(r'#[A-Z_]+="', line))
             for part in (general, market, bitmex)]
    write_private(tmp_path / ".env.Bitmex", lines[2])
    settings, plain = load(tmp_path, lines[0].replace('MARKET_LIST="Binance"', 'MARKET_LIST="Binance, Bitmex"'),
                           lines[1]), load(tmp_path)

    assert settings.problems == () and settings.notices == ()
    assert (settings.general, settings.mode, settings.database) == (plain.general, plain.mode, plain.database)


def test_every_key_has_a_sentence_and_a_range() -> None:
    assert all(key.sentence.endswith(".") and key.allowed for key in KEYS)
    assert len({(key.file, key.name) for key in KEYS}) == len(KEYS)


# ---------------------------------------------------------------- the text of the files


def test_no_files_are_the_defaults(tmp_path: Path) -> None:
    settings = load_settings(tmp_path, KnownSecrets())

    assert (settings.mode, settings.demo, settings.problems, settings.notices) == (Mode.TESTNET, False, (), ())
    assert settings.general.refresh_rate == 5 and not settings.general.quote_only
    assert settings.markets[0].products[0].symbols == ("BTCUSDT", "ETHUSDT")
    assert settings.markets[0].credentials is None
    assert settings.database == SqliteSettings(tmp_path / "testnet.db")


@pytest.mark.parametrize("env", [
    b'REFRESH_RATE="7"\r\nTESTNET="False"\r\n',
    b"\xef\xbb\xbfREFRESH_RATE='7'\nTESTNET=false",
    b"# a comment\n\n  export REFRESH_RATE = 7 # why\nTESTNET=FALSE\n",
    b"REFRESH_RATE=7\rTESTNET='False'\r",
])
def test_line_ends_mark_quotes_and_comments_do_not_matter(tmp_path: Path, env: bytes) -> None:
    settings = load(tmp_path, env)

    assert (settings.general.refresh_rate, settings.mode) == (7, Mode.LIVE)
    assert settings.notices == () and settings.problems == ()


def test_of_a_key_given_twice_the_last_counts_and_both_lines_are_named(tmp_path: Path) -> None:
    settings = load(tmp_path, "\nREFRESH_RATE=3\r\n\r\n# x\r\nREFRESH_RATE=4\r\n")

    assert settings.general.refresh_rate == 4
    assert settings.notices == (".env: REFRESH_RATE stands in lines 2 and 5. The last one counts.",)


def test_dollar_signs_are_not_filled_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REFRESH_RATE", "9")

    settings = load(tmp_path, "MYSQL_HOST=db\nMYSQL_USER=u\nMYSQL_PASSWORD='a${HOME}b$'\n")

    assert isinstance(settings.database, MysqlSettings) and settings.database.password.reveal() == "a${HOME}b$"
    assert settings.general.refresh_rate == 5


@pytest.mark.parametrize(("env", "line"), [("REFRESH_RATE=3\nwhat is this\n", 2), ('\r\n\r\n=5\n', 3), ("THEME\n", 1)])
def test_a_line_that_cannot_be_read_is_named(tmp_path: Path, env: str, line: int) -> None:
    assert any(f"line {line} cannot be read" in notice for notice in load(tmp_path, env).notices)


def test_a_broken_line_of_a_strict_key_is_a_problem_not_a_default(tmp_path: Path) -> None:
    problem = only(load(tmp_path, 'MYSQL_HOST="db\nREFRESH_RATE=3\n').problems)

    assert problem.key == "MYSQL_HOST" and "line 1" in problem.text


def test_a_missing_quote_does_not_show_the_next_lines_secret(tmp_path: Path) -> None:
    binance = f"LINEAR_SYMBOLS='BTCUSDT\nAPI_SECRET={SECRET}\nCURRENCIES='USDT'\n"

    settings = load(tmp_path, binance=binance)

    assert settings.problems and SECRET not in repr(settings)
    assert settings.markets == ()


def test_utf16_is_refused_with_the_way_out(tmp_path: Path) -> None:
    problem = only(load(tmp_path, "REFRESH_RATE=3".encode("utf-16")).problems)

    assert "save it as UTF-8" in problem.text and problem.market == ""


def test_unknown_keys_name_the_nearest(tmp_path: Path) -> None:
    notices = load(tmp_path, "REFRESHRATE=3\nAPI_KEY=x\nZZZ=1\n", "SPOTSYMBOLS=BTCUSDT\n").notices

    assert notices == (
        ".env line 1: REFRESHRATE is not known; is REFRESH_RATE meant?",
        ".env line 2: API_KEY belongs into .env.Binance; it is not used here.",
        ".env line 3: ZZZ is not known and not used.",
        ".env.Binance line 1: SPOTSYMBOLS is not known; is SPOT_SYMBOLS meant?",
    )


# ---------------------------------------------------------------- look and rate: default, said


@pytest.mark.parametrize(("line", "notice"), [
    ("REFRESH_RATE=50", "REFRESH_RATE=50: 1 to 10. Using 5."),
    ("REFRESH_RATE=0", "REFRESH_RATE=0: 1 to 10. Using 5."),
    ("REFRESH_RATE=-1", "REFRESH_RATE=-1: 1 to 10. Using 5."),
    ("REFRESH_RATE=１", "REFRESH_RATE=１: 1 to 10. Using 5."),
    ("REFRESH_RATE=5.0", "REFRESH_RATE=5.0: 1 to 10. Using 5."),
    ("REFRESH_RATE=1e1", "REFRESH_RATE=1e1: 1 to 10. Using 5."),
    ("ORDER_BOOK_DEPTH=-1", "ORDER_BOOK_DEPTH=-1: full, orderBook10 or quote. Using full."),
    ("THEME=\"pink\\a\"", "THEME=pink\\x07: dark, classic or light. Using dark."),
    ("SCALE=110", "SCALE=110: 100, 125, 150 or 200. Using 100."),
    ("LOG_SIZE_MB=0", "LOG_SIZE_MB=0: 1 to 200. Using 10."),
])
def test_a_wrong_look_or_rate_falls_back_and_is_said(tmp_path: Path, line: str, notice: str) -> None:
    settings = load(tmp_path, line)

    assert settings.notices == (notice,) and settings.problems == ()
    assert settings.general == load(tmp_path).general
    assert len(settings.markets) == 1


@pytest.mark.parametrize("word", ["quote", "QUOTE"])
def test_quote_follows_the_best_prices_only(tmp_path: Path, word: str) -> None:
    assert load(tmp_path, f"ORDER_BOOK_DEPTH={word}").general.quote_only


def test_empty_values_are_the_defaults(tmp_path: Path) -> None:
    settings = load(tmp_path, 'REFRESH_RATE=""\nTESTNET=\nTHEME=\nMARKET_LIST=""\nSCALE=""\n')

    assert (settings.general.refresh_rate, settings.mode, settings.market_list) == (5, Mode.TESTNET, ("Binance",))
    assert settings.problems == () and settings.notices == ()


# ---------------------------------------------------------------- host, key, symbol, database: off, said at the field


@pytest.mark.parametrize(("binance", "key", "part"), [
    ("LINEAR_SYMBOLS=", "LINEAR_SYMBOLS", "empty"),
    ("LINEAR_SYMBOLS='BTC/USDT'", "LINEAR_SYMBOLS", "not a name"),
    ("LINEAR_SYMBOLS='BTC-USDT, ETHUSDT'", "LINEAR_SYMBOLS", "not a name"),
    ('LINEAR_SYMBOLS="BTC\\nUSDT"', "LINEAR_SYMBOLS", "several lines"),
    ("LINEAR_SYMBOLS=B", "LINEAR_SYMBOLS", "not a name"),
    ("LINEAR_SYMBOLS=" + ",".join(f"S{n}" for n in range(10, 411)), "LINEAR_SYMBOLS", "at most 400"),
    ("CURRENCIES=", "CURRENCIES", "empty"),
    ("TESTNET_HTTP_URL=ftp://demo-fapi.binance.com", "TESTNET_HTTP_URL", "https://"),
    ("TESTNET_HTTP_URL=demo-fapi.binance.com", "TESTNET_HTTP_URL", "https://"),
    ("TESTNET_WS_URL=https://demo-fstream.binance.com", "TESTNET_WS_URL", "wss://"),
    ("TESTNET_HTTP_URL=http://demo-fapi.binance.com", "TESTNET_HTTP_URL", "not encrypted"),
    ("TESTNET_WS_URL=ws://demo-fstream.binance.com", "TESTNET_WS_URL", "not encrypted"),
    ("TESTNET_HTTP_URL=https://demo-fapi.binance.com:99999", "TESTNET_HTTP_URL", "port"),
    (f"TESTNET_API_KEY={KEY}", "TESTNET_API_SECRET", "missing"),
    (f"TESTNET_API_SECRET={SECRET}", "TESTNET_API_KEY", "missing"),
    (f"TESTNET_API_KEY='{KEY} x'\nTESTNET_API_SECRET={SECRET}", "TESTNET_API_KEY", "expected"),
])
def test_a_wrong_market_value_keeps_that_market_off(tmp_path: Path, binance: str, key: str, part: str) -> None:
    settings = load(tmp_path, binance=binance)
    problem = only(settings.problems)

    assert (problem.file, problem.key, problem.market) == (".env.Binance", key, "Binance")
    assert part in problem.text
    assert settings.markets == () and settings.market_list == ("Binance",)
    assert settings.problems_of("Binance") == (problem,)
    with pytest.raises(ConfigError, match=key):
        raise problem.error()


def test_a_million_symbols_are_refused_by_name_and_not_repeated(tmp_path: Path) -> None:
    problem = only(load(tmp_path, binance="LINEAR_SYMBOLS=" + "BTCUSDT," * 1_000_000).problems)

    assert problem.key == "LINEAR_SYMBOLS" and len(problem.value) < 100 and "8000000 characters" in problem.value


def test_symbols_may_be_parted_by_commas_or_spaces_and_repeats_are_said(tmp_path: Path) -> None:
    settings = load(tmp_path, binance="LINEAR_SYMBOLS='btcusdt ETHUSDT, SOLUSDT;BTCUSDT'\nCURRENCIES='USDT USDC'")

    assert settings.markets[0].products[0].symbols == ("BTCUSDT", "ETHUSDT", "SOLUSDT")
    assert settings.markets[0].currencies == ("USDT", "USDC")
    assert settings.notices == (".env.Binance: LINEAR_SYMBOLS has BTCUSDT more than once; once is enough.",)


@pytest.mark.parametrize(("env", "key", "market"), [
    ("MARKET_LIST=Kraken", "MARKET_LIST", "Kraken"),
    ("TESTNET=maybe", "TESTNET", ""),
    ("DEMO=1", "DEMO", ""),
    ("SQLITE_DATABASE=../x.db", "SQLITE_DATABASE", ""),
    ("SQLITE_DATABASE=.env", "SQLITE_DATABASE", ""),
    ("MYSQL_HOST='a b'", "MYSQL_HOST", ""),
    ("MYSQL_HOST=db", "MYSQL_USER", ""),
    ("MYSQL_HOST=db\nMYSQL_USER=u\nMYSQL_PORT=0", "MYSQL_PORT", ""),
    ("MYSQL_HOST=db\nMYSQL_USER=u\nMYSQL_DATABASE='x; DROP'", "MYSQL_DATABASE", ""),
    ("MYSQL_HOST=db\nMYSQL_USER=u\nMYSQL_SOCKET=relative", "MYSQL_SOCKET", ""),
])
def test_a_wrong_common_value_is_a_problem(tmp_path: Path, env: str, key: str, market: str) -> None:
    settings = load(tmp_path, env)

    assert (key, market) in [(problem.key, problem.market) for problem in settings.problems]
    assert settings.markets == ()


def test_each_list_chooses_a_product_with_its_own_addresses(tmp_path: Path) -> None:
    settings = load(tmp_path, "MARKET_LIST='binance, Bitmex'",
                    "SPOT_SYMBOLS=BNBUSDT\nLINEAR_SYMBOLS=\nINVERSE_SYMBOLS=BTCUSD_PERP\nCURRENCIES='USDT, BTC'")
    binance, bitmex = settings.markets

    assert settings.problems == () and [one.name for one in settings.markets] == ["Binance", "Bitmex"]
    assert {one.category: one.symbols for one in binance.products} == {
        Category.SPOT: ("BNBUSDT",), Category.INVERSE: ("BTCUSD_PERP",)}
    hosts = {one.category: one.hosts for one in binance.products}
    assert hosts[Category.SPOT].private == "wss://demo-ws-api.binance.com/ws-api/v3"
    assert hosts[Category.INVERSE].rest == "https://demo-dapi.binance.com"
    assert [(one.category, one.symbols, one.hosts.public) for one in bitmex.products] == [
        (Category.INVERSE, ("XBTUSD",), "wss://ws.testnet.bitmex.com/realtime")]


def test_a_products_own_keys_and_addresses_win(tmp_path: Path) -> None:
    own = "o" * 64
    settings = load(tmp_path, binance="\n".join((
        "SPOT_SYMBOLS=BTCUSDT", "HTTP_URL=http://127.0.0.1:1", "WS_URL=ws://127.0.0.1:1", f"API_KEY={KEY}",
        f"API_SECRET={SECRET}", "SPOT_HTTP_URL=http://127.0.0.1:2", "SPOT_USER_URL=ws://127.0.0.1:3/user",
        f"SPOT_API_KEY={own}", f"SPOT_API_SECRET={SECRET}")))
    linear, spot = settings.markets[0].products

    assert settings.mode is Mode.SIM and settings.problems == ()
    assert (linear.hosts.rest, linear.hosts.private) == ("http://127.0.0.1:1", "ws://127.0.0.1:1/private")
    assert (spot.hosts.rest, spot.hosts.public) == ("http://127.0.0.1:2", "ws://127.0.0.1:1/spot")
    assert spot.hosts.private == "ws://127.0.0.1:3/user"
    assert linear.credentials is not None and linear.credentials.header_key() == KEY
    assert spot.credentials is not None and spot.credentials.header_key() == own


def test_half_a_pair_of_a_products_own_keys_is_refused(tmp_path: Path) -> None:
    problem = only(load(tmp_path, binance="SPOT_SYMBOLS=BTCUSDT\nTESTNET_SPOT_API_KEY=" + KEY).problems)

    assert problem.key == "TESTNET_SPOT_API_SECRET" and "missing" in problem.text


def test_a_wrong_common_address_is_said_once_for_all_products(tmp_path: Path) -> None:
    problem = only(load(tmp_path, binance="SPOT_SYMBOLS=BTCUSDT\nTESTNET_HTTP_URL=ftp://demo-api.binance.com").problems)

    assert problem.key == "TESTNET_HTTP_URL"


def test_a_live_host_for_one_product_is_refused_on_the_test_network(tmp_path: Path) -> None:
    problem = only(load(tmp_path, binance="SPOT_SYMBOLS=BTCUSDT\n"
                        "TESTNET_SPOT_HTTP_URL=https://api.binance.com").problems)

    assert problem.key == "TESTNET_SPOT_HTTP_URL" and "live host" in problem.text


@pytest.mark.parametrize(("file", "lines", "key", "words"), [
    (".env.Binance", "LINEAR_SYMBOLS=BTCUSDT,BTCUSD_PERP", "LINEAR_SYMBOLS", "BTCUSD_PERP is a COIN-M contract: move"),
    (".env.Binance", "SPOT_SYMBOLS=ETHUSD_260327", "SPOT_SYMBOLS", "ETHUSD_260327 is a COIN-M contract"),
    (".env.Binance", "INVERSE_SYMBOLS=BTCUSDT", "INVERSE_SYMBOLS", "BTCUSDT is no COIN-M contract"),
    (".env.Bitmex", "INVERSE_SYMBOLS=XBTUSD\nQUANTO_SYMBOLS=XBTUSD", "QUANTO_SYMBOLS", "stands in INVERSE_SYMBOLS too"),
])
def test_symbols_in_the_wrong_list_are_problems_at_their_field(
        tmp_path: Path, file: str, lines: str, key: str, words: str) -> None:
    write_private(tmp_path / ".env", "MARKET_LIST=Binance,Bitmex")
    write_private(tmp_path / file, lines)

    settings = load_settings(tmp_path, KnownSecrets())

    problem = next(problem for problem in settings.problems if problem.key == key)
    assert problem.file == file and words in problem.text
    assert file.rpartition(".")[2] not in [market.name for market in settings.markets]


def test_one_key_for_two_networks_is_said(tmp_path: Path) -> None:
    pair = f"API_KEY={'k' * 64}\nAPI_SECRET={'s' * 64}\n"
    write_private(tmp_path / ".env.Binance", pair + "TESTNET_" + pair.replace("\nAPI", "\nTESTNET_API"))

    settings = load_settings(tmp_path, KnownSecrets())

    assert any("API_KEY and TESTNET_API_KEY are the same" in notice for notice in settings.notices)
    assert "k" * 64 not in str(settings)


def test_the_same_symbol_on_spot_and_futures_is_fine(tmp_path: Path) -> None:
    write_private(tmp_path / ".env.Binance", "SPOT_SYMBOLS=BTCUSDT\nLINEAR_SYMBOLS=BTCUSDT")

    assert not load_settings(tmp_path, KnownSecrets()).problems


def test_mysql_is_taken_only_when_its_host_is_set(tmp_path: Path) -> None:
    sqlite = load(tmp_path, "MYSQL_USER=u\nSQLITE_DATABASE=mine.db").database
    mysql = load(tmp_path, "MYSQL_HOST=::1\nMYSQL_USER=u\nMYSQL_PASSWORD='p w'\nMYSQL_SOCKET=/run/m.sock").database

    assert sqlite == SqliteSettings(tmp_path / "mine.db")
    assert isinstance(mysql, MysqlSettings)
    assert (mysql.host, mysql.port, mysql.socket, mysql.user) == ("::1", 3306, "/run/m.sock", "u")
    assert (mysql.password.reveal(), mysql.database) == ("p w", "botbook_testnet")


def test_secrets_are_in_no_text_and_known_to_the_filter(tmp_path: Path) -> None:
    known = KnownSecrets()
    binance = f"TESTNET_API_KEY={KEY}\nTESTNET_API_SECRET={SECRET}\nAPI_SECRET=the-live-secret\n"

    settings = load(tmp_path, "MYSQL_PASSWORD=hunter22\n", binance, known=known)

    assert settings.markets[0].credentials is not None and settings.markets[0].credentials.header_key() == KEY
    assert not [text for text in (KEY, SECRET, "the-live-secret", "hunter22") if text in repr(settings)]
    assert known.hide(f"{SECRET} the-live-secret hunter22 {KEY}") == "*** *** *** ***"


def test_a_key_file_takes_the_place_of_the_secret(tmp_path: Path) -> None:
    text = Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    (tmp_path / "mine.pem").write_bytes(text)
    keys = f"TESTNET_API_KEY={KEY}\nTESTNET_API_SECRET="

    settings, wrong = load(tmp_path, "", f"{keys}mine.pem\n"), load(tmp_path, "", f"{keys}other.pem\n")

    credentials = settings.markets[0].credentials
    assert credentials is not None and credentials.is_ed25519 and settings.problems == ()
    assert [(one.key, "cannot be read" in one.text) for one in wrong.problems] == [("TESTNET_API_SECRET", True)]


# ---------------------------------------------------------------- mode and hosts

DEMO_HOSTS = ("https://demo-fapi.binance.com", *["wss://demo-fstream.binance.com"] * 3)
LIVE_HOSTS = ("https://fapi.binance.com", *[f"wss://fstream.binance.com/{n}" for n in ("public", "market", "private")])
LOCAL_HOSTS = ("http://127.0.0.1:8001", *[f"ws://127.0.0.1:8001/{name}" for name in ("public", "market", "private")])


@pytest.mark.parametrize(("env", "binance", "flag", "mode", "hosts"), [
    ("", "", None, Mode.TESTNET, DEMO_HOSTS),
    ("TESTNET=True", "", None, Mode.TESTNET, DEMO_HOSTS),
    ("TESTNET=False", "", None, Mode.LIVE, LIVE_HOSTS),
    ("TESTNET=False", "", Mode.LIVE, Mode.LIVE, LIVE_HOSTS),
    ("TESTNET=False", "", Mode.TESTNET, Mode.TESTNET, DEMO_HOSTS),
    ("TESTNET=True", LOCAL, None, Mode.SIM, LOCAL_HOSTS),
    ("TESTNET=False", LOCAL, None, Mode.SIM, LOCAL_HOSTS),
    ("TESTNET=True", LOCAL, Mode.LIVE, Mode.SIM, LOCAL_HOSTS),
    ("TESTNET=True", LOCAL, Mode.TESTNET, Mode.SIM, LOCAL_HOSTS),
    ("", LOCAL.replace("HTTP", "TESTNET_HTTP").replace("WS", "TESTNET_WS"), None, Mode.SIM, LOCAL_HOSTS),
    ("", LOCAL + "TESTNET_HTTP_URL=https://demo-fapi.binance.com/\n", None, Mode.TESTNET, DEMO_HOSTS),
    ("", "HTTP_URL=https://fapi.binance.com\nWS_URL=wss://fstream.binance.com", None, Mode.TESTNET, DEMO_HOSTS),
])
def test_mode_and_addresses(tmp_path: Path, env: str, binance: str, flag: Mode | None, mode: Mode,
                            hosts: tuple[str, ...]) -> None:
    settings = load(tmp_path, env, binance, flag)

    assert settings.problems == ()
    assert (settings.mode, linear_hosts(settings)) == (mode, hosts)


def test_each_mode_uses_its_own_keys(tmp_path: Path) -> None:
    binance = ("API_KEY=live-key-1\nAPI_SECRET=live-secret\n"
               "TESTNET_API_KEY=test-key-1\nTESTNET_API_SECRET=test-secret\n")

    keys = {}
    for name, env, more in (("test", "", ""), ("live", "TESTNET=False", ""), ("sim", "", LOCAL)):
        credentials = load(tmp_path, env, binance + more).markets[0].credentials
        keys[name] = credentials.header_key() if credentials else ""

    assert keys == {"test": "test-key-1", "live": "live-key-1", "sim": "live-key-1"}


def test_live_flag_needs_testnet_false(tmp_path: Path) -> None:
    settings = load(tmp_path, "TESTNET=True", flag=Mode.LIVE)

    assert only(settings.problems).key == "TESTNET" and settings.markets == ()


@pytest.mark.parametrize("url", [
    "https://fapi.binance.com", "https://FAPI.binance.com.", "https://api1.binance.com", "https://binance.com:443/x",
    "https://www.binance.us", "https://testnet.evil.fapi.binance.com",
])
def test_the_test_network_never_gets_a_live_host(tmp_path: Path, url: str) -> None:
    problem = only(load(tmp_path, "", f"TESTNET_HTTP_URL={url}").problems)

    assert problem.key == "TESTNET_HTTP_URL" and "live host" in problem.text


def test_a_live_stream_is_refused_on_the_test_network_too(tmp_path: Path) -> None:
    assert only(load(tmp_path, "", "TESTNET_WS_URL=wss://fstream.binance.com").problems).key == "TESTNET_WS_URL"


@pytest.mark.parametrize("url", ["https://demo-fapi.binance.com", "https://testnet.binancefuture.com"])
def test_live_never_gets_a_test_host(tmp_path: Path, url: str) -> None:
    problem = only(load(tmp_path, "TESTNET=False", f"HTTP_URL={url}").problems)

    assert problem.key == "HTTP_URL" and "test network" in problem.text


def test_no_testnet_setting_of_any_kind_lets_a_live_host_through(tmp_path: Path) -> None:
    live = "https://fapi.binance.com"
    for flag in (None, Mode.TESTNET):
        for binance in (f"TESTNET_HTTP_URL={live}", f"HTTP_URL={live}", f"HTTP_URL={live}\n{LOCAL}",
                        f"{LOCAL}TESTNET_HTTP_URL={live}", f"TESTNET_HTTP_URL=\nHTTP_URL={live}"):
            settings = load(tmp_path, "TESTNET=True", binance, flag)
            used = [url for market in settings.markets for product in market.products
                    for url in (product.hosts.rest, product.hosts.public, product.hosts.private)]
            assert not [url for url in used if reach(url) is Reach.LIVE]


@pytest.mark.parametrize("binance", [
    "HTTP_URL=http://127.0.0.1:8001", "WS_URL=ws://127.0.0.1:8001",
    "HTTP_URL=http://127.0.0.1:8001\nWS_URL=wss://fstream.binance.com",
    "TESTNET_HTTP_URL=http://localhost:1\nTESTNET_WS_URL=wss://demo-fstream.binance.com",
])
@pytest.mark.parametrize("flag", [None, Mode.TESTNET, Mode.LIVE])
def test_this_computer_and_the_exchange_are_never_mixed(tmp_path: Path, binance: str, flag: Mode | None) -> None:
    settings = load(tmp_path, "TESTNET=False", binance, flag)
    if flag is Mode.TESTNET or "TESTNET_" not in binance:
        assert "mixed" in settings.problems[0].text and settings.markets == ()


def test_somebodys_gateway_is_used_and_said(tmp_path: Path) -> None:
    settings = load(tmp_path, "", "TESTNET_HTTP_URL=https://gateway.example/binance/\n")

    assert linear_hosts(settings)[0] == "https://gateway.example/binance"
    assert "no address of Binance" in settings.notices[0]


@pytest.mark.parametrize(("host", "expected"), [
    ("127.0.0.1", True), ("127.9.9.9", True), ("::1", True), ("localhost", True), ("localhost.evil.com", False),
    ("127.0.0.1.evil.com", False), ("0.0.0.0", False), ("10.0.0.1", False), ("", False), ("128.0.0.1", False),
])
def test_loopback_by_name_alone(host: str, expected: bool) -> None:
    assert is_loopback(host) is expected


@pytest.mark.parametrize("text", [
    "https://demo-fapi.binance.com@fapi.binance.com", "https://fapi.binance.com\\@demo-fapi.binance.com",
    "https://ｆａｐｉ.binance.com", "https://a b", "https://", "https:///x", "//host", "https://host?x=1", "https://host#x",
    "https://-host", "https://[::1", "http://127.0.0.1:0", "https://ho%73t", "https://" + "a" * 300,
])
def test_addresses_two_readers_might_read_differently_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        read_url(text, ("http", "https"))


def test_ipv6_loopback_is_taken() -> None:
    assert read_url("http://[::1]:8000/", ("http", "https")) == "http://[::1]:8000"


# ---------------------------------------------------------------- the bundled exchange


@pytest.mark.parametrize(("env", "flag"), [("", Mode.SIM), ("DEMO=True", None), ("TESTNET=False", Mode.SIM)])
def test_the_bundled_exchange_is_asked_for_first_and_used_then(tmp_path: Path, env: str, flag: Mode | None) -> None:
    first = load(tmp_path, env, "HTTP_URL=https://fapi.binance.com\n", flag)
    ready = Demo("http://127.0.0.1:9", "ws://127.0.0.1:9", KEY, SECRET)
    second = load_settings(tmp_path, KnownSecrets(), flag, ready)

    assert (first.mode, first.demo, first.markets, first.problems) == (Mode.SIM, True, (), ())
    assert linear_hosts(second) == ("http://127.0.0.1:9", "ws://127.0.0.1:9/public", "ws://127.0.0.1:9/market",
                                    "ws://127.0.0.1:9/private")
    assert second.database == SqliteSettings(tmp_path / "sim.db")
    assert SECRET not in repr(ready) + repr(second)


def test_a_flag_overrules_demo(tmp_path: Path) -> None:
    settings = load(tmp_path, "DEMO=True", flag=Mode.TESTNET)

    assert (settings.mode, settings.demo) == (Mode.TESTNET, False)


# ---------------------------------------------------------------- the home folder


@pytest.mark.skipif(os.name == "nt", reason="POSIX permissions")
@pytest.mark.parametrize(("name", "market"), [(".env", ""), (".env.Binance", "Binance")])
@pytest.mark.parametrize("mode", [0o640, 0o604, 0o644, 0o620])
def test_a_file_open_to_others_is_refused_with_the_line_to_type(tmp_path: Path, name: str, market: str,
                                                                mode: int) -> None:
    load(tmp_path)
    (tmp_path / name).chmod(mode)

    problem = only(load_settings(tmp_path, KnownSecrets()).problems)

    assert problem.text.endswith(f"chmod 600 {tmp_path / name}")
    assert (problem.file, problem.market) == (name, market)


def test_home_is_made_private_and_filled_once(tmp_path: Path) -> None:
    project, home = tmp_path / "project", tmp_path / "a" / "home"
    project.mkdir()
    for name in ("history.ini", ".env", ".env.Binance", ".env.example", ".env.old"):
        (project / name).write_text(f"# {name}\n")
        (project / name).chmod(0o600)

    said = prepare_home(home, project)
    (home / "history.ini").write_text("moved on")
    (home / ".env").unlink()
    again = prepare_home(home, project)

    assert stat.S_IMODE(home.stat().st_mode) == 0o700
    assert sorted(path.name for path in home.iterdir()) == [".env.Binance", "history.ini"]
    assert len(said) == 3 and again == ()
    assert (home / "history.ini").read_text() == "moved on"
    assert stat.S_IMODE((home / ".env.Binance").stat().st_mode) == 0o600


def test_the_project_folder_may_be_the_home(tmp_path: Path) -> None:
    (tmp_path / "history.ini").write_text("x")

    assert prepare_home(tmp_path, tmp_path) == ()


def test_an_open_settings_file_of_the_project_is_not_taken(tmp_path: Path) -> None:
    project, home = tmp_path / "project", tmp_path / "home"
    project.mkdir()
    (project / ".env").write_text("")
    (project / ".env").chmod(0o644)

    with pytest.raises(ConfigError, match=f"chmod 600 {project}/.env"):
        prepare_home(home, project)


@pytest.mark.parametrize("mode", [0o770, 0o707, 0o777])
def test_a_home_others_can_write_is_refused(tmp_path: Path, mode: int) -> None:
    (tmp_path / "home").mkdir()
    (tmp_path / "home").chmod(mode)

    with pytest.raises(ConfigError, match="chmod 700"):
        prepare_home(tmp_path / "home", tmp_path)


def test_a_home_that_is_a_file_or_cannot_be_made_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    for home in (tmp_path / "file", tmp_path / "file" / "home", Path("/proc/home")):
        with pytest.raises(ConfigError, match=r"--home=.*: .*"):
            prepare_home(home, tmp_path)


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="root may write everywhere")
def test_a_read_only_home_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "home").mkdir(mode=0o500)

    with pytest.raises(ConfigError, match="cannot be written"):
        prepare_home(tmp_path / "home", tmp_path)


@pytest.mark.parametrize("mode", [Mode.SIM, Mode.TESTNET, Mode.LIVE])
def test_the_first_choice_is_written_privately_and_read_back(tmp_path: Path, mode: Mode) -> None:
    assert not has_settings(tmp_path)

    save_choice(tmp_path, mode, KEY, 'se"cr\\et-text')
    settings = load_settings(tmp_path, KnownSecrets())

    assert has_settings(tmp_path)
    assert (settings.mode, settings.demo, settings.problems, settings.notices) == (mode, mode is Mode.SIM, (), ())
    if mode is not Mode.SIM:
        credentials = settings.markets[0].credentials
        assert credentials is not None and credentials.header_key() == KEY
    assert {stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()} == {0o600}
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        ".env", *([] if mode is Mode.SIM else [".env.Binance"])]


def test_a_choice_never_writes_over_settings(tmp_path: Path) -> None:
    load(tmp_path, "REFRESH_RATE=9\n", "LINEAR_SYMBOLS=SOLUSDT\n")

    save_choice(tmp_path, Mode.SIM)

    assert load_settings(tmp_path, KnownSecrets()).general.refresh_rate == 9
