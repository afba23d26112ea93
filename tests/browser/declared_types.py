"""The interfaces of a .d.ts file, and whether a JSON document is what one of them says; it may hold further keys."""

import json
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

_INTERFACE = re.compile(r"  interface (\w+)(?: extends (\w+))? \{\n(.*?)  \}\n", re.DOTALL)
_FIELD = re.compile(r"    (\w+)(\??): (.+);")
_PLAIN: dict[str, tuple[type, ...]] = {"string": (str,), "number": (int, float), "boolean": (bool,)}


@dataclass(frozen=True, kw_only=True)
class Field:
    name: str
    type: str
    optional: bool


@dataclass(kw_only=True)
class Declarations:
    """fields: of each interface, those of the one it extends first. met: interfaces that some document was."""

    fields: dict[str, list[Field]]
    met: set[str] = field(default_factory=set)

    def misfit(self, value: Any, type: str, where: str = "") -> str | None:
        """What is not as the type says, and where; None where all is."""
        choices = _parts(type, "|")
        if len(choices) == 1:
            return self._misfit(value, type, where)
        told = [self.misfit(value, one, where) for one in choices]
        return None if None in told else "; ".join(map(str, told))

    def _misfit(self, value: Any, type: str, where: str) -> str | None:
        no = f"{where or 'it'}: {json.dumps(value)[:60]} is no {type}"
        if type in self.fields:
            return self._of_interface(value, type, where) if isinstance(value, dict) else no
        if type.endswith("[]"):
            inner = type.removesuffix("[]").removeprefix("(").removesuffix(")")
            items = [(str(i), one, inner) for i, one in enumerate(value)] if isinstance(value, list) else None
        elif type.startswith("["):
            inners = _parts(type[1:-1], ",")
            fits = isinstance(value, list) and len(value) == len(inners)
            items = [(str(i), value[i], inner) for i, inner in enumerate(inners)] if fits else None
        elif type.startswith("Record<string, "):
            inner = type.removeprefix("Record<string, ")[:-1]
            items = [(key, one, inner) for key, one in value.items()] if isinstance(value, dict) else None
        else:
            return None if _is_plain(value, type) else no
        return no if items is None else self._first(items, where)

    def _of_interface(self, value: dict[str, Any], type: str, where: str) -> str | None:
        for one in self.fields[type]:
            if one.name not in value and not one.optional:
                return f"{where}.{one.name} is missing"
        there = [(one.name, value[one.name], one.type) for one in self.fields[type] if one.name in value]
        told = self._first(there, where)
        if told is None:
            self.met.add(type)
        return told

    def _first(self, items: list[tuple[str, Any, str]], where: str) -> str | None:
        misfits = (self.misfit(one, type, f"{where}.{key}") for key, one, type in items)
        return next((told for told in misfits if told is not None), None)


def _is_plain(value: Any, type: str) -> bool:
    if type == "null":
        return value is None
    if type == "undefined":
        return False  # no document holds it: the key is absent
    if type.startswith('"'):
        return bool(value == json.loads(type))
    return isinstance(value, _PLAIN[type]) and (type == "boolean" or not isinstance(value, bool))


def _parts(type: str, mark: str) -> list[str]:
    """Split where the mark stands in no brackets."""
    parts, depth = [""], 0
    for letter in type:
        depth += (letter in "([<") - (letter in ")]>")
        if letter == mark and depth == 0:
            parts.append("")
        else:
            parts[-1] += letter
    return [part.strip() for part in parts]


def read_declarations(path: Path) -> Declarations:
    fields: dict[str, list[Field]] = {}
    for name, base, body in _INTERFACE.findall(path.read_text(encoding="utf-8")):
        own = [Field(name=key, type=type, optional=bool(mark)) for key, mark, type in _FIELD.findall(body)]
        fields[name] = [*fields.get(base, []), *own]
    return Declarations(fields=fields)
