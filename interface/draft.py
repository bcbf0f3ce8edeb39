"""An order being prepared and what its typed text means: every check of form and slip, as pure functions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal

from core.numbers import is_multiple, printable, read_number, round_to_tick, text
from engine.view import OrderLine
from models import Category, Instrument, Key, OrdType, Side, Ticker, TimeInForce, Top, Trigger


@dataclass(frozen=True, slots=True)
class Draft:
    """One order as typed; `order` names the row that a move changes ("" = a new order)."""

    key: Key
    owner: str
    side: Side
    qty: str
    price: str                       # as typed; without meaning where the type has none
    ord_type: OrdType = OrdType.LIMIT
    post: bool = True
    reduce: bool = False
    order: str = ""
    more: tuple[str, ...] = ()       # rows that this move changes too: a chip of several orders
    moved_from: str = ""             # the price before the move, for the slip
    old_qty: str = ""                # the quantity before the move
    take: bool = False               # ticked: a crossing price may take
    usual: bool = False              # ticked: yes, that much
    repeat: bool = False             # asked "the same order again?"
    live_read: bool = False          # the sheet before the first LIVE order was answered
    fresh: bool = True               # the next digit replaces the quantity
    tif: TimeInForce = TimeInForce.GTC
    trigger: str = ""                # as typed, of a conditional order; of a trailing stop it may stay empty
    callback: str = ""               # as typed, of a trailing stop: percent
    by_mark: bool = False

    @property
    def market(self) -> bool:
        """Takes now, at whatever price."""
        return self.ord_type is OrdType.MARKET

    @property
    def waits(self) -> bool:
        """Rests outside the book until its trigger."""
        return self.ord_type.is_conditional


@dataclass(frozen=True, slots=True)
class Reading:
    """What a draft means: numbers, or the sentence beside each field that does not hold one."""

    qty: Decimal | None = None
    price: Decimal | None = None     # rounded to the tick, never worse than typed
    problems: dict[str, str] = field(default_factory=dict)
    crosses: bool = False            # would take now
    limit: Decimal | None = None     # the worst price it could take at
    value: Decimal | None = None     # in the settlement currency
    fee: Decimal | None = None
    trigger: Trigger | None = None

    @property
    def good(self) -> bool:
        """Whether it may be sent as far as its own fields go."""
        return not self.problems and self.qty is not None


def read_draft(draft: Draft, instrument: Instrument | None, top: Top | None, ticker: Ticker | None = None) -> Reading:
    """Read and check every field of a draft against the instrument's rules."""
    if instrument is None:
        return Reading(problems={"": f"{draft.key.symbol}: its rules are not loaded yet"})
    problems: dict[str, str] = {}
    qty = _positive(draft.qty, "qty", problems)
    price = _price(draft.price, "price", draft.side is Side.BUY, instrument, problems) if draft.ord_type.has_price \
        else None
    trigger = _trigger(draft, instrument, top, ticker, problems) if draft.waits else None
    best = _best(draft.side, top)
    mark = ticker.mark if ticker else None
    aimed = price if price is not None else trigger.price if trigger else None
    reference = aimed if aimed is not None else best or mark
    if qty is not None:
        problem = qty_problem(qty, instrument, reference, not draft.ord_type.has_price, draft.reduce)
        if problem:
            problems["qty"] = problem
    if draft.market and draft.reduce is False and best is None:
        problems.setdefault("", "no price in the book yet")
    if not instrument.trading:
        problems.setdefault("", f"{draft.key.symbol} is not open for orders at the venue")
    crosses = draft.market or (not draft.waits and price is not None and best is not None
                               and (price >= best if draft.side is Side.BUY else price <= best))
    value = order_value(instrument, qty, reference)
    takes = crosses or draft.waits        # a triggered order mostly takes
    rate = instrument.taker_fee if takes else instrument.maker_fee
    return Reading(qty, price, problems, crosses, aimed if aimed is not None else best, value,
                   None if value is None else value * rate, trigger)


def move_draft(line: OrderLine, to: str = "") -> Draft | None:
    """A draft that moves an order: its price, or where it waits its trigger, which takes a limit price along. None: it
    cannot be moved."""
    trigger = line.trigger
    at = line.at
    if at is None or line.ord_type is OrdType.TRAILING_STOP or (trigger is None and line.price is None):
        return None
    draft = Draft(line.key, line.owner, line.side, text(line.qty), text(line.price) if line.price is not None else "",
                  post=False, order=line.id, moved_from=text(at), old_qty=text(line.qty))
    if trigger is None or line.ord_type is None:
        return replace(draft, price=to or draft.price)
    target = read_number(to) if to else at
    if line.price is not None and isinstance(target, Decimal):
        draft = replace(draft, price=text(line.price + target - at))
    return replace(draft, ord_type=line.ord_type, reduce=line.reduce_only, trigger=to or text(at),
                   by_mark=trigger.by_mark)


def move_several(lines: Sequence[OrderLine], to: str = "") -> Draft | None:
    """The same of all orders of one chip: each keeps its quantity. None: they differ in kind, or cannot be moved."""
    made = [move_draft(line, to) for line in lines]
    first = made[0] if made else None
    if first is None or any(one is None or (one.side, one.waits) != (first.side, first.waits) for one in made):
        return None
    whole = text(sum((line.qty for line in lines), Decimal(0)))
    return first if len(lines) == 1 else replace(first, qty=whole, old_qty=whole, more=tuple(
        line.id for line in lines[1:]))


def qty_problem(qty: Decimal, instrument: Instrument, price: Decimal | None, market: bool,
                reduce: bool = False) -> str | None:
    """Why the venue would not take this quantity, in one sentence."""
    if not is_multiple(qty, instrument.lot):
        return f"{text(qty)} is not a multiple of {text(instrument.lot)}"
    if qty < instrument.min_qty:
        return f"{text(qty)} is less than the smallest {text(instrument.min_qty)}"
    most = instrument.market_max_qty if market else instrument.max_qty
    if most and qty > most:
        return f"{text(qty)} is more than the largest {text(most)}"
    value = order_value(instrument, qty, price)
    if value is not None and not reduce and value < instrument.min_notional:
        return f"worth {text(value)}, the venue takes {text(instrument.min_notional)} or more"
    return None


def order_value(instrument: Instrument, qty: Decimal | None, price: Decimal | None) -> Decimal | None:
    """What an order is worth in the settlement currency."""
    if qty is None or price is None or not price:
        return None
    if instrument.key.category is Category.INVERSE:
        return qty * instrument.multiplier / price
    return qty * instrument.multiplier * price


def typed_digit(draft_qty: str, digit: str, fresh: bool) -> str:
    """The quantity after one more digit or dot; the first one replaces what stood there."""
    grown = digit if fresh else draft_qty + digit
    return "0." if grown == "." else grown[:20]


def _price(typed: str, name: str, down: bool, instrument: Instrument, problems: dict[str, str]) -> Decimal | None:
    """A typed price, rounded to the tick."""
    price = _positive(typed, name, problems)
    if price is None:
        return None
    price = round_to_tick(price, instrument.tick, down)
    if price <= 0:
        problems[name] = f"less than one tick of {text(instrument.tick)}"
        return None
    return price


def _trigger(draft: Draft, instrument: Instrument, top: Top | None, ticker: Ticker | None,
             problems: dict[str, str]) -> Trigger | None:
    """When a conditional order begins to work; one on the wrong side would do so at once, and is refused."""
    trailing = draft.ord_type is OrdType.TRAILING_STOP
    callback = _positive(draft.callback, "callback", problems) if trailing else None
    if callback is not None and callback >= 100:
        problems["callback"] = f"{text(callback)} % is no distance"
    at = None
    if draft.trigger.strip() or not trailing:
        at = _price(draft.trigger, "trigger", draft.side is Side.BUY, instrument, problems)
    now = _watched(draft, top, ticker)
    if at is not None and now is not None:
        # A stop goes with the market's move, a take-profit (and a trailing stop's beginning) against it.
        above = (draft.side is Side.BUY) == (draft.ord_type in (OrdType.STOP_MARKET, OrdType.STOP_LIMIT))
        if at <= now if above else at >= now:
            source = "mark" if draft.by_mark else "last"
            problems["trigger"] = (f"{text(at)} would trigger at once: {'above' if above else 'below'} the {source} "
                                   f"price {text(now)}, please")
    return Trigger(at, callback, draft.by_mark)


def _watched(draft: Draft, top: Top | None, ticker: Ticker | None) -> Decimal | None:
    """The price the trigger is compared with."""
    if ticker is not None:
        return ticker.mark if draft.by_mark else ticker.last
    return None if top is None or draft.by_mark else top.bid


def _positive(typed: str, name: str, problems: dict[str, str]) -> Decimal | None:
    number = read_number(typed)
    if isinstance(number, str):
        problems[name] = number
        return None
    if number <= 0:
        problems[name] = f"“{printable(typed.strip(), 20)}” is not above zero"
        return None
    return number


def _best(side: Side, top: Top | None) -> Decimal | None:
    """The price an order of this side would take at."""
    if top is None:
        return None
    return top.ask if side is Side.BUY else top.bid
