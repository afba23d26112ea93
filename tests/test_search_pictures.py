"""Pictures as files: read back, they last as long as the clip and show what was recorded."""

import base64
import hashlib
import io
import json
import re
import sys
import xml.etree.ElementTree as ET
from dataclasses import replace
from fractions import Fraction
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from encoder.errors import UmurlError
from umurl_search.library.clip_store import open_clips
from umurl_search.library.library import Library
from umurl_search.pictures import render as pictures
from umurl_search.pictures.clips import hit_clips
from umurl_search.pictures.geometry import Camera, visible_frames
from umurl_search.pictures.html import to_html
from umurl_search.pictures.raster import draw_still, to_gif
from umurl_search.pictures.render import PictureRequest, render
from umurl_search.pictures.sheet import PALETTES, Palette, PictureClip, fit_text, grid, pose_frames, strip
from umurl_search.pictures.svg import to_svg
from umurl_search.pictures.timing import timing
from umurl_search.pictures.video import to_mp4
from umurl_search.search.searcher import QueryRequest, query
from umurl_search.synthetic.demo_corpus import make_clip
from umurl_search.synthetic.long_recordings import make_recording

LIGHT = PALETTES["light"]
ONE = PictureClip(name="one", frames=make_clip("S001C001P001R001A005")[:37], title="one", detail="kick")
PAIR = PictureClip(name="pair", frames=make_recording("P001C003T03").frames[:21], title="pair")
EVIL = '</script><script>alert("1")</script> & \x00'
SVG = "{http://www.w3.org/2000/svg}"
CLIP = "mine:S001C001P002R001A005"


def moving_grid(*clips: PictureClip, size: int = 90) -> Any:
    return grid(clips, camera=Camera(), palette=LIGHT, size=size)


# timing


@pytest.mark.parametrize("fps", [1, 7, 10, 12.5, 15, 24, 30])
def test_pictures_show_the_frame_of_their_time_and_last_as_long_as_the_clip(fps: float) -> None:
    for n in [*range(1, 70), 299, 300, 1040]:
        when = timing(n, fps)
        starts = [Fraction(k) / Fraction(fps) for k in range(len(when.frames))]
        assert list(when.frames) == [int(30 * start) for start in starts]
        assert starts[-1] * 30 + 0.59 < n < (starts[-1] + 1 / Fraction(fps)) * 30 + 0.61
        assert when.seconds == n / 30
        assert list(when.ends_s) == sorted(when.ends_s)
        assert sum(when.delays_cs()) == round(100 * n / 30)
        assert min(when.delays_cs()) >= 2


def test_more_pictures_than_frames_are_refused() -> None:
    with pytest.raises(ValueError, match=r"at most 30 pictures a second: got 5, 31"):
        timing(5, 31)


def test_moments_are_the_middles_of_equal_parts() -> None:
    assert pose_frames(80, 8) == [5, 15, 25, 35, 45, 55, 65, 75]
    assert pose_frames(1, 3) == [0, 0, 0]
    assert pose_frames(2, 4) == [0, 0, 1, 1]


# files, read back


def gif_delays(content: bytes) -> list[int]:
    """Of every picture, hundredths of a second, as the file's graphic control extensions say."""
    return [
        int.from_bytes(found[1], "little")
        for found in re.finditer(rb"\x21\xf9\x04.(..).\x00", content, re.DOTALL)
    ]


@pytest.mark.parametrize("fps", [10, 15, 30])
def test_a_gif_lasts_as_long_as_the_clip(fps: float) -> None:
    content = to_gif(moving_grid(ONE), timing(37, fps))
    assert gif_delays(content) == timing(37, fps).delays_cs()
    assert sum(gif_delays(content)) == 123
    with Image.open(io.BytesIO(content)) as image:
        assert image.info["loop"] == 0
        assert (image.width, image.height) == (110, 162)
        played = 0
        for k in range(image.n_frames):  # type: ignore[attr-defined]
            image.seek(k)
            played += image.info["duration"]
        assert played == 1230


def test_a_gif_shows_the_poses_of_its_times() -> None:
    sheet, when = moving_grid(ONE), timing(37, 10)
    with Image.open(io.BytesIO(to_gif(sheet, when))) as image:
        for k, frame in enumerate(when.frames):
            image.seek(k)
            shown = np.asarray(image.convert("RGB")).astype(int)
            panel = replace(sheet.panels[0], still=frame)
            alone = np.asarray(Image.open(io.BytesIO(draw_still(replace(sheet, panels=(panel,)))))).astype(
                int
            )
            body = (slice(0, 130), slice(None))  # above the line of the time
            assert np.abs(shown[body] - alone[body]).mean() < 3


def test_a_video_lasts_as_long_as_the_clip_with_every_frame_at_its_time() -> None:
    for fps, n in ((30, 37), (15, 37), (10, 21)):
        when = timing(n, fps)
        with av.open(io.BytesIO(to_mp4(moving_grid(ONE if n == 37 else PAIR), when, fps=fps))) as container:
            stream = container.streams.video[0]
            assert (stream.codec_context.name, stream.codec_context.pix_fmt) == ("h264", "yuv420p")
            assert isinstance(container, av.container.InputContainer)
            assert container.duration == pytest.approx(1e6 * n / 30, abs=2000)
            times = [frame.time for frame in container.decode(video=0)]
        assert times == pytest.approx([0.0, *when.ends_s[:-1]], abs=1e-4)


@pytest.mark.parametrize("size", [41, 90, 133])
def test_videos_have_pairs_of_pixels(size: int) -> None:
    sheet = moving_grid(ONE, PAIR, size=size)
    assert sheet.width % 2 == sheet.height % 2 == 0
    assert sheet.n_frames == 37


def near(pixels: NDArray[np.int64], colour: tuple[int, int, int]) -> int:
    return int((np.abs(pixels - np.array(colour)).max(axis=-1) <= 3).sum())


def test_two_people_have_two_colours_and_one_has_one() -> None:
    for clip, people in ((ONE, 1), (PAIR, 2)):
        image = Image.open(io.BytesIO(draw_still(moving_grid(clip, size=200)))).convert("RGB")
        pixels = np.asarray(image).astype(np.int64)
        assert [near(pixels, colour) > 50 for colour in LIGHT.people] == [True, people == 2]


def test_bones_are_where_they_are_said_to_be() -> None:
    sheet = moving_grid(replace(ONE, frames=ONE.frames[:1]), size=300)
    pixels = np.asarray(Image.open(io.BytesIO(draw_still(sheet))).convert("RGB")).astype(np.int64)
    (panel,) = sheet.panels
    for e in np.flatnonzero(panel.poses.drawn[0, 0]).tolist():
        x, y = panel.poses.lines[0, 0, e].mean(axis=0) + np.array([panel.x, panel.y])
        around = pixels[int(y) - 1 : int(y) + 2, int(x) - 1 : int(x) + 2]
        assert sum(near(around, LIGHT.limb(0, right=side)) for side in (True, False)) > 0, e


def test_a_strip_has_a_row_a_clip_and_a_pose_a_cell() -> None:
    sheet = strip([ONE, PAIR], camera=Camera(), palette=LIGHT, size=80, poses=5)
    assert [panel.still for panel in sheet.panels] == [*pose_frames(37, 5), *pose_frames(21, 5)]
    assert len({panel.y for panel in sheet.panels}) == 2
    assert [label.text for label in sheet.labels if label.text.endswith(" s")][:5] == [
        "0.10 s",
        "0.37 s",
        "0.60 s",
        "0.83 s",
        "1.10 s",
    ]
    with Image.open(io.BytesIO(draw_still(sheet))) as image:
        assert (image.width, image.height) == (sheet.width, sheet.height)


def test_what_is_too_long_for_its_place_is_cut() -> None:
    assert fit_text("short", 200, 13) == "short"
    cut = fit_text("a very long name of a clip", 70, 13)
    assert (len(cut), cut[-1]) == (9, "…")


def test_right_and_wrong_are_marked_besides_their_colours() -> None:
    clips = [replace(ONE, verdict=verdict) for verdict in (None, "right", "wrong")]
    text = to_svg(moving_grid(*clips))
    assert text.count("stroke-dasharray") == 1
    assert (
        text.count("<title>the query&#x27;s action</title>") + text.count("<title>the query's action</title>")
        == 1
    )
    assert "another action than the query" in text
    pixels = np.asarray(Image.open(io.BytesIO(draw_still(moving_grid(*clips)))).convert("RGB")).astype(
        np.int64
    )
    right, wrong = near(pixels, LIGHT.right), near(pixels, LIGHT.wrong)
    assert right > 1.5 * wrong > 0  # whole and dashed


# svg


def test_an_svg_plays_every_picture_at_its_time_without_script() -> None:
    when = timing(37, 15)
    root = ET.fromstring(to_svg(moving_grid(ONE, PAIR), when))
    assert {element.tag for element in root.iter()} == {
        SVG + tag for tag in ("svg", "rect", "g", "text", "path", "animate")
    }
    long, short = root.findall(f".//{SVG}svg")
    for panel, people, n in ((long, 1, 19), (short, 2, 11)):
        played = panel.findall(f".//{SVG}animate")
        assert len(played) == 3 * people
        for one in played:
            assert one.get("dur") == "1.2333s"
            times = [float(text) for text in str(one.get("keyTimes")).split(";")]
            assert len(str(one.get("values")).split(";")) == len(times) == n
            assert times == pytest.approx([k / 15 / (37 / 30) for k in range(n)], abs=1e-4)


def test_an_svg_draws_the_bones_of_each_frame() -> None:
    sheet, when = moving_grid(ONE), timing(37, 10)
    root = ET.fromstring(to_svg(sheet, when))
    values = [str(one.get("values")).split(";") for one in root.iter(f"{SVG}animate")]
    (panel,) = sheet.panels
    for k, frame in enumerate(when.frames):
        drawn = "".join(side[k] for side in values[:2])
        ends = np.array(re.findall(r"M(\S+) (\S+)L(\S+) ([\d.]+)", drawn), dtype=float).reshape(-1, 2, 2)
        wanted = panel.poses.lines[frame, 0][panel.poses.drawn[frame, 0]]
        assert len(ends) == len(wanted) == 24
        order = np.concatenate([np.flatnonzero(panel.poses.right), np.flatnonzero(~panel.poses.right)])
        np.testing.assert_allclose(ends, panel.poses.lines[frame, 0][order], atol=0.051)


def test_nothing_in_a_name_is_markup_in_an_svg_or_a_page() -> None:
    clip = replace(ONE, name=EVIL, title=EVIL, detail=EVIL)
    root = ET.fromstring(to_svg(moving_grid(clip, size=2000)))
    assert [text.text for text in root.iter(f"{SVG}text")] == [EVIL.replace("\0", "�")] * 2
    page = _Page(to_html([clip], camera=Camera(), palette=LIGHT, size=90, title=EVIL))
    assert page.tags.count("script") == 2
    assert page.words.count(EVIL.replace("\0", "�")) == 4


def test_a_person_who_is_there_for_part_of_a_clip() -> None:
    frames = PAIR.frames.copy()
    frames[:10, 1] = 0
    root = ET.fromstring(to_svg(moving_grid(replace(PAIR, frames=frames)), timing(21, 30)))
    shown = [str(one.get("values")).split(";") for one in root.iter(f"{SVG}animate")]
    assert [[path != "M0 0" for path in values] for values in shown[3:]] == [[False] * 10 + [True] * 11] * 3


# pages


class _Page(HTMLParser):
    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.scripts: list[str] = []
        self.styles: list[str] = []
        self.words = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs

    def handle_data(self, data: str) -> None:
        into = {"script": self.scripts, "style": self.styles}.get(self.tags[-1] if self.tags else "")
        if into is not None and data.strip():
            into.append(data)
        else:
            self.words += data


def test_a_page_runs_its_own_script_only_and_asks_nothing_of_others() -> None:
    text = to_html([ONE, replace(PAIR, verdict="wrong")], camera=Camera(), palette=LIGHT, size=90, title="t")
    page = _Page(text)
    policy = next(str(v) for k, v in page.attributes if k == "content" and str(v).startswith("default-src"))
    data, script = page.scripts
    for said, kind in ((script, "script-src"), (page.styles[0], "style-src")):
        digest = base64.b64encode(hashlib.sha256(said.encode()).digest()).decode()
        assert f"{kind} 'sha256-{digest}'" in policy
    assert policy.startswith("default-src 'none'; ")
    assert not {"src", "href"} & {name for name, _ in page.attributes}
    assert "http" not in text.replace("http-equiv", "")
    assert page.tags.count("canvas") == len(json.loads(data)["clips"]) == 2


def test_a_page_holds_the_clip_to_the_millimetre() -> None:
    frames = PAIR.frames.copy()
    frames[3, 1] = 0
    text = to_html([replace(PAIR, frames=frames)], camera=Camera(), palette=LIGHT, size=90, title="t")
    (clip,) = json.loads(_Page(text).scripts[0])["clips"]
    mm = np.frombuffer(base64.b64decode(clip["frames"]), dtype="<i2").reshape(*clip["shape"], 25, 3)
    there = visible_frames(frames)
    assert ((mm != -32768).all(axis=-1) == there).all()
    moved = mm[there] / 1000 - frames[there]
    assert np.ptp(moved, axis=0).max() < 0.0021
    assert [tuple(bone[:2]) for bone in clip["bones"]][:2] == [(0, 1), (1, 20)]
    assert (len(clip["bones"]), clip["floor"]) == (24, 0)


# colours


def luminance(colour: tuple[int, int, int]) -> float:
    """WCAG's."""
    linear = [c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4 for c in (v / 255 for v in colour)]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: tuple[int, int, int], other: tuple[int, int, int]) -> float:
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


BLIND = {
    "deuteranopia": [[0.292, 0.708, 0.0], [0.292, 0.708, 0.0], [-0.022, 0.022, 1.0]],
    "protanopia": [[0.112, 0.888, 0.0], [0.112, 0.888, 0.0], [0.004, -0.004, 1.0]],
}
"""What linear red, green and blue become (Vienot, Brettel and Mollon 1999)."""


@pytest.mark.parametrize("palette", PALETTES.values(), ids=PALETTES)
def test_colours_are_read_by_the_colour_blind(palette: Palette) -> None:
    figures = (*palette.people, palette.right, palette.wrong, palette.quiet)
    assert min(contrast(colour, palette.paper) for colour in figures) > 3
    assert contrast(palette.ink, palette.paper) > 7
    for matrix in BLIND.values():
        for one, other in (palette.people, (palette.right, palette.wrong)):
            seen_as = [np.array(matrix) @ (np.array(c) / 255) ** 2.2 for c in (one, other)]
            assert np.abs(seen_as[0].clip(0, 1) ** (1 / 2.2) - seen_as[1].clip(0, 1) ** (1 / 2.2)).max() > 0.2


# from the library


def request(out: Path, **options: Any) -> PictureRequest:
    ask = QueryRequest(
        clip=options.pop("clip", CLIP), k=options.pop("k", 1), device="cpu", **options.pop("ask", {})
    )
    return PictureRequest(out=out, ask=ask, **options)


def test_a_query_is_drawn_with_its_hits(indexed: Library, tmp_path: Path) -> None:
    made = render(indexed, request(tmp_path / "q.svg", k=4, hits=True))
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


def test_hits_that_went_meanwhile_are_said_to_be_gone(indexed: Library) -> None:
    asked = QueryRequest(clip=CLIP, k=2, device="cpu")
    found = query(indexed, asked)
    found["hits"][1]["name"] = "gone"
    with pytest.raises(
        UmurlError, match="clips came or went meanwhile, by another process: run the command again"
    ):
        hit_clips(indexed, found)


def test_moments_of_recordings_are_drawn_not_whole_recordings(long: Library, tmp_path: Path) -> None:
    ask = {"index": "long@e+2.5s"}
    made = render(long, request(tmp_path / "m.png", k=3, hits=True, ask=ask))
    assert [clip["frames"] for clip in made["clips"][1:]] == [75] * 3
    detail = re.fullmatch(r"P\d{3}C\d{3}T\d\d  ([\d.]+) to [\d.]+ s", made["clips"][1]["detail"])
    assert detail is not None
    render(long, request(tmp_path / "m.svg", k=1, hits=True, ask=ask, poses=1))
    seconds = re.findall(r">([\d.]+) s</text>", (tmp_path / "m.svg").read_text(encoding="utf-8"))
    assert float(seconds[1]) == pytest.approx(float(detail[1]) + 37 / 30, abs=0.06)


def test_coordinates_are_drawn_as_recorded(indexed: Library, tmp_path: Path) -> None:
    render(indexed, request(tmp_path / "a.html"))
    (clip,) = json.loads(_Page((tmp_path / "a.html").read_text(encoding="utf-8")).scripts[0])["clips"]
    with indexed.read() as catalog:
        row = catalog.clip("mine", CLIP.removeprefix("mine:"))
    assert row is not None
    raw = open_clips(indexed, "mine").frames(row["store_row"])
    mm = np.frombuffer(base64.b64decode(clip["frames"]), dtype="<i2").reshape(raw.shape)
    np.testing.assert_allclose(np.diff(mm, axis=0) / 1000, np.diff(raw, axis=0), atol=0.0011)
    assert clip["floor"] == 0


def test_a_stretch_and_a_long_clip(long: Library, tmp_path: Path) -> None:
    part = render(long, request(tmp_path / "a.gif", clip="long:P001C003T01@2-3.5", size=60))
    assert (part["clips"][0]["frames"], part["seconds"], part["pictures"]) == (45, 1.5, 23)
    render(long, request(tmp_path / "a.svg", clip="long:P001C003T01@2-3.5", poses=1))
    assert ">2.73 s</text>" in (tmp_path / "a.svg").read_text(encoding="utf-8")
    cut = render(long, request(tmp_path / "b.png", clip="long:P001C003T01", poses=3, seconds=4))
    assert cut["clips"][0]["frames"] == 120
    assert cut["notes"] == [
        "long:P001C003T01: the first 4 s of 26.0 s are drawn; --seconds draws more, DATASET:CLIPNAME@FROM-TO "
        "another stretch"
    ]
    with pytest.raises(UmurlError, match=r"nobody is there from 90 to 91 s of a recording of 26\.0 s"):
        render(long, request(tmp_path / "c.png", clip="long:P001C003T01@90-91"))


def test_a_file_is_drawn_with_its_own_conventions(library: Library, tmp_path: Path) -> None:
    x, y, z = np.moveaxis(ONE.frames[:, 0], -1, 0)
    np.save(tmp_path / "up.npy", 1000 * np.stack([x, -z, y], axis=-1))
    options: dict[str, Any] = {"clip": str(tmp_path / "up.npy")}
    made = render(
        library, request(tmp_path / "a.html", ask={"up": "z", "scale": 0.001, "fps": 15.0}, **options)
    )
    assert made["clips"][0]["frames"] == 73
    (clip,) = json.loads(_Page((tmp_path / "a.html").read_text(encoding="utf-8")).scripts[0])["clips"]
    mm = np.frombuffer(base64.b64decode(clip["frames"]), dtype="<i2").reshape(73, 1, 25, 3)
    np.testing.assert_allclose(np.diff(mm[::2], axis=0) / 1000, np.diff(ONE.frames, axis=0), atol=0.0011)


def test_one_frame_is_drawn_in_every_kind(library: Library, tmp_path: Path) -> None:
    np.save(tmp_path / "one.npy", ONE.frames[:1, 0])
    for kind in ("gif", "mp4", "png", "svg", "html"):
        made = render(library, request(tmp_path / f"a.{kind}", clip=str(tmp_path / "one.npy")))
        assert made["bytes"] == (tmp_path / f"a.{kind}").stat().st_size > 500
        assert (made["pictures"], made["seconds"]) == (1, None if kind == "png" else 1 / 30)


def test_the_same_picture_twice_is_the_same_bytes(library: Library, tmp_path: Path) -> None:
    for kind in ("gif", "png", "svg", "html"):
        for name in "ab":
            render(library, request(tmp_path / f"{name}.{kind}", size=60))
        assert (tmp_path / f"a.{kind}").read_bytes() == (tmp_path / f"b.{kind}").read_bytes()


def test_what_is_too_much_is_refused_before_it_is_drawn(
    long: Library, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(
        UmurlError, match=r"a\.gif: 390 pictures of 2,020 x 2,054 pixels are too much: give a smaller --size"
    ):
        render(long, request(tmp_path / "a.gif", clip="long:P001C003T01", size=2000, seconds=30))
    with pytest.raises(UmurlError, match=r"b\.png: 1 pictures of .* pixels are too much"):
        render(long, request(tmp_path / "b.png", poses=60, size=2000))
    monkeypatch.setattr(pictures, "_MOST_FRAMES", 60)
    with pytest.raises(
        UmurlError, match=r"2 clips of 1?\d s together .* \(at most 2 s\): give fewer --hits or --sec"
    ):
        render(long, request(tmp_path / "c.svg", hits=True, ask={"index": "long@e+2.5s"}))
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
    with pytest.raises(UmurlError, match=said):
        render(library, request(tmp_path / f"a.{kind}"))
    render(library, request(tmp_path / "a.svg"))
    render(library, request(tmp_path / "a.html"))
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
        render(library, request(tmp_path / "a.svg", clip=str(path), poses=1))
        paths = [p.get("d") or "" for p in ET.parse(tmp_path / "a.svg").findall(f".//{SVG}svg/{SVG}path")]
        assert sum(path.count("L") for path in paths[1:3]) == n, path
