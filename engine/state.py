"""What the engine keeps in memory, and the small records that change it. Owned by the engine thread.

Everything that must survive is a row of `core.rows`; the rest here is opinion, progress and what is being shown.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from decimal import Decimal

from core import numbers
from core.rows import BOOK_KEY, BookRow, CoinRow, CursorRow, OrderRow, RobotRow
from core.titles import full_name
from engine.commands import PlaceOrder, Verdict
from engine.orders import FOREIGN_ID
from engine.timeline import Timeline
from engine.view import KillState, MessageLine, TradeLine
from models import (
    ZERO,
    BalanceReport,
    BotState,
    Category,
    Instrument,
    Key,
    LeverageReport,
    Notice,
    PositionReport,
    Request,
    Robot,
    Side,
    Top,
)

VenueId = tuple[str, Category]
OrderId = tuple[Key, str]

TRADES_KEPT = 200
MESSAGES_KEPT = 500
VERDICTS_KEPT = 200
OVERLAP_MS = 300_000        # each read of history overlaps the last 5 minutes
YEAR_2000_MS = 946_684_800_000
STOP_PAUSE_S = 2.0          # after placing a bot's stop


@dataclass(frozen=True, slots=True)
class Now:
    """The time a decision is made at: our wall clock (ms), monotonic (s), and the venue's clock as measured (ms)."""

    wall: int
    mono: float
    venue: int


@dataclass(frozen=True, slots=True)
class Roster:
    """What an action on bots must know beside memory: read from the database just before, every account included."""

    rows: tuple[RobotRow, ...]                       # of `robots`, as they stand there now
    books: tuple[BookRow, ...]                       # kept sums of the bots named
    orders: tuple[OrderRow, ...]                     # their orders that have not ended
    instruments: Callable[[Key], Instrument | None]
    strategies: tuple[str, ...]
    problem: Callable[[Robot], str]                  # why its strategy cannot run with its parameters ("" = it can)


@dataclass(frozen=True, slots=True)
class Sight:
    """What a decision may know of the market, read from the board just before."""

    instrument: Instrument | None = None
    book_problem: str = ""           # why the book cannot be trusted ("" = it can)
    venue_problem: str = ""          # why the venue takes no new order
    mark: Decimal | None = None
    top: Top | None = None
    roster: Roster | None = None     # for actions on bots
    fundings: tuple[CoinRow, ...] = ()   # of a fill that comes late: the rows of the fundings after it


@dataclass(frozen=True, slots=True)
class OrderWatch:
    """Progress of a question about one order. In memory only: a restart asks anew."""

    since: float
    asked: int = 0
    next_ask: float = 0.0
    absent: int = 0
    cancel_wanted: bool = False
    cancels: int = 0
    compare: bool = False            # the venue said "duplicate": its order must be equal to ours
    in_kill: bool = False


@dataclass(frozen=True, slots=True)
class MissingFills:
    """The venue says more of an order is filled than is booked: when history is asked next, and how often it was."""

    next_ask: float
    asked: int = 0


@dataclass(frozen=True, slots=True)
class VenueBook:
    """What is known of one venue's account."""

    market: str
    category: Category
    account: str = ""
    up: bool = False
    recovered: bool = False
    can_trade: bool = False
    text: str = ""
    waiting: frozenset[str] = frozenset()          # what recovery still waits for
    positions: tuple[PositionReport, ...] = ()
    balances: tuple[BalanceReport, ...] = ()
    leverages: tuple[LeverageReport, ...] = ()
    wallet: str = ""                               # venues with the same one share their balances; "": its own
    compared: int = 0                              # wall ms of the last comparison
    next_check: float = 0.0
    next_history: float = 0.0
    next_money: float = 0.0                        # when fundings and movements are asked for; 0: not by itself
    money_tries: int = 0                           # how often after that: the venue's history lags behind its stream
    money_read: bool = False                       # read to the end since the venue came up

    @property
    def id(self) -> VenueId:
        """(market, category)."""
        return (self.market, self.category)


@dataclass(frozen=True, slots=True)
class Difference:
    """Ledger and venue disagree about a position; `stage` 0 and 1 re-read history, 2 is shown and blocks."""

    key: Key
    ours: Decimal
    theirs: Decimal
    stage: int
    entry: Decimal | None = None

    @property
    def text(self) -> str:
        """For the strip and the position's line."""
        off = self.theirs - self.ours
        return f"{full_name(self.key)} books {numbers.text(self.ours)}, exchange {numbers.text(self.theirs)}, " \
               f"difference {'+' if off > 0 else ''}{numbers.text(off)}"


WalletId = tuple[str, str, str]      # market, account, and the word of the wallet


@dataclass(frozen=True, slots=True)
class Control:
    """What the venue holds of one currency, less everything the ledger explains by trades and funding.

    It equals the net movements, `moved`, the opening balance included: the program's own proof.
    """

    wallet: WalletId
    currency: str
    control: Decimal
    moved: Decimal
    tolerance: Decimal
    misses: int = 0                  # how often in a row they differed
    unread: tuple[Key, ...] = ()     # held, and not told of by the venue: nothing can be compared

    @property
    def off(self) -> Decimal:
        """What nothing explains."""
        return self.control - self.moved

    @property
    def agrees(self) -> bool | None:
        """None: they differ for the first time, which a fill on its way explains."""
        return None if self.misses == 1 or self.unread else self.misses == 0


# ---------------------------------------------------------------- changes that are not rows

@dataclass(frozen=True, slots=True)
class SetWatch:
    """Set or end (None) the watch over an order."""

    order: OrderId
    watch: OrderWatch | None


@dataclass(frozen=True, slots=True)
class SetMissing:
    """Fills of an order were asked for."""

    order: OrderId
    missing: MissingFills


@dataclass(frozen=True, slots=True)
class SetVenue:
    """A new record of a venue."""

    venue: VenueBook


@dataclass(frozen=True, slots=True)
class SetDifference:
    """A difference found, or cleared (None)."""

    key: Key
    difference: Difference | None


@dataclass(frozen=True, slots=True)
class SetFlags:
    """Trading switch, kill lock; None = unchanged."""

    trading: bool | None = None
    kill: KillState | None = None


@dataclass(frozen=True, slots=True)
class AddTrade:
    """A fill for the Trades tab."""

    trade: TradeLine


@dataclass(frozen=True, slots=True)
class SetRejects:
    """How many venue refusals in a row a bot has met."""

    owner: str
    count: int


@dataclass(frozen=True, slots=True)
class SetLastHand:
    """The newest order placed by hand, for the repeat guard."""

    command: PlaceOrder
    mono: float


@dataclass(frozen=True, slots=True)
class StopTarget:
    """The stop order a bot's position asks for; it triggers at `price`."""

    side: Side
    qty: Decimal
    price: Decimal | None


@dataclass(frozen=True, slots=True)
class SetStop:
    """What was tried for a bot's stop: not again before `after` (monotonic); `left` was cancelled by a person."""

    emi: str
    after: float = 0.0
    pause: float = STOP_PAUSE_S
    name: str = ""                   # the order placed last
    left: StopTarget | None = None


@dataclass(frozen=True, slots=True)
class SetReplace:
    """An order being moved by cancelling it: what takes its place. `command` None: no more; `old` names the order that
    this new one has replaced, until the venue has answered for it."""

    order: OrderId
    command: PlaceOrder | None
    old: str = ""


@dataclass(frozen=True, slots=True)
class SetLost:
    """A move that left nothing at the venue, in words; "" = seen, or mended."""

    key: Key
    text: str


@dataclass(frozen=True, slots=True)
class SetRobot:
    """A bot appeared, changed its name (`before`), or is gone (None); `reason`: why it cannot run."""

    emi: str
    robot: Robot | None
    reason: str = ""
    before: str = ""


@dataclass(frozen=True, slots=True)
class MoveDay:
    """One owner's sums of 00:00 UTC are another's from now on: it took over everything."""

    giver: BOOK_KEY
    taker: BOOK_KEY


@dataclass(frozen=True, slots=True)
class SetFound:
    """What a wallet without an opening balance holds beyond the ledger, and since when (monotonic) that is so."""

    wallet: WalletId
    since: float
    found: dict[str, Decimal]


@dataclass(frozen=True, slots=True)
class SetControl:
    """A currency of a wallet was compared with the ledger."""

    control: Control


Change = (SetWatch | SetMissing | SetVenue | SetDifference | SetFlags | AddTrade | SetRejects | SetLastHand | SetStop
          | SetReplace | SetLost | SetRobot | MoveDay | SetFound | SetControl | Notice)


@dataclass(slots=True)
class Decision:
    """What one message leads to. Nothing of it is true before `rows` are committed."""

    rows: list[CoinRow | OrderRow | BookRow | CursorRow | object] = field(default_factory=list)
    changes: list[Change] = field(default_factory=list)
    requests: list[Request] = field(default_factory=list)
    verdict: Verdict | None = None
    owners: set[str] = field(default_factory=set)       # whose bots must hear of it

    def note(self, market: str, text: str, level: str = "info", emi: str = "") -> None:
        """Add a line for the Messages panel."""
        self.changes.append(Notice(market, text, level, emi))


class State:
    """The engine's memory."""

    def __init__(self) -> None:
        self.orders: dict[OrderId, OrderRow] = {}
        self.by_order_id: dict[tuple[Key, str], str] = {}
        self.books: dict[BOOK_KEY, BookRow] = {}
        self.day_books: dict[BOOK_KEY, BookRow] = {}         # as they were at 00:00 UTC
        self.renamed: dict[str, str] = {}                    # names that were given up → what came after them
        self.day: int = 0
        self.timelines: dict[tuple[str, Key], Timeline] = {}        # account, instrument → its fills by time
        self.complete_from: dict[tuple[str, str], int] = {}         # market, account → since when they are complete
        self.funded: dict[tuple[str, Key], int] = {}                # time of the newest funding booked
        self.moved: dict[tuple[WalletId, str], Decimal] = {}        # wallet, currency → net movements
        self.openings: dict[tuple[WalletId, str], Decimal] = {}     # of that: what was there when the books began
        self.found: dict[WalletId, tuple[float, dict[str, Decimal]]] = {}   # see SetFound
        self.opened: set[WalletId] = set()                          # wallets whose opening balance is booked
        self.controls: dict[tuple[WalletId, str], Control] = {}
        self.cursors: dict[tuple[str, Key, str], int] = {}   # account, key, kind → ms
        self.first_read: dict[str, int] = {}                 # account → ms: where a first history read begins
        self.number = 0
        self.robots: dict[str, Robot] = {}
        self.robot_reasons: dict[str, str] = {}              # rows that cannot run: why (not stored)
        self.strategies: tuple[str, ...] = ()                # names of the files found last
        self.configured: set[Key] = set()
        self.unconfirmed: set[tuple[str, str]] = set()       # LIVE accounts (market, id) nobody has confirmed yet
        self.places: dict[Key, int] = {}                     # where each stands in the settings
        self.watched: set[Key] = set()                       # of those: added in the window
        self.venues: dict[VenueId, VenueBook] = {}
        self.watches: dict[OrderId, OrderWatch] = {}
        self.differences: dict[Key, Difference] = {}
        self.trading = False
        self.kill = KillState()
        self.kill_orders: set[OrderId] = set()
        self.database_problem = ""
        self.rejects: dict[str, int] = {}
        self.stops: dict[str, SetStop] = {}
        self.last_hand: SetLastHand | None = None
        self.recent: dict[Key, deque[tuple[float, Decimal]]] = {}   # positions held lately, with the time they ended
        self.replacing: dict[OrderId, PlaceOrder] = {}       # being cancelled, and what is to take its place
        self.replaced: dict[OrderId, str] = {}               # not answered for yet: whose place it takes
        self.lost_moves: dict[Key, str] = {}
        self.ended: dict[OrderId, float] = {}                # terminal orders still in memory, since
        self.missing: dict[OrderId, MissingFills] = {}       # told_qty > booked_qty
        self.trades: deque[TradeLine] = deque(maxlen=TRADES_KEPT)
        self.messages: deque[MessageLine] = deque(maxlen=MESSAGES_KEPT)
        self.verdicts: OrderedDict[str, Verdict] = OrderedDict()
        self.last_event: dict[str, str] = {}

    def add_fill(self, row: CoinRow) -> None:
        """A row that changes a position was booked: the past follows it."""
        name = (row.account, row.key)
        if name not in self.timelines:
            self.timelines[name] = Timeline(self.complete_from.get((row.key.market, row.account), 0))
        self.timelines[name].add(row.emi, row.time, row.qty)

    def read_from(self, account: str, key: Key, kind: str) -> int:
        """From where facts of a kind are read: their cursor, else the time in history.ini, less the overlap."""
        first = self.first_read.get(account, YEAR_2000_MS)
        return max(YEAR_2000_MS, self.cursors.get((account, key, kind), first) - OVERLAP_MS)

    def past_from(self, account: str, key: Key) -> int:
        """Since when (ms) the fills of an instrument are in memory."""
        line = self.timelines.get((account, key))
        return line.since if line is not None else self.complete_from.get((key.market, account), 0)

    def account(self, key: Key) -> str:
        """The account that trades this instrument ("" before the venue told)."""
        venue = self.venues.get((key.market, key.category))
        return venue.account if venue else ""

    def holders(self, key: Key) -> Iterator[BookRow]:
        """The kept sums of everybody in this instrument's settlement currency (those that can hold a position)."""
        account = self.account(key)
        for row in self.books.values():
            if row.key == key and row.account == account and (row.pos or row.entry is not None):
                yield row

    def position(self, key: Key) -> Decimal:
        """Σ of the ledger over all owners."""
        return sum((row.pos for row in self.holders(key)), ZERO)

    def remember_position(self, key: Key, mono: float) -> None:
        """Keep the position just reached for `recent_positions`."""
        self.recent.setdefault(key, deque(maxlen=100)).append((mono, self.position(key)))

    def recent_positions(self, key: Key, after: float) -> set[Decimal]:
        """Positions reached after a monotonic time, and the one held at that time."""
        kept = self.recent.get(key, deque())
        later = {qty for mono, qty in kept if mono > after}
        before = [qty for mono, qty in kept if mono <= after]
        if not later:
            return later
        return later | ({before[-1]} if before else {ZERO})

    def find(self, key: Key, cl_ord_id: str | None, order_id: str) -> OrderRow | None:
        """An order's row by the client id, else by the venue's."""
        if cl_ord_id:
            found = self.orders.get((key, cl_ord_id))
            if found is not None and found.text != FOREIGN_ID:
                return found
        name = self.by_order_id.get((key, order_id)) if order_id else None
        return self.orders.get((key, name)) if name else None

    def is_working(self, emi: str) -> bool:
        """Whether this bot may trade by itself, F9 apart."""
        robot = self.robots.get(emi)
        return robot is not None and robot.state is BotState.WORK and emi not in self.robot_reasons


class Holders:
    """EMIs that hold a position in an instrument; looked for when asked, which few fills need."""

    __slots__ = ("_key", "_state")

    def __init__(self, state: State, key: Key) -> None:
        self._state, self._key = state, key

    def __contains__(self, emi: object) -> bool:
        return any(row.emi == emi and row.pos for row in self._state.holders(self._key))
