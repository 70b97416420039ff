"""`generic.sources`: faults by name, targets, intervals, and no secret in sight."""

import re
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import ValidationError

from tasks.app import make_app
from tasks.targets import plan_targets
from telemetry.settings import Settings
from telemetry.target import Target

JSON = {
    "name": "shop",
    "kind": "http_json",
    "url": "https://shop.example/stats",
    "mapping": [{"value": "n", "metric": "'orders'"}],
}
PAGE = {"name": "node", "kind": "prometheus", "url": "https://node.example/metrics", "interval": "15s"}
PUSH = {"name": "training", "kind": "push"}


def _settings(*sources: dict[str, Any], **section: Any) -> Settings:
    return Settings.model_validate({"generic": {"sources": list(sources), **section}})


def test_each_polled_source_is_a_target_of_its_own_with_its_own_interval() -> None:
    planned = plan_targets(_settings(JSON, PAGE, PUSH))
    targets = {plan.target: plan.interval for one in planned.values() for plan in one.targets}
    assert targets == {
        Target("generic", "default", "local", "host"): timedelta(minutes=1),
        Target("generic", "shop", "global", "http_json"): timedelta(minutes=1),
        Target("generic", "node", "global", "prometheus"): timedelta(seconds=15),
    }
    assert planned["generic", "prometheus"].interval == timedelta(seconds=15)


def test_without_sources_nothing_is_polled_and_nobody_listens_for_pushes() -> None:
    settings = _settings()
    assert set(plan_targets(settings)) == {("generic", "host")}
    assert settings.push_sources == ()
    assert "push" not in {queue.name for queue in make_app(settings).conf.task_queues}


def test_a_source_that_pushes_has_a_queue_and_no_planned_target() -> None:
    settings = _settings(PUSH)
    assert set(plan_targets(settings)) == {("generic", "host")}
    assert settings.push_sources == ("training",)
    assert "push" in {queue.name for queue in make_app(settings).conf.task_queues}
    assert _settings(PUSH, enabled=False).push_sources == ()


def test_the_services_of_the_section_are_those_of_the_machine_alone() -> None:
    planned = plan_targets(_settings(JSON, services=["host"]))
    assert set(planned) == {("generic", "host"), ("generic", "http_json")}


@pytest.mark.parametrize(
    ("sources", "fault"),
    [
        ([{**JSON, "url": "ftp://shop.example/"}], "an address that starts with https://"),
        ([{**JSON, "url": "https://user:canary-word@shop.example/"}], "must not hold a user or password"),
        ([{**JSON, "mapping": [{"value": "a[", "metric": "b"}]}], "is not a JMESPath expression"),
        ([{**JSON, "mapping": []}], "at least 1 item"),
        ([{**JSON, "kind": "soap"}], "does not match any of the expected tags: 'push', 'http_json', 'prometheus'"),
        ([{**JSON, "auth": {"bearer": "canary-word", "username": "u", "password": "p"}}], "set bearer, or username"),
        ([{**JSON, "auth": {"username": "u"}}], "go together"),
        ([{**JSON, "auth": {"bearer": "canary-word\n"}}], "must be printable ASCII"),
        ([{**JSON, "auth": {"bearer": "canary-word-\xe9"}}], "must be printable ASCII"),
        ([{**JSON, "headers": {"X Y": "canary-word"}}], "a header has a name without spaces"),
        ([{**JSON, "headers": {"X": "canary-word\r\nY: 1"}}], "a value of printable ASCII"),
        ([{**JSON, "headers": {"Host": "canary-word"}}], "made by the client itself"),
        ([{**JSON, "url": "http://a.example/", "auth": {"bearer": "canary-word"}}], "plain http show them"),
        ([JSON, {**PAGE, "name": "shop"}], "the name 'shop' is used twice"),
        ([{**PUSH, "name": "default"}], "is the name of an account"),
        ([{**PUSH, "name": "a/b"}], "letters, digits"),
    ],
)
def test_faults_are_named_and_secrets_are_not(sources: list[dict[str, Any]], fault: str) -> None:
    with pytest.raises(ValidationError) as refused:
        _settings(*sources)
    assert fault in str(refused.value)
    assert "canary-word" not in str(refused.value)


def test_the_sources_in_the_docs_load() -> None:
    text = (Path(__file__).parents[2] / "docs" / "sources.md").read_text(encoding="utf-8")
    (example,) = re.findall(r"```yaml\n(.*?)```", text, re.DOTALL)
    settings = Settings.model_validate(yaml.safe_load(example))
    assert settings.generic is not None
    assert [source.name for source in settings.generic.sources] == ["shop", "node"]


def test_secrets_are_in_no_repr() -> None:
    settings = _settings({**JSON, "auth": {"bearer": "canary-word"}, "headers": {"X-Key": "canary-word"}})
    assert settings.generic is not None
    assert "canary-word" not in repr(settings)
    assert "canary-word" not in repr(settings.generic.accounts_of("generic"))
