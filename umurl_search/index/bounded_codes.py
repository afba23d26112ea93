"""A gallery along its leading axes: few numbers a clip that bound its score.

For rows of length 1 and a gallery of mean m, with q' = q - m and g' = g - m,

    q.g = q'.g' + m.g' + q.m

Centred rows lie near few axes. With V (P, R) the leading ones, a = V'q', b = V'g', and q2, g2 what lies outside them:

    q'.g' = a.b + q2.g2 <= a.b + |q2| |g2|        (Cauchy-Schwarz)

|g2| and m.g' are columns beside b, as |q2| and 1 are beside a: one product gives for each clip the highest score that
it can have. It is made twice: over the few axes that hold nearly all (coarse), for every clip; over those that
hold all but nothing (fine), for the likeliest. Nothing here is a guess: data without leading axes are taken as they
are, and take longer. Letters: Q queries, N gallery clips, P dimensions, R fine axes, C coarse ones, F proposals.
"""

from dataclasses import dataclass

import numpy as np
import torch

from encoder.errors import DamagedError, Hint
from umurl_search.clips.types import Embeddings

_BLOCK = 8192
_ASKED_BLOCK = 1024
_SAMPLE = 4096
_COARSE_TAIL, _FINE_TAIL = 0.1, 0.003
"""Shares of the variance that may lie outside the axes."""
_MOST_AXES = 448
_WORTHWHILE = 0.5
"""Of the dimensions: with more coarse axes than that, turning the rows costs more than it saves."""
_ITERATIONS = 3
_CODED_FROM = 2**37
"""Multiplications from which coding the gallery first pays."""
_UNIT = 2.0**-24
_SQUARED = 4e-6
"""Relative error of a squared length that torch sums in float32."""
_ROUNDED_UP = 1 + 2.0**-20


@dataclass(frozen=True, kw_only=True)
class CodedQueries:
    """Queries as the codes meet them. rows: (Q, P) as they are; coarse: (Q, C + 2); fine: (Q, R + 2) or None.

    true score <= product of either with its codes + above (Q,), float64. All on the device of the codes.
    """

    rows: torch.Tensor
    coarse: torch.Tensor
    fine: torch.Tensor | None
    above: torch.Tensor


@dataclass(frozen=True, kw_only=True)
class BoundedCode:
    """coarse: (N, C + 2) and fine: (N, R + 2) codes; or, where `fine`, `mean` and `axes` are None, the gallery (N, P).

    axes: (P, R). farthest: the greatest length of a centred row. bias: of m.g'.
    """

    coarse: torch.Tensor
    fine: torch.Tensor | None = None
    mean: torch.Tensor | None = None
    axes: torch.Tensor | None = None
    farthest: float = 1.0
    bias: float = 0.0

    def ask(self, queries: Embeddings) -> CodedQueries:
        """queries: (Q, P). Raises UmurlError where they are not finite."""
        host = torch.from_numpy(np.ascontiguousarray(queries))
        require_finite(host.sum())
        device = self.coarse.device
        rows = host.to(device)
        above = torch.empty(len(rows), dtype=torch.float64, device=device)
        if self.fine is None or self.mean is None or self.axes is None:
            above.fill_(rows.shape[1] * _UNIT + 1e-6)
            return CodedQueries(rows=rows, coarse=rows, fine=None, above=above)
        coarse, fine = (torch.empty((len(rows), c.shape[1]), device=device) for c in (self.coarse, self.fine))
        for start in range(0, len(rows), _ASKED_BLOCK):
            block = slice(start, start + _ASKED_BLOCK)
            q = rows[block]
            centred = q - self.mean
            _code(centred, self.axes, torch.ones(len(q), device=device), coarse[block], fine[block])
            length = centred.norm(dim=1).double()
            summed = fine.shape[1] * _UNIT * 2 * (length * self.farthest + self.bias)
            computed = _product_error(rows.shape[1]) * (2 * length + 1) * self.farthest + 1e-6
            above[block] = summed + computed + q.double() @ self.mean.double()
        return CodedQueries(rows=rows, coarse=coarse, fine=fine, above=above)


def pays(n: int, p: int, n_queries: int) -> bool:
    """Whether so many queries are worth coding a gallery (N, P) first."""
    return n * p * n_queries >= _CODED_FROM


def encode(gallery: Embeddings | torch.Tensor, *, n_queries: int, device: torch.device) -> BoundedCode:
    """Codes of a gallery (N, P) of rows of length 1, as is worthwhile for that many queries.

    gallery: in memory, or on the device. Raises UmurlError for rows that are not finite.
    """
    rows = torch.from_numpy(gallery) if isinstance(gallery, np.ndarray) else gallery
    require_finite(rows.sum())
    n, p = rows.shape
    mean = _mean(rows).to(device)
    found = _axes(rows, mean) if pays(n, p, n_queries) else None
    if found is None:
        return BoundedCode(coarse=rows.to(device))
    axes, n_coarse = found
    coarse = torch.empty((n, n_coarse + 2), device=device)
    fine = torch.empty((n, axes.shape[1] + 2), device=device)
    farthest = bias = torch.zeros((), device=device)
    for start in range(0, n, _BLOCK):
        block = slice(start, start + _BLOCK)
        centred = rows[block].to(device) - mean
        along = centred @ mean
        _code(centred, axes, along, coarse[block], fine[block])
        farthest = torch.maximum(farthest, centred.norm(dim=1).max())
        bias = torch.maximum(bias, along.abs().max())
    return BoundedCode(
        coarse=coarse, fine=fine, mean=mean, axes=axes, farthest=float(farthest), bias=float(bias)
    )


def require_finite(total: torch.Tensor) -> None:
    if not bool(torch.isfinite(total)):
        raise DamagedError(
            "vectors of the index or the query are not finite", Hint("run {command}", command=("verify",))
        )


def _mean(rows: torch.Tensor) -> torch.Tensor:
    total = torch.zeros(rows.shape[1], dtype=torch.float64, device=rows.device)
    for start in range(0, len(rows), _BLOCK):
        total += rows[start : start + _BLOCK].sum(dim=0)
    return (total / len(rows)).float()


def _axes(rows: torch.Tensor, mean: torch.Tensor) -> tuple[torch.Tensor, int] | None:
    """(P, R) leading axes of evenly spaced rows, and how many of them are coarse; None where too many are needed.

    By subspace iteration (Halko, Martinsson and Tropp 2011, algorithm 4.4). They need not be the very best ones: how
    much lies outside them is measured, not assumed.
    """
    p = rows.shape[1]
    sample = rows[:: -(-len(rows) // _SAMPLE)].to(mean.device) - mean
    start = torch.randn((p, min(p, _MOST_AXES)), generator=torch.Generator().manual_seed(0))
    basis = torch.linalg.qr(start.to(mean.device))[0]
    for _ in range(_ITERATIONS):
        basis = torch.linalg.qr(sample.T @ (sample @ basis))[0]
    inside = (sample @ basis).double()
    try:
        values, turn = torch.linalg.eigh(inside.T @ inside)
    except RuntimeError:  # torch's LinAlgError: a spectrum beyond double precision
        return None
    axes = torch.linalg.qr(basis.double() @ turn.flip(1))[0].float()  # at right angles but for the last bit
    whole = sample.double().square().sum().clamp(min=1e-30)
    share = values.flip(0).clamp(min=0).cumsum(0) / whole
    n_coarse, n_fine = (min(p, _count_needed_axes(share, tail)) for tail in (_COARSE_TAIL, _FINE_TAIL))
    if n_coarse > _WORTHWHILE * p or n_coarse >= axes.shape[1] or not bool(torch.isfinite(axes).all()):
        return None
    return axes[:, :n_fine].contiguous(), n_coarse


def _count_needed_axes(share: torch.Tensor, tail: float) -> int:
    """Axes without which no more than `tail` would be left; a code with its bounds is a multiple of 16."""
    needed = int((share < 1 - tail).sum()) + 1
    return -(-(needed + 2) // 16) * 16 - 2


def _code(
    centred: torch.Tensor, axes: torch.Tensor, beside: torch.Tensor, coarse: torch.Tensor, fine: torch.Tensor
) -> None:
    """Fills coarse (n, C + 2) and fine (n, R + 2): the length outside the axes, what stands beside it, and inside."""
    turned = centred @ axes
    for codes in (coarse, fine):
        inside = turned[:, : codes.shape[1] - 2]
        codes[:, 0], codes[:, 1], codes[:, 2:] = _bound_outside(centred, inside), beside, inside


def _product_error(p: int) -> float:
    """Relative error of a float32 product over p dimensions of a centred row, in whatever order it is summed."""
    return (p + 8) * _UNIT


def _bound_outside(centred: torch.Tensor, inside: torch.Tensor) -> torch.Tensor:
    """(n,) at least the length of what lies outside the axes."""
    whole = centred.square().sum(dim=1)
    lost = 2 * _product_error(centred.shape[1]) + _SQUARED
    left = (whole - inside.square().sum(dim=1)).clamp(min=0) + lost * whole
    return left.sqrt() * _ROUNDED_UP
