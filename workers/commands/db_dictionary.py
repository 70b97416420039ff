"""``finfleet db dictionary``: what there is to read in the database, and what each column means."""

from __future__ import annotations

from collections.abc import Iterator

import click

from storage.questions import Question, load
from storage.reports.dictionary import Dictionary, dictionary
from telemetry.terminal import say
from workers.output import json_option, print_json
from workers.process import fleet_settings, open_database


@click.command(name="dictionary")
@json_option
def command(*, as_json: bool) -> None:
    """Print what views, functions and named questions there are, and what each column means; Markdown, or JSON."""
    with (
        open_database(fleet_settings(), "finfleet db dictionary", size=1) as database,
        database.connection() as connection,
    ):
        found = dictionary(connection)
    if as_json:
        print_json(found)
        return
    say("\n".join(_page(found)), lines=True)


def _page(found: Dictionary) -> Iterator[str]:
    yield "# Data dictionary"
    yield ""
    yield "Made by `finfleet db dictionary` of the comments in the database; a test compares the two. Amounts of"
    yield "different currencies have no sum. Role `finfleet_reader` reads all of it."
    yield ""
    yield "- [Views](#views)"
    yield "- [Functions](#functions)"
    yield "- [Named questions](#named-questions)"
    yield ""
    yield "## Views"
    for view in found.views:
        yield from ("", f"### reporting.{view.name}", "", view.meaning, "", "| column | type | meaning |")
        yield "| --- | --- | --- |"
        for column in view.columns:
            yield f"| {column.name} | {column.type} | {_cell(column.meaning)} |"
    yield from ("", "## Functions")
    for function in found.functions:
        yield from ("", f"### reporting.{function.name}", "", function.meaning, "")
        yield from ("```", f"{function.name}({function.arguments})", function.result, "```")
    yield from ("", "## Named questions", "", "`finfleet query NAME`; [worked examples](questions.md).")
    for question in load().values():
        yield from _question(question)


def _question(question: Question) -> Iterator[str]:
    count, unit = question.span
    since = "this month and those before, " if unit == "months" else "the last "
    yield from ("", f"### {question.name}", "", f"{question.title}. {question.answers}", "")
    yield f"- Usual days: {since}{count} {unit}. Order: {question.order}."
    if question.by:
        yield f"- By {', '.join(question.by)}."
    if question.tag:
        yield f"- By a tag, `--tag KEY`, usually {question.tag}."
    for one in question.thresholds:
        yield f"- `--set {one.name}={one.default}`: {_cell(one.meaning)}."
    if question.slow:
        yield f"- May take longer than a second on a year of a large bill: it {question.slow}."
    yield from ("", "| column | unit | meaning |", "| --- | --- | --- |")
    for column in question.columns:
        yield f"| {column.name} | {column.unit} | {_cell(column.meaning)} |"


def _cell(text: str) -> str:
    return text.replace("|", "\\|")
