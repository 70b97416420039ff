"""Reads the configuration: YAML, ``${NAME}`` from the environment, then the model. All faults come at once."""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel, SecretStr, ValidationError

from telemetry.errors import ConfigError
from telemetry.redact import remember
from telemetry.settings.document import read_document
from telemetry.settings.explaining import explain, failed_check
from telemetry.settings.faults import all_faults
from telemetry.settings.fields import password_of
from telemetry.settings.model import Settings
from telemetry.settings.places import Place, look_up, place_in
from telemetry.settings.places import path as in_words
from telemetry.settings.references import Expansion, Needs, expand, references

__all__ = ["DEFAULT_PATH", "expand", "load_settings", "variables_of"]

DEFAULT_PATH = Path("config/telemetry.yaml")
_OVERRIDES = {
    "FINFLEET_DATABASE_URL": ("database", "url"),
    "FINFLEET_BROKER_URL": ("broker", "url"),
    "FINFLEET_SIGNING_KEYS": ("ledger", "signing_keys"),
}
_WITHOUT_A_FILE: Mapping[str, Any] = {"generic": {"services": ["host"]}}
"""This machine itself: the one source that needs no account."""
_UNSET_ADDRESS = "https://unset.invalid"
_MIN_MASKED = 6


def load_settings(
    path: Path | None = None,
    environ: Mapping[str, str] = os.environ,
    *,
    providers: Collection[str] | None = None,
    forwards: bool = True,
    stores: bool = True,
) -> Settings:
    """Read the file at ``path``, else the one at FINFLEET_CONFIG, else ``config/telemetry.yaml``.

    Without any file, only this machine is collected.

    ``${NAME}`` is replaced by the environment variable NAME. Only in the sections of ``providers`` (None: all of them),
    and only if they are enabled, an unset variable is a fault: a worker of one provider does not hold the credentials
    of the others.
    Nor, where it does not forward, the secrets of destinations; nor, where it does not store, the database's address
    and the secrets of the fleet.
    ConfigError lists the faults.
    """
    source, written = _read(path, environ)
    needs = Needs(providers, forwards, stores)
    expansion = Expansion(environ)
    document = expansion.of(written)
    missing = {place: names for place, names in expansion.unset.items() if needs.cover(place, document)}
    not_needed = {place: names for place, names in expansion.unset.items() if place not in missing}
    problems = [_say_unset(place, names) for place, names in missing.items()]
    try:
        settings = _validate(document, not_needed)
    except ValidationError as error:
        problems += [
            _say_unset(place, not_needed[place]) if place in not_needed else _masked(line, expansion.used)
            for place, line in explain(all_faults(error, document, Settings.model_validate), document, written)
            if place not in missing
        ]
    except RecursionError:
        problems.append("it is nested too deep")
    except Exception as error:  # noqa: BLE001 - a validator of another distribution's, whatever it raises
        problems.append(failed_check(error))
    if problems:
        raise ConfigError(str(source), tuple(problems))
    _remember_secrets(settings)
    return settings


def variables_of(document: Mapping[str, Any], needs: Needs) -> frozenset[str]:
    """The environment variables that a process with these needs reads by a configuration, as it was written.

    Without those of the servers' addresses, which FINFLEET_DATABASE_URL and FINFLEET_BROKER_URL take the place of.
    """
    return frozenset(
        name for place, name in references(document) if place not in _OVERRIDES.values() and needs.read(place, document)
    )


def unset_variables(path: Path | None = None, environ: Mapping[str, str] = os.environ) -> list[str]:
    """A line for each value of the configuration that some process of the fleet needs, and whose variables are not set.

    For commands that need none of these values themselves. ConfigError where the file cannot be read.
    """
    written = _read(path, environ)[1]
    expansion = Expansion(environ)
    document = expansion.of(written)
    needs = Needs()
    return [_say_unset(place, names) for place, names in expansion.unset.items() if needs.cover(place, document)]


def _say_unset(place: Place, names: tuple[str, ...]) -> str:
    *others, last = names
    if others:
        said = f"the environment variables {', '.join(others)} and {last} are not set: set them"
    else:
        said = f"the environment variable {last} is not set: set it"
    return f"{in_words(place)}: {said}"


def _read(path: Path | None, environ: Mapping[str, str]) -> tuple[Path, dict[str, Any]]:
    """The file, and what is written in it, with the environment's addresses above its own."""
    named = path or (Path(environ["FINFLEET_CONFIG"]) if environ.get("FINFLEET_CONFIG") else None)
    source = named or DEFAULT_PATH
    written = read_document(source) if named or source.exists() else dict(_WITHOUT_A_FILE)
    for variable, (section, key) in _OVERRIDES.items():
        found = written.get(section, {})
        if environ.get(variable) and isinstance(found, dict):
            written[section] = {**found, key: environ[variable]}
    return source, written


def _masked(line: str, used: Mapping[str, str]) -> str:
    """A line without what came from the environment: it may be a secret in a place where none belongs."""
    for value, name in used.items():
        for form in (value, repr(value)[1:-1], value.strip()):
            if len(form) >= _MIN_MASKED:
                line = line.replace(form, f"${{{name}}}")
    return line


def _validate(document: dict[str, Any], not_needed: Collection[Place]) -> Settings:
    """The model; where a value that this process does not need, and does not have, is refused: without that value."""
    for place in not_needed:
        if place in _OVERRIDES.values():  # half an address is none
            _leave_out(look_up(document, place[:-1]), place[-1])
    for mend in (_stand_in, _leave_out):
        try:
            return Settings.model_validate(document)
        except ValidationError as error:
            places = [place_in(document, fault["loc"]) for fault in error.errors(include_url=False)]
            refused = list(dict.fromkeys(place for place in places if place in not_needed))
            if not refused:
                raise
        # From the end: in a list, those before keep their places.
        for place in reversed(refused):
            mend(look_up(document, place[:-1]), place[-1])
    return Settings.model_validate(document)


def _stand_in(holder: Any, key: int | str) -> None:
    """An address may be one that has to be there."""
    holder[key] = _UNSET_ADDRESS


def _leave_out(holder: Any, key: int | str) -> None:
    del holder[key]


def _remember_secrets(value: Any) -> None:
    if isinstance(value, SecretStr):
        secret = value.get_secret_value()
        remember(secret)
        remember(password_of(secret))
    elif isinstance(value, BaseModel):
        for name in type(value).model_fields:
            _remember_secrets(getattr(value, name))
    elif isinstance(value, dict):
        for item in value.values():
            _remember_secrets(item)
    elif isinstance(value, list | tuple):
        for item in value:
            _remember_secrets(item)
