"""Embeddings flattened to two dimensions, to look at. Letters: N clips, P dimensions."""

from collections.abc import Callable, Iterator
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from encoder.errors import Hint, MissingPackageError, reason_of
from umurl_search.clips.types import Embeddings

Method = Literal["tsne", "umap", "pca"]
NAMES: dict[Method, str] = {"tsne": "t-SNE", "umap": "UMAP", "pca": "PCA"}
_SEED = 0
_PERPLEXITY = 30
_LEADING = 50
"""Principal axes that t-SNE and UMAP start from."""
_COINCIDING = 1e-6
"""Where all points lie closer than this there are no neighbours to preserve."""
Points = NDArray[np.float64]
Blocks = Callable[[], Iterator[Embeddings]]


def require(method: Method) -> None:
    """Raises UmurlError, saying how to install it, when what the method needs is not there."""
    try:
        if method == "tsne":
            import sklearn.manifold  # noqa: F401
        elif method == "umap":
            import umap  # noqa: F401
    except ImportError as error:
        package = "umurl-search[report]" if method == "tsne" else "umap-learn"
        raise MissingPackageError(
            f"the map by {method} needs a package that is not installed ({reason_of(error)})",
            Hint(f'pip install "{package}", or {{option}}', option="map", value="pca"),
        ) from error


def sample_rows(n: int, most: int, *, generator: np.random.Generator) -> NDArray[np.int64]:
    """Rows of n clips, ascending: all, or `most` of them drawn without replacement."""
    if n <= most:
        return np.arange(n)
    return np.sort(generator.choice(n, most, replace=False))


def flatten(y: Embeddings, method: Method) -> Points:
    """(N, 2) from rows of length 1 (N, P); the same rows give the same points."""
    return lay_out(leading_axes(lambda: iter([y]), method), method)


def leading_axes(blocks: Blocks, method: Method) -> Points:
    """(N, 2 or more): as many principal coordinates as the method begins with. blocks: rows (N, P), some at a time."""
    return _principal_axes(blocks, 2 if method == "pca" else _LEADING)


def lay_out(axes: Points, method: Method) -> Points:
    """(N, 2) from what `leading_axes` gives."""
    if method == "pca" or len(axes) < 4 or np.ptp(axes, axis=0).max() < _COINCIDING:
        return axes[:, :2]
    return _tsne(axes) if method == "tsne" else _umap(axes)


def principal_axes(y: Embeddings, most: int) -> Points:
    """(N, most or P) coordinates along the axes of largest variance, the sign of each by its largest value."""
    return _principal_axes(lambda: iter([y]), most)


def _principal_axes(blocks: Blocks, most: int) -> Points:
    """As `principal_axes`; blocks: gives the rows (N, P), some at a time, anew each of three times."""
    sums, counts = zip(*((y.sum(axis=0, dtype=np.float64), len(y)) for y in blocks()), strict=True)
    mean = sum(sums) / sum(counts)
    spread = sum(
        (centred.T @ centred for centred in (y.astype(np.float64) - mean for y in blocks())), np.zeros(1)
    )
    _, vectors = np.linalg.eigh(spread)
    leading = vectors[:, ::-1][:, :most]
    points = np.concatenate([(y.astype(np.float64) - mean) @ leading for y in blocks()])
    largest = np.abs(points).argmax(axis=0)
    signs = np.where(points[largest, np.arange(points.shape[1])] < 0, -1.0, 1.0)
    padding = ((0, 0), (0, max(0, 2 - points.shape[1])))
    return np.pad(points * signs, padding)


def _tsne(points: Points) -> Points:
    from sklearn.manifold import TSNE
    from threadpoolctl import threadpool_limits

    perplexity = min(_PERPLEXITY, (len(points) - 1) / 3)
    fitting = TSNE(perplexity=perplexity, init="pca", learning_rate="auto", random_state=_SEED)
    with threadpool_limits(1):  # threads add up in an order of their own
        return np.asarray(fitting.fit_transform(points), dtype=np.float64)


def _umap(points: Points) -> Points:
    import umap

    neighbours = min(15, len(points) - 1)
    fitting: Any = umap.UMAP(n_neighbors=neighbours, random_state=_SEED, n_jobs=1)
    return np.asarray(fitting.fit_transform(points), dtype=np.float64)
