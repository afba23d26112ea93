"""Draws what `export` wrote."""

from cli.print_tables import Document, new_console, size


def exported(document: Document) -> None:
    console = new_console()
    console.print(
        f"{document['out']}: {document['rows']:,} rows of index {document['index']}, {document['dimension']} "
        f"dimensions, {', '.join(document['modalities'])}, encoder {document['encoder']}; {size(document['bytes'])}"
    )
    console.print(f"rows in order of clip id: {', '.join(document['files'])}")
