"""One collection in this process, and what came of it, in the words of the local clouds."""

from agents.core.context import Shared
from agents.testing import collecting
from telemetry.batch import MAX_BATCH_RECORDS
from telemetry.target import Target, Window


class Collected(collecting.Collected):
    """What came of a collection, with its calls as the local AWS counts them."""

    @property
    def calls(self) -> dict[str, int]:
        """Calls by API, as the local AWS spells it."""
        return {use.api.replace(":", "."): use.calls for use in self.report.apis}

    @property
    def throttles(self) -> dict[str, int]:
        return {use.api.replace(":", "."): use.throttles for use in self.report.apis if use.throttles}


def collect(
    shared: Shared, target: Target | str, window: Window, attempt: int = 1, *, batch_limit: int = MAX_BATCH_RECORDS
) -> Collected:
    """Run one collection to its end, well or not."""
    found = collecting.collect(shared, target, window, attempt, batch_limit=batch_limit)
    collecting.check_owned(found)
    return Collected(found.batches, found.report, found.error)
