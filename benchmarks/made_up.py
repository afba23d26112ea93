"""Made-up embeddings for benchmarks of search: clusters whose spectrum is that of a trained encoder's embeddings.

Letters: N clips, D dimensions.
"""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float32]
CLASSES = 120
_RANK = 800
_FALL = 1.3
_OF_CENTRES, _WITHIN = 0.8, 0.6


class Corpus:
    """Embeddings of CLASSES actions, cosine similarity high throughout, as the encoder gives them.

    Measured on UTD-MHAD (861 clips, width 1024, fused): rows of length 1 centred have a mean square length of 0.016;
    15 % of it lies outside the first 32 principal axes, 9 % of 64, 5 % of 128, 2 % of 256, 0.2 % of 512. The
    spectrum here falls as rank ** -_FALL with a soft end, which gives shares close to those.
    """

    def __init__(self, d: int, *, seed: int = 0) -> None:
        rng = np.random.default_rng(seed)
        rank = min(_RANK, d)
        axes, _ = np.linalg.qr(rng.standard_normal((d, rank)))
        steps = np.arange(1, rank + 1)
        spread = steps**-_FALL * np.exp(-((steps / (0.55 * rank)) ** 2))
        self._deviation = np.sqrt(0.016 * spread / spread.sum()).astype(np.float32)
        self._axes = axes.T.astype(np.float32)
        mean = rng.standard_normal(d)
        self._mean = (mean / np.linalg.norm(mean)).astype(np.float32)
        self._centres = (
            rng.standard_normal((CLASSES, rank)).astype(np.float32) * self._deviation * _OF_CENTRES
        )

    def blocks(self, n: int, *, seed: int, block: int = 8192) -> Iterator[tuple[Array, NDArray[np.int64]]]:
        """Rows of length 1 (b, D) and their classes (b,), block after block."""
        rng = np.random.default_rng(seed)
        for start in range(0, n, block):
            labels = rng.integers(0, CLASSES, min(block, n - start))
            own = rng.standard_normal((len(labels), len(self._deviation)), dtype=np.float32)
            rows = (self._centres[labels] + _WITHIN * own * self._deviation) @ self._axes + self._mean
            yield rows / np.linalg.norm(rows, axis=1, keepdims=True), labels

    def make(self, n: int, *, seed: int) -> Array:
        """(N, D) rows of length 1."""
        out = np.empty((n, len(self._mean)), dtype=np.float32)
        start = 0
        for rows, _ in self.blocks(n, seed=seed):
            out[start : start + len(rows)] = rows
            start += len(rows)
        return out
