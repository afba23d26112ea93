"""Commands that look after a library: `list`, `info`, `verify`, `prefer`, `delete`, `doctor`."""

from typing import Annotated

import typer

from cli.terminal import Terminal, command


def register(app: typer.Typer) -> None:
    command(app, "list")(list_contents)
    command(app, "info")(info)
    command(app, "verify")(verify)
    command(app, "prefer")(prefer)
    command(app, "delete")(delete)
    command(app, "rename")(rename)
    command(app, "doctor")(doctor)


def list_contents(terminal: Terminal) -> None:
    """Lists the datasets, encoders and indexes of the library."""
    from cli import print_maintenance
    from umurl_search.maintenance import inspect_and_doctor

    terminal.show(inspect_and_doctor.contents(terminal.library), print_maintenance.print_contents)


def info(
    terminal: Terminal,
    what: Annotated[str | None, typer.Argument(help="A dataset, encoder, index or DATASET:CLIPNAME")] = None,
) -> None:
    """Shows all that is known of one thing in the library."""
    from cli import print_maintenance
    from umurl_search.maintenance import inspect_and_doctor

    terminal.show(inspect_and_doctor.info(terminal.library, what), print_maintenance.print_facts)


def verify(terminal: Terminal) -> int:
    """Checks every file of the library and the catalog.

    Hashes every file. The exit code is 1 if anything is wrong.
    """
    from cli import print_maintenance
    from umurl_search.maintenance.results import Verification
    from umurl_search.maintenance.verify import verify as find_problems

    problems = find_problems(terminal.library, progress=terminal.progress)
    terminal.show(Verification(ok=not problems, problems=problems), print_maintenance.print_verified)
    if problems:
        print_maintenance.print_problem_line(problems)
    return 1 if problems else 0


def prefer(
    terminal: Terminal,
    index: Annotated[str, typer.Argument(help="The index's name")],
) -> None:
    """Makes an index the default one.

    Commands take it where none is named, until another is built.
    """
    from cli import print_maintenance
    from umurl_search.maintenance import inspect_and_doctor

    terminal.show(inspect_and_doctor.prefer(terminal.library, index), print_maintenance.print_preferred)


def delete(
    terminal: Terminal,
    what: Annotated[str, typer.Argument(help="NAME, or dataset:NAME, encoder:NAME, index:NAME")],
) -> None:
    """Deletes a dataset, an encoder or an index."""
    from cli import print_maintenance
    from umurl_search.maintenance import inspect_and_doctor

    terminal.show(inspect_and_doctor.delete(terminal.library, what), print_maintenance.print_deleted)


def doctor(terminal: Terminal) -> int:
    """Checks the installation, the device and the library.

    Checks the data folder, too. The exit code is 1 if anything is wrong.
    """
    from cli import print_maintenance
    from umurl_search.maintenance import inspect_and_doctor

    found = inspect_and_doctor.doctor(terminal.library, terminal.data)
    terminal.show(found, print_maintenance.print_checks)
    if not found.ok:
        print_maintenance.print_failed_check_line(found)
    return 0 if found.ok else 1


def rename(
    terminal: Terminal,
    what: Annotated[str, typer.Argument(help="NAME, or dataset:NAME, encoder:NAME, index:NAME")],
    new: Annotated[str, typer.Argument(help="Its new name")],
) -> None:
    """Renames a dataset, encoder or index.

    Nothing is read or embedded again.
    """
    from cli import print_maintenance
    from umurl_search.maintenance.rename import rename as give_name

    terminal.show(give_name(terminal.library, what, new), print_maintenance.print_renamed)
