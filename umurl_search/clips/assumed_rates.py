"""What is said where a file does not say how many frames a second it has."""

from collections.abc import Sequence

_USUAL_FPS = 30
_SETTLED = "; --fps settles it"


def assume_rate(why: str, fps: float = _USUAL_FPS, *, whose: str = "") -> str:
    """A note on a rate that was assumed. whose: in whose recordings it is usual, in words."""
    return f"{why}: {fps:g} frames a second are assumed{whose}{_SETTLED}"


def drop_rates(notes: Sequence[str], *, is_stated: bool) -> tuple[str, ...]:
    """The same notes, without those on an assumed rate where it is stated."""
    return tuple(note for note in notes if not (is_stated and note.endswith(_SETTLED)))
