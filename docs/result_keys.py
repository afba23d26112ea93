"""The keys of a command's JSON document, and what they mean, from the dataclass that the command gives."""

import types
from collections.abc import Iterator, Sequence
from dataclasses import fields, is_dataclass
from typing import Any, Union, get_args, get_origin, get_type_hints

from umurl_search.result import Result, meanings

Rows = tuple[tuple[str, str], ...]


def keys_of(result: type[Result]) -> Rows:
    """(key, meaning) of each field; `a.b` is key b of the object a, `a[].b` that of each object in a list.

    A field marked `elsewhere` holds what another command gives: its keys are told there.
    """
    return tuple(_keys(result))


def _keys(result: Any) -> Iterator[tuple[str, str]]:
    types_of, words = get_type_hints(result), meanings(result)
    for field in fields(result):
        if not field.metadata.get("shown", True):
            continue
        yield field.name, words.get(field.name, "").replace("|", r"\|")
        inner, mark = _inner(types_of[field.name])
        if inner is not None and not field.metadata.get("elsewhere", False):
            for key, meaning in _keys(inner):
                yield f"{field.name}{mark}.{key}", meaning
    yield from result.more_meanings().items()


def _inner(annotation: Any) -> tuple[type[Result] | None, str]:
    """The result that a field holds, alone or in a list; None where it holds none."""
    if get_origin(annotation) in (Union, types.UnionType):
        held = [one for one in get_args(annotation) if one is not types.NoneType]
        return _inner(held[0]) if held else (None, "")
    if get_origin(annotation) in (list, tuple, Sequence):
        return _inner(get_args(annotation)[0])[0], "[]"
    if is_dataclass(annotation) and isinstance(annotation, type) and issubclass(annotation, Result):
        return annotation, ""
    return None, ""
