"""The time that a request is about, cut into Cost Explorer's periods."""

from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from emulators.aws.cost.errors import invalid

HOURLY_DAYS = 14
_FORMATS = {"HOURLY": "%Y-%m-%dT%H:%M:%SZ", "DAILY": "%Y-%m-%d", "MONTHLY": "%Y-%m-%d"}


class Period(NamedTuple):
    """[start, end) with the text that Cost Explorer writes for it."""

    start: datetime
    end: datetime
    granularity: str

    @property
    def text(self) -> dict[str, str]:
        """As in the answer."""
        form = _FORMATS[self.granularity]
        return {"Start": self.start.strftime(form), "End": self.end.strftime(form)}


def periods(
    interval: dict[str, str], granularity: str, now: datetime, history: int | None, *, resources: bool = False
) -> list[Period]:
    """The periods of a request; the first and the last month may be parts of one.

    `history` is how many whole months before the present one are kept; None for all.

    Raises:
        AwsError: unreadable times, the wrong way round, or outside of what Cost Explorer keeps.
    """
    if granularity not in _FORMATS:
        raise invalid(f"Granularity {granularity} is not one of DAILY, MONTHLY, HOURLY")
    start, end = (_read(interval, name, granularity) for name in ("Start", "End"))
    if start >= end:
        raise invalid("Start date (and hour) should be before end date (and hour)")
    if (granularity == "HOURLY" or resources) and start < _midnight(now) - timedelta(days=HOURLY_DAYS):
        raise invalid(
            "Start date is more than 14 days ago for hourly granularity. "
            "Please adjust start date as we support only 14 days of data at hourly granularity."
        )
    if history is not None and start < _months_before(now, history):
        raise invalid(f"You haven't enabled historical data beyond {history} months")
    if end > _next_month(_next_month(now)):
        raise invalid("end date past the beginning of next month")
    cut = []
    at = start
    while at < end:
        following = min(_step(at, granularity), end)
        cut.append(Period(at, following, granularity))
        at = following
    return cut


def _read(interval: dict[str, str], name: str, granularity: str) -> datetime:
    text = interval.get(name, "")
    try:
        return datetime.strptime(text, _FORMATS[granularity]).replace(tzinfo=UTC)
    except ValueError:
        words = "yyyy-MM-ddTHH:mm:ssZ" if granularity == "HOURLY" else "yyyy-MM-dd"
        raise invalid(f"Invalid {name} {text!r}: time period must be in {words} for {granularity}") from None


def _step(at: datetime, granularity: str) -> datetime:
    if granularity == "MONTHLY":
        return _next_month(at)
    return at + (timedelta(hours=1) if granularity == "HOURLY" else timedelta(days=1))


def _midnight(moment: datetime) -> datetime:
    return moment.replace(hour=0, minute=0, second=0, microsecond=0)


def _next_month(moment: datetime) -> datetime:
    return (_midnight(moment).replace(day=1) + timedelta(days=32)).replace(day=1)


def _months_before(moment: datetime, months: int) -> datetime:
    first = _midnight(moment).replace(day=1)
    for _ in range(months):
        first = (first - timedelta(days=1)).replace(day=1)
    return first
