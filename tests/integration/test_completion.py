"""Completion: what the shell offers, by click's own protocol; nothing, in silence and at once, where a server hangs."""

import os
import socket
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from storage import dead_letters, ledger, outbox
from storage.database import Database
from tests.support import writing
from tests.support.command_runs import RunsFinfleet, as_text

_CONFIG = """
aws: {regions: [us-east-1], services: [ec2], accounts: [{name: prod, queue: collect.aws.prod}, {name: test}]}
generic: {services: [host], sources: [{name: shop, kind: push}]}
openfinops: {endpoint: "http://localhost:1/"}
destinations: {finance: {kind: otlp, endpoint: "http://localhost:1/"}}
"""
Offers = Callable[..., list[str]]


@pytest.fixture
def offers(tmp_path: Path, finfleet_program: RunsFinfleet) -> Offers:
    (tmp_path / "telemetry.yaml").write_text(_CONFIG, encoding="utf-8")

    def run(*words: str, **variables: str) -> list[str]:
        environment = {
            **os.environ,
            "FINFLEET_CONFIG": "telemetry.yaml",
            "_FINFLEET_COMPLETE": "bash_complete",
            "COMP_WORDS": " ".join(("finfleet", *words)),
            "COMP_CWORD": str(len(words)),
            **variables,
        }
        done = as_text(finfleet_program((), environment, tmp_path))
        assert done.stderr == ""
        return [line.partition(",")[2] for line in done.stdout.splitlines() if line]

    return run


@pytest.mark.parametrize(
    ("words", "offered"),
    [
        (("dl",), ["dlq"]),
        (("dlq", "re"), ["replay"]),
        (("dlq", "list", "--js"), ["--json"]),
        (("permissions", "a"), ["aws", "azure"]),
        (("health", "in"), ["ingest"]),
        (("worker", ""), ["plan", "push", "aws", "generic"]),
        (("worker", "aws", "--queue", "collect.aws"), ["collect.aws.prod", "collect.aws"]),
        (("forward", ""), ["openfinops", "finance"]),
        (("forward", "openfinops", ""), ["finance"]),
        (("schema", ""), ["webhook"]),
        (("collect", "aws/"), ["aws/prod/us-east-1/ec2", "aws/test/us-east-1/ec2"]),
        (("backfill", "--target", "aws/p"), ["aws/prod/us-east-1/ec2"]),
        (("db", "migrate", "--revision", "0001"), ["0001"]),
    ],
)
def test_what_the_configuration_and_the_install_have(
    words: tuple[str, ...], offered: list[str], offers: Offers
) -> None:
    assert offers(*words) == offered


def test_what_the_database_has(offers: Offers, database: Database, database_url: str) -> None:
    with database.connection() as connection:
        dead_letters.dead_letter(connection, [dead_letters.Letter(b"{}", "malformed", "why")], writing.NOW)
        (letter,) = dead_letters.listing(connection)
        run = writing.run()
        writing.plan(connection)
        writing.put(connection, writing.batch(run), writing.report(run), destinations=["former"])
        connection.execute("UPDATE finfleet.outbox SET state = 'dead', error = 'why'")
        (entry,) = outbox.dead_entries(connection, 10)
        target = str(ledger.find_targets(connection)[0].target)
    for words, offered in (
        (("dlq", "show", ""), [str(letter.dead_letter_id)]),
        (("dlq", "replay", ""), [str(letter.dead_letter_id)]),
        (("dlq", "drop", str(letter.dead_letter_id), ""), []),
        (("outbox", "replay", ""), [str(entry.outbox_id)]),
        (("outbox", "forget", ""), ["former"]),
        (("backfill", "--target", "aws/default"), [target]),
    ):
        assert offers(*words, FINFLEET_DATABASE_URL=database_url) == offered, words


def test_a_server_that_hangs_is_not_waited_for(offers: Offers) -> None:
    with socket.create_server(("127.0.0.1", 0)) as frozen:
        url = f"postgresql://finfleet@127.0.0.1:{frozen.getsockname()[1]}/finfleet"
        begun = time.monotonic()
        assert offers("dlq", "show", "", FINFLEET_DATABASE_URL=url) == []
        assert time.monotonic() - begun < 10  # one second is its own; the rest is for a busy machine


def test_nothing_is_said_of_what_cannot_be_read(offers: Offers, tmp_path: Path) -> None:
    assert offers("dlq", "show", "", FINFLEET_DATABASE_URL="postgresql://finfleet@127.0.0.1:1/finfleet") == []
    (tmp_path / "telemetry.yaml").write_text("aws: [", encoding="utf-8")
    assert offers("collect", "aws") == []
