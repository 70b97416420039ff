"""Loaded into a pytest that runs under faketime: libfaketime 0.9.10 refuses the waits that `time.sleep` asks for."""

import threading
import time
from typing import SupportsIndex


def _sleep(seconds: float | SupportsIndex, /) -> None:
    threading.Event().wait(float(seconds))


time.sleep = _sleep
