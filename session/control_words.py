"""Answers of the control socket as text for people. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from core.dates import hms
from core.numbers import printable

Told = Mapping[str, Any]


def status_lines(told: Told) -> list[str]:
    """`main.py ctl status`."""
    trading = "ON" if told["trading"] else "OFF"
    lines = [f"{told['mode']}  trading {trading}  process {told['process']}, runs {_span(told['uptime_s'])}"]
    if told["kill"]["locked"]:
        kill = told["kill"]
        lines.append(f"KILL SWITCH is on: {kill['done']} of {kill['total']} orders cancelled, new orders are locked")
    elif told["locked"]:
        lines.append(f"no new orders: {_clean(told['locked'])}")
    rows = [("venue", "state", "account", "")]
    rows += [(venue["title"], venue["health"], venue["account"] if venue["has_keys"] else "prices only",
              _venue_words(venue)) for venue in told["venues"]]
    lines += _table(rows)
    lines.append(f"ledger   {_ledger(told['ledger'])}")
    unknown = f", {told['unknown_orders']} UNKNOWN" if told["unknown_orders"] else ""
    lines.append(f"orders   {told['orders']} open, {told['bot_orders']} of bots{unknown}")
    if told["bots"]:
        lines += _table([("bot", "state", "symbol", "position", "orders", ""), *(
            (bot["name"], bot["status"], f"{bot['symbol']} {bot['product']}", bot["position"], str(bot["orders"]),
             bot["reason"]) for bot in told["bots"])])
    lines += [f"{one['level']}: {_clean(one['text'])}" for one in told["warnings"]]
    if told["dead_threads"]:
        lines.append(f"error: stopped threads: {_clean(', '.join(told['dead_threads']))}; restart")
    return lines


def positions_lines(told: Sequence[Told]) -> list[str]:
    """`main.py ctl positions`."""
    if not told:
        return ["no positions"]
    rows = [("symbol", "product", "position", "venue", "entry", "unrealised", "owners", "")]
    for one in told:
        owners = ", ".join(f"{name} {qty}" for name, qty in one["owners"].items())
        rows.append((one["symbol"], one["product"], one["position"], one["venue"] or "–", one["entry"] or "–",
                     one["unrealised"] or "–", owners, one["blocked"] or one["status"]))
    return _table(rows)


def _venue_words(venue: Told) -> str:
    words = str(venue["text"])
    if venue["health"] == "LIVE" and venue["has_keys"] and not venue["recovered"]:
        words = words or "recovering"
    return words


def _ledger(ledger: Told) -> str:
    if not ledger["ok"]:
        return f"{ledger['kind']} CANNOT WRITE: {_clean(ledger['text'])}; {ledger['queued']} messages wait"
    if ledger["agrees"] is None:
        return f"{ledger['kind']}, not compared with the venues yet"
    at = f" ({hms(ledger['agree_time'])} UTC)" if ledger["agree_time"] else ""
    return f"{ledger['kind']}, " + ("agrees with the venues" if ledger["agrees"] else
                                    f"DIFFERS: {_clean(ledger['agree_text'])}") + at


def _span(seconds: int) -> str:
    minutes, hours = seconds // 60, seconds // 3600
    if hours >= 48:
        return f"{hours // 24} days"
    return f"{hours} h {minutes % 60} min" if hours else f"{minutes} min" if minutes else f"{seconds} s"


def _table(rows: Sequence[Sequence[str]]) -> list[str]:
    """Columns as wide as they need to be, two blanks between."""
    clean = [[_clean(cell) for cell in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(*clean, strict=True)]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in clean]


def _clean(words: object) -> str:
    return printable(str(words), 300)
