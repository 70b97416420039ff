"""The transaction that takes messages in, and what becomes of those that cannot be."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from types import MappingProxyType

from psycopg.errors import CheckViolation
from psycopg.pq import TransactionStatus

from storage.cost_scopes import save_bills
from storage.database import Connection
from storage.dead_letters import Letter, dead_letter
from storage.errors import StorageRejected, translated
from storage.partitions import PartitionsMissing, create
from storage.writer.admission import admit
from storage.writer.bookkeeping import count_in, save_batches, save_runs, save_settlement
from storage.writer.costs import store_costs
from storage.writer.deliveries import owe, prove, store_deliveries
from storage.writer.identities import Identities
from storage.writer.memory import Memory, memory_of
from storage.writer.messages import Policy, Received, Rejected, Undecodable, Written
from storage.writer.readings import read, store
from storage.writer.recommendations import store_recommendations
from storage.writer.settlement import settle
from storage.writer.state import Admitted, WindowKey
from telemetry.redact import redact

Refresh = Mapping[tuple[str, str], Sequence[timedelta]]
"""By provider and service: how long after its end a window is read again."""

_NO_REFRESH: Refresh = MappingProxyType({})
_IMPOSSIBLE = (StorageRejected, ArithmeticError, TypeError, ValueError)
"""What one message can raise by what is in it. A database that is down is another matter, and goes to the caller."""
_TRIES = 3


def take_in(
    connection: Connection,
    received: Sequence[Received],
    undecodable: Sequence[Undecodable],
    *,
    destinations: Sequence[str],
    now: datetime,
    refresh: Refresh = _NO_REFRESH,
    max_attempts: int = 8,
) -> Written:
    """Write what can be written, and keep the rest as dead letters. When it returns, all of it may be acked.

    A message is acked after its transaction has committed, or after it is among the dead letters with its reason:
    both have happened before this returns. Where it raises instead (StorageUnavailable), or the process dies in the
    middle, nothing is acked and all of it is delivered again: what was written is known then, and changes nothing;
    a dead letter goes into the row where it is already. The arguments are those of :func:`write`.
    """
    writing = _Writing(connection, tuple(destinations), Policy(refresh=refresh, max_attempts=max_attempts), now)
    written = writing.write_each(received)
    letters = [Letter(*item) for item in undecodable]
    letters += [Letter(item.received.body, item.code, item.reason) for item in written.rejected]
    dead_letter(connection, letters, now)
    written.dead_lettered.update(letter.code for letter in letters)
    return written


def write_each(
    connection: Connection,
    received: Sequence[Received],
    *,
    destinations: Sequence[str],
    now: datetime,
    refresh: Refresh = _NO_REFRESH,
    max_attempts: int = 8,
) -> Written:
    """As :func:`write`, but a message that the database refuses does not stop the others: it is rejected.

    It is found by halving, so its neighbours are written in a few transactions instead of one.
    """
    policy = Policy(refresh=refresh, max_attempts=max_attempts)
    return _Writing(connection, tuple(destinations), policy, now).write_each(received)


def write(
    connection: Connection,
    received: Sequence[Received],
    *,
    destinations: Sequence[str],
    now: datetime,
    refresh: Refresh = _NO_REFRESH,
    max_attempts: int = 8,
) -> Written:
    """Write all of it in one transaction, which is committed when this returns.

    A message may come again, late, or before those that were published before it: the tables come out the same.
    What the ledger never planned is returned as rejected, and not written.

    Args:
        connection: without a transaction of its own.
        received: messages of any targets, runs and attempts. Their number bounds the memory that this takes.
        destinations: where each new batch is to be forwarded to; one row of the outbox each.
        now: the time of settling, and what a wait counts from.
        refresh: when a settled window is read again.
        max_attempts: failed or lost attempts, until a window is given up.

    Raises:
        StorageRejected: the database refuses one of the messages; nothing is written.
        StorageUnavailable: it cannot be reached, or lost a lock; nothing is written, unless the connection broke
            during the commit.
    """
    policy = Policy(refresh=refresh, max_attempts=max_attempts)
    return _Writing(connection, tuple(destinations), policy, now).write(received)


@contextmanager
def rehearsal(connection: Connection, *, now: datetime) -> Iterator[Callable[[Sequence[Received]], Written]]:
    """What :func:`write` would do, in a transaction that is taken back at the end: to look at what comes of it."""
    writing, memory = _Writing(connection, (), Policy(), now), Memory()
    with translated(), connection.transaction(force_rollback=True):
        yield lambda received: writing.in_transaction(received, memory)


@dataclass(frozen=True, slots=True)
class _Writing:
    """The arguments that the transactions of one call have in common."""

    connection: Connection
    destinations: tuple[str, ...]
    policy: Policy
    now: datetime

    def write_each(self, received: Sequence[Received]) -> Written:
        try:
            return self.write(received)
        except _IMPOSSIBLE as error:
            if len(received) == 1:
                reason = redact(f"it cannot be stored: {error}")
                return Written(rejected=[Rejected(received[0], "refused", reason)])
        middle = len(received) // 2
        written = self.write_each(received[:middle])
        written.add(self.write_each(received[middle:]))
        return written

    def write(self, received: Sequence[Received]) -> Written:
        if self.connection.info.transaction_status != TransactionStatus.IDLE:
            raise RuntimeError("the writer ends its transaction itself: give it a connection that has none")
        if not received:
            return Written()
        memory = memory_of(self.connection)
        for attempt in range(_TRIES):
            # What is late for a day that was sealed may find that what it has made is dropped again: it was empty.
            try:
                return self.in_transaction(received, memory, making=attempt == _TRIES - 1)
            except PartitionsMissing as missing:
                # Made outside, since their lock must not be held for as long as the transaction takes.
                with translated():
                    create(self.connection, missing.partitions)
        raise StorageRejected("the partitions of these days are dropped as soon as they are made")

    def in_transaction(self, received: Sequence[Received], memory: Memory, *, making: bool = False) -> Written:
        """Write it in a transaction of its own, or in the one that there is."""
        written = Written()
        identities = Identities(memory)
        with translated(), self.connection.transaction():
            admitted = admit(self.connection, received, written)
            count_in(admitted)
            save_runs(self.connection, admitted, self.now)
            seen: list[WindowKey] = []
            if admitted.batches:
                self._store(admitted, identities, memory, making=making)
                seen = store_deliveries(self.connection, admitted, self.now)
            prove(self.connection, admitted)
            settlement = settle(admitted, self.policy, self.now)
            save_settlement(self.connection, settlement)
            owe(self.connection, seen, settlement.keys_of(admitted.delivered), self.now)
            bills = settlement.bills(new.run.run_id for new in admitted.batches if new.batch.costs)
            save_bills(self.connection, bills, self.now)
        identities.remember()
        written.batches = len(admitted.batches)
        written.records = sum(new.batch.record_count for new in admitted.batches)
        written.reports = len(admitted.reports)
        written.settled.update(window.state for window in settlement.changed)
        written.ended = [new.report for new in admitted.reports]
        for new in admitted.batches:
            target = new.batch.run.target
            written.records_of[target.provider, target.service] += new.batch.record_count
        return written

    def _store(self, admitted: Admitted, identities: Identities, memory: Memory, *, making: bool) -> None:
        ids = identities.resolve(self.connection, [new.batch for new in admitted.batches])
        readings = [read(new, own) for new, own in zip(admitted.batches, ids, strict=True)]
        try:
            store(self.connection, readings, admitted.runs_by_window(), memory.partitions, making=making)
        except CheckViolation as error:
            if error.diag.constraint_name:
                raise
            # No constraint of ours: a partition that was there is gone.
            memory.partitions.forget()
            raise PartitionsMissing(frozenset()) from None
        store_costs(self.connection, admitted.batches)
        store_recommendations(self.connection, admitted.batches)
        save_batches(self.connection, readings, self.destinations)
