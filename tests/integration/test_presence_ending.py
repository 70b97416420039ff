"""Processes as they are started and told to stop: each says that it lives, and in the end that it was told to."""

import os
import signal
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path

from storage import processes
from storage.database import Database
from tests.support.waiting import until

_CONFIG = "generic: {services: [host]}\n"
_COMMANDS = (("ingest",), ("beat",), ("worker", "generic"))
"""One that writes its own signs, and two that end in ways of their own and have no database."""


def test_each_process_says_that_it_lives_and_that_it_was_told_to_stop(
    database: Database, database_url: str, redis_url: str, tmp_path: Path
) -> None:
    (tmp_path / "telemetry.yaml").write_text(_CONFIG, encoding="utf-8")
    servers = {"FINFLEET_DATABASE_URL": database_url, "FINFLEET_BROKER_URL": redis_url}
    environment = {**os.environ, **servers, "FINFLEET_CONFIG": str(tmp_path / "telemetry.yaml")}
    with ExitStack() as stack, database.connection() as connection:
        log = stack.enter_context((tmp_path / "log").open("wb"))
        running = {}
        for words in _COMMANDS:
            process = subprocess.Popen(
                [sys.executable, "-m", "workers.cli", *words],
                stdout=log,
                stderr=log,
                env=environment,
                cwd=tmp_path,
            )
            stack.callback(process.wait)
            stack.callback(process.kill)
            running[" ".join(words)] = process

        def living() -> dict[str, int]:
            return {one.role: one.pid for one in processes.listing(connection) if not one.stopped}

        until(lambda: living() == {role: process.pid for role, process in running.items()}, 30, "each has given a sign")
        assert {one.queues for one in processes.listing(connection)} == {"", "collect.generic collect.generic.live"}
        for role in reversed(running):  # the ingest last: it writes down what the others say
            running[role].send_signal(signal.SIGTERM)
            until(lambda role=role: role not in living(), 30, f"{role} has ended in order")  # type: ignore[misc]
            assert running[role].wait(30) == 0
