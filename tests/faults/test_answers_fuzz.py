"""Every field of every answer of every service of the three clouds: gone, empty, of another kind, there twice.

What leaves a collection is an error of ours, or what is right: no exception of another, no lost neighbour, no invented
number. `make fuzz` does it twenty thousand times.
"""

import os
from collections.abc import Iterator

import pytest
from _pytest.mark.structures import ParameterSet
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from agents.core.calls import Calls
from agents.core.service import services
from tests.support.answers import fields, judge
from tests.support.answers.clouds import CLOUDS, Cloud, standing_cloud
from tests.support.answers.harm import DROP, TWICE, Harm, Place
from tests.support.answers.standing import Answer, Standing

_FROM_APIS = {("gcp", "bill_tables"), ("aws", "invoices")}
_FROM_FILES = {key for key, one in services().items() if one.delivers or one.delivered} - _FROM_APIS
"""Deliveries of bills are files: tests/unit/test_aws_manifests.py and its like harm those."""
_SERVICES = [key for key in services() if key[0] in CLOUDS and key not in _FROM_FILES]
_TOTAL = int(os.environ.get("HOSTILE_ANSWERS", "500"))
_EXAMPLES = -(-_TOTAL // len(_SERVICES))

_SERIES, _ASSETS, _BATCH = "monitoring:ListTimeSeries", "cloudasset:ListAssets", "metrics:getBatch"
_FUNCTIONS, _BUCKETS, _ENDPOINTS = ("gcp", "cloud_functions"), ("gcp", "storage"), ("gcp", "vertex_ai")
_VALUE = ".time_series[].points[].value"
_FOUND: list[tuple[tuple[str, str], str, str, str]] = [
    # A sum of which a part could not be read was told as the whole one, or as zero.
    (_FUNCTIONS, _SERIES, _VALUE, "empty"),
    (_FUNCTIONS, _SERIES, ".time_series[]", "empty"),
    (_FUNCTIONS, _SERIES, ".time_series[].resource.labels", DROP),
    (_FUNCTIONS, _SERIES, ".time_series[].points[].interval.end_time", DROP),
    (_FUNCTIONS, _SERIES, ".time_series[].metric.labels.response_code_class", "''"),
    (_BUCKETS, _SERIES, _VALUE, "empty"),
    (_BUCKETS, _SERIES, ".time_series[].resource", "empty"),
    (_BUCKETS, _SERIES, ".time_series[].metric.labels.storage_class", DROP),
    (_ENDPOINTS, _SERIES, _VALUE, "empty"),
    (_ENDPOINTS, _SERIES, ".time_series[]", "empty"),
    # One asset of no known kind ended the collection; a number was taken for a name.
    (_FUNCTIONS, _ASSETS, ".assets[].asset_type", repr("\x00")),
    (_FUNCTIONS, _ASSETS, ".assets[].resource.data.serviceConfig.service", "1e+308"),
    # No rows where there should be some, or no list at all, were taken for an empty one.
    (("gcp", "billing"), "bigquery:jobs.query", ".rows", DROP),
    (("azure", "cost"), "costmanagement:query", ".properties.rows", DROP),
    (("azure", "functions"), _BATCH, ".values[].value[].timeseries[]", "{'x': 1}"),
    (("aws", "lambda"), "lambda.ListFunctions", ".Functions", "{}"),
    (("aws", "s3"), "s3.ListBuckets", ".Buckets", "'-1'"),
    (("aws", "rds"), "rds.DescribeDBInstances", ".DescribeDBInstancesResult.DBInstances", "'-1'"),
    (("aws", "ec2"), "ec2.DescribeInstances", ".reservationSet.item.instancesSet", "'-1'"),
    (("aws", "ec2"), "ec2.DescribeInstances", ".reservationSet.item.instancesSet.item.instanceLifecycle", "<nested>"),
    # One text or number that no message holds had the whole batch refused.
    (("azure", "virtual_machines"), "resourcegraph:resources", ".data[].name", repr("\x00")),
    (("azure", "virtual_machines"), "resourcegraph:resources", ".data[].size", repr("x" * 3000)[:20]),
    (("aws", "lambda"), "lambda.ListFunctions", ".Functions[].CodeSize", "1e+308"),
    (("aws", "lambda"), "cloudwatch.GetMetricData", ".MetricDataResults[].StatusCode", repr("\x00")),
    (("aws", "cost"), "ce.GetCostAndUsage", ".ResultsByTime[].Groups[].Keys[]", repr("\x00")),
    # A name that cannot be sent had the question about all of them refused; a row that came twice was two charges.
    (("aws", "lambda"), "lambda.ListFunctions", ".Functions[].FunctionName", repr("\ud800")),
    (("aws", "s3"), "cloudwatch.ListMetrics", ".Metrics[].Dimensions[].Value", repr("\ud800")),
    (("azure", "cost"), "costmanagement:query", ".properties.rows[]", TWICE),
    # Exceptions of others: of a token, of a price that is kept, of a rate without end.
    (("azure", "virtual_machines"), "login:token", ".access_token", repr("\ud800")),
    (("aws", "eks"), "eks.DescribeClusterVersions", ".clusterVersions[].clusterVersion", repr("\ud800")),
    (("aws", "s3"), "cloudwatch.GetMetricData", ".MetricDataResults[].Values[]", "1e+308"),
]


def _case(service: tuple[str, str], *more: str) -> ParameterSet:
    """What is of one cloud stays in one process, which starts it."""
    return pytest.param(
        service,
        *more,
        id=" ".join(["/".join(service), *more]),
        marks=pytest.mark.xdist_group(f"answers of {service[0]}"),
    )


pytestmark = pytest.mark.timeout(max(120, _EXAMPLES))


@pytest.fixture(scope="module")
def clouds() -> Iterator[dict[str, Cloud]]:
    """Those that run, by provider: each from its first service to its last one."""
    running: dict[str, Cloud] = {}
    yield running
    for cloud in running.values():
        cloud.stop()


@pytest.fixture(scope="module")
def known(clouds: dict[str, Cloud]) -> dict[tuple[str, str], Standing]:
    """Services that were collected undisturbed."""
    del clouds  # which stop after them
    return {}


@pytest.fixture
def standing(
    clouds: dict[str, Cloud],
    known: dict[tuple[str, str], Standing],
    request: pytest.FixtureRequest,
    monkeypatch: pytest.MonkeyPatch,
) -> Standing:
    provider, name = request.param
    monkeypatch.setattr("agents.core.calls._FIRST_PAUSE", 0.001)
    # The answer that is harmed is to count, not the one to a second attempt.
    monkeypatch.setattr(Calls, "attempts", 1)
    if provider not in clouds:
        clouds[provider] = standing_cloud(provider)
    if (provider, name) not in known:
        known[provider, name] = Standing(clouds[provider], services()[provider, name])
    return known[provider, name]


@pytest.mark.parametrize("standing", [_case(key) for key in _SERVICES], indirect=True)
def test_a_harmed_answer_is_an_error_of_ours_or_costs_nothing_else(standing: Standing) -> None:
    whole = standing.whole
    assert whole.error is None, whole.error
    assert whole.report.partial == ()
    assert len(whole.resources) + len(whole.costs()) > 1, "a neighbour, to be lost"
    assert standing.answers

    @settings(
        max_examples=_EXAMPLES,
        # An example is small as it is, and tells by itself what it does.
        phases=(Phase.generate,),
        suppress_health_check=list(HealthCheck),
    )
    @given(data=st.data())
    def harm(data: st.DataObject) -> None:
        answer = data.draw(st.sampled_from(standing.answers))
        places = answer.shapes[data.draw(st.sampled_from(list(answer.shapes)))]
        place = data.draw(st.sampled_from(places))
        one = data.draw(st.sampled_from(fields.harms(answer.content, place.path)))
        _check(standing, answer, place, one)

    harm()


@pytest.mark.parametrize(("standing", "api", "shape", "name"), [_case(*one) for one in _FOUND], indirect=["standing"])
def test_what_it_found_stays_mended(standing: Standing, api: str, shape: str, name: str) -> None:
    harmed = 0
    for answer in standing.answers:
        for place in answer.shapes.get(shape, ()) if answer.api == api else ():
            for one in fields.harms(answer.content, place.path):
                if one.name == name:
                    _check(standing, answer, place, one)
                    harmed += 1
    assert harmed


def _check(standing: Standing, answer: Answer, place: Place, harm: Harm) -> None:
    wrong = list(judge.faults(standing, answer, place, harm, standing.disturbed(answer, place, harm)))
    # What was put there may be a text that no terminal, and no channel between processes, can have.
    assert not wrong, ascii((answer, place, harm, wrong))
