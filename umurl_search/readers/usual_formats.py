"""What the rows of `FORMATS` do with recordings and arrays: each imports its reader when it needs it."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from encoder.errors import UmurlError
from umurl_search.readers.build_clip import read_head

if TYPE_CHECKING:
    from umurl_search.readers.base import Reader
    from umurl_search.readers.build_clip import FileClip
    from umurl_search.readers.formats import QueryReading, SourceOptions


def open_ntu(roots: Sequence[Path], options: "SourceOptions") -> "Reader":
    from umurl_search.readers.ntu import NtuReader

    lists = (options.missing,) if isinstance(options.missing, Path) else options.missing
    return NtuReader(
        roots,
        missing=lists,
        max_action=options.max_action,
        max_setup=options.max_setup,
        max_frames=options.max_frames,
    )


def read_skeleton(path: Path, how: "QueryReading") -> "FileClip":
    from umurl_search.readers.build_clip import FileClip
    from umurl_search.readers.ntu import read_skeleton

    return FileClip(read_skeleton(path))


def open_pku(roots: Sequence[Path], options: "SourceOptions") -> "Reader":
    from umurl_search.readers.pku import PkuReader

    return PkuReader(
        roots, slicing=options.slicing, max_frames=options.max_frames, untrimmed=options.untrimmed
    )


def is_pku(path: Path) -> bool:
    from umurl_search.readers.pku import sniff

    return sniff(path) == "recording"


def is_likely_pku(path: Path) -> bool:
    from umurl_search.readers.pku import is_likely_recording

    return is_likely_recording(path)


def read_pku(path: Path, how: "QueryReading") -> "FileClip":
    from umurl_search.readers.build_clip import BadRecordingError, FileClip
    from umurl_search.readers.bvh_motion import is_bvh
    from umurl_search.readers.pku import read_recording

    if is_bvh(read_head(path)):
        raise BadRecordingError("malformed", "this is BVH; give it a name that ends in .bvh", path)
    return FileClip(read_recording(path))


def open_agcn(roots: Sequence[Path], options: "SourceOptions") -> "Reader":
    from umurl_search.readers.agcn import AgcnReader

    return AgcnReader(roots)


def count_agcn(folder: Path) -> int:
    from umurl_search.readers.agcn import count_agcn_files

    return count_agcn_files(folder)


def open_ctr_gcn(roots: Sequence[Path], options: "SourceOptions") -> "Reader":
    from umurl_search.readers.ctrgcn import CtrGcnReader

    return CtrGcnReader(roots)


def is_ctr_gcn(path: Path) -> bool:
    from umurl_search.readers.ctrgcn import open_archive

    try:
        with open_archive(path) as archive:
            return "x_train.npy" in archive.namelist()
    except UmurlError:
        return False


def is_likely_ctr_gcn(path: Path) -> bool:
    from umurl_search.readers.ctrgcn import is_ctr_gcn

    return is_ctr_gcn(path)


def open_pyskl(roots: Sequence[Path], options: "SourceOptions") -> "Reader":
    from umurl_search.readers.pyskl import PysklReader

    return PysklReader(roots, layout=options.layout)


def is_pyskl(path: Path) -> bool:
    from umurl_search.readers.pyskl import is_pyskl

    return is_pyskl(path)


def open_nw_ucla(roots: Sequence[Path], options: "SourceOptions") -> "Reader":
    from umurl_search.readers.nwucla import NwUclaReader

    return NwUclaReader(roots)


def is_nw_ucla(path: Path) -> bool:
    from umurl_search.readers.nwucla import is_nw_ucla

    return is_nw_ucla(path)


def read_nw_ucla(path: Path, how: "QueryReading") -> "FileClip":
    from umurl_search.readers.build_clip import FileClip
    from umurl_search.readers.detector_files import read_keypoints
    from umurl_search.readers.nwucla import read_recording

    if read_head(path) and not is_nw_ucla(path):  # JSON that no format knows: what is missing are keypoints
        return read_keypoints(path, how)
    return FileClip(read_recording(path))


def open_arrays(fmt: str) -> Callable[[Sequence[Path], "SourceOptions"], "Reader"]:
    def open_them(roots: Sequence[Path], options: "SourceOptions") -> "Reader":
        from umurl_search.readers.arrays import NpyReader, usual_layout
        from umurl_search.readers.formats import FORMATS

        return NpyReader(
            roots,
            layout=options.layout or usual_layout(roots, FORMATS[fmt].suffixes),
            state=options.state,
            axes=options.axes,
            fmt=fmt,
            other_suffixes=FORMATS[fmt].other_suffixes,
        )

    return open_them


def open_array_set(roots: Sequence[Path], options: "SourceOptions") -> "Reader":
    from umurl_search.readers.array_set import ArraySetReader

    return ArraySetReader(roots, layout=options.layout, axes=options.axes)


def count_array_sets(source: Path) -> int:
    from umurl_search.readers.array_set import count_sets

    return count_sets(source)


def is_npy(path: Path) -> bool:
    return read_head(path).startswith(b"\x93NUMPY")


def is_npz(path: Path) -> bool:
    return read_head(path).startswith(b"PK\x03\x04")


def is_mat(path: Path) -> bool:
    from umurl_search.readers.mat_file import is_mat

    return is_mat(read_head(path))


def is_csv(path: Path) -> bool:
    from umurl_search.readers.csv_file import is_csv_clip

    return is_csv_clip(path)


def is_likely_array(path: Path) -> bool:
    from umurl_search.readers.array_files import is_likely_clip

    return is_likely_clip(path)


def read_array(path: Path, how: "QueryReading") -> "FileClip":
    from umurl_search.readers.arrays import read_clip_file as read

    return read(path, axes=how.axes, layout=how.layout)
