"""A program for tests that runs the embedded servers as `finfleet up` would: `python embedded_run.py STATE [deaf]`.

It prints one JSON line (process numbers, addresses, users) when all is up, and stops everything when its input ends.
With `deaf` it also starts a child that is deaf to SIGTERM, which has a child of its own.
"""

import json
import signal
import sys
from pathlib import Path

import psutil

from tests.support.waiting import until
from workers.embedded import EmbeddedPostgres, EmbeddedValkey, StateLock, spawn, stop

DEAF = """
import signal, subprocess, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
subprocess.Popen([sys.executable, "-I", "-S", "-c", "import time; time.sleep(600)"])
print("started", flush=True)
time.sleep(600)
"""


def main() -> None:
    """Start, report, wait for the end of input, stop."""
    state = Path(sys.argv[1])
    with StateLock(state), EmbeddedPostgres(state) as postgres, EmbeddedValkey(state) as valkey:
        deaf = None
        if "deaf" in sys.argv:
            deaf = spawn([sys.executable, "-I", "-S", "-c", DEAF], log=state / "deaf.log")
            until((state / "deaf.log").read_bytes, what="the deaf child has started")
        report = {
            "pids": [process.pid for process in psutil.Process().children(recursive=True)],
            "postgres": postgres.process.pid,
            "postgres_url": postgres.url.get_secret_value(),
            "valkey": valkey.process.pid,
            "valkey_url": valkey.url.get_secret_value(),
            "deaf": deaf and deaf.pid,
        }
        sys.stdout.write(json.dumps(report) + "\n")
        sys.stdout.flush()
        for _ in sys.stdin:  # each line: kill Postgres, start it again, say its number
            postgres.process.kill()
            postgres.process.wait()
            postgres.start()
            sys.stdout.write(f"{postgres.process.pid}\n")
            sys.stdout.flush()
        if deaf is not None:
            stop(deaf, (signal.SIGTERM, 0.2))


if __name__ == "__main__":
    main()
