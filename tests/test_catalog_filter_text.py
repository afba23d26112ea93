"""Several filters as one: what passes each passes all, and none means something else beside the others."""

import pytest

from umurl_search.library.catalog.filter_text import join_filters


def test_each_keeps_its_meaning() -> None:
    joined = join_filters(["a = 1 or b = 2", "name = ':) -- it''s'", '"b" in (1, 2)'])
    assert joined == "(a = 1 or b = 2) and (name = ':) -- it''s') and (\"b\" in (1, 2))"


@pytest.mark.parametrize(
    "part",
    [
        "a = 1) or (a = 2",
        "(a = 1",
        "a = 1)",
        "a = 1 -- all",
        "a = 1 /* all",
        "name = 'x",
        '"a',
        "([a)]",
        " ",
        "",
    ],
)
def test_what_is_no_condition_of_its_own_is_refused(part: str) -> None:
    with pytest.raises(ValueError, match="is no condition of its own"):
        join_filters(["b = 2", part])
