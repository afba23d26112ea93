"""Products that bounds count on: in float32, however the host program multiplies; what it set comes back."""

import threading
from collections.abc import Iterator

import numpy as np
import pytest
import torch

from umurl_search.index import all_pairs, bounded_codes, exact_knn, float32_products
from umurl_search.index.float32_products import whole_float32


def now() -> list[object]:
    """How float32 matrices are multiplied."""
    return [getattr(place, name) for place, name, _ in float32_products._settings()]


WHOLE = [value for _, _, value in float32_products._settings()]


@pytest.fixture(params=["high", "medium"])
def careless(request: pytest.FixtureRequest) -> Iterator[list[object]]:
    """A host program that lets torch round factors before it multiplies."""
    before = now()
    torch.set_float32_matmul_precision(request.param)
    yield now()
    torch.set_float32_matmul_precision("highest")
    for (place, name, _), value in zip(float32_products._settings(), before, strict=True):
        setattr(place, name, value)


def test_float32_is_whole_within_and_as_it_was_after(careless: list[object]) -> None:
    assert careless != WHOLE
    with whole_float32(), whole_float32():
        assert now() == WHOLE
    assert now() == careless
    with pytest.raises(ValueError, match="stop"), whole_float32():
        raise ValueError("stop")
    assert now() == careless


def test_of_two_threads_the_last_to_leave_restores(careless: list[object]) -> None:
    entered, may_leave, seen = threading.Event(), threading.Event(), list[list[object]]()

    def stay() -> None:
        with whole_float32():
            entered.set()
            may_leave.wait(10)
            seen.append(now())

    thread = threading.Thread(target=stay)
    with whole_float32():
        thread.start()
        assert entered.wait(10)
    assert now() == WHOLE
    may_leave.set()
    thread.join()
    assert seen == [WHOLE]
    assert now() == careless


def test_neighbours_and_pairs_are_found_with_whole_products(
    careless: list[object], monkeypatch: pytest.MonkeyPatch
) -> None:
    seen, encode = list[list[object]](), bounded_codes.encode

    def look(*given: object, **how: object) -> object:
        seen.append(now())
        return encode(*given, **how)  # type: ignore[arg-type]

    for module in (exact_knn, all_pairs):
        monkeypatch.setattr(module, "encode", look)
    rows = np.eye(9, dtype=np.float32)
    exact_knn.nearest(rows, rows, 1)
    all_pairs.pairs_above(rows, 0.5)
    assert seen == [WHOLE, WHOLE]
    assert now() == careless


def test_a_search_leaves_no_setting_behind() -> None:
    """Not of half precision either, which another part of the host program may count on."""
    matmul = torch.backends.cuda.matmul

    def half() -> tuple[bool, bool]:
        return matmul.allow_bf16_reduced_precision_reduction, matmul.allow_fp16_reduced_precision_reduction

    before = half(), now()
    rows = np.eye(9, dtype=np.float32)
    exact_knn.nearest(rows, rows, 1)
    assert (half(), now()) == before
