"""Questions asked on the caller's thread, one after the other: what a command looks at without starting the threads."""

from __future__ import annotations

import threading
from collections.abc import Callable

from connectors.asker import Question
from connectors.http import Call
from connectors.parts import Rest
from core.errors import VenueError

LONGEST_PAUSE_S = 10.0


def drive(rest: Rest, question: Question) -> None:
    """A question to its end, limits waited for. Raises the first VenueError the question does not take itself."""
    pause = threading.Event()
    move: Callable[[], Call | float] = lambda: next(question)     # noqa: E731 - replaced below by what comes next
    while True:
        try:
            wish = move()
        except StopIteration:
            return
        if not isinstance(wish, Call):
            pause.wait(min(wish, LONGEST_PAUSE_S))
            move = lambda: next(question)  # noqa: E731
            continue
        while (wait := rest.turn(wish)) > 0:
            pause.wait(wait)
        try:
            body = rest.send(wish)
        except VenueError as error:
            refusal = error
            move = lambda: question.throw(refusal)  # noqa: B023,E731 - used before the loop goes on
        else:
            move = lambda: question.send(body)  # noqa: B023,E731
