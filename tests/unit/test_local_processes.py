"""Which programs make up a local fleet; and the files of its state directory."""

from dataclasses import replace
from pathlib import Path

import pytest
from pydantic import SecretStr

from tasks.targets import plan_targets
from telemetry.settings import load_settings
from workers.local.addresses import broker_address, database_address, psql_line
from workers.local.files import StateFiles, tail
from workers.local.processes import Fleet
from workers.local.supervisor import pause_after

DATABASE = "postgresql://finfleet:canary-database@127.0.0.1:5433/finfleet"
SIGNING = "a-signing-key-of-the-local-fleet-0"
BROKER = "redis://:canary-broker@127.0.0.1:6380/0"
_CONFIG = """
aws:
  regions: [us-east-1]
  services: [ec2]
  accounts: [{name: one, queue: collect.aws.one}, {name: two}]
azure: {enabled: false, client_id: "${NOT_SET}"}
generic: {services: [host]}
openfinops: {endpoint: "https://finops.example.com", api_key: "${KEY}"}
"""


@pytest.fixture
def fleet(tmp_path: Path) -> Fleet:
    config = tmp_path / "telemetry.yaml"
    config.write_text(_CONFIG)
    environment = {"KEY": "canary-key", "FLOWER_UNAUTHENTICATED_API": "true", "FINFLEET_DATABASE_URL": DATABASE}
    settings = load_settings(config, environment)
    (tmp_path / "state").mkdir(mode=0o700)
    return Fleet(
        settings=settings,
        planned=plan_targets(settings),
        files=StateFiles(tmp_path / "state"),
        environment=environment,
        config=config,
        database_url=DATABASE,
        broker_url=BROKER,
        signing_keys=SIGNING,
        flower_port=5555,
    )


def test_a_worker_for_each_enabled_provider_on_the_queues_of_its_accounts(fleet: Fleet) -> None:
    groups = [[program.name for program in group] for group in fleet.programs()]
    assert groups == [["ingest", "forward"], ["plan", "collect.aws", "collect.generic"], ["beat", "flower"]]
    commands = {program.name: program.command for group in fleet.programs() for program in group}
    assert commands["collect.aws"][3:] == ("workers.cli", "worker", "aws")
    assert commands["plan"][3:] == ("workers.cli", "worker", "plan")


def test_each_program_gets_what_it_needs_and_no_more(fleet: Fleet) -> None:
    programs = {program.name: program for group in fleet.programs() for program in group}
    with_database = {name for name, each in programs.items() if "FINFLEET_DATABASE_URL" in each.environment}
    assert with_database == {"ingest", "forward", "plan"}
    signing = {name for name, each in programs.items() if SIGNING in each.environment.values()}
    assert signing == {"ingest", "plan"}
    for name, program in programs.items():
        assert program.environment["FINFLEET_BROKER_URL"] == BROKER
        assert Path(program.environment["FINFLEET_CONFIG"]).is_absolute()
        assert [key for key in program.environment if key.startswith("FLOWER_")] == (
            ["FLOWER_BASIC_AUTH"] if name == "flower" else []
        )
        assert "canary" not in " ".join(program.command)
        assert "canary" not in repr(program)
    assert "canary" not in repr(fleet)


_SECRETS = {
    "AWS_SECRET_ACCESS_KEY": "canary-aws",
    "AZURE_CLIENT_SECRET": "canary-azure",
    "GOOGLE_APPLICATION_CREDENTIALS": "canary-google",
    "GCP_CREDENTIALS_FILE": "canary-gcp",
    "KEY": "canary-key",
    "PAGE_TOKEN": "canary-page",
    "EXTERNAL_ID": "canary-external",
    "DATABASE_PASSWORD": "canary-database",
    "PGPASSWORD": "canary-pg",
    "OPENFINOPS_API_KEY": "canary-openfinops",
    "SOMETHING_ELSE": "canary-else",
    "NOTIFY_SOCKET": "canary-socket",
}
_ORDINARY = {"PATH": "/bin", "HOME": "/x", "LC_ALL": "C", "TZ": "UTC", "https_proxy": "http://p", "SSL_CERT_FILE": "/c"}
_EVERYTHING = """
database: {url: "postgresql://u:${DATABASE_PASSWORD}@h/x"}
aws:
  region: "${REGION}"
  services: [ec2]
  accounts: [{name: one, role_arn: "${ROLE}", external_id: "${EXTERNAL_ID}"}]
azure: {client_secret: "${AZURE_CLIENT_SECRET}", client_id: c, tenant_id: t, services: [virtual_machines]}
gcp: {credentials_file: "${GCP_CREDENTIALS_FILE}", services: [compute]}
generic:
  sources:
    - {name: page, kind: prometheus, url: "https://${PAGE_HOST}/", auth: {bearer: "${PAGE_TOKEN}"}}
    - {name: "${PUSHER}", kind: push}
openfinops: {endpoint: "https://${FINOPS_HOST}", api_key: "${KEY}"}
ledger: {lease: "${LEASE}"}
"""
_PLAIN = {
    "REGION": "eu-west-1",
    "ROLE": "arn:aws:iam::123456789012:role/x",
    "PAGE_HOST": "page.example",
    "PUSHER": "shop",
    "FINOPS_HOST": "finops.example",
    "LEASE": "20m",
}


def test_each_program_gets_the_credentials_that_it_needs_and_no_others(tmp_path: Path) -> None:
    config = tmp_path / "telemetry.yaml"
    config.write_text(_EVERYTHING)
    environment = {**_SECRETS, **_ORDINARY, **_PLAIN}
    settings = load_settings(config, environment)
    (tmp_path / "state").mkdir(mode=0o700)
    fleet = Fleet(
        settings=settings,
        planned=plan_targets(settings),
        files=StateFiles(tmp_path / "state"),
        environment=environment,
        config=config,
        database_url=DATABASE,
        broker_url=BROKER,
        signing_keys=SIGNING,
        flower_port=5555,
    )
    programs = {program.name: program.environment for group in fleet.programs() for program in group}
    assert {name: set(_SECRETS) & set(variables) for name, variables in programs.items()} == {
        "ingest": {"PGPASSWORD"},
        "plan": {"PGPASSWORD"},
        "forward": {"PGPASSWORD", "KEY"},
        "collect.aws": {"AWS_SECRET_ACCESS_KEY", "EXTERNAL_ID"},
        "collect.azure": {"AZURE_CLIENT_SECRET"},
        "collect.gcp": {"GOOGLE_APPLICATION_CREDENTIALS", "GCP_CREDENTIALS_FILE"},
        "collect.generic": {"PAGE_TOKEN"},
        "push": set(),
        "beat": set(),
        "flower": set(),
    }
    for name, variables in programs.items():
        assert {key: variables.get(key) for key in _ORDINARY} == _ORDINARY
        # What the schedule and every process read is there for all of them.
        assert {"REGION", "PUSHER", "LEASE", "FINOPS_HOST"} <= set(variables)
        assert ("ROLE" in variables, "PAGE_HOST" in variables) == (name == "collect.aws", name == "collect.generic")
        # With these, each of them loads its configuration, and plans the same.
        mine = {name.removeprefix("collect.")} if name.startswith("collect.") else set()
        stores = name in {"ingest", "plan", "forward"}
        loaded = load_settings(config, variables, providers=mine, forwards=name == "forward", stores=stores)
        assert {key: plan.targets for key, plan in plan_targets(loaded).items()} == {
            key: plan.targets for key, plan in fleet.planned.items()
        }


def test_without_flower_and_openfinops(fleet: Fleet, tmp_path: Path) -> None:
    settings = fleet.settings.model_copy(update={"openfinops": None})
    alone = Fleet(
        settings=settings,
        planned=fleet.planned,
        files=fleet.files,
        environment={},
        config=None,
        database_url=DATABASE,
        broker_url=BROKER,
        signing_keys=SIGNING,
        flower_port=None,
    )
    programs = [program for group in alone.programs() for program in group]
    assert [program.name for program in programs] == ["ingest", "plan", "collect.aws", "collect.generic", "beat"]
    assert not any("FINFLEET_CONFIG" in program.environment for program in programs)


def test_whoever_pushes_has_a_process_without_a_database(fleet: Fleet, tmp_path: Path) -> None:
    config = tmp_path / "pushed.yaml"
    config.write_text("generic: {services: [host], sources: [{name: training, kind: push}]}")
    settings = load_settings(config, {})
    _, workers, _ = replace(fleet, settings=settings, planned=plan_targets(settings)).programs()
    push = workers[-1]
    assert push.command[3:] == ("workers.cli", "worker", "push")
    assert "FINFLEET_DATABASE_URL" not in push.environment


def test_pauses_grow_to_half_a_minute() -> None:
    assert [pause_after(failures) for failures in (1, 2, 3, 8, 9, 50)] == [0.2, 0.4, 0.8, 25.6, 30.0, 30.0]


def test_the_tail_of_a_log(tmp_path: Path) -> None:
    log = tmp_path / "a.log"
    assert tail(log) == "  (nothing)"
    log.write_text("".join(f"line {number} of redis://:canary-broker@host/0\n" for number in range(1000)))
    assert tail(log, lines=2) == "  line 998 of redis://********@host/0\n  line 999 of redis://********@host/0"


def test_addresses_show_no_password(tmp_path: Path) -> None:
    url = SecretStr(DATABASE)
    assert database_address(url) == {"host": "127.0.0.1", "port": 5433, "user": "finfleet", "name": "finfleet"}
    assert psql_line(url, None) == "psql -h 127.0.0.1 -p 5433 -U finfleet finfleet"
    assert psql_line(url, tmp_path / "my state" / "pgpass").startswith(f"PGPASSFILE='{tmp_path}/my state/pgpass' ")
    assert psql_line(SecretStr("postgresql:///finfleet"), None) == "psql -h localhost -p 5432 finfleet"
    several = database_address(SecretStr("postgresql://u:p@one:5432,two:5433/x"))
    assert (several["host"], several["port"]) == ("one,two", "5432,5433")
    assert broker_address(SecretStr(BROKER)) == {"host": "127.0.0.1", "port": 6380}
    assert broker_address(SecretStr("amqps://u:p@broker//")) == {"host": "broker", "port": None}
