"""`.npy` files of the NTU RGB+D authors' converter: one dictionary in an array of objects.

Such a file is a pickle behind a header. It is read by the unpickler that allows plain data alone (`safe_pickle`).
The one thing allowed beyond is an array of objects that are plain data themselves: it is kept as a list and never
becomes an array of objects.
"""

import io
import re
from typing import Any

import numpy as np
from numpy.lib import format as npy_format
from numpy.typing import NDArray

from encoder.errors import reason_of
from umurl_search.readers import safe_pickle
from umurl_search.readers.build_clip import BadRecordingError, to_float32

_BODY = re.compile(r"skel_body(\d)")
_MOST_BODIES = 6


def read_object_npy(content: bytes) -> NDArray[np.float32]:
    """The people in such a file, (T, M, V, 3). Raises: BadRecordingError for any other array of objects."""
    held = _unpickle(content)
    if not isinstance(held, dict):
        raise BadRecordingError(
            "malformed", f"holds Python objects (a {type(held).__name__}), not numbers: refused"
        )
    bodies = sorted((key for key in held if isinstance(key, str) and _BODY.fullmatch(key)), key=str)
    if not bodies:
        raise BadRecordingError(
            "malformed", "holds Python objects (a dictionary without 'skel_body0'), not numbers: refused"
        )
    people = [_read_person(held[key], key) for key in bodies[:_MOST_BODIES]]
    if len({person.shape for person in people}) != 1:
        raise BadRecordingError("malformed", "its people have different numbers of frames or joints")
    return to_float32(np.stack(people, axis=1))


def _read_person(values: Any, key: str) -> NDArray[Any]:
    if not isinstance(values, np.ndarray) or values.dtype.kind not in "iuf" or values.ndim != 3:
        raise BadRecordingError("malformed", f"its {key} is no array of numbers (T, V, 3)")
    return np.asarray(values)


def _unpickle(content: bytes) -> Any:
    """What the only place of the array holds, a list for several places."""
    stream = io.BytesIO(content)
    version = npy_format.read_magic(stream)
    n_bytes = int.from_bytes(stream.read(2 if version == (1, 0) else 4), "little")
    pickled = content[stream.tell() + n_bytes :]
    try:
        held = safe_pickle.load_objects(pickled)
    except safe_pickle.RefusedError as error:
        detail = f"holds Python objects, not numbers: refused, they may run code ({error})"
        raise BadRecordingError("malformed", detail) from None
    except Exception as error:  # a damaged pickle may fail in any way
        raise BadRecordingError("truncated", f"no whole array of objects ({reason_of(error)})") from None
    return held[0] if isinstance(held, list) and len(held) == 1 else held
