"""The file formats of recordings: one row each in `FORMATS`, from which all that depends on a format follows.

A row imports its reader only when it opens or examines a file, so that the table itself is light.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from encoder.errors import BadInputError, Hint
from umurl_search.readers import capture_files, detector_files
from umurl_search.readers.usual_formats import (
    count_agcn,
    count_array_sets,
    is_csv,
    is_ctr_gcn,
    is_likely_array,
    is_likely_ctr_gcn,
    is_likely_pku,
    is_mat,
    is_npy,
    is_npz,
    is_nw_ucla,
    is_pku,
    is_pyskl,
    open_agcn,
    open_array_set,
    open_arrays,
    open_ctr_gcn,
    open_ntu,
    open_nw_ucla,
    open_pku,
    open_pyskl,
    read_array,
    read_nw_ucla,
    read_pku,
    read_skeleton,
)

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
    that its user states, since the file says none. takes_axes: so may be what the axes of its arrays are.
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
    takes_axes: bool = False

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


def require_axes_heeded(reader: "Reader", axes: str | None) -> None:
    """Raises UmurlError where axes of arrays are stated of recordings that are none."""
    if axes is not None and not format_of(reader).takes_axes:
        raise BadInputError(
            f"recordings of format {reader.format} are no arrays, and have no axes to state",
            Hint("leave out {option}", option="axes"),
        )


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
        open=open_arrays(fmt),
        suffix=f".{fmt}",
        other_suffixes=other_suffixes,
        is_file=is_file,
        is_likely=is_likely,
        store_bytes=store_bytes,
        has_recording_files=True,
        is_clip_a_file=True,
        read_clip=read_array,
        arrays=True,
        takes_axes=True,
    )


FORMATS: dict[str, Format] = {
    "ntu-skeleton": Format(
        open=open_ntu,
        suffix=".skeleton",
        is_file=Path.is_file,
        store_bytes=0.3,
        has_recording_files=True,
        is_clip_a_file=True,
        read_clip=read_skeleton,
    ),
    "pku-mmd": Format(
        open=open_pku,
        suffix=".txt",
        is_file=is_pku,
        is_likely=is_likely_pku,
        store_bytes=0.5,
        has_recording_files=True,
        read_clip=read_pku,
    ),
    "agcn": Format(open=open_agcn, count_in_folder=count_agcn, has_splits=True),
    "ctr-gcn": Format(
        open=open_ctr_gcn, suffix=".npz", is_file=is_ctr_gcn, is_likely=is_likely_ctr_gcn, has_splits=True
    ),
    "pyskl": Format(
        open=open_pyskl,
        suffix=".pkl",
        other_suffixes=(".pickle",),
        is_file=is_pyskl,
        store_bytes=2.1,
        has_splits=True,
    ),
    "nw-ucla": Format(
        open=open_nw_ucla,
        suffix=".json",
        is_file=is_nw_ucla,
        store_bytes=0.6,
        has_recording_files=True,
        is_clip_a_file=True,
        read_clip=read_nw_ucla,
    ),
    **{name: Format(**fields) for name, fields in capture_files.ROWS.items()},
    **{name: Format(**fields) for name, fields in detector_files.ROWS.items()},
    "array-set": Format(
        open=open_array_set,
        count_in_folder=count_array_sets,
        store_bytes=8.0,
        has_splits=True,
        takes_axes=True,
    ),
    "npy": _array_format("npy", is_file=is_npy, is_likely=is_likely_array, store_bytes=2.1),
    "npz": _array_format("npz", is_file=is_npz, is_likely=is_likely_array, store_bytes=8.0),
    "mat": _array_format("mat", is_file=is_mat, is_likely=is_likely_array, store_bytes=4.0),
    "csv": _array_format("csv", is_file=is_csv, is_likely=None, store_bytes=1.0, other_suffixes=(".tsv",)),
}
"""name -> format. Where the files of a folder fit several, the first row that fits is taken."""
