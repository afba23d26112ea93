"""The commands `duplicates` and `leaks`: their documents, their drawings, their errors."""

from collections.abc import Callable

from conftest import Result

from umurl_search.library.library import Library

Command = Callable[..., Result]


def test_duplicates_document(command: Command, indexed: Library) -> None:
    document = command("duplicates", "--above", "0.5", "--json").json
    assert (document["index"], document["encoder"], document["modality"]) == ("mine@e", "e", "fused")
    assert (document["above"], document["chosen"], document["clips"]) == (0.5, None, 60)
    assert sum(len(group["pairs"]) for group in document["groups"]) == document["pairs"] > 0
    assert set(document["groups"][0]["clips"][0]) == {
        "clip_id",
        "name",
        "label",
        "action",
        "subject",
        "camera",
        "setup",
        "replication",
        "frames",
        "score",
    }


def test_problems(command: Command, indexed: Library) -> None:
    for name in ("duplicates", "leaks"):
        assert command(name, "--above", "1.5").code == 2
        assert command(name, "--modality", "smell").code == 2
        unknown = command(name, "nowhere")
        assert (unknown.code, unknown.out) == (1, "")
        assert "no index 'nowhere'; there are mine@e" in unknown.err
        absent = command(name, "--modality", "joint+bone")
        assert absent.code == 1
        assert "index mine@e holds no joint+bone embeddings" in absent.err
    assert "mine has no protocol 'xview': it has xsub" in command("leaks", "--protocol", "xview").err
