"""The whole pipeline for tests: a small local AWS, OpenFinOps's own server, and `finfleet up`."""

from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg
import yaml
from psycopg.rows import dict_row
from pydantic import SecretStr

from emulators.aws import LocalAws
from emulators.aws.seed import Ec2Seed, seed_ec2
from emulators.openfinops import OpenFinOpsServer
from storage import ledger
from storage.database import Database
from telemetry.target import Window
from tests.support.final_tables import Tables, final_tables
from tests.support.openfinops import rows
from tests.support.up import Up, finfleet_up
from tests.support.waiting import until
from workers.embedded import EmbeddedPostgres, EmbeddedValkey

REGIONS = ("us-east-1", "us-west-2")
KEYS = {"AWS_ACCESS_KEY_ID": "local-key-id", "AWS_SECRET_ACCESS_KEY": "local-secret-key"}
_PROGRESS = """
SELECT count(*) FILTER (WHERE c.state = 'complete') AS complete,
       count(*) FILTER (WHERE c.state IN ('planned', 'dispatched')) AS waiting,
       count(*) AS planned,
       coalesce(max(c.attempt), 0) AS attempts
  FROM finfleet.collections AS c JOIN finfleet.targets AS t USING (target_id)
 WHERE t.provider = %(provider)s AND c.window_start >= %(since)s AND c.window_start < %(until)s
"""
_UNSENT = """
SELECT count(*) AS unsent
  FROM finfleet.outbox AS o JOIN finfleet.targets AS t USING (target_id) JOIN finfleet.runs AS r USING (run_id)
 WHERE t.provider = %(provider)s AND o.state = 'pending' AND r.window_start >= %(since)s AND r.window_start < %(until)s
"""
_BATCHES = """
SELECT concat_ws('/', t.provider, t.account, t.region, t.service) AS target, o.outbox_id, o.state,
       b.run_id::text || '/' || b.number AS key
  FROM finfleet.batches AS b JOIN finfleet.runs AS r USING (run_id) JOIN finfleet.targets AS t USING (target_id)
  LEFT JOIN finfleet.outbox AS o USING (run_id, number)
 WHERE t.provider = %(provider)s AND r.window_start >= %(since)s AND r.window_start < %(until)s
 ORDER BY o.outbox_id
"""

#: All time, as far as these tests know it.
EVER = Window(datetime(2000, 1, 1, tzinfo=UTC), datetime(2200, 1, 1, tzinfo=UTC))


@contextmanager
def small_aws(instances: int = 24, *, hours_back: float = 2) -> Iterator[tuple[LocalAws, Ec2Seed]]:
    """Two regions that share `instances`, with data since `hours_back`, and what was put into them."""
    aws = LocalAws()
    seed = seed_ec2(aws, instances, REGIONS, hours_back=hours_back)
    with aws:
        yield aws, seed


@dataclass(frozen=True)
class Progress:
    """Windows: how many are complete, wait, and are there at all; and the most attempts that one has had."""

    complete: int
    waiting: int
    planned: int
    attempts: int


@dataclass
class Pipeline:
    """A running pipeline. Every question is about the windows that begin in a span; all of them where none is given."""

    up: Up
    openfinops: OpenFinOpsServer
    config: Path
    environment: Mapping[str, str]
    #: The one that the questions are about.
    provider: str = "aws"

    @property
    def database_url(self) -> str:
        """Of the embedded Postgres, with the password."""
        return EmbeddedPostgres(self.up.state).url.get_secret_value()

    @property
    def redis_url(self) -> str:
        """Of the embedded Valkey, with the password."""
        return EmbeddedValkey(self.up.state).url.get_secret_value()

    @property
    def flower_password(self) -> str:
        """Of the user `finfleet`."""
        return (self.up.state / "flower.password").read_text(encoding="utf-8")

    def query(self, statement: str, span: Window = EVER) -> list[dict[str, Any]]:
        """Rows of the database."""
        values = {"since": span.start, "until": span.end, "provider": self.provider}
        with psycopg.connect(self.database_url, row_factory=dict_row) as connection:
            return connection.execute(statement.encode(), values).fetchall()

    def progress(self, span: Window = EVER) -> Progress:
        """How far the collection is."""
        (row,) = self.query(_PROGRESS, span)
        return Progress(**row)

    def backfill(self, span: Window, service: str = "*") -> int:
        """Have the ledger owe a span of the past, and return the number of windows; the next sweep hands them out."""
        with Database(SecretStr(self.database_url)) as database, database.connection() as connection:
            found = ledger.find_targets(connection, [f"{self.provider}/*/{service}"])
            assert found
            return ledger.backfill(connection, found, span, datetime.now(UTC)).opened

    def until_settled(self, span: Window = EVER, *, forwarded: bool = True, within: float = 60) -> None:
        """Until no window waits, and what is stored is forwarded."""

        def settled() -> bool:
            try:
                progress = self.progress(span)
                unsent = self.unsent(span)
            except psycopg.OperationalError:
                return False  # the database was killed, and is not back yet
            seen[:] = [progress, unsent]
            return progress.planned > 0 and progress.waiting == 0 and not (forwarded and unsent)

        seen: list[Any] = []
        try:
            until(settled, within)
        except AssertionError as error:
            raise AssertionError(f"{error}; last seen: {seen}, unsent") from None

    def unsent(self, span: Window = EVER) -> int:
        """Batches that wait for being forwarded."""
        return int(self.query(_UNSENT, span)[0]["unsent"])

    def tables(self, span: Window = EVER) -> Tables:
        """What Postgres has of the provider."""
        return final_tables(self.database_url, span, self.provider)

    def stored(self, span: Window = EVER) -> dict[str, list[str]]:
        """The committed batches by target, in the order in which they are to be forwarded."""
        batches: dict[str, list[str]] = {}
        for row in self.query(_BATCHES, span):
            assert row["outbox_id"] is not None, f"{row['key']} is stored, and not in the outbox"
            batches.setdefault(row["target"], []).append(row["key"])
        return batches

    def received(self, span: Window = EVER) -> dict[str, list[str]]:
        """The batches that OpenFinOps has, by target, in the order of their arrival."""
        batches: dict[str, list[str]] = {}
        keys: dict[str, str] = {}
        for event in (event for row in rows(self.openfinops) for event in row["events"]):
            in_span = span.start <= datetime.fromisoformat(event["window_start"]) < span.end
            if event["target"].startswith(f"{self.provider}/") and in_span:
                batch = f"{event['run_id']}/{event['batch_number']}"
                assert keys.setdefault(event["idempotency_key"], batch) == batch, "one key for two batches"
                batches.setdefault(event["target"], []).append(batch)
        assert len(set(keys.values())) == len(keys), "two keys for one batch"
        return batches

    def twice(self, span: Window = EVER) -> Counter[str]:
        """Batches that OpenFinOps has more than once."""
        counted = Counter(batch for batches in self.received(span).values() for batch in batches)
        return Counter({batch: count for batch, count in counted.items() if count > 1})


def config(aws: LocalAws | None, openfinops_url: str, sections: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """A configuration that notices within seconds what a real one notices within minutes; ``sections`` add to it."""
    document: dict[str, dict[str, Any]] = {
        **({} if aws is None else {"aws": _aws_section(aws)}),
        "generic": {"services": ["host"], "collection_interval": 10},
        "openfinops": {"endpoint": openfinops_url},
        "collect": {"deadline": 5, "concurrency": 1},
        "ledger": {"sweep_interval": 1, "lease": 8},
        "ingest": {"claim_after": 1},
    }
    for name, section in sections.items():
        document.setdefault(name, {}).update(section)
    return document


def _aws_section(aws: LocalAws) -> dict[str, Any]:
    return {
        "access_key_id": "${AWS_ACCESS_KEY_ID}",
        "secret_access_key": "${AWS_SECRET_ACCESS_KEY}",
        "regions": list(REGIONS),
        "services": ["ec2"],
        "backfill": "1h",
        "endpoints": dict.fromkeys(("ec2", "cloudwatch", "pricing", "sts"), aws.url),
    }


@contextmanager
def running_pipeline(
    directory: Path,
    aws: LocalAws | None,
    /,
    *,
    provider: str = "aws",
    receiving: bool = True,
    flower: bool = False,
    variables: Mapping[str, str] | None = None,
    **sections: Mapping[str, Any],
) -> Iterator[Pipeline]:
    """`finfleet up` on a local AWS, or on what `sections` name, ready.

    OpenFinOps has an address, and runs unless told otherwise. Flower takes a second of a processor to start: it runs
    where it is asked for.
    """
    with ExitStack() as stack:
        server = OpenFinOpsServer(directory / "openfinops")
        server.start()
        stack.callback(server.stop)
        path = directory / "telemetry.yaml"
        path.write_text(yaml.safe_dump(config(aws, server.url, sections)), encoding="utf-8")
        if not receiving:
            server.stop()
        options = () if flower else ("--no-flower",)
        environment = {**KEYS, **(variables or {}), "FINFLEET_CONFIG": str(path)}
        up = stack.enter_context(finfleet_up(directory / "state", *options, variables=environment))
        yield Pipeline(up, server, path, environment, provider)
