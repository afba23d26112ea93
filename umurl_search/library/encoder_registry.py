"""The encoders of a library, and the one that ships with the package."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

from encoder.errors import DamagedError, Hint, NotFoundError, UmurlError, reason_of
from umurl_search.clips.normalization import check_pipeline
from umurl_search.datasets import protocols
from umurl_search.files import sealed_folder
from umurl_search.library.library import Library

if TYPE_CHECKING:
    from encoder.model import UmURL

SHIPPED = "shipped"
WEIGHTS, CONFIG = "weights.safetensors", "config.json"
TRAINED_ON = "trained_on.txt"


@dataclass(frozen=True, kw_only=True)
class EncoderEntry:
    """An encoder's name, folder, hash of its weights and what it was trained on or imported for."""

    name: str
    folder: Path
    hash: str
    config: dict[str, Any]

    @property
    def dataset(self) -> str | None:
        return self.config.get("dataset")

    @property
    def protocol(self) -> str | None:
        return self.config.get("protocol")

    @property
    def is_bounded(self) -> bool:
        """Whether its training might last only so long, as the demo's may."""
        return self.config.get("training", {}).get("max_seconds") is not None

    @property
    def doubts(self) -> list[str]:
        """What is wrong with its training; nothing of one of an earlier version, which did not look."""
        return list(self.config.get("doubts", ()))

    @property
    def datasets_before(self) -> list[str | None]:
        """What the encoders were made for from which its training started; None: not known."""
        found: list[str | None] = []
        before = self.config.get("started_from")
        while before is not None:
            found.append(before["dataset"])
            before = before["started_from"]
        return found

    def load(self) -> "UmURL":
        """The model. Raises UmurlError when it reads clips prepared in another way."""
        from encoder import checkpoint

        check_pipeline(
            self.config.get("pipeline", {}),
            what=f"encoder {self.name}",
            hint="train or import it again with this version",
        )
        return checkpoint.load(self.folder)

    def training_membership(self) -> Callable[[str], bool] | None:
        """Whether a clip of that name was trained on; None when that is not known."""
        listing = self.folder / TRAINED_ON
        if listing.is_file():
            names = frozenset(listing.read_text(encoding="utf-8").split("\n"))
            return names.__contains__
        dataset = protocols.find(self.dataset or "")
        protocol = self.protocol
        if protocol not in dataset.rules:
            return None
        return lambda name: (
            protocols.is_part_of(dataset, name) and protocols.part_of(dataset, protocol, name) == "train"
        )

    def shares_names_with(self, dataset: str) -> bool:
        """Whether clips of that dataset and of the encoder's own can be the same recordings."""
        return protocols.share_recordings(self.dataset or "", dataset)


def open_shipped() -> EncoderEntry:
    """The encoder in the package, trained on made-up motion (`umurl_search.synthetic.motion_generator`)."""
    folder = Path(str(files("umurl_search.library") / "shipped"))
    return _entry(SHIPPED, folder, sealed_folder.sha256_of(folder / WEIGHTS))


def _entry(name: str, folder: Path, weights_hash: str) -> EncoderEntry:
    try:
        config = json.loads((folder / CONFIG).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise DamagedError(
            f"{folder / CONFIG}: cannot be read ({reason_of(error)})", _advise_again(name)
        ) from error
    return EncoderEntry(name=name, folder=folder, config=config, hash=weights_hash)


def open_encoder(library: Library, name: str) -> EncoderEntry:
    """The encoder of that name. Raises UmurlError listing the known ones, or when its files were altered."""
    if name == SHIPPED:
        return open_shipped()
    known = [row["name"] for row in _rows(library)]
    if name not in known:
        raise NotFoundError(
            f"no encoder '{name}'; there are {', '.join([*known, SHIPPED])}",
            Hint("{command} or import-encoder makes one", command=("train", "NAME")),
        )
    folder = library.encoder(name)
    manifest = sealed_folder.read_manifest(folder, hint=_advise_again(name))
    return _entry(name, folder, manifest["files"][WEIGHTS]["sha256"])


def _advise_again(name: str) -> Hint:
    if name == SHIPPED:
        return Hint("install umurl-search again")
    return Hint("{command}, then train or import it again", command=("delete", f"encoder:{name}"))


def of_index(library: Library, row: dict[str, Any]) -> EncoderEntry:
    """The encoder that an index was made with. Raises UmurlError where its name is another's now."""
    entry = open_encoder(library, row["encoder"])
    if entry.hash != row["encoder_hash"]:
        raise UmurlError(
            f"index {row['name']} was made with another '{entry.name}' than the one of that name now",
            Hint("{command}, then build it again", command=("delete", f"index:{row['name']}")),
        )
    return entry


@dataclass(frozen=True, kw_only=True)
class EncoderChoice:
    """The encoder that is meant where none is named, why, and what was passed over for it, a line each."""

    entry: EncoderEntry
    why: str
    passed_over: tuple[str, ...] = ()


def choose(library: Library, dataset: str, protocol: str | None) -> EncoderEntry:
    """The newest sound encoder made for the dataset, one of the same protocol first, else the shipped one."""
    return choose_with_reason(library, dataset, protocol).entry


def choose_with_reason(library: Library, dataset: str, protocol: str | None) -> EncoderChoice:
    """As `choose`. One whose training was bounded in time, or went wrong, counts only where it is named."""
    rows = [row for row in _rows(library) if row["dataset"] == dataset]
    rows.sort(key=lambda row: row["protocol"] != protocol)
    passed_over: list[str] = []
    for row in rows:
        entry = open_encoder(library, row["name"])
        if entry.doubts:
            passed_over.append(f"encoder {entry.name} is passed over: {entry.doubts[0]}")
        elif not entry.is_bounded:
            made_for = f"{dataset} {entry.protocol}" if entry.protocol else dataset
            share = entry.config.get("training_accuracy")
            look = "" if share is None else f"; 1-NN among its training clips {100 * share:.1f} %"
            why = f"the newest sound one made for {made_for}{look}"
            return EncoderChoice(entry=entry, why=why, passed_over=tuple(passed_over))
    why = f"the shipped one, as none that is sound was made for {dataset}"
    return EncoderChoice(entry=open_shipped(), why=why, passed_over=tuple(passed_over))


def _rows(library: Library) -> list[dict[str, Any]]:
    if not library.exists():
        return []
    with library.read() as catalog:
        return catalog.encoders()


def namesakes(entry: EncoderEntry, dataset: str, test_names: list[str]) -> int:
    """How many test clips have the name of a clip that the encoder was trained on under another dataset's name:
    the same recordings, perhaps, taken in twice. The demo corpus's own names are made up."""
    if entry.dataset in (None, "demo") or entry.shares_names_with(dataset):
        return 0
    seen = entry.training_membership()
    return 0 if seen is None else sum(map(seen, test_names))


def overlap(entry: EncoderEntry, dataset: str, test_names: list[str]) -> int | None:
    """How many of the test clips the encoder was trained on; None when that cannot be known."""
    if any(before is None or protocols.share_recordings(before, dataset) for before in entry.datasets_before):
        return None
    if entry.dataset is not None and not entry.shares_names_with(dataset):
        return 0
    seen = entry.training_membership()
    return None if seen is None else sum(map(seen, test_names))


def overlap_warning(entry: EncoderEntry, dataset: str, protocol: str, test_names: list[str]) -> list[str]:
    """A line when the encoder was trained on clips that the protocol tests, or when that is not known."""
    if {dataset, protocols.find(dataset).cut_as} & set(entry.config.get("shares_actions_with", ())):
        return [
            f"encoder {entry.name} was trained on the very actions of {dataset}, made up by the same means: its "
            "figures there say little about real recordings"
        ]
    shared = overlap(entry, dataset, test_names)
    if shared is None:
        return [
            f"it is not known what encoder {entry.name} was trained on: figures on {dataset} {protocol} may "
            "include clips it has seen"
        ]
    if shared == 0:
        alike = namesakes(entry, dataset, test_names)
        return (
            []
            if alike == 0
            else [
                f"{alike:,} of the {len(test_names):,} test clips of {dataset} {protocol} have names that encoder "
                f"{entry.name} was trained on: where they are the same recordings, figures flatter it"
            ]
        )
    return [
        f"encoder {entry.name} was trained on {shared:,} of the {len(test_names):,} test clips of "
        f"{dataset} {protocol}: figures there flatter it"
    ]
