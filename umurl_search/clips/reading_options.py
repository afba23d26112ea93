"""How coordinates are read, declared once for every command, the HTTP API and Python."""

from dataclasses import dataclass

from encoder.options import option
from umurl_search.clips.unseen_joints import check_marks


@dataclass(frozen=True, kw_only=True)
class ReadingOptions:
    """What is stated of coordinates beside their layout, rate, axis and unit."""

    upright: bool = option(False, "Turn people upright by trunk and shoulders of their first frame")
    missing: str | None = option(
        None,
        "What marks unseen joints: nan, zero, numbers (with commas), or interpolate [default: all usual marks]",
        parse=check_marks,
    )
