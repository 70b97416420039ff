"""One run: from a target and a window to batches and a report. The fleet and the command line both go this way."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime, timedelta

from msgspec.structs import replace

from agents.core.context import Context, Shared
from agents.core.foreign import THROUGH, ours
from agents.core.limits import LONGEST_WAIT
from agents.core.meter import Meter
from agents.core.service import Service, find
from telemetry.batch import MAX_BATCH_RECORDS, Batch, Outcome, Report, Run
from telemetry.builder import build_batches
from telemetry.closest import did_you_mean
from telemetry.codec import encode
from telemetry.costs import CostLine
from telemetry.deliveries import Delivery, DeliveryState
from telemetry.errors import BudgetReached, CollectionError, CollectionFailed, Denied, MessageError, Throttled
from telemetry.fitting import fit_text
from telemetry.recommendations import Recommendation
from telemetry.records import CostRate, MetricPoint, Record, Resource
from telemetry.redact import redact
from telemetry.settings import Account
from telemetry.sieve import Sieve
from telemetry.target import Target, Window

logger = logging.getLogger(__name__)

RECORDS = (Resource, MetricPoint, CostRate, CostLine, Delivery, Recommendation)
_MAX_ERROR = 2000
_OUTCOMES = {Denied: Outcome.DENIED, Throttled: Outcome.THROTTLED, BudgetReached: Outcome.THROTTLED}


class Collection:
    """One execution of one attempt at a window."""

    def __init__(
        self, shared: Shared, run: Run, *, batch_limit: int = MAX_BATCH_RECORDS, only: tuple[str, ...] | None = None
    ) -> None:
        """Make nothing yet: whatever goes wrong, :meth:`report` must be able to say it.

        ``only`` are the provider's own names of the resources that are wanted, for services that can be asked so.
        """
        self.run = run
        self.meter = Meter()
        self._shared = shared
        self._batch_limit = batch_limit
        self._only = only
        self._batches = 0
        self._records = 0

    def batches(self) -> Iterator[Batch]:
        """The numbered batches, as the pages come in. CollectionError where it does not end well."""
        target, window = self.run.target, self.run.window
        try:
            records = self._records_of(target, window)
            now = self._shared.now()
            possible = Sieve(self.run, self._lost).pass_on(map(self._named, records))
            for batch in build_batches(self.run, possible, now, self._batch_limit, missing=self.meter.missing):
                self._batches += 1
                self._records += batch.record_count
                yield batch
            self._check_answered()
        except THROUGH:
            raise
        except BaseException as error:
            # A fault of ours or of an SDK: the window must not be lost for it, and the reason must be seen.
            found = ours(error)
            if found is error:
                raise
            logger.exception("collection of %s %s failed", target, window)
            raise found from error

    def _named(self, record: Record) -> Record:
        """A delivery that was seen says which service reads it."""
        if not isinstance(record, Delivery) or record.service or record.state is DeliveryState.READ:
            return record
        return replace(record, service=_service(self.run.target).delivers)

    def _lost(self, why: str) -> None:
        if _service(self.run.target).delivered:
            # A bill is read whole or not at all.
            raise CollectionFailed(f"no message can hold a record of it: {why}")
        self.meter.partial("everything", f"no message can hold it: {why}", of="records")

    def _check_answered(self) -> None:
        """Where nothing but refusals was answered, the window is not one without anything in it."""
        if self.meter.refusals and not self._records:
            raise self.meter.refusals[0]

    def _records_of(self, target: Target, window: Window) -> Iterator[Record]:
        service = _service(target)
        account = find_account(self._shared, target)
        self.meter = Meter(service.paid)
        deadline = time.monotonic() + self._shared.settings.collect.deadline.total_seconds()
        context = Context(self._shared, account, self.meter, deadline, self._only)
        return _records_in(lambda: service.collect(context, target, window))

    def report(self, error: CollectionError | None = None, *, retrying: bool = False) -> Report:
        """The last message of the run: how it ended, what was published and what it took."""
        outcome = Outcome.COMPLETE if self._records else Outcome.EMPTY
        if error is not None:
            outcome = Outcome.RETRYING if retrying else _outcome(error)
        now = self._shared.now()
        refusals = self.meter.refusals if error is None else [error]
        # A part that was refused may be there at any later time; when to ask is the ledger's.
        wait = error.retry_after if error is not None else 0.0 if refusals else None
        return Report(
            run=self.run,
            outcome=outcome,
            batches=self._batches,
            records=self._records,
            finished_at=now,
            apis=self.meter.report(),
            unknown_prices=self.meter.unknown_prices,
            error=fit_text(redact(str(error)), _MAX_ERROR) if error is not None else "",
            permission=fit_text(next((one.permission for one in refusals if isinstance(one, Denied)), "")),
            not_before=None if wait is None else now + timedelta(seconds=min(wait, LONGEST_WAIT)),
            # Of a run that did not end well nothing counts: what it lacks is the least of it.
            partial=self.meter.missing() if error is None else (),
        )


def _records_in(collect: Callable[[], Iterable[Record]]) -> Iterator[Record]:
    """The records of a service, whatever else it does: what it raises to end us is a fault of its own, too."""
    try:
        records = iter(collect())
    except (StopIteration, GeneratorExit) as error:  # these would end us without a word
        raise ours(RuntimeError(repr(error))) from error
    try:
        while True:
            try:
                record = next(records)
            except StopIteration:
                return
            except GeneratorExit as error:  # its own: nobody has closed us here
                raise ours(RuntimeError(repr(error))) from error
            if not isinstance(record, RECORDS):
                raise CollectionFailed(f"the service yields a {type(record).__name__}, and only records can be stored")
            yield record
    finally:
        _close(records)


def _close(records: Iterator[Record]) -> None:
    try:
        close = getattr(records, "close", None)
        if close is not None:
            close()
    except KeyboardInterrupt:
        raise
    except BaseException:
        logger.exception("a service cannot end in order")


def encoded(batch: Batch) -> bytes:
    """A batch as bytes; CollectionFailed where a record in it cannot be stored, and which."""
    try:
        return encode(batch)
    except MessageError as error:
        raise CollectionFailed(str(error)) from None
    except Exception as error:
        logger.exception("a batch of %s cannot be encoded", batch.run.target)
        raise CollectionFailed(f"a record cannot be stored: {ours(error)}") from error


def not_begun(run: Run, error: BaseException, now: datetime) -> Report:
    """The report of a run that came to nothing before it began."""
    return Report(run, Outcome.FAILED, 0, 0, now, [], error=redact(str(ours(error)))[:_MAX_ERROR])


def _outcome(error: CollectionError) -> Outcome:
    return next((outcome for kind, outcome in _OUTCOMES.items() if isinstance(error, kind)), Outcome.FAILED)


def _service(target: Target) -> Service:
    try:
        return find(target.provider, target.service)
    except LookupError as error:
        raise CollectionFailed(f"{error}: install it on this worker") from None


def find_account(shared: Shared, target: Target) -> Account:
    """The account that the target names, as this process is configured."""
    section = shared.settings.provider(target.provider)
    if section is None:
        raise CollectionFailed(f"{target}: {target.provider} is not enabled in the configuration of this worker")
    # There may be thousands, and each window asks for one. The section is kept, else its id might become another's.
    _, accounts = shared.once(
        ("accounts by name", target.provider, id(section)),
        lambda: (section, {account.name: account for account in section.accounts_of(target.provider)}),
    )
    if target.account in accounts:
        return accounts[target.account]
    raise CollectionFailed(
        f"{target}: the configuration of this worker has no {target.provider} account of that name; "
        f"{did_you_mean(target.account, accounts)}"
    )
