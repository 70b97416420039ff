"""An independent part of a collection that is asked for again and again, a piece at a time: the price list, say."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from agents.core.context import Context
from agents.core.meter import words_of
from telemetry.errors import CollectionError, Denied

T = TypeVar("T")


class Part:
    """Asks for pieces of one part. Once it is refused it is not asked any more in this run, and each piece is counted.

    See Context.part for what goes through.
    """

    def __init__(self, context: Context, missing: str, of: str) -> None:
        """``missing`` and ``of`` as Context.part has them: ``prices`` of ``ec2 instances``."""
        self._context = context
        self._missing = missing
        self._of = of
        #: What refused it; None as long as it answers.
        self.refused: CollectionError | None = None

    def ask(self, question: Callable[[], T]) -> T | None:
        """The answer to ``question``, which asks the provider; None where the part is refused."""
        if self.refused is not None:
            self._context.partial(self._missing, words_of(self.refused), of=self._of)
            return None
        answers: list[T] = []
        with self._context.part(self._missing, of=self._of):
            answers.append(question())
        if answers:
            return answers[0]
        self.refused = self._context.meter.refusals[-1]
        return None


@contextmanager
def permitted(context: Context, missing: str, *, of: str = "") -> Iterator[None]:
    """As Context.part, for what is worth another attempt: only a missing permission leaves out the rest of the part.

    An outage is the collection's, and so is a refusal of who asks, which is about no one part.
    """
    try:
        yield
    except Denied as error:
        if not error.permission:
            raise
        context.meter.refused(missing, error, of=of)
