"""The commands themselves: stamps, repair, what is said when something is missing, and which skips count as failures.

Everything runs in a copy with stand-ins for python, apt-get, id and sudo; nothing is installed.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
TARGETS = ("install", "run", "test", "check", "faults", "soak", "bench", "picture", "clean")
pytestmark = pytest.mark.skipif(os.name == "nt", reason="POSIX commands")


def script(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/bash\n{text}\n")
    path.chmod(0o755)


def run(folder: Path, *words: str, **env: str) -> subprocess.CompletedProcess[str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS", "BOTBOOK"))}
    return subprocess.run(words, cwd=folder, env={**kept, **env}, text=True, capture_output=True, timeout=60,
                          stdin=subprocess.DEVNULL, check=False)


# ---------------------------------------------------------------- Makefile


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A project whose bootstrap only notes that it was called and makes a .venv that says what it runs."""
    shutil.copy(ROOT / "Makefile", tmp_path)
    for name in ("requirements.txt", "requirements-dev.txt", "main.py"):
        (tmp_path / name).touch()
    script(tmp_path / "tools" / "bootstrap.sh",
           'echo "$1" >> calls; mkdir -p .venv/bin; printf \'#!/bin/bash\\n[ "$1" = -c ] && exit;'
           ' echo "ran $*"; exit ${CODE:-0}\\n\' > .venv/bin/python; chmod +x .venv/bin/python')
    return tmp_path


def calls(tree: Path) -> list[str]:
    return (tree / "calls").read_text().split() if (tree / "calls").exists() else []


def test_install_has_nothing_to_do_the_second_time(tree: Path) -> None:
    assert run(tree, "make", "install").returncode == 0
    assert run(tree, "make", "install").returncode == 0

    assert calls(tree) == ["venv"]


def test_install_runs_again_for_new_requirements_or_a_broken_venv(tree: Path) -> None:
    run(tree, "make", "install")
    os.utime(tree / "requirements.txt", (4e9, 4e9))
    run(tree, "make", "install")
    os.utime(tree / "requirements.txt", (1e9, 1e9))
    script(tree / ".venv" / "bin" / "python", "exit 1")
    run(tree, "make", "install")
    run(tree, "make", "install")

    assert calls(tree) == ["venv"] * 3


def test_run_installs_and_hands_its_arguments_on(tree: Path) -> None:
    done = run(tree, "make", "run", "ARGS=--demo --headless")

    assert "ran main.py --demo --headless" in done.stdout
    assert calls(tree) == ["venv"]


def test_test_brings_tools_and_packages_first(tree: Path) -> None:
    done = run(tree, "make", "test")

    assert calls(tree) == ["venv", "dev", "tools"]
    beside, alone = (line for line in done.stdout.splitlines() if line.startswith("ran -m pytest"))
    assert "-m not alone" in beside and "-m alone" in alone
    assert 700 < int(alone.rpartition("--session-timeout=")[2]) <= 715, "what the first half left of twelve minutes"


def test_test_with_arguments_is_one_run_of_what_they_name(tree: Path) -> None:
    done = run(tree, "make", "test", "ARGS=tests/core -x")

    assert "ran -m pytest --session-timeout=700 tests/core -x" in done.stdout


def test_a_failing_half_of_the_tests_fails_all(tree: Path) -> None:
    assert run(tree, "make", "test", CODE="1").returncode != 0


def test_a_failing_step_fails_the_command(tree: Path) -> None:
    assert run(tree, "make", "check", CODE="1").returncode != 0


@pytest.mark.parametrize("target", TARGETS)
def test_every_command_can_be_planned(tree: Path, target: str) -> None:
    assert run(tree, "make", "-n", target).returncode == 0


def test_clean_keeps_the_home_folder(tree: Path) -> None:
    run(tree, "make", "install")
    (tree / "home" / "__pycache__").mkdir(parents=True)
    (tree / "core" / "__pycache__").mkdir(parents=True)

    run(tree, "make", "clean")

    assert (tree / "home" / "__pycache__").exists()
    assert not (tree / ".venv").exists() and not (tree / "core" / "__pycache__").exists()


# ---------------------------------------------------------------- bootstrap


@pytest.fixture
def bare(tmp_path: Path) -> Path:
    """A machine whose Python lacks tkinter until apt-get has run; `user` is written into a file for `id`."""
    shutil.copytree(ROOT / "tools", tmp_path / "tools", ignore=shutil.ignore_patterns("__pycache__"))
    (tmp_path / "requirements.txt").touch()
    here = tmp_path / "bin"
    script(here / "apt-get", f'echo "$*" >> {tmp_path}/apt; ls {tmp_path}/policy 2>/dev/null >> {tmp_path}/policies;'
                             f' case "$*" in *install*) touch {tmp_path}/installed;; esac')
    script(here / "id", f"cat {tmp_path}/user")
    script(here / "sudo", "exit 1")
    script(here / "python", f"""
case "$2" in
  *ensurepip*) [ -e {tmp_path}/installed ];;
  *base_prefix*) cat {tmp_path}/prefix;;
  *"%d.%d"*) echo 3.11;;
  *version_info*) [ ! -e {tmp_path}/old ];;
  venv) mkdir -p .venv/bin; ln -sf {here}/python .venv/bin/python;;
esac""")
    (tmp_path / "user").write_text("1000\n")
    (tmp_path / "prefix").write_text("/usr\n")
    return tmp_path


def bootstrap(bare: Path, job: str, **env: str) -> subprocess.CompletedProcess[str]:
    return run(bare, str(bare / "tools" / "bootstrap.sh"), job, PATH=f"{bare}/bin:/usr/bin:/bin",
               PYTHON=f"{bare}/bin/python", POLICY_FILE=f"{bare}/policy", **env)


def test_a_user_is_told_the_line_to_type(bare: Path) -> None:
    done = bootstrap(bare, "venv")

    assert done.returncode == 1
    assert re.search(r"sudo apt-get install -y --no-install-recommends python3\S*-venv python3-tk", done.stderr)
    assert not (bare / "apt").exists() and not (bare / ".venv").exists()


@pytest.mark.parametrize("way", ["root", "sudo"])
def test_what_is_missing_is_installed_where_that_is_allowed(bare: Path, way: str) -> None:
    if way == "root":
        (bare / "user").write_text("0\n")
    else:
        script(bare / "bin" / "sudo", 'shift; exec "$@"')

    done = bootstrap(bare, "venv")

    assert done.returncode == 0, done.stderr
    assert "install --no-install-recommends" in (bare / "apt").read_text()
    assert (bare / ".venv" / "bin" / "python").exists()


def test_apt_is_not_asked_to_help_a_python_somebody_built(bare: Path) -> None:
    (bare / "user").write_text("0\n")
    (bare / "prefix").write_text("/opt/python\n")

    done = bootstrap(bare, "venv")

    assert done.returncode == 1 and "make PYTHON=/usr/bin/python3 install" in done.stderr
    assert not (bare / "apt").exists()


def test_an_old_python_is_said(bare: Path) -> None:
    (bare / "old").touch()

    done = bootstrap(bare, "venv")

    assert done.returncode == 1 and "Python 3.11 or newer is needed" in done.stderr


def test_a_failed_venv_is_not_left_behind(bare: Path) -> None:
    (bare / "installed").touch()
    python = bare / "bin" / "python"
    python.write_text(python.read_text().replace("ln -sf", "false; exit 1; ln"))

    assert bootstrap(bare, "venv").returncode == 1
    assert not (bare / ".venv").exists()


def tools_missing(bare: Path) -> None:
    """Hide the tools of this machine: only the basic programs stay on the PATH."""
    for name in ("bash", "env", "cat", "rm", "tee", "chmod", "ls", "touch", "dirname", "mkdir"):
        if not (bare / "bin" / name).exists():
            (bare / "bin" / name).symlink_to(shutil.which(name) or name)


def only_here(bare: Path, **env: str) -> subprocess.CompletedProcess[str]:
    return run(bare, str(bare / "tools" / "bootstrap.sh"), "tools", PATH=f"{bare}/bin",
               POLICY_FILE=f"{bare}/policy", **env)


def test_missing_test_tools_are_named_and_no_failure(bare: Path) -> None:
    tools_missing(bare)

    done = only_here(bare)

    assert done.returncode == 0, done.stderr
    assert "xvfb" in done.stderr and "sudo apt-get install" in done.stderr


def test_missing_test_tools_fail_on_the_build_server(bare: Path) -> None:
    tools_missing(bare)

    assert only_here(bare, BOTBOOK_CI="1").returncode == 1


def test_services_are_kept_from_starting_and_may_start_afterwards(bare: Path) -> None:
    tools_missing(bare)
    (bare / "user").write_text("0\n")

    done = only_here(bare)

    assert done.returncode == 0, done.stderr
    assert "xdotool" in (bare / "apt").read_text()
    assert "policy" in (bare / "policies").read_text() and not (bare / "policy").exists()


def test_a_policy_that_was_there_stays(bare: Path) -> None:
    tools_missing(bare)
    (bare / "user").write_text("0\n")
    (bare / "policy").write_text("theirs")

    only_here(bare)

    assert (bare / "policy").read_text() == "theirs"


def wheel(folder: Path, content: str) -> str:
    """A tiny package; its hash."""
    path, about = folder / "botbook_probe-1.0-py3-none-any.whl", "botbook_probe-1.0.dist-info"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("botbook_probe.py", content)
        archive.writestr(f"{about}/METADATA", "Metadata-Version: 2.1\nName: botbook-probe\nVersion: 1.0\n")
        archive.writestr(f"{about}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr(f"{about}/RECORD", "")
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.mark.parametrize(("is_swapped", "code"), [(False, 0), (True, 1)])
def test_a_package_swapped_after_it_was_pinned_is_not_installed(tmp_path: Path, is_swapped: bool, code: int) -> None:
    shutil.copytree(ROOT / "tools", tmp_path / "tools")
    (tmp_path / ".venv" / "bin").mkdir(parents=True)
    script(tmp_path / ".venv" / "bin" / "python", f'exec {sys.executable} "$@"')
    pinned = wheel(tmp_path, "x = 1")
    (tmp_path / "requirements-dev.txt").write_text(f"botbook-probe==1.0 --hash=sha256:{pinned}\n")
    if is_swapped:
        wheel(tmp_path, "x = 2")

    done = run(tmp_path, "tools/bootstrap.sh", "dev", PIP_NO_INDEX="1", PIP_FIND_LINKS=str(tmp_path), PIP_DRY_RUN="1")

    assert done.returncode == code, done.stderr
    assert not is_swapped or "HASHES" in done.stderr


# ---------------------------------------------------------------- skips on the build server


@pytest.fixture
def suite(tmp_path: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Runs one small test file under our conftest."""
    (tmp_path / "tests").mkdir()
    shutil.copy(ROOT / "tests" / "conftest.py", tmp_path / "tests")

    def go(text: str, **env: str) -> subprocess.CompletedProcess[str]:
        (tmp_path / "tests" / "test_it.py").write_text(f"import pytest\n{text}\n")
        return run(tmp_path, sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:xvfb", "tests",
                   **env)

    return go


@pytest.mark.parametrize(("text", "code"), [
    ("def test_it(): pytest.skip('no Xvfb')", 1),
    ("@pytest.mark.skip(reason='no server')\ndef test_it(): pass", 1),
    ("pytest.importorskip('no_such_package')\ndef test_it(): pass", 2),
    ("def test_it(shared_fixtures): pass", 0),
    ("@pytest.mark.xfail\ndef test_it(): assert False", 0),
    ("def test_it(): pass", 0),
])
def test_on_the_build_server_a_missing_package_is_a_failure(
    suite: Callable[..., subprocess.CompletedProcess[str]], text: str, code: int
) -> None:
    done = suite(text, BOTBOOK_CI="1")

    assert done.returncode == code, done.stdout


def test_elsewhere_a_skip_is_a_skip(suite: Callable[..., subprocess.CompletedProcess[str]]) -> None:
    assert suite("def test_it(): pytest.skip('no Xvfb')").returncode == 0


@pytest.mark.parametrize(("env", "word"), [
    ({}, "1 passed, 2 deselected"), ({"BOTBOOK_LONG": "1"}, "3 passed"),
    ({"BOTBOOK_LONG": "faults"}, "2 passed, 1 deselected")])
def test_long_tests_run_when_asked_for(
    suite: Callable[..., subprocess.CompletedProcess[str]], env: dict[str, str], word: str
) -> None:
    done = suite("@pytest.mark.long\ndef test_a(): pass\n@pytest.mark.long\n@pytest.mark.grows\ndef test_b(): pass\n"
                 "def test_c(): pass", **env)

    assert word in done.stdout
