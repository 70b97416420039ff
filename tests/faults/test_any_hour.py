"""What needs no server passes at any hour, at the ends of months and years, and on 29 February.

Servers and waits do not bear faketime; what is put into local clouds is tried at each hour by tests/unit/test_seeds.py.
"""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.clocks import MOMENTS_VARIABLE, find_faketime

pytestmark = [pytest.mark.faketime, pytest.mark.timeout(300)]

# Those of one line share a process that imports and collects, which takes as long as the tests do.
MOMENTS = [
    ("2027-03-10 00:00:05", "2027-03-10 14:20:00"),
    # And over the end of a month, of a year and of 29 February while tests run.
    ("2027-12-31 23:59:57", "2028-02-29 23:59:57"),
]
_TESTS = (
    "tests/unit",
    "tests/conformance/test_services.py",
    # Waits, by a clock that no calendar moves.
    "--ignore=tests/unit/test_local_limiter.py",
    # Waits too, two thousand times, and each wait is slow where libfaketime looks at it.
    "--ignore=tests/unit/test_stopping.py",
    # Sets its own clock.
    "--ignore=tests/unit/test_seeds.py",
    # What takes most of the time, and has nothing to do with any clock.
    *(
        f"--ignore=tests/unit/test_{name}.py"
        for name in (
            *("codec_hostile", "fitting", "local_picture", "nat64", "one_way_out", "real_clock", "settings_limits"),
            *("settings_secrets", "settings_words", "text", "writer_columns"),
        )
    ),
    *(
        f"--deselect=tests/unit/test_push_hostile.py::{name}"
        for name in (
            "test_large_messages_have_the_faults_of_small_ones",
            "test_eight_megabytes_of_anything_are_refused_within_a_second",
        )
    ),
    # Processes that fight for a file.
    *(
        f"--deselect=tests/unit/test_disk_prices.py::{name}"
        for name in (
            "test_a_spoilt_file_is_started_anew",
            "test_processes_and_threads_write_side_by_side",
            "test_two_processes_look_a_price_up_once",
        )
    ),
    # Samples this machine in a process of its own, which waits too.
    "--deselect=tests/conformance/test_services.py::test_agents_import_and_collect_where_there_is_no_fleet",
)


@pytest.mark.parametrize("moments", MOMENTS, ids=["hours of a day", "last of a month"])
def test_what_needs_no_server_passes(moments: tuple[str, ...]) -> None:
    done = subprocess.run(
        [
            *(find_faketime(), "--exclude-monotonic", "-f", "+0", sys.executable, "-m", "pytest", "-q", "-n0"),
            # The clock is what is tried here; all examples are tried elsewhere.
            "--hypothesis-profile=few",
            *("-p", "no:cacheprovider", "-p", "tests.support.under_faketime", *_TESTS),
        ],
        cwd=Path(__file__).parents[2],
        env={
            **os.environ,
            "TZ": "UTC",
            # Files keep their true times: otherwise every module would seem newer than what is compiled of it.
            "NO_FAKE_STAT": "1",
            "PYTHONDONTWRITEBYTECODE": "1",
            "FAKETIME_NO_CACHE": "1",
            MOMENTS_VARIABLE: ",".join(moments),
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert [f"at {moment}: 0" for moment in moments] == re.findall("^at .*", done.stdout, re.MULTILINE)
    # Each has run them, and none without them.
    assert len(re.findall(r"^\d{4,} passed", done.stdout, re.MULTILINE)) == len(moments), done.stdout
