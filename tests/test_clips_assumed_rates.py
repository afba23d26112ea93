"""Rates that are assumed are said, until one is stated."""

from umurl_search.clips.assumed_rates import assume_rate, drop_rates


def test_notes_on_assumed_rates() -> None:
    note = assume_rate("it states no rate", 60.0, whose=", as AIST++ has it")
    assert note == "it states no rate: 60 frames a second are assumed, as AIST++ has it; --fps settles it"
    assert drop_rates(["odd", note], is_stated=False) == ("odd", note)
    assert drop_rates(["odd", note], is_stated=True) == ("odd",)
