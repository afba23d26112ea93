"""The joint layouts that are known, or one of one's own: their joints, and what NTU-25's are made of."""

from collections.abc import Sequence
from dataclasses import dataclass

from encoder.joint_layouts import LAYOUTS, Layout, find_layout
from encoder.layout import Row
from encoder.skeleton import JOINTS
from umurl_search.clips.clip import Frames
from umurl_search.result import Result
from umurl_search.synthetic.demo_corpus import make_clip

_STANDING = "S001C001P001R001A001"


@dataclass(frozen=True, kw_only=True)
class LayoutRow(Result):
    """A joint layout."""

    name: str
    """how --layout says it"""
    joints: list[str]
    """names of its joints, in the order of files"""
    dims: int
    """2: joints in a picture, 3: in space"""
    faces: str
    """where people look: into the `camera`, or `any` way (they are turned to face it)"""
    axes: str
    """`world`: y up; `picture` and `camera`: x to the right, y down, z away"""
    copied: int
    """joints of NTU-25 that add nothing: copies of others, or combinations of them"""
    invented: list[str]
    """joints of NTU-25 that no joint of its own tells: copied, put between others, or beyond them"""
    ntu25: dict[str, str]
    """joint of NTU-25: what it is made of, in each way after the other where joints are not seen"""


@dataclass(frozen=True, kw_only=True)
class LayoutList(Result):
    """Joint layouts."""

    layouts: list[LayoutRow]
    """all that are known, or the one that is named"""


def list_layouts(text: str | None = None) -> LayoutList:
    """All known layouts, or the one that a name or the text of a layout file says. Raises ValueError for neither."""
    chosen = LAYOUTS.values() if text is None else [find_layout(text)]
    return LayoutList(layouts=[_describe(layout) for layout in chosen])


def standing_person() -> Frames:
    """(1, 1, 25, 3) a made-up person who stands, metres, y up."""
    return make_clip(_STANDING)[:1, :1]


def _describe(layout: Layout) -> LayoutRow:
    return LayoutRow(
        name=layout.name,
        joints=list(layout.joints),
        dims=layout.dims,
        faces=layout.faces,
        axes=layout.axes,
        copied=layout.copied,
        invented=list(layout.invented),
        ntu25={name: _say(ways, layout) for name, ways in zip(JOINTS, layout.rows, strict=True)},
    )


def _say(ways: Sequence[Row], layout: Layout) -> str:
    return "; else ".join(_say_row(row, layout) for row in ways) or "not there"


def _say_row(row: Row, layout: Layout) -> str:
    """`left hip`, or `0.5 left hip + 0.5 right hip`; joints of NTU-25 that are made before in brackets."""
    names = [
        layout.joints[source] if source < layout.n_joints else f"[{JOINTS[source - layout.n_joints]}]"
        for source in row.sources
    ]
    if row.is_copy:
        return names[0]
    terms = [f"{weight:+.3g} {name}" for weight, name in zip(row.weights, names, strict=True)]
    said = " ".join(terms).replace("+", "+ ").replace("-", "- ", 1) if len(terms) > 1 else terms[0]
    return said.removeprefix("+ ")
