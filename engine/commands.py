"""Everything a person or a bot may ask of the engine, as frozen records. A ticket is answered once, for ever alike."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from models import BotState, Category, Key, OrdType, Side, TimeInForce, Trigger

REPEAT_S = 1.0      # the same order by hand again within this asks once more


@dataclass(frozen=True, slots=True)
class PlaceOrder:
    """Ask for one order. `owner` is a bot's EMI or the instrument's `Key.reserved`.

    `by_hand`: a person asks (refused while trading is ON unless reduce-only). `wanted` is the price the asker saw or
    aimed at (THEOR_PRICE). `price` None = market order, or a conditional one that becomes one; `trigger` says when a
    conditional order (`ord_type.is_conditional`) begins to work.
    """

    ticket: str
    key: Key
    owner: str
    side: Side
    qty: Decimal
    price: Decimal | None
    by_hand: bool
    ord_type: OrdType = OrdType.LIMIT
    tif: TimeInForce = TimeInForce.GTC
    post_only: bool = False
    reduce_only: bool = False
    wanted: Decimal | None = None
    repeat_confirmed: bool = False      # a person said yes to "the same order again?"
    trigger: Trigger | None = None      # of a conditional order
    protects: bool = False              # a bot's stop-loss: asked with F9 OFF and the bot OFF too


@dataclass(frozen=True, slots=True)
class ConfirmAccount:
    """A person typed the id of the LIVE account that may be traded from now on."""

    ticket: str
    market: str
    account: str
    typed: str


@dataclass(frozen=True, slots=True)
class MoveOrder:
    """Change price, quantity or trigger (absolute, None = leave) of a resting order, named by our row's id.

    An order that waits for its trigger is cancelled and placed anew, as one act, and so is what is left of a partly
    filled one where the venue cannot move that (`engine.replacing`): the rest is an order of its own then.
    """

    ticket: str
    key: Key
    order: str                          # `OrderLine.id`
    price: Decimal | None = None
    qty: Decimal | None = None
    trigger: Decimal | None = None      # of a conditional order


@dataclass(frozen=True, slots=True)
class ChangeLeverage:
    """Ask the venue for another leverage of one instrument; what it became is told by its `LeverageReport`."""

    ticket: str
    key: Key
    leverage: int


@dataclass(frozen=True, slots=True)
class Cancel:
    """Cancel one order, named by our row's id. Never gated."""

    ticket: str
    key: Key
    order: str


@dataclass(frozen=True, slots=True)
class CancelAll:
    """Cancel every open order; `key` None = of all markets, `owner` "" = of everybody. Never gated."""

    ticket: str
    key: Key | None = None
    owner: str = ""
    bots_only: bool = False


@dataclass(frozen=True, slots=True)
class KillSwitch:
    """Bots stopped, all orders cancelled on all markets, trading OFF, new orders locked until `Rearm`."""

    ticket: str


@dataclass(frozen=True, slots=True)
class Rearm:
    """Unlock after a kill switch."""

    ticket: str


@dataclass(frozen=True, slots=True)
class SetTrading:
    """F9: trading ON or OFF."""

    ticket: str
    on: bool


@dataclass(frozen=True, slots=True)
class SetBot:
    """Switch a bot to WORK or OFF (a person), or SUSPENDED with the reason (the bot's own thread, the engine)."""

    ticket: str
    emi: str
    state: BotState
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Recover:
    """F3: reconnect and recover; `market` "" = all, `category` None = all products of the market.

    `fresh`: products that have just been built anew from changed settings; they come up by themselves.
    """

    ticket: str
    market: str = ""
    category: Category | None = None
    fresh: tuple[tuple[str, Category], ...] = ()

    def is_about(self, market: str, category: Category) -> bool:
        """Whether this product is to be reconnected."""
        is_named = self.market in ("", market) and self.category in (None, category)
        return is_named and (market, category) not in self.fresh


@dataclass(frozen=True, slots=True)
class AskNow:
    """F5: ask the venues for orders, positions and balances now."""

    ticket: str


@dataclass(frozen=True, slots=True)
class Watch:
    """Add a symbol to the watchlist (or take it off)."""

    ticket: str
    key: Key
    on: bool


@dataclass(frozen=True, slots=True)
class TakeOver:
    """A person's decision: book what the venue holds and no row explains as an opening row of this instrument."""

    ticket: str
    market: str
    category: Category
    symbol: str


@dataclass(frozen=True, slots=True)
class NewBot:
    """A new row of `robots`, OFF until a person switches it on. `timeframe` in minutes, `params` JSON, "" = defaults.

    Rows of its name that the ledger holds already (a bot that was deleted) become its books.
    """

    ticket: str
    emi: str
    key: Key
    timeframe: int
    capital: int
    strategy: str = ""
    params: str = ""


@dataclass(frozen=True, slots=True)
class DuplicateBot:
    """A new bot with everything of `emi` but its books; OFF."""

    ticket: str
    emi: str
    new: str


@dataclass(frozen=True, slots=True)
class RenameBot:
    """Another name; its whole book goes along in transfer rows. Refused while orders are open: they carry the name."""

    ticket: str
    emi: str
    new: str


@dataclass(frozen=True, slots=True)
class MergeBot:
    """Everything `emi` has, results included, goes to the bot `into`; the row of `emi` goes."""

    ticket: str
    emi: str
    into: str


@dataclass(frozen=True, slots=True)
class ReassignPosition:
    """Move a position, or `qty` of it, to another owner at `price` (None = the giver's entry); results stay.

    `emi` and `to`: a bot or the instrument's `Key.reserved`; `emi` may be NOT DEFINED too.
    """

    ticket: str
    key: Key
    emi: str
    to: str
    qty: Decimal | None = None
    price: Decimal | None = None


@dataclass(frozen=True, slots=True)
class DeleteBot:
    """Take the row away; results stay in the ledger. A position is refused, or goes to `to`: a bot, or RESERVED."""

    ticket: str
    emi: str
    to: str = ""


BotAction = NewBot | DuplicateBot | RenameBot | MergeBot | ReassignPosition | DeleteBot
RESERVED = "RESERVED"         # as `DeleteBot.to`: the untagged line of each instrument it holds

Command = (PlaceOrder | MoveOrder | ChangeLeverage | Cancel | CancelAll | KillSwitch | Rearm | SetTrading | SetBot
           | Recover | AskNow | Watch | TakeOver | ConfirmAccount | BotAction)


@dataclass(frozen=True, slots=True)
class Refusal:
    """Our own no, as a value: the sentence for the person, and which field it belongs to ("" = none)."""

    text: str
    field: str = ""
    again: bool = False                 # may be asked again with `repeat_confirmed`


@dataclass(frozen=True, slots=True)
class Verdict:
    """The engine's local answer to a ticket: accepted (with the clOrdID), or refused."""

    ticket: str
    ok: bool
    cl_ord_id: str = ""
    refusal: Refusal | None = None
    time: int = 0
