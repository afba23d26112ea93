"""A `.zip` archive as a source."""

import gc
import pickle
import stat
import zipfile
from pathlib import Path

import numpy as np
import pytest

from encoder.errors import UmurlError
from umurl_search.ingest.ingest import Request, ingest
from umurl_search.library.library import Library
from umurl_search.readers import detect, open_reader
from umurl_search.readers.zip_source import ZipReader, unpack


def clip(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(6, 25, 3)).astype("f4")


def pack(path: Path, names: list[str], *, packing: int = zipfile.ZIP_DEFLATED) -> Path:
    with zipfile.ZipFile(path, "w", packing) as archive:
        for seed, name in enumerate(names):
            with archive.open(name, "w") as stream:
                np.save(stream, clip(seed))
    return path


NAMES = ["clips/a.npy", "clips/deep/b.npy", "__MACOSX/clips/._a.npy", "clips/.DS_Store"]


def test_an_archive_is_read_as_the_folder_in_it(tmp_path: Path) -> None:
    path = pack(tmp_path / "all.zip", NAMES)
    assert detect(path) == "npy"
    reader = open_reader("npy", (path,))
    assert isinstance(reader, ZipReader)
    (folder,) = reader.roots
    found = [one for (one,) in pickle.loads(pickle.dumps(reader)).read(reader.items())]
    assert [(one.name, one.source) for one in found] == [("a", "a.npy"), ("b", "deep/b.npy")]
    assert (found[0].frames[:, 0] == clip(0)).all()
    assert list(reader.files()) == [path]
    assert str(path) in repr(reader)
    assert folder.is_dir()
    del reader
    gc.collect()
    assert not folder.exists()


def test_an_archive_is_ingested_once_and_the_same_again(tmp_path: Path) -> None:
    path = pack(tmp_path / "all.zip", [*NAMES, "clips/notes.md"])
    library = Library(tmp_path / "library")
    report = ingest(library, Request(name="mine", source=path))
    assert (report.used, report.source, report.passed_over) == (2, str(path), {".md": 1})
    assert ingest(library, Request(name="mine", source=path)).already_there


@pytest.mark.parametrize("name", ["../a.npy", "/a.npy", "a/../../b.npy", "a\\b.npy", "C:/a.npy", "a//b.npy"])
def test_nothing_is_written_outside(tmp_path: Path, name: str) -> None:
    path = tmp_path / "all.zip"
    with zipfile.ZipFile(path, "w") as archive:
        info = zipfile.ZipInfo("x")
        info.filename = name
        archive.writestr(info, b"1")
    folder = tmp_path / "folder"
    folder.mkdir()
    with pytest.raises(UmurlError, match="would lie outside it"):
        unpack(path, folder)
    assert list(folder.iterdir()) == []


def test_links_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "all.zip"
    with zipfile.ZipFile(path, "w") as archive:
        info = zipfile.ZipInfo("a.npy")
        info.external_attr = (stat.S_IFLNK | 0o777) << 16
        archive.writestr(info, "/etc/passwd")
    with pytest.raises(UmurlError, match="is a link or encrypted"):
        detect(path)


def test_an_archive_of_more_than_it_can_hold_is_refused(tmp_path: Path) -> None:
    path = pack(tmp_path / "all.zip", ["a.npy"])
    content = bytearray(path.read_bytes())
    at = content.rindex(b"PK\x01\x02") + 24
    content[at : at + 4] = (2**31).to_bytes(4, "little")
    path.write_bytes(content)
    with pytest.raises(UmurlError, match="announces more than it can hold"):
        detect(path)
    path.write_bytes(content[:60])
    with pytest.raises(UmurlError, match="cannot be unpacked"):
        detect(path)


def test_other_packings_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UmurlError, match="announces more than it can hold"):
        detect(pack(tmp_path / "all.zip", ["a.npy"], packing=zipfile.ZIP_LZMA))
