"""What must not stand in any file (style.md, security checklist of spec/faults.md section 6)."""

from __future__ import annotations

import ast
import re
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
NOT_PRODUCT = ("tests", "bench", "tools", "home", "build")
MAY_SLEEP = ("simulator",)
MONEY = ("models", "accounting", "engine", "db", "risk")
SQL_WORDS = re.compile(r"\b(SELECT\s.+\sFROM|INSERT\s+INTO|UPDATE\s+\w+\s+SET|DELETE\s+FROM|(CREATE|DROP)\s+TABLE)\b",
                       re.IGNORECASE | re.DOTALL)
# Put together so that this file does not name them itself.
REGISTRIES = re.compile("|".join((r"pypi\.(org|python)", r"files\.python" + "hosted", r"registry\.npm" + "js",
                                  r"--(extra-)?index" + r"-url[ =]", r"proxy\.golang" + r"\.org")))
MACHINE_PATHS = re.compile(r"/home/[a-z]|/User[s]/|/roo[t]\b|[A-Z]:\\\\?Users|/wor[k]/(main|shared)")


@cache
def tracked() -> tuple[Path, ...]:
    """Every file under version control, new ones too; without git, every file but what .gitignore would leave out."""
    asked = subprocess.run(["git", "ls-files", "-co", "--exclude-standard", "-z"], cwd=ROOT, capture_output=True,
                           check=False)
    if asked.returncode == 0:
        names = [name for name in asked.stdout.decode().split("\0") if name]
    else:
        hidden = (".venv", "home", "build", ".git")
        names = [str(path.relative_to(ROOT)) for path in ROOT.rglob("*")
                 if path.relative_to(ROOT).parts[0] not in hidden and "__pycache__" not in path.parts]
    return tuple(path for path in (ROOT / name for name in names) if path.is_file())


def product() -> list[Path]:
    return [path for path in tracked()
            if path.suffix == ".py" and path.relative_to(ROOT).parts[0] not in NOT_PRODUCT]


def top(path: Path) -> str:
    return path.relative_to(ROOT).parts[0].removesuffix(".py")


@cache
def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


@cache
def calls(path: Path) -> tuple[tuple[int, str, ast.Call], ...]:
    """Every call with its dotted name."""
    return tuple((node.lineno, ast.unparse(node.func), node) for node in ast.walk(tree(path))
                 if isinstance(node, ast.Call))


def at(path: Path, line: int) -> str:
    return f"{path.relative_to(ROOT)}:{line}"


def test_no_text_is_run_as_code() -> None:
    names = {"eval", "exec", "__import__", "pickle.load", "pickle.loads", "yaml.load", "marshal.loads", "os.system",
             "os.popen"}
    wrong = [f"{at(path, line)} {name}" for path in product() for line, name, call in calls(path)
             if name in names or (name == "compile") or any(
                 word.arg == "shell" and not (isinstance(word.value, ast.Constant) and word.value.value is False)
                 for word in call.keywords)]

    assert not wrong, wrong


def test_code_is_imported_by_name_only_for_strategies() -> None:
    names = ("importlib.import_module", "import_module", "importlib.util.spec_from_file_location",
             "spec_from_file_location", "runpy.run_path")
    wrong = [at(path, line) for path in product() if top(path) != "strategies" for line, name, _ in calls(path)
             if name in names]

    assert not wrong, wrong


def test_no_pickle_anywhere() -> None:
    wrong = [at(path, node.lineno) for path in product() for node in ast.walk(tree(path))
             if isinstance(node, ast.Import) and {alias.name for alias in node.names} & {"pickle", "shelve", "marshal"}]

    assert not wrong, wrong


def docstrings(path: Path) -> set[int]:
    return {id(node.body[0].value) for node in ast.walk(tree(path))
            if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) and node.body
            and isinstance(node.body[0], ast.Expr)}


def test_sql_stands_in_db_and_in_the_exchanges_store_only() -> None:
    wrong = []
    for path in product():
        if top(path) in ("db", "simulator"):
            continue
        skipped = docstrings(path)
        wrong += [at(path, node.lineno) for node in ast.walk(tree(path))
                  if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in skipped
                  and SQL_WORDS.search(node.value)]

    assert not wrong, wrong


def test_sql_is_never_put_together_from_values() -> None:
    """f-strings, % and format with SQL words are for constants of the file (capital names) only."""
    wrong = []
    for path in product():
        for node in ast.walk(tree(path)):
            if isinstance(node, ast.JoinedStr):
                fixed = "".join(str(part.value) for part in node.values if isinstance(part, ast.Constant))
                names = [ast.unparse(part.value) for part in node.values if isinstance(part, ast.FormattedValue)]
                if SQL_WORDS.search(fixed) and not all(is_constant(name) for name in names):
                    wrong.append(at(path, node.lineno))
            if (isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mod) and isinstance(node.left, ast.Constant)
                    and SQL_WORDS.search(str(node.left.value))):
                wrong.append(at(path, node.lineno))
            if (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "format"
                    and isinstance(node.func.value, ast.Constant) and SQL_WORDS.search(str(node.func.value.value))):
                wrong.append(at(path, node.lineno))

    assert not wrong, wrong


def is_constant(name: str) -> bool:
    return re.fullmatch(r"_?[A-Z][A-Z0-9_]*", name) is not None


def test_money_never_becomes_a_float() -> None:
    wrong = [at(path, line) for path in product() if top(path) in MONEY for line, name, _ in calls(path)
             if name == "float"]

    assert not wrong, wrong


def test_decimals_are_not_made_from_float_literals() -> None:
    wrong = [at(path, line) for path in product() for line, name, call in calls(path)
             if name == "Decimal" and call.args and isinstance(call.args[0], ast.Constant)
             and isinstance(call.args[0].value, float)]

    assert not wrong, wrong


def test_errors_are_not_swallowed() -> None:
    wrong = []
    for path in product():
        for node in ast.walk(tree(path)):
            if not isinstance(node, ast.ExceptHandler):
                continue
            is_wide = node.type is None or ast.unparse(node.type) in ("Exception", "BaseException")
            does_nothing = all(isinstance(line, ast.Pass | ast.Continue) or
                               (isinstance(line, ast.Expr) and isinstance(line.value, ast.Constant))
                               for line in node.body)
            if node.type is None or (is_wide and does_nothing):
                wrong.append(at(path, node.lineno))

    assert not wrong, wrong


def test_nobody_sleeps_blindly() -> None:
    """Waiting is a stop event or a queue with a limit; the bundled exchange has asyncio's own."""
    wrong = [at(path, line) for path in product() if top(path) not in MAY_SLEEP for line, name, _ in calls(path)
             if name in ("time.sleep", "sleep")]

    assert not wrong, wrong


def test_certificates_are_always_checked() -> None:
    names = ("ssl._create_unverified_context", "urllib3.disable_warnings")
    wrong = [at(path, line) for path in product() for line, name, call in calls(path)
             if name in names or any(word.arg in ("verify", "check_hostname") and isinstance(word.value, ast.Constant)
                                     and word.value.value is False for word in call.keywords)]
    wrong += [str(path) for path in product() if "CERT_NONE" in path.read_text(encoding="utf-8")]

    assert not wrong, wrong


def texts() -> Iterator[tuple[Path, str]]:
    for path in tracked():
        try:
            yield path, path.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue


def test_no_path_of_a_machine_and_no_package_registry_in_any_file() -> None:
    wrong = [f"{path.relative_to(ROOT)}:{text.count(chr(10), 0, match.start()) + 1} {match[0]}"
             for path, text in texts() for rule in (REGISTRIES, MACHINE_PATHS) for match in rule.finditer(text)
             if "no-emit" not in text[max(0, match.start() - 12):match.start() + 12]]

    assert not wrong, wrong


def test_every_pinned_package_has_hashes() -> None:
    for name in ("requirements.txt", "requirements-dev.txt"):
        entries = re.split(r"\n(?=[A-Za-z])", (ROOT / name).read_text())
        pinned = [entry for entry in entries if "==" in entry.split("\n")[0]]

        assert pinned
        assert not [entry.split("\n")[0] for entry in pinned if "--hash=sha256:" not in entry]


def test_secrets_and_databases_are_ignored_by_git() -> None:
    ignored = (ROOT / ".gitignore").read_text().split()

    assert {"home/", ".env", ".env.*", "*.db", "*.log", ".venv"} <= set(ignored)
    assert not [path for path in tracked() if path.name.startswith(".env") and path.name != ".env.example"]


def test_every_product_file_says_what_it_is_for() -> None:
    wrong = [str(path.relative_to(ROOT)) for path in product()
             if ast.get_docstring(tree(path)) is None and path.name != "__init__.py"]

    assert not wrong, wrong


def test_no_breakpoint_is_left_behind() -> None:
    wrong = [at(path, line) for path in product() for line, name, _ in calls(path)
             if name in ("breakpoint", "pdb.set_trace")]

    assert not wrong, wrong


@pytest.mark.parametrize("name", ["history.ini", ".env.example", "requirements.txt", "LICENSE", "Makefile", ".ci/run"])
def test_files_a_newcomer_needs_are_there(name: str) -> None:
    assert (ROOT / name).is_file()
