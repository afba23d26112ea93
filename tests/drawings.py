"""Pictures to look at, and pages read back."""

from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from umurl_search.pictures.geometry import Camera
from umurl_search.pictures.render import PictureRequest
from umurl_search.pictures.sheet import PALETTES, PictureClip, grid
from umurl_search.search.options import QueryRequest
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


def count_near(pixels: NDArray[np.int64], colour: tuple[int, int, int]) -> int:
    return int((np.abs(pixels - np.array(colour)).max(axis=-1) <= 3).sum())


class ReadPage(HTMLParser):
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


def picture_request(out: Path, **options: Any) -> PictureRequest:
    ask = QueryRequest(
        clip=options.pop("clip", CLIP), k=options.pop("k", 1), device="cpu", **options.pop("ask", {})
    )
    return PictureRequest(out=out, ask=ask, **options)
