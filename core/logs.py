"""The log: rolling files in the home folder, one redacting filter, hooks for whatever nobody caught.

Any thread logs; a record is made harmless and turned into text in the thread that logs, then written by the log thread,
so nobody waits for the disk. `start_logging` is called once by main, `stop` at the end.
"""

from __future__ import annotations

import logging
import logging.handlers
import os
import re
import sys
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from queue import SimpleQueue
from types import TracebackType
from typing import Any

from core.secrets import HIDDEN, KnownSecrets

LOG_FILE = "botbook.log"
LONGEST_MESSAGE = 4_000    # a frame of megabytes in an error text must not fill the disk
LONGEST_TRACE = 20_000
KEPT_LINES = 2_000         # of the Messages panel
TRACE_MARK = "    | "      # opens every line after the first, so that no text can pose as a record of its own

_NAMES = (r"signature|x-mbx-apikey|api[-_ ]?key|api[-_ ]?secret|listen[-_ ]?key|authorization|password|passwd|secret"
          r"|token")
_PLAIN_WORD = r"(?!(?<=: )(?-i:[a-z]{1,12})[ ,.;])"  # "API_SECRET: missing, …" is a sentence, not a secret
_PATTERNS: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(rf"""((?:{_NAMES})(?:["']?\s*[:=]\s*(?:b?["'])?|["']\s*,\s*b?["'])){_PLAIN_WORD}"""
                r"""(?:(?:Bearer|Basic)\s+)?[^\s&"',;)}\]]+""", re.IGNORECASE), rf"\1{HIDDEN}"),
    (re.compile(r"(/ws/)[A-Za-z0-9]{32,}"), rf"\1{HIDDEN}"),                 # a listen key inside an address
    (re.compile(r"(://[^/\s:@]+:)[^/\s@]+@"), rf"\1{HIDDEN}@"),              # user:password@host
    (re.compile(r"\b[A-Za-z0-9]{60,}\b"), HIDDEN),                           # keys, secrets and signatures have 64
)
# Control characters, line ends and marks that change the direction of reading are spelled out.
_HARMLESS = {code: f"\\x{code:02x}" for code in (*range(0x20), *range(0x7F, 0xA0))}
_MARKS = (*range(0x200B, 0x2010), *range(0x2028, 0x202F), *range(0x2066, 0x206A))
_HARMLESS |= {code: f"\\u{code:04x}" for code in _MARKS}
_HARMLESS |= {0x0A: "\\n", 0x0D: "\\r", 0x09: "\\t"}


@dataclass(frozen=True, slots=True)
class LogLine:
    """One record as people see it."""

    time: datetime         # UTC
    level: int             # logging.INFO …
    name: str              # which part says it
    text: str              # one line, harmless, without secrets


LogSink = Callable[[LogLine], None]


class RecentLines:
    """The newest lines for the Messages panel. Written by the log thread, read by the window; bounded."""

    def __init__(self, most: int = KEPT_LINES) -> None:
        self._lines: deque[LogLine] = deque(maxlen=most)
        self.count = 0     # grows with every line, so that a reader sees whether there is anything new

    def __call__(self, line: LogLine) -> None:
        """Take one more line; the oldest goes."""
        self._lines.append(line)
        self.count += 1

    def lines(self) -> tuple[LogLine, ...]:
        """All kept lines, oldest first."""
        return tuple(self._lines.copy())  # copy() is one step for the writing thread


def redact(text: str, known: KnownSecrets) -> str:
    """The text without known secrets and without anything that looks like one."""
    text = known.hide(text)
    for pattern, instead in _PATTERNS:
        text = pattern.sub(instead, text)
    return text


def one_line(text: str, longest: int = LONGEST_MESSAGE) -> str:
    """The text on one line, control characters spelled out, cut."""
    cut = text if len(text) <= longest else f"{text[:longest]}… ({len(text)} characters)"
    return cut.translate(_HARMLESS)


class RedactingFilter(logging.Filter):
    """Makes a record harmless before any handler formats it: message, arguments, traceback, stack."""

    def __init__(self, known: KnownSecrets) -> None:
        super().__init__()
        self._known = known

    def filter(self, record: logging.LogRecord) -> bool:
        """Always lets the record through, changed."""
        record.msg = one_line(redact(_message(record), self._known))
        record.args = None
        record.exc_text = self._trace(record)
        record.exc_info = record.stack_info = None
        return True

    def _trace(self, record: logging.LogRecord) -> str | None:
        trace = record.exc_text or ""
        if record.exc_info and not trace:
            trace = logging.Formatter().formatException(record.exc_info)
        trace = "\n".join(part for part in (trace, record.stack_info) if part)
        lines = redact(trace, self._known)[-LONGEST_TRACE:].splitlines()
        return "\n".join(TRACE_MARK + one_line(line) for line in lines) or None


class LogHandle:
    """The running log. `stop` writes what is queued, closes the files and gives the hooks back."""

    def __init__(self, queue_handler: logging.Handler, listener: logging.handlers.QueueListener,
                 undo: Callable[[], None]) -> None:
        self._queue_handler, self._listener, self._undo = queue_handler, listener, undo

    def stop(self) -> None:
        """Safe to call twice."""
        root = logging.getLogger()
        if self._queue_handler not in root.handlers:
            return
        self._undo()
        root.removeHandler(self._queue_handler)
        self._listener.stop()
        for handler in self._listener.handlers:
            handler.close()


def start_logging(home: Path, level: str, known: KnownSecrets, size_mb: int = 10, files: int = 5,
                  console: bool = False, sink: LogSink | None = None) -> LogHandle:
    """Log to home/botbook.log (0600) from now on; `console` repeats warnings and worse to stderr, without tracebacks
    unless the level is debug. `sink` gets every line of INFO and above, in the log thread. Raises OSError when the
    file cannot be opened."""
    number = logging.getLevelNamesMapping()[level.upper()]
    handlers: list[logging.Handler] = [_LogFile(home / LOG_FILE, size_mb * 1_000_000, files)]
    handlers += [_console(is_verbose=number <= logging.DEBUG)] if console else []
    handlers += [_SinkHandler(sink)] if sink is not None else []
    records: SimpleQueue[logging.LogRecord] = SimpleQueue()  # unbounded: a logging thread never waits for the disk
    queue_handler = _ToLogThread(records)
    queue_handler.addFilter(RedactingFilter(known))
    listener = logging.handlers.QueueListener(records, *handlers, respect_handler_level=True)
    root = logging.getLogger()
    root.setLevel(number)
    root.addHandler(queue_handler)
    undo = _hook_the_uncaught()
    listener.start()
    return LogHandle(queue_handler, listener, undo)


def _message(record: logging.LogRecord) -> str:
    """The formatted message; a call with wrong arguments must not raise into the thread that logs."""
    try:
        return record.getMessage()
    except (TypeError, ValueError, KeyError) as error:
        return f"{record.msg} (arguments do not fit: {type(error).__name__})"


class _Format(logging.Formatter):
    """2026-11-21T01:37:41.123Z INFO    engine  message."""

    def __init__(self, has_trace: bool) -> None:
        super().__init__()
        self._has_trace = has_trace

    def format(self, record: logging.LogRecord) -> str:
        moment = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        line = f"{moment} {record.levelname:<8}{record.name:<18} {record.msg}"
        return f"{line}\n{record.exc_text}" if self._has_trace and record.exc_text else line


class _ToLogThread(logging.handlers.QueueHandler):
    """Queues records as the filter left them: plain text."""

    def prepare(self, record: logging.LogRecord) -> logging.LogRecord:
        return record


class _LogFile(logging.handlers.RotatingFileHandler):
    """A rolling file only its owner can read. A full disk loses lines, never the program."""

    def __init__(self, path: Path, size: int, files: int) -> None:
        super().__init__(path, maxBytes=size, backupCount=files, encoding="utf-8", errors="backslashreplace")
        self.setFormatter(_Format(has_trace=True))
        self.lost = 0

    def _open(self) -> Any:
        Path(self.baseFilename).touch(mode=0o600)
        if os.name != "nt":
            Path(self.baseFilename).chmod(0o600)
        return super()._open()

    def handleError(self, record: logging.LogRecord) -> None:
        self.lost += 1


def _console(is_verbose: bool) -> logging.Handler:
    handler = logging.StreamHandler()
    handler.setLevel(logging.DEBUG if is_verbose else logging.WARNING)
    handler.setFormatter(_Format(has_trace=is_verbose))
    return handler


class _SinkHandler(logging.Handler):
    """Hands lines to the window's list; tracebacks stay in the file."""

    def __init__(self, sink: LogSink) -> None:
        super().__init__(logging.INFO)
        self._sink = sink

    def emit(self, record: logging.LogRecord) -> None:
        time = datetime.fromtimestamp(record.created, UTC)
        try:
            self._sink(LogLine(time, record.levelno, record.name, str(record.msg)))
        except Exception:  # a reader's error must not end the log thread
            self.handleError(record)


def _hook_the_uncaught() -> Callable[[], None]:
    """Sends what nobody caught, in any thread, through the log; the answer puts the old hooks back."""
    logger = logging.getLogger("crash")
    before = (sys.excepthook, threading.excepthook, sys.unraisablehook)

    def on_error(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        if issubclass(kind, KeyboardInterrupt):
            logger.warning("stopped by Ctrl-C")
            return
        logger.critical("%s: %s", kind.__name__, error, exc_info=(kind, error, trace))

    def on_thread_error(args: threading.ExceptHookArgs) -> None:
        if issubclass(args.exc_type, SystemExit):
            return
        name = args.thread.name if args.thread else "?"
        error = args.exc_value or args.exc_type()
        logger.critical("thread %s died: %s: %s", name, args.exc_type.__name__, error,
                        exc_info=(args.exc_type, error, args.exc_traceback))

    def on_unraisable(args: sys.UnraisableHookArgs) -> None:
        error = args.exc_value or args.exc_type()
        logger.error("while clearing up: %s: %s", args.exc_type.__name__, error,
                     exc_info=(args.exc_type, error, args.exc_traceback))

    sys.excepthook, threading.excepthook, sys.unraisablehook = on_error, on_thread_error, on_unraisable

    def undo() -> None:
        sys.excepthook, threading.excepthook, sys.unraisablehook = before

    return undo
