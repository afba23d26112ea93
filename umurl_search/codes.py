"""A gallery coded so that inner products are cheap, and how far from the truth they can be.

For rows of length 1 and a gallery of mean m, with q' = q - m and g' = g - m,

    q.g = q'.g' + m.g' + q.m

Centred rows are short, so half precision loses less of them, and lie near few axes, so products over the
R leading ones tell nearly all. With V (P, R) those axes, a = V'q', b = V'g', c = b rounded, and q2, g2 what lies
outside the axes:

    q'.g' = a.c + a.(b - c) + q2.g2 <= a.c + |a| |b - c| + |q2| |g2|        (Cauchy-Schwarz)

Both bounds, and m.g', are columns beside the code, so one matrix product gives for each clip the highest score that
it can have. Nothing here is a guess: data without leading axes are coded whole, and take longer.
Letters: Q queries, N gallery clips, P dimensions, R axes.
"""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from encoder.precision import multiplies_bf16
from umurl_search.maps import Embeddings

_BLOCK = 8192
_SAMPLE = 4096
_TAIL = 0.003
"""Share of the variance that may lie outside the axes: about what half precision loses."""
_WORTHWHILE = 0.6
"""Of the dimensions: with more axes than that, turning the rows costs more than it saves."""
_CODED_FROM = 2**34
"""Multiplications from which coding the gallery first pays."""
_EXTRA = 5
_UNIT = 2.0**-24
_FLOAT32_NORM = 1e-6
"""Relative error of a squared length in float32."""


@dataclass(frozen=True, kw_only=True)
class Codes:
    """matrix: (N, R + 5) codes, or the gallery (N, P) itself when `axes` and `mean` are None and it is not rounded.

    longest: of the codes' rows. farthest: of g'. bias_left: what the columns do not hold of m.g'.
    """

    matrix: torch.Tensor
    mean: torch.Tensor | None
    axes: torch.Tensor | None
    longest: float
    farthest: float
    bias: float
    bias_left: float

    @property
    def item_bytes(self) -> int:
        return self.matrix.element_size()

    @property
    def output_rounding(self) -> float:
        """Of a product, relative: what its own type rounds off."""
        return 2.0**-8 if self.matrix.dtype == torch.bfloat16 else 2.0**-23

    def scores(self, queries: Embeddings) -> tuple[torch.Tensor, NDArray[np.float64], NDArray[np.float64]]:
        """Products (Q, N); true score <= product + output_rounding |product| + slack (Q,) + offset (Q,)."""
        q = torch.from_numpy(np.ascontiguousarray(queries)).to(self.matrix.device)
        width = self.matrix.shape[1]
        if self.mean is None:
            slack = np.full(len(q), width * _UNIT + 1e-6)
            return q @ self.matrix.T, np.zeros(len(q)), slack
        centred = q - self.mean
        a = centred if self.axes is None else centred @ self.axes
        coded = a.to(self.matrix.dtype)
        lengths = a.norm(dim=1)
        ones = torch.ones((len(q), 3), dtype=self.matrix.dtype, device=q.device)
        bounds = torch.stack([lengths, _outside(centred, a, self.axes)], dim=1)
        row = torch.cat([coded, ones, _above(bounds, self.matrix.dtype)], dim=1)
        rounded = (a - coded.float()).norm(dim=1).double() * self.longest
        summed = width * _UNIT * (lengths.double() * 2 * self.longest + 3 * self.bias)
        computed = 2e-5 * centred.norm(dim=1).double() * self.farthest
        slack = (rounded + summed + computed + self.bias_left + 2e-5 * self.farthest + 1e-6).cpu().numpy()
        offset = (q.double() @ self.mean.double()).cpu().numpy()
        return row @ self.matrix.T, offset, slack


def encode(gallery: Embeddings, *, n_queries: int, device: torch.device) -> Codes:
    """Codes of a gallery (N, P) of rows of length 1, as is worthwhile for that many queries."""
    n, p = gallery.shape
    rows = torch.from_numpy(gallery)
    if n * p * n_queries < _CODED_FROM:
        return Codes(matrix=rows.to(device), mean=None, axes=None, longest=1, farthest=1, bias=0, bias_left=0)
    mean = _mean(rows).to(device)
    axes = _axes(rows, mean)
    dtype = torch.bfloat16 if _multiplies_bf16(device) else torch.float32
    width = p if axes is None else axes.shape[1]
    matrix = torch.empty((n, width + _EXTRA), dtype=dtype, device=device)
    most = np.zeros(4)
    for start in range(0, n, _BLOCK):
        block = slice(start, start + _BLOCK)
        matrix[block], mine = _coded(rows[block].to(device), mean, axes, dtype)
        most = np.maximum(most, mine)
    longest, farthest, bias, bias_left = most.tolist()
    return Codes(
        matrix=matrix,
        mean=mean,
        axes=axes,
        longest=longest,
        farthest=farthest,
        bias=bias,
        bias_left=bias_left,
    )


def _multiplies_bf16(device: torch.device) -> bool:
    if device.type == "cuda":
        torch.backends.cuda.matmul.allow_bf16_reduced_precision_reduction = (
            False  # the bound counts on float32 sums
        )
    return multiplies_bf16(device)


def _mean(rows: torch.Tensor) -> torch.Tensor:
    total = torch.zeros(rows.shape[1], dtype=torch.float64)
    for start in range(0, len(rows), _BLOCK):
        total += rows[start : start + _BLOCK].sum(dim=0)
    return (total / len(rows)).float()


def _axes(rows: torch.Tensor, mean: torch.Tensor) -> torch.Tensor | None:
    """(P, R) leading principal axes of evenly spaced rows, R a multiple of 32; None where too many are needed."""
    sample = (rows[:: -(-len(rows) // _SAMPLE)].to(mean.device) - mean).double()
    try:
        values, wide = torch.linalg.eigh(sample.T @ sample)
    except RuntimeError:  # torch's LinAlgError: a spectrum beyond double precision: coded whole
        return None
    vectors = wide.float()
    if not bool(torch.isfinite(vectors).all()):
        return None
    share = values.flip(0).clamp(min=0).cumsum(0) / values.clamp(min=0).sum().clamp(min=1e-30)
    needed = int((share < 1 - _TAIL).sum()) + 1
    width = -(-(needed + _EXTRA) // 32) * 32 - _EXTRA  # so that a code with its bounds is a multiple of 32
    if width > _WORTHWHILE * rows.shape[1]:
        return None
    leading: torch.Tensor = vectors.flip(1)[:, :width].contiguous()
    return leading


def _coded(
    rows: torch.Tensor, mean: torch.Tensor, axes: torch.Tensor | None, dtype: torch.dtype
) -> tuple[torch.Tensor, NDArray[np.float64]]:
    """Codes (n, R + 5) of rows (n, P), and the largest length of a code, of g', of m.g' and what is left of it."""
    centred = rows - mean
    b = centred if axes is None else centred @ axes
    code = b.to(dtype)
    bias = centred @ mean
    pieces, left = [], bias
    for _ in range(3):
        pieces.append(left.to(dtype))
        left = left - pieces[-1].float()
    lost = (b - code.float()).norm(dim=1)
    bounds = _above(torch.stack([lost, _outside(centred, b, axes)], dim=1), dtype)
    most = [code.float().norm(dim=1).max(), centred.norm(dim=1).max(), bias.abs().max(), left.abs().max()]
    return torch.cat([code, torch.stack(pieces, dim=1), bounds], dim=1), np.array([float(x) for x in most])


def _outside(centred: torch.Tensor, inside: torch.Tensor, axes: torch.Tensor | None) -> torch.Tensor:
    """(n,) at least the length of what lies outside the axes."""
    if axes is None:
        return torch.zeros(len(centred), device=centred.device)
    whole = centred.square().sum(dim=1)
    return ((whole - inside.square().sum(dim=1)).clamp(min=0) + _FLOAT32_NORM * whole).sqrt()


def _above(x: torch.Tensor, dtype: torch.dtype) -> torch.Tensor:
    """The numbers of x (not negative) in another type, none below what it was."""
    return (x * (1 + 2.0**-7)).to(dtype) if dtype == torch.bfloat16 else x * (1 + 2.0**-20)
