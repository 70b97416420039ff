"""Reads the configuration: YAML, ``${NAME}`` from the environment, then the model. All faults come at once."""

from __future__ import annotations

import difflib
import os
import re
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any, get_args
from urllib.parse import urlsplit

import yaml
from pydantic import BaseModel, SecretStr, ValidationError

from telemetry.errors import ConfigError
from telemetry.redact import redact, remember
from telemetry.settings.model import PROVIDERS, Settings

DEFAULT_PATH = Path("config/telemetry.yaml")
_REFERENCE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")
_OVERRIDES = {
    "FINFLEET_DATABASE_URL": ("database", "url"),
    "FINFLEET_BROKER_URL": ("broker", "url"),
    "FINFLEET_SIGNING_KEYS": ("ledger", "signing_keys"),
}
_SECRET_WORDS = ("secret", "key", "token", "password", "url")
_WITHOUT_A_FILE: Mapping[str, Any] = {"generic": {"services": ["host"]}}
"""This machine itself: the one source that needs no account."""
_UNSET = "(unset)"
_UNSET_ADDRESS = "https://unset.invalid"
_SHOWN = 60


def load_settings(
    path: Path | None = None,
    environ: Mapping[str, str] = os.environ,
    *,
    providers: Collection[str] = PROVIDERS,
    forwards: bool = True,
) -> Settings:
    """Read the file at ``path``, else at FINFLEET_CONFIG, else ``config/telemetry.yaml``.

    Without any file, only this machine is collected.

    ``${NAME}`` is replaced by the environment variable NAME. Only in the sections of ``providers``, and only if they
    are enabled, an unset variable is a fault: a worker of one provider does not hold the credentials of the others.
    Nor, where it does not forward, the key of OpenFinOps.
    ConfigError lists every fault.
    """
    named = path or (Path(environ["FINFLEET_CONFIG"]) if environ.get("FINFLEET_CONFIG") else None)
    source = named or DEFAULT_PATH
    document = _read(source) if named or source.exists() else dict(_WITHOUT_A_FILE)
    for variable, (section, key) in _OVERRIDES.items():
        if environ.get(variable):
            document[section] = {**(document.get(section) or {}), key: environ[variable]}
    unset: dict[str, str] = {}
    not_needed: dict[str, str] = {}
    document = {
        key: _expand(value, environ, key, unset if _needed(key, value, providers) else not_needed)
        for key, value in document.items()
    }
    if not forwards:
        unset.pop("openfinops.api_key", None)
    problems = [_say_unset(where, name) for where, name in unset.items()]
    try:
        settings = _validate(document, not_needed)
    except ValidationError as error:
        lines = [(line.split(":")[0], line) for line in _explain(error, document)]
        problems += [
            _say_unset(where, not_needed[where]) if where in not_needed else line
            for where, line in lines
            if where not in unset
        ]
    if problems:
        raise ConfigError(str(source), tuple(problems))
    _remember_secrets(settings)
    return settings


def _say_unset(where: str, name: str) -> str:
    return f"{where}: the environment variable {name} is not set: set it"


def expand(text: str, environ: Mapping[str, str] = os.environ) -> str:
    """``text`` with every ``${NAME}`` replaced; ConfigError names the variables that are not set."""
    unset: dict[str, str] = {}
    expanded = _expand(text, environ, text, unset)
    if unset:
        raise ConfigError(text, tuple(f"the environment variable {name} is not set: set it" for name in unset.values()))
    return str(expanded)


def _validate(document: dict[str, Any], not_needed: Collection[str]) -> Settings:
    """The model; where a value that this process does not need, and does not have, is refused: without that value."""
    for mend in (_stand_in, _leave_out):
        try:
            return Settings.model_validate(document)
        except ValidationError as error:
            places = [_place(document, fault["loc"]) for fault in error.errors(include_url=False)]
            refused = list(dict.fromkeys(place for place in places if _path(place) in not_needed))
            if not refused:
                raise
        # From the end: in a list, those before keep their places.
        for place in reversed(refused):
            mend(_look_up(document, place[:-1]), place[-1])
    return Settings.model_validate(document)


def _stand_in(holder: Any, key: int | str) -> None:
    """An address may be one that has to be there."""
    holder[key] = _UNSET_ADDRESS


def _leave_out(holder: Any, key: int | str) -> None:
    del holder[key]


def _needed(key: str, value: Any, providers: Collection[str]) -> bool:
    if key not in PROVIDERS:
        return True
    return key in providers and isinstance(value, dict) and value.get("enabled", True) is not False


class _StrictLoader(yaml.SafeLoader):
    """Refuses a key that is given twice: YAML would silently take the last."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen: set[str] = set()
        for key_node, _ in node.value:
            key = str(key_node.value)
            if key in seen:
                raise yaml.constructor.ConstructorError(None, None, f"key {key!r} is given twice", key_node.start_mark)
            seen.add(key)
        return super().construct_mapping(node, deep)


def _read(path: Path) -> dict[str, Any]:
    try:
        # _StrictLoader is a SafeLoader.
        document = yaml.load(path.read_text(encoding="utf-8"), Loader=_StrictLoader)  # noqa: S506
    except FileNotFoundError:
        raise ConfigError(
            str(path), ("there is no such file: name another with --config or FINFLEET_CONFIG",)
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(str(path), (f"it cannot be read: {error}",)) from None
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        where = f"line {mark.line + 1}, column {mark.column + 1}: " if mark else ""
        raise ConfigError(str(path), (f"{where}{error.problem}",)) from None
    except yaml.YAMLError as error:
        raise ConfigError(str(path), (f"it is not YAML: {error}",)) from None
    if document is None:
        return {}
    if not isinstance(document, dict):
        raise ConfigError(str(path), ("it must hold sections such as aws: and openfinops:",))
    return {str(key): value for key, value in document.items() if value is not None}


def _expand(value: Any, environ: Mapping[str, str], where: str, unset: dict[str, str]) -> Any:
    if isinstance(value, dict):
        return {key: _expand(item, environ, f"{where}.{key}", unset) for key, item in value.items()}
    if isinstance(value, list):
        return [_expand(item, environ, f"{where}[{index}]", unset) for index, item in enumerate(value)]
    if not isinstance(value, str):
        return value

    def replace(match: re.Match[str]) -> str:
        found = environ.get(match[1])
        if not found:
            unset[where] = match[1]
            return _UNSET
        return found

    return _REFERENCE.sub(replace, value)


def _explain(error: ValidationError, document: dict[str, Any]) -> list[str]:
    """One line per fault: path, value unless secret, what is allowed."""
    lines = []
    for fault in error.errors(include_url=False, include_context=False):
        place = _place(document, fault["loc"])
        where = _path(place)
        message = fault["msg"].removeprefix("Value error, ")
        if fault["type"] == "extra_forbidden":
            lines.append(f"{where}: there is no such key{_did_you_mean(fault['loc'])}")
            continue
        value = _look_up(document, place)
        hidden = any(word in str(place[-1]).lower() for word in _SECRET_WORDS) if place else True
        shown = (
            "" if hidden or isinstance(value, dict | list) or value is None else f"{redact(str(value))[:_SHOWN]!r}: "
        )
        lines.append(f"{where}: {shown}{message[:1].lower()}{message[1:]}" if where else message)
    return lines


def _place(document: Any, location: tuple[int | str, ...]) -> tuple[int | str, ...]:
    """The location of a fault as it is in the document: pydantic puts the kind of a source into it too."""
    place = []
    for part in location:
        if isinstance(document, dict) and part not in document and document.get("kind") == part:
            continue
        place.append(part)
        document = _look_up(document, (part,))
    return tuple(place)


def _path(location: tuple[int | str, ...]) -> str:
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in location).lstrip(".")


def _look_up(document: Any, location: tuple[int | str, ...]) -> Any:
    for part in location:
        try:
            document = document[part]
        except (KeyError, IndexError, TypeError):
            return None
    return document


def _did_you_mean(location: tuple[int | str, ...]) -> str:
    known = _fields_at(location[:-1])
    close = difflib.get_close_matches(str(location[-1]), known, n=1)
    if close:
        return f"; did you mean {close[0]}?"
    return f"; known are {', '.join(sorted(known))}" if known else ""


def _fields_at(location: tuple[int | str, ...]) -> list[str]:
    models: list[type[BaseModel]] = [Settings]
    for part in location:
        if isinstance(part, str):
            # The kind of a source says which of several it is, and is no field of its own.
            kind = [model for model in models if part in get_args(_annotation(model, "kind"))]
            models = kind or [found for model in models for found in _models_in(_annotation(model, part))]
    return list(models[0].model_fields) if models else []


def _annotation(model: type[BaseModel], name: str) -> Any:
    field = model.model_fields.get(name)
    return field.annotation if field else None


def _models_in(annotation: Any) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [found for part in get_args(annotation) for found in _models_in(part)]


def _remember_secrets(value: Any) -> None:
    if isinstance(value, SecretStr):
        secret = value.get_secret_value()
        remember(secret)
        remember(urlsplit(secret).password or "")
    elif isinstance(value, BaseModel):
        for name in type(value).model_fields:
            _remember_secrets(getattr(value, name))
    elif isinstance(value, dict):
        for item in value.values():
            _remember_secrets(item)
    elif isinstance(value, list | tuple):
        for item in value:
            _remember_secrets(item)
