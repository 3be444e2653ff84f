"""Running text for masked language modelling: consecutive texts packed into sequences, masks drawn per batch.

Nothing of a text is lost: one that is longer than a sequence goes on in the next. Texts of one document (the same
`cluster`) are packed together and never with another's; texts without a document are packed as they come.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from itertools import chain
from typing import TYPE_CHECKING, Any

import numpy as np

from waystage.forms import losses
from waystage.forms.common import Columns
from waystage.forms.encoded import Encoded, Head, Targets
from waystage.forms.examples import Text
from waystage.forms.pieces import counts, frame, pieces, plain, room_for
from waystage.forms.ragged import Part, constant, lay, spread

if TYPE_CHECKING:
    from tokenizers import Tokenizer

NAME = "masked"
MASKS = ("<mask>", "[MASK]", "<|mask|>")  # the last one is EuroBERT's
LONGEST_WORD = 10  # pieces; more between two spaces is a script without spaces, where each piece is its own word


def encode(
    examples: Sequence[Text], tokenizer: Tokenizer, *, labels: Sequence[str], max_length: int, **options: Any
) -> Encoded:
    plain(tokenizer)
    around = frame(tokenizer)
    before, after = around.single
    between = after or around.pair[1]
    text = pieces(tokenizer, [e.text for e in examples])
    cuts = _pack(text.lengths, [e.cluster for e in examples], room_for(around.single_size, max_length), len(between))
    rows, starts, lengths = cuts[:, 0], text.starts[cuts[:, 0]] + cuts[:, 1], cuts[:, 2]
    opens = cuts[:, 3].astype(bool)
    closes = np.append(opens[1:], True)[: len(opens)]
    parts = [
        constant(before, opens),
        Part(text.ids.values, starts, lengths),
        constant(between, ~closes),
        constant(after, closes),
    ]
    ids, places = lay(parts)
    first = np.flatnonzero(opens)
    return Encoded(
        ids=ids.values,
        sequences=np.append(ids.starts[first], len(ids.values)),
        units=np.arange(len(first) + 1),
        example=rows[first],
        extra={"word_start": _word_starts(tokenizer, ids.values, places[1], lengths)},
        facts={
            "examples": len(examples),
            "units": len(first),
            "tokens": len(ids.values),
            **counts([e.text for e in examples], text),
            "texts without a piece": int((text.lengths == 0).sum()),
            "tokenizer": vocabulary(tokenizer),
        },
    )


def _pack(sizes: np.ndarray, documents: Sequence[str], room: int, gap: int) -> np.ndarray:
    """Which piece of which text follows which: rows of text, start, length, and whether a sequence begins there."""
    cuts: list[tuple[int, int, int, int]] = []
    free, document = -1, ""
    for row, (size, of) in enumerate(zip(sizes.tolist(), documents, strict=True)):
        if size == 0:
            continue
        opens = size + gap > free or of != document
        document = of
        for start in range(0, size, room):
            length = min(room, size - start)
            cuts.append((row, start, length, opens or start > 0))
            free = room - length if cuts[-1][3] else free - gap - length
    return np.asarray(cuts, np.int64).reshape(-1, 4)


def _word_starts(tokenizer: Tokenizer, ids: np.ndarray, places: np.ndarray, lengths: np.ndarray) -> np.ndarray:
    """Where words begin. What is longer than a word has no spaces in it: there each piece is taken for a word."""
    starts = np.ones(len(ids), bool)
    inside = spread(places, lengths)
    starts[inside] = _opening(tokenizer)[ids[inside]]
    starts[places] = True
    words = np.flatnonzero(starts)
    sizes = np.diff(np.append(words, len(ids)))
    return starts | np.repeat(sizes > LONGEST_WORD, sizes)


@lru_cache(maxsize=2)  # one per tokenizer, not one per chunk
def _opening(tokenizer: Tokenizer) -> np.ndarray:
    """For each piece of the vocabulary whether it begins a word, as the common kinds of vocabulary mark it."""
    names = {i: name for name, i in tokenizer.get_vocab().items()}
    marks = [mark for mark in ("\u2581", "\u0120") if sum(name.startswith(mark) for name in names.values()) > 1]
    opening = np.zeros(max(names) + 1, bool)
    for i, name in names.items():
        opening[i] = name.startswith(marks[0]) if marks else not name.startswith("##")
    return opening


@lru_cache(maxsize=2)
def vocabulary(tokenizer: Tokenizer) -> dict[str, Any]:
    """What `draw` needs to know of a tokenizer. `mask_id` is None where it has no mask."""
    masks = (tokenizer.token_to_id(name) for name in MASKS)
    special = {i for i, token in tokenizer.get_added_tokens_decoder().items() if token.special}
    around = frame(tokenizer)
    special |= {*chain.from_iterable(around.single)}
    return {
        "vocab_size": tokenizer.get_vocab_size(),
        "mask_id": next((i for i in masks if i is not None), None),
        "special_ids": sorted(special),
    }


def draw(
    ids: np.ndarray,
    word_start: np.ndarray,
    *,
    seed: int,
    step: int,
    vocab_size: int,
    mask_id: int,
    special_ids: Sequence[int],
    rate: float = 0.15,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Choose whole words and hide them: new ids, where they were hidden, and the tokens that stood there.

    Of the chosen tokens 80 % become the mask, 10 % any other token, 10 % stay. Raw integers of a counter-based
    generator make the choice, so it depends on nothing but the arguments. At least one word is always chosen.
    """
    # a vocabulary may have gaps, and then ids beyond its size
    special = np.zeros(max(vocab_size, int(ids.max(initial=0)) + 1, max(special_ids, default=0) + 1), bool)
    special[list(special_ids)] = True
    open_to = ~special[ids]
    word = np.cumsum(word_start) - 1
    words = int(word[-1]) + 1 if len(word) else 0
    bits = np.random.Philox(key=seed, counter=[0, 0, 0, step]).random_raw(words + 2 * len(ids)) >> np.uint64(32)
    per_word, how, other = bits[:words], bits[words : words + len(ids)], bits[words + len(ids) :]
    # Words of special tokens only can never be chosen.
    per_word = np.where(np.bincount(word[open_to], minlength=words) > 0, per_word, np.uint64(1 << 32))
    limit = max(_share(rate), int(per_word.min(initial=1 << 32)) + 1)
    where = np.flatnonzero((per_word < limit)[word] & open_to)

    labels = ids[where].astype(np.int64)
    ordinary = _ordinary(vocab_size, tuple(special_ids))
    random = ordinary[(other[where] * np.uint64(len(ordinary)) >> np.uint64(32)).astype(np.int64)]
    how = how[where]
    fresh = np.where(how < _share(0.8), mask_id, np.where(how < _share(0.9), random, labels))
    new = ids.copy()
    new[where] = fresh
    return new, where, labels


def _share(part: float) -> int:
    return int(part * (1 << 32))


@lru_cache(maxsize=8)
def _ordinary(vocab_size: int, special: tuple[int, ...]) -> np.ndarray:
    return np.setdiff1d(np.arange(vocab_size), np.asarray(special, np.int64))


def head(labels: Sequence[str], options: Mapping[str, Any]) -> Head:
    return Head("vocabulary", 0)


def loss(outputs: Any, targets: Targets) -> losses.Loss:
    """`targets.labels` are the tokens that `draw` hid, `outputs` their logits."""
    return losses.classes(outputs, targets)


def predict(
    outputs: np.ndarray, encoded: Encoded, examples: Sequence[Text], *, labels: Sequence[str], **options: Any
) -> Columns:
    """Outputs are two numbers per unit, the summed loss of its hidden tokens and how many they were."""
    first = [examples[row].id for row in encoded.example]
    return {"id": first, "loss": outputs[:, 0].tolist(), "tokens": outputs[:, 1].astype(int).tolist()}


def score(
    examples: Iterable[Text], predictions: Columns, *, metric: str, language: str, **options: Any
) -> dict[str, float]:
    """`loss` is nats per hidden token, `perplexity` its exponential."""
    total, count = sum(predictions["loss"]), sum(predictions["tokens"])
    return {} if count == 0 else {"loss": total / count, "perplexity": float(np.exp(total / count))}
