"""OpenFinOps's real telemetry server as a program of its own: ``python -m emulators.openfinops``."""

from __future__ import annotations

import argparse
import sys
import tempfile
import threading
from pathlib import Path

from emulators.core.program import ending, write_whole
from emulators.openfinops.environment import OpenFinOpsNotBuilt, openfinops_python
from emulators.openfinops.server import OpenFinOpsNotStarted, OpenFinOpsServer


def main(arguments: list[str] | None = None) -> int:
    """Run the server until a signal ends it: ``python -m emulators.openfinops``."""
    parser = argparse.ArgumentParser(prog="python -m emulators.openfinops", description=__doc__)
    parser.add_argument("--port", type=int, default=0, help="of the loopback address; a free one where 0")
    parser.add_argument("--directory", type=Path, help="keeps the database and the log; a temporary one by default")
    parser.add_argument("--ready-file", type=Path, help="its address is written here once it listens")
    parser.add_argument("--build-only", action="store_true", help="set its environment up, and end")
    options = parser.parse_args(arguments)
    if options.build_only:
        sys.stdout.write(f"{openfinops_python()}\n")
        return 0
    stop = ending()
    with (
        tempfile.TemporaryDirectory(prefix="openfinops-") as temporary,
        OpenFinOpsServer(options.directory or Path(temporary), port=options.port) as server,
    ):
        return _serve(server, stop, options.ready_file)


def _serve(server: OpenFinOpsServer, stop: threading.Event, ready_file: Path | None) -> int:
    if ready_file is not None:
        write_whole(ready_file, server.url)
    sys.stderr.write(f"OpenFinOps listens on {server.url}\n")
    while not stop.wait(0.2):
        if not server.running:
            sys.stderr.write(f"OpenFinOps ended by itself; it wrote:\n{server.last_lines()}\n")
            return 1
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except (OpenFinOpsNotBuilt, OpenFinOpsNotStarted) as problem:
        sys.exit(f"{problem}")
