"""Grants: what only a planner can give."""

import json
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from telemetry.batch import Run
from telemetry.codec import describe, encode
from telemetry.grants import RESULTS_MAY_WAIT, NotGranted, check_grant, grant
from telemetry.redact import MASK, redact
from telemetry.target import Target, Window
from telemetry.undeliverable import wrap
from tests.support.messages import make_report

NOW = datetime(2026, 11, 24, 6, tzinfo=UTC)
FIVE = timedelta(minutes=5)
TARGET = Target("aws", "prod", "us-east-1", "ec2")
WINDOW = Window(NOW - FIVE, NOW)
OLD, NEW, FOREIGN = (SecretStr(letter * 32) for letter in "onf")
SIGNED = grant(NEW, TARGET, WINDOW, 3, NOW)


def _run(signed: str, target: Target = TARGET, window: Window = WINDOW, attempt: int = 3) -> Run:
    return Run.start(target, window, attempt, NOW, signed)


@pytest.mark.parametrize("keys", [(NEW,), (FOREIGN, NEW), (NEW, OLD)])
def test_a_run_of_what_was_handed_out_is_let_in_by_any_key_that_is_configured(keys: tuple[SecretStr, ...]) -> None:
    check_grant(keys, _run(SIGNED), NOW + RESULTS_MAY_WAIT)


@pytest.mark.parametrize(
    ("run", "said"),
    [
        (_run(""), "it is missing"),
        (_run("1"), "it is missing"),
        (_run("2." + SIGNED[2:]), "no form that is known"),
        (_run("1.²." + "x" * 43), "no form that is known"),
        (_run(SIGNED[:-1]), "no key of ledger.signing_keys has signed it for attempt 3 of aws/prod/us-east-1/ec2"),
        (_run(SIGNED, attempt=4), "no key of ledger.signing_keys has signed it for attempt 4"),
        (_run(SIGNED, target=Target("aws", "prod", "us-east-1", "rds")), "no key of"),
        (_run(SIGNED, window=Window(NOW - 2 * FIVE, NOW - FIVE)), "no key of"),
        (_run(SIGNED, window=Window(NOW - FIVE, NOW + FIVE)), "no key of"),
        (_run(grant(FOREIGN, TARGET, WINDOW, 3, NOW)), "no key of"),
        (_run(SIGNED.replace(SIGNED.split(".")[1], "99999999999")), "no key of"),
        (_run(grant(NEW, TARGET, WINDOW, 3, NOW - RESULTS_MAY_WAIT - FIVE)), "handed out too long ago"),
    ],
)
def test_nothing_else_is(run: Run, said: str) -> None:
    with pytest.raises(NotGranted) as refused:
        check_grant((NEW, OLD), run, NOW)
    assert said in str(refused.value)
    # What would let a run in must not be read off an error.
    assert run.grant.rpartition(".")[2] not in str(refused.value) or len(run.grant) < 40


def test_without_a_key_nothing_is_let_in() -> None:
    with pytest.raises(NotGranted):
        check_grant((), _run(SIGNED), NOW)


@given(st.text())
def test_whatever_stands_there_is_refused_in_words(signed: str) -> None:
    with pytest.raises(NotGranted):
        check_grant((NEW,), _run(signed), NOW)


def test_no_log_line_shows_a_grant() -> None:
    line = redact(f"task failed: args=('aws/prod/us-east-1/ec2', {SIGNED!r}) {SIGNED},{SIGNED}")
    assert SIGNED.rpartition(".")[2] not in line
    assert line.count(MASK) == 3


def test_a_dead_letter_is_shown_without_its_grant() -> None:
    report = make_report(_run(SIGNED))
    task = json.dumps([[str(TARGET), str(WINDOW), 3, SIGNED], {}, None]).encode()
    for body in (encode(report), wrap("collect.aws", "time", "odd", task), task, SIGNED.encode()):
        shown = json.dumps(describe(body))
        assert SIGNED.rpartition(".")[2] not in shown
        assert MASK in shown
