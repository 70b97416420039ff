"""Who hangs is not waited for, and not asked again before he has answered."""

import threading
import time

from workers.status.asking import Asker


def test_who_hangs_keeps_nobody_from_the_answers_of_others() -> None:
    hang, answered, asked = threading.Event(), threading.Event(), []

    def hangs() -> None:
        asked.append(1)
        hang.wait(60)

    def fails() -> None:
        raise ValueError("no redis://:secret@host/0")

    asker = Asker()
    begun = time.monotonic()
    questions = {"hangs": hangs, "answers": answered.set, "fails": fails}
    answers = asker.ask(questions, 0.2)
    assert time.monotonic() - begun < 5
    assert answered.is_set()
    assert [answers[name].done.is_set() for name in questions] == [False, True, True]
    assert "ValueError" in answers["fails"].fault
    assert "secret" not in answers["fails"].fault
    assert (answers["answers"].fault, answers["hangs"].fault) == ("", "")
    asker.ask(questions, 0.05)
    assert asked == [1]
    hang.set()
    answers["hangs"].done.wait(10)
    assert asker.ask(questions, 10)["hangs"].done.is_set()
    assert asked == [1, 1]
