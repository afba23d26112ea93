"""Mutations of pickles: of their opcodes, or of the values within."""

import io
import pickle
import pickletools
from itertools import pairwise
from random import Random
from typing import Any

import numpy as np
from fuzz.mutate import raw_bytes, tree


def pickle_bytes(data: bytes, chance: Random) -> bytes:
    """Of a pickle: opcodes cut out, doubled, moved or put in, or its values changed and pickled anew."""
    if chance.random() < 0.5:
        return _repickle(data, chance)
    try:
        starts = [at for _, _, at in pickletools.genops(data) if at is not None]
    except Exception:  # a damaged pickle may fail in any way
        return raw_bytes(data, chance)
    bounds = [*starts, len(data)]
    codes = [data[a:b] for a, b in pairwise(bounds)]
    at, other = chance.randrange(len(codes)), chance.randrange(len(codes))
    match chance.randrange(5):
        case 0:
            del codes[at : at + chance.choice((1, 1, 2, 5))]
        case 1:
            codes[at:at] = codes[other : other + chance.choice((1, 2, 5))]
        case 2:
            codes[at], codes[other] = codes[other], codes[at]
        case 3:
            codes[at] = raw_bytes(codes[at], chance)
        case _:
            codes.insert(at, chance.choice(_OPCODES))
    return b"".join(codes)


_OPCODES = (
    b"r\xff\xff\xff\x03",
    b"p99999999\n",
    b"q\xff",
    b"j\0\0\0\x01",
    b"h\0",
    b"h\x01",
    b"h\x05",
    b"g5\n",
    b"R",
    b"b",
    b"s",
    b"u",
    b"e",
    b"a",
    b"(",
    b"t",
    b"1",
    b"2",
    b"0",
    b")",
    b"]",
    b"}",
    b"l",
    b"d",
    b"o",
    b"\x81",
    b"\x92",
    b"\x93",
    b"\x94",
    b"Q",
    b"P0\n",
    b"\x82\x01",
    b"\x83\x01\0",
    b"\x84\x01\0\0\0",
    b"cos\nsystem\n",
    b"ios\nsystem\n",
    b"cnumpy\ndtype\n",
    b"cnumpy\nndarray\n",
    b"c_codecs\nencode\n",
    b"cnumpy.core.multiarray\n_reconstruct\n",
    b"cnumpy._core.multiarray\nscalar\n",
    b"cnumpy._core.numeric\n_frombuffer\n",
    b"\x97",
    b"\x98",
    b"\x8e\xff\xff\xff\xff\0\0\0\0",
    b"\x96\xff\xff\xff\x7f\0\0\0\0",
    b"\x8a\x09\0\0\0\0\0\0\0\0\x01",
    b"\x8b\xff\xff\xff\x7f",
    b"L99999999999999999999L\n",
    b"I01\n",
    b"Fnan\n",
    b"Ginf00000",
    b"K\x01",
    b"J\xff\xff\xff\xff",
    b"N",
    b"\x85",
    b"\x86",
    b"\x87",
    b"X\x03\0\0\0a/b",
    b"U\x04name",
    b"\x8f",
    b"\x90",
    b"\x91",
    b"\x95\xff\xff\0\0\0\0\0\0",
    b".",
)


def _repickle(data: bytes, chance: Random) -> bytes:
    from umurl_search.readers import safe_pickle

    try:
        safe_pickle._require_modest(data)
        content = safe_pickle._PlainUnpickler(io.BytesIO(data), encoding="latin1").load()
        changed = _with_arrays(tree(_as_lists(content), chance), chance)
        return pickle.dumps(changed, chance.randrange(6))
    except Exception:  # what cannot be read or pickled
        return raw_bytes(data, chance)


def _as_lists(node: Any) -> Any:
    if isinstance(node, dict):
        return {key: _as_lists(inner) for key, inner in node.items()}
    return [_as_lists(inner) for inner in node] if isinstance(node, list | tuple) else node


def _with_arrays(node: Any, chance: Random) -> Any:
    """Arrays as plain ones (their private class cannot be pickled), now and then of another shape or type."""
    if isinstance(node, dict):
        return {key: _with_arrays(inner, chance) for key, inner in node.items()}
    if isinstance(node, list):
        made = [_with_arrays(inner, chance) for inner in node]
        return made if chance.random() < 0.8 else chance.choice((tuple, np.array))(made)
    if not isinstance(node, np.ndarray):
        return node
    plain = np.array(node)
    if chance.random() < 0.3:
        plain = plain.astype(chance.choice(("f2", "f8", "i8", "u1", ">f4", "S3", "?")))
    return plain if chance.random() < 0.7 else plain.swapaxes(0, -1)[: chance.randrange(3)]


def object_array(data: bytes, chance: Random) -> bytes:
    """Of a `.npy` file of an object: its header, or the pickle behind it changed."""
    at = 10 + int.from_bytes(data[8:10], "little")
    if chance.random() < 0.1 or len(data) <= at:
        return raw_bytes(data, chance)
    return data[:at] + pickle_bytes(data[at:], chance)
