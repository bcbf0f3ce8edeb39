"""The ledger's storage, alike on SQLite and MariaDB: exact, whole transactions, repeats told from errors."""

from __future__ import annotations

from decimal import Decimal

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from core.errors import LedgerError
from core.rows import BookRow, CounterRow, CursorRow, RobotRow, RobotState, Row, WatchRow
from db.store import Store, StoreAway
from models import OrdStatus, OrdType, Side
from tests.db.conftest import Opener
from tests.support.build import ACCOUNT, BTC, ETH, T0, coin, order

S = OrdStatus
D = Decimal
MOST = D("99999999999999999999999.999999999999999")       # DECIMAL(38,15)
EVERYTHING = 0


def raw(store: Store, statement: str) -> list[tuple[object, ...]]:
    """What a person types into another client."""
    with store._begin() as connection:
        result = connection.exec_driver_sql(statement)
        return [tuple(row) for row in result] if result.returns_rows else []


def count(store: Store, table: str) -> int:
    """Rows of a table."""
    return int(str(raw(store, f"SELECT COUNT(*) FROM {table}")[0][0]))


# ---------------------------------------------------------------- exact


def test_numbers_come_back_as_they_were(store: Store) -> None:
    numbers = (MOST, MOST.copy_negate(), D("0.000000000000001"), D("-0.000000000000001"), D("0"), D("1e-8"), D("1e12"),
               D("12345678901234567.123456789012345"), D("0.1") + D("0.2"), D("100"), D("-60000.10"))
    rows = [replace(coin(f"x:{i}"), qty=number, qty_rest=number, price=number, theor_price=number, trade_price=number,
                    sumreal=number, commiss=number) for i, number in enumerate(numbers)]

    assert store.write(rows)

    assert [replace(r, id=0) for r in store.coin_rows("Binance", ACCOUNT)] == rows


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.decimals(MOST.copy_negate(), MOST, places=15, allow_nan=False), min_size=6, max_size=6))
def test_any_number_that_fits_comes_back(store: Store, numbers: list[Decimal]) -> None:
    pos, volume, total, fees, funding, entry = numbers
    book = BookRow(BTC, ACCOUNT, "A", "USDT", pos, entry, volume, total, fees, funding, 3)

    assert store.write([book])

    assert store.load("Binance", ACCOUNT, EVERYTHING).books == (book,)


def test_money_is_text_on_sqlite_and_decimal_on_a_server(store: Store) -> None:
    store.write([coin(qty="0.30")])

    if store.kind == "sqlite":
        assert raw(store, "SELECT typeof(QTY), typeof(SUMREAL), QTY FROM coins") == [("text", "text", "0.3")]
    else:
        assert raw(store, "SELECT QTY FROM coins") == [(D("0.300000000000000"),)]


@pytest.mark.parametrize("bad", [D("NaN"), D("Infinity"), D("-Infinity")], ids=str)
def test_what_is_no_number_is_an_error(store: Store, bad: Decimal) -> None:
    with pytest.raises(LedgerError):
        store.write([replace(coin(), sumreal=bad)])

    assert count(store, "coins") == 0 and store.write([coin()])


def test_times_keep_their_milliseconds_and_microseconds(store: Store) -> None:
    row = replace(coin(), time=1_700_000_000_999, booked=1_700_000_000_999_001)

    store.write([row])

    found = store.coin_rows("Binance", ACCOUNT)[0]
    assert (found.time, found.booked) == (row.time, row.booked)


# ---------------------------------------------------------------- whole transactions, repeats, errors


def test_a_fact_is_written_with_all_that_hangs_on_it(store: Store) -> None:
    book = BookRow(BTC, ACCOUNT, "A", "USDT", D(1), D(50000), D(1), D(-50000), D("0.1"), D(0), 1)
    parts: list[Row] = [coin(), coin(part=1, currency="BNB", qty="0"), order(S.PARTIALLY_FILLED, booked="1"), book]

    assert store.write(parts)

    loaded = store.load("Binance", ACCOUNT, EVERYTHING)
    assert loaded.books == (book,) and loaded.orders == (parts[2],)
    assert [r.part for r in store.coin_rows("Binance", ACCOUNT)] == [0, 1]


def test_a_repeated_fact_writes_nothing_of_its_transaction(store: Store) -> None:
    store.write([coin()])

    again = store.write([CounterRow("clOrdID", 9), order(), coin(emi="B", qty="7"),
                         BookRow(BTC, ACCOUNT, "B", "USDT", D(7))])

    assert not again
    loaded = store.load("Binance", ACCOUNT, EVERYTHING)
    assert (loaded.orders, loaded.books, loaded.counters) == ((), (), {})
    assert [r.emi for r in store.coin_rows("Binance", ACCOUNT)] == ["A"]
    assert store.write([coin("linear:BTCUSDT:2")])


def test_key_of_a_fact_is_market_account_execution_and_part(store: Store) -> None:
    assert store.write([coin()])
    assert store.write([replace(coin(), part=1)])
    assert store.write([replace(coin(), account="SIM-2")])
    assert store.write([replace(coin(), key=BTC._replace(market="Bitmex"))])
    assert store.write([coin("linear:ETHUSDT:1", key=ETH)])
    assert not store.write([replace(coin(), emi="B", refer="x", time=T0 + 1)])


def test_execution_ids_differ_by_case(store: Store) -> None:
    assert store.write([coin("linear:BTCUSDT:a")])
    assert store.write([coin("linear:BTCUSDT:A")])


@pytest.mark.parametrize("bad", [
    replace(coin(), emi=None),  # what the database must not take
    replace(coin(), exec_id="x" * 81), replace(coin(), refer="x" * 65), replace(coin(), emi="x" * 41),
    replace(coin(), account="x" * 41), replace(coin(), key=BTC._replace(symbol="x" * 41))],
    ids=["no owner", "long id", "long tag", "long owner", "long account", "long symbol"])
def test_null_or_too_long_is_an_error_and_no_repeat(store: Store, bad: Row) -> None:
    with pytest.raises(LedgerError):
        store.write([CounterRow("clOrdID", 9), bad])

    assert count(store, "coins") == 0 and store.counters() == {}
    assert store.write([coin()])


def test_number_that_does_not_fit_is_an_error_that_does_not_come_again_and_again(store: Store) -> None:
    if store.kind == "sqlite":
        assert store.write([replace(coin(), qty=MOST * 10)])       # TEXT has room
        return

    with pytest.raises(LedgerError):
        store.write([replace(coin(), qty=MOST * 10)])

    assert store.write([coin()])


def test_orders_books_cursors_and_counters_are_replaced(store: Store) -> None:
    first = order(S.NEW, price=None, ord_type=None)
    later = replace(first, status=S.PARTIALLY_FILLED, booked_qty=D("0.5"), told_qty=D(1), order_id="77", text="why",
                    price=D("0.00000001"), ord_type=OrdType.LIMIT, wanted=None, reduce_only=True, side=Side.SELL)
    for row in (first, later):
        assert store.write([row, CursorRow(BTC, ACCOUNT, "fills", row.updated + len(row.order_id)),
                            CounterRow("clOrdID", 5 + len(row.order_id)),
                            BookRow(BTC, ACCOUNT, "A", "USDT", row.booked_qty)])

    loaded = store.load("Binance", ACCOUNT, EVERYTHING)
    assert loaded.orders == (later,)
    assert loaded.books == (BookRow(BTC, ACCOUNT, "A", "USDT", D("0.5")),)
    assert loaded.cursors == (CursorRow(BTC, ACCOUNT, "fills", T0 + 2),)
    assert loaded.counters == {"clOrdID": 7}


# ---------------------------------------------------------------- reading


def test_load_gives_one_accounts_open_orders_only(store: Store) -> None:
    store.write([order(s, name=f"{n}.A") for n, s in enumerate(S, 1)])
    store.write([replace(order(name="50.A"), account="SIM-2"), BookRow(BTC, "SIM-2", "A", "USDT", D(9))])

    loaded = store.load("Binance", ACCOUNT, EVERYTHING)

    assert {o.status for o in loaded.orders} == {s for s in S if not s.is_terminal}
    assert loaded.books == ()


@pytest.mark.parametrize("ord_type", list(OrdType))
def test_every_order_type_comes_back(store: Store, ord_type: OrdType) -> None:
    row = order(ord_type=ord_type)
    store.write([row])

    assert store.load("Binance", ACCOUNT, EVERYTHING).orders == (row,)
    assert all(len(str(word)) <= 16 for (word,) in raw(store, "SELECT ORDTYPE FROM orders"))


def test_load_gives_the_newest_trades_and_those_of_today(store: Store) -> None:
    for number in range(250):
        store.write([coin(f"x:{number}", time=T0 + number), coin(f"x:{number}", part=1, currency="BNB", qty="0")])
    funding = replace(coin("x:F1"), side=-1)
    store.write([funding])

    loaded = store.load("Binance", ACCOUNT, T0 + 240)

    assert all(r.currency == "BNB" and r.commiss for r in loaded.trades if r.part)
    fills = [r for r in loaded.trades if not r.part]
    assert [r.exec_id for r in fills] == [f"x:{n}" for n in range(249, -1, -1)]
    assert {r.exec_id for r in loaded.today} == {f"x:{n}" for n in range(240, 250)}
    assert [r.exec_id for r in store.trades("Binance", ACCOUNT, fills[199].id, 3)] == ["x:49", "x:48", "x:47"]


def test_an_ended_order_is_found_by_name_or_by_the_venues_id(store: Store) -> None:
    ended = order(S.FILLED, name="5.A", order_id="900", booked="10")
    store.write([ended, order(S.FILLED, name="#901", order_id="901")])

    assert store.find_order(BTC, ACCOUNT, "5.A", "") == ended
    assert store.find_order(BTC, ACCOUNT, "web_1", "900") == ended
    assert store.find_order(BTC, ACCOUNT, "", "") is None
    assert store.find_order(ETH, ACCOUNT, "5.A", "900") is None
    assert store.find_order(BTC, "SIM-2", "5.A", "900") is None


def test_watchlist_keeps_its_order(store: Store) -> None:
    xrp = BTC._replace(symbol="XRPUSDT")
    for key in (ETH, BTC, xrp):
        store.write([WatchRow(key, True)])
    store.write([WatchRow(BTC, False)])

    assert store.watchlist() == (ETH, xrp)


def test_a_symbol_watched_after_another_was_taken_off_stands_last(store: Store) -> None:
    keys = [BTC._replace(symbol=name) for name in ("AAA", "BBB", "CCC", "DDD")]
    for key in keys[:3]:
        store.write([WatchRow(key, True)])
    store.write([WatchRow(keys[0], False)])
    store.write([WatchRow(keys[3], True)])

    assert store.watchlist() == (keys[1], keys[2], keys[3])


# ---------------------------------------------------------------- robots, typed by hand


def test_robots_typed_by_hand_have_defaults(store: Store) -> None:
    raw(store, "INSERT INTO robots (EMI, SYMBOL, CATEGORY, MARKET, SORT, TIMEFR, CAPITAL, MARGIN) "
               "VALUES ('second', 'BTCUSDT', 'linear', 'Binance', 2, 5, 3, 0)")
    raw(store, "INSERT INTO robots (EMI, SYMBOL, CATEGORY, MARKET, SORT, TIMEFR, CAPITAL, MARGIN) "
               "VALUES ('first', 'ETHUSDT', 'linear', 'Binance', 1, 1, 1, 0)")

    assert store.robots() == (
        RobotRow("first", "ETHUSDT", "linear", "Binance", 1, 1, D(1), "", "", "WORK", ""),
        RobotRow("second", "BTCUSDT", "linear", "Binance", 2, 5, D(3), "", "", "WORK", ""))


def test_text_that_is_no_utf_8_spoils_its_own_row_only(store: Store) -> None:
    if store.kind == "mysql":
        return                           # a server refuses it when it is typed
    raw(store, "INSERT INTO robots (EMI, SYMBOL, CATEGORY, SORT) VALUES ('A', 'BTCUSDT', 'linear', 1), "
               "(CAST(X'C3416C66E4' AS TEXT), 'BTCUSDT', 'linear', 2)")

    assert [robot.emi for robot in store.robots()] == ["A", "\ufffdAlf\ufffd"]
    with pytest.raises(StoreAway):       # elsewhere such text is damage, and said to be
        store._ask(lambda c: c.execute(sa.select(sa.literal_column("CAST(X'E4' AS TEXT)"))).all())


def test_words_typed_where_numbers_belong_are_for_the_reader_to_judge(store: Store) -> None:
    statement = ("INSERT INTO robots (EMI, SYMBOL, CATEGORY, SORT, TIMEFR, CAPITAL) "
                 "VALUES ('A', 'BTCUSDT', 'linear', 'first', '5m', 'ten')")
    if store.kind == "mysql":
        with pytest.raises((sa.exc.DataError, StoreAway)):
            raw(store, statement)
        return
    raw(store, statement)

    robot = store.robots()[0]

    assert (robot.sort, robot.timefr, robot.capital.is_nan(), robot.odd) == (0, 0, True, "TIMEFR '5m'")


def test_robots_name_is_there_once(store: Store) -> None:
    statement = "INSERT INTO robots (EMI, SYMBOL, CATEGORY) VALUES ('A', 'BTCUSDT', 'linear')"
    raw(store, statement)

    with pytest.raises((sa.exc.IntegrityError, StoreAway)):
        raw(store, statement)


def test_state_of_a_robot_is_stored_and_a_long_reason_is_cut(store: Store) -> None:
    raw(store, "INSERT INTO robots (EMI, SYMBOL, CATEGORY) VALUES ('A', 'BTCUSDT', 'linear')")

    store.write([RobotState("A", "SUSPENDED", "x" * 400)])

    assert (store.robots()[0].state, store.robots()[0].reason) == ("SUSPENDED", "x" * 300)


# ---------------------------------------------------------------- opening again


def test_everything_is_there_after_opening_again(opener: Opener) -> None:
    first = opener()
    first.write([coin(), order(), CounterRow("clOrdID", 4)])
    first.close()

    loaded = opener().load("Binance", ACCOUNT, EVERYTHING)

    assert (len(loaded.trades), len(loaded.orders), loaded.counters) == (1, 1, {"clOrdID": 4})


def test_books_of_another_mode_are_refused(opener: Opener) -> None:
    store = opener()
    store.write([coin()])

    with pytest.raises(LedgerError, match="holds the books of SIM, this session is LIVE"):
        store.prepare("LIVE")
    assert len(store.coin_rows("Binance", ACCOUNT)) == 1


def test_newer_version_is_refused(opener: Opener) -> None:
    store = opener()
    raw(store, "UPDATE `schema` SET VALUE = '99' WHERE NAME = 'version'")

    with pytest.raises(LedgerError, match="has version 99, this program knows 3"):
        store.prepare("SIM")


def test_schema_step_that_was_cut_off_is_finished_by_the_next_start(opener: Opener) -> None:
    store = opener()
    store.write([coin()])
    for table in ("days", "moves"):
        raw(store, f"DROP TABLE {table}")
    raw(store, "DELETE FROM `schema`")

    again = opener()

    assert count(again, "days") == 0 and len(again.coin_rows("Binance", ACCOUNT)) == 1
    assert dict(raw(again, "SELECT NAME, VALUE FROM `schema`")) == {  # type: ignore[arg-type]
        "mode": "SIM", "version": "3"}
