"""Items are read field by field, and listings item by item: what is odd about one costs no other anything."""

import time
from datetime import UTC, datetime
from typing import Any

import pytest

from agents.core.context import Context, Shared
from agents.core.items import Item, Listing, Unreadable
from agents.core.meter import Meter
from agents.core.parts import Part, permitted
from agents.core.sightings import Sightings
from telemetry.errors import CollectionFailed, Denied, Throttled, Unavailable
from telemetry.settings import Settings

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


@pytest.fixture
def context() -> Context:
    settings = Settings.model_validate({"aws": {}})
    (account,) = settings.aws.accounts_of("aws")
    return Context(Shared(settings), account, Meter(), time.monotonic() + 60)


_READS: dict[str, tuple[Any, Any]] = {
    # How it is read, what is found where it is readable.
    "text": ("a", "a"),
    "needed": ("a", "a"),
    "number": (7, 7),
    "flag": (False, False),
    "time": (NOON, NOON),
    "texts": (["a", "b"], ["a", "b"]),
    "pairs": ([{"Key": "a", "Value": "b"}], {"a": "b"}),
}
_ODD = [7.5, "x", 7, True, [], {}, [None], ["x", 7], [{"Key": 7}], datetime(2026, 1, 1), object()]  # noqa: DTZ001 - of no zone


@pytest.mark.parametrize("how", _READS)
def test_a_field_is_read_or_it_is_unknown_and_never_an_error(how: str) -> None:
    good, found = _READS[how]
    item = Item({"it": good})
    assert getattr(item, how)("it") == found
    assert not item.faults
    for odd in _ODD:
        item = Item({"it": odd})
        read = getattr(item, how)("it")
        kind = type(found)
        assert type(read) is kind or read is None
        assert item.faults <= {"it", "it.Key"}
        assert item.faults or read == odd or (how == "pairs" and odd == [])


@pytest.mark.parametrize("odd", [None, "", 7, [], {}])
def test_without_its_key_it_is_no_item(odd: Any) -> None:
    with pytest.raises(Unreadable, match="without it"):
        Item({"it": odd}).key("it")


@pytest.mark.parametrize("how", ["text", "number", "flag", "time", "texts", "pairs"])
def test_a_field_that_is_not_there_is_no_fault(how: str) -> None:
    for fields in ({}, {"it": None}):
        item = Item(fields)
        assert not getattr(item, how)("it")
        assert not item.faults


def test_a_fault_is_named_by_its_path() -> None:
    item = Item({"Placement": {"Tenancy": 7}, "State": "running"})
    item.item("Placement").text("Tenancy")
    item.item("State").needed("Name")
    item.items("Tags")
    assert item.faults == {"Placement.Tenancy", "State", "State.Name"}


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-01-01T12:00:00Z", NOON),
        ("2026-01-01T14:00:00+02:00", NOON),
        ("2026-01-01T12:00:00", None),
        ("soon", None),
    ],
)
def test_a_moment_has_a_zone_or_is_none(text: str, moment: datetime | None) -> None:
    assert Item({"at": text}).time("at") == moment


def test_numbers_in_digits_are_numbers_and_yes_is_none() -> None:
    assert Item({"n": "0042"}).number("n") == 42
    assert Item({"n": True}).number("n") is None
    assert Item({"n": "-1"}).number("n") is None


def _names(listing: Listing[str], page: Any) -> list[str]:
    def make(item: Item) -> str:
        item.needed("kind")
        if item.has("bug"):
            raise KeyError("a fault of ours")
        return item.key("name")

    return list(listing.each(page, "things", make))


def test_what_is_odd_about_one_item_costs_the_others_nothing_and_is_counted(context: Context) -> None:
    listing: Listing[str] = Listing(context, "odd things", key=lambda name: name)
    good = {"name": "a", "kind": "k"}
    odd: list[Any] = [
        None,
        7,
        "x",
        [],
        {},
        {"name": 7, "kind": "k"},
        {"name": "bug", "bug": True, "kind": "k"},
        {"name": "b"},
    ]
    assert _names(listing, {"things": [*odd, good]}) == ["b", "a"]
    assert context.meter.missing() == (
        "everything of 4 odd things: no object",
        "everything of 2 odd things: without name",
        "everything of 1 odd thing: KeyError: 'a fault of ours'",
        "kind of 1 odd thing: not told, or not readable",
    )


def test_an_item_on_two_pages_is_taken_once(context: Context) -> None:
    listing: Listing[str] = Listing(context, "things", key=lambda name: name)
    pages = [
        {"things": [{"name": "a", "kind": "k"}, {"name": "b", "kind": "k"}]},
        {"things": [{"name": "a", "kind": "k"}]},
    ]
    assert [name for page in pages for name in _names(listing, page)] == ["a", "b"]


@pytest.mark.parametrize("page", [{}, {"things": None}, {"things": 7}, {"things": {"name": "a"}}])
def test_a_page_without_its_list_is_refused_and_not_empty(context: Context, page: dict[str, Any]) -> None:
    listing: Listing[str] = Listing(context, "things")
    assert _names(listing, page) == []
    (refusal,) = context.meter.refusals
    assert isinstance(refusal, Unavailable)
    assert context.meter.missing() == (
        "a part of the listing of 1 thing: an answer has no list things: it is asked for anew",
    )


def test_what_asks_to_wait_ends_the_listing(context: Context) -> None:
    def make(_: Item) -> str:
        raise Throttled("slow", "aws/x", 1.0)

    with pytest.raises(Throttled):
        list(Listing[str](context, "things").each({"things": [{}]}, "things", make))


def test_a_part_that_is_refused_is_asked_for_once_and_counted_for_each(context: Context) -> None:
    asked: list[int] = []
    part = Part(context, "prices", "things")

    def ask(error: Exception | None) -> int:
        asked.append(1)
        if error is not None:
            raise error
        return 7

    assert part.ask(lambda: ask(None)) == 7
    assert part.ask(lambda: ask(Denied("no", "x:Y"))) is None
    assert part.ask(lambda: ask(None)) is None
    assert (len(asked), context.meter.missing()) == (2, ("prices of 2 things: x:Y: no",))


def test_only_a_missing_permission_leaves_a_part_out_that_is_worth_another_attempt(context: Context) -> None:
    def refuse(error: Exception) -> None:
        with permitted(context, "metrics", of="things"):
            raise error

    refuse(Denied("no", "x:Y"))
    assert context.meter.missing() == ("metrics of 1 thing: x:Y: no",)
    for error in (Unavailable("503"), Denied("who?"), CollectionFailed("odd"), Throttled("slow", "s")):
        with pytest.raises(type(error)):
            refuse(error)


def test_a_thing_is_seen_since_it_was_first_seen_so() -> None:
    seen, later = Sightings(), NOON.replace(hour=13)
    assert seen.since("a", "stopped", NOON) == NOON
    assert seen.since("a", "stopped", later) == NOON
    assert seen.since("a", "stopped again", later) == later
    seen.forget("a")
    assert seen.since("a", "stopped again", later.replace(hour=14)) == later.replace(hour=14)
