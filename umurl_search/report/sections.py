"""The report's sections from what retrieval found: facts, figures, classes, mistakes, a map, curves."""

from typing import Any

import numpy as np

from encoder.joint_layouts import layout_name
from umurl_search.clips.normalization import PIPELINE
from umurl_search.datasets import protocols
from umurl_search.evaluation.confusion import WrongNeighbour, confusion, find_most_confused, wrong_neighbours
from umurl_search.evaluation.metrics import RANKING_METRICS, list_metrics, percent
from umurl_search.evaluation.modality_matrix import Retrieval
from umurl_search.evaluation.projection import NAMES, Method, flatten, sample_rows
from umurl_search.library import encoder_registry
from umurl_search.library.library import Library
from umurl_search.report.figures import MOST_NAMED, Bar, Cloud, class_bars, confusion_map, embedding_figure
from umurl_search.report.mpl_style import picture
from umurl_search.report.page import Block, Picture, Section, Table, Text
from umurl_search.report.training_curves import curves_figure, summary
from umurl_search.training.history import HISTORY, read_history

COUNTED = "Numbers count clips."
NUMBERED = "Classes go by their labels, which the table above names."
MOST_PAIRS, MOST_NEIGHBOURS = 20, 30
MOST_QUERIES, MOST_GALLERY = 2000, 1000
"""Points of the map."""


# what was evaluated


def facts(found: Retrieval) -> Section:
    manifest, split = found.opened.index.manifest, found.opened.split
    row = found.dataset
    classes = len(np.unique(found.query_labels))
    rows = [
        ("dataset", f"{row['name']} ({protocols.find(row['name']).title}): {_recordings(row)}"),
        (
            "protocol",
            f"{split.protocol}: {len(split.queries):,} test clips of {classes} classes asked in a gallery "
            f"of {len(split.gallery):,}",
        ),
        ("encoder", _encoder(found)),
        ("its training", _training(found.entry.config)),
        (
            "index",
            f"{found.opened.name}: {manifest['index_kind']}, transform {manifest['transform']}, "
            f"{len(found.opened.index.ids):,} clips, {', '.join(manifest['modalities'])}, embedded in "
            f"{manifest.get('precision', 'float32')}",
        ),
        (
            "preprocessing",
            f"fingerprint {PIPELINE.fingerprint}: "
            + "; ".join(f"{name} {value}" for name, value in manifest["pipeline"].items()),
        ),
        ("weights", f"sha256 {manifest['encoder_hash']}"),
    ]
    warnings: list[Block] = [Text(text=f"Note: {warning}.", warning=True) for warning in found.warnings]
    return Section(title="What was evaluated", blocks=[*warnings, Table(columns=("", ""), rows=rows)])


def _recordings(row: dict[str, Any]) -> str:
    report = row["report"]
    left_out = ", ".join(f"{count:,} left out: {reason}" for reason, count in report["left_out"].items())
    return (
        f"{report['used']:,} clips of {report['found']:,} recordings{f' ({left_out})' if left_out else ''}; format "
        f"{row['format']}, coordinates {row['state']}, joints {layout_name(row['layout'])}"
    )


def _encoder(found: Retrieval) -> str:
    entry = found.entry
    model = ", ".join(f"{k.replace('_', ' ')} {_join(v)}" for k, v in entry.config["model"].items() if v)
    made_for = " ".join(part for part in (entry.dataset, entry.protocol) if part) or "no dataset"
    origin = {"shipped": "ships with the package, trained on", "imported": "imported for"}
    words = origin.get(entry.config["origin"], "trained on")
    dimension = found.opened.index.manifest["dimension"]
    return f"{entry.name}: {words} {made_for}; {model}; embeddings of {dimension} numbers"


def _training(config: dict[str, Any]) -> str:
    if "training" not in config:
        return "not known"
    preset = f"preset {config['preset']}, " if config.get("preset") else ""
    clips = f"{config['clips']:,} clips, " if "clips" in config else ""
    return f"{preset}{clips}" + ", ".join(
        f"{name.replace('_', ' ')} {_join(v)}"
        for name, v in config["training"].items()
        if v is not None and v is not False
    )


def _join(value: Any) -> str:
    if isinstance(value, list | tuple):
        return ", ".join(map(_join, value))
    return f"{value:g}" if isinstance(value, float) else str(value)


# figures


def retrieval(found: Retrieval) -> Section:
    metrics = RANKING_METRICS.items()
    columns = ("modality", "1-NN = R@1", "R@5", "R@10", *(metric.header for _, metric in metrics))
    rows = []
    for modality in found.modalities:
        own = found.figures[modality, modality]
        recalls = (percent(own.recall_at[k]) for k in ("5", "10"))
        ranked = (metric.write(own.ranking[name]) for name, metric in metrics)
        rows.append((modality, percent(own.accuracy), *recalls, *ranked))
    name, transform = found.opened.split.protocol, found.opened.index.transform
    title = f"{found.opened.dataset} {name}, transform {transform}: queries and gallery of the same modality"
    blocks: list[Block] = [Table(columns=columns, rows=rows, numbers=frozenset(columns[1:]), caption=title)]
    n, having = len(found.query_labels), found.own.ranked
    if having < n:
        text = f"{list_metrics()} are over the {having:,} of {n:,} queries with a relevant clip."
        blocks.append(Text(text=text))
    return Section(title="Retrieval", blocks=[*blocks, _matrix(found)])


def _matrix(found: Retrieval) -> Table:
    rows = [(q, *(percent(found.figures[q, g].accuracy) for g in found.modalities)) for q in found.modalities]
    columns = ("query \\ gallery", *found.modalities)
    return Table(
        columns=columns,
        rows=rows,
        numbers=frozenset(found.modalities),
        caption="1-NN accuracy across modalities: bridges fitted on the gallery alone, without labels",
    )


def linear(library: Library, found: Retrieval, *, device: str) -> Section:
    """Trains a linear classifier on every modality of the index."""
    from umurl_search.evaluation.linear_eval import LinearRequest, linear_eval

    split, name = found.opened.split, found.opened.name
    rows = []
    for modality in found.modalities:
        request = LinearRequest(index=name, protocol=split.protocol, modality=modality, device=device)
        result = linear_eval(library, request)
        best = result.best
        rows.append((modality, percent(result.accuracy), percent(best.accuracy), str(best.epoch)))
    config = ", ".join(f"{key.replace('_', ' ')} {_join(value)}" for key, value in result.config.items())
    columns = ("modality", "last epoch", "best epoch", "which")
    table = Table(
        columns=columns,
        rows=rows,
        numbers=frozenset(columns[1:]),
        caption="Accuracy of a linear classifier on the frozen embeddings, before any transform",
    )
    said = Text(
        text=f"The figure is the last epoch's; the best is chosen on the test clips and flatters. Schedule: {config}."
    )
    more = [
        Text(text=f"Note: {line}.", warning=True) for line in result.warnings if line not in found.warnings
    ]
    return Section(title="Linear evaluation", blocks=[*more, table, said])


# classes


def classes(found: Retrieval) -> Section:
    mixed = confusion(found.own.predicted, found.query_labels)
    mistaken = {pair.wanted: pair for pair in reversed(find_most_confused(mixed, mixed.counts.size))}
    figures = found.own.per_class
    hardest = sorted(figures, key=lambda row: (row.accuracy, row.label))
    bars = [Bar(name=found.action(row.label), accuracy=row.accuracy, queries=row.queries) for row in hardest]
    rows = []
    for row in figures:
        worst = mistaken.get(row.label)
        rows.append(
            (
                str(row.label),
                found.action(row.label),
                str(row.queries),
                percent(row.accuracy),
                f"{found.action(worst.predicted)} ({worst.count})" if worst else "",
            )
        )
    table = Table(
        columns=("label", "action", "queries", "accuracy", "most often taken for"),
        rows=rows,
        folded=True,
        numbers=frozenset({"label", "queries", "accuracy"}),
        caption=f"All {len(rows)} classes",
    )
    drawn = picture(class_bars(bars, average=found.own.accuracy))
    caption = f"1-NN accuracy of {found.main} by class, hardest first."
    return Section(title="Classes", blocks=[Picture(name="classes", png=drawn, caption=caption), table])


def mistakes(found: Retrieval) -> Section:
    mixed = confusion(found.own.predicted, found.query_labels)
    names = [found.action(label) for label in mixed.classes.tolist()]
    drawn = Picture(
        name="confusion",
        png=picture(confusion_map(mixed, names)),
        caption="What the test clips of each class (rows) were taken for (columns); the darker, the larger the share "
        f"of the row. {COUNTED if len(names) <= MOST_NAMED else NUMBERED}",
    )
    pairs = find_most_confused(mixed, MOST_PAIRS)
    rows = [
        (
            found.action(p.wanted),
            found.action(p.predicted),
            str(p.count),
            str(p.queries),
            percent(p.count / p.queries),
        )
        for p in pairs
    ]
    columns = ("is", "taken for", "clips", "of", "share")
    table = Table(
        columns=columns,
        rows=rows,
        numbers=frozenset(columns[2:]),
        caption=f"The {len(rows)} pairs most often confused"
        if len(rows) > 1
        else "The pair most often confused",
    )
    return Section(
        title="Confusion", blocks=[drawn, table if rows else Text(text="No test clip was mistaken.")]
    )


def wrong_examples(found: Retrieval, most: int) -> list[WrongNeighbour]:
    """Test clips whose nearest clip is of another class, those with the highest scores first."""
    nearest = found.own.neighbours[:, 0]
    return wrong_neighbours(
        found.queries, found.query_labels, found.gallery, found.gallery_labels, nearest, most=most
    )


def neighbours(found: Retrieval) -> Section:
    n_wrong = int((found.own.predicted != found.query_labels).sum())
    wrong = wrong_examples(found, MOST_NEIGHBOURS)
    names, split = found.opened.columns.name, found.opened.split
    rows = [
        (
            f"{one.score:.4f}",
            names[split.queries[one.query]],
            found.action(int(found.query_labels[one.query])),
            names[split.gallery[one.neighbour]],
            found.action(int(found.gallery_labels[one.neighbour])),
        )
        for one in wrong
    ]
    columns = ("score", "query", "is", "nearest clip", "is a")
    said = Text(
        text=f"{n_wrong:,} of {len(found.query_labels):,} test clips {'has' if n_wrong == 1 else 'have'} a nearest "
        "clip of another class. Those "
        "with the highest scores come first: look here for wrong labels and for classes that the encoder cannot "
        "tell apart."
    )
    table = Table(
        columns=columns,
        rows=rows,
        numbers=frozenset({"score"}),
        caption=f"The first {len(rows)}" if len(rows) > 1 else "",
    )
    return Section(title="Nearest wrong neighbours", blocks=[said, table] if rows else [said])


# pictures of the embedding and its making


def embedding(found: Retrieval, method: Method) -> Section:
    """PCA, and `method` beside it if that is another; a seeded sample where there are too many clips."""
    generator = np.random.default_rng(0)
    asked = sample_rows(len(found.queries), MOST_QUERIES, generator=generator)
    held = sample_rows(len(found.gallery), MOST_GALLERY, generator=generator)
    y = np.concatenate([found.gallery[held], found.queries[asked]])
    labels = np.concatenate([found.gallery_labels[held], found.query_labels[asked]])
    test = np.arange(len(y)) >= len(held)
    methods = dict.fromkeys([method, "pca"])
    clouds = [Cloud(title=NAMES[m], points=flatten(y, m), labels=labels, test=test) for m in methods]
    names = {label: found.action(label) for label in np.unique(found.query_labels).tolist()}
    drawn = Picture(
        name="map",
        png=picture(embedding_figure(clouds, names)),
        caption=f"The {found.main} embedding: {_share(len(asked), len(found.queries), 'test clips')} by colour of "
        f"their class, its label at its middle, over {_share(len(held), len(found.gallery), 'gallery clips')} in grey. "
        "Distances in such maps are only a hint.",
    )
    return Section(title="Map of the embedding", blocks=[drawn])


def _share(shown: int, n: int, what: str) -> str:
    return f"all {n:,} {what}" if shown == n else f"{shown:,} of the {n:,} {what}, drawn at random,"


def training(found: Retrieval) -> Section:
    folder = found.entry.folder
    if not (folder / HISTORY).is_file():
        why = {
            encoder_registry.SHIPPED: "the encoder in the package comes without one",
            "imported": "imported encoders have none",
        }.get(found.entry.config["origin"], "it was trained by an earlier version")
        return Section(title="Training", blocks=[Text(text=f"There is no training history: {why}.")])
    history = read_history(folder)
    drawn = picture(curves_figure(history))
    return Section(title="Training", blocks=[Picture(name="curves", png=drawn, caption=summary(history))])
