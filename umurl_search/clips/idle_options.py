"""What is stated of coordinates and changes nothing of what was read: said, so that nobody waits for an effect."""

from collections.abc import Mapping, Sequence
from typing import Any

from encoder.joint_layouts import Layout

_IN_SPACE = "joints lie in space, not in a picture"
_NO_DEPTH = "joints have two coordinates, and no depth that was guessed"
_PIXELS = "coordinates are points of the picture, not parts of its width and height"
_OWN_SIZE = "a person in a picture has no unit, and becomes half a metre from hips to shoulders"


def describe_idle(
    stated: Mapping[str, Any], layout: Layout, *, is_picture: bool, is_in_parts: bool
) -> Sequence[str]:
    """A line for each option that is stated and has no effect on joints of a layout.

    stated: name -> value of what is not the default. is_picture: joints were found in a picture, in whose parts they
    are stated, or in its points.
    """
    why = {
        "size": _IN_SPACE if not is_picture else "" if is_in_parts else _PIXELS,
        "depth": _IN_SPACE if not is_picture else _NO_DEPTH if layout.dims == 2 else "",
        "scale": _OWN_SIZE if is_picture else "",
    }
    return [f"--{name} changes nothing: {why[name]}" for name in why if name in stated and why[name]]


def describe_stored(stated: Mapping[str, Any]) -> Sequence[str]:
    """A line for options that are stated of a clip of the library."""
    if not stated:
        return []
    change = "changes" if len(stated) == 1 else "change"
    return [f"{', '.join(f'--{name}' for name in stated)} {change} nothing: it was read when it was ingested"]


def describe_axes(axes: str | None, *, is_array: bool) -> Sequence[str]:
    """A line where the axes of an array are stated of a file that is none."""
    return [] if axes is None or is_array else ["--axes changes nothing: this file is no array"]
