"""Questions asked on the caller's thread, one after the other: what a command looks at without starting the threads."""

from __future__ import annotations

import threading

from connectors.asker import Question
from connectors.http import Call
from connectors.parts import Rest
from core.errors import VenueError

LONGEST_PAUSE_S = 10.0


def drive(rest: Rest, question: Question) -> None:
    """A question to its end, limits waited for. Raises the first VenueError the question does not take itself."""
    pause = threading.Event()
    body: bytes | None = None
    refusal: VenueError | None = None
    while True:
        try:
            if refusal is not None:
                wish = question.throw(refusal)
            else:
                wish = next(question) if body is None else question.send(body)
        except StopIteration:
            return
        body = refusal = None
        if not isinstance(wish, Call):
            pause.wait(min(wish, LONGEST_PAUSE_S))
            continue
        while (wait := rest.turn(wish)) > 0:
            pause.wait(wait)
        try:
            body = rest.send(wish)
        except VenueError as error:
            refusal = error
