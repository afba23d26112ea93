"""The report's sections: wrong neighbours, samples, histories."""

import numpy as np
import pytest

from umurl_search.evaluation.modality_matrix import Retrieval
from umurl_search.index.bridges_and_whitening import LinearMap
from umurl_search.library.library import Library
from umurl_search.report import sections
from umurl_search.report.page import Picture, Table, Text

# an index


def test_wrong_neighbours_of_an_index_have_their_names_actions_and_scores(retrieved: Retrieval) -> None:
    section = sections.neighbours(retrieved)
    table = section.blocks[1]
    assert isinstance(table, Table)
    columns = retrieved.opened.columns
    row_of = {name: i for i, name in enumerate(columns.name)}
    y = LinearMap()(np.asarray(retrieved.opened.index.embeddings("fused"))).astype(np.float64)
    held = retrieved.opened.split.gallery
    wrong = retrieved.own.predicted != retrieved.query_labels
    assert len(table.rows) == min(wrong.sum(), sections.MOST_NEIGHBOURS) > 0
    for score, query, is_a, neighbour, is_another in table.rows:
        q, n = row_of[query], row_of[neighbour]
        assert abs(float(score) - (y[held] @ y[q]).max()) < 1e-4
        assert abs(float(score) - y[n] @ y[q]) < 1e-4
        assert (
            is_a
            == retrieved.action(int(columns.label[q]))
            != is_another
            == retrieved.action(int(columns.label[n]))
        )
    assert f"{wrong.sum()} of 30 test clips" in section.blocks[0].text  # type: ignore[union-attr]


# maps of the embedding


def test_a_sample_is_said_to_be_one(retrieved: Retrieval, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sections, "MOST_QUERIES", 7)
    (drawn,) = sections.embedding(retrieved, "pca").blocks
    assert isinstance(drawn, Picture)
    assert "7 of the 30 test clips, drawn at random," in drawn.caption
    assert "all 30 gallery clips" in drawn.caption


# the report


def test_an_encoder_without_a_history_is_said_to_have_none(indexed: Library, retrieved: Retrieval) -> None:
    (indexed.encoder("e") / "history.jsonl").unlink(missing_ok=True)
    (said,) = sections.training(retrieved).blocks
    assert isinstance(said, Text)
    assert said.text == "There is no training history: it was trained by an earlier version."


def test_a_history_is_drawn(indexed: Library, retrieved: Retrieval) -> None:
    line = '{"kind": "losses", "step": 1, "epoch": 0, "seconds": 1, "loss": 2.5}\n'
    (indexed.encoder("e") / "history.jsonl").write_text(line)
    (drawn,) = sections.training(retrieved).blocks
    assert isinstance(drawn, Picture)
    assert drawn.caption.startswith("1 epoch, 1 step, contrastive tuning throughout.")
