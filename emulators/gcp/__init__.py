"""A local Google Cloud on loopback: Monitoring, inventory and prices over gRPC, BigQuery and tokens over REST.

`LocalGcp` runs it inside a process; `python -m emulators.gcp` runs it as one.
"""

from emulators.gcp.server import LocalGcp

__all__ = ["LocalGcp"]
