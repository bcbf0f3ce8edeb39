"""Movements, hints that money moved, and the proof of the books."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

from accounting.position import value_at_entry
from core.rows import BookRow, CursorRow, MoveRow
from engine.money import FUNDING, money_key
from engine.state import OVERLAP_MS
from models import (
    AccountSnapshot,
    AskMoney,
    BalanceReport,
    Category,
    Key,
    MoneyMoved,
    MoneyPage,
    Movement,
    OrdStatus,
    PositionReport,
)
from tests.support.build import ACCOUNT, BTC, T0, execution, order, position
from tests.support.drive import Driver

D = Decimal
WALLET = ("Binance", ACCOUNT, "linear")


def page(*facts: Movement, last: bool = True, start: int = T0 + 5000, reason: str = "recovery") -> MoneyPage:
    """Fundings and movements as read."""
    return MoneyPage("Binance", Category.LINEAR, ACCOUNT, facts, last, start, 0, reason)


def transfer(amount: str, move_id: str = "linear:TRANSFER:1", kind: str = "TRANSFER") -> Movement:
    """Money from another wallet."""
    return Movement("Binance", Category.LINEAR, ACCOUNT, move_id, kind, "USDT", D(amount), T0 + 100)


def told(driver: Driver, wallet: str, *positions: PositionReport, currency: str = "USDT") -> None:
    """The minute's comparison."""
    balance = BalanceReport("Binance", Category.LINEAR, currency, D(wallet), time=T0)
    driver.send(AccountSnapshot("Binance", Category.LINEAR, ACCOUNT, T0 + 1000, (), positions, (balance,)))


def told_for_a_while(driver: Driver, wallet: str) -> None:
    """The same balance, told often enough to be kept as the opening one and compared."""
    told(driver, wallet)
    driver.clock.advance(6)
    told(driver, wallet)
    told(driver, wallet)


def moves(driver: Driver) -> dict[str, Decimal]:
    """Net movements by currency."""
    return {currency: amount for (_, currency), amount in driver.state.moved.items()}


def opened(wallet: str = "1000") -> Driver:
    """Books whose opening balance is written."""
    driver = Driver()
    driver.send(page())
    told_for_a_while(driver, wallet)
    driver.notices.clear()
    driver.requests.clear()
    return driver


def test_completed_read_moves_the_cursor_to_its_start() -> None:
    driver = Driver()
    driver.send(page(last=False))
    assert not [k for k in driver.state.cursors if k[2] == FUNDING]

    made = driver.send(page())

    venue = driver.state.venues[("Binance", Category.LINEAR)]
    assert made.rows == [CursorRow(money_key(venue), ACCOUNT, FUNDING, T0 + 5000)] and venue.money_read
    driver.send(MoneyMoved("Binance", Category.LINEAR))
    asked = driver.asked(AskMoney)[-1]
    assert isinstance(asked, AskMoney) and asked.since == T0 + 5000 - OVERLAP_MS


def test_hint_is_asked_about_now_and_a_few_times_later() -> None:
    driver = opened()
    driver.send(MoneyMoved("Binance", Category.LINEAR))
    assert len(driver.asked(AskMoney)) == 1

    for _ in range(400):
        driver.tick(0.5)

    assert [r.reason for r in driver.asked(AskMoney) if isinstance(r, AskMoney)] == ["hint"] * 5


def test_first_comparison_writes_the_opening_balance_and_later_ones_agree() -> None:
    driver = Driver()
    driver.send(page(transfer("300")))
    told(driver, "1300")
    assert moves(driver) == {"USDT": D(300)}
    told_for_a_while(driver, "1300")
    assert moves(driver) == {"USDT": D(1300)}

    control = driver.state.controls[(WALLET, "USDT")]
    assert (control.control, control.moved, control.agrees) == (D(1300), D(1300), True)


def test_nothing_is_opened_before_the_money_was_read() -> None:
    driver = Driver()
    told(driver, "1000")

    assert not driver.state.opened and not moves(driver)


def test_what_a_fill_on_its_way_moves_is_not_kept_as_an_opening_balance() -> None:
    driver = Driver()
    driver.send(page())
    told(driver, "1000")
    driver.send(execution(last_qty="1", last_px="50000", fee="0", cl_ord_id=None))
    told(driver, "1000")                 # told before the fill: no position yet
    told(driver, "51000", position("1"))   # and this is of two moments
    driver.clock.advance(3)
    told(driver, "1000", position("1"))
    driver.clock.advance(3)
    told(driver, "1000", position("1"))
    assert not driver.state.opened
    driver.clock.advance(3)
    told(driver, "1000", position("1"))

    assert moves(driver) == {"USDT": D(1000)}


def test_nothing_is_opened_while_an_orders_fate_is_open() -> None:
    driver = Driver()
    driver.send(page())
    driver.remember(order(OrdStatus.UNKNOWN))
    told_for_a_while(driver, "1000")
    assert not driver.state.opened

    driver.remember(order(OrdStatus.REJECTED))
    told_for_a_while(driver, "1000")
    assert moves(driver) == {"USDT": D(1000)}


def test_transfer_moves_both_sides() -> None:
    driver = opened()
    driver.send(transfer("250.5"))
    told(driver, "1250.5")

    assert driver.state.controls[(WALLET, "USDT")].agrees is True
    assert driver.said("TRANSFER: 250.5 USDT came in")


def test_balance_that_nothing_explains_is_said_on_the_second_time_and_blocks_nothing() -> None:
    driver = opened()
    told(driver, "1007")
    assert driver.state.controls[(WALLET, "USDT")].agrees is None and not driver.notices
    assert driver.asked(AskMoney)

    told(driver, "1007")

    control = driver.state.controls[(WALLET, "USDT")]
    assert control.agrees is False and control.off == D(7)
    assert driver.said("USDT: the venue holds 7 more than trades, fees, funding and transfers explain")
    assert not driver.state.differences
    told(driver, "1000")
    assert driver.said("ledger and balance agree again")


def test_open_position_counts_at_the_venues_entry() -> None:
    driver = opened()
    driver.send(execution(last_qty="2", last_px="50000", fee="20", cl_ord_id=None))
    driver.send(execution("linear:BTCUSDT:2", last_qty="1", last_px="50600", fee="0", cl_ord_id=None))
    entry = D("50200")
    told(driver, "980", position("3", entry=str(entry)))

    control = driver.state.controls[(WALLET, "USDT")]
    assert value_at_entry(Category.LINEAR, D(3), entry, D(1)) == D(150600)
    assert (control.off, control.agrees) == (D(0), True)


def test_tolerance_grows_with_the_fills() -> None:
    driver = opened()
    for number in range(10):
        driver.send(execution(f"e{number}", last_qty="1", fee="0", cl_ord_id=None))
    told(driver, "1000.00000018", position("10"))
    assert driver.state.controls[(WALLET, "USDT")].agrees is True

    told(driver, "1000.00000021", position("10"))
    assert driver.state.controls[(WALLET, "USDT")].agrees is None


def test_difference_of_positions_is_not_told_twice() -> None:
    driver = opened()
    before = dict(driver.state.controls)
    told(driver, "900", position("1"))

    assert driver.state.controls == before


def test_products_with_one_wallet_are_compared_together() -> None:
    driver = opened()
    both = replace(driver.state.venues[("Binance", Category.LINEAR)], category=Category.QUANTO, wallet="margin",
                   balances=())
    linear = replace(driver.state.venues[("Binance", Category.LINEAR)], wallet="margin")
    driver.state.venues.update({both.id: both, linear.id: linear})
    driver.remember(MoveRow("Binance", ACCOUNT, "margin", "x", "OPENING", "USDT", D(10), T0, T0),
                    BookRow(Key("Binance", Category.QUANTO, "Q"), ACCOUNT, "A", "USDT", fees=D(4)),
                    BookRow(BTC, ACCOUNT, "A", "USDT", funding=D(1)))
    told(driver, "5")

    assert driver.state.controls[(("Binance", ACCOUNT, "margin"), "USDT")].agrees is True


def test_nothing_is_opened_while_money_moves() -> None:
    """The balance has the deposit already, its row comes with the next reading: it must not count twice."""
    driver = Driver()
    driver.send(page())
    driver.send(MoneyMoved("Binance", Category.LINEAR))

    told(driver, "1003")
    assert not driver.state.opened

    driver.send(page(transfer("3"), reason="hint"))
    for _ in range(40):                              # the later readings of the hint bring nothing new
        driver.tick(7)
    assert not driver.state.venues[("Binance", Category.LINEAR)].next_money
    told_for_a_while(driver, "1003")
    assert moves(driver) == {"USDT": D(1003)}
    control = driver.state.controls[(WALLET, "USDT")]
    assert control.agrees and not driver.said("more than trades")


def test_position_without_a_value_is_not_compared_and_said_once() -> None:
    """What the venue lists no more, or tells no entry of, has no value: no number is made up for it."""
    driver = opened()
    driver.remember(BookRow(BTC, ACCOUNT, BTC.reserved, "USDT", pos=D(1), sumreal=D(-50000)))
    for _ in range(3):
        told(driver, "1000", replace(position("1"), entry=None))

    control = driver.state.controls[(WALLET, "USDT")]
    assert (control.unread, control.agrees) == ((BTC,), None)
    assert sum("is not compared with the venue: the USDT books hold BTCUSDT_Binance-F" in notice.text
               for notice in driver.notices) == 1
    told(driver, "1000", position("1"))
    assert driver.state.controls[(WALLET, "USDT")].agrees is True
