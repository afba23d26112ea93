"""BVH's text: a tree of joints, numbers a frame, and where these put the joints.

Letters: T frames, C channels, V joints.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from umurl_search.readers.build_clip import BadRecordingError, describe

MOST_JOINTS = 1024
_MOST_HEAD, _BLOCK = 2**20, 2**22
_MOST_IN_TURN = 2**16
_AXES = "xyz"
_MOTION = re.compile(rb"^[ \t]*MOTION\b", re.MULTILINE | re.IGNORECASE)
_FRAMES = re.compile(rb"\s*Frames\s*:\s*(\d{1,9})", re.IGNORECASE)
_FRAME_TIME = re.compile(rb"\s*Frame\s*Time\s*:\s*(\S{1,40})", re.IGNORECASE)
_CHANNEL = re.compile(r"([xyz])(position|rotation)")

Numbers = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Node:
    """A joint or an end of the tree: its parent (-1: none), its place on the parent, and what its numbers mean.

    channels: `xposition`, `zrotation` and so on, in the order of the file; the first is the frame's `first` number.
    """

    name: str
    parent: int
    offset: tuple[float, float, float]
    channels: tuple[str, ...]
    first: int
    is_end: bool = False


@dataclass(frozen=True, kw_only=True)
class Motion:
    """nodes: parents before their children. fps: frames a second. values: (T, C). stated: frames, by the head."""

    nodes: tuple[Node, ...]
    fps: float
    values: Numbers
    stated: int

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(node.name for node in self.nodes)


def is_bvh(head: bytes) -> bool:
    """Whether a file begins as BVH does."""
    return head.removeprefix(b"\xef\xbb\xbf").lstrip()[:9].upper() == b"HIERARCHY"


def parse_bvh(content: bytes) -> Motion:
    """The motion that a file holds. Raises: BadRecordingError."""
    text = content.replace(b"\r", b"\n")
    if not is_bvh(text[:4096]):
        raise BadRecordingError("malformed", "no BVH: it does not begin with HIERARCHY")
    found = _MOTION.search(text)
    if found is None:
        raise BadRecordingError("truncated", "it has no MOTION")
    if found.start() > _MOST_HEAD:
        raise BadRecordingError("malformed", f"a HIERARCHY of {found.start()} bytes")
    nodes = _Tree(text[: found.start()]).parse()
    stated = _FRAMES.match(text, found.end())
    time = stated and _FRAME_TIME.match(text, stated.end())
    if not stated or not time:
        raise BadRecordingError("malformed", "MOTION has no 'Frames:' and 'Frame Time:'")
    n_frames = int(stated[1])
    values = _shape_values(_parse_numbers(text, time.end()), nodes, n_frames)
    return Motion(nodes=nodes, fps=_parse_rate(time[1]), values=values, stated=n_frames)


class _Tree:
    """The words of a HIERARCHY, read once from left to right."""

    def __init__(self, head: bytes) -> None:
        try:
            text = head.decode("utf-8-sig")
        except ValueError:
            text = head.decode("latin1")
        self._words = text.replace("{", " { ").replace("}", " } ").split()
        self._at = 1
        self._nodes: list[Node] = []
        self._open: list[int] = []
        self._n_channels = 0

    def parse(self) -> tuple[Node, ...]:
        while self._at < len(self._words):
            word = self._take().upper()
            match word:
                case "ROOT" | "JOINT" | "END":
                    self._begin(word)
                case "}" if self._open:
                    self._open.pop()
                case _:
                    raise BadRecordingError(
                        "malformed", f"HIERARCHY has {describe(word)} where a joint is due"
                    )
        if self._open:
            raise BadRecordingError("truncated", "a joint of HIERARCHY does not end")
        if not self._n_channels:
            raise BadRecordingError("malformed", "HIERARCHY has no channels")
        return tuple(self._nodes)

    def _take(self) -> str:
        if self._at >= len(self._words):
            raise BadRecordingError("truncated", "HIERARCHY ends too soon")
        self._at += 1
        return self._words[self._at - 1]

    def _begin(self, kind: str) -> None:
        """A joint up to its channels; its children and its end follow."""
        if (kind == "ROOT") != (not self._nodes) or (kind != "ROOT" and not self._open):
            raise BadRecordingError("malformed", "HIERARCHY has several roots, or none: one is read")
        if len(self._nodes) >= MOST_JOINTS:
            raise BadRecordingError("malformed", f"HIERARCHY has over {MOST_JOINTS} joints")
        parent = self._open[-1] if self._open else -1
        name = self._take_name()
        offset = self._take_offset()
        is_end = kind == "END"
        channels = () if is_end else self._take_channels()
        if is_end:
            name = f"{self._nodes[parent].name} end"
        self._open.append(len(self._nodes))
        self._nodes.append(
            Node(
                name=name,
                parent=parent,
                offset=offset,
                channels=channels,
                first=self._n_channels,
                is_end=is_end,
            )
        )
        self._n_channels += len(channels)

    def _take_name(self) -> str:
        words = []
        while (word := self._take()) != "{":
            words.append(word)
        return " ".join(words)[:200]

    def _take_offset(self) -> tuple[float, float, float]:
        if self._take().upper() != "OFFSET":
            raise BadRecordingError("malformed", "a joint of HIERARCHY has no OFFSET")
        x, y, z = (_parse_number(self._take()) for _ in _AXES)
        return x, y, z

    def _take_channels(self) -> tuple[str, ...]:
        if self._at < len(self._words) and self._words[self._at].upper() != "CHANNELS":
            return ()
        self._take()
        count = self._take()
        if not count.isdecimal() or len(count) > 2:
            raise BadRecordingError("malformed", f"{describe(count)} CHANNELS")
        channels = tuple(self._take().lower() for _ in range(int(count)))
        if unknown := [one for one in channels if not _CHANNEL.fullmatch(one)]:
            raise BadRecordingError("malformed", f"the channel {describe(unknown[0])} is not read")
        if len(set(channels)) < len(channels):
            raise BadRecordingError("malformed", "a joint has one channel twice")
        return channels


def _parse_number(word: str | bytes) -> float:
    try:
        return float(word)
    except ValueError:
        raise BadRecordingError("malformed", f"{describe(word)} is no number") from None


def _parse_numbers(text: bytes, start: int) -> Numbers:
    """All numbers behind a place, some megabytes at a time."""
    blocks = []
    while start < len(text):
        end = text.find(b"\n", start + _BLOCK)
        end = len(text) if end < 0 else end
        words = text[start:end].split()
        try:
            blocks.append(np.fromiter(map(float, words), np.float64, len(words)))
        except ValueError as error:
            raise BadRecordingError("malformed", f"MOTION holds what is no number ({error})") from None
        start = end
    return np.concatenate(blocks) if blocks else np.zeros(0)


def _shape_values(numbers: Numbers, nodes: Sequence[Node], n_frames: int) -> Numbers:
    """(T, C), all frames that are there. Raises: BadRecordingError where fewer are there than are stated."""
    n_channels = sum(len(node.channels) for node in nodes)
    if not len(numbers):
        raise BadRecordingError("no body", "it has no frames")
    if len(numbers) < n_frames * n_channels or len(numbers) % n_channels:
        what = f"{len(numbers)} numbers, its head announces {n_frames} frames of {n_channels}"
        raise BadRecordingError("truncated" if len(numbers) < n_frames * n_channels else "malformed", what)
    if n_channels < sum(not node.is_end for node in nodes):
        raise BadRecordingError("malformed", f"{n_channels} channels are fewer than its joints")
    return numbers.reshape(-1, n_channels)


def _parse_rate(word: bytes) -> float:
    """Frames a second, whole where the time of a frame is that of a whole number, rounded: 0.0333 is 30."""
    seconds = _parse_number(word.replace(b",", b"."))
    if not 1e-4 < seconds <= 1:
        raise BadRecordingError("malformed", f"a frame time of {describe(word)} seconds")
    whole = round(1 / seconds)
    decimals = len(word.partition(b".")[2])
    is_whole = abs(1 / whole - seconds) <= 0.5001 * 10.0**-decimals
    return float(whole) if is_whole else 1 / seconds


@np.errstate(over="ignore", invalid="ignore")
def place_nodes(motion: Motion, wanted: Sequence[int], *, most: int | None = None) -> Numbers:
    """Where nodes are, (T, V, 3), in the file's unit. most: of so many frames at the beginning."""
    path = _ancestors(motion.nodes, wanted)
    values = motion.values[:most]
    places = np.empty((len(values), len(wanted), 3))
    in_turn = max(64, _MOST_IN_TURN // len(path)) if path else 1
    for start in range(0, len(values), in_turn):
        rows = slice(start, start + in_turn)
        found = _place(motion.nodes, path, values[rows].T)
        for at, node in enumerate(wanted):
            places[rows, at] = found[node].T
    return places


def _ancestors(nodes: Sequence[Node], wanted: Sequence[int]) -> list[int]:
    """The nodes and all above them, parents first."""
    needed = set()
    for node in wanted:
        while node >= 0 and node not in needed:
            needed.add(node)
            node = nodes[node].parent
    return sorted(needed)


def _place(nodes: Sequence[Node], path: Sequence[int], values: Numbers) -> dict[int, Numbers]:
    """node -> (3, T). values: (C, T).

    A position among the channels stands in the offset's stead. Rotations are taken in the order of the channels, each
    about the axes as the ones before it left them.
    """
    n_frames = values.shape[1]
    unturned = np.repeat(np.eye(3)[:, :, None], n_frames, axis=2)
    places: dict[int, Numbers] = {}
    turned: dict[int, Numbers] = {}  # node -> (3, 3, T), its axes
    for at in path:
        node = nodes[at]
        axes = turned[node.parent] if node.parent >= 0 else unturned
        place = places[node.parent].copy() if node.parent >= 0 else np.zeros((3, n_frames))
        own = {channel: values[node.first + i] for i, channel in enumerate(node.channels)}
        for axis, offset in zip(_AXES, node.offset, strict=True):
            place += axes[_AXES.index(axis)] * own.get(f"{axis}position", offset)
        places[at] = place
        turns = [
            (_AXES.index(name[0]), degrees) for name, degrees in own.items() if name.endswith("rotation")
        ]
        turned[at] = _turn(axes, turns)
    return places


def _turn(axes: Numbers, turns: Sequence[tuple[int, Numbers]]) -> Numbers:
    """(3, 3, T): the axes turned about their own, one turn after the other."""
    axes = axes.copy() if turns else axes
    for about, degrees in turns:
        i, j = (about + 1) % 3, (about + 2) % 3
        angle = np.radians(degrees)
        cosine, sine = np.cos(angle), np.sin(angle)
        axes[i], axes[j] = cosine * axes[i] + sine * axes[j], cosine * axes[j] - sine * axes[i]
    return axes


def drop_rest_pose(motion: Motion) -> Motion:
    """The motion without a first frame that is the rest pose alone: not turned at all, and the next one is."""
    turns = [
        node.first + i
        for node in motion.nodes
        for i, channel in enumerate(node.channels)
        if channel.endswith("rotation")
    ]
    first, *others = motion.values[:2, turns]
    if first.any() or not others or not np.abs(others[0]).max(initial=0) > 1:
        return motion
    return Motion(nodes=motion.nodes, fps=motion.fps, values=motion.values[1:], stated=motion.stated - 1)
