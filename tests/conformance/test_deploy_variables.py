"""Every process of the deployment's files has the variables that it needs, and reaches what it is told to send to."""

import re
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import yaml

from agents.core.provider import providers
from agents.standalone.settings import program_settings
from telemetry.settings import load_settings
from telemetry.settings.fields import is_loopback
from telemetry.settings.loading import variables_of
from telemetry.settings.references import Needs
from tests.support import manifests
from tests.support.manifests import ROOT, Document

_AGENTS_FILE = ROOT / "k8s" / "telemetry-agents.yaml"
_DOCUMENTS = manifests.load_yaml(_AGENTS_FILE)
_MAPS = {one["metadata"]["name"]: one["data"] for one in _DOCUMENTS if one["kind"] == "ConfigMap"}
_AGENTS = {one["metadata"]["name"].partition("-")[0]: one for one in _DOCUMENTS if one["kind"] == "Deployment"}
# What boto3 and Google's libraries read in the place of ours.
_KEYS = {"aws": {"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"}, "gcp": {"GOOGLE_APPLICATION_CREDENTIALS"}}
_IN_THEIR_PLACE = {"GCP_CREDENTIALS_FILE": "GOOGLE_APPLICATION_CREDENTIALS"}
_COMPOSE_CONFIG = ROOT / "config" / "telemetry.compose.example.yaml"


def _env(agent: Document) -> dict[str, Any]:
    ((_, container),) = manifests.pods(agent)
    return {entry["name"]: entry for entry in container["env"]}


def _config(agent: Document) -> Document | None:
    """The configuration that the agent mounts at FINFLEET_CONFIG."""
    ((spec, container),) = manifests.pods(agent)
    path = _env(agent).get("FINFLEET_CONFIG", {}).get("value")
    if path is None:
        return None
    mount = next(one for one in container["volumeMounts"] if Path(path).parent == Path(one["mountPath"]))
    volume = next(one for one in spec["volumes"] if one["name"] == mount["name"])
    document: Document = yaml.safe_load(_MAPS[volume["configMap"]["name"]][Path(path).name])
    return document


def test_every_agent_is_looked_at() -> None:
    # A provider need not have a program of its own: bills that are delivered are for a fleet, which has a ledger.
    assert set(_AGENTS) == {name for name in providers() if find_spec(f"agents.{name}_telemetry_agent")}


@pytest.mark.parametrize("provider", sorted(_AGENTS))
def test_an_agent_has_every_variable_that_it_needs(provider: str, tmp_path: Path) -> None:
    agent = _AGENTS[provider]
    env, document = _env(agent), _config(agent)
    if document is not None:
        assert variables_of(document, Needs({provider}, forwards=True, stores=False)) <= env.keys()
    else:
        given = providers()[provider].settings.given_by.values()
        wanted = {_IN_THEIR_PLACE.get(names[0], names[0]) for names in given} | _KEYS.get(provider, set())
        assert wanted <= env.keys()
    # Without what is optional it starts.
    variables = {
        name: entry.get("value", f"value-{name.lower().replace('_', '-')}")
        for name, entry in env.items()
        if not entry.get("valueFrom", {}).get("secretKeyRef", {}).get("optional")
    }
    path = None
    if document is not None:
        path = tmp_path / "telemetry.yaml"
        path.write_text(yaml.safe_dump(document), encoding="utf-8")
        variables["FINFLEET_CONFIG"] = str(path)
    settings = program_settings(provider, path, variables["COLLECTION_INTERVAL"], variables)
    assert settings.destinations == ("openfinops",)


def test_the_secrets_that_the_agents_need_are_made_by_the_commands_above_them() -> None:
    head = _AGENTS_FILE.read_text(encoding="utf-8").partition("\napiVersion")[0].replace("\\\n#", "")
    made = {
        name: set(re.findall(r"--from-file=(\S+)", line))
        for name, line in re.findall(r"create secret generic (\S+)(.*)", head)
    }
    for agent in _AGENTS.values():
        for entry in _env(agent).values():
            reference = entry.get("valueFrom", {}).get("secretKeyRef")
            if reference and not reference.get("optional"):
                assert reference["key"] in made[reference["name"]], entry["name"]


def test_the_forwarder_of_compose_reaches_openfinops_from_inside_of_its_container() -> None:
    services = manifests.compose()["services"]
    variables = dict.fromkeys(("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"), "x")
    settings = load_settings(_COMPOSE_CONFIG, variables, providers=(), stores=False)
    endpoint = urlsplit(settings.openfinops.endpoint)
    here = {entry.partition(":")[0] for entry in services["forward"].get("extra_hosts", ())}
    assert not is_loopback(endpoint.hostname or "")
    assert endpoint.hostname in {*services, *here} or endpoint.scheme == "https"
    assert "host.docker.internal" in here
    profile = services[endpoint.hostname]["profiles"][0]
    asked = re.search(r"^COMPOSE_PROFILES=(.*)$", (ROOT / ".env.example").read_text(encoding="utf-8"), re.MULTILINE)
    assert asked
    assert profile in asked[1].split(",")
    for page in (ROOT / "docker-compose.yml", ROOT / "docs" / "deployment.md"):
        assert f"cp config/{_COMPOSE_CONFIG.name} config/telemetry.yaml" in page.read_text(encoding="utf-8")
