"""Instruments, and what their wire numbers mean (bitmex.md sections 7, 11, 12).

Quantities are contracts; those of spot pairs are minor units of the base coin on the wire and coins in our records.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from types import MappingProxyType

import msgspec

from connectors.bitmex.auth import MARKET
from connectors.bitmex.values import MINOR, coin, decoder, finite, positive
from core.errors import BadMessage
from core.numbers import printable
from models import Category, Instrument, Key

_ZERO, _ONE = Decimal(0), Decimal(1)

_QUOTES: Mapping[str, str] = MappingProxyType({"USDT": "USDt", "USDC": "USDc", "XBT": "XBt", "ETH": "Gwei"})


@dataclass(frozen=True, slots=True)
class Contract:
    """An instrument and what its wire numbers mean."""

    instrument: Instrument
    scale: Decimal         # wire quantity of one of ours: 1, for spot the minor units of a coin
    minor: int             # minor units of one coin of the settlement (spot: quote) currency
    most_leverage: int | None = None

    def qty(self, told: Decimal) -> Decimal:
        """Our quantity."""
        return told if self.scale == _ONE else told / self.scale

    def money(self, told: Decimal) -> Decimal:
        """Minor units as coins."""
        return told / self.minor


Contracts = Mapping[str, Contract]


class _Instrument(msgspec.Struct, rename="camel"):
    symbol: str
    state: str = ""
    typ: str = ""
    underlying: str = ""
    quote_currency: str = ""
    settl_currency: str | None = ""
    is_inverse: bool = False
    is_quanto: bool = False
    multiplier: Decimal | None = None
    tick_size: Decimal | None = None
    lot_size: Decimal | None = None
    max_order_qty: Decimal | None = None
    underlying_to_position_multiplier: Decimal | None = None
    maker_fee: Decimal | None = None
    taker_fee: Decimal | None = None
    init_margin: Decimal | None = None


_instruments = decoder(list[msgspec.Raw])
_instrument = decoder(_Instrument)


def instruments(raw: bytes) -> tuple[tuple[Contract, ...], tuple[str, ...]]:
    """What may be traded, of all categories, and why some rows could not be read. Indices are no instruments."""
    contracts, problems = [], []
    for row in _instruments(raw):
        try:
            told = _instrument(bytes(row))
            if not told.symbol.startswith(".") and not told.typ.startswith("M"):
                contracts.append(_contract(told))
        except BadMessage as error:
            problems.append(error.text)
    return tuple(contracts), tuple(problems)


def category(row: _Instrument) -> Category:
    """How the instrument's value is computed (bitmex.md section 11)."""
    if row.typ == "IFXXXP":
        return Category.SPOT
    if row.is_inverse:
        return Category.INVERSE
    return Category.QUANTO if row.is_quanto else Category.LINEAR


def _contract(row: _Instrument) -> Contract:
    name = row.symbol
    if not name or not name.isprintable() or len(name) > 40 or " " in name:
        raise BadMessage(MARKET, f"field symbol = {printable(repr(name), 60)}: not a symbol")
    kind = category(row)
    is_spot = kind is Category.SPOT
    settle = _QUOTES.get(row.quote_currency, row.quote_currency) if is_spot else row.settl_currency or ""
    # Of a pair the base is a wallet too, and called as that.
    base = coin(_QUOTES.get(row.underlying, row.underlying)) if is_spot else row.underlying
    minor = MINOR.get(settle)
    if minor is None:
        raise BadMessage(MARKET, f"field {name}.settlCurrency = {printable(repr(settle), 40)}: "
                                 "a currency whose minor unit is not known")
    scale = _need(name, "underlyingToPositionMultiplier", row.underlying_to_position_multiplier) \
        if is_spot else _ONE
    lot = _need(name, "lotSize", row.lot_size) / scale
    most = finite("maxOrderQty", row.max_order_qty or Decimal(10**12)) / scale
    instrument = Instrument(
        key=Key(MARKET, kind, name), base=printable(base, 20), quote=printable(row.quote_currency, 20),
        settle=coin(settle), tick=_need(name, "tickSize", row.tick_size), lot=lot, min_qty=lot, max_qty=most,
        market_max_qty=most, min_notional=_ZERO, multiplier=_multiplier(row, kind, minor),
        trading=row.state == "Open",
        taker_fee=finite("takerFee", row.taker_fee if row.taker_fee is not None else Decimal("0.0005")),
        maker_fee=finite("makerFee", row.maker_fee if row.maker_fee is not None else Decimal("0.0005")))
    initial = finite("initMargin", row.init_margin) if row.init_margin is not None else _ZERO
    return Contract(instrument, scale, minor, int(1 / initial) if initial > 0 else None)


def _multiplier(row: _Instrument, kind: Category, minor: int) -> Decimal:
    """Accounting, section 1: value of one contract per unit of price in the settlement currency."""
    if kind is Category.SPOT:
        return _ONE
    told = row.multiplier
    if told is None or not told.is_finite() or not told:
        raise BadMessage(MARKET, f"field {row.symbol}.multiplier = {told}: not a possible number")
    return abs(told) / (10**8 if kind is not Category.LINEAR else minor)


def _need(symbol: str, name: str, value: Decimal | None) -> Decimal:
    if value is None:
        raise BadMessage(MARKET, f"field {symbol}.{name} = missing: not a possible number")
    return positive(f"{symbol}.{name}", value)
