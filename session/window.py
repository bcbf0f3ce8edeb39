"""The terminal with its window. The window is on the screen before database and network are imported.

The main thread owns the window and only polls: building the session and stopping it happen on threads of their own,
whose results are looked at by the window's own timer.
"""

from __future__ import annotations

import argparse
import signal
import sys
import threading
from functools import partial
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING

from core.errors import TerminalError, UsageError
from core.home import has_settings, save_choice
from core.market_settings import Demo
from core.secrets import KnownSecrets
from core.setting_file import SettingFile
from core.setting_keys import ENV, KEYS, MARKETS, Kind, SettingKey
from core.settings import Settings, load_settings
from interface.app import About, App, Look, SettingLine
from interface.hooks import Hooks
from models import Mode, Timings
from session.layout_file import LayoutFile, read_layout
from session.run import VERSION, check_live, confirmed, flag_of, logging_to, open_control
from session.setup import SettingsSetup

if TYPE_CHECKING:
    from session.build import Session
    from session.control import Control
    from session.older import OlderReader

POLL_MS = 30
STOP_WITHIN_S = 6.0      # the session's own limit is 5
CHOICES = {"demo": Mode.SIM, "testnet": Mode.TESTNET, "live": Mode.LIVE}


def run_window(args: argparse.Namespace, home: Path, project: Path, notices: tuple[str, ...]) -> int:
    """Open the window and run until it is closed; the exit code."""
    known = KnownSecrets()
    flag = flag_of(args)
    settings = load_settings(home, known, flag)
    with logging_to(home, settings, known, console=args.debug):
        run = WindowRun(home, project, known, flag, settings, notices, VERSION, args.debug, confirmed(args))
        run.open()
        return run.exit_code


class WindowRun:
    """One run of the window, from the first picture to the last."""

    def __init__(self, home: Path, project: Path, known: KnownSecrets, flag: Mode | None, settings: Settings,
                 notices: tuple[str, ...], version: str, debug: bool = False, confirmed: tuple[str, ...] = ()) -> None:
        self.exit_code = 0
        self._confirmed = confirmed
        self._home, self._project, self._known, self._flag = home, project, known, flag
        self._settings, self._notices, self._version = settings, notices, version
        self._session: Session | None = None
        self._control: Control | None = None     # put in place by the builder
        self._built: list[Session | TerminalError] = []
        self._builder: threading.Thread | None = None
        self._stopper: threading.Thread | None = None
        self._fatal: list[TerminalError] = []
        self._asked_to_end = False
        self._is_wrong_said = False
        self._taken: Settings | None = None     # of the session, as last shown
        self._must_begin = False                # settings that nothing could be built on were saved anew
        self._about = self._read_about()
        look = Look(refresh_rate=settings.general.refresh_rate, scale=settings.general.scale,
                    theme=settings.general.theme)
        self._needs_choice = flag is None and not has_settings(home)
        memory, said = read_layout(home)
        self._notices += (said,) if said else ()
        self._layout = LayoutFile(home)
        self._older: OlderReader | None = None
        self.app = App(None if self._needs_choice else settings.mode, look, debug, memory=memory,
                       about=lambda: self._about,
                       setup=SettingsSetup(home, known, flag, self._demo, self._saved))

    def open(self) -> None:
        """Show the window, build the rest behind it, run until it is gone."""
        self._listen()
        self.app.root.update()
        if self._needs_choice:
            self.app.first_start(self._choose)
        else:
            self._begin()
        self.app.later(POLL_MS, self._poll)
        try:
            self.app.run()
        finally:
            self._end_now()

    def _demo(self) -> Demo | None:
        """How the bundled exchange of this session is reached."""
        child = self._session.child if self._session is not None else None
        return child.demo if child is not None else None

    def _saved(self) -> None:
        """Files were written (on a thread of the settings): what the sheet shows is read again."""
        self._about = self._read_about()
        self._must_begin = self._session is None

    # ------------------------------------------------------------ beginning

    def _choose(self, choice: str) -> None:
        """The first start's answer."""
        mode = CHOICES[choice]
        try:
            save_choice(self._home, mode)
        except TerminalError as error:
            self.app.problem(str(error))
            return
        self._settings = load_settings(self._home, self._known, self._flag)
        self._begin()

    def _begin(self) -> None:
        settings = self._settings
        self.app.mode = settings.mode
        for problem in settings.problems:
            self.app.problem(str(problem), f"{problem.file} {problem.key}".strip())
        try:
            check_live(settings, self._flag)
        except UsageError as error:
            self.app.problem(str(error), "TESTNET")
            return
        if any(not problem.market for problem in settings.problems):
            return                       # nothing can be built on these; the strip says which key
        self._builder = threading.Thread(target=self._build, name="builder", daemon=True)
        self._builder.start()

    def _build(self) -> None:
        """Off the main thread: imports of database and network, the child exchange, the session."""
        from session.build import Session
        from session.child import Child
        child = None
        self._about = self._read_about()
        try:
            settings = self._settings
            if settings.demo:
                child = Child(self._project, self._home)
                settings = load_settings(self._home, self._known, self._flag, child.demo)
            demo = child.demo if child is not None else None
            session = Session(settings, self._home, Timings(), self._fatal.append, child, self._known,
                              reread=lambda: load_settings(self._home, self._known, self._flag, demo),
                              confirmed=self._confirmed)
            self._control = open_control(self._home, session, self._flag)
            self._built.append(session)
        except TerminalError as error:
            if child is not None:
                child.stop(0.5)
            self._built.append(error)

    def _attach(self, session: Session) -> None:
        self._session = session
        session.start()
        for notice in self._notices:
            session.say(notice)
        from session.older import OlderReader, reader
        self._older = OlderReader(session.board, partial(reader, session.settings))
        self.app.attach(Hooks(
            board=session.board, view=session.view, post=session.post, want_candles=session.want_candles,
            quit=self._begin_stop, dead_threads=session.dead_threads, about=lambda: self._about,
            quote=session.settings.general.quote_only, older=self._older.ask,
            pages=self._older.pages, remember=self._layout.remember))

    # ------------------------------------------------------------ polling, on the window's timer

    def _poll(self) -> None:
        if self._built and self._session is None:
            built = self._built.pop()
            if isinstance(built, TerminalError):
                self.exit_code = built.exit_code
                self.app.problem(str(built))
            else:
                self._attach(built)
        if self._must_begin:
            self._must_begin = False
            self._begin_again()
        if self._session is not None and self._session.settings is not self._taken:
            self._show_taken(self._session.settings)
        if self._session is not None and not self._is_wrong_said:
            self._say_wrong_setting(self._session.wrong_setting())
        if self._fatal:
            error = self._fatal.pop()
            print(f"botbook: {error}", file=sys.stderr)
            self.exit_code = error.exit_code
            self._begin_stop("leave")
        if self._asked_to_end and self._stopper is None:
            self._begin_stop("leave")
        if self._stopper is not None and not self._stopper.is_alive():
            self.app.destroy()
            return
        self.app.later(POLL_MS, self._poll)

    def _show_taken(self, settings: Settings) -> None:
        """F3 has taken settings: what was wrong with the old ones is not said any more."""
        if self._taken is not None:
            self._is_wrong_said = False
            self.app.settings_taken(settings.general.refresh_rate, settings.general.quote_only)
            for problem in settings.problems:
                self.app.problem(str(problem), f"{problem.file} {problem.key}".strip())
        self._taken = settings

    def _begin_again(self) -> None:
        """Nothing was built, for a setting that all need; now others are saved."""
        if self._session is None and (self._builder is None or not self._builder.is_alive()):
            self._settings = load_settings(self._home, self._known, self._flag)
            self.app.settings_taken(self._settings.general.refresh_rate, self._settings.general.quote_only)
            self._begin()

    def _say_wrong_setting(self, wrong: str) -> None:
        """What an exchange has shown to be wrong ("" = nothing so far), once, at its field in the settings."""
        if not wrong:
            return
        self._is_wrong_said = True
        named, _, text = wrong.partition(": ")
        file, _, key = named.rpartition(" ")
        tested = f"TESTNET_{key}"
        uses_tested = any((line.file, line.key) == (file, tested) and line.value for line in self._about.settings)
        self.app.problem(text, f"{file} {tested if uses_tested else key}")

    def _listen(self) -> None:
        def on_signal(number: int, frame: FrameType | None) -> None:
            self._asked_to_end = True

        signal.signal(signal.SIGINT, on_signal)
        signal.signal(signal.SIGTERM, on_signal)

    # ------------------------------------------------------------ the end

    def _begin_stop(self, how: str) -> None:
        """The ordered stop, off the main thread; the poll takes the window away when it has ended."""
        if self._stopper is None:
            self._stopper = threading.Thread(target=self._stop, args=(how == "cancel_all",), name="stopper",
                                             daemon=True)
            self._stopper.start()

    def _stop(self, cancel_all: bool) -> None:
        if self._builder is not None:
            self._builder.join(3.0)
        built = self._built.pop() if self._built else None
        session = self._session or (built if not isinstance(built, TerminalError) else None)
        if self._control is not None:
            self._control.stop()
        if session is not None:
            session.stop(cancel_all)

    def _end_now(self) -> None:
        """The window is gone, whatever took it: everything else ends in order too."""
        self._begin_stop("leave")
        self._layout.close()
        if self._older is not None:
            self._older.close()
        if self._stopper is not None:
            self._stopper.join(STOP_WITHIN_S)

    def _read_about(self) -> About:
        """What F1 and F8 show of files and settings; read before it opens and by the builder, by no callback."""
        lines: list[SettingLine] = []
        files = {ENV: SettingFile(self._home, ENV, "")}
        files.update({name: SettingFile(self._home, name, market) for market, name in MARKETS.items()})
        for key in KEYS:
            value = files[key.file].values.get(key.name, "")
            lines.append(SettingLine(f"{key.group} · {key.file}", key.name, _shown(key, value), key.sentence,
                                     key.default, key.file, "" if key.kind is Kind.HIDDEN else value))
        return About(self._version, str(self._home), str(self._home / "botbook.log"), tuple(lines))


def _shown(key: SettingKey, value: str) -> str:
    """A value as the settings sheet has it: secrets by their last four letters, a default named as such."""
    if not value:
        return f"{key.default} (default)" if key.default else ""
    if key.kind is Kind.HIDDEN:
        return f"••••{value[-4:]}" if len(value) > 8 else "••••"
    return value
