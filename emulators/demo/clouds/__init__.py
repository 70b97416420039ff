"""The local clouds of the demo, one file each: what they hold, how the fleet is to reach them, what it must find."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from emulators.demo.clouds.aws import running_aws
from emulators.demo.clouds.azure import running_azure
from emulators.demo.clouds.cloud import Cloud, Expected, Planned
from emulators.demo.clouds.gcp import running_gcp

__all__ = ["Cloud", "Expected", "Planned", "running_clouds"]


@contextmanager
def running_clouds(state: Path) -> Iterator[tuple[Cloud, ...]]:
    """All of them, on free ports of this machine. ``state`` is a directory for files that the fleet has to read."""
    with ExitStack() as stack:
        yield tuple(stack.enter_context(running(state)) for running in (running_aws, running_azure, running_gcp))
