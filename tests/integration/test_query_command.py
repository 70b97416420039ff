"""`finfleet query` answers as a table, CSV, JSON and Parquet, and says what is missing, or wrong with a question."""

import csv
import io
import json
import os
from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest
from pyarrow import parquet
from pydantic import SecretStr

from storage.database import Database
from storage.questions import load
from telemetry.target import Target
from tests.support.bill_readings import DAY, day_of, line, settle
from tests.support.command_runs import RunsFinfleet
from tests.support.commands import CommandLine
from tests.support.databases import create_database, drop_database
from tests.support.year_of_bills import ASKED_FROM
from workers.embedded import EmbeddedPostgres

FORMULA = "=HYPERLINK(1)"
BILL = Target("aws", "prod", "global", "cost")
ASKED = ("monthly_costs", "--from", "2026-02", "--to", "2026-02-04")


@pytest.fixture(scope="module")
def url(postgres_server: EmbeddedPostgres, migrated_template: str) -> Iterator[str]:
    server = postgres_server.url.get_secret_value()
    made = create_database(server, migrated_template)
    with Database(SecretStr(made)) as database, database.connection() as connection:
        for number, name in enumerate(("Compute", FORMULA)):
            day = ASKED_FROM + number * DAY
            lines = [
                line(day, service_name=name, billed_cost=Decimal("1.10"), tags={"team": "a"}),
                line(day, service_name=name, billed_cost=Decimal("0.000000000001"), currency="EUR"),
            ]
            settle(connection, BILL, day_of(day), lines)
    yield made
    drop_database(server, made)


@pytest.fixture
def finfleet(url: str, tmp_path: Path, finfleet_program: RunsFinfleet) -> CommandLine:
    return CommandLine(tmp_path, url, "redis://127.0.0.1:1/0", finfleet_program)


def said(finfleet: CommandLine, *words: str, status: int = 0) -> tuple[str, str]:
    done = finfleet.run("query", *words, status=status)
    return done.stdout.decode(), done.stderr.decode()


def test_a_table_says_below_what_is_missing(finfleet: CommandLine) -> None:
    printed, _ = said(finfleet, *ASKED)
    assert printed.splitlines()[0].split() == [column.name for column in load()["monthly_costs"].columns]
    assert "1.1" in printed
    assert (
        "NOT COMPLETE: the bills of 2 of 3 days are whole; aws/prod/global/cost: 1 day waiting (2026-02-03)" in printed
    )
    printed, _ = said(finfleet, "monthly_costs", "--from", "2026-02-01", "--to", "2026-02-03")
    assert printed.splitlines()[-1] == "complete: the bills of all 2 days are there"


def test_json_has_all_digits_and_what_each_column_means(finfleet: CommandLine) -> None:
    printed, _ = said(finfleet, *ASKED, "--format", "json")
    told = json.loads(printed)
    assert told["question"] == "monthly_costs"
    assert (told["from"], told["to"], told["count"], told["more"]) == ("2026-02-01", "2026-02-04", 4, False)
    assert told["completeness"]["complete_days"] == 2
    assert told["completeness"]["lacking"] == [
        {
            "target": str(BILL),
            "state": "waiting",
            "days": 1,
            "first_day": "2026-02-03",
            "last_day": "2026-02-03",
        }
    ]
    assert all(column["meaning"] for column in told["columns"])
    assert {row["billed_cost"] for row in told["rows"]} == {"1.10", "0.000000000001"}
    assert said(finfleet, *ASKED, "--json")[0] == printed


def test_csv_is_no_formula_and_its_notes_are_beside_it(finfleet: CommandLine) -> None:
    printed, notes = said(finfleet, *ASKED, "--format", "csv", "--currency", "USD")
    rows = list(csv.DictReader(io.StringIO(printed)))
    assert sorted(row["item"] for row in rows) == [f"'{FORMULA}", "Compute"]
    assert rows[0]["change"] == ""
    assert notes.startswith("NOT COMPLETE")
    finfleet.run("query", *ASKED, "--format", "csv", "--currency", "USD", "--output", "costs.csv")
    assert (finfleet.directory / "costs.csv").read_text() == printed
    assert not (finfleet.directory / "costs.csv.part").exists()


def test_parquet_keeps_types_and_says_the_same(finfleet: CommandLine) -> None:
    printed, _ = said(finfleet, *ASKED, "--format", "parquet", "--output", "costs.parquet")
    assert printed == "4 rows in costs.parquet\n"
    found = parquet.read_table(finfleet.directory / "costs.parquet")
    assert found["billed_cost"].to_pylist()[0] == Decimal("1.1")
    assert found["month"].to_pylist()[0] == date(2026, 2, 1)
    told = json.loads(found.schema.metadata[b"finfleet"])
    assert told["completeness"]["is_complete"] is False
    said(finfleet, "--sql", "SELECT 1 AS n WHERE false", "--format", "parquet", "--output", "none.parquet")
    assert parquet.read_table(finfleet.directory / "none.parquet").num_rows == 0
    _, wrong = said(finfleet, "--sql", "SELECT 1e-19::numeric AS n", "--format", "parquet", "--output", "x", status=1)
    assert "column n has a number of more than 18 decimals" in wrong
    assert not list(finfleet.directory.glob("x*"))


def test_without_its_library_parquet_names_the_extra(finfleet: CommandLine) -> None:
    words = ["query", *ASKED, "--format", "parquet", "--output", "x"]
    program = f"import sys; sys.modules['pyarrow'] = None; from workers.cli import main; sys.argv[1:] = {words}; main()"
    assert b"pip install 'finfleet[bills]'" in finfleet.python(program, status=1).stderr


def test_a_query_of_ones_own_has_limits_in_words(finfleet: CommandLine) -> None:
    printed, _ = said(finfleet, "--sql", "SELECT n FROM generate_series(1, 5) AS n", "--limit", "2")
    assert printed.splitlines() == ["n", "1", "2", "only the first 2 rows: --limit for more"]
    _, wrong = said(finfleet, "--sql", "SELECT 1; RESET ROLE", status=1)
    assert "multiple commands" in wrong or "syntax error" in wrong
    _, wrong = said(finfleet, "--sql", "SELECT count(*) FROM generate_series(1, 1e12)", "--timeout", "0.2", status=1)
    assert "took longer than 0.2 s" in wrong
    printed, _ = said(finfleet, "--sql", "SELECT '=1+1' AS a, '{\"b\": 1}'::jsonb AS b", "--format", "csv")
    assert printed == 'a,b\n\'=1+1,"{""b"": 1}"\n'


def test_the_list_has_every_question(finfleet: CommandLine) -> None:
    printed, _ = said(finfleet, "--list")
    assert [line.split()[0] for line in printed.splitlines()[1:-1]] == [*load()]
    told = json.loads(said(finfleet, "--list", "--json")[0])
    assert [one["name"] for one in told] == [*load()]
    printed, _ = said(finfleet, "idle-resources", "--describe")
    assert "--set cpu_below=" in printed
    assert json.loads(said(finfleet, "tax", "--describe", "--json")[0])["name"] == "tax"


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ((), "name a question, or give --sql or --list"),
        (("tax", "--list"), "name a question, or give --sql or --list"),
        (("montly_costs",), "did you mean monthly_costs?"),
        (("monthly_costs", "--by", "servce"), "is not asked by 'servce': did you mean service?"),
        (("tax", "--by", "service"), "tax is not asked by anything"),
        (("monthly_costs", "--from", "yesterday"), "from 'yesterday': write a day or a month"),
        (("monthly_costs", "--from", "2026-02-30"), "from '2026-02-30': write a day or a month"),
        (("monthly_costs", "--from", "2026-02", "--to", "2026-02"), "is no time"),
        (("monthly_costs", "--currency", "dollars"), "write three capital letters"),
        (("monthly_costs", "--tag", "team=a"), "monthly_costs takes no tag: it takes from, to, by, account"),
        (("tax", "--tag", "team"), "tax is not asked by a tag; name a value"),
        (("coverage", "--currency", "USD"), "coverage takes no currency"),
        (("idle_resources", "--set", "cpu_bellow=5"), "has no threshold 'cpu_bellow': did you mean cpu_below?"),
        (("idle_resources", "--set", "cpu_below"), "write NAME=VALUE"),
        (("idle_resources", "--set", "cpu_below=low"), "threshold cpu_below 'low': write a number"),
        (("tax", "--format", "parquet"), "say --output FILE"),
        (("tax", "--output", "x"), "a table is for reading"),
        (("--sql", "SELECT 1", "--by", "service"), "takes no other words"),
        (("tax", "--json", "--format", "csv"), "--json and --format csv"),
        (("--list", "--format", "csv"), "a table or JSON"),
        (("tax", "--describe", "--format", "csv"), "a table or JSON"),
        (("--list", "--json", "--output", "x"), "a table or JSON, on standard output"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_a_question_is_said_as_wrong_usage(
    finfleet: CommandLine, words: tuple[str, ...], says: str
) -> None:
    assert says in said(finfleet, *words, status=2)[1]


def test_a_tag_a_threshold_and_days_are_taken(finfleet: CommandLine) -> None:
    days = ("--from", "2026-02", "--to", "2026-03")
    told = json.loads(said(finfleet, "monthly_costs_by_tag", "--tag", "team=a", *days, "--json")[0])
    assert [(row["tag_value"], row["billed_cost"]) for row in told["rows"]] == [("a", "2.20")]
    told = json.loads(said(finfleet, "top_movers", "--set", "least_change=1", *days, "--json")[0])
    assert {row["billing_currency"] for row in told["rows"]} == {"USD"}


@pytest.mark.parametrize("form", ["json", "parquet"])
def test_two_columns_of_one_name_are_refused(finfleet: CommandLine, form: str) -> None:
    words = ("--sql", "SELECT sum(1), sum(2)", "--format", form, "--output", "two")
    assert "two columns are called sum: name them by AS" in said(finfleet, *words, status=1)[1]
    assert not list(finfleet.directory.glob("*two*"))


ODD = """
SELECT '{"a": 12345678901234567890.123456789, "b": 1.10}'::jsonb AS j, E'{"a":\n1e400}'::json AS k,
       'NaN'::float8 AS f, '-Infinity'::float4 AS g, 'NaN'::numeric AS n, 0.001::float8 AS small,
       12345678901234567890123456789012345.10::numeric AS large, '10.0.0.1'::inet AS i, ARRAY['=1', NULL] AS a,
       ROW('=1', 2) AS r, '1 month 2 days'::interval AS during, '\\x3d'::bytea AS b
"""
DIGITS = '{"a": 12345678901234567890.123456789, "b": 1.10}'


def test_values_keep_their_digits_as_json(finfleet: CommandLine) -> None:
    printed, _ = said(finfleet, "--sql", ODD, "--json")
    assert f'"j": {DIGITS}, "k": {{"a": 1e400}}' in printed

    def no_such(word: str) -> None:
        raise AssertionError(f"{word} is no JSON")

    (row,) = json.loads(printed, parse_constant=no_such)["rows"]
    assert (row["f"], row["g"], row["n"], row["small"]) == ("NaN", "-Infinity", "NaN", 0.001)
    assert (row["i"], row["a"], row["large"]) == ("10.0.0.1", ["=1", None], "12345678901234567890123456789012345.10")


def test_values_keep_their_digits_as_csv_and_as_a_table(finfleet: CommandLine) -> None:
    printed, _ = said(finfleet, "--sql", ODD, "--format", "csv")
    (row,) = csv.DictReader(io.StringIO(printed))
    assert (row["j"], row["k"], row["f"], row["small"]) == (DIGITS, '{"a": 1e400}', "NaN", "0.001")
    assert (row["during"], row["b"]) == ("1 mon 2 days", "\\x3d")
    printed, _ = said(finfleet, "--sql", ODD)
    assert all(one in printed for one in (DIGITS, " NaN ", "0.001", "12345678901234567890123456789012345.1 "))


def test_heads_of_csv_are_no_formulas(finfleet: CommandLine) -> None:
    assert said(finfleet, "--sql", 'SELECT 1 AS "=1+1"', "--format", "csv")[0].splitlines() == ["'=1+1", "1"]


def test_parquet_has_arrays_as_text_and_says_which_number_it_cannot_have(finfleet: CommandLine) -> None:
    asked = "SELECT ARRAY[1, 2] AS a, ROW(1, 'b') AS r, '{\"c\": 1.10}'::jsonb AS j, ARRAY[1.5, 'NaN'] AS d"
    said(finfleet, "--sql", asked, "--format", "parquet", "--output", "arrays")
    (row,) = parquet.read_table(finfleet.directory / "arrays").to_pylist()
    assert row == {"a": "[1, 2]", "r": '["1", "b"]', "j": '{"c": 1.10}', "d": '["1.5", "NaN"]'}
    words = ("--sql", "SELECT 'NaN'::numeric AS n", "--format", "parquet", "--output", "x")
    assert "column n has NaN, which no decimal of Parquet is" in said(finfleet, *words, status=1)[1]


@pytest.mark.parametrize(
    ("form", "value"),
    [
        ("table", "'infinity'::date"),
        ("csv", "'24:00'::time"),
        ("json", "'-infinity'::timestamptz"),
        ("parquet", "ARRAY['10000-01-01'::date]"),
    ],
)
def test_a_time_that_python_has_not_is_said_in_words(finfleet: CommandLine, form: str, value: str) -> None:
    output = () if form == "table" else ("--output", "times")
    _, wrong = said(finfleet, "--sql", f"SELECT {value} AS t", "--format", form, *output, status=1)
    assert "::text" in wrong
    assert "Traceback" not in wrong


def test_a_huge_cell_of_a_table_is_cut(finfleet: CommandLine) -> None:
    printed, _ = said(finfleet, "--sql", "SELECT repeat('x', 20000000) AS t, 1 AS n")
    assert len(printed) < 20_000
    assert "x… (20,000,000 characters)" in printed


def test_no_file_is_replaced_unless_that_is_said(finfleet: CommandLine) -> None:
    def ask(output: str, *more: str, status: int = 0) -> str:
        return said(finfleet, "--sql", "SELECT 1 AS n", "--format", "csv", "--output", output, *more, status=status)[1]

    folder = finfleet.directory
    for name in ("n.csv", "n.csv.part"):
        (folder / name).write_text("theirs")
    (folder / "link").symlink_to("n.csv")
    (folder / "folder").mkdir()
    for name in ("n.csv", "link"):
        assert f"{name} is there already: --force replaces it" in ask(name, status=1)
    assert "folder is a folder: name a file" in ask("folder", "--force", status=1)
    assert "none/x" in ask("none/x", status=1)
    assert (folder / "n.csv").read_text() == "theirs"
    ask("link", "--force")
    assert (folder / "link").is_symlink()
    assert (folder / "n.csv").read_text() == "n\n1\n"
    assert (folder / "n.csv.part").read_text() == "theirs"
    assert "--output" in ask("", status=2)


def test_what_is_no_file_is_written_to_and_not_replaced(finfleet: CommandLine) -> None:
    asked = ("--sql", "SELECT 1 AS n", "--format", "csv", "--output")
    assert said(finfleet, *asked, "-")[0] == said(finfleet, *asked, "/dev/stdout")[0] == "n\n1\n"
    pipe = finfleet.directory / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    try:
        said(finfleet, *asked, "pipe", "--force")
        assert os.read(reader, 100) == b"n\n1\n"
    finally:
        os.close(reader)
    assert pipe.is_fifo()
    words = ("--sql", "SELECT 1 AS n", "--format", "parquet", "--output")
    assert "pipe is no regular file: Parquet needs one" in said(finfleet, *words, "pipe", status=1)[1]


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("--account", "prd"), "no account 'prd' is on the bill from 2026-02-01 to 2026-02-04: did you mean prod?"),
        (("--provider", "asw"), "no provider 'asw' is on the bill from 2026-02-01 to 2026-02-04: did you mean aws?"),
        (("--currency", "USB"), "no currency 'USB' is on the bill from 2026-02-01 to 2026-02-04: did you mean USD?"),
        (("--account", "prod"), ""),
    ],
)
def test_an_empty_answer_names_what_no_bill_has(finfleet: CommandLine, words: tuple[str, ...], says: str) -> None:
    printed, hint = said(finfleet, *ASKED, *words, "--json")
    assert hint.startswith(says) if says else not hint
    assert (json.loads(printed)["count"] == 0) == bool(says)
