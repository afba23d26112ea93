"""Sheets as video: the only `import av`."""

import io
from fractions import Fraction
from itertools import pairwise
from typing import TYPE_CHECKING

from encoder.errors import MissingPackageError, reason_of
from umurl_search.pictures.raster import draw_frames
from umurl_search.pictures.sheet import Sheet
from umurl_search.pictures.timing import Timing

if TYPE_CHECKING:
    from av.video.stream import VideoStream

_TICKS = 600
"""Of the clock of a video, a second: a frame at 30 a second is 20."""
_QUALITY: dict[str, object] = {"crf": "20", "preset": "fast", "threads": "1"}
"""One thread is as fast, since drawing takes the time. Files of the same pictures may differ by some bytes: FFmpeg's
conversion of colours reads beyond the right edge."""


def require_av() -> None:
    """Raises UmurlError, saying how to install it, when there is no PyAV."""
    try:
        import av  # noqa: F401
    except ImportError as error:
        raise MissingPackageError(
            f"videos need PyAV, which is not installed ({reason_of(error)})",
            'pip install "umurl-search[pictures]", or write a .gif',
        ) from error


def to_mp4(sheet: Sheet, timing: Timing, *, fps: float) -> bytes:
    """H.264, every picture at its own time."""
    import av

    out = io.BytesIO()
    with av.open(out, mode="w", format="mp4") as container:
        stream: VideoStream = container.add_stream("libx264", rate=Fraction(fps).limit_denominator(1000))
        stream.width, stream.height, stream.pix_fmt = sheet.width, sheet.height, "yuv420p"
        stream.options = _QUALITY
        stream.codec_context.time_base = Fraction(1, _TICKS)
        ticks = [round(second * _TICKS) for second in (0.0, *timing.ends_s)]
        lasts = {start: end - start for start, end in pairwise(ticks)}

        def write(frame: av.VideoFrame | None) -> None:
            for packet in stream.encode(frame):
                packet.duration = lasts[packet.pts or 0]
                container.mux(packet)

        for pixels, start in zip(draw_frames(sheet, timing), ticks[:-1], strict=True):
            frame = av.VideoFrame.from_ndarray(pixels, format="rgb24")
            frame.pts, frame.time_base = start, Fraction(1, _TICKS)
            write(frame)
        write(None)
    return out.getvalue()
