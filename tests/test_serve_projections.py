"""Maps of an index: every row a point in the square."""

import base64

import numpy as np
from serving import Client, finish_job

from umurl_search.index.index import MAIN
from umurl_search.library.library import Library
from umurl_search.search.searcher import Searcher
from umurl_search.serve.projections import scale_within_one

INDEX = "mine@e"


def test_a_map(read_client: Client, indexed: Library) -> None:
    number, job = finish_job(read_client, "maps", {"index": INDEX})
    assert job["document"]["count"] == 60
    answer = read_client.get(f"/api/maps/{number}/points")
    assert answer.headers["x-count"] == "60"
    points = np.frombuffer(answer.content, "<f4", count=120).reshape(60, 2)
    ids = np.frombuffer(answer.content, "<u4", offset=480)
    searcher = Searcher(indexed, device="cpu")
    y = np.array(searcher.index.embeddings(MAIN), dtype=np.float64)
    y /= np.linalg.norm(y, axis=1, keepdims=True)
    _, _, axes = np.linalg.svd(y - y.mean(axis=0), full_matrices=False)
    plane = (y - y.mean(axis=0)) @ axes[:2].T
    distances, expected = (np.linalg.norm(p[:, None] - p, axis=2) for p in (points, plane))
    np.testing.assert_allclose(distances / distances.max(), expected / expected.max(), atol=1e-4)
    np.testing.assert_array_equal(ids, searcher.index.ids)
    assert np.abs(points).max() == 1
    column = read_client.get(f"/api/maps/{number}/column/camera").json()
    codes = np.frombuffer(base64.b64decode(column["codes"]), "<u2")
    rows = read_client.get(f"/api/indexes/{INDEX}/clips", params={"limit": 200}).json()["clips"]
    assert [column["values"][code] for code in codes] == [row["camera"] for row in rows]
    assert column["counts"] == [20, 20, 20]
    absent = read_client.get(f"/api/maps/{number}/column/action").json()
    assert set(np.frombuffer(base64.b64decode(absent["codes"]), "<u2").tolist()) == {65535}
    assert read_client.get(f"/api/maps/{number}/column/name").status_code == 404


def test_points_fill_the_square_and_keep_their_shape() -> None:
    points = np.array([[0.0, 5.0], [4.0, 5.0], [4.0, 7.0]])
    np.testing.assert_allclose(scale_within_one(points), [[-1, -0.5], [1, -0.5], [1, 0.5]])
    np.testing.assert_array_equal(scale_within_one(np.ones((3, 2))), np.zeros((3, 2)))
