"""State → View: what is shown, with unchanged parts keeping their identity. Engine thread only."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import TypeVar

from accounting.position import average_entry, value_at_entry
from accounting.value import exact_value
from core.rows import BookRow, OrderRow, book_key
from core.titles import market_title, title_of
from engine import money
from engine.former import former_names
from engine.orders import is_stop
from engine.state import Now, State, VenueBook
from engine.stops import Stops, unprotected
from engine.view import (
    AccountLine,
    BookSums,
    BotLine,
    LedgerState,
    Leg,
    OrderLine,
    PositionLine,
    Strip,
    View,
)
from models import ZERO, Category, Instrument, Key, Mode, OrdStatus, OrdType, Robot, TimeInForce

_Part = TypeVar("_Part")
Instruments = Callable[[Key], Instrument | None]
Quantities = Callable[[Robot], Decimal | None]


class Lines:
    """Builds views; keeps the last one so that equal parts stay the same objects."""

    def __init__(self, mode: Mode, instrument: Instruments, quantity: Quantities, stops: Stops | None = None) -> None:
        self._mode = mode
        self._instrument = instrument
        self._quantity = quantity
        self._stops = stops
        self._last: View | None = None

    def view(self, state: State, ledger: LedgerState, now: Now, stuck: tuple[str, ...] = ()) -> View:
        """The newest view."""
        venues = tuple(state.venues.values())
        view = View(
            time=now.wall, published=now.mono, mode=self._mode,
            accounts=self._keep("accounts", tuple(v.account for v in venues if v.account)),
            trading=state.trading,
            recovered=self._keep("recovered", tuple(v.id for v in venues if v.recovered)),
            configured=self._keep("configured", tuple(sorted(
                state.configured, key=lambda key: (state.places.get(key, len(state.places)), key)))),
            orders=self._keep("orders", self._orders(state)),
            positions=self._keep("positions", self._positions(state)),
            bots=self._keep("bots", self._bots(state)),
            balances=self._keep("balances", self._accounts(state)),
            trades=self._keep("trades", tuple(state.trades)),
            messages=self._keep("messages", tuple(state.messages)),
            strips=self._keep("strips", self._strips(state, ledger, stuck, now)),
            verdicts=self._keep("verdicts", tuple(state.verdicts.values())),
            leverages=self._keep("leverages", tuple(report for venue in venues for report in venue.leverages)),
            strategies=self._keep("strategies", state.strategies),
            ledger=ledger, kill=state.kill, locked=_locked(state, ledger),
            bot_orders=sum(1 for o in state.orders.values() if not o.status.is_terminal and o.owner in state.robots))
        self._last = view
        return view

    def _keep(self, part: str, new: _Part) -> _Part:
        """The object of the view before when nothing changed."""
        old: _Part | None = getattr(self._last, part, None)
        return old if old is not None and old == new else new

    # ------------------------------------------------------------ orders

    def _orders(self, state: State) -> tuple[OrderLine, ...]:
        shown = [o for o in state.orders.values() if not o.status.is_terminal]
        shown.sort(key=lambda o: (-o.created, o.name))
        return tuple(self._order(state, o) for o in shown)

    def _order(self, state: State, order: OrderRow) -> OrderLine:
        watch = state.watches.get((order.key, order.name))
        return OrderLine(
            id=order.name, key=order.key, owner=order.owner, side=order.side, ord_type=order.ord_type,
            type_text=type_text(order), tif=order.tif, qty=order.qty, leaves=order.leaves, price=order.price,
            status=order.status, time=order.updated or order.created, reduce_only=order.reduce_only,
            asked=watch.asked if watch and order.status is OrdStatus.UNKNOWN else 0,
            since=watch.since if watch else 0.0, text=order.text, trigger=order.trigger)

    # ------------------------------------------------------------ positions

    def _positions(self, state: State) -> tuple[PositionLine, ...]:
        lines: list[PositionLine] = []
        told = {p.key: p for venue in state.venues.values() for p in venue.positions}
        keys = {row.key for row in state.books.values() if row.pos} | {k for k, p in told.items() if p.qty} \
            | set(state.differences)
        for key in sorted(keys):
            rows = [row for row in state.holders(key) if row.pos]
            report = told.get(key)
            difference = state.differences.get(key)
            blocked = difference.text if difference is not None and difference.stage >= 2 else ""
            lines.append(PositionLine(
                key=key, qty=sum((r.pos for r in rows), ZERO),
                entry=average_entry(key.category, [(r.pos, r.entry) for r in rows if r.entry is not None]),
                venue_qty=report.qty if report else None, liquidation=report.liquidation if report else None,
                margin=report.margin if report else None, leverage=report.leverage if report else None,
                by_owner=tuple((r.emi, r.pos) for r in sorted(rows, key=lambda r: r.emi)),
                blocked=blocked, takeover=bool(blocked), status="" if key in state.configured else "NOT IN LIST"))
        return tuple(lines)

    # ------------------------------------------------------------ bots

    def _bots(self, state: State) -> tuple[BotLine, ...]:
        lines = [self._robot(state, robot) for robot in sorted(
            state.robots.values(), key=lambda r: (r.sort, r.emi))]
        busy = {(row.key, row.emi) for row in state.books.values() if row.pos or _is_reserved(state, row)} | {
            (o.key, o.owner) for o in state.orders.values() if not o.status.is_terminal}
        for key, emi in sorted(busy):
            robot = state.robots.get(emi)
            if robot is None or robot.key != key:
                lines.append(self._line(state, key, emi, self._status(state, key, emi)))
        return tuple(lines)

    def _robot(self, state: State, robot: Robot) -> BotLine:
        reason = state.robot_reasons.get(robot.emi, "")
        status = "SUSPENDED" if reason else robot.state.value
        return self._line(state, robot.key, robot.emi, status, reason or robot.reason, robot)

    def _line(self, state: State, key: Key, emi: str, status: str, reason: str = "",
              robot: Robot | None = None) -> BotLine:
        instrument = self._instrument(key)
        held = next((r for r in state.books.values() if r.key == key and r.emi == emi and r.pos), None)
        settle = instrument.settle if instrument else held.currency if held else "USDT"
        account = state.account(key) or (held.account if held else "")       # of a product that is not connected
        name = (account, key, emi, settle)
        row, day = state.books.get(name), state.day_books.get(name)
        kept = sorted((r for r in state.books.values() if r.account == account and r.key == key and r.emi == emi),
                      key=lambda r: (r.currency != settle, r.currency))
        others = tuple((r.currency, r.fees) for r in kept if r.currency != settle)
        former = former_names(state.renamed, state.robots, emi) if robot else ()
        sums = sums_of(row)
        before = sum((one.volume for one in state.books.values() if one.emi in former and one.key == key
                      and (one.account, one.currency) == (account, settle)), ZERO)
        legs = tuple(Leg(r.currency, sums_of(r), sums_of(state.day_books.get(book_key(r)))) for r in kept)
        return BotLine(
            emi=emi, key=key, timeframe=robot.timeframe if robot else "", status=status, reason=reason,
            strategy=robot.strategy if robot else "",
            params=json.dumps(robot.params, default=str) if robot and robot.params else "",
            capital=robot.capital if robot else 0, quantity=self._quantity(robot) if robot else None,
            entry=row.entry if row else None,
            orders=sum(1 for o in state.orders.values()
                       if o.owner == emi and o.key == key and not o.status.is_terminal),
            sums=replace(sums, volume=sums.volume + before), day=sums_of(day), other_fees=others, currency=settle,
            legs=legs, former=former,
            last_event=state.last_event.get(emi, ""))

    def _status(self, state: State, key: Key, emi: str) -> str:
        if key not in state.configured:
            return "NOT IN LIST"
        return "RESERVED" if emi == key.reserved else "NOT DEFINED"

    # ------------------------------------------------------------ account

    def _accounts(self, state: State) -> tuple[AccountLine, ...]:
        wallets: dict[tuple[str, str, str], list[VenueBook]] = {}
        for venue in state.venues.values():
            wallets.setdefault(money.wallet_of(venue), []).append(venue)
        return tuple(line for venues in wallets.values() for line in self._account(state, venues))

    def _account(self, state: State, venues: Sequence[VenueBook]) -> list[AccountLine]:
        """The lines of one wallet, which several products may share: each tells the same balances."""
        rows = money.rows_of(state.books.values(), venues)
        told = {b.currency: b for b in sorted((b for venue in venues for b in venue.balances), key=lambda b: b.time)}
        lines = []
        for currency in sorted(set(told) | {r.currency for r in rows}):
            mine = [r for r in rows if r.currency == currency]
            balance = told.get(currency)
            # Coins bought on spot are in the wallet: their leg is a sum of its own currency, nothing is to be closed.
            open_rows = [r for r in mine if r.pos and r.key.category is not Category.SPOT]
            closing = sum((self._value_at_entry(r) for r in open_rows), ZERO)
            proof = state.controls.get((money.wallet_of(venues[0]), currency))
            opening = state.openings.get((money.wallet_of(venues[0]), currency), ZERO)
            lines.append(AccountLine(
                market=venues[0].market, category=venues[0].category, currency=currency,
                margin_balance=balance.margin_balance if balance else None,
                available=balance.available if balance else None, wallet=balance.wallet if balance else None,
                result=sum((r.sumreal for r in mine), ZERO) + closing,
                commission=sum((r.fees for r in mine), ZERO), funding=sum((r.funding for r in mine), ZERO),
                leverage=self._leverage(venues, currency, balance.margin_balance if balance else None),
                sumreal=sum((r.sumreal for r in mine), ZERO),
                held=tuple(sorted((r.key, r.pos) for r in open_rows)),
                control=proof.control if proof else None, opening=opening,
                moved=proof.moved - opening if proof else ZERO, off=proof.off if proof else ZERO,
                tolerance=proof.tolerance if proof else ZERO, agrees=proof.agrees if proof else None,
                unread=proof.unread if proof else ()))
        return lines

    def _leverage(self, venues: Sequence[VenueBook], currency: str, margin_balance: Decimal | None) -> Decimal | None:
        """Σ |position at mark| / margin balance, of the positions settled in this currency."""
        if not margin_balance:
            return None
        value = ZERO
        for held in (p for venue in venues for p in venue.positions):
            instrument, price = self._instrument(held.key), held.mark or held.entry
            if instrument is not None and instrument.settle == currency and price:
                value += abs(exact_value(held.key.category, held.qty, price, instrument.multiplier))
        return (value / margin_balance).quantize(Decimal("0.01"))

    def _value_at_entry(self, row: BookRow) -> Decimal:
        instrument = self._instrument(row.key)
        return value_at_entry(row.key.category, row.pos, row.entry, instrument.multiplier) if instrument else ZERO

    # ------------------------------------------------------------ strips

    def _strips(self, state: State, ledger: LedgerState, stuck: tuple[str, ...], now: Now) -> tuple[Strip, ...]:
        strips: list[Strip] = []
        if not ledger.ok:
            strips.append(Strip("error", f"Ledger cannot write: {ledger.text}. Trading stopped, cancels work."))
        for market, account in sorted(state.unconfirmed):
            strips.append(Strip("warning", f"LIVE: real money. No order is sent on {market_title(market)} before "
                                           "the id of its account is typed once.", f"confirm:{market}/{account}",
                                "Confirm…"))
        if state.kill.locked:
            kill = state.kill
            again = f", {kill.asked_again} asked again" if kill.asked_again else ""
            strips.append(Strip("error", f"Kill switch: cancelled {kill.done} of {kill.total}{again}. New orders are "
                                         "locked.", "rearm", "Re-arm"))
        strips += [Strip("error", words) for words in state.lost_moves.values()]
        for difference in state.differences.values():
            if difference.stage >= 2:
                key = difference.key
                strips.append(Strip("error", f"{difference.text}. Its new orders are blocked. F5 asks again",
                                    f"takeover:{key.market}/{key.category.value}/{key.symbol}", "Take over…"))
        for order in state.orders.values():
            watch = state.watches.get((order.key, order.name))
            if order.status is OrdStatus.UNKNOWN and watch is not None:
                times = f"{watch.asked} times" if watch.asked != 1 else "once"
                strips.append(Strip("warning", f"{order.name}: asked {title_of(order.key)} {times}, asking again. No "
                                               f"new orders for {order.key.symbol} / {order.owner} until known."))
        for emi in stuck:
            strips.append(Strip("warning", f"{emi}: its strategy does not answer. The other bots go on."))
        open_positions = unprotected(state, self._stops, now) if self._stops is not None else ()
        if open_positions:
            strips.append(Strip("warning", f"No stop at the venue: {', '.join(open_positions)}"))
        resting = sum(1 for o in state.orders.values()
                      if not o.status.is_terminal and o.owner in state.robots and not is_stop(o))
        if not state.trading and resting:
            strips.append(Strip("warning", f"{resting} bot order{'s' if resting != 1 else ''} rest at the venue",
                                "cancel_bot_orders", "Cancel them"))
        return tuple(strips)


def _is_reserved(state: State, row: BookRow) -> bool:
    """The line of everything untagged, once something was booked to it: what it earned is part of the account's sum."""
    return row.emi == row.key.reserved and row.key in state.configured and bool(row.volume or row.funding)


def _locked(state: State, ledger: LedgerState) -> str:
    if not ledger.ok:
        return f"the ledger cannot write: {ledger.text}"
    return "the kill switch is on: re-arm first" if state.kill.locked else ""


def sums_of(row: BookRow | None) -> BookSums:
    """Kept sums as the view has them."""
    return BookSums() if row is None else BookSums(row.pos, row.sumreal, row.fees, row.funding, row.volume)




_TYPE_WORDS = {
    OrdType.LIMIT: "limit", OrdType.MARKET: "market", OrdType.STOP_MARKET: "stop", OrdType.STOP_LIMIT: "stop limit",
    OrdType.TAKE_PROFIT_MARKET: "take-profit", OrdType.TAKE_PROFIT_LIMIT: "take-profit limit",
    OrdType.TRAILING_STOP: "trailing stop",
}


def type_text(order: OrderRow) -> str:
    """"limit", "limit PO", "market IOC", "stop RO", or the venue's own word for a type we do not place."""
    if order.ord_type is None:
        return order.type_text.lower() or "other"
    words = _TYPE_WORDS[order.ord_type]
    if order.tif is TimeInForce.GTX:
        words += " PO"
    elif order.tif in (TimeInForce.IOC, TimeInForce.FOK):
        words += f" {order.tif.value}"
    return words + (" RO" if order.reduce_only else "")


