"""Parameters: what PARAMS may hold, and the sentence for what it may not."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models import Candle
from strategies.base import Parameter, Strategy, StrategyProblem, Value, all_parameters, read_params

DECLARED = (
    Parameter("count", int, 10, 1, 500, "a count"),
    Parameter("rate", Decimal, Decimal("0.5"), Decimal("0.1"), None, "a rate"),
    Parameter("loud", bool, False, None, None, "a switch"),
    Parameter("needed", int, None, None, 9, "has no default"),
)


def read(**params: object) -> dict[str, Value]:
    return read_params(DECLARED, {"needed": 1} | params)


def test_defaults_and_common_parameters() -> None:
    assert read() == {"count": 10, "rate": Decimal("0.5"), "loud": False, "needed": 1, "take_profit": Decimal(0),
                      "stop_loss": Decimal(0), "reverse": False, "history": 300}


@pytest.mark.parametrize(("name", "given_value", "value"), [
    ("count", 500, 500), ("rate", 2, Decimal(2)), ("rate", 0.1, Decimal("0.1")), ("rate", "12.50", Decimal("12.5")),
    ("rate", Decimal("1.1"), Decimal("1.1")), ("loud", True, True), ("needed", -10**30, -10**30),
    ("take_profit", "2", Decimal(2)),
])
def test_values_are_read_exactly(name: str, given_value: object, value: object) -> None:
    got = read(**{name: given_value})[name]

    assert got == value and type(got) is type(value)


@pytest.mark.parametrize(("name", "wrong", "allowed"), [
    ("count", 0, "a whole number from 1 to 500"), ("count", 501, "1 to 500"), ("count", "10", "whole number"),
    ("count", 10.0, "whole number"), ("count", True, "whole number"), ("count", None, "whole number"),
    pytest.param("count", 10**5000, "whole number", id="very long"), ("count", [1], "whole number"),
    ("rate", "1e3", "a number of at least 0.1"), ("rate", "nan", "number"), ("rate", float("nan"), "number"),
    ("rate", float("inf"), "number"), ("rate", Decimal("NaN"), "number"), ("rate", False, "number"),
    ("rate", 0.09, "at least 0.1"), ("rate", None, "number"), ("needed", 10, "at most 9"),
    ("loud", 1, "true or false"), ("loud", "true", "true or false"), ("stop_loss", 101, "from 0 to 100"),
    ("history", 0, "1 to 1500"),
])
def test_wrong_values_are_named_with_what_is_allowed(name: str, wrong: object, allowed: str) -> None:
    with pytest.raises(StrategyProblem) as told:
        read(**{name: wrong})

    assert str(told.value).startswith(f"{name}=")
    assert allowed in str(told.value)


def test_unknown_name_is_told_with_the_known_ones() -> None:
    with pytest.raises(StrategyProblem, match=r"rat=1: no such parameter, there are count, rate.*history"):
        read(rat=1)


def test_missing_mandatory_parameter() -> None:
    with pytest.raises(StrategyProblem, match="Missing needed parameter: a whole number of at most 9"):
        read_params(DECLARED, {})


def test_a_strategy_may_declare_a_common_parameter_anew() -> None:
    own = Parameter("history", int, 50, 10, 100, "fewer")

    assert [one for one in all_parameters((own,)) if one.name == "history"] == [own]


def test_values_are_attributes_before_start() -> None:
    class Mine(Strategy):
        parameters = (Parameter("length", int, 3, 1, 9, "…"),)
        length: int

        def start(self) -> None:
            self.doubled = self.length * 2

    made = Mine({"length": 4})

    assert (made.doubled, made.reverse) == (8, False)
    with pytest.raises(NotImplementedError):
        made.check_signal([])


@settings(deadline=None)
@given(st.lists(st.integers(1, 5), min_size=1, max_size=20), st.integers(5, 30))
def test_fresh_gives_each_candle_once(steps: list[int], window: int) -> None:
    strategy, one, count = Strategy({}), Decimal(1), 0
    seen: list[int] = []
    for step in steps:
        count += step
        series = [Candle(time, one, one, one, one, one) for time in range(count)][-window:]

        seen += [candle.time for candle in strategy.fresh(series)]
        assert not strategy.fresh(series)

    assert seen == list(range(count))


@settings(deadline=None)
@given(st.dictionaries(st.sampled_from(["count", "rate", "loud", "needed", "x"]),
                       st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=50),
                                 st.lists(st.integers(), max_size=2))))
def test_any_json_is_values_or_one_sentence(params: dict[str, object]) -> None:
    try:
        values = read_params(DECLARED, params)
    except StrategyProblem as problem:
        assert str(problem) and "\n" not in str(problem)
    else:
        assert 1 <= values["count"] <= 500
