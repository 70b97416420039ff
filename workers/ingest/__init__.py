"""The ingest: from the results queues into Postgres.

::

    doors      reads one message: what is let in from which queue, and what becomes a dead letter
    parcel     one message on its way: what of it is still to be written
    chunks     as much as one transaction takes, by records, days and messages
    writer     one chunk: waits for a database that is away, and finds the one that cannot be written
    lane       one kind of message, in a thread of its own: receive, read, write, acknowledge
    ingest     all lanes of a process
"""

from workers.ingest.ingest import Ingest, Queues

__all__ = ["Ingest", "Queues"]
