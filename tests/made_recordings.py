"""Recordings written by hand in the formats of NTU, PKU-MMD and plain arrays."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from umurl_search.clips.clip import Outcome
from umurl_search.readers.ntu import NtuReader
from umurl_search.synthetic.demo_corpus import make_clip

PKU_ID = "A10N08-L"
NTU_NAME = "S001C002P003R001A004"
NTU_FACTS = "72057594037901101 0 1 1 0 0 0 -1.15755 0.2897558 2"
NTU_REST = "186.659 112.8855 1852.578 1173.649 0.5805263 0.8206788 0.3763089 -0.6200171 1"


def pku_motion(n_frames: int, *, n_people: int = 2) -> NDArray[np.float64]:
    """(T, 150) with six decimals, as PKU-MMD writes."""
    numbers = np.random.default_rng(0).uniform(-3, 3, (n_frames, 150)).round(6)
    numbers[:, n_people * 75 :] = 0
    return numbers


def write_pku(
    root: Path, numbers: NDArray[np.float64] | str, labels: str | None, *, name: str = PKU_ID
) -> None:
    for folder, content in (("data", numbers), ("label", labels)):
        (root / folder).mkdir(parents=True, exist_ok=True)
        if isinstance(content, str):
            (root / folder / f"{name}.txt").write_text(content)
        elif content is not None:
            np.savetxt(root / folder / f"{name}.txt", content, fmt="%.6f")


def skeleton(frames: Sequence[Sequence[Sequence[str]]], *, end: str = "\n") -> str:
    """The text of a file: per frame, per body, the 25 places, each `x y z` as written."""
    lines = [str(len(frames))]
    for bodies in frames:
        lines.append(str(len(bodies)))
        for joints in bodies:
            lines += [NTU_FACTS, str(len(joints)), *(f"{place} {NTU_REST}" for place in joints)]
    return end.join(lines) + end


def body(seed: int, *, scale: float = 1.0) -> list[str]:
    rng = np.random.default_rng(seed)
    return [" ".join(f"{x:.7g}" for x in scale * rng.normal(size=3)) for _ in range(25)]


def moving_bodies(n_frames: int, n_bodies: int) -> list[list[list[str]]]:
    return [[body(10 * t + m, scale=1 + m) for m in range(n_bodies)] for t in range(n_frames)]


def parse_by_tokens(text: str) -> NDArray[np.float64]:
    """The oracle: (T, M, 25, 3), M = the most bodies of a frame, at most four."""
    lines = iter(text.splitlines())
    frames = []
    for _ in range(int(next(lines))):
        bodies = []
        for _ in range(int(next(lines))):
            next(lines)
            joints = [next(lines).split() for _ in range(int(next(lines)))]
            bodies.append([[float(word) for word in joint[:3]] for joint in joints])
        frames.append(bodies[:4])
    parsed = np.zeros((len(frames), max(map(len, frames), default=0), 25, 3))
    for t, bodies in enumerate(frames):
        for m, joints_read in enumerate(bodies):
            parsed[t, m] = joints_read
    return parsed


def ntu_outcomes(root: Path, **options: int | None) -> list[Outcome]:
    reader = NtuReader((root,), **options)  # type: ignore[arg-type]
    return [outcome for group in reader.read(reader.items()) for outcome in group]


def write_ntu(folder: Path, text: str | bytes, name: str = NTU_NAME) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}.skeleton"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


def write_scaled(folder: Path, *names: str, scale: float = 1.0) -> None:
    folder.mkdir(exist_ok=True)
    for name in names:
        np.save(folder / f"{name}.npy", np.float32(scale) * make_clip(name))
