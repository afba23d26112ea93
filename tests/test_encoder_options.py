"""Options that are declared once: their limits, and what is said of each."""

from dataclasses import dataclass

import pytest

from encoder.options import Option, check_limits, option, options_of


@dataclass(frozen=True, kw_only=True)
class Asked:
    clip: str
    k: int = option(10, "How many", low=1)
    share: float | None = option(None, "Of all", low=0, high=1)
    least: float = option(0.0, "At most", high=5, flag="--at-most")


def test_options_are_the_fields_that_are_declared_as_such() -> None:
    assert options_of(Asked) == {
        "k": (10, Option(help="How many", low=1)),
        "share": (None, Option(help="Of all", low=0, high=1)),
        "least": (0.0, Option(help="At most", high=5, flag="--at-most")),
    }


@pytest.mark.parametrize(
    "given", [{}, {"k": 1}, {"share": 0.0}, {"share": 1.0}, {"least": 5.0}, {"least": -9.0}]
)
def test_numbers_at_their_limits_pass(given: dict[str, float]) -> None:
    check_limits(Asked(clip="x", **given))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"k": 0}, "k is 1 or more, got 0"),
        ({"share": 1.5}, "share is from 0 to 1, got 1.5"),
        ({"share": float("nan")}, "share is from 0 to 1, got nan"),
        ({"least": 6.0}, "least is at most 5, got 6.0"),
    ],
)
def test_a_number_outside_its_limits_is_told_with_them(given: dict[str, float], told: str) -> None:
    with pytest.raises(ValueError, match=f"^{told}$"):
        check_limits(Asked(clip="x", **given))  # type: ignore[arg-type]
