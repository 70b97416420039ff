"""What the agents that run by themselves have in common: one collection for a caller, and many in the background."""

from __future__ import annotations

import hashlib
import json
import logging
import os
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from pydantic import ValidationError

from agents.core.collection import Collection
from agents.core.context import Shared
from agents.core.pricing.disk import DiskPriceCache
from agents.core.provider import find_provider
from agents.core.reading import Reading
from agents.core.service import Service, find
from telemetry.batch import Run
from telemetry.builder import unpack
from telemetry.errors import ConfigError
from telemetry.records import CostRate, MetricPoint
from telemetry.settings import Settings
from telemetry.settings.explaining import MAX_FAULTS, failed_check, said
from telemetry.settings.faults import all_faults
from telemetry.target import Target, Window, floor_time

logger = logging.getLogger(__name__)

_ENDPOINT_VARIABLES = ("AWS_ENDPOINT_URL", "AWS_PROFILE", "AWS_CONFIG_FILE")
"""Those by which boto3 is told to ask elsewhere."""


def given_names(argument: str, names: Sequence[str] | None) -> tuple[str, ...] | None:
    """The names that a caller wants, each once; None for all. TypeError for one text, whose letters would be taken."""
    if isinstance(names, str | bytes):
        raise TypeError(f"{argument}: {names!r}: use a list of names: [{names!r}]")
    return None if names is None else tuple(dict.fromkeys(names))


def make_settings(provider: str, section: Mapping[str, Any], agent: str) -> Settings:
    """The configuration of one provider alone; ConfigError names what is wrong with an argument, never its value."""
    document = {provider: {name: value for name, value in section.items() if value is not None}}
    try:
        return Settings.model_validate(document)
    except ValidationError as error:
        faults = all_faults(error, document, Settings.model_validate)[:MAX_FAULTS]
        lines = (
            ".".join(map(str, fault["loc"][1:])) + f": {line}" for fault in faults for line in said(fault).split("\n")
        )
        problems = tuple(line.lstrip(": ") for line in lines)
    except RecursionError:
        problems = ("it is nested too deep",)
    except Exception as error:  # noqa: BLE001 - a validator of another distribution's, whatever it raises
        problems = (failed_check(error),)
    raise ConfigError(agent, problems)


def named_endpoints(provider: str, names: Iterable[str], environ: Mapping[str, str] = os.environ) -> dict[str, str]:
    """Addresses by name, as the variables ``AZURE_ENDPOINT_METRICS`` and so on give them.

    For private links, proxies and local clouds: the libraries of Azure and Google have no such variables.
    """
    found = {name: environ.get(f"{provider}_endpoint_{name}".upper()) for name in names}
    return {name: address for name, address in found.items() if address}


def make_shared(settings: Settings, *, price_cache: str | os.PathLike[str] | None = None) -> Shared:
    """What the collections of an agent share, with prices kept on disk for the next process too.

    ``price_cache`` is the folder that they are kept in; None is ``finfleet/prices`` in the user's cache directory
    (XDG_CACHE_HOME, or ~/.cache). Where it cannot be written, prices are kept in this process, and the log says so.
    ConfigError where the provider's SDK is not installed.
    """
    for name, _ in settings.providers():
        find_provider(name).require()
    return Shared(settings, prices=DiskPriceCache(price_cache, source=_source(settings)))


def _source(settings: Settings) -> str:
    """Who is asked for prices: those of a local cloud must not be taken for the real one's."""
    asked: dict[str, Any] = {
        name: [sorted(section.endpoints.items()), getattr(section, "profile", None)]
        for name, section in settings.providers()
    }
    variables = {name: value for name, value in os.environ.items() if name.startswith(_ENDPOINT_VARIABLES)}
    text = json.dumps([asked, variables], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def last_window(service: Service, shared: Shared) -> Window:
    """The last window of a service that can be expected to be whole at the provider."""
    end = floor_time(shared.now() - service.delay, service.interval)
    return Window(end - service.interval, end)


def read(shared: Shared, target: Target, only: tuple[str, ...] | None = None) -> list[Reading]:
    """Collect the last window of ``target``, or what ``only`` names of it.

    CollectionError where it does not end well.
    """
    window = last_window(find(target.provider, target.service), shared)
    run = Run.start(target, window, 1, shared.now())
    found: dict[tuple[str, ...], Reading] = {}
    collection = Collection(shared, run, only=only)
    for batch in collection.batches():
        for resource in batch.resources:
            found.setdefault(resource.key, Reading(resource))
        for record in unpack(batch):
            match record:
                case MetricPoint():
                    found[record.resource.key].points.append(record)
                case CostRate():
                    found[record.resource.key].rates.append(record)
    for reason in collection.meter.missing():
        logger.warning("%s %s is partial: %s", target, window, reason)
    return list(found.values())
