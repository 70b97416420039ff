"""Two providers in distributions of their own, in an environment of their own, without one edit of our packages.

The example, Kubernetes by OpenCost, is built and installed by pip; the other has a paid API. They are scheduled,
planned, collected by the real fleet, limited, metered and held to our tests.
"""

import importlib.util
import json
import os
import sys
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from types import ModuleType
from typing import Any

import psycopg
import pytest
import yaml
from psycopg.rows import dict_row

from tests.support.distributions import ROOT, Environment, make_environment, run
from tests.support.paid_provider import PRICE, add_paid_provider
from tests.support.servers import short_directory
from tests.support.up import finfleet_up
from tests.support.waiting import until
from workers.embedded import EmbeddedPostgres

pytestmark = pytest.mark.xdist_group("provider_package")

_EXAMPLE = ROOT / "examples" / "provider_package"
_SERVICES = ("assets", "controllers", "namespaces", "pods")
_TOKEN = "canary-of-opencost"


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Environment:
    """Where both are installed."""
    home = tmp_path_factory.mktemp("environment")
    made = make_environment(home / "venv")
    made.install(_EXAMPLE, tmp_path_factory.mktemp("source"))
    add_paid_provider(made.packages)
    return made


@pytest.fixture(scope="module")
def local_opencost() -> Iterator[ModuleType]:
    """The example's own server."""
    spec = importlib.util.spec_from_file_location("local_opencost", _EXAMPLE / "tests" / "local_opencost.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # its dataclasses look their module up
    spec.loader.exec_module(module)
    yield module
    del sys.modules[spec.name]


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """Names both; no server listens."""
    path = tmp_path / "telemetry.yaml"
    document = {
        "opencost": {"url": "http://127.0.0.1:1", "currency": "EUR"},
        "paid": {"budget_usd_per_day": 1},
    }
    path.write_text(yaml.safe_dump(document), encoding="utf-8")
    return path


def test_the_example_passes_its_own_tests_and_the_kit(environment: Environment) -> None:
    words = ("-q", "-p", "no:cacheprovider", "--rootdir", str(_EXAMPLE), "-c", str(_EXAMPLE / "pyproject.toml"))
    command = [str(environment.python), "-m", "pytest", *words, str(_EXAMPLE / "tests")]
    done = run(command, PYTHONDONTWRITEBYTECODE="1")
    assert done.returncode == 0, done.stdout + done.stderr
    (summary,) = [line for line in done.stdout.splitlines() if " passed" in line]
    assert int(summary.split()[0]) >= 60, done.stdout


def test_the_paid_one_passes_the_kit(environment: Environment, tmp_path: Path) -> None:
    (tmp_path / "test_kit.py").write_text(
        "from agents.testing.providers import ProviderConformance\n"
        "from agents.testing.services import ServiceConformance\n"
        "class TestProvider(ProviderConformance):\n    provider = 'paid'\n"
        "class TestServices(ServiceConformance):\n    provider = 'paid'\n",
        encoding="utf-8",
    )
    words = ("-q", "-p", "no:cacheprovider", "--rootdir", str(tmp_path), "-c", os.devnull)
    done = run([str(environment.python), "-m", "pytest", *words, str(tmp_path)])
    assert done.returncode == 0, done.stdout + done.stderr


_SCHEDULE = """
import json
from tasks.app import app
from tasks.runtime import runtime

planned = runtime.planned()
print(json.dumps({
    name: [entry["task"], entry["args"], sorted({one.queue for one in planned[tuple(entry["args"])].targets})]
    for name, entry in app.conf.beat_schedule.items() if name.startswith("fan out")
}))
"""


def test_beat_schedules_them_and_a_worker_of_each_is_to_collect_them(environment: Environment, config: Path) -> None:
    done = run([str(environment.python), "-W", "error", "-c", _SCHEDULE], FINFLEET_CONFIG=str(config))
    assert done.returncode == 0, done.stderr
    expected = [("opencost", name) for name in _SERVICES] + [("paid", "readings")]
    assert json.loads(done.stdout) == {
        f"fan out {provider}/{name}": ["tasks.plan.fan_out", [provider, name], [f"collect.{provider}"]]
        for provider, name in expected
    }


def test_the_command_line_knows_them(environment: Environment, tmp_path: Path) -> None:
    listed = environment.finfleet("services", "--json")
    assert listed.returncode == 0, listed.stderr
    assert not listed.stderr
    found = {(one["provider"], one["service"]): one for one in json.loads(listed.stdout)}
    assert {("opencost", name) for name in _SERVICES} < found.keys()
    assert found["opencost", "pods"]["permissions"] == ["services/proxy:get"]
    assert found["paid", "readings"]["paid"] == {"paid:Read": PRICE}
    granted = environment.finfleet("permissions", "opencost")
    assert granted.returncode == 0, granted.stderr
    assert "services/proxy" in granted.stdout
    kept = tmp_path / "opencost.md"
    kept.write_text(granted.stdout, encoding="utf-8")
    assert environment.finfleet("permissions", "opencost", "--check", str(kept)).returncode == 0


def test_one_collection_is_printed(environment: Environment, local_opencost: ModuleType, config: Path) -> None:
    with local_opencost.LocalOpenCost() as server:
        config.write_text(yaml.safe_dump({"opencost": {"url": server.url, "currency": "EUR"}}), encoding="utf-8")
        target = "opencost/default/global/namespaces"
        done = environment.finfleet("collect", target, "--json", FINFLEET_CONFIG=str(config))
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["report"]["outcome"] == "complete"
    assert {record.get("currency") for record in found["records"]} == {None, "EUR"}


def test_the_plan_counts_calls_and_dollars(environment: Environment, config: Path) -> None:
    done = environment.finfleet("plan", "--resources", "5", "--json", FINFLEET_CONFIG=str(config))
    assert done.returncode == 0, done.stderr
    lines = {line["target"]: line for line in json.loads(done.stdout)}
    pods = lines["opencost/default/global/pods"]
    assert pods["calls_per_day"] == {"opencost:allocation": 24}
    assert Decimal(pods["usd_per_day"]) == 0
    assert Decimal(lines["paid/default/global/readings"]["usd_per_day"]) == 24 * 5 * Decimal(PRICE)


_WINDOWS = """
SELECT t.provider, t.account, t.service, c.state
  FROM finfleet.collections AS c JOIN finfleet.targets AS t USING (target_id)
"""
_ENDED = """
SELECT t.provider, t.account, r.outcome, r.error
  FROM finfleet.runs AS r JOIN finfleet.targets AS t USING (target_id)
"""
_TOOK = """
SELECT api, sum(calls) AS calls, sum(throttles) AS throttles, sum(cost_usd) AS cost_usd
  FROM reporting.collection_cost GROUP BY api
"""
_RATES = """
SELECT service, currency, basis, count(*) AS rates, sum(amount) AS amount
  FROM reporting.cost_per_hour WHERE provider = 'opencost' GROUP BY 1, 2, 3 ORDER BY 1
"""

_SPENT = "SELECT day, calls, cost_usd FROM reporting.collection_cost WHERE provider = 'paid' AND calls > 0"


def _rows(url: str, statement: str) -> list[dict[str, Any]]:
    with psycopg.connect(url, row_factory=dict_row) as connection:
        return connection.execute(statement.encode()).fetchall()


def test_the_fleet_collects_limits_meters_and_stores_them(environment: Environment, local_opencost: ModuleType) -> None:
    with local_opencost.LocalOpenCost(token=_TOKEN, throttled=1) as server, short_directory() as short:
        config = short / "telemetry.yaml"
        accounts = [
            {"name": "open", "token": "${OPENCOST_TOKEN}"},
            {"name": "closed", "token": "another", "services": ["pods"]},
        ]
        # So long that some windows are closed and due, whatever the minute of the hour.
        document = {
            "opencost": {"url": server.url, "currency": "EUR", "backfill": "3h", "accounts": accounts},
            "paid": {"backfill": "6h", "budget_usd_per_day": 2 * float(PRICE)},
            "ledger": {"sweep_interval": 1},
            "ingest": {"claim_after": 1},
        }
        document["opencost"]["quotas"] = {"opencost:*": 20}
        config.write_text(yaml.safe_dump(document), encoding="utf-8")
        variables = {"FINFLEET_CONFIG": str(config), "OPENCOST_TOKEN": _TOKEN}
        with finfleet_up(short / "state", "--no-flower", variables=variables, python=str(environment.python)) as up:
            url = EmbeddedPostgres(up.state).url.get_secret_value()

            def states(account: str) -> set[str]:
                found = _rows(url, _WINDOWS)
                return {row["state"] for row in found if (row["provider"], row["account"]) == ("opencost", account)}

            def errors(provider: str, outcome: str) -> list[str]:
                found = _rows(url, _ENDED)
                return [row["error"] for row in found if (row["provider"], row["outcome"]) == (provider, outcome)]

            until(lambda: states("open") == {"complete"}, 40, "everything of the open cluster is stored")
            until(lambda: states("closed") == {"denied"}, 20, "the closed one is denied")
            until(lambda: len(errors("paid", "throttled")) >= 2, 20, "what the budget does not hold waits")
            windows, took = _rows(url, _WINDOWS), {row["api"]: row for row in _rows(url, _TOOK)}
            refused, waiting, spent = errors("opencost", "denied"), errors("paid", "throttled"), _rows(url, _SPENT)
            rates = {row["service"]: row for row in _rows(url, _RATES)}
            said = up.said
    assert {row["service"] for row in windows if row["account"] == "open"} == set(_SERVICES)
    assert refused
    assert all("services/proxy:get" in error for error in refused)
    # 429 with Retry-After, once: counted, waited for, and asked again.
    assert sum(row["throttles"] for row in took.values()) == 1
    assert took["opencost:allocation"]["calls"] >= 3
    assert took["opencost:assets"]["cost_usd"] == 0
    # The budget of a day holds two readings, whatever the day.
    assert took["paid:Read"]["calls"] >= 2
    assert all(row["cost_usd"] == row["calls"] * Decimal(PRICE) <= 2 * Decimal(PRICE) for row in spent)
    assert all("the budget of 0.02 USD a day" in error for error in waiting)
    assert set(rates) == set(_SERVICES)
    assert {row["currency"] for row in rates.values()} == {"EUR"}
    assert {row["basis"] for row in rates.values()} == {"opencost_allocation", "opencost_asset"}
    assert _TOKEN not in said
