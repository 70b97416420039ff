"""A local AWS whose answers are changed on their way: by a recording, or by a fault in one field."""

import json
import random
from collections.abc import Callable, Iterator, Mapping
from copy import deepcopy
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from werkzeug.wrappers import Response

from emulators.aws.front import Front
from emulators.aws.request import AwsRequest

RECORDED = Path(__file__).parents[1] / "data" / "aws"
Change = Callable[[bytes], bytes]
_ODD: tuple[Any, ...] = (None, 7, 7.5, "odd", True, [], {}, [None], [7])
_real = Front._serve


def change(monkeypatch: pytest.MonkeyPatch, changes: Mapping[str, Change]) -> None:
    """Let the answers to some actions (``DescribeInstances``) pass through a function each."""

    def serve(self: Front, request: AwsRequest, environ: Any) -> Any:
        response = _real(self, request, environ)
        if request.action in changes and response.status_code == 200:
            response.set_data(changes[request.action](response.get_data()))
        return response

    monkeypatch.setattr(Front, "_serve", serve)


def refuse(monkeypatch: pytest.MonkeyPatch, status: int, body: bytes, headers: dict[str, str]) -> None:
    """Let every call be refused, as a proxy in between would."""
    # botocore waits between its attempts.
    monkeypatch.setattr("agents.aws.session._ATTEMPTS", 1)
    monkeypatch.setattr(Front, "_serve", lambda *_: Response(body, status, headers))


def refuse_where(monkeypatch: pytest.MonkeyPatch, action: str, marker: bytes, refusal: dict[str, str]) -> None:
    """Deny the answers to one action that name ``marker``: a policy for some of several things."""

    def serve(self: Front, request: AwsRequest, environ: Any) -> Any:
        response = _real(self, request, environ)
        if request.action == action and marker in response.get_data():
            return Response(json.dumps(refusal), 403, {"Content-Type": "application/x-amz-json-1.1"})
        return response

    monkeypatch.setattr(Front, "_serve", serve)


def recorded(name: str) -> Change:
    """The small recording of that name, whatever is asked for."""
    data = (RECORDED / name).read_bytes()
    return lambda _: data


def first_in(items: str) -> Callable[[bytes], Iterator[tuple[str, bytes]]]:
    """Variants of an answer: each with one fault in the first item under ``items``, and a word on it."""

    def variants(answer: bytes) -> Iterator[tuple[str, bytes]]:
        yield from _of_json(answer, items) if answer.lstrip().startswith(b"{") else _of_xml(answer, items)

    return variants


def _of_json(answer: bytes, items: str) -> Iterator[tuple[str, bytes]]:
    whole = json.loads(answer)
    found = whole[items][0] if isinstance(whole[items], list) else whole[items]
    if not isinstance(found, dict):  # a name
        return
    for path, value in _paths(found):
        # Another text in the place of a text is no fault that anybody could see.
        for odd in (one for one in _ODD if type(one) is not type(value)):
            changed = deepcopy(whole)
            place = changed[items][0] if isinstance(changed[items], list) else changed[items]
            for step in path[:-1]:
                place = place[step]
            if odd is None and isinstance(place, dict):
                del place[path[-1]]
            else:
                place[path[-1]] = odd
            yield f"{path} is {odd!r}", json.dumps(changed).encode()


def _paths(found: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[tuple[Any, ...], Any]]:
    steps = found.items() if isinstance(found, dict) else enumerate(found) if isinstance(found, list) else ()
    for step, inner in steps:
        yield (*path, step), inner
        yield from _paths(inner, (*path, step))


def _of_xml(answer: bytes, items: str) -> Iterator[tuple[str, bytes]]:
    number = 0
    while True:
        name = ""
        for odd in ("gone", "text", "twice", "empty"):
            root = ET.fromstring(answer)  # noqa: S314 - the answer of our own emulator
            first = root.find(f".//{{*}}{items}/*")
            assert first is not None
            elements = [(parent, child) for parent in first.iter() for child in parent]
            if number == len(elements):
                return
            parent, child = elements[number]
            name = child.tag.partition("}")[2]
            _spoil(parent, child, odd)
            yield f"{name} {odd}", ET.tostring(root)
        number += 1


def _spoil(parent: ET.Element, child: ET.Element, odd: str) -> None:
    if odd == "gone":
        parent.remove(child)
    elif odd == "twice":
        parent.append(deepcopy(child))
    else:
        for inner in list(child):
            child.remove(inner)
        child.text = "odd" if odd == "text" else ""


def some(variants: Iterator[tuple[str, bytes]], number: int, seed: int = 1) -> list[tuple[str, bytes]]:
    """So many of them, the same at every run."""
    found = list(variants)
    return random.Random(seed).sample(found, min(number, len(found)))
