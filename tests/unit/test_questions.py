"""The files of the questions say all that they have to, and what a question is asked with is checked."""

import shutil
from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest

from storage.questions import BadValue, Given, load, values_of

FOLDER = files("storage").joinpath("questions", "sql")
TODAY = date(2026, 3, 31)
WHOLE = """\
-- title = "Everything"
-- answers = "What is there?"
-- span = "2 days"
-- order = "day"
-- columns = ["day"]
-- [thresholds]
-- least = {default = 1, meaning = "count: fewer are left out"}
SELECT day FROM reporting.daily_costs WHERE day >= %(from)s AND lines > %(least)s
"""


@pytest.mark.parametrize("question", load().values(), ids=lambda question: question.name)
def test_every_file_says_what_it_is(question: Any) -> None:
    lines = FOLDER.joinpath(f"{question.name}.sql").read_text(encoding="utf-8").splitlines()
    # Headers are as long as they are: columns are named in a line.
    assert not [line for line in lines if len(line) > 120 and not line.startswith("-- ")]
    assert not question.title.endswith(".")
    assert len(question.title) < 120
    assert question.answers[-1] in ".?"
    assert "ORDER BY" in question.statement.decode()
    assert "finfleet." not in question.statement.decode()  # whoever may read the views may ask
    assert "to" in question.takes
    money = [column for column in question.columns if column.unit == "money"]
    currencies = {"billing_currency", "new_currency"} & {column.name for column in question.columns}
    assert bool(money) == bool(currencies), "an amount is beside its currency"


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({'-- title = "Everything"\n': ""}, "everything.sql: the header lacks title"),
        ({"-- order": "-- ordre"}, "the header lacks order"),
        ({"-- span": '-- spam = "x"\n-- span'}, "the header has spam, which mean nothing"),
        ({"2 days": "two days"}, "span is 'two days': write it as 30 days, or 13 months"),
        ({'["day"]': '["hour"]'}, "column hour has no meaning"),
        ({"-- [thresholds]": '-- [meanings]\n-- hour = "time: x"\n-- [thresholds]'}, "meanings of columns that"),
        ({"%(least)s": "%(most)s"}, "thresholds and the statement differ"),
        ({"-- span": '-- by = ["hour"]\n-- span'}, "by is .*, and has to be some of"),
        ({"-- span": '-- by = ["region"]\n-- span'}, "by is in the header or in the statement, and not in both"),
        ({"reporting.daily_costs": "{no_such_part}"}, "parts.toml has no part 'no_such_part'"),
        ({"-- title": "title"}, "everything.sql: the header lacks"),
        ({'"What is there?"': "What"}, "everything.sql: Invalid value"),
    ],
)
def test_a_file_that_says_too_little_is_named(change: Mapping[str, str], says: str, tmp_path: Path) -> None:
    for name in ("parts.toml", "columns.toml"):
        shutil.copy(str(FOLDER.joinpath(name)), tmp_path)
    (tmp_path / "everything.sql").write_text(WHOLE)
    assert load(tmp_path)["everything"].thresholds[0].default == Decimal(1)
    load.cache_clear()
    text = WHOLE
    for old, new in change.items():
        assert old in text
        text = text.replace(old, new)
    (tmp_path / "everything.sql").write_text(text)
    with pytest.raises(ValueError, match=says):
        load(tmp_path)


@pytest.mark.parametrize(
    ("name", "given", "since", "until"),
    [
        ("tax", Given(), date(2026, 1, 1), TODAY),  # three months, of which this is one
        ("daily_costs", Given(), date(2026, 3, 1), TODAY),
        ("tax", Given(until="2026-01-01"), date(2025, 10, 1), date(2026, 1, 1)),
        ("tax", Given(until="2026-01-02"), date(2025, 11, 1), date(2026, 1, 2)),
        ("monthly_costs", Given(until="2026-01"), date(2024, 12, 1), date(2026, 1, 1)),
        ("tax", Given(since="2026-02"), date(2026, 2, 1), TODAY),
        ("tax", Given(since="2024-02-29", until="2024-03"), date(2024, 2, 29), date(2024, 3, 1)),
    ],
)
def test_days_are_half_open_and_usual_where_none_are_told(name: str, given: Given, since: date, until: date) -> None:
    values = values_of(load()[name], given, TODAY)
    assert (values.since, values.until) == (since, until)
    assert (values.bound["from"], values.bound["to"]) == (since, until)


def test_month_to_date_is_about_the_month_of_its_last_day() -> None:
    question = load()["month_to_date"]
    assert values_of(question, Given(until="2026-03-01"), TODAY).since == date(2026, 1, 1)
    with pytest.raises(BadValue, match="month_to_date takes no from: it takes to, by, account"):
        values_of(question, Given(since="2026-01"), TODAY)


def test_only_what_a_question_takes_is_bound() -> None:
    for question in load().values():
        bound = values_of(question, Given(), TODAY).bound
        assert bound.keys() == question.takes | {one.name for one in question.thresholds}


def test_values_are_bound_as_they_are() -> None:
    hostile = "x'; DROP TABLE finfleet.targets; --"
    bound = values_of(load()["tax"], Given(account=hostile, tag=f"{hostile}={hostile}"), TODAY).bound
    assert (bound["account"], bound["tag"], bound["tag_value"]) == (hostile, hostile, hostile)
    bound = values_of(load()["data_transfer"], Given(thresholds={"pattern": "a.*"}), TODAY).bound
    assert bound["pattern"] == "a.*"
    bound = values_of(load()["idle_resources"], Given(thresholds={"cpu_below": "2.5"}), TODAY).bound
    assert (bound["cpu_below"], bound["least_days"]) == (Decimal("2.5"), Decimal(7))


ODD_NUMBERS = ["1e200000", " 1_0", "1_0", "1 ", "-1", "+1", "\uff11\uff10", "9" * 200]


@pytest.mark.parametrize("value", ["NaN", "inf", "-Infinity", "", "1e", "x" * 600, *ODD_NUMBERS])
def test_a_threshold_is_a_number(value: str) -> None:
    given = Given(thresholds={"cpu_below": value})
    if not value:
        assert values_of(load()["idle_resources"], given, TODAY).bound["cpu_below"] == 5
        return
    with pytest.raises(BadValue, match="threshold cpu_below"):
        values_of(load()["idle_resources"], given, TODAY)
