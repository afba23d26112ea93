"""Fixtures of the whole suite: a temporary home, real recordings when they are there, a made library."""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before torch: its threads fight when tests run side by side

import json
import shutil
import signal
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cli.main import run
from umurl_search import Library
from umurl_search.index.bridges_and_whitening import Transform
from umurl_search.index.build import build_index
from umurl_search.index.build_plan import BuildRequest
from umurl_search.index.kind_names import Kind
from umurl_search.index.windows import Window
from umurl_search.ingest.ingest import Request, ingest
from umurl_search.synthetic.demo_corpus import make_clip
from umurl_search.synthetic.long_recordings import make_recording
from umurl_search.training.plan import TrainRequest
from umurl_search.training.run import train_encoder

GOLDEN = Path(__file__).parent / "golden"
REAL = Path(__file__).parents[2] / "shared"
ACTIONS = (1, 5, 10, 23, 28)
SUBJECTS = (1, 2, 3, 4)

pytest_plugins = [
    "browser.fixtures",
    "changes",
    "classified",
    "documents",
    "drawings",
    "galleries",
    "golden_arrays",
    "gpu_faiss",
    "histories",
    "interruptions",
    "made_people",
    "made_recordings",
    "parted_libraries",
    "refusals",
    "reported",
    "screens",
    "serving",
    "short_runs",
    "small_networks",
    "small_trainings",
    "sockets",
    "values_on_device",
]

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # started in the background
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    skip = pytest.mark.skip(reason=f"no real recordings beside the checkout ({REAL.name}/data)")
    for item in items:
        if "data" in item.keywords and not (REAL / "data").is_dir():
            item.add_marker(skip)


@pytest.fixture(autouse=True)
def _home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No test sees the user's library or data folder."""
    monkeypatch.setenv("UMURL_LIBRARY", str(tmp_path / "library"))
    monkeypatch.delenv("UMURL_DATA", raising=False)


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """An empty folder for recordings."""
    folder = tmp_path / "source"
    folder.mkdir()
    return folder


@pytest.fixture
def soon() -> Iterator[None]:
    """A test that hangs fails."""

    def raise_timeout(*_: object) -> None:
        raise TimeoutError("over 30 s")

    before = signal.signal(signal.SIGALRM, raise_timeout)
    signal.alarm(30)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


@pytest.fixture
def golden() -> Path:
    return GOLDEN


@pytest.fixture
def real() -> Path:
    """The folder with `data/` and `golden/` made from real recordings; tests that use it are marked `data`."""
    return REAL


def small_corpus(folder: Path) -> Path:
    """60 made-up clips as .npy files named in NTU's pattern: 5 actions, 4 subjects, 3 cameras."""
    folder.mkdir(parents=True)
    for action in ACTIONS:
        for subject in SUBJECTS:
            for camera in (1, 2, 3):
                name = f"S001C{camera:03d}P{subject:03d}R001A{action:03d}"
                np.save(folder / f"{name}.npy", make_clip(name))
    return folder


def splits_file(path: Path, names: list[str]) -> Path:
    """Odd subjects train, even ones test, as a --splits file of protocol `xsub`."""
    odd = [name for name in names if int(name[9:12]) % 2]
    parts = {"train": odd, "test": [name for name in names if name not in odd]}
    path.write_text(json.dumps({"xsub": parts}))
    return path


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A library with dataset `mine` (60 clips, protocol xsub), encoder `e` (barely trained) and no index.

    Read-only: use `library` for a copy to work on.
    """
    root = tmp_path_factory.mktemp("made")
    source = small_corpus(root / "clips")
    names = sorted(path.stem for path in source.iterdir())
    library = Library(root / "library")
    splits = splits_file(root / "splits.json", names)
    ingest(library, Request(name="mine", source=source, splits=splits))
    request = TrainRequest(dataset="mine", preset="tiny", epochs=1, batch_size=16, name="e", device="cpu")
    train_encoder(library, request)
    return root


@pytest.fixture
def library(made: Path, tmp_path: Path) -> Library:
    """A copy of the made library, where the commands look for it."""
    shutil.copytree(made / "library", tmp_path / "library")
    return Library(tmp_path / "library")


@pytest.fixture(scope="session")
def indexed_root(made: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("indexed") / "library"
    shutil.copytree(made / "library", root)
    build_index(Library(root), BuildRequest(dataset="mine", device="cpu"))
    return root


@pytest.fixture
def indexed(indexed_root: Path, tmp_path: Path) -> Library:
    """A copy of the made library with the index `mine@e`."""
    shutil.copytree(indexed_root, tmp_path / "library")
    return Library(tmp_path / "library")


@dataclass(frozen=True)
class Result:
    """What a command printed and its exit code."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


@pytest.fixture
def command(capsys: pytest.CaptureFixture[str]) -> Callable[..., Result]:
    """Runs `umurl-search` with these arguments in this process."""

    def call(*arguments: object) -> Result:
        capsys.readouterr()
        code = run([str(argument) for argument in arguments])
        printed = capsys.readouterr()
        return Result(code, printed.out, printed.err)

    return call


LONG = ("P001C003T01", "P002C001T01", "P003C002T01", "P004C003T01")
LONG_FRAMES = 780
WINDOW = Window(lengths_s=(2.5,), stride_s=1.0)
LONG_INDEX = "long@e+2.5s"


def long_recordings(root: Path) -> Request:
    """Four whole recordings of 26 s as .npy files, their segments, and odd subjects to train."""
    (root / "recordings").mkdir(parents=True)
    segments = {}
    for name in LONG:
        recording = make_recording(name)
        np.save(root / "recordings" / f"{name}.npy", recording.frames[:LONG_FRAMES])
        segments[name] = [
            {"action": one.action, "start": one.start / 30, "end": one.stop / 30}
            for one in recording.segments
            if one.stop <= LONG_FRAMES
        ]
    (root / "segments.json").write_text(json.dumps(segments))
    parts = {"train": [LONG[0], LONG[2]], "test": [LONG[1], LONG[3]]}
    (root / "splits.json").write_text(json.dumps({"xsub": parts}))
    return Request(
        name="long",
        source=root / "recordings",
        untrimmed=True,
        segments=root / "segments.json",
        splits=root / "splits.json",
    )


@pytest.fixture(scope="session")
def long_root(made: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The made library with dataset `long` of whole recordings and an index of their windows."""
    root = tmp_path_factory.mktemp("long")
    shutil.copytree(made / "library", root / "library")
    library = Library(root / "library")
    ingest(library, long_recordings(root))
    build_index(library, BuildRequest(dataset="long", encoder="e", window=WINDOW, device="cpu"))
    return root


@pytest.fixture
def long(long_root: Path, tmp_path: Path) -> Library:
    """A copy of the library with whole recordings, where the commands look for it."""
    shutil.copytree(long_root / "library", tmp_path / "library")
    return Library(tmp_path / "library")


# libraries that change


NEW = [f"S001C00{c}P005R001A00{a}" for a in (1, 2, 3) for c in (1, 2)]


def add_files(source: Path, names: list[str] = NEW) -> None:
    for name in names:
        np.save(source / f"{name}.npy", make_clip(name))


def spoil(path: Path) -> None:
    damaged = bytearray(path.read_bytes())
    damaged[len(damaged) // 2] ^= 4
    path.write_bytes(damaged)


@pytest.fixture
def kept(made: Path, tmp_path: Path) -> Path:
    """A copy of the recordings that `mine` was read from."""
    return Path(shutil.copytree(made / "clips", tmp_path / "clips"))


@pytest.fixture(scope="session")
def three_kinds(made: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A library with `mine`, `e` and indexes of three kinds; use `changing` for a copy."""
    library = Library(tmp_path_factory.mktemp("three") / "library")
    shutil.copytree(made / "library", library.root)
    kinds: tuple[tuple[str, Kind, str], ...] = (
        ("i", "flat", "none"),
        ("half", "sq8", "half-whiten:16"),
        ("h", "hnsw", "none"),
    )
    for name, kind, transform in kinds:
        request = BuildRequest(
            dataset="mine",
            encoder="e",
            name=name,
            kind=kind,
            transform=Transform.parse(transform),
            device="cpu",
        )
        build_index(library, request)
    return library.root


@pytest.fixture
def changing(three_kinds: Path, kept: Path, tmp_path: Path) -> Library:
    """A copy of that library, which says that it was read from the copied recordings."""
    library = Library(Path(shutil.copytree(three_kinds, tmp_path / "changing")))
    with library.write() as catalog:
        (origin,) = catalog.origins("mine")
        said = json.dumps({**origin, "roots": [str(kept)]})
        catalog._con.execute("update origins set said = ?", [said])
    return library
