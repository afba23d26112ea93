"""Draws the figures of `linear-eval`, `semi-eval` and `transfer-eval`."""

from cli.print_knn_eval import describe_hardest
from cli.print_tables import new_console, new_table
from umurl_search.evaluation.classifier_results import (
    Classification,
    FinetuneSchedule,
    LateFusedFigures,
    LinearFigures,
    LinearSchedule,
    TrainedClassifier,
)
from umurl_search.evaluation.metrics import percent
from umurl_search.evaluation.semi_supervised import SemiFigures
from umurl_search.evaluation.transfer import TransferFigures

_BEST = "best epoch (chosen on the test clips)"


def print_linear(found: LinearFigures) -> None:
    console = new_console()
    console.print(f"{_describe_task(found)}, encoder {found.encoder}, index {found.index}")
    console.print(f"linear classifier on frozen {found.modality} embeddings, {_schedule(found.config)}")
    table = new_table("accuracy, last epoch", _BEST)
    table.add_row(percent(found.accuracy), _describe_best(found))
    console.print(table)
    console.print(describe_hardest(found.per_class))


def print_late_fused(found: LateFusedFigures) -> None:
    console = new_console()
    console.print(_describe_task(found))
    console.print(f"linear classifiers, the mean of their scores, {_schedule(found.config)}")
    table = new_table("index", "encoder", "modality", "accuracy, last epoch", _BEST, "1-NN accuracy")
    for part in found.parts:
        own = (percent(part.accuracy), _describe_best(part), percent(part.knn_accuracy))
        table.add_row(part.index, part.encoder, part.modality, *own)
    fused = (percent(found.accuracy), _describe_best(found), percent(found.knn_accuracy))
    table.add_row("late-fused", "", "", *fused)
    console.print(table)
    console.print("late-fused: mean of softmax scores; for 1-NN, sum of cosines")
    console.print(describe_hardest(found.per_class))


def print_semi(found: SemiFigures) -> None:
    console = new_console()
    console.print(f"{_describe_task(found)}, encoder {found.encoder}, index {found.index}")
    how = "encoder fine-tuned" if found.method == "finetune" else "linear classifier on frozen embeddings"
    console.print(
        f"{how}, {found.modality}, class-balanced shares of the labels, seeds a share: {found.seeds}"
    )
    table = new_table(
        "share of labels", "clips", "accuracy, last epoch", "deviation", "lowest", "highest", "steps"
    )
    for row in found.shares:
        runs = [run.accuracy for run in row.runs]
        table.add_row(
            f"{100 * row.share:g} %",
            f"{row.clips:,}",
            percent(row.accuracy),
            "" if row.std is None else percent(row.std),
            percent(min(runs)),
            percent(max(runs)),
            f"{row.steps:,}",
        )
    console.print(table)


def print_transfer(found: TransferFigures) -> None:
    console = new_console()
    source = found.trained_on
    made = " ".join(part for part in (source.dataset, source.protocol) if part) or "not known"
    console.print(f"{_describe_task(found)}, encoder {found.encoder} (trained on: {made}), {found.modality}")
    table = new_table("", "accuracy, last epoch", _BEST, "schedule")
    for title, part in (("linear, encoder frozen", found.linear), ("fine-tuned whole", found.finetuned)):
        table.add_row(title, percent(part.accuracy), _describe_best(part), _schedule(part.config))
    console.print(table)


def _describe_task(found: Classification) -> str:
    counts = f"{found.train:,} training and {found.test:,} test clips, {found.classes} classes"
    return f"{found.dataset} {found.protocol}: {counts}"


def _schedule(config: LinearSchedule | FinetuneSchedule) -> str:
    standardised = ", standardised" if isinstance(config, LinearSchedule) and config.standardise else ""
    return (
        f"{config.epochs} epochs of batches of {config.batch_size} ({config.steps:,} steps), seed "
        f"{config.seed}{standardised}"
    )


def _describe_best(classifier: TrainedClassifier) -> str:
    return f"{percent(classifier.best.accuracy)} (epoch {classifier.best.epoch})"
