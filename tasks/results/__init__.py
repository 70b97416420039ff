"""The results queues: batches and reports, from the collect tasks to the ingest; what is pushed; what nobody can use.

Each kind waits in a queue of its own, so that none of them holds up another.

``open_carrier`` gives the carrier that fits the broker: a stream on Redis, a quorum queue on AMQP.
"""

from __future__ import annotations

from collections.abc import Iterable

from pydantic import SecretStr

from tasks.results.carrier import MOST_BYTES, Carrier, CarrierUnavailable, Consumer, Delivery, Depth, Publisher
from telemetry.broker import Address, parse

__all__ = [
    "BILLS",
    "LETTERS",
    "MOST_BYTES",
    "NAME",
    "PROCESSES",
    "Carrier",
    "CarrierUnavailable",
    "Consumer",
    "Delivery",
    "Depth",
    "Publisher",
    "ingest_queues",
    "open_carrier",
    "pushes_of",
]

NAME = "finfleet.results"
"""Of the exchange and the queue (AMQP), and the stem of the stream's key (Redis)."""
BILLS = "finfleet.bills"
"""Of the results of services that bring lines of costs: many, and none of them is in a hurry."""
LETTERS = "finfleet.letters"
"""Of what a worker without a database found and could not use: see telemetry.undeliverable."""
PROCESSES = "finfleet.processes"
"""Of the signs of life of processes without a database: see telemetry.presence. Losing it costs nothing."""


def pushes_of(source: str) -> str:
    """The name of the queue of one source that pushes. A broker's permissions can keep others away from it."""
    return f"finfleet.push.{source}"


def ingest_queues(sources: Iterable[str]) -> dict[str, str]:
    """Every queue that an ingest takes messages off: its name on the broker, by what people call it."""
    pushes = {f"push.{source}": pushes_of(source) for source in sources}
    return {"results": NAME, "bills": BILLS, "letters": LETTERS, **pushes}


def open_carrier(broker: Address | SecretStr, name: str = NAME) -> Carrier:
    """The results queue on the broker at this address: redis://, rediss://, amqp:// or amqps://.

    Connects to nothing yet.

    Raises:
        ConfigError: the address cannot be read, or has another scheme.
    """
    address = parse(broker) if isinstance(broker, SecretStr) else broker
    # Each carrier brings a client library of its own; a process loads the one that it needs.
    if address.is_redis:
        from tasks.results.redis_stream import RedisCarrier  # noqa: PLC0415 - see above

        return RedisCarrier(address, name)
    from tasks.results.amqp import AmqpCarrier  # noqa: PLC0415 - see above

    return AmqpCarrier(address, name)
