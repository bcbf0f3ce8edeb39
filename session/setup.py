"""The settings sheet's work: trying connections and writing the files, each on a thread of its own."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

from core.errors import LedgerError, TerminalError
from core.home import write_private
from core.logs import one_line, redact
from core.market_settings import Demo
from core.secrets import KnownSecrets
from core.setting_edit import edited
from core.setting_file import Problem, read_text
from core.setting_keys import keys_of
from core.settings import MysqlSettings, Settings, load_settings
from core.titles import market_title, product_title
from interface.setup import Changes, Progress, TestLine
from models import Mode, Timings

log = logging.getLogger(__name__)

TEST_ANSWER_S = 5.0
_MARKS = {True: "✓", None: "▲", False: "✕"}


class Run:
    """One job; `progress` is put in place by its thread and read by the window."""

    def __init__(self, name: str, work: Callable[[Run], None]) -> None:
        self.progress = Progress()
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, args=(work,), name=name, daemon=True)
        self._thread.start()

    @property
    def is_stopped(self) -> bool:
        """Whether nobody waits for it any more."""
        return self._stopped.is_set()

    def stop(self) -> None:
        """See `interface.setup.Job`."""
        self._stopped.set()

    def tell(self, **fields: object) -> None:
        """Publish how far it is."""
        self.progress = replace(self.progress, **fields)  # type: ignore[arg-type]  # fields of Progress by name

    def add(self, line: TestLine) -> None:
        """One more answer."""
        self.tell(lines=(*self.progress.lines, line))

    def _run(self, work: Callable[[Run], None]) -> None:
        try:
            work(self)
        except TerminalError as error:
            self.tell(note=str(error))
        except Exception as error:          # the sheet says it, the log has it
            log.exception("settings: %s", type(error).__name__)
            self.tell(note=f"an error of the program ({type(error).__name__}); the log has it")
        finally:
            self.tell(done=True, doing="")


class SettingsSetup:
    """Tests and saves the settings of a home."""

    def __init__(self, home: Path, known: KnownSecrets, flag: Mode | None, demo: Callable[[], Demo | None],
                 on_saved: Callable[[], None]) -> None:
        self._home, self._known, self._flag = home, known, flag
        self._demo, self._on_saved = demo, on_saved

    def test(self, changes: Changes) -> Run:
        """See `interface.setup.Setup`."""
        return Run("settings test", lambda run: self._test(run, changes))

    def save(self, changes: Changes) -> Run:
        """See `interface.setup.Setup`."""
        return Run("settings save", lambda run: self._save(run, changes))

    # ------------------------------------------------------------ on the job's thread

    def _texts(self, changes: Changes) -> dict[str, str]:
        """The changed files as they would be. What is typed as a secret is hidden from now on."""
        made = {}
        for file in {file for file, _ in changes}:
            mine = {name: value for (of, name), value in changes.items() if of == file}
            made[file] = edited(read_text(self._home / file), mine)
        return made

    def _load(self, texts: dict[str, str]) -> Settings:
        return load_settings(self._home, self._known, self._flag, self._demo(), texts)

    def _test(self, run: Run, changes: Changes) -> None:
        from connectors import probe_steps  # the network is loaded when it is needed
        settings = self._load(self._texts(changes))
        for line in (*_problem_lines(settings), *_database_lines(settings)):
            run.add(line)
        if settings.demo and not settings.markets:
            run.add(TestLine("▲", "program", "exchange", "the bundled exchange is started with the terminal",
                             "DEMO is True: nothing else is asked"))
        for market in settings.markets:
            for product in market.products:
                title = product_title(market.name, product.category)
                if run.is_stopped:
                    run.tell(note="stopped")
                    return
                run.tell(doing=title)
                from session.venues import venue_config
                for step in probe_steps(market.name, venue_config(settings, market, product), product.credentials,
                                        replace(Timings(), answer=TEST_ANSWER_S)):
                    run.add(TestLine(_MARKS[step.ok], title, step.name,
                                     *(one_line(redact(text, self._known)) for text in (step.text, step.cure))))
                    if run.is_stopped:
                        break
        bad = sum(line.mark == "✕" for line in run.progress.lines)
        run.tell(ok=not bad, note="all steps worked" if not bad else f"{bad} step{'s' if bad > 1 else ''} failed")

    def _save(self, run: Run, changes: Changes) -> None:
        before = {(problem.file, problem.key) for problem in self._load({}).problems}
        texts = self._texts(changes)
        after = self._load(texts)
        new = {(problem.file, problem.key): problem.text for problem in after.problems
               if (problem.file, problem.key) not in before or (problem.file, problem.key) in changes}
        if new:
            first = next(iter(after.problems))
            run.tell(problems=new, note=f"not saved: {next(iter(new.values()), first.text)}")
            return
        for file in sorted(texts):
            write_private(self._home / file, texts[file])
        self._on_saved()
        run.tell(ok=True, note=_saved_words(changes, after))


def _saved_words(changes: Changes, settings: Settings) -> str:
    """What was saved, and what it needs to count."""
    files = sorted({file for file, _ in changes})
    by_need: dict[str, list[str]] = {}
    for file, name in sorted(changes):
        if (key := keys_of(file).get(name)) is not None:
            by_need.setdefault(key.needs, []).append(name)
    if len(by_need) == 1:
        counts = f"it counts after {next(iter(by_need))}"
    else:
        counts = "; ".join(f"{', '.join(names)} {'count' if len(names) > 1 else 'counts'} after {needs}"
                           for needs, names in by_need.items())
    words = f"saved in {' and '.join(files)} (readable by you alone); {counts}"
    return ". ".join([words, *settings.notices[:2], *settings.closed().values()])


def _problem_lines(settings: Settings) -> Iterator[TestLine]:
    """What is wrong in the files themselves: such a market is not asked."""
    for problem in settings.problems:
        yield TestLine("✕", market_title(problem.market) or "program", "settings", str(problem), _cure(problem))


def _database_lines(settings: Settings) -> Iterator[TestLine]:
    """Whether the server takes us; a file needs no asking."""
    database = settings.database
    if not isinstance(database, MysqlSettings) or any(one.key.startswith("MYSQL") for one in settings.problems):
        return
    from db.dialects import MySqlAddress
    from db.mysql import probe
    address = MySqlAddress(database.host, database.port, database.user, database.database, database.socket)
    try:
        yield TestLine("✓", "program", "database", probe(address, database.password.reveal()), "")
    except LedgerError as error:
        yield TestLine("✕", "program", "database", str(error), "correct MYSQL_… or the server's rights")


def _cure(problem: Problem) -> str:
    return f"correct {problem.key}" if problem.key else f"correct {problem.file}"


