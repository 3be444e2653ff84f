"""Search among texts: one vector per passage, nearest neighbours by cosine, and what they find without training.

`mode` says what is looked for:

    bitext   the nearest candidate of each query (Tatoeba)
    pool     the k best candidates of each query, of all languages given (LAReQA, Mewsli-X)
    margin   pairs that translate each other, by the ratio margin and a threshold (BUCC)

Every search is made several times, as rows of the predictions with a `variant`: `cosine` is the official one;
`centred` takes the mean of each language and side away first; `csls` discounts candidates that are near to everything;
`bag` knows no model, only character n-grams.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from waystage.forms import losses, mining
from waystage.forms.bag import bags
from waystage.forms.common import Columns, matched
from waystage.forms.encoded import Encoded, Head, Targets
from waystage.forms.examples import Passage
from waystage.forms.pieces import Pieces, counts, join, pieces, plain
from waystage.forms.search import Precision, topk

if TYPE_CHECKING:
    from tokenizers import Tokenizer

NAME = "retrieval"
Side = tuple[np.ndarray, Sequence[Passage]]  # vectors [N, D] of passages, and the passages
VARIANTS = {
    "bitext": ("cosine", "centred", "csls", "bag"),
    "pool": ("cosine", "centred", "csls", "bag"),
    "margin": ("cosine", "centred", "bag"),
}
AROUND = 10  # neighbours that say how near a text is to everything, for CSLS


def encode(
    examples: Sequence[Passage],
    tokenizer: Tokenizer,
    *,
    labels: Sequence[str],
    max_length: int,
    paired: bool = False,
    **options: Any,
) -> Encoded:
    """A unit per passage. `paired`, for training: a unit per query, which is the query and its first answer."""
    plain(tokenizer)
    made = pieces(tokenizer, [e.text for e in examples])
    rows = _pairs(examples) if paired else np.arange(len(examples))[:, None]
    flat = rows.reshape(-1)
    nothing = pieces(tokenizer, [""] * len(flat))
    joined = join(tokenizer, [Pieces(made.ids, made.index[flat])], nothing, max_length=max_length)
    size = counts([e.text for e in examples], made)
    facts = {"examples": len(examples), "units": len(rows), **joined.counts(), **size}
    if paired:
        facts["queries without an answer here"] = sum(e.query for e in examples) - len(rows)
    return Encoded(
        ids=joined.ids.values,
        sequences=joined.ids.offsets,
        units=np.arange(len(rows) + 1) * rows.shape[1],
        example=rows[:, 0],
        # The number of the answer: queries with the same one must not count as each other's wrong answers.
        labels=rows[:, 1].astype(np.int32) if paired else None,
        extra=joined.extra(),
        facts=facts,
    )


def _pairs(examples: Sequence[Passage]) -> np.ndarray:
    row = {e.id: i for i, e in enumerate(examples) if not e.query}
    found = [(i, row[e.gold[0]]) for i, e in enumerate(examples) if e.query and e.gold and e.gold[0] in row]
    return np.asarray(found, np.int64).reshape(-1, 2)


def head(labels: Sequence[str], options: Mapping[str, Any]) -> Head:
    return Head("embed", 0)


def loss(outputs: Any, targets: Targets) -> losses.Loss:
    return losses.contrast(outputs, targets)


def predict(
    outputs: np.ndarray,
    encoded: Encoded,
    examples: Sequence[Passage],
    *,
    labels: Sequence[str] = (),
    mode: str = "bitext",
    k: int | None = None,
    others: Mapping[str, Side] | None = None,
    dev: Side | None = None,
    precision: Precision = "fp32",
    device: str = "cpu",
    **options: Any,
) -> Columns:
    """Answers to this language's queries, several rows per query, see `variant`.

    `outputs` are the vectors of `examples`, queries and candidates of one language. `others` are those of further
    languages whose candidates are in the pool too. `dev` is a labelled split of this language to choose the margin's
    threshold on; without it the threshold is the best for the gold itself, and `threshold_from` says "oracle". `k` are
    the candidates of each query (1), or with the margin the neighbours whose mean it is taken over (4).
    """
    shown = [examples[row] for row in encoded.example]
    pool = [(outputs, shown), *(others or {}).values()]
    columns: dict[str, list[Any]] = {}
    for variant in VARIANTS[mode]:
        queries, candidates = _sides(variant, pool)
        if not queries[1] or not candidates[1]:  # such as the shared candidates of a task, which ask nothing
            continue
        if mode == "margin":
            chosen = _sides(variant, [dev]) if dev else None
            found = mining.mined((queries, candidates), chosen, variant, k or mining.NEIGHBOURS, precision, device)
        else:
            found = _nearest(variant, queries, candidates, k or 1, precision, device)
        columns = {name: columns.get(name, []) + values for name, values in found.items()}
    return columns or {"id": [], "variant": [], "prediction": []}


def _nearest(variant: str, queries: Side, candidates: Side, k: int, precision: Precision, device: str) -> Columns:
    (x, asked), (y, offered) = queries, candidates
    if variant == "csls":
        near = topk(y, x, AROUND, precision, device=device).similarity.mean(axis=1)
        # 2 x.y - near(y) - near(x) as one product; the last term is the same for all candidates of a query
        x, y = np.c_[x, np.ones(len(x), np.float32)], np.c_[2 * y, -near].astype(np.float32)
    found = topk(x, y, k, precision, device=device)
    return {
        "id": [q.id for q in asked],
        "variant": [variant] * len(asked),
        "prediction": [[offered[i].id for i in row] for row in found.index],
        "scores": found.similarity.tolist(),
    }


def _sides(variant: str, pool: Sequence[Side]) -> tuple[Side, Side]:
    """Queries of the first language and candidates of all, as unit vectors."""
    groups = [_part(pool[0], query=True), *(_part(side, query=False) for side in pool)]
    if variant == "bag":
        vectors = bags([tuple(p.text for p in passages) for _, passages in groups])
    else:
        vectors = [_unit(part, centred=variant == "centred") for part, _ in groups]
    offered = [p for _, passages in groups[1:] for p in passages]
    return (vectors[0], groups[0][1]), (np.concatenate(vectors[1:]), offered)


def _part(side: Side, *, query: bool) -> Side:
    vectors, passages = side
    rows = [i for i, p in enumerate(passages) if p.query == query]
    return vectors[rows], [passages[i] for i in rows]


def _unit(vectors: np.ndarray, *, centred: bool) -> np.ndarray:
    from waystage.metrics.neighbours import unit

    found = unit(np.asarray(vectors, np.float32))
    return unit(found - found.mean(axis=0)) if centred and len(found) else found


def score(
    examples: Sequence[Passage],
    predictions: Columns,
    *,
    metric: str,
    language: str,
    mode: str = "bitext",
    k: int = 20,
    **options: Any,
) -> dict[str, float]:
    """The official scores under their names; those of the other variants as `accuracy/centred` and the like."""
    scores: dict[str, float] = {}
    for variant in dict.fromkeys(predictions["variant"]):
        rows = [i for i, v in enumerate(predictions["variant"]) if v == variant]
        part = {name: [values[i] for i in rows] for name, values in predictions.items()}
        queries = matched(examples, part)
        if mode == "margin":
            found = mining.score(queries, part)
        else:
            asked = [(q.gold, answers) for q, answers in zip(queries, part["prediction"], strict=True) if q.gold]
            found = _score([gold for gold, _ in asked], [answers for _, answers in asked], mode, k)
        scores |= {name if variant == "cosine" else f"{name}/{variant}": value for name, value in found.items()}
    return scores


def _score(gold: list[tuple[str, ...]], found: list[list[str]], mode: str, k: int) -> dict[str, float]:
    from waystage.metrics import score_accuracy, score_lareqa, score_mewslix

    if not gold:
        return {}
    if mode == "bitext":
        return score_accuracy([True] * len(gold), [f[0] in g for g, f in zip(gold, found, strict=True)])
    if all(len(g) == 1 for g in gold):
        return score_mewslix([g[0] for g in gold], found, k)
    return score_lareqa(gold, found, k)
