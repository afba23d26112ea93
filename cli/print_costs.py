"""Draws what `costs` counts and measures."""

from cli.print_tables import new_console, new_table
from umurl_search.evaluation.model_cost import CostTable


def print_costs(found: CostTable) -> None:
    console = new_console()
    whose = f"preset {found.preset}" if found.preset else f"encoder {found.encoder or '-'}"
    people = "one person" if found.people == 1 else f"{found.people} people"
    console.print(f"{whose}, width {found.width}, one clip of {people}, {found.frames} frames")
    right = ("models", "parameters", "FLOPs", "clips/s")
    measured = found.measured
    table = new_table("modalities", *(right if measured else right[:-1]), right=right)
    for row in found.rows:
        cells = [row.subset, f"{row.models}", _format_count(row.parameters), _format_count(row.flops)]
        speed = "" if row.clips_per_s is None else f"{row.clips_per_s:,.0f}"
        table.add_row(*cells, *([speed] if measured else []))
    console.print(table)
    console.print("FLOPs: of matrix products, a multiply-add counted as 2")
    if any(row.models > 1 for row in found.rows):
        console.print("late-fused, for comparison: a separate model for each modality")
    if measured:
        n = measured.threads
        threads = f", {n} thread{'s' if n > 1 else ''}" if n else ""
        console.print(
            f"clips/s: {measured.device}{threads}, {measured.clips} clips at a time, median of "
            f"{measured.repeats}"
        )


def _format_count(n: int) -> str:
    """A count with its prefix, four digits."""
    for unit, size in (("G", 1e9), ("M", 1e6), ("k", 1e3)):
        if n >= size:
            return f"{n / size:.4g} {unit}"
    return str(n)
