"""Draws the figures of `linear-eval`, `semi-eval` and `transfer-eval`."""

from cli.print_tables import Document, new_console, new_table, percent

_BEST = "best epoch (chosen on the test clips)"


def linear(document: Document) -> None:
    console = new_console()
    console.print(f"{_where(document)}, encoder {document['encoder']}, index {document['index']}")
    console.print(
        f"linear classifier on frozen {document['modality']} embeddings, {_schedule(document['config'])}"
    )
    table = new_table("accuracy, last epoch", _BEST)
    table.add_row(percent(document["accuracy"]), _best(document))
    console.print(table)
    console.print(_hardest(document))


def late(document: Document) -> None:
    console = new_console()
    console.print(_where(document))
    console.print(f"linear classifiers, the mean of their scores, {_schedule(document['config'])}")
    table = new_table("index", "encoder", "modality", "accuracy, last epoch", _BEST, "1-NN accuracy")
    for part in document["parts"]:
        own = (percent(part["accuracy"]), _best(part), percent(part["knn_accuracy"]))
        table.add_row(part["index"], part["encoder"], part["modality"], *own)
    fused = (percent(document["accuracy"]), _best(document), percent(document["knn_accuracy"]))
    table.add_row("late-fused", "", "", *fused)
    console.print(table)
    console.print("late-fused: mean of softmax scores; for 1-NN, sum of cosines")
    console.print(_hardest(document))


def semi(document: Document) -> None:
    console = new_console()
    console.print(f"{_where(document)}, encoder {document['encoder']}, index {document['index']}")
    how = (
        "encoder fine-tuned" if document["method"] == "finetune" else "linear classifier on frozen embeddings"
    )
    console.print(
        f"{how}, {document['modality']}, class-balanced shares of the labels, seeds a share: {document['seeds']}"
    )
    table = new_table(
        "share of labels", "clips", "accuracy, last epoch", "deviation", "lowest", "highest", "steps"
    )
    for row in document["shares"]:
        runs = [run["accuracy"] for run in row["runs"]]
        deviation = "" if row["std"] is None else percent(row["std"])
        table.add_row(
            f"{100 * row['share']:g} %",
            f"{row['clips']:,}",
            percent(row["accuracy"]),
            deviation,
            percent(min(runs)),
            percent(max(runs)),
            f"{row['steps']:,}",
        )
    console.print(table)


def transfer(document: Document) -> None:
    console = new_console()
    source = document["trained_on"] or {}
    made = " ".join(part for part in source.values() if part) or "not known"
    console.print(
        f"{_where(document)}, encoder {document['encoder']} (trained on: {made}), {document['modality']}"
    )
    table = new_table("", "accuracy, last epoch", _BEST, "schedule")
    for title, key in (("linear, encoder frozen", "linear"), ("fine-tuned whole", "finetuned")):
        part = document[key]
        table.add_row(title, percent(part["accuracy"]), _best(part), _schedule(part["config"]))
    console.print(table)


def _where(document: Document) -> str:
    counts = (
        f"{document['train']:,} training and {document['test']:,} test clips, {document['classes']} classes"
    )
    return f"{document['dataset']} {document['protocol']}: {counts}"


def _schedule(config: Document) -> str:
    standardised = ", standardised" if config.get("standardise") else ""
    return (
        f"{config['epochs']} epochs of batches of {config['batch_size']} ({config['steps']:,} steps), seed "
        f"{config['seed']}{standardised}"
    )


def _best(figures: Document) -> str:
    best = figures["best"]
    return f"{percent(best['accuracy'])} (epoch {best['epoch']})"


def _hardest(document: Document) -> str:
    hardest = sorted(document["per_class"], key=lambda row: (row["accuracy"], row["label"]))[:5]
    named = ", ".join(f"{row['action'] or row['label']} {percent(row['accuracy'])}" for row in hardest)
    return f"hardest: {named}"
