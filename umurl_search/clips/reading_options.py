"""How coordinates are read, declared once for every command, the HTTP API and Python."""

from dataclasses import dataclass
from typing import Any

from encoder.options import option, options_of
from umurl_search.clips.picture_places import Depth, check_size
from umurl_search.clips.unseen_joints import check_marks


@dataclass(frozen=True, kw_only=True)
class ReadingOptions:
    """What is stated of coordinates beside their layout, rate, axis and unit."""

    upright: bool = option(
        False,
        "Turn people upright by trunk and shoulders of frame 1; those of a detector from feet to head over the clip",
    )
    missing: str | None = option(
        None,
        "What marks unseen joints: nan, zero, numbers (with commas), or interpolate [default: all usual marks]",
        parse=check_marks,
    )
    size: str | None = option(
        None, "Of the picture that joints were found in, as 1280x720 [default: 4x3]", parse=check_size
    )
    mirror: bool = option(False, "People were seen in a mirror, as in a selfie")
    person: int | None = option(None, "The only person that counts, from 1", low=1)
    depth: Depth = option("auto", "Depth that a detector guessed from a picture; auto drops it")


def stated_of(options: Any) -> dict[str, Any]:
    """What is stated of coordinates in anything that has these options: name -> value, where it is not the default."""
    values = {name: getattr(options, name) for name in options_of(ReadingOptions)}
    return {name: value for name, value in values.items() if value != options_of(ReadingOptions)[name][0]}
