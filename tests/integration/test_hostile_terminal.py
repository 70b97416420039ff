"""What strangers have written into the database, or answer, never steers the terminal of who looks at it."""

import csv
import json
import unicodedata
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from storage import dead_letters
from storage.database import Connection, Database
from telemetry.codec import MAGIC, encode
from telemetry.undeliverable import wrap
from tests.support import outbox, writing
from tests.support.command_runs import RunsFinfleet
from tests.support.commands import CommandLine
from tests.support.scripted_http import Reply, ScriptedServer
from workers.cli import _COMMANDS

HOSTILE = "\x1b]0;owned\x07\x1b[2J\x9b31m\u202eevil\u2066\u200b\u2028\r\nforged line\x08\x7f"
_FORGED = "forged line"
#: Long-running: what they print are log lines (tests/unit/test_text.py).
_LONG = {"up", "worker", "beat", "ingest", "forward", "flower"}
#: Whose tables have such text in full.
_WITH_HOSTILE_TEXT = {
    ("status",),
    ("dlq", "list"),
    ("outbox", "dead"),
    ("anomalies", "list"),
    ("forecast", "--by", "account"),
    ("anomalies", "show", "0"),
}
_BODIES = (
    json.dumps({"source": HOSTILE, "metrics": [{"name": HOSTILE, "value": 1}]}).encode(),
    HOSTILE.encode(),
    b"\xff\xfe\x1b[31m",
    MAGIC + b"\x02" + HOSTILE.encode(),
    b'{"a":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    b'{"a": 1' + b"0" * 5000 + b"}",
    b'{"a": "\\ud800"}',
    wrap("push", "not_a_task", HOSTILE, HOSTILE.encode()),
    b"",
)


@pytest.fixture
def finfleet(tmp_path: Path, database_url: str, redis_url: str, finfleet_program: RunsFinfleet) -> CommandLine:
    return CommandLine(tmp_path, database_url, redis_url, finfleet_program)


@pytest.fixture
def connection(database: Database) -> Iterator[Connection]:
    with database.connection() as lent:
        yield lent


def _fill(connection: Connection) -> None:
    """Put such text wherever the tables have text of others."""
    letters = [dead_letters.Letter(body, HOSTILE, HOSTILE) for body in _BODIES]
    dead_letters.dead_letter(connection, letters, writing.NOW)
    run = writing.run()
    target_id = writing.plan(connection, state="failed")
    outbox.put(connection, target_id, writing.batch(run), encode(writing.batch(run)))
    connection.execute("UPDATE finfleet.targets SET queue = %s, account = %s, service = %s", [HOSTILE] * 3)
    connection.execute("UPDATE finfleet.collections SET error = %s, permission = %s", [HOSTILE] * 2)
    connection.execute(
        """
        INSERT INTO finfleet.anomalies
        VALUES (%s, %s, %s, %s, %s, %s, '2026-11-01', '2026-11-01', '{2026-11-01}', %s, 1, 2, now(), NULL)
        """,
        [uuid.UUID(int=0), *[HOSTILE] * 6],
    )
    connection.execute(
        "INSERT INTO finfleet.anomaly_notes VALUES (%s, now(), 'open', %s, %s)", [uuid.UUID(int=0), *[HOSTILE] * 2]
    )
    connection.execute(
        """
        INSERT INTO finfleet.forecasts
        VALUES ('account', %s, %s, %s, '2026-11-01', %s, 1, 1, NULL, 29, NULL, NULL, %s, NULL, NULL, 0, 0, now(), now())
        """,
        [HOSTILE] * 5,
    )
    connection.execute("UPDATE finfleet.outbox SET error = %s, state = 'dead'", [HOSTILE])


def _check(text: bytes) -> str:
    """It steers nothing, and has no line that a stranger has begun."""
    decoded = text.decode()
    steering = {c for c in decoded if c != "\n" and unicodedata.category(c) in {"Cc", "Cf", "Cs", "Zl", "Zp"}}
    assert steering == set(), decoded
    assert not [line for line in decoded.splitlines() if line.startswith(_FORGED)], decoded
    return decoded


def test_every_command_shows_hostile_text_as_escapes(finfleet: CommandLine, connection: Connection) -> None:
    _fill(connection)
    done: set[str] = set()
    for words, status in (
        (("status",), 1),
        (("dlq", "list"), 0),
        (("outbox", "status"), 0),
        (("outbox", "dead"), 0),
        (("anomalies", "list"), 0),
        (("forecast", "--by", "account"), 0),
        (("anomalies", "show", "0"), 0),
        (("plan", "--resources", "1"), 0),
        (("services",), 0),
        (("db", "check"), 0),
        (("backfill", "--from", "1d", "--target", f"aws/x{HOSTILE}/*/*"), 2),
    ):
        for form in ((), ("--json",)):
            result = finfleet.run(*words, *form, status=status)
            printed = _check(result.stdout)
            _check(result.stderr)
            if form and status != 2:
                json.loads(printed)
            elif words in _WITH_HOSTILE_TEXT:
                assert "\\x1b]0;owned\\x07" in printed
                assert "\\u202eevil" in printed
        done.add(words[0])
    for words, status in (
        (("permissions", "aws"), 0),
        (("schema",), 0),
        (("health", "ingest"), 1),
        (("collect", HOSTILE), 2),
    ):
        result = finfleet.run(*words, status=status, FINFLEET_HEARTBEAT=_sign(finfleet.directory))
        _check(result.stdout)
        _check(result.stderr)
        done.add(words[0])
    done |= _questions_of_costs(finfleet)
    assert done | _LONG == set(_COMMANDS)


def _questions_of_costs(finfleet: CommandLine) -> set[str]:
    """What the commands that are about a bill print of one with such text; which these are."""
    bill = ("costs", "import", _bill(finfleet.directory), "--period", "2026-10", "--provider", "focus", "--dry-run")
    for form in ((), ("--json",)):
        assert "owned" in _check(finfleet.run(*bill, *form).stdout)
    rules = _rules(finfleet.directory)
    for form in ((), ("--json",)):
        assert "owned" in _check(finfleet.run("allocate", "check", rules, "--month", "2026-10", *form).stdout)
        _check(finfleet.run("rates", "list", *form).stdout)
    assert "owned" in _check(finfleet.run("rates", "import", _rates(finfleet.directory), status=1).stderr)
    finfleet.run(*(word for word in bill if word != "--dry-run"))
    for asked in (("monthly_costs", "--from", "2026-10"), ("--sql", "TABLE reporting.daily_costs")):
        for kind in ("table", "csv", "json"):
            assert "owned" in _check(finfleet.run("query", *asked, "--format", kind).stdout)
    files = ("export", "focus", "--format", "csv", "--account", HOSTILE, "--output", str(finfleet.directory), "--force")
    for form in ((), ("--json",)):
        _check(finfleet.run(*files, *form).stdout)
    return {"costs", "allocate", "rates", "query", "export"}


def _bill(directory: Path) -> str:
    """One in FOCUS, whose service has such a name."""
    path = directory / "bill.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        columns = ("BillingCurrency", "BilledCost", "ChargePeriodStart", "ServiceName")
        csv.writer(file).writerows([columns, ("USD", "1", "2026-10-01T00:00:00Z", HOSTILE)])
    return str(path)


def _rules(directory: Path) -> str:
    """Of allocation, with one that has such a name."""
    path = directory / "allocation.yaml"
    rule = {"name": HOSTILE, "tag": "team"}
    version = {"effective_from": "2026-01", "dimensions": [{"name": "team", "rules": [rule]}]}
    path.write_text(json.dumps({"versions": [version]}), encoding="utf-8")
    return str(path)


def _rates(directory: Path) -> str:
    """Of a currency with such a name."""
    path = directory / "rates.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([("day", "base", "quote", "rate"), ("2026-10-01", "USD", HOSTILE, "1")])
    return str(path)


def test_every_letter_is_shown_whatever_is_in_it(finfleet: CommandLine, connection: Connection) -> None:
    dead_letters.dead_letter(connection, [dead_letters.Letter(body, HOSTILE, HOSTILE) for body in _BODIES], writing.NOW)
    ids = sorted(letter.dead_letter_id for letter in dead_letters.listing(connection))
    assert len(ids) == len(_BODIES)
    for number in ids:
        shown = _check(finfleet.run("dlq", "show", str(number)).stdout)
        assert "\\x1b]0;owned\\x07" in shown
        # Below the table there is the content, as JSON that any program reads.
        json.loads(shown.split("\n\n", 1)[1])
    assert json.loads(_check(finfleet.run("dlq", "show", str(ids[0]), "--json").stdout))["id"] == ids[0]


def _sign(directory: Path) -> str:
    """A sign of life that is withheld, for a reason that somebody else has given."""
    (directory / "sign.why").write_text(HOSTILE)
    return str(directory / "sign")


@pytest.mark.parametrize("form", [(), ("--json",)])
def test_what_a_source_answers_is_shown_as_escapes(finfleet: CommandLine, form: tuple[str, ...]) -> None:
    document = {"name": f"n{HOSTILE}", "value": 1, "tags": {"a": HOSTILE}}
    answer = Reply(200, json.dumps(document).encode())
    with ScriptedServer(lambda _: answer) as server:
        (finfleet.directory / "telemetry.yaml").write_text(
            f"""
generic:
  sources:
    - name: probe
      kind: http_json
      url: {server.url}/
      allow_private: true
      mapping: [{{value: value, metric: "'load'", resource: name, tags: tags}}]
"""
        )
        done = finfleet.run("collect", "generic/probe/global/http_json", *form, FINFLEET_CONFIG="telemetry.yaml")
    printed = _check(done.stdout)
    _check(done.stderr)
    assert "owned" in printed


@pytest.mark.parametrize(
    "words",
    [
        (f"--{HOSTILE}",),
        (HOSTILE,),
        ("dlq", HOSTILE),
        ("dlq", "show", HOSTILE),
        ("status", "--since", HOSTILE),
        ("health", HOSTILE),
        ("permissions", HOSTILE),
        ("collect", f"a/b/c/{HOSTILE}"),
        ("collect", "a/b/c/d", "--window", HOSTILE),
    ],
)
def test_what_is_wrong_with_a_command_line_is_said_without_what_steers(
    finfleet: CommandLine, words: tuple[str, ...]
) -> None:
    _check(finfleet.run(*words, status=2).stderr)


def test_a_faulty_configuration_is_explained_without_what_steers(finfleet: CommandLine) -> None:
    hostile = json.dumps(HOSTILE)
    (finfleet.directory / "telemetry.yaml").write_text(
        f"{hostile}: 1\naws: {{regions: [{hostile}], {hostile}: 1}}\nledger: {{{hostile}: 1}}\n"
    )
    done = finfleet.run("plan", status=78, FINFLEET_CONFIG="telemetry.yaml")
    assert "there is no such key" in _check(done.stderr)


def test_what_nobody_caught_is_printed_without_what_steers(finfleet: CommandLine) -> None:
    program = f"""
import threading
from telemetry.terminal import guard
guard()
thread = threading.Thread(target=lambda: int({HOSTILE!r}), name={HOSTILE!r})
thread.start()
thread.join()
raise RuntimeError({HOSTILE!r})
"""
    done = finfleet.python(program, status=1)
    assert _check(done.stderr).count("Traceback") == 2


def test_letters_are_shown_on_a_terminal_that_has_few_characters(finfleet: CommandLine, connection: Connection) -> None:
    dead_letters.dead_letter(connection, [dead_letters.Letter("Größe 東京".encode(), "malformed", "東京")], writing.NOW)
    done = finfleet.run("dlq", "list", PYTHONIOENCODING="ascii")
    assert b"\\u6771\\u4eac" in done.stdout
