"""The joint layouts that are known, by name or by their number of joints."""

from functools import lru_cache
from pathlib import Path

from encoder.layout import Layout, vars_of
from encoder.layout_files import read_layout

__all__ = [
    "BY_COUNT",
    "LAYOUTS",
    "Layout",
    "check_layout",
    "find_layout",
    "folded_counts",
    "joint_counts",
    "layout_name",
    "layout_of",
    "layouts_with",
    "parse_layout",
]

_FOLDER = Path(__file__).parent / "layouts"
_LONGEST_NAME = 100
_NAMES = (
    *("ntu25", "kinect-v1", "utd-mhad", "mediapipe-33", "coco-17", "halpe-26", "openpose-25", "openpose-18"),
    *(
        "h36m-17",
        "smpl-22",
        "smpl-24",
        "smpl-h-52",
        "azure-32",
        "zed-34",
        "zed-38",
        "coco-wholebody-133",
        "rig",
    ),
)
"""The layouts that are known, a layout file each."""
BY_COUNT = ("ntu25", "kinect-v1", "mediapipe-33", "smpl-22", "smpl-h-52", "zed-38")
"""What a 3-D clip of so many joints is taken for where nothing is stated: no other layout in use has as many, or, of 20
and 25, arrays of these were read so from the start."""


@lru_cache(maxsize=64)
def find_layout(text: str) -> Layout:
    """The layout of a name, or of the text of a layout file (JSON). Raises ValueError for neither."""
    if text.lstrip().startswith(("{", "[")):
        return parse_layout(text)
    if text in LAYOUTS:
        return LAYOUTS[text]
    base, dims = text[:-3], {"-2d": 2, "-3d": 3}.get(text[-3:])
    if base not in LAYOUTS or dims is None:
        raise ValueError(
            f"layout is one of {', '.join(LAYOUTS)}, or a layout file, got '{text[:_LONGEST_NAME]}'"
        )
    layout = LAYOUTS[base]
    flat = {"axes": "picture", "faces": "camera"} if dims == 2 else {"axes": "world"}
    return Layout(**{**vars_of(layout), **flat, "name": text, "dims": dims})


def check_layout(text: str) -> str:
    """The same text. Raises ValueError where `find_layout` does."""
    find_layout(text)
    return text


def layout_name(text: str) -> str:
    """The name of a layout that `find_layout` knows."""
    return find_layout(text).name


def parse_layout(text: str) -> Layout:
    """The layout that a layout file (JSON) of one's own states. Raises ValueError, saying what is wrong."""
    layout = read_layout(text)
    if layout.name in LAYOUTS:
        raise ValueError(f"'{layout.name}' is the name of a layout that is known; choose another")
    return layout


def joint_counts() -> tuple[int, ...]:
    """The numbers of joints that say which layout a clip has."""
    return tuple(LAYOUTS[name].n_joints for name in BY_COUNT)


def folded_counts() -> tuple[int, ...]:
    """The same of layouts whose joints may be taken from one row of numbers a frame: Kinect's."""
    return joint_counts()[:2]


def layout_of(n_joints: int) -> Layout | None:
    """The layout of that many joints, where the number says it: what a clip is taken for where nothing is stated."""
    return next((LAYOUTS[name] for name in BY_COUNT if LAYOUTS[name].n_joints == n_joints), None)


def layouts_with(n_joints: int) -> tuple[str, ...]:
    """The names of all known layouts of that many joints."""
    return tuple(name for name, one in LAYOUTS.items() if one.n_joints == n_joints)


LAYOUTS: dict[str, Layout] = {}
"""name -> layout. A name with `-2d` or `-3d` behind it is the same with that many coordinates, in a picture or in the
world."""
for _name in _NAMES:
    LAYOUTS[_name] = read_layout((_FOLDER / f"{_name}.json").read_text("utf-8"))
