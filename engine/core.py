"""`decide(message, now, sight) → Decision`, then, once its rows are committed, `apply(decision)`.

The one place where a message changes state: a plain object without thread, clock, socket or file. The live loop, the
paper market, the backtest and the chaos tests drive this same object. A fact that the ledger knows already (its unique
key says so) drops the whole decision: nothing was applied before.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from decimal import Decimal
from typing import Any, TypeVar

from msgspec import structs

from core.dates import hms
from core.rows import (
    BookRow,
    CoinRow,
    ConfirmRow,
    CounterRow,
    CursorRow,
    Loaded,
    MoveRow,
    OrderRow,
    RobotState,
    WatchRow,
    book_key,
)
from core.titles import market_title, product_title
from engine import asking, bot_actions, funding, hearing, money, recovery, replacing, stops
from engine.commands import (
    AskNow,
    BotAction,
    Cancel,
    CancelAll,
    ChangeLeverage,
    Command,
    ConfirmAccount,
    KillSwitch,
    MoveOrder,
    PlaceOrder,
    Rearm,
    Recover,
    SetBot,
    SetTrading,
    TakeOver,
    Watch,
)
from engine.kept import is_transfer, moves_everything, trade_lines
from engine.recovery import DAY_MS
from engine.state import (
    VERDICTS_KEPT,
    AddTrade,
    Change,
    Decision,
    MissingFills,
    MoveDay,
    Now,
    SetControl,
    SetDifference,
    SetFlags,
    SetFound,
    SetLastHand,
    SetLost,
    SetMissing,
    SetRejects,
    SetReplace,
    SetRobot,
    SetStop,
    SetVenue,
    SetWatch,
    Sight,
    State,
    VenueBook,
    VenueId,
    together,
)
from engine.view import MessageLine
from models import (
    ZERO,
    AccountSnapshot,
    Ack,
    AskAccount,
    BalanceReport,
    BotState,
    Execution,
    Funding,
    HistoryPage,
    Key,
    LeverageReport,
    MoneyMoved,
    MoneyPage,
    Movement,
    Notice,
    OrderAbsent,
    OrderFound,
    OrderReport,
    OrdStatus,
    PositionReport,
    Reject,
    Robot,
    Silence,
    Timings,
    VenueDown,
    VenueMessage,
    VenueUp,
)

A = TypeVar("A")
B = TypeVar("B")

ENDED_KEPT_S = 600.0          # ended orders stay in memory this long, for late opinions and the window


class Core:
    """State and decisions. One owner: whoever drives it."""

    def __init__(self, timings: Timings, multiplier: Callable[[Key], Decimal | None] = lambda key: None) -> None:
        self.state = State()
        self._multiplier = multiplier
        self._timings = timings

    # ------------------------------------------------------------ decide

    def decide(self, message: Command | VenueMessage, now: Now, sight: Sight) -> Decision:
        """What the message leads to. Changes nothing."""
        out = Decision()
        ticket = getattr(message, "ticket", "")
        if ticket and ticket in self.state.verdicts:
            out.verdict = self.state.verdicts[ticket]        # asked before: the same answer, nothing more
            return out
        if not self._hear(message, now, sight, out):
            self._ask(message, now, sight, out)
        elif self.state.replacing or self.state.replaced:
            replacing.follow(self.state, now, sight, out)
        return out

    def _hear(self, message: Command | VenueMessage, now: Now, sight: Sight, out: Decision) -> bool:
        """Messages of a venue; False when it is none."""
        state, timings = self.state, self._timings
        match message:
            case Execution():
                hearing.hear_execution(state, message, now, sight, now.wall * 1000, out)
            case OrderReport():
                hearing.hear_report(state, message, now, out)
            case Ack():
                hearing.hear_ack(state, message, now, out)
            case Reject():
                hearing.hear_reject(state, message, now, out)
            case Silence():
                hearing.hear_silence(state, message, now, out)
            case OrderFound():
                hearing.hear_found(state, message, now, sight, out)
            case OrderAbsent():
                hearing.hear_absent(state, message, now, round(timings.absent_margin * 1000), out)
            case LeverageReport():
                _leverage(state, message, out)
            case PositionReport() | BalanceReport():
                self._opinion(message, out)
            case AccountSnapshot():
                recovery.snapshot(state, message, now, timings, self._multiplier, out)
            case HistoryPage():
                recovery.history_end(state, message, now, timings, out)
            case Funding():
                funding.hear_funding(state, message, sight.instrument, now.wall * 1000, out)
            case Movement():
                money.hear_movement(state, message, now.wall * 1000, out)
            case MoneyPage():
                money.page_end(state, message, out)
            case MoneyMoved():
                money.hear_hint(state, message, now, timings, out)
            case VenueUp():
                recovery.venue_up(state, message, now, timings, out)
            case VenueDown():
                recovery.venue_down(state, message, out)
            case Notice():
                out.changes.append(message)
            case _:
                return False
        return True

    def _ask(self, message: Command | VenueMessage, now: Now, sight: Sight, out: Decision) -> None:
        """Commands of people and bots."""
        state = self.state
        if isinstance(message, BotAction):
            return bot_actions.decide(state, message, now, sight, out)
        match message:
            case PlaceOrder():
                asking.place(state, message, now, sight, out)
            case MoveOrder():
                self._move(message, now, sight, out)
            case ChangeLeverage():
                asking.change_leverage(state, message, now, sight, out)
            case Cancel():
                asking.cancel(state, message, now, out)
            case CancelAll():
                asking.cancel_all(state, message, now, out)
            case KillSwitch():
                asking.kill_switch(state, message, now, out)
            case Rearm():
                asking.rearm(message, now, out)
            case SetTrading():
                asking.set_trading(state, message, now, out)
            case SetBot():
                asking.set_bot(state, message, now, out)
            case Watch():
                asking.watch_symbol(state, message, now, sight, out)
            case ConfirmAccount():
                asking.confirm_account(state, message, now, out)
            case TakeOver():
                asking.take_over(state, message, now, sight, out)
            case AskNow():
                out.requests += [AskAccount(v.market, v.category, "asked") for v in state.venues.values() if v.up]
                out.changes += [SetLost(key, "") for key in state.lost_moves]
                asking.accept(out, message.ticket, now)
            case Recover():
                out.note(_named(message), "reconnecting and recovering")
                asking.accept(out, message.ticket, now)
        return None

    def _move(self, message: MoveOrder, now: Now, sight: Sight, out: Decision) -> None:
        order = self.state.orders.get((message.key, message.order))
        if order is not None and order.status is OrdStatus.NEW and order.ord_type is not None \
                and order.ord_type.is_conditional and order.trigger is not None:
            replacing.move_waiting(self.state, order, message, now, sight, out)
        else:
            asking.move(self.state, message, now, sight, out)

    def _opinion(self, message: PositionReport | BalanceReport, out: Decision) -> None:
        key = message.key if isinstance(message, PositionReport) else None
        where = (key.market, key.category) if key else (message.market, message.category)  # type: ignore[union-attr]
        venue = self.state.venues.get(where)
        if venue is None:
            return
        if isinstance(message, PositionReport):
            old = next((p for p in venue.positions if p.key == message.key), None)
            merged = replace(message, mark=message.mark or (old.mark if old else None),
                             liquidation=message.liquidation or (old.liquidation if old else None),
                             margin=message.margin or (old.margin if old else None),
                             leverage=message.leverage or (old.leverage if old else None))
            rest = tuple(p for p in venue.positions if p.key != message.key)
            out.changes.append(SetVenue(replace(venue, positions=(*rest, merged))))
        else:
            before = next((b for b in venue.balances if b.currency == message.currency), None)
            # A stream tells the wallet only: what hangs on it moves alike until the account is asked again.
            moved = message.wallet - before.wallet if before else ZERO
            merged_balance = message if before is None else replace(
                message, margin_balance=_moved(message.margin_balance, before.margin_balance, moved),
                available=_moved(message.available, before.available, moved))
            others = tuple(b for b in venue.balances if b.currency != message.currency)
            out.changes.append(SetVenue(replace(venue, balances=(*others, merged_balance))))

    def tick(self, now: Now, guard: stops.Stops | None = None) -> Decision:
        """What is due by itself. `guard`: bots' stop-losses are kept at the venue."""
        out = Decision()
        recovery.tick(self.state, now, self._timings, out)
        if guard is not None:
            stops.tick(self.state, guard, now, out)
        return out

    # ------------------------------------------------------------ apply

    def apply(self, decision: Decision, now: Now) -> None:
        """Make a decision true in memory, after its rows are committed."""
        state = self.state
        for row in decision.rows:
            self._apply_row(row, now)
        for change in decision.changes:
            self._apply_change(change, now)
        if decision.verdict is not None and decision.verdict.ticket:
            state.verdicts[decision.verdict.ticket] = decision.verdict
            while len(state.verdicts) > VERDICTS_KEPT:
                state.verdicts.popitem(last=False)

    def _apply_row(self, row: object, now: Now) -> None:
        state = self.state
        match row:
            case OrderRow():
                name = (row.key, row.name)
                old = state.orders.get(name)
                state.orders[name] = row
                if row.order_id:
                    state.by_order_id[(row.key, row.order_id)] = row.name
                if row.status.is_terminal:
                    state.ended.setdefault(name, now.mono)
                else:
                    state.ended.pop(name, None)
                gap = row.told_qty - row.booked_qty if row.cl_ord_id else ZERO
                if gap <= 0:
                    state.missing.pop(name, None)
                elif name not in state.missing or (old is not None and gap > old.told_qty - old.booked_qty):
                    state.missing[name] = MissingFills(now.mono + self._timings.ask_unknown)
            case BookRow():
                state.books[book_key(row)] = row
            case CoinRow():
                if row.side < 0:
                    name_of = (row.account, row.key)
                    if not is_transfer(row):
                        state.funded[name_of] = max(row.time, state.funded.get(name_of, 0))
                    return
                if row.qty:
                    state.add_fill(row)
                if row.part == 0:
                    state.remember_position(row.key, now.mono)
            case MoveRow():
                self._moved(row)
            case ConfirmRow():
                state.unconfirmed.discard((row.market, row.account))
            case CursorRow():
                state.cursors[(row.account, row.key, row.kind)] = row.time
            case CounterRow():
                if row.name == asking.ORDER_NUMBER:
                    state.number = row.value
            case RobotState():
                robot = state.robots.get(row.emi)
                if robot is not None:
                    state.robots[row.emi] = replace(robot, state=BotState(row.state), reason=row.reason)
            case WatchRow():
                if row.on:
                    state.configured.add(row.key)
                    state.watched.add(row.key)
                else:
                    state.configured.discard(row.key)
                    state.watched.discard(row.key)

    def _moved(self, row: MoveRow) -> None:
        wallet = (row.market, row.account, row.wallet)
        sums = self.state.moved
        sums[(wallet, row.currency)] = sums.get((wallet, row.currency), ZERO) + row.amount
        if row.kind == money.OPENING:
            self.state.openings[(wallet, row.currency)] = row.amount
            self.state.opened.add(wallet)

    def _apply_change(self, change: Change, now: Now) -> None:
        state = self.state
        match change:
            case SetWatch():
                if change.watch is None:
                    state.watches.pop(change.order, None)
                else:
                    state.watches[change.order] = change.watch
                    if change.watch.in_kill:
                        state.kill_orders.add(change.order)
            case SetMissing():
                if change.order in state.missing:
                    state.missing[change.order] = change.missing
            case SetVenue():
                state.venues[change.venue.id] = change.venue
            case SetDifference():
                if change.difference is None:
                    state.differences.pop(change.key, None)
                else:
                    state.differences[change.key] = change.difference
            case SetFlags():
                state.trading = state.trading if change.trading is None else change.trading
                if change.kill is not None:
                    if not change.kill.locked:
                        state.kill_orders.clear()
                    state.kill = change.kill
            case AddTrade():
                state.trades.appendleft(change.trade)
            case SetRejects():
                state.rejects[change.owner] = change.count
            case SetStop():
                state.stops[change.emi] = change
            case SetRobot():
                state.set_robot(change)
            case MoveDay():
                state.move_day(change)
            case SetLastHand():
                state.last_hand = change
            case SetReplace():
                _set(state.replacing, change.order, change.command)
                _set(state.replaced, change.order, change.old or None)
            case SetLost():
                _set(state.lost_moves, change.key, change.text or None)
            case SetFound():
                state.found[change.wallet] = (change.since, change.found)
            case SetControl():
                state.controls[(change.control.wallet, change.control.currency)] = change.control
            case Notice():
                self._say(change, now)

    def _say(self, notice: Notice, now: Now) -> None:
        lines = self.state.messages
        if lines and (lines[0].market, lines[0].text) == (notice.market, notice.text):
            lines[0] = MessageLine(now.wall, notice.market, notice.text, lines[0].level, lines[0].emi,
                                   lines[0].count + 1)
        else:
            lines.appendleft(MessageLine(now.wall, notice.market, notice.text, notice.level, notice.emi))
        if notice.emi:
            self.state.last_event[notice.emi] = f"{hms(now.wall)[:5]} {notice.text}"

    # ------------------------------------------------------------ memory from the ledger

    def adopt(self, market: str, account: str, loaded: Loaded, day: int, now: Now) -> Decision:
        """Take up what the ledger holds of an account; what was on its way becomes UNKNOWN (rows to commit)."""
        state = self.state
        self.forget(market, account)
        state.complete_from[(market, account)] = day
        for row in (*loaded.orders, *loaded.books, *loaded.cursors, *loaded.moves):
            self._apply_row(row, now)
        for fill in (row for row in loaded.today if row.side >= 0):
            state.add_fill(fill)
        state.funded.update({(account, key): ms for key, ms in loaded.funded.items()})
        state.number = max(state.number, loaded.counters.get(asking.ORDER_NUMBER, 0))
        state.day = day
        state.day_books.update(books_before(loaded.books, loaded.today))
        kept = [line for line in state.trades if line.key.market != market]
        state.trades.clear()
        state.trades.extend([*kept, *trade_lines(loaded.books, loaded.trades, self._multiplier)])
        out = Decision()
        recovery.restart_orders(state, now, out)
        return out

    def forget(self, market: str, account: str) -> None:
        """Out of memory: it is read anew, or another account trades in its place."""
        state = self.state
        for name in [n for n, order in state.orders.items() if (order.key.market, order.account) == (market, account)]:
            del state.orders[name]
            state.watches.pop(name, None)
            state.ended.pop(name, None)
            state.missing.pop(name, None)
        for kept in [k for k in state.books if (k[1].market, k[0]) == (market, account)]:
            del state.books[kept]
            state.day_books.pop(kept, None)
        of_account: list[dict[Any, Any]] = [state.timelines, state.funded]
        for table in of_account:
            for name in [n for n in table if (n[1].market, n[0]) == (market, account)]:
                del table[name]
        of_wallet: list[dict[Any, Any]] = [state.moved, state.openings, state.controls]
        for table in of_wallet:
            for name in [n for n in table if n[0][:2] == (market, account)]:
                del table[name]
        state.opened = {wallet for wallet in state.opened if wallet[:2] != (market, account)}

    def forget_venue(self, where: VenueId) -> None:
        """A product was taken out of the settings: what its account told is not shown any more."""
        self.state.venues.pop(where, None)

    def new_day(self, day: int) -> None:
        """00:00 UTC: today's sums begin at what is kept now."""
        self.state.day = day
        self.state.day_books = dict(self.state.books)
        before = day - DAY_MS
        for line in self.state.timelines.values():
            line.forget_before(before)
        for name, since in self.state.complete_from.items():
            self.state.complete_from[name] = max(since, before)

    def prune(self, now: Now) -> None:
        """Let go of orders that ended long ago and whose fills are complete."""
        state = self.state
        for name, since in list(state.ended.items()):
            order = state.orders.get(name)
            missing = state.missing.get(name)
            if (now.mono - since > ENDED_KEPT_S and name not in state.watches
                    and (missing is None or missing.asked >= recovery.MISSING_TRIES)):
                del state.ended[name]
                state.missing.pop(name, None)
                state.orders.pop(name, None)
                if order is not None:
                    state.by_order_id.pop((order.key, order.order_id), None)

    def remember(self, order: OrderRow, now: Now) -> None:
        """Take an ended order's row back into memory: something came late for it."""
        self._apply_row(order, now)

    def force_bot(self, emi: str, bot_state: BotState, reason: str) -> None:
        """A bot's switch while the database is away: true at once in memory, stored when it is back."""
        self._apply_row(RobotState(emi, bot_state.value, reason), Now(0, 0.0, 0))

    def set_robots(self, robots: Iterable[Robot], reasons: dict[str, str]) -> None:
        """The rows of `robots` as read anew; `reasons` says which cannot run and why."""
        self.state.robots = {robot.emi: robot for robot in robots}
        self.state.robot_reasons = dict(reasons)

    def configure(self, keys: Iterable[Key], watched: Iterable[Key]) -> None:
        """Which symbols stand in the settings, and which were added in the window."""
        listed = tuple(keys)
        self.state.watched = set(watched)
        self.state.places = {key: place for place, key in enumerate(listed)}
        self.state.configured = {*listed, *self.state.watched}


def _leverage(state: State, message: LeverageReport, out: Decision) -> None:
    """How an instrument is margined now; what this report leaves open stays as it was told before."""
    where = (message.key.market, message.key.category)
    venue = state.venues.get(where) or VenueBook(*where)     # told while the account is read, before the venue is up
    old = next((report for report in venue.leverages if report.key == message.key), message)
    merged = replace(message, leverage=message.leverage if message.leverage is not None else old.leverage,
                     isolated=message.isolated if message.isolated is not None else old.isolated,
                     most=message.most if message.most is not None else old.most)
    rest = tuple(report for report in venue.leverages if report.key != message.key)
    out.changes.append(SetVenue(replace(venue, leverages=(*rest, merged))))


def _set(kept: dict[A, B], key: A, value: B | None) -> None:
    if value is None:
        kept.pop(key, None)
    else:
        kept[key] = value


def _named(command: Recover) -> str:
    """What is to be reconnected, as the window names it; "" = everything."""
    if command.category is not None:
        return product_title(command.market, command.category)
    return market_title(command.market)


def _moved(told: Decimal | None, before: Decimal | None, by: Decimal) -> Decimal | None:
    return told if told is not None or before is None else before + by


def books_before(books: Iterable[BookRow], rows: Iterable[CoinRow]) -> dict[tuple[str, Key, str, str], BookRow]:
    """The kept sums as they were before these rows: sums minus what the rows added (volume and fills included).

    Who took over everything meanwhile has begun with both owners' sums.
    """
    rows = tuple(rows)
    result = {book_key(row): row for row in books}
    for row in rows:
        name = (row.account, row.key, row.emi, row.currency)
        old = result.get(name)
        if old is None:
            continue
        is_funding = row.side < 0
        result[name] = structs.replace(
            old, pos=old.pos - (ZERO if is_funding else row.qty), sumreal=old.sumreal - row.sumreal,
            fees=old.fees - (ZERO if is_funding else row.commiss),
            funding=old.funding - (row.commiss if is_funding else ZERO),
            volume=old.volume - (ZERO if is_funding or is_transfer(row) else abs(row.qty)), entry=None)
    for row in rows:
        giver, taker = ((row.account, row.key, emi, row.currency) for emi in (row.emi, row.refer))
        if moves_everything(row) and not row.part % 2 and giver in result and taker in result:
            given = result[giver]
            result[taker] = together(result[taker], given)
            result[giver] = BookRow(row.key, row.account, row.emi, row.currency)
    return result
