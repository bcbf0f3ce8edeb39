"""Typed settings are judged, and files are changed without touching what else a person wrote in them."""

from __future__ import annotations

import pytest

from core.setting_edit import edited, problem_of
from core.setting_keys import keys_of

ENV, BINANCE = keys_of(".env"), keys_of(".env.Binance")


@pytest.mark.parametrize(("file", "name", "value", "words"), [
    (".env", "REFRESH_RATE", "50", "1 to 10"), (".env", "TESTNET", "maybe", "True or False"),
    (".env", "THEME", "pink", "dark"), (".env.Binance", "LINEAR_SYMBOLS", "BTC/USDT", "no name"),
    (".env.Binance", "LINEAR_SYMBOLS", "BTCUSDT, ETHUSDT btcusdt", "BTCUSDT more than once"),
    (".env.Binance", "HTTP_URL", "http://fapi.binance.com", "not encrypted"),
    (".env.Binance", "WS_URL", "https://fstream.binance.com", "wss://"), (".env.Binance", "API_KEY", "short", "gave"),
    (".env.Binance", "API_KEY", "line\nbreak" * 3, "one line"),
])
def test_a_value_that_does_not_fit_is_said(file: str, name: str, value: str, words: str) -> None:
    assert words in problem_of(keys_of(file)[name], value)


@pytest.mark.parametrize(("file", "name", "value"), [
    (".env", "REFRESH_RATE", "10"), (".env", "MARKET_LIST", "Binance, Bitmex"), (".env", "THEME", "Light"),
    (".env.Binance", "LINEAR_SYMBOLS", "btcusdt ETHUSDT"), (".env.Binance", "WS_URL", "ws://127.0.0.1:8000"),
    (".env.Binance", "API_SECRET", "s" * 64), (".env.Binance", "SPOT_SYMBOLS", ""),
])
def test_a_good_value_is_taken(file: str, name: str, value: str) -> None:
    assert problem_of(keys_of(file)[name], value) == ""


def test_only_the_changed_lines_change() -> None:
    text = '# mine\nA=1\n\n# about B\nexport B="two words" # end\nC=3'

    assert edited(text, {"B": 'x"\\y', "D": "4"}) == '# mine\nA=1\n\n# about B\nB="x\\"\\\\y"\nC=3\nD="4"\n'
    assert edited(text, {"A": "", "C": ""}) == '# mine\n\n# about B\nexport B="two words" # end\n'
    assert edited("A=1\nA=2\n", {"A": "3"}) == 'A="3"\n'
    assert edited("", {"A": "1"}) == 'A="1"\n'
