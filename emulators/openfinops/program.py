"""Runs OpenFinOps's own telemetry server until its standard input ends.

Started by its path, in the environment that has OpenFinOps: nothing of ours can be imported here. It writes one line of
JSON with the port to standard output once it listens, and keeps its database in the current directory.

Start it with ``python -I``: otherwise this folder, where a file is named like the package, would come first on the
path.
"""

from __future__ import annotations

import argparse
import json
import sys
import threading
import time
from importlib import import_module
from typing import Any


def main() -> None:
    """Serve; return when whoever started us is gone, or closes our standard input."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=0)
    arguments = parser.parse_args()

    telemetry = import_module("openfinops.observability.telemetry_server").TelemetryServer(
        arguments.host, arguments.port
    )
    telemetry.start_time = time.time()  # what start_server() does, which would not tell its port
    make_server = import_module("werkzeug.serving").make_server
    server = make_server(arguments.host, arguments.port, telemetry.app, threaded=True)
    threading.Thread(target=_stop_at_end_of_input, args=[server], daemon=True).start()
    sys.stdout.write(json.dumps({"port": server.server_port}) + "\n")
    sys.stdout.flush()
    server.serve_forever()


def _stop_at_end_of_input(server: Any) -> None:
    # The kernel closes the other end however its holder dies.
    sys.stdin.buffer.read()
    server.shutdown()


if __name__ == "__main__":
    main()
