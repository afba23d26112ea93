"""Videos read back: as long as the clip, every frame at its time."""

import io

import av
import pytest
from drawings import ONE, PAIR, moving_grid

from umurl_search.pictures.timing import timing
from umurl_search.pictures.video import to_mp4


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
