"""The bundled exchange: a small venue of its own that speaks Binance USD-M and BitMEX over loopback.

It imports nothing of the terminal, so its money cannot share the terminal's mistakes.
"""
