"""One poll of a source in this process."""

from datetime import timedelta
from typing import Any

from agents.core.context import Shared, utc_now
from telemetry.settings import Settings
from telemetry.target import Target, Window
from tests.support.collecting import Collected, collect


def poll(url: str, kind: str = "http_json", *, window_ended: timedelta | None = None, **fields: Any) -> Collected:
    """Ask the source at ``url``; private addresses are allowed unless told otherwise.

    For a window of five minutes that began a minute ago, or that ended so long ago.
    """
    if kind == "http_json":
        fields.setdefault("mapping", [{"value": "value", "metric": "'load'"}])
    source = {"name": "probe", "kind": kind, "url": url, "allow_private": True, "timeout": 10, **fields}
    shared = Shared(Settings.model_validate({"generic": {"sources": [source]}}))
    # A minute: what a test calls now lies in it, whatever second it was when the test began.
    before = timedelta(minutes=1) if window_ended is None else window_ended + timedelta(minutes=5)
    start = utc_now().replace(microsecond=0) - before
    window = Window(start, start + timedelta(minutes=5))
    return collect(shared, Target("generic", "probe", "global", kind), window)


def values(found: Collected) -> dict[tuple[str, str], float]:
    """By resource and metric, without what the poll says of itself."""
    return {
        (point.resource.resource_id, point.metric): point.value
        for point in found.points()
        if not point.metric.startswith("samples_")
    }


def left_out(found: Collected) -> float:
    """How many samples were."""
    (point,) = found.points("samples_left_out")
    return point.value
