"""What the rows of formats ask of a file before it is opened."""

from pathlib import Path

import numpy as np
import pytest

from umurl_search.readers.usual_formats import is_csv, is_mat, is_npy, is_npz, is_nw_ucla, is_pku, is_pyskl


def test_a_file_is_known_by_its_first_bytes(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.zeros((4, 25, 3)))
    np.savez(tmp_path / "a.npz", x=np.zeros((4, 25, 3)))
    (tmp_path / "empty").write_bytes(b"")
    asked = {"npy": is_npy, "npz": is_npz, "mat": is_mat, "csv": is_csv}
    for name, wanted in (("a.npy", "npy"), ("a.npz", "npz"), ("empty", "")):
        assert [kind for kind, holds in asked.items() if holds(tmp_path / name)] == [wanted][: bool(wanted)]


@pytest.mark.parametrize("holds", [is_npy, is_npz, is_mat, is_csv, is_nw_ucla, is_pku, is_pyskl])
def test_a_folder_or_nothing_is_no_file_of_any_format(holds: object, tmp_path: Path) -> None:
    assert callable(holds)
    assert not holds(tmp_path)
    assert not holds(tmp_path / "absent")
