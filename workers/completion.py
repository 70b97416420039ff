"""What the shell completes beside commands and options: targets, ids, queues, destinations, kinds.

They come from the configuration and the database, as far as these answer at once. Whoever presses the tabulator wants
neither to wait nor to read of an error: what cannot be had is not offered.
"""

from __future__ import annotations

import contextlib
import logging
import os
import threading
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import click
from click.shell_completion import CompletionItem

from telemetry.settings import Settings, load_settings

DEADLINE = 3.0
"""Seconds for all of it. What is found by then is offered."""
_DATABASE = 1.0
"""Seconds that the database has to answer."""
_MOST = 200

Offer = str | tuple[str, str]
"""A word, or a word and what it is."""
Complete = Callable[[click.Context, click.Parameter, str], list[CompletionItem]]


def offered(find: Callable[[Settings], Iterable[Offer]]) -> Complete:
    """What ``shell_complete`` of a parameter takes: what ``find`` has, as far as it begins with what is typed."""

    def complete(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        given = ctx.params.get(param.name or "") or ()
        there = {str(one) for one in given} if isinstance(given, tuple | list) else set()
        items = []
        for offer in _in_time(lambda: _find(ctx, find)):
            word, what = (offer, "") if isinstance(offer, str) else offer
            if word.startswith(incomplete) and word not in there:
                items.append(CompletionItem(word, help=what or None))
        return items[:_MOST]

    return complete


def _find(ctx: click.Context, find: Callable[[Settings], Iterable[Offer]]) -> Iterator[Offer]:
    # The callback of the group, which sets the variable, does not run.
    config = ctx.find_root().params.get("config") or os.environ.get("FINFLEET_CONFIG")
    yield from find(load_settings(Path(config) if config else None, providers=(), forwards=False))


def _in_time(work: Callable[[], Iterable[Offer]]) -> list[Offer]:
    """As much as ``work`` finds in time."""
    found: list[Offer] = []

    def run() -> None:
        with contextlib.suppress(BaseException):  # silent, whatever it is: see the module
            for offer in work():
                found.append(offer)  # noqa: PERF402 - one by one: what comes later may come too late

    logging.disable()
    thread = threading.Thread(target=run, name="completion", daemon=True)
    thread.start()
    thread.join(DEADLINE)
    return found[:]


def _rows(settings: Settings, read: Callable[[Any], Iterable[Offer]]) -> list[Offer]:
    """What the database has; nothing where none is configured."""
    if settings.database.url is None:
        return []
    from storage.database import Database  # noqa: PLC0415 - only where there is one

    with (
        Database(settings.database.url, application="finfleet completion", size=1, wait=_DATABASE) as database,
        database.connection() as connection,
    ):
        return list(read(connection))


def _targets(settings: Settings) -> Iterator[Offer]:
    from storage.ledger import find_targets  # noqa: PLC0415 - see above
    from tasks.targets import plan_targets  # noqa: PLC0415 - it loads every service

    known = dict.fromkeys(str(one.target) for plan in plan_targets(settings).values() for one in plan.targets)
    yield from known
    for one in _rows(settings, lambda connection: [str(found.target) for found in find_targets(connection)]):
        if one not in known:
            yield one


def _letters(settings: Settings) -> list[Offer]:
    from storage import dead_letters  # noqa: PLC0415 - see above

    return _rows(
        settings, lambda c: [(str(one.dead_letter_id), one.reason_code) for one in dead_letters.listing(c, _MOST)]
    )


def _entries(settings: Settings) -> list[Offer]:
    from storage import outbox  # noqa: PLC0415 - see above

    return _rows(settings, lambda c: [(str(one.outbox_id), one.destination) for one in outbox.dead_entries(c, _MOST)])


def _removed(settings: Settings) -> list[Offer]:
    from storage import outbox  # noqa: PLC0415 - see above

    names = _rows(settings, lambda connection: [one.destination for one in outbox.status(connection)])
    return [name for name in names if name not in settings.known_destinations]


def _roles(settings: Settings) -> Iterator[Offer]:
    yield from ("plan", "push")
    yield from (name for name, _ in settings.providers())


def _queues(settings: Settings) -> Iterator[Offer]:
    from tasks.targets import plan_targets  # noqa: PLC0415 - see above

    yield from dict.fromkeys(one.queue for plan in plan_targets(settings).values() for one in plan.targets)
    yield from (f"push.{name}" for name in settings.push_sources)


def _kinds(_: Settings) -> Iterator[Offer]:
    from telemetry.settings.destinations import kinds  # noqa: PLC0415 - it loads every kind

    yield from (name for name, kind in kinds().items() if kind.schema() is not None)


def _questions(_: Settings) -> Iterator[Offer]:
    from storage.questions import load  # noqa: PLC0415 - it reads their files

    yield from ((one.name, one.title) for one in load().values())


def _revisions(_: Settings) -> list[Offer]:
    from storage.revision import revisions  # noqa: PLC0415 - see above

    return ["head", *revisions()]


targets, letters, entries = offered(_targets), offered(_letters), offered(_entries)
roles, queues = offered(_roles), offered(_queues)
destinations = offered(lambda settings: settings.destinations)
removed, kinds, revisions = offered(_removed), offered(_kinds), offered(_revisions)
questions = offered(_questions)
