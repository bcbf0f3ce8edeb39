"""Everything shown, as one frozen record. Unchanged parts keep their identity from one view to the next.

Published by the engine thread as `Engine.view` (one assignment); read by the window and, later, the monitor page.
Values that move with the market (PnL) are computed by the reader from these sums and the board's top: `bot_pnl` and
`position_pnl` are the one way to do it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal

from accounting.value import can_value, closing_value
from core.titles import full_name
from engine.commands import Verdict
from models import ZERO, Category, Key, LeverageReport, Mode, OrdStatus, OrdType, Side, TimeInForce, Trigger


@dataclass(frozen=True, slots=True)
class OrderLine:
    """One open order (or one whose outcome is not known)."""

    id: str                          # our row's id: the clOrdID, or "#<orderID>" of an order without our tag
    key: Key
    owner: str                       # EMI shown
    side: Side
    ord_type: OrdType | None
    type_text: str                   # "limit PO", "market", or the venue's word
    tif: TimeInForce | None
    qty: Decimal
    leaves: Decimal
    price: Decimal | None
    status: OrdStatus
    time: int
    reduce_only: bool
    asked: int = 0                   # questions asked while UNKNOWN
    since: float = 0.0               # monotonic: since when UNKNOWN or pending
    text: str = ""
    trigger: Trigger | None = None   # of a conditional order that has not triggered

    @property
    def at(self) -> Decimal | None:
        """Where it stands on a price axis: at its trigger while it waits for that, else at its price."""
        return self.price if self.trigger is None else self.trigger.price


@dataclass(frozen=True, slots=True)
class PositionLine:
    """One instrument of the account: our sums, and what the venue says."""

    key: Key
    qty: Decimal                     # Σ of the ledger
    entry: Decimal | None            # of the ledger
    venue_qty: Decimal | None
    liquidation: Decimal | None
    margin: Decimal | None
    leverage: Decimal | None
    by_owner: tuple[tuple[str, Decimal], ...]
    blocked: str = ""                # why new orders of this instrument are refused
    takeover: bool = False           # an opening row may be taken over (TakeOver)
    status: str = ""                 # NOT IN LIST


@dataclass(frozen=True, slots=True)
class BookSums:
    """Kept sums of one owner in one instrument and currency."""

    pos: Decimal = ZERO
    sumreal: Decimal = ZERO
    fees: Decimal = ZERO
    funding: Decimal = ZERO
    volume: Decimal = ZERO


@dataclass(frozen=True, slots=True)
class Leg:
    """What an owner's books hold in one currency: in total, and as it was at 00:00 UTC."""

    currency: str
    sums: BookSums
    day: BookSums


@dataclass(frozen=True, slots=True)
class BotLine:
    """A row of the Bots panel: a bot, a RESERVED line with a position or orders, NOT DEFINED, NOT IN LIST."""

    emi: str
    key: Key
    timeframe: str
    status: str                      # WORK, OFF, SUSPENDED, RESERVED, NOT DEFINED, NOT IN LIST
    reason: str
    strategy: str
    params: str                      # JSON as stored
    capital: int
    quantity: Decimal | None         # what one entry trades now
    entry: Decimal | None
    orders: int
    sums: BookSums
    day: BookSums                    # the same at 00:00 UTC
    other_fees: tuple[tuple[str, Decimal], ...]   # fees in third currencies
    currency: str
    last_event: str
    legs: tuple[Leg, ...] = ()       # every currency it has moved, its own first
    former: tuple[str, ...] = ()     # names it had before, the last one first: their rows are its history


@dataclass(frozen=True, slots=True)
class AccountLine:
    """One currency of the account."""

    market: str
    category: Category
    currency: str
    margin_balance: Decimal | None
    available: Decimal | None
    wallet: Decimal | None
    result: Decimal                  # ΣSUMREAL + closing values at entry; `account_result` has them at bid and ask
    commission: Decimal
    funding: Decimal
    leverage: Decimal | None
    sumreal: Decimal = ZERO
    held: tuple[tuple[Key, Decimal], ...] = ()     # positions whose closing is worth something in this currency
    control: Decimal | None = None   # what the venue holds less what the ledger explains; None: not compared yet
    opening: Decimal = ZERO          # what was there when the books began
    moved: Decimal = ZERO            # net transfers since
    off: Decimal = ZERO              # what nothing explains
    tolerance: Decimal = ZERO
    agrees: bool | None = None       # None: not known (yet, or a fill is on its way)
    unread: tuple[Key, ...] = ()     # held, and not told of by the venue: nothing can be compared


@dataclass(frozen=True, slots=True)
class TradeLine:
    """One fill of the ledger."""

    id: int
    key: Key
    time: int
    side: Side
    qty: Decimal
    price: Decimal
    fee: Decimal
    fee_currency: str
    owner: str
    exec_id: str
    pnl: Decimal | None              # realised by this fill, before fees
    sumreal: Decimal = ZERO
    pos: Decimal | None = None       # its owner's position after it; None: not known
    booked: int = 0                  # µs: the order of booking


@dataclass(frozen=True, slots=True)
class MessageLine:
    """A line of the Messages panel."""

    time: int
    market: str
    text: str
    level: str                       # info, warning, error
    emi: str = ""
    count: int = 1


@dataclass(frozen=True, slots=True)
class Strip:
    """A line under the top line, shown while its cause lasts."""

    level: str                       # warning, error
    text: str
    action: str = ""                 # "cancel_bot_orders", "rearm", "takeover:<market>/<category>/<symbol>", "restart"
    label: str = ""                  # of the action's button


@dataclass(frozen=True, slots=True)
class LedgerState:
    """Database and agreement with the venue."""

    kind: str                        # sqlite, mysql
    ok: bool = True
    text: str = ""
    queued: int = 0
    commit_ms: float = 0.0
    agrees: bool | None = None       # None: not compared yet
    agree_text: str = ""
    agree_time: int = 0


@dataclass(frozen=True, slots=True)
class KillState:
    """Progress of a kill switch or a cancel all."""

    locked: bool = False
    total: int = 0
    done: int = 0
    asked_again: int = 0


@dataclass(frozen=True, slots=True)
class View:
    """What is shown, as of `time` (ms) and `published` (monotonic)."""

    time: int
    published: float
    mode: Mode
    accounts: tuple[str, ...]
    trading: bool
    recovered: tuple[tuple[str, Category], ...]    # venues that have finished their recovery
    configured: tuple[Key, ...]
    orders: tuple[OrderLine, ...] = ()
    positions: tuple[PositionLine, ...] = ()
    bots: tuple[BotLine, ...] = ()
    balances: tuple[AccountLine, ...] = ()
    trades: tuple[TradeLine, ...] = ()             # newest first, at most 200
    messages: tuple[MessageLine, ...] = ()         # newest first, at most 500
    strips: tuple[Strip, ...] = ()
    verdicts: tuple[Verdict, ...] = ()             # of the latest tickets, newest last
    ledger: LedgerState = LedgerState("sqlite")
    kill: KillState = KillState()
    locked: str = ""                               # why no new order is taken at all ("" = taken)
    bot_orders: int = 0                            # orders of bots that rest at the venue
    leverages: tuple[LeverageReport, ...] = ()     # as the venues told them
    strategies: tuple[str, ...] = ()               # names of the files a bot can run


def bot_pnl(category: Category, sums: BookSums, multiplier: Decimal, bid: Decimal | None,
            ask: Decimal | None) -> Decimal | None:
    """PNL = ΣSUMREAL + value of trading −POS at the bid (long) or ask (short) − ΣCOMMISS; None without a price."""
    if not sums.pos:
        return sums.sumreal - sums.fees - sums.funding
    price = bid if sums.pos > 0 else ask
    if not can_value(price, category):
        return None
    return sums.sumreal + closing_value(category, sums.pos, price, multiplier) - sums.fees - sums.funding


def account_result(line: AccountLine, multiplier: Callable[[Key], Decimal | None],
                   top: Callable[[Key], tuple[Decimal | None, Decimal | None]]) -> Decimal | None:
    """RESULT = ΣSUMREAL + value of closing every owner's position at the bid (long) or ask (short); None without a
    price."""
    result = line.sumreal
    for key, qty in line.held:
        price, value = top(key)[qty < 0], multiplier(key)
        if value is None or not can_value(price, key.category):
            return None
        result += closing_value(key.category, qty, price, value)
    return result


def not_compared(unread: Sequence[Key], currency: str) -> str:
    """Why the books of a currency are not proved just now, and what to do."""
    names = ", ".join(full_name(key) for key in unread)
    settings = ", ".join(dict.fromkeys(f"{key.category.value.upper()}_SYMBOLS in .env.{key.market}" for key in unread))
    return (f"the {currency} books hold {names}, whose entry price, fundings and balance are not read: its product is "
            f"not connected, or lists it no more. Add it to {settings}, then press F3")


def position_pnl(category: Category, qty: Decimal, entry: Decimal | None, multiplier: Decimal,
                 price: Decimal | None) -> Decimal | None:
    """Unrealised PnL of a position against its entry, in the settlement currency."""
    if not qty or not can_value(entry, category) or not can_value(price, category):
        return None
    return closing_value(category, qty, price, multiplier) - closing_value(category, qty, entry, multiplier)
