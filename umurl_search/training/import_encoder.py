"""Enters encoders into the library: those just trained, and checkpoints that the paper's authors released."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from encoder import checkpoint
from encoder.errors import Hint, NotFoundError, UmurlError
from encoder.model import UmURL
from umurl_search.clips.normalization import PIPELINE
from umurl_search.datasets import protocols
from umurl_search.files import sealed_folder
from umurl_search.library.catalog.open_catalog import copy_if_old
from umurl_search.library.encoder_registry import SHIPPED
from umurl_search.library.library import Library, check_name
from umurl_search.result import Result
from umurl_search.training.resume_state import refuse_to_lose


@dataclass(frozen=True, kw_only=True)
class ImportReport(Result):
    """The encoder that was taken in."""

    encoder: str
    """its name"""
    dataset: str | None
    """what `--for` says, or null"""
    protocol: str | None
    """the same"""
    dimension: int
    """D, the size of an embedding"""
    parameters: int
    """of the encoder, projectors not counted"""
    projectors: bool
    """whether the checkpoint held them"""


def import_encoder(library: Library, path: Path, name: str, *, made_for: str | None = None) -> ImportReport:
    """Takes in a checkpoint of the authors' code under a name. `made_for`: NAME or NAME:PROTOCOL.

    Raises UmurlError for a file that is not one, that would run code, or when the name is taken.
    """
    refuse_known(library, check_name(name, what="an encoder"))
    refuse_to_lose(library.encoder(name))
    dataset, protocol = _parse_made_for(library, made_for)
    model = checkpoint.import_released(path)
    about = {
        "dataset": dataset,
        "protocol": protocol,
        "preset": None,
        "origin": "imported",
        "file": path.name,
    }
    library.make()
    with sealed_folder.building(library.encoder(name), resume_token=str(path)) as partial:
        seal_encoder(library, name, model, about, partial=partial, recipe=f"imported from {path.name}")
    return ImportReport(
        encoder=name,
        dataset=dataset,
        protocol=protocol,
        dimension=model.config.dimension,
        parameters=sum(p.numel() for p in model.encoder.parameters()),
        projectors=len(model.projectors) > 0,
    )


def _parse_made_for(library: Library, text: str | None) -> tuple[str | None, str | None]:
    if text is None:
        return None, None
    name, _, protocol = text.partition(":")
    known = {*protocols.DATASETS, *_held_datasets(library)}
    if name not in known:
        raise NotFoundError(f"no dataset '{name}' to import for: known are {', '.join(sorted(known))}")
    dataset = protocols.find(name)
    if protocol and dataset.rules and protocol not in dataset.rules:
        raise NotFoundError(f"{name} has no protocol '{protocol}': it has {', '.join(dataset.protocols)}")
    return name, protocol or next(iter(dataset.rules), None)


def _held_datasets(library: Library) -> list[str]:
    if not library.exists():
        return []
    with library.read() as catalog:
        return [row["name"] for row in catalog.datasets()]


def refuse_known(library: Library, name: str) -> None:
    """Raises UmurlError when there is an encoder of that name."""
    if name == SHIPPED:
        raise UmurlError(
            f"'{SHIPPED}' is the encoder in the package",
            Hint("choose another name with {option}", option="as"),
        )
    if not library.exists():
        return
    copy_if_old(library.catalog_path)
    with library.read() as catalog:
        if any(row["name"] == name for row in catalog.encoders()):
            raise UmurlError(
                f"encoder '{name}' is there already",
                Hint(
                    "{command}, or name the new one with {option}",
                    command=("delete", f"encoder:{name}"),
                    option="as",
                ),
            )


def seal_encoder(
    library: Library,
    name: str,
    model: UmURL,
    about: dict[str, Any],
    *,
    partial: Path,
    recipe: str,
    token: str | None = None,
    leave_out: tuple[str, ...] = (),
) -> None:
    """Writes weights and configuration beside what `partial` holds, seals it without `leave_out` and enters it."""
    checkpoint.save(partial, model, extra={**about, "pipeline": vars(PIPELINE)})
    target = library.encoder(name)
    sealed_folder.remove(target)
    sealed_folder.seal(
        partial, target, {"kind": "encoder", "recipe": recipe, "token": token}, leave_out=leave_out
    )
    register_sealed(library, name)


def register_sealed(library: Library, name: str) -> dict[str, Any]:
    """Enters a sealed encoder into the catalog; returns its configuration."""
    folder = library.encoder(name)
    manifest = sealed_folder.read_manifest(folder, hint=f"delete {folder} and make the encoder again")
    config = checkpoint.read_config(folder)
    with library.write() as catalog:
        catalog.add_encoder(
            {
                "name": name,
                "origin": config["origin"],
                "preset": config["preset"],
                "dataset": config["dataset"],
                "protocol": config["protocol"],
                "dimension": 2 * config["model"]["width"],
                "hash": manifest["files"][checkpoint.WEIGHTS]["sha256"],
            }
        )
    return config


def is_sealed(target: Path, **stated: str) -> bool:
    """Whether an encoder whose manifest states this was sealed and stopped before the catalog knew of it."""
    if not target.exists() or sealed_folder.check(target, full=True):
        return False
    manifest = sealed_folder.read_manifest(target)
    return all(manifest.get(name) == value for name, value in stated.items())
