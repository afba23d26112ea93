"""NTU's skeleton files: people, lengths, names, missing samples, and what is wrong with a file."""

import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from made_recordings import (
    NTU_FACTS,
    NTU_NAME,
    NTU_REST,
    body,
    moving_bodies,
    ntu_outcomes,
    parse_by_tokens,
    skeleton,
    write_ntu,
)

from encoder.errors import UmurlError
from umurl_search.clips.clip import Clip, LeftOut, Outcome, Reason
from umurl_search.clips.normalization import Conventions, convert_and_count
from umurl_search.readers import SourceOptions, open_reader
from umurl_search.readers.build_clip import BadRecordingError
from umurl_search.readers.ntu import (
    NtuReader,
    parse_skeleton,
    parse_tracked_skeleton,
    read_missing_list,
    read_people,
    read_skeleton,
)

REPOSITORY = Path(__file__).parents[1]
REAL = Path(__file__).parents[2] / "shared/data/ntu_samples/raw"


def only_outcome(root: Path, **options: int | None) -> Outcome:
    (outcome,) = ntu_outcomes(root, **options)
    return outcome


@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("n_bodies", range(1, 7))
def test_bodies_and_line_ends(tmp_path: Path, n_bodies: int, end: str) -> None:
    text = skeleton(moving_bodies(4, n_bodies), end=end)
    frames = read_skeleton(write_ntu(tmp_path, text))
    positions = range(min(n_bodies, 4))[::-1][:2]  # later ones move more
    wanted = parse_by_tokens(text)[:, list(positions)].astype(np.float32)
    assert frames.dtype == np.float32
    np.testing.assert_array_equal(frames, wanted)


def test_clip_carries_the_numbers_in_its_name(tmp_path: Path) -> None:
    write_ntu(tmp_path / "deep" / "er", skeleton(moving_bodies(2, 1)))
    clip = only_outcome(tmp_path)
    assert isinstance(clip, Clip)
    assert (clip.name, clip.label, clip.subject, clip.camera) == (NTU_NAME, 3, 3, 2)
    assert (clip.setup, clip.replication, clip.cut) == (1, 1, 0)
    assert clip.source == f"deep/er/{NTU_NAME}.skeleton"
    assert clip.frames.shape == (2, 1, 25, 3)
    assert clip.frames.flags.c_contiguous


def test_a_file_of_another_name_is_a_clip_without_label(tmp_path: Path) -> None:
    write_ntu(tmp_path, skeleton(moving_bodies(2, 1)), name="walk")
    clip = only_outcome(tmp_path)
    assert isinstance(clip, Clip)
    assert (clip.name, clip.label) == ("walk", None)


def test_a_body_with_17_digits_of_id_keeps_its_place(tmp_path: Path) -> None:
    frames = moving_bodies(3, 2)
    text = skeleton(frames).replace(NTU_FACTS, "72057594037931691 0 1 1 1 1 0 0.02 0.05 2")
    np.testing.assert_array_equal(parse_skeleton(text.encode()), parse_by_tokens(skeleton(frames)))


def test_longer_clips_are_cut_and_say_so(tmp_path: Path) -> None:
    write_ntu(tmp_path, skeleton(moving_bodies(12, 1)))
    cut, whole = only_outcome(tmp_path, max_frames=10), only_outcome(tmp_path, max_frames=None)
    assert isinstance(cut, Clip)
    assert isinstance(whole, Clip)
    assert (len(cut.frames), cut.cut, len(whole.frames), whole.cut) == (10, 2, 12, 0)
    np.testing.assert_array_equal(cut.frames, whole.frames[:10])


TWO_FRAMES = skeleton(moving_bodies(2, 1))


LINES = TWO_FRAMES.splitlines()


def alter(line: int, text: str) -> str:
    return "\n".join([*LINES[: line - 1], text, *LINES[line:]]) + "\n"


@pytest.mark.parametrize(
    ("text", "reason", "detail"),
    [
        ("", "truncated", "the file is empty"),
        ("\n", "truncated", "the file is empty"),
        ("3\n", "truncated", "it ends at line 1, before its number of bodies"),
        (skeleton(moving_bodies(2, 1)).replace("2\n", "3\n", 1), "truncated", "before its number of bodies"),
        (alter(5, "0.1 0.2 0.3 4"), "truncated", "line 5: 4 of a joint's 12 numbers"),
        (skeleton([[], []]), "no body", "nobody in any of 2 frames"),
        (skeleton([[["0 0 0"] * 25]] * 3), "no body", "nobody in any of 3 frames"),
        ("0\n", "no body", "nobody in any of 0 frames"),
        (skeleton([[["nan 0 0"] * 25]] * 3), "non-finite", "75 NaN or infinite numbers, from frame 1"),
        (alter(5, f"0.1 1e39 0.3 {NTU_REST}"), "non-finite", "from frame 1"),
        (alter(5, f"x.1 0.2 0.3 {NTU_REST}"), "malformed", "a joint's place is no number"),
        (alter(5, f"{'x' * 999} 0.2 0.3 {NTU_REST}"), "malformed", f"{'x' * 99}..."),
        (alter(5, f"0,1 0.2 0.3 {NTU_REST}"), "malformed", "a joint's place is no number"),
        (alter(5, f"0.-1 0.2 0.3 {NTU_REST}"), "malformed", "a joint's place is no number"),
        (alter(5, f"- 0.2 0.3 {NTU_REST}"), "malformed", "a joint's place is no number"),
        (alter(5, f":.2 0.2 0.3 {NTU_REST}"), "malformed", "a joint's place is no number"),
        (alter(5, f"0.2 : 0.3 {NTU_REST}"), "malformed", "a joint's place is no number"),
        (alter(5, f"0.2 0:3 0.3 {NTU_REST}"), "malformed", "a joint's place is no number"),
        (alter(5, f"0.2 0.: 0.3 {NTU_REST}"), "malformed", "a joint's place is no number"),
        (alter(5, f"0.2 0.\u00e9 0.3 {NTU_REST}"), "malformed", "a joint's place is no number"),
        (alter(4, "20"), "malformed", "line 4: 20 joints, not 25"),
        (alter(2, "one"), "malformed", "line 2: 'one' is no number of bodies"),
        (alter(2, "-1"), "malformed", "line 2: '-1' bodies, at most 100 can be"),
        (alter(2, "1000000000"), "malformed", "line 2: '1000000000' bodies, at most 100 can be"),
        ("1000000000\n", "malformed", "line 1: '1000000000' frames, at most 1000000 can be"),
        ("hello there\n", "malformed", "line 1: 'hello there' is no number of frames"),
        (b"\xff\xfe\x00\x01" * 20, "malformed", "is no number of frames"),
    ],
)
def test_what_is_wrong_is_said(tmp_path: Path, text: str | bytes, reason: Reason, detail: str) -> None:
    path = write_ntu(tmp_path, text)
    left_out = only_outcome(tmp_path)
    assert isinstance(left_out, LeftOut)
    assert (left_out.name, left_out.reason, left_out.source) == (NTU_NAME, reason, f"{NTU_NAME}.skeleton")
    assert detail in left_out.detail
    with pytest.raises(BadRecordingError) as raised:
        read_skeleton(path)
    assert str(raised.value) == f"{path}: {reason}: {left_out.detail}"


def test_a_bad_number_after_the_place_is_not_looked_at(tmp_path: Path) -> None:
    write_ntu(tmp_path, alter(5, "0.1 0.2 0.3 a b c d e f g h i"))
    assert isinstance(only_outcome(tmp_path), Clip)


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_a_file_cut_anywhere_is_truncated_or_complete(end: str) -> None:
    text = skeleton([*moving_bodies(1, 2), []], end=end).encode()
    whole = parse_skeleton(text)
    complete = []
    for n_bytes in range(1, len(text)):
        try:
            frames = parse_skeleton(text[:n_bytes])
        except BadRecordingError as error:
            assert error.reason == "truncated", (n_bytes, str(error))  # noqa: PT017
        else:
            np.testing.assert_array_equal(frames, whole)
            complete.append(len(text) - n_bytes)
    assert complete == list(range(len(end), 0, -1))  # only what ends the last line may be missing


def test_an_unreadable_file_is_left_out(tmp_path: Path) -> None:
    (tmp_path / f"{NTU_NAME}.skeleton").symlink_to(tmp_path / "gone")
    left_out = only_outcome(tmp_path)
    assert isinstance(left_out, LeftOut)
    assert (left_out.reason, left_out.detail) == (
        "malformed",
        "no regular file (a link to nowhere, or a pipe)",
    )


HEADER = "These are the samples with missing skeletons:\n\n(three lines)\n"


@pytest.mark.parametrize("beside", [True, False])
def test_listed_as_missing(tmp_path: Path, beside: bool) -> None:
    root = tmp_path / "data" / "nturgb+d_skeletons"
    write_ntu(root, skeleton(moving_bodies(2, 1)))
    write_ntu(root, skeleton(moving_bodies(2, 1)), name="S001C002P003R001A005")
    folder = tmp_path / "data" if beside else root
    listed = folder / "NTU_RGBD_samples_with_missing_skeletons.txt"
    listed.write_text(f"{HEADER}{NTU_NAME}\n")
    reader = NtuReader((root,))
    first, second = (group[0] for group in reader.read(reader.items()))
    assert isinstance(first, LeftOut)
    assert (first.name, first.reason) == (NTU_NAME, "listed as missing")
    assert isinstance(second, Clip)
    assert reader.missing_lists == (listed,)
    assert listed in reader.files()


def test_a_list_given_is_used_and_must_name_samples(tmp_path: Path) -> None:
    write_ntu(tmp_path / "raw", skeleton(moving_bodies(2, 1)))
    listed = tmp_path / "my list.txt"
    listed.write_bytes(f"{HEADER}{NTU_NAME}.skeleton\r\n".encode())
    assert read_missing_list(listed) == [NTU_NAME]
    reader = open_reader("ntu-skeleton", (tmp_path / "raw",), SourceOptions(missing=listed))
    ((outcome,),) = reader.read(reader.items())
    assert isinstance(outcome, LeftOut)
    listed.write_text(HEADER)
    with pytest.raises(UmurlError, match=r"my list\.txt: holds no sample name"):
        NtuReader((tmp_path,), missing=(listed,))
    with pytest.raises(UmurlError, match=r"gone: the list of missing samples cannot be read: No such file"):
        NtuReader((tmp_path,), missing=(tmp_path / "gone",))


def test_actions_and_setups_beyond_the_dataset_are_left_out(tmp_path: Path) -> None:
    for name in ("S001C001P001R001A060", "S001C001P001R001A061", "S018C001P001R001A001", "walk"):
        write_ntu(tmp_path, skeleton(moving_bodies(2, 1)), name=name)
    found = {o.name: o for o in ntu_outcomes(tmp_path, max_action=60, max_setup=17)}
    assert isinstance(found["S001C001P001R001A060"], Clip)
    details = {name: o.detail for name, o in found.items() if isinstance(o, LeftOut)}
    assert details == {
        "S001C001P001R001A061": "action 61, the last is 60",
        "S018C001P001R001A001": "setup 18, the last is 17",
        "walk": "no action in its name",
    }
    assert {o.reason for o in found.values() if isinstance(o, LeftOut)} == {"not part of the dataset"}


def test_a_copy_of_the_reader_reads_the_same(tmp_path: Path) -> None:
    write_ntu(tmp_path / "a", skeleton(moving_bodies(2, 1)))
    write_ntu(tmp_path / "b", skeleton(moving_bodies(2, 1)))
    reader = NtuReader((tmp_path,), max_action=60)
    copy = pickle.loads(pickle.dumps(reader))
    reasons = [getattr(group[0], "reason", "clip") for group in copy.read(reader.items())]
    assert reasons == ["clip", "duplicate name"]
    assert repr(copy) == repr(reader) == repr(NtuReader((tmp_path,), max_action=60))
    assert repr(reader) != repr(NtuReader((tmp_path,), max_action=61))


def test_a_source_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(UmurlError, match=r"/gone: no such file or folder$"):
        NtuReader((tmp_path / "gone",))
    with pytest.raises(UmurlError, match="no source given"):
        NtuReader(())


def test_importing_the_readers_is_light() -> None:
    code = "import sys, umurl_search.readers; print({'torch', 'faiss', 'duckdb'} & set(sys.modules))"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=REPOSITORY, capture_output=True, text=True, check=True
    )
    assert done.stdout == "set()\n"


@pytest.mark.data
def test_real_recordings_equal_the_token_parser() -> None:
    if not REAL.is_dir():
        pytest.skip("real NTU RGB+D recordings are not beside the checkout")
    found = ntu_outcomes(REAL)
    assert len(found) == 6
    assert all(isinstance(outcome, Clip) for outcome in found)
    for path in REAL.iterdir():
        content = path.read_bytes()
        assert parse_skeleton(content).tobytes() == parse_by_tokens(content.decode()).tobytes()


def tracked(frames: list[list[tuple[str, int]]], *, states: dict[tuple[int, str], str]) -> str:
    """A file whose bodies are (id, seed); states: by frame and id, the tracking state of joint 1, else 2."""
    lines = [str(len(frames))]
    for frame, bodies in enumerate(frames):
        lines.append(str(len(bodies)))
        for identity, seed in bodies:
            state = states.get((frame, identity), "2")
            lines += [f"{identity} 0 1 1 0 0 0 0 0 2", "25"]
            lines += [
                f"{place} 0 0 0 0 0 0 0 0 {state if joint == 1 else '2'}"
                for joint, place in enumerate(body(seed))
            ]
    return "\n".join(lines) + "\n"


LEAVING = tracked([[("7", 1), ("8", 2)], [("8", 2)], [("8", 2), ("7", 1)]], states={(0, "8"): "0"})


def test_bodies_of_ones_own_keep_their_place_and_what_was_not_tracked_is_zero(tmp_path: Path) -> None:
    frames, n_unseen, _ = parse_tracked_skeleton(LEAVING.encode())
    seven, eight = (np.array([place.split() for place in body(seed)], float) for seed in (1, 2))
    assert not frames[1, 0].any()
    np.testing.assert_array_equal(frames[[0, 2], 0], [seven, seven])
    np.testing.assert_array_equal(frames[1:, 1], [eight, eight])
    assert not frames[0, 1, 1].any()
    np.testing.assert_array_equal(frames[0, 1, 2:], eight[2:])
    assert n_unseen == 1
    write_ntu(tmp_path, LEAVING, name="mine")
    clip = only_outcome(tmp_path)
    assert isinstance(clip, Clip)
    assert clip.unseen == 1


def test_files_named_as_the_authors_do_are_read_by_their_rule(tmp_path: Path) -> None:
    authors, own = write_ntu(tmp_path, LEAVING), write_ntu(tmp_path, LEAVING, name="mine")
    np.testing.assert_array_equal(
        parse_skeleton(LEAVING.encode())[1, 0], parse_skeleton(LEAVING.encode())[0, 1]
    )
    assert read_people(authors).n_unseen == 0
    assert np.asarray(read_people(authors).frames.any(axis=-1))[0].all()
    assert read_people(own).n_unseen == 1


def test_a_file_without_ids_or_tracking_states_is_read_by_position(tmp_path: Path) -> None:
    twice = tracked([[("7", 1), ("7", 2)], [("7", 2)]], states={})
    np.testing.assert_array_equal(
        parse_tracked_skeleton(twice.encode()).frames, parse_skeleton(twice.encode())
    )
    never = LEAVING.replace(" 2\n", " 0\n")
    assert parse_tracked_skeleton(never.encode()).n_unseen == 0


def test_joints_that_are_no_number_are_kept_for_what_they_mark(tmp_path: Path) -> None:
    write_ntu(tmp_path, alter(5, f"nan 0.2 0.3 {NTU_REST}"))
    clip = only_outcome(tmp_path)
    assert isinstance(clip, Clip)
    counted = convert_and_count(clip, Conventions())
    assert not isinstance(counted, LeftOut)
    assert counted.n_unseen == 1
    assert not counted.frames[0, 0, 0].any()
