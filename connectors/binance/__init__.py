"""Binance: spot, USD-M and COIN-M speak with these files."""
