"""What a strategy declares and answers. One instance belongs to one bot and is only called on that bot's thread."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from math import isfinite
from typing import ClassVar

from core.numbers import printable, read_number, text
from models import Candle

Value = int | Decimal | bool

_KINDS: dict[type, str] = {int: "int", Decimal: "decimal", bool: "bool"}


class StrategyProblem(ValueError):
    """A strategy cannot be used as asked: one sentence that names the parameter, the value and what is allowed.

    `line` is where in the strategy's file, 0 = not there.
    """

    def __init__(self, text: str, line: int = 0) -> None:
        super().__init__(text)
        self.line = line


@dataclass(frozen=True, slots=True)
class Parameter:
    """One declared parameter. `kind` is int, Decimal or bool; `default` None makes it mandatory in PARAMS."""

    name: str
    kind: type[int] | type[Decimal] | type[bool]
    default: Value | None
    low: int | Decimal | None
    high: int | Decimal | None
    text: str

    @property
    def kind_name(self) -> str:
        """The type as shown to people: "int", "decimal" or "bool"."""
        return _KINDS[self.kind]

    @property
    def allowed(self) -> str:
        """What may be written, for people: "a whole number from 1 to 500"."""
        if self.kind is bool:
            return "true or false"
        low, high = (None if bound is None else text(Decimal(bound)) for bound in (self.low, self.high))
        span = (f" from {low} to {high}" if low and high else f" of at least {low}" if low
                else f" of at most {high}" if high else "")
        return ("a whole number" if self.kind is int else "a number") + span

    def read(self, given: object) -> Value:
        """The value as PARAMS has it (JSON), checked; raises StrategyProblem."""
        value = self._typed(given)
        if value is None or (self.low is not None and value < self.low) or (
                self.high is not None and value > self.high):
            raise StrategyProblem(f"{self.name}={shown(given)}: {self.allowed} is allowed")
        return value

    def _typed(self, given: object) -> Value | None:
        if self.kind is bool:
            return given if isinstance(given, bool) else None
        if isinstance(given, bool):
            return None
        if self.kind is int:
            return given if isinstance(given, int) else None
        if isinstance(given, str):
            number = read_number(given)
            return number if isinstance(number, Decimal) else None
        if isinstance(given, float):
            return Decimal(repr(given)) if isfinite(given) else None
        if isinstance(given, Decimal):
            return given if given.is_finite() else None
        return Decimal(given) if isinstance(given, int) else None


COMMON = (
    Parameter("take_profit", Decimal, Decimal(0), 0, 1000, "close at this profit, % of the entry price; 0 = off"),
    Parameter("stop_loss", Decimal, Decimal(0), 0, 100, "close at this loss, % of the entry price; 0 = off"),
    Parameter("reverse", bool, False, None, None, "the opposite signal turns the position in one order"),
    Parameter("history", int, 300, 1, 1500, "closed candles handed over at most"),
)


class Strategy:
    """Base of every strategy: declare `parameters`, answer `check_signal`.

    Each declared parameter becomes an attribute of its name, next to `take_profit`, `stop_loss`, `reverse` and
    `history`, which every strategy has. Parameter values are set before `start` is called.
    """

    parameters: ClassVar[tuple[Parameter, ...]] = ()
    on_forming: ClassVar[bool] = False   # also called on each change of the forming candle, which is then the last

    take_profit: Decimal
    stop_loss: Decimal
    reverse: bool
    history: int

    def __init__(self, params: Mapping[str, object]) -> None:
        for name, value in read_params(self.parameters, params).items():
            setattr(self, name, value)
        self._seen = -1
        self.start()

    def start(self) -> None:
        """Make indicators and own variables here; called once, when all parameters have their values."""

    def check_signal(self, candles: Sequence[Candle]) -> int:
        """+1 buy, −1 sell, 0 nothing. `candles`: closed ones, oldest first, the one to judge last.

        The first call has the history (its answer is not acted on), each further call one candle more. With
        `on_forming` the last candle is the forming one, and calls repeat while it changes.
        """
        raise NotImplementedError

    def fresh(self, candles: Sequence[Candle]) -> Sequence[Candle]:
        """The candles at the end that no earlier call of `fresh` has given: what an indicator has not seen yet."""
        start = len(candles)
        while start and candles[start - 1].time > self._seen:
            start -= 1
        if start < len(candles):
            self._seen = candles[-1].time
        return candles[start:]


def all_parameters(declared: Sequence[Parameter]) -> tuple[Parameter, ...]:
    """A strategy's own parameters, then the common ones it does not declare anew."""
    own = {parameter.name for parameter in declared}
    return (*declared, *(parameter for parameter in COMMON if parameter.name not in own))


def read_params(declared: Sequence[Parameter], params: Mapping[str, object]) -> dict[str, Value]:
    """Every parameter's value from PARAMS and the defaults; raises StrategyProblem at the first that is wrong."""
    known = {parameter.name: parameter for parameter in all_parameters(declared)}
    for name, given in params.items():
        if name not in known:
            raise StrategyProblem(f"{printable(str(name), 40)}={shown(given)}: no such parameter, there are "
                                  f"{', '.join(known)}")
    values: dict[str, Value] = {}
    for name, parameter in known.items():
        if name in params:
            values[name] = parameter.read(params[name])
        elif parameter.default is not None:
            values[name] = parameter.read(parameter.default)
        else:
            raise StrategyProblem(f"Missing {name} parameter: {parameter.allowed} is needed ({parameter.text})")
    return values


def shown(given: object) -> str:
    """A value from PARAMS in a message."""
    return printable(repr(given) if isinstance(given, str) else str(given).lower() if isinstance(given, bool)
                     else text(given) if isinstance(given, Decimal) and given.is_finite() else _plain(given), 40)


def _plain(given: object) -> str:
    try:
        return str(given)
    except ValueError:      # an integer of more digits than Python prints
        return "a very long number"
