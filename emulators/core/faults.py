"""Faults to inject: which requests one hits, how often, and for how long."""

import random
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Hashable
from enum import Enum
from typing import Any, ClassVar, Generic, TypeVar

import msgspec

from emulators.core.buckets import Bucket

ANY = "*"

# Kinds that mean the same in every cloud that has them: the values of its enumeration.
THROTTLE = "throttle"
LIMIT = "limit"
LATENCY = "latency"
EXPIRED_TOKEN = "expired_token"  # noqa: S105  # the name of a fault


class Fault(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """One rule. A cloud adds its kinds, and the fields that say which requests match: those named in `which`.

    A field of those matches as a whole, whatever its case; what ends with `*` matches by its beginning.
    Of the matching requests, the first `after` pass, then each is hit with probability `rate` (drawn from `seed`, so
    the sequence of draws is always the same), `count` times at most. A limit hits what comes faster than `per_second`
    (a bucket of `burst`), instead of drawing.
    """

    which: ClassVar[tuple[str, ...]] = ()

    kind: Enum
    rate: float = 1.0
    seed: int = 0
    after: int = 0
    count: int | None = None
    latency_ms: int = 0
    per_second: float = 0.0
    burst: int = 1

    def __post_init__(self) -> None:
        """Refuse what could never fire.

        Raises:
            ValueError: a rate outside 0 to 1, or the setting that this kind lives by is missing.
        """
        if not 0 <= self.rate <= 1:
            raise ValueError(f"rate is {self.rate}: a probability from 0 to 1 is needed")
        if self.kind.value == LATENCY and self.latency_ms <= 0:
            raise ValueError(f"latency_ms is {self.latency_ms}: a latency fault needs more than 0")
        if self.kind.value == LIMIT and self.per_second <= 0:
            raise ValueError(f"per_second is {self.per_second}: a limit needs more than 0")

    def matches(self, request: Any) -> bool:
        """Whether the rule is about this request."""
        return all(_names(getattr(self, field), getattr(request, field)) for field in self.which)

    def limited_by(self, request: Any) -> Hashable:
        """What has a bucket of its own under a limit."""
        # Each cloud says it. Not abstract: a msgspec struct has a metaclass of its own, and is no ABC.
        raise NotImplementedError

    def credential(self, request: Any) -> str:
        """What it is that has expired, where the kind is `expired_token`."""
        # Never asked of a cloud that has no such kind: Google's is an error like any other.
        raise NotImplementedError


F = TypeVar("F", bound=Fault)
R = TypeVar("R")
E = TypeVar("E", bound=Exception)


class Rule(Generic[F]):
    """A fault and what it has done so far. `random` draws whatever the fault leaves to chance."""

    def __init__(self, fault: F, clock: Callable[[], float]) -> None:
        self.fault = fault
        self.seen = 0
        self.hits = 0
        self.random = random.Random(fault.seed)
        self._bucket = Bucket(clock)
        self._known: set[str] = set()
        self._expired: set[str] = set()

    def strikes(self, request: Any) -> bool:
        """Whether a request that matches is hit."""
        self.seen += 1
        if self.fault.kind.value == EXPIRED_TOKEN:
            hit = self._has_expired(self.fault.credential(request))
        else:
            hit = self._is_due() and self._is_drawn(request)
        self.hits += hit
        return hit

    def _is_due(self) -> bool:
        return self.seen > self.fault.after and (self.fault.count is None or self.hits < self.fault.count)

    def _is_drawn(self, request: Any) -> bool:
        if self.fault.kind.value != LIMIT:
            return self.random.random() < self.fault.rate
        _, wait = self._bucket.take(self.fault.limited_by(request), self.fault.burst, self.fault.per_second)
        return wait > 0

    def _has_expired(self, credential: str) -> bool:
        self._known.add(credential)
        if self.seen == self.fault.after + 1:
            self._expired = set(self._known)
        return credential in self._expired


class Faults(ABC, Generic[F, R, E]):
    """The rules in force, asked in the order in which they were added. Safe to use from many threads.

    A cloud says in `refusal` with which words each kind refuses a request.
    """

    played_elsewhere: ClassVar[frozenset[Enum]] = frozenset()
    """Kinds that no request meets by itself: a service asks for them, by `strikes` or in a way of its own."""

    def __init__(self, fault: type[F], clock: Callable[[], float] = time.monotonic) -> None:
        self._fault = fault
        self._clock = clock
        self._lock = threading.Lock()
        self._rules: list[Rule[F]] = []

    @abstractmethod
    def refusal(self, kind: str, rule: Rule[F], request: R) -> E:
        """The error with which this cloud refuses a request; a limit's `kind` is `throttle`."""

    def add(self, fault: F) -> None:
        """Put a rule in force."""
        with self._lock:
            self._rules.append(Rule(fault, self._clock))

    def add_json(self, body: bytes) -> None:
        """Put a rule in force that came over the wire.

        Raises:
            ValueError: no JSON, an unknown kind or setting, or a value that is not allowed.
        """
        self.add(msgspec.json.decode(body, type=self._fault))

    def inject(self, kind: str, **settings: Any) -> None:
        """Put a rule in force: `inject("throttle", rate=0.3, count=2)`.

        Raises:
            ValueError: an unknown kind or setting, or a value that is not allowed.
        """
        self.add(msgspec.convert({"kind": kind, **settings}, self._fault))

    def clear(self) -> None:
        """Lift every rule."""
        with self._lock:
            self._rules.clear()

    def state(self) -> list[dict[str, Any]]:
        """Each rule with the number of requests it has `seen` and of those it has hit (`hits`)."""
        with self._lock:
            return [{**msgspec.to_builtins(r.fault), "seen": r.seen, "hits": r.hits} for r in self._rules]

    def strikes(self, kind: Enum, request: R) -> bool:
        """Whether a fault of a kind that a service itself asks for hits this request."""
        with self._lock:
            rules = [rule for rule in self._rules if rule.fault.kind is kind and rule.fault.matches(request)]
            hits = [rule.strikes(request) for rule in rules]  # every rule counts what it has seen
        return any(hits)

    def meet(self, request: R) -> tuple[float, str, E] | tuple[float, None, None]:
        """(seconds to wait, kind, error): the first refusal wins, and the waits before it add up."""
        wait = 0.0
        with self._lock:
            for rule in self._rules:
                fault = rule.fault
                if fault.kind in self.played_elsewhere or not (fault.matches(request) and rule.strikes(request)):
                    continue
                wait += fault.latency_ms / 1000
                if fault.kind.value != LATENCY:
                    kind = THROTTLE if fault.kind.value == LIMIT else str(fault.kind.value)
                    return wait, kind, self.refusal(kind, rule, request)
        return wait, None, None


def _names(wanted: str, got: str) -> bool:
    wanted, got = wanted.lower(), got.lower()
    return got.startswith(wanted[:-1]) if wanted.endswith(ANY) else got == wanted
