"""The k nearest vectors by inner product, exactly, in bounded memory; fast where the products are made in bf16.

    products in blocks -> a few more than k candidates per query -> their products again in double precision
    -> where the error of the fast products could have hidden a better candidate: the whole row again

So the answer does not depend on the precision of the fast products. It is always the order by the exact product rounded
to single precision, of equals the lower index first.
"""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import ArrayLike

from waystage.metrics.neighbours import Neighbours, Vectors, as_vectors

if TYPE_CHECKING:
    import torch

Precision = Literal["fp32", "bf16"]
ROWS, COLUMNS = 512, 65536  # of a block of products
GROUP = 32  # columns whose largest is looked for first: the best k of all columns would cost more than the products
MORE = 12  # candidates beside the k
ROUNDING = {"fp32": 2.0**-24, "bf16": 2.0**-9}
CERTAIN = 8.0  # standard deviations of the rounding error


def topk(
    queries: ArrayLike, candidates: ArrayLike, k: int, precision: Precision = "fp32", *, device: str = "cpu"
) -> Neighbours:
    """Fewer than k candidates give fewer neighbours. The products of vectors of length 1 are their cosines.

    "bf16" allows products in bf16, which are made where the machine has them.
    """
    import torch

    if precision == "bf16" and device == "cpu" and not torch.cpu.get_capabilities().get("avx512_bf16"):
        precision = "fp32"
    q, c = as_vectors(queries, "queries"), as_vectors(candidates, "candidates")
    k, chosen = min(k, len(c)), min(k + MORE, len(c))
    # What all candidates have in common adds the same to all products of a query, so it goes: smaller products, smaller
    # errors. The models that need this most are those whose vectors all point in one direction.
    middle = c.mean(axis=0, dtype=np.float64)
    centred, peak = np.empty_like(c), np.zeros(c.shape[1], np.float32)
    for start in range(0, len(c), COLUMNS // 8):  # all of it in double precision would be the largest array here
        part = centred[start : start + COLUMNS // 8]
        part[:] = c[start : start + COLUMNS // 8] - middle
        np.maximum(peak, np.abs(part).max(axis=0), out=peak)
    dtype = torch.bfloat16 if precision == "bf16" else torch.float32
    fast = torch.from_numpy(centred).to(device=device, dtype=dtype)
    similarity, index = np.empty((len(q), k), np.float32), np.empty((len(q), k), np.int64)
    doubtful = []
    for start in range(0, len(q), ROWS):
        rows = slice(start, start + ROWS)
        value, found = _largest(torch.tensor(q[rows]).to(device=device, dtype=dtype), fast, chosen)
        similarity[rows], index[rows] = _exact(q[rows], c, found, k)
        if chosen < len(c):
            size = ROUNDING[precision] * np.sqrt(np.square(q[rows]) @ np.square(peak))
            unseen = value[:, -1] + CERTAIN * size + 2 * ROUNDING[precision] * np.abs(value[:, -1])
            doubtful.append(start + np.flatnonzero(similarity[rows, -1] <= unseen + q[rows] @ middle))
    again = np.concatenate(doubtful) if doubtful else np.zeros(0, np.int64)
    if len(again) and precision == "bf16":
        better = topk(q[again], c, k, "fp32", device=device)
        similarity[again], index[again] = better.similarity, better.index
    else:
        for row in again:
            similarity[row], index[row] = _whole_row(q[row], c, k)
    return Neighbours(similarity, index)


def _largest(q: torch.Tensor, c: torch.Tensor, k: int) -> tuple[np.ndarray, np.ndarray]:
    """The k largest fast products of every query and where they are; of equals any."""
    import torch

    value, index = torch.empty(len(q), 0, device=q.device, dtype=q.dtype), torch.empty(len(q), 0, dtype=torch.int64)
    for start in range(0, len(c), COLUMNS):
        block = q @ c[start : start + COLUMNS].T
        some, at = _largest_of(block, min(k, block.shape[1]))
        value, index = torch.cat([value, some], dim=1), torch.cat([index.to(at.device), at + start], dim=1)
        value, kept = value.topk(min(k, value.shape[1]), dim=1)
        index = index.gather(1, kept)
    return value.float().cpu().numpy(), index.cpu().numpy()


def _largest_of(block: torch.Tensor, k: int) -> tuple[torch.Tensor, torch.Tensor]:
    import torch

    rows, columns = block.shape
    groups = columns // GROUP
    if groups <= 4 * k:
        best = block.topk(k, dim=1)
        return best.values, best.indices
    # The k largest products are in the k groups with the largest maxima, or in the rest that makes no whole group. A
    # group is every so manieth column: the maxima of neighbouring groups are then found side by side.
    grouped = block[:, : groups * GROUP].reshape(rows, GROUP, groups)
    chosen = grouped.amax(dim=1).topk(k, dim=1, sorted=False).indices[:, None, :]
    held = grouped.gather(2, chosen.expand(-1, GROUP, -1)).reshape(rows, -1)
    places = (chosen + groups * torch.arange(GROUP, device=block.device)[:, None]).reshape(rows, -1)
    rest = torch.arange(groups * GROUP, columns, device=block.device).expand(rows, -1)
    best = torch.cat([held, block[:, groups * GROUP :]], dim=1).topk(k, dim=1)
    return best.values, torch.cat([places, rest], dim=1).gather(1, best.indices)


def _exact(q: Vectors, c: Vectors, found: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
    """The best k of the candidates found, by exact products."""
    import torch

    found = np.sort(found, axis=1)  # so that a stable sort by product leaves equals in the order of their index
    products = np.empty(found.shape, np.float32)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch would not like to write to a file that is mapped; nobody does
        every = torch.from_numpy(c)
    for start in range(0, len(q), 64):
        rows = slice(start, start + 64)
        near = every.index_select(0, torch.from_numpy(found[rows].ravel())).double().view(*found[rows].shape, -1)
        products[rows] = near.mul_(torch.tensor(q[rows]).double()[:, None]).sum(-1).numpy()
    order = np.argsort(-products, axis=1, kind="stable")[:, :k]
    return np.take_along_axis(products, order, 1), np.take_along_axis(found, order, 1)


def _whole_row(query: np.ndarray, c: Vectors, k: int) -> tuple[np.ndarray, np.ndarray]:
    blocks = range(0, len(c), COLUMNS)
    products = np.concatenate([c[i : i + COLUMNS].astype(np.float64) @ query for i in blocks]).astype(np.float32)
    least = np.partition(products, len(c) - k)[len(c) - k]
    places = np.flatnonzero(products >= least)
    places = places[np.argsort(-products[places], kind="stable")[:k]]
    return products[places], places
