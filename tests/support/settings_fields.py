"""Each field of the configuration, with a document that has nothing but a value there."""

from collections.abc import Callable, Iterator
from typing import Any, get_args, get_origin

from pydantic import BaseModel

from telemetry.settings.destinations import kinds
from telemetry.settings.model import settings_model
from telemetry.settings.places import Place

_KINDS = {
    "PushSource": "push",
    "HttpJsonSource": "http_json",
    "PrometheusSource": "prometheus",
    **{kind.settings.__name__: name for name, kind in kinds().items()},
}


def _models(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for part in get_args(annotation):
        yield from _models(part)


def _fields(model: type[BaseModel], around: Callable[[Any], Any] = lambda x: x, at: Place = ()) -> Any:
    """Each field: where it is, and a document with nothing but a value there."""
    for name, field in ((field.alias or name, field) for name, field in model.model_fields.items()):

        def inside(value: Any, name: str = name, model: type[BaseModel] = model) -> Any:
            kind = {"kind": _KINDS[model.__name__]} if model.__name__ in _KINDS and name != "kind" else {}
            return around({**kind, name: value})

        if get_origin(field.annotation) is dict and (named := list(_models(field.annotation))):

            def under_a_name(value: Any, inside: Callable[[Any], Any] = inside) -> Any:
                return inside({"x": value})

            for found in named:
                yield from _fields(found, under_a_name, (*at, name, "x"))
            continue

        listed = any(get_origin(part) is tuple for part in (field.annotation, *get_args(field.annotation)))
        below = list(_models(field.annotation))
        yield (*at, name), inside
        if get_origin(field.annotation) is dict:
            yield (*at, name, "X-Key"), lambda value, inside=inside: inside({"X-Key": value})
        elif listed and not below:
            yield (*at, name, 0), lambda value, inside=inside: inside([value])
        for found in below:
            wrap = (lambda value, inside=inside: inside([value])) if listed else inside
            yield from _fields(found, wrap, (*at, name, 0) if listed else (*at, name))
        if below:
            place = (*at, name, *((0,) if listed else ()), "bearerr")
            yield (
                place,
                lambda value, inside=inside, listed=listed: inside(
                    [{"bearerr": value}] if listed else {"bearerr": value}
                ),
            )


FIELDS: list[tuple[Place, Callable[[Any], Any]]] = [
    *_fields(settings_model()),
    (("bearerr",), lambda value: {"bearerr": value}),
]
