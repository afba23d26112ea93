"""Which people of a recording are kept, and for how many frames."""

import math
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

FloatT = TypeVar("FloatT", bound=np.floating[Any])

N_CANDIDATES, N_KEPT = 4, 2


def choose_bodies(frames: NDArray[FloatT]) -> NDArray[FloatT]:
    """The two people that move most, most first: UmURL's choice.

    frames: (T, M, V, 3) finite, people by their position in each frame's list; an absent person is zeros.
    Only the first four positions are looked at; people absent throughout are dropped.
    Returns: (T, <= 2, V, 3); no people at all when nobody is ever there.
    """
    candidates = drop_absent(frames[:, :N_CANDIDATES])
    if candidates.shape[1] < 2:
        return candidates
    # Of equals the later position goes first, as in the reference (an ascending sort, reversed).
    order = np.argsort([_energy(person) for person in candidates.swapaxes(0, 1)], kind="stable")[::-1]
    return candidates[:, order[:N_KEPT]]


@np.errstate(invalid="ignore", over="ignore")
def _energy(person: NDArray[FloatT]) -> float:
    """The spread of a person's coordinates, std(x) + std(y) + std(z), over the frames that have the person.

    person: (T, V, 3).
    """
    present = person[person.any(axis=(1, 2))].reshape(-1, 3)
    spread = _spread(present)
    return spread if math.isfinite(spread) else _spread(present[np.isfinite(present).all(axis=1)])


def _spread(places: NDArray[Any]) -> float:
    """How far places (n, 3) lie from each other; 0 for none. It is no number where a place is none."""
    return float(np.ascontiguousarray(places.T).std(axis=1, dtype=np.float64).sum()) if len(places) else 0.0


@np.errstate(invalid="ignore")
def count_until_empty(frames: NDArray[Any]) -> int:
    """The number of frames up to the last that has somebody, all of them where none has; frames: (T, ...)."""
    present = np.flatnonzero(frames.any(axis=tuple(range(1, frames.ndim))))
    return int(present[-1]) + 1 if len(present) else len(frames)


@np.errstate(invalid="ignore")
def count_until_repeated(frames: NDArray[Any]) -> int:
    """The number of frames up to the last that has somebody, without repetitions from the start that fill the end.

    Arrays of 2s-AGCN and others fill what is empty at the end by repeating a clip, bit by bit. frames: (T, ...).
    """
    n_frames = count_until_empty(frames)
    flat = frames[:n_frames].reshape(n_frames, -1)
    for period in np.flatnonzero((flat[1:] == flat[0]).all(axis=1)) + 1:
        if period > 1 and (flat[period:] == flat[: n_frames - period]).all():
            return int(period)
    return n_frames


@np.errstate(invalid="ignore")
def drop_absent(frames: NDArray[FloatT]) -> NDArray[FloatT]:
    """The people that are there in some frame; frames: (T, M, V, 3), an absent person is zeros."""
    present = frames.any(axis=(0, 2, 3))
    return frames if present.all() else frames[:, present]
