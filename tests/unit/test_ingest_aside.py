"""What cannot be written is put aside, and condemned on evidence only."""

from dataclasses import replace

from storage.writer import Received
from tests.support.messages import make_report
from workers.ingest.aside import TRIES, TRIES_WITHOUT_OTHERS, Aside
from workers.ingest.parcel import Inlet, Item, Parcel
from workers.ingest.writer import Failure, Stuck

FAILURE = Failure("out of shared memory", blames=True, data=False)


class _Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def _stuck() -> Stuck:
    inlet: Inlet = object()  # type: ignore[assignment]  # nothing of it is used here
    parcel = Parcel(inlet, object(), left=1)  # type: ignore[arg-type]
    return Stuck(Item(parcel, Received(make_report(), b"body")), FAILURE)


def _fail_until(aside: Aside, clock: _Clock, tries: int) -> None:
    while True:
        clock.now += 3600
        (held,) = aside.due()
        if held.tries >= tries:
            return
        assert aside.verdict(held, works=lambda: True) is None
        aside.put_back(held, held.failure)


def test_it_waits_longer_each_time_and_is_not_due_meanwhile() -> None:
    clock = _Clock()
    aside = Aside(clock)
    aside.put(_stuck())
    assert aside.due() == []
    clock.now = 1.0
    (held,) = aside.due()
    for _ in range(12):
        aside.put_back(held, FAILURE)
    assert held.due_at >= clock.now + 30
    assert held.due_at <= clock.now + 60


def test_it_is_condemned_after_some_tries_where_others_were_written() -> None:
    clock = _Clock()
    aside = Aside(clock)
    aside.put(_stuck())
    aside.note_success()
    _fail_until(aside, clock, TRIES)
    (held,) = aside.due()
    letter = aside.verdict(held, works=lambda: True)
    assert letter is not None
    assert (letter.body, letter.code) == (b"body", "refused")
    assert "out of shared memory" in letter.reason
    # A database that is away now proves nothing.
    assert aside.verdict(held, works=lambda: False) is None


def test_alone_it_is_given_more_tries() -> None:
    clock = _Clock()
    aside = Aside(clock)
    aside.put(_stuck())
    _fail_until(aside, clock, TRIES_WITHOUT_OTHERS)
    (held,) = aside.due()
    assert aside.verdict(held, works=lambda: True) is not None


def test_what_waits_for_a_lock_is_never_condemned() -> None:
    clock = _Clock()
    aside = Aside(clock)
    aside.put(replace(_stuck(), failure=Failure("a lock", blames=False, data=False)))
    aside.note_success()
    for _ in range(4 * TRIES_WITHOUT_OTHERS):
        clock.now += 3600
        (held,) = aside.due()
        assert aside.verdict(held, works=lambda: True) is None
        aside.put_back(held, held.failure)


def test_those_of_each_inlet_are_counted() -> None:
    aside = Aside(_Clock())
    one, other = _stuck(), _stuck()
    for stuck in (one, one, other):
        aside.put(stuck)
    assert (aside.of(one.item.parcel.inlet), aside.of(other.item.parcel.inlet)) == (2, 1)
