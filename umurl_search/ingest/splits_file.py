"""The splits file: which clips are the train and test parts of a protocol."""

import json
from collections import Counter
from pathlib import Path
from typing import Any

from encoder.errors import BadInputError, reason_of
from umurl_search.clips.types import Splits
from umurl_search.library.library import check_name


def read_splits(path: Path | None) -> Splits:
    """JSON: protocol -> {"train": [names], "test": [names]}."""
    if path is None:
        return {}
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        for protocol, parts in content.items():
            check_name(protocol, what="a protocol")
            if not parts or not set(parts) <= {"train", "gallery", "test"}:
                said = str(sorted(parts))[:80]
                raise ValueError(f"protocol {protocol} has parts {said}, not train and test")
            _require_disjoint(protocol, list(parts.values()))
    except (OSError, ValueError, AttributeError, TypeError, RecursionError) as error:
        raise BadInputError(
            f"{path}: not a splits file ({reason_of(error)})",
            'it is {"protocol": {"train": [names], "test": [names]}}',
        ) from error
    return content  # type: ignore[no-any-return]


def _require_disjoint(protocol: str, parts: list[Any]) -> None:
    """Raises ValueError unless every part is a list of names and no name is said twice in all of them."""
    if not all(isinstance(part, list) and all(isinstance(name, str) for name in part) for part in parts):
        raise ValueError(f"protocol {protocol} holds something that is not a list of names")
    twice = [name for name, times in Counter(name for part in parts for name in part).items() if times > 1]
    if twice:
        raise ValueError(f"protocol {protocol} names {twice[0][:80]} more than once")
