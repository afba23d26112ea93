"""A folder that is one clip: the frames of an OpenPose or a MediaPipe recording, or a single file."""

from pathlib import Path

from encoder.errors import BadInputError
from umurl_search.clips.clip import LeftOut
from umurl_search.readers.build_clip import FileClip
from umurl_search.readers.format_detection import detect
from umurl_search.readers.formats import FORMATS, SourceOptions, open_reader

_ONE = "give one of them: its file, or the folder of its frames alone"


def read_folder_clip(folder: Path, *, axes: str | None = None, layout: str | None = None) -> FileClip:
    """The only clip in a folder, in the source's units. layout: of its joints, where it is stated.

    Raises: UmurlError where it holds several, or none that can be read.
    """
    fmt = detect(folder, axes=axes)
    if FORMATS[fmt].read_clip is None:
        raise BadInputError(f"{folder}: format {fmt} holds many clips, and one is wanted here", _ONE)
    reader = open_reader(fmt, (folder,), SourceOptions(max_frames=None, layout=layout, axes=axes))
    items = reader.items()
    if len(items) != 1:
        raise BadInputError(f"{folder}: a folder of {len(items):,} clips, and one is wanted here", _ONE)
    ((outcome,),) = reader.read(items)
    if isinstance(outcome, LeftOut):
        raise BadInputError(f"{folder}: {outcome.reason}, {outcome.detail}", "give a whole, finite clip")
    notes = tuple(f"{folder}: {note}" for note in outcome.notes)
    return FileClip(
        outcome.frames, notes, outcome.layout or (None if FORMATS[fmt].arrays else reader.layout), outcome.fps
    )
