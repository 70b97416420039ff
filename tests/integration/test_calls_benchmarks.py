"""The benchmarks of calls to Azure and Google run: both ways read the same, and ours makes the least possible calls."""

from collections.abc import Mapping

import pytest

from benchmarks import azure_calls, gcp_calls
from benchmarks.cloud_calls import NOW, WINDOW, Subject
from benchmarks.cloud_collectors import FINFLEET, ONE_BY_ONE, Task, collect

_MACHINES = 3


@pytest.mark.parametrize("subject", [azure_calls.SUBJECT, gcp_calls.SUBJECT], ids=["azure", "gcp"])
def test_both_ways_read_the_same(subject: Subject) -> None:
    with subject.seed(_MACHINES, 1) as cloud:
        task = Task(cloud.target, cloud.section, NOW, WINDOW, 2)
        found = {}
        for way in (FINFLEET, ONE_BY_ONE):
            cloud.forget_calls()
            found[way] = collect(task, way).points, _reading_calls(cloud.calls())
    least, naive = subject.least(_MACHINES), 1 + subject.naive_calls * _MACHINES
    assert found[FINFLEET][0] == found[ONE_BY_ONE][0]
    assert found[FINFLEET][0][0] > 0
    assert (found[FINFLEET][1], found[ONE_BY_ONE][1]) == (2 * least, 2 * naive)


def _reading_calls(calls: Mapping[str, int]) -> int:
    """Without those that look prices up, or sign in."""
    return sum(
        count for api, count in calls.items() if not api.startswith(("login:", "retailprices:", "cloudbilling:"))
    )
