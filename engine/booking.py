"""A fact and its owner → ledger rows. Pure. The venue's amounts win; the formula is the cross-check."""

from __future__ import annotations

from collections.abc import Callable, Collection, Container
from dataclasses import dataclass
from decimal import Decimal

from msgspec.structs import replace

from accounting.position import after_fill, realised
from accounting.value import COMMISS_PLACES, SUMREAL_PLACES, commission, rounded_fee, sumreal
from core import ids
from core.numbers import half_up
from core.rows import BookRow, CoinRow, OrderRow
from models import ZERO, Category, ExecKind, Execution, Instrument, Key, Side

LONGEST_REFER = 64
_LARGEST_FEE = Decimal("0.02")     # no venue of ours takes 2 %


@dataclass(frozen=True, slots=True)
class Owner:
    """Whose fill it is: the EMI, the tag as it came (REFER), and the number of its clOrdID."""

    emi: str
    refer: str
    number: int


@dataclass(frozen=True, slots=True)
class Booking:
    """Rows of one fact: `coins` to add, `books` as they are afterwards, and what the fill realised before fees."""

    coins: tuple[CoinRow, ...]
    books: tuple[BookRow, ...]
    realised: Decimal | None


def owner_of(cl_ord_id: str | None, key: Key, robots: Collection[str], holders: Container[str],
             kind: ExecKind = ExecKind.TRADE, separator: str = ".") -> Owner:
    """Accounting rules, section 2: known EMI → that bot; everything else → the instrument's RESERVED line.

    `holders`: EMIs whose rows of this instrument sum to a position.
    """
    reserved = key.reserved
    if kind is not ExecKind.TRADE:
        return Owner(reserved, "", 0)
    tag = ids.read(cl_ord_id, separator)
    if not tag.emi and not tag.number:
        return Owner(reserved, "", 0)
    if tag.emi == reserved:
        return Owner(reserved, "", tag.number)
    if tag.number and (tag.emi in robots or tag.emi in holders):
        return Owner(tag.emi, "", tag.number)
    return Owner(reserved, tag.emi[:LONGEST_REFER], tag.number)


def book_fill(execution: Execution, owner: Owner, order: OrderRow | None, instrument: Instrument,
              book: Callable[[str, str], BookRow], booked: int) -> Booking:
    """Ledger rows of one fill. `book(emi, currency)` gives the sums as they are; `booked` is our time in µs."""
    key, category = execution.key, execution.key.category
    qty = execution.last_qty * execution.side.sign
    fee = _fee(execution, instrument)
    fee_currency = execution.fee_currency or instrument.settle
    price = execution.order_price if execution.order_price is not None else order.price if order else None
    wanted = order.wanted if order is not None and order.wanted is not None else price
    formula = sumreal(category, qty, execution.last_px, instrument.multiplier)
    first = CoinRow(
        exec_id=execution.exec_id, part=0, emi=owner.emi, refer=owner.refer, key=key, account=execution.account,
        currency=instrument.settle, ticker=key.symbol, side=0 if execution.side is Side.BUY else 1, qty=qty,
        qty_rest=_rest(execution, order), price=price or execution.last_px, theor_price=wanted or execution.last_px,
        trade_price=execution.last_px,
        sumreal=formula if execution.value is None else half_up(execution.value, SUMREAL_PLACES),
        commiss=fee if fee_currency == instrument.settle else ZERO, time=execution.time, booked=booked,
        cl_ord_number=owner.number)
    old = book(owner.emi, instrument.settle)
    pos, entry = after_fill(category, old.pos, old.entry, qty, execution.last_px)
    gained = realised(category, old.pos, old.entry, qty, execution.last_px, instrument.multiplier)
    sums = replace(old, pos=pos, entry=entry, volume=old.volume + abs(qty), sumreal=old.sumreal + first.sumreal,
                   fees=old.fees + first.commiss, fills=old.fills + 1)
    coins, books = [first], [sums]
    legs = {instrument.base: qty} if category is Category.SPOT else {}
    if fee_currency != instrument.settle:
        legs.setdefault(fee_currency, ZERO)
    for part, (currency, amount) in enumerate(legs.items(), start=1):
        paid = fee if currency == fee_currency else ZERO
        coins.append(replace(first, part=part, currency=currency, qty=ZERO, qty_rest=ZERO,
                             sumreal=half_up(amount, SUMREAL_PLACES), commiss=paid))
        other = book(owner.emi, currency)
        books.append(replace(other, sumreal=other.sumreal + coins[-1].sumreal, fees=other.fees + paid))
    return Booking(tuple(coins), tuple(books), gained)


def value_doubt(execution: Execution, instrument: Instrument) -> str:
    """A sentence when the amount the venue told is off the formula's; it is booked as told all the same.

    Allowed is one minor unit of the currency, and for inverse contracts, which are rounded one by one, one for each.
    """
    if execution.value is None:
        return ""
    qty = execution.last_qty * execution.side.sign
    formula = sumreal(execution.key.category, qty, execution.last_px, instrument.multiplier)
    unit = Decimal("1e-6") if instrument.settle.casefold() == "usdt" else Decimal("1e-8")
    most = unit * (1 + execution.last_qty) if execution.key.category is Category.INVERSE else unit
    if abs(execution.value - formula) <= most:
        return ""
    return (f"{execution.exec_id}: the venue tells a value of {execution.value:f}, the formula gives {formula:f}; "
            "booked as told")


def opening(key: Key, account: str, instrument: Instrument, rest: Decimal, entry: Decimal, old: BookRow, time: int,
            booked: int) -> Booking:
    """The opening row a person asked for: what the venue holds and no row explains, at the venue's entry."""
    row = CoinRow(
        exec_id=f"OPEN:{account}:{key.category.value}:{key.symbol}:{time}", part=0, emi=key.reserved, refer="",
        key=key, account=account, currency=instrument.settle, ticker=key.symbol, side=0 if rest > 0 else 1, qty=rest,
        qty_rest=ZERO, price=entry, theor_price=entry, trade_price=entry,
        sumreal=sumreal(key.category, rest, entry, instrument.multiplier), commiss=ZERO, time=time, booked=booked,
        cl_ord_number=0)
    pos, new_entry = after_fill(key.category, old.pos, old.entry, rest, entry)
    sums = replace(old, pos=pos, entry=new_entry, sumreal=old.sumreal + row.sumreal, fills=old.fills + 1)
    return Booking((row,), (sums,), None)


def fee_doubt(execution: Execution, instrument: Instrument) -> str:
    """A sentence when the told fee is absurd against the fill's value; the fact is booked as told all the same."""
    if execution.fee is None or (execution.fee_currency or instrument.settle) != instrument.settle:
        return ""
    value = abs(sumreal(execution.key.category, execution.last_qty, execution.last_px, instrument.multiplier))
    most = half_up(value * _LARGEST_FEE, COMMISS_PLACES)
    if abs(execution.fee) > most:
        return f"{execution.exec_id}: fee {execution.fee:f} for a value of {value:f}, as the venue says; booked so"
    return ""


def _fee(execution: Execution, instrument: Instrument) -> Decimal:
    if execution.fee is not None:
        return rounded_fee(execution.fee)
    rate = instrument.maker_fee if execution.maker else instrument.taker_fee
    return commission(execution.key.category, execution.last_qty, execution.last_px, instrument.multiplier, rate)


def _rest(execution: Execution, order: OrderRow | None) -> Decimal:
    """QTY_REST: what the order had left after this fill."""
    if execution.leaves_qty is not None:
        return execution.leaves_qty
    if order is None:
        return ZERO
    return max(ZERO, order.qty - order.booked_qty - execution.last_qty)
