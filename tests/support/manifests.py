"""The deployment's files as the tests see them: documents, and the command lines that they name."""

import itertools
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[2]
PROVIDERS = ("aws", "azure", "gcp", "generic")
WORKERS = (*PROVIDERS, "push")
KUSTOMIZE = ROOT / "deploy" / "kustomize"
UNITS = ROOT / "deploy" / "systemd"
_PROGRAM = "/opt/finfleet/bin/"
_PROBES = ("startupProbe", "livenessProbe", "readinessProbe")

Command = tuple[str, ...]
Document = dict[str, Any]


def load_yaml(path: Path) -> list[Document]:
    """The documents of a file."""
    return [document for document in yaml.safe_load_all(path.read_text(encoding="utf-8")) if document]


def compose() -> Document:
    """docker-compose.yml."""
    (document,) = load_yaml(ROOT / "docker-compose.yml")
    return document


def kustomizations() -> list[Path]:
    """Every kustomization.yaml."""
    return sorted(KUSTOMIZE.rglob("kustomization.yaml"))


def kubernetes() -> list[tuple[str, Document]]:
    """Every resource that a kustomization or k8s/ names, with its file."""
    files = [
        path.parent / name
        for path in kustomizations()
        for name in load_yaml(path)[0]["resources"]
        if name.endswith(".yaml")
    ]
    files += [*sorted((ROOT / "k8s").glob("*.yaml")), *sorted(KUSTOMIZE.rglob("secrets.example.yaml"))]
    return [(str(path.relative_to(ROOT)), document) for path in files for document in load_yaml(path)]


def pods(document: Document) -> Iterator[tuple[Document, Document]]:
    """Pod spec and container of a workload."""
    if document["kind"] in {"Deployment", "Job"}:
        spec = document["spec"]["template"]["spec"]
        for container in spec["containers"]:
            yield spec, container


def unit_lines(path: Path) -> list[tuple[str, str]]:
    """The settings of a unit, in order; one may come several times."""
    lines = (line for line in path.read_text(encoding="utf-8").splitlines() if re.match(r"^[A-Za-z]+=", line))
    return [(name, value) for name, _, value in (line.partition("=") for line in lines)]


def dockerfile() -> list[tuple[str, str]]:
    """The instructions of the Dockerfile, continued lines put together."""
    text = re.sub(r"^\s*#.*\n", "", (ROOT / "Dockerfile").read_text(encoding="utf-8"), flags=re.MULTILINE)
    lines = (line.strip() for line in re.sub(r"\\\n\s*", " ", text).splitlines())
    return [(word.upper(), rest.strip()) for word, _, rest in (line.partition(" ") for line in lines) if word]


def commands() -> set[Command]:
    """Every command line of ours that any of the files starts."""
    found: set[Command] = {tuple(service["command"]) for service in compose()["services"].values() if _ours(service)}
    for _, document in kubernetes():
        found |= {tuple(container["command"]) for _, container in pods(document)}
    for path, provider in itertools.product(UNITS.glob("*.service"), WORKERS):
        for name, value in unit_lines(path):
            if name == "ExecStart":
                found.add(tuple(shlex.split(value.replace("%i", provider).removeprefix(_PROGRAM))))
    return found


def health_checks() -> set[Command]:
    """Every look at a process of ours that any of the files makes."""
    found: set[Command] = set()
    for service in compose()["services"].values():
        check = service.get("healthcheck", {}).get("test")
        if check and check[1] == "finfleet":
            found.add(tuple(check[1:]))
    for _, document in kubernetes():
        for _, container in pods(document):
            found |= {tuple(container[probe]["exec"]["command"]) for probe in _PROBES if probe in container}
    return found


def _ours(service: Document) -> bool:
    return str(service["image"]).startswith("finfleet:")
