"""Further workers beside those of `finfleet up`, as an operator starts them."""

import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path

from tests.support.pipeline import Pipeline
from tests.support.up import environment
from tests.support.waiting import until


@contextmanager
def more_workers(pipeline: Pipeline, number: int) -> Iterator[list[Path]]:
    """So many more of the pipeline's provider, with a thread each, at work; and their logs."""
    variables = {**pipeline.environment, "FINFLEET_BROKER_URL": pipeline.redis_url}
    with ExitStack() as stack:
        logs = []
        for name in (f"{pipeline.provider}-{n + 2}" for n in range(number)):
            logs.append(pipeline.config.parent / f"{name}.log")
            stack.enter_context(_worker(pipeline.provider, name, logs[-1], variables))
        for log in logs:
            until(lambda log=log: "ready" in log.read_text(encoding="utf-8"), 60, f"{log.name} says that it is ready")  # type: ignore[misc] # mypy cannot infer a default
        yield logs


@contextmanager
def _worker(provider: str, name: str, log: Path, variables: Mapping[str, str]) -> Iterator[None]:
    # Without -W error: Celery warns of being root.
    words = ("worker", provider, "--name", name, "--concurrency", "1")
    with (
        log.open("wb") as output,
        subprocess.Popen(
            [sys.executable, "-m", "workers.cli", *words], stdout=output, stderr=output, env=environment(**variables)
        ) as process,
    ):
        try:
            yield
        finally:
            process.kill()
