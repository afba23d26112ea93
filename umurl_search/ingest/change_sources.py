"""What a change reads: the sources that a dataset was read from, or one that the user names, and how."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from encoder.errors import Hint, NotFoundError, UmurlError
from encoder.options import options_of
from umurl_search.clips.reading_options import ReadingOptions
from umurl_search.clips.types import Up
from umurl_search.datasets import protocols
from umurl_search.ingest.dataset_before import DatasetBefore
from umurl_search.ingest.ingest import SLICING, Request, open_source, origin_of
from umurl_search.readers import detect

Origin = dict[str, Any]
"""A source as the catalog keeps it: its roots, format, and how it is read."""


@dataclass(frozen=True, kw_only=True)
class ChangeRequest(ReadingOptions):
    """What changes. source None: all that the dataset was read from so far.

    changed: take clips that are there with another content, in place of clips that are not there yet. removed: take
    those again, too, that were removed. splits, segments, labels: files, as `ingest` takes them, of clips that come or
    are there. layout, axes, fps, up, scale: how the source is read, where not as the dataset's first.
    """

    dataset: str
    source: Path | None = None
    format: str | None = None
    slicing: str | None = None
    splits: Path | None = None
    segments: Path | None = None
    labels: Path | None = None
    layout: str | None = None
    axes: str | None = None
    fps: float | None = None
    up: Up | None = None
    scale: float | None = None
    changed: bool = False
    removed: bool = False
    device: str = "auto"

    @property
    def reading(self) -> dict[str, Any]:
        """What is stated of how a source is read."""
        names = ("layout", "axes", "fps", "up", "scale", *options_of(ReadingOptions))
        defaults = {name: default for name, (default, _) in options_of(ReadingOptions).items()}
        return {name: value for name in names if (value := getattr(self, name)) != defaults.get(name)}


def find_origins(before: DatasetBefore, request: ChangeRequest) -> tuple[list[Origin], list[str]]:
    """The sources to go through, and a note of each that is not there.

    Raises UmurlError where there is none, and for a source that is stated otherwise than it was read.
    """
    name = before.row["name"]
    if protocols.find(name).actions == "demo":
        raise UmurlError(f"'{name}' is made up: nothing can be added to it")
    if request.source is not None:
        return [_stated_origin(before, request, request.source)], []
    there = [one for one in before.origins if all(Path(root).exists() for root in one["roots"])]
    missing = [root for one in before.origins for root in one["roots"] if not Path(root).exists()]
    if not there:
        raise _missing_source(missing[0], name)
    for origin in there:
        _require_same_reading(origin, request)
    return there, [f"{root} is not there: it was passed over" for root in missing]


def _missing_source(source: object, name: str) -> UmurlError:
    return NotFoundError(
        f"{source}: no such file or folder",
        Hint(f"give {{option}} the recordings of {name}", option="source"),
    )


def _stated_origin(before: DatasetBefore, request: ChangeRequest, source: Path) -> Origin:
    """What a source is that the user names: one that was read before is read as it was then, another one in the
    dataset's first format as the first, but for what is stated of it."""
    name, roots = before.row["name"], [os.path.abspath(source)]
    if not source.exists():
        raise _missing_source(source, name)
    fmt = request.format or detect(source, axes=request.axes)
    known = next((one for one in before.origins if one["roots"] == roots and one["format"] == fmt), None)
    if known is not None:
        _require_same_reading(known, request)
    base = known or before.origins[0]
    slicing = request.slicing or base["slicing"] or SLICING
    if fmt == base["format"]:
        return {**base, **request.reading, "roots": roots, "slicing": slicing}
    asked = Request(
        name=name,
        source=source,
        format=fmt,
        slicing=slicing,
        untrimmed=before.origins[0]["untrimmed"],
        **request.reading,
    )
    return origin_of(*open_source(protocols.find(name), asked), asked)


def _require_same_reading(origin: Mapping[str, Any], request: ChangeRequest) -> None:
    """Raises UmurlError where a source is stated otherwise than its clips were read."""
    for option, value in request.reading.items():
        if origin.get(option) != value:
            was = origin.get(option) or "none"
            raise UmurlError(
                f"{origin['roots'][0]}: its clips were read with {option} {was}, now {value} is stated",
                Hint("leave out {option}, or ingest it under another name", option=option),
            )
