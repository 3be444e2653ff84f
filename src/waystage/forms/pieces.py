"""Texts to pieces, and the frame of special tokens that a tokenizer puts around one text or two.

Every distinct text is encoded once, without special tokens; the frame is read off the tokenizer's own post-processor
and laid around the pieces afterwards. So a premise with three hypotheses, or a context with five options, costs one
encoding.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from waystage.errors import InputError
from waystage.forms.ragged import Part, Ragged, constant, lay, offsets_of, ragged

if TYPE_CHECKING:
    from tokenizers import Tokenizer

BLOCK = 8192  # texts


@dataclass(frozen=True)
class Frame:
    """The ids around one text (`single`: before, after) and around two (`pair`: before, between, after)."""

    single: tuple[tuple[int, ...], tuple[int, ...]]
    pair: tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...]]
    types: tuple[int, int, int, int, int]  # token types of before, first, between, second, after
    filler: int  # stands for a text or a word that becomes no piece at all

    @property
    def single_size(self) -> int:
        return sum(map(len, self.single))

    @property
    def pair_size(self) -> int:
        return sum(map(len, self.pair))


def frame(tokenizer: Tokenizer) -> Frame:
    one, two = tokenizer.encode("a"), tokenizer.encode("a", "a")
    only, first, second = _span(one.sequence_ids, 0), _span(two.sequence_ids, 0), _span(two.sequence_ids, 1)
    ids, types = two.ids, two.type_ids
    between = tuple(ids[first.stop : second.start])
    if not between:  # decoders often glue the two texts together; a new line keeps them apart
        between = tuple(tokenizer.encode("\n", add_special_tokens=False).ids)
    unknown = (tokenizer.token_to_id(name) for name in ("<unk>", "[UNK]"))
    return Frame(
        single=(tuple(one.ids[: only.start]), tuple(one.ids[only.stop :])),
        pair=(tuple(ids[: first.start]), between, tuple(ids[second.stop :])),
        types=(types[0], types[first.start], types[second.start - 1], types[second.start], types[-1]),
        filler=next((i for i in unknown if i is not None), one.ids[only.start]),
    )


def _span(sequence_ids: list[int | None], which: int) -> slice:
    places = [i for i, sequence in enumerate(sequence_ids) if sequence == which]
    return slice(places[0], places[-1] + 1)


def plain(tokenizer: Tokenizer) -> None:
    """A tokenizer.json may carry truncation and padding; forms do both themselves."""
    tokenizer.no_truncation()
    tokenizer.no_padding()


@dataclass(frozen=True)
class Pieces:
    """The pieces of the distinct texts, and for each text asked for, which of them it is."""

    ids: Ragged
    index: np.ndarray  # int64, one per text
    chars: Ragged | None = None  # int32 [., 2]: character offsets of each piece

    def part(self, start: int, stop: int) -> Pieces:
        return Pieces(self.ids, self.index[start:stop], self.chars)

    def cut(self, lengths: np.ndarray) -> Part:
        """The first so many pieces of each text."""
        return Part(self.ids.values, self.starts, lengths)

    @property
    def lengths(self) -> np.ndarray:
        found: np.ndarray = self.ids.lengths[self.index]
        return found

    @property
    def starts(self) -> np.ndarray:
        found: np.ndarray = self.ids.starts[self.index]
        return found


def pieces(tokenizer: Tokenizer, texts: Sequence[str], *, chars: bool = False) -> Pieces:
    distinct, index = unique(texts)
    if not chars:  # the fast way knows no offsets
        return Pieces(_ids(tokenizer.encode_batch_fast, distinct), index)
    encodings = tokenizer.encode_batch(distinct, add_special_tokens=False)
    ids = ragged([e.ids for e in encodings], np.uint32)
    offsets = [np.asarray(e.offsets, np.int32).reshape(-1, 2) for e in encodings]
    return Pieces(ids, index, Ragged(np.concatenate([np.empty((0, 2), np.int32), *offsets]), ids.offsets))


def counts(texts: Sequence[str], made: Pieces) -> dict[str, int]:
    """Pieces, and words as far as spaces part them: a script without spaces has far more pieces than "words"."""
    words = sum(text.count(" ") + 1 for text in texts if text)
    return {"words": words, "pieces": int(made.lengths.sum())}


def word_pieces(tokenizer: Tokenizer, words: Sequence[str]) -> Pieces:
    """The pieces of words that stand in a sentence already cut into words, each word by itself."""
    distinct, index = unique(words)
    before = lead(tokenizer)
    batch = [[before + word] for word in distinct]
    return Pieces(_ids(tokenizer.encode_batch_fast, batch, is_pretokenized=True), index)


def lead(tokenizer: Tokenizer) -> str:
    """A space where the tokenizer would otherwise take every word for the middle of one, as byte-level ones may."""

    def ids(text: str | list[str]) -> list[int]:
        words = not isinstance(text, str)
        found: list[int] = tokenizer.encode(text, is_pretokenized=words, add_special_tokens=False).ids
        return found

    running, bare, spaced = ids("a a"), ids(["a", "a"]), ids(["a", " a"])
    return " " if bare != running and spaced == running else ""


def _ids(encode: Callable[..., list[Any]], texts: Sequence[Any], **how: bool) -> Ragged:
    """In blocks, because what the library gives back takes many times the memory of the ids in it."""
    starts = range(0, len(texts), BLOCK)
    blocks = [
        ragged([e.ids for e in encode(texts[start : start + BLOCK], add_special_tokens=False, **how)], np.uint32)
        for start in starts
    ]
    lengths = np.concatenate([np.empty(0, np.int64), *(block.lengths for block in blocks)])
    return Ragged(np.concatenate([np.empty(0, np.uint32), *(block.values for block in blocks)]), offsets_of(lengths))


def unique(values: Sequence[Any]) -> tuple[list[Any], np.ndarray]:
    """The distinct values in order of appearance, and where each value is among them."""
    seen: dict[Hashable, int] = {}
    index = np.fromiter((seen.setdefault(v, len(seen)) for v in values), np.int64, len(values))
    return list(seen), index


def fit(first: np.ndarray, second: np.ndarray, room: int | np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Shorten two texts to `room` pieces together, the longer one first, exactly as the tokenizers library does."""
    short = np.minimum(first, second)
    kept = np.where(short > room, short, np.maximum(short, room - short))
    both = short + kept > room
    small = np.where(both, room // 2, short)
    large = np.where(both, room // 2 + room % 2, kept)
    over = first + second > room
    one, two = np.where(first > second, large, small), np.where(first > second, small, large)
    return np.where(over, one, first), np.where(over, two, second)


def room_for(frame_size: int, max_length: int) -> int:
    if max_length - frame_size < 2:
        raise InputError(
            f"max_length {max_length} leaves no room for text beside {frame_size} special tokens. "
            f"Use a max_length of at least {frame_size + 2}."
        )
    return max_length - frame_size


@dataclass(frozen=True)
class Joined:
    """Sequences of one or two texts in their frame."""

    ids: Ragged
    types: np.ndarray | None  # uint8 [T], None where all are 0
    second: np.ndarray  # int64 [S], where the second text begins in its sequence
    truncated: int = 0

    def counts(self) -> dict[str, int]:
        return {"tokens": len(self.ids.values), "truncated": self.truncated}

    def extra(self) -> dict[str, np.ndarray]:
        return {} if self.types is None else {"types": self.types}


def join(tokenizer: Tokenizer, first: Sequence[Pieces], second: Pieces, *, max_length: int) -> Joined:
    """Pairs in their frame, shortened longest first. An empty second text gives a single one.

    A first text in several parts loses the end of its first part before anything of the last: a context is shortened,
    the question after it is not.
    """
    around = frame(tokenizer)
    alone = second.lengths == 0
    room = np.where(alone, room_for(around.single_size, max_length), room_for(around.pair_size, max_length))
    full = np.sum([part.lengths for part in first], axis=0)
    one, two = fit(full, second.lengths, room)
    one = np.where(alone, np.minimum(full, room), one)
    left = one
    parts: list[Part] = []
    for part in reversed(first):
        parts.insert(0, part.cut(np.minimum(part.lengths, left)))
        left = left - parts[0].lengths
    joined = lay_out(around, parts, second.cut(two), alone=alone)
    return replace(joined, truncated=int(((one < full) | (two < second.lengths)).sum()))


def lay_out(around: Frame, first: Sequence[Part], second: Part, *, alone: np.ndarray) -> Joined:
    """The frame and the texts of every row side by side. Where `alone`, there is no second text."""
    empty = (around.single_size == 0) & alone & (np.sum([part.lengths for part in first], axis=0) == 0)
    parts = [
        _either(around.pair[0], around.single[0], alone),
        *first,
        constant(around.pair[1], ~alone),
        second,
        _either(around.pair[2], around.single[1], alone),
        constant((around.filler,), empty),
    ]
    ids, begins = lay(parts)
    types = None
    if any(around.types):
        before, one, between, two, after = around.types
        kinds = [before, *[one] * len(first), between, two, after, one]
        flat, _ = lay([_typed(part, kind) for part, kind in zip(parts, kinds, strict=True)], np.uint8)
        types = np.where(np.repeat(alone, ids.lengths), 0, flat.values).astype(np.uint8)
    return Joined(ids, types, begins[len(first) + 2] - ids.starts)


def _either(pair: tuple[int, ...], single: tuple[int, ...], alone: np.ndarray) -> Part:
    source = np.asarray([*pair, *single], np.uint32)
    starts = np.where(alone, len(pair), 0)
    return Part(source, starts, np.where(alone, len(single), len(pair)))


def _typed(part: Part, kind: int) -> Part:
    longest = int(part.lengths.max(initial=0))
    return Part(np.full(longest, kind, np.uint8), np.zeros_like(part.starts), part.lengths)
