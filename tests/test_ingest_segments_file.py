"""Segments of whole recordings: from files and formats to columns of the catalog."""

import json
from pathlib import Path

import duckdb
import pytest
from refusals import raises_typed

from encoder.errors import UmurlError
from umurl_search.ingest.segments_file import StatedSegment, StatedSegments
from umurl_search.ingest.segments_file import read_segments as read_segments_file


def read_segments(path: Path | None) -> StatedSegments:
    return read_segments_file(path).recordings


FORM = (
    r'it is \{"RECORDING": \[\{"action": NAME, "start": SECONDS, "end": SECONDS\}\]\}, '
    "or a table with the columns .*$"
)


def json_file(folder: Path, content: object) -> Path:
    path = folder / "segments.json"
    path.write_text(json.dumps(content))
    return path


def test_json_and_csv_say_the_same(tmp_path: Path) -> None:
    stated = {
        "r1": [{"action": "wave", "start": 0, "end": 1.5}, {"action": "clap", "start": 2, "end": 4}],
        "r,2": [],
    }
    table = tmp_path / "segments.CSV"
    table.write_text('recording,action,start,end\r\nr1,wave,0,1.5\r\n"r1", clap ,2.0,4e0\r\n')
    wanted = [
        StatedSegment(action="wave", start_s=0, end_s=1.5),
        StatedSegment(action="clap", start_s=2, end_s=4),
    ]
    assert read_segments(json_file(tmp_path, stated)) == {"r1": wanted, "r,2": []}
    assert read_segments(table) == {"r1": wanted}
    assert read_segments(None) == {}


def test_actions_may_be_numbers(tmp_path: Path) -> None:
    table = tmp_path / "segments.csv"
    table.write_text("recording,action,start,end\nr1,12,0,1\n")
    stated = read_segments(json_file(tmp_path, {"r1": [{"action": 12, "start": 0, "end": 1}]}))
    assert stated == read_segments(table) == {"r1": [StatedSegment(action=12, start_s=0, end_s=1)]}


WAVE = {"r1": [StatedSegment(action="wave", start_s=0, end_s=1.5)]}


@pytest.mark.parametrize(
    "text",
    [
        "recording;action;start;end\nr1;wave;0;1,5\n",
        "End\tSTART\tAction\tRecording\tscore\n1.5\t0\twave\tr1\t0.7\n",
        "file, class, start time, end time\nr1, wave, 0:00, 00:00:01.50\n",
        "\ufeffvideo_id|label|begin|stop\r\nr1|wave|0|1.5\r\n\r\n",
    ],
)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "utf-8-sig"])
@pytest.mark.parametrize("name", ["s.csv", "s.tsv", "s.txt"])
def test_tables_in_the_forms_that_people_have(tmp_path: Path, text: str, encoding: str, name: str) -> None:
    (tmp_path / name).write_bytes(text.removeprefix("\ufeff" * (encoding != "utf-8")).encode(encoding))
    assert read_segments(tmp_path / name) == WAVE


SEGMENT = {"action": "wave", "start": 0, "end": 1.5}


@pytest.mark.parametrize(
    "content",
    [
        {"r1": [SEGMENT]},
        {"r1": [["wave", 0, 1.5]]},
        {"r1": [[0, 1.5, "wave"]]},
        {"r1": {"segments": [SEGMENT], "fps": 30}},
        {"r1": {"wave": [0, 1.5]}},
        {"r1": {"wave": [[0, "1.5"]]}},
        [{"recording": "r1", **SEGMENT}],
        [{"video": "r1", "annotations": [SEGMENT]}],
        {"recording": ["r1"], "action": ["wave"], "start": [0], "end": [1.5]},
        {"version": "1.3", "database": {"r1": {"annotations": [{"label": "wave", "segment": [0, 1.5]}]}}},
        {"results": {"r1": [{"label": "wave", "segment": [0, 1.5], "score": 0.3}]}, "version": "1.3"},
        {"annotations": [{"file": "r1", **SEGMENT}]},
    ],
)
@pytest.mark.parametrize("name", ["s.json", "s.txt", "s"])
def test_json_in_the_forms_that_people_have(tmp_path: Path, content: object, name: str) -> None:
    (tmp_path / name).write_text("\ufeff" + json.dumps(content), encoding="utf-8")
    assert read_segments(tmp_path / name) == WAVE


def test_parquet_is_a_table(tmp_path: Path) -> None:
    path = tmp_path / "s.parquet"
    with duckdb.connect() as con:
        said = "'r1' as recording, 3 as action, 0.0::double as start, 1.5 as \"end\""
        con.execute(f"copy (select {said}) to '{path}' (format parquet)")
    assert read_segments(path) == {"r1": [StatedSegment(action=3, start_s=0, end_s=1.5)]}


def test_labels_count_from_0_and_what_says_nothing_is_told(tmp_path: Path) -> None:
    path = tmp_path / "s.csv"
    path.write_text("recording,label,start,end,score\nr1,0,0,1,0.5\nr1,2.0,1,2,0.5\n")
    found = read_segments_file(path)
    assert [one.action for one in found.recordings["r1"]] == [1, 3]
    assert found.notes == ("s.csv: passed over of its segments: score",)
    path.write_text("recording,label,action,start,end\nr1,0,wave,0,1\n")
    found = read_segments_file(path)
    assert [one.action for one in found.recordings["r1"]] == ["wave"]
    assert found.notes == ("s.csv: passed over of its segments: label",)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ([1], "it is no list of records"),
        ({"r": {"action": "a"}}, ".*"),
        ({"r": [{"action": "a", "start": 0}]}, "'end' is missing"),
        (7, "it is no object of recordings"),
        ([{"action": "a", "start": 0, "end": 1}], "a record names no recording: it has action, start, end"),
        ({"r": "a"}, "recording r has no list of segments"),
        ({"r": {"a": "b"}}, "a start and an end are expected, got b"),
        ({"r": {"a": [[0, 1, 2]]}}, "a start and an end are expected, got .0, 1, 2."),
        ({"r": [[1, 0, 1]]}, "a segment is an object with action, start and end, got .1, 0, 1."),
        (
            [{"recording": None, "action": "a", "start": 0, "end": 1}],
            "a recording's name is expected, got 'None'",
        ),
        (
            {"r": [{"action": "a", "start": 2, "end": 1}]},
            "a segment starts at 0 s or later and ends after that, got 2.0 to 1.0",
        ),
        (
            {"r": [{"action": "a", "start": -1, "end": 1}]},
            "a segment starts at 0 s or later and ends after that, got -1.0 to 1.0",
        ),
        (
            {"r": [{"action": "a", "start": 0, "end": float("nan")}]},
            "a segment starts at 0 s .* got 0.0 to nan",
        ),
        (
            {"r": [{"action": "a", "start": 0, "end": float("inf")}]},
            "a segment starts at 0 s .* got 0.0 to inf",
        ),
        ({"r": [{"action": True, "start": 0, "end": 1}]}, "an action is a name or a number from 1, got True"),
        ({"r": [{"action": "", "start": 0, "end": 1}]}, "an action is a name or a number from 1, got ''"),
        ({"r": [{"action": 0, "start": 0, "end": 1}]}, "actions count from 1 to 1,000,000, got 0"),
        ({"r": [{"action": "a", "start": "x", "end": 1}]}, "could not convert string to float: 'x'"),
        (
            {"r": [{"action": "a", "start": 0, "end": 1}, {"action": 1, "start": 0, "end": 1}]},
            "some actions are names, others numbers",
        ),
    ],
)
def test_what_is_no_segments_file(tmp_path: Path, content: object, said: str) -> None:
    path = json_file(tmp_path, content)
    with raises_typed(rf"^{path}: not a segments file \({said}\); {FORM}"):
        read_segments(path)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "it has no column recording, start, end, action; its columns are none"),
        ("recording,action,start\nr,a,0\n", "it has no column end; its columns are recording, action, start"),
        ("r1,wave,0,1\n", "it has no column recording, start, end, action; its columns are r1, wave, 0, 1"),
        (
            "video;class;start_frame;end_frame\n",
            "it has no column start, end; its columns are video, .*_frame",
        ),
    ],
)
def test_a_table_says_its_columns(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "s.csv"
    path.write_text(text)
    with raises_typed(rf"^{path}: not a segments file \({said}\); {FORM}"):
        read_segments(path)


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ("r1,wave,0,1,2", r"not a table \(line 2 has 5 fields, the first line 4\)$"),
        ('r1,"wave"x,0,1', r"not a table \(',' expected after '\"'\)$"),
        (
            "r1,10000000,0,1",
            rf"not a segments file \(actions count from 1 to 1,000,000, got 10000000\); {FORM}",
        ),
        ("r1,wave,0", rf"not a segments file \(a segment has no start or no end\); {FORM}"),
    ],
)
def test_a_bad_row_is_told(tmp_path: Path, row: str, said: str) -> None:
    path = tmp_path / "s.csv"
    path.write_text(f"recording,action,start,end\n{row}\n")
    with raises_typed(f"^{path}: {said}"):
        read_segments(path)


def test_no_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(UmurlError, match=r"none\.json: cannot be read \(No such file"):
        read_segments(tmp_path / "none.json")
