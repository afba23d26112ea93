"""Draws what `report` did."""

from cli.print_tables import new_console
from umurl_search.evaluation.metrics import percent
from umurl_search.report.report import WrittenReport


def print_report(written: WrittenReport) -> None:
    console = new_console()
    console.print(
        f"{written.out}: {written.dataset} {written.protocol}, encoder {written.encoder}, index {written.index}, "
        f"1-NN accuracy {percent(written.accuracy)}, {written.seconds['total']:.1f} s"
    )
    console.print(f"sections: {', '.join(written.sections)}")
