"""Whether a message is a task of ours; what of it goes on, and why it does not.

What goes on is made anew from what was checked. A sender cannot have the worker send other tasks (callbacks, chains,
chords), answer to a queue of his choice, hold a message back for years, or write a line of the log.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from kombu.utils.json import loads

from tasks.foreign.envelope import COMPRESSION, FOREIGN, LENGTH, read
from tasks.foreign.errors import ForeignMessage, shown
from tasks.foreign.rules import COLLECT, PUSH, Rule
from telemetry.target import Target, Window

MAX_BODY = 8 * 1024 * 1024 + 4096
"""Bytes: a pushed message, and what the protocol puts around it."""
MAX_ITEMS = 300_000
"""Values and keys of a body, about: each costs up to seventy bytes once it is read."""
MAX_DEPTH = 40
MAX_RETRIES = 10
MAX_ETA = timedelta(seconds=75)
"""From now: ours wait a minute at the most. Until then it is held in the worker's memory."""
_ID = re.compile(r"[!-~]{1,255}")
_ENCODINGS = {None, "", "utf-8", "us-ascii", "ascii", "utf8"}
_CANVAS = ("callbacks", "errbacks", "chain", "chord")
_REPR = 300
_MAX_ATTEMPT = 2**31


def check_type(content_type: object, content_encoding: object, headers: object, body: bytes) -> dict[str, Any]:
    """The headers, where body and headers are of the form that Celery's messages have."""
    if content_type == FOREIGN:
        read(body)  # says what is wrong with it
        length = headers.get(LENGTH) if isinstance(headers, dict) else None
        raise ForeignMessage(f"not a message of Celery's; it had {shown(length)} bytes")
    if not isinstance(headers, dict):
        raise ForeignMessage(f"headers: {shown(headers)}: not an object", "headers")
    if COMPRESSION in headers:
        raise ForeignMessage(
            f"compression: {shown(headers[COMPRESSION])}: a compressed body is not taken; send plain JSON", "encoding"
        )
    if content_type != "application/json":
        raise ForeignMessage(f"content-type: {shown(content_type)}: only application/json is taken", "content_type")
    if not isinstance(content_encoding, (str, type(None))) or (content_encoding or "").lower() not in _ENCODINGS:
        raise ForeignMessage(f"content-encoding: {shown(content_encoding)}: only utf-8 is taken", "encoding")
    return headers


def check_body(body: bytes) -> tuple[list[Any], dict[str, Any]]:
    """Arguments, positional and named, of a body of Celery's second protocol."""
    if len(body) > MAX_BODY:
        raise ForeignMessage(f"the body has {len(body)} bytes: at most {MAX_BODY} are taken", "too_large")
    # Counted before they cost.
    items = body.count(b",") + body.count(b"[") + body.count(b"{")
    if items > MAX_ITEMS:
        raise ForeignMessage(f"the body has about {items} values: at most {MAX_ITEMS} are taken", "too_large")
    try:
        decoded = loads(body)
    except Exception as error:  # noqa: BLE001 - kombu's decoders raise whatever a value makes them raise
        raise ForeignMessage(f"the body is not JSON that can be read: {shown(str(error))}", "not_json") from None
    if isinstance(decoded, dict):
        raise ForeignMessage("a message of Celery's protocol 1: only protocol 2 is taken", "protocol")
    if not isinstance(decoded, list) or len(decoded) != 3:  # noqa: PLR2004 - of the protocol
        raise ForeignMessage(f"the body is {shown(decoded)}: a list of args, kwargs, embed is wanted", "protocol")
    args, kwargs, embed = decoded
    if not isinstance(args, list) or not isinstance(kwargs, dict):
        raise ForeignMessage(f"args, kwargs: {shown(args)}, {shown(kwargs)}: a list and an object", "arguments")
    _check_depth([args, kwargs])
    _check_embed(embed)
    return args, kwargs


def check_headers(headers: Mapping[str, Any], rule: Rule, now: datetime) -> dict[str, Any]:
    """The headers that go on."""
    task = headers.get("task")
    if not isinstance(task, str):
        raise ForeignMessage(f"task: {shown(task)}: the name of a task is wanted", "protocol")
    if task not in rule.tasks:
        known = ", ".join(sorted(rule.tasks)) or "none"
        raise ForeignMessage(f"task: {shown(task)}: this queue takes {known}", "unknown_task")
    number = headers.get("id")
    if not isinstance(number, str) or not _ID.fullmatch(number):
        raise ForeignMessage(f"id: {shown(number)}: printable ASCII without spaces, up to 255", "headers")
    retries = headers.get("retries") or 0
    if type(retries) is not int or not 0 <= retries <= MAX_RETRIES:
        raise ForeignMessage(f"retries: {shown(retries)}: 0 to {MAX_RETRIES}", "headers")
    # Ours never have them.
    for name in ("chord", "callbacks", "errbacks", "chain"):
        if headers.get(name):
            raise ForeignMessage(f"{name}: it would have the worker send other tasks", "canvas")
    return {
        "lang": "py",
        "task": task,
        "id": number,
        "root_id": number,
        "parent_id": None,
        "group": None,
        "shadow": None,
        "eta": _eta(headers.get("eta"), now),
        "expires": _expires(headers.get("expires"), rule, now),
        "retries": retries,
        "timelimit": [None, None],
        "argsrepr": "" if rule.public else _repr(headers.get("argsrepr")),
        "kwargsrepr": "",
        "origin": None,
        "ignore_result": True,
    }


def check_arguments(run: Any, task: str, args: list[Any], kwargs: dict[str, Any], rule: Rule) -> None:
    """Whether the task can be called with these."""
    try:
        bound = inspect.signature(run).bind(*args, **kwargs)
    except TypeError as error:
        raise ForeignMessage(f"{task}: {shown(str(error))}", "arguments") from None
    if task == PUSH:
        _check_source(args, rule.source)
        return
    for name, value in bound.arguments.items():
        if not isinstance(value, int if name == "attempt" else str) or isinstance(value, bool):
            raise ForeignMessage(f"{name}: {shown(value)}: not of the type that {task} takes", "arguments")
    if task == COLLECT:
        _check_collection(bound.arguments, rule)


def _check_source(args: list[Any], source: str) -> None:
    named = args[0].get("source") if source and args and isinstance(args[0], dict) else source
    if named != source:
        raise ForeignMessage(f"source: {shown(named)}: this queue is of {source} alone", "source")


def _check_collection(arguments: Mapping[str, Any], rule: Rule) -> None:
    try:
        target = Target.parse(arguments["target"])
        Window.parse(arguments["window"])
    except Exception as error:  # noqa: BLE001 - whatever parsing raises is the message's own
        raise ForeignMessage(f"target or window cannot be read: {shown(str(error))}", "arguments") from None
    if target.provider not in rule.providers:
        known = ", ".join(sorted(rule.providers))
        raise ForeignMessage(f"target: {shown(target.provider)}: this queue is of {known}", "unknown_task")
    if not 1 <= arguments["attempt"] < _MAX_ATTEMPT:
        raise ForeignMessage(f"attempt: {shown(arguments['attempt'])}: 1 or more", "arguments")


def _check_depth(level: list[Any]) -> None:
    for _ in range(MAX_DEPTH):
        inside: list[Any] = []
        for value in level:
            if isinstance(value, list):
                inside.extend(value)
            elif isinstance(value, dict):
                inside.extend(value.values())
        if not inside:
            return
        level = inside
    raise ForeignMessage(f"the body is nested more than {MAX_DEPTH} deep", "too_large")


def _check_embed(embed: object) -> None:
    if embed is None:
        return
    if not isinstance(embed, dict):
        raise ForeignMessage(f"embed: {shown(embed)}: not an object", "protocol")
    # Celery takes everything in it for a field of the request.
    for name, value in embed.items():
        if name not in _CANVAS or value:
            raise ForeignMessage(f"embed.{shown(name)}: it would have the worker send other tasks", "canvas")


def _eta(value: object, now: datetime) -> str | None:
    if value is None:
        return None
    eta = _time("eta", value)
    if eta > now + MAX_ETA:
        raise ForeignMessage(f"eta: {shown(value)}: more than {MAX_ETA.seconds} s ahead; send it then", "time")
    return eta.isoformat() if eta > now else None


def _expires(value: object, rule: Rule, now: datetime) -> str | None:
    if value is None:
        return None
    expires = _time("expires", value)
    if rule.public:
        # What Celery takes for expired vanishes without a word.
        if expires <= now:
            raise ForeignMessage(f"expires: {shown(value)}: it has expired before a worker has seen it", "time")
        return None
    return expires.isoformat()


def _time(name: str, value: object) -> datetime:
    try:
        time = datetime.fromisoformat(value)  # type: ignore[arg-type]  # TypeError where it is none
        return (time if time.tzinfo else time.replace(tzinfo=UTC)).astimezone(UTC)
    except (TypeError, ValueError, OverflowError):
        raise ForeignMessage(f"{name}: {shown(value)}: not a time in ISO 8601", "time") from None


def _repr(value: object) -> str:
    """How a task of ours is called in Flower and the logs."""
    return "".join(character if character.isprintable() else "?" for character in str(value or "")[:_REPR])
