"""The planner's tasks: fan a service out into windows, and sweep up what is due, overdue or was never planned."""

from __future__ import annotations

import logging

from celery import shared_task

from agents.context import utc_now
from storage import ledger
from storage.retention import forget
from tasks import runtime
from tasks.dispatch import dispatch_due
from tasks.regions import with_regions

logger = logging.getLogger(__name__)


@shared_task(name="tasks.plan.fan_out")
def fan_out(provider: str, service: str) -> None:
    """Open the windows of every target of a service that have closed since the last tick, and hand them out.

    Any number of beats may tick: the ledger opens a window once.
    """
    plan = runtime.planned().get((provider, service))
    if plan is None:
        logger.warning("fan_out %s/%s: it is not in the configuration of this worker", provider, service)
        return
    now = utc_now()
    with runtime.database().connection() as connection:
        targets = with_regions(connection, plan.targets, now)
        ledger.sync_targets(connection, targets, provider, service, now)
        opened = ledger.open_windows(connection, provider, service, now)
    handed_out = dispatch_due(provider, service)
    logger.info("%s/%s: %d windows opened, %d attempts handed out", provider, service, opened, handed_out)


@shared_task(name="tasks.plan.sweep")
def sweep() -> None:
    """Mend the ledger, then hand out everything that is due: retries, lost attempts, refreshes, back-fill."""
    now = utc_now()
    with runtime.database().connection() as connection:
        ledger.disable_unknown(connection, list(runtime.planned()), now)
        # What ticks have missed, and what is more than one tick opens: a long back-fill, a long time without a planner.
        opened = ledger.open_windows(connection, None, None, now)
        healed = ledger.heal_gaps(connection, now)
    handed_out = sum(dispatch_due(provider) for provider, _ in runtime.settings().providers())
    logger.info(
        "sweep: %d windows opened, %d denied ones due again, %d attempts handed out",
        opened + healed.opened,
        healed.reopened,
        handed_out,
    )


@shared_task(name="tasks.plan.forget_old")
def forget_old() -> None:
    """Delete what the configuration's ``retention`` section says is too old."""
    retention = runtime.settings().retention
    with runtime.database().connection() as connection:
        forgotten = forget(
            connection,
            utc_now(),
            points=retention.points,
            runs=retention.runs,
            sent=retention.sent,
            pushes=retention.pushes,
        )
    logger.info("retention: %d sent, %d runs, %d days of readings deleted", *forgotten)
