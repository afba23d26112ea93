"""What is named as a query and is no clip: why, and what mends it."""

from collections.abc import Sequence
from dataclasses import dataclass

from encoder.errors import BadInputError, Hint, UmurlError
from umurl_search.clips.clip import LeftOut


@dataclass(frozen=True, kw_only=True)
class Unread(LeftOut):
    """What cannot be read as a clip; with the hint of the error that said so."""

    hint: Hint | None

    @classmethod
    def of(cls, name: str, error: UmurlError) -> "Unread":
        """What is wrong, the name not said once more."""
        detail = error.message.removeprefix(f"{name}: ")
        return cls(name=name, reason="malformed", detail=detail, hint=error.hint)


def why(left_out: LeftOut) -> str:
    """In one line, with what mends it."""
    return UmurlError(_reason(left_out), _hint(left_out)).typed


def none_read_error(left_out: Sequence[LeftOut]) -> UmurlError:
    """The error where nothing is left to ask with."""
    if not left_out:
        return BadInputError("there is no clip to ask with", "give clips, a folder or a dataset")
    first, n = left_out[0], len(left_out)
    said = f"{first.name}: {_reason(first)}"
    return BadInputError(
        said if n == 1 else f"none of the {n:,} clips can be read; the first, {said}", _hint(first)
    )


def _reason(left_out: LeftOut) -> str:
    return left_out.detail or left_out.reason


def _hint(left_out: LeftOut) -> Hint | None:
    return left_out.hint if isinstance(left_out, Unread) else None
