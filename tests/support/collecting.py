"""One collection in this process, and what came of it, in the words of the local clouds."""

from agents.core.context import Shared
from agents.testing import collecting
from telemetry.batch import MAX_BATCH_RECORDS, Outcome
from telemetry.errors import Denied
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


def check_refusal(found: Collected, permission: str, *, listing: str) -> None:
    """Assert that a missing permission is named: of the listing it is the window's, of any other part the part's."""
    assert found.report.permission == permission
    if permission == listing:
        assert isinstance(found.error, Denied)
        assert found.report.outcome is Outcome.DENIED
        assert f"allow {permission} to account" in found.report.error
    else:
        assert found.error is None
        assert found.report.outcome is Outcome.COMPLETE
        assert any(f"allow {permission} to account" in reason for reason in found.report.partial)
        assert found.resources


def collect(
    shared: Shared, target: Target | str, window: Window, attempt: int = 1, *, batch_limit: int = MAX_BATCH_RECORDS
) -> Collected:
    """Run one collection to its end, well or not."""
    found = collecting.collect(shared, target, window, attempt, batch_limit=batch_limit)
    collecting.check_owned(found)
    return Collected(found.batches, found.report, found.error)


def erased(before: Collected, after: Collected) -> list[str]:
    """What a later reading would take away from what is known: types, and the keys of tags and attributes."""
    known = {one.resource_id: one for one in before.resources}
    found = []
    for one in after.resources:
        former = known.get(one.resource_id, one)
        if one.whole and not one.type and former.type:
            found.append(f"type of {one.resource_id}")
        lost = {*former.tags, *former.attributes} - {*one.tags, *one.attributes}
        found += [f"{name} of {one.resource_id}" for name in sorted(lost) if one.whole]
    return found
