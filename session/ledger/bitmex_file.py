"""Reads an execution history that somebody saved from BitMEX: GET /execution/tradeHistory as JSON or CSV.

JSON: an array of rows, or a row a line. The exchange is closed and its list of instruments gone, so what a contract is
worth is told by the rows themselves: their symbol, currencies and execCost.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator
from decimal import Decimal
from pathlib import Path

import msgspec

from connectors.bitmex.contracts import Contract
from connectors.bitmex.money import FUNDING
from connectors.bitmex.parse import ExecutionRow, is_fill
from connectors.bitmex.values import MINOR, time_ms
from core.errors import BadMessage, LedgerError
from core.numbers import LEDGER_CONTEXT, printable
from models import ZERO, Category, Instrument, Key

MARKET = "Bitmex"
NEEDED = ("execID", "execType", "account", "symbol", "lastQty", "lastPx", "timestamp")
# The coin behind a settlement currency, as symbols name it; and, for spot, the currency and minor units of a coin.
COINS = {"XBt": "XBT", "Gwei": "ETH", "LAMp": "SOL"}
SPOT = {"XBT": "XBt", "ETH": "Gwei", "SOL": "LAMp", "USDT": "USDt", "USDC": "USDc", "BMEX": "BMEx"}
DIGITS = 6               # of a multiplier that execCost, a whole number, can tell
_ONE = Decimal(1)


class SavedRow(ExecutionRow):
    """A row as it was saved; `currency` is what the contract is quoted in."""

    currency: str | None = ""


_row = msgspec.json.Decoder(SavedRow)
_array = msgspec.json.Decoder(list[msgspec.Raw])


def rows(path: Path) -> list[tuple[str, SavedRow]]:
    """Fills and funding of the file with where they stand, oldest first, and every other row dropped; all of it is read
    before anything is booked. Raises LedgerError naming the place of what cannot be read."""
    with open(path, "rb") as file:
        head = file.read(64).lstrip(b"\xef\xbb\xbf \t\r\n")[:1]
    read = _csv(path) if head not in (b"[", b"{", b"") else _json(path)
    found = [(where, row) for where, row in read if is_fill(row) or row.exec_type == FUNDING]
    return sorted(found, key=lambda one: (moment(path, *one), one[1].exec_type != FUNDING))


def moment(path: Path, where: str, row: SavedRow) -> int:
    """When it happened, in ms."""
    try:
        return time_ms(row.transact_time or row.timestamp or "")
    except BadMessage as error:
        raise LedgerError(f"{path} {where}: {error.text}") from None


def _json(path: Path) -> Iterator[tuple[str, SavedRow]]:
    text = path.read_bytes().removeprefix(b"\xef\xbb\xbf").strip()
    if text[:1] == b"{":
        pieces: Iterable[tuple[str, bytes]] = (
            (f"line {number}", line) for number, line in enumerate(text.splitlines(), 1) if line.strip(b" \t,\r"))
    else:
        try:
            pieces = [(f"row {number}", bytes(raw)) for number, raw in enumerate(_array.decode(text), 1)]
        except (msgspec.DecodeError, RecursionError) as error:
            raise LedgerError(f"{path} is no array of rows ({error}); save the answer of GET /execution/tradeHistory "
                              "again") from None
    for where, piece in pieces:
        try:
            yield where, _row.decode(piece.strip(b" \t,\r"))
        except (msgspec.DecodeError, RecursionError, ArithmeticError) as error:
            raise _bad_row(path, where, error) from None


def _csv(path: Path) -> Iterator[tuple[str, SavedRow]]:
    try:
        with open(path, encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file)
            missing = [name for name in NEEDED if name not in (reader.fieldnames or ())]
            if missing:
                raise LedgerError(f"{path} line 1: neither JSON nor a CSV of the execution history: no column "
                                  f"{', '.join(missing)}")
            for told in reader:
                where = f"line {reader.line_num}"
                kept: dict[str, str] = {name: value for name, value in told.items() if name and value}
                try:
                    yield where, msgspec.convert(kept, SavedRow, strict=False)
                except (msgspec.ValidationError, ArithmeticError) as error:
                    raise _bad_row(path, where, error) from None
    except (csv.Error, UnicodeDecodeError) as error:
        raise LedgerError(f"{path} cannot be read as CSV: {printable(str(error), 100)}") from None


def _bad_row(path: Path, where: str, error: Exception) -> LedgerError:
    return LedgerError(f"{path} {where}: {printable(str(error), 120)}; correct that row or take it out")


# ---------------------------------------------------------------- what a contract is worth

def contracts(found: Iterable[SavedRow]) -> tuple[dict[str, Contract], dict[str, str]]:
    """Each symbol's contract, and why some have none."""
    best: dict[str, SavedRow] = {}
    for row in found:
        name = row.symbol or ""
        if name not in best or abs(row.exec_cost or ZERO) > abs(best[name].exec_cost or ZERO):
            best[name] = row                 # the largest value tells the multiplier best
    made, problems = {}, {}
    for name, row in best.items():
        contract = _contract(name, row)
        if isinstance(contract, Contract):
            made[name] = contract
        else:
            problems[name] = contract
    return made, problems


def _contract(symbol: str, row: SavedRow) -> Contract | str:
    """The contract of a symbol, or why it cannot be told."""
    settle = row.settle or ""
    left, found, right = symbol.partition("_")
    if found and not settle:
        return _spot(symbol, left, right)
    minor = MINOR.get(settle)
    if not symbol or minor is None:
        return f"settled in {printable(settle, 20) or 'nothing told'}, whose minor unit is not known"
    coin = COINS.get(settle, "")
    if coin and symbol.startswith(coin) and row.currency != coin:
        category = Category.INVERSE
    elif coin and row.currency and row.currency != coin:
        category = Category.QUANTO
    else:
        category = Category.LINEAR
    if not row.exec_cost or not row.last_qty or not row.last_px:
        return "no execCost tells what a contract is worth"
    value = abs(row.exec_cost) / minor / row.last_qty
    told = value * row.last_px if category is Category.INVERSE else value / abs(row.last_px)
    instrument = _instrument(symbol, category, coin or symbol, row.currency or "", settle, _rounded(told))
    return Contract(instrument, _ONE, minor)


def _spot(symbol: str, base: str, quote: str) -> Contract | str:
    if base not in SPOT or quote not in SPOT:
        return f"the minor units of {printable(base, 20)} or {printable(quote, 20)} are not known"
    scale, settle = Decimal(MINOR[SPOT[base]]), SPOT[quote]
    return Contract(_instrument(symbol, Category.SPOT, SPOT[base], quote, settle, _ONE), scale, MINOR[settle])


def _rounded(value: Decimal) -> Decimal:
    """Without what rounding to whole minor units has put behind."""
    places = DIGITS - 1 - value.adjusted()
    return LEDGER_CONTEXT.normalize(value.quantize(Decimal(1).scaleb(-places), context=LEDGER_CONTEXT))


def _instrument(symbol: str, category: Category, base: str, quote: str, settle: str, multiplier: Decimal) -> Instrument:
    return Instrument(Key(MARKET, category, symbol), base, quote, settle, _ONE, _ONE, _ONE, _ONE, _ONE, ZERO,
                      multiplier=multiplier, trading=False)
