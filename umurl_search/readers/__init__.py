"""Readers: one per format of recordings, all with the interface of `base.Reader`."""

from collections.abc import Sequence
from pathlib import Path

from encoder.errors import UmurlError
from umurl_search.clips.types import State
from umurl_search.readers.agcn import AgcnReader
from umurl_search.readers.arrays import NpyReader, read_array
from umurl_search.readers.base import Reader
from umurl_search.readers.build_clip import BadRecordingError
from umurl_search.readers.ctrgcn import CtrGcnReader
from umurl_search.readers.formats import FORMATS, detect
from umurl_search.readers.ntu import NtuReader
from umurl_search.readers.nwucla import NwUclaReader
from umurl_search.readers.pku import PkuReader
from umurl_search.readers.pyskl import PysklReader

__all__ = ["FORMATS", "BadRecordingError", "Reader", "detect", "open_reader", "read_array"]


def open_reader(
    fmt: str,
    roots: Sequence[Path],
    *,
    max_frames: int | None = 300,
    missing: Path | Sequence[Path] | None = None,
    max_action: int | None = None,
    max_setup: int | None = None,
    slicing: str = "start:end",
    untrimmed: bool = False,
    layout: str | None = None,
    axes: str | None = None,
    state: State = "raw",
) -> Reader:
    """The reader of a format, one of `FORMATS`. An option is for the formats named; others pay no heed to it.

    max_frames: ntu-skeleton and pku-mmd; longer clips are cut (None: no limit). Others are kept whole.
    missing: ntu-skeleton; the lists of samples with missing skeletons. None: those beside the recordings.
    max_action, max_setup: ntu-skeleton; the last that belongs to the dataset.
    slicing: pku-mmd; the frames that a label means, one of `pku.SLICINGS`.
    untrimmed: pku-mmd; recordings stay whole, their labels become segments.
    layout: pyskl and npy; the joint layout, a key of `LAYOUTS` (None: ntu25).
    axes, state: npy; see `NpyReader`.
    Raises: UmurlError for an unknown format or option value, or a source that cannot be used.
    """
    match fmt:
        case "ntu-skeleton":
            lists = (missing,) if isinstance(missing, Path) else missing
            return NtuReader(
                roots, missing=lists, max_action=max_action, max_setup=max_setup, max_frames=max_frames
            )
        case "pku-mmd":
            return PkuReader(roots, slicing=slicing, max_frames=max_frames, untrimmed=untrimmed)
        case "agcn":
            return AgcnReader(roots)
        case "ctr-gcn":
            return CtrGcnReader(roots)
        case "pyskl":
            return PysklReader(roots, layout=layout or "ntu25")
        case "nw-ucla":
            return NwUclaReader(roots)
        case "npy":
            return NpyReader(roots, layout=layout or "ntu25", state=state, axes=axes)
    raise UmurlError(f"unknown format {fmt!r}; known are {', '.join(FORMATS)}")
