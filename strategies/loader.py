"""Finds strategy files, loads each on its own, and says file, line and reason of what cannot be loaded.

A file runs its own top level once, on a thread of its own with a time limit, so one that never ends cannot keep the
terminal from starting. Everything after `scan` is read-only and may be used from any thread.
"""

from __future__ import annotations

import ast
import importlib.util
import re
import sys
import threading
import traceback
from collections.abc import Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from pathlib import Path
from types import ModuleType

from core.numbers import printable
from models import ZERO, Robot, StrategyInfo
from strategies.base import Parameter, Strategy, StrategyProblem, all_parameters, read_params

BUILT_IN = Path(__file__).resolve().parent
NOT_STRATEGIES = frozenset({"base", "loader", "indicators", "__init__"})
IMPORT_LIMIT_S = 5.0     # top levels declare things; one that takes longer is stuck

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,39}", re.ASCII)
# Ours that a strategy may use; everything else of ours holds keys, orders, files or windows.
_ALLOWED = frozenset({"models", "core.numbers", "strategies.base", "strategies.indicators"})
_OURS = frozenset({"main", "models", "core", "connectors", "engine", "accounting", "risk", "strategies", "interface",
                   "db", "monitor", "backtest", "simulator", "bench", "tests"})


@dataclass(frozen=True, slots=True)
class _Loaded:
    info: StrategyInfo
    made_by: type[Strategy] | None


class Loader:
    """The strategies of the built-in folder and, where given, of the user's own."""

    def __init__(self, *own: Path, built_in: Path = BUILT_IN, limit_s: float = IMPORT_LIMIT_S) -> None:
        self._folders = (built_in, *own)
        self._limit_s = limit_s
        self._loaded: dict[str, _Loaded] = {}
        self._infos: tuple[StrategyInfo, ...] = ()

    def scan(self) -> tuple[StrategyInfo, ...]:
        """Load every file (anew); one record each, by name, with `error` where it cannot be used."""
        found: dict[str, _Loaded] = {}
        infos: list[StrategyInfo] = []
        for file in self._files():
            one = _load(file, self._limit_s)
            if file.stem in found:
                first = found[file.stem].info.file
                one = _Loaded(replace(one.info, error=f"{one.info.file}: {first} has the same name, rename one"), None)
            else:
                found[file.stem] = one
            infos.append(one.info)
        self._loaded = found
        self._infos = tuple(sorted(infos, key=lambda info: info.name))
        return self._infos

    @property
    def infos(self) -> tuple[StrategyInfo, ...]:
        """What the last `scan` found."""
        return self._infos

    def has(self, name: str) -> bool:
        """Whether there is a file of this name, usable or not."""
        return name in self._loaded

    def problem(self, name: str, params: Mapping[str, object]) -> str:
        """Why no bot can run this strategy with these parameters, or "". Runs no code of the strategy."""
        one = self._loaded.get(name)
        if one is None:
            usable = ", ".join(sorted(key for key, loaded in self._loaded.items() if loaded.made_by)) or "none"
            return f"unknown strategy “{printable(name, 40)}”; there are: {usable}"
        if one.made_by is None:
            return one.info.error
        try:
            read_params(one.made_by.parameters, params)
        except StrategyProblem as problem:
            return f"{name}: {problem}"
        return ""

    def stop_loss(self, robot: Robot) -> Decimal:
        """A bot's stop-loss in percent of its entry; 0 = none, or its row cannot be used. Runs none of its code."""
        one = self._loaded.get(robot.strategy)
        if one is None or one.made_by is None:
            return ZERO
        try:
            value = read_params(one.made_by.parameters, robot.params)["stop_loss"]
        except (StrategyProblem, KeyError):
            return ZERO
        return value if isinstance(value, Decimal) else ZERO

    def make(self, name: str, params: Mapping[str, object]) -> Strategy:
        """A new instance for one bot; raises StrategyProblem, or whatever the strategy's `start` raises."""
        problem = self.problem(name, params)
        made_by = self._loaded[name].made_by if not problem else None
        if made_by is None:
            raise StrategyProblem(problem)
        return made_by(params)

    def file(self, name: str) -> str:
        """The file of a strategy as shown: "strategies/ma_cross.py"."""
        one = self._loaded.get(name)
        return one.info.file if one else name

    def _files(self) -> list[Path]:
        return [file for folder in self._folders if folder.is_dir() for file in sorted(folder.glob("*.py"))
                if file.stem not in NOT_STRATEGIES]


def place_of(error: BaseException, file: str) -> str:
    """"strategies/x.py:41 KeyError: 'rate'" – the deepest line of that file (as shown) on the way to the error."""
    if isinstance(error, SyntaxError):
        return f"{file}:{error.lineno or 1} {type(error).__name__}: {printable(error.msg or '', 160)}"
    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__)
             if frame.filename.replace("\\", "/").endswith("/" + file)]
    if isinstance(error, StrategyProblem) and error.line:
        lines = [error.line]
    line = f":{lines[-1]}" if lines else ""
    kind = "" if isinstance(error, StrategyProblem) else f"{type(error).__name__}: "
    return f"{file}{line} {kind}{printable(str(error), 160)}".rstrip(": ")


def _load(file: Path, limit_s: float) -> _Loaded:
    shown = f"{file.parent.name}/{file.name}"
    info = StrategyInfo(file.stem, shown, "", ())
    try:
        if not _NAME.fullmatch(file.stem):
            raise StrategyProblem("the file name must be a letter, then letters, digits or “_”, at most 40")
        tree = ast.parse(file.read_bytes(), str(file))
        _check_imports(tree)
        made_by = _only_class(_run(file, limit_s), tree)
        parameters = _check_parameters(made_by)
    except BaseException as error:     # a file may raise anything at its top level, also SystemExit
        return _Loaded(replace(info, error=place_of(error, shown)), None)
    title = (ast.get_docstring(tree) or made_by.__doc__ or "").strip().partition("\n")[0]
    return _Loaded(replace(info, title=title, parameters=parameters), made_by)


def _check_imports(tree: ast.Module) -> None:
    for node in ast.walk(tree):
        names: list[str] = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = ["." * node.level + (node.module or "")]
            if names[0] in ("core", "strategies"):
                names = [f"{names[0]}.{alias.name}" for alias in node.names]
        for name in names:
            if name.startswith(".") or (name.partition(".")[0] in _OURS and name not in _ALLOWED):
                raise StrategyProblem(f"imports {name}; of the terminal a strategy may import "
                                      f"{', '.join(sorted(_ALLOWED))}", getattr(node, "lineno", 1))


def _run(file: Path, limit_s: float) -> ModuleType:
    """The file's module, run on a thread of its own; raises what it raises, or StrategyProblem when it never ends."""
    name = f"strategies.{file.stem}" if file.parent == BUILT_IN else f"own_strategies.{file.stem}"
    spec = importlib.util.spec_from_file_location(name, file)
    if spec is None or spec.loader is None:
        raise StrategyProblem("cannot be read as Python")
    module, runner, raised = importlib.util.module_from_spec(spec), spec.loader, list[BaseException]()

    def run() -> None:
        try:
            runner.exec_module(module)
        except BaseException as error:
            raised.append(error)

    sys.modules[name] = module       # dataclasses look their module up there
    thread = threading.Thread(target=run, name=f"load {file.stem}", daemon=True)
    thread.start()
    thread.join(limit_s)
    if raised:
        raise raised[0]
    if thread.is_alive():
        raise StrategyProblem(f"its top level has not ended within {limit_s:g} s")
    return module


def _only_class(module: ModuleType, tree: ast.Module) -> type[Strategy]:
    classes = list(dict.fromkeys(
        item for item in vars(module).values()
        if isinstance(item, type) and issubclass(item, Strategy) and item.__module__ == module.__name__))
    lines = {node.name: node.lineno for node in ast.walk(tree) if isinstance(node, ast.ClassDef)}
    if not classes:
        raise StrategyProblem("no class is made from Strategy", 1)
    line = lines.get(classes[-1].__name__, 1)
    if len(classes) > 1:
        names = ", ".join(one.__name__ for one in classes)
        raise StrategyProblem(f"{len(classes)} strategy classes ({names}), one is needed", line)
    if classes[0].check_signal is Strategy.check_signal:
        raise StrategyProblem(f"{classes[0].__name__} has no check_signal", line)
    return classes[0]


def _check_parameters(made_by: type[Strategy]) -> tuple[tuple[str, str, object, str], ...]:
    declared = made_by.parameters
    if not isinstance(declared, tuple) or not all(isinstance(one, Parameter) for one in declared):
        raise StrategyProblem(f"{made_by.__name__}.parameters must be a tuple of Parameter")
    names = [one.name for one in declared]
    for one in declared:
        if one.kind not in (int, Decimal, bool):
            raise StrategyProblem(f"parameter {one.name}: its type must be int, Decimal or bool")
        if not one.name.isidentifier() or names.count(one.name) > 1 or hasattr(made_by, one.name):
            raise StrategyProblem(f"parameter {one.name}: this name cannot be used")
        if one.default is not None:
            one.read(one.default)
    return tuple((one.name, one.kind_name, one.default, f"{one.text} ({one.allowed})")
                 for one in all_parameters(declared))
