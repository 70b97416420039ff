"""`finfleet dlq list`: readable at 80 columns and at 40, more of it on a wide terminal, plain in a pipe."""

import re
import sys
from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from storage.dead_letters import DeadLetter
from telemetry import undeliverable
from telemetry.codec import encode
from telemetry.origin import BEGINNING, origin
from tests.support import writing
from workers.letters import print_letters

_SEEN = datetime(2026, 11, 24, 5, 10, tzinfo=UTC)
_LONG = "metrics[0].value: 'high': write a number, such as 5 or 0.5, " * 12
_PUSHED = b'{"source": "shop.checkout", "sent_at": "2026-11-24T05:00:00Z"}'
_MESSAGE = encode(writing.report(writing.run()))
_WRAPPED = undeliverable.wrap("collect.aws.production", "unknown_task", "no such task", b"x" * 500_000)


def _letter(number: int, body: bytes, code: str = "invalid", reason: str = _LONG, times: int = 1) -> DeadLetter:
    return DeadLetter(
        dead_letter_id=number,
        reason_code=code,
        reason=reason,
        first_seen=_SEEN,
        last_seen=_SEEN,
        times=times,
        size=len(body),
        replayed_at=None,
        beginning=body[:BEGINNING],
    )


_LETTERS = [
    _letter(1_234_567_890, _PUSHED, times=12),
    _letter(12, _MESSAGE, "unplanned", "aws/default/us-east-1/ec2 is not in the ledger\nsecond line"),
    _letter(3, _WRAPPED, "unknown_task", "short"),
    _letter(2, b"?", "malformed", "x" * 300),
]

Printed = Callable[[int, bool], list[str]]


@pytest.fixture
def printed(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Printed:
    def run(columns: int, terminal: bool) -> list[str]:
        monkeypatch.setenv("COLUMNS", str(columns))
        monkeypatch.setattr(sys.stdout, "isatty", lambda: terminal)
        print_letters(_LETTERS)
        return [re.sub("\x1b\\[[0-9;]*m", "", line).rstrip() for line in capsys.readouterr().out.splitlines()]

    return run


@pytest.mark.parametrize("columns", [40, 80, 119])
def test_on_a_narrow_terminal_a_letter_is_a_block_whose_names_are_whole(columns: int, printed: Printed) -> None:
    lines = printed(columns, True)
    assert max(map(len, lines)) <= columns
    assert [line.split()[0] for line in lines if not line.startswith(" ")] == ["1234567890", "12", "3", "2"]
    for name in ("2026-11-24T05:10:00Z", "source shop.checkout", "aws/default/us-east-1/ec2", "collect.aws.production"):
        assert any(name in line for line in lines), name
    assert "    ... finfleet dlq show 1234567890" in lines
    assert len(lines) <= 22


def test_a_wide_terminal_shows_more(printed: Printed) -> None:
    lines = printed(160, True)
    assert lines[0].split() == ["id", "last", "seen", "from", "times", "bytes", "reason", "in", "words"]
    assert max(map(len, lines)) <= 160
    (first,) = [line for line in lines if line.startswith("1234567890 ")]
    assert "is not in the ledger; second line" in "\n".join(lines)
    assert len(lines) <= 14
    assert first.split()[1:5] == ["2026-11-24T05:10:00Z", "source", "shop.checkout", "12"]


def test_a_pipe_has_a_line_for_each(printed: Printed) -> None:
    lines = printed(80, False)
    assert [line.split()[0] for line in lines[:2]] == ["id", "1234567890"]
    assert _LONG.strip() in lines[1]


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (_PUSHED, "source shop.checkout"),
        (_MESSAGE, "aws/default/us-east-1/ec2"),
        (_WRAPPED, "collect.aws.production"),
        (undeliverable.wrap("q" * 100, "a", "b", b""), "q" * 100),
        (b"", ""),
        (b"FL", ""),
        (b"FL\x94", ""),
        (b"FL\x94\xd9", ""),
        (b"FF\x02", ""),
        (b"{", ""),
        (b'{"source": "\\ud8', ""),
        (b"\xff" * 40, ""),
    ],
)
def test_where_a_message_came_from(body: bytes, said: str) -> None:
    assert origin(body[:BEGINNING], len(body)) == said
