"""A pushed message in JSON, read under limits that are checked before they cost, with its faults in words.

A message of a few KiB is read at once. Of a larger one msgspec first finds where its parts begin and end, and makes
nothing of them; then they are read one by one, and no more than so many faults are looked for.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from contextlib import suppress
from functools import cache
from typing import Any, TypeVar

import msgspec
from msgspec import Raw
from pydantic import BaseModel, ValidationError

from telemetry.batch import MAX_BATCH_RECORDS
from telemetry.errors import MalformedMessage
from telemetry.limits import MAX_RECORD, MAX_TAGS
from telemetry.push.message import Push, PushedCharge, PushedCosts, PushedMetric, PushedResource
from telemetry.wording import wanted, written

MAX_FAULTS = 20
"""That are shown."""
_AT_ONCE = 16 * 1024
"""Bytes of a message that is read at once: can have some thousand faults."""
_LOOKED_AT = 1000
"""Faults that are counted in a larger one."""
_MOST = 10_000
"""Parts of one list that are told apart."""
_MANY_COMMAS = 50_000
"""Fewer cannot be of so many parts that to hold them costs."""
_REST = 64 * 1024
"""Bytes of everything that is not in a list."""
_DIGITS = 1000
"""In a row: to read a number takes time that grows with the square of its digits."""
_ZEROS = bytes.maketrans(b"123456789", b"000000000")
_LISTS: Mapping[type[BaseModel], Mapping[str, type[BaseModel]]] = {
    Push: {"resources": PushedResource, "metrics": PushedMetric, "costs": PushedCosts},
    PushedCosts: {"charges": PushedCharge},
}
_FORMS = {"currency": ("USD",), "source": ("letters, digits and . _ : - only, at most 128",)}
"""How the fields are written that have a form."""
_OPEN = "attributes"
_KINDS = frozenset({"str", "int", "float", "bool"})
_ANY = "write a text, a number, true, false or null"
"""Of the values of attributes."""
_SHOWN = 60
_PATH = 200
_MAX_FIELDS = 100
_Model = TypeVar("_Model", bound=BaseModel)
_NOT_FINITE = re.compile(rb"(?<=[:\[,\s])-?(?:NaN|Infinity)(?=[\s,\]}])")

_NOTHING = Raw(b"")
_raws = msgspec.json.Decoder(list[Raw])
_object = msgspec.json.Decoder(dict[str, Raw])
_known = {
    model: msgspec.json.Decoder(msgspec.defstruct("_Known", [(name, Raw, _NOTHING) for name in names]))
    for model, names in _LISTS.items()
}


@cache
def _firsts() -> msgspec.json.Decoder[Any]:
    """Reads the first parts of a list. It is made when it is needed: that takes longer than all other imports do."""
    parts = [(f"part_{n}", Raw, _NOTHING) for n in range(_MOST + 1)]
    return msgspec.json.Decoder(msgspec.defstruct("_Firsts", parts, array_like=True))


class Faults:
    """What is wrong with a message, a line each: the first of them, and how many there are."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.count = 0
        #: Whether there may be more than were counted.
        self.more = False

    def add(self, line: str) -> None:
        """One more."""
        self.count += 1
        if self.count <= MAX_FAULTS:
            self.lines.append(line)

    @property
    def is_full(self) -> bool:
        """Whether no further ones are looked for."""
        return self.count >= _LOOKED_AT

    def __str__(self) -> str:
        hidden = self.count - len(self.lines)
        if self.more:
            return "\n".join([*self.lines, "... and more"])
        return "\n".join([*self.lines, f"... and {hidden} more"] if hidden else self.lines)


def read(body: bytes, faults: Faults) -> Push | None:
    """The message; None where ``faults`` say what is wrong with it. MalformedMessage where it is not JSON."""
    if len(body) <= _AT_ONCE:
        return _validated(Push, body, "", faults)
    try:
        return _read(Push, Raw(body), "", faults)
    except (msgspec.DecodeError, ValueError, RecursionError) as error:
        said = str(error)[:200]
    # Not JSON, but common: a metric that is NaN has a name, which a person looks for.
    if (mended := _NOT_FINITE.sub(b"1e999", body, count=_LOOKED_AT)) != body:
        with suppress(msgspec.DecodeError, ValueError, RecursionError):
            _read(Push, Raw(mended), "", faults)
        if faults.count:
            return None
    raise MalformedMessage(f"the message is not JSON: {said}")


def _read(model: type[_Model], raw: Raw, path: str, faults: Faults) -> _Model | None:
    """An object whose lists are long: its other fields first, then the lists part by part."""
    names = _LISTS[model]
    if not _begins(raw, b"{"):
        return _validated(model, _short(raw), path, faults)
    known = _known[model].decode(raw)
    rest = _size(raw) - sum(_size(getattr(known, name)) for name in names)
    if rest > _REST:
        said = f"{rest} bytes beside {', '.join(names)}: at most {_REST}: leave out what is no field, or there twice"
        faults.add(f"{path or 'message'}: {said}")
        return None
    head: dict[str, Raw] = {}
    lists: dict[str, Raw] = {}
    for name, part in _object.decode(raw).items():
        if name in names and _begins(part, b"["):
            lists[name] = part
            head[name] = Raw(b"[]")
        else:
            head[name] = Raw(_short(part))
    before = faults.count
    read = _validated(model, msgspec.json.encode(head), path, faults)
    parts = {name: _list(names[name], part, f"{path}.{name}".lstrip("."), faults) for name, part in lists.items()}
    return None if read is None or faults.count > before else read.model_copy(update=parts)


def _list(kind: type[BaseModel], raw: Raw, path: str, faults: Faults) -> list[BaseModel]:
    found: list[BaseModel] = []
    parts = _parts(raw)
    if len(parts) > _MOST:
        faults.add(f"{path}: more than {_MOST} of them: at most {MAX_BATCH_RECORDS} records in one message; split it")
    for index, part in enumerate(parts[:_MOST]):
        if faults.is_full:
            faults.more = True
            break
        place = f"{path}[{index}]"
        one = _read(kind, part, place, faults) if kind in _LISTS else _element(kind, part, place, faults)
        if one is not None:
            found.append(one)
    return found


def _parts(raw: Raw) -> list[Raw]:
    """The parts of a list, one more than _MOST at the most."""
    if bytes(raw).count(b",") < _MANY_COMMAS:
        return _raws.decode(raw)
    firsts = _firsts().decode(raw)
    found = (getattr(firsts, name) for name in firsts.__struct_fields__)
    return [part for part in found if part is not _NOTHING]


def _element(kind: type[_Model], raw: Raw, path: str, faults: Faults) -> _Model | None:
    if fault := _fault_of(raw):
        faults.add(f"{path}: {fault}")
        return None
    return _validated(kind, bytes(raw), path, faults)


def _fault_of(raw: Raw) -> str:
    """Why something is not looked at: it would cost more than it is worth."""
    size = _size(raw)
    if size > MAX_RECORD:
        return f"{size} bytes: at most {MAX_RECORD} in one record"
    if size > _DIGITS and b"0" * (_DIGITS + 1) in bytes(raw).translate(_ZEROS):
        return f"more than {_DIGITS} digits in a row: write at most so many"
    if size > _AT_ONCE and _begins(raw, b"{"):
        fields = _object.decode(raw)
        counts = {"": (len(fields), _MAX_FIELDS)}
        for name in ("tags", "attributes"):
            if name in fields and _begins(fields[name], b"{"):
                counts[f"{name}: "] = (len(_object.decode(fields[name])), MAX_TAGS)
        return next((f"{name}{n} fields: at most {most}" for name, (n, most) in counts.items() if n > most), "")
    return ""


def _validated(model: type[_Model], data: bytes, path: str, faults: Faults) -> _Model | None:
    try:
        return model.model_validate_json(data)
    except ValidationError as error:
        found = list({_place(fault): fault for fault in error.errors(include_url=False)}.values())
    # Outside of the except block: the library's error holds the whole message.
    if found[0]["type"] == "json_invalid":
        raise MalformedMessage(f"the message is not JSON: {f'{path}: ' if path else ''}{found[0]['msg']}")
    shown = found[: MAX_FAULTS - len(faults.lines)]
    for fault in shown:
        faults.add(_in_words(fault, path))
    faults.count += len(found) - len(shown)
    return None


def _place(fault: Any) -> tuple[int | str, ...]:
    """Where a fault is; a value that may be of several kinds has one for each, with the kind's name at the end."""
    location: tuple[int | str, ...] = fault["loc"]
    return location[:-1] if len(location) > 2 and location[-3] == _OPEN and location[-1] in _KINDS else location  # noqa: PLR2004 - attributes, its key, the kind


def _in_words(fault: Any, before: str) -> str:
    location = _place(fault)
    parts = (f"[{part}]" if isinstance(part, int) else f".{part}" for part in location)
    path = f"{before}{''.join(parts)}".lstrip(".")[:_PATH]
    if fault["type"] == "extra_forbidden":
        return f"{path}: there is no such field: leave it out"
    if fault["type"] == "missing":
        return f"{path}: it is missing: add it"
    message = _ANY if location != fault["loc"] else wanted(fault, lambda: _examples(location))
    return f"{path or 'message'}: {written(fault['input'], _SHOWN)}: {message[:1].lower()}{message[1:]}"


def _examples(location: tuple[int | str, ...]) -> tuple[str, ...]:
    """How the field at the end of a path is written."""
    return _FORMS.get(str(location[-1]) if location else "", ("a text without a NUL character",))


def _short(raw: Raw) -> bytes:
    """A value as it is; null in place of one that is too long for any field."""
    return bytes(raw) if _size(raw) <= _REST else b"null"


def _begins(raw: Raw, character: bytes) -> bool:
    return bytes(memoryview(raw)[:64]).lstrip()[:1] == character


def _size(raw: Raw) -> int:
    return len(memoryview(raw))
