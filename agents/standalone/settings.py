"""The configuration of an agent that runs alone: a file, or the variables of the reference."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from agents.core.provider import find_provider
from agents.core.service import services
from agents.core.targets import targets_of
from agents.standalone.agent import make_settings, named_endpoints
from telemetry.closest import did_you_mean
from telemetry.errors import ConfigError
from telemetry.redact import remember
from telemetry.settings import Account, Settings, load_settings
from telemetry.settings.fields import Duration
from telemetry.settings.loading import DEFAULT_PATH
from telemetry.settings.places import is_secret
from telemetry.settings.providers import ALL_REGIONS, variables_by_field
from telemetry.target import Target

_ENDPOINT = "http://localhost:8080"


def program_settings(provider: str, path: Path | None, interval: str | None, environ: Mapping[str, str]) -> Settings:
    """The file's configuration, with what it leaves out from the environment; ConfigError lists the faults.

    ``interval`` stands above the file's ``collection_interval``.
    """
    named = path is not None or bool(environ.get("FINFLEET_CONFIG")) or DEFAULT_PATH.exists()
    settings = Settings.model_validate({})
    if named:
        settings = load_settings(path, environ, providers={provider}, stores=False)
    section = getattr(settings, provider)
    if section is None:
        section = getattr(make_settings(provider, _section(provider, environ), "environment"), provider)
    if not section.enabled:
        raise ConfigError("configuration", (f"{provider}.enabled: false: this agent has nothing else to do",))
    if interval:
        section = section.model_copy(update={"collection_interval": _duration(interval)})
    return settings.model_copy(update={provider: section, **_destination(settings, environ)})


def _destination(settings: Settings, environ: Mapping[str, str]) -> dict[str, Any]:
    """The fields to replace for one destination: none where one is configured, else the environment's OpenFinOps."""
    enabled = settings.destinations
    if len(enabled) > 1:
        problem = f"{', '.join(enabled)}: an agent that runs alone sends to one destination: leave one enabled"
        raise ConfigError("configuration", (f"destinations: {problem}",))
    if enabled:
        return {}
    remember(environ.get("OPENFINOPS_API_KEY", ""))
    given = variables_by_field(environ, {"endpoint": ("OPENFINOPS_ENDPOINT",), "api_key": ("OPENFINOPS_API_KEY",)})
    if (disabled := settings.known_destinations) and "endpoint" not in given:
        problem = (
            f"{', '.join(disabled)}: disabled, so there is nowhere to send to: enable one, or set OPENFINOPS_ENDPOINT"
        )
        raise ConfigError("configuration", (f"destinations: {problem}",))
    made = make_settings("openfinops", {"endpoint": _ENDPOINT, **given}, "environment")
    return {"openfinops": made.openfinops, "named_destinations": {}}


def targets(settings: Settings, provider: str) -> list[tuple[Account, Target, timedelta]]:
    """What is to be collected, each with its account and the length of its windows; ConfigError where nothing is."""
    section = settings.provider(provider)
    problems: list[str] = []
    found: list[tuple[Account, Target, timedelta]] = []
    for (owner, _), service in services().items():
        if owner != provider or section is None or service.delivers or service.delivered:
            continue  # whether a delivery was read already, only the ledger of the fleet knows
        for account, target in targets_of(provider, section, service):
            interval = account.interval or service.interval_in(section)
            if target.region == ALL_REGIONS:
                problems.append(f"{provider}.regions: all: an agent that runs alone needs their names")
            elif fault := service.check_interval(interval):
                problems.append(f"{provider}: the interval of {service.name}: {fault}")
            found.append((account, target, interval))
    known = {target.service for _, target, _ in found}
    problems += [
        f"{provider}.services: {name!r} is not installed; {did_you_mean(name, _services(provider))}"
        for name in getattr(section, "services", ())
        if name not in known
    ]
    if problems or not found:
        raise ConfigError("configuration", tuple(dict.fromkeys(problems)) or (f"{provider}: nothing to collect",))
    return found


def _services(provider: str) -> list[str]:
    return [name for owner, name in services() if owner == provider]


def _section(provider: str, environ: Mapping[str, str]) -> dict[str, Any]:
    kind = find_provider(provider).settings
    found = kind.from_environment(environ)
    for name, value in found.items():
        if is_secret((provider, name)):
            remember(value)
    if addresses := named_endpoints(provider, kind.endpoint_names, environ):
        found["endpoints"] = addresses
    return found


def _duration(text: str) -> timedelta:
    try:
        value: timedelta = TypeAdapter(Duration).validate_python(text)
    except ValidationError:
        fault = f"COLLECTION_INTERVAL, --interval: {text!r}: write seconds, or a number with s, m, h or d: 300, 5m, 2h"
        raise ConfigError("environment", (fault,)) from None
    return value
