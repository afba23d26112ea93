"""Figures of `localize-eval` on the terminal."""

from collections.abc import Callable

from conftest import Result

from umurl_search.library.library import Library


def test_localize_eval_is_drawn(long: Library, command: Callable[..., Result]) -> None:
    document, printed = command("localize-eval", "--json").json, command("localize-eval").out
    assert printed.startswith(f"long xsub: {document['queries']} segments of 2 test recordings ask for ")
    assert f"{100 * document['map']['0.3']:.1f} %" in printed
    assert f"over the {document['ranked']} queries whose action is in the gallery" in printed
