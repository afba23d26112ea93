"""Names of modality subsets: data and parsing only."""

BASE = ("joint", "bone", "motion")
FUSED = "fused"
SINGLE_AND_FUSED = (*BASE, FUSED)
ALL = ("joint", "bone", "motion", "joint+bone", "joint+motion", "bone+motion", FUSED)


def parse(text: str) -> str:
    """The canonical name of a subset: `bone+joint` is `joint+bone`, all three are `fused`.

    Raises ValueError when a part is not a modality or stands twice.
    """
    parts = list(BASE) if text == FUSED else text.split("+")
    if not set(parts) <= set(BASE) or len(set(parts)) < len(parts):
        raise ValueError(f"modality is joint, bone, motion, any + of them, or fused, got '{text}'")
    return FUSED if len(parts) == len(BASE) else "+".join(m for m in BASE if m in parts)


def members(modality: str) -> tuple[str, ...]:
    """The base modalities in a canonical name, in the order joint, bone, motion."""
    return BASE if modality == FUSED else tuple(modality.split("+"))
