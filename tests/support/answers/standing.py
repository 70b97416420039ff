"""A service and its standing cloud: what it finds undisturbed, what it was answered, and what comes of a harm."""

import logging
import warnings
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

from agents.core.context import LocalPriceCache, Shared
from agents.core.pricing.book import PriceBook
from agents.core.service import Service
from agents.testing.collecting import Collected, collect
from telemetry.codec import encode
from telemetry.target import Target
from tests.support.answers import fields
from tests.support.answers.clouds import Cloud, shared_of
from tests.support.answers.harm import DROP, Harm, Path, Place
from tests.support.ec2 import NOW, REGION

_CATCH_ALLS = ("agents.core.collection", "agents.core.context", "agents.core.items")


@dataclass(frozen=True)
class Answer:
    """One answer of a collection: the `number`th of its API."""

    api: str
    number: int
    content: Any = field(repr=False, compare=False)
    #: Whether a process that has collected before does not ask for it again: a token, a price.
    once: bool = False

    @cached_property
    def shapes(self) -> dict[str, list[Place]]:
        """The places of each kind of field."""
        found: dict[str, list[Place]] = {}
        for place in fields.places(self.content):
            found.setdefault(place.shape, []).append(place)
        return found


@dataclass
class Disturbed:
    """What came of a collection with a harmed answer."""

    collected: Collected
    #: What the places wrote that turn exceptions of others into ours, whatever they are.
    foreign: list[str]
    #: Whether the harm was done at all.
    done: bool


class _Prices(LocalPriceCache):
    """Takes the keys and texts that Redis takes."""

    def get(self, key: str) -> str | None:
        key.encode()
        return super().get(key)


class Standing:
    """One service, and what is known of its undisturbed collection."""

    def __init__(self, cloud: Cloud, service: Service) -> None:
        self._cloud = cloud
        section = shared_of(cloud).settings.provider(service.provider)
        assert section is not None
        parts = service.parts(section, section.accounts_of(service.provider)[0])
        region = parts[0] if parts else REGION if service.regional else "global"
        self.target = Target(service.provider, "default", region, service.name)
        self._window = service.latest_window(NOW, service.interval)
        self._warm = replace(shared_of(cloud), prices=_Prices())
        first = self._recorded()
        again = {(one.api, one.number) for one in self._recorded()}
        # By the API: which of its answers is which may be another one where some are not asked for.
        kept = {api for api, _ in again}
        self.answers = [replace(one, once=one.api not in kept) for one in first if fields.places(one.content)]
        self.whole = self._collect(self._warm)
        self._probes: dict[tuple[str, int, Path], Collected] = {}

    def disturbed(self, answer: Answer, place: Place, harm: Harm) -> Disturbed:
        """Collect once more, with the harm done to the answer."""
        asked: Counter[str] = Counter()
        done = False

        def rewrite(api: str, content: Any) -> Any:
            nonlocal done
            asked[api] += 1
            if (api, asked[api]) != (answer.api, answer.number):
                return content
            try:
                content = fields.harmed(content, place.path, harm)
            except LookupError:
                return content
            done = True
            return content

        self._cloud.rewrites.every = rewrite
        try:
            with _listening() as foreign:
                collected = self._collect(self._process_for(answer))
        finally:
            self._cloud.rewrites.clear()
        return Disturbed(collected, foreign, done)

    def without(self, answer: Answer, place: Place, item: Path) -> Collected:
        """What comes of it where the item is not in the answer."""
        key = (answer.api, answer.number, item)
        if key not in self._probes:
            self._probes[key] = self.disturbed(answer, replace(place, path=item), Harm(DROP)).collected
        return self._probes[key]

    def _process_for(self, answer: Answer) -> Shared:
        """A process that asks for the answer."""
        if not answer.once:
            return self._warm
        if self._is_price(answer.api):
            kept = {key: value for key, value in self._warm.cache.items() if key is not PriceBook}
            return replace(self._warm, prices=_Prices(), cache=kept)
        return replace(shared_of(self._cloud), prices=_Prices())

    def _is_price(self, api: str) -> bool:
        return any(word in api for word in ("pric", "billing:", "Price"))

    def _recorded(self) -> list[Answer]:
        asked: Counter[str] = Counter()
        found = []

        def record(api: str, content: Any) -> Any:
            asked[api] += 1
            found.append(Answer(api, asked[api], content))
            return content

        self._cloud.rewrites.every = record
        try:
            self._collect(self._warm)
        finally:
            self._cloud.rewrites.clear()
        return found

    def _collect(self, shared: Shared) -> Collected:
        collected = collect(shared, self.target, self._window)
        for batch in collected.batches:
            encode(batch)
        encode(collected.report)
        return collected


class _Listener(logging.Handler):
    def __init__(self, heard: list[str]) -> None:
        super().__init__(logging.ERROR)
        self._heard = heard

    def emit(self, record: logging.LogRecord) -> None:
        self._heard.append(self.format(record))


@contextmanager
def _listening() -> Iterator[list[str]]:
    """What is written where exceptions of others are caught, whatever they are. Nobody else hears anything.

    Pytest would send it on, and cannot send each of these texts.
    """
    heard: list[str] = []
    listener, silence = _Listener(heard), logging.Filter("nobody")
    loggers, handlers = [logging.getLogger(name) for name in _CATCH_ALLS], logging.getLogger().handlers[:]
    with ExitStack() as stack, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for logger in loggers:
            logger.addHandler(listener)
            stack.callback(logger.removeHandler, listener)
        for handler in handlers:
            handler.addFilter(silence)
            stack.callback(handler.removeFilter, silence)
        yield heard
