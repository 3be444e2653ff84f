"""Summed losses and how many terms they sum, so that a batch may be computed in parts. Torch, imported when called."""

from __future__ import annotations

from typing import Any

from waystage.forms.encoded import Targets

Loss = tuple[Any, Any]
TEMPERATURE = 0.05


def classes(outputs: Any, targets: Targets) -> Loss:
    """Cross-entropy of rows of logits [N, C] with a class index each."""
    import torch.nn.functional as F

    labels = targets.labels.long()
    return F.cross_entropy(outputs.float(), labels, ignore_index=-100, reduction="sum"), (labels != -100).sum()


def options(outputs: Any, targets: Targets) -> Loss:
    """Cross-entropy over the options of each unit; units may differ in how many they have."""
    return classes(_by_unit(outputs, targets), targets)


def spans(outputs: Any, targets: Targets) -> Loss:
    """The mean of the start's and the end's cross-entropy over the tokens of each sequence."""
    total, count = 0.0, 0
    for end in (0, 1):
        loss, count = classes(_by_sequence(outputs, targets, end), _of_end(targets, end))
        total = total + loss / 2
    return total, count


def squares(outputs: Any, targets: Targets) -> Loss:
    """Squared error of one number per row; NaN marks a hidden score."""
    import torch

    wanted = targets.labels.float()
    known = ~torch.isnan(wanted)
    error = (outputs.float().reshape(-1) - wanted)[known]
    return (error * error).sum(), known.sum()


def cosines(outputs: Any, targets: Targets) -> Loss:
    """Squared error of the cosine of the two vectors of each unit."""
    return squares(_cosine(outputs), targets)


def contrast(outputs: Any, targets: Targets) -> Loss:
    """Each unit's first vector must find its second among all second ones of the batch, and the other way round.

    Labels number the second texts: two units with the same one are not each other's negatives.
    """
    import torch
    import torch.nn.functional as F

    first, second = F.normalize(outputs.float()[0::2], dim=-1), F.normalize(outputs.float()[1::2], dim=-1)
    same = targets.labels[:, None] == targets.labels[None, :]
    own = torch.eye(len(same), dtype=torch.bool, device=same.device)
    scores = (first @ second.T / TEMPERATURE).masked_fill(same & ~own, float("-inf"))
    right = torch.arange(len(same), device=same.device)
    total = F.cross_entropy(scores, right, reduction="sum") + F.cross_entropy(scores.T, right, reduction="sum")
    return total / 2, right.new_tensor(len(right))


def classes_apart(first: Any, second: Any, targets: Targets) -> Any:
    """How far two readings of the same rows are apart: the divergence of their distributions, both ways."""
    known = targets.labels != -100
    one, other = first.float()[known].log_softmax(-1), second.float()[known].log_softmax(-1)
    each = (one.exp() - other.exp()) * (one - other).masked_fill(one.isneginf(), 0.0)
    return each.sum()


def options_apart(first: Any, second: Any, targets: Targets) -> Any:
    return classes_apart(_by_unit(first, targets), _by_unit(second, targets), targets)


def spans_apart(first: Any, second: Any, targets: Targets) -> Any:
    """The mean of that of the starts and that of the ends."""
    total = 0.0
    for end in (0, 1):
        one, other = (_by_sequence(outputs, targets, end) for outputs in (first, second))
        total = total + classes_apart(one, other, _of_end(targets, end)) / 2
    return total


def squares_apart(first: Any, second: Any, targets: Targets) -> Any:
    """Squared difference of two numbers per row."""
    difference = (first.float() - second.float()).reshape(-1)[~targets.labels.float().isnan()]
    return (difference * difference).sum()


def cosines_apart(first: Any, second: Any, targets: Targets) -> Any:
    return squares_apart(_cosine(first), _cosine(second), targets)


def _by_unit(outputs: Any, targets: Targets) -> Any:
    return _padded(outputs.float().reshape(-1), targets.units.diff())


def _by_sequence(outputs: Any, targets: Targets, end: int) -> Any:
    """Of starts (0) or ends (1)."""
    return _padded(outputs[:, end].float(), targets.sequences.diff())


def _of_end(targets: Targets, end: int) -> Targets:
    return Targets(labels=targets.labels[:, end], sequences=targets.sequences, units=targets.units)


def _cosine(outputs: Any) -> Any:
    """Of the two vectors of each unit."""
    import torch.nn.functional as F

    return F.cosine_similarity(outputs.float()[0::2], outputs.float()[1::2])


def _padded(values: Any, lengths: Any) -> Any:
    """Flat values as rows of `lengths`, filled up with -inf."""
    import torch

    column = torch.arange(int(lengths.max()), device=values.device)
    mask = column[None, :] < lengths[:, None]
    return values.new_full(mask.shape, float("-inf")).masked_scatter(mask, values)
