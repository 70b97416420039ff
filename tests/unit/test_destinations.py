"""The registry of destinations, and the sections that its kinds bring."""

import ast
import importlib.metadata
import logging
import re
from collections.abc import Iterator
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any, ClassVar, Literal

import pytest
from pydantic import Field, ValidationError

from agents.core.destination import Destination, DestinationKind, open_destination
from agents.destinations.openfinops.settings import OpenFinOpsSettings
from telemetry import registry
from telemetry.batch import Batch
from telemetry.errors import ConfigError
from telemetry.settings import Settings, destinations, load_settings
from telemetry.settings.destinations import DestinationSettings, kinds, unusable_destinations
from telemetry.settings.model import settings_model

_CANARY = "canary-7Kd2m-of-a-destination"


class _Settings(DestinationSettings):
    kind: Literal["paper"]
    tray: int = 1


class _Paper(DestinationKind):
    settings: ClassVar[type[DestinationSettings]] = _Settings

    def open(self, name: str, settings: Any) -> Destination:
        raise ConfigError(name, (f"tray {settings.tray} is empty",))


class _NoBase:
    """Its section is that of `no_base`, and its class none of ours."""

    class settings(DestinationSettings):  # noqa: N801 - a section in the place of one
        kind: Literal["no_base"]

    def open(self, name: str, settings: Any) -> None: ...


class _Misnamed(_Paper):
    """Its section says `paper`, whatever its entry point is called."""


class _Short(_Paper):
    short_form = True


class _HalfSettings(DestinationSettings):
    kind: Literal["half"]
    thing: "NoSuchType"  # type: ignore[name-defined]  # noqa: F821 - that is what is wrong with it


class _Half(_Paper):
    settings = _HalfSettings


class _OtherKeySettings(DestinationSettings):
    kind: Literal["other_key"] = Field(alias="Kind")


class _OtherKey(_Paper):
    settings = _OtherKeySettings


class _Raises(_Paper):
    def __init__(self) -> None:
        raise RuntimeError("half installed")


_THEIRS = {
    "paper": "_Paper",
    "misnamed": "_Misnamed",
    "missing": "_NotThere",
    "raises": "_Raises",
    "half": "_Half",
    "no_base": "_NoBase",
    "other_key": "_OtherKey",
    "openfinops": "_Paper",
}


@pytest.fixture
def theirs(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Kinds of another distribution beside ours, most of them faulty."""
    found = importlib.metadata.entry_points

    def with_theirs(**keywords: Any) -> list[EntryPoint]:
        group = keywords["group"]
        return [*found(**keywords), *(EntryPoint(n, f"{__name__}:{v}", group) for n, v in _THEIRS.items())]

    monkeypatch.setattr(registry, "entry_points", with_theirs)
    _forget()
    yield
    _forget()


def _forget() -> None:
    destinations._offers.cache_clear()
    settings_model.cache_clear()


def test_no_package_of_the_fleet_names_a_kind() -> None:
    names = re.compile("|".join(kinds()), re.IGNORECASE)
    root = Path(__file__).parents[2]
    found = [
        f"{path.relative_to(root)}: {ast.unparse(node)}"
        for package in ("telemetry", "storage", "tasks", "workers")
        for path in (root / package).rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if (isinstance(node, ast.Constant) and isinstance(node.value, str) and names.search(node.value))
        or (isinstance(node, ast.Name) and names.search(node.id))
    ]
    assert found == []


def test_ours_are_found_as_any_others_are() -> None:
    assert unusable_destinations() == ()
    assert set(kinds()) >= {"openfinops", "otlp", "webhook"}


def test_a_kind_of_another_distribution_has_its_own_section(theirs: None) -> None:
    settings = Settings.model_validate({"destinations": {"desk": {"kind": "paper", "tray": 2}}})
    assert settings.destinations == ("desk",)
    section = settings.known_destinations["desk"]
    assert isinstance(section, _Settings)
    with pytest.raises(ConfigError, match="tray 2 is empty"):
        open_destination("desk", section)


def test_what_a_kind_raises_while_it_opens_is_said_with_the_name(
    theirs: None, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fails(self: _Paper, name: str, settings: Any) -> Destination:
        raise RuntimeError("no\ntray")

    monkeypatch.setattr(_Paper, "open", fails)
    section = Settings.model_validate({"destinations": {"desk": {"kind": "paper"}}}).known_destinations["desk"]
    caplog.clear()
    with pytest.raises(ConfigError, match="kind paper cannot open it: RuntimeError: no tray") as caught:
        open_destination("desk", section)
    assert "destination desk" in str(caught.value)
    assert caplog.records[0].exc_info  # for whoever wrote it


class _Bare(Destination):
    def send(self, batch: Batch) -> str:
        return str(batch.batch_id)

    def abort(self) -> None: ...

    def close(self) -> None: ...


@pytest.mark.parametrize(
    ("opened", "said"),
    [
        (None, "what open() returns is no agents.core.destination.Destination"),
        (_Bare(), "_Bare has no label and no longest"),
    ],
)
def test_what_a_kind_opens_must_be_a_destination(
    theirs: None, monkeypatch: pytest.MonkeyPatch, opened: object, said: str
) -> None:
    monkeypatch.setattr(_Paper, "open", lambda *_: opened)
    section = Settings.model_validate({"destinations": {"desk": {"kind": "paper"}}}).known_destinations["desk"]
    with pytest.raises(ConfigError, match=re.escape(said)):
        open_destination("desk", section)


def test_one_that_cannot_be_used_is_named_and_harms_no_other(theirs: None, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.ERROR)
    assert {"openfinops", "paper"} <= set(kinds())
    assert kinds()["openfinops"].settings is OpenFinOpsSettings  # nobody takes its place
    faults = "\n".join(unusable_destinations())
    for said in (
        "entry point misnamed = ",
        "Literal['misnamed']",
        "has no attribute '_NotThere'",
        "RuntimeError: half installed",
        "name 'NoSuchType' is not defined",
        "it has no schema(): derive its class from",
        "Aliases for discriminator 'kind' must be the same",
        "the name 'openfinops' is taken already",
    ):
        assert said in faults
    assert len(unusable_destinations()) == len(caplog.records) == 7


def test_the_short_form_is_one_of_any_number() -> None:
    one = {"kind": "openfinops", "endpoint": "https://a.example"}
    settings = Settings.model_validate(
        {
            "openfinops": {"endpoint": "https://o.example"},
            "destinations": {"a": one, "off": {**one, "enabled": False}, "z": one},
        }
    )
    assert settings.destinations == ("openfinops", "a", "z")
    assert tuple(settings.known_destinations) == ("openfinops", "a", "off", "z")
    assert settings.section(OpenFinOpsSettings) == settings.known_destinations["openfinops"]


def test_a_name_belongs_to_one() -> None:
    one = {"kind": "openfinops", "endpoint": "https://a.example"}
    with pytest.raises(ValidationError, match="is a destination of this name already"):
        Settings.model_validate({"openfinops": {"endpoint": "https://o.example"}, "destinations": {"openfinops": one}})


def _fault(tmp_path: Any, text: str, **environ: str) -> str:
    path = tmp_path / "telemetry.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError) as raised:
        load_settings(path, environ, providers=())
    return str(raised.value)


def test_faults_name_the_place_and_show_no_secret(tmp_path: Any) -> None:
    told = _fault(
        tmp_path,
        f"destinations: {{a: {{kind: openfinops, endpoint: 'ftp://x', api_key: [{_CANARY}], tiemout: {_CANARY}}}}}",
    )
    assert "destinations.a.endpoint: 'ftp://x': write an address that starts with https://" in told
    assert "destinations.a.api_key" in told
    assert "destinations.a.tiemout: there is no such key; did you mean timeout?" in told
    assert _CANARY not in told


def test_an_unknown_kind_is_told_the_known_ones(tmp_path: Any) -> None:
    assert "destinations.a: kind: there are: openfinops, " in _fault(tmp_path, "destinations: {a: {kind: pigeon}}")
    assert "destinations.a: kind: is missing" in _fault(tmp_path, "destinations: {a: {url: 'https://x'}}")


def test_the_name_of_a_short_form_is_for_its_own_kind(tmp_path: Any) -> None:
    told = _fault(tmp_path, "destinations: {openfinops: {kind: otlp, endpoint: 'https://x.example'}}")
    assert "destinations.openfinops: the name is that of the section openfinops:" in told
    path = tmp_path / "telemetry.yaml"
    path.write_text("destinations: {openfinops: {kind: openfinops, endpoint: 'https://x.example'}}", encoding="utf-8")
    assert load_settings(path, {}, providers=()).destinations == ("openfinops",)


def test_only_who_forwards_needs_the_secrets(tmp_path: Any) -> None:
    path = tmp_path / "telemetry.yaml"
    path.write_text(
        "destinations: {a: {kind: openfinops, endpoint: 'https://x.example', api_key: '${NOT_SET_HERE}'}}", "utf-8"
    )
    settings = load_settings(path, {}, providers=(), forwards=False)
    assert settings.destinations == ("a",)
    with pytest.raises(ConfigError, match=r"destinations.a.api_key: the environment variable NOT_SET_HERE is not set"):
        load_settings(path, {}, providers=())
