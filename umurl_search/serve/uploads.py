"""Clips that were sent to the server: held in memory, the oldest let go when there are too many.

Letters: T frames, M people, D embedding.
"""

import secrets
import tempfile
import threading
from collections import OrderedDict
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path, PurePosixPath

from encoder.errors import BadInputError, UmurlError
from umurl_search.clips.clip import Frames
from umurl_search.clips.naming import is_authors_name, parse_name
from umurl_search.clips.normalization import Conventions, normalise
from umurl_search.clips.types import Embeddings
from umurl_search.datasets import protocols
from umurl_search.readers.formats import clip_suffixes, list_suffixes
from umurl_search.search.query_clip import ClipFrames, TooLongError, read_clip_frames
from umurl_search.serve.cache import OpenIndex
from umurl_search.serve.documents import LabelledUpload, UploadedClip
from umurl_search.serve.errors import HttpError
from umurl_search.serve.schemas import FileOptions

_LONGEST_NAME = 200


@dataclass(frozen=True, kw_only=True)
class Upload:
    """frames: (T, M, 25, 3) float32, metres, y up. embedded: y (1, D) by encoder and modality, once asked for."""

    token: str
    name: str
    frames: Frames
    layout: str
    notes: tuple[str, ...]
    embedded: dict[tuple[str, str], Embeddings] = field(default_factory=dict)

    @cached_property
    def normalised(self) -> Frames:
        return normalise(self.frames)

    @property
    def n_bytes(self) -> int:
        return 2 * self.frames.nbytes  # normalised once more when it asks

    @property
    def action(self) -> int | None:
        """What its file's name says, from 1."""
        return parse_name(PurePosixPath(self.name).stem).action

    def describe(self, dataset: str) -> UploadedClip:
        """What is said of it; action: its name where the dataset's list has it."""
        said = UploadedClip(
            token=self.token,
            name=self.name,
            frames=len(self.frames),
            people=self.frames.shape[1],
            layout=self.layout,
            notes=list(self.notes),
        )
        if self.action is None:
            return said
        names = protocols.action_names(protocols.find(dataset).actions)
        label = self.action - 1
        action = names[label] if 0 <= label < len(names) else None
        return LabelledUpload(**vars(said), label=label, action=action)


class Uploads:
    """The last clips sent, by token."""

    def __init__(self, *, most: int, most_bytes: int) -> None:
        self._most, self._most_bytes = most, most_bytes
        self._held: OrderedDict[str, Upload] = OrderedDict()
        self._lock = threading.Lock()

    @property
    def n_bytes(self) -> int:
        with self._lock:
            return sum(one.n_bytes for one in self._held.values())

    def __len__(self) -> int:
        return len(self._held)

    def add(self, body: bytes, stated: FileOptions, held: OpenIndex) -> Upload:
        """Holds a clip file that was sent. Raises as `read` does."""
        upload = self.read(body, stated, held)
        with self._lock:
            self._held[upload.token] = upload
            while len(self._held) > self._most or self._sum() > self._most_bytes:
                self._held.popitem(last=False)
        return upload

    def read(self, body: bytes, stated: FileOptions, held: OpenIndex) -> Upload:
        """A clip file that was sent, with the checks of the command `query`: as it is stated, else as the index's
        dataset. Raises UmurlError, or HttpError: 400 for an empty one, 413 for one longer than may be held."""
        shown = check_name(stated.name)
        if not body:
            raise HttpError(400, f"{shown}: the body is empty; send the file's bytes")
        conventions = held.searcher.conventions(shown, stated)
        try:
            read = _read(shown, body, conventions, stated, most_bytes=self._most_bytes // 2)
        except TooLongError as error:
            raise HttpError(413, error.message, hint=error.hint) from error
        upload = Upload(
            token=secrets.token_urlsafe(12),
            name=shown,
            frames=read.frames,
            layout=read.layout,
            notes=read.notes,
        )
        return upload

    def _sum(self) -> int:
        return sum(one.n_bytes for one in self._held.values())

    def find(self, token: str) -> Upload:
        """Raises HttpError (404) for one that is not held any more, or never was."""
        with self._lock:
            upload = self._held.get(token)
            if upload is None:
                raise HttpError(
                    404, "no such upload; the server holds the last ones only: send the clip again"
                )
            self._held.move_to_end(token)
            return upload


def check_name(name: str) -> str:
    """The last part of a file's name. Raises UmurlError for one of no kind that is read."""
    shown = "".join(letter if letter.isprintable() else "?" for letter in name)
    shown = shown.replace("\\", "/").rpartition("/")[2][-_LONGEST_NAME:]
    if PurePosixPath(shown).suffix.lower() not in clip_suffixes():
        raise BadInputError(
            f"{shown or 'a clip without a name'}: not a clip", f"send a {list_suffixes()} file"
        )
    return shown


def _read(
    name: str, body: bytes, conventions: Conventions, stated: FileOptions, *, most_bytes: int
) -> ClipFrames:
    """Frames of the bytes, which lie in a file of their own meanwhile; what is said names the file that was sent."""
    stem, suffix = PurePosixPath(name).stem, PurePosixPath(name).suffix.lower()
    with tempfile.TemporaryDirectory(prefix="umurl-upload-") as folder:
        path = Path(folder) / f"{stem if is_authors_name(stem) else 'clip'}{suffix}"
        path.write_bytes(body)
        try:
            read = read_clip_frames(
                path,
                conventions=conventions,
                axes=stated.axes,
                strict_layout=stated.layout is not None,
                most_bytes=most_bytes,
            )
        except UmurlError as error:
            raise error.with_message(error.message.replace(str(path), name)) from error
    return read._replace(notes=tuple(note.replace(str(path), name) for note in read.notes))
