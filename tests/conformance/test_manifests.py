"""The deployment's files: by the schema or the checker that there is for each, and by what we ask besides."""

import json
import re
import shutil
import subprocess
import sys
import warnings
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import kubernetes_validate  # type: ignore[import-untyped]  # it ships no types
import pytest

from agents.core.service import services
from tasks.lanes import SLOW, lane_of, queue_of
from tasks.results import BILLS, NAME
from telemetry.settings.model import CollectSettings
from tests.support import manifests
from tests.support.absent import absent
from tests.support.manifests import ROOT, UNITS, Document
from workers.metrics.fleet import FleetCollector
from workers.metrics.forward import ForwardCollector
from workers.metrics.registry import REGISTRY

KUBERNETES = ("1.31", "1.34", "1.37")
LONGEST_TASK = CollectSettings().deadline.total_seconds()
_RESOURCES = manifests.kubernetes()
_SERVICES: dict[str, Document] = manifests.compose()["services"]
_SECRET = re.compile(r"(PASSWORD|SECRET|TOKEN|API_KEY|ACCESS_KEY|BASIC_AUTH)", re.IGNORECASE)


def _workloads() -> Iterator[tuple[str, Document, Document, Document]]:
    for file, document in _RESOURCES:
        for spec, container in manifests.pods(document):
            yield file, document, spec, container


# Kubernetes --------------------------------------------------------------------------------------------------------


@pytest.fixture(autouse=True)
def _read_schemas_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """The library would parse megabytes for each document."""
    monkeypatch.setattr(kubernetes_validate.utils, "schema_contents", _schema)


_schema = cache(kubernetes_validate.utils.schema_contents)


@pytest.mark.parametrize("version", KUBERNETES)
def test_every_resource_is_what_its_schema_says(version: str) -> None:
    checked = 0
    for file, document in _RESOURCES:
        if not document["apiVersion"].startswith("keda.sh/"):
            kubernetes_validate.validate(document, version, strict=True)
            checked += 1
        assert document["metadata"]["name"], file
    assert checked > 20


def test_every_file_is_named_by_its_kustomization() -> None:
    for path in manifests.kustomizations():
        (document,) = manifests.load_yaml(path)
        named = set(document["resources"]) | {
            file for generator in document.get("configMapGenerator", []) for file in generator["files"]
        }
        there = {file.name for file in path.parent.iterdir()} - {path.name, "secrets.example.yaml"}
        assert {name for name in named if not name.startswith("..")} == there, path
        assert all((path.parent / name).exists() for name in named), path


def test_ports_have_names_that_probes_and_services_use() -> None:
    for file, document, _, container in _workloads():
        names = [port["name"] for port in container.get("ports", [])]
        assert names in ([], ["metrics"], ["http"]), f"{file} {document['metadata']['name']}"
        annotations = document["spec"]["template"]["metadata"].get("annotations", {})
        if names == ["metrics"]:
            assert annotations["prometheus.io/port"] == str(container["ports"][0]["containerPort"])


def test_pods_may_do_as_little_as_possible() -> None:
    for file, document, spec, container in _workloads():
        where = f"{file} {document['metadata']['name']}"
        assert spec["automountServiceAccountToken"] is False, where
        assert spec["securityContext"]["runAsNonRoot"] is True, where
        assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}, where
        own = container["securityContext"]
        assert own["readOnlyRootFilesystem"] is True, where
        assert own["allowPrivilegeEscalation"] is False, where
        assert own["capabilities"] == {"drop": ["ALL"]}, where
        assert "memory" in container["resources"]["limits"], where
        assert not container["image"].endswith(":latest"), where


def test_no_secret_is_written_down() -> None:
    for file, document, _, container in _workloads():
        for variable in container["env"]:
            if _SECRET.search(variable["name"]) or variable["name"].endswith("_URL"):
                assert "secretKeyRef" in variable["valueFrom"], f"{file} {document['metadata']['name']} {variable}"


def test_only_who_writes_gets_the_database() -> None:
    with_database = {
        document["metadata"]["name"]
        for _, document, _, container in _workloads()
        if any(variable["name"] == "FINFLEET_DATABASE_URL" for variable in container["env"])
    }
    assert with_database == {"migrate", "plan", "ingest", "forward"}
    for name, service in _SERVICES.items():
        given = "FINFLEET_DATABASE_URL" in service.get("environment", {})
        assert given == (name in with_database), name


def test_planner_and_ingest_share_the_signing_keys_and_nobody_else_has_them() -> None:
    with_keys = {
        document["metadata"]["name"]: variable["valueFrom"]
        for _, document, _, container in _workloads()
        for variable in container["env"]
        if variable["name"] == "FINFLEET_SIGNING_KEYS"
    }
    assert with_keys.keys() == {"plan", "ingest"}
    assert with_keys["plan"] == with_keys["ingest"]
    services = {name for name, one in _SERVICES.items() if "FINFLEET_SIGNING_KEYS" in one.get("environment", {})}
    assert services == {"plan", "ingest"}
    units = Path(__file__).parents[2].joinpath("deploy", "systemd").glob("*.service")
    signing = {unit.stem for unit in units if "signing.env" in unit.read_text(encoding="utf-8")}
    assert signing == {"finfleet-plan", "finfleet-ingest"}


def test_whoever_collects_may_end_its_longest_task() -> None:
    collectors = [
        (document, spec)
        for _, document, spec, container in _workloads()
        if container["command"][:2] == ["finfleet", "worker"] and container["command"][2] != "plan"
    ]
    assert collectors
    for document, spec in collectors:
        assert spec["terminationGracePeriodSeconds"] > LONGEST_TASK, document["metadata"]["name"]
    for name, service in _SERVICES.items():
        if name.startswith("worker-"):
            assert int(service["stop_grace_period"].removesuffix("m")) * 60 > LONGEST_TASK
    assert int(dict(manifests.unit_lines(UNITS / "finfleet-worker@.service"))["TimeoutStopSec"]) > LONGEST_TASK


def test_what_is_selected_and_scaled_is_there() -> None:
    deployments = {
        document["metadata"]["name"]: document["spec"]["template"]["metadata"]["labels"]
        for _, document in _RESOURCES
        if document["kind"] == "Deployment"
    }
    checked = set()
    for file, document in _RESOURCES:
        name, spec = document["metadata"]["name"], document.get("spec", {})
        selector = spec.get("selector", {})
        if document["kind"] == "PodDisruptionBudget":
            assert any(selector["matchLabels"].items() <= labels.items() for labels in deployments.values()), file
        elif document["kind"] == "Service":
            assert selector.items() <= deployments["flower"].items()
        elif document["kind"] == "Deployment":
            assert selector["matchLabels"].items() <= deployments[name].items(), file
        elif document["kind"] == "ScaledObject":
            _check_scaled(document, deployments)
        else:
            continue
        checked.add(document["kind"])
    assert checked == {"PodDisruptionBudget", "Service", "Deployment", "ScaledObject"}


def _check_scaled(document: Document, deployments: dict[str, Any]) -> None:
    """No schema of KEDA's is at hand: the fields that its documentation names."""
    spec = document["spec"]
    name = spec["scaleTargetRef"]["name"]
    assert name in deployments
    assert 1 <= spec["minReplicaCount"] <= spec["maxReplicaCount"]
    for trigger in spec["triggers"]:
        assert trigger["authenticationRef"] == {"name": "finfleet-broker"}
        assert all(isinstance(value, str) for value in trigger["metadata"].values()), "KEDA takes texts only"
    if name == "ingest":
        _check_scaled_by_streams(spec["triggers"])
    else:
        queue = name.removeprefix("worker-")
        own = queue if queue == "push" else f"collect.{queue}"
        names = [trigger["metadata"]["listName"] for trigger in spec["triggers"]]
        assert names[0] == own
        # A lane for each kind of work that there is, but for bills, of which no more is out than what is worked at.
        lanes = {lane_of(service) for service in services().values() if service.provider == queue} - {"", SLOW}
        assert set(names[1:]) == {queue_of(own, lane) for lane in lanes}
        for trigger in spec["triggers"]:
            assert trigger["type"] == "redis"
            assert trigger["metadata"].keys() == {"listName", "listLength", "databaseIndex"}


def _check_scaled_by_streams(triggers: list[Document]) -> None:
    assert {trigger["type"] for trigger in triggers} == {"redis-streams"}
    assert [trigger["metadata"]["stream"] for trigger in triggers] == [f"{NAME}:stream", f"{BILLS}:stream"]
    for trigger in triggers:
        fields = {"stream", "consumerGroup", "lagCount", "activationLagCount", "databaseIndex"}
        assert trigger["metadata"].keys() == fields


def test_a_scaled_deployment_leaves_its_size_to_keda() -> None:
    scaled = {d["spec"]["scaleTargetRef"]["name"] for _, d in _RESOURCES if d["kind"] == "ScaledObject"}
    for _, document in _RESOURCES:
        if document["kind"] == "Deployment" and document["metadata"]["name"] in scaled:
            assert "replicas" not in document["spec"]


def test_secrets_that_are_referred_to_are_in_the_example() -> None:
    example = {
        (document["metadata"]["name"], key)
        for _, document in _RESOURCES
        if document["kind"] == "Secret"
        for key in document["stringData"]
    }
    for file, _, _, container in _workloads():
        for variable in container["env"]:
            reference = variable.get("valueFrom", {}).get("secretKeyRef")
            if reference and file.startswith("deploy/") and not reference.get("optional"):
                assert (reference["name"], reference["key"]) in example


# Compose -----------------------------------------------------------------------------------------------------------


def test_compose_publishes_on_loopback_only_and_scales() -> None:
    for name, service in _SERVICES.items():
        assert "container_name" not in service, name
        for port in service.get("ports", []):
            assert port.startswith("127.0.0.1:"), name
            assert name == "flower", "what is scaled has no port of its own"
        tag = service["image"].rsplit(":", 1)[1]
        assert tag != "latest", name


def test_compose_services_depend_on_what_is_there_and_can_be_waited_for() -> None:
    for name, service in _SERVICES.items():
        for other, how in service.get("depends_on", {}).items():
            target = _SERVICES[other]
            assert "profiles" not in target, f"{name}: {other} may not run"
            if how["condition"] == "service_healthy":
                assert target["healthcheck"]["test"]
            else:
                assert how["condition"] == "service_completed_successfully"
                assert other == "migrate"
        assert service.get("healthcheck"), f"{name}: nobody could tell whether it works"


def test_compose_hardens_what_is_ours_and_writes_no_secret_down() -> None:
    for name, service in _SERVICES.items():
        if service["image"].startswith(("finfleet:", "openfinops:")):
            assert service["read_only"] is True, name
            assert service["cap_drop"] == ["ALL"], name
            assert "no-new-privileges:true" in service["security_opt"], name
        for variable, value in service.get("environment", {}).items():
            if _SECRET.search(variable):
                assert value is None or "${" in value, f"{name}: {variable}"
        assert not _SECRET.search(" ".join(map(str, service.get("command", []))).replace("$$VALKEY_PASSWORD", "")), name


def test_every_variable_of_compose_is_in_the_example_of_the_environment() -> None:
    text = (ROOT / "docker-compose.yml").read_text(encoding="utf-8")
    wanted = set(re.findall(r"\$\{([A-Z_]+)", text))
    for service in _SERVICES.values():
        wanted |= {key for key, value in service.get("environment", {}).items() if value is None}
    example = (ROOT / ".env.example").read_text(encoding="utf-8")
    named = set(re.findall(r"^#?([A-Z_]+)=", example, flags=re.MULTILINE))
    assert wanted - named <= {"FINFLEET_TAG", "FLOWER_PORT", "VALKEY_MEMORY", "AWS_SESSION_TOKEN"}
    assert named - wanted == {"COMPOSE_PROFILES"}
    profiles = {profile for service in _SERVICES.values() for profile in service.get("profiles", [])}
    assert set(re.findall(r"^COMPOSE_PROFILES=(.*)$", example, re.MULTILINE)[0].split(",")) <= profiles


# Dockerfile --------------------------------------------------------------------------------------------------------


def test_the_image_is_pinned_small_and_not_root() -> None:
    instructions = manifests.dockerfile()
    stages = [rest.split()[-1] for word, rest in instructions if word == "FROM"]
    assert stages[-1] == "finfleet"
    assert len(stages) > 1
    for word, rest in instructions:
        if word == "FROM":
            image = rest.split()[0]
            assert image == "python:${PYTHON}", "one base image, pinned by an argument"
        assert word != "ADD"
        if word in {"ARG", "ENV"}:
            assert not _SECRET.search(rest), rest
        if word in {"CMD", "ENTRYPOINT"}:
            assert isinstance(json.loads(rest), list), "the exec form passes signals on"
        if word == "RUN" and re.search(r"pip\S* (\S+ )*(install|download)", rest):
            assert "--require-hashes" in rest or "--no-index" in rest
    version = next(rest for word, rest in instructions if word == "ARG" and rest.startswith("PYTHON="))
    assert re.fullmatch(r"PYTHON=3\.\d+\.\d+-slim-\w+", version)


def test_each_image_that_runs_ends_as_a_user_with_a_number() -> None:
    stage, users = "", {}
    for word, rest in manifests.dockerfile():
        if word == "FROM":
            stage = rest.split()[-1]
        elif word == "USER":
            users[stage] = rest
    assert users == {"finfleet": "10001:10001", "openfinops": "10001:10001"}


def test_what_is_copied_is_there_and_not_ignored() -> None:
    allowed = [line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")]
    for word, rest in manifests.dockerfile():
        if word == "COPY" and not rest.startswith("--from"):
            for source in rest.split()[:-1]:
                path = ROOT / source
                assert path.exists(), source
                inside = source if path.is_file() else f"{source}/x"
                assert any(_matches(pattern, inside) for pattern in allowed), f"{source} is kept out"


def _matches(pattern: str, path: str) -> bool:
    expression = re.escape(pattern).replace(r"\*\*", ".+").replace(r"\*", "[^/]+")
    return re.fullmatch(expression, path) is not None


def test_the_build_backend_of_the_image_is_in_the_lock() -> None:
    run = next(rest for word, rest in manifests.dockerfile() if word == "RUN" and "pinned_packages.py" in rest)
    names = run.split("requirements/demo.txt", 1)[1].split(">")[0].split()
    picked = subprocess.run(
        [sys.executable, "deploy/docker/pinned_packages.py", "requirements/demo.txt", *names],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
        timeout=30,
    ).stdout
    for name in names:
        assert re.search(rf"^{name}==\S+ \\\n    --hash=sha256:", picked, re.MULTILINE)
    assert len(re.findall(r"^\S+==", picked, re.MULTILINE)) == len(names)
    missing = subprocess.run(
        [sys.executable, "deploy/docker/pinned_packages.py", "requirements/demo.txt", "no-such-package"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
    )
    assert missing.returncode == 1
    assert "no-such-package" in missing.stderr


def test_hadolint_finds_nothing() -> None:
    hadolint = Path(sys.executable).with_name("hadolint")
    done = subprocess.run([hadolint, str(ROOT / "Dockerfile")], capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stdout


# systemd -----------------------------------------------------------------------------------------------------------


def test_systemd_understands_every_unit(tmp_path: Path) -> None:
    analyze = shutil.which("systemd-analyze")
    if analyze is None:
        # Only a machine with systemd has it; the command lines of the units are run by other tests in any case.
        pytest.skip("there is no systemd-analyze: nobody has looked at the units")
    program = tmp_path / "program"
    program.symlink_to(sys.executable)
    for unit in UNITS.iterdir():
        # What is not installed here is no fault of the unit.
        text = re.sub(r"^ExecStart=\S+", f"ExecStart={program}", unit.read_text(), flags=re.MULTILINE)
        (tmp_path / unit.name.replace("@.", "@aws.")).write_text(text)
    units = [str(path) for path in sorted(tmp_path.iterdir()) if path.suffix in {".service", ".target"}]
    done = subprocess.run([analyze, "verify", *units], capture_output=True, text=True, check=False, timeout=60)
    ours = [line for line in done.stderr.splitlines() if "finfleet" in line or "openfinops" in line]
    assert (done.returncode, ours) == (0, [])


def test_what_is_enabled_starts_with_the_machine() -> None:
    page = (ROOT / "docs" / "deployment.md").read_text(encoding="utf-8")
    enabled = re.findall(r"^systemctl enable --now ([^#\n]*)", page, re.MULTILINE)
    on: set[str] = set()
    for line in enabled:
        wanted = set()
        for name in line.split():
            unit = re.sub(r"@\w+", "@", name)
            file = UNITS / (unit if unit.endswith(".target") else f"{unit}.service")
            wanted.add(dict(manifests.unit_lines(file))["WantedBy"])
        # A target that nothing pulls in would leave its services down after a restart of the machine.
        assert wanted - {"multi-user.target"} <= set(line.split()) | on, line
        on |= set(line.split())
    assert len(enabled) == 3


def test_services_are_hardened_and_name_no_secret() -> None:
    units = sorted(UNITS.glob("*.service"))
    assert len(units) == 8
    for unit in units:
        lines = manifests.unit_lines(unit)
        settings = dict(lines)
        for name in ("DynamicUser", "NoNewPrivileges", "PrivateTmp", "PrivateDevices", "RestrictNamespaces"):
            assert settings[name] == "yes", f"{unit.name}: {name}"
        assert settings["ProtectSystem"] == "strict"
        assert settings["CapabilityBoundingSet"] == ""
        assert not [value for name, value in lines if name == "Environment" and _SECRET.search(value)]
        assert "LoadCredential" in settings or "EnvironmentFile" in settings


# Prometheus and Grafana --------------------------------------------------------------------------------------------


def _known_metrics() -> set[str]:
    """Every name that a process of ours may show, with the suffixes that Prometheus sees."""
    for module in ("beat", "worker", "ingest"):
        __import__(f"workers.metrics.{module}")
    families = [*REGISTRY.collect(), *FleetCollector().describe(), *ForwardCollector().describe()]
    names = set()
    for family in families:
        suffixes = {"counter": ("_total",), "histogram": ("_bucket", "_sum", "_count"), "info": ("_info",)}
        names |= {family.name + suffix for suffix in suffixes.get(family.type, ("",))}
    return names


def _metrics_in(expression: str) -> set[str]:
    return set(re.findall(r"\b(finfleet_[a-z_0-9]+)", expression))


def test_every_alert_watches_metrics_that_there_are() -> None:
    known, watched, alerts = _known_metrics(), set(), set()
    (rules,) = manifests.load_yaml(ROOT / "deploy" / "prometheus" / "rules.yml")
    for group in rules["groups"]:
        for rule in group["rules"]:
            assert _metrics_in(rule["expr"]) <= known, rule["alert"]
            assert rule["annotations"].keys() == {"summary", "description"}
            assert rule["labels"]["severity"] in {"critical", "warning", "info"}
            watched |= _metrics_in(rule["expr"])
            alerts.add(rule["alert"])
    assert len(alerts) == sum(len(group["rules"]) for group in rules["groups"])
    for needed in ("ledger_lag", "dead_letters", "outbox_oldest", "throttles", "budget_used", "windows"):
        assert any(needed in name for name in watched), needed


def _promtool() -> str:
    """The program; without it, the test that asks is skipped, or fails in CI."""
    found = shutil.which("promtool")
    if not found:
        absent("promtool is not installed (Debian: prometheus): nobody has parsed the expressions, NOT TESTED")
    return found


def test_promtool_understands_rules_and_configuration() -> None:
    promtool = _promtool()
    place = ROOT / "deploy" / "prometheus"
    for words in (("rules", "rules.yml"), ("config", "prometheus.yml")):
        done = subprocess.run(
            [promtool, "check", *words], cwd=place, capture_output=True, text=True, check=False, timeout=60
        )
        assert done.returncode == 0, done.stdout + done.stderr


def test_every_panel_shows_metrics_that_there_are() -> None:
    known = _known_metrics()
    dashboard = json.loads((ROOT / "deploy" / "grafana" / "fleet.json").read_text(encoding="utf-8"))
    expressions = [target["expr"] for panel in dashboard["panels"] for target in panel["targets"]]
    assert len(expressions) > 15
    for expression in expressions:
        found = _metrics_in(expression)
        assert found, expression
        assert found <= known, expression
        assert expression.count("(") == expression.count(")"), expression


def test_dashboards_are_whole() -> None:
    for path in sorted((ROOT / "deploy" / "grafana").glob("*.json")):
        dashboard = json.loads(path.read_text(encoding="utf-8"))
        ids = [panel["id"] for panel in dashboard["panels"]]
        assert len(ids) == len(set(ids))
        sources = {f"${{{each['name']}}}" for each in dashboard["templating"]["list"] if each["type"] == "datasource"}
        for panel in dashboard["panels"]:
            assert panel["title"], path.name
            assert panel["datasource"]["uid"] in sources, "no address of a data source is written down"
            assert panel["gridPos"]["x"] + panel["gridPos"]["w"] <= 24


def test_no_metric_has_a_label_without_a_bound() -> None:
    labels = set()
    for module in ("beat", "worker", "ingest"):
        __import__(f"workers.metrics.{module}")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for collector in REGISTRY._collector_to_names:
            labels |= set(getattr(collector, "_labelnames", ()))
    for family in FleetCollector().describe():
        labels |= set(getattr(family, "_labelnames", ()))
    assert labels <= {
        "api",
        "code",
        "destination",
        "outcome",
        "provider",
        "queue",
        "service",
        "source",
        "state",
        "task",
    }
