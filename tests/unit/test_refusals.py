"""Whose fault a refusal is: told by what becomes of others."""

import random

import pytest

from agents.core.refusals import MAX_BEHIND, Refusals, Verdict


def _no() -> bool:
    return False


def _yes() -> bool:
    return True


def _never() -> bool:
    raise AssertionError("it decides nothing")


@pytest.fixture
def refusals() -> Refusals:
    return Refusals()


def test_the_first_refusal_is_no_verdict(refusals: Refusals) -> None:
    refusals.taken(1, "z")
    assert refusals.refused(2, "a", _no) is Verdict.AGAIN
    assert refusals.suspects("a") == [2]


def test_refused_again_after_another_was_taken_is_condemned(refusals: Refusals) -> None:
    refusals.refused(2, "a", _no)
    refusals.taken(3, "z")
    assert refusals.refused(2, "a", _never) is Verdict.CONDEMN
    assert refusals.suspects("a") == []


def test_of_those_that_were_refused_together_each_needs_another_that_is_taken(refusals: Refusals) -> None:
    refusals.refused(1, "a", _no)
    refusals.refused(2, "a", _no)
    refusals.taken(3, "a")
    assert refusals.refused(1, "a", _no) is Verdict.CONDEMN
    assert refusals.refused(2, "a", _no) is Verdict.LOOK_BEHIND
    refusals.taken(4, "a")
    assert refusals.refused(2, "a", _no) is Verdict.CONDEMN


def test_taken_later_it_is_no_suspect_any_more(refusals: Refusals) -> None:
    refusals.refused(2, "a", _no)
    refusals.taken(2, "z")
    assert refusals.refused(2, "a", _no) is Verdict.AGAIN


def test_where_nothing_is_taken_nothing_is_condemned_however_often(refusals: Refusals) -> None:
    for _ in range(500):
        for number in range(17):
            assert refusals.refused(number, number % 5, _no) is not Verdict.CONDEMN
    assert refusals.in_a_row == 17


def test_one_in_the_form_of_openfinops_is_condemned_at_once(refusals: Refusals) -> None:
    refusals.taken(1, "z")
    assert refusals.refused(2, "a", _yes) is Verdict.CONDEMN
    refusals.taken(3, "z")
    assert refusals.refused(4, "a", _yes) is Verdict.CONDEMN


def test_a_wave_in_the_form_of_openfinops_costs_the_first_at_the_most(refusals: Refusals) -> None:
    refusals.taken(1, "z")
    verdicts = [refusals.refused(number, "a", _yes) for number in range(2, 40)]
    assert verdicts.count(Verdict.CONDEMN) == 1
    # The form alone says nothing, and it decides nothing where others are refused too.
    assert refusals.refused(50, "b", _never) is Verdict.AGAIN


def test_it_looks_behind_where_nothing_else_can_tell(refusals: Refusals) -> None:
    assert [refusals.refused(1, "a", _no) for _ in range(3)] == [Verdict.AGAIN, *[Verdict.LOOK_BEHIND] * 2]


def test_where_other_queues_are_refused_too_it_looks_behind_ever_more_seldom(refusals: Refusals) -> None:
    refusals.refused(2, "b", _no)
    looks = [turn for turn in range(1, 200) if refusals.refused(1, "a", _no) is Verdict.LOOK_BEHIND]
    assert looks == [8, 16, 32, 64, 128]


def test_what_is_remembered_is_bounded(refusals: Refusals) -> None:
    for number in range(30_000):
        refusals.refused(number, number, _no)
    assert refusals.in_a_row == 10_000


def test_bad_ones_side_by_side_are_condemned_one_by_one(refusals: Refusals) -> None:
    left, turns = [1, 2, 3], 0
    while left:
        turns += 1
        refusals.taken(100 + turns, "z")
        left = [number for number in left if refusals.refused(number, number, _no) is not Verdict.CONDEMN]
    assert turns <= 7


class _Course:
    """Queues with bad messages among good ones, and times in which everything is refused."""

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)
        self.bad = {number for number in range(300) if self.chance.random() < 0.1}
        self.queues = [[number for number in range(300) if number % 7 == queue] for queue in range(7)]
        self.dead: set[int] = set()
        self.arrived: list[int] = []
        self.refusals = Refusals()
        self.blanket = False

    def run(self) -> None:
        for _ in range(20_000):
            self.blanket = self.chance.random() < (0.95 if self.blanket else 0.02)
            waiting = [queue for queue in self.queues if queue]
            if not waiting:
                return
            self._settle(self.chance.choice(waiting))

    def _send(self, number: int) -> bool:
        good = not self.blanket and number not in self.bad
        if good:
            self.refusals.taken(number, number % 7)
            self.arrived.append(number)
        return good

    def _is_own(self) -> bool:
        return not self.blanket and self.chance.random() < 0.5

    def _settle(self, queue: list[int]) -> None:
        head = queue[0]
        if self._send(head):
            queue.pop(0)
            return
        verdict = self.refusals.refused(head, head % 7, self._is_own)
        if verdict is Verdict.CONDEMN:
            self.dead.add(queue.pop(0))
        elif verdict is Verdict.LOOK_BEHIND:
            self._look_behind(queue)

    def _look_behind(self, queue: list[int]) -> None:
        known = self.refusals.suspects(queue[0] % 7)
        behind = [number for number in queue if number not in known]
        if behind and len(known) < MAX_BEHIND:
            if self._send(behind[0]):
                queue.remove(behind[0])
            else:
                self.refusals.refused(behind[0], behind[0] % 7, self._is_own)


@pytest.mark.parametrize("seed", range(20))
def test_through_wave_after_wave_only_bad_ones_die(seed: int) -> None:
    course = _Course(seed)
    course.run()
    left = {number for queue in course.queues for number in queue}
    assert course.dead <= course.bad
    assert sorted(course.arrived) == sorted(set(range(300)) - course.bad - left)
    # Nothing waits in the end but bad ones of which nothing more can tell.
    assert left <= course.bad
