"""What a worker of each provider keeps in memory, beside its bare SDK: `python -m benchmarks.memory`.

Each in a fresh process: the SDK with the clients of one service; a collection of a hundred machines without a fleet; a
worker that waits, and one that has collected them. PSS shares what several processes map among them.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, closing, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple, Self

import msgspec
import psutil
import yaml
from celery import Celery
from pydantic import SecretStr

from benchmarks import azure_calls, frame, gcp_calls
from benchmarks.aws_collectors import REGION
from benchmarks.cloud_calls import Seeded
from benchmarks.cloud_collectors import Task
from benchmarks.memory_process import THREADS
from emulators.aws import LocalAws
from emulators.aws.seed import seed_ec2
from tasks.app import make_app
from tasks.results import open_carrier
from telemetry.settings import load_settings
from telemetry.target import Target, Window, floor_time
from workers.embedded import EmbeddedValkey

_MACHINES = 100
_MB = 2**20
_WITHIN = 60.0
_MINUTES = timedelta(minutes=5)


class Size(NamedTuple):
    """Of one process."""

    rss: int
    #: None where the system does not tell.
    pss: int | None
    modules: int
    threads: int


@contextmanager
def _aws(machines: int) -> Iterator[Seeded]:
    aws = LocalAws()
    seed_ec2(aws, machines, [REGION], hours_back=1, hours_ahead=0)
    with aws:
        section: dict[str, object] = {
            "access_key_id": "AKIALOCALAWS",
            "secret_access_key": "not-a-secret",
            "region": REGION,
            "endpoints": dict.fromkeys(("ec2", "cloudwatch", "pricing", "sts"), aws.url),
        }
        yield Seeded(f"aws/default/{REGION}/ec2", section, aws.calls, aws.log.reset)


_CLOUDS: Mapping[str, Callable[[int], AbstractContextManager[Seeded]]] = {
    "aws": _aws,
    # A worker goes by the machine's clock.
    "azure": lambda machines: azure_calls.seeded(machines, 1, time.time),
    "gcp": lambda machines: gcp_calls.seeded(machines, 1, time.time),
}


class Measured:
    """A process of `benchmarks.memory_process`."""

    def __init__(self, way: str, provider: str, variables: Mapping[str, str]) -> None:
        """Start it."""
        self._name = f"{provider}, {way}"
        command = [sys.executable, "-m", "benchmarks.memory_process", way, provider]
        environment = {**os.environ, **variables}
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=environment
        )

    def size(self) -> Size:
        """Once it answers; SystemExit where it has ended instead."""
        questions, answers = self._process.stdin, self._process.stdout
        if questions is None or answers is None:
            raise TypeError("it is started with pipes")
        questions.write(b"\n")
        questions.flush()
        modules = answers.readline()
        if not modules:
            raise SystemExit(f"{self._name}: it ended with {self._process.wait()}")
        process = psutil.Process(self._process.pid)
        memory = process.memory_full_info()
        pss = getattr(memory, "pss", None)
        return Size(memory.rss, pss, int(modules), process.num_threads() - THREADS)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        self._process.communicate()


def main() -> None:
    """Measure, and print the table."""
    parser = frame.parser(__doc__)
    parser.add_argument("--providers", nargs="+", choices=list(_CLOUDS), default=list(_CLOUDS))
    parser.add_argument("--machines", type=int, default=_MACHINES)
    arguments = parser.parse_args()
    rows, figures = [], {}
    with TemporaryDirectory(prefix="finfleet-") as name, EmbeddedValkey(Path(name).resolve()) as valkey:
        for provider in arguments.providers:
            sizes = dict(_sizes(provider, arguments.machines, valkey.url, Path(name)))
            bare = sizes["bare SDK"]
            rows += [_cells(f"{provider}: {what}", size, bare) for what, size in sizes.items()]
            worker = sizes["worker, has collected"]
            figures[provider] = f"{worker.rss / bare.rss:.2f} x its SDK ({worker.rss / _MB:.0f} MB)"
    frame.show("memory", ("", "RSS", "PSS", "modules", "threads", "RSS beside the SDK"), rows)
    frame.conclude(figures)


def _sizes(provider: str, machines: int, broker: SecretStr, folder: Path) -> Iterator[tuple[str, Size]]:
    with Measured("bare", provider, {}) as process:
        yield "bare SDK", process.size()
    now = datetime.now(UTC)
    end = floor_time(now - 2 * _MINUTES, _MINUTES)
    window = (end - _MINUTES, end)
    with _CLOUDS[provider](machines) as cloud:
        task = msgspec.json.encode(Task(cloud.target, cloud.section, now, window, 1)).decode()
        with Measured("agent", provider, {"FINFLEET_TASK": task}) as process:
            yield "a collection, no fleet", process.size()
        path = folder / f"{provider}.yaml"
        path.write_text(yaml.safe_dump(msgspec.to_builtins({provider: cloud.section})), encoding="utf-8")
        variables = {"FINFLEET_CONFIG": str(path), "FINFLEET_BROKER_URL": broker.get_secret_value()}
        app = make_app(load_settings(path, variables))
        with Measured("worker", provider, variables) as process, closing(app):
            _until(lambda: bool(app.control.ping(timeout=0.5)), f"the worker of {provider} answers")
            yield "worker, waits", process.size()
            _collect(app, broker, Target.parse(cloud.target), Window(*window))
            yield "worker, has collected", process.size()


def _collect(app: Celery, broker: SecretStr, target: Target, window: Window) -> None:
    with closing(open_carrier(broker)) as carrier:
        before = carrier.depth().messages
        app.send_task(
            "tasks.collect.collect", args=(str(target), str(window), 1, ""), queue=f"collect.{target.provider}"
        )
        # A batch, and the report.
        _until(lambda: carrier.depth().messages >= before + 2, f"the worker of {target.provider} has collected")


def _until(done: Callable[[], bool], what: str) -> None:
    end = time.monotonic() + _WITHIN
    while not done():
        if time.monotonic() > end:
            raise SystemExit(f"not within {_WITHIN:.0f} s: {what}")
        time.sleep(0.05)


def _cells(name: str, size: Size, bare: Size) -> list[str]:
    pss = "?" if size.pss is None else f"{size.pss / _MB:.0f} MB"
    ratio = f"{size.rss / bare.rss:.2f}"
    return [name, f"{size.rss / _MB:.0f} MB", pss, f"{size.modules:,}", str(size.threads), ratio]


if __name__ == "__main__":
    main()
