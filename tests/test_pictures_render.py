"""Pictures as files, from clips and queries of a library."""

import base64
import json
import re
import sys
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from drawings import ONE, SVG, ReadPage, picture_request
from refusals import raises_typed

from encoder.errors import UmurlError
from umurl_search.library.library import Library
from umurl_search.pictures import render as pictures
from umurl_search.pictures.render import render
from umurl_search.search.options import QueryRequest
from umurl_search.search.query import query

CLIP = "mine:S001C001P002R001A005"


def test_a_query_is_drawn_with_its_hits(indexed: Library, tmp_path: Path) -> None:
    made = render(indexed, picture_request(tmp_path / "q.svg", k=4, hits=True))
    found = query(indexed, QueryRequest(clip=CLIP, k=4, device="cpu"))["hits"]
    first, *hits = made["clips"]
    assert (first["name"], first["verdict"], first["detail"]) == (CLIP, None, CLIP)
    assert [hit["name"] for hit in hits] == [f"mine:{hit['name']}" for hit in found]
    assert [hit["title"].split()[:2] for hit in hits] == [
        [f"{h['rank']}.", f"{h['score']:.4f}"] for h in found
    ]
    assert (hits[0]["verdict"], hits[0]["detail"]) == (None, f"{found[0]['name']}  the query itself")
    assert [hit["verdict"] for hit in hits[1:]] == [
        "right" if hit["label"] == 4 else "wrong" for hit in found[1:]
    ]
    assert made["seconds"] == max(clip["frames"] for clip in made["clips"]) / 30
    assert len(ET.parse(tmp_path / "q.svg").findall(f".//{SVG}svg")) == 5


def test_moments_of_recordings_are_drawn_not_whole_recordings(long: Library, tmp_path: Path) -> None:
    ask = {"index": "long@e+2.5s"}
    made = render(long, picture_request(tmp_path / "m.png", k=3, hits=True, ask=ask))
    assert [clip["frames"] for clip in made["clips"][1:]] == [75] * 3
    detail = re.fullmatch(r"P\d{3}C\d{3}T\d\d  ([\d.]+) to [\d.]+ s", made["clips"][1]["detail"])
    assert detail is not None
    render(long, picture_request(tmp_path / "m.svg", k=1, hits=True, ask=ask, poses=1))
    seconds = re.findall(r">([\d.]+) s</text>", (tmp_path / "m.svg").read_text(encoding="utf-8"))
    assert float(seconds[1]) == pytest.approx(float(detail[1]) + 37 / 30, abs=0.06)


def test_a_stretch_and_a_long_clip(long: Library, tmp_path: Path) -> None:
    part = render(long, picture_request(tmp_path / "a.gif", clip="long:P001C003T01@2-3.5", pixels=60))
    assert (part["clips"][0]["frames"], part["seconds"], part["pictures"]) == (45, 1.5, 23)
    render(long, picture_request(tmp_path / "a.svg", clip="long:P001C003T01@2-3.5", poses=1))
    assert ">2.73 s</text>" in (tmp_path / "a.svg").read_text(encoding="utf-8")
    cut = render(long, picture_request(tmp_path / "b.png", clip="long:P001C003T01", poses=3, seconds=4))
    assert cut["clips"][0]["frames"] == 120
    assert cut["notes"] == [
        "long:P001C003T01: the first 4 s of 26.0 s are drawn; --seconds draws more, DATASET:CLIPNAME@FROM-TO "
        "another stretch"
    ]
    with pytest.raises(UmurlError, match=r"nobody is there from 90 to 91 s of a recording of 26\.0 s"):
        render(long, picture_request(tmp_path / "c.png", clip="long:P001C003T01@90-91"))


def test_a_file_is_drawn_with_its_own_conventions(library: Library, tmp_path: Path) -> None:
    x, y, z = np.moveaxis(ONE.frames[:, 0], -1, 0)
    np.save(tmp_path / "up.npy", 1000 * np.stack([x, -z, y], axis=-1))
    options: dict[str, Any] = {"clip": str(tmp_path / "up.npy")}
    made = render(
        library, picture_request(tmp_path / "a.html", ask={"up": "z", "scale": 0.001, "fps": 15.0}, **options)
    )
    assert made["clips"][0]["frames"] == 73
    (clip,) = json.loads(ReadPage((tmp_path / "a.html").read_text(encoding="utf-8")).scripts[0])["clips"]
    mm = np.frombuffer(base64.b64decode(clip["frames"]), dtype="<i2").reshape(73, 1, 25, 3)
    np.testing.assert_allclose(np.diff(mm[::2], axis=0) / 1000, np.diff(ONE.frames, axis=0), atol=0.0011)


def test_one_frame_is_drawn_in_every_kind(library: Library, tmp_path: Path) -> None:
    np.save(tmp_path / "one.npy", ONE.frames[:1, 0])
    for kind in ("gif", "mp4", "png", "svg", "html"):
        made = render(library, picture_request(tmp_path / f"a.{kind}", clip=str(tmp_path / "one.npy")))
        assert made["bytes"] == (tmp_path / f"a.{kind}").stat().st_size > 500
        assert (made["pictures"], made["seconds"]) == (1, None if kind == "png" else 1 / 30)


def test_the_same_picture_twice_is_the_same_bytes(library: Library, tmp_path: Path) -> None:
    for kind in ("gif", "png", "svg", "html"):
        for name in "ab":
            render(library, picture_request(tmp_path / f"{name}.{kind}", pixels=60))
        assert (tmp_path / f"a.{kind}").read_bytes() == (tmp_path / f"b.{kind}").read_bytes()


def test_what_is_too_much_is_refused_before_it_is_drawn(
    long: Library, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with raises_typed(r"a\.gif: 390 pictures of 2,020 x 2,054 pixels are too much; give fewer --pixels"):
        render(long, picture_request(tmp_path / "a.gif", clip="long:P001C003T01", pixels=2000, seconds=30))
    with pytest.raises(UmurlError, match=r"b\.png: 1 pictures of .* pixels are too much"):
        render(long, picture_request(tmp_path / "b.png", poses=60, pixels=2000))
    monkeypatch.setattr(pictures, "_MOST_FRAMES", 60)
    with raises_typed(r"2 clips of 1?\d s together .* \(at most 2 s\); give fewer hits or --seconds$"):
        render(long, picture_request(tmp_path / "c.svg", hits=True, ask={"index": "long@e+2.5s"}))
    assert not list(tmp_path.glob("?.*"))


@pytest.mark.parametrize(
    ("module", "kind", "said"),
    [
        ("PIL.Image", "gif", r'pictures need Pillow, .* pip install "umurl-search\[pictures\]"'),
        ("av", "mp4", r'videos need PyAV, .* pip install "umurl-search\[pictures\]", or write a \.gif'),
    ],
)
def test_a_missing_package_is_named(
    library: Library, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, module: str, kind: str, said: str
) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    with raises_typed(said):
        render(library, picture_request(tmp_path / f"a.{kind}"))
    render(library, picture_request(tmp_path / "a.svg"))
    render(library, picture_request(tmp_path / "a.html"))
    assert not (tmp_path / f"a.{kind}").exists()


@pytest.mark.data
def test_real_layouts_have_their_bones(real: Path, library: Library, tmp_path: Path) -> None:
    raw = real / "data"
    samples = {
        24: next(
            (raw / "ntu_samples" / "raw").glob("*A001.skeleton"),
            next((raw / "ntu_samples" / "raw").iterdir()),
        ),
        19: next((raw / "nw_ucla").rglob("*.json")),
    }
    for n, path in samples.items():
        render(library, picture_request(tmp_path / "a.svg", clip=str(path), poses=1))
        paths = [p.get("d") or "" for p in ET.parse(tmp_path / "a.svg").findall(f".//{SVG}svg/{SVG}path")]
        assert sum(path.count("L") for path in paths[1:3]) == n, path
