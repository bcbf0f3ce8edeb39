"""Who may import whom (design: architecture.md section 2), checked on the text of every file."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PRODUCT = ("models", "core", "accounting", "risk", "db", "connectors", "strategies", "engine", "backtest", "interface",
           "monitor", "session", "main", "simulator")

# Folder or module → what of ours it may import. The longest matching name on the left counts; a name on the right
# covers everything below it. A folder may import from itself, but for NARROW.
MAY_IMPORT: dict[str, tuple[str, ...]] = {
    "models": (),
    "core": ("models",),
    "accounting": ("models", "core.numbers", "core.errors"),
    # The commands a check looks at are frozen records; they live beside the engine that takes them.
    "risk": ("models", "core.numbers", "core.errors", "accounting", "engine.commands"),
    "db": ("models", "core"),
    "connectors": ("models", "core"),
    "strategies": ("models", "core.numbers"),
    "engine": ("models", "core", "accounting", "risk", "connectors.venue", "db.store", "strategies.base",
               "strategies.loader"),
    "backtest": ("models", "core", "accounting", "risk", "strategies.base", "strategies.loader", "engine.core",
                 "engine.orders", "engine.booking"),
    "interface": ("models", "core", "engine.view", "engine.commands", "engine.trips"),
    "monitor": ("models", "core", "engine.view", "engine.commands"),
    "session": ("models", "core", "accounting", "risk", "db", "connectors", "strategies", "engine", "backtest",
                "interface", "monitor"),
    "main": ("models", "core", "session"),
    "simulator": (),
}
# A strategy file sees the base and the indicators only, not the loader and not another strategy.
NARROW = {"strategies": ("strategies.base", "strategies.indicators")}
# Decided before anything runs, the same in a test, a backtest and live: no thread, clock, file, socket, database.
PURE = ("accounting", "risk", "engine.core", "engine.orders", "engine.booking", "engine.recovery", "engine.hearing",
        "engine.asking", "engine.applying", "engine.opinions", "engine.kept", "engine.state", "engine.lines")
NOT_PURE = {"threading", "socket", "time", "os", "sqlite3", "subprocess", "asyncio", "queue", "pathlib", "shutil",
            "ssl", "selectors", "signal", "tempfile", "random", "requests", "sqlalchemy", "pymysql", "websocket",
            "tkinter", "multiprocessing", "concurrent", "urllib", "http"}


@dataclass(frozen=True, slots=True)
class Import:
    """One imported module, as written in one file."""

    path: str
    line: int
    module: str            # the importing one
    target: str
    is_delayed: bool       # inside a function, or for the type checker only


def files() -> Iterator[Path]:
    for name in PRODUCT:
        yield from sorted((ROOT / name).rglob("*.py"))
        if (ROOT / f"{name}.py").exists():
            yield ROOT / f"{name}.py"


def module_of(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def is_module(name: str) -> bool:
    path = ROOT.joinpath(*name.split("."))
    return path.with_suffix(".py").exists() or (path / "__init__.py").exists()


def imports_of(path: Path) -> list[Import]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    delayed = {id(inner) for node in ast.walk(tree) if runs_later(node) for inner in ast.walk(node)}
    found: list[Import] = []
    for node in ast.walk(tree):
        for target in targets(path, node):
            found.append(Import(str(path.relative_to(ROOT)), getattr(node, "lineno", 0), module_of(path), target,
                                id(node) in delayed))
    return found


def runs_later(node: ast.AST) -> bool:
    is_for_types = isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
    return is_for_types or isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)


def targets(path: Path, node: ast.AST) -> list[str]:
    """The modules one import statement brings in: `from a import b` is a.b when that is a module, else a."""
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if not isinstance(node, ast.ImportFrom):
        return []
    base = node.module or ""
    if node.level:
        package = path.relative_to(ROOT).parts[: -node.level]
        base = ".".join((*package, *([base] if base else [])))
    return [f"{base}.{alias.name}" if is_module(f"{base}.{alias.name}") else base for alias in node.names]


def covers(allowed: str, target: str) -> bool:
    return target == allowed or target.startswith(f"{allowed}.")


ALL = [found for path in files() for found in imports_of(path)]


def told(wrong: list[Import]) -> str:
    return "\n".join(f"{found.path}:{found.line}: {found.module} imports {found.target}" for found in wrong)


def is_allowed(found: Import) -> bool:
    own = found.module.split(".")[0]
    top = found.target.split(".")[0]
    if top not in PRODUCT:
        return True
    if top != own:
        return any(covers(allowed, found.target) for allowed in MAY_IMPORT[own])
    is_strategy = own in NARROW and found.module not in ("strategies.base", "strategies.indicators",
                                                         "strategies.loader")
    return not is_strategy or any(covers(allowed, found.target) for allowed in NARROW[own])


def test_every_import_is_in_the_table() -> None:
    assert not [found for found in ALL if not is_allowed(found) and not is_simulate(found)], \
        told([found for found in ALL if not is_allowed(found) and not is_simulate(found)])


def is_simulate(found: Import) -> bool:
    """Only the function of `main.py simulate` may bring in the bundled exchange."""
    return found.module == "main" and covers("simulator", found.target) and found.is_delayed


def test_every_folder_has_a_row() -> None:
    folders = {path.name for path in ROOT.iterdir() if path.is_dir() and any(path.glob("*.py"))}

    assert folders - {"tests", "tools", "bench", "home", "build"} <= set(MAY_IMPORT)


def test_models_need_the_standard_library_only() -> None:
    wrong = [found for found in ALL
             if found.module == "models" and found.target.split(".")[0] not in sys.stdlib_module_names]

    assert not wrong, told(wrong)


def test_pure_modules_touch_no_thread_clock_file_or_socket() -> None:
    """Nor anything of ours that they import, however far down."""
    reached = {found.module for found in ALL if any(covers(pure, found.module) for pure in PURE)}
    while more := {found.target for found in ALL if found.module in reached and found.target.split(".")[0] in PRODUCT
                   and not found.is_delayed} - reached:
        reached |= more
    wrong = [found for found in ALL if found.module in reached and found.target.split(".")[0] in NOT_PURE]

    assert not wrong, told(wrong)


def test_exchanges_do_not_know_each_other() -> None:
    folders = [path.name for path in (ROOT / "connectors").glob("*") if (path / "__init__.py").exists()]
    wrong = [found for found in ALL for own in folders for other in folders
             if own != other and covers(f"connectors.{own}", found.module)
             and covers(f"connectors.{other}", found.target)]

    assert not wrong, told(wrong)


def test_shared_parts_of_the_connectors_do_not_know_an_exchange() -> None:
    folders = [path.name for path in (ROOT / "connectors").glob("*") if (path / "__init__.py").exists()]
    wrong = [found for found in ALL for name in folders
             if found.module.startswith("connectors.") and not covers(f"connectors.{name}", found.module)
             and covers(f"connectors.{name}", found.target)]

    assert not wrong, told(wrong)


def test_presenters_and_records_know_no_widget() -> None:
    wrong = [found for found in ALL if covers("interface.presenters", found.module)
             and found.target.split(".")[0] == "tkinter"]

    assert not wrong, told(wrong)


def test_only_the_window_and_its_probes_know_tkinter() -> None:
    wrong = [found for found in ALL if found.target.split(".")[0] == "tkinter" and not found.is_delayed
             and found.module.split(".")[0] not in ("interface", "session")]

    assert not wrong, told(wrong)


def test_window_starts_without_network_and_database() -> None:
    """What is imported at the top of the window's files must not bring these in before the first picture."""
    heavy = {"requests", "sqlalchemy", "pymysql", "websocket", "cryptography", "simulator", "starlette", "uvicorn"}
    wrong = [found for found in ALL if found.module.split(".")[0] in ("interface", "main", "models", "core")
             and found.target.split(".")[0] in heavy and not found.is_delayed]

    assert not wrong, told(wrong)


def test_no_module_imports_itself_in_a_circle() -> None:
    graph: dict[str, set[str]] = {}
    for found in ALL:
        if found.target.split(".")[0] in PRODUCT and not found.is_delayed and found.target != found.module:
            graph.setdefault(found.module, set()).add(found.target)

    assert circle(graph) == []


def circle(graph: dict[str, set[str]]) -> list[str]:
    """Some circle of imports, [] when there is none."""
    done: set[str] = set()

    def walk(node: str, way: list[str]) -> list[str]:
        if node in way:
            return [*way[way.index(node):], node]
        if node in done:
            return []
        for target in sorted(graph.get(node, ())):
            found = walk(target, [*way, node])
            if found:
                return found
        done.add(node)
        return []

    for start in sorted(graph):
        found = walk(start, [])
        if found:
            return found
    return []


@pytest.mark.parametrize(("module", "target", "expected"), [
    ("core.settings", "models", True),
    ("core.settings", "engine.view", False),
    ("engine.loop", "connectors.venue", True),
    ("engine.loop", "connectors.binance.rest", False),
    ("engine.loop", "db.schema", False),
    ("interface.app", "db.store", False),
    ("interface.app", "connectors.venue", False),
    ("strategies.ma_cross", "strategies.loader", False),
    ("strategies.ma_cross", "strategies.base", True),
    ("simulator.money", "models", False),
    ("accounting.value", "core.board", False),
    ("main", "simulator.server", False),
    ("core.settings", "json", True),
])
def test_the_table_says_what_is_meant(module: str, target: str, expected: bool) -> None:
    assert is_allowed(Import("x.py", 1, module, target, False)) is expected


def test_a_circle_would_be_found() -> None:
    assert circle({"a": {"b"}, "b": {"c"}, "c": {"b"}}) == ["b", "c", "b"]
    assert circle({"a": {"b", "c"}, "b": {"c"}}) == []
