"""The questions that there are, and what each takes and tells."""

from __future__ import annotations

from typing import Any

from storage.questions import Question, load
from telemetry.terminal import say
from workers.output import print_json, print_table


def listing(*, as_json: bool) -> None:
    """Print all, a line each."""
    if as_json:
        print_json([_fields(one) for one in load().values()])
        return
    rows = [(one.name, one.title, "slow" if one.slow else "") for one in load().values()]
    print_table(("name", "asks", ""), rows, wraps="asks")
    say("slow: may take longer than a second on a year of a large bill; finfleet query NAME --describe says why")


def describe(question: Question, *, as_json: bool) -> None:
    """Print what one takes and tells."""
    if as_json:
        print_json(_fields(question))
        return
    count, unit = question.span
    say(question.title)
    say(question.answers)
    say(f"usual days: {'this month and those before, ' if unit == 'months' else 'the last '}{count} {unit}")
    if question.by:
        say(f"--by: {', '.join(question.by)} [default: {question.by[0]}]")
    if question.tag:
        say(f"--tag: [default: {question.tag}]")
    if "metrics" in question.reads:
        say("--account: by the provider's id, since what is measured knows no other")
    say(f"order: {question.order}")
    if question.slow:
        say(f"slow: {question.slow}")
    if question.thresholds:
        rows = [(f"--set {one.name}=", one.default, one.meaning) for one in question.thresholds]
        print_table(("threshold", "default", "meaning"), rows, right=("default",), wraps="meaning")
    print_table(("column", "unit", "meaning"), [(c.name, c.unit, c.meaning) for c in question.columns], wraps="meaning")


def _fields(question: Question) -> dict[str, Any]:
    count, unit = question.span
    return {
        "name": question.name,
        "title": question.title,
        "answers": question.answers,
        "usual_days": f"{count} {unit}",
        "takes": sorted(question.takes - {"tag_value"}),
        "by": question.by,
        "tag": question.tag,
        "thresholds": [
            {"name": one.name, "default": one.default, "meaning": one.meaning} for one in question.thresholds
        ],
        "order": question.order,
        "slow": question.slow,
        "columns": [{"name": c.name, "unit": c.unit, "meaning": c.meaning} for c in question.columns],
    }
