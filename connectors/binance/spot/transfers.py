"""Money that came to the spot wallet or left it: rows of the wallet's histories → our facts. Pure and total.

The account's stream tells each change without an id (balanceUpdate), the histories tell rows with ids of their own, and
nothing joins the two. So one of them is believed, by the network: where the wallet's endpoints are served (/sapi) the
histories, and the stream is a hint; elsewhere the stream, which is then all there is.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from decimal import Decimal

import msgspec

from connectors.binance.parse import MARKET, decoder, finite
from core.dates import to_ms
from core.errors import BadMessage
from core.hosts import Reach, reach
from core.numbers import printable
from models import Category, Movement

DAY_MS = 86_400_000
WINDOW_MS = 89 * DAY_MS          # a question about deposits or withdrawals may span less than 90 days
REACH_MS = 180 * DAY_MS          # transfers are told for half a year
# A deposit is listed by the time it was first seen and counts when it is confirmed; a withdrawal may be turned down.
SLOW_MS = 7 * DAY_MS
ROWS_A_PAGE, TRANSFERS_A_PAGE = 1000, 100
# Between this wallet and the account's others; each way is asked by itself.
OTHERS = ("UMFUTURE", "CMFUTURE", "FUNDING", "MARGIN", "ISOLATED_MARGIN", "OPTION", "PORTFOLIO_MARGIN")
WAYS = tuple(way for other in OTHERS for way in (f"MAIN_{other}", f"{other}_MAIN"))
_CREDITED = frozenset({1, 6})    # done, or in the wallet but not to be withdrawn yet
_TURNED_DOWN = frozenset({1, 3, 5})    # cancelled, rejected, failed
NOT_TOLD = ("deposits and transfers of spot made while this terminal is away are not told by this network: the "
            "account's control figure will differ by them")


class _Deposit(msgspec.Struct, rename="camel"):
    id: str
    coin: str
    amount: Decimal
    status: int
    insert_time: int
    complete_time: int | None = None
    wallet_type: int = 0


class _Withdrawal(msgspec.Struct, rename="camel"):
    id: str
    coin: str
    amount: Decimal
    status: int
    apply_time: str
    complete_time: str | None = None
    transaction_fee: Decimal = Decimal(0)
    wallet_type: int = 0


class _Transfer(msgspec.Struct, rename="camel"):
    tran_id: int | str
    asset: str
    amount: Decimal
    status: str
    timestamp: int
    type: str = ""


class _Transfers(msgspec.Struct):
    total: int = 0
    rows: list[_Transfer] = []


_deposits = decoder(list[_Deposit])
_withdrawals = decoder(list[_Withdrawal])
_transfers = decoder(_Transfers)
Facts = tuple[list[Movement], bool]    # and whether the page was full


def has_history(http: str) -> bool:
    """Whether the wallet's endpoints are served at an address: on the exchange itself and the bundled one."""
    return reach(http) in (Reach.LIVE, Reach.LOOPBACK)


def deposits(raw: bytes, account: str) -> Facts:
    """What came from outside the exchange."""
    told = _deposits(raw)
    return [_movement(account, "DEPOSIT", row.id, row.coin, row.amount, row.complete_time or row.insert_time)
            for row in told if row.status in _CREDITED and not row.wallet_type], len(told) >= ROWS_A_PAGE


def withdrawals(raw: bytes, account: str) -> Facts:
    """What left the exchange: taken, with its fee, when it is asked for, and given back when it is turned down."""
    told = _withdrawals(raw)
    out = []
    for row in told:
        if row.wallet_type:
            continue             # of the funding wallet
        taken = finite("amount", row.amount) + finite("transactionFee", row.transaction_fee)
        asked = _ms(row.apply_time)
        out.append(_movement(account, "WITHDRAW", row.id, row.coin, -taken, asked))
        if row.status in _TURNED_DOWN:
            back = _ms(row.complete_time) if row.complete_time else asked
            out.append(_movement(account, "WITHDRAW_RETURNED", row.id, row.coin, taken, back))
    return out, len(told) >= ROWS_A_PAGE


def transfers(raw: bytes, way: str, account: str) -> Facts:
    """What went one way between this wallet and another of the account."""
    told = _transfers(raw).rows
    sign = -1 if way.startswith("MAIN_") else 1
    return [_movement(account, way, row.tran_id, row.asset, sign * row.amount, row.timestamp)
            for row in told if row.status == "CONFIRMED"], len(told) >= TRANSFERS_A_PAGE


def by_stream(asset: str, delta: Decimal, time: int, account: str) -> Movement:
    """A change the stream told; what makes it one of its own is all that it tells."""
    amount = finite("d", delta)
    return _movement(account, "BALANCE", f"{time}:{amount}", asset, amount, time)


def oldest_first(told: Iterable[Movement]) -> list[Movement]:
    """Each once, in the order of their times."""
    return sorted({one.move_id: one for one in told}.values(), key=lambda one: one.time)


def _movement(account: str, kind: str, name: str | int, asset: str, amount: Decimal, time: int) -> Movement:
    number = printable(str(name), 64)
    if not number or time <= 0:
        raise BadMessage(MARKET, f"field id, time = {printable(repr((name, time)), 60)}: not a movement of money")
    coin = printable(asset, 20)
    return Movement(MARKET, Category.SPOT, account, f"spot:{kind}:{number}:{coin}", kind, coin,
                    finite("amount", amount), time)


def _ms(told: str) -> int:
    try:
        return to_ms(datetime.fromisoformat(told).replace(tzinfo=UTC))
    except ValueError:
        raise BadMessage(MARKET, f"field applyTime = {printable(repr(told), 40)}: not a time") from None
