"""The fields of a message of gRPC. A Struct, which is JSON, is looked into as JSON."""

import copy
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.json_format import MessageToDict
from google.protobuf.message import Message
from google.protobuf.struct_pb2 import Struct

from tests.support.answers import json_fields
from tests.support.answers.harm import DROP, TWICE, Harm, Path, Place, is_number, replacing

_ODD: dict[int, tuple[Any, ...]] = {
    FieldDescriptor.CPPTYPE_DOUBLE: (float("nan"), float("inf"), -1.0, 1e308, 0.0),
    FieldDescriptor.CPPTYPE_FLOAT: (float("nan"), -1.0, 0.0),
    FieldDescriptor.CPPTYPE_INT64: (-1, 0, 2**63 - 1, -(2**63)),
    FieldDescriptor.CPPTYPE_UINT64: (0, 2**64 - 1),
    FieldDescriptor.CPPTYPE_INT32: (-1, 0, 2**31 - 1, -(2**31)),
    FieldDescriptor.CPPTYPE_UINT32: (0, 2**32 - 1),
    FieldDescriptor.CPPTYPE_ENUM: (99, 0),
    FieldDescriptor.CPPTYPE_STRING: ("", "x", "-1", "x" * 3000, "\x00"),
    FieldDescriptor.CPPTYPE_BOOL: (),
}
_EMPTY, _ANOTHER = "empty", "another member: "


def places(content: Message, path: Path = (), shape: str = "", items: tuple[Path, ...] = ()) -> Iterator[Place]:
    """Every field that is set, at any depth."""
    for field, value in content.ListFields():
        here, name = (*path, field.name), f"{shape}.{field.name}"
        yield Place(here, name, items)
        if isinstance(value, Struct):
            for one in json_fields.places(MessageToDict(value)):
                yield Place((*here, *one.path), f"{name}{one.shape}", (*items, *((*here, *item) for item in one.items)))
        elif _is_map(field):
            yield from (Place((*here, key), f"{name}.{key}", items) for key in value)
        elif _is_repeated(field):
            for number, one in enumerate(value):
                inside = (*items, (*here, number))
                yield Place((*here, number), f"{name}[]", inside)
                if isinstance(one, Message):
                    yield from places(one, (*here, number), f"{name}[]", inside)
        elif isinstance(value, Message):
            yield from places(value, here, name, items)


def harms(content: Message, path: Path) -> list[Harm]:
    """What can be done to the field."""
    owner, field, rest = _owner(content, path)
    value = getattr(owner, field.name)
    if isinstance(value, Struct) and rest:
        # What is no text cannot be sent; and Google's own libraries take a number for the text that it is.
        found = [one for one in json_fields.harms(MessageToDict(value), rest) if one.value != "\ud800"]
        return [replace(one, word=one.word or isinstance(one.value, int)) for one in found]
    if _is_map(field) and rest:
        return [Harm(DROP), *(replacing(value[rest[0]], odd) for odd in _ODD[FieldDescriptor.CPPTYPE_STRING])]
    found = [Harm(TWICE)] if rest else []
    if _is_map(field) or (_is_repeated(field) and not rest):
        return [Harm(DROP, quiet=not _is_map(field))]
    former = value[rest[0]] if rest else value
    # A plain number that is cleared is a zero on the wire.
    zero = is_number(former) and not rest and not field.has_presence
    found.append(Harm(DROP, number=zero, quiet=bool(rest)))
    if isinstance(former, Message):
        found.append(Harm(_EMPTY))
    else:
        found += [replacing(former, odd) for odd in _ODD.get(field.cpp_type, ()) if odd != former]
    if field.containing_oneof is not None:
        others = [one for one in field.containing_oneof.fields if one.name != field.name]
        found += [Harm(_ANOTHER + one.name, number=_is_number(field) and _is_number(one)) for one in others]
    return found


def harmed(content: Message, path: Path, harm: Harm) -> Message:
    """The content with the harm done; LookupError where it has no such field."""
    content = copy.deepcopy(content)
    owner, field, rest = _owner(content, path)
    value = getattr(owner, field.name)
    if isinstance(value, Struct) and rest:
        changed = json_fields.harmed(MessageToDict(value), rest, harm)
        value.Clear()
        value.update(changed)
    elif harm.name == DROP and not rest:
        owner.ClearField(field.name)
    elif harm.name == DROP:
        del value[rest[0]]
    elif harm.name == TWICE:
        listed = [copy.deepcopy(one) for one in value]
        listed.insert(int(rest[0]), copy.deepcopy(listed[int(rest[0])]))
        del value[:]
        value.extend(listed)
    elif harm.name == _EMPTY:
        (value[rest[0]] if rest else value).Clear()
        if not rest:
            getattr(owner, field.name).SetInParent()
    elif harm.name.startswith(_ANOTHER):
        _set_other(owner, harm.name.removeprefix(_ANOTHER))
    elif rest:
        value[rest[0]] = harm.value
    else:
        setattr(owner, field.name, harm.value)
    return content


def _set_other(owner: Message, name: str) -> None:
    field = owner.DESCRIPTOR.fields_by_name[name]
    if field.message_type is not None:
        getattr(owner, name).SetInParent()
        return
    setattr(owner, name, next(iter(_ODD.get(field.cpp_type, ())), True))


def _owner(content: Message, path: Path) -> tuple[Message, FieldDescriptor, Path]:
    """The message that has the field, the field, and the rest of the path: of a list, a map or JSON."""
    for number, step in enumerate(path):
        field: Any = content.DESCRIPTOR.fields_by_name[str(step)]
        value, rest = getattr(content, field.name), path[number + 1 :]
        if isinstance(value, Struct) or _is_map(field) or not rest:
            return content, field, rest
        if _is_repeated(field):
            if len(rest) == 1:
                value[int(rest[0])]  # LookupError
                return content, field, rest
            return _owner(value[int(rest[0])], rest[1:])
        content = value
    raise LookupError(path)


def _is_number(field: FieldDescriptor) -> bool:
    return field.message_type is None and any(map(is_number, _ODD.get(field.cpp_type, ())))


def _is_repeated(field: FieldDescriptor) -> bool:
    return bool(field.is_repeated)


def _is_map(field: FieldDescriptor) -> bool:
    return bool(field.message_type is not None and field.message_type.GetOptions().map_entry)
