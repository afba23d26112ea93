"""Labels that lie beside an array: a pickle, a `.npy` array, or text with a label a line."""

import io
import re
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from encoder.errors import BadInputError, reason_of
from umurl_search.readers import safe_pickle
from umurl_search.readers.build_clip import BadRecordingError, describe, read_bytes
from umurl_search.readers.npy_header import read_header

LABEL_SUFFIXES = (".pkl", ".pickle", ".npy", ".txt", ".csv", ".tsv")
_AGAIN = "make it again"
_MOST_NAME = 1_000
_NAME_HEADS = {"name", "file", "filename", "clip", "path", "recording", "sample"}


class LabelColumn(NamedTuple):
    """A label for each row, a number from 0 or the action's name; and the rows' names, where they are told."""

    labels: list[int | str]
    names: list[str] | None = None


def read_labels(path: Path) -> LabelColumn:
    """The labels in a file, by its suffix. Raises: UmurlError where it holds none."""
    try:
        match path.suffix.lower():
            case ".npy":
                return LabelColumn(to_labels(load_values(path)))
            case ".txt" | ".csv" | ".tsv":
                return _parse_lines(read_bytes(path).decode("utf-8-sig"))
        return _read_pickled(safe_pickle.load(path))
    except (TypeError, ValueError, OverflowError, BadRecordingError) as error:
        raise BadInputError(
            f"{path}: holds no pair of names and labels, nor labels alone ({reason_of(error)})", _AGAIN
        ) from error


def is_table(path: Path) -> bool:
    """Whether a text file is a table of more than names and labels, which a user may give as such."""
    if path.suffix.lower() not in (".csv", ".tsv", ".txt"):
        return False
    head = read_bytes(path).partition(b"\n")[0].decode("utf-8-sig", "replace")
    cells = {cell.strip().casefold() for cell in re.split("[,;\t]", head)}
    return len(cells) > len(("name", "label")) and bool(cells & _NAME_HEADS)


def load_values(path: Path) -> NDArray[Any]:
    """The numbers or text in a `.npy` file. Raises: ValueError, BadRecordingError."""
    content = read_bytes(path)
    header = read_header(io.BytesIO(content), kinds="iufbUS")
    if header.n_bytes != len(content):
        raise ValueError(f"{len(content)} bytes, its header announces {header.n_bytes}")
    values: NDArray[Any] = np.frombuffer(content, header.dtype, offset=header.offset)
    return values.reshape(header.shape, order="F" if header.fortran_order else "C")


def to_labels(values: Any) -> list[int | str]:
    """A label for each of some values: a list or an array, (N,), (N, 1), (1, N), or (N, K) one-hot.

    Raises: ValueError, TypeError for anything else.
    """
    array = values if isinstance(values, np.ndarray) else None
    if array is None:
        if not isinstance(values, list | tuple):
            raise TypeError(f"labels are {describe(values)}")
        return [_parse_label(value) for value in values]
    if array.ndim == 2 and 1 not in array.shape:
        if not (((array == 0) | (array == 1)).all() and (array.sum(axis=1) == 1).all()):
            raise ValueError(f"labels of shape {array.shape} that are not one class a row")
        return [int(row) for row in array.argmax(axis=1)]
    if array.ndim not in (1, 2):
        raise ValueError(f"labels of shape {array.shape}")
    return [_parse_label(value) for value in to_list(array)]


def to_list(array: NDArray[Any]) -> list[Any]:
    """The values of an array, in its order. Raises: ValueError for text that is none, which numpy does not look for."""
    flat = np.ascontiguousarray(array).ravel()
    if flat.dtype.kind == "U" and flat.dtype.itemsize:
        codes = flat.view(np.dtype(np.uint32).newbyteorder(flat.dtype.byteorder))
        if codes.size and codes.max() > sys.maxunicode:
            raise ValueError("text of characters that there are not")
    values: list[Any] = flat.tolist()
    return values


def _parse_label(value: Any) -> int | str:
    if isinstance(value, bytes):
        value = value.decode("utf-8")
    if isinstance(value, str):
        text = value.strip().encode("utf-8", "backslashreplace").decode()
        return int(text) if text.isdecimal() and len(text) < 19 else text[:_MOST_NAME]
    number = int(value)
    if number != value:
        raise ValueError(f"a label is {describe(value)}")
    return number


def _read_pickled(content: Any) -> LabelColumn:
    """Labels, or a pair of names and labels."""
    pair = isinstance(content, list | tuple) and len(content) == 2
    if pair and all(isinstance(part, list | tuple | np.ndarray) for part in content):
        names, labels = content
        return LabelColumn(to_labels(labels), [to_clip_name(name) for name in names])
    if isinstance(content, dict):
        found = [
            content[key] for key in ("sample_name", "names", "name", "label", "labels") if key in content
        ]
        if len(found) == 2:
            return _read_pickled(found)
    return LabelColumn(to_labels(content))


def to_clip_name(name: object) -> str:
    """The name of a clip as a list of names has it. Raises: TypeError for what is no text."""
    if not isinstance(name, str):
        raise TypeError(f"a name is a {type(name).__name__}")
    return str(name).removesuffix(".skeleton")


def _parse_lines(text: str) -> LabelColumn:
    """A label a line, or a name and a label with a comma, a tab or a blank between. Raises: ValueError."""
    lines = [line.strip() for line in text.splitlines() if line.strip() and not line.startswith("#")]
    cells = [line.replace(",", " ").replace(";", " ").split() for line in lines]
    if not all(len(row) == 2 for row in cells):
        return LabelColumn(to_labels(lines))
    if cells and cells[0][1].lower() in ("label", "labels", "action", "class"):
        cells = cells[1:]
    return LabelColumn(to_labels([row[1] for row in cells]), [to_clip_name(row[0]) for row in cells])


def number_actions(labels: Sequence[int | str]) -> dict[str, int]:
    """The label of each action where any label is text: its place in alphabetical order; else nothing."""
    if not any(isinstance(label, str) for label in labels):
        return {}
    return {name: place for place, name in enumerate(sorted({str(label) for label in labels}))}


def to_class(label: int | str, actions: Mapping[str, int]) -> tuple[int, str | None]:
    """A label as a number from 0, and the action's name where labels are text; actions: by `number_actions`."""
    return (actions[str(label)], str(label)) if actions else (int(label), None)
