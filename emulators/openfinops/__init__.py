"""OpenFinOps's real telemetry server, as a program beside us: for the demo and the tests.

``python -m emulators.openfinops --ready-file FILE`` runs it until SIGTERM or SIGINT. In Python::

    with OpenFinOpsServer(directory) as server:
        httpx.get(f"{server.url}/health")
"""

from emulators.openfinops.server import OpenFinOpsNotStarted, OpenFinOpsServer

__all__ = ["OpenFinOpsNotStarted", "OpenFinOpsServer"]
