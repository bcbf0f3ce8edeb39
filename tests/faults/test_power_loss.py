"""K11: the power fails at any moment. What was not synced may be gone, whole, torn or in another order.

A traced process writes facts; its system calls are played again into files that keep only what was synced (and, by
chance, parts of what was not). From each such state the ledger opens intact, with every commit that was acknowledged
before the moment. With synchronous=OFF the same model finds losses: it would notice.
"""

from __future__ import annotations

import random
import re
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.faults.harness import ROOT

SECTOR = 512
CALLS = "openat,write,pwrite64,pwritev,fsync,fdatasync,ftruncate,rename,renameat,unlink,unlinkat"
_LINE = re.compile(rb"^(?:\d+ +)?(\w+)\((.*)\) += (-?\d+)")
_PATH = re.compile(rb"\d+<((?:\\x[0-9a-f]{2})+)>")
_TEXT = re.compile(rb'"((?:\\x[0-9a-f]{2})*)"')


@dataclass(frozen=True)
class Call:
    """One system call on a file of the ledger, or an acknowledgement (`name` ack)."""

    name: str                # write, cut, sync, gone, ack
    file: str = ""
    at: int = 0              # offset; length of a cut; number of an ack
    content: bytes = b""


@dataclass
class File:
    """What of a file is on the disk, and what is on its way there."""

    durable: bytearray = field(default_factory=bytearray)
    exists: bool = False
    pending: list[Call] = field(default_factory=list)


def plain(escaped: bytes) -> bytes:
    """The bytes of strace's spelling."""
    return bytes.fromhex(escaped.replace(b"\\x", b"").decode())


def traced(folder: Path, count: int, synchronous: str) -> list[Call]:
    """The calls of a writer on its ledger, in order."""
    log, path = folder / "calls", folder / "ledger" / "sim.db"
    path.parent.mkdir()
    writer = [sys.executable, "-m", "tests.support.power_writer", str(path), str(count), synchronous]
    done = subprocess.run(["strace", "-y", "-xx", "-s", "1000000", "-e", f"trace={CALLS}", "-o", str(log), *writer],
                          cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)
    if "ptrace" in done.stderr and "not permitted" in done.stderr:
        pytest.skip("strace may not trace here (ptrace is not permitted)")
    assert done.returncode == 0, done.stderr[-1000:]
    return list(calls_of(log, path.parent))


def calls_of(log: Path, folder: Path) -> Iterator[Call]:
    """What of a trace concerns the ledger's folder."""
    for line in log.read_bytes().splitlines():
        match = _LINE.match(line)
        if match is None or int(match[3]) < 0:
            continue
        name, told = match[1].decode(), match[2]
        paths, texts = _PATH.match(told), [plain(one) for one in _TEXT.findall(told)]
        file = plain(paths[1]).decode() if paths else ""
        if name == "write" and texts and texts[0].startswith(b"ack "):
            yield Call("ack", at=int(texts[0][4:]))
        elif name in ("unlink", "unlinkat") and texts[0].decode().startswith(str(folder)):
            yield Call("gone", Path(texts[0].decode()).name)
        elif name.startswith("rename"):
            assert not texts[-1].decode().startswith(str(folder)), "the model knows no renames"
        elif Path(file).parent != folder or file.endswith("-shm"):
            continue                     # -shm is shared memory: it is made anew from the log
        elif name in ("fsync", "fdatasync"):
            yield Call("sync", Path(file).name)
        elif name == "ftruncate":
            yield Call("cut", Path(file).name, int(told.rpartition(b", ")[2]))
        elif name == "pwrite64":
            yield Call("write", Path(file).name, int(told.rpartition(b", ")[2]), texts[0])
        elif name != "openat":
            raise AssertionError(f"the model does not know {name} on {file}")


def applied(content: bytearray, call: Call, sectors: int | None = None) -> None:
    """One write or cut; of a torn one only so many sectors."""
    if call.name == "cut":
        del content[call.at:]
        content.extend(bytes(max(0, call.at - len(content))))
        return
    part = call.content if sectors is None else call.content[:sectors * SECTOR]
    content.extend(bytes(max(0, call.at + len(part) - len(content))))
    content[call.at:call.at + len(part)] = part


class Disk:
    """The files as a power loss would leave them."""

    def __init__(self) -> None:
        self.files: dict[str, File] = {}
        self.acknowledged = 0

    def take(self, call: Call) -> None:
        """The next call of the program."""
        if call.name == "ack":
            self.acknowledged = call.at
            return
        file = self.files.setdefault(call.file, File())
        if call.name == "sync":
            for one in file.pending:
                applied(file.durable, one)
            file.pending.clear()
            file.exists = True
        elif call.name == "gone":
            self.files.pop(call.file)
        else:
            file.pending.append(call)

    def leave(self, folder: Path, chance: random.Random, keeps: float) -> None:
        """Write what is left: all that was synced, and each other write with a probability, maybe torn."""
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        for name, file in self.files.items():
            content, exists = bytearray(file.durable), file.exists
            for call in chance.sample(file.pending, len(file.pending)):
                if chance.random() < keeps:
                    exists = True
                    torn = chance.randrange(len(call.content) // SECTOR + 1) if chance.random() < 0.2 else None
                    applied(content, call, torn)
            if exists:
                (folder / name).write_bytes(content)


def found(folder: Path) -> int:
    """How many transactions the ledger holds; -1: it is not intact or they are not whole."""
    path = folder / "sim.db"
    if not path.exists() or not path.stat().st_size:
        return 0
    with sqlite3.connect(path) as opened:
        try:
            if opened.execute("PRAGMA integrity_check").fetchone() != ("ok",):
                return -1
            tables = {row[0] for row in opened.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
            if not {"counters", "coins", "books"} <= tables:
                return 0
            number = int((opened.execute("SELECT VALUE FROM counters").fetchone() or (0,))[0])
            facts = [row[0] for row in opened.execute("SELECT EXECID FROM coins ORDER BY ID")]
            sums = opened.execute("SELECT POS, FILLS FROM books").fetchall()
        except sqlite3.DatabaseError:
            return -1
    is_whole = facts == [f"x:{one}" for one in range(1, number + 1)] and sums == (
        [(str(number), number)] if number else [])
    return number if is_whole else -1


def losses(calls: list[Call], folder: Path, seed: int, moments: int) -> list[str]:
    """Moments after which something acknowledged is missing or broken."""
    chance, disk, wrong = random.Random(seed), Disk(), []
    chosen = set(chance.sample(range(len(calls)), min(moments, len(calls))))
    for at, call in enumerate(calls):
        disk.take(call)
        if at not in chosen:
            continue
        for keeps in (0.0, 0.5):
            disk.leave(folder / "after", chance, keeps)
            number = found(folder / "after")
            if number < disk.acknowledged:
                wrong.append(f"call {at} ({call.name} {call.file}), {keeps:.0%} kept: {disk.acknowledged} "
                             f"acknowledged, {number if number >= 0 else 'broken'}")
    return wrong


pytestmark = [pytest.mark.long, pytest.mark.timeout(900)]


def test_k11_every_acknowledged_commit_survives_a_power_loss(tmp_path: Path, need_program: object) -> None:
    assert callable(need_program) and need_program("strace", "strace")
    calls = traced(tmp_path, 300, "FULL")
    assert sum(call.name == "ack" for call in calls) == 300
    assert sum(call.name == "sync" and call.file == "sim.db" for call in calls) > 3, "the log was folded meanwhile"

    assert not losses(calls, tmp_path, seed=1, moments=400)


def test_k11_the_model_sees_what_a_ledger_without_syncs_would_lose(tmp_path: Path, need_program: object) -> None:
    assert callable(need_program) and need_program("strace", "strace")

    assert losses(traced(tmp_path, 60, "OFF"), tmp_path, seed=1, moments=60)
