"""Running without a window: signals and the end."""

from __future__ import annotations

import signal
import threading
from types import FrameType

from core.errors import ConfigError, TerminalError
from session.build import Session

LOOK_EVERY_S = 0.2


class Headless:
    """Waits for a signal, a fatal error, or the death of the engine."""

    def __init__(self) -> None:
        self._end = threading.Event()
        self.fatal: TerminalError | None = None

    def on_fatal(self, error: TerminalError) -> None:
        """The session cannot go on; may be called from any thread."""
        self.fatal = error
        self._end.set()

    def listen(self) -> None:
        """End in order on Ctrl-C and SIGTERM."""
        def on_signal(number: int, frame: FrameType | None) -> None:
            self._end.set()

        signal.signal(signal.SIGINT, on_signal)
        signal.signal(signal.SIGTERM, on_signal)

    def run(self, session: Session, autotrade: bool) -> None:
        """Start, wait, stop in order. Raises the fatal error that ended it."""
        session.start()
        if autotrade:
            session.trade(True)
        has_begun = is_said = False
        while not self._end.wait(LOOK_EVERY_S):
            if not has_begun and (wrong := session.wrong_setting()):
                self.fatal = ConfigError("", "", wrong)      # later, when it was right once, the others go on
                break
            has_begun = has_begun or session.is_live()
            if not is_said and (words := session.running()):
                is_said = True
                print(f"botbook: {words}. Ctrl-C ends it, orders rest at the exchange", flush=True)
            if not session.engine.is_alive and self.fatal is None:
                self.fatal = TerminalError("the engine thread stopped; orders rest at the venue, a restart recovers")
                break
        session.stop()
        if self.fatal is not None:
            raise self.fatal
