"""Rows of `core.rows` ↔ rows of the tables, as plain values that both drivers take alike: text, whole numbers, None.

Money and moments are written as text on both kinds of database: SQLite keeps it, a server turns it into DECIMAL and
DATETIME without loss. What is read comes through the column types of db/dialects.py.
"""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from functools import lru_cache
from typing import Any

from core.errors import LedgerError
from core.rows import CATEGORY_OF, BookRow, CoinRow, DayRow, MoveRow, OrderRow, RobotRow
from models import Key, OrdStatus, OrdType, Side, TimeInForce

Values = tuple[str | int | None, ...]

# The order in which the functions below give a table's values: that of its columns.
COINS = ("EXECID", "PART", "EMI", "REFER", "MARKET", "ACCOUNT", "CURRENCY", "SYMBOL", "TICKER", "CATEGORY", "SIDE",
         "QTY", "QTY_REST", "PRICE", "THEOR_PRICE", "TRADE_PRICE", "SUMREAL", "COMMISS", "TTIME", "DAT", "CLORDID")
ORDERS = ("MARKET", "ACCOUNT", "CATEGORY", "SYMBOL", "NAME", "CLORDID", "ORDERID", "EMI", "SIDE", "ORDTYPE", "TIF",
          "TYPETEXT", "QTY", "PRICE", "WANTED", "BOOKED_QTY", "TOLD_QTY", "STATUS", "REDUCE_ONLY", "CREATED", "UPDATED",
          "EXPIRES", "REASON")
MOVES = ("MARKET", "ACCOUNT", "WALLET", "MOVEID", "KIND", "CURRENCY", "AMOUNT", "TTIME", "DAT")
BOOKS = ("MARKET", "ACCOUNT", "EMI", "CATEGORY", "SYMBOL", "CURRENCY", "POS", "VOLUME", "SUMREAL", "FEES", "FUNDING",
         "ENTRY", "FILLS")
DAYS = ("MARKET", "ACCOUNT", "EMI", "CURRENCY", "TTIME", "NETVALUE")
ROBOTS = ("EMI", "SYMBOL", "CATEGORY", "MARKET", "SORT", "TIMEFR", "CAPITAL", "STRATEGY", "PARAMS", "STATE", "REASON")

# The column takes 16 characters.
_SHORT = {OrdType.TAKE_PROFIT_MARKET: "TP_MARKET", OrdType.TAKE_PROFIT_LIMIT: "TP_LIMIT"}
_LONG = {word: ord_type for ord_type, word in _SHORT.items()}


def exact(value: Decimal) -> str:
    """A number as text without exponent and trailing zeros. Refuses anything that is not a finite Decimal."""
    if not isinstance(value, Decimal) or not value.is_finite():
        raise LedgerError(f"{value!r} is no exact number; nothing was stored")
    if not value:
        return "0"
    out = str(value)
    if "E" in out:
        out = format(value, "f")
    return out.rstrip("0").rstrip(".") if "." in out else out


def moment(ms: int) -> str:
    """Milliseconds since 1970 UTC → "2026-11-21 18:30:01.123"."""
    seconds, rest = divmod(ms, 1000)
    return f"{_second(seconds)}.{rest:03}"


def moment_micro(us: int) -> str:
    """Microseconds since 1970 UTC → "2026-11-21 18:30:01.123456"."""
    seconds, rest = divmod(us, 1_000_000)
    return f"{_second(seconds)}.{rest:06}"


@lru_cache(maxsize=64)
def _second(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%S")


def where(key: Key) -> dict[str, str]:
    """An instrument's columns."""
    return {"MARKET": key.market, "CATEGORY": key.category.value, "SYMBOL": key.symbol}


def key_of(row: Any) -> Key:
    """The instrument of a row."""
    return Key(row.MARKET, CATEGORY_OF[row.CATEGORY], row.SYMBOL)


def coin_values(row: CoinRow) -> Values:
    """In the order of `COINS`."""
    market, category, symbol = row.key
    return (row.exec_id, row.part, row.emi, row.refer, market, row.account, row.currency, symbol, row.ticker,
            category._value_, row.side, exact(row.qty), exact(row.qty_rest), exact(row.price), exact(row.theor_price),
            exact(row.trade_price), exact(row.sumreal), exact(row.commiss), moment(row.time),
            moment_micro(row.booked), row.cl_ord_number)


def coin(row: Any) -> CoinRow:
    """A row of `coins` as read."""
    return CoinRow(row.EXECID, row.PART, row.EMI, row.REFER, key_of(row), row.ACCOUNT, row.CURRENCY, row.TICKER,
                   row.SIDE, row.QTY, row.QTY_REST, row.PRICE, row.THEOR_PRICE, row.TRADE_PRICE, row.SUMREAL,
                   row.COMMISS, row.TTIME, row.DAT, row.CLORDID, row.ID)


def day_values(row: DayRow) -> Values:
    """In the order of `DAYS`."""
    return (row.market, row.account, row.emi, row.currency, moment(row.time), exact(row.value))


def move_values(row: MoveRow) -> Values:
    """In the order of `MOVES`."""
    return (row.market, row.account, row.wallet, row.move_id, row.kind, row.currency, exact(row.amount),
            moment(row.time), moment_micro(row.booked))


def move(row: Any) -> MoveRow:
    """A row of `moves` as read."""
    return MoveRow(row.MARKET, row.ACCOUNT, row.WALLET, row.MOVEID, row.KIND, row.CURRENCY, row.AMOUNT, row.TTIME,
                   row.DAT)


def order_values(row: OrderRow) -> Values:
    """In the order of `ORDERS`."""
    market, category, symbol = row.key
    kind = row.ord_type
    return (market, row.account, category._value_, symbol, row.name, row.cl_ord_id, row.order_id, row.owner,
            row.side._value_, None if kind is None else _SHORT.get(kind, kind._value_),
            None if row.tif is None else row.tif._value_, row.type_text[:40], exact(row.qty),
            None if row.price is None else exact(row.price), None if row.wanted is None else exact(row.wanted),
            exact(row.booked_qty), exact(row.told_qty), row.status._value_, int(row.reduce_only), row.created,
            row.updated, row.expires, row.text[:300])


def order(row: Any) -> OrderRow:
    """A row of `orders` as read."""
    return OrderRow(
        key=key_of(row), account=row.ACCOUNT, name=row.NAME, cl_ord_id=row.CLORDID, order_id=row.ORDERID,
        owner=row.EMI, side=Side(row.SIDE),
        ord_type=_LONG.get(row.ORDTYPE) or OrdType(row.ORDTYPE) if row.ORDTYPE else None,
        tif=TimeInForce(row.TIF) if row.TIF else None, qty=row.QTY, price=row.PRICE, wanted=row.WANTED,
        status=OrdStatus(row.STATUS), reduce_only=bool(row.REDUCE_ONLY), created=row.CREATED, updated=row.UPDATED,
        expires=row.EXPIRES, booked_qty=row.BOOKED_QTY, told_qty=row.TOLD_QTY, text=row.REASON,
        type_text=row.TYPETEXT)


def book_values(row: BookRow) -> Values:
    """In the order of `BOOKS`."""
    market, category, symbol = row.key
    return (market, row.account, row.emi, category._value_, symbol, row.currency, exact(row.pos), exact(row.volume),
            exact(row.sumreal), exact(row.fees), exact(row.funding), None if row.entry is None else exact(row.entry),
            row.fills)


def book(row: Any) -> BookRow:
    """A row of `books` as read."""
    return BookRow(key_of(row), row.ACCOUNT, row.EMI, row.CURRENCY, row.POS, row.ENTRY, row.VOLUME, row.SUMREAL,
                   row.FEES, row.FUNDING, row.FILLS)


def robot_values(row: RobotRow) -> Values:
    """In the order of `ROBOTS`."""
    return (row.emi, row.symbol, row.category, row.market, row.sort, row.timefr, int(row.capital), row.strategy,
            row.params, row.state, row.reason[:300])


def robot(row: Any) -> RobotRow:
    """A row of `robots` as read: SQLite lets people type anything into any column."""
    emi, symbol, category, market, strategy, params, state, reason = (
        "" if value is None else str(value) for value in
        (row.EMI, row.SYMBOL, row.CATEGORY, row.MARKET, row.STRATEGY, row.PARAMS, row.STATE, row.REASON))
    odd = next((f"{name} {str(value)[:40]!r}" for name, value in (("TIMEFR", row.TIMEFR), ("CAPITAL", row.CAPITAL))
                if not typed(value).is_finite()), "")
    return RobotRow(emi, symbol, category, market, whole(row.SORT), whole(row.TIMEFR), typed(row.CAPITAL), strategy,
                    params, state or "WORK", reason, odd)


def typed(value: object) -> Decimal:
    """A number as it stands in the table, NaN where SQLite let a person type something else."""
    try:
        return Decimal(str(value))
    except InvalidOperation:
        return Decimal("NaN")


def whole(value: object) -> int:
    """A whole number, 0 where there is none."""
    number = typed(value)
    return int(number) if number.is_finite() else 0
