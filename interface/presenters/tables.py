"""The declared columns of orders, positions, trades, messages and the account. Pure; drawn by `interface.table`."""

from __future__ import annotations

from decimal import Decimal

from core.numbers import printable
from core.titles import market_title
from engine.view import MessageLine, OrderLine, PositionLine, TradeLine
from interface.presenters.columns import Column
from interface.presenters.glance import Glance, pnl_of_position, symbol_word
from interface.presenters.words import (
    UNKNOWN,
    Cell,
    clock,
    grouped_plain,
    moment,
    money,
    price,
    quantity,
    signed_money,
    signed_quantity,
)
from models import Key, OrdStatus, OrdType, Side

_STATUS_WORDS = {OrdStatus.PARTIALLY_FILLED: "PARTIAL"}


def owner_word(owner: str, key: Key) -> str:
    """RESERVED for the line of everything untagged."""
    return "RESERVED" if owner == key.reserved else owner


def _emi_word(emi: str) -> str:
    """The same of a message, which names no instrument: a dot stands in no bot's name."""
    return "RESERVED" if "." in emi else emi


def side_cell(side: Side) -> Cell:
    """BUY and SELL in their colours."""
    return Cell(side.value, "buy" if side is Side.BUY else "sell")


def order_status(line: OrderLine, now: float) -> Cell:
    """The state; UNKNOWN with how long, so that nobody takes it for settled."""
    word = _STATUS_WORDS.get(line.status, line.status.value)
    if line.status is OrdStatus.UNKNOWN:
        waited = int(max(0.0, now - line.since)) if line.since else 0
        return Cell(f"▲ {word} {waited // 60}:{waited % 60:02d}", "warning")
    return Cell(word, "dim" if word.startswith("PENDING") else "text")


_CONDITIONS = {OrdType.STOP_MARKET: "STOP", OrdType.STOP_LIMIT: "STOP LMT", OrdType.TAKE_PROFIT_MARKET: "TP",
               OrdType.TAKE_PROFIT_LIMIT: "TP LMT", OrdType.TRAILING_STOP: "TRAIL"}


def order_type(line: OrderLine) -> str:
    """limit PO, market, STOP 60 000 RO, TRAIL 0.8 %, or the venue's own word."""
    trigger = line.trigger
    if trigger is not None and line.ord_type in _CONDITIONS:
        # Its number as short as it is: the column's width is dear.
        number = trigger.callback if trigger.callback is not None else trigger.price
        shown = "" if number is None else f" {grouped_plain(number.normalize())}"
        words = _CONDITIONS[line.ord_type] + shown + (" %" if trigger.callback is not None else "")
        return words + (" RO" if line.reduce_only else "")
    word = line.type_text or (line.ord_type.value.lower() if line.ord_type else "?")
    return word + (" RO" if line.reduce_only and "RO" not in word else "")


def _instrument_price(key: Key, value: Decimal | None, glance: Glance) -> Cell:
    return Cell(price(value, glance.board.instruments.get(key)))


def _instrument_qty(key: Key, value: Decimal | None, glance: Glance) -> Cell:
    return Cell(quantity(value, glance.board.instruments.get(key)))


def _order_price(line: OrderLine, glance: Glance) -> Cell:
    if line.price is None:
        return Cell("market" if line.ord_type is not None else UNKNOWN, "dim")
    cell = _instrument_price(line.key, line.price, glance)
    return Cell(cell.text, "buy" if line.side is Side.BUY else "sell")


ORDERS: tuple[Column[OrderLine], ...] = (
    Column("time", "Time", 12, lambda o, g: Cell(moment(o.time, g.wall), "dim"), sort=lambda o, g: o.time, drop=4),
    Column("symbol", "Symbol", 11, lambda o, g: Cell(symbol_word(o.key, g)), sort=lambda o, g: symbol_word(o.key, g)),
    Column("side", "Side", 4, lambda o, g: side_cell(o.side), sort=lambda o, g: o.side.value),
    Column("type", "Type", 14, lambda o, g: Cell(order_type(o)), sort=lambda o, g: order_type(o), drop=3),
    Column("price", "Price", 11, _order_price, True, lambda o, g: o.price),
    Column("qty", "Qty", 9, lambda o, g: _instrument_qty(o.key, o.qty, g), True, lambda o, g: o.qty),
    Column("leaves", "Leaves", 9, lambda o, g: _instrument_qty(o.key, o.leaves, g), True, lambda o, g: o.leaves,
           drop=1),
    Column("emi", "EMI", 12, lambda o, g: Cell(owner_word(o.owner, o.key)), sort=lambda o, g: o.owner, drop=2),
    Column("status", "Status", 16, lambda o, g: order_status(o, g.now), sort=lambda o, g: o.status.value, rest=True),
    Column("number", "Number", 12, lambda o, g: Cell(o.id.split(".", 1)[0], "dim"), True, lambda o, g: o.id, drop=9),
    Column("cancel", "✕", 2, lambda o, g: Cell("✕"), True),
)


def _split(line: PositionLine, glance: Glance) -> Cell:
    instrument = glance.board.instruments.get(line.key)
    if line.blocked:
        return Cell("▲ " + printable(line.blocked), "error")
    if line.status:
        return Cell(line.status, "error")
    shares = [f"{owner_word(owner, line.key)} {signed_quantity(qty, instrument)}" for owner, qty in line.by_owner]
    return Cell("  ".join(shares), "dim")


def _mark(line: PositionLine, glance: Glance) -> Decimal | None:
    ticker = glance.board.tickers.get(line.key)
    return ticker.mark if ticker else None


def _settle(key: Key, glance: Glance) -> str:
    instrument = glance.board.instruments.get(key)
    return instrument.settle if instrument else ""


def _position_qty(line: PositionLine, glance: Glance) -> Cell:
    return Cell(signed_quantity(line.qty, glance.board.instruments.get(line.key)),
                "buy" if line.qty > 0 else "sell" if line.qty < 0 else "dim")


POSITIONS: tuple[Column[PositionLine], ...] = (
    Column("symbol", "Symbol", 11, lambda p, g: Cell(symbol_word(p.key, g)), sort=lambda p, g: symbol_word(p.key, g)),
    Column("category", "Category", 8, lambda p, g: Cell(p.key.category.value, "dim"),
           sort=lambda p, g: p.key.category.value, drop=8),
    Column("pos", "Pos", 10, _position_qty, True, lambda p, g: p.qty),
    Column("entry", "Entry", 11, lambda p, g: _instrument_price(p.key, p.entry, g), True, lambda p, g: p.entry),
    Column("mark", "Mark", 11, lambda p, g: _instrument_price(p.key, _mark(p, g), g), True, _mark, drop=4),
    Column("pnl", "PnL", 11, lambda p, g: signed_money(pnl_of_position(p, g.board), _settle(p.key, g)), True,
           lambda p, g: pnl_of_position(p, g.board)),
    Column("liq", "Liq", 11, lambda p, g: _instrument_price(p.key, p.liquidation, g), True,
           lambda p, g: p.liquidation, drop=7),
    Column("margin", "Margin", 10, lambda p, g: Cell(money(p.margin, _settle(p.key, g))), True,
           lambda p, g: p.margin, drop=6),
    Column("split", "by EMI", 12, _split, rest=True, drop=2),
)


def _fee(line: TradeLine, glance: Glance) -> Cell:
    if line.fee_currency == _settle(line.key, glance):
        return Cell(money(line.fee, line.fee_currency), "dim")
    return Cell(f"{money(line.fee, line.fee_currency)} {line.fee_currency}", "dim")


TRADES: tuple[Column[TradeLine], ...] = (
    Column("time", "Time", 12, lambda t, g: Cell(moment(t.time, g.wall), "dim"), sort=lambda t, g: t.time),
    Column("symbol", "Symbol", 11, lambda t, g: Cell(symbol_word(t.key, g)), sort=lambda t, g: symbol_word(t.key, g)),
    Column("side", "Side", 4, lambda t, g: side_cell(t.side), sort=lambda t, g: t.side.value),
    Column("qty", "Qty", 9, lambda t, g: _instrument_qty(t.key, t.qty, g), True, lambda t, g: t.qty),
    Column("price", "Price", 11, lambda t, g: Cell(price(t.price, g.board.instruments.get(t.key)),
                                                    "buy" if t.side is Side.BUY else "sell"), True,
           lambda t, g: t.price),
    Column("fee", "Fee", 11, _fee, True, lambda t, g: t.fee, drop=4),
    Column("pnl", "PnL", 10, lambda t, g: Cell("") if t.pnl is None else signed_money(t.pnl, _settle(t.key, g)), True,
           lambda t, g: t.pnl),
    Column("emi", "EMI", 12, lambda t, g: Cell(owner_word(t.owner, t.key)), sort=lambda t, g: t.owner, drop=5),
    Column("exec_id", "execID", 14, lambda t, g: Cell(printable(t.exec_id), "dim"), sort=lambda t, g: t.exec_id,
           rest=True, drop=6),
)

_LEVELS = {"warning": ("▲ ", "warning"), "error": ("✕ ", "error")}


def _message(line: MessageLine, glance: Glance) -> Cell:
    mark, colour = _LEVELS.get(line.level, ("", "text"))
    return Cell(f"{mark}{printable(line.text)}{f'  ×{line.count}' if line.count > 1 else ''}", colour)


MESSAGES: tuple[Column[MessageLine], ...] = (
    Column("time", "Time UTC", 12, lambda m, g: Cell(clock(m.time, True), "dim"), sort=lambda m, g: m.time),
    Column("market", "Market", 9, lambda m, g: Cell(market_title(m.market), "dim"), sort=lambda m, g: m.market),
    Column("emi", "EMI", 12, lambda m, g: Cell(_emi_word(m.emi), "dim"), sort=lambda m, g: m.emi, drop=5),
    Column("text", "Message", 20, _message, sort=lambda m, g: m.text, rest=True),
)
