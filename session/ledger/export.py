"""`main.py ledger export`: ledger rows as CSV or Parquet, a million of them in bounded memory, also while trading.

CSV: RFC 4180 by the csv module, numbers as numbers, an apostrophe before text that a spreadsheet would run as a
formula. The file is written beside its place and moved there when it is whole.
"""

from __future__ import annotations

import argparse
import csv
import os
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from core.cells import safe_cell
from core.dates import to_ms
from core.errors import ConfigError, UsageError
from core.secrets import KnownSecrets
from db.reading import LEDGER, NUMBERS, as_it_is, chosen_rows, plain
from db.schema import coins
from db.sums import Batch
from session.ledger.place import reading, settings_of
from session.ledger.progress import progress

EXTRA = "requirements-research.txt"
WHOLE = frozenset({"ID", "PART", "SIDE", "CLORDID"})
MARKETS = {"binance": "Binance", "bitmex": "Bitmex"}
TIMES = frozenset({"TTIME", "DAT"})
QTY = LEDGER.index("QTY")                    # text as SQLite has it, or a server's Decimal
RISKY = ("=", "+", "-", "@", "\t", "\r", " ", "\n")    # what safe_cell may have to look at
# As many places as DECIMAL(38,15) of a server; a number with more is refused, not rounded.
DIGITS, PLACES = 38, 15

Done = Callable[[int], object]
Makers = list[tuple[int, Callable[[Any], Any]]]


def export_rows(args: argparse.Namespace, home: Path) -> int:
    """Write the chosen rows; the exit code."""
    target: Path = args.csv or args.parquet
    market = MARKETS.get(args.market.casefold(), "")
    if args.market and not market:
        raise UsageError(f"--market {args.market}: no exchange known here; Binance or Bitmex is")
    chosen = chosen_rows(args.bot, args.symbol, market, moment("--from", args.since), moment("--to", args.until))
    write = write_csv if args.csv else _parquet()
    if target.exists() and not args.force:
        raise ConfigError("", "", f"{target} is there already; choose another name, or replace it with --force")
    with reading(settings_of(args, home, KnownSecrets())) as ledger:
        rows = ledger.count(chosen)
        half = target.with_name(f"{target.name}.tmp")
        try:
            with progress(target.name, rows) as done:
                write(half, ledger.rows(chosen), done)
            half.replace(target)
        except OSError as error:
            raise ConfigError("", "", f"{target} cannot be written: {error.strerror or error}") from None
        finally:
            half.unlink(missing_ok=True)
    print(f"{rows:,} rows written: {target}")
    return 0


def moment(flag: str, typed: str) -> int | None:
    """What a person typed as a time (UTC unless it says otherwise) in ms; None for nothing."""
    if not typed:
        return None
    try:
        return to_ms(datetime.fromisoformat(typed))
    except (ValueError, OverflowError):
        raise UsageError(f"{flag} {typed}: not a time; write 2026-11-21 or 2026-11-21T18:30:00") from None


def write_csv(path: Path, batches: Iterable[Batch], done: Done) -> None:
    """Head line and rows. Text columns are made safe; UTF-8."""
    makers = [(index, make) for index, make in enumerate(plain(coins, LEDGER)) if make is not as_it_is]
    texts = [index for index, name in enumerate(LEDGER) if name not in NUMBERS | WHOLE | TIMES]
    with open(path, "w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(LEDGER)
        for rows in batches:
            writer.writerows([_cells(row, makers, texts) for row in rows])
            done(len(rows))
        file.flush()
        os.fsync(file.fileno())


def _cells(row: tuple[Any, ...], makers: Makers, texts: list[int]) -> Sequence[Any]:
    """A row as it is written; most need nothing done."""
    risky = [index for index in texts if row[index][:1] in RISKY]
    if not risky and isinstance(row[QTY], str):
        return row
    cells = list(row)
    for index, make in makers:
        cells[index] = make(cells[index])
    for index in risky:
        cells[index] = safe_cell(cells[index])
    return cells


# ---------------------------------------------------------------- Parquet

def _parquet() -> Callable[[Path, Iterable[Batch], Done], None]:
    try:
        import pyarrow  # type: ignore[import-untyped]  # noqa: F401
    except ImportError:
        raise UsageError(f"--parquet needs one more package: .venv/bin/pip install --require-hashes -r {EXTRA}"
                         ) from None
    return write_parquet


def write_parquet(path: Path, batches: Iterable[Batch], done: Done) -> None:
    """A row group for each batch; numbers exact (decimal), times as UTC timestamps."""
    import pyarrow as pa
    import pyarrow.parquet as pq  # type: ignore[import-untyped]

    types: dict[str, Any] = {"TTIME": pa.timestamp("ms", tz="UTC"), "DAT": pa.timestamp("us", tz="UTC")}
    types |= dict.fromkeys(NUMBERS, pa.decimal128(DIGITS, PLACES)) | dict.fromkeys(WHOLE, pa.int64())
    schema = pa.schema([(name, types.get(name, pa.string())) for name in LEDGER])
    with pq.ParquetWriter(path, schema) as writer:
        for rows in batches:
            columns = zip(*rows, strict=True)
            writer.write_batch(pa.record_batch(
                [pa.array([_exact(name, value) for value in column], type=schema.field(name).type)
                 for name, column in zip(LEDGER, columns, strict=True)], schema=schema))
            done(len(rows))


def _exact(name: str, value: Any) -> Any:
    if name in NUMBERS:
        return value if isinstance(value, Decimal) else Decimal(value)
    if name in TIMES:
        return (value if isinstance(value, datetime) else datetime.fromisoformat(value)).replace(tzinfo=UTC)
    return value
