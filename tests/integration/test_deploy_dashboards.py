"""Every panel's SQL, on a database that holds something for each of them, as the role that dashboards read by."""

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from storage.database import Connection, Database
from telemetry.batch import ApiUse, Batch, Outcome, Points
from telemetry.costs import CostLine
from telemetry.target import Target, Window
from tests.support import writing
from tests.support.manifests import ROOT

_DASHBOARD = json.loads((ROOT / "deploy" / "grafana" / "costs.json").read_text(encoding="utf-8"))
_FROM, _TO = writing.START - timedelta(days=2), writing.START + timedelta(days=1)
_BILL = Target("aws", "payer", "global", "cost")
_PANELS = [panel for panel in _DASHBOARD["panels"] if panel["datasource"]["uid"] == "${postgres}"]


@pytest.fixture
def seeded(database: Database) -> Iterator[Connection]:
    day = Window(datetime(2026, 11, 23, tzinfo=UTC), datetime(2026, 11, 24, tzinfo=UTC))
    after = Window(writing.WINDOW.end, writing.WINDOW.end + timedelta(minutes=5))
    with database.connection() as connection:
        writing.plan(connection)
        writing.plan(connection, _BILL, day)
        writing.plan(connection, window=after)
        costs, metrics = writing.run(_BILL, day), writing.run()
        line = CostLine(start=day.start, end=day.end, currency="USD", billed_cost=Decimal("12.5"), service_name="EC2")
        apis = [ApiUse("cloudwatch:GetMetricData", 8, 1, Decimal("0.04"))]
        writing.put(
            connection,
            Batch(costs, 1, True, costs.started_at, [], [], Points([], [], []), [], [line]),
            writing.report(costs),
            writing.batch(metrics, points=[("i-1", 0, 2.5), ("i-1", 1, 4.0)], rates=[("i-1", 0, "0.096")]),
            writing.report(metrics, apis=apis),
            writing.report(writing.run(window=after), Outcome.FAILED, 0, error="a reason"),
        )
        connection.execute("UPDATE finfleet.collections SET state = 'failed', error = 'x' WHERE records IS NULL")
        # Roles are the whole server's: what this changes goes with the transaction.
        with connection.transaction(force_rollback=True):
            connection.execute("GRANT finfleet_reader TO CURRENT_USER")
            connection.execute("SET LOCAL ROLE finfleet_reader")
            yield connection


def _as_grafana_sends_it(sql: str) -> bytes:
    times = {"From": f"'{_FROM.isoformat()}'::timestamptz", "To": f"'{_TO.isoformat()}'::timestamptz"}
    sql = re.sub(r"\$__timeFilter\(([\w.]+)\)", rf"\1 BETWEEN {times['From']} AND {times['To']}", sql)
    sql = re.sub(r"\$__time(From|To)\(\)", lambda found: times[found[1]], sql)
    return sql.replace("${provider:sqlstring}", "'aws','generic'").encode()


def test_each_panel_shows_something(seeded: Connection) -> None:
    assert len(_PANELS) > 8
    for panel in _PANELS:
        for target in panel["targets"]:
            _check_query(seeded, panel["title"], target)


def _check_query(connection: Connection, title: str, target: dict[str, Any]) -> None:
    sent = _as_grafana_sends_it(target["rawSql"])
    assert b"$" not in sent, "nothing is left for Grafana to replace"
    cursor = connection.execute(sent)
    assert cursor.description is not None
    columns = [column.name for column in cursor.description]
    rows = cursor.fetchall()
    assert rows, title
    if target["format"] == "time_series":
        assert columns == ["time", "metric", "value"], title
        assert isinstance(rows[0][0], datetime), title
        assert isinstance(rows[0][2], float), title


def test_the_figures_are_those_that_were_stored(seeded: Connection) -> None:
    by_title = {panel["title"]: panel["targets"][0]["rawSql"] for panel in _PANELS}

    def ask(title: str) -> list[tuple[Any, ...]]:
        return seeded.execute(_as_grafana_sends_it(by_title[title])).fetchall()

    assert [row[1:] for row in ask("Bill by day")] == [("aws USD", 12.5)]
    assert ask("Most expensive resources")[0][-1] == Decimal("0.096") * 300 / 3600
    rate = [(writing.WINDOW.start, "aws/ec2 USD", 0.096), (writing.WINDOW.end, "aws/ec2 USD", None)]
    assert ask("List price of what runs, per hour") == rate, "and from then on it is not known"
    assert ask("Idle resources")[0][3:] == ("i-1", 4.0)
    assert [row[1:] for row in ask("What collecting costs, by day")] == [("aws cloudwatch:GetMetricData", 0.04)]
    assert ("failed: x",) in [row[4:] for row in ask("Gaps")]


def test_a_price_that_is_not_known_is_not_zero_on_the_dashboard(seeded: Connection) -> None:
    seeded.execute("RESET ROLE")
    seeded.execute("UPDATE finfleet.runs SET apis = jsonb_set(apis, '{0,cost_usd}', 'null') WHERE apis <> '[]'")
    seeded.execute("SET LOCAL ROLE finfleet_reader")
    (sql,) = [panel["targets"][0]["rawSql"] for panel in _PANELS if panel["title"] == "Calls and throttles"]
    assert {row[-1] for row in seeded.execute(_as_grafana_sends_it(sql))} == {None}


def test_the_choice_of_providers(seeded: Connection) -> None:
    (variable,) = [each for each in _DASHBOARD["templating"]["list"] if each["type"] == "query"]
    assert variable["refresh"] == 2, "it is asked again for another range of time, which it names"
    assert seeded.execute(_as_grafana_sends_it(variable["query"])).fetchall() == [("aws",)]
