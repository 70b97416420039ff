"""The local Cloud Monitoring as Google's client sees it: intervals, filters, pages, refusals."""

from collections.abc import Iterator
from typing import Any

import pytest
from google.api_core.exceptions import GoogleAPICallError, InvalidArgument, NotFound, PermissionDenied
from google.cloud.monitoring_v3 import ListTimeSeriesRequest, MetricServiceClient

from emulators.gcp import LocalGcp
from emulators.gcp.seed.compute import CPU, MEMORY, RECEIVED
from tests.support.local_gcp import kind_of, metric_client, seconds

NOW = 1_767_225_600  # 2026-01-01T00:00:00Z
ZONES = ("us-central1-a", "us-central1-b", "europe-west4-a")
OF_CPU = f'metric.type = "{CPU}"'
FULL = ListTimeSeriesRequest.TimeSeriesView.FULL
HEADERS = ListTimeSeriesRequest.TimeSeriesView.HEADERS


@pytest.fixture(scope="module")
def gcp() -> Iterator[LocalGcp]:
    """Three instances with CPU each minute of the last hour, the value being the minute's number."""
    running = LocalGcp(clock=lambda: NOW)
    for number, zone in enumerate(ZONES):
        points = [(NOW - 60 * back, (60 - back) / 100 + number) for back in range(-2, 61)]
        running.metrics.put(
            "p1",
            CPU,
            {"instance_name": f"vm-{number}"},
            "gce_instance",
            {"instance_id": str(number), "zone": zone},
            "GAUGE",
            "DOUBLE",
            points,
        )
    with running:
        yield running


@pytest.fixture(scope="module")
def client(gcp: LocalGcp) -> Iterator[MetricServiceClient]:
    with metric_client(gcp) as opened:
        yield opened


def request(start: float = NOW - 300, end: float = NOW, text: str = OF_CPU, **more: Any) -> ListTimeSeriesRequest:
    def stamp(time: float) -> dict[str, int]:
        return {"seconds": int(time), "nanos": round(time % 1 * 1e9)}

    interval = {"start_time": stamp(start), "end_time": stamp(end)}
    return ListTimeSeriesRequest({"name": "projects/p1", "filter": text, "interval": interval, "view": FULL} | more)


def names(client: MetricServiceClient, text: str) -> list[str]:
    return [series.metric.labels["instance_name"] for series in client.list_time_series(request(text=text))]


def test_an_interval_leaves_its_start_out_and_includes_its_end(client: MetricServiceClient) -> None:
    series = next(iter(client.list_time_series(request())))
    ends = [seconds(point.interval.end_time) for point in series.points]
    assert ends == [NOW - 60 * back for back in range(5)], "newest first, and none at the start"
    assert [round(point.value.double_value, 2) for point in series.points] == [0.6, 0.59, 0.58, 0.57, 0.56]
    assert kind_of(series) == ("GAUGE", "DOUBLE")
    assert dict(series.resource.labels) == {"project_id": "p1", "instance_id": "0", "zone": ZONES[0]}


def test_what_the_clock_has_not_reached_is_not_there(client: MetricServiceClient) -> None:
    series = next(iter(client.list_time_series(request(NOW - 60, NOW + 600))))
    assert [seconds(point.interval.end_time) for point in series.points] == [NOW]


def test_a_series_without_points_in_the_interval_is_left_out(client: MetricServiceClient) -> None:
    assert list(client.list_time_series(request(NOW - 9000, NOW - 8000))) == []


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("", ["vm-0", "vm-1", "vm-2"]),
        (' AND resource.type = "gce_instance"', ["vm-0", "vm-1", "vm-2"]),
        (' AND resource.labels.zone = "us-central1-b"', ["vm-1"]),
        (' AND resource.label.zone != "us-central1-b"', ["vm-0", "vm-2"]),
        (' AND resource.labels.zone = starts_with("us-central1")', ["vm-0", "vm-1"]),
        (' AND resource.labels.zone = ends_with("-a")', ["vm-0", "vm-2"]),
        (' AND metric.labels.instance_name = one_of("vm-0", "vm-2")', ["vm-0", "vm-2"]),
        (' AND metric.labels.instance_name = monitoring.regex.full_match("vm-[12]")', ["vm-1", "vm-2"]),
        (' AND (resource.labels.instance_id = "0" OR resource.labels.instance_id = "1")', ["vm-0", "vm-1"]),
        (' AND NOT resource.labels.zone = has_substring("central")', ["vm-2"]),
        (' AND resource.labels.zone = "nowhere"', []),
    ],
)
def test_filters_select_series(client: MetricServiceClient, text: str, found: list[str]) -> None:
    assert names(client, OF_CPU + text) == found


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "must specify a restriction on"),
        ('resource.type = "gce_instance"', "must specify a restriction on"),
        ('metric.type = starts_with("compute.googleapis.com/")', "must specify a restriction on"),
        (f'{OF_CPU} AND resource.labels.zone ~ "x"', "syntax error"),
        (f"{OF_CPU} AND resource.labels.zone = us-central1-a", "quoted string"),
        (f'{OF_CPU} AND nonsense.zone = "x"', "not supported"),
        (f'{OF_CPU} AND resource.type = "gcs_bucket"', "valid combination"),
        (f"{OF_CPU} AND", "ends where more was expected"),
    ],
)
def test_what_is_no_filter_is_refused_and_named(client: MetricServiceClient, text: str, words: str) -> None:
    with pytest.raises(InvalidArgument, match="Field filter had an invalid value of") as refused:
        client.list_time_series(request(text=text))
    assert words in refused.value.message


def test_an_unknown_metric_is_not_found_and_a_known_one_without_data_is_empty(client: MetricServiceClient) -> None:
    assert list(client.list_time_series(request(text=f'metric.type = "{RECEIVED}"'))) == []
    with pytest.raises(NotFound, match="Cannot find metric"):
        client.list_time_series(request(text=f'metric.type = "{MEMORY}"'))


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"start": NOW, "end": NOW}, "interval.startTime"),
        ({"order_by": "time"}, "orderBy"),
        ({"page_token": "bm9uc2Vuc2U="}, "pageToken"),
        ({"aggregation": {"cross_series_reducer": "REDUCE_SUM"}}, "perSeriesAligner"),
    ],
)
def test_other_bad_arguments_are_refused_by_name(
    client: MetricServiceClient, changes: dict[str, Any], words: str
) -> None:
    with pytest.raises(InvalidArgument, match=words):
        client.list_time_series(request(**changes))


def test_pages_count_points_and_a_series_may_go_on_over_the_next(gcp: LocalGcp, client: MetricServiceClient) -> None:
    gcp.reset_calls()
    pages = list(client.list_time_series(request(page_size=7)).pages)
    shape = [[(one.metric.labels["instance_name"], len(one.points)) for one in page.time_series] for page in pages]
    assert shape == [[("vm-0", 5), ("vm-1", 2)], [("vm-1", 3), ("vm-2", 4)], [("vm-2", 1)]]
    assert gcp.calls() == {"monitoring:ListTimeSeries": 3}
    ends = [seconds(p.interval.end_time) for page in pages for one in page.time_series for p in one.points]
    assert sorted(ends) == sorted([NOW - 60 * back for back in range(5)] * 3), "each point exactly once"


def test_headers_have_no_points_and_pages_count_series(client: MetricServiceClient) -> None:
    pages = list(client.list_time_series(request(view=HEADERS, page_size=2)).pages)
    assert [[len(one.points) for one in page.time_series] for page in pages] == [[0, 0], [0]]


def test_a_page_token_is_good_for_its_own_request_only(client: MetricServiceClient) -> None:
    token = next(iter(client.list_time_series(request(page_size=7)).pages)).next_page_token
    with pytest.raises(InvalidArgument, match="pageToken"):
        client.list_time_series(request(NOW - 600, page_token=token))


def test_a_project_is_known_by_number_too_and_an_unknown_one_is_refused(
    gcp: LocalGcp, client: MetricServiceClient
) -> None:
    number = gcp.projects.add("p1")
    assert len(list(client.list_time_series(request(name=f"projects/{number}")))) == 3
    with pytest.raises(PermissionDenied) as refused:
        client.list_time_series(request(name="projects/nobody"))
    assert refused.value.reason == "CONSUMER_INVALID"


def test_metric_descriptors_are_listed_with_kind_and_type(client: MetricServiceClient) -> None:
    asked = {"name": "projects/p1", "filter": 'metric.type = starts_with("compute.googleapis.com/instance/cpu/")'}
    found = {one.type: (one.metric_kind, one.value_type) for one in client.list_metric_descriptors(asked)}
    assert found[CPU] == (1, 3)
    assert len(found) == 3


def test_every_refusal_is_an_error_of_google_and_on_record(gcp: LocalGcp, client: MetricServiceClient) -> None:
    gcp.reset_calls()
    with pytest.raises(GoogleAPICallError):
        client.list_time_series(request(text="nonsense"))
    assert [(call.outcome, call.code) for call in gcp.records()] == [("error", "INVALID_ARGUMENT")]
