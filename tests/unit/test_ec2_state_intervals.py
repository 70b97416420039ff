"""What can be said of an instance over a window, by the times that DescribeInstances gives."""

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from agents.aws.instances import InstanceTimes
from telemetry.target import Window

WINDOW = Window(datetime(2026, 11, 24, 11, 40, tzinfo=UTC), datetime(2026, 11, 24, 11, 45, tzinfo=UTC))


def _at(clock: str) -> datetime:
    return datetime.fromisoformat(f"2026-11-24T{clock}+00:00")


NOW = _at("12:00:30")


def _instance(state: str, launched: str | None, reason: str = "", attached: str | None = None) -> dict[str, Any]:
    instance: dict[str, Any] = {"State": {"Name": state}, "StateTransitionReason": reason}
    if launched:
        # boto3 gives times in the machine's own zone.
        instance["LaunchTime"] = _at(launched).astimezone(timezone(timedelta(hours=-5)))
    if attached:
        instance["NetworkInterfaces"] = [
            {"Attachment": {"DeviceIndex": 1, "AttachTime": _at("00:00:00")}},
            {"Attachment": {"DeviceIndex": 0, "AttachTime": _at(attached)}},
        ]
    return instance


def _by_user(clock: str) -> str:
    return f"User initiated (2026-11-24 {clock} GMT)"


WHOLE = [("running", "11:40:00", "11:45:00")]

_INTERVALS: list[tuple[str, dict[str, Any], list[tuple[str, str, str]]]] = [
    ("running since long", _instance("running", "09:00:00"), WHOLE),
    ("started as the window begins", _instance("running", "11:40:00"), WHOLE),
    ("started in the window", _instance("running", "11:42:10"), [("running", "11:42:10", "11:45:00")]),
    ("started as the window ends: what was before is not known", _instance("running", "11:45:00"), []),
    ("started after the window", _instance("running", "11:50:00"), []),
    ("start not known", _instance("running", None), []),
    ("pending: not yet billed", _instance("pending", "11:44:50"), []),
    (
        "stopped before the window",
        _instance("stopped", "09:00:00", _by_user("11:00:00")),
        [("stopped", "11:40:00", "11:45:00")],
    ),
    (
        "stopped in the window",
        _instance("stopped", "09:00:00", _by_user("11:43:20")),
        [("running", "11:40:00", "11:43:20"), ("stopped", "11:43:20", "11:45:00")],
    ),
    (
        "started and stopped in the window",
        _instance("stopped", "11:41:00", _by_user("11:43:00")),
        [("running", "11:41:00", "11:43:00"), ("stopped", "11:43:00", "11:45:00")],
    ),
    ("stopped after the window", _instance("stopped", "09:00:00", _by_user("11:50:00")), WHOLE),
    (
        "stopped after the window, started in it",
        _instance("stopped", "11:44:00", _by_user("11:50:00")),
        [("running", "11:44:00", "11:45:00")],
    ),
    ("started and stopped after the window", _instance("stopped", "11:46:00", _by_user("11:50:00")), []),
    ("stopped, nobody says when", _instance("stopped", "09:00:00", "Server.SpotInstanceShutdown"), []),
    (
        "stopped, start not known",
        _instance("stopped", None, _by_user("11:00:00")),
        [("stopped", "11:40:00", "11:45:00")],
    ),
    ("stopping", _instance("stopping", "09:00:00", _by_user("11:43:00")), [("running", "11:40:00", "11:43:00")]),
    (
        "terminated in the window",
        _instance("terminated", "09:00:00", _by_user("11:43:00")),
        [("running", "11:40:00", "11:43:00")],
    ),
    ("terminated before", _instance("terminated", "09:00:00", _by_user("11:30:00")), []),
    ("an old reason of one that runs again", _instance("running", "11:00:00", _by_user("10:59:00")), WHOLE),
    (
        "the reason in another spelling of the zone",
        _instance("stopped", "09:00:00", "User initiated (2026-11-24 11:00:00 UTC)"),
        [("stopped", "11:40:00", "11:45:00")],
    ),
]


@pytest.mark.parametrize(
    ("instance", "intervals"), [case[1:] for case in _INTERVALS], ids=[case[0] for case in _INTERVALS]
)
def test_a_rate_is_given_for_what_is_known_and_nothing_else(
    instance: dict[str, Any], intervals: list[tuple[str, str, str]]
) -> None:
    found = list(InstanceTimes.of(instance).intervals(WINDOW, NOW))
    assert found == [(state, _at(start), _at(end)) for state, start, end in intervals]


def test_nothing_is_said_of_the_future() -> None:
    open_window = Window(_at("12:00:00"), _at("12:05:00"))
    running = list(InstanceTimes.of(_instance("running", "09:00:00")).intervals(open_window, NOW))
    assert running == [("running", _at("12:00:00"), NOW)]
    later = Window(_at("12:05:00"), _at("12:10:00"))
    assert list(InstanceTimes.of(_instance("running", "09:00:00")).intervals(later, NOW)) == []


@pytest.mark.parametrize(
    ("instance", "may"),
    [
        (_instance("running", "09:00:00"), True),
        (_instance("running", "11:44:59"), True),
        (_instance("running", "11:50:00"), True),  # it may have run before, and been stopped and started
        (_instance("running", "11:50:00", attached="09:00:00"), True),
        (_instance("running", "11:50:00", attached="11:50:00"), False),
        (_instance("running", "09:00:00", attached="11:50:00"), True),
        (_instance("running", "11:45:00", attached="11:45:00"), False),
        (_instance("pending", "11:44:00", attached="11:44:00"), True),
        (_instance("stopped", "09:00:00", _by_user("11:40:00")), False),
        (_instance("stopped", "09:00:00", _by_user("11:40:01")), True),
        (_instance("terminated", "09:00:00", _by_user("11:00:00")), False),
        (_instance("stopped", "09:00:00", "Server.SpotInstanceShutdown"), True),
        (_instance("running", None), True),
    ],
)
def test_metrics_are_asked_for_where_there_can_be_some(instance: dict[str, Any], may: bool) -> None:
    assert InstanceTimes.of(instance).may_have_data(WINDOW) is may
