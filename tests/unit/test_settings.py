"""The configuration file: the reference's loads unchanged, and a bad one says everything at once."""

import re
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from telemetry.errors import ConfigError
from telemetry.redact import MASK, redact
from telemetry.settings import Settings, load_settings
from telemetry.settings.loading import expand

REFERENCE = Path(__file__).parents[1] / "data" / "reference-telemetry.yaml"
EXAMPLE = Path(__file__).parents[2] / "config" / "telemetry.example.yaml"
CANARY = "canary-secret-5Vq9"
_NAMES = (
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AZURE_SUBSCRIPTION_ID",
    "AZURE_CLIENT_ID",
    "AZURE_CLIENT_SECRET",
    "AZURE_TENANT_ID",
    "GCP_PROJECT_ID",
    "OPENFINOPS_API_KEY",
)
ENVIRONMENT = {name: f"value-of-{name}" for name in _NAMES}


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def _load(text: str, environ: dict[str, str] | None = None) -> Settings:
    path = Path("telemetry.yaml")
    path.write_text(text, encoding="utf-8")
    return load_settings(path, environ or {})


def _faults(text: str, environ: dict[str, str] | None = None) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        _load(text, environ)
    assert CANARY not in str(caught.value)
    assert CANARY not in repr(caught.value)
    return list(caught.value.problems)


def test_the_reference_loads_unchanged() -> None:
    settings = load_settings(REFERENCE, ENVIRONMENT)
    assert settings.aws is not None
    assert settings.aws.secret_access_key is not None
    assert settings.aws.secret_access_key.get_secret_value() == "value-of-AWS_SECRET_ACCESS_KEY"
    (account,) = settings.aws.accounts_of("aws")
    assert (account.name, account.regions, account.services) == ("default", ("us-west-2",), ("ec2", "sagemaker", "s3"))
    assert account.queue == "collect.aws"
    assert settings.aws.interval("ec2") == timedelta(minutes=5)
    assert [name for name, _ in settings.providers()] == ["aws", "azure", "gcp"]
    assert settings.openfinops is not None
    assert settings.openfinops.endpoint == "http://localhost:8080/api/v1/metrics"
    assert settings.destinations == ("openfinops",)


def test_the_example_loads() -> None:
    settings = load_settings(EXAMPLE, ENVIRONMENT)
    assert settings.aws is not None
    assert settings.aws.backfill == timedelta(hours=2)


def test_the_example_loads_with_all_that_it_only_hints_at() -> None:
    head, rest = EXAMPLE.read_text(encoding="utf-8").split("\n\n", 1)
    assert all(line.startswith("#") for line in head.splitlines())
    text = re.sub(r"^( *)# ", r"\1", rest, flags=re.MULTILINE)
    assert text != rest
    settings = _load(text, {**ENVIRONMENT, "FINFLEET_EXTERNAL_ID": "0123", "FINANCE_WEBHOOK_SECRET": "s"})
    assert settings.destinations == ("openfinops", "finance", "metrics")
    assert [name for name, _ in settings.providers()] == ["aws", "azure", "focus", "gcp", "generic"]
    assert settings.aws is not None
    assert [(account.name, account.queue) for account in settings.aws.accounts] == [
        ("production", "collect.aws.production")
    ]


def test_without_a_file_this_machine_is_collected() -> None:
    settings = load_settings(None, {})
    assert [name for name, _ in settings.providers()] == ["generic"]
    assert settings.database.url is None


def test_only_the_providers_that_a_process_collects_need_their_variables() -> None:
    aws_only = {name: value for name, value in ENVIRONMENT.items() if name.startswith(("AWS", "OPENFINOPS"))}
    assert load_settings(REFERENCE, aws_only, providers={"aws"}).aws is not None
    with pytest.raises(ConfigError) as caught:
        load_settings(REFERENCE, aws_only, providers={"aws", "gcp"})
    assert caught.value.problems == ("gcp.project_id: the environment variable GCP_PROJECT_ID is not set: set it",)


def test_a_disabled_provider_needs_no_variables() -> None:
    assert (
        _load("aws: {enabled: false, access_key_id: '${NOPE}', secret_access_key: '${NOPE}'}").provider("aws") is None
    )


def test_all_faults_come_at_once_with_path_value_and_remedy() -> None:
    faults = _faults(
        f"""
        aws:
          access_key_id: ${{NOPE}}
          secret_access_key: {CANARY}
          collection_interval: soon
          regoin: x
          accounts: [{{name: a/b}}, {{name: twice}}, {{name: twice2, role_arn: nope}}]
          budget_usd_per_day: -1
          endpoints: {{ec2: "http://169.254.169.254"}}
        openfinops: {{endpoint: "http://user:{CANARY}@localhost/x", timeout: -3}}
        database: {{url: "mysql://user:{CANARY}@localhost/x"}}
        ledger: {{max_attempts: many}}
        collect: {{concurrency: 0}}
        """
    )
    expected = [
        "aws.access_key_id: the environment variable NOPE is not set",
        "aws.collection_interval: 'soon': write seconds",
        "aws.regoin: there is no such key; did you mean region?",
        "aws.accounts[0].name: 'a/b': letters",
        "aws.accounts[2].role_arn: 'nope'",
        "aws.budget_usd_per_day: '-1'",
        "aws.endpoints.ec2: 'http://169.254.169.254': plain http",
        "openfinops.endpoint: ",
        "openfinops.timeout: '-3'",
        "database.url: must start with",
        "ledger.max_attempts: 'many'",
        "collect.concurrency: '0'",
    ]
    for start in expected:
        assert any(fault.startswith(start) for fault in faults), (start, faults)
    assert len(faults) == len(expected), faults


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("aws: {accounts: [{name: a}, {name: a}]}", "used twice"),
        (
            "aws: {backfill: 2000d}",
            "aws.backfill: '2000d': at most 1200d; what is older is collected with finfleet backfill",
        ),
        ("aws: {access_key_id: abcdefgh}", "go together"),
        ("aws: {accounts: [{name: a, secret_access_key: abcdefgh}]}", "accounts[0]: access_key_id and"),
        ("aws: {region: x}\naws: {region: y}", "line 2, column 1: key 'aws' is given twice"),
        ("aws: [", "line 1"),
        ("- aws", "sections"),
        ("aws: [a]", "aws: write keys with their values here"),
        ("destinations: [{kind: webhook}]", "destinations: write keys with their values here"),
        (
            f"destinations: {{{', '.join(f'd{i}: {{kind: otlp, endpoint: https://o.example}}' for i in range(21))}}}",
            "destinations: write 20 at the most",
        ),
        ("destinations: {a: }", "destinations.a: write keys with their values here"),
        ("ledger: {lease: 60}", "collect.deadline"),
        ("openfinops: {endpoint: 'http://openfinops.example/'}", "plain http to another machine"),
        ("openfinops: {endpoint: 'ftp://localhost/'}", "https://"),
        ("broker: {url: 'kafka://localhost'}", "broker.url: scheme 'kafka' has no results queue: use one of amqp://"),
        ("ingest: {max_mesages: 3}", "did you mean max_messages?"),
        ("aws: {quotas: {'ec2:Describe*': 0}}", "aws.quotas.ec2:Describe*: '0': write calls a second, more than 0"),
        ("aws: {quotas: {'ec2:Describe*': -5}}", "aws.quotas.ec2:Describe*: '-5': write calls a second"),
        ("aws: {quotas: {'ec2:Describe*': .inf}}", "aws.quotas.ec2:Describe*: 'inf': write calls a second"),
        ("gcp: {quotas: {'monitoring:*': .nan}}", "gcp.quotas.monitoring:*: 'nan': write calls a second"),
        (
            "aws: {quotas: {'ec2:Describe*': many}}",
            "aws.quotas.ec2:Describe*: 'many': write a number, such as 5 or 0.5",
        ),
        ("aws: {bill_exports: [{url: 's3://bucket/cur'}]}", "aws.bill_exports[0].name: "),
        ("aws: {bill_exports: [{name: Cur, url: 's3://bucket/cur'}]}", "aws.bill_exports[0].name: 'Cur'"),
        (
            "aws: {bill_exports: [{name: cur, url: 's3://bucket'}]}",
            "aws.bill_exports[0].url: 's3://bucket': write s3://",
        ),
        ("aws: {bill_exports: [{name: cur, url: 'https://bucket/cur'}]}", "write s3://BUCKET/PREFIX/EXPORT"),
        (
            "aws: {bill_exports: [{name: a, url: 's3://bucket/cur'}, {name: a, url: 's3://bucket/focus'}]}",
            "bill_exports: the name 'a' is there twice",
        ),
        (
            "aws: {bill_exports: [{name: a, url: 's3://bucket/cur'}, {name: b, url: 's3://bucket/cur/'}]}",
            "bill_exports: the url 's3://bucket/cur' is there twice",
        ),
        (
            "aws: {accounts: [{name: payer}], bill_exports: [{name: a, url: 's3://bucket/cur', account: pyer}]}",
            "there is no account 'pyer' in aws.accounts: did you mean payer?",
        ),
        (
            "aws: {bill_exports: [{name: a, url: 's3://bucket/cur', region: us-est-1}]}",
            "bill_exports: a: region: us-est-1: there is no such region; did you mean us-east-1?",
        ),
        ("aws: {bill_exports: [{name: a, url: 's3://bucket/cur', granularity: weekly}]}", "granularity: 'weekly'"),
        ("aws: {bill_exports: [{name: a, url: 's3://bucket/cur', prefix: x}]}", "prefix: there is no such key"),
        ("aws: {quotas: {DescribeInstances: 5}}", "aws.quotas: 'DescribeInstances': write service:Operation"),
        ("aws: {quotas: {'ec2: Describe*': 5}}", "aws.quotas: 'ec2: Describe*': write service:Operation"),
        ("aws: {quotas: {'ec2:': 5}}", "aws.quotas: 'ec2:': write service:Operation"),
        ("aws: {memory_dimensions: ['']}", "aws.memory_dimensions: entry 1 is empty: name a dimension"),
        ("aws: {memory_dimensions: [InstanceId, ' ']}", "aws.memory_dimensions: entry 2 is empty"),
        ("aws: {memory_dimensions: [ImageId, ImageId]}", "aws.memory_dimensions: 'ImageId' is there twice"),
    ],
)
def test_each_fault_is_explained(text: str, fault: str) -> None:
    faults = _faults(text)
    assert any(fault in line for line in faults), faults


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("300", 300), ("'300'", 300), ("5m", 300), ("2h", 7200), ("1d", 86400), ("90s", 90), ("0.5", 0.5)],
)
def test_durations(text: str, seconds: float) -> None:
    settings = _load(f"ingest: {{flush_interval: {text}}}")
    assert settings.ingest.flush_interval.total_seconds() == seconds


def test_money_is_what_was_written() -> None:
    settings = _load("aws: {budget_usd_per_day: 0.1}")
    assert settings.aws is not None
    assert settings.aws.budget_usd_per_day == Decimal("0.1")


def test_quotas_name_an_api_a_family_of_them_or_all() -> None:
    settings = _load(
        "aws: {quotas: {'ec2:DescribeInstances': 5, 'ec2:Describe*': 0.5, 'cloudwatch:*': 20, '*': 100}, "
        "memory_dimensions: []}\n"
        "gcp: {quotas: {'bigquery:jobs.query': 1}}"
    )
    assert settings.aws is not None
    assert settings.aws.quotas == {"ec2:DescribeInstances": 5, "ec2:Describe*": 0.5, "cloudwatch:*": 20, "*": 100}
    assert settings.aws.memory_dimensions == ()


def test_accounts_take_what_they_leave_out_from_the_section() -> None:
    settings = _load(
        """
        aws:
          regions: [us-east-1, eu-west-1]
          services: [ec2]
          accounts:
            - {name: a}
            - {name: b, regions: [ap-south-1], queue: collect.b, role_arn: "arn:aws:iam::123456789012:role/x"}
        """
    )
    assert settings.aws is not None
    a, b = settings.aws.accounts_of("aws")
    assert (a.regions, a.queue) == (("us-east-1", "eu-west-1"), "collect.aws")
    assert (b.regions, b.queue, b.services) == (("ap-south-1",), "collect.b", ("ec2",))
    assert b.options["role_arn"] == "arn:aws:iam::123456789012:role/x"


def test_the_environment_goes_before_the_file() -> None:
    settings = _load(
        "database: {url: 'postgresql://localhost/file'}",
        {"FINFLEET_DATABASE_URL": "postgresql://localhost/environment"},
    )
    assert settings.database.url is not None
    assert settings.database.url.get_secret_value().endswith("/environment")


def test_a_file_that_is_named_must_be_there() -> None:
    with pytest.raises(ConfigError, match="there is no such file"):
        load_settings(None, {"FINFLEET_CONFIG": "nowhere.yaml"})


def test_secrets_show_nowhere() -> None:
    settings = _load(
        f"""
        aws: {{access_key_id: {CANARY}-id, secret_access_key: {CANARY}, session_token: {CANARY}}}
        openfinops: {{endpoint: "http://localhost/", api_key: {CANARY}}}
        broker: {{url: "redis://:{CANARY}-broker@localhost/0"}}
        """
    )
    assert CANARY not in repr(settings)
    assert CANARY not in str(settings.aws.accounts_of("aws") if settings.aws else "")
    assert CANARY not in settings.model_dump_json()
    assert redact(f"a {CANARY}-broker b") == f"a {MASK} b"


def test_expand_names_what_is_unset() -> None:
    assert expand("a ${B} c", {"B": "x"}) == "a x c"
    with pytest.raises(ConfigError, match="NOPE is not set"):
        expand("${NOPE}", {})


@pytest.mark.parametrize(
    ("text", "secret"),
    [
        ("cannot reach redis://user:hunter2hunter2@host:6379/0", "hunter2"),
        ("cannot reach postgresql://finfleet:p%40ss@host/db now", "p%40ss"),
        ("Authorization: Bearer abcdefghijklmnop", "abcdefghijklmnop"),
    ],
)
def test_what_looks_like_a_secret_is_masked(text: str, secret: str) -> None:
    assert secret not in redact(text)
    assert MASK in redact(text)


def test_a_missing_value_that_is_not_needed_need_not_have_a_valid_form() -> None:
    text = "gcp: {project_id: '${NOPE}', accounts: [{name: a, billing_export_table: '${NOPE}'}]}"
    Path("telemetry.yaml").write_text(text, encoding="utf-8")
    settings = load_settings(Path("telemetry.yaml"), {}, providers=())
    assert settings.gcp is not None
    assert settings.gcp.project_id is None
    assert settings.gcp.accounts[0].billing_export_table is None


_POLLED = """
generic:
  sources:
    - {name: page, kind: prometheus, url: "${PAGE_URL}", auth: {bearer: "${PAGE_TOKEN}"}}
    - {name: shop, kind: http_json, url: "${SHOP_URL}", mapping: [{value: v, metric: "'m'"}]}
"""


def test_the_address_of_a_source_may_be_missing_where_nobody_polls() -> None:
    Path("telemetry.yaml").write_text(_POLLED, encoding="utf-8")
    settings = load_settings(Path("telemetry.yaml"), {}, providers=())
    assert settings.generic is not None
    assert [source.name for source in settings.generic.sources] == ["page", "shop"]
    with pytest.raises(ConfigError) as caught:
        load_settings(Path("telemetry.yaml"), {})
    assert [problem.split(":")[0] for problem in caught.value.problems] == [
        "generic.sources[0].url",
        "generic.sources[0].auth.bearer",
        "generic.sources[1].url",
    ]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("aws: {regions: [eu-west-1, '${NOPE}']}", None),
        ("aws: {accounts: [{name: '${NOPE}', regions: [eu-west-1]}]}", "aws.accounts[0].name: the environment"),
    ],
)
def test_of_a_list_only_what_is_missing_is_left_out(text: str, problem: str | None) -> None:
    Path("telemetry.yaml").write_text(text, encoding="utf-8")
    if problem is None:
        settings = load_settings(Path("telemetry.yaml"), {}, providers=())
        assert settings.aws is not None
        assert settings.aws.regions == ("eu-west-1",)
        return
    with pytest.raises(ConfigError) as caught:
        load_settings(Path("telemetry.yaml"), {}, providers=())
    assert [fault[: len(problem)] for fault in caught.value.problems] == [problem]


def test_a_wrong_key_of_a_source_is_told_with_its_neighbours() -> None:
    text = "generic: {sources: [{name: page, kind: prometheus, url: 'https://x.example', includ: [a]}]}"
    Path("telemetry.yaml").write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError) as caught:
        load_settings(Path("telemetry.yaml"), {})
    assert caught.value.problems == ("generic.sources[0].includ: there is no such key; did you mean include?",)
