"""What Google tells in JSON without a schema: read as other items are, but for its texts and times."""

from datetime import UTC, datetime
from typing import Any

import pytest

from agents.gcp.fields import Fields
from agents.gcp.instances import Instance
from agents.gcp.inventory import Asset

_NAME = "//compute.googleapis.com/projects/p/zones/us-central1-a/instances/vm"


@pytest.mark.parametrize(("told", "text"), [("7", "7"), (7, "7"), (7.0, "7"), ("07", "07"), (7.5, ""), (True, "")])
def test_a_text_may_be_told_as_a_whole_number(told: Any, text: str) -> None:
    fields = Fields({"id": told})
    assert fields.text("id") == text
    assert fields.faults == (set() if text else {"id"})


def test_times_have_the_seconds_of_windows_and_their_own_zone() -> None:
    fields = Fields({"a": "2026-01-01T04:00:00.123-08:00", "b": "2026-01-01T04:00:00"})
    assert fields.item("none").time("a") is None
    assert fields.time("a") == datetime(2026, 1, 1, 12, tzinfo=UTC)
    assert fields.time("b") is None, "whose zone it is nobody says"


@pytest.mark.parametrize("odd", [None, 7, "nvidia-l4", []])
def test_gpus_are_not_counted_where_one_of_them_cannot_be_read(odd: Any) -> None:
    gpu = {"acceleratorType": "nvidia-l4", "acceleratorCount": 1}
    data = {"scheduling": {"preemptible": False}, "guestAccelerators": [gpu, odd]}
    instance = Instance.of(Asset(_NAME, "compute.googleapis.com/Instance", "us-central1-a", Fields(data)), "p")
    assert "gpus" not in instance.resource.attributes
    assert instance.machine.unpriced
