"""The report's figures: shares, classes by number, the legend's colours."""

import numpy as np

from umurl_search.evaluation.confusion import confusion
from umurl_search.report.figures import Cloud, confusion_map, embedding_figure

RNG = np.random.default_rng(7)


def test_the_confusion_map_shows_shares_and_writes_counts() -> None:
    mixed = confusion(np.array([0, 0, 1, 1]), np.array([0, 0, 0, 1]))
    axes = confusion_map(mixed, ["a$b$", "c"]).axes[0]
    np.testing.assert_allclose(np.asarray(axes.images[0].get_array()), np.array([[2 / 3, 1 / 3], [0, 1]]))
    assert {(t.get_position(), t.get_text()) for t in axes.texts} == {
        ((0, 0), "2"),
        ((1, 0), "1"),
        ((1, 1), "1"),
    }
    assert [label.get_text() for label in axes.get_xticklabels()] == ["a$b$", "c"]
    assert not any(label.get_parse_math() for label in axes.get_xticklabels())


def test_many_classes_go_by_number() -> None:
    labels = np.arange(60)
    axes = confusion_map(confusion(labels, labels), [f"class {i}" for i in labels]).axes[0]
    assert [label.get_text() for label in axes.get_yticklabels()] == [str(i) for i in range(0, 60, 5)]
    points = RNG.standard_normal((60, 2))
    cloud = Cloud(title="PCA", points=points, labels=labels, test=np.ones(60, dtype=bool))
    assert embedding_figure([cloud], {i: f"class {i}" for i in range(60)}).legends == []


def test_the_legend_names_each_class_by_its_own_colour() -> None:
    labels = np.array([4, 9, 4, 9])
    test = np.array([True, True, False, True])
    cloud = Cloud(title="PCA", points=np.arange(8.0).reshape(4, 2), labels=labels, test=test)
    figure = embedding_figure([cloud, cloud], {4: "run", 9: "sit"})
    grey, run, sit = figure.axes[0].collections
    assert [len(np.asarray(part.get_offsets())) for part in (grey, run, sit)] == [1, 1, 2]
    (legend,) = figure.legends
    assert [text.get_text() for text in legend.get_texts()] == ["4  run", "9  sit"]
    shown = [handle.get_facecolor() for handle in legend.legend_handles]  # type: ignore[union-attr]
    np.testing.assert_array_equal(np.array(shown), np.array([run.get_facecolor(), sit.get_facecolor()]))
