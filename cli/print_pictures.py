"""Says what `render` drew."""

from cli.print_tables import Document, new_console


def drawn(document: Document) -> None:
    console = new_console()
    clips = document["clips"]
    pixels = "" if document["width"] is None else f", {document['width']} x {document['height']} pixels"
    lasts = "still" if document["seconds"] is None else f"{document['seconds']:.2f} s"
    lasts += "" if document["fps"] is None else f", {document['fps']:g} pictures a second"
    console.print(
        f"{document['out']}: {document['kind']}, {lasts}{pixels}, {document['bytes'] / 1024:,.0f} KiB"
    )
    hits = f" and {len(clips) - 1} hits in {document['index']['name']}" if document["index"] else ""
    console.print(f"{clips[0]['name']}{hits}")
