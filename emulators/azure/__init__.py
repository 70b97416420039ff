"""A local Azure at one address, over TLS: the token endpoint, Resource Manager, Monitor, Cost Management and prices.

`LocalAzure` runs it inside a process; `python -m emulators.azure` runs it as one.
"""

from emulators.azure.directory import DEFAULT_TENANT
from emulators.azure.server import LocalAzure
from emulators.azure.subscriptions import DEFAULT_SUBSCRIPTION, SECOND_SUBSCRIPTION

__all__ = ["DEFAULT_SUBSCRIPTION", "DEFAULT_TENANT", "SECOND_SUBSCRIPTION", "LocalAzure"]
