"""What a command gives: a frozen dataclass whose fields are the keys of its JSON document.

The words below each field are the meaning of its key: `docs/commands.md` and the OpenAPI description take them from
there.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields
from typing import Any


class Result(Mapping[str, Any]):
    """Base of results. Fields are read as attributes; by key a result reads as the document that it becomes."""

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        cls.__eq__ = Mapping.__eq__  # type: ignore[method-assign] # equal to what holds the same, a dict too

    def to_dict(self) -> dict[str, Any]:
        """The document, of dicts, lists and what JSON holds."""
        return {key: _plain(self[key]) for key in self}

    def __getitem__(self, key: str) -> Any:
        if key not in self._names():
            raise KeyError(key)
        return getattr(self, key)

    def __iter__(self) -> Iterator[str]:
        return iter(self._names())

    def __len__(self) -> int:
        return len(self._names())

    @classmethod
    def _names(cls) -> tuple[str, ...]:
        return tuple(one.name for one in fields(cls) if one.metadata.get("shown", True))  # type: ignore[arg-type]


@dataclass(frozen=True, kw_only=True)
class OpenResult(Result):
    """A result with keys beside its fields. more: these, as an index's own files or a table of metrics say them."""

    more: dict[str, Any] = field(default_factory=dict, metadata={"shown": False})

    def __getitem__(self, key: str) -> Any:
        return self.more[key] if key in self.more else super().__getitem__(key)

    def __iter__(self) -> Iterator[str]:
        yield from super().__iter__()
        yield from (key for key in self.more if key not in self._names())

    def __len__(self) -> int:
        return sum(1 for _ in self)


def plain(value: Result | Mapping[str, Any]) -> dict[str, Any]:
    """A result, or a mapping that holds some, as a document."""
    document: dict[str, Any] = _plain(value)
    return document


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _plain(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    return value
