"""What the names of recordings say."""

import pytest

from umurl_search.clips.naming import NameFields, is_ntu_name, is_pku_name, parse_name


@pytest.mark.parametrize(
    ("name", "fields"),
    [
        (
            "S018C003P008R002A061",
            NameFields(setup=18, camera=3, subject=8, replication=2, action=61),
        ),
        ("S001C001P001R001A001.skeleton", NameFields(setup=1, camera=1, subject=1, replication=1, action=1)),
        ("a10_s1_t4", NameFields(action=10, subject=1, replication=4)),
        ("a10_s1_0", NameFields(action=10, subject=1, replication=0)),
        ("a01_s09_e00_v03", NameFields(action=1, subject=9, replication=0, camera=3)),
        ("0291-L", NameFields(camera=1)),
        ("0291-M_012", NameFields(camera=2)),
        ("A10N08-R", NameFields(subject=8, camera=3)),
        ("A10N08-L_003", NameFields(subject=8, camera=1)),
    ],
)
def test_names_of_known_datasets_give_their_numbers(name: str, fields: NameFields) -> None:
    assert parse_name(name) == fields


@pytest.mark.parametrize(
    "name", ["", "walk", "S001C001P001R001A01", "xS001C001P001R001A001", "291-L", "0291-X", "a1_s1_e1"]
)
def test_other_names_give_nothing(name: str) -> None:
    assert parse_name(name) == NameFields()


def test_names_are_told_apart() -> None:
    assert is_ntu_name("S001C001P001R001A001")
    assert not is_ntu_name("0291-L")
    assert is_pku_name("0291-L")
    assert not is_pku_name("README")


@pytest.mark.parametrize(
    "name", ["S001C001P001R001A000", "a0_s1_t1", "a00_s01_e01_v01", "S001C001P001R001A000_rgb"]
)
def test_an_action_of_0_is_none(name: str) -> None:
    assert parse_name(name).action is None
    assert parse_name(name).subject == 1
