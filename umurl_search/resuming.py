"""What an interrupted training leaves in its partial folder, and how the next run goes on from it."""

import os
from pathlib import Path
from typing import Any

import torch

from encoder.errors import UmurlError
from umurl_search import folders
from umurl_search.prepared import PREPARED

STATE = "state.pt"
SCRATCH = (STATE, *PREPARED)
"""Files of a run in its folder that are not the encoder's; they go once it is sealed."""
CHANGEABLE = ("learning_rate", "tune_rate", "precision")
"""What a resumed run may be given anew: the remedies for a loss that became NaN."""


def require_resumable(target: Path, token: str) -> None:
    """Raises UmurlError when no interrupted training with this token lies where `target` is put together."""
    partial = folders.partial_of(target)
    if not (folders.token_of(partial) == token and (partial / STATE).exists()):
        raise UmurlError(
            f"no interrupted training of '{target.name}' with these options to resume: run it without --resume"
        )


def refuse_to_lose(target: Path) -> None:
    """Raises UmurlError when an interrupted training lies where `target` is put together."""
    if (folders.partial_of(target) / STATE).exists():
        raise UmurlError(
            f"an interrupted training of '{target.name}' is kept: --resume goes on with it (same options), "
            "--anew discards it, --as gives this one another name"
        )


def load_state(partial: Path) -> dict[str, Any]:
    return torch.load(partial / STATE, weights_only=True, map_location="cpu")  # type: ignore[no-any-return]


def save_state(partial: Path, state: dict[str, Any]) -> None:
    """Replaces the state in one step. Raises UmurlError when it cannot be written; the one before stays."""
    aside = partial / (STATE + ".tmp")
    try:
        with open(aside, "wb") as file:
            torch.save(state, file)
            file.flush()
            os.fsync(file.fileno())
    except (OSError, RuntimeError) as error:  # torch hides an OSError in a RuntimeError of its own
        aside.unlink(missing_ok=True)
        cause = " ".join(str(_first_cause(error)).split())[:160]
        raise UmurlError(
            f"{aside.with_name(STATE)}: the state cannot be written ({cause}): mend that, then the same "
            "command with --resume goes on from the state before, if there was one"
        ) from error
    os.replace(aside, partial / STATE)


def _first_cause(error: BaseException) -> BaseException:
    while (before := error.__cause__ or error.__context__) is not None:
        error = before
    return error
