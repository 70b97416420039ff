"""Whatever was done to the bytes of a file, it is read or refused in words: no crash, no hang, and no wrong rows."""

import os
import subprocess
import sys

import pytest

from tests.support.mutated_bills import FOUND, files

_COUNT = int(os.environ.get("FINFLEET_MUTATIONS", "8"))
"""Of each form."""


@pytest.mark.parametrize("ending", list(files()))
def test_a_file_whose_bytes_were_changed(ending: str) -> None:
    command = [sys.executable, "-m", "tests.support.mutated_bills", ending, "0", str(_COUNT)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    begun = [line for line in done.stdout.splitlines() if line.startswith("begun")]
    assert done.returncode == 0, f"{begun[-1:]} ended the process: {done.stderr[-1000:]}"
    odd = [line for line in done.stdout.splitlines() if line.split()[0] not in {"begun", "read", "refused"}]
    assert (odd, len(begun)) == ([], _COUNT + len(FOUND.get(ending, ())))
