"""Which place each body of a recording has: a body that leaves leaves its place empty, the others keep theirs."""

from collections.abc import Hashable, Sequence


def find_places(frames: Sequence[int], ids: Sequence[Hashable]) -> list[int] | None:
    """The place of each body, from 0; frames: where each is, ascending; ids: who it is.

    A new body takes the lowest place whose owner does not come back: a tracker gives a new id to somebody it lost. None
    where one frame has an id twice: such ids say nothing.
    """
    if len(set(zip(frames, ids, strict=True))) < len(ids):
        return None
    last = dict(zip(ids, frames, strict=True))
    owners: list[Hashable] = []
    places: dict[Hashable, int] = {}
    for frame, body in zip(frames, ids, strict=True):
        if body not in places:
            free = (at for at, owner in enumerate(owners) if last[owner] < frame)
            places[body] = at = next(free, len(owners))
            owners[at : at + 1] = [body]
    return [places[body] for body in ids]
