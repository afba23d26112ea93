"""What an interrupted training leaves in its partial folder, and how the next run goes on from it."""

import json
from pathlib import Path
from typing import Any

import torch

from encoder.checkpoint import load_tensors, refuse
from encoder.errors import DamagedError, Hint, NotFoundError, StorageError, UmurlError, reason_of
from umurl_search.files import sealed_folder
from umurl_search.files.atomic import replacing
from umurl_search.training.clip_cache import PREPARED

STATE = "state.pt"
OPTIONS = "options.json"
SCRATCH = (STATE, OPTIONS, *PREPARED)
"""Files of a run in its folder that are not the encoder's; they go once it is sealed."""
CHANGEABLE = ("learning_rate", "tune_rate", "precision")
"""What a resumed run may be given anew: the remedies for a loss that became NaN."""
INEXACT = ("device", "processes", "compile", "cuda_graphs")
"""What it may be given anew where it need not have the bits of one run."""
HASHES = {
    "ingest": "state of the dataset",
    "clips": "list of clips",
    "pipeline": "preprocessing",
    "start_from": "encoder to start from",
}
"""Options that are stated as hashes, in words."""


def write_options(partial: Path, stated: dict[str, Any], changeable: dict[str, Any]) -> None:
    """What the run in this folder is made with: a resumed one has to be told the same, or is told the difference."""
    sealed_folder.write_text(partial / OPTIONS, json.dumps({"stated": stated, "changeable": changeable}))


def read_options(target: Path) -> dict[str, Any] | None:
    """What `write_options` wrote of an interrupted run of which a state is kept; None where there is none."""
    partial = sealed_folder.partial_of(target)
    if not ((partial / STATE).exists() and (partial / OPTIONS).exists()):
        return None
    return json.loads((partial / OPTIONS).read_text(encoding="utf-8"))  # type: ignore[no-any-return]


def keep_made_with(stated: dict[str, Any], before: dict[str, Any]) -> dict[str, Any]:
    """What is stated of a run that goes on otherwise: what it was begun with, of what may differ (`INEXACT`)."""
    return {**stated, **{name: before[name] for name in INEXACT if name in before}}


def require_resumable(target: Path, stated: dict[str, Any]) -> None:
    """Raises UmurlError when no interrupted training of `target` is kept, or one with other options."""
    kept = read_options(target)
    if kept is None:
        raise NotFoundError(
            f"no interrupted training of '{target.name}' to resume",
            Hint("run it without {option}", option="resume"),
        )
    before = kept["stated"]
    differing = [name for name in {**before, **stated} if before.get(name) != stated.get(name)]
    if differing:
        said = ", ".join(_describe_change(name, before.get(name), stated.get(name)) for name in differing)
        message = f"the interrupted training of '{target.name}' was made with {said}"
        if set(differing) <= set(INEXACT):
            raise UmurlError(
                message,
                Hint("give just that; {option} goes on all the same, but not to the bit", option="inexact"),
            )
        raise UmurlError(
            message, Hint("give just that to go on with it, or discard it with {option}", option="anew")
        )


def _describe_change(name: str, before: Any, now: Any) -> str:
    if name in HASHES:
        return f"another {HASHES[name]}"
    return f"{name.replace('_', ' ')} {before} (now {now})"


def refuse_to_lose(target: Path) -> None:
    """Raises UmurlError when an interrupted training lies where `target` is put together, or a finished encoder of
    which the catalog does not know."""
    if (sealed_folder.partial_of(target) / STATE).exists():
        raise UmurlError(
            f"an interrupted training of '{target.name}' is kept",
            Hint(
                "train --resume goes on with it, train --anew discards it, {option} gives this one another name",
                option="as",
            ),
        )
    if target.exists() and not sealed_folder.check(target, full=False):
        raise UmurlError(
            f"a finished encoder '{target.name}' made with other options lies in {target}, but not in the catalog",
            Hint(
                "run the command that made it to enter it. Run train with --anew to discard it. Give this one another "
                "name with {option}",
                option="as",
            ),
        )


def load_state(partial: Path) -> dict[str, Any]:
    """What `save_state` wrote. Raises UmurlError when it cannot be read."""
    try:
        return load_tensors(partial / STATE)  # type: ignore[no-any-return]
    except Exception as error:  # a damaged file may fail in any way
        raise DamagedError(
            f"{partial / STATE}: cannot be read ({refuse(error)})",
            Hint("{option} begins again", option="anew"),
        ) from error


def save_state(partial: Path, state: dict[str, Any]) -> None:
    """Replaces the state in one step. Raises UmurlError when it cannot be written; the one before stays."""
    aside = partial / (STATE + ".tmp")
    try:
        with replacing(partial / STATE, aside=aside) as file:
            torch.save(state, file)
    except (OSError, RuntimeError) as error:  # torch hides an OSError in a RuntimeError of its own
        cause = reason_of(_first_cause(error))
        raise StorageError(
            f"{aside.with_name(STATE)}: the state cannot be written ({cause})",
            Hint(
                "mend that, then the same command with {option} goes on from the state before, if there was one",
                option="resume",
            ),
        ) from error


def _first_cause(error: BaseException) -> BaseException:
    while (before := error.__cause__ or error.__context__) is not None:
        error = before
    return error
