"""An index on disk: parts, each a sealed folder of embeddings with what searches them.

The first part holds the maps (bridges, transform) of all; what was added since lies in further parts, and what was
removed is in a part but not among the ids that live. Letters: N rows, Q queries, K neighbours, P dimensions, D
embedding. Rows are in order of clip id.
"""

import itertools
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from encoder.errors import DamagedError, Hint, StorageError, UmurlError, reason_of
from encoder.modality_sets import BASE, FUSED
from umurl_search.clips.types import Embeddings, Rows
from umurl_search.files import sealed_folder
from umurl_search.index import device_memory, faiss_kinds
from umurl_search.index.bridges_and_whitening import LinearMap, Maps, Transform
from umurl_search.index.device_vectors import DeviceVectors, hold
from umurl_search.index.faiss_gpu import GpuVectors, lists_on_gpu
from umurl_search.index.faiss_kinds import EXACT, KINDS, Vectors
from umurl_search.index.kind_names import Kind
from umurl_search.library.missing import REPAIR

IDS = "ids.npy"
SPANS = "spans.npy"
MAPS = "bridges.safetensors"
UNIT = "vectors.npy"
"""The transformed unit vectors (N, P), where neither the embeddings nor a flat index give them as they are."""
ORDER = "order.npy"
MAIN = "fused"
"""The modality whose searchable vectors lie ready on disk."""
BLOCK = 8192


def embeddings_file(modality: str) -> str:
    return f"embeddings-{modality}.npy"


def vectors_file(*, centred: bool) -> str:
    return "vectors-centred.faiss" if centred else "vectors.faiss"


def views(transform: Transform) -> tuple[bool, ...]:
    """Whether centred, for each set of vectors on disk: as own queries see the gallery and, if that differs, as
    bridges do."""
    return (False, True) if transform.kind == "none" else (False,)


def write_unit(folder: Path, embeddings: Embeddings, maps: Maps) -> None:
    """The transformed vectors as they are, for kinds that round them."""
    mapping = maps.gallery(MAIN, bridged=False)
    width = mapping(embeddings[:1]).shape[1]
    out = np.lib.format.open_memmap(
        folder / UNIT, mode="w+", dtype=np.float32, shape=(len(embeddings), width)
    )
    for start in range(0, len(embeddings), BLOCK):
        out[start : start + BLOCK] = mapping(embeddings[start : start + BLOCK])
    out.flush()


def write_maps(folder: Path, maps: Maps) -> None:
    """Writes bridges and transform. Raises UmurlError when they cannot be written."""
    tensors = {f"mean/{m}": mean for m, mean in maps.means.items()}
    tensors |= {f"whitening/{m}": w for m, w in maps.whitenings.items()}
    tensors |= {f"bridge/{q}/{g}": w for (q, g), w in maps.bridges.items()}
    try:
        save_file({name: np.ascontiguousarray(x) for name, x in tensors.items()}, str(folder / MAPS))
    except SafetensorError as error:
        raise StorageError(
            f"{folder / MAPS}: cannot be written ({reason_of(error)})", "mend that and go on"
        ) from error


@dataclass(frozen=True)
class Part:
    """One folder of an index. Its manifest is checked, its arrays are memory-mapped, or once on a device."""

    folder: Path
    _held: dict[tuple[str, bool], Any] = field(default_factory=dict, repr=False, compare=False)
    _holding: threading.Lock = field(default_factory=threading.Lock, repr=False, compare=False)

    @cached_property
    def manifest(self) -> dict[str, Any]:
        return sealed_folder.read_manifest(self.folder, hint=REPAIR)

    @cached_property
    def ids(self) -> Rows:
        return np.asarray(np.load(self.folder / IDS, allow_pickle=False), dtype=np.int64)

    @property
    def kind(self) -> Kind:
        return self.manifest["index_kind"]  # type: ignore[no-any-return]

    @cached_property
    def _mapped(self) -> dict[str, Embeddings]:
        return {}

    def embeddings(self, modality: str) -> Embeddings:
        """(N, D) float32, memory-mapped once."""
        return self._map(embeddings_file(modality), "r")

    def _map(self, file: str, mode: Literal["r", "c"]) -> Embeddings:
        if file not in self._mapped:
            try:
                self._mapped[file] = np.load(self.folder / file, mmap_mode=mode, allow_pickle=False)
            except FileNotFoundError as error:
                raise DamagedError(f"{self.folder / file} is missing", REPAIR) from error
        return self._mapped[file]

    @cached_property
    def spans(self) -> NDArray[np.int64] | None:
        """(N, 2) first frame and the one after the last of each row, in a windowed index."""
        path = self.folder / SPANS
        return np.load(path, allow_pickle=False).astype(np.int64) if path.exists() else None

    @cached_property
    def order(self) -> Rows | None:
        """(N,) row of each vector in the FAISS index, where that is another than the arrays' own."""
        path = self.folder / ORDER
        return np.load(path, allow_pickle=False).astype(np.int64) if path.exists() else None

    @cached_property
    def _opened(self) -> dict[bool, Vectors]:
        return {}

    def vectors(self, *, centred: bool) -> Vectors:
        """The FAISS index of the main modality's vectors, opened once."""
        if centred not in self._opened:
            name = vectors_file(centred=centred)
            error = float(self.manifest.get("rounding", {}).get(name, 0.0)) if self.kind in EXACT else np.inf
            self._opened[centred] = faiss_kinds.read(self.folder / name, kind=self.kind, error=error)
        return self._opened[centred]

    def on_device(self, device: torch.device, mapping: LinearMap, *, centred: bool) -> DeviceVectors | None:
        """The main modality's exact unit vectors on a device, uploaded once; None on a CPU or without room for them."""
        if not device_memory.holds_galleries(device):
            return None
        key = str(device), centred
        with self._holding:
            if key not in self._held:
                n, p = len(self.ids), self.unit(slice(0, 1), mapping, centred=centred).shape[1]
                blocks = lambda: self._unit_blocks(mapping, centred=centred)  # noqa: E731
                self._held[key] = hold(blocks, n=n, p=p, device=device)
            return self._held[key]  # type: ignore[no-any-return]

    def lists_on_device(self, device: torch.device, *, centred: bool) -> GpuVectors | None:
        """The FAISS index of an approximate kind on a device, copied once; None where FAISS does not have it there."""
        if not device_memory.holds_galleries(device) or not KINDS[self.kind].on_gpu:
            return None
        key = f"lists on {device}", centred
        with self._holding:
            if key not in self._held:
                self._held[key] = lists_on_gpu(self.vectors(centred=centred).index, device)
            return self._held[key]  # type: ignore[no-any-return]

    def _unit_blocks(self, mapping: LinearMap, *, centred: bool) -> Iterator[Embeddings]:
        for start in range(0, len(self.ids), BLOCK):
            yield self.unit(slice(start, start + BLOCK), mapping, centred=centred)

    @cached_property
    def _holds_unit(self) -> bool:
        return (self.folder / UNIT).exists()

    def unit(self, rows: Rows | slice, mapping: LinearMap, *, centred: bool) -> Embeddings:
        """(n, P) float32: the exact unit vectors of some rows of the main modality."""
        if self.kind == "flat":
            return faiss_kinds.flat_rows(self.vectors(centred=centred))[rows]
        if self._holds_unit:
            return np.asarray(self._map(UNIT, "c")[rows])  # torch wants arrays that may be written
        return mapping(np.asarray(self.embeddings(MAIN)[rows]))


@dataclass(frozen=True)
class Index:
    """An index, opened: its first folder, those of what was added since, and the ids of clips that are gone."""

    folder: Path
    added: tuple[Path, ...] = ()
    gone: frozenset[int] = frozenset()

    @property
    def name(self) -> str:
        return self.folder.name.partition("~")[0]

    @cached_property
    def parts(self) -> tuple[Part, ...]:
        return tuple(Part(folder) for folder in (self.folder, *self.added))

    @cached_property
    def manifest(self) -> dict[str, Any]:
        """The first part's, which says what the index is made of."""
        return self.parts[0].manifest

    @cached_property
    def every_id(self) -> Rows:
        """Clip ids of all rows on disk, those that are gone too."""
        return np.concatenate([part.ids for part in self.parts])

    @cached_property
    def live(self) -> NDArray[np.bool_] | None:
        """(N,) whether a row on disk is of a clip that is there; None when all are."""
        if not self.gone:
            return None
        lives = ~np.isin(self.every_id, np.fromiter(self.gone, dtype=np.int64))
        return None if lives.all() else lives

    @cached_property
    def slots(self) -> Rows:
        """(n,) places on disk of the rows that live."""
        return np.arange(len(self.every_id)) if self.live is None else np.flatnonzero(self.live)

    @cached_property
    def ids(self) -> Rows:
        """(n,) clip ids of the rows that live, ascending."""
        return self.every_id[self.slots]

    @cached_property
    def spans(self) -> NDArray[np.int64] | None:
        """(n, 2) frames of each row in a windowed index."""
        found = [part.spans for part in self.parts]
        there = [spans for spans in found if spans is not None]
        return np.concatenate(there)[self.slots] if len(there) == len(found) else None

    @property
    def modalities(self) -> tuple[str, ...]:
        return tuple(self.manifest["modalities"])

    @property
    def transform(self) -> Transform:
        return Transform.parse(self.manifest["transform"])

    def require(self, modality: str) -> None:
        """Raises UmurlError for a modality that is not in the index."""
        if modality not in self.modalities:
            trained = set(BASE) & set(self.modalities)
            possible = set(modality.split("+")) <= trained | {FUSED}
            hint = (
                Hint("build it with {option}", option="modalities", value="all")
                if possible
                else Hint("build one with another {option}", option="encoder")
            )
            raise UmurlError(
                f"index {self.name} holds no {modality} embeddings (it has {', '.join(self.modalities)})",
                hint,
            )

    def embeddings(self, modality: str) -> Embeddings:
        """(n, D) float32 as the encoder gave them: memory-mapped, or gathered where clips came or went.

        Raises UmurlError for one not in the index.
        """
        self.require(modality)
        arrays = [part.embeddings(modality) for part in self.parts]
        if len(arrays) == 1 and self.live is None:
            return arrays[0]
        ends = np.cumsum([0, *(len(array) for array in arrays)])
        mine = [self.slots[(self.slots >= a) & (self.slots < b)] - a for a, b in itertools.pairwise(ends)]
        return np.concatenate([array[rows] for array, rows in zip(arrays, mine, strict=True)])

    def maps(self, modality: str, against: str) -> Maps:
        """What a query of `modality` against `against` needs of the fitted maps; only that is read."""
        wanted = {
            f"mean/{modality}",
            f"mean/{against}",
            f"whitening/{against}",
            f"bridge/{modality}/{against}",
        }
        return self._maps(wanted)

    def all_maps(self) -> Maps:
        return self._maps(None)

    def _maps(self, wanted: set[str] | None) -> Maps:
        with safe_open(str(self.folder / MAPS), framework="numpy") as file:
            names = set(file.keys()) if wanted is None else wanted & set(file.keys())
            there = {name: file.get_tensor(name) for name in names}
        split = {tuple(name.split("/")): tensor for name, tensor in there.items()}
        return Maps(
            transform=self.transform,
            means={k[1]: x for k, x in split.items() if k[0] == "mean"},
            whitenings={k[1]: x for k, x in split.items() if k[0] == "whitening"},
            bridges={(k[1], k[2]): x for k, x in split.items() if k[0] == "bridge"},
        )


def mapped_blocks(embeddings: Embeddings, mapping: LinearMap) -> Iterator[Embeddings]:
    """Unit vectors (BLOCK, P) after one another."""
    for start in range(0, len(embeddings), BLOCK):
        yield mapping(np.asarray(embeddings[start : start + BLOCK]))
