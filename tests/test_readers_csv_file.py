"""CSV as clips, in the forms that people keep."""

import tracemalloc
from pathlib import Path

import numpy as np
import pytest

from encoder.joint_layouts import LAYOUTS
from umurl_search.clips.clip import Clip
from umurl_search.readers import detect, open_reader
from umurl_search.readers.build_clip import BadRecordingError
from umurl_search.readers.csv_file import is_csv_clip, load_csv
from umurl_search.readers.format_detection import passed_over
from umurl_search.readers.formats import read_clip_file

CLIP = np.random.default_rng(3).normal(size=(4, 25, 3)).round(3)
ROWS = [",".join(map(str, frame.ravel())) for frame in CLIP]


def read(tmp_path: Path, *lines: str) -> np.ndarray:
    path = tmp_path / "a.csv"
    path.write_text("\n".join(lines) + "\n")
    assert is_csv_clip(path)
    return load_csv(path)


@pytest.mark.parametrize(
    "lines",
    [
        ROWS,
        [f"{number},{row}" for number, row in enumerate(ROWS)],
        [f"{number},{number / 30},{row}" for number, row in enumerate(ROWS)],
        [row.replace(",", ";").replace(".", ",") for row in ROWS],
        [row.replace(",", ";") for row in ROWS],
        [row.replace(",", "\t") for row in ROWS],
        [row.replace(",", " ") for row in ROWS],
        [",".join(map(str, range(75))), *ROWS],
        [",".join(["", *map(str, range(75))]), *(f"{number},{row}" for number, row in enumerate(ROWS))],
        [",".join(f'"joint {j} {axis}"' for j in range(25) for axis in "XYZ"), *ROWS],
        [",".join(f"{axis}{j}" for j in range(25) for axis in "xyz"), *ROWS],
        [",".join(f"J{j}.Position.{axis}" for j in range(25) for axis in "XYZ"), *ROWS],
        [
            "time," + ",".join(f"Joint{j}({axis})" for j in range(25) for axis in "xyz"),
            *(f"9,{row}" for row in ROWS),
        ],
    ],
)
def test_a_row_is_a_frame(tmp_path: Path, lines: list[str]) -> None:
    assert (read(tmp_path, *lines).reshape(4, 25, 3) == CLIP).all()


def test_two_people_are_six_numbers_a_joint(tmp_path: Path) -> None:
    assert read(tmp_path, *(f"{row},{row}" for row in ROWS)).shape == (4, 150)


def test_the_head_says_which_column_is_which(tmp_path: Path) -> None:
    head = ",".join(f"{axis}_{j}" for axis in "zyx" for j in range(25))
    rows = [",".join(map(str, frame[:, ::-1].T.ravel())) for frame in CLIP]
    assert (read(tmp_path, head, *rows) == CLIP).all()


def test_a_joint_of_no_confidence_was_not_seen(tmp_path: Path) -> None:
    head = ",".join(f"j{j}_{axis}" for j in range(25) for axis in ("x", "y", "z", "conf"))
    rows = [",".join(f"{x},{y},{z},{int(j != 7)}" for j, (x, y, z) in enumerate(frame)) for frame in CLIP]
    found = read(tmp_path, head, *rows)
    assert not found[:, 7].any()
    assert (np.delete(found, 7, axis=1) == np.delete(CLIP, 7, axis=1)).all()


@pytest.mark.parametrize("numbered", [True, False])
def test_a_row_may_be_a_joint(tmp_path: Path, numbered: bool) -> None:
    rows = [
        (f"{t}," if numbered else "") + f"{j},{x},{y},{z},tracked"
        for t, frame in enumerate(CLIP)
        for j, (x, y, z) in enumerate(frame)
    ]
    assert (read(tmp_path, ("frame," if numbered else "") + "joint,x,y,z,state", *rows) == CLIP).all()


def test_cells_without_a_number_are_nan(tmp_path: Path) -> None:
    first = ROWS[0].split(",")
    found = read(tmp_path, ",".join(["", "NaN", *first[2:]]), *ROWS[1:])
    assert np.isnan(found[0, :2]).all()
    assert np.isfinite(found).sum() == found.size - 2


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (["name,label", "a,1"], "row 1: 'a' is no number"),
        (["1,2,3"], "3 columns, not three a joint of 25 or 20 joints"),
        ([*ROWS, "1,2"], "truncated: row 5: 2 columns, not 75"),
        ([ROWS[0], "1,2", ROWS[1]], "malformed: row 2: 2 columns, not 75"),
        (["", " "], "the file is empty"),
        (["frame,joint,x,y,z"], "it has no frames"),
        ([",".join(["1"] * 153)], "153 columns, not three a joint of 25 or 20 joints"),
        ([",".join(["1"] * 2_001)], "over 1000000 rows or 2000 columns"),
        (["1" * 200_001], "over 1000000 rows or 2000 columns"),
        (["1\t" * 2_001], "over 1000000 rows or 2000 columns"),
        (["x,y,z,joint", "1,2,3,0", "1,2,3"], "truncated: row 2: 3 columns, not 4"),
        (["x,y,z,joint,frame", "1,2,3,0", "1,2,3,0,0"], "malformed: row 1: 4 columns, not 5"),
    ],
)
def test_other_tables_are_no_clips(tmp_path: Path, lines: list[str], message: str) -> None:
    path = tmp_path / "a.csv"
    path.write_text("\n".join(lines))
    with pytest.raises(BadRecordingError, match=message):
        load_csv(path)
    assert not is_csv_clip(path)


def test_text_in_utf_16_is_read(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("\n".join(ROWS), encoding="utf-16")
    assert load_csv(tmp_path / "a.csv").shape == (4, 75)


def test_files_that_end_in_tsv_are_clips_too(tmp_path: Path) -> None:
    for number, name in enumerate(("a.tsv", "b.TSV", "c.csv")):
        mark = "," if name == "c.csv" else "\t"
        (tmp_path / name).write_text("\n".join(row.replace(",", mark) for row in ROWS[number:]))
    (tmp_path / "labels.tsv").write_text("name\taction\na\twave\n")
    assert detect(tmp_path) == "csv"
    reader = open_reader("csv", (tmp_path,))
    found = [one for (one,) in reader.read(reader.items()) if isinstance(one, Clip)]
    assert [(one.name, one.source) for one in found] == [("a", "a.tsv"), ("b", "b.TSV"), ("c", "c.csv")]
    assert passed_over(reader.roots, reader.files()) == {".tsv": 1}
    frames = read_clip_file(tmp_path / "a.tsv").frames
    assert frames.shape == (len(ROWS), 1, 25, 3)


@pytest.mark.parametrize("line", ["1\n", "1,\n", "1\r", "\n"])
def test_more_lines_than_a_clip_has_are_refused_in_little_memory(
    tmp_path: Path, line: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("umurl_search.readers.csv_file._MOST_ROWS", 1_000)
    path = tmp_path / "a.csv"
    path.write_text("1,2,3\n" + line * 300_000 + "1,2,3", newline="")
    tracemalloc.start()
    try:
        with pytest.raises(BadRecordingError, match="over 1000 rows"):
            load_csv(path)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 8 * 2**20


def _kinect(name: str) -> str:
    """A joint's name as Kinect's own software spells it."""
    *side, rest = name.split(" ", 1) if name.startswith(("left", "right")) else ("", name)
    return rest.title().replace(" ", "") + "".join(side).title()


@pytest.mark.parametrize("layout", ["ntu25", "kinect-v1"])
def test_kinects_joints_are_put_in_order_by_name(tmp_path: Path, layout: str) -> None:
    names = [_kinect(name) for name in LAYOUTS[layout].joints]
    array = np.arange(2 * len(names) * 3, dtype=float).reshape(2, len(names), 3)
    shuffled = list(np.random.default_rng(0).permutation(len(names)))
    head = ",".join(f"{names[j]}_{axis}" for j in shuffled for axis in "XYZ")
    wide, long = tmp_path / "wide.csv", tmp_path / "long.csv"
    wide.write_text("\n".join([head, *(",".join(map(str, frame[shuffled].ravel())) for frame in array)]))
    rows = [
        f"{t},{names[j]},{','.join(map(str, frame[j]))}" for t, frame in enumerate(array) for j in shuffled
    ]
    long.write_text("\n".join(["frame,joint,x,y,z", *rows]))
    for path in (wide, long):
        np.testing.assert_array_equal(load_csv(path), array)
