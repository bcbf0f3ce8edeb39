"""Net values for `days`: what is written when, and what stays."""

from __future__ import annotations

from decimal import Decimal

from core.rows import BookRow, DayRow
from engine.days import DAY_MS, MINUTE_MS, Days, net_values
from models import Category, Key
from tests.support.build import ACCOUNT, BTC

D = Decimal
INVERSE = Key("Bitmex", Category.INVERSE, "XBTUSD")
SPOT = Key("Binance", Category.SPOT, "BTCUSDT")
NOON = 20_000 * DAY_MS + DAY_MS // 2
TOPS = {BTC: (D(50500), D(50600)), INVERSE: (D(50500), D(50600))}
A = ("Binance", ACCOUNT, "A", "USDT")


def values(*books: BookRow) -> dict[tuple[str, str, str, str], Decimal]:
    """At these prices, multiplier 1."""
    return net_values(books, lambda key: D(1), lambda key: TOPS.get(key, (None, None)))


def test_a_position_counts_what_closing_it_would_bring() -> None:
    """The first fill of scenario 2."""
    row = BookRow(INVERSE, ACCOUNT, "A", "XBt", D(100), D(50000), sumreal=D("0.002"), fees=D("0.000001"))
    assert values(row) == {("Bitmex", ACCOUNT, "A", "XBt"): D("0.000018801980")}

    short = BookRow(BTC, ACCOUNT, "A", "USDT", D(-1), D(50000), sumreal=D(50000), fees=D(3), funding=D("-0.5"))
    assert values(short) == {A: D("-602.5")}


def test_every_currency_has_its_own_value_and_coins_are_not_closed() -> None:
    rows = (BookRow(SPOT, ACCOUNT, "A", "USDT", D(1), D(50000), sumreal=D(-50000)),
            BookRow(SPOT, ACCOUNT, "A", "BTC", sumreal=D(1)), BookRow(SPOT, ACCOUNT, "A", "BNB", fees=D("0.003")))
    assert {name[3]: value for name, value in values(*rows).items()} == {
        "USDT": D(-50000), "BTC": D(1), "BNB": D("-0.003")}


def test_who_holds_something_without_a_price_is_left_out_whole() -> None:
    unknown = Key("Binance", Category.LINEAR, "NEWUSDT")
    assert values(BookRow(unknown, ACCOUNT, "A", "USDT", D(1), D(5), sumreal=D(-5)),
                  BookRow(BTC, ACCOUNT, "A", "USDT", sumreal=D(7))) == {}


def test_a_quote_of_nothing_leaves_an_inverse_contract_without_a_price() -> None:
    """A bid of 0 is a price of linear contracts; an inverse one would be divided by it."""
    def at_0(key: Key) -> tuple[Decimal, Decimal]:
        return D(0), TOPS[key][1]

    held = BookRow(INVERSE, ACCOUNT, "A", "XBt", D(100), D(50000), sumreal=D("0.002"))
    assert net_values([held], lambda key: D(1), at_0) == {}
    assert net_values([BookRow(BTC, ACCOUNT, "A", "USDT", D(1), D(5), sumreal=D(-5))], lambda key: D(1), at_0) == {
        A: D(-5)}


def test_a_minute_is_written_when_it_differs_and_the_midnight_follows_it() -> None:
    days, midnight = Days(), NOON + DAY_MS // 2
    assert days.is_due(NOON + 5) and days.rows({A: D(5)}, NOON + 5) == [
        DayRow(*A, NOON, D(5)), DayRow(*A, midnight, D(5))]
    assert not days.is_due(NOON + 59_000) and days.is_due(NOON + MINUTE_MS)
    assert days.rows({A: D(5)}, NOON + MINUTE_MS) == []
    assert days.rows({A: D(6)}, NOON + 2 * MINUTE_MS) == [
        DayRow(*A, NOON + 2 * MINUTE_MS, D(6)), DayRow(*A, midnight, D(6))]
    assert days.rows({A: D(6)}, midnight + 1) == [DayRow(*A, midnight + DAY_MS, D(6))]      # each day has its row
    days.forget()
    assert len(days.rows({A: D(6)}, midnight + MINUTE_MS)) == 2
