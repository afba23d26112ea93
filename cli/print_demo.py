"""Draws what the demo comes to: the two encoders side by side, and what to type next."""

from collections.abc import Callable

from cli.demo_results import DemoReport, DemoTraining, TrainedBefore
from cli.print_tables import new_console, new_table
from encoder.schedule import PRESETS
from umurl_search.evaluation.metrics import percent

Typed = Callable[[str], str]


def print_training(found: DemoTraining | TrainedBefore) -> None:
    """How far the training came."""
    came = f"it came to epoch {found.epochs} of {found.planned_epochs}"
    if isinstance(found, TrainedBefore):
        new_console().print(f"encoder {found.encoder} was trained before: {came}")
        return
    new_console().print(
        f"encoder {found.encoder}: {found.clips:,} clips of {found.dataset} "
        f"{found.protocol}, {found.seconds:.0f} s, {found.clips_per_s:.0f} clips/s; {came}"
    )


def print_comparison(report: DemoReport, typed: Typed) -> None:
    """Both indexes' accuracy on the same clips, which is the default, and how to go on with the training."""
    console, train = new_console(), report.train
    table = new_table("index", "1-NN accuracy", "encoder", right=("1-NN accuracy",))
    for one in (report, report.other):
        encoder = one.build.encoder
        came = f"{encoder}, epoch {train.epochs} of {train.planned_epochs}"
        said = came if encoder == train.encoder else f"{encoder}, the one in the package"
        table.add_row(one.build.index, percent(one.evaluation.accuracy), said)
    console.print(table)
    console.print(f"commands that name no index take {report.build.index} from now on, the better one")
    words, purpose = suggest_longer_training(train)
    console.print(f"{purpose}:  {typed(words)}")
    encoder = f"demo-xsub-{words.rpartition(' ')[2]}"
    console.print(f"then to use that encoder:  {typed(f'build-index demo --encoder {encoder}')}")


def suggest_longer_training(train: DemoTraining | TrainedBefore) -> tuple[str, str]:
    """The command that trains a better encoder than this, and its epochs: to the end, else the next size."""
    if train.epochs < train.planned_epochs:
        return "train demo --preset tiny", f"to train all {train.planned_epochs} epochs"
    return "train demo --preset small", f"to train a larger one, {PRESETS['small'][1].epochs} epochs"


def print_next_steps(report: DemoReport, clip: str, typed: Typed) -> None:
    console = new_console()
    console.print(f"\ndone in {report.seconds['total']:.0f} s. What to type next:")
    for words, remark in (
        (f"query {clip} --modality motion --k 3", ""),
        ("query demo:S001C001P001R001A005 --exclude-same-performance", ""),
        ("knn-eval --protocol xview --exclude-same-performance", ""),
        ("build-index demo --encoder shipped --transform half-whiten", "often finds more in recordings"),
        ("ingest mine --source FOLDER", "your own clips: .npy, .skeleton, pickles, ..."),
        ("datasets", "NTU RGB+D, PKU-MMD, NW-UCLA, UTD-MHAD"),
    ):
        console.print(f"  {typed(words)}" + (f"   # {remark}" if remark else ""))
