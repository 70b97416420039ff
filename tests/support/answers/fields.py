"""The fields of an answer, whatever it is written in."""

from types import ModuleType
from typing import Any
from xml.etree import ElementTree as ET

from tests.support.answers import json_fields, xml_fields
from tests.support.answers.harm import Harm, Path, Place


def places(content: Any) -> list[Place]:
    """Every field at any depth."""
    return list(_form(content).places(content))


def harms(content: Any, path: Path) -> list[Harm]:
    """What can be done to a field."""
    found: list[Harm] = _form(content).harms(content, path)
    return found


def harmed(content: Any, path: Path, harm: Harm) -> Any:
    """The answer with the harm done; LookupError where it has no such field."""
    return _form(content).harmed(content, path, harm)


def _form(content: Any) -> ModuleType:
    if isinstance(content, ET.Element):
        return xml_fields
    if isinstance(content, dict | list | str):
        return json_fields
    from tests.support.answers import message_fields  # noqa: PLC0415 - gRPC is loaded where it is used

    return message_fields
