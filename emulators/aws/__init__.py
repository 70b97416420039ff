"""A local AWS at one address: moto for what it does right, servers of our own for the rest.

`LocalAws` runs it inside a process; `python -m emulators.aws` runs it as one.
"""

from emulators.aws.server import LocalAws

__all__ = ["LocalAws"]
