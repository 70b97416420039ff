"""Whoever mistypes the name of something that there is a list of is told which was meant."""

import os
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from storage import ledger
from storage.database import Database
from tests.support import writing
from tests.support.command_runs import RunsFinfleet, as_text
from workers.cli import cli

_CONFIG = """
aws: {regions: [us-east-1], services: [ec2], accounts: [{name: prod}]}
openfinops: {endpoint: "http://localhost:1/"}
"""


def _commands(command: click.Command = cli, words: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], str]]:
    if isinstance(command, click.Group):
        for name in command.list_commands(click.Context(command)):
            found = command.get_command(click.Context(command), name)
            assert found is not None
            yield words, name
            yield from _commands(found, (*words, name))


@pytest.mark.parametrize(("words", "name"), [*_commands()])
def test_a_command_that_is_mistyped(words: tuple[str, ...], name: str) -> None:
    with pytest.raises(click.UsageError, match=rf"no such command '{name}x'; did you mean {name}\?"):
        cli.main([*words, f"{name}x"], prog_name="finfleet", standalone_mode=False)


@pytest.mark.parametrize(
    ("words", "status", "said"),
    [
        (("dlq", "list", "--jsn"), 2, "--json"),
        (("plan", "--resorces", "1"), 2, "--resources"),
        (("permissions", "asw"), 2, "'asw': did you mean aws? there are: aws, azure, focus, gcp"),
        (("health", "plam"), 2, "'plam': did you mean plan?"),
        (("worker", "plam"), 78, "plam: there is no such worker; did you mean plan?"),
        (("worker", "azur"), 78, "azur: there is no such worker; did you mean azure?"),
        (("schema", "webhok"), 2, "did you mean webhook?"),
        (("forward", "openfinop"), 2, "did you mean openfinops?"),
        (("collect", "asw/prod/us-east-1/ec2"), 2, "there is no provider 'asw' in this install; did you mean aws?"),
        (("collect", "aws/prod/us-east-1/ec3"), 2, "aws has no service 'ec3' in this install; did you mean ec2?"),
        (("collect", "aws/prd/us-east-1/ec2"), 1, "no aws account of that name; did you mean prod?"),
        (("collect", "aws/prod/us-esat-1/ec2"), 2, "us-esat-1: there is no such region; did you mean us-east-1?"),
    ],
)
def test_a_name_that_is_mistyped(
    words: tuple[str, ...], status: int, said: str, tmp_path: Path, finfleet_program: RunsFinfleet
) -> None:
    (tmp_path / "telemetry.yaml").write_text(_CONFIG, encoding="utf-8")
    done = as_text(finfleet_program(words, {**os.environ, "FINFLEET_CONFIG": "telemetry.yaml"}, tmp_path))
    assert said in done.stderr
    assert done.returncode == status


def test_a_pattern_that_fits_no_target(
    database: Database, database_url: str, tmp_path: Path, finfleet_program: RunsFinfleet
) -> None:
    with database.connection() as connection:
        writing.plan(connection)
        name = str(ledger.find_targets(connection)[0].target)
    provider, account, region, service = name.split("/")
    for pattern, meant in (
        (f"{provider}/{account}x/*/{service}", f"{provider}/{account}/*/{service}"),
        (f"{provider}/*/{region}x/*", f"{provider}/*/{region}/*"),
        (f"{name}x", name),
    ):
        # The other one fits: none is left out in silence.
        words = ("backfill", "--from", "1d", "--dry-run", "--target", name, "--target", pattern)
        done = as_text(finfleet_program(words, {**os.environ, "FINFLEET_DATABASE_URL": database_url}, tmp_path))
        assert f"--target '{pattern}' (did you mean '{meant}'?)" in done.stderr
        assert done.returncode == 2


def test_plan_names_every_variable_that_is_not_set(tmp_path: Path, finfleet_program: RunsFinfleet) -> None:
    text = """
    aws: {services: [ec2], access_key_id: "${KEY_ID}", secret_access_key: "${KEY}-${SALT}"}
    azure: {enabled: false, client_secret: "${NOT_NEEDED}"}
    openfinops: {endpoint: "https://o.example", api_key: "${API_KEY}"}
    """
    (tmp_path / "telemetry.yaml").write_text(text, encoding="utf-8")
    environment = {**os.environ, "FINFLEET_CONFIG": "telemetry.yaml"}
    done = as_text(finfleet_program(("plan", "--resources", "1"), environment, tmp_path))
    for said in (
        "aws.access_key_id: the environment variable KEY_ID is not set: set it where it is needed",
        "aws.secret_access_key: the environment variables KEY and SALT are not set: set them where it is needed",
        "openfinops.api_key: the environment variable API_KEY is not set",
    ):
        assert said in done.stderr
    assert "NOT_NEEDED" not in done.stderr
    assert done.returncode == 0


def test_plan_says_that_nothing_is_collected(tmp_path: Path, finfleet_program: RunsFinfleet) -> None:
    (tmp_path / "telemetry.yaml").write_text("ledger: {lease: 20m}\n", encoding="utf-8")
    done = as_text(finfleet_program(("plan",), {**os.environ, "FINFLEET_CONFIG": "telemetry.yaml"}, tmp_path))
    assert "nothing is collected: no provider is enabled; write a section, one of aws:, azure:" in done.stderr
