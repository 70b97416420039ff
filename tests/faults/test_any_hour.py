"""What needs no server passes at any hour, at the ends of months and years, and on 29 February.

That is, what looks at the clock: what does not passes at all hours alike, and tests/support/clock_reads.py sees at each
run of a test which it is. Servers and waits do not bear faketime; what is put into local clouds is tried at each hour
by tests/unit/test_seeds.py.
"""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.clock_reads import READERS
from tests.support.clocks import MOMENTS_VARIABLE, find_faketime

pytestmark = [pytest.mark.faketime, pytest.mark.timeout(300)]

MOMENTS = (
    # Just after midnight; an ordinary hour is that of the suite itself.
    "2027-03-10 00:00:05",
    # And over the end of a month, of a year and of 29 February while tests run.
    *("2027-12-31 23:59:57", "2028-02-29 23:59:57"),
)
_UNTRIED = (
    # Waits, two thousand times, and each wait is slow where libfaketime looks at it.
    "tests/unit/test_stopping.py",
    # Sets its own clock.
    "tests/unit/test_seeds.py",
    # Takes most of the time, and looks at the clock for lines of a log that say no time.
    "tests/unit/test_settings_secrets.py",
    # Starts a process that has a limit of memory.
    "tests/unit/test_codec_hostile.py",
    # Processes that fight for a file.
    *(
        f"tests/unit/test_disk_prices.py::{name}"
        for name in (
            "test_a_spoilt_file_is_started_anew",
            "test_processes_and_threads_write_side_by_side",
            "test_two_processes_look_a_price_up_once",
        )
    ),
    # Samples this machine in a process of its own, which waits too.
    "tests/conformance/test_services.py::test_agents_import_and_collect_where_there_is_no_fleet",
)
_TRIED = [entry for entry in READERS if entry not in _UNTRIED]


def test_what_looks_at_the_clock_passes() -> None:
    done = subprocess.run(
        [
            *(find_faketime(), "--exclude-monotonic", "-f", "+0", sys.executable, "-m", "pytest", "-q", "-n0"),
            # The clock is what is tried here; all examples are tried elsewhere.
            "--hypothesis-profile=few",
            *("-p", "no:cacheprovider", "-p", "tests.support.under_faketime"),
            *(*_TRIED, *(f"--deselect={name}" for name in _UNTRIED)),
        ],
        cwd=Path(__file__).parents[2],
        env={
            **os.environ,
            "TZ": "UTC",
            # Files keep their true times: otherwise every module would seem newer than what is compiled of it.
            "NO_FAKE_STAT": "1",
            "PYTHONDONTWRITEBYTECODE": "1",
            "FAKETIME_NO_CACHE": "1",
            MOMENTS_VARIABLE: ",".join(MOMENTS),
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert [f"at {moment}: 0" for moment in MOMENTS] == re.findall("^at .*", done.stdout, re.MULTILINE)
    # Each has run them, and none without them.
    assert len(re.findall(r"^\d{3,} passed", done.stdout, re.MULTILINE)) == len(MOMENTS), done.stdout
    # None is named that looks at no clock any more.
    assert set(re.findall("^no reader: (.*)", done.stdout, re.MULTILINE)) == set(READERS) - set(_TRIED)
