"""Whose fill it is, and the ledger rows of one fact. Numbers of the acceptance scenarios, worked by hand."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from core.rows import BookRow, CoinRow
from engine.booking import Booking, Owner, book_fill, fee_doubt, opening, owner_of, value_doubt
from engine.kept import fold
from engine.view import BookSums, bot_pnl
from models import Category, ExecKind, Execution, Instrument, Key, Side
from tests.support.build import ACCOUNT, BTC, T0, execution, instrument, order

D = Decimal
XBT = Key("Bitmex", Category.INVERSE, "XBTUSD")
XBTUSDT = Key("Bitmex", Category.LINEAR, "XBTUSDT")
ETHUSD = Key("Bitmex", Category.QUANTO, "ETHUSD")
A = Owner("A", "", 1)


class Ledger:
    """Books fills one after the other and keeps rows and sums."""

    def __init__(self, traded: Instrument, owner: Owner = A) -> None:
        self.traded, self.owner = traded, owner
        self.rows: list[CoinRow] = []
        self.sums: dict[str, BookRow] = {}
        self.realised: list[Decimal | None] = []

    def fill(self, side: Side, qty: str, price: str, rate: str = "0", currency: str | None = None,
             fee: str | None = None) -> Booking:
        """A fill whose fee the formula computes from `rate`, unless the venue tells one."""
        traded = replace(self.traded, taker_fee=D(rate))
        fact = execution(exec_id=f"x:{len(self.rows)}", side=side, last_qty=qty, last_px=price, key=traded.key,
                         fee=fee, fee_currency=currency, maker=False)
        booking = book_fill(fact, self.owner, None, traded, self.book, T0 * 1000)
        self.rows += booking.coins
        self.realised.append(booking.realised)
        for row in booking.books:
            self.sums[row.currency] = row
        return booking

    def book(self, emi: str, currency: str) -> BookRow:
        """The sums as they are."""
        return self.sums.get(currency, BookRow(self.traded.key, ACCOUNT, emi, currency))

    def pnl(self, bid: str | None = None, ask: str | None = None) -> Decimal | None:
        """PNL of the bot's line."""
        row = self.book(self.owner.emi, self.traded.settle)
        sums = BookSums(row.pos, row.sumreal, row.fees, row.funding, row.volume)
        return bot_pnl(self.traded.key.category, sums, self.traded.multiplier, D(bid) if bid else None,
                       D(ask) if ask else None)


def test_scenario_1_inverse_round_trip() -> None:
    ledger = Ledger(instrument(XBT, "XBT"))

    ledger.fill(Side.BUY, "100", "50000", "0.0005")
    ledger.fill(Side.SELL, "100", "51000", "0.0005")

    assert [r.sumreal for r in ledger.rows] == [D("0.002"), D("-0.001960784314")]
    assert [r.commiss for r in ledger.rows] == [D("0.000001"), D("0.000000980392157")]
    row = ledger.sums["XBT"]
    assert (row.pos, row.entry, row.volume, row.fills) == (D(0), None, D(200), 2)
    assert (row.sumreal, row.fees) == (D("0.000039215686"), D("0.000001980392157"))
    assert ledger.pnl() == D("0.000037235293843")
    assert ledger.realised == [None, D("0.000039215686")]


def test_scenario_2_inverse_open_pnl_takes_the_bid() -> None:
    ledger = Ledger(instrument(XBT, "XBT"))

    ledger.fill(Side.BUY, "100", "50000", "0.0005")

    assert ledger.pnl(bid="50500", ask="50600") == D("0.000018801980")
    assert ledger.pnl() is None


def test_scenario_3_inverse_short_with_rebate() -> None:
    ledger = Ledger(instrument(XBT, "XBT"))

    ledger.fill(Side.SELL, "300", "50000", "-0.0001")
    ledger.fill(Side.BUY, "300", "49000", "-0.0001")

    assert [r.sumreal for r in ledger.rows] == [D("-0.006"), D("0.006122448980")]
    assert [r.commiss for r in ledger.rows] == [D("-0.0000006"), D("-0.000000612244898")]
    assert ledger.sums["XBT"].sumreal == D("0.000122448980")
    assert ledger.pnl() == D("0.000123661224898")


def test_scenario_4_partial_fills() -> None:
    ledger = Ledger(instrument(XBT, "XBT"))

    for qty, price in (("100", "50000"), ("150", "50000"), ("50", "49999.5")):
        ledger.fill(Side.BUY, qty, price, "-0.0001")

    assert [r.sumreal for r in ledger.rows] == [D("0.002"), D("0.003"), D("0.001000010000")]
    assert [r.commiss for r in ledger.rows] == [D("-2e-7"), D("-3e-7"), D("-1.00001e-7")]
    row = ledger.sums["XBT"]
    assert (row.sumreal, row.fees) == (D("0.006000010000"), D("-0.000000600001"))
    assert row.entry is not None and round(row.entry, 4) == D("49999.9167")


def test_scenario_4_rest_of_the_order_after_each_fill() -> None:
    open_order = order(qty="300", name="1.A")
    rests = []
    for qty in ("100", "150", "50"):
        fact = execution(last_qty=qty)
        booking = book_fill(fact, A, open_order, instrument(), lambda e, c: BookRow(BTC, ACCOUNT, e, c), 0)
        rests.append(booking.coins[0].qty_rest)
        open_order = structs.replace(open_order, booked_qty=open_order.booked_qty + D(qty))

    assert rests == [D(200), D(50), D(0)]


def test_rest_as_the_venue_tells_it_wins() -> None:
    booking = book_fill(execution(leaves="3.5"), A, order(qty="300"), instrument(),
                        lambda e, c: BookRow(BTC, ACCOUNT, e, c), 0)

    assert booking.coins[0].qty_rest == D("3.5")


def test_scenario_7_linear_contracts() -> None:
    ledger = Ledger(instrument(XBTUSDT, "USDt", multiplier="0.000001"))

    ledger.fill(Side.BUY, "1000", "64207.4", "0.0005")
    ledger.fill(Side.SELL, "1000", "64321.5", "-0.0001")

    assert [r.sumreal for r in ledger.rows] == [D("-64.2074"), D("64.3215")]
    assert [r.commiss for r in ledger.rows] == [D("0.0321037"), D("-0.00643215")]
    assert [r.currency for r in ledger.rows] == ["USDt", "USDt"]
    assert ledger.sums["USDt"].sumreal == D("0.1141")
    assert ledger.pnl() == D("0.08842845")


def test_scenario_9_quanto_is_settled_in_xbt() -> None:
    ledger = Ledger(instrument(ETHUSD, "XBT", multiplier="0.000001"))

    ledger.fill(Side.BUY, "10", "3000", "0.0005")
    ledger.fill(Side.SELL, "10", "3100", "0.0005")

    assert [(r.sumreal, r.commiss, r.currency) for r in ledger.rows] == [
        (D("-0.03"), D("0.000015"), "XBT"), (D("0.031"), D("0.0000155"), "XBT")]
    assert ledger.pnl() == D("0.0009695")


def test_scenario_15_usd_m_with_fees_as_told() -> None:
    ledger = Ledger(instrument())

    ledger.fill(Side.BUY, "0.005", "50000", fee="0.1", currency="USDT")
    ledger.fill(Side.SELL, "0.005", "50400", fee="0.1008", currency="USDT")

    assert [(r.sumreal, r.commiss) for r in ledger.rows] == [(D(-250), D("0.1")), (D(252), D("0.1008"))]
    assert ledger.pnl() == D("1.7992")


def test_scenario_15_fee_in_a_third_currency_is_a_part_of_its_own() -> None:
    ledger = Ledger(instrument())

    ledger.fill(Side.BUY, "0.005", "50000", fee="0.0002", currency="BNB")

    first, second = ledger.rows
    assert (first.part, first.currency, first.sumreal, first.commiss, first.qty) == (
        0, "USDT", D(-250), D(0), D("0.005"))
    assert (second.part, second.currency, second.sumreal, second.commiss, second.qty, second.qty_rest) == (
        1, "BNB", D(0), D("0.0002"), D(0), D(0))
    assert (second.exec_id, second.side, second.time) == (first.exec_id, first.side, first.time)
    assert (ledger.sums["USDT"].fees, ledger.sums["BNB"].fees) == (D(0), D("0.0002"))
    assert (ledger.sums["USDT"].fills, ledger.sums["BNB"].fills, ledger.sums["BNB"].pos) == (1, 0, D(0))
    assert ledger.pnl(bid="50000") == D(0)


def test_rebate_in_a_third_currency_keeps_its_sign() -> None:
    ledger = Ledger(instrument())

    ledger.fill(Side.SELL, "1", "50000", fee="-0.3", currency="BNB")

    assert ledger.sums["BNB"].fees == D("-0.3")


@pytest.mark.parametrize(("maker", "fee"), [(True, "10"), (False, "20"), (None, "20")])
def test_fee_that_is_not_told_is_computed(maker: bool | None, fee: str) -> None:
    booking = book_fill(execution(fee=None, fee_currency=None, maker=maker), A, None, instrument(),
                        lambda e, c: BookRow(BTC, ACCOUNT, e, c), 0)

    assert booking.coins[0].commiss == D(fee)


def test_sold_quantity_is_negative() -> None:
    booking = book_fill(execution(side=Side.SELL, last_qty="2"), A, None, instrument(),
                        lambda e, c: BookRow(BTC, ACCOUNT, e, c), 77)

    row = booking.coins[0]
    assert (row.side, row.qty, row.sumreal, row.booked, row.time) == (1, D(-2), D(100000), 77, T0 + 200)


def test_prices_of_a_row_are_the_orders_the_wanted_one_and_the_fills() -> None:
    ours = structs.replace(order(price="50100"), wanted=D(50050))

    row = book_fill(execution(last_px="50000"), A, ours, instrument(), lambda e, c: BookRow(BTC, ACCOUNT, e, c),
                    0).coins[0]

    assert (row.price, row.theor_price, row.trade_price) == (D(50100), D(50050), D(50000))


def test_fill_without_an_order_has_the_fills_price_everywhere() -> None:
    row = book_fill(execution(last_px="50000"), A, None, instrument(), lambda e, c: BookRow(BTC, ACCOUNT, e, c),
                    0).coins[0]

    assert (row.price, row.theor_price, row.trade_price) == (D(50000), D(50000), D(50000))


def test_crossing_zero_starts_a_new_entry() -> None:
    ledger = Ledger(instrument())

    ledger.fill(Side.BUY, "1", "50000", fee="0")
    ledger.fill(Side.SELL, "3", "51000", fee="0")

    assert (ledger.sums["USDT"].pos, ledger.sums["USDT"].entry) == (D(-2), D(51000))
    assert ledger.realised == [None, D(1000)]


# ---------------------------------------------------------------- whose fill is it


@pytest.mark.parametrize(("cl_ord_id", "owner"), [
    ("1109594183.A", Owner("A", "", 1109594183)),
    ("77.ghost", Owner("XBTUSD.inverse", "ghost", 77)),
    ("", Owner("XBTUSD.inverse", "", 0)),
    (None, Owner("XBTUSD.inverse", "", 0)),
    ("web_abc", Owner("XBTUSD.inverse", "web_abc", 0)),
    ("5.a.b", Owner("XBTUSD.inverse", "a.b", 5)),
    ("9.alfa", Owner("alfa", "", 9)),                       # not in robots, but it holds a position
    ("4.XBTUSD.inverse", Owner("XBTUSD.inverse", "", 4)),
    ("4.ETHUSD.quanto", Owner("XBTUSD.inverse", "ETHUSD.quanto", 4)),
    ("A", Owner("XBTUSD.inverse", "A", 0)),                 # a bot's name alone is no tag of ours
    ("-5.A", Owner("XBTUSD.inverse", "-5.A", 0)),
    ("1٣.A", Owner("XBTUSD.inverse", "1٣.A", 0)),
    (".A", Owner("XBTUSD.inverse", ".A", 0)),
    ("12.", Owner("XBTUSD.inverse", "", 12)),
])
def test_scenario_18_whose_fill_it_is(cl_ord_id: str | None, owner: Owner) -> None:
    assert owner_of(cl_ord_id, XBT, {"A"}, {"alfa"}) == owner


@pytest.mark.parametrize("kind", [ExecKind.LIQUIDATION, ExecKind.ADL, ExecKind.SETTLEMENT])
def test_what_the_venue_did_by_itself_is_nobodys(kind: ExecKind) -> None:
    assert owner_of("5.A", BTC, {"A"}, (), kind) == Owner("BTCUSDT.linear", "", 0)


@given(st.one_of(st.none(), st.text(max_size=80), st.from_regex(r"[0-9]{0,25}\.?[A-Za-z0-9_.]{0,60}")))
def test_foreign_text_never_raises_and_fits_the_columns(cl_ord_id: str | None) -> None:
    owner = owner_of(cl_ord_id, BTC, {"A"}, ())

    assert owner.emi in ("A", "BTCUSDT.linear")
    assert len(owner.refer) <= 64
    assert 0 <= owner.number < 2**63


# ---------------------------------------------------------------- opening rows and doubts


def test_opening_row_takes_over_what_no_row_explains() -> None:
    old = BookRow(BTC, ACCOUNT, "BTCUSDT.linear", "USDT", pos=D(1), entry=D(40000), sumreal=D(-40000), fills=1)

    booking = opening(BTC, ACCOUNT, instrument(), D("0.5"), D(46000), old, T0, T0 * 1000)

    row, sums = booking.coins[0], booking.books[0]
    assert row.exec_id == f"OPEN:{ACCOUNT}:linear:BTCUSDT:{T0}"
    assert (row.emi, row.qty, row.trade_price, row.sumreal, row.commiss, row.side) == (
        "BTCUSDT.linear", D("0.5"), D(46000), D(-23000), D(0), 0)
    assert (sums.pos, sums.entry, sums.sumreal, sums.fees) == (D("1.5"), D(42000), D(-63000), D(0))


def test_opening_row_of_a_short_is_a_sale() -> None:
    booking = opening(BTC, ACCOUNT, instrument(), D(-2), D(50000), BookRow(BTC, ACCOUNT, "BTCUSDT.linear", "USDT"),
                      T0, 0)

    assert (booking.coins[0].side, booking.coins[0].qty, booking.books[0].pos) == (1, D(-2), D(-2))


@pytest.mark.parametrize(("fee", "currency", "is_odd"), [
    ("20", "USDT", False), ("1001", "USDT", True), ("-1001", "USDT", True), ("1001", "BNB", False),
    (None, None, False)])
def test_absurd_fee_is_named(fee: str | None, currency: str | None, is_odd: bool) -> None:
    fact: Execution = execution(fee=fee, fee_currency=currency)

    assert bool(fee_doubt(fact, instrument())) is is_odd


# ---------------------------------------------------------------- spot, and amounts the venue tells

SPOT = Key("Binance", Category.SPOT, "BTCUSDT")


def spot() -> Instrument:
    return replace(instrument(SPOT, "USDT"), base="BTC", quote="USDT")


def test_a_spot_fill_is_two_legs_with_the_fee_on_the_coin_received() -> None:
    ledger = Ledger(spot())

    ledger.fill(Side.BUY, "0.5", "60000", fee="0.0005", currency="BTC")
    ledger.fill(Side.SELL, "0.2", "61000", fee="12.2", currency="USDT")

    assert [(r.part, r.currency, r.qty, r.sumreal, r.commiss) for r in ledger.rows] == [
        (0, "USDT", D("0.5"), D("-30000"), D(0)), (1, "BTC", D(0), D("0.5"), D("0.0005")),
        (0, "USDT", D("-0.2"), D("12200"), D("12.2")), (1, "BTC", D(0), D("-0.2"), D(0))]
    quote, base = ledger.sums["USDT"], ledger.sums["BTC"]
    assert (quote.pos, quote.entry, quote.fills, quote.sumreal) == (D("0.3"), D("60000"), 2, D("-17800"))
    assert (base.pos, base.fills, base.sumreal, base.fees) == (D(0), 0, D("0.3"), D("0.0005"))
    assert ledger.realised == [None, D("200")]
    assert {row.currency: row for row in fold(ledger.rows)} == ledger.sums


def test_a_spot_fee_in_a_third_coin_is_a_row_of_its_own() -> None:
    ledger = Ledger(spot())

    ledger.fill(Side.BUY, "1", "60000", fee="0.1", currency="BNB")

    assert [(r.part, r.currency, r.sumreal, r.commiss) for r in ledger.rows] == [
        (0, "USDT", D("-60000"), D(0)), (1, "BTC", D("1"), D(0)), (2, "BNB", D(0), D("0.1"))]
    assert len({(r.exec_id, r.part) for r in ledger.rows}) == 3 and {r.side for r in ledger.rows} == {0}


@pytest.mark.parametrize(("told", "is_doubted"), [
    ("-0.00196078", False), ("-0.00196178", False), ("-0.0019628", True), ("0.00196078", True)])
def test_the_amount_the_venue_tells_is_booked_and_the_formula_checks_it(told: str, is_doubted: bool) -> None:
    fact = replace(execution(side=Side.SELL, last_qty="100", last_px="51000", key=XBT), value=D(told))
    traded = instrument(XBT, "XBt")

    row = book_fill(fact, A, None, traded, lambda emi, currency: BookRow(XBT, ACCOUNT, emi, currency), 0).coins[0]

    assert row.sumreal == D(told)
    assert bool(value_doubt(fact, traded)) is is_doubted
    assert not value_doubt(replace(fact, value=None), traded)
