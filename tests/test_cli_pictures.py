"""The command `render`: its document, its drawing, its errors."""

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from conftest import Result
from detector_files import landmarks, write_holistic, write_openpose

from umurl_search.library.library import Library
from umurl_search.readers.formats import list_suffixes
from umurl_search.synthetic.demo_corpus import make_clip

Command = Callable[..., Result]
PLACE = "give a file that ends in .gif, .mp4, .png, .svg or .html, in a folder that exists"
CLIP = "mine:S001C001P002R001A005"


def test_a_clip(command: Command, indexed: Library, tmp_path: Path) -> None:
    told = command("render", CLIP, "--out", tmp_path / "a.gif", "--pixels", 60, "--json")
    assert (told.code, told.err) == (0, "")
    document = told.json
    assert (document["kind"], document["fps"], document["index"]) == ("gif", 15, None)
    (clip,) = document["clips"]
    assert (clip["name"], clip["people"], clip["verdict"]) == (CLIP, 1, None)
    assert document["seconds"] == clip["frames"] / 30
    assert document["pictures"] == -(-clip["frames"] // 2)
    assert (tmp_path / "a.gif").read_bytes()[:6] == b"GIF89a"
    drawn = command("render", CLIP, "--out", tmp_path / "a.gif", "--pixels", 60)
    assert drawn.out == (
        f"{tmp_path / 'a.gif'}: gif, {document['seconds']:.2f} s, 15 pictures a second, 80 x "
        f"{document['height']} pixels, {document['bytes'] / 1024:,.0f} KiB\n{CLIP}\n"
    )


def test_a_query_with_its_hits(command: Command, indexed: Library, tmp_path: Path) -> None:
    asked = ("--modality", "bone", "--where", "subject != 2", "--against", "joint")
    told = command("render", CLIP, "--out", tmp_path / "a.svg", "--hits", 3, *asked, "--json")
    found = command("query", CLIP, "--k", 3, *asked, "--json").json
    assert told.code == 0
    query, *hits = told.json["clips"]
    assert query["title"].startswith("query")
    assert [hit["name"] for hit in hits] == [f"mine:{hit['name']}" for hit in found["hits"]]
    wanted = found["query"]["label"]
    assert [hit["verdict"] for hit in hits] == [
        "right" if hit["label"] == wanted else "wrong" for hit in found["hits"]
    ]
    assert told.json["index"] == found["index"]
    drawn = command("render", CLIP, "--out", tmp_path / "a.png", "--hits", 3, "--poses", 2)
    assert drawn.out.splitlines()[0].startswith(f"{tmp_path / 'a.png'}: png, still, ")
    assert drawn.out.splitlines()[1] == f"{CLIP} and 3 hits in mine@e"


def test_a_folder_of_frames_is_drawn_as_it_asks(command: Command, indexed: Library, tmp_path: Path) -> None:
    walk = write_openpose(tmp_path / "both" / "walk")
    told = command("render", walk, "--out", tmp_path / "a.svg", "--pixels", 60, "--json")
    assert (told.code, told.json["clips"][0]["layout"]) == (0, "openpose-25")
    hits = command("render", walk, "--out", tmp_path / "a.svg", "--hits", 2, "--json")
    assert hits.json["clips"][0]["name"] == str(walk)
    write_openpose(tmp_path / "both" / "run")
    told = command("render", tmp_path / "both", "--out", tmp_path / "a.svg")
    assert told.code == 1
    assert f"{tmp_path / 'both'}: a folder of 2 clips, and one is wanted here; give one of them" in told.err


def test_the_size_of_the_picture_that_joints_were_found_in(
    command: Command, indexed: Library, tmp_path: Path
) -> None:
    signs, out = write_holistic(tmp_path / "signs", landmarks()), tmp_path / "a.svg"
    told = command("render", signs, "--out", out)
    assert "4:3 is assumed; --size settles it" in told.err
    before = out.read_text()
    told = command("render", signs, "--out", out, "--size", "1920x1080")
    assert (told.code, "4:3" in told.err) == (0, False)
    assert out.read_text() != before
    told = command("render", signs, "--out", out, "--size", 800)
    assert told.code == 2
    assert "such as 1280x720, got '800'; --pixels 800 says how large render draws" in told.err


@pytest.mark.parametrize("kind", ["gif", "mp4", "png", "svg", "html"])
def test_endings_in_capitals_are_endings(
    command: Command, indexed: Library, tmp_path: Path, kind: str
) -> None:
    clip = tmp_path / "A.NPY"
    with open(clip, "wb") as file:
        np.save(file, make_clip("S001C002P003R001A010"))
    pictures = []
    for ending in (kind, kind.upper()):
        out = tmp_path / f"a.{ending}"
        assert command("render", clip, "--out", out, "--pixels", 60, "--seconds", 0.5).code == 0
        pictures.append(out.read_bytes())
    n = 40 if kind == "mp4" else None  # what follows differs by some bytes from run to run
    assert pictures[0][:n] == pictures[1][:n]


def test_what_is_cut_is_said(command: Command, indexed: Library, tmp_path: Path) -> None:
    told = command("render", CLIP, "--out", tmp_path / "a.svg", "--seconds", 0.5)
    assert told.code == 0
    assert told.err.startswith(f"note: {CLIP}: the first 0.5 s of ")
    assert ": svg, 0.50 s, 15 pictures a second, " in told.out


def test_a_view_is_another_picture(command: Command, indexed: Library, tmp_path: Path) -> None:
    views: dict[str, tuple[object, ...]] = {
        "a": (),
        "b": ("--azimuth", 90),
        "c": ("--elevation", 60),
        "d": ("--orthographic",),
        "e": ("--theme", "dark"),
    }
    for name, options in views.items():
        assert command("render", CLIP, "--out", tmp_path / f"{name}.svg", "--poses", 1, *options).code == 0
    assert len({path.read_bytes() for path in tmp_path.glob("?.svg")}) == 5


@pytest.mark.parametrize(
    ("clip", "out", "said"),
    [
        (CLIP, "a.avi", f"a.avi: no such kind of file is written here; {PLACE}"),
        (CLIP, "no/a.gif", f"no/a.gif: no folder no; {PLACE}"),
        ("mine:nobody", "a.gif", "no clip 'nobody' in mine: umurl-search info mine shows some names"),
        (
            "yours:nobody",
            "a.gif",
            "no dataset 'yours' in the library (it has mine): umurl-search ingest yours",
        ),
        (
            "nothing",
            "a.gif",
            f"nothing: not a clip; give a {list_suffixes()} file, or DATASET:CLIPNAME",
        ),
        ("absent.npy", "a.gif", "absent.npy: no such file; give the path of a clip"),
        ("bad.npy", "a.gif", "bad.npy: "),
        ("empty.npy", "a.gif", "empty.npy: nobody is in any of its 3 frames; give a clip with a person"),
    ],
)
def test_problems(
    command: Command,
    indexed: Library,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    clip: str,
    out: str,
    said: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("bad.npy").write_bytes(os.urandom(64))
    np.save("empty.npy", np.zeros((3, 25, 3), dtype=np.float32))
    Path("a.gif").write_bytes(b"before")
    told = command("render", clip, "--out", out)
    assert (told.code, told.out) == (1, "")
    assert told.err.startswith(f"umurl-search: {said}")
    assert told.err.count("\n") == 1
    assert Path("a.gif").read_bytes() == b"before"
    assert sorted(path.name for path in Path().glob("*")) == ["a.gif", "bad.npy", "empty.npy", "library"]


def test_hits_need_an_index(command: Command, library: Library, tmp_path: Path) -> None:
    told = command("render", CLIP, "--out", tmp_path / "a.svg", "--hits", 2)
    assert told.code == 1
    assert "the library holds no index yet" in told.err
    assert command("render", CLIP, "--out", tmp_path / "a.svg").code == 0


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--out", "a.gif", "--poses", 3), "--poses goes with a .png or .svg"),
        (
            ("--out", "a.gif", "--index", "mine@e"),
            "how to look for hits goes with --hits K",
        ),
        (("--out", "a.gif", "--no-bridge"), "how to look for hits goes with --hits K"),
        (("--out", "a.gif", "--hits", 0), "--hits"),
        (("--out", "a.gif", "--picture-fps", 31), "--picture-fps"),
        (("--out", "a.gif", "--elevation", 90), "--elevation"),
        (("--out", "a.gif", "--theme", "pink"), "--theme"),
        ((), "--out"),
    ],
)
def test_wrong_usage(command: Command, indexed: Library, options: tuple[object, ...], said: str) -> None:
    told = command("render", CLIP, *options)
    assert (told.code, told.out) == (2, "")
    assert said in told.err
