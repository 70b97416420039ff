"""OpenFinOps as a destination: one agent a target, one row of telemetry a batch."""

from __future__ import annotations

import logging
import socket
from typing import Self

from agents.core.destination import Destination, shaping
from agents.destinations.openfinops.client import OpenFinOpsClient
from agents.destinations.openfinops.settings import OpenFinOpsSettings
from agents.destinations.openfinops.shape import agent_of, telemetry_of
from telemetry.batch import Batch
from telemetry.errors import ForwardRejected

logger = logging.getLogger(__name__)


class OpenFinOps(Destination):
    """A server, by its client."""

    def __init__(self, client: OpenFinOpsClient) -> None:
        self.client = client
        self.label = f"OpenFinOps at {client.base}"
        # A registration, an ingest, a look at the health page, and another registration to judge a refusal by.
        self.longest = 4 * client.timeout
        self._hostname = socket.gethostname()

    @classmethod
    def of(cls, settings: OpenFinOpsSettings) -> Self:
        """The server that a section of the configuration names."""
        return cls(
            OpenFinOpsClient(
                settings.endpoint,
                settings.api_key,
                settings.timeout.total_seconds(),
                settings.ca_file,
                allow_plaintext=settings.allow_plaintext,
            )
        )

    def send(self, batch: Batch) -> str:
        """Register the target's agent, once a process, and send the batch."""
        with shaping(batch, self.label):
            telemetry = telemetry_of(batch, self._hostname)
            agent = agent_of(batch.run.target, self._hostname)
        try:
            self.client.register(agent)
        except ForwardRejected as rejected:
            # Without it the agent is not in OpenFinOps's list, but its telemetry is taken all the same.
            logger.warning("an agent is not registered: %s", rejected)
        self.client.ingest(telemetry)
        return ""

    def takes(self, batch: Batch) -> bool:
        """Whether it takes the registration of the batch's agent: a proxy that refuses everything refuses that too."""
        return self.client.takes(agent_of(batch.run.target, self._hostname))

    def recovered(self) -> None:
        """Register every agent again."""
        self.client.forget_agents()

    def abort(self) -> None:
        """End the requests that are under way."""
        self.client.abort()

    def close(self) -> None:
        """Close the connections."""
        self.client.close()
