import hashlib
import os
import pickle
import subprocess
import sys
from collections import Counter
from dataclasses import FrozenInstanceError, dataclass, replace

import numpy as np
import pytest
from numpy.typing import NDArray

from umurl_search.clips.clip import Clip, LeftOut
from umurl_search.readers.base import Reader
from umurl_search.synthetic import body as body
from umurl_search.synthetic import demo_corpus
from umurl_search.synthetic.actions import ALL, STAND, Action, pose, sample_keys
from umurl_search.synthetic.body import RANGES, Array, Build, bone_offsets, clamp_to_ranges, mirror, place
from umurl_search.synthetic.demo_corpus import (
    ACTIONS,
    N_SUBJECTS,
    TWO_PERSON,
    DemoReader,
    Take,
    clip_names,
    make_clip,
)

LEFT, RIGHT = (4, 5, 6, 7, 12, 13, 14, 15, 21, 22), (8, 9, 10, 11, 16, 17, 18, 19, 23, 24)


def take_of(action: str, subject: int = 1, *, camera: int = 2, replication: int = 1) -> Take:
    return Take(
        setup=demo_corpus.setup_of(subject),
        camera=camera,
        subject=subject,
        replication=replication,
        action=ACTIONS.index(action) + 1,
    )


def name_of(take: Take) -> str:
    numbers = take.setup, take.camera, take.subject, take.replication, take.action
    return "S{:03d}C{:03d}P{:03d}R{:03d}A{:03d}".format(*numbers)


def actor_of(action: str, subject: int) -> Array:
    """The joints (T, 25, 3) of the only person of a performance."""
    people = demo_corpus.perform(take_of(action, subject))
    assert people.shape[1] == 1
    return people[:, 0]


def standing() -> Array:
    """The average body at rest: (25, 3)."""
    (joints,) = place(body.forward_kinematics(STAND[None], bone_offsets(Build())), STAND[None], scale=1)
    return np.asarray(joints)


def random_poses(n: int) -> Array:
    rng = np.random.default_rng(5)
    return rng.uniform(RANGES[:, 0], RANGES[:, 1], (n, len(body.CHANNELS)))


@dataclass(frozen=True, kw_only=True)
class Corpus:
    """The clips of subjects 1 to 8 before all cameras, and their baseline vectors."""

    clips: dict[str, NDArray[np.float32]]
    vectors: NDArray[np.float64]

    @property
    def names(self) -> list[str]:
        return list(self.clips)

    def column(self, field: str) -> NDArray[np.int64]:
        return np.array([getattr(demo_corpus.parse_take(name), field) for name in self.clips])


@pytest.fixture(scope="module")
def corpus() -> Corpus:
    clips = {name: make_clip(name) for name in clip_names() if demo_corpus.parse_take(name).subject <= 8}
    return Corpus(clips=clips, vectors=np.stack([plain_vector(frames) for frames in clips.values()]))


# The corpus


def test_corpus_size_and_names() -> None:
    names = clip_names()
    assert len(ACTIONS) == len(set(ACTIONS)) >= 26
    assert len(TWO_PERSON) >= 6
    assert demo_corpus.N_CAMERAS == 3
    assert len(names) == len(set(names)) == len(ACTIONS) * N_SUBJECTS * 3
    assert names == sorted(names)
    takes = [demo_corpus.parse_take(name) for name in names]
    assert [name_of(take) for take in takes] == names
    assert {take.subject for take in takes} == set(range(1, N_SUBJECTS + 1))
    parities = Counter((take.setup, take.subject % 2) for take in takes)
    assert len(parities) == 2 * demo_corpus.N_SETUPS
    assert len(set(parities.values())) == 1


@pytest.mark.parametrize(
    ("name", "rule"),
    [
        ("wave", "a clip's name is SsssCccPpppRrrrAaaa, three digits each, got 'wave'"),
        ("S001C001P001R001A001.skeleton", "a clip's name is SsssCccPpppRrrrAaaa"),
        ("S005C001P001R001A001", "the setup of a clip is 1 to 4, got 5 in 'S005C001P001R001A001'"),
        ("S001C004P001R001A001", "the camera of a clip is 1 to 3, got 4"),
        ("S001C001P025R001A001", "the subject of a clip is 1 to 24, got 25"),
        ("S001C001P001R000A001", "the replication of a clip is 1 to 99, got 0"),
        ("S001C001P001R001A032", "the action of a clip is 1 to 31, got 32"),
    ],
)
def test_make_clip_rejects_names_out_of_range(name: str, rule: str) -> None:
    with pytest.raises(ValueError, match=rule):
        make_clip(name)


def test_any_setup_and_replication_can_be_made() -> None:
    assert make_clip("S004C003P001R099A031").shape[1:] == (2, 25, 3)


@pytest.mark.parametrize("label", range(len(ACTIONS)))
def test_clips_are_what_a_sensor_gives(label: int) -> None:
    frames = make_clip(name_of(take_of(ACTIONS[label], 1 + label % N_SUBJECTS)))
    assert frames.dtype == np.float32
    assert frames.shape[1:] == (2 if label in TWO_PERSON else 1, 25, 3)
    assert demo_corpus.SHORTEST <= len(frames) <= demo_corpus.LONGEST
    assert np.isfinite(frames).all()
    depth = frames[..., 0, 2][frames[..., 0, 2] != 0]
    assert 2 < np.median(depth) < 4.5
    assert depth.min() > 1


def test_same_name_and_seed_give_the_same_bytes_in_any_order() -> None:
    first, second = clip_names()[100], clip_names()[1500]
    forwards = [make_clip(name).tobytes() for name in (first, second)]
    demo_corpus.sample_subject.cache_clear()
    assert [make_clip(name).tobytes() for name in (second, first)] == forwards[::-1]
    assert make_clip(first, seed=1).tobytes() != forwards[0]


def test_another_process_gives_the_same_bytes() -> None:
    name = clip_names()[1000]
    code = (
        "import hashlib; from umurl_search.synthetic.demo_corpus import make_clip;"
        f"print(hashlib.sha256(make_clip({name!r}, seed=3).tobytes()).hexdigest())"
    )
    environment = os.environ | {"PYTHONHASHSEED": "77", "PYTHONPATH": os.pathsep.join(sys.path)}
    run = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True)
    assert run.stdout.strip() == hashlib.sha256(make_clip(name, seed=3).tobytes()).hexdigest(), run.stderr


def test_replications_of_a_subject_differ() -> None:
    one, two = (demo_corpus.perform(take_of("bow", 5, replication=r)) for r in (1, 2))
    assert one.shape != two.shape or np.abs(one - two).max() > 0.05


# The body


def slow_rotation(vector: tuple[float, float, float]) -> Array:
    """The matrix exponential of a rotation vector's cross-product matrix, by its power series."""
    x, y, z = vector
    cross = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    term, total = np.eye(3), np.eye(3)
    for power in range(1, 60):
        term = term @ cross / power
        total = total + term
    return total


def slow_joints(row: Array, offsets: Array) -> Array:
    """The body of one pose, joint after joint from the root: (25, 3)."""
    at = {name: float(np.deg2rad(value)) for name, value in zip(body.CHANNELS, row, strict=True)}
    turned = {-1: np.eye(3)}

    def turn(joint: int, after: int, *vectors: tuple[float, float, float]) -> None:
        turned[joint] = np.linalg.multi_dot([turned[after], np.eye(3), *(slow_rotation(v) for v in vectors)])

    turn(0, -1, (0, at["yaw"], 0), (at["pitch"], 0, at["roll"]))
    spine, head = (
        (at["bend"] / 2, at["twist"] / 2, at["lean"] / 2),
        (at["nod"] / 2, at["turn"] / 2, at["tilt"] / 2),
    )
    for joint, after, vector in ((1, 0, spine), (20, 1, spine), (2, 20, head), (3, 2, head)):
        turn(joint, after, vector)
    for side, who, first in ((1, "off", 4), (-1, "main", 8)):
        lift, spread, inward, elbow, wrist = (at[f"{who} arm {name}"] for name in body.ARM)
        turn(first, 20, (-lift, 0, side * spread), (0, -side * inward, 0))
        turn(first + 1, first, (-elbow, 0, 0))
        turn(first + 2, first + 1, (0, 0, -side * wrist))
        lift, spread, inward, knee, ankle = (at[f"{who} leg {name}"] for name in body.LEG)
        turn(first + 8, 0, (-lift, 0, side * spread), (0, -side * inward, 0))
        turn(first + 9, first + 8, (knee, 0, 0))
        turn(first + 10, first + 9, (-ankle, 0, 0))
    # The rotation at its parent carries a joint, but the trunk bends at the lower end of each part.
    carrier = {1: 1, 20: 20, 2: 2, 3: 3, 21: 6, 23: 10}
    joints = np.zeros((25, 3))
    for joint in (1, 20, 2, 3, 4, 5, 6, 7, 21, 22, 8, 9, 10, 11, 23, 24, 12, 13, 14, 15, 16, 17, 18, 19):
        parent = body.PARENTS[joint]
        joints[joint] = joints[parent] + turned[carrier.get(joint, parent)] @ offsets[joint]
    return joints


def test_forward_kinematics_equals_slow_oracle() -> None:
    poses = random_poses(6)
    offsets = bone_offsets(Build(stature=1.6, legs=1.1, breadth=0.9))
    expected = np.stack([slow_joints(row, offsets) for row in poses])
    np.testing.assert_allclose(body.forward_kinematics(poses, offsets), expected, atol=1e-9)


def test_standing_body_has_human_measures() -> None:
    joints = standing()
    assert 1.55 < joints[3, 1] < 1.72  # the middle of the head
    assert 0.85 < joints[0, 1] < 1.0
    assert joints[4, 0] > 0.15 > -0.15 > joints[8, 0]  # left is +x
    assert (joints[[15, 19], 2] > joints[[14, 18], 2] + 0.1).all()  # feet point ahead
    assert (np.abs(joints[[7, 11], 1] - joints[0, 1]) < 0.25).all()


def test_positive_angles_bend_the_way_that_people_bend() -> None:
    made = pose({"bend": 40}, arms=(0, 0, 0, 90, 0), both_legs=(0, 0, 0, 90, 0))
    joints = body.forward_kinematics(made[None], bone_offsets(Build()))[0]
    assert joints[3, 2] > 0.2  # bowed ahead
    assert (joints[[6, 10], 2] > joints[[5, 9], 2] + 0.1).all()  # forearms ahead
    assert (joints[[14, 18], 2] < joints[[13, 17], 2] - 0.3).all()  # shanks behind


def test_left_handers_are_mirror_images() -> None:
    poses, offsets = random_poses(5), bone_offsets(Build())
    swapped = np.arange(25)
    swapped[[*LEFT, *RIGHT]] = [*RIGHT, *LEFT]
    left = mirror(poses)
    straight, reflected = (
        place(body.forward_kinematics(made, offsets), made, scale=1) for made in (poses, left)
    )
    np.testing.assert_allclose(reflected, straight[:, swapped] * [-1, 1, 1], atol=1e-9)
    np.testing.assert_array_equal(mirror(left), poses)


@pytest.mark.parametrize("label", range(len(ACTIONS)))
def test_limbs_keep_their_lengths(label: int) -> None:
    subject = 1 + 7 * label % N_SUBJECTS
    joints = demo_corpus.perform(take_of(ACTIONS[label], subject))
    lengths = np.linalg.norm(joints - joints[:, :, body.PARENTS], axis=-1)
    assert np.ptp(lengths, axis=0).max() < 1e-9
    expected = np.linalg.norm(bone_offsets(demo_corpus.sample_subject(subject).build), axis=-1)
    assert min(np.abs(person - expected).max() for person in lengths[0]) < 1e-9


@pytest.mark.parametrize("action", ALL, ids=lambda action: action.name.replace(" ", "-"))
def test_key_poses_are_within_ranges(action: Action) -> None:
    for writer in (action.actor, action.partner or action.actor):
        keys = np.stack([key for _, key in writer(action.repeats[1])])
        assert (keys >= RANGES[:, 0]).all()
        assert (keys <= RANGES[:, 1]).all()


def flexion(joints: Array, chain: tuple[int, int, int]) -> Array:
    """The bend at the middle joint, degrees, 0 when straight; joints: (T, 25, 3)."""
    upper, lower = joints[:, chain[1]] - joints[:, chain[0]], joints[:, chain[2]] - joints[:, chain[1]]
    cosine = (upper * lower).sum(-1) / np.linalg.norm(upper, axis=-1) / np.linalg.norm(lower, axis=-1)
    return np.asarray(np.rad2deg(np.arccos(np.clip(cosine, -1, 1))))


@pytest.mark.parametrize("label", range(len(ACTIONS)))
def test_elbows_and_knees_stay_within_their_ranges(label: int) -> None:
    people = demo_corpus.perform(take_of(ACTIONS[label], 1 + 5 * label % N_SUBJECTS))
    for person in people.transpose(1, 0, 2, 3):
        assert max(flexion(person, (4, 5, 6)).max(), flexion(person, (8, 9, 10)).max()) <= 150 + 1e-6
        assert max(flexion(person, (12, 13, 14)).max(), flexion(person, (16, 17, 18)).max()) <= 145 + 1e-6
        assert knees_bend_backwards(person, (12, 13, 14, 15))
        assert knees_bend_backwards(person, (16, 17, 18, 19))


def knees_bend_backwards(joints: Array, leg: tuple[int, int, int, int]) -> bool:
    """Whether thigh to shank turns one way and shank to foot the other, throughout."""
    thigh, shank, foot = (joints[:, leg[i + 1]] - joints[:, leg[i]] for i in range(3))
    return bool(((np.cross(thigh, shank) * np.cross(shank, foot)).sum(-1) <= 1e-12).all())


def test_a_pose_beyond_the_ranges_is_brought_back() -> None:
    made = pose({"nod": 80}, arm=(0, 0, 0, 200, 0), leg=(0, 0, 0, -30, 0))
    kept = clamp_to_ranges(made)
    assert [kept[body.COLUMN[name]] for name in ("nod", "main arm elbow", "main leg knee")] == [50, 150, 0]


# The actions


def test_curves_pass_through_their_keys_and_do_not_overshoot() -> None:
    keys = random_poses(4)
    script = list(zip([0.0, 0.5, 0.2, 0.9], keys, strict=True))
    times = np.array([0.0, 0.5, 0.7, 1.6])
    np.testing.assert_allclose(sample_keys(script, times), keys, atol=1e-9)
    np.testing.assert_allclose(sample_keys(script, np.array([-1.0, 9.0])), keys[[0, -1]], atol=1e-9)
    for i in range(3):
        between = sample_keys(script, np.linspace(times[i], times[i + 1], 20))
        assert (between >= keys[i : i + 2].min(axis=0) - 1e-9).all()
        assert (between <= keys[i : i + 2].max(axis=0) + 1e-9).all()


def test_sit_down_and_stand_up_mirror_each_other_in_time() -> None:
    down, up = actor_of("sit down", 4)[:, 0, 1], actor_of("stand up", 4)[:, 0, 1]
    assert down[0] - down[-1] > 0.3
    assert up[-1] - up[0] > 0.3


def test_jumps_leave_the_floor_and_steps_do_not() -> None:
    lowest = {name: actor_of(name, 7)[:, :, 1].min(axis=1) for name in ("jump", "walk", "squat", "fall")}
    assert lowest["jump"].max() > 0.2
    for name in ("walk", "squat", "fall"):
        np.testing.assert_allclose(lowest[name], 0.03, atol=1e-9)
    assert actor_of("fall", 7)[-1, :, 1].max() < 0.7


def test_planted_feet_stay_put() -> None:
    ankles = actor_of("squat", 6)[:, [14, 18]][:, :, [0, 2]]
    assert np.ptp(ankles, axis=0).max() < 0.12
    assert np.ptp(actor_of("walk", 6)[:, 14, [0, 2]], axis=0).max() > 0.8


@pytest.mark.parametrize("subject", [1, 3])
def test_waving_hand_is_the_handed_one(subject: int) -> None:
    joints = actor_of("wave", subject)
    raised = joints[:, [7, 11], 1].max(axis=0) - joints[:, [4, 8], 1].max(axis=0)
    handed, other = (0, 1) if demo_corpus.sample_subject(subject).left_handed else (1, 0)
    assert demo_corpus.sample_subject(3).left_handed != demo_corpus.sample_subject(1).left_handed
    assert raised[handed] > 0.05 > -0.1 > raised[other]


def test_two_people_walk_towards_and_apart() -> None:
    for name, sign in (("walk towards", -1), ("walk apart", 1)):
        people = demo_corpus.perform(take_of(name, 9))[:, :, 0]
        apart = np.linalg.norm(people[:, 0] - people[:, 1], axis=-1)
        assert sign * (apart[-1] - apart[0]) > 1
        assert 0.4 < apart.min() < 1.2


def test_hands_meet_in_a_handshake() -> None:
    people = demo_corpus.perform(take_of("handshake", 2))
    hands = people[:, :, [7, 11]]
    gaps = np.linalg.norm(hands[:, 0, :, None] - hands[:, 1, None], axis=-1)
    assert gaps.min() < 0.35
    assert np.linalg.norm(people[:, 0, 0] - people[:, 1, 0], axis=-1).min() > 0.6


# The cameras and the sensor


def aligned_error(one: Array, two: Array) -> float:
    """Mean distance after the best rigid motion (Kabsch) of one cloud of joints onto the other."""
    one, two = one.reshape(-1, 3), two.reshape(-1, 3)
    one, two = one - one.mean(axis=0), two - two.mean(axis=0)
    u, _, vt = np.linalg.svd(one.T @ two)
    flip = np.diag([1, 1, np.sign(np.linalg.det(u @ vt))])
    return float(np.linalg.norm(one @ u @ flip @ vt - two, axis=-1).mean())


def test_a_performance_does_not_know_its_camera() -> None:
    take = take_of("throw", 10, camera=1)
    np.testing.assert_array_equal(demo_corpus.perform(take), demo_corpus.perform(replace(take, camera=3)))


def test_cameras_are_rigid_motions_of_the_stage() -> None:
    joints = demo_corpus.perform(take_of("hug", 10))
    views = [demo_corpus.in_view(joints, setup=2, camera=camera) for camera in (1, 2, 3)]
    assert max(aligned_error(view, joints) for view in views) < 1e-9
    assert np.abs(views[0] - views[2]).max() > 0.3


def test_camera_2_sees_the_left_hand_of_a_person_who_faces_it_at_lower_x() -> None:
    seen = demo_corpus.in_view(standing()[None, None], setup=1, camera=2)[0, 0]
    assert seen[7, 0] < -0.1 < 0.1 < seen[11, 0]
    assert seen[3, 1] > seen[0, 1] > seen[15, 1]
    assert seen[15, 2] < seen[14, 2]  # the feet point at the sensor


def test_clips_of_three_cameras_show_one_performance_with_noise_of_their_own(corpus: Corpus) -> None:
    errors = []
    for name in corpus.names[:: len(corpus.names) // 40]:
        one, two = (corpus.clips.get(name.replace(name[4:8], f"C00{camera}")) for camera in (1, 3))
        assert one is not None
        assert two is not None
        assert len(one) == len(two)
        both = one[:, :, 0].any(axis=-1) & two[:, :, 0].any(axis=-1)
        errors.append(aligned_error(one[both].astype(float), two[both].astype(float)))
    assert min(errors) > 0.01
    assert np.median(errors) < 0.08


def test_noise_of_one_camera_tells_nothing_of_anothers() -> None:
    stage = demo_corpus.perform(take_of("bow", 9))
    errors = []
    for camera in (2, 3):
        seen = make_clip(name_of(take_of("bow", 9, camera=camera))).astype(float)
        error = seen - demo_corpus.in_view(stage, setup=demo_corpus.setup_of(9), camera=camera)
        errors.append(np.where(np.abs(error) < 0.2, error, 0).ravel())
    assert errors[0].std() > 0.005
    assert abs(np.corrcoef(errors)[0, 1]) < 0.15


def test_noise_is_larger_at_hands_and_correlated_in_time() -> None:
    joints = demo_corpus.in_view(
        np.repeat(demo_corpus.perform(take_of("point", 1))[:1], 2000, axis=0), setup=1, camera=2
    )
    seen = demo_corpus.simulate_sensor(joints, np.random.default_rng(0)).astype(float)
    there = seen[:, 0, 0].any(axis=-1)
    error = (seen - joints)[there, 0]
    error -= np.median(error, axis=0)
    deviation = error.std(axis=0).mean(axis=-1)
    assert deviation[[21, 23]].min() > 1.5 * deviation[[0, 1, 20]].max()
    steady = error[:, 0, 0]
    assert np.corrcoef(steady[1:], steady[:-1])[0, 1] > 0.4


def test_some_clips_lose_people_for_some_frames_and_none_for_all(corpus: Corpus) -> None:
    lost = [np.asarray(~frames.any(axis=(2, 3))) for frames in corpus.clips.values()]
    assert 0.05 < np.mean([absent.any() for absent in lost]) < 0.3
    assert not any(absent.all(axis=0).any() for absent in lost)
    seconds = [absent[:, 1] for absent in lost if absent.shape[1] == 2]
    assert any(absent[0] and absent[:4].all() for absent in seconds)
    assert any(absent[-1] and absent[-4:].all() for absent in seconds)


# How hard it is


def plain_vector(frames: NDArray[np.float32]) -> Array:
    """Centred on person 1's spine base in every frame, resized to 64 frames, flattened, of unit length."""
    people = np.zeros((len(frames), 2, 25, 3))
    people[:, : frames.shape[1]] = frames - frames[:, :1, :1]
    flat = people.reshape(len(frames), -1)
    at = np.linspace(0, len(flat) - 1, 64)
    before = np.minimum(at.astype(int), len(flat) - 2)
    part = (at - before)[:, None]
    vector = (flat[before] * (1 - part) + flat[before + 1] * part).ravel()
    return np.asarray(vector / np.linalg.norm(vector))


def nearest_accuracy(corpus: Corpus, is_train: NDArray[np.bool_]) -> float:
    action = corpus.column("action")
    nearest = (corpus.vectors[~is_train] @ corpus.vectors[is_train].T).argmax(axis=1)
    return float((action[is_train][nearest] == action[~is_train]).mean())


def test_plain_baseline_is_neither_lost_nor_perfect(corpus: Corpus) -> None:
    assert 0.4 < nearest_accuracy(corpus, corpus.column("subject") % 2 == 1) < 0.85
    assert 0.5 < nearest_accuracy(corpus, corpus.column("camera") != 1) < 0.95


def test_actions_can_be_told_apart_in_clean_views_of_one_subject() -> None:
    def clean(replication: int) -> Array:
        takes = [take_of(name, 5, replication=replication) for name in ACTIONS]
        views = [demo_corpus.in_view(demo_corpus.perform(take), setup=take.setup, camera=2) for take in takes]
        return np.stack([plain_vector(view.astype(np.float32)) for view in views])

    gallery = np.concatenate([clean(replication) for replication in range(2, 10)])
    labels = np.tile(np.arange(len(ACTIONS)), 8)
    assert (labels[(clean(1) @ gallery.T).argmax(axis=1)] == np.arange(len(ACTIONS))).mean() > 0.85


# The reader


def test_reader_keeps_the_contract() -> None:
    reader: Reader = pickle.loads(pickle.dumps(DemoReader()))
    assert (reader.format, reader.state, reader.parallel, reader.layout) == ("demo", "raw", True, "ntu25")
    assert list(reader.items()) == clip_names()
    assert reader.splits() == {}
    assert reader.files() == ()
    items = [clip_names()[i] for i in (700, 3)]
    for name, outcomes in zip(items, reader.read(items), strict=True):
        (clip,) = outcomes
        assert isinstance(clip, Clip)
        take = demo_corpus.parse_take(name)
        assert (clip.name, clip.source, clip.cut, clip.label) == (name, "demo", 0, take.action - 1)
        assert (clip.subject, clip.camera, clip.setup, clip.replication) == (
            take.subject,
            take.camera,
            take.setup,
            1,
        )
        np.testing.assert_array_equal(clip.frames, make_clip(name))


def test_reader_leaves_out_a_name_that_is_none() -> None:
    [(outcome,)] = DemoReader().read(["S001C009P001R001A001"])
    assert isinstance(outcome, LeftOut)
    assert (outcome.reason, outcome.source) == ("malformed", "demo")
    assert outcome.detail == "the camera of a clip is 1 to 3, got 9 in 'S001C009P001R001A001'"


def test_reader_is_frozen_and_passes_its_seed_on() -> None:
    reader = DemoReader(seed=4)
    with pytest.raises(FrozenInstanceError):
        reader.seed = 5  # type: ignore[misc]
    [(clip,)] = reader.read(clip_names()[:1])
    assert isinstance(clip, Clip)
    np.testing.assert_array_equal(clip.frames, make_clip(clip.name, seed=4))
