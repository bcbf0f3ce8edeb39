"""The bundled exchange with instruments nobody lists: prices of 1e-8, a million million contracts, odd multipliers.

`python -m tests.faults.odd_exchange …`, words as for `python -m simulator`.
"""

from __future__ import annotations

import sys
from dataclasses import replace
from decimal import Decimal

from simulator import bitmex_instruments, coin_instruments, instruments
from simulator.bitmex_instruments import Contract
from simulator.instruments import Instrument

BILLION = 1_000_000_000


def linear() -> list[Instrument]:
    """The usual BTCUSDT; a coin of 0.00001234 USDT by the billion; one that is traded by tenths."""
    return [next(one for one in instruments.catalogue() if one.symbol == "BTCUSDT"),
            Instrument("TINYUSDT", "TINY", "0.00000001", "1", "5", "0.00001234", 5_000 * BILLION, 4_000 * BILLION,
                       Decimal("0.50"), 300 * BILLION),
            Instrument("TENTHUSDT", "TENTH", "0.001", "0.1", "5", "171.300", typical_lots=90)]


def coin() -> list[Instrument]:
    """Contracts of 37 dollars."""
    usual = coin_instruments.coin_catalogue()[1]
    return [replace(usual, symbol="ETHUSD_261225", start_text="3521.37", contract_size=37)]


def bitmex() -> list[Contract]:
    """The usual ones with LTCUSD of the scenarios, and three with odd multipliers: quanto, linear, inverse."""
    def item(symbol: str, tick: str, start: str, lot: str = "1", quote: str = "USD") -> Instrument:
        return Instrument(symbol, "ODD", tick, lot, "0", start, typical_lots=500, quote=quote)

    litecoin = Instrument("LTCUSD", "LTC", "0.01", "1", "0", "84.00", typical_lots=500, quote="USD")
    return [*bitmex_instruments.contracts(),
            Contract(litecoin, 904, "quanto", "LTC", "USD", "XBt", 200, 1, "2020-01-01T12:00:00.000Z", ".BLTC",
                     10 ** 11),
            Contract(item("ODDUSD", "0.01", "37.31"), 901, "quanto", "ODD", "USD", "XBt", 137, 1,
                     "2020-01-01T12:00:00.000Z", ".BODD", 10 ** 11),
            Contract(item("ODDUSDT", "0.001", "81.373", "7", "USDT"), 902, "linear", "ODD", "USDT", "USDt", 7, 7,
                     "2020-01-01T12:00:00.000Z", ".BODDT", 10 ** 12, 142_857),
            Contract(item("ODXUSD", "0.5", "977.5", "3"), 903, "inverse", "ODD", "USD", "XBt", -37_000_000, 3,
                     "2020-01-01T12:00:00.000Z", ".BODX", 10 ** 11)]


def main() -> int:
    """The bundled exchange with these."""
    from simulator import bitmex_venue, venue
    from simulator.__main__ import main as run

    listed, coins, contracts = linear(), coin(), bitmex()
    setattr(venue, "catalogue", lambda: listed)  # noqa: B010
    setattr(venue, "coin_catalogue", lambda: coins)  # noqa: B010
    setattr(bitmex_venue, "contracts", lambda: contracts)  # noqa: B010
    return run()


if __name__ == "__main__":
    sys.exit(main())
