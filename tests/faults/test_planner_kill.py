"""Real planners, a real worker and the ingest: work goes on as results settle, whichever planner is killed."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import psycopg
import pytest
import redis

from benchmarks.stub import add_stub
from tests.support.waiting import until

pytestmark = pytest.mark.timeout(180)

_ROOT = Path(__file__).parents[2]
_CONFIG = """
stub:
  services: [quick1, metered, bills]
  accounts: [{name: one}, {name: two}]
  backfill: 10d
collect: {concurrency: 4}
"""


@contextmanager
def _running(variables: dict[str, str], log: Path, *words: str) -> Iterator["subprocess.Popen[bytes]"]:
    command = [sys.executable, "-P", "-m", "workers.cli", *words]
    with log.open("wb") as output, subprocess.Popen(command, env=variables, stdout=output, stderr=output) as process:
        try:
            yield process
        finally:
            process.kill()


def test_a_killed_planner_is_replaced_and_no_lane_holds_up_another(
    database_url: str, redis_url: str, tmp_path: Path
) -> None:
    packages, config = tmp_path / "packages", tmp_path / "telemetry.yaml"
    add_stub(packages)
    config.write_text(_CONFIG, encoding="utf-8")
    variables = {
        **os.environ,
        "FINFLEET_CONFIG": str(config),
        "FINFLEET_DATABASE_URL": database_url,
        "FINFLEET_BROKER_URL": redis_url,
        "PYTHONPATH": os.pathsep.join([str(packages), str(_ROOT)]),
        "STUB_SECONDS": "0.01",
        "STUB_SLOW_SECONDS": "600",
    }
    with ExitStack() as stack, psycopg.connect(database_url, autocommit=True) as connection:

        def start(*words: str) -> "subprocess.Popen[bytes]":
            log = tmp_path / f"{'-'.join(words)}.log"
            return stack.enter_context(_running(variables, log, *words))

        def settled(service: str = "%") -> int:
            row = connection.execute(
                "SELECT count(*) FROM finfleet.collections JOIN finfleet.targets USING (target_id)"
                " WHERE state = 'complete' AND service LIKE %s",
                (service,),
            ).fetchone()
            assert row
            return int(row[0])

        start("ingest")
        start("worker", "stub")
        planners = [start("worker", "plan", "--name", name) for name in ("first", "second")]
        # Bills take for ever here, and at most two of the four threads.
        until(lambda: settled("quick1") > 40 and settled("metered") > 40, 60, "results settle, and more is handed out")
        with redis.Redis.from_url(redis_url, decode_responses=True) as client:
            assert client.llen("collect.stub.slow") <= 2
        for process in planners:
            process.send_signal(signal.SIGKILL)
            process.wait()
            if process is planners[0]:
                reached = settled()
                until(lambda: settled() > reached + 60, 20, "the other one goes on")  # noqa: B023 - within the turn
        assert settled("bills") == 0
        sent = connection.execute(
            "SELECT count(*) FROM finfleet.collections JOIN finfleet.targets USING (target_id)"
            " WHERE state = 'dispatched' AND service = 'bills'"
        ).fetchone()
        assert sent
        assert 1 <= sent[0] <= 2
