"""Clips as one HTML file that plays and turns them; it asks nothing of the network and runs its own script only.

Letters: T frames, M people.
"""

import base64
import hashlib
import html
import json
from collections.abc import Sequence
from importlib import resources
from typing import Any

import numpy as np

from umurl_search.pictures.geometry import RIGHT_SIDE, Camera, Stage, bones, front_of
from umurl_search.pictures.sheet import Colour, Palette, PictureClip
from umurl_search.pictures.svg import escape, hex_of

_ABSENT = -32768
_FARTHEST = 32767
_MARKS = {"right": "\N{CHECK MARK} the query's action", "wrong": "\N{MULTIPLICATION X} another action"}


def to_html(clips: Sequence[PictureClip], *, camera: Camera, palette: Palette, size: int, title: str) -> str:
    """The page. size: how wide a clip is at least, in pixels."""
    script, style = (_read_shipped(f"page.{kind}") for kind in ("js", "css"))
    style = f":root {{ {_variables(palette)} --size: {size}px; }}\n{style}"
    policy = f"default-src 'none'; script-src '{_hash(script)}'; style-src '{_hash(style)}'"
    data = json.dumps(_data(clips, camera, palette)).replace("<", "\\u003c")
    return "\n".join(
        [
            '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">',
            f'<meta http-equiv="Content-Security-Policy" content="{html.escape(policy)}">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            f"<title>{escape(title)}</title>\n<style>{style}</style>\n</head>\n<body>\n<h1>{escape(title)}</h1>",
            '<main id="clips">',
            *map(_figure, clips),
            "</main>",
            '<div id="bar"><button id="play">Pause</button><input id="time" type="range" min="0" value="0" step="1" '
            'aria-label="time"><span id="said"></span><label>speed <select id="speed"><option value="0.25">1/4</option>'
            '<option value="0.5">1/2</option><option value="1" selected>1</option><option value="2">2</option></select>'
            "</label></div>",
            f'<script type="application/json" id="data">{data}</script>\n<script>{script}</script>\n</body>\n</html>\n',
        ]
    )


def _read_shipped(name: str) -> str:
    return resources.files("umurl_search.pictures").joinpath(name).read_text(encoding="utf-8")


def _hash(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode("utf-8")).digest()).decode("ascii")


def _variables(palette: Palette) -> str:
    named: dict[str, Colour] = {
        "paper": palette.paper,
        "ink": palette.ink,
        "quiet": palette.quiet,
        "ground": palette.ground,
        "right": palette.right,
        "wrong": palette.wrong,
        "first": palette.people[0],
    }
    return " ".join(f"--{name}: {hex_of(colour)};" for name, colour in named.items())


def _figure(clip: PictureClip) -> str:
    kind = f' class="{clip.verdict}"' if clip.verdict else ""
    said = f"<b>{_MARKS[clip.verdict]}</b>" if clip.verdict else ""
    lines = f"{escape(clip.title)} {said}<small>{escape(clip.detail)}</small>"
    return (
        f"<figure{kind}><figcaption>{lines}</figcaption>"
        f'<canvas tabindex="0" role="img" aria-label="{escape(clip.name)}"></canvas></figure>'
    )


def _data(clips: Sequence[PictureClip], camera: Camera, palette: Palette) -> dict[str, Any]:
    """What the script draws."""
    limbs = [[hex_of(palette.limb(person, right=side)) for side in (False, True)] for person in (0, 1)]
    return {
        **dict(zip(("azimuth", "elevation"), camera.angles(), strict=True)),
        "palette": {"ground": hex_of(palette.ground), "limbs": limbs},
        "clips": [_clip(clip, camera) for clip in clips],
    }


def _clip(clip: PictureClip, camera: Camera) -> dict[str, Any]:
    """Millimetres from where the clip's middle is, so that 16 bits hold them."""
    stage = Stage(frames=clip.frames, camera=camera)
    there = stage.there
    origin = np.array([stage.target[0], stage.floor, stage.target[2]])
    moved = np.rint(1000 * (clip.frames.astype(np.float64) - origin)).clip(-_FARTHEST, _FARTHEST)
    mm = np.where(there[..., None], moved, _ABSENT).astype("<i2")
    front = front_of(clip.frames, there)
    return {
        "shape": list(clip.frames.shape[:2]),
        "frames": base64.b64encode(mm.tobytes()).decode("ascii"),
        "bones": [[j, p, int(j in RIGHT_SIDE)] for j, p in bones(clip.layout)],
        "front": [round(float(front[0]), 5), round(float(front[2]), 5)],
        "floor": 0 if stage.grounded else None,
        "seen": camera.angles(flat=True) if stage.flat else None,
    }
