"""What kubectl makes of each overlay, and of the standalone agents: complete in itself but for what is yours."""

import re
import shutil
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import kubernetes_validate  # type: ignore[import-untyped]  # it ships no types
import pytest

from tests.support import manifests
from tests.support.kustomize import Kustomizations
from tests.support.manifests import KUSTOMIZE, ROOT, WORKERS, Document

_IMAGE = "registry.example.com/finfleet:0.3.0"
_OVERLAYS = sorted(path.parent.name for path in (KUSTOMIZE / "overlays").glob("*/kustomization.yaml"))
_schema = cache(kubernetes_validate.utils.schema_contents)


@pytest.fixture
def kustomize(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Kustomizations:
    """The library would parse megabytes for each document."""
    monkeypatch.setattr(kubernetes_validate.utils, "schema_contents", _schema)
    return Kustomizations(tmp_path)


def _named(documents: list[Document], kind: str) -> set[str]:
    return {document["metadata"]["name"] for document in documents if document["kind"] == kind}


def _references(value: Any, key: str) -> Iterator[Any]:
    """Every value under a key, wherever it is."""
    if isinstance(value, dict):
        for name, one in value.items():
            if name == key:
                yield one
            yield from _references(one, key)
    elif isinstance(value, list):
        for one in value:
            yield from _references(one, key)


def _secrets(documents: list[Document]) -> set[tuple[str, str]]:
    """Name and key of each Secret that has to be there; any key of one that is mounted."""
    named = {(one["name"], one["key"]) for one in _references(documents, "secretKeyRef") if not one.get("optional")}
    for keda in _references(documents, "secretTargetRef"):
        named |= {(one["name"], one["key"]) for one in keda}
    return named


def _given() -> set[tuple[str, str]]:
    (path,) = KUSTOMIZE.rglob("secrets.example.yaml")
    return {(one["metadata"]["name"], key) for one in manifests.load_yaml(path) for key in one["stringData"]}


def _check(documents: list[Document], image: str) -> None:
    """What holds for everything that is applied."""
    containers = [(d, spec, one) for d in documents for spec, one in manifests.pods(d)]
    assert containers
    for document in documents:
        if not document["apiVersion"].startswith("keda.sh/"):
            kubernetes_validate.validate(document, "1.37", strict=True)
    for document, spec, container in containers:
        where = f"{document['kind']} {document['metadata']['name']}"
        assert container["image"] == image, where
        assert spec["securityContext"]["runAsUser"] == spec["securityContext"]["runAsGroup"] == 10001, where
        assert spec["securityContext"]["runAsNonRoot"] is True, where
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }, where
        variables = [one["name"] for one in container.get("env", [])]
        assert len(variables) == len(set(variables)), where
        assert {one["name"] for one in container["volumeMounts"]} == {one["name"] for one in spec["volumes"]}, where
        _check_port(document, container, where)
    _check_what_is_referred_to(documents)


def _check_port(document: Document, container: Document, where: str) -> None:
    """The port that is opened is the one that the process is told, and that Prometheus asks."""
    told = {one["name"]: one.get("value") for one in container.get("env", [])}
    opened = {str(port["containerPort"]) for port in container.get("ports", [])}
    assert opened == {value for name, value in told.items() if name in {"FINFLEET_METRICS_PORT", "FLOWER_PORT"}} or (
        opened == {"5555"} and "flower" in where
    ), where
    annotations = document["spec"]["template"]["metadata"].get("annotations", {})
    assert annotations.get("prometheus.io/port") in {None, *opened}, where


def _check_what_is_referred_to(documents: list[Document]) -> None:
    maps = _named(documents, "ConfigMap")
    mounted = {one["name"] for key in ("configMap", "configMapRef") for one in _references(documents, key)}
    assert mounted <= maps
    accounts = set(_references(documents, "serviceAccountName"))
    assert accounts <= _named(documents, "ServiceAccount")
    deployments = {d["metadata"]["name"]: d["spec"]["template"] for d in documents if d["kind"] == "Deployment"}
    scaled = {one["name"] for one in _references(documents, "scaleTargetRef")}
    assert scaled <= deployments.keys()
    assert {one["name"] for one in _references(documents, "authenticationRef")} <= _named(
        documents, "TriggerAuthentication"
    )
    for document in documents:
        selector = (
            document["spec"].get("selector", {}) if document["kind"] in {"PodDisruptionBudget", "Service"} else {}
        )
        if labels := selector.get("matchLabels", selector):
            assert any(labels.items() <= pod["metadata"]["labels"].items() for pod in deployments.values()), document


@pytest.mark.parametrize("name", _OVERLAYS)
def test_an_overlay_is_complete_but_for_the_secrets_of_the_example(kustomize: Kustomizations, name: str) -> None:
    documents = kustomize.render(kustomize.folder / "overlays" / name)
    _check(documents, _IMAGE)
    assert _secrets(documents) <= _given()
    assert _named(documents, "Deployment") > {"worker-aws", "worker-generic", "plan", "ingest"}
    assert "worker-azure" not in _named(documents, "Deployment")
    assert {document["metadata"].get("namespace", "finfleet") for document in documents} == {"finfleet"}
    # The policy names a label that kustomize gives to the pods.
    pods = [d["spec"]["template"]["metadata"]["labels"] for d in documents if d["kind"] == "Deployment"]
    assert all(labels["app.kubernetes.io/part-of"] == "finfleet" for labels in pods)


def test_every_provider_can_be_in_an_overlay(kustomize: Kustomizations) -> None:
    folders = [f"../../providers/{path.name}" for path in sorted((KUSTOMIZE / "providers").iterdir())]
    overlay = kustomize.overlay("everything", resources=["../../base", *folders])
    documents = kustomize.render(overlay)
    _check(documents, _IMAGE)
    assert _named(documents, "Deployment") >= {f"worker-{name}" for name in WORKERS}


def test_the_documented_copy_for_a_provider_of_another_distribution(kustomize: Kustomizations) -> None:
    page = (ROOT / "docs" / "extending.md").read_text(encoding="utf-8")
    (recipe,) = re.findall(r"^sed -i 's/(\w+)/(\w+)/g' deploy/kustomize/providers/(\w+)/\*\.yaml$", page, re.MULTILINE)
    old, new, folder = recipe
    assert f"cp -r deploy/kustomize/providers/{old} deploy/kustomize/providers/{folder}" in page
    shutil.copytree(kustomize.folder / "providers" / old, kustomize.folder / "providers" / folder)
    for path in (kustomize.folder / "providers" / folder).glob("*.yaml"):
        path.write_text(path.read_text(encoding="utf-8").replace(old, new), encoding="utf-8")
    overlay = kustomize.overlay(
        "another", resources=["../../base", f"../../providers/{old}", f"../../providers/{folder}"]
    )
    documents = kustomize.render(overlay)
    _check(documents, _IMAGE)
    (worker,) = (d for d in documents if d["kind"] == "Deployment" and d["metadata"]["name"] == f"worker-{new}")
    assert worker["spec"]["template"]["spec"]["containers"][0]["command"] == ["finfleet", "worker", new]
    scaled = [d for d in documents if d["kind"] == "ScaledObject" and d["metadata"]["name"] == f"worker-{new}"]
    queues = [one["listName"] for one in _references(scaled, "metadata") if "listName" in one]
    assert queues[0] == f"collect.{new}"
    assert all(queue.startswith(f"collect.{new}.") for queue in queues[1:])
    assert f"worker-{old}" in _named(documents, "Deployment")


def test_the_standalone_agents_need_the_secrets_that_their_file_says_to_make(kustomize: Kustomizations) -> None:
    documents = kustomize.render(kustomize.agents())
    (file,) = (ROOT / "k8s").glob("*.yaml")
    head = re.sub(r"\\\n#", "", file.read_text(encoding="utf-8").split("apiVersion", 1)[0])
    made = {
        (name, key)
        for name, keys in re.findall(r"create secret generic (\S+)(.*)", head)
        for key in re.findall(r"--from-file=(\S+)", keys)
    }
    assert _secrets(documents) <= made
    assert {one["secretName"] for one in _references(documents, "secret")} <= {name for name, _ in made}
    (image,) = {container["image"] for document in documents for _, container in manifests.pods(document)}
    assert image.startswith("finfleet:")
    _check(documents, image)
