"""Formats that keep one frame a file: which files make a clip, and in which order."""

import re
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from umurl_search.clips.clip import Clip, Outcome
from umurl_search.clips.types import Splits, State
from umurl_search.readers.build_clip import BadRecordingError, FileClip, keep_notes, make_clip
from umurl_search.readers.file_per_clip import require_layout, require_roots, walk_files

_NAME = re.compile(r"(?P<prefix>.*?)(?P<number>\d{1,18})(?P<tail>_keypoints|_pose|)", re.DOTALL)
_BETWEEN = "_-. "
_MOST_FRAMES = 200_000


@dataclass(frozen=True, kw_only=True)
class FrameFile:
    """source: its path below the root. number: of the frame, in its name."""

    path: Path
    source: str
    number: int | None


@dataclass(frozen=True, kw_only=True)
class FrameFolder:
    """The frames of one clip, in order. source: the folder, and what its files' names begin with where several do."""

    name: str
    source: str
    frames: tuple[FrameFile, ...]


def number_of_frame(stem: str) -> tuple[str, int | None]:
    """What comes before the last number in a file's name, and that number: `walk_000012_keypoints` is walk, 12."""
    found = _NAME.fullmatch(stem)
    if found is None:
        return stem, None
    return found["prefix"].rstrip(_BETWEEN), int(found["number"])


def gather_frames(roots: Sequence[Path], sources: Sequence[tuple[int, str]]) -> list[FrameFolder]:
    """The clips that frames make: those of a folder whose names begin alike.

    sources: (number of the root, path below it). A clip is named by its folder's path below the root; where a folder
    holds several clips, by what its files' names begin with.
    """
    groups: dict[tuple[int, str, str], list[FrameFile]] = {}
    for root, source in sources:
        path = PurePosixPath(source)
        prefix, number = number_of_frame(path.stem)
        base = roots[root] if roots[root].is_dir() else roots[root].parent
        frame = FrameFile(path=base / source, source=source, number=number)
        groups.setdefault((root, path.parent.as_posix(), prefix), []).append(frame)
    in_folder = Counter((root, folder) for root, folder, _ in groups)
    clips = [
        _name_group(
            roots[root], folder, prefix if in_folder[root, folder] > 1 or folder == "." else "", found
        )
        for (root, folder, prefix), found in groups.items()
    ]
    return sorted(clips, key=lambda one: (one.name, one.source))


def _name_group(root: Path, folder: str, prefix: str, frames: Sequence[FrameFile]) -> FrameFolder:
    inside = "" if folder == "." else folder
    source = "/".join(part for part in (inside, prefix) if part)
    ordered = tuple(sorted(frames, key=lambda one: (one.number is None, one.number or 0, one.source)))
    return FrameFolder(
        name=source or root.resolve().name, source=source or root.resolve().name, frames=ordered
    )


class FramesPerFile(ABC):
    """A reader of a format that keeps one frame a file. Items are places in the list of clips."""

    format: str
    state: State = "raw"
    parallel: bool = True
    suffix: str

    def __init__(self, roots: Sequence[Path], *, layout: str | None = None) -> None:
        self.roots = require_roots(roots)
        self._stated = layout
        if layout is not None:
            require_layout(layout)
        sources = [
            (number, source)
            for number, root in enumerate(self.roots)
            for source in (walk_files(root) if root.is_dir() else [root.name])
            if source.lower().endswith(self.suffix)
        ]
        self._clips = self.gather(
            [(number, source) for number, source in sources if self.is_frame(self._path(number, source))]
        )
        self.layout: str = layout or self._find_layout()

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.roots}, layout={self._stated!r})"

    def _path(self, number: int, source: str) -> Path:
        root = self.roots[number]
        return root / source if root.is_dir() else root

    @abstractmethod
    def is_frame(self, path: Path) -> bool:
        """Whether a file is a frame of this format."""

    def gather(self, sources: Sequence[tuple[int, str]]) -> list[FrameFolder]:
        """The clips that frames make."""
        return gather_frames(self.roots, sources)

    @abstractmethod
    def read_frames(self, frames: Sequence[FrameFile], *, layout: str | None) -> FileClip:
        """The clip of some frames. Raises: BadRecordingError."""

    def _find_layout(self) -> str:
        """That of the first clip that can be read."""
        for clip in self._clips[:10]:
            try:
                return self.read_frames(clip.frames, layout=None).layout or "ntu25"
            except BadRecordingError:
                continue
        return "coco-17"

    def items(self) -> Sequence[str]:
        return [str(place) for place in range(len(self._clips))]

    def read(self, items: Sequence[str]) -> Iterator[tuple[Outcome, ...]]:
        for item in items:
            yield (self._outcome(self._clips[int(item)]),)

    def _outcome(self, clip: FrameFolder) -> Outcome:
        try:
            return self._load(clip)
        except BadRecordingError as error:
            return error.left_out(clip.name, clip.source)

    def _load(self, clip: FrameFolder) -> Clip:
        if len(clip.frames) > _MOST_FRAMES:
            raise BadRecordingError("malformed", f"over {_MOST_FRAMES:,} frames")
        read = self.read_frames(clip.frames, layout=self._stated)
        return keep_notes(
            make_clip(clip.name, read.frames, source=clip.source, layout=read.layout, fps=read.fps), read
        )

    def splits(self) -> Splits:
        return {}

    def files(self) -> Sequence[Path]:
        return [frame.path for clip in self._clips for frame in clip.frames]
