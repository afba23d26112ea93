"""Types that several packages share: what an array's numbers are, and what a source says of its clips."""

from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

State = Literal["raw", "umurl-normalised", "first-frame-centred", "body-turned"]
"""What was done to a source's coordinates before they came here; body-turned: normalised, after the spine was turned
onto an axis, as by 2s-AGCN."""

NORMALISED: tuple[State, ...] = ("umurl-normalised", "body-turned")
"""States of clips that a store holds ready for the encoder."""

Up = Literal["y", "z", "x", "-y", "-z", "-x"]
"""The axis of a source that points up, or the opposite way."""

Part = Literal["train", "gallery", "test"]
"""A side of a protocol."""

Splits = dict[str, dict[str, list[str]]]
"""protocol -> part -> names of clips."""

Rows = NDArray[np.int64]
"""Rows of an index, of a clip store or of a gallery."""

Labels = NDArray[np.int64]
"""A class each, counted from 0."""

Embeddings = NDArray[np.float32]
"""(N, D), of unit length."""


Axes = Literal[
    "TVC", "MTVC", "TMVC", "CTVM", "CTV", "TCV", "VCT", "VTC", "CVT", "MCTV", "TVCM", "TVMC", "TMCV"
]
"""The axes of an array that is one clip; an array with fewer axes has the last letters folded into one."""

SetAxes = Literal["NTVC", "NCTV", "NTCV", "NCTVM", "NTMVC", "NMTVC", "NTVCM", "NMCTV", "NTMCV", "VCTN"]
"""The axes of an array that holds many clips."""

SourceAxes = Literal[Axes, SetAxes]
"""Either."""

AXES: tuple[Axes, ...] = get_args(Axes)
SET_AXES: tuple[SetAxes, ...] = get_args(SetAxes)
