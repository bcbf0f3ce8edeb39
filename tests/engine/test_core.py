"""One core driven by messages: the same facts give the same books, however they are cut, repeated, delayed or mixed."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from hypothesis import given, settings
from hypothesis import strategies as st

from core.rows import BookRow
from engine.state import Sight
from models import (
    ZERO,
    Ack,
    BalanceReport,
    Category,
    Execution,
    HistoryPage,
    Notice,
    OrderFound,
    OrderReport,
    OrdStatus,
    PositionReport,
    Side,
    Silence,
    SubmitOrder,
    VenueDown,
    VenueMessage,
)
from tests.support.build import ACCOUNT, BTC, ETH, T0, execution, place, position, report, robot, venue_up
from tests.support.drive import Driver

S = OrdStatus
D = Decimal
HAND = "BTCUSDT.linear"

# One life: two bots, an order by hand, one of the web site, one of a bot nobody knows; partial fills, fees in BNB.
FACTS: tuple[Execution, ...] = (
    execution("f:1", "1.A", "101", Side.BUY, "4", "50000", time=T0 + 10),
    execution("f:2", "1.A", "101", Side.BUY, "6", "50001", "0.3", "BNB", time=T0 + 20),
    execution("f:3", "2.B", "102", Side.SELL, "3", "50010", "-0.02", time=T0 + 30),
    execution("f:4", f"3.{HAND}", "103", Side.BUY, "1.5", "49999.9", time=T0 + 40),
    execution("f:5", "web_1", "104", Side.SELL, "2", "50020", time=T0 + 50),
    execution("f:6", "77.ghost", "105", Side.BUY, "0.007", "50030", None, None, time=T0 + 60),
    execution("f:7", None, "", Side.SELL, "1", "50040", time=T0 + 60),
    execution("f:8", "2.B", "102", Side.SELL, "2", "50011", "0.0001", "BNB", time=T0 + 70),
    execution("f:9", "4.A", "106", Side.SELL, "10", "50100", time=T0 + 80, key=ETH),
)
SUBMITS = tuple(SubmitOrder(BTC, name, side, D(qty), D(price), place().ord_type, place().tif, False, 0.0)
                for name, side, qty, price in (("1.A", Side.BUY, "10", "50001"), ("2.B", Side.SELL, "5", "50010")))
OPINIONS: tuple[VenueMessage, ...] = (
    report(S.NEW, "1.A", "101", time=T0 + 1),
    report(S.PARTIALLY_FILLED, "1.A", "101", cum="4", time=T0 + 10),
    report(S.FILLED, "1.A", "101", cum="10", time=T0 + 20),
    report(S.NEW, "2.B", "102", qty="5", side=Side.SELL, time=T0 + 1),
    report(S.CANCELED, "2.B", "102", qty="5", cum="5", side=Side.SELL, time=T0 + 75),
    report(S.NEW, "web_1", "104", qty="2", side=Side.SELL, time=T0 + 45),
    report(S.EXPIRED, "77.ghost", "105", cum="0.007", time=T0 + 65),
    Ack(SUBMITS[0], report(S.NEW, "1.A", "101", time=T0 + 1)),
    Ack(SUBMITS[1], None),
    Silence(SUBMITS[1], "timeout", 0.0, T0 + 5_000),
    PositionReport(BTC, D(3), None),
    BalanceReport("Binance", Category.LINEAR, "USDT", D(1000)),
    VenueDown("Binance", Category.LINEAR, "cut"),
    venue_up(BTC, ETH),
    Notice("Binance", "hello"),
)


def sums(driver: Driver) -> dict[tuple[str, str, str], tuple[Decimal, ...]]:
    """Per EMI, symbol and currency: position, SUMREAL, fees, volume."""
    return {(r.emi, r.key.symbol, r.currency): (r.pos, r.sumreal, r.fees, r.volume, D(r.fills))
            for r in driver.state.books.values()}


def lived(messages: Sequence[VenueMessage]) -> Driver:
    """A core that has placed the two bots' orders and heard all of this."""
    driver = Driver(robot("A"), robot("B"), keys=(BTC, ETH))
    driver.state.trading = True
    for name in ("A", "B"):
        side, qty, price = (Side.BUY, "10", "50001") if name == "A" else (Side.SELL, "5", "50010")
        assert driver.verdict(place(owner=name, by_hand=False, side=side, qty=qty, price=price)).ok
    for message in messages:
        driver.send(message)
        driver.tick(0.3)
    return driver


EXPECTED = sums(lived(FACTS))


def cut(facts: Sequence[Execution], data: st.DataObject) -> list[VenueMessage]:
    """Each fact by stream, in a page, or both."""
    messages: list[VenueMessage] = []
    rest = list(facts)
    while rest:
        size = data.draw(st.integers(1, len(rest)))
        part, rest = tuple(rest[:size]), rest[size:]
        btc, eth = (tuple(f for f in part if f.key == key) for key in (BTC, ETH))
        if data.draw(st.booleans()):
            messages += part
        else:
            messages += [HistoryPage(key, ACCOUNT, one, data.draw(st.booleans()), T0 + 100, 0, "recovery")
                         for key, one in ((BTC, btc), (ETH, eth)) if one]
    return messages


@settings(max_examples=60, deadline=None)
@given(st.permutations(FACTS), st.lists(st.sampled_from(FACTS), max_size=6),
       st.lists(st.sampled_from(OPINIONS), max_size=12), st.data())
def test_same_facts_give_the_same_books(facts: list[Execution], repeats: list[Execution], noise: list[VenueMessage],
                                        data: st.DataObject) -> None:
    messages = data.draw(st.permutations([*cut(facts, data), *repeats, *noise]))

    driver = lived(messages)

    assert sums(driver) == EXPECTED
    assert len(driver.coins) == len(FACTS) + 2          # the two fees in BNB are parts of their own
    for key in (BTC, ETH):
        account = sum((f.last_qty * f.side.sign for f in FACTS if f.key == key), ZERO)
        assert sum(driver.positions(key).values()) == account == driver.state.position(key)


@settings(max_examples=60, deadline=None)
@given(st.permutations([*FACTS, *OPINIONS]), st.lists(st.sampled_from([*FACTS, *OPINIONS]), max_size=10))
def test_orders_end_alike_whatever_came_first(messages: list[VenueMessage], repeats: list[VenueMessage]) -> None:
    driver = lived([*messages, *repeats])

    first, second = driver.order("1.A"), driver.order("2.B")
    assert (first.status, first.booked_qty) == (S.FILLED, D(10))
    assert (second.status.is_terminal, second.booked_qty, second.leaves) == (True, D(5), D(0))


def test_kept_sums_are_the_sums_of_the_rows() -> None:
    driver = lived(FACTS)

    for book in driver.state.books.values():
        mine = [r for r in driver.coins if (r.key, r.emi, r.currency) == (book.key, book.emi, book.currency)]
        assert book.pos == sum((r.qty for r in mine), ZERO)
        assert book.sumreal == sum((r.sumreal for r in mine), ZERO)
        assert book.fees == sum((r.commiss for r in mine), ZERO)


def test_decide_changes_nothing_by_itself() -> None:
    driver = lived(FACTS[:3])
    before = dict(driver.state.orders), dict(driver.state.books), driver.state.number, dict(driver.state.verdicts)

    for message in (*FACTS, *OPINIONS, place()):
        driver.core.decide(message, driver.now, Sight())

    assert (dict(driver.state.orders), dict(driver.state.books), driver.state.number,
            dict(driver.state.verdicts)) == before


def test_verdicts_are_kept_for_the_latest_tickets() -> None:
    driver = Driver()
    for number in range(250):
        driver.send(place(f"ticket {number}", qty="0"))

    assert len(driver.state.verdicts) == 200 and "ticket 249" in driver.state.verdicts


def test_stream_opinions_keep_what_they_do_not_tell() -> None:
    driver = Driver()
    full = PositionReport(BTC, D(1), D(50000), D(50001), D(40000), D(10), D(20))
    driver.send(full)

    driver.send(position("2"))

    told = driver.state.venues[("Binance", Category.LINEAR)].positions[0]
    assert (told.qty, told.mark, told.liquidation, told.leverage) == (D(2), D(50001), D(40000), D(20))


def test_wallet_told_by_the_stream_moves_what_hangs_on_it() -> None:
    driver = Driver()
    where = ("Binance", Category.LINEAR)
    driver.send(BalanceReport(*where, "USDT", D(1000), D(1010), D(900)))

    driver.send(BalanceReport(*where, "USDT", D(995)))

    told = driver.state.venues[where].balances[0]
    assert (told.wallet, told.margin_balance, told.available) == (D(995), D(1005), D(895))


def test_same_message_again_is_counted_not_repeated() -> None:
    driver = Driver()
    for _ in range(3):
        driver.send(Notice("Binance", "stale", "warning"))
    driver.send(Notice("Binance", "live"))

    assert [(line.text, line.count) for line in list(driver.state.messages)[:2]] == [("live", 1), ("stale", 3)]


def test_last_event_of_a_bot_is_kept() -> None:
    driver = Driver(robot())

    driver.send(execution(cl_ord_id="1.A"))

    assert "EXECUTION BUY 1 BTCUSDT at 50000" in driver.state.last_event["A"]


def test_fill_moves_its_holders_book_only() -> None:
    driver = Driver(robot("A"), robot("B"))
    driver.remember(BookRow(BTC, ACCOUNT, "B", "USDT", pos=D(7), entry=D(1)))

    driver.send(execution(cl_ord_id="1.A"))

    assert {r.emi: r.pos for r in driver.state.holders(BTC)} == {"A": D(1), "B": D(7)}


def test_answer_to_a_question_about_an_order_nobody_has_is_ignored() -> None:
    from models import AskOrder
    driver = Driver()

    found: OrderReport = report(S.NEW, "9.A")
    assert not driver.send(OrderFound(AskOrder(BTC, "9.A"), found)).rows
