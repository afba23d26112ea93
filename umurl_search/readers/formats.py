"""The file formats of recordings: one row each in `FORMATS`, from which all that depends on a format follows.

A row imports its reader only when it opens or examines a file, so that the table itself is light.
"""

import importlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from encoder.errors import BadInputError, UmurlError
from umurl_search.readers import capture_files, detector_files

if TYPE_CHECKING:
    from umurl_search.clips.types import State
    from umurl_search.readers.base import Reader
    from umurl_search.readers.build_clip import FileClip

_HEAD_BYTES = 4096


@dataclass(frozen=True, kw_only=True)
class SourceOptions:
    """How a source is read. A format that has no use for an option pays no heed to it.

    max_frames: ntu-skeleton and pku-mmd; longer clips are cut (None: no limit). Others are kept whole.
    missing: ntu-skeleton; the lists of samples with missing skeletons. None: those beside the recordings.
    max_action, max_setup: ntu-skeleton; the last that belongs to the dataset.
    slicing: pku-mmd; the frames that a label means, one of `pku.SLICINGS`.
    untrimmed: pku-mmd; recordings stay whole, their labels become segments.
    layout: pyskl and arrays; the joint layout (`find_layout`; None: that of the number of joints, or ntu25).
    axes, state: npy; see `NpyReader`.
    """

    max_frames: int | None = 300
    missing: Path | Sequence[Path] | None = None
    max_action: int | None = None
    max_setup: int | None = None
    slicing: str = "start:end"
    untrimmed: bool = False
    layout: str | None = None
    axes: str | None = None
    state: "State" = "raw"


@dataclass(frozen=True, kw_only=True)
class QueryReading:
    """How a file that asks is read. axes: of arrays (None: found out). layout: of joints, where it is stated."""

    axes: str | None = None
    layout: str | None = None


def _matches_nothing(path: Path) -> bool:
    return False


def _count_none(folder: Path) -> int:
    return 0


@dataclass(frozen=True, kw_only=True)
class Format:
    """One file format.

    open: makes the reader of sources. suffix: of its files, in small letters; other_suffixes: further ones. is_file:
    whether a file of such a suffix is of this format. is_likely: whether it moreover seems to be one that can be used
    (None: `is_file` says as much). count_in_folder: how many files of this format a source holds, of one whose files
    belong together. store_bytes: in the clip store for a byte of source, at most. has_recording_files: a recording is a
    file of its own. is_clip_a_file: moreover, one clip is one file. has_splits: the source states train and test parts.
    read_clip: of formats whose files may ask as a query; frames (T, M, V, 3) and notes. arrays: read by conventions
    that its user states, since the file says none.
    """

    open: Callable[[Sequence[Path], SourceOptions], "Reader"]
    suffix: str = ""
    other_suffixes: tuple[str, ...] = ()
    is_file: Callable[[Path], bool] = _matches_nothing
    is_likely: Callable[[Path], bool] | None = None
    count_in_folder: Callable[[Path], int] = _count_none
    store_bytes: float = 1.0
    has_recording_files: bool = False
    is_clip_a_file: bool = False
    has_splits: bool = False
    read_clip: Callable[[Path, QueryReading], "FileClip"] | None = None
    arrays: bool = False

    @property
    def suffixes(self) -> tuple[str, ...]:
        """Of its files; none for a format whose files are told by more than their suffix."""
        return (self.suffix, *self.other_suffixes) if self.suffix else ()


def open_reader(fmt: str, roots: Sequence[Path], options: SourceOptions | None = None) -> "Reader":
    """The reader of a format. Raises UmurlError for an unknown one, and for a source that cannot be used."""
    if fmt not in FORMATS:
        raise BadInputError(f"unknown format {fmt!r}; known are {', '.join(FORMATS)}")
    how = options or SourceOptions()
    if len(roots) == 1 and roots[0].suffix.lower() == ".zip" and roots[0].is_file():
        return _open_zip(fmt, roots[0], how)
    return FORMATS[fmt].open(roots, how)


def _open_zip(fmt: str, archive: Path, options: SourceOptions) -> "Reader":
    """The reader of an archive, which is unpacked. Raises: UmurlError."""
    from umurl_search.readers.zip_source import ZipReader

    return ZipReader.open(archive, lambda folder: FORMATS[fmt].open((folder,), options))


def format_of(reader: "Reader") -> Format:
    """The format that a reader reads; of made-up motion, one with no files."""
    return FORMATS.get(reader.format, _MADE_UP)


def _open_nothing(roots: Sequence[Path], options: SourceOptions) -> "Reader":
    raise AssertionError("made-up motion has no files")


_MADE_UP = Format(open=_open_nothing)


def clip_suffixes() -> tuple[str, ...]:
    """Suffixes of files that may ask as a query; arrays, the most common, first."""
    rows = [row for row in FORMATS.values() if row.read_clip is not None]
    every = (one for row in sorted(rows, key=lambda row: not row.arrays) for one in row.suffixes)
    return tuple(dict.fromkeys(every))


def list_suffixes() -> str:
    """The same in words: `.npy, .skeleton, .txt or .json`."""
    *others, last = clip_suffixes()
    return f"{', '.join(others)} or {last}"


def states_nothing(name: str) -> bool:
    """Whether a file of that name holds arrays: layout, rate, unit and axes are for its user to state.

    Where several formats share its suffix, what is in it says so, if it is there.
    """
    row = _row_of(Path(name))
    return row is not None and row.arrays


def read_clip_file(path: Path, *, axes: str | None = None, layout: str | None = None) -> "FileClip":
    """The clip of a file that is one, in the source's units.

    axes: of arrays, what each axis is (None: found out). layout: where it is stated. Raises UmurlError,
    BadRecordingError.
    """
    read = (_row_of(path) or FORMATS["npy"]).read_clip
    assert read is not None
    return read(path, QueryReading(axes=axes, layout=layout))


def _row_of(path: Path) -> Format | None:
    """The format of a file that may ask: of several of its suffix, the first that it is of, else the arrays."""
    suffix = path.suffix.lower()
    rows = [row for row in FORMATS.values() if row.read_clip and suffix in row.suffixes]
    fitting = (row for row in rows if len(rows) == 1 or row.is_file(path))
    otherwise = (row for row in sorted(rows, key=lambda row: not row.arrays))
    return next(fitting, None) or next(otherwise, None)


def _late(module: str, name: str) -> Callable[[Path], Any]:
    """A function of a module of this package, which is imported when the function is called."""
    return lambda path: getattr(importlib.import_module(f"umurl_search.readers.{module}"), name)(path)


def _head(path: Path) -> bytes:
    if not path.is_file():  # a pipe would keep its reader waiting
        return b""
    try:
        with open(path, "rb") as stream:
            return stream.read(_HEAD_BYTES)
    except OSError:
        return b""


def _open_ntu(roots: Sequence[Path], options: SourceOptions) -> "Reader":
    from umurl_search.readers.ntu import NtuReader

    lists = (options.missing,) if isinstance(options.missing, Path) else options.missing
    return NtuReader(
        roots,
        missing=lists,
        max_action=options.max_action,
        max_setup=options.max_setup,
        max_frames=options.max_frames,
    )


def _read_skeleton(path: Path, how: QueryReading) -> "FileClip":
    from umurl_search.readers.build_clip import FileClip
    from umurl_search.readers.ntu import read_skeleton

    return FileClip(read_skeleton(path))


def _open_pku(roots: Sequence[Path], options: SourceOptions) -> "Reader":
    from umurl_search.readers.pku import PkuReader

    return PkuReader(
        roots, slicing=options.slicing, max_frames=options.max_frames, untrimmed=options.untrimmed
    )


def _is_pku(path: Path) -> bool:
    from umurl_search.readers.pku import sniff

    return sniff(path) == "recording"


def _read_pku(path: Path, how: QueryReading) -> "FileClip":
    from umurl_search.readers.build_clip import FileClip
    from umurl_search.readers.pku import read_recording

    return FileClip(read_recording(path))


def _open_agcn(roots: Sequence[Path], options: SourceOptions) -> "Reader":
    from umurl_search.readers.agcn import AgcnReader

    return AgcnReader(roots)


def _open_ctr_gcn(roots: Sequence[Path], options: SourceOptions) -> "Reader":
    from umurl_search.readers.ctrgcn import CtrGcnReader

    return CtrGcnReader(roots)


def _is_ctr_gcn(path: Path) -> bool:
    from umurl_search.readers.ctrgcn import open_archive

    try:
        with open_archive(path) as archive:
            return "x_train.npy" in archive.namelist()
    except UmurlError:
        return False


def _open_pyskl(roots: Sequence[Path], options: SourceOptions) -> "Reader":
    from umurl_search.readers.pyskl import PysklReader

    return PysklReader(roots, layout=options.layout)


def _open_nw_ucla(roots: Sequence[Path], options: SourceOptions) -> "Reader":
    from umurl_search.readers.nwucla import NwUclaReader

    return NwUclaReader(roots)


def _read_nw_ucla(path: Path, how: QueryReading) -> "FileClip":
    from umurl_search.readers.build_clip import FileClip
    from umurl_search.readers.nwucla import read_recording

    return FileClip(read_recording(path))


def _open_arrays(fmt: str) -> Callable[[Sequence[Path], SourceOptions], "Reader"]:
    def open_them(roots: Sequence[Path], options: SourceOptions) -> "Reader":
        from umurl_search.readers.arrays import NpyReader, usual_layout

        return NpyReader(
            roots,
            layout=options.layout or usual_layout(roots, FORMATS[fmt].suffixes),
            state=options.state,
            axes=options.axes,
            fmt=fmt,
            other_suffixes=FORMATS[fmt].other_suffixes,
        )

    return open_them


def _array_format(
    fmt: str,
    *,
    is_file: Callable[[Path], bool],
    is_likely: Callable[[Path], bool] | None,
    store_bytes: float,
    other_suffixes: tuple[str, ...] = (),
) -> Format:
    """The row of a format whose files hold an array each, one clip a file."""
    return Format(
        open=_open_arrays(fmt),
        suffix=f".{fmt}",
        other_suffixes=other_suffixes,
        is_file=is_file,
        is_likely=is_likely,
        store_bytes=store_bytes,
        has_recording_files=True,
        is_clip_a_file=True,
        read_clip=_read_array,
        arrays=True,
    )


def _open_array_set(roots: Sequence[Path], options: SourceOptions) -> "Reader":
    from umurl_search.readers.array_set import ArraySetReader

    return ArraySetReader(roots, layout=options.layout, axes=options.axes)


def _is_npy(path: Path) -> bool:
    return _head(path).startswith(b"\x93NUMPY")


def _is_npz(path: Path) -> bool:
    return _head(path).startswith(b"PK\x03\x04")


def _is_mat(path: Path) -> bool:
    from umurl_search.readers.mat_file import is_mat

    return is_mat(_head(path))


def _read_array(path: Path, how: QueryReading) -> "FileClip":
    from umurl_search.readers.arrays import read_clip_file as read

    return read(path, axes=how.axes, layout=how.layout)


FORMATS: dict[str, Format] = {
    "ntu-skeleton": Format(
        open=_open_ntu,
        suffix=".skeleton",
        is_file=Path.is_file,
        store_bytes=0.3,
        has_recording_files=True,
        is_clip_a_file=True,
        read_clip=_read_skeleton,
    ),
    "pku-mmd": Format(
        open=_open_pku,
        suffix=".txt",
        is_file=_is_pku,
        is_likely=_late("pku", "is_likely_recording"),
        store_bytes=0.5,
        has_recording_files=True,
        read_clip=_read_pku,
    ),
    "agcn": Format(open=_open_agcn, count_in_folder=_late("agcn", "count_agcn_files"), has_splits=True),
    "ctr-gcn": Format(
        open=_open_ctr_gcn,
        suffix=".npz",
        is_file=_is_ctr_gcn,
        is_likely=_late("ctrgcn", "is_ctr_gcn"),
        has_splits=True,
    ),
    "pyskl": Format(
        open=_open_pyskl,
        suffix=".pkl",
        other_suffixes=(".pickle",),
        is_file=_late("pyskl", "is_pyskl"),
        store_bytes=2.1,
        has_splits=True,
    ),
    "nw-ucla": Format(
        open=_open_nw_ucla,
        suffix=".json",
        is_file=_late("nwucla", "is_nw_ucla"),
        store_bytes=0.6,
        has_recording_files=True,
        is_clip_a_file=True,
        read_clip=_read_nw_ucla,
    ),
    **{name: Format(**fields) for name, fields in capture_files.ROWS.items()},
    **{name: Format(**fields) for name, fields in detector_files.ROWS.items()},
    "array-set": Format(
        open=_open_array_set,
        count_in_folder=_late("array_set", "count_sets"),
        store_bytes=8.0,
        has_splits=True,
    ),
    "npy": _array_format(
        "npy", is_file=_is_npy, is_likely=_late("array_files", "is_likely_clip"), store_bytes=2.1
    ),
    "npz": _array_format(
        "npz", is_file=_is_npz, is_likely=_late("array_files", "is_likely_clip"), store_bytes=8.0
    ),
    "mat": _array_format(
        "mat", is_file=_is_mat, is_likely=_late("array_files", "is_likely_clip"), store_bytes=4.0
    ),
    "csv": _array_format(
        "csv",
        is_file=_late("csv_file", "is_csv_clip"),
        is_likely=None,
        store_bytes=1.0,
        other_suffixes=(".tsv",),
    ),
}
"""name -> format. Where the files of a folder fit several, the first row that fits is taken."""
