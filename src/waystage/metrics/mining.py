"""BUCC: pairs of sentences that translate each other, mined from embeddings, and the F1 of such pairs.

    neighbours of both sides -> margin of each neighbour -> best candidate pairs -> ids -> threshold -> pairs

Every step takes arrays or plain values, so neighbours may come from anywhere (from a GPU, say).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from waystage.errors import InputError
from waystage.metrics.totals import percent

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import ArrayLike, NDArray

    from waystage.metrics.neighbours import Neighbours, Vectors

Pair = tuple[str, str]
NEIGHBOURS = 4


def score_pairs(gold: Iterable[object], predictions: Iterable[object]) -> dict[str, float]:
    """`f1`, `precision` and `recall` in percent of two sets of pairs; all 0 if they have nothing in common."""
    wanted, found = set(gold), set(predictions)
    right = len(wanted & found)
    if not right:
        return {"f1": 0.0, "precision": 0.0, "recall": 0.0}
    precision, recall = right / len(found), right / len(wanted)
    return percent({"f1": 2 * precision * recall / (precision + recall), "precision": precision, "recall": recall})


@dataclass(frozen=True)
class Candidates:
    """Pairs of sentence numbers, best first, each sentence at most once."""

    score: NDArray[np.float32]
    source: NDArray[np.int64]
    target: NDArray[np.int64]


def margins(near: Neighbours, own_mean: NDArray[np.float32], other_mean: NDArray[np.float32]) -> NDArray[np.float32]:
    """Similarity over the mean of both sentences' mean similarity to their neighbours. -inf where that mean is 0."""
    import numpy as np

    around = (own_mean[:, None] + other_mean[near.index]) / 2
    out = np.full_like(around, -np.inf)
    return np.divide(near.similarity, around, out=out, where=around != 0)


def candidates(forward: Neighbours, backward: Neighbours) -> Candidates:
    """Each side proposes its best pair per sentence; taken by falling margin, a used sentence is not used again.

    Pairs with a margin of 0 or less still use up their sentences and are dropped afterwards, as officially.
    """
    import numpy as np

    forward_mean, backward_mean = forward.similarity.mean(axis=1), backward.similarity.mean(axis=1)
    ahead = margins(forward, forward_mean, backward_mean)
    back = margins(backward, backward_mean, forward_mean)
    xs, ys = np.arange(len(ahead)), np.arange(len(back))
    ahead_best, back_best = ahead.argmax(axis=1), back.argmax(axis=1)
    score = np.concatenate((ahead[xs, ahead_best], back[ys, back_best]))
    source = np.concatenate((xs, backward.index[ys, back_best]))
    target = np.concatenate((forward.index[xs, ahead_best], ys))

    order = np.argsort(-score, kind="stable")
    used_x, used_y, kept = bytearray(len(xs)), bytearray(len(ys)), []
    pairs = zip(order.tolist(), source[order].tolist(), target[order].tolist(), strict=True)
    for which, x, y in pairs:
        if not used_x[x] and not used_y[y]:
            used_x[x] = used_y[y] = 1
            kept.append(which)
    chosen = np.array(kept, dtype=np.int64)
    chosen = chosen[score[chosen] > 0]
    return Candidates(score[chosen], source[chosen], target[chosen])


def unify(sentences: Sequence[str], embeddings: ArrayLike) -> tuple[list[str], Vectors]:
    """Each distinct sentence once, in order of first appearance, with the embedding of its LAST appearance."""
    from waystage.metrics.neighbours import as_vectors

    vectors = as_vectors(embeddings)
    if len(vectors) != len(sentences):
        raise InputError(f"{len(vectors)} embeddings for {len(sentences)} sentences: the numbers must be equal")
    last = {sentence: number for number, sentence in enumerate(sentences)}
    return list(last), vectors[list(last.values())]


def mine(
    source: Sequence[Pair], target: Sequence[Pair], x: ArrayLike, y: ArrayLike, *, k: int = NEIGHBOURS
) -> dict[Pair, float]:
    """Pairs of ids with their margin, from (id, sentence) and one embedding per sentence on each side."""
    from waystage.metrics.neighbours import mutual_nearest, unit

    source_sentences, x_unique = unify([sentence for _, sentence in source], x)
    target_sentences, y_unique = unify([sentence for _, sentence in target], y)
    found = candidates(*mutual_nearest(unit(x_unique), unit(y_unique), k))
    texts = (
        (float(score), source_sentences[s], target_sentences[t])
        for score, s, t in zip(found.score, found.source, found.target, strict=True)
    )
    return with_ids(texts, source, target)


def with_ids(
    found: Iterable[tuple[float, str, str]], source: Sequence[Pair], target: Sequence[Pair]
) -> dict[Pair, float]:
    """Pairs of sentences as pairs of ids. A sentence that its file holds twice has no id, and its pair is dropped."""
    source_id, target_id = _ids(source), _ids(target)
    scores: dict[Pair, float] = {}
    for score, s, t in found:
        if s in source_id and t in target_id:
            pair = source_id[s], target_id[t]
            scores[pair] = max(score, scores.get(pair, score))
    return scores


def _ids(lines: Sequence[Pair]) -> dict[str, str]:
    count = Counter(sentence for _, sentence in lines)
    return {sentence: name for name, sentence in lines if count[sentence] == 1}


def best_threshold(scores: Mapping[Pair, float], gold: Collection[Pair]) -> float:
    """The score that separates the best-F1 prefix from the rest: halfway between its last pair and the next.

    If taking all is best there is no next pair and the last score is the threshold; if nothing is right it is 0.
    """
    wanted = set(gold)
    ranked = sorted(scores.items(), key=lambda item: -item[1])
    threshold, best, right = 0.0, 0.0, 0
    for taken, (pair, score) in enumerate(ranked, 1):
        right += pair in wanted
        if not right:
            continue
        precision, recall = right / taken, right / len(wanted)
        f1 = 2 * precision * recall / (precision + recall)
        if f1 > best:
            best = f1
            threshold = (score + ranked[taken][1]) / 2 if taken < len(ranked) else score
    return threshold


def extract(scores: Mapping[Pair, float], threshold: float) -> list[Pair]:
    """The pairs that reach the threshold, in the order of `scores`."""
    return [pair for pair, score in scores.items() if score >= threshold]
