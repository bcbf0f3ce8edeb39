"""Names of products, and of whose message a line is."""

from __future__ import annotations

import pytest

from core.titles import named


@pytest.mark.parametrize(("market", "emi", "text", "line"), [
    ("Binance", "", "Binance-F stays off: no key", "Binance-F stays off: no key"),
    ("Bitmex", "", "BitMEX closed on 2026-09-23", "BitMEX closed on 2026-09-23"),
    ("Binance", "", "margin call: BTCUSDT", "Binance margin call: BTCUSDT"),
    ("Bitmex", "", "XBTUSD is not traded any more", "BitMEX XBTUSD is not traded any more"),
    ("Binance-F", "BTCbot", "is off", "Binance-F BTCbot is off"),
    ("", "", "the ledger agrees", "the ledger agrees")])
def test_a_line_names_its_market_once(market: str, emi: str, text: str, line: str) -> None:
    assert named(market, emi, text) == line
