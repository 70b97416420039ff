"""A signal stops whatever waits for it, at whatever instruction it comes."""

import subprocess
import sys

import pytest

_WAITS = """
import signal
from {module} import stop_on_signals

for number in range(1000):
    stop = stop_on_signals()
    # A clock of the kernel's: it comes at any instruction, which no thread of this process does.
    signal.signal(signal.SIGALRM, signal.getsignal(signal.SIGTERM))
    signal.setitimer(signal.ITIMER_REAL, 0.0005 + number * 1e-7)
    # The main thread is nearly always within the lock of the event.
    while not stop.wait(1e-9):
        pass
print("ended")
"""


@pytest.mark.parametrize("module", ["workers.process", "agents.standalone.program"])
def test_a_signal_that_comes_within_a_wait_is_heeded(module: str) -> None:
    program = [sys.executable, "-c", _WAITS.format(module=module)]
    done = subprocess.run(program, capture_output=True, text=True, timeout=30, check=False)
    assert done.stdout == "ended\n", done.stderr
