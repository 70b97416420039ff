"""Asks several servers at the same time, each for a while only: one that hangs does not hold up the others."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from telemetry.errors import FinfleetError
from telemetry.redact import redact


@dataclass
class Answer:
    """What became of one question."""

    done: threading.Event = field(default_factory=threading.Event)
    #: What it ended with; None where it ended well, and while it is under way.
    error: Exception | None = None

    @property
    def fault(self) -> str:
        """Why the question was not answered, in words; empty where it was, or nothing is known yet."""
        if self.error is None:
            return ""
        text = str(self.error)
        return redact(text if isinstance(self.error, FinfleetError) else f"{type(self.error).__name__}: {text}")


class Asker:
    """Asks again and again. A question that hangs is not asked a second time before it has ended."""

    def __init__(self) -> None:
        """Ask nothing yet."""
        self._under_way: dict[str, Answer] = {}

    def ask(self, questions: Mapping[str, Callable[[], None]], within: float) -> dict[str, Answer]:
        """Call each in a thread of its own, and wait for all of them so many seconds at the most.

        The threads are daemons: those that hang in a call of the system do not keep the process from ending.
        """
        until = time.monotonic() + within
        for name, question in questions.items():
            former = self._under_way.get(name)
            if former is None or former.done.is_set():
                self._under_way[name] = answer = Answer()
                threading.Thread(target=_run, args=(question, answer), name=f"ask {name}", daemon=True).start()
        for name in questions:
            self._under_way[name].done.wait(max(0.0, until - time.monotonic()))
        return {name: self._under_way[name] for name in questions}


def _run(question: Callable[[], None], answer: Answer) -> None:
    try:
        question()
    except Exception as error:  # noqa: BLE001 - told by whoever looks at the answer
        answer.error = error
    finally:
        answer.done.set()
