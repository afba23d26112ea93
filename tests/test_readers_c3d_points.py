"""The points in C3D files, against `ezc3d` where that is installed."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from motion_files import c3d_bytes

from umurl_search.readers.build_clip import BadRecordingError
from umurl_search.readers.c3d_points import is_c3d_head, parse_c3d

REAL = Path(__file__).parents[2] / "shared/data/skeletons/c3d/Optotrak.c3d"
LABELS = ["LASI", "RASI", "Anna:C7", "Kopf"]


def points(n_frames: int = 6, n_points: int = 4) -> Any:
    """(3, V, T); the second marker is not seen in the third frame."""
    found = np.random.default_rng(2).normal(scale=500, size=(3, n_points, n_frames)).round(1)
    found[:, 1, 2] = np.nan
    return found


def oracle(path: Path) -> Any:
    """(T, V, 3)"""
    ezc3d = pytest.importorskip("ezc3d", reason="ezc3d, the oracle, is not installed")
    return np.asarray(ezc3d.c3d(str(path))["data"]["points"])[:3].transpose(2, 1, 0)


def require_alike(path: Path) -> None:
    found, meant = parse_c3d(path.read_bytes()).places, oracle(path)
    np.testing.assert_array_equal(np.isnan(found), np.isnan(meant))
    np.testing.assert_allclose(found, meant, rtol=1e-5, atol=1e-4)


@pytest.mark.parametrize("processor", [84, 85, 86])
@pytest.mark.parametrize("scale", [-1.0, 0.1])
@pytest.mark.parametrize("n_samples", [0, 5])
def test_points_are_read_as_any_processor_writes_them(processor: int, scale: float, n_samples: int) -> None:
    content = c3d_bytes(points(), LABELS, processor=processor, scale=scale, n_samples=n_samples)
    found = parse_c3d(content)
    np.testing.assert_allclose(found.places, points().transpose(2, 1, 0), rtol=1e-5, atol=1e-4)
    assert (found.labels, found.units, found.rate) == (tuple(LABELS), ("mm",), 100)


@pytest.mark.parametrize("processor", [84, 85])
@pytest.mark.parametrize("scale", [-1.0, 0.1])
def test_points_lie_where_ezc3d_puts_them(tmp_path: Path, processor: int, scale: float) -> None:
    path = tmp_path / "a.c3d"
    path.write_bytes(c3d_bytes(points(), LABELS, processor=processor, scale=scale))
    require_alike(path)


def test_markers_without_a_label_have_a_number() -> None:
    assert parse_c3d(c3d_bytes(points(), LABELS[:2])).labels == ("LASI", "RASI", "marker 3", "marker 4")


def test_more_frames_than_its_head_can_say_are_all_read() -> None:
    assert len(parse_c3d(c3d_bytes(points(), LABELS, frames=65_535)).places) == 6


def test_frames_that_are_announced_and_not_there_are_counted() -> None:
    found = parse_c3d(CONTENT[: -CONTENT_FRAME - 1])
    assert (len(found.places), found.missing) == (4, 2)
    np.testing.assert_array_equal(found.places, parse_c3d(CONTENT).places[:4])


CONTENT_FRAME = 4 * 4 * 4
CONTENT = c3d_bytes(points(), LABELS)


@pytest.mark.parametrize(
    ("content", "reason", "detail"),
    [
        (b"\2", "malformed", "it does not begin as one"),
        (b"\0\x50" + CONTENT[2:], "malformed", "it does not begin as one"),
        (CONTENT[:300], "truncated", "the file ends in its head"),
        (b"\xff" + CONTENT[1:], "truncated", "the file ends in its head"),
        (CONTENT[:520], "truncated", "the file ends in its parameters"),
        (CONTENT[:515] + b"\x63" + CONTENT[516:], "malformed", "numbers of the processor 99"),
        (CONTENT[:16] + b"\0\0" + CONTENT[18:], "truncated", "no frame is there, its head announces 6"),
        (c3d_bytes(points()[:, :0], ["a"]), "no body", "it has 0 points"),
        (CONTENT.replace(b"SCALE\x05", b"SCALE\0"), "malformed", "a parameter of kind"),
    ],
)
def test_what_is_not_whole_is_refused(content: bytes, reason: str, detail: str) -> None:
    if detail == "a parameter of kind":
        at = CONTENT.index(b"SCALE") + 7
        content = CONTENT[:at] + b"\x09" + CONTENT[at + 1 :]
    with pytest.raises(BadRecordingError) as raised:
        parse_c3d(content)
    assert raised.value.reason == reason
    assert detail in raised.value.detail


def test_c3d_is_known_by_its_beginning() -> None:
    assert is_c3d_head(CONTENT[:2])
    assert not is_c3d_head(b"PK")


@pytest.mark.data
def test_a_real_files_points_lie_where_ezc3d_puts_them() -> None:
    if not REAL.is_file():
        pytest.skip("real recordings are not beside the checkout")
    require_alike(REAL)
