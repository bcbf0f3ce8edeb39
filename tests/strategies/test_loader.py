"""The loader: every file on its own, every error with file, line and reason."""

from __future__ import annotations

import re
from decimal import Decimal
from pathlib import Path

import pytest

from models import Candle
from strategies.base import StrategyProblem
from strategies.loader import Loader, place_of

DOCS = Path(__file__).parents[2] / "docs" / "strategies.md"

GOOD = '''"""Does nothing.

More words."""
from decimal import Decimal
from strategies.base import Parameter, Strategy

class Quiet(Strategy):
    parameters = (Parameter("size", Decimal, None, 0, 10, "a size"),)

    def check_signal(self, candles):
        return 0
'''


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    place = tmp_path / "strategies"
    place.mkdir()
    return place


def load(folder: Path, **files: str) -> Loader:
    for name, text in files.items():
        (folder / f"{name}.py").write_text(text)
    loader = Loader(built_in=folder, limit_s=0.5)
    loader.scan()
    return loader


def error_of(folder: Path, text: str) -> str:
    loader = load(folder, x=text, good=GOOD)
    by_name = {info.name: info for info in loader.infos}
    assert by_name["good"].error == ""
    assert loader.problem("x", {"size": 1}) == by_name["x"].error
    return by_name["x"].error


def test_the_built_in_ones_load() -> None:
    infos = Loader().scan()

    assert [(info.name, info.file, info.error) for info in infos] == [
        (name, f"strategies/{name}.py", "") for name in ("breakout", "ma_cross", "technical")]
    assert all(info.title and info.parameters for info in infos)


def test_a_record_says_title_and_parameters(folder: Path) -> None:
    (info,) = load(folder, good=GOOD).infos

    assert (info.name, info.file, info.title) == ("good", "strategies/good.py", "Does nothing.")
    assert info.parameters[0] == ("size", "decimal", None, "a size (a number from 0 to 10)")
    assert [one[0] for one in info.parameters[1:]] == ["take_profit", "stop_loss", "reverse", "history"]
    assert info.parameters[3][1:3] == ("bool", False)


@pytest.mark.parametrize(("text", "told"), [
    ("a = 1\nb = (\n", "strategies/x.py:2 SyntaxError: '(' was never closed"),
    ("a = 1\n  b = 2\n", "strategies/x.py:2 IndentationError: unexpected indent"),
    ("a = 1\n\nb = {}['rate']\n", "strategies/x.py:3 KeyError: 'rate'"),
    ("def f():\n    return 1 / 0\nf()\n", "strategies/x.py:2 ZeroDivisionError: division by zero"),
    ("raise SystemExit(3)\n", "strategies/x.py:1 SystemExit: 3"),
    ("import no_such_module\n", "strategies/x.py:1 ModuleNotFoundError: No module named 'no_such_module'"),
    ("x = 1\n", "strategies/x.py:1 no class is made from Strategy"),
    ("", "strategies/x.py:1 no class is made from Strategy"),
    ("from strategies.base import Strategy\n", "strategies/x.py:1 no class is made from Strategy"),
    (GOOD + "class Second(Quiet):\n    pass\n", "strategies/x.py:12 2 strategy classes (Quiet, Second), one is needed"),
    ("from strategies.base import Strategy\n\nclass A(Strategy):\n    pass\n", "x.py:3 A has no check_signal"),
    ("\x00", "strategies/x.py:1 SyntaxError: source code string cannot contain null bytes"),
    (GOOD.replace("(Parameter(", "[Parameter(").replace('"a size"),)', '"a size")]'), "must be a tuple of Parameter"),
    (GOOD.replace("Decimal, None", "Decimal, 11"), "size=11: a number from 0 to 10 is allowed"),
    (GOOD.replace("Decimal, None", "str, None"), "its type must be int, Decimal or bool"),
    (GOOD.replace('"size"', '"start"'), "parameter start: this name cannot be used"),
    (GOOD.replace('"size"', '"my size"'), "parameter my size: this name cannot be used"),
    ("import time\nwhile True:\n    time.sleep(0.05)\n", "strategies/x.py its top level has not ended within 0.5 s"),
])
def test_what_cannot_be_loaded_is_told(folder: Path, text: str, told: str) -> None:
    assert told in error_of(folder, text)


@pytest.mark.parametrize("line", [
    "import core.secrets", "from core.secrets import Credentials", "from core import board", "import engine.core as e",
    "from .base import Strategy", "import main", "from connectors.binance import auth", "import strategies.loader",
    "from strategies import loader",
])
def test_other_parts_of_the_terminal_cannot_be_imported(folder: Path, line: str) -> None:
    error = error_of(folder, GOOD.replace("from decimal", f"{line}\nfrom decimal"))

    assert error.startswith("strategies/x.py:4 imports ")
    assert "may import core.numbers, models, strategies.base, strategies.indicators" in error


def test_allowed_imports(folder: Path) -> None:
    lines = ("import json, math\nimport models\nfrom models import Candle\nfrom core import numbers\n"
             "import core.numbers\nfrom strategies import indicators\nfrom strategies.indicators import EMA\n")

    assert error_of(folder, GOOD.replace("from decimal", lines + "from decimal")) == ""


def test_a_file_name_that_is_no_name(folder: Path) -> None:
    (folder / "2fast.py").write_text(GOOD)

    (info,) = load(folder).infos

    assert "the file name must be" in info.error


def test_the_users_own_folder_joins(folder: Path, tmp_path: Path) -> None:
    own = tmp_path / "mine"
    own.mkdir()
    (own / "extra.py").write_text(GOOD)
    (own / "good.py").write_text(GOOD)
    (folder / "good.py").write_text(GOOD)
    loader = Loader(own, tmp_path / "absent", built_in=folder)

    infos = loader.scan()

    assert [(info.name, info.file, info.error) for info in infos] == [
        ("extra", "mine/extra.py", ""), ("good", "strategies/good.py", ""),
        ("good", "mine/good.py", "mine/good.py: strategies/good.py has the same name, rename one")]
    assert loader.make("extra", {"size": 1}).check_signal([]) == 0
    assert loader.file("extra") == "mine/extra.py"


def test_scan_again_sees_the_new_text(folder: Path) -> None:
    loader = load(folder, x="x = (")
    assert loader.has("x") and loader.problem("x", {})

    (folder / "x.py").write_text(GOOD)
    loader.scan()

    assert loader.problem("x", {"size": 1}) == ""


def test_problems_of_a_row(folder: Path) -> None:
    loader = load(folder, good=GOOD)

    assert loader.problem("nobody", {}) == "unknown strategy “nobody”; there are: good"
    assert loader.problem("good", {}).startswith("good: Missing size parameter")
    assert loader.problem("good", {"size": 99}) == "good: size=99: a number from 0 to 10 is allowed"
    assert loader.problem("good", {"size": 1}) == ""
    assert not loader.has("nobody") and loader.file("nobody") == "nobody"


def test_make_gives_an_instance_of_its_own_or_raises(folder: Path) -> None:
    loader = load(folder, good=GOOD)

    first, second = (loader.make("good", {"size": size}) for size in (1, "2.5"))

    assert (vars(first)["size"], vars(second)["size"]) == (Decimal(1), Decimal("2.5"))
    with pytest.raises(StrategyProblem, match="unknown strategy"):
        loader.make("nobody", {})


def test_place_is_the_strategys_own_deepest_line(folder: Path) -> None:
    loader = load(folder, x=GOOD.replace("return 0", "from decimal import Decimal\n        return Decimal('x')"))

    with pytest.raises(Exception) as told:
        loader.make("x", {"size": 1}).check_signal([])

    assert place_of(told.value, "strategies/x.py").startswith("strategies/x.py:12 InvalidOperation")


def test_the_example_of_the_docs_runs(folder: Path) -> None:
    (block,) = re.findall(r"```python\n(.*?)```", DOCS.read_text(encoding="utf-8"), re.S)
    assert len(block.splitlines()) <= 20
    loader = load(folder, three_up=block)
    strategy = loader.make("three_up", {"run": 2, "take_profit": 2})

    def signal(*closes: int) -> int:
        prices = [Decimal(close) for close in closes]
        return strategy.check_signal([Candle(place, one, one, one, one, one) for place, one in enumerate(prices)])

    assert loader.infos[0].error == ""
    assert [signal(1), signal(1, 2), signal(1, 2, 3), signal(1, 3, 2), signal(4, 3, 2)] == [0, 0, 1, 0, -1]
