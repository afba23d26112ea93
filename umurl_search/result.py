"""What a command gives: a frozen dataclass whose fields are the keys of its JSON document.

The words below each field are the meaning of its key: `docs/commands.md` and the OpenAPI description take them from
there.
"""

import ast
import inspect
import textwrap
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, fields, is_dataclass
from functools import cache
from typing import Any, TypeVar


class Result(Mapping[str, Any]):
    """Base of results. Fields are read as attributes; by key a result reads as the document that it becomes."""

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        cls.__eq__ = Mapping.__eq__  # type: ignore[method-assign] # equal to what holds the same, a dict too

    def to_dict(self) -> dict[str, Any]:
        """The document, of dicts, lists and what JSON holds."""
        return {key: _to_plain(self[key]) for key in self}

    def __getitem__(self, key: str) -> Any:
        if key not in self._names():
            raise KeyError(key)
        return getattr(self, key)

    def __iter__(self) -> Iterator[str]:
        return iter(self._names())

    def __len__(self) -> int:
        return len(self._names())

    @classmethod
    def __get_pydantic_json_schema__(
        cls, core: Any, schema_of: Callable[[Any], dict[str, Any]]
    ) -> dict[str, Any]:
        """What pydantic, for the OpenAPI description, makes of the fields, with the words below them."""
        schema = schema_of(core)
        document: dict[str, Any] = schema_of.resolve_ref_schema(schema)  # type: ignore[attr-defined]
        names, words = cls._names(), meanings(cls)
        document["properties"] = {
            name: one | ({"description": words[name]} if name in words else {})
            for name, one in document.get("properties", {}).items()
            if name in names
        }
        if issubclass(cls, OpenResult):
            more = {key: {"description": words} for key, words in cls.more_meanings().items()}
            document["properties"] |= more
            document["additionalProperties"] = True
        return schema

    @classmethod
    def more_meanings(cls) -> dict[str, str]:
        """What is known of keys that are no fields: key -> its meaning."""
        return {}

    @classmethod
    def _names(cls) -> tuple[str, ...]:
        return tuple(one.name for one in fields(cls) if one.metadata.get("shown", True))  # type: ignore[arg-type]


@dataclass(frozen=True, kw_only=True)
class OpenResult(Result):
    """A result with keys beside its fields. more: these, as an index's own files or a table of metrics say them."""

    more: dict[str, Any] = field(default_factory=dict, metadata={"shown": False})

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_") or name not in self.more:
            raise AttributeError(f"{type(self).__name__} has no {name}")
        return self.more[name]

    def __getitem__(self, key: str) -> Any:
        return self.more[key] if key in self.more else super().__getitem__(key)

    def __iter__(self) -> Iterator[str]:
        yield from super().__iter__()
        yield from (key for key in self.more if key not in self._names())

    def __len__(self) -> int:
        return sum(1 for _ in self)


Open = TypeVar("Open", bound=OpenResult)


def open_result(result: type[Open], document: Mapping[str, Any]) -> Open:
    """Of a document's keys those that the result declares, as its fields, and the others beside them."""
    declared = {one.name for one in fields(result)}
    known = {key: value for key, value in document.items() if key in declared}
    return result(**known, more={key: value for key, value in document.items() if key not in declared})


def plain(value: Result | Mapping[str, Any]) -> dict[str, Any]:
    """A result, or a mapping that holds some, as a document."""
    document: dict[str, Any] = _to_plain(value)
    return document


def _to_plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _to_plain(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_to_plain(one) for one in value]
    return value


@cache
def meanings(result: type[Result]) -> dict[str, str]:
    """Field -> the words below it, those of the classes that it inherits included."""
    found: dict[str, str] = {}
    for base in reversed(result.__mro__):
        if base not in (Result, OpenResult) and is_dataclass(base):
            found |= _words_below_fields(base)
    return found


def _words_below_fields(declared: type) -> dict[str, str]:
    body = ast.parse(textwrap.dedent(inspect.getsource(declared))).body[0]
    assert isinstance(body, ast.ClassDef)
    found = {}
    for field_, words in zip(body.body, body.body[1:], strict=False):
        if isinstance(field_, ast.AnnAssign) and isinstance(words, ast.Expr):
            assert isinstance(field_.target, ast.Name)
            assert isinstance(words.value, ast.Constant)
            found[field_.target.id] = " ".join(str(words.value.value).split())
    return found
