"""From the results queue into the tables: one transaction for many messages.

::

    admission     locks the windows; what is new, known already, or was never planned
    pushed        lets in what was pushed by a source with a name, for which nobody plans
    identities    ids of resources and series, from a cache where they are known
    readings      points and rates: copied, or merged so that the newest wins
    costs         lines of costs: kept by run
    settlement    which windows are complete, empty, denied, failed, or due again
    bookkeeping   runs, batches, outbox, ledger
    writing       the transaction, and the way of what is refused
    memory        what one transaction leaves for the next
"""

from storage.writer.messages import Received, Rejected, Undecodable, Written
from storage.writer.pushed import name_sources
from storage.writer.writing import rehearsal, take_in, write, write_each

__all__ = [
    "Received", "Rejected", "Undecodable", "Written", "name_sources", "rehearsal", "take_in", "write", "write_each",
]  # fmt: skip
