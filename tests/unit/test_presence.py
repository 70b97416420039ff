"""A sign of life is read as what a stranger may have sent: it is ours, within bounds, or malformed."""

from uuid import UUID

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from telemetry.errors import MalformedMessage
from telemetry.presence import MAGIC, Sign, fitting, unwrap, wrap

SIGN = Sign(UUID(int=7), "worker aws", ("collect.aws", "collect.other"), "host-1", "boot/1", 42, "1.0", 1_790_000_000.0)


def test_what_was_wrapped_comes_out() -> None:
    assert unwrap(wrap(SIGN)) == SIGN
    last = msgspec.structs.replace(SIGN, stopped=True, trouble="the broker does not answer")
    assert unwrap(wrap(last)) == last


def test_a_former_release_reads_ours_and_we_read_its() -> None:
    ours = msgspec.structs.replace(SIGN, threads=8)
    assert unwrap(wrap(ours)).threads == 8
    former = msgspec.msgpack.encode(msgspec.to_builtins(SIGN)[:-1])
    assert unwrap(MAGIC + former) == SIGN

    class Former(msgspec.Struct, array_like=True):
        process_id: UUID
        role: str

    assert msgspec.msgpack.decode(wrap(ours)[len(MAGIC) :], type=Former) == Former(SIGN.process_id, SIGN.role)


@pytest.mark.parametrize("role", ["ingest", "forward", "worker plan", "worker", "beat 2", "worker ../x", ""])
def test_only_processes_without_a_database_speak_over_the_broker(role: str) -> None:
    """Nobody may say in the place of an ingest that it lives."""
    with pytest.raises(MalformedMessage):
        unwrap(MAGIC + msgspec.msgpack.encode(msgspec.structs.replace(SIGN, role=role)))


@pytest.mark.parametrize(
    "change",
    [
        {"host": "h" * 201},
        {"host": "a\0b"},
        {"trouble": "one\ntwo"},
        {"queues": ("q" * 201,)},
        {"queues": ("queue",) * 2000},
        {"pid": -1},
        {"pid": 2**31},
        {"threads": -1},
        {"threads": 10**6},
        {"started_at": float("inf")},
        {"started_at": float("nan")},
        {"started_at": -1.0},
    ],
)
def test_what_is_out_of_bounds_is_malformed(change: dict[str, object]) -> None:
    with pytest.raises(MalformedMessage):
        unwrap(MAGIC + msgspec.msgpack.encode(msgspec.structs.replace(SIGN, **change)))


@given(st.binary(max_size=300) | st.binary(max_size=300).map(MAGIC.__add__))
def test_no_bytes_do_anything_else(data: bytes) -> None:
    try:
        sign = unwrap(data)
    except MalformedMessage:
        return
    assert fitting(sign) == sign


@given(st.text(), st.text(), st.lists(st.text(), max_size=300))
def test_a_process_can_always_tell_of_itself(host: str, trouble: str, queues: list[str]) -> None:
    sign = msgspec.structs.replace(SIGN, host=host, trouble=trouble, queues=tuple(queues))
    assert unwrap(wrap(sign)).process_id == SIGN.process_id
