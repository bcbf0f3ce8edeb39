"""`decide(message, now, sight) → Decision`, then, once its rows are committed, `apply(decision)`.

The one place where a message changes state: a plain object without thread, clock, socket or file. The live loop, the
paper market, the backtest and the chaos tests drive this same object. A fact that the ledger knows already (its unique
key says so) drops the whole decision: nothing was applied before.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from decimal import Decimal
from typing import Any

from core.rows import (
    Loaded,
    OrderRow,
    RobotState,
)
from core.titles import market_title, product_title
from engine import asking, bot_actions, funding, hearing, money, opinions, recovery, replacing, stops
from engine.applying import apply_change, apply_row
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
from engine.kept import books_before, trade_lines
from engine.recovery import DAY_MS
from engine.state import (
    VERDICTS_KEPT,
    Decision,
    Now,
    SetLost,
    Sight,
    State,
    VenueId,
)
from models import (
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
                hearing.hear_reject(state, message, now, sight, out)
            case Silence():
                hearing.hear_silence(state, message, now, out)
            case OrderFound():
                hearing.hear_found(state, message, now, sight, out)
            case OrderAbsent():
                hearing.hear_absent(state, message, now, round(timings.absent_margin * 1000), out)
            case LeverageReport():
                opinions.hear_leverage(state, message, out)
            case PositionReport():
                opinions.hear_position(state, message, out)
            case BalanceReport():
                opinions.hear_balance(state, message, out)
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
            apply_row(state, row, now, self._timings)
        for change in decision.changes:
            apply_change(state, change, now)
        if decision.verdict is not None and decision.verdict.ticket:
            state.verdicts[decision.verdict.ticket] = decision.verdict
            while len(state.verdicts) > VERDICTS_KEPT:
                state.verdicts.popitem(last=False)

    # ------------------------------------------------------------ memory from the ledger

    def adopt(self, market: str, account: str, loaded: Loaded, day: int, now: Now) -> Decision:
        """Take up what the ledger holds of an account; what was on its way becomes UNKNOWN (rows to commit)."""
        state = self.state
        self.forget(market, account)
        state.complete_from[(market, account)] = day
        for row in (*loaded.orders, *loaded.books, *loaded.cursors, *loaded.moves):
            apply_row(state, row, now, self._timings)
        state.renamed.update(loaded.renamed)
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
        apply_row(self.state, order, now, self._timings)

    def force_bot(self, emi: str, bot_state: BotState, reason: str) -> None:
        """A bot's switch while the database is away: true at once in memory, stored when it is back."""
        apply_row(self.state, RobotState(emi, bot_state.value, reason), Now(0, 0.0, 0), self._timings)

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


def _named(command: Recover) -> str:
    """What is to be reconnected, as the window names it; "" = everything."""
    if command.category is not None:
        return product_title(command.market, command.category)
    return market_title(command.market)
