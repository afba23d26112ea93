"""Protocols by the datasets' own rules, and where recordings lie."""

import json
from collections import Counter
from pathlib import Path

import pytest

from encoder.errors import UmurlError
from umurl_search.datasets import protocols
from umurl_search.datasets import protocols as datasets
from umurl_search.datasets.protocols import DATASETS, action_names, find, is_part_of, part_of, sources
from umurl_search.readers import safe_pickle
from umurl_search.synthetic.demo_corpus import ACTIONS

NTU60_TRAIN = [1, 2, 4, 5, 8, 9, 13, 14, 15, 16, 17, 18, 19, 25, 27, 28, 31, 34, 35, 38]
NTU120_MORE = [
    45,
    46,
    47,
    49,
    50,
    52,
    53,
    54,
    55,
    56,
    57,
    58,
    59,
    70,
    74,
    78,
    80,
    81,
    82,
    83,
    84,
    85,
    86,
    89,
    91,
    92,
    93,
    94,
    95,
    97,
    98,
    100,
    103,
]


def ntu(*, s: int = 1, c: int = 1, p: int = 1, r: int = 1, a: int = 1) -> str:
    return f"S{s:03d}C{c:03d}P{p:03d}R{r:03d}A{a:03d}"


def parts(dataset: str, protocol: str, names: list[str]) -> list[str | None]:
    return [part_of(find(dataset), protocol, name) for name in names]


def test_names_and_protocols() -> None:
    assert {name: dataset.protocols for name, dataset in DATASETS.items()} == {
        "ntu60": ("xsub", "xview"),
        "ntu120": ("xsub", "xset", "oneshot"),
        "pku-mmd-1": ("xsub", "xview"),
        "pku-mmd-2": ("xsub", "xview"),
        "pku-mmd-1-long": ("xsub", "xview"),
        "pku-mmd-2-long": ("xsub", "xview"),
        "nw-ucla": ("xview",),
        "utd-mhad": ("xsub",),
        "demo": ("xsub", "xview"),
        "demo-long": ("xsub",),
    }


def test_ntu60_by_subject() -> None:
    got = parts("ntu60", "xsub", [ntu(p=p) for p in range(1, 41)])
    assert [p for p, part in enumerate(got, start=1) if part == "train"] == NTU60_TRAIN
    assert got.count("test") == 20


def test_ntu60_by_view() -> None:
    assert parts("ntu60", "xview", [ntu(c=c) for c in (1, 2, 3)]) == ["test", "train", "train"]


def test_ntu120_by_subject() -> None:
    got = parts("ntu120", "xsub", [ntu(p=p) for p in range(1, 107)])
    assert [p for p, part in enumerate(got, start=1) if part == "train"] == NTU60_TRAIN + NTU120_MORE
    assert got.count("test") == 106 - 53


def test_ntu120_by_setup() -> None:
    got = parts("ntu120", "xset", [ntu(s=s) for s in range(1, 33)])
    assert got == ["test", "train"] * 16


def test_one_shot_learns_from_the_100_other_actions() -> None:
    novel = list(range(1, 116, 6))
    assert len(novel) == 20
    got = parts("ntu120", "oneshot", [ntu(s=2, a=a) for a in range(1, 121)])
    assert [a for a, part in enumerate(got, start=1) if part == "test"] == novel
    assert got.count("train") == 100


def test_one_shot_has_one_exemplar_an_action() -> None:
    everything = [
        ntu(s=s, c=c, p=p, r=r, a=a)
        for s in (1, 2, 17, 18, 19)
        for c in (1, 2, 3)
        for p in (3, 8)
        for r in (1, 2)
        for a in range(1, 121)
    ]
    exemplars = [
        name
        for name, part in zip(everything, parts("ntu120", "oneshot", everything), strict=True)
        if part == "gallery"
    ]
    assert sorted(exemplars) == sorted(
        [f"S001C003P008R001A{a:03d}" for a in range(1, 56, 6)]
        + [f"S018C003P008R001A{a:03d}" for a in range(61, 116, 6)]
    )
    assert len(exemplars) == 20


def test_pku_mmd_by_subject() -> None:
    videos = [
        f"{video:04d}-{view}_{row}"
        for video in (2, 290, 291, 334, 335, 364)
        for view in "LMR"
        for row in (0, 7)
    ]
    got = parts("pku-mmd-1", "xsub", videos)
    assert got == ["train"] * 12 + ["test"] * 12 + ["train"] * 12
    second = [f"A{a:02d}N{n:02d}-L_3" for a in (1, 26) for n in (1, 2, 3, 4, 7, 13)]
    assert parts("pku-mmd-2", "xsub", second) == ["train", "test", "test", "train", "test", "train"] * 2


@pytest.mark.parametrize(("dataset", "video"), [("pku-mmd-1", "0291"), ("pku-mmd-2", "A10N08")])
def test_pku_mmd_by_view(dataset: str, video: str) -> None:
    assert parts(dataset, "xview", [f"{video}-{view}_0" for view in "LMR"]) == ["test", "train", "train"]


def test_nw_ucla_by_view() -> None:
    names = [f"a01_s02_e00_v{view:02d}" for view in (1, 2, 3)]
    assert parts("nw-ucla", "xview", names) == ["train", "train", "test"]


def test_utd_mhad_by_subject() -> None:
    names = [f"a27_s{subject}_t4" for subject in range(1, 9)]
    assert parts("utd-mhad", "xsub", names) == ["train", "test"] * 4


@pytest.mark.parametrize("dataset", sorted(DATASETS))
def test_a_name_that_says_nothing_has_no_part(dataset: str) -> None:
    for protocol in DATASETS[dataset].protocols:
        assert part_of(find(dataset), protocol, "jump_take_4") is None


@pytest.mark.data
def test_nw_ucla_has_its_published_sizes(real: Path) -> None:
    names = [path.stem for path in (real / "data" / "nw_ucla" / "all_sqe").glob("*.json")]
    official = DATASETS["nw-ucla"].official
    assert official is not None
    assert len(names) == official.used
    counts = Counter(parts("nw-ucla", "xview", names))
    assert (counts["train"], counts["test"]) == official.splits["xview"] == (1020, 464)


@pytest.mark.data
def test_utd_mhad_has_its_published_sizes_and_split(real: Path) -> None:
    content = safe_pickle.load(real / "data" / "utd_mhad" / "utd_mhad.pkl")
    official = DATASETS["utd-mhad"].official
    assert official is not None
    assert len(content["annotations"]) == official.used
    for part, split in (("train", "xsub_train"), ("test", "xsub_val")):
        assert set(parts("utd-mhad", "xsub", content["split"][split])) == {part}
    assert tuple(len(content["split"][f"xsub_{p}"]) for p in ("train", "val")) == official.splits["xsub"]


def test_published_sizes_add_up() -> None:
    for dataset in DATASETS.values():
        if dataset.official:
            assert dataset.official.used <= dataset.official.found
            for train, test in dataset.official.splits.values():
                assert train + test == dataset.official.used


def test_what_belongs_to_ntu60() -> None:
    ntu60, ntu120 = DATASETS["ntu60"], DATASETS["ntu120"]
    for name, inside in ((ntu(s=17, a=60), True), (ntu(s=17, a=61), False), (ntu(s=18, a=60), False)):
        assert is_part_of(ntu60, name) is inside
        assert is_part_of(ntu120, name)


@pytest.mark.parametrize(
    ("listing", "n_actions"), [("ntu120", 120), ("pku51", 51), ("nw_ucla10", 10), ("utd27", 27), ("", 0)]
)
def test_names_of_actions(listing: str, n_actions: int) -> None:
    names = action_names(listing)
    assert len(names) == len(set(names)) == n_actions
    assert all(name == name.strip() and name for name in names)


def test_two_lists_of_actions_start_as_they_should() -> None:
    assert action_names("ntu120")[0] == "drink water"
    assert len(action_names("demo")) == len(set(action_names("demo"))) > 5


# where recordings lie


def folders(root: Path, *names: str) -> Path:
    for name in names:
        (root / name).mkdir(parents=True)
    return root


@pytest.mark.parametrize(
    ("dataset", "there", "found"),
    [
        ("ntu60", ["nturgb+d_skeletons"], ["nturgb+d_skeletons"]),
        ("ntu60", ["ntu60", "nturgb+d_skeletons"], ["ntu60"]),
        ("ntu120", ["nturgb+d_skeletons"], ["nturgb+d_skeletons"]),
        (
            "ntu120",
            ["nturgb+d_skeletons", "nturgb+d_skeletons120"],
            ["nturgb+d_skeletons", "nturgb+d_skeletons120"],
        ),
        ("ntu120", ["ntu120", "nturgb+d_skeletons"], ["ntu120"]),
        ("pku-mmd-1", ["PKU-MMD/v1", "PKU-MMD/v2"], ["PKU-MMD/v1"]),
        ("pku-mmd-2", ["PKUMMDv2"], ["PKUMMDv2"]),
        ("nw-ucla", ["all_sqe"], ["all_sqe"]),
        ("nw-ucla", ["nw_ucla"], ["nw_ucla"]),
        ("utd-mhad", ["UTD-MHAD"], ["UTD-MHAD"]),
        ("mine", ["mine", "ntu60"], ["mine"]),
    ],
)
def test_recordings_are_found_where_downloads_put_them(
    tmp_path: Path, dataset: str, there: list[str], found: list[str]
) -> None:
    data = folders(tmp_path / "data", *there)
    assert sources(find(dataset), data) == tuple(data / name for name in found)


def test_loose_recordings_are_the_data_folder_itself(tmp_path: Path) -> None:
    (tmp_path / f"{ntu()}.skeleton").touch()
    assert sources(find("ntu60"), tmp_path) == (tmp_path,)
    assert sources(find("ntu120"), tmp_path) == (tmp_path,)
    with pytest.raises(UmurlError):
        sources(find("nw-ucla"), tmp_path)


def test_without_a_data_folder_the_error_says_what_to_set() -> None:
    with pytest.raises(UmurlError) as error:
        sources(find("ntu60"), None)
    assert error.value.typed == (
        "no recordings of ntu60; set UMURL_DATA (or give --data) to the folder that holds them, "
        "or run: umurl-search ingest ntu60 --source PATH"
    )


def test_a_data_folder_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(UmurlError) as error:
        sources(find("ntu60"), tmp_path / "none")
    assert error.value.typed == (
        f"{tmp_path / 'none'}: no such data folder; set UMURL_DATA or --data to the one with the recordings"
    )


def test_a_data_folder_without_the_dataset(tmp_path: Path) -> None:
    with pytest.raises(UmurlError) as error:
        sources(find("nw-ucla"), tmp_path)
    assert error.value.typed == (
        f"{tmp_path}: holds no nw-ucla (looked for nw-ucla/ or nw_ucla/ or NW-UCLA/ or all_sqe/); "
        "put the recordings there, or run: umurl-search ingest nw-ucla --source PATH"
    )


def test_a_name_of_ones_own_has_no_rules() -> None:
    own = find("my-corpus")
    assert (own.protocols, own.actions, own.official, own.max_frames) == ((), "", None, None)


def test_lists_of_actions_are_those_of_the_package() -> None:
    listed = {dataset.actions for dataset in DATASETS.values()} - {""}
    folder = Path(datasets.__file__).parent / "actions"
    assert {path.stem for path in folder.glob("*.tsv")} == listed


def test_the_demos_list_is_what_it_performs() -> None:
    assert action_names("demo") == ACTIONS


@pytest.mark.data
def test_nw_ucla_labels_follow_the_files_own(real: Path) -> None:
    labels = set()
    for path in sorted((real / "data" / "nw_ucla" / "all_sqe").glob("*_s01_e00_v01.json")):
        labels.add(int(json.loads(path.read_text())["label"]) - 1)
    assert labels == set(range(len(action_names("nw_ucla10"))))


def test_part_of_one_shot() -> None:
    ntu120 = protocols.find("ntu120")
    parts = {
        "S001C003P008R001A001": "gallery",
        "S018C003P008R001A061": "gallery",
        "S018C003P008R001A001": "test",
        "S001C001P008R001A007": "test",
        "S001C003P008R001A002": "train",
    }
    assert {name: protocols.part_of(ntu120, "oneshot", name) for name in parts} == parts
