"""What is said of a delivery that lies in S3: its version, or why there is none."""

from __future__ import annotations

from agents.aws.bills.finding import Finder, Found
from agents.aws.bills.manifests import Month
from agents.core.context import Context
from telemetry.deliveries import DeliveredFile, Delivery, DeliveryState
from telemetry.errors import CollectionFailed, DeadlineReached


def seen(context: Context, finder: Finder, found: Found, what: str) -> Delivery:
    """A version; where its manifest is none, a gap with the reason: the former version of ``what`` stands."""
    try:
        manifest, entry = finder.read(found)
    except DeadlineReached:
        raise
    except CollectionFailed as error:
        context.partial(what, str(error), of=finder.export.name)
        return gap(found.period, str(error))
    return Delivery(
        state=DeliveryState.SEEN,
        period_start=found.period[0],
        period_end=found.period[1],
        version=manifest.version,
        submitted_at=entry.modified,
        files=[DeliveredFile(name=key) for key in manifest.files],
    )


def gap(period: Month, reason: str) -> Delivery:
    """A period of which there is no delivery."""
    return Delivery(state=DeliveryState.MISSING, period_start=period[0], period_end=period[1], reason=reason[:2000])
