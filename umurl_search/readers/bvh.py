"""BVH files, one clip a file: the joints of any maker's rig, in metres.

Letters: T frames, V joints. The joints are those of layout `rig`, found by their names (`rig_roles`), or those of a
layout that is stated, whose joints are the file's own. An `End Site` is called after its parent: `Head end`.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from encoder.errors import UmurlError
from encoder.joint_layouts import Layout
from umurl_search.clips.clip import Clip, Frames
from umurl_search.clips.types import State
from umurl_search.readers.build_clip import (
    BadRecordingError,
    FileClip,
    keep_notes,
    make_clip,
    read_bytes,
    read_head,
    require_places,
    to_float32,
)
from umurl_search.readers.bvh_motion import Motion, Numbers, drop_rest_pose, is_bvh, parse_bvh, place_nodes
from umurl_search.readers.file_per_clip import FilePerClip, Place, require_layout
from umurl_search.readers.named_joints import leg_length, mark_seen, match_names, require_person
from umurl_search.readers.rig_roles import Tree, find_roles, spine_joints

LAYOUT = "rig"
_HEAD_BYTES = 4096
_UNITS = (
    ("cm", 0.01, 45, 120),
    ("m", 1.0, 0.45, 1.2),
    ("mm", 0.001, 450, 1200),
    ("inches", 0.0254, 21, 44),
    ("CMU's unit of 5.64 cm", 0.0254 / 0.45, 9.5, 20),
)
"""Name, metres, and the least and greatest length of a leg in it."""
_USUAL_UNITS = ("cm", "m")
_USUAL_LEG_M = 0.8
_SAMPLE = 300
_SAME_PLACE = 0.01
"""Of a leg: what ends no farther out than this has no end."""
_ENDS = (("head end", "head"), *((f"{side} {end}", f"{side} {of}") for side in ("left", "right")
         for end, of in (("hand end", "wrist"), ("thumb end", "wrist"), ("toe", "ankle"))))  # fmt: skip


class BvhReader(FilePerClip):
    """BVH files anywhere below the roots. layout: of their joints, where it is not `rig`."""

    format: str = "bvh"
    state: State = "raw"
    suffix: str = ".bvh"

    def __init__(self, roots: Sequence[Path], *, layout: str | None = None) -> None:
        super().__init__(roots)
        self.layout: str = layout or LAYOUT
        require_layout(self.layout)

    def __repr__(self) -> str:
        return f"BvhReader({self.roots}, layout={self.layout!r})"

    def load(self, place: Place) -> Clip:
        try:
            read = read_clip(place.path, layout=self.layout)
        except BadRecordingError:
            raise
        except UmurlError as error:
            raise BadRecordingError("malformed", error.message.removeprefix(f"{place.path}: ")) from None
        clip = make_clip(place.name, read.frames, source=place.source, fps=read.fps)
        return keep_notes(clip, read, place.path)


def is_bvh_file(path: Path) -> bool:
    """Whether a file begins as BVH does."""
    return is_bvh(read_head(path))


def read_clip(path: Path, *, layout: str | None = None) -> FileClip:
    """The clip of a file in metres, and what was assumed of it. layout: of its joints, where it is stated.

    Raises: BadRecordingError, and BadInputError where the joints of a person are not found.
    """
    known = require_layout(layout or LAYOUT)
    try:
        whole = parse_bvh(read_bytes(path))
    except BadRecordingError as error:
        error.path = path
        raise
    motion = drop_rest_pose(whole)
    frames = _read_rig(motion) if known.name == LAYOUT else _read_stated(motion, known)
    require_places(frames)
    require_person(frames[:_SAMPLE], known, motion.names, what=str(path))
    frames, notes = _to_metres(frames, known)
    if motion is not whole:
        notes.append("its first frame is the rest pose and was left out")
    if len(whole.values) != whole.stated:
        notes.append(f"{len(whole.values)} frames are there, its head announces {whole.stated}")
    return FileClip(frames, tuple(f"{path}: {note}" for note in notes), layout or LAYOUT, motion.fps)


def _read_stated(motion: Motion, layout: Layout) -> Frames:
    """(T, 1, V, 3): the joints of a layout, by their names."""
    return _gather(motion, match_names(layout.joints, motion.names))


def _read_rig(motion: Motion) -> Frames:
    """(T, 1, V, 3): the joints of layout `rig`, by their makers' names."""
    layout = require_layout(LAYOUT)
    tree = Tree(motion.names, [node.parent for node in motion.nodes])
    roles = find_roles(tree)
    spine = spine_joints(tree, roles)
    involved = sorted({*roles.values(), *spine})
    start = dict(zip(involved, place_nodes(motion, involved, most=1)[0], strict=True))
    roles |= _choose_spine(start, roles, spine)
    for end in _find_ends_in_place(start, roles):
        roles.pop(end)
    return _gather(motion, [roles.get(role) for role in layout.joints])


def _gather(motion: Motion, found: Sequence[int | None]) -> Frames:
    """(T, 1, V, 3) float32, zeros for joints that are not found."""
    wanted = [node for node in found if node is not None]
    frames = np.zeros((len(motion.values), 1, len(found), 3), np.float32)
    there = [joint for joint, node in enumerate(found) if node is not None]
    frames[:, 0, there] = mark_seen(to_float32(place_nodes(motion, wanted)))
    return frames


def _choose_spine(start: dict[int, Numbers], roles: dict[str, int], spine: Sequence[int]) -> dict[str, int]:
    """The joint of the spine that lies nearest to the middle between hips and shoulders is `chest`, as the middle of a
    Kinect's spine does; the one below it `spine`."""
    if not spine or not {"left shoulder", "right shoulder"} <= set(roles):
        return {}
    base = start[roles["hips"]]
    trunk = (start[roles["left shoulder"]] + start[roles["right shoulder"]]) / 2 - base
    length = max(float(trunk @ trunk), 1e-12)
    middle = min(spine, key=lambda joint: abs(float((start[joint] - base) @ trunk) / length - 0.5))
    below = spine[: spine.index(middle)]
    return {"chest": middle} | ({"spine": below[-1]} if below else {})


def _find_ends_in_place(start: dict[int, Numbers], roles: dict[str, int]) -> list[str]:
    """The roles of ends that lie where the joint before them does: an `End Site` of no length."""
    leg = max(
        (
            float(np.linalg.norm(start[roles[f"{side} knee"]] - start[roles[f"{side} hip"]]))
            for side in ("left", "right")
            if {f"{side} knee", f"{side} hip"} <= set(roles)
        ),
        default=0.0,
    )
    return [
        end
        for end, of in _ENDS
        if end in roles
        and of in roles
        and not float(np.linalg.norm(start[roles[end]] - start[roles[of]])) > _SAME_PLACE * leg
    ]


def _to_metres(frames: Frames, layout: Layout) -> tuple[Frames, list[str]]:
    """The frames in metres, by the length of the legs, and a note where the unit is neither cm nor m."""
    leg = leg_length(frames[:_SAMPLE], layout)
    if not np.isfinite(leg) or leg < 1e-6:
        raise BadRecordingError("malformed", f"its legs are {leg:g} long")
    name, metres = next(
        ((name, metres) for name, metres, least, most in _UNITS if least <= leg <= most),
        ("", _USUAL_LEG_M / leg),
    )
    with np.errstate(over="ignore"):
        scaled = frames * np.float32(metres)
    if name in _USUAL_UNITS:
        return scaled, []
    how = f"read in {name}" if name else f"scaled so that they are {_USUAL_LEG_M} m"
    return scaled, [f"its legs are {leg:.4g} long: {how}"]
