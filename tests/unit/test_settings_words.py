"""What is said of a faulty configuration: in the words of the file, everything at once, and what was meant."""

import re
from datetime import date, datetime
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from telemetry.errors import ConfigError
from telemetry.settings import Settings, load_settings
from telemetry.settings.explaining import explain
from telemetry.settings.faults import all_faults
from tests.support.settings_fields import FIELDS

_PYTHON = re.compile(
    r"\b(tuple|dict|dictionary|str|strings?|int|integers?|float|bool|boolean|timedelta|datetime|Decimal|decimal|None|NoneType"
    r"|True|False|input|instance|pydantic|type|regex|match pattern|parse|parsing|unable|sequence|iterable|mapping"
    r"|value error|attributes?|Field)\b|b'|should (?:be|have|match)|is not what belongs here|of the form that belongs"
)
_WRONG: list[Any] = [
    "x",
    "",
    "two words",
    "-",
    "1.5.2",
    7,
    -7,
    0,
    10**30,
    1.5,
    -0.5,
    float("nan"),
    float("inf"),
    True,
    False,
    None,
    [],
    ["x"],
    [7],
    [None],
    [[]],
    [{}],
    [["x"], 7, True],
    {},
    {"x": 1},
    {"x": None},
    {"x": [1]},
    {1: 2},
    date(2026, 11, 24),
    datetime(2026, 11, 24, 5),  # noqa: DTZ001 - as YAML has it
    "y" * 70_000,
    ["z"] * 30,
    "\x00",
]
_A_NAME = re.compile(r"\b(string|type|input|mapping|parse)\b")


def _lines(document: Any) -> list[str]:
    try:
        Settings.model_validate(document)
    except ValidationError as error:
        return [line for _, line in explain(all_faults(error, document, Settings.model_validate), document, document)]
    return []


def _load(text: str, environ: dict[str, str] | None = None) -> tuple[str, ...]:
    path = Path("telemetry.yaml")
    path.write_text(text, encoding="utf-8")
    try:
        load_settings(path, environ or {})
    except ConfigError as error:
        return error.problems
    return ()


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_no_fault_is_told_in_words_of_python() -> None:
    wrong: dict[str, str] = {}
    told = 0
    for place, document in FIELDS:
        for value in _WRONG:
            for line in _lines(document(value)):
                told += 1
                # The keys of the file are its own words.
                words = line.replace(".mapping", ".").replace("mapping:", "")
                if found := _PYTHON.search(words):
                    wrong.setdefault(found[0], f"{place} {value!r:.40}: {line:.200}")
    assert wrong == {}
    assert told > 5000


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("aws: {services: ec2}", "aws.services: 'ec2': write a list: [ec2]"),
        ("aws: {cost_tags: {}}", "aws.cost_tags: write a list: [a, b]"),
        ("aws: {enabled: maybe}", "aws.enabled: 'maybe': write true or false"),
        ("ledger: {max_attempts: 8.5}", "ledger.max_attempts: '8.5': write a whole number, such as 8"),
        ("ledger: {max_attempts: 0}", "ledger.max_attempts: '0': must be at least 1"),
        ("ledger: {lease: soon}", "ledger.lease: 'soon': write seconds, or a number with s, m, h or d: 300, 5m, 2h"),
        ("ledger: {lease: [1]}", "ledger.lease: write seconds, or a number with s, m, h or d: 300, 5m, 2h"),
        ("aws: {budget_usd_per_day: lots}", "aws.budget_usd_per_day: 'lots': write an amount, such as 2.50"),
        ("azure: {cloud: pubic}", "azure.cloud: 'pubic': did you mean public? there are: public, china, usgov"),
        (
            "aws: {accounts: [{name: a, role_arn: admin}]}",
            "aws.accounts[0].role_arn: 'admin': write it as arn:aws:iam::123456789012:role/NAME",
        ),
        ("aws: {accounts: [{}]}", "aws.accounts[0].name: is missing: add it"),
        ("aws: {accounts: [{name: 7}]}", "aws.accounts[0].name: '7': write a text, in quotes"),
        ("generic: {sources: [{name: a, kind: posh}]}", "generic.sources[0]: kind: did you mean push?"),
        ("destinations: {a: {kind: webhok}}", "destinations.a: kind: did you mean webhook? there are: openfinops"),
        ("aws: {regions: [us-esat-1]}", "aws: us-esat-1: there is no such region; did you mean us-east-1?"),
        ("aws: {region: eu-central}", "aws: eu-central: there is no such region; did you mean eu-central-1?"),
        (
            "aws: {accounts: [{name: a, regions: [eu-west-1, eu-wets-2]}]}",
            "aws: accounts: a: eu-wets-2: there is no such region; did you mean eu-west-2?",
        ),
        ("aws: {endpoints: {}}\nawz: {}", "awz: there is no such key; did you mean aws?"),
        ("gcp: {endpoints: {monitorin: 'https://x.example'}}", "did you mean monitoring?"),
    ],
)
def test_what_is_wanted_is_told(text: str, said: str) -> None:
    assert any(line.startswith(said) or said in line for line in _load(text)), _load(text)


def test_a_region_that_is_newer_than_the_release() -> None:
    text = "aws: {regions: [nz-north-1, us-east-1], unlisted_regions: [nz-north-1]}"
    assert _load(text) == ()
    assert "also goes into unlisted_regions" in _load(text.replace("[nz-north-1]}", "[]}"))[0]


def test_everything_is_told_at_once() -> None:
    told = _load(
        """
        ledger: {lease: 5m}
        collect: {deadline: 10m}
        aws:
          services: ec2
          regions: [us-esat-1]
          accounts: [{name: a, regions: 7}, {name: b}, {name: b}]
        gcp: {currency: dollars}
        destinations: {openfinops: {kind: webhook, url: "https://a.example/", secret: x}}
        openfinops: {endpoint: "http://localhost/"}
        azure: {client_id: "${CLIENT}-${OTHER}", client_secret: x}
        """
    )
    for said in (
        "azure.client_id: the environment variables CLIENT and OTHER are not set: set them",
        "aws.services: 'ec2': write a list",
        "us-esat-1: there is no such region",
        "the name 'b' is used twice",
        "aws.accounts[0].regions:",
        "gcp.currency:",
        "collect.deadline (10m) must be shorter than ledger.lease (5m)",
    ):
        assert any(said in line for line in told), (said, told)


def test_what_only_the_taking_out_of_a_fault_would_make_is_not_told() -> None:
    assert _load("aws: {access_key_id: [x], secret_access_key: y}") == (
        "aws.access_key_id: write a text, in quotes where it looks like something else",
    )
    assert len(_load("ledger: {lease: soon}\ncollect: {deadline: 20m}")) == 1
    assert len(_load("aws: {accounts: [{name: '/', regions: [eu-west-1]}]}")) == 1


@pytest.mark.parametrize("text", ["", "# nothing\n", "---\n", "null\n"])
def test_an_empty_file_is_a_fault(text: str) -> None:
    assert _load(text) == ("it is empty: name what to collect, for example generic: {services: [host]}",)


def test_a_section_with_nothing_in_it_is_a_fault() -> None:
    assert _load("aws:\nopenfinops:\ngeneric: {services: [host]}\n") == (
        "aws: it is empty: write its keys below it, or leave it out; aws: {} takes the default of each",
        "openfinops: it is empty: write its keys below it, or leave it out; openfinops: {} takes the default of each",
    )


_SECRETS = (
    "whsec_9fK2mQx7LpT4vR8sYb3N",
    "sk-proj-Ab12Cd34Ef56Gh78",
    "AKIAIOSFODNN7EXAMPLE",
    "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
    "ghp_16C7e42F292c6912E7710c838347Ae178B4a",
    "hunter2hunter2",
    "3f9a1c07b2de4486a0c5d1e97b6f2384",
)


@pytest.mark.parametrize("secret", _SECRETS)
def test_a_secret_in_a_public_place_is_not_shown(secret: str) -> None:
    texts = {
        "ledger": {"lease": secret, "max_attempts": secret},
        "collect": {"deadline": secret},
        "aws": {"enabled": secret, "budget_usd_per_day": secret, "quotas": {"*": secret}, "services": secret},
        "azure": {"cloud": secret},
        "generic": {"sources": [{"name": "a", "kind": "prometheus", "url": "https://a.example", "timeout": secret}]},
    }
    lines = _lines(texts)
    assert len(lines) == 9
    assert secret not in "\n".join(lines)


def test_a_key_in_the_place_of_a_name_is_not_shown() -> None:
    for secret in _SECRETS[:5]:
        assert secret not in "\n".join(
            _lines({"aws": {"accounts": [{"name": f"{secret}/"}], "regions": [f"{secret} "]}})
        )
