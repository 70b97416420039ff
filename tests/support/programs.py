"""The command line as an operator starts it: a process of its own, with what it says in a file."""

import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def running_program(
    words: tuple[str, ...], variables: Mapping[str, str], log: Path
) -> Iterator["subprocess.Popen[bytes]"]:
    """``finfleet WORDS`` with these variables and no others; killed in the end."""
    # Without -W error: Celery warns of being root.
    command = [sys.executable, "-P", "-m", "workers.cli", *words]
    with log.open("wb") as output, subprocess.Popen(command, stdout=output, stderr=output, env=variables) as process:
        try:
            yield process
        finally:
            process.kill()
