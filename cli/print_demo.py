"""Draws what the demo comes to: the two encoders side by side, and what to type next."""

from collections.abc import Callable

from cli.print_tables import Document, new_console, new_table, percent
from encoder.schedule import PRESETS

Typed = Callable[[str], str]


def trained(document: Document) -> None:
    """How far the training came. document: what `train` reports."""
    came = f"it came to epoch {document['epochs']} of {document['planned_epochs']}"
    if document["already_there"]:
        new_console().print(f"encoder {document['encoder']} was trained before: {came}")
        return
    new_console().print(
        f"encoder {document['encoder']}: {document['clips']:,} clips of {document['dataset']} "
        f"{document['protocol']}, {document['seconds']:.0f} s, {document['clips_per_s']:.0f} clips/s; {came}"
    )


def compared(document: Document, typed: Typed) -> None:
    """Both indexes' accuracy on the same clips, which is the default, and how to go on with the training."""
    console, train = new_console(), document["train"]
    table = new_table("index", "1-NN accuracy", "encoder", right=("1-NN accuracy",))
    for one in (document, document["other"]):
        encoder = one["build"]["encoder"]
        came = f"{encoder}, epoch {train['epochs']} of {train['planned_epochs']}"
        said = came if encoder == train["encoder"] else f"{encoder}, the one in the package"
        table.add_row(one["build"]["index"], percent(one["evaluation"]["accuracy"]), said)
    console.print(table)
    console.print(
        f"commands that name no index take {document['build']['index']} from now on, the better one"
    )
    words, purpose = longer(train)
    console.print(f"{purpose}:  {typed(words)}")
    console.print(f"then to use that encoder:  {typed('build-index demo')}")


def longer(train: Document) -> tuple[str, str]:
    """The command that trains a better encoder than this, and its epochs: to the end, else the next size."""
    if train["epochs"] < train["planned_epochs"]:
        return "train demo --preset tiny", f"to train all {train['planned_epochs']} epochs"
    return "train demo --preset small", f"to train a larger one, {PRESETS['small'][1].epochs} epochs"


def following(document: Document, clip: str, typed: Typed) -> None:
    console = new_console()
    console.print(f"\ndone in {document['seconds']['total']:.0f} s. What to type next:")
    for words, remark in (
        (f"query {clip} --modality motion --k 3", ""),
        ("query demo:S001C001P001R001A005 --exclude-same-performance", ""),
        ("knn-eval --protocol xview --exclude-same-performance", ""),
        ("build-index demo --encoder shipped --transform half-whiten", "often finds more in recordings"),
        ("ingest mine --source FOLDER", "your own clips: .npy, .skeleton, pickles, ..."),
        ("datasets", "NTU RGB+D, PKU-MMD, NW-UCLA, UTD-MHAD"),
    ):
        console.print(f"  {typed(words)}" + (f"   # {remark}" if remark else ""))
