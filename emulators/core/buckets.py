"""A bucket of tokens that refills: how a cloud counts calls, and how a fault of kind `limit` does."""

import math
import threading
from collections.abc import Callable, Hashable


class Bucket:
    """Tokens by key: each has `size` at first and gets `rate` a second."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._held: dict[Hashable, tuple[float, float]] = {}

    def take(self, key: Hashable, size: float, rate: float) -> tuple[int, int]:
        """(tokens left, seconds to wait): a wait of 0 means that one was taken."""
        now = self._clock()
        with self._lock:
            tokens, then = self._held.get(key, (size, now))
            tokens = min(size, tokens + (now - then) * rate)
            taken = tokens >= 1
            tokens -= taken
            self._held[key] = (tokens, now)
        return int(tokens), 0 if taken else max(1, math.ceil((1 - tokens) / rate))
