"""Mutations that keep a format's shape, so that inputs get past its header. Each: (bytes, chance) -> bytes."""

import io
import json
import re
import struct
import warnings
import zipfile
import zlib
from collections.abc import Callable, Sequence
from random import Random
from typing import Any

Mutation = Callable[[bytes, Random], bytes]
SEPARATOR = b"\n\xf0----\xf1\n"
"""Between the files of an input that holds several."""

_WORDS = (
    b"0",
    b"1",
    b"-1",
    b"2",
    b"3",
    b"25",
    b"26",
    b"100",
    b"101",
    b"300",
    b"1000000",
    b"1000001",
    b"2147483648",
    b"4294967296",
    b"9223372036854775807",
    b"9223372036854775808",
    b"18446744073709551616",
    b"1" + b"0" * 30,
    b"9" * 4400,
    b"nan",
    b"inf",
    b"-inf",
    b"1e400",
    b"-0",
    b"1_0",
    b"0x10",
    b"+1",
    b"1.",
    b".5",
    b"1e-400",
    b"0.1234567890123456789",
    b"\xd9\xa3",
    b"",
    b"\0",
    b"\r",
    b"\x0c",
    b"\xe2\x80\xae",
    b"../../x",
    b"\xff\xfe",
)
_INTEGERS = (
    0,
    1,
    -1,
    2,
    3,
    20,
    25,
    150,
    255,
    300,
    10**6,
    2**31 - 1,
    2**31,
    2**32,
    2**63 - 1,
    2**63,
    2**64,
    10**12,
    10**30,
    -(2**63) - 1,
)
_TEXTS = (
    "",
    "a",
    "../../x",
    "/etc/passwd",
    "a\nb",
    "a\0b",
    "‮x",
    "\ud800",
    "é",
    "a" * 3000,
    "a1_s1_t1",
    "nan",
    "1",
    "a" + "1" * 5000 + "_s1_t1",
    "xsub_train",
    "xsub",
    "train",
    "test",
    "__class__",
    "SsssA1",
)
_LINK = 0o120777
"""The mode of a symbolic link."""
_DTYPES = (
    "<f4",
    "<f8",
    "<f2",
    ">f4",
    "|O",
    "<U3",
    "|S0",
    "|b1",
    "<c8",
    "|V4",
    "<M8[D]",
    "|u1",
    "<f16",
    "(3,)<f4",
    "<i8",
    "|i1",
    "<U0",
    "<f4,<f4",
)


def raw_bytes(data: bytes, chance: Random) -> bytes:
    """A few bytes changed, cut out, doubled or put in."""
    content = bytearray(data or b"0")
    for _ in range(chance.randint(1, 4)):
        at, n = chance.randrange(len(content) + 1), chance.choice((1, 1, 2, 4, 8, 64))
        match chance.randrange(4):
            case 0:
                content[at : at + n] = chance.randbytes(n)
            case 1:
                del content[at : at + n]
            case 2:
                content[at:at] = content[at : at + n]
            case _:
                content[at:at] = chance.choice(_WORDS)
        content = content or bytearray(b"0")
    return bytes(content)


def words(data: bytes, chance: Random) -> bytes:
    """Words of a text replaced, lines cut out, doubled or moved."""
    if chance.random() < 0.2:
        return raw_bytes(data, chance)
    lines = data.split(b"\n")
    at = chance.randrange(len(lines))
    match chance.randrange(4):
        case 0:
            del lines[at : at + chance.choice((1, 1, 5, 27))]
        case 1:
            lines[at:at] = lines[at : at + chance.choice((1, 2, 27))]
        case 2:
            other = chance.randrange(len(lines))
            lines[at], lines[other] = lines[other], lines[at]
        case _:
            pieces = re.split(rb"([ ,\t])", lines[at])
            pieces[chance.randrange(len(pieces))] = chance.choice(_WORDS)
            lines[at] = b"".join(pieces)
    return b"\n".join(lines)


def value(chance: Random, *, depth: int = 0) -> Any:
    """Some value that JSON can hold."""
    match chance.randrange(9 if depth < 3 else 6):
        case 0:
            return chance.choice(_INTEGERS)
        case 1:
            return chance.choice(_TEXTS)
        case 2:
            return chance.choice((None, True, False))
        case 3:
            return chance.choice((0.5, float("nan"), float("inf"), 1e308, -0.0))
        case 4 | 5:
            return chance.choice(([], {}))
        case 6:
            return [value(chance, depth=depth + 1) for _ in range(chance.randrange(4))]
        case 7:
            return {chance.choice(_TEXTS): value(chance, depth=depth + 1) for _ in range(chance.randrange(3))}
        case _:
            deep: Any = 1
            for _ in range(chance.choice((10, 70, 300, 900, 5000))):
                deep = [deep]
            return deep


def tree(root: Any, chance: Random) -> Any:
    """A nest of lists and dictionaries with one entry replaced, dropped, doubled or renamed."""
    node = root
    while True:
        keys = (
            list(node) if isinstance(node, dict) else list(range(len(node))) if isinstance(node, list) else []
        )
        if not keys:
            return value(chance)
        key = chance.choice(keys)
        if isinstance(node[key], list | dict) and node[key] and chance.random() < 0.8:
            node = node[key]
            continue
        break
    match chance.randrange(5):
        case 0:
            del node[key]
        case 1 if isinstance(node, list):
            node.insert(key, node[key])
        case 1 | 2 if isinstance(node, dict):
            node[chance.choice(_TEXTS)] = node[key]
        case _:
            node[key] = value(chance)
    return root


def json_text(data: bytes, chance: Random) -> bytes:
    """A JSON document with entries changed."""
    try:
        changed = tree(json.loads(data), chance)
        return json.dumps(changed, ensure_ascii=chance.random() < 0.8).encode("utf-8", "surrogatepass")
    except (ValueError, RecursionError):
        return words(data, chance)


def json_lines(data: bytes, chance: Random) -> bytes:
    """Of JSON documents, one a line: one changed."""
    lines = data.split(b"\n")
    at = chance.randrange(max(1, len(lines) - 1))
    lines[at] = json_text(lines[at], chance)
    return b"\n".join(lines)


def npy(data: bytes, chance: Random) -> bytes:
    """An npy file whose header says something else."""
    if chance.random() < 0.2 or len(data) < 10:
        return raw_bytes(data, chance)
    length = int.from_bytes(data[8:10], "little")
    header, body = data[10 : 10 + length], data[10 + length :]
    match chance.randrange(5):
        case 0:
            header = re.sub(rb"'descr': '[^']*'", f"'descr': '{chance.choice(_DTYPES)}'".encode(), header)
        case 1:
            numbers = ", ".join(str(chance.choice(_INTEGERS)) for _ in range(chance.randrange(7)))
            header = re.sub(rb"\([^)]*\)", f"({numbers},)".encode(), header)
        case 2:
            found = list(re.finditer(rb"\d+(?=[,)])", header))
            if found:
                one = chance.choice(found)
                header = header[: one.start()] + str(chance.choice(_INTEGERS)).encode() + header[one.end() :]
        case 3:
            header = words(header, chance)
        case _:
            header = header.replace(b"False", chance.choice((b"True", b"(" * 300, b"1", b"[]")))
    if chance.random() < 0.2:
        body = body[: chance.randrange(len(body) + 1)]
    version, size = chance.choice(((1, "<H"), (1, "<H"), (2, "<I"), (3, "<I")))
    claimed = len(header) if chance.random() < 0.95 else chance.choice((0, 2**16 - 1))
    return b"\x93NUMPY" + bytes((version, 0)) + struct.pack(size, claimed & 0xFFFF) + header + body


_ARRAY_NAMES = ("../x.npy", "x_train.npy", "/y.npy", "é.npy")
PATHS = (
    *(
        "../x.npy",
        "/y.npy",
        "a/../../b.npy",
        "a/..",
        "..",
        ".",
        "a\\b.npy",
        "C:/a.npy",
        "a//b.npy",
        "a/",
        "/",
        "\0.npy",
    ),
    *(
        "a.npy",
        "a.npy/b.npy",
        "a/b/c/d.npy",
        "é.npy",
        "._a.npy",
        "__MACOSX/a.npy",
        "x" * 300,
        "train/a.npy",
        "y.npy",
    ),
    *("labels.txt", "S001C001P001R001A001.skeleton", "X.npy", "a.zip"),
)
"""Of members of an archive that is unpacked."""


def zip_members(inner: Mutation, names: Sequence[str] = _ARRAY_NAMES) -> Mutation:
    """Of a zip archive: a member, its name, its packing or the archive's own bytes changed."""

    def mutate(data: bytes, chance: Random) -> bytes:
        try:
            with zipfile.ZipFile(io.BytesIO(data)) as archive:
                members = [(one.filename, archive.read(one)) for one in archive.infolist()]
            at = chance.randrange(len(members))
        except Exception:  # a damaged archive may fail in any way
            return raw_bytes(data, chance)
        name, content = members[at]
        match chance.randrange(6):
            case 0:
                members[at] = (chance.choice((*names, name)), content)
            case 1:
                members.insert(at, members[at])
            case 2 if len(members) > 1:
                del members[at]
            case _:
                members[at] = (name, inner(content, chance))
        made = _zip(members, chance)
        return raw_bytes(made, chance) if chance.random() < 0.3 else made

    return mutate


def _zip(members: Sequence[tuple[str, bytes]], chance: Random) -> bytes:
    packing = chance.choice(
        (zipfile.ZIP_STORED, zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_LZMA, 12)
    )
    out = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with zipfile.ZipFile(out, "w", packing) as archive:
            for name, content in members:
                one = zipfile.ZipInfo(name)
                one.compress_type = packing
                one.external_attr = chance.choice((0, 0, 0, 0, 0o100644 << 16, _LINK << 16))
                archive.writestr(one, content)
    return out.getvalue()


def safetensors(data: bytes, chance: Random) -> bytes:
    """Of a safetensors file: its header of JSON, its length or its bytes changed."""
    length = int.from_bytes(data[:8], "little")
    if chance.random() < 0.2 or not 8 < length <= len(data):
        return raw_bytes(data, chance)
    header, body = json_text(data[8 : 8 + length], chance), data[8 + length :]
    claimed = len(header) if chance.random() < 0.9 else chance.choice(_INTEGERS) % 2**64
    return claimed.to_bytes(8, "little") + header + body


def several_files(*inner: Mutation) -> Mutation:
    """Of an input of several files: one changed in its own way."""

    def mutate(data: bytes, chance: Random) -> bytes:
        parts = data.split(SEPARATOR)
        at = chance.randrange(len(parts))
        parts[at] = inner[min(at, len(inner) - 1)](parts[at], chance)
        return SEPARATOR.join(parts)

    return mutate


def by_first_byte(inner: dict[bytes, Mutation]) -> Mutation:
    """Of an input whose first byte says what the rest is: the rest changed in its own way."""

    def mutate(data: bytes, chance: Random) -> bytes:
        kind = data[:1]
        return kind + inner[kind](data[1:], chance) if kind in inner else raw_bytes(data, chance)

    return mutate


def mat(data: bytes, chance: Random) -> bytes:
    """Of a `.mat` file: a whole word changed, in a compressed part too, or bytes."""
    if chance.random() < 0.3 or len(data) < 144:
        return raw_bytes(data, chance)
    head, tag, part = data[:128], data[128:136], data[136:]
    packed = tag[:4] == (15).to_bytes(4, "little")
    try:
        content = bytearray(zlib.decompress(part) if packed else part)
    except zlib.error:
        return raw_bytes(data, chance)
    at = 4 * chance.randrange(max(1, min(len(content), 80) // 4))
    content[at : at + 4] = (chance.choice(_INTEGERS) % 2**32).to_bytes(4, "little")
    if not packed:
        return head + tag + bytes(content)
    made = zlib.compress(bytes(content))
    return head + tag[:4] + len(made).to_bytes(4, "little") + made
