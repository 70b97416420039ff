"""The local BigQuery as Google's client sees it: queries over the export, against sums made in Python."""

from collections import defaultdict
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from google.api_core.exceptions import BadRequest, Forbidden, GoogleAPICallError, NotFound
from google.cloud import bigquery

from emulators.gcp import LocalGcp
from emulators.gcp.seed import BillingSeed, seed_billing
from emulators.gcp.seed.billing import decimal
from tests.support.local_gcp import bigquery_client

FIRST = date(2026, 1, 28)
START = datetime(2026, 1, 28, tzinfo=UTC)
DAYS = 6
PROJECT = "demo-shop"
_CREDITS = "IFNULL((SELECT SUM(CAST(c.amount AS NUMERIC)) FROM UNNEST(credits) AS c), 0)"


@pytest.fixture(scope="module")
def gcp() -> Iterator[LocalGcp]:
    with LocalGcp() as running:
        yield running


@pytest.fixture(scope="module")
def seeded(gcp: LocalGcp) -> BillingSeed:
    """A table that no test changes."""
    return seed_billing(gcp, FIRST, DAYS)


@pytest.fixture
def own(gcp: LocalGcp, request: pytest.FixtureRequest) -> BillingSeed:
    """A table of one test."""
    return seed_billing(gcp, FIRST, 2, dataset=request.node.name)


@pytest.fixture(scope="module")
def client(gcp: LocalGcp, seeded: BillingSeed) -> Iterator[bigquery.Client]:
    with bigquery_client(gcp, PROJECT) as opened:
        yield opened


@pytest.fixture(autouse=True)
def _as_before(gcp: LocalGcp) -> Iterator[None]:
    yield
    gcp.faults.clear()
    gcp.reset_calls()
    gcp.billing_export.byte_scale, gcp.bigquery.jobs.polls_until_done = 1, 0


def rows(client: Any, sql: str, parameters: dict[str, Any] | None = None, **config: Any) -> list[Any]:
    types = {datetime: "TIMESTAMP", str: "STRING", date: "DATE", Decimal: "NUMERIC", int: "INT64"}
    given: list[Any] = [
        bigquery.ArrayQueryParameter(name, "STRING", value)
        if isinstance(value, list)
        else bigquery.ScalarQueryParameter(name, types[type(value)], value)
        for name, value in (parameters or {}).items()
    ]
    job_config = bigquery.QueryJobConfig(query_parameters=given, **config)
    return list(client.query_and_wait(sql, job_config=job_config, retry=None, job_retry=None))


def test_totals_are_those_of_the_rows_to_the_last_decimal(client: bigquery.Client, seeded: BillingSeed) -> None:
    sql = f"""
        SELECT currency, SUM(CAST(cost AS NUMERIC)) AS cost, SUM({_CREDITS}) AS credits
        FROM `{seeded.table}`
        WHERE usage_start_time >= @start AND usage_start_time < @end
        GROUP BY currency
    """  # noqa: S608  # the table is our own
    end = START + timedelta(days=DAYS)
    found = {row.currency: (row.cost, row.credits) for row in rows(client, sql, {"start": START, "end": end})}
    assert found == seeded.totals(START, end)
    assert found["USD"][1] < 0 < found["USD"][0]


def test_a_wrong_query_gives_a_wrong_number(client: bigquery.Client, seeded: BillingSeed) -> None:
    # The join repeats the cost of a row for each of its credits: the mistake that the subquery avoids.
    sql = f"SELECT SUM(CAST(cost AS NUMERIC)) AS cost FROM `{seeded.table}`, UNNEST(credits)"  # noqa: S608
    right = seeded.totals(START, START + timedelta(days=DAYS))["USD"].cost
    assert rows(client, sql)[0].cost != right


def test_groups_by_service_day_label_and_credit_are_right(client: bigquery.Client, seeded: BillingSeed) -> None:
    by_service = f"SELECT service.description AS s, SUM(CAST(cost AS NUMERIC)) AS cost FROM `{seeded.table}` GROUP BY s"  # noqa: S608
    expected = seeded.totals(START, START + timedelta(days=DAYS), by="service")
    assert {row.s: row.cost for row in rows(client, by_service)} == {name: one.cost for name, one in expected.items()}

    days: defaultdict[date, Decimal] = defaultdict(Decimal)
    teams: defaultdict[str | None, Decimal] = defaultdict(Decimal)
    kinds: defaultdict[str, Decimal] = defaultdict(Decimal)
    for row in seeded.rows():
        # Pacific time is eight hours behind in winter.
        days[(row["usage_start_time"] - timedelta(hours=8)).date()] += decimal(row["cost"])
        teams[row["labels"][0]["value"] if row["labels"] else None] += decimal(row["cost"])
        for credit in row["credits"]:
            kinds[credit["type"]] += decimal(credit["amount"])
    by_day = f"""
        SELECT DATE(usage_start_time, 'America/Los_Angeles') AS day, SUM(CAST(cost AS NUMERIC)) AS cost
        FROM `{seeded.table}` GROUP BY day ORDER BY day
    """  # noqa: S608
    assert {row.day: row.cost for row in rows(client, by_day)} == days
    by_team = f"""
        SELECT (SELECT value FROM UNNEST(labels) WHERE key = 'team') AS team, SUM(CAST(cost AS NUMERIC)) AS cost
        FROM `{seeded.table}` GROUP BY 1
    """  # noqa: S608
    assert {row.team: row.cost for row in rows(client, by_team)} == teams
    by_kind = f"SELECT type, SUM(CAST(amount AS NUMERIC)) AS sum FROM `{seeded.table}`, UNNEST(credits) GROUP BY type"  # noqa: S608
    assert {row.type: row.sum for row in rows(client, by_kind)} == kinds


def test_group_by_means_the_alias_before_the_column(client: bigquery.Client, seeded: BillingSeed) -> None:
    sql = f"""
        SELECT DATE(usage_start_time) AS usage_start_time, COUNT(*) AS number
        FROM `{seeded.table}` GROUP BY usage_start_time
    """  # noqa: S608
    assert len(rows(client, sql)) == DAYS


def test_two_currencies_stay_apart(gcp: LocalGcp, client: bigquery.Client, own: BillingSeed) -> None:
    other = seed_billing(gcp, FIRST, 1, account="AAAAAA-BBBBBB-CCCCCC", currency="EUR")
    gcp.billing_export.load(own.table, other.rows())
    sql = f"SELECT currency, SUM(CAST(cost AS NUMERIC)) AS cost FROM `{own.table}` GROUP BY currency"  # noqa: S608
    found = {row.currency: row.cost for row in rows(client, sql)}
    assert found.keys() == {"USD", "EUR"}
    assert found == {name: one.cost for name, one in own.totals(START, START + timedelta(days=99)).items()}


def test_late_rows_and_corrections_are_found_by_export_time(client: bigquery.Client, own: BillingSeed) -> None:
    before = own.totals(START, START + timedelta(days=1))["USD"]
    later = START + timedelta(days=20)
    own.add_late(FIRST, later, cost=3.25, credit=-0.75)
    own.correct(FIRST, later + timedelta(hours=1), amount=-1.5)
    sql = f"""
        SELECT cost_type, usage_start_time, SUM(CAST(cost AS NUMERIC)) + SUM({_CREDITS}) AS net
        FROM `{own.table}` WHERE export_time > @since AND _PARTITIONTIME >= @since GROUP BY 1, 2 ORDER BY 1
    """  # noqa: S608
    found = rows(client, sql, {"since": START + timedelta(days=15)})
    assert [(row.cost_type, row.net) for row in found] == [("adjustment", Decimal("-1.5")), ("regular", Decimal("2.5"))]
    assert {row.usage_start_time.date() for row in found} == {FIRST}
    assert own.totals(START, START + timedelta(days=1))["USD"].net == before.net + 1


def test_the_pseudo_column_is_not_part_of_a_star_and_prunes_bytes(client: bigquery.Client, seeded: BillingSeed) -> None:
    star = rows(client, f"SELECT * FROM `{seeded.table}` LIMIT 1")[0]  # noqa: S608
    assert "_PARTITIONTIME" not in star
    assert star["project"]["labels"] == [{"key": "cost-center", "value": "42"}]

    def scanned(where: str, column: str = "cost") -> int:
        config = bigquery.QueryJobConfig(dry_run=True)
        job = client.query(f"SELECT {column} FROM `{seeded.table}` {where}", job_config=config)  # noqa: S608
        return int(job.total_bytes_processed or 0)

    whole = scanned("")
    assert whole == 8 * len(seeded.rows()), "a FLOAT64 is eight bytes, of one column"
    one_day = [row for row in seeded.rows() if row["export_time"].date() == FIRST]
    assert scanned("WHERE _PARTITIONTIME = TIMESTAMP('2026-01-28')") == 8 * len(one_day) < whole
    assert scanned("WHERE _PARTITIONDATE = '2026-01-28'") == 8 * len(one_day)
    assert scanned("WHERE DATE(usage_start_time) = '2026-01-28'") > whole, "no pruning, and one more column"
    assert scanned("", "*") > 10 * whole


def test_bytes_are_capped_before_anything_runs(gcp: LocalGcp, client: bigquery.Client, seeded: BillingSeed) -> None:
    gcp.billing_export.byte_scale = 1_000_000
    sql = f"SELECT cost FROM `{seeded.table}`"  # noqa: S608
    with pytest.raises(BadRequest, match="exceeded limit for bytes billed: 1000000") as refused:
        rows(client, sql, maximum_bytes_billed=1_000_000)
    assert refused.value.errors[0]["reason"] == "bytesBilledLimitExceeded"
    assert len(rows(client, sql, maximum_bytes_billed=10**12)) == len(seeded.rows())
    job = client.query(sql, job_config=bigquery.QueryJobConfig(use_query_cache=False))
    job.result()
    assert job.total_bytes_billed is not None
    assert job.total_bytes_billed >= (job.total_bytes_processed or 0) > 10**9


def test_the_same_query_again_is_free_until_the_table_changes(client: bigquery.Client, own: BillingSeed) -> None:
    sql = f"SELECT SUM(cost) FROM `{own.table}`"  # noqa: S608

    def ask() -> tuple[bool | None, int | None]:
        job = client.query(sql)
        job.result()
        return job.cache_hit, job.total_bytes_processed

    first, again = ask(), ask()
    assert (first[0], again) == (False, (True, 0))
    own.add_late(FIRST, START + timedelta(days=9))
    assert ask()[0] is False


@pytest.mark.parametrize("way", ["query", "insert"])
def test_pages_give_every_row_once(gcp: LocalGcp, client: bigquery.Client, seeded: BillingSeed, way: str) -> None:
    sql = f"SELECT cost, usage_start_time, export_time FROM `{seeded.table}` ORDER BY export_time, cost"  # noqa: S608
    gcp.reset_calls()
    found = client.query_and_wait(sql, page_size=100) if way == "query" else client.query(sql).result(page_size=100)
    got = [(row.cost, row.usage_start_time, row.export_time) for row in found]
    expected = [(row["cost"], row["usage_start_time"], row["export_time"]) for row in seeded.rows()]
    assert sorted(got) == sorted(expected)
    assert got == sorted(got, key=lambda row: (row[2], row[0]))
    pages = -(-len(expected) // 100)
    assert gcp.calls()["bigquery:jobs.getQueryResults"] >= pages - 1


def test_a_job_that_takes_its_time_is_waited_for(gcp: LocalGcp, client: bigquery.Client, seeded: BillingSeed) -> None:
    gcp.bigquery.jobs.polls_until_done = 2
    assert len(rows(client, f"SELECT cost FROM `{seeded.table}` LIMIT 3")) == 3  # noqa: S608
    assert gcp.calls()["bigquery:jobs.getQueryResults"] >= 2


def test_parameters_of_every_kind_are_bound(client: bigquery.Client, seeded: BillingSeed) -> None:
    sql = f"""
        SELECT COUNT(*) AS number FROM `{seeded.table}`
        WHERE project.id IN UNNEST(@projects) AND service.description = @service
          AND DATE(usage_start_time) = @day AND CAST(cost AS NUMERIC) > @least AND ARRAY_LENGTH(credits) < @most
    """  # noqa: S608
    given = {
        "projects": [PROJECT],
        "service": "Compute Engine",
        "day": FIRST,
        "least": Decimal("0.5"),
        "most": 2,
    }
    expected = sum(
        (row["project"] or {}).get("id") == PROJECT
        and row["service"]["description"] == "Compute Engine"
        and row["usage_start_time"].date() == FIRST
        and row["cost"] > 0.5
        and len(row["credits"]) < 2
        for row in seeded.rows()
    )
    assert rows(client, sql, given)[0].number == expected > 0


def test_the_detailed_export_knows_resources(gcp: LocalGcp, client: bigquery.Client) -> None:
    detailed = seed_billing(gcp, FIRST, 1, account="111111-222222-333333", detailed=True)
    assert ".gcp_billing_export_resource_v1_111111_222222_333333" in detailed.table
    sql = f"SELECT DISTINCT resource.name FROM `{detailed.table}` WHERE resource.name IS NOT NULL"  # noqa: S608
    expected = {row["resource"]["name"] for row in detailed.rows() if "resource" in row}
    assert {row.name for row in rows(client, sql)} == expected


ERRORS: dict[str, tuple[str, type[GoogleAPICallError], str]] = {
    "column": ("SELECT nope FROM `{table}`", BadRequest, "invalidQuery"),
    "syntax": ("SELECT FROM WHERE", BadRequest, "invalidQuery"),
    "parameter": ("SELECT @nope", BadRequest, "invalidQuery"),
    "table": ("SELECT 1 FROM `demo-shop.billing.none`", NotFound, "notFound"),
    "dataset": ("SELECT 1 FROM `demo-shop.none.none`", NotFound, "notFound"),
}


@pytest.mark.parametrize(
    ("sql", "words"),
    [
        ("SELECT DATE(usage_start_time) AS day FROM `{table}` WHERE day = '2026-01-28'", "Unrecognized name: day"),
        ("SELECT cost AS c, c + 1 AS d FROM `{table}`", "Unrecognized name: c"),
        ("SELECT cost FROM `{table}` WHERE usage_start_time >= DATE '2026-01-28'", "TIMESTAMP, DATE"),
        ("SELECT labels, COUNT(*) FROM `{table}` GROUP BY labels", "type ARRAY"),
    ],
)
def test_what_only_the_engine_would_take_is_refused(
    client: bigquery.Client, seeded: BillingSeed, sql: str, words: str
) -> None:
    with pytest.raises(BadRequest, match=words):
        rows(client, sql.format(table=seeded.table))


def test_names_that_look_alike_are_told_apart(client: bigquery.Client, seeded: BillingSeed) -> None:
    table = seeded.table
    right = [
        f"SELECT ROUND(cost, 2) AS cost FROM `{table}` WHERE cost > 1",  # noqa: S608
        f"SELECT TO_JSON_STRING(labels) AS labels, SUM(cost) FROM `{table}` GROUP BY labels ORDER BY labels",  # noqa: S608
        f"SELECT DATE(usage_start_time) AS day, SUM(cost) AS c FROM `{table}` GROUP BY day HAVING c > 0 ORDER BY day",  # noqa: S608
        f"SELECT x.day FROM (SELECT DATE(export_time) AS day FROM `{table}`) x WHERE x.day > '2020-01-01'",  # noqa: S608
        f"WITH d AS (SELECT cost AS day FROM `{table}`) SELECT day FROM d WHERE day > 0",  # noqa: S608
        f"SELECT t.cost FROM `{table}` AS t, UNNEST(t.labels) AS l WHERE l.key = 'team'",  # noqa: S608
    ]
    assert all(rows(client, sql) for sql in right)


@pytest.mark.parametrize("case", ERRORS)
def test_errors_have_googles_status_and_reason_by_both_ways(client: Any, seeded: BillingSeed, case: str) -> None:
    sql, kind, reason = ERRORS[case]
    for ask in (client.query_and_wait, lambda text, **more: client.query(text, **more).result()):
        with pytest.raises(kind) as refused:
            ask(sql.format(table=seeded.table), retry=None, job_retry=None)
        assert refused.value.errors[0]["reason"] == reason


def test_faults_have_bigquerys_own_words(gcp: LocalGcp, client: bigquery.Client, seeded: BillingSeed) -> None:
    sql = f"SELECT 1 FROM `{seeded.table}` LIMIT 1"  # noqa: S608
    gcp.faults.deny("bigquery.tables.getData")
    with pytest.raises(Forbidden, match="Access Denied: Table demo-shop:billing") as denied:
        rows(client, sql)
    assert denied.value.errors[0]["reason"] == "accessDenied"
    gcp.faults.clear()
    gcp.faults.deny("bigquery.jobs.create")
    with pytest.raises(Forbidden, match=r"does not have bigquery\.jobs\.create permission in project demo-shop"):
        rows(client, sql)
    gcp.faults.clear()
    gcp.faults.throttle(api="bigquery:*", count=1)
    with pytest.raises(Forbidden) as throttled:
        rows(client, sql)
    assert throttled.value.errors[0]["reason"] == "rateLimitExceeded"
    assert len(rows(client, sql)) == 1
    assert gcp.calls(outcome="throttle") == {"bigquery:jobs.query": 1}


def test_rows_that_are_not_of_the_export_are_refused(gcp: LocalGcp) -> None:
    with pytest.raises(ValueError, match="export_time"):
        gcp.billing_export.load("p.d.t", [{"cost": 1.0}])
    with pytest.raises(ValueError, match="nonsense"):
        gcp.billing_export.load("p.d.t", [{"export_time": START, "nonsense": 1}])
    with pytest.raises(ValueError, match=r"project\.dataset\.table"):
        gcp.billing_export.create("table")


def test_a_table_is_described(client: bigquery.Client, seeded: BillingSeed) -> None:
    table = client.get_table(seeded.table)
    assert table.num_rows == len(seeded.rows())
    credits_ = next(field for field in table.schema if field.name == "credits")
    assert (credits_.mode, [field.name for field in credits_.fields][:2]) == ("REPEATED", ["name", "amount"])
