"""The results queue: batches and reports, from the collect tasks to the ingest.

``open_carrier`` gives the carrier that fits the broker: a stream on Redis, a quorum queue on AMQP.
"""

from __future__ import annotations

from pydantic import SecretStr

from tasks.results import address
from tasks.results.carrier import Carrier, CarrierUnavailable, Consumer, Delivery, Depth, Publisher

__all__ = [
    "LETTERS",
    "NAME",
    "Carrier",
    "CarrierUnavailable",
    "Consumer",
    "Delivery",
    "Depth",
    "Publisher",
    "open_carrier",
]

NAME = "finfleet.results"
"""Of the exchange and the queue (AMQP), and the stem of the stream's key (Redis)."""
LETTERS = "finfleet.letters"
"""The same, of what workers found on Celery's queues and could not use: see telemetry.undeliverable."""


def open_carrier(broker_url: SecretStr, name: str = NAME) -> Carrier:
    """The results queue on the broker at this address: redis://, rediss://, amqp:// or amqps://.

    Connects to nothing yet.

    Raises:
        ConfigError: the address cannot be read, or has another scheme.
    """
    broker = address.parse(broker_url)
    # Each carrier brings a client library of its own; a process loads the one that it needs.
    if broker.scheme in address.REDIS_SCHEMES:
        from tasks.results.redis_stream import RedisCarrier  # noqa: PLC0415 - see above

        return RedisCarrier(broker, name)
    from tasks.results.amqp import AmqpCarrier  # noqa: PLC0415 - see above

    return AmqpCarrier(broker, name)
