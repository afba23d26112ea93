"""Draws what `report` did."""

from cli.print_tables import Document, new_console, percent


def written(document: Document) -> None:
    console = new_console()
    console.print(
        f"{document['out']}: {document['dataset']} {document['protocol']}, encoder {document['encoder']}, index "
        f"{document['index']}, 1-NN accuracy {percent(document['accuracy'])}, {document['seconds']['total']:.1f} s"
    )
    console.print(f"sections: {', '.join(document['sections'])}")
