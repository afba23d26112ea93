"""A training run's normalised clips: whole, or made again."""

from pathlib import Path

import numpy as np
import pytest
from small_trainings import interrupt, like_tiny, weights

from umurl_search.files import sealed_folder
from umurl_search.library.clip_store import open_clips
from umurl_search.library.library import Library
from umurl_search.progress import no_progress
from umurl_search.training import clip_cache
from umurl_search.training.clip_cache import open_prepared, prepare
from umurl_search.training.plan import training_rows
from umurl_search.training.run import train_encoder

pytestmark = pytest.mark.slow  # whole trainings


def test_prepared_clips_that_are_not_whole_are_made_again(library: Library) -> None:
    train_encoder(library, like_tiny(name="whole"))
    for i, name in enumerate((clip_cache.ROWS, clip_cache.PLACES)):
        request = like_tiny(name=f"torn{i}")
        interrupt(library, request, after=3)
        partial = sealed_folder.partial_of(library.encoder(f"torn{i}"))
        (partial / name).write_bytes((partial / name).read_bytes()[:-300]) if i == 0 else (
            partial / name
        ).unlink()
        train_encoder(library, request, resume=True)
        assert weights(library, f"torn{i}") == weights(library, "whole")


def test_prepared_clips_are_the_normalised_ones(library: Library, tmp_path: Path) -> None:
    store = open_clips(library, "mine")
    _, rows, _ = training_rows(library, "mine", None)
    prepare(tmp_path, store, rows, progress=no_progress)
    clips = open_prepared(tmp_path)
    assert len(clips) == len(rows) == 30
    for i, row in enumerate(rows):
        frames = store.normalised_frames(row)
        start, n = int(clips.start[i]), frames.shape[0] * frames.shape[1]
        assert (int(clips.n_frames[i]), int(clips.n_people[i])) == frames.shape[:2]
        np.testing.assert_array_equal(clips.rows[start : start + n].numpy().reshape(frames.shape), frames)
